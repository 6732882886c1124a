//! Clients that mean harm on the wire: slow ones, floods, stalls, tricks. Each is answered with a
//! 4xx or closed, memory keeps below a ceiling, others are answered meanwhile, and what was
//! resolved to a deployment has its record.

use crate::harness::{Http, Server, get, parse, post, request, requests};
use crate::hostile::{Case, gzip};
use plimsoll_types::protobuf::Writer;
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much more memory than after the first request a server may ever hold here, in KiB. The
/// largest body of a deployment is 2 MiB.
const CEILING_KIB: u64 = 48 << 10;
/// Far beyond every time that is configured here; a server that has not closed by then never does.
const NEVER: Duration = Duration::from_secs(40);
const PATH: &str = "/v2/models/credit-default/infer";

/// A line of `/proc/…/status`, in KiB.
fn memory_kib(pid: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("there");
    let line = status.lines().find(|text| text.starts_with(line)).expect("there");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// A server with short times, and what it held after its first answer.
struct Target {
    server: Server,
    before: u64,
}

impl Target {
    fn start(settings: &[&str]) -> Self {
        let mut args = vec!["--dev"];
        for setting in settings {
            args.extend(["--set", setting]);
        }
        let folder = Arc::new(tempfile::tempdir().expect("temp"));
        let server = Server::start_in(folder, &args).with_credit("durable");
        assert_eq!(server.infer(&requests()[0], &[]).status, 200);
        let before = memory_kib(server.child.id(), "VmRSS");
        Self { server, before }
    }

    fn connect(&self) -> TcpStream {
        connect(self.server.address())
    }

    /// It answers, and has never held more than the ceiling allows.
    fn is_well(&self, what: &str) {
        assert_eq!(self.server.infer(&requests()[0], &[]).status, 200, "after {what}");
        let pid = self.server.child.id();
        let (now, peak) = (memory_kib(pid, "VmRSS"), memory_kib(pid, "VmHWM"));
        let grown = peak.saturating_sub(self.before);
        println!("{what}: {} KiB before, {now} after, {peak} at most", self.before);
        assert!(grown < CEILING_KIB, "memory grew by {grown} KiB during {what}");
    }

    /// Records of decisions, by result.
    fn records(&self, result: &str) -> usize {
        let args = ["decision", "list", "--limit", "1000", "--json"];
        let listed = self.server.cli(&args).json();
        let items = listed["items"].as_array().or(listed.as_array()).expect("a list");
        items.iter().filter(|item| item.to_string().contains(result)).count()
    }
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("connects");
    stream.set_read_timeout(Some(NEVER)).expect("set");
    stream.set_write_timeout(Some(Duration::from_secs(2))).expect("set");
    stream.set_nodelay(true).expect("set");
    stream
}

/// Everything it sends until it closes. It must close.
fn until_closed(what: &str, stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut some) = (Vec::new(), [0; 16 << 10]);
    loop {
        match stream.read(&mut some) {
            Ok(0) => return bytes,
            Ok(count) => bytes.extend_from_slice(&some[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("{what}: it is not closed")
            }
            Err(_) => return bytes,
        }
    }
}

/// Refused, or closed without a word.
fn refused(what: &str, answer: &[u8]) -> Option<Http> {
    let answer = parse(&String::from_utf8_lossy(answer))?;
    assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
    Some(answer)
}

fn head(more: &str) -> String {
    format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{more}\r\n")
}

// Types and flags of frames: RFC 9113 §6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header, literal, without a place in any table: RFC 7541 §6.2.2. Up to 126 bytes each.
fn header(name: &str, value: &str) -> Vec<u8> {
    let part = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    [vec![0], part(name), part(value)].concat()
}

/// The head of a request for a decision.
fn asking() -> Vec<u8> {
    [
        vec![0x83, 0x86], // POST, http
        header(":path", PATH),
        header(":authority", "a"),
        header("content-type", "application/json"),
    ]
    .concat()
}

fn http2(settings: &[u8]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()
}

/// Clients that take their time, on every listener: nobody is waited for without end.
#[test]
fn slow_clients_are_closed() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let times = ["limits.header_timeout=1s", "limits.body_timeout=1s", "limits.idle_timeout=1s"];
    let settings: Vec<&str> = times.iter().flat_map(|time| ["--set", *time]).collect();
    let server = Server::start_in(folder, &settings);
    let target = Target::start(&times);
    let half = |more: &str| head(more).into_bytes();
    let begun = [http2(&[]), frame(HEADERS, 0, 1, &asking())].concat();
    let sent = frame(HEADERS, END_HEADERS, 1, &asking());
    // What is sent at once, and what then comes one by one.
    let cases: Vec<(&str, Vec<u8>, &[u8])> = vec![
        ("nothing", Vec::new(), b""),
        ("the letter that all begin with", b"P".to_vec(), b""),
        ("half a preface", b"PRI * HT".to_vec(), b""),
        ("half a request line", b"POST /v2/mod".to_vec(), b""),
        ("a head byte by byte", b"POST /".to_vec(), b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        (
            "headers one by one",
            format!("POST {PATH} HTTP/1.1\r\n").into_bytes(),
            b"a: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\n",
        ),
        ("a body byte by byte", half("content-length: 1000\r\n"), &[b' '; 60]),
        ("chunks one by one", half("transfer-encoding: chunked\r\n"), b"1\r\n \r\n1\r\n \r\n1\r\n \r\n1\r\n \r\n1\r\n \r\n1\r\n \r\n1\r\n \r\n"),
        ("a preface and no settings", PREFACE.to_vec(), b""),
        ("HTTP/2 without a request", http2(&[]), b""),
        ("HTTP/2, headers that do not end", begun, b""),
        ("HTTP/2, a body that does not come", [http2(&[]), sent].concat(), b""),
    ];
    std::thread::scope(|scope| {
        for (what, first, rest) in &cases {
            let addresses = [target.server.address(), server.control(), server.metrics()];
            for (place, address) in addresses.into_iter().enumerate() {
                scope.spawn(move || {
                    let mut stream = connect(address);
                    stream.write_all(first).expect("writes");
                    for byte in *rest {
                        if stream.write_all(&[*byte]).is_err() {
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    let answer = until_closed(&format!("{what}, listener {place}"), &mut stream);
                    if !first.starts_with(PREFACE) && place == 0 {
                        refused(what, &answer);
                    }
                });
            }
        }
    });
    target.is_well("slow clients");
    // Three of them had been resolved to a deployment when they were given up.
    assert!(target.records("refused") >= 3, "{}", target.records("refused"));
}

/// Idle connections take places, but not for long, and no memory to speak of.
#[test]
fn connections_up_to_the_cap_are_given_back() {
    let target = Target::start(&["limits.max_connections=100", "limits.header_timeout=1s"]);
    for round in 0..3 {
        let silent: Vec<TcpStream> = (0..300).map(|_| target.connect()).collect();
        // Beyond the cap it waits for a place, and gets one.
        target.is_well(&format!("half-open connections, round {round}"));
        drop(silent);
    }
}

/// Writes until the server stops it.
#[expect(clippy::disallowed_methods, reason = "the server stops it by the real time")]
fn flood(what: &str, stream: &mut TcpStream, first: &[u8], again: &[u8]) -> Vec<u8> {
    let mut reader = stream.try_clone().expect("cloned");
    let what = what.to_owned();
    let reading = {
        let what = what.clone();
        std::thread::spawn(move || until_closed(&what, &mut reader))
    };
    let begun = Instant::now();
    let mut broken = stream.write_all(first).is_err();
    while !broken && begun.elapsed() < NEVER {
        broken = stream.write_all(again).is_err();
    }
    assert!(broken, "{what}: nobody stops it");
    drop(stream.shutdown(std::net::Shutdown::Both));
    reading.join().expect("read")
}

#[test]
fn floods_of_http_1_are_refused() {
    let target = Target::start(&["limits.header_timeout=2s", "limits.body_timeout=2s"]);
    let chunked = head("transfer-encoding: chunked\r\n");
    let long = "x".repeat(60_000);
    let endless: [(&str, String, String); 9] = [
        ("an endless request line", format!("POST /{long}"), long.clone()),
        ("an endless header", format!("POST {PATH} HTTP/1.1\r\nx: "), long.clone()),
        ("endless headers", format!("POST {PATH} HTTP/1.1\r\n"), "x: y\r\n".repeat(10_000)),
        ("an endless chunk size", chunked.clone(), "0".repeat(60_000)),
        ("an endless chunk extension", format!("{chunked}1;"), long.clone()),
        (
            "chunks with extensions",
            chunked.clone(),
            format!("1;{}\r\n \r\n", "x".repeat(4000)).repeat(10),
        ),
        ("chunks of a byte", chunked.clone(), "1\r\n \r\n".repeat(10_000)),
        ("one huge chunk", format!("{chunked}fffffffffffffff\r\n"), long.clone()),
        ("endless trailers", format!("{chunked}0\r\n"), "x: y\r\n".repeat(10_000)),
    ];
    for (what, first, again) in &endless {
        let answer = flood(what, &mut target.connect(), first.as_bytes(), again.as_bytes());
        refused(what, &answer);
        target.is_well(what);
    }
    // Finite ones, each with an answer of its own.
    let header = |count: usize| "x: y\r\n".repeat(count);
    for (what, bytes, status) in [
        ("65 headers", head(&format!("content-length: 2\r\n{}", header(65))) + "{}", 431),
        ("a header of 40 KB", head(&format!("x: {}\r\n", "y".repeat(40_000))), 431),
        (
            "a path of 40 KB",
            format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "y".repeat(40_000)),
            431,
        ),
        ("a declared body of 2^62", head("content-length: 4611686018427387904\r\n"), 413),
        ("a declared body of 2^64", head("content-length: 18446744073709551616\r\n"), 400),
    ] {
        let mut stream = target.connect();
        drop(stream.write_all(bytes.as_bytes()));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let answer = until_closed(what, &mut stream);
        if let Some(answer) = refused(what, &answer) {
            assert!(
                matches!(answer.status, 400 | 414) || answer.status == status,
                "{what}: {}",
                answer.status
            );
        }
    }
    target.is_well("finite floods");
}

/// Ambiguities by which a proxy and a server come to read different requests. What follows in the
/// same bytes must never be answered as a request of its own.
#[test]
fn smuggled_requests_are_not_answered() {
    let target = Target::start(&["limits.header_timeout=1s", "limits.body_timeout=1s"]);
    let inner = "GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n";
    let length = inner.len();
    for (what, headers) in [
        ("both lengths", "content-length: 3\r\ntransfer-encoding: chunked\r\n".to_owned()),
        (
            "both lengths, the other way",
            "transfer-encoding: chunked\r\ncontent-length: 3\r\n".into(),
        ),
        ("an unknown coding", "transfer-encoding: xchunked\r\n".into()),
        ("chunked and then not", "transfer-encoding: chunked, identity\r\n".into()),
        ("chunked twice", "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n".into()),
        (
            "a coding after a tab",
            format!("transfer-encoding:\tchunked, x\r\ncontent-length: {length}\r\n"),
        ),
        (
            "a space before the colon",
            format!("transfer-encoding : chunked\r\ncontent-length: {length}\r\n"),
        ),
        (
            "a folded header",
            format!("x: y\r\n transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
        ),
        ("a NUL in a header", format!("x: a\0b\r\ncontent-length: {length}\r\n")),
        ("a bare CR in a header", format!("x: a\rb\r\ncontent-length: {length}\r\n")),
        ("two lengths", format!("content-length: 0\r\ncontent-length: {length}\r\n")),
        ("a list of lengths", format!("content-length: 0, {length}\r\n")),
        ("a signed length", format!("content-length: +{length}\r\n")),
        ("a length in hex", "content-length: 0x0\r\n".into()),
    ] {
        let mut stream = target.connect();
        drop(stream.write_all(format!("{}{inner}", head(&headers)).as_bytes()));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let answer = until_closed(what, &mut stream);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.matches("HTTP/1.1 ").count() <= 1, "{what}: {text}");
        refused(what, &answer);
    }
    target.is_well("smuggled requests");
}

#[test]
fn floods_of_http_2_are_stopped_or_cost_nothing() {
    let target = Target::start(&["limits.header_timeout=2s", "limits.body_timeout=2s"]);
    let filler = header("x-filler", &"x".repeat(120)).repeat(100);
    let asked = |stream| frame(HEADERS, END_HEADERS, stream, &asking());
    let resets: Vec<u8> = (0..20_000)
        .flat_map(|n| {
            let stream = 2 * n + 1;
            [asked(stream), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
        })
        .collect();
    let opened: Vec<u8> = (0..2_000)
        .flat_map(|n| frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &asking()))
        .collect();
    // A header of 4 KB put into the table once and named ten thousand times.
    let entry = [vec![0x40, 1, b'x', 0x7f, 0xa1, 0x1e], vec![b'y'; 4000]].concat();
    let bomb = [asking(), entry, vec![0xbe; 10_000]].concat();
    let bomb = [http2(&[]), frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb)].concat();
    for (what, bytes) in [
        ("rapid resets", [http2(&[]), resets].concat()),
        ("streams beyond what may be open", [http2(&[]), opened].concat()),
        ("a header bomb", bomb),
        (
            "a window that overflows",
            [http2(&[]), frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])].concat(),
        ),
        ("a frame of 16 MB", [http2(&[]), vec![0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]].concat()),
        ("data on no stream", [http2(&[]), frame(DATA, 0, 1, b"{}")].concat()),
        ("an even stream", [http2(&[]), asked(2)].concat()),
        ("settings of half a size", [http2(&[]), frame(SETTINGS, 0, 0, &[0; 5])].concat()),
        (
            "a request without a path",
            [http2(&[]), frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x83, 0x86])].concat(),
        ),
    ] {
        let mut stream = target.connect();
        let mut reader = stream.try_clone().expect("cloned");
        let reading = std::thread::spawn(move || until_closed(what, &mut reader));
        drop(stream.write_all(&bytes));
        target.is_well(what);
        reading.join().expect("closed");
    }
    for (what, first, again) in [
        (
            "a flood of CONTINUATION",
            frame(HEADERS, 0, 1, &asking()),
            frame(CONTINUATION, 0, 1, &filler),
        ),
        (
            "a flood of empty CONTINUATION",
            frame(HEADERS, 0, 1, &asking()),
            frame(CONTINUATION, 0, 1, &[]).repeat(1000),
        ),
    ] {
        flood(what, &mut target.connect(), &[http2(&[]), first].concat(), &again);
        target.is_well(what);
    }
    // These are answered, or passed over, as the protocol says; whoever does not take the
    // answers is not read from any further, and all of it costs no memory.
    for (what, again) in [
        ("a flood of PING", frame(PING, 0, 0, &[7; 8]).repeat(1000)),
        ("a flood of SETTINGS", frame(SETTINGS, 0, 0, &[]).repeat(1000)),
        ("a flood of trailers", frame(HEADERS, END_HEADERS, 1, &filler).repeat(4)),
        ("a flood of PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 7]).repeat(1000)),
        ("a flood of empty DATA", frame(DATA, 0, 1, &[]).repeat(1000)),
        ("a flood of WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]).repeat(1000)),
        ("a flood of unknown frames", frame(99, 0, 0, &[0; 1000]).repeat(10)),
    ] {
        let mut stream = target.connect();
        stream.set_write_timeout(Some(Duration::from_millis(500))).expect("set");
        let mut sent = http2(&[]).len();
        let mut is_open = stream.write_all(&[http2(&[]), asked(1)].concat()).is_ok();
        while is_open && sent < 32 << 20 {
            is_open = stream.write_all(&again).is_ok();
            sent += again.len();
        }
        target.is_well(&format!("{what}, {} KiB", sent >> 10));
    }
}

/// Answers that nobody takes: the window is 0 and stays so.
#[test]
fn stalled_readers_cost_nothing_and_are_closed() {
    let target = Target::start(&["limits.header_timeout=1s", "limits.idle_timeout=1s"]);
    let body = requests()[0].clone();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    let mut bytes = http2(&[0, 4, 0, 0, 0, 0]);
    for n in 0..100 {
        bytes.extend(frame(HEADERS, END_HEADERS, 2 * n + 1, &asking()));
        bytes.extend(frame(DATA, END_STREAM, 2 * n + 1, body.as_bytes()));
    }
    let stalled: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = target.connect();
            // Beyond the server's own window it waits for leave that never comes.
            stream.set_write_timeout(Some(Duration::from_millis(500))).expect("set");
            drop(stream.write_all(&bytes));
            stream
        })
        .collect();
    target.is_well("zero windows");
    for mut stream in stalled {
        until_closed("a zero window", &mut stream);
    }
    // HTTP/1: requests without end, and no answer is ever read.
    let request = format!("{}{body}", head(&format!("content-length: {}\r\n", body.len())));
    let mut deaf: Vec<TcpStream> = (0..4).map(|_| target.connect()).collect();
    for stream in &mut deaf {
        stream.set_write_timeout(Some(Duration::from_millis(500))).expect("set");
        let sent =
            (0..200_000).take_while(|_| stream.write_all(request.as_bytes()).is_ok()).count();
        assert!(sent < 200_000, "the answers of {sent} requests wait somewhere");
    }
    target.is_well("readers that do not read");
    assert!(target.records("answered") >= 900, "{}", target.records("answered"));
}

