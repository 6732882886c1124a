//! Those who watch decisions pass: one second after another, to each the deployment it asked for.
//!
//! A watcher is asked who it is with every second: a key that was revoked, a session that ended
//! and a role that was taken end the stream with the next one.

use crate::accept::{Life, peer};
use crate::app::App;
use crate::console;
use crate::handlers::{blocking, permitted};
use crate::reply::{BrokeOff, Pieces, Reply};
use crate::routes::{Call, Fail, Route, other};
use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, Method, Request};
use hyper::body::Incoming;
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::RequestContext;
use plimsoll_gateway::{Gateway, Listener, Passing, Scores, Times, Watching};
use plimsoll_identity::CertificateNames;
use plimsoll_policy::{Action, Resource};
use plimsoll_serving::{Caller, ServedDeployment};
use plimsoll_types::{DecisionId, DeploymentId, Phase, PrincipalId, Time};
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// How often what passed is shown.
const EVERY: Duration = Duration::from_secs(1);
/// Seconds that whoever begins to watch is shown of the time before: five minutes.
const PAST: usize = 300;
/// Seconds that a watcher may be behind before some are left out.
const BEHIND: usize = 16;
/// Watchers at once: each is asked who it is once a second.
const MAX_WATCHERS: usize = 256;
/// Watchers of one principal, so that nobody takes the places of all: some open pages.
const MAX_OF_ONE: usize = 16;
/// Server-sent events (WHATWG HTML §9.2).
const MEDIA_TYPE: &str = "text/event-stream";
/// What a watcher is told by.
const CREDENTIALS: [HeaderName; 3] =
    [AUTHORIZATION, COOKIE, HeaderName::from_static("sec-fetch-site")];

pub(crate) fn routes() -> Vec<Route> {
    let path = "/api/v1/deployments/{name}/live";
    vec![
        other(Listener::Control, "GET", path, Action::TailDecisions, Call::Live)
            .named("watch_deployment", "What passes a deployment, each second as an event")
            .gives(200, schema_of::<api::LiveSecond>)
            .gives_media(MEDIA_TYPE),
    ]
}

/// What passed within one second, by deployment.
struct Second {
    time: Time,
    passed: HashMap<DeploymentId, Passing>,
}

/// Everyone who watches.
pub(crate) struct Watchers {
    seconds: broadcast::Sender<Option<Arc<Second>>>,
    past: Mutex<VecDeque<Arc<Second>>>,
    places: Mutex<HashMap<PrincipalId, usize>>,
    is_over: AtomicBool,
}

impl Default for Watchers {
    fn default() -> Self {
        let (seconds, _) = broadcast::channel(BEHIND);
        Self {
            seconds,
            past: Mutex::default(),
            places: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }
}

/// Gives watchers what passed, each second, until the server drains.
pub(crate) async fn run(app: Arc<App>, mut life: watch::Receiver<Life>) {
    loop {
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(EVERY, drains).await.is_ok() {
            app.watchers.is_over.store(true, SeqCst);
            drop(app.watchers.seconds.send(None));
            return;
        }
        app.watchers.tick(&app.gateway, app.clock.now());
    }
}

impl Watchers {
    fn tick(&self, gateway: &Gateway, now: Time) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if !gateway.is_watched() {
            // Nothing was counted: what was before would look like what is now.
            past.clear();
            drop(gateway.take_passing());
            return;
        }
        let second = Arc::new(Second { time: now, passed: gateway.take_passing() });
        if past.len() >= PAST {
            past.pop_front();
        }
        past.push_back(Arc::clone(&second));
        // Sent under the lock: whoever begins now has it in one of both.
        drop(self.seconds.send(Some(second)));
    }

    /// What was, and what will be.
    fn begin(&self) -> (VecDeque<Arc<Second>>, broadcast::Receiver<Option<Arc<Second>>>) {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        (past.clone(), self.seconds.subscribe())
    }

