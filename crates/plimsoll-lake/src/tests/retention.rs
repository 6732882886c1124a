//! What a deployment keeps no longer is in no table, and comes back into none.

use super::*;

const HOUR: u64 = 3_600_000_000;
const LOOK: &str = "select amount, illness from \"credit-default\" order by \"index\"";

/// Decisions of the first hour and of the next, and one of another deployment.
fn site() -> Site {
    let mut site = Site::new();
    let made = |time, illness| Made::new(time, vec![row(1.0, 33, illness, "ann")]);
    site.record(&[
        made(BEGIN, "old"),
        made(BEGIN + HOUR - 1, "old"),
        made(BEGIN + HOUR, "new"),
        Made { deployment: OTHER, ..made(BEGIN, "of another") },
    ]);
    site
}

fn keep(site: &Site, from: Option<u64>) {
    *site.kept.lock().expect("kept") = from.map(Time::from_micros);
}

fn illnesses(lake: &Lake) -> Vec<Value> {
    sql(lake, LOOK).into_iter().map(|row| row["illness"].clone()).collect()
}

#[test]
fn hours_that_are_kept_no_longer_go() {
    let site = site();
    let lake = site.lake();
    lake.catch_up(|_| {}).expect("write");
    assert_eq!(lake.end_retention().expect("end"), 0, "all are kept");
    let before = tables(&site);
    assert_eq!((before.len(), illnesses(&lake).len()), (3, 3));
    let saved: Vec<_> = before.iter().map(|path| std::fs::read(path).expect("read")).collect();

    keep(&site, Some(BEGIN + HOUR));
    let mut running = lake.query(ask(LOOK)).expect("query");
    assert_eq!(lake.end_retention().expect("end"), 1);
    assert_eq!(lake.end_retention().expect("end"), 0, "once");
    assert_eq!(illnesses(&lake), ["new"]);
    assert_eq!(sql(&lake, "select illness from fraud").len(), 1, "of another deployment");
    let after = tables(&site);
    let gone: Vec<_> = before.iter().filter(|path| !after.contains(path)).collect();
    assert_eq!(gone.len(), 1);
    assert!(!gone[0].parent().expect("folder").exists());
    // A query from before had all of its rows at once, or is told.
    while let Some(batch) = running.next_blocking() {
        assert!(matches!(batch, Ok(_) | Err(crate::LakeError::Erased)), "{batch:?}");
    }
    drop(running);

    // A crash before the file went: it is there again, and goes again.
    drop(lake);
    for (path, bytes) in before.iter().zip(&saved) {
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(path, bytes).expect("write");
    }
    let lake = site.lake();
    assert_eq!(lake.end_retention().expect("end"), 1);
    assert_eq!(tables(&site), after);

    lake.rebuild(|_| {}).expect("rebuild");
    assert_eq!((illnesses(&lake), tables(&site).len()), (vec!["new".into()], 2));
    // Held: made anew, they are there again, as far as their keys are.
    keep(&site, None);
    lake.rebuild(|_| {}).expect("rebuild");
    assert_eq!(illnesses(&lake), ["old", "old", "new"]);
}

#[test]
fn what_is_not_written_yet_goes_too() {
    let site = site();
    let lake = site.lake();
    assert_eq!(illnesses(&lake).len(), 3, "read from the ledger");
    keep(&site, Some(BEGIN + HOUR));
    assert_eq!(lake.end_retention().expect("end"), 0, "there is no file");
    assert_eq!(illnesses(&lake), ["new"]);
    lake.catch_up(|_| {}).expect("write");
    assert_eq!(illnesses(&lake), ["new"]);
    let progress = lake.progress();
    assert_eq!(progress.entries, progress.durable, "passed over, and not waited for");
}
