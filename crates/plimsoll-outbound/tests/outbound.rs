//! The client against servers that lie, stall, flood and send elsewhere.

#![cfg(test)]

use http::header::{CONTENT_TYPE, HeaderValue};
use plimsoll_outbound::{
    Network, Outbound, OutboundConfig, OutboundError, Request, Resolve, Resolved, Roots, Url,
};
use plimsoll_types::{Clock, SystemClock, Time};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a server must never get us to repeat.
const SECRET: &str = "s3cret-in-the-path";
const SAID: &str = "what-the-other-side-said";

fn url(address: SocketAddr) -> Url {
    format!("http://{address}/{SECRET}?q=1").parse().expect("an address")
}

fn client(config: OutboundConfig) -> Outbound {
    Outbound::new(config, Arc::new(SystemClock::new())).expect("a client")
}

fn dev() -> Outbound {
    client(OutboundConfig::dev())
}

/// Reads one request: its head and a body of the length it states.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a head of text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |n| n.parse().expect("a length"))];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// What a server saw.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<(String, Vec<u8>)>>,
}

/// A server that answers every request with the same bytes and keeps the connection unless
/// they say otherwise.
async fn serve(at: &str, reply: impl Into<Vec<u8>>) -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind(at).await.expect("bound");
    let (address, seen) = (listener.local_addr().expect("an address"), Arc::new(Seen::default()));
    let (reply, noted) = (reply.into(), Arc::clone(&seen));
    drop(tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            noted.connections.fetch_add(1, Ordering::Relaxed);
            let (reply, noted) = (reply.clone(), Arc::clone(&noted));
            drop(tokio::task::spawn_local(async move {
                while let Some(request) = read_request(&mut stream).await {
                    noted.requests.lock().expect("lock").push(request);
                    if stream.write_all(&reply).await.is_err() {
                        return;
                    }
                    let text = String::from_utf8_lossy(&reply).to_lowercase();
                    if text.contains("connection: close") {
                        return;
                    }
                }
            }));
        }
    }));
    (address, seen)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Runs a test with room for servers beside it.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio::task::LocalSet::new().block_on(&runtime.expect("a runtime"), test);
}

/// An error tells the host and no more.
fn assert_discreet(error: &OutboundError) {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!text.contains(SECRET) && !text.contains(SAID), "{text}");
}