    fn take_place(&self, who: PrincipalId) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let own = places.get(&who).copied().unwrap_or(0);
        let is_free = own < MAX_OF_ONE && places.values().sum::<usize>() < MAX_WATCHERS;
        if is_free {
            places.insert(who, own + 1);
        }
        is_free
    }

    fn give_place(&self, who: PrincipalId) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = places.get_mut(&who) {
            *own -= 1;
            if *own == 0 {
                places.remove(&who);
            }
        }
    }
}

/// Begins a stream for whoever may watch.
pub(crate) async fn live(
    app: &Arc<App>,
    ctx: RequestContext,
    caller: &Caller,
    name: &str,
    request: Request<Incoming>,
) -> Result<Reply, Fail> {
    let (parts, _) = request.into_parts();
    // Asked by way of the control plane, which records who was denied.
    let control = Arc::clone(app);
    blocking(move || control.control.tail_decisions(&ctx, None, None)).await??;
    let missing = || Fail::problem(404, "not_found", "there is no such deployment");
    let snapshot = app.gateway.snapshot();
    let deployment = snapshot.deployment(name).ok_or_else(missing)?;
    sight(app, caller, deployment).ok_or_else(missing)?;
    if app.watchers.is_over.load(SeqCst) {
        return Err(Fail::problem(503, "draining", "the server stops"));
    }
    let place = Place::take(app, caller.id).ok_or_else(|| {
        Fail::problem(429, "rate_limited", "too many watch already; close a page, try again")
    })?;
    let mut headers = HeaderMap::new();
    for name in CREDENTIALS {
        headers.extend(parts.headers.get(&name).map(|value| (name, value.clone())));
    }
    let (past, seconds) = app.watchers.begin();
    let watcher = Watcher {
        headers,
        peer: peer(&parts.extensions).cloned(),
        deployment: deployment.id,
        name: name.to_owned(),
        past,
        seconds,
        place,
        _watching: app.gateway.watch(),
    };
    let stream = Stream { next: Some(Box::pin(watcher.next())) };
    Ok(Reply::pieces(200, MEDIA_TYPE, Box::new(stream)))
}

/// What somebody sees of a deployment.
#[derive(Clone, Copy)]
struct Sight {
    scores: bool,
}

/// What `caller` may see of the deployment now; nothing if it may not watch it.
fn sight(app: &App, caller: &Caller, deployment: &ServedDeployment) -> Option<Sight> {
    if !permitted(app, caller, Action::TailDecisions) {
        return None;
    }
    let snapshot = app.gateway.snapshot();
    let policies = &snapshot.parts().policies;
    let decision = Resource::Decision {
        id: DecisionId::from_bytes([0; 16]),
        deployment: deployment.name.clone(),
        environment: deployment.environment,
        asker: None,
        tenant: deployment.tenant,
    };
    let may = |action| policies.authorize(&caller.principal, action, &decision).allowed;
    may(Action::ReadDecision).then(|| Sight { scores: may(Action::ReadDecisionBody) })
}

/// One of the places; given back when dropped.
struct Place(Arc<App>, PrincipalId);

impl Place {
    fn take(app: &Arc<App>, who: PrincipalId) -> Option<Self> {
        app.watchers.take_place(who).then(|| Self(Arc::clone(app), who))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.watchers.give_place(self.1);
    }
}

/// Somebody who watches.
struct Watcher {
    headers: HeaderMap,
    peer: Option<CertificateNames>,
    deployment: DeploymentId,
    name: String,
    past: VecDeque<Arc<Second>>,
    seconds: broadcast::Receiver<Option<Arc<Second>>>,
    place: Place,
    _watching: Watching,
}

