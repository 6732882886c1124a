//! Workers against receivers that fail, and the formats against their specifications.

use crate::{Backoff, Feed, FeedError, MAX_BATCH, Pull, Sinks, Target, encode, sign};
use base64::Engine as _;
use http::HeaderMap;
use plimsoll_api::{CloudEvent, SinkFormat};
use plimsoll_outbound::{Outbound, OutboundConfig};
use plimsoll_types::{Clock, SinkId, SystemClock, Time};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// The most events that the feed of these tests gives at once.
const PULL: usize = 16;

fn event(index: u64) -> CloudEvent {
    CloudEvent {
        id: format!("{index}.decision"),
        source: "urn:plimsoll:gateway:0".into(),
        kind: "io.plimsoll.decision.v1".into(),
        subject: Some(index.to_string()),
        time: Time::from_micros(index * 1_000_000).into(),
        extensions: [("sequence", format!("{index:020}"))].into(),
        data: json!({"index": index}),
    }
}

/// Every index divisible by three is an event; the others are somebody else's.
#[derive(Debug)]
struct Records {
    target: Mutex<Option<Target>>,
    count: watch::Sender<u64>,
    advanced: Mutex<Vec<(u64, u64, u64)>>,
    /// Events handed out and not yet covered by the cursor, at most.
    held: AtomicUsize,
    fails: AtomicBool,
    /// Whether the sinks cannot be read the first time.
    is_shut: AtomicBool,
}

impl Records {
    fn new(count: u64, address: SocketAddr, format: SinkFormat) -> Arc<Self> {
        let target = Target {
            id: SinkId::from_bytes([1; 16]),
            name: "one".parse().expect("a name"),
            revision: 1,
            address: zeroize::Zeroizing::new(format!("http://{address}/hook")),
            secret: zeroize::Zeroizing::new(b"secret".to_vec()),
            format,
            next: 0,
            delivered: 0,
            moves: 0,
        };
        Arc::new(Self {
            target: Mutex::new(Some(target)),
            count: watch::Sender::new(count),
            advanced: Mutex::default(),
            held: AtomicUsize::new(0),
            fails: AtomicBool::new(false),
            is_shut: AtomicBool::new(false),
        })
    }
    fn cursor(&self) -> u64 {
        self.advanced.lock().expect("lock").last().map_or(0, |(_, next, _)| *next)
    }
}

