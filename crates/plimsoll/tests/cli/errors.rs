//! What people read when something is wrong, and the exit code scripts read.

use crate::place::Place;

#[test]
fn usage() {
    insta::assert_snapshot!(Place::new().session(&[
        "modle list",
        "model show",
        "model show Upper_Case",
        "deployment create x --model m --contract c.yaml --environment moon",
        "deployment update x",
        "decision show 12",
        "key rotate 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --overlap soon",
        "decision list --since yesterday",
        "decision list --limit 0",
        "model list --quiet --verbose",
        "model list --key a --key-file b",
    ]));
}

#[test]
fn nothing_there() {
    insta::assert_snapshot!(Place::new().session(&[
        "status --url http://127.0.0.1:1",
        "status --url ftp://127.0.0.1",
        "status --key-file key.txt",
        "model predict model.json data.csv",
        "contract check contract.yaml",
        "contract infer data.xlsx",
        "ledger verify --data data",
        "backup --data data -o backup.tar",
        "restore backup.tar --data data",
        "model add credit model.json --file shap=x --url http://127.0.0.1:1",
    ]));
}

#[test]
fn colour_when_asked_for() {
    let place = Place::new();
    assert!(
        place.run("ledger verify --data data --color always").contains("\x1b[31;1merror:\x1b[0m")
    );
    assert!(!place.run("ledger verify --data data").contains('\x1b'));
}
