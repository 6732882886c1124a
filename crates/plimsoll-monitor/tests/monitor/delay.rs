//! How many days after a change begins it is told, beside river's ADWIN and Page-Hinkley and the rules
//! that NannyML and Evidently take by default: on the same streams, with what each says before
//! anything has changed.
//!
//! The days of river are those of `golden/make_delays.py`, which reads the streams that
//! this test writes where `PLIMSOLL_STREAMS` names a folder.

use crate::simulate::{Rules, Traffic};
use crate::streams::{Draws, FEATURES, ROWS};
use plimsoll_stats::edetector::LossWatch;
use serde_json::Value;
use std::fmt::Write as _;

/// Days before anything changes, and after.
const HEALTHY: usize = 14;
const CHANGED: usize = 60;
const SEEDS: u64 = 5;
/// Errors before and after labels change. What they were before is learned from the first days.
const ERRORS: [f64; 2] = [0.10, 0.14];
/// The evidence that is asked for of errors: one false alert in thirty windows of a day.
const ERRORS_GOAL: f64 = 30.0;

const KINDS: [(&str, Option<Traffic>); 8] = [
    ("sudden, one feature by 0.5", Some(Traffic::Sudden { features: 1, by: 0.5 })),
    ("sudden, one feature by 1", Some(Traffic::Sudden { features: 1, by: 1.0 })),
    ("sudden, all features by 0.5", Some(Traffic::Sudden { features: FEATURES, by: 0.5 })),
    ("gradual over 60 days", Some(Traffic::Gradual { days: 60.0 })),
    ("incremental over 60 days", Some(Traffic::Incremental { days: 60.0 })),
    ("recurring every other week", Some(Traffic::Recurring)),
    ("labels only", None),
    ("nothing", Some(Traffic::Stationary)),
];

/// Alarms of one rule on one stream, by day.
#[derive(Default)]
struct Alarms(Vec<usize>);

impl Alarms {
    /// Days until the first after the change.
    fn delay(&self) -> Option<usize> {
        self.0.iter().find(|day| **day >= HEALTHY).map(|day| day - HEALTHY + 1)
    }
    fn before(&self) -> usize {
        self.0.iter().filter(|day| **day < HEALTHY).count()
    }
}

/// The rules in the order of the table.
const NAMES: [&str; 5] =
    ["Plimsoll", "ADWIN", "Page–Hinkley", "NannyML, a column", "Evidently, a column"];

fn inputs(name: &str, traffic: Traffic, seed: u64, river: &Value) -> [Alarms; 5] {
    let mut rules = Rules::new(traffic, seed);
    let mut draws = Draws::new(seed + 5_000);
    let mut all: [Alarms; 5] = Default::default();
    let mut stream = Vec::new();
    for day in 0..HEALTHY + CHANGED {
        let (now, since) = match day.checked_sub(HEALTHY) {
            None => (Traffic::Stationary, day),
            Some(since) => (traffic, since),
        };
        let values = now.day(&mut draws, since);
        let fired = rules.judge(traffic, &values, day);
        for (place, fired) in [(0, fired.ours), (3, fired.nannyml), (4, fired.evidently_column)] {
            if fired {
                all[place].0.push(day);
            }
        }
        stream.extend(values);
    }
    write(name, seed, FEATURES, &stream);
    with_river(&mut all, name, seed, river);
    all
}

fn labels(name: &str, seed: u64, river: &Value) -> [Alarms; 5] {
    let mut draws = Draws::new(seed + 6_000);
    let mut all: [Alarms; 5] = Default::default();
    let mut watch = LossWatch::new(ERRORS_GOAL, None).expect("a goal");
    let mut stream = Vec::new();
    for day in 0..HEALTHY + CHANGED {
        watch.begin_window();
        for _ in 0..ROWS {
            let wrong = draws.uniform() < ERRORS[usize::from(day >= HEALTHY)];
            watch.see(f64::from(u8::from(wrong)));
            stream.push(f64::from(u8::from(wrong)));
        }
        if watch.risen().is_some() {
            all[0].0.push(day);
            watch.begin_anew();
        }
    }
    write(name, seed, 1, &stream);
    with_river(&mut all, name, seed, river);
    all
}

fn with_river(all: &mut [Alarms; 5], name: &str, seed: u64, river: &Value) {
    for (place, detector) in [(1, "adwin"), (2, "page_hinkley")] {
        let days = river[format!("{}-{seed}", file(name))][detector].as_array();
        let days = days.into_iter().flatten().filter_map(Value::as_u64);
        all[place].0 = days.map(|day| usize::try_from(day).expect("small")).collect();
    }
}

fn file(name: &str) -> String {
    name.replace([' ', ',', '.'], "_")
}

#[expect(clippy::disallowed_methods, reason = "where streams go is its runner's business")]
fn write(name: &str, seed: u64, features: usize, values: &[f64]) {
    let Ok(folder) = std::env::var("PLIMSOLL_STREAMS") else { return };
    let path = format!("{folder}/{}-{seed}-{features}-{ROWS}.f64", file(name));
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs_err::write(path, bytes).expect("room");
}

#[test]
fn delays_beside_the_peers() {
    let river: Value = serde_json::from_str(include_str!("../golden/delays.json")).expect("reads");
    let known = river.as_object().map_or(0, serde_json::Map::len);
    let mut table = format!("| change | {} |\n|---|{}\n", NAMES.join(" | "), "---|".repeat(5));
    let mut before = [0; 5];
    for (name, traffic) in KINDS {
        let runs: Vec<[Alarms; 5]> = (1..=SEEDS)
            .map(|seed| match traffic {
                Some(traffic) => inputs(name, traffic, seed, &river),
                None => labels(name, seed, &river),
            })
            .collect();
        write!(table, "| {name} |").expect("room");
        for (place, before) in before.iter_mut().enumerate() {
            *before += runs.iter().map(|run| run[place].before()).sum::<usize>();
            let mut delays: Vec<usize> =
                runs.iter().map(|run| run[place].delay().unwrap_or(usize::MAX)).collect();
            delays.sort_unstable();
            let told = delays.iter().filter(|delay| **delay != usize::MAX).count();
            let shown = |delay: usize| match delay {
                usize::MAX => "never".to_owned(),
                days => days.to_string(),
            };
            let middle = delays[delays.len() / 2];
            // River's days have not been made.
            if known == 0 && (place == 1 || place == 2) {
                write!(table, " not asked |").expect("room");
                continue;
            }
            write!(table, " {} ({told} of {SEEDS}) |", shown(middle)).expect("room");
            if place == 0 {
                match name {
                    "nothing" => assert_eq!(told, 0, "nothing was to be told"),
                    _ => assert_eq!(told, delays.len(), "{name}: {delays:?}"),
                }
            }
        }
        table.push('\n');
    }
    writeln!(table, "| days with an alarm in {} healthy ones | {} |", KINDS.len() * HEALTHY * 5, {
        before.map(|count| count.to_string()).join(" | ")
    })
    .expect("room");
    println!("{table}");
    assert_eq!(before[0], 0, "told before anything changed");
    // River's days are of these streams, or there are none yet.
    assert!(known == 0 || known == KINDS.len() * 5, "{known} streams of river");
}
