//! The workers: one for each active sink, and the supervisor that starts and ends them.

use crate::encode::{Message, encode};
use crate::feed::{Feed, Pull, Target};
use crate::retry::Backoff;
use crate::sign::sign;
use crate::status::{Board, Progress};
use http::header::RETRY_AFTER;
use plimsoll_api::CloudEvent;
use plimsoll_outbound::{Outbound, OutboundError, Reply, Request, Url};
use plimsoll_types::{Clock, SinkId, Time};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How long a receiver may take to acknowledge. Longer work belongs behind a queue of its own.
const DEADLINE: Duration = Duration::from_secs(15);
/// What is read of an acknowledgement, which is looked at by its status only.
const MAX_REPLY: usize = 64 << 10;
/// The cursor is made durable at least this often while events are delivered: what a crash
/// sends again is at most what was delivered since.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// And after so many events.
const COMMIT_EVENTS: u64 = 256;
/// How long a worker that found nothing of its own leaves the ledger alone: a sink with a
/// narrow filter would otherwise look after every commit, thousands of times a second.
const PAUSE: Duration = Duration::from_millis(50);
/// How long an attempt goes on when the worker is told to stop. One that is cut may have
/// arrived; it is made again with the same id.
const GRACE: Duration = Duration::from_secs(2);
/// How often a sink that fails is told of in the log.
const ALERT_EVERY: Duration = Duration::from_secs(300);

/// What came of a test event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// Whether it was acknowledged.
    pub delivered: bool,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it was not delivered.
    pub reason: Option<String>,
}

/// Sends events to every sink of a feed. Clones are the same.
#[derive(Debug, Clone)]
pub struct Sinks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    feed: Arc<dyn Feed>,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    board: Board,
    changed: Notify,
}

/// Why an attempt failed, and how long the receiver wants to be left alone.
struct Failure {
    reason: String,
    wish: Option<Duration>,
}

/// A worker that runs.
struct Running {
    revision: u64,
    stop: watch::Sender<bool>,
}

impl Sinks {
    /// Sends nothing until [`Self::run`] is.
    #[must_use]
    pub fn new(
        feed: Arc<dyn Feed>,
        outbound: Outbound,
        clock: Arc<dyn Clock>,
        backoff: Backoff,
    ) -> Self {
        let (board, changed) = (Board::default(), Notify::new());
        Self(Arc::new(Inner { feed, outbound, clock, backoff, board, changed }))
    }

    /// Says that sinks were added, changed or taken away.
    pub fn changed(&self) {
        self.0.changed.notify_one();
    }

    /// How every running sink is doing, by name.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        self.0.board.all()
    }

    /// How one running sink is doing.
    #[must_use]
    pub fn progress_of(&self, id: SinkId) -> Option<Progress> {
        self.0.board.get(id)
    }

    /// Age of the record that a sink is to be sent next, and the records from it to the end.
    #[must_use]
    pub fn lag(&self, next: u64) -> (Duration, u64) {
        let (made, count) = self.0.feed.head(next);
        let age = made.map_or(Duration::ZERO, |made| self.0.clock.now().since(made));
        (age, count.saturating_sub(next))
    }

    /// Sends one event to a sink, once, beside the others. Blocks.
    #[must_use]
    pub fn test(&self, target: &Target, event: &CloudEvent) -> Tested {
        let failed = |status, reason| Tested { delivered: false, status, reason: Some(reason) };
        let Some(message) = encode(target.format, &[event]) else {
            return failed(None, "there is no event".to_owned());
        };
        match self.0.request(target, &message).and_then(|one| self.0.outbound.send_blocking(one)) {
            Ok(reply) => {
                let status = Some(reply.status.as_u16());
                match refused(&reply) {
                    None => Tested { delivered: true, status, reason: None },
                    Some(failure) => failed(status, failure.reason),
                }
            }
            Err(error) => failed(None, told(&error)),
        }
    }

    /// Runs until `stop` says so: starts a worker for each sink, ends those of sinks that
    /// were changed, paused or taken away.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut running: HashMap<SinkId, Running> = HashMap::new();
        let mut workers: JoinSet<SinkId> = JoinSet::new();
        let mut misses = 0_u32;
        loop {
            let is_known = self.reconcile(&mut running, &mut workers).await;
            misses = if is_known { 0 } else { misses.saturating_add(1) };
            let again = async {
                match misses {
                    0 => std::future::pending().await,
                    misses => tokio::time::sleep(self.0.backoff.jittered(misses, None)).await,
                }
            };
            tokio::select! {
                () = stopped(&mut stop) => break,
                () = self.0.changed.notified() => {}
                () = again => {}
                Some(ended) = workers.join_next() => match ended {
                    Ok(id) => drop(running.remove(&id)),
                    Err(error) => {
                        // Which worker it was is not known; all begin again at their cursors.
                        tracing::error!(%error, "a worker of a sink broke");
                        end(&mut running, &mut workers).await;
                    }
                }
            }
        }
        end(&mut running, &mut workers).await;
    }

    /// Starts and ends workers as the sinks are now; false if these could not be read.
    async fn reconcile(
        &self,
        running: &mut HashMap<SinkId, Running>,
        workers: &mut JoinSet<SinkId>,
    ) -> bool {
        let feed = Arc::clone(&self.0.feed);
        let targets = match blocking(move || feed.targets()).await {
            Some(Ok(targets)) => targets,
            Some(Err(error)) => {
                tracing::error!(%error, "the sinks could not be read");
                return false;
            }
            None => return false,
        };
        self.0.board.keep_only(|id| targets.iter().any(|target| target.id == *id));
        for (id, one) in &*running {
            let same = |target: &&Target| target.id == *id && target.revision == one.revision;
            if !targets.iter().any(|target| same(&target)) {
                one.stop.send_replace(true);
            }
        }
        for target in targets {
            // The one before ends first: two workers of a sink would break its order.
            if running.contains_key(&target.id) {
                continue;
            }
            let (stop, stopping) = watch::channel(false);
            running.insert(target.id, Running { revision: target.revision, stop });
            workers.spawn(Worker::new(Arc::clone(&self.0), target).run(stopping));
        }
        true
    }
}

