//! Each root against what it speaks to: a stand-in of ours that keeps Vault's contract, `moto`'s
//! KMS, `softhsm2`. The last two are installed by `make tools-test`.

use plimsoll_ledger::{Root, RootError, RootState};
use plimsoll_outbound::{Outbound, OutboundConfig};
use plimsoll_root::{Credentials, RootAddress, Service, open};
use plimsoll_types::{Clock, SystemClock};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zeroize::Zeroizing;

const SECRET: [u8; 32] = [0x5a; 32];

fn root(address: &str, user: Option<&str>, secret: &str) -> Arc<dyn Root> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let outbound = Outbound::new(OutboundConfig::dev(), Arc::clone(&clock)).expect("client");
    let credentials =
        Credentials { user: user.map(str::to_owned), secret: Zeroizing::new(secret.to_owned()) };
    let address: RootAddress = address.parse().expect("address");
    open(&address, credentials, Service { outbound, clock }, Path::new("/none")).expect("opens")
}

/// What every root must do, whatever it is.
fn keeps_the_contract(root: &dyn Root) {
    let wrapped = root.wrap(b"epoch 1", &SECRET).expect("wraps");
    assert!(wrapped.len() <= 4096 && !wrapped.windows(32).any(|part| part == SECRET));
    assert_eq!(*root.unwrap(b"epoch 1", &wrapped).expect("unwraps"), SECRET);
    assert_ne!(root.wrap(b"epoch 1", &SECRET).expect("wraps"), wrapped, "never twice the same");
    assert_eq!(root.unwrap(b"epoch 2", &wrapped), Err(RootError::NotIts), "another use");
    let mut altered = wrapped.clone();
    let last = altered.len() - 3;
    altered[last] ^= 1;
    assert_eq!(root.unwrap(b"epoch 1", &altered), Err(RootError::NotIts), "altered");
    for foreign in [&b""[..], b"x", &[7; 60], b"vault:v1:AAAA", b"kms:AAAA", b"p11:AAAA"] {
        let refused = root.unwrap(b"epoch 1", foreign);
        assert!(matches!(refused, Err(RootError::NotIts)), "{foreign:?}: {refused:?}");
    }
    assert_eq!(root.state().expect("state"), RootState::Usable);
    let shown = format!("{root:?} {}", root.name());
    assert!(!shown.contains("token-1") && !shown.contains("secret"), "{shown}");
}

#[test]
fn a_root_in_the_environment() {
    let key = "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=";
    keeps_the_contract(&*root("env:PLIMSOLL_ROOT_KEY", None, key));
    for bad in ["", "short", "WlpaWlpa", &"A".repeat(44)] {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let outbound = Outbound::new(OutboundConfig::dev(), Arc::clone(&clock)).expect("client");
        let credentials = Credentials { user: None, secret: Zeroizing::new(bad.to_owned()) };
        let service = Service { outbound, clock };
        let address = "env:PLIMSOLL_ROOT_KEY".parse().expect("address");
        let error = open(&address, credentials, service, Path::new("/none")).expect_err("refused");
        assert_eq!(error.to_string(), "the root key must be 32 bytes in base64");
    }
}

/// A stand-in for Vault's transit engine: what its documentation says of `encrypt`, `decrypt`
/// and reading a key, with texts that only it can tell. What is wrapped stays in its memory.
#[derive(Default)]
struct Transit {
    texts: Mutex<HashMap<String, (String, String)>>,
    gone: AtomicBool,
    sealed: AtomicBool,
}

