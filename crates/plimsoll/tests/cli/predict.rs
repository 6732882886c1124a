//! Offline predictions on a small committed model: income, region (a to d), age.

use crate::place::Place;

const MODEL: &[u8] = include_bytes!("model.json");
const ROWS: &str = "\
age,income,region,unused
20,10,a,x
40,60,b,x
40,60,a,x
20,,d,x
,100,c,x
";

fn place() -> Place {
    Place::new().file("model.json", MODEL).file("rows.csv", ROWS)
}

#[test]
fn columns_are_found_by_name() {
    insta::assert_snapshot!(place().session(&[
        "model predict model.json rows.csv",
        "model predict model.json rows.csv --raw",
        "model predict model.json rows.csv --quiet",
    ]));
}

/// CSV and Parquet hold the same numbers, and what was written can be scored again.
#[test]
fn files_hold_what_stdout_shows() {
    let place = place();
    let shown =
        String::from_utf8(place.output("model predict model.json rows.csv").stdout).expect("UTF-8");
    place.run("model predict model.json rows.csv -o scores.csv");
    assert_eq!(place.read("scores.csv"), shown);

    place.run("model predict model.json rows.csv -o scores.parquet");
    let limits = plimsoll_table::Limits::default();
    let table =
        plimsoll_table::read(&place.path("scores.parquet"), &limits, None).expect("Parquet");
    let plimsoll_table::ColumnData::Number(values) = &table.columns[0].data else {
        panic!("numbers")
    };
    let lines = shown.lines().skip(1).map(|line| line.parse::<f32>().expect("a number"));
    assert!(lines.map(f64::from).eq(values.iter().copied()));
}

#[test]
fn what_does_not_fit() {
    let place = place()
        .file("short.csv", "age,income\n1,2\n")
        .file("unseen.csv", "age,income,region\n1,2,moonbase\n")
        .file("text.csv", "age,income,region\nold,2,a\n")
        .file("time.csv", "age,income,region\n2026-01-01T00:00:00Z,2,a\n")
        .file("ragged.csv", "age,income,region\n1,2\n")
        .file("nomodel.json", "{\"learner\": {}}")
        .file("noise.bin", [0, 1, 2, 3]);
    let transcript = place.session(&[
        "model predict model.json short.csv",
        "model predict model.json unseen.csv",
        "model predict model.json text.csv",
        "model predict model.json time.csv",
        "model predict model.json ragged.csv",
        "model predict nomodel.json rows.csv",
        "model predict noise.bin rows.csv",
        "model predict model.json rows.csv -o scores.txt",
    ]);
    assert!(!transcript.contains("moonbase"));
    assert!(place.run("model predict model.json unseen.csv -o scores.csv").contains("--- exit 1"));
    assert!(!place.path("scores.csv").exists());
    insta::assert_snapshot!(transcript);
}

/// More rows than one batch holds.
#[test]
fn many_rows() {
    let rows = 150_000;
    let lines =
        (0..rows).map(|i| format!("{},{},{}\n", i % 90, i % 200, ["a", "b", "c", "d"][i % 4]));
    let place =
        place().file("many.csv", format!("age,income,region\n{}", lines.collect::<String>()));
    let output = place.output("model predict model.json many.csv");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let scores: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(scores.len(), rows);
    // The rows repeat after the least common multiple of their columns.
    assert!((0..rows - 1800).all(|row| scores[row] == scores[row + 1800]));
    assert!(scores.iter().any(|score| *score != scores[0]));
}
