//! Sends what the registry's webhooks are to be told: signed as MLflow signs, through the one
//! outgoing client, again after a failure that may pass.

use crate::accept::Life;
use crate::app::App;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use plimsoll_control::{WebhookDelivery, WebhookTarget};
use plimsoll_outbound::{OutboundError, Request, Url};
use plimsoll_types::{EventId, Time};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// MLflow's headers (`mlflow/webhooks/constants.py`).
const DELIVERY_ID: HeaderName = HeaderName::from_static("x-mlflow-delivery-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-mlflow-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-mlflow-signature");

/// How often a delivery is tried.
const MAX_ATTEMPTS: u32 = 4;
/// The wait after the first failure, in milliseconds; it doubles with each.
const FIRST_WAIT: u32 = 1_000;
/// How often it is looked whether a wait is over, when nothing new comes.
const LOOK: Duration = Duration::from_millis(500);
/// How much of a tested webhook's reply is shown, in characters.
const MAX_SHOWN: usize = 1_000;

/// Wakes the sender.
#[derive(Debug, Default)]
pub(crate) struct Webhooks(Notify);

impl Webhooks {
    /// Something may be to be told.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

/// Sends what is due until the server drains; what is not sent stays noted.
pub(crate) async fn run(app: Arc<App>, mut life: watch::Receiver<Life>) {
    loop {
        let more = send_due(&app).await;
        if *life.borrow() != Life::Serving {
            return;
        }
        if more {
            continue;
        }
        let drains = async { drop(life.wait_for(|&life| life != Life::Serving).await) };
        tokio::select! {
            () = app.webhooks.0.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = drains => return,
        }
    }
}

/// Sends what is due now. Whether there was anything.
async fn send_due(app: &Arc<App>) -> bool {
    let control = Arc::clone(&app.control);
    let due = tokio::task::spawn_blocking(move || control.due_webhooks()).await;
    let due = match due {
        Ok(Ok(due)) => due,
        Ok(Err(error)) => {
            tracing::warn!(%error, "what webhooks are to be told could not be read");
            return false;
        }
        Err(_) => return false,
    };
    let any = !due.is_empty();
    // A receiver that is slow delays the others by one round, at most its deadline.
    let mut sending = JoinSet::new();
    for delivery in due {
        sending.spawn(deliver(Arc::clone(app), delivery));
    }
    while sending.join_next().await.is_some() {}
    any
}

async fn deliver(app: Arc<App>, delivery: WebhookDelivery) {
    let now = app.clock.now();
    let sent = match request(&delivery.target, delivery.body, now) {
        Ok(request) => app.outbound.send(request).await,
        Err(error) => Err(error),
    };
    let again = match &sent {
        Ok(reply) => may_pass(reply.status),
        Err(error) => {
            tracing::warn!(%error, "a webhook of the registry could not be reached");
            true
        }
    };
    let tried = delivery.attempts.saturating_add(1);
    let wait = (again && tried < MAX_ATTEMPTS)
        .then(|| FIRST_WAIT.saturating_mul(1 << delivery.attempts.min(8)));
    let control = Arc::clone(&app.control);
    let noted =
        tokio::task::spawn_blocking(move || control.webhook_tried(delivery.row, wait)).await;
    if let Ok(Err(error)) = noted {
        tracing::warn!(%error, "what became of a delivery could not be noted");
    }
}

/// Sends a test now, once, and tells what came of it as MLflow does. Blocks.
pub(crate) fn test(app: &App, target: &WebhookTarget, body: String) -> Value {
    let sent = request(target, body, app.clock.now())
        .and_then(|request| app.outbound.send_blocking(request));
    match sent {
        Ok(reply) => {
            let text = String::from_utf8_lossy(&reply.body);
            json!({
                "success": reply.status.as_u16() < 400,
                "response_status": reply.status.as_u16(),
                "response_body": text.chars().take(MAX_SHOWN).collect::<String>(),
            })
        }
        Err(error) => json!({
            "success": false,
            "error_message": format!("Failed to test webhook: {error}"),
        }),
    }
}

/// Failures that another try may mend.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

fn request(target: &WebhookTarget, body: String, now: Time) -> Result<Request, OutboundError> {
    let url: Url = String::from_utf8_lossy(&target.url.0).parse()?;
    let (id, time) = (EventId::new(now).to_string(), now.as_secs().to_string());
    let signature = target.secret.as_ref().map(|secret| signature(&secret.0, &id, &time, &body));
    let mut request = Request::post(url, body)
        .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [(DELIVERY_ID, Some(id)), (TIMESTAMP, Some(time)), (SIGNATURE, signature)]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            request = request.with_header(name, value);
        }
    }
    Ok(request)
}

/// `v1,` and HMAC-SHA-256 of `id.time.body` in base64.
fn signature(secret: &[u8], id: &str, time: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `_generate_hmac_signature` of mlflow 3.17.2.
    #[test]
    fn signatures_are_mlflows() {
        assert_eq!(
            signature(b"secret", "id-1", "1700000000", "{\"a\": 1}"),
            include_str!("../tests/mlflow_signature.txt").trim()
        );
    }
}
