//! A server in a temporary folder, and a few ways to talk to it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_plimsoll");

/// Three ports in a row that are free now. Each test binary process starts at its own place.
fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 1_300).expect("small") * 30;
    loop {
        let base = start + NEXT.fetch_add(3, Ordering::Relaxed) % 9_000;
        let bound: Vec<_> =
            (0..3).filter_map(|n| TcpListener::bind(("127.0.0.1", base + n)).ok()).collect();
        if bound.len() == 3 {
            return base;
        }
    }
}

/// A file of the demo.
pub(crate) fn demo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(path)
}

/// The demo's requests.
pub(crate) fn requests() -> Vec<String> {
    let text = std::fs::read_to_string(demo("credit/requests.jsonl")).expect("committed");
    text.lines().map(str::to_owned).collect()
}

/// A running server.
pub(crate) struct Server {
    pub(crate) folder: Arc<tempfile::TempDir>,
    pub(crate) port: u16,
    pub(crate) child: Child,
    pub(crate) dev: bool,
    pub(crate) admin_key: Option<String>,
    said: Arc<Mutex<String>>,
}

/// What the command line answered.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }
    pub(crate) fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }
}

/// What HTTP answered.
pub(crate) struct Http {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Http {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Server {
    pub(crate) fn dev() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().expect("temp")), &["--dev"])
    }
    pub(crate) fn production() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().expect("temp")), &[])
    }

    /// Starts the binary on `folder`, new or used, and waits until it answers.
    pub(crate) fn start_in(folder: Arc<tempfile::TempDir>, args: &[&str]) -> Self {
        Self::start_by(Command::new(BINARY), folder, args)
    }

    /// Starts `command` (the binary, or a tool that runs it) with the server's arguments.
    pub(crate) fn start_by(
        mut command: Command,
        folder: Arc<tempfile::TempDir>,
        args: &[&str],
    ) -> Self {
        let port = free_ports();
        let dev = args.contains(&"--dev");
        let mut child = command
            .arg("serve")
            .args(["--port", &port.to_string()])
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg("--keys")
            .arg(folder.path().join("keys"))
            .args(["--set", "ledger.reserve=0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let said = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("piped")),
            Box::new(child.stderr.take().expect("piped")),
        ];
        for stream in streams {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut said = said.lock().expect("not poisoned");
                    said.push_str(&line);
                    said.push('\n');
                }
            });
        }
        let mut server = Self { folder, port, child, dev, admin_key: None, said };
        server.wait_ready();
        server.admin_key = server.printed_key();
        server
    }

    /// The admin key of a first start. It is printed just after the first answer could be given.
    fn printed_key(&self) -> Option<String> {
        for _ in 0..if self.dev { 0 } else { 50 } {
            if let Some(key) = self.said().split_whitespace().find(|word| word.starts_with("plim_"))
            {
                return Some(key.to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    fn wait_ready(&mut self) {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().expect("waits") {
                panic!("the server ended with {status}: {}", self.said());
            }
            // Beside other tests somebody else may have had the port just before.
            let asked = TcpStream::connect(self.metrics())
                .ok()
                .and_then(|stream| answer_of(stream, "GET", "/readyz", b"", &[]));
            if asked.is_some_and(|answer| answer.status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not answer: {}", self.said());
    }

    /// Everything it printed.
    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("not poisoned").clone()
    }
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }
    pub(crate) fn control(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port + u16::from(!self.dev)))
    }
    pub(crate) fn metrics(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port + if self.dev { 0 } else { 2 }))
    }
    pub(crate) fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }
    pub(crate) fn keys_folder(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// Runs the command line against this server as `key`.
    pub(crate) fn cli_as(&self, key: Option<&str>, args: &[&str]) -> Said {
        let mut command = Command::new(BINARY);
        command
            .args(args)
            .args(["--url", &format!("http://{}", self.control())])
            .env_remove("PLIMSOLL_KEY");
        if let Some(key) = key {
            command.env("PLIMSOLL_KEY", key);
        }
        let output = command.output().expect("runs");
        Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
    pub(crate) fn cli(&self, args: &[&str]) -> Said {
        self.cli_as(self.admin_key.as_deref(), args)
    }

    /// Sets up the demo's credit deployment under `--dev`.
    pub(crate) fn with_credit(self, mode: &str) -> Self {
        let (model, contract) = (demo("credit/model.json"), demo("credit/contract.yaml"));
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        self.cli(&["model", "add", "credit", &text(&model)]).ok();
        self.cli(&[
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
            "--mode",
            mode,
        ])
        .ok();
        self
    }

    /// Asks the credit deployment.
    pub(crate) fn infer(&self, body: &str, headers: &[(&str, &str)]) -> Http {
        post(self.address(), "/v2/models/credit-default/infer", body.as_bytes(), headers)
    }

    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }
    /// Kills the process as a power cut would.
    pub(crate) fn kill(mut self) -> Arc<tempfile::TempDir> {
        self.child.kill().expect("kills");
        self.child.wait().expect("waits");
        Arc::clone(&self.folder)
    }
    /// Stops it as an operator would; returns the folder and the exit code.
    pub(crate) fn stop(mut self) -> (Arc<tempfile::TempDir>, Option<i32>) {
        self.signal("TERM");
        let status = self.child.wait().expect("waits");
        (Arc::clone(&self.folder), status.code())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn get(to: SocketAddr, path: &str, key: Option<&str>) -> Http {
    let auth = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<(&str, &str)> =
        auth.iter().map(|auth| ("authorization", auth.as_str())).collect();
    request(to, "GET", path, b"", &headers)
}

pub(crate) fn post(to: SocketAddr, path: &str, body: &[u8], headers: &[(&str, &str)]) -> Http {
    let mut all = vec![("content-type", "application/json")];
    all.retain(|(name, _)| !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
    all.extend_from_slice(headers);
    request(to, "POST", path, body, &all)
}

/// One request on a connection of its own.
pub(crate) fn request(
    to: SocketAddr,
    verb: &str,
    path: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> Http {
    let stream = TcpStream::connect(to).expect("connects");
    answer_of(stream, verb, path, body, headers)
        .unwrap_or_else(|| panic!("{verb} {path}: no answer"))
}

fn answer_of(
    mut stream: TcpStream,
    verb: &str,
    path: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> Option<Http> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    let mut head = format!("{verb} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if verb != "GET" {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    // A server may answer and close before it has read a body that is too large.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    parse(&String::from_utf8_lossy(&answer))
}

/// An HTTP/1.1 answer.
pub(crate) fn parse(answer: &str) -> Option<Http> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    Some(Http { status, headers, body: body.to_owned() })
}

/// A keep-alive connection that asks the credit deployment again and again.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(to: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Status, decision id and body; an error when the connection broke.
    pub(crate) fn infer(
        &mut self,
        body: &str,
        headers: &str,
    ) -> std::io::Result<(u16, String, String)> {
        self.ask("credit-default", body, headers)
    }

    /// The same of any deployment.
    pub(crate) fn ask(
        &mut self,
        deployment: &str,
        body: &str,
        headers: &str,
    ) -> std::io::Result<(u16, String, String)> {
        let head = format!(
            "POST /v2/models/{deployment}/infer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.stream.get_mut().write_all(format!("{head}{body}").as_bytes())?;
        let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let (mut status, mut id, mut length) = (None, String::new(), 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(broken());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok());
            } else if let Some((name, value)) = line.split_once(": ") {
                match name.to_ascii_lowercase().as_str() {
                    "plimsoll-decision-id" => id = value.to_owned(),
                    "content-length" => length = value.parse().map_err(|_| broken())?,
                    _ => {}
                }
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok((status.ok_or_else(broken)?, id, String::from_utf8_lossy(&answer).into_owned()))
    }
}
