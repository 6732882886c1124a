//! `plimsoll model sign` and `verify`: files, folders, exit codes; and the reference
//! implementation on the other side.

use crate::place::{Place, repository};

fn key(name: &str) -> String {
    repository("crates/plimsoll-sign/tests/data").join(name).display().to_string()
}

fn model() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path("m/sub")).unwrap();
    place.write("m/weights.bin", [1, 2, 3]);
    place.write("m/sub/config.json", "{}");
    let line = format!("model sign m --signing-key {}", key("key.pem"));
    assert_eq!(place.output(&line).status.code(), Some(0));
    place
}

fn verify(place: &Place, more: &str) -> Option<i32> {
    place.output(&format!("model verify m --public-key {}{more}", key("key.pub"))).status.code()
}

#[test]
fn every_change_fails() {
    type Change = fn(&Place);
    let changes: [(&str, Change); 5] = [
        ("flip", |place| place.write("m/weights.bin", [1, 2, 2])),
        ("add", |place| place.write("m/sub/added.py", "")),
        ("remove", |place| std::fs::remove_file(place.path("m/sub/config.json")).unwrap()),
        ("rename", |place| {
            std::fs::rename(place.path("m/weights.bin"), place.path("m/weights2.bin")).unwrap();
        }),
        ("link", |place| {
            std::os::unix::fs::symlink("weights.bin", place.path("m/link")).unwrap();
        }),
    ];
    for (name, change) in changes {
        let place = model();
        assert_eq!(verify(&place, ""), Some(0), "before {name}");
        change(&place);
        assert_eq!(verify(&place, ""), Some(3), "after {name}");
    }
    let place = model();
    place.write("m/added.txt", "");
    assert_eq!(verify(&place, " --ignore-unsigned"), Some(0));
}

#[test]
fn what_is_left_out_is_named_by_both() {
    let place = model();
    place.write("m/cache.tmp", "x");
    let line = format!("model sign m --signing-key {} --ignore cache.tmp", key("key.pem"));
    assert_eq!(place.output(&line).status.code(), Some(0));
    assert_eq!(verify(&place, ""), Some(3));
    assert_eq!(verify(&place, " --ignore cache.tmp"), Some(0));
}

#[test]
fn nothing_is_no_model() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("m/.git")).unwrap();
    place.write("m/.git/HEAD", "x");
    let output = place.output(&format!("model sign m --signing-key {}", key("key.pem")));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no file to sign"));
}

#[test]
fn the_reference_implementation_agrees() {
    let python = repository(".venv/signing/bin/python");
    assert!(python.exists(), "`make tools-test` makes {}", python.display());
    let output = std::process::Command::new(python)
        .arg(repository("tools/sign/cross.py"))
        .arg(env!("CARGO_BIN_EXE_plimsoll"))
        .arg(repository("crates/plimsoll-sign/tests/data"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
}

/// Through the command line of the public conformance suite, with bundles of an independent signer.
#[test]
fn the_specification_is_kept_case_by_case() {
    let python = repository(".venv/signing/bin/python");
    assert!(python.exists(), "`make tools-test` makes {}", python.display());
    let output = std::process::Command::new(python)
        .arg(repository("tools/sign/conformance.py"))
        .arg(env!("CARGO_BIN_EXE_plimsoll"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
}
