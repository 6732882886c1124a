//! Counting, keeping and judging, without a server.

use plimsoll_api::{MonitoredWindow, WatchState};
use plimsoll_contract::{CompiledContract, Contract};
use plimsoll_monitor::files::{Files, Mark};
use plimsoll_monitor::monitor::{document, reference_of};
use plimsoll_monitor::reference::{Habits, Test};
use plimsoll_monitor::tally::Tally;
use plimsoll_monitor::track::{Track, signals};
use plimsoll_monitor::{Builder, Recorder, Reference, ReferenceError};
use plimsoll_serving::{Seen, Watch as _};
use plimsoll_types::record::ResultClass;
use plimsoll_types::{Cell, DeploymentId, Digest, RefusalCode, Rows, Severity, SignalKind, Time};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

const CONTRACT: &str = "
version: 1
features:
  - { name: income, kind: number, nullable: true }
  - { name: home, kind: category, values: [own, rent], on_violation: flag }
  - { name: member, kind: boolean }
context:
  - { name: region, kind: category, values: [north, south] }
  - { name: person, kind: string }
map:
  subjects: [{ field: person }]
  slices: [{ field: region }]
";

const DEPLOYMENT: DeploymentId = DeploymentId::from_bytes([3; 16]);
const CONTRACT_DIGEST: Digest = Digest::ZERO;
const HOUR: Duration = Duration::from_secs(3_600);

/// The row of this number: incomes spread evenly over 1,000 to 2,000.
fn row(number: usize) -> (Rows, [f64; 2]) {
    let spread = number * 7_919 % 1_009;
    let income = 1_000.0 + spread as f64 / 1.009;
    let mut rows = Rows { width: 5, ..Rows::default() };
    rows.text.push_str("somebody");
    rows.cells = vec![
        Cell::Number(income),
        Cell::Category(u32::from(spread.is_multiple_of(3))),
        Cell::Boolean(spread.is_multiple_of(2)),
        Cell::Category(u32::from(number.is_multiple_of(2))),
        Cell::Text { start: 0, len: 8 },
    ];
    let score = spread as f64 / 1_009.0;
    (rows, [1.0 - score, score])
}

fn contract() -> CompiledContract {
    CompiledContract::compile(&Contract::from_yaml(CONTRACT).expect("reads")).expect("compiles")
}

fn habits() -> Habits {
    Habits { window_seconds: Some(3_600), ..Habits::default() }
}

fn reference() -> Arc<Reference> {
    let mut builder = Builder::new(&contract(), CONTRACT_DIGEST, "probabilities", 2);
    for number in 0..4_000 {
        let (rows, outputs) = row(number);
        builder.read(&rows, &outputs).expect("room");
    }
    let times = (Time::EPOCH, Time::EPOCH);
    Arc::new(builder.finish(habits(), "a file".into(), 0, times).expect("enough"))
}

fn seen<'a>(rows: &'a Rows, outputs: &'a [f64], time: Time) -> Seen<'a> {
    Seen {
        deployment: DEPLOYMENT,
        version: 1,
        contract: Some(CONTRACT_DIGEST),
        time,
        nanos: 90_000,
        result: ResultClass::Answered,
        refusal: None,
        rows,
        flags: 0,
        outputs,
    }
}

/// A tally of so many rows, each as `change` makes it.
fn tally(reference: &Arc<Reference>, count: usize, change: impl Fn(&mut Rows)) -> Tally {
    let mut tally = Tally::new(Some(reference));
    for number in 0..count {
        let (mut rows, outputs) = row(number);
        change(&mut rows);
        tally.see(&seen(&rows, &outputs, Time::EPOCH), Some(reference));
    }
    tally
}

fn hour(number: u32) -> (Time, Time) {
    let from = Time::EPOCH.plus(HOUR * number);
    (from, from.plus(HOUR))
}

