//! Claims (RFC 7519 §4.1), each with exactly the type it must have. A claim that is there and
//! mistyped is never taken for one that is not there.

use crate::error::TokenError;
use plimsoll_types::Time;
use serde_json::{Map, Value};
use std::time::Duration;

/// The longest subject: OpenID Connect Core §2 allows 255 characters.
const MAX_SUBJECT: usize = 255;
/// The most groups that are looked at. The size of a token bounds them before.
const MAX_GROUPS: usize = 2_048;

pub(crate) type Claims = Map<String, Value>;

/// A text that must be there.
pub(crate) fn text<'a>(claims: &'a Claims, name: &str) -> Result<&'a str, TokenError> {
    match claims.get(name) {
        None => Err(TokenError::Missing),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(TokenError::Mistyped),
    }
}

/// Whom the token is about: not empty, printable, of bounded length.
pub(crate) fn subject<'a>(claims: &'a Claims, name: &str) -> Result<&'a str, TokenError> {
    let subject = text(claims, name)?;
    let fits = !subject.is_empty()
        && subject.len() <= MAX_SUBJECT
        && !subject.chars().any(char::is_control);
    if fits { Ok(subject) } else { Err(TokenError::Mistyped) }
}

/// A time in whole seconds. RFC 7519 §2 allows fractions; no issuer of note sends them, and a
/// reader that rounds has an opinion of its own.
fn seconds(claims: &Claims, name: &str) -> Result<Option<u64>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or(TokenError::Mistyped),
    }
}

/// What `exp`, `nbf` and `iat` must keep.
pub(crate) struct Window {
    pub(crate) leeway: Duration,
    pub(crate) max_lifetime: Duration,
}

/// Checks the times and gives the end, leeway not counted.
pub(crate) fn times(claims: &Claims, now: Time, window: &Window) -> Result<Time, TokenError> {
    let expires = seconds(claims, "exp")?.ok_or(TokenError::Missing)?;
    let (begins, issued) = (seconds(claims, "nbf")?, seconds(claims, "iat")?);
    let (now, leeway) = (now.as_secs(), window.leeway.as_secs());
    if now >= expires.saturating_add(leeway) {
        return Err(TokenError::Expired);
    }
    if [begins, issued].into_iter().flatten().any(|begins| begins > now.saturating_add(leeway)) {
        return Err(TokenError::NotYet);
    }
    let furthest = now.saturating_add(window.max_lifetime.as_secs()).saturating_add(leeway);
    if expires > furthest {
        return Err(TokenError::TooLongLived);
    }
    Ok(Time::from_micros(expires.saturating_mul(1_000_000)))
}

/// `aud`: one text, or a list of nothing but texts, with one of `wanted` among them.
pub(crate) fn audience(claims: &Claims, wanted: &[String]) -> Result<(), TokenError> {
    let is_wanted = |text: &str| wanted.iter().any(|wanted| wanted == text);
    let found = match claims.get("aud") {
        None => return Err(TokenError::Missing),
        Some(Value::String(text)) => is_wanted(text),
        Some(Value::Array(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.ok_or(TokenError::Mistyped)?.into_iter().any(is_wanted)
        }
        Some(_) => return Err(TokenError::Mistyped),
    };
    if found { Ok(()) } else { Err(TokenError::Audience) }
}

/// The groups at a path of members: a list of texts, or one text; none if nothing is there.
pub(crate) fn groups<'a>(claims: &'a Claims, path: &[String]) -> Result<Vec<&'a str>, TokenError> {
    let Some((last, above)) = path.split_last() else { return Ok(Vec::new()) };
    let mut members = claims;
    for name in above {
        members = match members.get(name) {
            None => return Ok(Vec::new()),
            Some(Value::Object(inner)) => inner,
            Some(_) => return Err(TokenError::Mistyped),
        };
    }
    match members.get(last) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(list)) if list.len() <= MAX_GROUPS => {
            list.iter().map(|item| item.as_str().ok_or(TokenError::Mistyped)).collect()
        }
        Some(_) => Err(TokenError::Mistyped),
    }
}
