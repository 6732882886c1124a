//! Checkpoints by e-mail, to a relay and a reader of mail that are not ours.

use crate::harness::{BINARY, Server, requests};
use crate::tls::certificates;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address").port()
}

/// A relay that ends with the test.
pub(crate) struct Relay {
    child: Child,
    folder: PathBuf,
}

impl Relay {
    /// Keeps mail in `folder`, where `certificates` were made.
    pub(crate) fn start(folder: &Path, port: u16, mode: &str) -> Self {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
        let kept = folder.join("mail");
        std::fs::create_dir_all(&kept).expect("made");
        let mut child = Command::new(crates.join("../../.venv/smtp/bin/python"))
            .arg(crates.join("tests/e2e/smtp_server.py"))
            .args([&port.to_string(), text(&kept), mode])
            .args([folder.join("cert.pem"), folder.join("key.pem")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("aiosmtpd is installed by `make tools-test`");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("piped"));
        said.read_line(&mut line).expect("read");
        assert_eq!(line.trim(), "ready");
        Self { child, folder: kept }
    }

    /// The messages so far, in the order they came.
    pub(crate) fn kept(&self) -> Vec<Value> {
        let files = std::fs::read_dir(&self.folder).expect("folder");
        let mut paths: Vec<PathBuf> = files.map(|file| file.expect("file").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort();
        let read = |path: &PathBuf| std::fs::read_to_string(path).expect("read");
        paths.iter().map(|path| serde_json::from_str(&read(path)).expect("JSON")).collect()
    }

    /// Waits for a message about more than `size` entries; gives the file of its checkpoint.
    fn beyond(&self, size: u64) -> (u64, PathBuf) {
        for _ in 0..1_500 {
            for message in self.kept() {
                let name = message["files"][0].as_str().expect("a file").to_owned();
                let digits = name.trim_end_matches(".checkpoint").trim_start_matches('0');
                let found = digits.parse().expect("a size");
                if found > size {
                    return (found, self.folder.join(name));
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no message about more than {size} entries: {:?}", self.kept());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server that mails its checkpoints.
fn server(folder: &Arc<tempfile::TempDir>, relay: &str, more: &[String]) -> Server {
    let mut set = vec![
        format!("mail.relay={relay}"),
        "mail.from=Plimsoll <plimsoll@example.org>".to_owned(),
        "ledger.mail_to=auditor@example.org, Second Pair of Eyes <eyes@example.net>".to_owned(),
        "ledger.mail_every=100ms".to_owned(),
    ];
    set.extend_from_slice(more);
    let args: Vec<&str> = set.iter().flat_map(|one| ["--set", one]).collect();
    Server::start_in(Arc::clone(folder), &[&["--dev"][..], &args].concat())
}

fn failing(server: &Server) -> String {
    for _ in 0..500 {
        let status = server.cli(&["status", "--json"]).json();
        if let Some(why) = status["ledger"]["log"]["sinks"][0]["failing"].as_str() {
            return why.to_owned();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no sink fails");
}

/// What an auditor does with two messages: each is signed, and the later grew out of the earlier.
fn proves_growth(mode: &str, scheme: &str) {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    certificates(folder.path());
    let port = free_port();
    let relay = Relay::start(folder.path(), port, mode);
    let password = folder.path().join("password");
    std::fs::write(&password, "correct horse\n").expect("written");
    let more = [
        "mail.user=plimsoll".to_owned(),
        format!("mail.password_file={}", text(&password)),
        format!("outbound.ca_file={}", text(&folder.path().join("ca.pem"))),
    ];
    let server = server(&folder, &format!("{scheme}://localhost:{port}"), &more);
    let server = server.with_credit("durable");
    let (old_size, old) = relay.beyond(0);
    for body in requests().iter().take(20) {
        assert_eq!(server.infer(body, &[]).status, 200);
    }
    let (new_size, new) = relay.beyond(old_size + 19);
    let key = server.cli(&["ledger", "key"]).ok();
    let proof =
        server.cli(&["ledger", "consistency", &old_size.to_string(), &new_size.to_string()]).ok();
    let path = folder.path().join("proof.json");
    std::fs::write(&path, proof).expect("written");
    let verify = || {
        let mut command = Command::new(BINARY);
        command.args(["verify", "consistency", text(&old), text(&new), "--key", key.trim()]);
        command.args(["--proof", text(&path)]).output().expect("runs").status.code()
    };
    assert_eq!(verify(), Some(0), "what was mailed is what was signed, to the byte");
    let mut bytes = std::fs::read(&new).expect("read");
    let root = bytes.iter().rposition(|byte| *byte == b'\n').expect("lines") - 3;
    bytes[root] ^= 1;
    std::fs::write(&new, bytes).expect("written");
    assert_eq!(verify(), Some(3));

    let messages = relay.kept();
    let one = &messages[0];
    assert_eq!(one["to"], serde_json::json!(["auditor@example.org", "eyes@example.net"]));
    assert_eq!(one["from"], "plimsoll@example.org");
    assert_eq!((&one["is_secure"], &one["is_authenticated"]), (&true.into(), &true.into()));
    assert_eq!(one["auto_submitted"], "auto-generated");
    let subject = one["subject"].as_str().expect("a subject");
    assert!(subject.starts_with("Checkpoint of ") && subject.ends_with(" entries"), "{subject}");
    assert!(one["text"].as_str().expect("text").contains("plimsoll verify"), "{one}");
    let mut ids: Vec<&str> = messages.iter().filter_map(|m| m["message_id"].as_str()).collect();
    ids.dedup();
    assert_eq!(ids.len(), messages.len(), "a checkpoint is mailed once");
    assert!(!server.said().contains("correct horse"));
}

#[test]
fn mailed_checkpoints_prove_growth_by_starttls() {
    proves_growth("starttls", "smtp");
}

#[test]
fn mailed_checkpoints_prove_growth_by_tls_from_the_start() {
    proves_growth("smtps", "smtps");
}

#[test]
fn a_relay_that_is_away_or_refuses_is_told_of_and_delays_nothing() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    certificates(folder.path());
    let port = free_port();
    let relay = format!("smtp+plain://127.0.0.1:{port}");
    let running = server(&folder, &relay, &[]).with_credit("durable");
    assert!(failing(&running).contains("cannot be reached"), "{}", failing(&running));
    assert_eq!(running.infer(&requests()[0], &[]).status, 200);
    let receiving = Relay::start(folder.path(), port, "plain");
    // It comes when the relay is back.
    receiving.beyond(0);
    assert_eq!(running.stop().1, Some(0));
    drop(receiving);

    // Nothing is sent where TLS was asked for and is not there, nor by who is not known.
    std::fs::remove_dir_all(folder.path().join("mail")).expect("removed");
    let receiving = Relay::start(folder.path(), port, "plain");
    let running = server(&folder, &format!("smtp://localhost:{port}"), &[]);
    assert!(failing(&running).contains("STARTTLS"), "{}", failing(&running));
    assert_eq!(running.stop().1, Some(0));
    assert_eq!(receiving.kept(), Vec::<Value>::new());
    drop(receiving);
    let receiving = Relay::start(folder.path(), port, "starttls");
    let password = folder.path().join("password");
    std::fs::write(&password, "wrong horse").expect("written");
    let more = [
        "mail.user=plimsoll".to_owned(),
        format!("mail.password_file={}", text(&password)),
        format!("outbound.ca_file={}", text(&folder.path().join("ca.pem"))),
    ];
    let running = server(&folder, &format!("smtp://localhost:{port}"), &more);
    assert!(failing(&running).contains("535"), "{}", failing(&running));
    assert!(!running.said().contains("wrong horse"));
    assert_eq!(running.stop().1, Some(0));
    // A certificate that nobody trusts.
    let running = server(&folder, &format!("smtp://localhost:{port}"), &more[..2]);
    assert!(failing(&running).contains("TLS"), "{}", failing(&running));
    assert_eq!(running.stop().1, Some(0));
    assert_eq!(receiving.kept(), Vec::<Value>::new());
}
