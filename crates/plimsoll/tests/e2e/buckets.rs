//! Artifacts in a bucket, through the whole product, with `moto`'s S3 on this machine (installed by
//! `make tools-test`). How signatures are checked is tested beside the client.

use crate::harness::{BINARY, Server, get, parse, request};
use serde_json::json;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const FILES: &str = "/api/2.0/mlflow-artifacts/artifacts";

struct Moto {
    child: Child,
    to: SocketAddr,
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Moto {
    fn start() -> Self {
        let moto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/moto/bin/moto_server");
        let to = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let to = to.expect("a port");
        let child = Command::new(moto)
            .args(["-H", "127.0.0.1", "-p", &to.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto is installed by `make tools-test`");
        let moto = Self { child, to };
        let up = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            TcpStream::connect(to).is_ok()
        });
        assert!(up, "moto answers");
        assert_eq!(moto.ask("PUT", "/models", b"").0, 200);
        moto
    }

    /// What moto answers. It does not look at signatures unless it is told to, but objects are
    /// not for those who have none.
    fn ask(&self, verb: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        use std::io::{Read, Write};
        let mut stream = TcpStream::connect(self.to).expect("connects");
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261122/us-east-1/s3/\
             aws4_request, SignedHeaders=host, Signature=0\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8_lossy(&answer[..at]).into_owned();
        (parse(&head).expect("an answer").status, answer.split_off(at))
    }

    /// Keys in the bucket.
    fn keys(&self) -> Vec<String> {
        let (_, listing) = self.ask("GET", "/models?list-type=2", b"");
        let listing = String::from_utf8(listing).expect("UTF-8");
        let keys = listing.split("<Key>").skip(1);
        keys.map(|rest| rest.split("</Key>").next().expect("ends").to_owned()).collect()
    }

    fn settings(&self, bucket: &str) -> Vec<String> {
        [
            format!("artifacts.store={bucket}"),
            format!("s3.endpoint=http://{}", self.to),
            "s3.path_style=true".to_owned(),
            "s3.key_id=AKIAEXAMPLE".to_owned(),
        ]
        .into_iter()
        .flat_map(|setting| ["--set".to_owned(), setting])
        .collect()
    }

    fn serve(&self, folder: Arc<tempfile::TempDir>) -> Server {
        let mut command = Command::new(BINARY);
        command.env("PLIMSOLL_S3_SECRET", "not-looked-at");
        let settings = self.settings("s3://models/plimsoll");
        let mut args = vec!["--dev"];
        args.extend(settings.iter().map(String::as_str));
        Server::start_by(command, folder, &args)
    }
}

#[test]
fn artifacts_stand_in_a_bucket_and_models_answer_from_it() {
    let moto = Moto::start();
    // What was there before there was a bucket moves.
    let server = Server::dev().with_credit("durable");
    let (folder, _) = server.stop();
    assert!(moto.keys().is_empty());
    let server = moto.serve(Arc::clone(&folder));
    let moved = moto.keys();
    assert!(!moved.is_empty() && moved.iter().all(|key| key.starts_with("plimsoll/sha256/")));
    let requests = crate::harness::requests();
    assert_eq!(server.infer(&requests[0], &[]).status, 200, "{}", server.said());

    // A file larger than a part goes there, and comes back in ranges.
    let text = "0123456789".repeat(2_000_000);
    let path = format!("{FILES}/1/r/artifacts/large.txt");
    assert_eq!(request(server.control(), "PUT", &path, text.as_bytes(), &[]).status, 200);
    let got = get(server.control(), &path, None);
    assert!(got.status == 200 && got.body == text);
    let part = request(server.control(), "GET", &path, b"", &[("range", "bytes=9999995-10000004")]);
    assert_eq!((part.status, part.body.as_str()), (206, "5678901234"));
    assert_eq!(moto.keys().len(), moved.len() + 1);

    // An upload in pieces goes on after the process died.
    let send = |server: &Server, verb: &str, path: &str, offset: usize, body: &str| {
        let offset = offset.to_string();
        let headers = [("upload-offset", offset.as_str()), ("content-type", "application/json")];
        request(server.control(), verb, path, body.as_bytes(), &headers)
    };
    let made = send(&server, "POST", "/api/v1/uploads", 0, "{}").json();
    let upload = format!("/api/v1/uploads/{}", made["id"].as_str().expect("an id"));
    assert_eq!(send(&server, "PATCH", &upload, 0, &text[..3_000_000]).status, 204);
    drop(server.kill());
    let server = moto.serve(folder);
    assert_eq!(send(&server, "PATCH", &upload, 3_000_000, "and the rest").status, 204);
    let done = send(&server, "POST", &format!("{upload}/finish"), 0, "{}");
    assert_eq!((done.status, &done.json()["size"]), (201, &json!(3_000_012)));
    let sealed = moto.keys();
    assert_eq!(sealed.len(), moved.len() + 2);

    // Whoever has the bucket changes a byte: the download breaks off.
    for key in &sealed {
        let (status, mut bytes) = moto.ask("GET", &format!("/models/{key}"), b"");
        assert_eq!(status, 200);
        assert!(!bytes.windows(10).any(|window| window == b"0123456789"), "sealed");
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        assert_eq!(moto.ask("PUT", &format!("/models/{key}"), &bytes).0, 200);
    }
    let got = get(server.control(), &path, None);
    assert_ne!(got.body.len(), text.len(), "a changed file is not given whole");
}

#[test]
fn a_server_whose_bucket_cannot_be_used_does_not_start_and_says_why() {
    let moto = Moto::start();
    let folder = tempfile::tempdir().expect("temp");
    let start = |settings: &[String], secret: Option<&str>| {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--dev", "--port", "0", "--data"]).arg(folder.path().join("data"));
        command.arg("--keys").arg(folder.path().join("keys")).args(settings);
        command.env_remove("PLIMSOLL_S3_SECRET");
        if let Some(secret) = secret {
            command.env("PLIMSOLL_S3_SECRET", secret);
        }
        let output = command.output().expect("runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    };
    let said = start(&moto.settings("s3://nothing-here"), Some("x"));
    assert!(said.contains("there is no such bucket at this endpoint"), "{said}");
    let said = start(&moto.settings("s3://models"), None);
    assert!(said.contains("needs an access key"), "{said}");
    let said = start(&moto.settings("models"), Some("x"));
    assert!(said.contains("s3://BUCKET"), "{said}");
    let mut away = moto.settings("s3://models");
    drop(moto);
    away.push("--set".into());
    away.push("s3.region=eu-central-1".into());
    let said = start(&away, Some("x"));
    assert!(said.contains("takes no connection"), "{said}");
}
