//! Sessions of browsers: a cookie stands for the key that was signed in with.
//!
//! A session holds the key itself, in memory only, and every request is authenticated with it
//! anew: a key that is revoked or expires ends its sessions with the next request. What changes
//! something must also carry the session's token in a header, which no other site can read or
//! send (OWASP Cross-Site Request Forgery Prevention: synchronizer token, beside
//! `SameSite=Strict`).

use aws_lc_rs::{constant_time, digest, rand};
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use plimsoll_types::{Digest, Time};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// The cookie's name.
const COOKIE_NAME: &str = "plimsoll_session";
/// Carries the token with everything that changes something.
pub(crate) const CSRF: HeaderName = HeaderName::from_static("plimsoll-csrf");
/// Sessions at once. A sign-in beyond it ends the session that was idle longest.
const MAX_SESSIONS: usize = 1024;
/// A session that nothing was asked with for so long has ended.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// How long a session lasts at most.
const LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// The longest key that is looked at.
const MAX_KEY: usize = 8192;

/// The sessions of one process. They end with it.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Digest, Held>>);

struct Held {
    credential: Zeroizing<String>,
    csrf: String,
    ends: Time,
    used: Time,
}

/// A session that was just begun, or that a request came with.
pub(crate) struct Open {
    pub(crate) csrf: String,
    pub(crate) ends: Time,
    /// `authorization` as if the key had come itself.
    pub(crate) headers: HeaderMap,
}

/// Why a request's cookie opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It has none.
    NoCookie,
    /// The session ended, or never was.
    Ended,
    /// It changes something and lacks the token: another site may have sent it.
    Forged,
}

impl Sessions {
    /// Begins a session for `key`, which was found to be good. The cookie's value is given back.
    pub(crate) fn begin(&self, key: &str, now: Time) -> Option<(String, Open)> {
        let (id, csrf) = (secret()?, secret()?);
        let ends = now.plus(LIFE);
        let credential = Zeroizing::new(key.to_owned());
        let open = Open { csrf: csrf.clone(), ends, headers: bearer(key)? };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, session| session.lives(now));
        if held.len() >= MAX_SESSIONS
            && let Some(idlest) = held.iter().min_by_key(|(_, s)| s.used).map(|(id, _)| *id)
        {
            held.remove(&idlest);
        }
        held.insert(digest_of(&id), Held { credential, csrf, ends, used: now });
        Some((id, open))
    }

    /// The session that a request came with.
    pub(crate) fn find(
        &self,
        method: &Method,
        headers: &HeaderMap,
        now: Time,
    ) -> Result<Open, Closed> {
        let id = cookie(headers).ok_or(Closed::NoCookie)?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = held
            .get_mut(&digest_of(id))
            .filter(|session| session.lives(now))
            .ok_or(Closed::Ended)?;
        if is_foreign(headers) || !(method.is_safe() || has_token(headers, &session.csrf)) {
            return Err(Closed::Forged);
        }
        session.used = now;
        let headers = bearer(&session.credential).ok_or(Closed::Ended)?;
        Ok(Open { csrf: session.csrf.clone(), ends: session.ends, headers })
    }

    /// Ends the session that a request came with.
    pub(crate) fn end(&self, headers: &HeaderMap) {
        if let Some(id) = cookie(headers) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest_of(id));
        }
    }
}

impl Held {
    fn lives(&self, now: Time) -> bool {
        now < self.ends && now < self.used.plus(IDLE)
    }
}

/// `set-cookie` for a session, or to forget it. Scripts cannot read it and no other site sends it.
pub(crate) fn set_cookie(id: Option<&str>, is_secure: bool) -> Option<HeaderValue> {
    let secure = if is_secure { "; Secure" } else { "" };
    let (value, age) = id.map_or(("", 0), |id| (id, LIFE.as_secs()));
    let text =
        format!("{COOKIE_NAME}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

/// Whether the browser says that another site sent this (Fetch Metadata).
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|&(name, value)| name == COOKIE_NAME && !value.is_empty())
        .map(|(_, value)| value)
}