impl Watcher {
    /// The next event, and the watcher to ask for the one after; nothing if it may not watch on.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let past = std::mem::take(&mut self.past);
        let seconds = if past.is_empty() { vec![self.second().await?] } else { past.into() };
        let sight = self.looks().await?;
        let mut text = String::new();
        for second in seconds {
            let shown = shown(&second, self.deployment, sight);
            let shown = serde_json::to_string(&shown).ok()?;
            text.push_str("data: ");
            text.push_str(&shown);
            text.push_str("\n\n");
        }
        Some((Bytes::from(text), self))
    }

    async fn second(&mut self) -> Option<Arc<Second>> {
        loop {
            match self.seconds.recv().await {
                Ok(second) => return second,
                // Who reads slowly misses seconds; the times tell which.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// What it may see now, by the credentials it came with.
    async fn looks(&self) -> Option<Sight> {
        let app = &self.place.0;
        let (listener, peer) = (Listener::Control, self.peer.as_ref());
        let caller = console::caller(app, listener, &Method::GET, &self.headers, peer).await;
        let caller = caller.ok()?.ok()?;
        let snapshot = app.gateway.snapshot();
        let deployment = snapshot.deployment(&self.name)?;
        if deployment.id != self.deployment {
            return None;
        }
        sight(app, &caller, deployment)
    }
}

type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Watcher)>> + Send>>;

/// The events as they come.
struct Stream {
    next: Option<Next>,
}

impl Pieces for Stream {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let event = ready!(next.as_mut().poll(context));
        self.next = None;
        Poll::Ready(event.map(|(bytes, watcher)| {
            self.next = Some(Box::pin(watcher.next()));
            Ok(bytes)
        }))
    }
}

fn shown(second: &Second, deployment: DeploymentId, sight: Sight) -> api::LiveSecond {
    let time = second.time.into();
    let nothing = Passing::default();
    let passed = second.passed.get(&deployment).unwrap_or(&nothing);
    let traffic = passed.traffic.iter().map(|&(version, route, result, count)| api::LiveTraffic {
        version: Some(version).filter(|&version| version > 0),
        route,
        result,
        count,
    });
    let refusals = passed.refusals.iter().map(|(phase, code, field, count)| api::LiveRefusal {
        phase: *phase,
        code: *code,
        field: field.as_deref().map(str::to_owned),
        count: *count,
    });
    let phases = Phase::ALL
        .iter()
        .zip(&passed.phases)
        .filter_map(|(&phase, times)| times_of(times).map(|times| api::LivePhase { phase, times }));
    api::LiveSecond {
        time,
        traffic: traffic.collect(),
        refusals: refusals.collect(),
        phases: phases.collect(),
        total: times_of(&passed.total),
        scores: scores_of(&passed.scores).filter(|_| sight.scores),
    }
}

fn times_of(times: &Times) -> Option<api::LiveTimes> {
    let count = times.count();
    (count > 0).then(|| api::LiveTimes {
        count,
        p50: times.percentile(50),
        p95: times.percentile(95),
        p99: times.percentile(99),
    })
}

fn scores_of(scores: &Scores) -> Option<api::LiveScores> {
    let Scores { exponent, first, counts } = scores;
    let (exponent, first, counts) = (*exponent, *first, counts.clone());
    (!counts.is_empty()).then_some(api::LiveScores { exponent, first, counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_and_for_all() {
        let watchers = Watchers::default();
        let who = |n: u8| PrincipalId::from_bytes([n; 16]);
        for _ in 0..MAX_OF_ONE {
            assert!(watchers.take_place(who(1)));
        }
        assert!(!watchers.take_place(who(1)));
        watchers.give_place(who(1));
        assert!(watchers.take_place(who(1)));
        let others = u8::try_from(MAX_WATCHERS / MAX_OF_ONE).expect("few");
        for other in 2..=others {
            for _ in 0..MAX_OF_ONE {
                assert!(watchers.take_place(who(other)));
            }
        }
        assert!(!watchers.take_place(who(200)), "all places are taken");
    }

    #[test]
    fn who_may_not_read_decisions_is_shown_no_scores() {
        let id = DeploymentId::from_bytes([1; 16]);
        let scores = Scores { exponent: -3, first: 2, counts: vec![1, 0, 4] };
        let passing = Passing { scores, ..Passing::default() };
        let second = Second { time: Time::EPOCH, passed: HashMap::from([(id, passing)]) };
        assert!(shown(&second, id, Sight { scores: true }).scores.is_some());
        assert!(shown(&second, id, Sight { scores: false }).scores.is_none());
        let other = DeploymentId::from_bytes([2; 16]);
        assert_eq!(shown(&second, other, Sight { scores: true }).traffic, []);
    }
}
