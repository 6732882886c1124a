//! A crash at any step of writing, merging and rewriting loses nothing and doubles nothing.

use super::*;
use std::fs;

const HOUR: u64 = 3_600_000_000;

fn hours(count: u64) -> Vec<Made> {
    let one = |n| Made::new(BEGIN + n * HOUR / 4, vec![row(n as f64, 30, "flu", "ann")]);
    (0..count).map(one).collect()
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("folder");
    for item in fs::read_dir(from).expect("list") {
        let item = item.expect("item");
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).expect("copy");
        }
    }
}

fn restore(kept: &Path, lake: &Path) {
    fs::remove_dir_all(lake).expect("remove");
    copy(kept, lake);
}

#[test]
fn between_any_two_steps_of_a_write() {
    let mut site = Site::new();
    let folder = site.data().join("lake");
    let kept = site.folder.path().join("kept");
    site.record(&hours(4));
    site.lake().catch_up(|_| {}).expect("write");
    copy(&folder, &kept);
    site.record(&hours(8));
    let whole = all(&site.lake());
    assert_eq!(whole.len(), 12);
    site.lake().catch_up(|_| {}).expect("write");
    let after = tables(&site);
    let fresh =
        after.iter().filter(|path| !kept.join(path.strip_prefix(&folder).expect("in it")).exists());
    let fresh: Vec<(PathBuf, Vec<u8>)> =
        fresh.map(|path| (path.clone(), fs::read(path).expect("read"))).collect();
    assert!(fresh.len() >= 2, "the write has several steps");
    // The files appear one after the other; the cursor comes last. Before each one there may
    // be a part of it.
    for step in 0..=fresh.len() {
        for torn in [false, true] {
            restore(&kept, &folder);
            let write = |(path, bytes): &(PathBuf, Vec<u8>)| {
                fs::create_dir_all(path.parent().expect("parent")).expect("folder");
                fs::write(path, bytes).expect("write");
            };
            fresh[..step].iter().for_each(write);
            if torn && let Some((path, bytes)) = fresh.get(step) {
                write(&(path.with_extension("fresh"), bytes[..bytes.len() / 2].to_vec()));
            }
            assert_eq!(all(&site.offline(true, false)), whole, "read before anyone mends it");
            let lake = site.lake();
            assert_eq!(all(&lake), whole);
            lake.catch_up(|_| {}).expect("write");
            assert_eq!(all(&lake), whole);
            let stray =
                files(&folder).into_iter().find(|f| f.extension().is_some_and(|e| e == "fresh"));
            assert_eq!(stray, None);
        }
    }
}

#[test]
fn between_any_two_steps_of_a_merge() {
    let mut site = Site::new();
    let folder = site.data().join("lake");
    let kept = site.folder.path().join("kept");
    for _ in 0..3 {
        site.record(&hours(2));
        site.lake().catch_up(|_| {}).expect("write");
    }
    let parts = tables(&site);
    assert_eq!(parts.len(), 3);
    copy(&folder, &kept);
    let whole = all(&site.lake());
    let lake = site.lake();
    assert!(!lake.compact().expect("compact"), "the hour is not over");
    site.clock.0.store(BEGIN + 2 * HOUR, Ordering::Relaxed);
    assert!(lake.compact().expect("compact"));
    assert!(!lake.compact().expect("compact"));
    assert_eq!(all(&lake), whole);
    drop(lake);
    let merged = tables(&site);
    assert_eq!(merged.len(), 1, "what was replaced is gone");
    let bytes = fs::read(&merged[0]).expect("read");
    // The merged file is there, and some of those it replaces still are.
    for left in 0..=parts.len() {
        restore(&kept, &folder);
        fs::write(&merged[0], &bytes).expect("write");
        parts[left..].iter().for_each(|path| fs::remove_file(path).expect("remove"));
        assert_eq!(all(&site.offline(true, false)), whole);
        assert_eq!(all(&site.lake()), whole);
        assert_eq!(tables(&site), merged);
    }
}

#[test]
fn files_stay_while_a_query_reads_them() {
    let mut site = Site::new();
    for _ in 0..2 {
        site.record(&hours(2));
        site.lake().catch_up(|_| {}).expect("write");
    }
    site.clock.0.store(BEGIN + 2 * HOUR, Ordering::Relaxed);
    let lake = site.lake();
    let view = lake.view().expect("view");
    assert!(lake.compact().expect("compact"));
    assert_eq!(tables(&site).len(), 3);
    drop(view);
    assert_eq!(tables(&site).len(), 1);
}

#[test]
fn tables_of_another_ledger_are_made_anew() {
    let mut site = Site::new();
    site.record(&hours(4));
    site.lake().catch_up(|_| {}).expect("write");
    let cursor = site.data().join("lake/cursor");
    let good = fs::read_to_string(&cursor).expect("read");
    let whole = all(&site.lake());
    for wrong in [
        "plimsoll-lake 0\n".to_owned(),
        good.replace('\n', " "),
        // Further than the ledger is: it was restored from a backup.
        good.replacen("\n4\n", "\n400\n", 1),
        String::new(),
    ] {
        assert_ne!(wrong, good);
        fs::write(&cursor, wrong).expect("write");
        assert_eq!(all(&site.offline(true, false)), whole, "nothing there counts");
        let lake = site.lake();
        assert_eq!(lake.progress().entries, 0);
        lake.catch_up(|_| {}).expect("write");
        assert_eq!(all(&lake), whole);
    }
}

#[test]
fn one_process_writes() {
    let site = Site::new();
    let lake = site.lake();
    let source = Source::Ledger(site.ledger().clone());
    let second = Lake::open(site.config(source, true));
    assert!(matches!(second, Err(crate::LakeError::InUse(_))));
    drop(lake);
    site.lake();
}

#[test]
fn a_few_decisions_wait_for_the_end_of_their_hour() {
    let mut site = Site::new();
    site.record(&hours(3));
    let lake = site.lake();
    assert_eq!(lake.advance().expect("advance").decisions, 0);
    assert_eq!(all(&lake).len(), 3, "queries see them all the same");
    site.clock.0.store(BEGIN + HOUR, Ordering::Relaxed);
    assert_eq!(lake.advance().expect("advance").decisions, 0, "the last ones may be under way");
    site.clock.0.store(BEGIN + HOUR + HOUR / 4, Ordering::Relaxed);
    let progress = lake.advance().expect("advance");
    assert_eq!((progress.decisions, progress.entries), (3, progress.durable));
}