fn has_token(headers: &HeaderMap, token: &str) -> bool {
    headers.get(CSRF).is_some_and(|given| {
        constant_time::verify_slices_are_equal(given.as_bytes(), token.as_bytes()).is_ok()
    })
}

fn bearer(key: &str) -> Option<HeaderMap> {
    if key.len() > MAX_KEY {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
    value.set_sensitive(true);
    Some(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

/// 256 bits that nobody guesses.
pub(crate) fn secret() -> Option<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).ok()?;
    Some(Digest::from_bytes(bytes).to_string())
}

/// What a session is found by: whoever reads the table learns no cookie.
fn digest_of(id: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, id.as_bytes()).as_ref());
    Digest::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = Time::from_micros(1_000_000_000_000);

    fn asking(id: &str, token: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let cookie = format!("other=1; {COOKIE_NAME}={id}");
        headers.insert(COOKIE, HeaderValue::from_str(&cookie).expect("a header"));
        if let Some(token) = token {
            headers.insert(CSRF, HeaderValue::from_str(token).expect("a header"));
        }
        headers
    }

    #[test]
    fn a_session_reads_by_its_cookie_and_changes_by_its_token_too() {
        let sessions = Sessions::default();
        let (id, open) = sessions.begin("plim_key", NOON).expect("begins");
        let find = |method: &Method, token, at| {
            sessions.find(method, &asking(&id, token), at).map(|open| open.headers)
        };
        let read = find(&Method::GET, None, NOON).expect("reads");
        assert_eq!(read[AUTHORIZATION], "Bearer plim_key");
        assert_eq!(find(&Method::POST, None, NOON), Err(Closed::Forged));
        assert_eq!(find(&Method::DELETE, Some("guess"), NOON), Err(Closed::Forged));
        assert!(find(&Method::POST, Some(&open.csrf), NOON).is_ok());
        assert_eq!(
            sessions.find(&Method::GET, &HeaderMap::new(), NOON).map(|_| ()),
            Err(Closed::NoCookie)
        );
        assert_eq!(
            sessions.find(&Method::GET, &asking("00", None), NOON).map(|_| ()),
            Err(Closed::Ended)
        );
    }

    #[test]
    fn another_site_opens_nothing_even_with_the_cookie() {
        let sessions = Sessions::default();
        let (id, open) = sessions.begin("k", NOON).expect("begins");
        let mut headers = asking(&id, Some(&open.csrf));
        headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert_eq!(sessions.find(&Method::GET, &headers, NOON).map(|_| ()), Err(Closed::Forged));
    }

    #[test]
    fn sessions_end_when_idle_when_old_and_when_told() {
        let sessions = Sessions::default();
        let (id, _) = sessions.begin("k", NOON).expect("begins");
        let at = |time| sessions.find(&Method::GET, &asking(&id, None), time).map(|_| ());
        assert_eq!(at(NOON.plus(IDLE)), Err(Closed::Ended));
        let mut time = NOON;
        while time < NOON.plus(LIFE) {
            assert_eq!(at(time), Ok(()));
            time = time.plus(IDLE / 2);
        }
        assert_eq!(at(time), Err(Closed::Ended));
        let (id, _) = sessions.begin("k", NOON).expect("begins");
        sessions.end(&asking(&id, None));
        assert_eq!(
            sessions.find(&Method::GET, &asking(&id, None), NOON).map(|_| ()),
            Err(Closed::Ended)
        );
    }

    #[test]
    fn there_are_never_too_many() {
        let sessions = Sessions::default();
        let (first, _) = sessions.begin("k", NOON).expect("begins");
        for _ in 0..MAX_SESSIONS {
            sessions.begin("k", NOON.plus(Duration::from_secs(1))).expect("begins");
        }
        assert_eq!(sessions.0.lock().expect("whole").len(), MAX_SESSIONS);
        let at = NOON.plus(Duration::from_secs(2));
        assert!(sessions.find(&Method::GET, &asking(&first, None), at).is_err());
    }
}