impl Feed for Records {
    fn targets(&self) -> Result<Vec<Target>, FeedError> {
        if self.is_shut.swap(false, Ordering::Relaxed) {
            return Err(FeedError("the disk hiccups".into()));
        }
        let mut target = self.target.lock().expect("lock").clone();
        if let Some(target) = &mut target {
            target.next = target.next.max(self.cursor());
        }
        Ok(target.into_iter().collect())
    }
    fn pull(&self, _: SinkId, from: u64) -> Result<Pull, FeedError> {
        if self.fails.swap(false, Ordering::Relaxed) {
            return Err(FeedError("the disk hiccups".into()));
        }
        let count = *self.count.borrow();
        let mut pull = Pull { next: from, ..Pull::default() };
        for index in from..count {
            pull.next = index + 1;
            if index % 3 == 0 {
                pull.events.push((index, event(index)));
            }
            if pull.events.len() == PULL {
                break;
            }
        }
        pull.is_end = pull.next >= count;
        self.held.fetch_max(pull.events.len(), Ordering::Relaxed);
        Ok(pull)
    }
    fn advance(&self, target: &Target, next: u64, more: u64) -> Result<(), FeedError> {
        self.advanced.lock().expect("lock").push((target.revision, next, more));
        Ok(())
    }
    fn head(&self, index: u64) -> (Option<Time>, u64) {
        let count = *self.count.borrow();
        ((index < count).then_some(Time::EPOCH), count)
    }
    fn watch(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}

/// What a receiver was sent.
#[derive(Debug, Clone)]
struct Got {
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

/// What a receiver was sent so far, with the status that it answered.
type Inbox = Arc<Mutex<Vec<(u16, Got)>>>;

/// A receiver that answers with the statuses of its script, then with 200.
fn receiver(script: Vec<u16>) -> (SocketAddr, Inbox) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    let got = Arc::new(Mutex::new(Vec::new()));
    let (seen, script) = (Arc::clone(&got), Mutex::new(script.into_iter()));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accepted");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
            while let Some(one) = read(&mut stream) {
                let status = script.lock().expect("lock").next().unwrap_or(200);
                seen.lock().expect("lock").push((status, one));
                let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                if stream.write_all(reply.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (address, got)
}

fn read(stream: &mut std::net::TcpStream) -> Option<Got> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let pairs = head.lines().filter_map(|line| line.split_once(": "));
    let headers: HashMap<_, _> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut body = vec![0; headers["content-length"].parse().expect("a length")];
    stream.read_exact(&mut body).ok()?;
    Some(Got { headers, body })
}

fn sinks(feed: &Arc<Records>) -> Sinks {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let outbound = Outbound::new(OutboundConfig::dev(), Arc::clone(&clock)).expect("a client");
    let quick = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(5) };
    Sinks::new(Arc::clone(feed) as Arc<dyn Feed>, outbound, clock, quick)
}

/// Runs the sinks until `done` says so.
fn run_until(feed: &Arc<Records>, done: impl Fn(&Sinks) -> bool) -> Sinks {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    let sinks = sinks(feed);
    let (stop, stopping) = watch::channel(false);
    runtime.block_on(async {
        let wait = async {
            for _ in 0..4_000 {
                if done(&sinks) {
                    stop.send_replace(true);
                    return std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("not done: {:?}", sinks.progress());
        };
        tokio::select! {
            () = sinks.clone().run(stopping) => {}
            () = wait => {}
        }
    });
    sinks
}

fn index_of(got: &Got) -> u64 {
    let value: Value = serde_json::from_slice(&got.body).expect("JSON");
    value["data"]["index"].as_u64().expect("an index")
}

#[test]
fn events_come_in_order_once_each_whatever_the_receiver_does_first() {
    // Down, overloaded, confused; then well.
    let script = vec![500, 503, 429, 404, 302, 200, 500, 200, 200, 410];
    let (address, got) = receiver(script);
    let feed = Records::new(300, address, SinkFormat::Structured);
    feed.fails.store(true, Ordering::Relaxed);
    feed.is_shut.store(true, Ordering::Relaxed);
    let sinks =
        run_until(&feed, |sinks| sinks.progress().first().is_some_and(|one| one.next == 300));
    let got = got.lock().expect("lock");
    let taken: Vec<u64> =
        got.iter().filter(|(status, _)| *status == 200).map(|(_, one)| index_of(one)).collect();
    assert_eq!(taken, (0..300).step_by(3).collect::<Vec<_>>());
    // What was refused came again with the same id.
    let ids: Vec<&str> = got.iter().map(|(_, one)| one.headers["webhook-id"].as_str()).collect();
    assert!(ids[..6].iter().all(|id| *id == "0.decision"), "{ids:?}");
    assert_eq!(feed.cursor(), 300);
    let told: u64 = feed.advanced.lock().expect("lock").iter().map(|(_, _, more)| more).sum();
    assert_eq!(told, 100);
    let progress = &sinks.progress()[0];
    assert_eq!((progress.delivered, progress.failures), (100, 8));
    assert_eq!(progress.failing_since, None);
    // However many records there are, a worker holds what one pull gives.
    assert_eq!(feed.held.load(Ordering::Relaxed), PULL);
}

#[test]
fn what_was_not_made_durable_is_sent_again_after_a_restart_and_nothing_is_lost() {
    let (address, got) = receiver(vec![]);
    let feed = Records::new(30, address, SinkFormat::Structured);
    run_until(&feed, |sinks| sinks.progress().first().is_some_and(|one| one.next == 30));
    // The process died before its cursor was durable.
    feed.advanced.lock().expect("lock").clear();
    feed.count.send_replace(60);
    run_until(&feed, |sinks| sinks.progress().first().is_some_and(|one| one.next == 60));
    let got = got.lock().expect("lock");
    let mut ids: Vec<String> =
        got.iter().map(|(_, one)| one.headers["webhook-id"].clone()).collect();
    assert_eq!(ids.len(), 30);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20, "the same id both times");
}

#[test]
fn a_sink_that_is_down_waits_where_it_is_and_one_that_is_changed_begins_anew() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("address");
    let feed = Records::new(9_000, nobody, SinkFormat::Structured);
    let sinks =
        run_until(&feed, |sinks| sinks.progress().first().is_some_and(|one| one.in_a_row >= 5));
    let progress = &sinks.progress()[0];
    assert_eq!((progress.next, progress.delivered), (0, 0));
    assert!(progress.failing_since.is_some() && progress.retry_at.is_some());
    let reason = progress.reason.as_deref().expect("a reason");
    assert!(reason.contains("takes no connection") && !reason.contains("hook"), "{reason}");
    assert_eq!(sinks.lag(0).1, 9_000);
    assert!(feed.held.load(Ordering::Relaxed) <= PULL);

    // It is moved while its worker waits for the next attempt.
    let (address, got) = receiver(vec![]);
    let changed = AtomicBool::new(false);
    run_until(&feed, |sinks| {
        let Some(one) = sinks.progress().first().cloned() else { return false };
        if one.in_a_row >= 2 && !changed.swap(true, Ordering::Relaxed) {
            let mut target = feed.target.lock().expect("lock");
            let target = target.as_mut().expect("a sink");
            target.address = zeroize::Zeroizing::new(format!("http://{address}/hook"));
            (target.revision, target.next) = (2, 8_991);
            sinks.changed();
        }
        one.next == 9_000
    });
    let got: Vec<u64> = got.lock().expect("lock").iter().map(|(_, one)| index_of(one)).collect();
    assert_eq!(got, [8_991, 8_994, 8_997]);
    assert_eq!(feed.advanced.lock().expect("lock").last(), Some(&(2, 9_000, 3)));
}

#[test]
fn batches_are_bounded_and_signed_as_one() {
    let (address, got) = receiver(vec![]);
    let feed = Records::new(90, address, SinkFormat::Batch);
    run_until(&feed, |sinks| sinks.progress().first().is_some_and(|one| one.next == 90));
    let got = got.lock().expect("lock");
    let mut indexes = Vec::new();
    for (_, one) in got.iter() {
        assert_eq!(
            one.headers["content-type"],
            "application/cloudevents-batch+json; charset=utf-8"
        );
        let events: Vec<Value> = serde_json::from_slice(&one.body).expect("a list");
        assert!(!events.is_empty() && events.len() <= PULL);
        indexes.extend(events.iter().filter_map(|event| event["data"]["index"].as_u64()));
    }
    assert_eq!(indexes, (0..90).step_by(3).collect::<Vec<_>>());
    let events: Vec<CloudEvent> = (0..250).map(event).collect();
    let refs: Vec<&CloudEvent> = events.iter().collect();
    let message = encode(SinkFormat::Batch, &refs).expect("a message");
    assert_eq!((message.count, message.id.as_str()), (MAX_BATCH, "0.decision+100"));
    assert!(encode(SinkFormat::Batch, &[]).is_none());
    let large = CloudEvent { data: "x".repeat(700_000).into(), ..event(1) };
    let message = encode(SinkFormat::Batch, &[&large, &large]).expect("a message");
    assert_eq!(message.count, 1, "a batch ends at about a megabyte");
}

/// The example of the Standard Webhooks specification's own libraries.
#[test]
fn signatures_are_those_of_standard_webhooks() {
    let secret = base64::engine::general_purpose::STANDARD
        .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .expect("base64");
    let mut headers = HeaderMap::new();
    let now = Time::from_micros(1_614_265_330_000_000);
    let body = br#"{"test": 2432232314}"#;
    sign(&mut headers, &secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", now, body);
    assert_eq!(headers["webhook-id"], "msg_p5jXN8AQM9LWM0D4loKWxJek");
    assert_eq!(headers["webhook-timestamp"], "1614265330");
    assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn structured_and_binary_messages_are_cloudevents() {
    let event = CloudEvent { subject: Some("ä \"b\"%".into()), ..event(7) };
    let message = encode(SinkFormat::Structured, &[&event]).expect("a message");
    assert_eq!(message.headers["content-type"], "application/cloudevents+json; charset=utf-8");
    let document: Value = serde_json::from_slice(&message.body).expect("JSON");
    assert_eq!(
        document,
        json!({
            "specversion": "1.0", "id": "7.decision", "source": "urn:plimsoll:gateway:0",
            "type": "io.plimsoll.decision.v1", "subject": "ä \"b\"%",
            "time": "1970-01-01T00:00:07.000000Z", "sequence": "00000000000000000007",
            "datacontenttype": "application/json", "data": {"index": 7},
        })
    );
    let message = encode(SinkFormat::Binary, &[&event]).expect("a message");
    let header = |name: &str| message.headers[name].to_str().expect("text").to_owned();
    assert_eq!(message.body, br#"{"index":7}"#);
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("ce-specversion"), "1.0");
    assert_eq!(header("ce-id"), "7.decision");
    assert_eq!(header("ce-type"), "io.plimsoll.decision.v1");
    // The example of the HTTP binding's percent-encoding, with our text.
    assert_eq!(header("ce-subject"), "%C3%A4%20%22b%22%25");
    assert_eq!(header("ce-sequence"), "00000000000000000007");
}

#[test]
fn both_halves_of_kserve_share_an_id_and_are_messages_of_their_own() {
    let half = |word: &str| CloudEvent {
        id: "d".into(),
        kind: format!("org.kubeflow.serving.inference.{word}"),
        ..event(1)
    };
    let (request, response) = (half("request"), half("response"));
    let asked = encode(SinkFormat::Binary, &[&request]).expect("a message");
    let answered = encode(SinkFormat::Binary, &[&response]).expect("a message");
    assert_eq!(asked.headers["ce-id"], answered.headers["ce-id"]);
    assert_eq!((asked.id.as_str(), answered.id.as_str()), ("d.request", "d.response"));
}

#[test]
fn a_test_event_says_what_came_of_it() {
    let (address, got) = receiver(vec![200, 503]);
    let feed = Records::new(0, address, SinkFormat::Structured);
    let sinks = sinks(&feed);
    let target = feed.target.lock().expect("lock").clone().expect("a sink");
    let tested = sinks.test(&target, &event(1));
    assert_eq!((tested.delivered, tested.status), (true, Some(200)));
    let tested = sinks.test(&target, &event(1));
    assert_eq!((tested.delivered, tested.status), (false, Some(503)));
    assert_eq!(got.lock().expect("lock").len(), 2);
    let elsewhere = Target {
        address: zeroize::Zeroizing::new("https://169.254.169.254/latest".to_owned()),
        ..target
    };
    let tested = sinks.test(&elsewhere, &event(1));
    assert_eq!((tested.delivered, tested.status), (false, None));
    let reason = tested.reason.expect("a reason");
    assert!(reason.contains("link-local") && !reason.contains("latest"), "{reason}");
}

proptest! {
    #[test]
    fn waits_grow_and_stay_within_their_bounds(
        failures in 1_u32..100, random: u32, wish in proptest::option::of(0_u64..10_000),
    ) {
        let backoff = Backoff::default();
        let wish = wish.map(Duration::from_secs);
        let wait = backoff.wait(failures, wish, random);
        prop_assert!(wait <= backoff.max);
        prop_assert!(wait >= backoff.first / 2);
        prop_assert!(wait >= wish.unwrap_or_default().min(backoff.max));
        let longest = backoff.wait(failures, None, u32::MAX);
        prop_assert!(backoff.wait(failures, None, 0) >= longest / 2 - Duration::from_nanos(1));
        prop_assert!(backoff.wait(failures + 1, None, u32::MAX) >= longest);
    }

    #[test]
    fn headers_hold_any_text(text in ".*") {
        let event = CloudEvent { subject: Some(text), ..event(1) };
        let message = encode(SinkFormat::Binary, &[&event]).expect("a message");
        prop_assert!(message.headers.contains_key("ce-subject"));
        prop_assert!(message.headers["ce-subject"].as_bytes().iter().all(|b| (0x21..0x7f).contains(b)));
    }
}