/// One window after the other of these tallies.
fn windows(track: &mut Track, first: u32, tallies: &[Tally]) -> Vec<MonitoredWindow> {
    let each = (first..).zip(tallies).flat_map(|(number, tally)| {
        let mut ended = track.take(hour(number), tally).expect("the same reference");
        ended.extend(track.end_before(hour(number).1));
        ended
    });
    each.collect()
}

fn track(reference: &Arc<Reference>) -> Track {
    Track::new((DEPLOYMENT, 1), Some(Arc::clone(reference)))
}

#[test]
fn a_reference_has_fields_outputs_and_slices_and_reads_back() {
    let reference = reference();
    let name = |column: &plimsoll_monitor::reference::Column| match &column.slice {
        Some(slice) => format!("{} where {}", column.name, slice.text),
        None => column.name.clone(),
    };
    let names: Vec<String> = reference.columns.iter().map(name).collect();
    let expected = [
        "income",
        "home",
        "member",
        "region",
        "probabilities[0]",
        "probabilities[1]",
        "probabilities[1] where region = north",
        "probabilities[1] where region = south",
        "columns together",
    ];
    // Who it is about is compared with nothing.
    assert_eq!(names, expected);
    let again = reference_of(&document(&reference).expect("writes")).expect("reads");
    assert_eq!(again, *reference);
}

#[test]
fn what_is_no_reference_is_refused() {
    let builder = || Builder::new(&contract(), CONTRACT_DIGEST, "score", 1);
    let times = (Time::EPOCH, Time::EPOCH);
    let few = builder().finish(habits(), String::new(), 0, times);
    assert_eq!(few, Err(ReferenceError::Few(0)));
    for wrong in [
        Habits { window_rows: Some(5), ..habits() },
        Habits { tolerance: 1.0, ..habits() },
        Habits { alerts_per_month: 0.0, ..habits() },
        Habits { persistence: 0, ..habits() },
    ] {
        assert!(matches!(wrong.check(), Err(ReferenceError::Habit(_))), "{wrong:?}");
    }
}

#[test]
fn threads_together_count_what_one_alone_does() {
    let reference = reference();
    let slot = Duration::from_secs(60);
    let recorder = || {
        let recorder = Recorder::new(60_000_000);
        let known = HashMap::from([((DEPLOYMENT, 1), Arc::clone(&reference))]);
        recorder.compare_with(known);
        recorder
    };
    let (alone, many) = (recorder(), recorder());
    let show = |recorder: &Recorder, numbers: std::ops::Range<usize>| {
        for number in numbers {
            let (rows, outputs) = row(number);
            let time = Time::EPOCH.plus(slot * u32::from(number.is_multiple_of(3)));
            recorder.see(&seen(&rows, &outputs, time));
        }
    };
    show(&alone, 0..1_000);
    std::thread::scope(|threads| {
        for part in 0..4 {
            let (many, show) = (&many, &show);
            threads.spawn(move || show(many, part * 250..(part + 1) * 250));
        }
    });
    let whole = |recorder: &Recorder| {
        assert!(recorder.take_before(0).is_empty());
        let mut slots: [Tally; 2] = [(); 2].map(|()| Tally::new(Some(&reference)));
        for counted in recorder.take_before(2) {
            let slot = usize::try_from(counted.slot).expect("small");
            slots[slot].merge(&counted.tally).expect("the same reference");
        }
        assert!(recorder.take_before(u64::MAX).is_empty(), "what is taken is gone");
        slots
    };
    let (alone, many) = (whole(&alone), whole(&many));
    assert_eq!(alone, many);
    assert_eq!(alone[0].rows + alone[1].rows, 1_000);
}

