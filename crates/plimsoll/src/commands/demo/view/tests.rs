//! The view as text: golden files that a reviewer can read.

use super::super::hints;
use super::super::wire::Reply;
use super::*;
use plimsoll_types::Time;
use std::path::Path;

const ID: &str = "01a20234-42ea-79a7-a5b9-01b4b557c3a";

fn seen(n: u64, deployment: &'static str, outcome: Outcome) -> Seen {
    Seen {
        time: Time::from_micros(1_800_000_000_000_000 + n * 25_000_000),
        monotonic: n * 25_000_000,
        nanos: 700_000 + n * 100_000,
        deployment,
        reply: Reply { id: format!("{ID}{n:x}"), outcome },
    }
}

fn refused(code: &str, field: Option<&str>) -> Outcome {
    let (code, field) = (code.to_owned(), field.map(str::to_owned));
    Outcome::Refused { code, field, is_resolved: true }
}

fn tally() -> Tally {
    let mut tally = Tally::default();
    for n in 0..9 {
        let deployment = if n == 5 { "breast-cancer" } else { "credit-default" };
        let outcome = match n {
            3 => refused("malformed_json", None),
            6 => refused("out_of_range", Some("age")),
            7 => Outcome::Answered { value: 0.071, is_replayed: true },
            _ => Outcome::Answered { value: 0.071 + 0.01 * n as f64, is_replayed: false },
        };
        tally.add(seen(n, deployment, outcome));
    }
    tally
}

fn counters() -> Counters {
    let phases = plimsoll_types::Phase::ALL.iter();
    Counters {
        resolved: 1_234_567,
        completions: 1_234_567,
        in_flight: 0,
        entries: 1_234_599,
        bytes: 2_100_000_000,
        phases: phases.zip(1..).map(|(phase, n)| (phase.as_str(), f64::from(n * n))).collect(),
        refusals: vec![("out_of_range".into(), 1_200), ("malformed_json".into(), 31)],
    }
}

fn render_at(columns: usize, rows: usize, color: bool) -> String {
    let base = "http://127.0.0.1:8080";
    let hints = hints::hints("plimsoll", base, Path::new("plimsoll-demo"), Some(&format!("{ID}0")));
    let (tally, counters) = (tally(), counters());
    let view = View {
        base,
        up: Duration::from_secs(3_723),
        rate: 39.96,
        tally: &tally,
        counters: &counters,
        hints: &hints,
        utc: true,
    };
    let lines = render(&view, Size { columns, rows }, color);
    lines.join("\n").replace('\x1b', "ESC")
}

#[test]
fn a_large_terminal() {
    insta::assert_snapshot!(render_at(120, 40, false));
}

#[test]
fn a_small_terminal() {
    let text = render_at(60, 18, false);
    assert!(text.lines().map(|line| line.chars().count().div_ceil(60).max(1)).sum::<usize>() <= 18);
    insta::assert_snapshot!(text);
}

#[test]
fn colours() {
    insta::assert_snapshot!(render_at(100, 14, true));
}

#[test]
fn no_terminal_is_too_small() {
    for columns in 0..30 {
        for rows in 0..12 {
            let lines = render_at(columns, rows, false);
            assert!(lines.lines().count() <= rows, "{columns} × {rows}");
        }
    }
}

#[test]
fn before_the_first_request() {
    let (tally, counters) = (Tally::default(), Counters::default());
    let base = "http://127.0.0.1:8080";
    let (up, rate) = (Duration::ZERO, 0.0);
    let view = View { base, up, rate, tally: &tally, counters: &counters, hints: &[], utc: true };
    insta::assert_snapshot!(render(&view, Size { columns: 80, rows: 24 }, false).join("\n"));
}

#[test]
fn callers_cannot_steer_the_terminal() {
    let mut tally = Tally::default();
    tally.add(seen(1, "credit-default", refused("c\x1b[2J", Some("\x07"))));
    let counters = Counters::default();
    let (base, up, rate) = ("b", Duration::ZERO, 0.0);
    let view = View { base, up, rate, tally: &tally, counters: &counters, hints: &[], utc: true };
    let text = render(&view, Size { columns: 120, rows: 24 }, false).join("\n");
    assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text:?}");
}

#[test]
fn numbers_are_as_people_read_them() {
    for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(number(n), text);
    }
    for (n, text) in
        [(40, "0.0 kB"), (7_840, "7.8 kB"), (2_100_000, "2.1 MB"), (3_000_000_000, "3.0 GB")]
    {
        assert_eq!(bytes(n), text);
    }
    for (micros, text) in [(820, "820 µs"), (1_240, "1.2 ms"), (3_400_000, "3.40 s")] {
        assert_eq!(duration(Duration::from_micros(micros)), text);
    }
    for (seconds, text) in [(7, "0:07"), (754, "12:34"), (3_723, "1:02:03")] {
        assert_eq!(clock(Duration::from_secs(seconds)), text);
    }
}