impl Transit {
    fn start() -> (Arc<Self>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("port");
        let port = listener.local_addr().expect("address").port();
        let transit = Arc::new(Self::default());
        let served = Arc::clone(&transit);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                served.answer(stream.expect("connection"));
            }
        });
        (transit, port)
    }

    fn answer(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length, mut token) = (String::new(), 0, String::new());
        reader.read_line(&mut head).expect("head");
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("line");
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().expect("length"),
                "x-vault-token" => token = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("body");
        let body = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
        let (status, answer) = if token == "token-1" {
            self.act(head.split(' ').take(2).collect::<Vec<_>>().join(" ").as_str(), &body)
        } else {
            (403, r#"{"errors":["permission denied"]}"#.to_owned())
        };
        write!(
            reader.get_mut(),
            "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        )
        .expect("answered");
    }

    fn act(&self, what: &str, body: &serde_json::Value) -> (u16, String) {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let mut texts = self.texts.lock().expect("lock");
        if self.sealed.load(Ordering::Relaxed) {
            return (503, r#"{"errors":["Vault is sealed"]}"#.to_owned());
        }
        match what {
            _ if self.gone.load(Ordering::Relaxed) => (404, r#"{"errors":[]}"#.to_owned()),
            "POST /v1/transit/encrypt/plimsoll" => {
                let name = format!("vault:v1:{:032}", texts.len());
                texts.insert(name.clone(), (text("plaintext"), text("associated_data")));
                (200, format!(r#"{{"data":{{"ciphertext":"{name}","key_version":1}}}}"#))
            }
            "POST /v1/transit/decrypt/plimsoll" => match texts.get(&text("ciphertext")) {
                Some((plain, data)) if *data == text("associated_data") => {
                    (200, format!(r#"{{"data":{{"plaintext":"{plain}"}}}}"#))
                }
                _ => (400, r#"{"errors":["cipher: message authentication failed"]}"#.to_owned()),
            },
            "GET /v1/transit/keys/plimsoll" => {
                (200, r#"{"data":{"type":"aes256-gcm96","latest_version":1}}"#.to_owned())
            }
            other => panic!("not of the contract: {other}"),
        }
    }
}

#[test]
fn a_root_in_vault() {
    let (transit, port) = Transit::start();
    let address = format!("vault:http://127.0.0.1:{port}/transit/plimsoll");
    let vault = root(&address, None, "token-1");
    keeps_the_contract(&*vault);
    let wrapped = vault.wrap(b"use", &SECRET).expect("wraps");
    let stranger = root(&address, None, "token-2");
    assert!(matches!(stranger.wrap(b"use", &SECRET), Err(RootError::Refused(_))));
    transit.sealed.store(true, Ordering::Relaxed);
    assert!(matches!(vault.unwrap(b"use", &wrapped), Err(RootError::Unreachable(_))));
    transit.sealed.store(false, Ordering::Relaxed);
    transit.gone.store(true, Ordering::Relaxed);
    assert_eq!(vault.state().expect("state"), RootState::Destroyed);
    assert!(matches!(vault.wrap(b"use", &SECRET), Err(RootError::Refused(_))));
    let nobody = root("vault:http://127.0.0.1:1/transit/plimsoll", None, "token-1");
    assert!(matches!(nobody.state(), Err(RootError::Unreachable(_))));
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// One call of moto's KMS, unsigned: it takes those too.
fn moto(port: u16, operation: &str, body: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    let request = format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
         content-type: application/x-amz-json-1.1\r\nx-amz-target: TrentService.{operation}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=id/20260701/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=x\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).unwrap_or(serde_json::Value::Null)
}

#[test]
fn a_root_in_kms() {
    let port = TcpListener::bind("127.0.0.1:0").expect("port").local_addr().expect("port").port();
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/moto/bin/moto_server");
    let server = Command::new(&python)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("moto is installed by `make tools-test`");
    let _server = Running(server);
    let up = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert!(up, "moto answers");
    let made = moto(port, "CreateKey", "{}");
    let key = made["KeyMetadata"]["KeyId"].as_str().expect("a key").to_owned();
    let name = format!(r#"{{"AliasName":"alias/plimsoll","TargetKeyId":"{key}"}}"#);
    moto(port, "CreateAlias", &name);
    let address = format!("kms:http://127.0.0.1:{port}/us-east-1/alias/plimsoll");
    let kms = root(&address, Some("AKIDEXAMPLE"), "secret-1");
    keeps_the_contract(&*kms);
    let id = format!(r#"{{"KeyId":"{key}"}}"#);
    moto(port, "DisableKey", &id);
    assert_eq!(kms.state().expect("state"), RootState::Disabled);
    let deletion = format!(r#"{{"KeyId":"{key}","PendingWindowInDays":7}}"#);
    moto(port, "ScheduleKeyDeletion", &deletion);
    // Told to go is not gone: the provider keeps the key for days.
    assert_eq!(kms.state().expect("state"), RootState::PendingDestruction);
    let other = root(
        &format!("kms:http://127.0.0.1:{port}/us-east-1/alias/none"),
        Some("AKIDEXAMPLE"),
        "secret-1",
    );
    assert_eq!(other.state().expect("state"), RootState::Destroyed);
}

#[test]
fn a_root_in_a_hardware_module() {
    const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
    assert!(Path::new(MODULE).exists(), "softhsm2 is installed by `make tools-test`");
    // The module finds its tokens by its environment, which a test cannot set for itself.
    let folder = tempfile::tempdir().expect("folder");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "each::in_the_module", "--nocapture"])
        .env("SOFTHSM2_CONF", softhsm(folder.path()))
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// A token with an AES key in `folder`; returns the module's settings file.
fn softhsm(folder: &Path) -> std::path::PathBuf {
    let (tokens, settings) = (folder.join("tokens"), folder.join("softhsm2.conf"));
    std::fs::create_dir(&tokens).expect("folder");
    let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    std::fs::write(&settings, text).expect("settings");
    let key = folder.join("key");
    std::fs::write(&key, [0x42; 32]).expect("key");
    let run = |args: &[&str]| {
        let mut command = Command::new("softhsm2-util");
        let output = command.args(args).env("SOFTHSM2_CONF", &settings).output().expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let path = key.to_str().expect("UTF-8");
    run(&["--init-token", "--free", "--label", "plimsoll", "--pin", "1234", "--so-pin", "5678"]);
    run(&[
        "--import", path, "--aes", "--token", "plimsoll", "--label", "root", "--id", "a1", "--pin",
        "1234",
    ]);
    settings
}

#[test]
#[ignore = "run by `a_root_in_a_hardware_module`, with a token of its own"]
fn in_the_module() {
    let module = "pkcs11:/usr/lib/softhsm/libsofthsm2.so?token=plimsoll&key=root";
    let root = root(module, None, "1234");
    keeps_the_contract(&*root);
    let none = "pkcs11:/usr/lib/softhsm/libsofthsm2.so?token=plimsoll&key=none".parse();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let outbound = Outbound::new(OutboundConfig::dev(), Arc::clone(&clock)).expect("client");
    let service = Service { outbound, clock };
    let credentials = Credentials { user: None, secret: Zeroizing::new("0000".to_owned()) };
    let refused = open(&none.expect("address"), credentials, service, Path::new("/none"));
    assert!(refused.is_err(), "a wrong PIN");
}