#[test]
fn before_a_reference_is_in_force_missing_values_are_counted() {
    let late = Arc::new(Reference { from: hour(1).0, ..(*reference()).clone() });
    let recorder = Recorder::new(60_000_000);
    recorder.compare_with(HashMap::from([((DEPLOYMENT, 1), late)]));
    let (mut rows, outputs) = row(1);
    rows.cells[0] = Cell::Null;
    recorder.see(&seen(&rows, &outputs, Time::EPOCH));
    let mut refused = seen(&rows, &[], Time::EPOCH);
    (refused.result, refused.refusal) = (ResultClass::Refused, Some(RefusalCode::OutOfRange));
    recorder.see(&refused);
    recorder.see(&Seen { result: ResultClass::Replayed, ..refused });
    recorder.see(&seen(&rows, &outputs, hour(1).0));
    let taken = recorder.take_before(u64::MAX);
    assert_eq!(taken.len(), 2);
    assert!(taken[0].reference.is_none() && taken[1].reference.is_some());
    let tally = &taken[0].tally;
    assert_eq!((tally.requests, tally.missing[0], tally.missing[1]), (2, 2, 0));
    assert_eq!(tally.reasons().collect::<Vec<_>>(), [("out_of_range", 1)]);
    assert_eq!(tally.latency_within(0.5), Some(100));
}

#[test]
fn what_moved_is_told_after_two_windows_and_nothing_else() {
    let reference = reference();
    let healthy = tally(&reference, 800, |_| {});
    let poorer = tally(&reference, 800, |rows| {
        if let Cell::Number(income) = rows.cells[0] {
            rows.cells[0] = Cell::Number(income * 0.7 + 300.0);
        }
    });
    let mut track = track(&reference);
    let ended = windows(&mut track, 0, &[healthy.clone(), poorer.clone(), poorer, healthy]);
    let states: Vec<WatchState> = ended.iter().map(|window| window.state).collect();
    use WatchState::{Moved, Steady};
    assert_eq!(states, [Steady, Steady, Moved, Steady]);
    let told = signals((DEPLOYMENT, 1), &ended[2]);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((told[0].kind, &*told[0].about), (SignalKind::InputDrift, "income"));
    assert_eq!(told[0].severity, Severity::Warning);
    assert_eq!((told[0].since, told[0].until), hour(2));
    // It says how much, and repeats no value of a row.
    assert!(told[0].text.contains("its median went from"), "{}", told[0].text);
}

#[test]
fn missing_and_unknown_values_are_a_matter_of_quality() {
    let reference = reference();
    let broken = tally(&reference, 500, |rows| {
        rows.cells[0] = Cell::Null;
        rows.cells[1] = Cell::Text { start: 0, len: 8 };
    });
    let ended = windows(&mut track(&reference), 0, &[broken.clone(), broken]);
    let told = signals((DEPLOYMENT, 1), &ended[1]);
    let quality = told.iter().filter(|signal| signal.kind == SignalKind::Quality);
    let about: BTreeSet<&str> = quality.map(|signal| &*signal.about).collect();
    assert_eq!(about, BTreeSet::from(["income", "home"]));
}

#[test]
fn little_is_not_enough_and_never_fine() {
    let reference = reference();
    let odd = |rows: &mut Rows| rows.cells[0] = Cell::Number(1e6);
    let ended = windows(&mut track(&reference), 0, &[tally(&reference, 199, odd)]);
    assert_eq!(ended[0].state, WatchState::NotEnoughData);
    assert!(ended[0].columns.iter().all(|column| !column.is_enough && column.evidence == 0.0));
}

#[test]
fn a_reference_that_strays_puts_up_with_as_much() {
    let mut builder = Builder::new(&contract(), CONTRACT_DIGEST, "score", 1);
    for number in 0..20_000 {
        let (mut rows, outputs) = row(number);
        // Every fifth thousand of rows is richer.
        if (number / 1_000).is_multiple_of(5)
            && let Cell::Number(income) = rows.cells[0]
        {
            rows.cells[0] = Cell::Number(income + 500.0);
        }
        builder.read(&rows, &outputs[..1]).expect("room");
    }
    let times = (Time::EPOCH, Time::EPOCH);
    let reference = builder.finish(habits(), String::new(), 0, times).expect("enough");
    let strays = |place: usize| reference.columns[place].strays;
    assert!(strays(0) > 0.3, "{}", strays(0));
    assert!(strays(1) < 0.1 && strays(2) < 0.1);
}

