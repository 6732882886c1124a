//! What an auditor does with `tools/verify.py`, who trusts nothing of Plimsoll but a public key:
//! the log and the receipts of the real binary are accepted, and altered ones are not.

use crate::harness::{BINARY, Said, Server, requests};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The verifier, without the library or the binary.
fn verify(args: &[&str], key: Option<&str>) -> Said {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify.py");
    let mut command = Command::new("python3");
    command.arg(program).args(args).env_remove("PLIMSOLL_KEY");
    if let Some(key) = key {
        command.env("PLIMSOLL_KEY", key);
    }
    let output = command.output().expect("python3 runs");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[track_caller]
fn refused(said: &Said, step: &str) {
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains(&format!("`{step}`")), "{step}: {}", said.stderr);
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn decide(server: &Server, count: usize) -> String {
    let bodies = requests();
    let mut id = String::new();
    for n in 0..count {
        let answer = server.infer(&bodies[n % bodies.len()], &[]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        id = answer.header("plimsoll-decision-id").expect("an id").to_owned();
    }
    id
}

/// A character of a base64 text that is replaced by another.
fn altered(text: &str, at: usize) -> String {
    let with = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{with}{}", &text[..at], &text[at + 1..])
}

#[test]
fn a_log_and_its_receipts_are_accepted_and_altered_ones_are_not() {
    let server = Server::dev().with_credit("durable");
    let folder = tempfile::tempdir().expect("temp");
    let at = |name: &str| folder.path().join(name);
    let id = decide(&server, 3);
    server.cli(&["decision", "receipt", &id]).ok();
    std::fs::write(at("old"), server.cli(&["ledger", "checkpoint"]).ok()).expect("write");
    let id = decide(&server, 300);
    server.cli(&["decision", "receipt", &id, "-o", text(&at("receipt"))]).ok();
    std::fs::write(at("new"), server.cli(&["ledger", "checkpoint"]).ok()).expect("write");
    let key = server.cli(&["ledger", "key"]).ok();
    let key = key.trim();

    // Over HTTP while it runs, and in its folder when it is stopped.
    let url = format!("http://{}/ledger", server.control());
    let (old, new) = (at("old"), at("new"));
    let served = verify(&["log", &url, "--key", key, "--older", text(&old)], None).json();
    assert!(served["size"].as_u64() > Some(300), "{served}");
    verify(&["checkpoint", text(&new), "--key", key], None).ok();
    let both = ["consistency", text(&old), text(&new), "--key", key];
    verify(&[&both[..], &["--log", &url]].concat(), None).ok();
    let sizes = [&old, &new].map(|path| {
        let note = std::fs::read_to_string(path).expect("read");
        note.lines().nth(1).expect("a size").to_owned()
    });
    let proof = server.cli(&["ledger", "consistency", &sizes[0], &sizes[1]]).ok();
    std::fs::write(at("proof"), &proof).expect("write");
    verify(&[&both[..], &["--proof", text(&at("proof"))]].concat(), None).ok();
    let swapped = ["consistency", text(&new), text(&old), "--key", key, "--proof"];
    refused(&verify(&[&swapped[..], &[text(&at("proof"))]].concat(), None), "consistency");
    let public = server.data_folder().join("ledger/public");
    let (_kept, code) = server.stop();
    assert_eq!(code, Some(0));
    let log = ["log", text(&public), "--key", key, "--older", text(&new)];
    let kept = verify(&log, None).json();
    assert!(kept["size"].as_u64() >= served["size"].as_u64(), "{kept}");

    receipts(&at("receipt"), &id, key);

    // One byte of each kind of file; the place is named.
    for (file, byte, step) in [
        ("checkpoint", 40, "checkpoint"),
        ("tile/0/000", 4_000, "tiles"),
        ("tile/1/000.p/1", 5, "tiles"),
        ("tile/entries/000", 9_000, "entries"),
    ] {
        let path = public.join(file);
        let whole = std::fs::read(&path).expect("read");
        let mut bytes = whole.clone();
        bytes[byte] ^= 1;
        std::fs::write(&path, bytes).expect("write");
        let said = verify(&log, None);
        refused(&said, step);
        assert!(step == "checkpoint" || said.stderr.contains(file), "{}", said.stderr);
        std::fs::write(&path, whole).expect("put back");
    }
    // A checkpoint of a later size than it was.
    let note = std::fs::read_to_string(public.join("checkpoint")).expect("read");
    let larger = note.replacen("\n3", "\n4", 1);
    assert_ne!(note, larger);
    std::fs::write(public.join("checkpoint"), larger).expect("write");
    refused(&verify(&log, None), "checkpoint");
}

fn receipts(file: &PathBuf, id: &str, key: &str) {
    let of = |file: &Path, args: &[&str]| {
        verify(&[&["receipt", text(file), "--key", key], args].concat(), None)
    };
    let report = of(file, &["--body"]).json();
    assert_eq!(
        (report["decision"].as_str(), report["result"].as_str()),
        (Some(id), Some("answered"))
    );
    assert!(report["body"]["outputs"][0][2][0].is_number(), "{report}");
    // The product's own verifier reads the same out of it.
    let ours = Command::new(BINARY)
        .args(["verify", "receipt", text(file), "--key", key, "--json"])
        .output()
        .expect("runs");
    let ours: Value = serde_json::from_slice(&ours.stdout).expect("JSON");
    assert_eq!(ours["body"]["outputs"][0]["values"], report["body"]["outputs"][0][2]);

    let whole: Value = serde_json::from_slice(&std::fs::read(file).expect("read")).expect("JSON");
    let other = file.with_extension("altered");
    let try_with = |name: &str, value: Value| {
        let mut receipt = whole.clone();
        receipt[name] = value;
        std::fs::write(&other, receipt.to_string()).expect("write");
        of(&other, &[])
    };
    let of_name = |name: &str| whole[name].as_str().expect("text");
    let proof = of_name("proof");
    let root = proof.find("\n\n").expect("checkpoint") + 2;
    let root = root + proof[root..].match_indices('\n').nth(1).expect("root").0 + 5;
    let index = proof.find("index ").expect("index") + 6;
    for (name, value, step) in [
        ("format", "plimsoll-receipt 2".to_owned(), "format"),
        ("leaf", altered(of_name("leaf"), 40), "inclusion"),
        ("proof", altered(proof, root), "checkpoint"),
        ("proof", format!("{}9{}", &proof[..index], &proof[index + 1..]), "inclusion"),
        ("proof", proof.replacen("tlog-proof@v1", "tlog-proof@v2", 1), "proof"),
        ("sealed", altered(of_name("sealed"), 200), "body"),
        ("record_key", altered(of_name("record_key"), 3), "body"),
        ("more", "member".to_owned(), "format"),
    ] {
        refused(&try_with(name, value.into()), step);
    }
    // After an erasure it still proves that the decision was taken.
    let erased = try_with("record_key", Value::Null).json();
    assert_eq!(erased["body_opened"], false);
    // Another log's key.
    let stranger = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let said = verify(&["receipt", text(file), "--key", stranger], None);
    refused(&said, "checkpoint");
}

#[test]
fn a_log_that_is_not_public_is_read_with_a_key() {
    let server = Server::production();
    let url = format!("http://{}/ledger", server.control());
    let key = (0..200)
        .find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let said = server.cli(&["ledger", "checkpoint"]);
            (said.code == 0).then(|| server.cli(&["ledger", "key"]).ok())
        })
        .expect("a checkpoint");
    let key = key.trim();
    assert_eq!(verify(&["log", &url, "--key", key], None).code, 1, "nothing could be tried");
    verify(&["log", &url, "--key", key], server.admin_key.as_deref()).ok();
}
