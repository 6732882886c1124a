//! `plimsoll scan`: findings, places, formats, exit codes.

use crate::place::{Place, repository};

/// Would print a word, if it were ever loaded.
const PAYLOAD: &str = "cos\nsystem\n(S'echo harmless'\ntR.";

#[test]
fn a_finding_is_a_no_with_its_place() {
    let place = Place::new().file("notes.txt", PAYLOAD).file("fine.txt", "hello");
    let lines = ["scan notes.txt fine.txt", "scan fine.txt", "scan absent.txt"];
    insta::assert_snapshot!(place.session(&lines));
}

#[test]
fn folders_are_looked_through() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("m/a/b")).unwrap();
    place.write("m/a/b/payload.xyz", PAYLOAD);
    std::os::unix::fs::symlink("/etc/hostname", place.path("m/link")).unwrap();
    std::os::unix::fs::symlink("a/b/payload.xyz", place.path("m/within")).unwrap();
    let output = place.output("scan m --json");
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<(&str, &str)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["path"].as_str().unwrap(), f["rule"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("m/a/b/payload.xyz", "pickle-dangerous-import"), ("m/link", "link")]);
    std::fs::create_dir_all(place.path("empty")).unwrap();
    assert_eq!(place.output("scan empty").status.code(), Some(1));
}

#[test]
fn sarif_is_written() {
    let place = Place::new().file("model.pkl", PAYLOAD);
    assert_eq!(place.output("scan model.pkl --sarif -o out.sarif").status.code(), Some(2));
    let log: serde_json::Value = serde_json::from_str(&place.read("out.sarif")).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "pickle-dangerous-import");
}

#[test]
fn the_whole_corpus_is_judged() {
    let corpus = repository("crates/plimsoll-scan/tests/corpus");
    let scan = |what: &str| {
        let line = format!("scan {}", corpus.join(what).display());
        Place::new().output(&line).status.code()
    };
    assert_eq!((scan("good"), scan("bad")), (Some(0), Some(2)));
}
