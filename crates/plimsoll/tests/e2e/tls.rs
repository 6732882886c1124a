//! TLS as clients see it: curl, and the command line, which speaks it by itself.
//!
//! openssl makes the certificates, so that they come from another hand than the one that
//! reads them.

use crate::harness::{BINARY, demo, requests};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// curl's exit codes: the handshake failed, the certificate is not to be trusted.
const HANDSHAKE_FAILED: i32 = 35;
const NOT_TRUSTED: i32 = 60;

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

pub(crate) fn openssl(folder: &Path, args: &str) {
    let output = Command::new("openssl").current_dir(folder).args(args.split(' ')).output();
    let output = output.expect("openssl runs");
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority (`ca.pem`) and a certificate of it for localhost (`cert.pem`, `key.pem`).
pub(crate) fn certificates(folder: &Path) {
    let new = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2";
    openssl(folder, &format!("{new} -keyout ca.key -out ca.pem -subj /CN=authority"));
    openssl(
        folder,
        &format!(
            "{new} -keyout key.pem -out cert.pem -subj /CN=localhost -CA ca.pem -CAkey ca.key \
             -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=CA:FALSE"
        ),
    );
}

fn serve(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(["serve", "--dev", "--port", "0", "--set", "ledger.reserve=0"])
        .args(["--set", &format!("tls.cert={}", text(&folder.join("cert.pem")))])
        .args(["--set", &format!("tls.key={}", text(&folder.join("key.pem")))])
        .args(more)
        .arg("--data")
        .arg(folder.join("data"))
        .arg("--keys")
        .arg(folder.join("keys"))
        .stdin(Stdio::null());
    command
}

/// A server with the credit deployment that speaks TLS only.
pub(crate) struct Secure {
    pub(crate) folder: tempfile::TempDir,
    child: Child,
    pub(crate) address: String,
}

impl Secure {
    pub(crate) fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("temp");
        certificates(folder.path());
        Self::start_in(folder, more)
    }

    /// The same in a folder that has the certificates.
    pub(crate) fn start_in(folder: tempfile::TempDir, more: &[&str]) -> Self {
        let log = folder.path().join("log");
        let file = std::fs::File::create(&log).expect("made");
        let child = serve(folder.path(), more).stderr(file).spawn().expect("runs");
        let mut secure = Self { folder, child, address: String::new() };
        for _ in 0..600 {
            let said = std::fs::read_to_string(&log).expect("there");
            if let Some((_, rest)) = said.split_once("answers on https://")
                && let Some((address, _)) = rest.split_once('\n')
            {
                secure.address = address.trim().to_owned();
                return secure;
            }
            assert!(secure.child.try_wait().expect("waits").is_none(), "the server ended: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not answer: {}", std::fs::read_to_string(&log).expect("there"));
    }

    /// The command line, which trusts the authority only.
    fn cli(&self, args: &[&str]) {
        let output = Command::new(BINARY)
            .args(args)
            .args(["--url", &format!("https://{}", self.address)])
            .env("PLIMSOLL_CA_FILE", self.folder.path().join("ca.pem"))
            .output()
            .expect("runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn with_credit(self) -> Self {
        let (model, contract) = (demo("credit/model.json"), demo("credit/contract.yaml"));
        self.cli(&["model", "add", "credit", &text(&model)]);
        let create = "deployment create credit-default --model credit --version 1 \
                      --environment development --contract";
        let mut create: Vec<&str> = create.split_whitespace().collect();
        let contract = text(&contract);
        create.push(&contract);
        self.cli(&create);
        self
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// curl's answer to one inference request: the body, then status and version of HTTP.
    fn curl(&self, args: &[&str]) -> Output {
        let url = format!("https://{}/v2/models/credit-default/infer", self.address);
        Command::new("curl")
            .args(["-sS", "--max-time", "20", "-w", "\n%{http_code} %{http_version}"])
            .args(["-H", "content-type: application/json", "-d", &requests()[0]])
            .args(args)
            .arg(url)
            .env_remove("SSL_CERT_FILE")
            .output()
            .expect("curl runs")
    }
    pub(crate) fn trusting_curl(&self, args: &[&str]) -> Output {
        let mut all = vec!["--cacert".to_owned(), text(&self.ca())];
        all.extend(args.iter().map(|&arg| arg.to_owned()));
        self.curl(&all.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_decision_is_asked_for_over_tls_by_http_1_and_2() {
    let server = Secure::start(&[]).with_credit();
    for (version, args) in [
        ("1.1", ["--http1.1", "--tlsv1.3"].as_slice()),
        ("1.1", &["--http1.1", "--tlsv1.2", "--tls-max", "1.2"]),
        ("2", &["--http2", "--tlsv1.3"]),
        ("2", &["--http2", "--tlsv1.2", "--tls-max", "1.2"]),
        // What curl asks for by itself.
        ("2", &[]),
    ] {
        let output = server.trusting_curl(args);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(said.ends_with(&format!("\n200 {version}")), "{args:?}: {said}");
        assert!(said.contains("probability"), "{args:?}: {said}");
    }
}

#[test]
fn who_cannot_be_trusted_or_is_too_old_gets_no_connection() {
    let server = Secure::start(&[]);
    // A client that does not know the authority.
    assert_eq!(server.curl(&[]).status.code(), Some(NOT_TRUSTED));
    // The client would speak TLS 1.0 and 1.1; it is the server that ends it.
    for version in ["1.0", "1.1"] {
        let least = format!("--tlsv{version}");
        let old = [&least, "--tls-max", version, "--ciphers", "DEFAULT@SECLEVEL=0"];
        let output = server.trusting_curl(&old);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(HANDSHAKE_FAILED), "TLS {version}: {said}");
        assert!(said.contains(" alert "), "TLS {version}: {said}");
    }
}

#[test]
fn plain_http_and_silence_are_not_answered_on_a_tls_port() {
    let server = Secure::start(&["--set", "limits.header_timeout=1s"]);
    for sent in [b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n".as_slice(), b""] {
        let mut stream = TcpStream::connect(&server.address).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        stream.write_all(sent).expect("sent");
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            // The server closed with our bytes unread.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the connection is still open: {error}"),
        }
        let said = String::from_utf8_lossy(&answer);
        assert!(!said.contains("HTTP"), "answered without TLS: {said}");
    }
}

/// Whether somebody is connected to the port.
fn is_connected(address: &str) -> bool {
    let port: u16 = address.rsplit(':').next().expect("a port").parse().expect("a number");
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    sockets.lines().any(|line| {
        let mut parts = line.split_whitespace().skip(1);
        let is_its = parts.next().is_some_and(|local| local.ends_with(&format!(":{port:04X}")));
        // ESTABLISHED, of include/net/tcp_states.h
        is_its && parts.nth(1) == Some("01")
    })
}

#[test]
fn who_asks_and_never_reads_is_closed() {
    let server = Secure::start(&["--set", "limits.idle_timeout=1s"]).with_credit();
    let body = &requests()[0];
    let length = body.len();
    let request = format!(
        "POST /v2/models/credit-default/infer HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-alpn", "http/1.1", "-connect", &server.address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let mut asking = client.stdin.take().expect("piped");
    let asks = std::thread::spawn(move || {
        (0..200_000).take_while(|_| asking.write_all(request.as_bytes()).is_ok()).count()
    });
    // It waits to be read from, and so reads nothing itself.
    let within = |done: &dyn Fn() -> bool| {
        (0..400).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            done()
        })
    };
    assert!(within(&|| is_connected(&server.address)), "no connection");
    assert!(within(&|| !is_connected(&server.address)), "the connection is still open");
    client.kill().expect("killed");
    client.wait().expect("waits");
    assert!(asks.join().expect("asked") < 200_000, "every answer waits somewhere");
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_and_nothing_starts() {
    let folder = tempfile::tempdir().expect("temp");
    let path = |name: &str| folder.path().join(name);
    certificates(folder.path());
    let (cert, key) =
        (std::fs::read(path("cert.pem")).expect("there"), std::fs::read(path("key.pem")));
    let key = key.expect("there");
    let restore = || {
        std::fs::write(path("cert.pem"), &cert).expect("written");
        std::fs::write(path("key.pem"), &key).expect("written");
    };
    let cut = &cert[..cert.len() / 2];
    type Break<'a> = Box<dyn Fn() + 'a>;
    let cases: Vec<(&str, &str, Break<'_>)> = vec![
        ("no file", "cert.pem", Box::new(|| std::fs::remove_file(path("cert.pem")).expect("gone"))),
        ("cut short", "cert.pem", Box::new(|| std::fs::write(path("cert.pem"), cut).expect("cut"))),
        ("not PEM", "cert.pem", Box::new(|| std::fs::write(path("cert.pem"), "?").expect("cut"))),
        ("empty", "cert.pem", Box::new(|| std::fs::write(path("cert.pem"), "").expect("cut"))),
        ("no key", "key.pem", Box::new(|| std::fs::write(path("key.pem"), &cert).expect("cut"))),
        (
            "the key of another",
            "cert.pem",
            Box::new(|| assert!(std::fs::copy(path("ca.key"), path("key.pem")).is_ok())),
        ),
    ];
    for (what, file, make) in cases {
        restore();
        make();
        let output = serve(folder.path(), &[]).output().expect("runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains(&text(&path(file))), "{what}: {said}");
        assert!(said.starts_with("error: ") && !said.contains("PRIVATE"), "{what}: {said}");
        assert!(!path("data").exists(), "{what}: a folder was made");
    }
}
