//! The load against a server of a few lines.

use super::*;
use crate::http::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers every request on every connection; every tenth with 503.
fn server() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    listener.set_nonblocking(true).expect("nonblocking");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(async move {
            let listener = TcpListener::from_std(listener).expect("listener");
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.expect("accept");
                connections.spawn(async move {
                    let mut buffer = [0; 4_096];
                    for number in 1_u32.. {
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(_) => {}
                        }
                        let status = if number % 10 == 0 { "503 Busy" } else { "200 OK" };
                        let text = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
                        stream.write_all(text.as_bytes()).await.expect("write");
                    }
                });
            }
        });
    });
    address
}

fn plan(address: SocketAddr, rate: Option<u32>) -> Plan {
    let target = Target::parse(&format!("http://{address}/p")).expect("url");
    let requests = vec![Request::post(&target, &[], "{\"a\":1}").expect("request")];
    let measured = Duration::from_millis(400);
    Plan { requests, address, connections: 4, rate, warmup: measured / 4, measured, pids: vec![] }
}

#[test]
fn a_closed_loop_counts_every_answer_once() {
    let report = run(&plan(server(), None)).expect("report");
    assert_eq!((report.mode, report.errors), ("closed", 0), "{report:?}");
    assert_eq!(report.statuses.values().sum::<u64>(), report.requests);
    assert!(report.requests > 20 && report.requests_with_warmup > report.requests, "{report:?}");
    assert!(report.statuses[&503] * 8 < report.statuses[&200], "{report:?}");
}

#[test]
fn an_open_loop_asks_no_faster_than_its_rate() {
    let clock = SystemClock::new();
    let report = run(&plan(server(), Some(500))).expect("report");
    let most = clock.monotonic() * 500 / 1_000_000_000 + 1;
    assert_eq!(report.mode, "open");
    assert!((1..=most).contains(&report.requests_with_warmup), "{report:?}");
}

#[test]
fn a_dead_server_is_counted_not_fatal() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    drop(listener);
    let report = run(&plan(address, None)).expect("report");
    assert_eq!(report.requests, 0);
    assert!(report.errors > 0 && report.first_error.is_some(), "{report:?}");
}
