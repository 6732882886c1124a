//! Signatures as in Standard Webhooks 1.0 (symmetric, `v1`): HMAC-SHA256 over id, time and
//! body, so that a receiver can tell our events from anyone's, and new ones from old ones.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use plimsoll_types::Time;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Adds the three headers: `webhook-id`, `webhook-timestamp` (seconds since 1970, of this
/// attempt) and `webhook-signature`.
pub fn sign(headers: &mut HeaderMap, secret: &[u8], id: &str, now: Time, body: &[u8]) {
    let seconds = now.as_secs().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut context = hmac::Context::with_key(&key);
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        context.update(part);
    }
    let signature = format!("v1,{}", STANDARD.encode(context.sign()));
    for (name, value) in [(ID, id), (TIMESTAMP, &seconds), (SIGNATURE, &signature)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}
