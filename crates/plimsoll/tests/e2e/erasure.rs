//! A person with unmistakable strings goes through every door, and is erased: nothing of them
//! is left in any file, log or trace, and everything else is as before.

use crate::harness::{BINARY, Http, Server, demo, post, requests};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const SUBJECT: &str = "Canary-Kunigunde-Unverwechselbar-7391";
const APPLICATION: &str = "canary-application-4417-xyzzy";
const CALLER: &str = "canary-caller-id-8823-plugh";
const IDEMPOTENCY: &str = "canary-idempotency-5561-foobie";
const TEXT: &str = "canary-free-text-9962-bletch";
const CANARIES: [&str; 5] = [SUBJECT, APPLICATION, CALLER, IDEMPOTENCY, TEXT];

/// The demo's contract, with texts as free as a contract lets them be.
fn contract(folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(demo("credit/contract.yaml")).expect("committed");
    let bounds = ["pattern:", "max_length:"];
    let free = |line: &&str| !bounds.iter().any(|bound| line.trim_start().starts_with(bound));
    let text: String = text.lines().filter(free).flat_map(|line| [line, "\n"]).collect();
    let path = folder.join("contract.yaml");
    std::fs::write(&path, text).expect("written");
    path
}

/// A request of the demo about somebody.
fn about(subject: &str, application: &str) -> String {
    let mut request: Value = serde_json::from_str(&requests()[0]).expect("JSON");
    for input in request["inputs"].as_array_mut().expect("inputs") {
        match input["name"].as_str() {
            Some("customer_id") => input["data"] = json!([subject]),
            Some("application_id") => input["data"] = json!([application]),
            _ => {}
        }
    }
    request["id"] = json!(CALLER);
    request.to_string()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in std::fs::read_dir(folder).expect("folder") {
        let path = item.expect("item").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|part| part == needle)
}

/// Asserts that no file under `folders` holds any of `needles`, in this or that spelling.
fn nowhere(folders: &[PathBuf], needles: &[Vec<u8>]) {
    let mut found = Vec::new();
    folders.iter().for_each(|folder| files(folder, &mut found));
    // State, segments, identity, format: a restored folder has no more.
    assert!(found.len() > 3, "there is something to look at");
    for path in found {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for needle in needles {
            let text = String::from_utf8_lossy(needle);
            assert!(!holds(&bytes, needle), "{} holds `{text}`", path.display());
        }
    }
}

fn said(server: &Server, answers: &[Http]) {
    let log = server.said();
    for canary in CANARIES {
        assert!(!log.contains(canary), "the log says `{canary}`: {log}");
        for answer in answers.iter().filter(|answer| answer.status >= 400) {
            assert!(!answer.body.contains(canary), "a refusal says `{canary}`: {}", answer.body);
        }
    }
}

/// The slots of the key journal that are keys, wrapped.
fn wrapped_keys(keys: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    files(keys, &mut found);
    let journal = found.iter().find(|path| path.extension().is_some_and(|e| e == "keys"));
    let bytes = std::fs::read(journal.expect("journal")).expect("read");
    let slots = bytes.chunks_exact(128).skip(1).filter(|slot| slot[0] == 1);
    slots.map(|slot| slot[52..112].to_vec()).collect()
}

/// Whether a file of decision tables holds the bytes: as they lie on the disk, footers included,
/// or in any column, hidden ones included, as it is read. Of numbers it looks at the decimals.
fn in_tables(data: &Path, needle: &[u8]) -> bool {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let mut found = Vec::new();
    files(&data.join("lake"), &mut found);
    let bytes: Vec<String> = needle.iter().map(ToString::to_string).collect();
    let spelled = [String::from_utf8_lossy(needle).into_owned(), bytes.join(", ")];
    let tables = found.iter().filter(|path| path.extension().is_some_and(|e| e == "parquet"));
    let mut any = tables.map(|path| {
        let reader = SerializedFileReader::new(std::fs::File::open(path).expect("there"));
        let reader = reader.expect("Parquet");
        let mut rows = reader.get_row_iter(None).expect("rows");
        holds(&std::fs::read(path).expect("read"), needle)
            || rows.any(|row| {
                let row = row.expect("a row").to_string();
                spelled.iter().any(|spelled| row.contains(spelled))
            })
    });
    any.any(|is_there| is_there)
}

