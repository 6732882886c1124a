//! The corpus of `tools/scan/generate.py`: what attacks is caught, what savers write is clean.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use plimsoll_scan::{Limits, Report, Scanner, scan};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs_err::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn rules(report: &Report) -> String {
    let mut rules: Vec<&str> = report.findings.iter().map(|f| f.rule.id()).collect();
    rules.dedup();
    rules.join(" ")
}

/// The table says which rules catch each file; a file without one would be missed.
#[test]
fn every_attack_is_caught() {
    let mut table = String::new();
    let mut missed = Vec::new();
    for (name, bytes) in files("bad") {
        let report = scan(&name, &bytes);
        if report.is_clean() {
            missed.push(name.clone());
        }
        table.push_str(&format!("{name:<50} {}\n", rules(&report)));
    }
    assert!(missed.is_empty(), "missed: {missed:#?}");
    insta::assert_snapshot!("caught", table);
}

#[test]
fn what_savers_write_is_clean() {
    let mut scanner = Scanner::new(Limits::default());
    for (name, bytes) in files("good") {
        scanner.file(&name, &bytes);
    }
    let report = scanner.finish();
    let shown: Vec<String> = report
        .findings
        .iter()
        .map(|finding| format!("{} {}: {}", finding.rule, finding.place(), finding.why))
        .collect();
    assert!(report.is_clean(), "{shown:#?}");
    assert!(report.looked_at > 60, "only {} files were looked at", report.looked_at);
}

/// A payload is found whatever it is called.
#[test]
fn names_hide_nothing() {
    for (name, bytes) in files("bad").into_iter().filter(|(name, _)| name.starts_with("pickles/")) {
        for other in ["model", "weights.bin", "notes.md", "a.onnx", "x.npy", "m.safetensors"] {
            let report = scan(other, &bytes);
            assert!(!report.is_clean(), "{name} called {other}");
        }
    }
}

/// A payload is found in every container that any payload is found in.
#[test]
fn a_finding_says_where() {
    let (_, bytes) =
        files("bad").into_iter().find(|(name, _)| name.ends_with("/nested.zip")).unwrap();
    let report = scan("upload", &bytes);
    let finding =
        report.findings.iter().find(|f| f.rule.id() == "pickle-dangerous-import").unwrap();
    assert_eq!(finding.place(), "upload!inner.zip!deep.zip!payload.bin@2");
    assert_eq!(finding.why, "it imports `os.system`");
}

#[test]
fn sarif_has_every_finding_and_rule() {
    let (name, bytes) =
        files("bad").into_iter().find(|(name, _)| name.ends_with("/build_forges.pkl")).unwrap();
    let report = scan(&name, &bytes);
    let log = plimsoll_scan::sarif(&report, "0.0.0");
    let run = &log["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), report.findings.len());
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
}

#[test]
fn containers_are_bounded() {
    let (name, bytes) =
        files("bad").into_iter().find(|(name, _)| name.ends_with("/nested.zip")).unwrap();
    let tight = Limits { max_unpacked: 64, max_member: 64, max_depth: 1, max_members: 2 };
    let mut scanner = Scanner::new(tight);
    scanner.file(&name, &bytes);
    assert!(!scanner.finish().is_clean());
}

proptest! {
    /// Nothing that is read makes it fail.
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..400), name in "[a-z]{1,4}\\.(pkl|pt|onnx|h5|npy|json|gguf|zip)") {
        let _report = scan(&name, &bytes);
    }

    /// Damage to a file that attacks does not make it fail, and is never an allocation without
    /// bound; what still runs code in it is still found.
    #[test]
    fn damage_is_judged(seed in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let files = files("bad/pickles");
        let (name, bytes) = &files[seed.index(files.len())];
        let mut bytes = bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _report = scan(name, &bytes);
    }

    /// Harmless opcodes before a payload do not hide it.
    #[test]
    fn padding_hides_nothing(noise in proptest::collection::vec(0..6_u8, 0..60)) {
        let mut bytes = vec![0x80, 4];
        for kind in noise {
            bytes.extend_from_slice(match kind {
                0 => b"N0",
                1 => b"(1",
                2 => b"K\x01\x94\x30",
                3 => b"]\x94\x30",
                4 => b"}0",
                _ => b"\x8c\x02os0",
            });
        }
        bytes.extend_from_slice(b"\x8c\x02os\x8c\x06system\x93)R.");
        let report = scan("a.bin", &bytes);
        prop_assert!(report.findings.iter().any(|f| f.rule.id() == "pickle-dangerous-import"));
    }
}
