//! The intake of decisions that were made elsewhere.

use crate::accept::Life;
use crate::app::App;
use crate::body::read_body;
use crate::handlers::{blocking, ok};
use crate::observations::{
    Attributes, Half, Item, Met, Question, Told, event_of, line, structured,
};
use crate::reply::Reply;
use crate::routes::{Call, Fail, Route, other};
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use plimsoll_api as api;
use plimsoll_api::{ObservedState, schema_of};
use plimsoll_control::RequestContext;
use plimsoll_gateway::{Asked, BodyError, Listener, Noting, Observation, Observed};
use plimsoll_policy::Action;
use plimsoll_serving::Caller;
use plimsoll_types::{Name, Refusal};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The largest body: some ten thousand observations.
const MAX_BODY: usize = 16 << 20;
/// Observations of one request.
const MAX_ITEMS: usize = 16_384;
/// Records that are on their way to the disk before those before them are waited for: a quarter of
/// the ledger's queue.
const UNDER_WAY: usize = 512;
/// How often halves are looked at that wait for the other.
const LOOK: Duration = Duration::from_secs(5);

pub(crate) fn routes() -> Vec<Route> {
    let path = "/api/v1/deployments/{name}/observations";
    vec![
        other(Listener::Control, "POST", path, Action::Observe, Call::Observe)
            .named("observe", "Report decisions made elsewhere: JSON lines, or CloudEvents 1.0")
            .reads(schema_of::<api::Observation>)
            .gives(200, schema_of::<api::Observed>),
    ]
}

/// Reads what is told, records what is whole, lets halves wait.
pub(crate) async fn observe(
    app: &Arc<App>,
    ctx: RequestContext,
    caller: &Arc<Caller>,
    name: &str,
    request: Request<Incoming>,
) -> Result<Reply, Fail> {
    let name: Name = name
        .parse()
        .map_err(|_| Fail::bad("malformed_path", "the path's `name` is malformed".into()))?;
    let (control, asked) = (Arc::clone(app), name.clone());
    blocking(move || control.control.may_observe(&ctx, &asked)).await??;
    let (parts, body) = request.into_parts();
    let body = read_body(body, MAX_BODY, app.limits.body_timeout).await.map_err(broken)?;
    let items = items(name.as_str(), &parts.headers, &body)?;
    let mut observed = api::Observed::default();
    let mut under_way = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        match item {
            Err(why) => {
                add(&mut observed, place, ObservedState::Malformed, None, Some(why));
            }
            Ok(item) => {
                if let Some(noting) = take(app, caller, &name, place, item, &mut observed).await? {
                    under_way.push((place, noting));
                }
            }
        }
        if under_way.len() >= UNDER_WAY {
            settle(std::mem::take(&mut under_way), &mut observed).await?;
        }
    }
    settle(under_way, &mut observed).await?;
    observed.items.sort_by_key(|item| item.place);
    ok(&observed)
}

async fn take(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    name: &Name,
    place: usize,
    item: Item,
    observed: &mut api::Observed,
) -> Result<Option<Box<Noting>>, Fail> {
    let told = match item {
        Item::Whole(told) => told,
        Item::Half(told) => {
            let now = app.clock.monotonic();
            let half = Half::new(name.as_str(), told, Arc::clone(caller), now);
            let (met, out) = app.pairs.meet(half);
            give_up(app, out).await;
            match met {
                Met::Whole(told) => told,
                Met::Same | Met::Nothing => {
                    add(observed, place, ObservedState::Waiting, None, None);
                    return Ok(None);
                }
            }
        }
    };
    match record(app, caller, name.as_str(), &told).map_err(|refusal| refused(&refusal))? {
        Observed::Noting(noting) => Ok(Some(noting)),
        Observed::Known(id) => {
            observed.known += 1;
            let (state, decision, why) = (ObservedState::Known, id, None);
            observed.items.push(api::ObservedItem { place, state, decision, why });
            Ok(None)
        }
    }
}

fn record(app: &App, caller: &Arc<Caller>, name: &str, told: &Told) -> Result<Observed, Refusal> {
    let asked = told.question.as_ref().map(|question| match question {
        Question::Predict(body) => Asked::Predict(body),
        Question::Oip(body) => Asked::Oip(body),
    });
    let observation = Observation {
        source: &told.source,
        id: &told.id,
        part: told.part,
        time: told.time.as_deref(),
        asked,
        outputs: &told.outputs,
        trouble: told.trouble.clone(),
    };
    app.gateway.observe(caller, name, &observation)
}

async fn settle(
    under_way: Vec<(usize, Box<Noting>)>,
    observed: &mut api::Observed,
) -> Result<(), Fail> {
    for (place, noting) in under_way {
        let settled = noting.settle().await.map_err(|error| {
            tracing::warn!(error = %error, "a decision made elsewhere could not be recorded");
            Fail::problem(503, "ledger_unavailable", "the ledger cannot take records now")
        })?;
        let (id, broken) = settled;
        let state = if broken.is_some() { ObservedState::Broken } else { ObservedState::Recorded };
        add(observed, place, state, Some(id), broken.map(|refusal| refusal.to_string()));
    }
    Ok(())
}