#[test]
fn a_request_arrives_and_connections_are_kept() {
    run(async {
        let (address, seen) = serve("127.0.0.1:0", ok("hello")).await;
        let client = dev();
        for _ in 0..3 {
            let request = Request::post(url(address), "body")
                .with_header(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            let reply = client.send(request).await.expect("a reply");
            assert_eq!((reply.status.as_u16(), &*reply.body), (200, &b"hello"[..]));
        }
        assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
        let requests = seen.requests.lock().expect("lock");
        assert_eq!(requests.len(), 3);
        let (head, body) = &requests[0];
        assert!(head.starts_with(&format!("POST /{SECRET}?q=1 HTTP/1.1\r\n")), "{head}");
        assert!(head.contains(&format!("host: {address}\r\n")), "{head}");
        assert!(head.contains("content-type: text/plain\r\n"), "{head}");
        assert_eq!(body, b"body");
    });
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_replaced() {
    run(async {
        let close = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        // Says that it keeps the connection, and closes it.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let served = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&served);
        drop(tokio::task::spawn_local(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                read_request(&mut stream).await.expect("a request");
                stream.write_all(ok("").as_bytes()).await.expect("written");
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }));
        let client = dev();
        for _ in 0..5 {
            client.send(Request::post(url(address), "x")).await.expect("a reply");
        }
        assert_eq!(served.load(Ordering::Relaxed), 5);
        let (address, seen) = serve("127.0.0.1:0", close).await;
        for _ in 0..3 {
            client.send(Request::get(url(address))).await.expect("a reply");
        }
        assert_eq!(seen.connections.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn addresses_of_this_machine_need_leave_and_plain_http_more() {
    run(async {
        let (address, seen) = serve("127.0.0.1:0", ok("")).await;
        let plain = url(address);
        let port = address.port();
        let default = client(OutboundConfig::default());
        for text in [
            format!("https://127.0.0.1:{port}/{SECRET}"),
            format!("https://[::1]:{port}/{SECRET}"),
            format!("https://[::ffff:127.0.0.1]:{port}/{SECRET}"),
            format!("https://[::ffff:7f00:1]:{port}/{SECRET}"),
            format!("https://[64:ff9b::7f00:1]:{port}/{SECRET}"),
            format!("https://localhost:{port}/{SECRET}"),
            format!("https://0.0.0.0:{port}/{SECRET}"),
            // What resolvers read as 127.0.0.1, or not at all.
            format!("https://2130706433:{port}/{SECRET}"),
            format!("https://0x7f.1:{port}/{SECRET}"),
            "https://169.254.169.254/latest/meta-data/".to_owned(),
            "https://[fd00:ec2::254]/latest/meta-data/".to_owned(),
            "https://10.0.0.1/".to_owned(),
            "https://192.168.1.1/".to_owned(),
            "https://100.100.100.200/".to_owned(),
        ] {
            let error = default.send(Request::get(text.parse().expect(&text))).await;
            let error = error.expect_err(&text);
            assert!(
                matches!(error, OutboundError::Forbidden { .. } | OutboundError::Resolve { .. }),
                "{text}: {error}"
            );
            assert_discreet(&error);
        }
        let allow = Network::LOOPBACK.to_vec();
        let strict = client(OutboundConfig { allow, ..OutboundConfig::default() });
        let error = strict.send(Request::get(plain.clone())).await.expect_err("plain http");
        assert!(matches!(error, OutboundError::Plain { .. }), "{error}");
        assert!(strict.check(&plain).is_err() && default.check(&plain).is_err());
        // Leave for plain http is leave for listed addresses only.
        let only_http = OutboundConfig { plain_http: true, ..OutboundConfig::default() };
        let only_http = client(only_http);
        let error = only_http.send(Request::get("http://1.1.1.1/".parse().expect("url"))).await;
        assert!(matches!(error, Err(OutboundError::Plain { .. })));
        let error = only_http.send(Request::get(plain)).await;
        assert!(matches!(error, Err(OutboundError::Forbidden { .. })));
        assert_eq!(seen.connections.load(Ordering::Relaxed), 0);
    });
}

/// Answers each question with the next of its answers, the last for ever.
#[derive(Debug)]
struct Rebinding(Mutex<Vec<Vec<IpAddr>>>, AtomicUsize);

impl Rebinding {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |text: &&str| text.parse().expect("an address");
        let answers = answers.iter().map(|a| a.iter().map(parse).collect()).collect();
        Arc::new(Self(Mutex::new(answers), AtomicUsize::new(0)))
    }
}

impl Resolve for Rebinding {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolved<'a> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.0.lock().expect("lock");
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

/// Time that a test moves on.
#[derive(Debug, Default)]
struct Moved(AtomicU64);

impl Clock for Moved {
    fn now(&self) -> Time {
        Time::EPOCH
    }
    fn monotonic(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_name_that_is_bound_anew_is_checked_anew() {
    run(async {
        // Two servers on one port: the allowed address, and the one that must not be reached.
        let (allowed, good) = serve("127.0.0.2:0", ok("good")).await;
        let (_, bad) = serve(&format!("127.0.0.1:{}", allowed.port()), ok("bad")).await;
        let resolver = Rebinding::new(&[&["127.0.0.2"], &["127.0.0.1"]]);
        let clock = Arc::new(Moved::default());
        let config = OutboundConfig {
            allow: vec!["127.0.0.2".parse().expect("a network")],
            plain_http: true,
            resolver: Arc::clone(&resolver) as Arc<dyn Resolve>,
            roots: Roots::WebPki,
        };
        let client = Outbound::new(config, Arc::clone(&clock) as Arc<dyn Clock>).expect("client");
        let url: Url = format!("http://rebind.example:{}/", allowed.port()).parse().expect("url");
        for _ in 0..2 {
            let reply = client.send(Request::get(url.clone())).await.expect("a reply");
            assert_eq!(&*reply.body, b"good");
        }
        // One question for one connection: what was checked is what is connected to.
        assert_eq!(resolver.1.load(Ordering::Relaxed), 1);
        clock.0.store(120_000_000_000, Ordering::Relaxed);
        let error = client.send(Request::get(url)).await.expect_err("bound to loopback");
        assert!(matches!(error, OutboundError::Forbidden { .. }), "{error}");
        assert_eq!(good.connections.load(Ordering::Relaxed), 1);
        assert_eq!(bad.connections.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn one_bad_address_among_good_ones_condemns_the_name() {
    run(async {
        for answer in [
            &["1.1.1.1", "169.254.169.254"][..],
            &["2606:4700:4700::1111", "::ffff:10.0.0.1"],
            &["1.1.1.1", "fe80::1"],
            &["1.1.1.1", "0.0.0.0"],
        ] {
            let resolver = Rebinding::new(&[answer]);
            let client = client(OutboundConfig { resolver, ..OutboundConfig::default() });
            let url = "https://mixed.example/".parse().expect("url");
            let error = client.send(Request::get(url)).await.expect_err("mixed");
            assert!(matches!(error, OutboundError::Forbidden { .. }), "{answer:?}: {error}");
        }
        for many in [vec![], vec!["1.1.1.1"; 33]] {
            let resolver = Rebinding::new(&[&many]);
            let client = client(OutboundConfig { resolver, ..OutboundConfig::default() });
            let url = "https://none.example/".parse().expect("url");
            let error = client.send(Request::get(url)).await.expect_err("no address");
            assert!(matches!(error, OutboundError::Resolve { .. }), "{error}");
        }
    });
}

#[test]
fn redirects_are_errors_and_are_not_followed() {
    run(async {
        let (target, reached) = serve("127.0.0.1:0", ok("")).await;
        for status in [301, 302, 303, 307, 308] {
            let reply = format!(
                "HTTP/1.1 {status} Elsewhere\r\nlocation: http://{target}/\r\n\
                 content-length: {}\r\n\r\n{SAID}",
                SAID.len()
            );
            let (address, _) = serve("127.0.0.1:0", reply).await;
            let error = dev().send(Request::get(url(address))).await.expect_err("a redirect");
            let told = matches!(error, OutboundError::Redirect { status: s, .. } if s == status);
            assert!(told, "{error}");
            assert_discreet(&error);
        }
        assert_eq!(reached.connections.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn floods_are_cut_off() {
    run(async {
        let huge = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{SAID}")
            + &"x".repeat(1_000_000 - SAID.len());
        let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()
            + &format!("3e8\r\n{}\r\n", "y".repeat(1000)).repeat(1000);
        for reply in [huge, chunks] {
            let (address, _) = serve("127.0.0.1:0", reply).await;
            let request = Request::get(url(address)).at_most(4096);
            let error = dev().send(request).await.expect_err("too large");
            assert!(matches!(error, OutboundError::TooLarge { limit: 4096, .. }), "{error}");
            assert_discreet(&error);
        }
        let (address, _) = serve("127.0.0.1:0", ok(&"z".repeat(4096))).await;
        let reply = dev().send(Request::get(url(address)).at_most(4096)).await.expect("fits");
        assert_eq!(reply.body.len(), 4096);
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", format!("{SAID}: 1\r\n").repeat(200));
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", SAID.repeat(10_000));
        for reply in [many, long, format!("{SAID}\r\n\r\n"), String::new()] {
            let reply = reply + "\r\nconnection: close";
            let (address, _) = serve("127.0.0.1:0", reply).await;
            let error = dev().send(Request::get(url(address))).await.expect_err("no HTTP");
            assert!(matches!(error, OutboundError::Broken { .. }), "{error}");
            assert_discreet(&error);
        }
    });
}

#[test]
fn whoever_stalls_runs_into_the_deadline() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let silent = listener.local_addr().expect("an address");
        let half_head = serve("127.0.0.1:0", "HTTP/1.1 200 OK\r\ncontent-le").await.0;
        let half_body =
            serve("127.0.0.1:0", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.0;
        let deadline = Duration::from_millis(150);
        for address in [silent, half_head, half_body] {
            let error = dev().send(Request::get(url(address)).within(deadline)).await;
            let error = error.expect_err("stalled");
            assert!(matches!(error, OutboundError::Deadline { .. }), "{error}");
            assert_discreet(&error);
        }
        // A body that drips does not move the deadline.
        let drip = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = drip.local_addr().expect("an address");
        drop(tokio::task::spawn_local(async move {
            let (mut stream, _) = drip.accept().await.expect("accepted");
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
            stream.write_all(head).await.expect("written");
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }));
        let error = dev().send(Request::get(url(address)).within(deadline)).await;
        assert!(matches!(error, Err(OutboundError::Deadline { .. })));
    });
}

fn openssl(folder: &Path, args: &str) {
    let output = Command::new("openssl").current_dir(folder).args(args.split(' ')).output();
    let output = output.expect("openssl runs");
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority and a certificate of it for localhost, made by another hand than the reader's.
fn certificates(folder: &Path) -> (Arc<[u8]>, tokio_rustls::TlsAcceptor) {
    use rustls_pki_types::pem::PemObject as _;
    let new = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2";
    openssl(folder, &format!("{new} -keyout ca.key -out ca.pem -subj /CN=authority"));
    openssl(
        folder,
        &format!(
            "{new} -keyout key.pem -out cert.pem -subj /CN=localhost -CA ca.pem -CAkey ca.key \
             -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=CA:FALSE"
        ),
    );
    let chain = rustls_pki_types::CertificateDer::pem_file_iter(folder.join("cert.pem"));
    let chain = chain.expect("read").collect::<Result<Vec<_>, _>>().expect("certificates");
    let key = rustls_pki_types::PrivateKeyDer::from_pem_file(folder.join("key.pem"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key.expect("a key"))
        .expect("a server");
    let pem = std::fs::read(folder.join("ca.pem")).expect("an authority");
    (pem.into(), Arc::new(config).into())
}

async fn answer_once(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    if read_request(stream).await.is_some() {
        stream.write_all(ok("sealed").as_bytes()).await.expect("written");
        stream.shutdown().await.expect("ended");
    }
}

#[test]
fn certificates_are_checked() {
    run(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (pem, acceptor) = certificates(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("an address").port();
        drop(tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    answer_once(&mut stream).await;
                }
            }
        }));
        let allow = Network::LOOPBACK.to_vec();
        let resolver = Rebinding::new(&[&["127.0.0.1"]]);
        let config = |roots| OutboundConfig {
            allow: allow.clone(),
            plain_http: false,
            roots,
            resolver: Arc::clone(&resolver) as Arc<dyn Resolve>,
        };
        let get = |host: &str| {
            Request::get(format!("https://{host}:{port}/{SECRET}").parse().expect("url"))
        };
        for roots in [Roots::Own(Arc::clone(&pem)), Roots::Both(Arc::clone(&pem))] {
            let trusting = client(config(roots));
            for host in ["localhost", "127.0.0.1"] {
                let reply = trusting.send(get(host)).await.expect("a reply");
                assert_eq!(&*reply.body, b"sealed");
            }
            // The right server under another name.
            let error = trusting.send(get("other.example")).await.expect_err("another name");
            assert!(matches!(error, OutboundError::Tls { .. }), "{error}");
            assert_discreet(&error);
        }
        let stranger = client(config(Roots::WebPki));
        let error = stranger.send(get("localhost")).await.expect_err("an unknown authority");
        assert!(matches!(error, OutboundError::Tls { .. }), "{error}");
        // Something that does not speak TLS at all.
        let (plain, _) = serve("127.0.0.1:0", format!("{SAID}\r\nconnection: close")).await;
        let own = client(config(Roots::Own(pem)));
        let to = format!("https://127.0.0.1:{}/{SECRET}", plain.port());
        let request = Request::get(to.parse().expect("url")).within(Duration::from_millis(300));
        let error = own.send(request).await.expect_err("no TLS");
        assert!(matches!(error, OutboundError::Tls { .. } | OutboundError::Deadline { .. }));
        assert_discreet(&error);
        for pem in [&b"no certificate"[..], b""] {
            let clock = Arc::new(SystemClock::new());
            let error = Outbound::new(config(Roots::Own(pem.into())), clock).map(drop);
            assert!(matches!(error, Err(OutboundError::Roots(_))));
        }
    });
}

#[test]
fn a_thread_may_block_for_a_reply_inside_a_runtime_and_outside() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            listener.set_nonblocking(true).expect("set");
            let listener = TcpListener::from_std(listener).expect("a listener");
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                answer_once(&mut stream).await;
            }
        });
    });
    let client = dev();
    let outside = client.send_blocking(Request::get(url(address))).expect("a reply");
    assert_eq!(&*outside.body, b"sealed");
    run(async {
        let inside = client.send_blocking(Request::get(url(address))).expect("a reply");
        assert_eq!(&*inside.body, b"sealed");
    });
    server.join().expect("served");
}

/// What one service does must not hold up another, and a connection belongs to the runtime that
/// made it.
#[test]
fn a_client_apart_has_connections_of_its_own_and_so_has_each_runtime() {
    run(async {
        let (address, seen) = serve("127.0.0.1:0", ok("hello")).await;
        let client = dev();
        let apart = client.apart(4);
        for client in [&client, &apart, &client, &apart] {
            client.send(Request::get(url(address))).await.expect("a reply");
        }
        assert_eq!(seen.connections.load(Ordering::Relaxed), 2);
        let other = apart.clone();
        let elsewhere = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let send = async { other.send(Request::get(url(address))).await.map(|_| ()) };
            runtime.expect("a runtime").block_on(send)
        };
        tokio::task::spawn_blocking(elsewhere).await.expect("joined").expect("a reply");
        assert_eq!(seen.connections.load(Ordering::Relaxed), 3);
        apart.send(Request::get(url(address))).await.expect("a reply");
        assert_eq!(seen.connections.load(Ordering::Relaxed), 3, "its own is still there");
    });
}