#[test]
fn a_track_that_goes_on_from_its_windows_says_the_same() {
    let reference = reference();
    let odd = tally(&reference, 300, |rows| rows.cells[2] = Cell::Boolean(true));
    let fine = tally(&reference, 300, |_| {});
    let all = [fine.clone(), odd.clone(), odd.clone(), fine, odd];
    let whole = windows(&mut track(&reference), 0, &all);
    for cut in 0..all.len() {
        let mut first = track(&reference);
        let mut found = windows(&mut first, 0, &all[..cut]);
        let kept = first.windows.iter().map(|window| {
            let text = serde_json::to_string(window).expect("writes");
            serde_json::from_str(&text).expect("reads")
        });
        let mut second =
            Track::after((DEPLOYMENT, 1), Some(Arc::clone(&reference)), kept.collect());
        found.extend(windows(&mut second, u32::try_from(cut).expect("small"), &all[cut..]));
        assert_eq!(found, whole, "cut at {cut}");
    }
}

#[test]
fn files_give_back_what_was_kept_and_pass_over_what_a_crash_left_half() {
    let folder = tempfile::tempdir().expect("temp");
    let files = Files::open(folder.path().join("monitor")).expect("opens");
    assert_eq!(files.mark(), None);
    let mark = Mark { until: hour(5).0, index: 77 };
    files.note(mark).expect("writes");
    assert_eq!(files.mark(), Some(mark));

    let reference = reference();
    let shelf = files.shelf((DEPLOYMENT, 1), Some(CONTRACT_DIGEST));
    let one = tally(&reference, 50, |_| {});
    for number in 0..4 {
        shelf.add_slot(hour(number).0, &one).expect("writes");
    }
    let read = |since, until| shelf.slots(since, until, Some(&reference));
    let all = read(None, hour(9).0);
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|(_, tally)| *tally == one), "to the last bit");
    assert_eq!(read(Some(hour(1).0), hour(3).0).len(), 2);

    let path = folder.path().join("monitor").join(DEPLOYMENT.to_string());
    let path = path.join(format!("1-{}", &CONTRACT_DIGEST.to_string()[..16])).join("slots");
    let mut bytes = std::fs::read(&path).expect("reads");
    bytes.truncate(bytes.len() - 3);
    std::fs::write(&path, bytes).expect("writes");
    assert_eq!(read(None, hour(9).0).len(), 3);
    shelf.keep_slots(&all[..1]).expect("writes");
    assert_eq!(read(None, hour(9).0), all[..1]);

    let ended = windows(&mut track(&reference), 0, &[tally(&reference, 300, |_| {})]);
    shelf.add_window(&ended[0], &ended.clone().into()).expect("writes");
    assert_eq!(Vec::from(shelf.windows().expect("reads")), ended);
    let bare = files.shelf((DEPLOYMENT, 0), None);
    bare.add_slot(hour(0).0, &Tally::new(None)).expect("writes");
    assert_eq!(files.unreferenced(), [(DEPLOYMENT, 0)]);
}

#[test]
fn each_column_has_the_test_that_was_chosen_or_is_usual() {
    let chosen = [("income".to_owned(), Test::Psi), ("home".to_owned(), Test::Ks)];
    let habits = Habits { tests: chosen.into(), ..habits() };
    let reference = Arc::new(Reference { habits, ..(*reference()).clone() });
    let moved = tally(&reference, 900, |rows| {
        if let Cell::Number(income) = rows.cells[0] {
            rows.cells[0] = Cell::Number(1_000.0 + (income - 1_000.0) * 0.8);
        }
    });
    let ended = windows(&mut track(&reference), 0, &[moved]);
    let shown: Vec<(&str, &str, bool)> = ended[0]
        .columns
        .iter()
        .take(3)
        .map(|column| {
            let test = column.test.as_ref().expect("enough");
            (&*column.name, &*test.name, test.is_beyond)
        })
        .collect();
    // Nobody asks categories for a distribution function.
    let expected = [
        ("income", "psi_nats", true),
        ("home", "jensen_shannon_nats", false),
        ("member", "jensen_shannon_nats", false),
    ];
    assert_eq!(shown, expected);
    let income = &ended[0].columns[0];
    assert_eq!(income.test.as_ref().map(|test| test.value), Some(income.psi));
    assert!(Test::ALL.iter().all(|(test, name)| Test::from_name(name) == Some(*test)));
}