fn add(
    observed: &mut api::Observed,
    place: usize,
    state: ObservedState,
    decision: Option<plimsoll_types::DecisionId>,
    why: Option<String>,
) {
    let count = match state {
        ObservedState::Recorded => &mut observed.recorded,
        ObservedState::Broken => {
            observed.recorded += 1;
            &mut observed.broken
        }
        ObservedState::Known => &mut observed.known,
        ObservedState::Waiting => &mut observed.waiting,
        ObservedState::Malformed => &mut observed.malformed,
    };
    *count += 1;
    observed.items.push(api::ObservedItem { place, state, decision, why });
}

/// What a body holds, one after the other.
fn items(
    deployment: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<Result<Item, String>>, Fail> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let media = text("content-type").unwrap_or("application/json");
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = |body: &[u8]| {
        serde_json::from_slice::<Value>(body)
            .map_err(|_| Fail::bad("malformed_body", "the body is not JSON".into()))
    };
    let items: Vec<Result<Item, String>> = match media.as_str() {
        "application/cloudevents+json" => vec![structured(deployment, &json(body)?)],
        "application/cloudevents-batch+json" => {
            let Value::Array(events) = json(body)? else {
                return Err(Fail::bad("malformed_body", "a batch of events is a list".into()));
            };
            bounded(events.len())?;
            events.iter().map(|event| structured(deployment, event)).collect()
        }
        // The binary mode of CloudEvents: the attributes are headers.
        _ if headers.contains_key("ce-id") => {
            let owned = |name| text(name).unwrap_or_default().to_owned();
            let attributes = Attributes {
                version: owned("ce-specversion"),
                kind: owned("ce-type"),
                source: owned("ce-source"),
                id: owned("ce-id"),
                time: text("ce-time").map(str::to_owned),
            };
            vec![event_of(deployment, attributes, body)]
        }
        "application/x-ndjson" | "application/jsonl" | "application/json" => {
            let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
            bounded(lines.len())?;
            if media == "application/json" {
                // One observation, which may be written over several lines.
                vec![line(deployment, body)]
            } else {
                lines.into_iter().map(|text| line(deployment, text)).collect()
            }
        }
        _ => {
            let detail = "send application/x-ndjson, or CloudEvents 1.0";
            return Err(Fail::problem(415, "unsupported_media_type", detail));
        }
    };
    if !items.is_empty() && items.iter().all(Result::is_err) && items.len() == 1 {
        let why = items.into_iter().next().and_then(Result::err).unwrap_or_default();
        return Err(Fail::bad("malformed_observation", why));
    }
    Ok(items)
}

fn bounded(count: usize) -> Result<(), Fail> {
    if count <= MAX_ITEMS {
        return Ok(());
    }
    let detail = format!("a request holds at most {MAX_ITEMS} observations");
    Err(Fail::problem(413, "body_too_large", detail))
}

fn broken(error: BodyError) -> Fail {
    match error {
        BodyError::TooLarge => {
            let detail = format!("the body has at most {MAX_BODY} bytes");
            Fail::problem(413, "body_too_large", detail)
        }
        BodyError::Timeout => Fail::problem(408, "timeout", "the body stalled"),
        BodyError::Broken => Fail::bad("malformed_request", "the body broke off".into()),
    }
}

fn refused(refusal: &Refusal) -> Fail {
    let status = plimsoll_gateway::status(refusal.code);
    Fail::problem(status, refusal.code.as_str(), refusal.to_string())
}

/// Records halves whose other never came, as they are.
async fn give_up(app: &App, halves: Vec<Half>) {
    for half in halves {
        let half = half.alone();
        let noted = match record(app, &half.caller, &half.deployment, &half.told) {
            Ok(Observed::Noting(noting)) => {
                noting.settle().await.map(drop).map_err(|e| e.to_string())
            }
            Ok(Observed::Known(_)) => Ok(()),
            Err(refusal) => Err(refusal.to_string()),
        };
        if let Err(error) = noted {
            tracing::error!(
                error,
                deployment = half.deployment,
                "half of a decision made elsewhere was lost"
            );
        }
    }
}

/// Gives up halves that waited long enough, and all of them when the server drains.
pub(crate) async fn expire(app: Arc<App>, mut life: watch::Receiver<Life>) {
    loop {
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        let is_over = tokio::time::timeout(LOOK, drains).await.is_ok();
        let now = if is_over { u64::MAX } else { app.clock.monotonic() };
        give_up(&app, app.pairs.over(now)).await;
        if is_over {
            return;
        }
    }
}
