//! Explanations offline, on a small committed model: income, region (a to d), age.

use crate::place::Place;
use plimsoll_table::{ColumnData, Limits, Table};

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

fn numbers<'a>(table: &'a Table, name: &str) -> &'a [f64] {
    match &table.column(name).unwrap_or_else(|| panic!("{name}")).data {
        ColumnData::Number(values) => values,
        _ => panic!("{name} is no number"),
    }
}

fn table(place: &Place, name: &str) -> Table {
    plimsoll_table::read(&place.path(name), &Limits::default(), None).expect("a table")
}

#[test]
fn every_row_adds_up_to_its_margin() {
    let place = place();
    for (options, output) in [
        ("", "shap.parquet"),
        (" --background rows.csv", "shap.csv"),
        (" --interactions", "pairs.parquet"),
        (" --interactions --background rows.csv --threads 3", "pairs.csv"),
    ] {
        let told = place.run(&format!("explain batch model.json rows.csv{options} -o {output}"));
        assert!(told.contains("5 rows explained") && told.ends_with("--- exit 0\n"), "{told}");
        let found = table(&place, output);
        let margins = numbers(&found, "margin");
        for (row, margin) in margins.iter().enumerate() {
            let parts = found.columns.iter().filter(|column| column.name != "margin");
            let sum: f64 = parts.map(|column| numbers(&found, &column.name)[row]).sum();
            assert!((sum - margin).abs() < 1e-6, "{options} row {row}: {sum} {margin}");
        }
    }
    // Over the rows themselves, contributions are zero on average.
    let found = table(&place, "shap.csv");
    for feature in ["income", "region", "age"] {
        let mean = numbers(&found, feature).iter().sum::<f64>() / 5.0;
        assert!(mean.abs() < 1e-6, "{feature}: {mean}");
    }
}

#[test]
fn contributions_are_those_worked_out_by_hand() {
    let place = place();
    place.run("explain batch model.json rows.csv -o shap.csv");
    insta::assert_snapshot!(place.read("shap.csv"));
}

#[test]
fn what_cannot_be_explained() {
    let place = place()
        .file("short.csv", "age,income\n1,2\n")
        .file("none.csv", "age,income,region\n")
        .file("unseen.csv", "age,income,region\n1,2,moonbase\n");
    let transcript = place.session(&[
        "explain batch model.json short.csv -o shap.csv",
        "explain batch model.json rows.csv --background short.csv -o shap.csv",
        "explain batch model.json rows.csv --background none.csv -o shap.csv",
        "explain batch model.json unseen.csv -o shap.csv",
        "explain batch model.json rows.csv -o shap.txt",
        "explain report model model.json none.csv",
        "explain report model model.json rows.csv --output-index 3",
    ]);
    assert!(!transcript.contains("moonbase"));
    assert!(!place.path("shap.csv").exists());
    insta::assert_snapshot!(transcript);
}

#[test]
fn a_report_is_one_page_one_image_or_numbers() {
    let place = place();
    let told = place.run("explain report model model.json rows.csv -o report.html");
    assert!(told.contains("5 rows explained; wrote report.html"), "{told}");
    let page = place.read("report.html");
    assert!(page.starts_with("<!doctype html>") && page.contains("prefers-color-scheme:dark"));
    // Nothing is fetched, nothing is run.
    for forbidden in ["<script", "src=", "@import", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert_eq!(page.matches("<svg").count(), page.matches(r#"role="img""#).count());
    place.run("explain report model model.json rows.csv --format svg -o report.svg");
    let image = place.read("report.svg");
    assert_eq!(image.matches("<svg").count(), image.matches("</svg>").count());
    insta::assert_snapshot!(place.run("explain report model model.json rows.csv --json"));
}
