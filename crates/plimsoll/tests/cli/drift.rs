//! `plimsoll drift compare`: verdicts, reports, exit codes.

use crate::place::Place;
use serde_json::Value;

/// A table: `steady` and `group` are as before, `moved` is shifted, `holes` loses values.
fn table(rows: usize, shift: f64, holes: usize) -> String {
    let mut text = "id,steady,moved,group,holes\n".to_owned();
    for row in 0..rows {
        let (a, b) = (row * 37 % 101, row * 53 % 97);
        let group = ["north", "south", "east"][row * 7 % 3];
        let hole = if holes > 0 && row % holes == 0 { String::new() } else { format!("{}.5", b) };
        text.push_str(&format!("k{row},{a}.25,{},{group},{hole}\n", b as f64 + shift));
    }
    text
}

fn place() -> Place {
    Place::new()
        .file("before.csv", table(600, 0.0, 0))
        .file("same.csv", table(500, 0.0, 0))
        .file("after.csv", table(500, 40.0, 4))
}

fn columns(json: &Value, verdict: &str) -> Vec<String> {
    let columns = json["columns"].as_array().expect("columns").iter();
    let of = columns.filter(|column| column["verdict"] == verdict);
    of.map(|column| column["name"].as_str().expect("name").to_owned()).collect()
}

#[test]
fn what_has_not_drifted_is_a_yes() {
    let place = place();
    for preset in ["plimsoll", "evidently"] {
        let told =
            place.run(&format!("drift compare before.csv same.csv --exclude id --preset {preset}"));
        assert!(told.ends_with("--- exit 0\n"), "{told}");
    }
}

#[test]
fn what_has_drifted_is_a_no_with_its_reasons() {
    let place = place();
    insta::assert_snapshot!(
        place.run("drift compare before.csv after.csv --exclude id --markdown drift.md")
    );
    insta::assert_snapshot!(place.read("drift.md"));
}

#[test]
fn the_page_stands_alone() {
    let place = place();
    place.run("drift compare before.csv after.csv --html drift.html");
    let page = place.read("drift.html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("prefers-color-scheme:dark") && page.matches("<svg").count() >= 4);
    // Nothing is fetched and nothing runs.
    for word in ["<script", "<link", "<img", "src=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn presets_and_tests_of_ones_own() {
    let place = place();
    for (options, drifted) in [
        ("", &["holes", "moved"][..]),
        (" --preset evidently", &["moved"]),
        (" --preset evidently --correction none", &["moved"]),
        (" --test moved=psi:99 --column moved --column steady", &[]),
        (" --test moved=ks:0.01 --column moved", &["moved"]),
        (" --test group=chi2 --test moved=wasserstein:0.5 --correction by", &["holes", "moved"]),
    ] {
        let output = place.output(&format!("drift compare before.csv after.csv --json{options}"));
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let mut found = columns(&json, "drifted");
        found.sort();
        assert_eq!(found, drifted, "{options}");
        assert_eq!(output.status.code(), Some(if drifted.is_empty() { 0 } else { 2 }), "{options}");
    }
}

#[test]
fn columns_that_come_and_go() {
    let place = place()
        .file("other.csv", table(500, 0.0, 0).replace("steady", "stranger"))
        .file("typed.csv", table(500, 0.0, 0).replace(".25,", ".25 EUR,"));
    let typed = place.run("drift compare before.csv typed.csv --exclude id");
    assert!(typed.contains("its type is another") && typed.ends_with("--- exit 2\n"), "{typed}");
    let gone = place.run("drift compare before.csv other.csv --exclude id");
    assert!(gone.contains("column is gone") && gone.ends_with("--- exit 2\n"), "{gone}");
    let page = place.run("drift compare before.csv other.csv --exclude id --json");
    assert!(page.contains("\"stranger\""), "{page}");
}

#[test]
fn few_rows_are_never_fine() {
    let place = Place::new().file("a.csv", table(20, 0.0, 0)).file("b.csv", table(20, 50.0, 0));
    let told = place.run("drift compare a.csv b.csv");
    assert!(told.contains("not enough data") && told.ends_with("--- exit 2\n"), "{told}");
}

#[test]
fn what_cannot_be_compared() {
    let place = place().file("none.csv", "id,steady\n");
    insta::assert_snapshot!(place.session(&[
        "drift compare before.csv missing.csv",
        "drift compare none.csv before.csv",
        "drift compare before.csv same.csv --test moved=magic",
        "drift compare before.csv same.csv --test nowhere=psi",
        "drift compare before.csv same.csv --alpha 2",
        "drift compare before.csv notes.txt",
    ]));
}

#[test]
fn identifiers_are_left_out() {
    let rows: String = (0..10_500).map(|row| format!("name {row},1\n")).collect();
    let place = Place::new()
        .file("a.csv", format!("who,x\n{rows}"))
        .file("b.csv", format!("who,x\n{rows}"));
    let told = place.run("drift compare a.csv b.csv");
    assert!(
        told.contains("more than 10000 different texts") && told.ends_with("--- exit 0\n"),
        "{told}"
    );
    assert!(!told.contains("name 7"));
}

#[test]
fn tables_that_drift_only_as_wholes_are_told() {
    // In the one table `b` follows `a`; in the other the same values come in another order.
    let table = |shift: usize| {
        let mut text = "a,b,kind\n".to_owned();
        for row in 0..1_200 {
            let a = row * 7_919 % 1_009;
            let b = (row + shift) * 7_919 % 1_009;
            text.push_str(&format!("{a}.5,{}.25,{}\n", 2 * b + row * 31 % 97, ["x", "y"][row % 2]));
        }
        text
    };
    let place = Place::new().file("whole.csv", table(0)).file("broken.csv", table(333));
    place.run("drift compare whole.csv broken.csv");
    let told =
        place.output("drift compare whole.csv broken.csv --multivariate --json --html a.html");
    assert_eq!(told.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(json["drifted"], 0, "{json:#}");
    let whole = &json["multivariate"];
    assert_eq!(whole["is_drifted"], true, "{whole:#}");
    assert!(whole["classifier"]["area"].as_f64().expect("an area") > 0.9, "{whole:#}");
    let by: Vec<&str> = whole["classifier"]["by"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|part| part["column"].as_str())
        .collect();
    assert_eq!(by.last(), Some(&"kind"), "{by:?}");
    assert!(place.read("a.html").contains("Columns together"));
    let same = place.output("drift compare whole.csv whole.csv --multivariate --json");
    assert_eq!(same.status.code(), Some(0));
}
