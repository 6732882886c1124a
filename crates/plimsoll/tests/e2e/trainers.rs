//! Trainers that are no command of ours: one that trains elsewhere and posts its model back, and a
//! project of DVC.

use crate::harness::{Http, Server, demo, post, requests};
use crate::sinks::{Receiver, json as event, signature};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiBhIHRyYWluZXI=";

fn server(folder: &Arc<tempfile::TempDir>, trainers: &str) -> Server {
    let path = folder.path().join("trainers.toml");
    std::fs::write(&path, trainers).expect("written");
    let set = format!("retrain.trainers_file={}", path.display());
    Server::start_in(Arc::clone(folder), &["--dev", "--set", &set])
}

fn with_policy(server: Server, trainer: &str) -> Server {
    let server = server.with_credit("durable");
    for body in requests().iter().take(20) {
        assert_eq!(server.infer(body, &[]).status, 200);
    }
    let set = ["retrain", "policy", "set", "credit-default", "--candidate-only", "--trainer"];
    server.cli(&[&set[..], &[trainer]].concat()).ok();
    server
}

fn request(server: &Server) -> String {
    let ask = ["retrain", "request", "credit-default", "--reason", "a new month", "--json"];
    server.cli(&ask).json()["id"].as_str().expect("an id").to_owned()
}

fn wait(server: &Server, id: &str, state: &str) -> Value {
    for _ in 0..1_200 {
        let shown = server.cli(&["retrain", "show", id, "--json"]).json();
        if shown["state"] == state {
            return shown;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it is not {state}: {}", server.cli(&["retrain", "show", id, "--json"]).stdout);
}

#[test]
fn a_trainer_elsewhere_is_asked_signed_and_answers_once() {
    let receiver = Receiver::start(true);
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).expect("written");
    let declared = |seconds: u32| {
        format!(
            "[elsewhere]\ntimeout_seconds = {seconds}\n[elsewhere.webhook]\nurl = \"{}\"\n\
             shape = \"airflow\"\nsecret_file = \"{}\"\nbody = {{ note = \"ours\" }}\n",
            receiver.url(),
            secret.display()
        )
    };
    let server = with_policy(server(&folder, &declared(600)), "elsewhere");
    let id = request(&server);
    let got = receiver.wait(|got| got.len() == 1);
    let (headers, body) = (&got[0].0, event(&got[0]));
    assert_eq!(headers["webhook-id"], id);
    assert_eq!(headers["webhook-signature"], signature(SECRET, &got[0]));
    assert_eq!(
        (&body["dag_run_id"], &body["note"]),
        (&json!(format!("plimsoll-{id}")), &json!("ours"))
    );
    let asked = &body["conf"];
    assert_eq!((&asked["data"]["rows"], &asked["retrain"]), (&json!(20), &json!(id)));
    // A server that dies asks again, under the same id: a receiver starts one run.
    drop(server.kill());
    let server = self::server(&folder, &declared(600));
    let got = receiver.wait(|got| got.len() == 2);
    assert_eq!(got[1].0["webhook-id"], id);
    assert_eq!(event(&got[1])["conf"], *asked, "the same rows");
    // It uploads its model and says so, with the token of what it was asked.
    let model = std::fs::read(demo("credit/model.json")).expect("read");
    let media = [("content-type", "application/octet-stream")];
    let stored = post(server.control(), "/api/v1/artifacts", &model, &media).json();
    let file = json!({
        "path": "model.json", "digest": stored["digest"], "size": stored["size"], "role": "model",
    });
    let path = asked["answer"].as_str().expect("a path");
    let answer = |token: &Value, files: Value| -> Http {
        let body = json!({"token": token, "files": files}).to_string();
        post(server.control(), path, body.as_bytes(), &[])
    };
    let wrong = answer(&json!("0".repeat(64)), json!([file]));
    assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("token")), "{}", wrong.body);
    assert_eq!(answer(&asked["token"], json!([])).status, 422, "no model");
    let taken = answer(&asked["token"], json!([file]));
    assert_eq!(taken.status, 200, "{}", taken.body);
    let shown = wait(&server, &id, "candidate");
    assert_eq!((&shown["version"], &shown["attempts"]), (&json!(2), &json!(1)), "{shown:#}");
    let twice = answer(&asked["token"], json!([file]));
    assert_eq!(twice.status, 409, "{}", twice.body);
    let version = server.cli(&["model", "show", "credit", "--version", "2", "--json"]).json();
    let files = version["files"].as_array().expect("files").iter();
    let files: Vec<&str> = files.map(|file| file["path"].as_str().expect("text")).collect();
    assert_eq!(files, ["lineage.json", "model.json"]);

    // One that says nothing is not waited for without end.
    drop(server.kill());
    let server = self::server(&folder, &declared(2));
    let id = request(&server);
    let shown = wait(&server, &id, "failed");
    assert!(shown["why"].as_str().expect("why").contains("within 2 seconds"), "{shown:#}");
}

/// The template of docs/retraining.md, with the real DVC.
#[test]
fn a_project_of_dvc_is_reproduced_on_the_rows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dvc = root.join(".venv/dvc/bin");
    assert!(dvc.join("dvc").exists(), "run `make tools-test` first: there is no {}", dvc.display());
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let project = folder.path().join("project");
    std::fs::create_dir_all(project.join("data")).expect("a folder");
    std::fs::create_dir_all(project.join("models")).expect("a folder");
    let stage = format!(
        "stages:\n  train:\n    cmd: cp {} models/model.json\n    deps: [data/decisions.parquet]\n    \
         outs: [models/model.json]\n",
        demo("credit/model.json").display()
    );
    std::fs::write(project.join("dvc.yaml"), stage).expect("written");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", dvc.display());
    let made = Command::new(dvc.join("dvc"))
        .args(["init", "--no-scm", "-q"])
        .current_dir(&project)
        .env("PATH", &path)
        .output()
        .expect("dvc runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let script = "cp \"$PLIMSOLL_RETRAIN_DATA\" data/decisions.parquet && dvc repro";
    let text = format!(
        "[dvc]\ncommand = [\"/bin/sh\", \"-c\", {script:?}]\nfolder = \"{}\"\n\
         model = \"models/model.json\"\nenv = {{ PATH = \"{path}\" }}\n",
        project.display()
    );
    let server = with_policy(server(&folder, &text), "dvc");
    let id = request(&server);
    for _ in 0..1_200 {
        let shown = server.cli(&["retrain", "show", &id, "--json"]).json();
        if !shown["ended_at"].is_null() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = server.cli(&["retrain", "log", &id]).ok();
    let shown = server.cli(&["retrain", "show", &id, "--json"]).json();
    assert_eq!(shown["state"], "candidate", "{shown:#}\n{log}");
    assert!(log.contains("Running stage 'train'"), "{log}");
    assert!(project.join("dvc.lock").exists());
}