/// What decision tables call the person: the pseudonym, and the id of the key.
fn called(data: &Path, keys: &Path) -> [Vec<u8>; 2] {
    let reader = plimsoll_ledger::LedgerReader::open(data, Some(keys)).expect("reader");
    let first = reader.entries(0).next().expect("an entry").expect("reads");
    let (tenant, keys) = (first.leaf.draft.tenant, reader.keys().expect("keys"));
    let key = keys.find_subject(tenant, SUBJECT).expect("reads").expect("is there");
    let pseudonym = keys.subject_pseudonym(tenant, SUBJECT);
    [plimsoll_types::digest::hex(&pseudonym).into_bytes(), key.as_bytes().to_vec()]
}

fn rebuild(data: &Path, keys: &Path) {
    let mut command = Command::new(BINARY);
    command.args(["lake", "rebuild", "--data"]).arg(data).arg("--keys").arg(keys);
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn nothing_is_left_of_a_person_who_was_erased() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let traced = "telemetry.otlp_endpoint=http://127.0.0.1:1/v1/traces";
    let args = ["--dev", "--set", "log.level=trace", "--set", traced];
    let server = Server::start_in(Arc::clone(&folder), &args);
    let contract = contract(folder.path());
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    server.cli(&["model", "add", "credit", &text(&demo("credit/model.json"))]).ok();
    let create = [
        "deployment",
        "create",
        "credit-default",
        "--model",
        "credit",
        "--version",
        "1",
        "--contract",
        &text(&contract),
        "--environment",
        "development",
    ];
    server.cli(&create).ok();
    std::fs::remove_file(&contract).expect("removed");

    // Someone else, before and after.
    let others: Vec<String> = requests().into_iter().skip(1).take(20).collect();
    let mut kept: Vec<String> = Vec::new();
    let mut ask_others = |server: &Server| {
        for body in &others {
            let answer = server.infer(body, &[]);
            assert_eq!(answer.status, 200, "{}", answer.body);
            kept.push(answer.header("plimsoll-decision-id").expect("an id").to_owned());
        }
    };
    ask_others(&server);
    let known = wrapped_keys(&server.keys_folder());

    // Through every door: answered, given again, refused in each way, malformed.
    let body = about(SUBJECT, APPLICATION);
    let again = [("idempotency-key", IDEMPOTENCY), ("x-request-id", CALLER)];
    let mut answers = vec![server.infer(&body, &again), server.infer(&body, &again)];
    assert_eq!([answers[0].status, answers[1].status], [200, 200]);
    let other_body = about(SUBJECT, TEXT);
    answers.push(server.infer(&other_body, &again));
    assert_eq!(answers[2].status, 422, "another request under the same key");
    for spoiled in [
        body.replace("\"west\"", &format!("{TEXT:?}")),
        body.replace("[24]", "[1000]"),
        body.replace("[24]", &format!("[{TEXT:?}]")),
        body.replace("\"age\"", &format!("{TEXT:?}")),
        body[..body.len() - 9].to_owned(),
    ] {
        answers.push(server.infer(&spoiled, &[]));
        assert!(answers.last().expect("one").status >= 400);
    }
    let headers = [("x-request-id", CALLER), ("idempotency-key", "with blanks in it")];
    answers.push(server.infer(&body, &headers));
    answers.push(post(server.address(), "/v2/models/nobody/infer", body.as_bytes(), &[]));
    answers.push(post(server.control(), "/api/v1/subjects/erase", body.as_bytes(), &[]));
    ask_others(&server);

    // Every door that shows decisions.
    let id = answers[0].header("plimsoll-decision-id").expect("an id").to_owned();
    let shown = server.cli(&["decision", "show", &id, "--json"]).json();
    assert!(shown.to_string().contains(SUBJECT) && shown.to_string().contains(CALLER));
    server.cli(&["decision", "list", "--limit", "1000"]).ok();
    server.cli(&["event", "list", "--limit", "1000"]).ok();
    // What people say about the decision, and every other look at it.
    server.cli(&["review", "contest", &id, "--reason", TEXT]).ok();
    server.cli(&["review", "override", &id, "--outputs", "0.125", "--reason", SUBJECT]).ok();
    let reviewed = server.cli(&["review", "show", &id, "--json"]).json().to_string();
    assert!(reviewed.contains(TEXT) && reviewed.contains(SUBJECT));
    server.cli(&["decision", "trace", &id]).ok();
    assert_eq!(server.cli(&["decision", "replay", &id]).code, 0);
    let export = server.cli(&["subject", "export", SUBJECT]).json();
    let records = export["records"].as_array().expect("records");
    assert!(!records.is_empty(), "{export}");
    assert!(records.iter().any(|record| record["decision"]["summary"]["id"] == id.as_str()));
    let csv = server.cli(&["subject", "export", SUBJECT, "--csv"]).ok();
    assert!(csv.starts_with("decision,index,time") && csv.contains(SUBJECT));
    let status = server.cli(&["subject", "status", SUBJECT, "--json"]).json();
    assert_eq!(status["is_known"], true);

    // In decision tables, which are written as after an hour; and through their doors.
    said(&server, &answers);
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let (data, keys) = (folder.path().join("data"), folder.path().join("keys"));
    rebuild(&data, &keys);
    let called = called(&data, &keys);
    assert!(called.iter().all(|name| in_tables(&data, name)), "it is looked for rightly");
    let server = Server::start_in(folder, &args);
    let folder = Arc::clone(&server.folder);
    let look = ["query", "select * from \"credit-default\"", "--json"];
    let rows = server.cli(&look).ok();
    assert!(rows.contains(SUBJECT) && rows.contains(APPLICATION));
    let named = format!("select 1 from decisions where subject = subject('{SUBJECT}')");
    assert!(!server.cli(&["query", &named, "--json"]).ok().is_empty());
    let listed = server.cli(&["decision", "list", "--subject", SUBJECT, "--json"]).json();
    assert!(!listed["items"].as_array().expect("items").is_empty());
    let exported = text(&folder.path().join("export.parquet"));
    server.cli(&["decision", "export", "--deployment", "credit-default", "-o", &exported]).ok();
    // It has left the installation.
    std::fs::remove_file(&exported).expect("removed");

    // Held, so not erased; released; erased.
    server.cli(&["subject", "hold", SUBJECT, "--reason", "a case"]).ok();
    let refused = server.cli(&["subject", "erase", SUBJECT, "--reason", "art. 17"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("hold") && !refused.stderr.contains(SUBJECT));
    server.cli(&["subject", "release", SUBJECT]).ok();
    let data_backup = folder.path().join("yesterday.tar");
    server.cli(&["backup", "--data", &text(&server.data_folder()), "-o", &text(&data_backup)]).ok();
    let now: Vec<Vec<u8>> = wrapped_keys(&server.keys_folder())
        .into_iter()
        .filter(|key| !known.contains(key))
        .collect();
    let erased = server.cli(&["subject", "erase", SUBJECT, "--reason", "art. 17", "--json"]).json();
    assert_eq!(erased["state"], "pending");
    assert!(erased["erased_at"].is_string() && erased["rotates_by"].is_string());
    let rotated = server.cli(&["ledger", "rotate-keys", "--json"]).json();
    assert_eq!((&rotated["epoch"], &rotated["erasures"]), (&json!(1), &json!(1)));
    let status = server.cli(&["subject", "status", SUBJECT, "--json"]).json();
    assert_eq!(
        (&status["is_known"], &status["erasures"][0]["state"]),
        (&json!(false), &json!("pending"))
    );
    assert!(status["erasures"][0]["final_by"].is_string());

    // Gone from every door; the others are not.
    let shown = server.cli(&["decision", "show", &id, "--json"]).json();
    assert_eq!(shown["body_withheld"], "its keys were erased");
    assert_eq!(server.cli(&["subject", "export", SUBJECT]).code, 1);
    let reviewed = server.cli(&["review", "show", &id, "--json"]).json();
    assert!(reviewed["said"].is_null(), "{reviewed}");
    assert_eq!(server.cli(&["review", "contest", &id, "--reason", "again"]).code, 1);
    for id in &kept {
        let shown = server.cli(&["decision", "show", id, "--json"]).json();
        assert!(shown["body"]["rows"][0]["age"].is_number(), "{shown}");
    }
    said(&server, &answers);
    let rows = server.cli(&look).ok();
    assert!(rows.contains(&kept[0]) && rows.contains(&id), "what its leaf says stays");
    assert!(CANARIES.iter().all(|canary| !rows.contains(canary)));
    assert_eq!(server.cli(&["query", &named, "--json"]).ok(), "");
    let mut needles: Vec<Vec<u8>> =
        CANARIES.iter().map(|canary| canary.as_bytes().to_vec()).collect();
    needles.extend(now);
    needles.extend(known);
    let (data, keys) = (server.data_folder(), server.keys_folder());
    // While it runs, with its write-ahead log, and after it ended.
    nowhere(&[data.clone(), keys.clone()], &needles);
    let unnamed = |data: &Path| {
        for name in called.iter().map(Vec::as_slice).chain(CANARIES.map(str::as_bytes)) {
            assert!(!in_tables(data, name), "{}", String::from_utf8_lossy(name));
        }
    };
    unnamed(&data);
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    unnamed(&data);
    nowhere(&[data.clone(), keys.clone()], &needles);
    let verified = Command::new(BINARY).args(["ledger", "verify", "--data"]).arg(&data).output();
    assert_eq!(verified.expect("runs").status.code(), Some(0), "the proofs hold");

    // What still opens, whoever holds it, says nothing of them either.
    let reader = plimsoll_ledger::LedgerReader::open(&data, Some(&keys)).expect("reader");
    let mut opened = 0;
    for entry in reader.entries(0) {
        let Ok(body) = reader.open_body(&entry.expect("reads")) else { continue };
        opened += 1;
        for canary in CANARIES {
            assert!(!holds(&body, canary.as_bytes()), "a record that opens says `{canary}`");
        }
    }
    assert!(opened >= kept.len());
    drop(reader);

    // Yesterday's data with today's keys: the others open, the person does not.
    let restored = folder.path().join("restored");
    let run = |args: &[&str]| {
        let output = Command::new(BINARY).args(args).output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(run(&["restore", &text(&data_backup), "--data", &text(&restored)]).0, Some(0));
    let show = |id: &str| {
        let args =
            ["decision", "show", id, "--json", "--data", &text(&restored), "--keys", &text(&keys)];
        let (code, said) = run(&args);
        assert_eq!(code, Some(0), "{said}");
        serde_json::from_str::<Value>(&said).expect("JSON")
    };
    assert!(show(&kept[0])["body"]["rows"][0]["age"].is_number());
    assert!(show(&id)["body"].is_null());
    nowhere(std::slice::from_ref(&restored), &needles[..CANARIES.len()]);
    rebuild(&restored, &keys);
    unnamed(&restored);

    // And it starts again, in the new epoch, without them.
    let server = Server::start_in(folder, &["--dev"]);
    assert_eq!(server.infer(&others[0], &[]).status, 200);
    assert_eq!(server.cli(&["subject", "status", SUBJECT, "--json"]).json()["is_known"], false);
    nowhere(&[data, keys], &needles);
}

#[test]
fn the_keys_of_a_stopped_server_move_to_another_root() {
    const ROOT_KEY: &str = "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=";
    let server = Server::dev().with_credit("durable");
    let body = &requests()[0];
    let id = server.infer(body, &[]).header("plimsoll-decision-id").expect("an id").to_owned();
    let keys = server.keys_folder();
    let path = keys.to_str().expect("UTF-8").to_owned();
    let rewrap = |with: &str| {
        let mut command = Command::new(BINARY);
        command.args(["ledger", "rewrap-root", "--keys", &path, "--to", "env:PLIMSOLL_ROOT_KEY"]);
        command.env("PLIMSOLL_ROOT_KEY", with).output().expect("runs").status.code()
    };
    assert_eq!(rewrap(ROOT_KEY), Some(1), "not while it runs");
    let (folder, _) = server.stop();
    assert_eq!(rewrap("too short"), Some(1));
    assert_eq!(rewrap(ROOT_KEY), Some(0));
    assert!(!keys.join("root.key").exists());
    let mut command = Command::new(BINARY);
    command.env("PLIMSOLL_ROOT_KEY", ROOT_KEY);
    let args = ["--dev", "--set", "ledger.root=env:PLIMSOLL_ROOT_KEY"];
    let server = Server::start_by(command, folder, &args);
    assert!(server.cli(&["decision", "show", &id, "--json"]).json()["body"]["rows"].is_array());
    assert_eq!(server.infer(body, &[]).status, 200);
    assert!(!server.said().contains(ROOT_KEY));
}