/// Ends every worker and waits for it.
async fn end(running: &mut HashMap<SinkId, Running>, workers: &mut JoinSet<SinkId>) {
    for (_, one) in running.drain() {
        one.stop.send_replace(true);
    }
    while workers.join_next().await.is_some() {}
}

impl Inner {
    /// The message as a request to the sink, signed now.
    fn request(&self, target: &Target, message: &Message) -> Result<Request, OutboundError> {
        let url: Url = target.address.parse()?;
        let mut request = Request::post(url, message.body.clone());
        request.headers = message.headers.clone();
        let now = self.clock.now();
        sign(&mut request.headers, &target.secret, &message.id, now, &message.body);
        Ok(request.within(DEADLINE).at_most(MAX_REPLY))
    }

    async fn send(&self, target: &Target, message: &Message) -> Result<(), Failure> {
        let request = self.request(target, message);
        let sent = match request {
            Ok(request) => self.outbound.send(request).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(reply) => refused(&reply).map_or(Ok(()), Err),
            Err(error) => Err(Failure { reason: told(&error), wish: None }),
        }
    }
}

/// What is wrong with an answer, if it is no acknowledgement.
fn refused(reply: &Reply) -> Option<Failure> {
    if reply.status.is_success() {
        return None;
    }
    let wish = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wish = wish.and_then(|text| text.parse().ok()).map(Duration::from_secs);
    Some(Failure { reason: format!("it answered with status {}", reply.status.as_u16()), wish })
}