#[test]
fn a_relation_that_breaks_is_told_although_no_column_moves() {
    // What follows from what: b is a, and c is neither.
    let text = "version: 1\nfeatures:\n  - { name: a, kind: number }\n  - { name: b, kind: number }\n  \
                - { name: c, kind: number }\n";
    let contract = CompiledContract::compile(&Contract::from_yaml(text).expect("reads"));
    let row = |number: usize, shift: usize| {
        let spread = |number: usize| (number * 7_919 % 1_009) as f64;
        let noise = (number * 5_471 % 1_013) as f64;
        let values = [spread(number), 2.0 * spread(number + shift) + noise / 20.0, noise];
        let cells = values.map(Cell::Number).to_vec();
        Rows { width: 3, cells, ..Rows::default() }
    };
    let mut builder = Builder::new(&contract.expect("compiles"), CONTRACT_DIGEST, "score", 0);
    (0..4_000).for_each(|number| builder.read(&row(number, 0), &[]).expect("room"));
    let times = (Time::EPOCH, Time::EPOCH);
    let made = builder.finish(habits(), "a file".into(), 0, times).expect("enough");
    let again = reference_of(&document(&made).expect("writes")).expect("reads");
    assert_eq!(again, made);
    let reference = Arc::new(made);
    let tally = |shift: usize| {
        let mut tally = Tally::new(Some(&reference));
        for number in 10_000..11_000 {
            tally.see(&seen(&row(number, shift), &[], Time::EPOCH), Some(&reference));
        }
        tally
    };
    let mut track = track(&reference);
    let healthy = windows(&mut track, 1, &[tally(0), tally(0), tally(0)]);
    assert!(healthy.iter().all(|window| window.state == WatchState::Steady), "{healthy:#?}");
    let broken = windows(&mut track, 4, &[tally(500), tally(500), tally(500)]);
    let told: BTreeSet<String> = broken
        .iter()
        .flat_map(|window| signals(track.key, window))
        .map(|signal| signal.about)
        .collect();
    assert_eq!(told, BTreeSet::from(["columns together".to_owned()]));
}

#[test]
fn what_the_score_hangs_on_explains_its_change() {
    let reference = reference();
    let mut track = track(&reference);
    let poorer = |rows: &mut Rows| {
        if let Some(Cell::Number(income)) = rows.cells.first_mut() {
            *income *= 0.5;
        }
    };
    let ended = windows(&mut track, 1, &[tally(&reference, 1_000, poorer)]);
    let explained = plimsoll_monitor::explain::explained(&ended[0], &reference, None);
    assert_eq!(explained.by, plimsoll_api::DriftBy::WeightedDistances);
    assert_eq!(explained.columns[0].column, "income");
    assert!(explained.columns[0].share > 0.9, "{explained:#?}");
    assert!(explained.text.contains("income"), "{}", explained.text);
    let shares: f64 = explained.columns.iter().map(|part| part.share).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    // With contributions the parts are their changes, and add up.
    let contributions = |rows, margin, income| plimsoll_monitor::explain::Contributions {
        rows,
        margin,
        fields: vec![income, 0.25, 0.0],
    };
    let known =
        Reference { contributions: Some(contributions(900, 0.5, 0.1)), ..(*reference).clone() };
    let now = contributions(800, 0.2, -0.2);
    let explained = plimsoll_monitor::explain::explained(&ended[0], &known, Some(&now));
    assert_eq!(explained.by, plimsoll_api::DriftBy::Contributions);
    let sum: f64 = explained.columns.iter().filter_map(|part| part.contribution).sum();
    assert!((sum + 0.3).abs() < 1e-12 && explained.columns[0].share > 0.999, "{explained:#?}");
}