/// Many times what the server may hold: what is not taken has to wait on the disk.
#[test]
fn a_file_is_read_no_faster_than_it_is_taken() {
    const SIZE: usize = 256 << 20;
    let target = Target::start(&[]);
    let path = "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/large.bin";
    let put = request(target.server.control(), "PUT", path, &vec![7; SIZE], &[]);
    assert_eq!(put.status, 200, "{}", put.body);
    let asking = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let mut readers: Vec<TcpStream> = (0..2).map(|_| target.connect()).collect();
    for reader in &mut readers {
        reader.write_all(asking.as_bytes()).expect("sent");
        // Much is made and little of it taken: the sockets are full by now.
        let mut some = [0; 1 << 10];
        for _ in 0..20 {
            reader.read_exact(&mut some).expect("it comes");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    target.is_well("two files read slowly");
    for mut reader in readers {
        let rest = until_closed("a file", &mut reader);
        let taken = rest.len() + (20 << 10);
        assert!((SIZE..SIZE + (1 << 10)).contains(&taken), "{taken} bytes");
    }
    target.is_well("two files read to their end");
}

/// What other servers got wrong, line by line: each refused by name, with a record.
#[test]
fn what_others_got_wrong_is_refused_and_recorded() {
    let target = Target::start(&[]);
    let good: Value = serde_json::from_str(&requests()[0]).expect("JSON");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body.to_string().into_bytes()
    };
    let text = good.to_string();
    let age = good["inputs"].as_array().expect("a list").iter();
    let age = age.clone().position(|one| one["name"] == "age").expect("there");
    let category = good["inputs"].as_array().expect("a list").iter();
    let category = category.clone().position(|one| one["datatype"] == "BYTES").expect("there");
    let nested = |depth: usize| {
        let value = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        text.replacen("\"inputs\"", &format!("\"parameters\":{{\"x\":{value}}},\"inputs\""), 1)
    };
    let name = good["inputs"][category]["name"].as_str().expect("a name");
    let split = |body: &Value, raw: &[u8]| {
        let json = body.to_string();
        (json.len().to_string(), [json.as_bytes(), raw].concat())
    };
    let mut binary = good.clone();
    let tensor = &mut binary["inputs"][category];
    tensor.as_object_mut().expect("an object").remove("data");
    tensor["parameters"] = json!({"binary_data_size": 6});
    let (length, not_utf8) = split(&binary, b"\x02\0\0\0\xff\xfe");
    binary["inputs"][category]["parameters"] = json!({"binary_data_size": 1_u64 << 40});
    let (long, beyond) = split(&binary, b"\x02\0\0\0ab");
    let bomb = gzip(&vec![b' '; 128 << 20]);
    let (zip, none): (&[(&str, &str)], _) = (&[("content-encoding", "gzip")], &[]);
    let of_length = [("inference-header-content-length", length.as_str())];
    let of_long = [("inference-header-content-length", long.as_str())];
    let cases: Vec<Case<'_>> = vec![
        ("120 levels of JSON", nested(120).into_bytes(), none, 400),
        ("twenty thousand levels", nested(20_000).into_bytes(), none, 400),
        (
            "a shape that overflows",
            with(&|b| b["inputs"][age]["shape"] = json!([16, 1_u64 << 60 | 2])),
            none,
            400,
        ),
        ("a negative size", with(&|b| b["inputs"][age]["shape"] = json!([-1])), none, 400),
        ("two negative sizes", with(&|b| b["inputs"][age]["shape"] = json!([-1, -1])), none, 400),
        (
            "more values than the shape",
            with(&|b| b["inputs"][age]["data"] = json!([35, 35])),
            none,
            400,
        ),
        ("fewer values than the shape", with(&|b| b["inputs"][age]["data"] = json!([])), none, 400),
        (
            "a tensor twice",
            with(&|b| {
                let again = b["inputs"][age].clone();
                b["inputs"].as_array_mut().expect("a list").push(again);
            }),
            none,
            400,
        ),
        (
            "a key twice",
            text.replacen("\"inputs\":", "\"inputs\":[],\"inputs\":", 1).into_bytes(),
            none,
            400,
        ),
        (
            "an integer beyond 2^53",
            with(&|b| b["inputs"][age]["data"] = json!([9_007_199_254_740_993_u64])),
            none,
            400,
        ),
        ("a bare NaN", text.replacen("\"data\":[", "\"data\":[NaN,", 1).into_bytes(), none, 400),
        (
            "a bare Infinity",
            text.replacen("\"data\":[", "\"data\":[-Infinity,", 1).into_bytes(),
            none,
            400,
        ),
        ("a body over the limit", vec![b' '; 5 << 20], none, 413),
        ("a gzip bomb", bomb, zip, 400),
        ("bytes that are not UTF-8", not_utf8, &of_length, 400),
        ("binary data beyond the body", beyond, &of_long, 400),
    ];
    for (what, body, headers, status) in &cases {
        let answer = post(target.server.address(), PATH, body, headers);
        assert_eq!(answer.status, *status, "{what}: {}", answer.body);
        let id = answer.header("plimsoll-decision-id").unwrap_or_else(|| panic!("{what}: no id"));
        let shown = target.server.cli(&["decision", "show", id, "--json"]).json();
        assert_eq!(shown["summary"]["result"], "refused", "{what}");
        assert_eq!(shown["body"]["refusal"]["code"], answer.json()["code"], "{what}");
    }
    // gRPC: raw and typed contents at once.
    let mut message = Vec::new();
    let mut w = Writer(&mut message);
    w.text(1, "credit-default");
    w.message(5, |w| {
        w.text(1, name);
        w.text(2, "BYTES");
        w.integers(3, [1].into_iter());
        w.message(5, |w| w.bytes(8, b"a"));
    });
    w.bytes(6 + 1, b"\x01\0\0\0a");
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    let said = grpc(target.server.address(), &[&[0], length.as_slice(), &message].concat());
    assert!(said.contains("grpc-status: 3"), "{said}");
    let id = said.lines().find_map(|line| line.strip_prefix("plimsoll-decision-id: "));
    let id = id.unwrap_or_else(|| panic!("no id: {said}")).trim();
    let shown = target.server.cli(&["decision", "show", id, "--json"]).json();
    assert_eq!(shown["summary"]["result"], "refused");
    target.is_well("what others got wrong");
    // Who is not resolved to a deployment is counted.
    let nobody = post(target.server.address(), "/v2/models/nobody/infer", b"{}", &[]);
    assert_eq!(nobody.status, 404);
    let page = get(target.server.metrics(), "/metrics", None).body;
    assert!(page.lines().any(|line| line.starts_with("plimsoll_refusals_total{")), "{page}");
}

/// The headers and trailers of a call, by curl.
fn grpc(to: SocketAddr, frame: &[u8]) -> String {
    let mut child = Command::new("curl")
        .args([
            "-sS",
            "--http2-prior-knowledge",
            "-o",
            "/dev/null",
            "-D",
            "-",
            "--data-binary",
            "@-",
        ])
        .args(["-H", "content-type: application/grpc", "-H", "te: trailers"])
        .arg(format!("http://{to}/inference.GRPCInferenceService/ModelInfer"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl runs");
    child.stdin.take().expect("piped").write_all(frame).expect("written");
    let output = child.wait_with_output().expect("waits");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