/// An error and its causes on one line. None of them repeats what the other side said.
fn told(error: &OutboundError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

struct Worker {
    inner: Arc<Inner>,
    target: Target,
    next: u64,
    /// Events delivered since the cursor was made durable, the cursor's place, and when.
    uncommitted: u64,
    committed: u64,
    committed_at: u64,
    alerted: Option<Time>,
}

impl Worker {
    fn new(inner: Arc<Inner>, target: Target) -> Self {
        let (next, at) = (target.next, inner.clock.monotonic());
        inner.board.begin(target.id, &target.name, next, target.delivered);
        Self {
            inner,
            next,
            uncommitted: 0,
            committed: next,
            committed_at: at,
            alerted: None,
            target,
        }
    }

    async fn run(mut self, mut stop: watch::Receiver<bool>) -> SinkId {
        let mut durable = self.inner.feed.watch();
        while !*stop.borrow() {
            durable.borrow_and_update();
            let Some(pull) = self.pull(&mut stop).await else { break };
            let is_done = self.deliver(&pull, &mut stop).await;
            if !is_done {
                break;
            }
            self.moved(pull.next, 0).await;
            if pull.is_end {
                let pause = if pull.events.is_empty() { PAUSE } else { Duration::ZERO };
                let more = async {
                    tokio::time::sleep(pause).await;
                    durable.changed().await
                };
                tokio::select! {
                    () = stopped(&mut stop) => break,
                    more = more => if more.is_err() { break },
                }
            }
        }
        self.commit().await;
        self.target.id
    }

    /// The next events, asked for until the feed gives them; `None` when told to stop.
    async fn pull(&mut self, stop: &mut watch::Receiver<bool>) -> Option<Pull> {
        loop {
            let (feed, id, next) = (Arc::clone(&self.inner.feed), self.target.id, self.next);
            let reason = match blocking(move || feed.pull(id, next)).await {
                Some(Ok(pull)) => return Some(pull),
                Some(Err(error)) => error.to_string(),
                None => "reading the ledger broke".to_owned(),
            };
            if !self.back_off(Failure { reason, wish: None }, stop).await {
                return None;
            }
        }
    }

    /// Sends the events one message after the other; false when told to stop before the end.
    async fn deliver(&mut self, pull: &Pull, stop: &mut watch::Receiver<bool>) -> bool {
        let mut rest: &[(u64, CloudEvent)] = &pull.events;
        while !rest.is_empty() {
            let events: Vec<&CloudEvent> = rest.iter().map(|(_, event)| event).collect();
            let Some(message) = encode(self.target.format, &events) else { return true };
            loop {
                if *stop.borrow() {
                    return false;
                }
                let send = self.inner.send(&self.target, &message);
                let cut = async {
                    stopped(stop).await;
                    tokio::time::sleep(GRACE).await;
                };
                let sent = tokio::select! {
                    sent = send => sent,
                    () = cut => return false,
                };
                let Err(failure) = sent else { break };
                if !self.back_off(failure, stop).await {
                    return false;
                }
            }
            let (sent, left) = rest.split_at(message.count.min(rest.len()));
            // Not beyond a record some of whose events are still to be sent.
            let next = match (sent.last(), left.first()) {
                (Some((last, _)), Some((first, _))) if last == first => *last,
                (Some((last, _)), _) => last.saturating_add(1),
                (None, _) => self.next,
            };
            self.moved(next, sent.len() as u64).await;
            rest = left;
        }
        true
    }

    async fn moved(&mut self, next: u64, more: u64) {
        (self.next, self.uncommitted) = (next, self.uncommitted.saturating_add(more));
        self.inner.board.moved(self.target.id, next, more);
        self.alerted = None;
        let since = self.inner.clock.monotonic().saturating_sub(self.committed_at);
        if self.uncommitted >= COMMIT_EVENTS || Duration::from_nanos(since) >= COMMIT_EVERY {
            self.commit().await;
        }
    }

    async fn commit(&mut self) {
        if self.next == self.committed && self.uncommitted == 0 {
            return;
        }
        let (feed, target) = (Arc::clone(&self.inner.feed), self.target.clone());
        let (next, more) = (self.next, self.uncommitted);
        match blocking(move || feed.advance(&target, next, more)).await {
            Some(Ok(())) => {
                (self.committed, self.uncommitted) = (next, 0);
            }
            Some(Err(error)) => {
                tracing::warn!(sink = %self.target.name, %error, "how far a sink is could not be kept");
            }
            None => {}
        }
        self.committed_at = self.inner.clock.monotonic();
    }

    /// Waits before the next attempt; false when told to stop meanwhile.
    async fn back_off(&mut self, failure: Failure, stop: &mut watch::Receiver<bool>) -> bool {
        let now = self.inner.clock.now();
        let id = self.target.id;
        let in_a_row = self.inner.board.failed(id, now, &failure.reason);
        if self.alerted.is_none_or(|last| now.since(last) >= ALERT_EVERY) {
            self.alerted = Some(now);
            let (age, entries) = lag(&*self.inner.feed, self.next, now);
            tracing::warn!(
                sink = %self.target.name, reason = failure.reason, failures = in_a_row,
                lag_entries = entries, lag_seconds = age.as_secs(),
                "a sink takes no events; they stay in the ledger"
            );
        }
        // What was delivered before is not sent again because of what fails now.
        self.commit().await;
        let wait = self.inner.backoff.jittered(in_a_row, failure.wish);
        self.inner.board.retries(id, now.plus(wait));
        tokio::select! {
            () = stopped(stop) => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

fn lag(feed: &dyn Feed, next: u64, now: Time) -> (Duration, u64) {
    let (made, count) = feed.head(next);
    (made.map_or(Duration::ZERO, |made| now.since(made)), count.saturating_sub(next))
}

/// Resolves when `stop` is true, or nobody can say it any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|&stop| stop).await);
}

/// Runs what blocks where it may; `None` if it panicked.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
