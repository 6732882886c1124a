//! Whom the gateway believes beside its own keys: issuers of tokens, and certificates.
//!
//! A token is judged in place, and what was judged is remembered for as long as it is true. Keys
//! are fetched by whoever runs [`TrustedIssuer::due`]; a request that names a key nobody knows
//! waits for the next set once, and only so often.

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{self, SHA256};
use plimsoll_identity::{
    CertificateNames, CertificateRule, Identity, Issuer, KeySet, Token, TokenError, Verified,
    principal_id,
};
use plimsoll_policy::{Principal, PrincipalKind, RoleSet};
use plimsoll_serving::Caller;
use plimsoll_types::{Clock, Phase, PrincipalId, Refusal, RefusalCode, TenantId, Time};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Tokens that are remembered. One is some 400 bytes: 7 MiB. Only those that were right get here.
const MAX_BELIEVED: usize = 16_384;
/// Principals that are known to be in the ledger. A forgotten one is looked up again.
const MAX_MET: usize = 65_536;
/// New principals a minute. Each costs a synced record, once; an issuer whose subjects are new
/// with every token would buy them without end.
const MAX_NEW_PER_MINUTE: u32 = 600;
/// How long a request waits for a key set that may know its key.
const WAIT: Duration = Duration::from_secs(3);

/// Makes principals known whom others vouch for, so that their ids in records can be read.
pub trait Meet: Send + Sync + fmt::Debug {
    /// Whether it is on record who an id stands for. May block.
    ///
    /// # Errors
    /// Words for the log.
    fn has_met(&self, id: PrincipalId) -> Result<bool, Box<str>>;
    /// Records who an id stands for, unless that was done before. Durable on return; may block.
    ///
    /// # Errors
    /// Words for the log.
    fn meet(&self, who: &Identity) -> Result<(), Box<str>>;
}

/// An issuer with the keys it has now.
#[derive(Debug)]
pub struct TrustedIssuer {
    /// Its rules.
    pub issuer: Issuer,
    held: ArcSwapOption<Held>,
    wanted: Notify,
    tries: watch::Sender<u64>,
    is_fetching: AtomicBool,
    last_try: AtomicU64,
    failures: AtomicU64,
}

/// A key set and when it came.
#[derive(Debug)]
struct Held {
    keys: KeySet,
    /// Counts sets that differ.
    generation: u64,
    /// Monotonic nanoseconds.
    fetched: u64,
}

/// What there is to tell of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerStats {
    /// What it is called here.
    pub name: String,
    /// Keys that can verify its tokens; none if the last set is too old.
    pub keys: usize,
    /// Fetches that brought no usable set.
    pub failures: u64,
    /// Age of the set, if there is one.
    pub age: Option<Duration>,
}

impl TrustedIssuer {
    /// An issuer whose keys are not known yet.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            held: ArcSwapOption::empty(),
            wanted: Notify::new(),
            tries: watch::Sender::new(0),
            is_fetching: AtomicBool::new(true),
            last_try: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Waits until keys should be fetched: the interval is over, or a token names one that is not
    /// known. Then the fetch has begun, and [`Self::took`] or [`Self::failed`] ends it.
    pub async fn due(&self, clock: &dyn Clock) {
        let wait =
            if self.held.load().is_some() { self.issuer.refresh } else { self.issuer.refetch };
        drop(tokio::time::timeout(wait, self.wanted.notified()).await);
        self.is_fetching.store(true, Relaxed);
        self.last_try.store(clock.monotonic(), Relaxed);
    }

    /// A usable set came.
    pub fn took(&self, keys: KeySet, clock: &dyn Clock) {
        let before = self.held.load_full();
        let generation = match &before {
            Some(held) if held.keys == keys => held.generation,
            Some(held) => held.generation.saturating_add(1),
            None => 1,
        };
        self.held.store(Some(Arc::new(Held { keys, generation, fetched: clock.monotonic() })));
        self.tried(clock);
    }

    /// None came; the last one stays until it is too old.
    pub fn failed(&self, clock: &dyn Clock) {
        self.failures.fetch_add(1, Relaxed);
        self.tried(clock);
    }

    fn tried(&self, clock: &dyn Clock) {
        self.last_try.store(clock.monotonic(), Relaxed);
        self.is_fetching.store(false, Relaxed);
        self.tries.send_modify(|tries| *tries = tries.wrapping_add(1));
    }

    /// Waits for the next try, if one is under way or may be made. Whether there was one.
    async fn next_try(&self, clock: &dyn Clock) -> bool {
        let mut tries = self.tries.subscribe();
        if !self.is_fetching.load(Relaxed) {
            let since = clock.monotonic().saturating_sub(self.last_try.load(Relaxed));
            if Duration::from_nanos(since) < self.issuer.refetch {
                return false;
            }
            self.wanted.notify_one();
        }
        matches!(tokio::time::timeout(WAIT, tries.changed()).await, Ok(Ok(())))
    }

    fn held(&self, monotonic: u64) -> Option<Arc<Held>> {
        let held = self.held.load_full()?;
        let age = Duration::from_nanos(monotonic.saturating_sub(held.fetched));
        (age <= self.issuer.stale).then_some(held)
    }

    fn stats(&self, monotonic: u64) -> IssuerStats {
        let age = |held: &Arc<Held>| Duration::from_nanos(monotonic.saturating_sub(held.fetched));
        IssuerStats {
            name: self.issuer.name.to_string(),
            keys: self.held(monotonic).map_or(0, |held| held.keys.len()),
            failures: self.failures.load(Relaxed),
            age: self.held.load_full().as_ref().map(age),
        }
    }
}

/// A caller, and who it is elsewhere if others vouch for it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) caller: Arc<Caller>,
    pub(crate) identity: Option<Arc<Identity>>,
}

/// Why a token's caller is not known.
pub(crate) enum Unknown<'a> {
    /// For good.
    Refused,
    /// Until the issuer has another key set.
    Keys(&'a Arc<TrustedIssuer>),
}

/// A token that was right.
#[derive(Debug)]
struct Believed {
    known: Known,
    until: Time,
    issuer: usize,
    generation: u64,
}

/// New principals of the minute.
#[derive(Debug, Default)]
struct Meetings {
    met: HashSet<PrincipalId>,
    minute: u64,
    new: u32,
}

/// Everyone who is believed.
#[derive(Debug)]
pub struct Trust {
    issuers: Vec<Arc<TrustedIssuer>>,
    certificates: Vec<(CertificateRule, Known)>,
    tenant: TenantId,
    meet: Arc<dyn Meet>,
    believed: Mutex<HashMap<[u8; 32], Believed>>,
    meetings: Mutex<Meetings>,
    accepted: AtomicU64,
    refused: [AtomicU64; TokenError::ALL.len()],
}

impl Trust {
    /// Believes these.
    #[must_use]
    pub fn new(
        issuers: Vec<Arc<TrustedIssuer>>,
        certificates: Vec<CertificateRule>,
        tenant: TenantId,
        meet: Arc<dyn Meet>,
    ) -> Self {
        let known = |rule: CertificateRule| {
            let known = known(rule.identity.clone(), rule.principal.clone());
            (rule, known)
        };
        Self {
            issuers,
            certificates: certificates.into_iter().map(known).collect(),
            tenant,
            meet,
            believed: Mutex::default(),
            meetings: Mutex::default(),
            accepted: AtomicU64::new(0),
            refused: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Tokens that were believed, and those refused by reason.
    pub fn tokens(&self) -> (u64, impl Iterator<Item = (&'static str, u64)>) {
        let refused = TokenError::ALL.iter().zip(&self.refused);
        let refused = refused.map(|(error, count)| (error.code(), count.load(Relaxed)));
        (self.accepted.load(Relaxed), refused)
    }

    /// The issuers, and how their key sets are.
    #[must_use]
    pub fn issuers(&self, monotonic: u64) -> Vec<IssuerStats> {
        self.issuers.iter().map(|issuer| issuer.stats(monotonic)).collect()
    }

    /// Whom a token stands for.
    pub(crate) fn token(&self, text: &str, clock: &dyn Clock) -> Result<Known, Unknown<'_>> {
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let key = digest_of(text);
        if let Some(known) = self.remembered(&key, now, monotonic) {
            self.accepted.fetch_add(1, Relaxed);
            return Ok(known);
        }
        match self.judge(text, now, monotonic) {
            Ok((verified, issuer, generation)) => {
                self.accepted.fetch_add(1, Relaxed);
                let until = verified.until;
                let known = known(verified.identity, verified.principal);
                let believed = Believed { known: known.clone(), until, issuer, generation };
                self.remember(key, believed, now);
                Ok(known)
            }
            Err((error, issuer)) => {
                if let Some(at) = TokenError::ALL.iter().position(|other| *other == error) {
                    self.refused[at].fetch_add(1, Relaxed);
                }
                tracing::debug!(reason = error.code(), "a token was refused");
                let may_help = matches!(error, TokenError::UnknownKey | TokenError::NoKeys);
                Err(issuer.filter(|_| may_help).map_or(Unknown::Refused, Unknown::Keys))
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "used once, two lines above")]
    fn judge(
        &self,
        text: &str,
        now: Time,
        monotonic: u64,
    ) -> Result<(Verified, usize, u64), (TokenError, Option<&Arc<TrustedIssuer>>)> {
        let token = Token::read(text).map_err(|error| (error, None))?;
        let from = token.issuer().ok_or((TokenError::Issuer, None))?;
        let at = self.issuers.iter().position(|trusted| trusted.issuer.url == from);
        let at = at.ok_or((TokenError::Issuer, None))?;
        let trusted = &self.issuers[at];
        let wrong = |error| (error, Some(trusted));
        let held = trusted.held(monotonic).ok_or_else(|| wrong(TokenError::NoKeys))?;
        let verified = trusted.issuer.verify(token, &held.keys, now).map_err(wrong)?;
        Ok((verified, at, held.generation))
    }

    fn remembered(&self, key: &[u8; 32], now: Time, monotonic: u64) -> Option<Known> {
        let believed = lock(&self.believed);
        let one = believed.get(key)?;
        // A key that left the set ends its tokens; so does a set that is too old.
        let held = self.issuers.get(one.issuer)?.held(monotonic)?;
        (one.until > now && one.generation == held.generation).then(|| one.known.clone())
    }

    fn remember(&self, key: [u8; 32], one: Believed, now: Time) {
        let mut believed = lock(&self.believed);
        if believed.len() >= MAX_BELIEVED {
            believed.retain(|_, one| one.until > now);
        }
        if believed.len() >= MAX_BELIEVED {
            believed.clear();
        }
        believed.insert(key, one);
    }

    /// Whom a certificate stands for: the first rule that covers it. One that no rule names is
    /// known and may do nothing.
    pub(crate) fn certificate(&self, names: &CertificateNames) -> Option<Known> {
        let rule = self.certificates.iter().find(|(rule, _)| rule.covers(names));
        rule.map(|(_, known)| known.clone()).or_else(|| self.stranger(names))
    }

    fn stranger(&self, names: &CertificateNames) -> Option<Known> {
        let subject = names.first()?;
        let id = principal_id("x509", subject);
        let kind = PrincipalKind::Service;
        let identity = Identity {
            issuer: "certificate".into(),
            url: "x509".into(),
            subject: subject.into(),
            kind,
            id,
        };
        let principal = Principal {
            kind,
            id: id.to_string().into(),
            roles: RoleSet::NONE,
            environment: None,
            scopes: None,
            tenant: self.tenant,
            dev: false,
        };
        Some(known(identity, principal))
    }

    /// Whether the ledger is known to say who this is.
    pub(crate) fn has_met(&self, id: PrincipalId) -> bool {
        lock(&self.meetings).met.contains(&id)
    }

    /// Lets the ledger say who this is, if it does not yet.
    pub(crate) async fn meet(&self, who: Arc<Identity>, now: Time) -> Result<(), Refusal> {
        let id = who.id;
        if !self.aside(move |meet| meet.has_met(id)).await? {
            lock(&self.meetings).admit(now)?;
            self.aside(move |meet| meet.meet(&who)).await?;
        }
        let mut meetings = lock(&self.meetings);
        if meetings.met.len() >= MAX_MET {
            meetings.met.clear();
        }
        meetings.met.insert(id);
        Ok(())
    }

    /// Does what blocks on a thread that may.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Meet) -> Result<T, Box<str>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let meet = Arc::clone(&self.meet);
        let done = tokio::task::spawn_blocking(move || work(&*meet)).await;
        done.unwrap_or_else(|error| Err(error.to_string().into())).map_err(|error| {
            tracing::error!(%error, "a principal from elsewhere could not be looked up or recorded");
            refusal(RefusalCode::LedgerUnavailable)
        })
    }
}

impl Meetings {
    /// Counts one more new principal.
    fn admit(&mut self, now: Time) -> Result<(), Refusal> {
        let minute = now.as_secs() / 60;
        if self.minute != minute {
            (self.minute, self.new) = (minute, 0);
        }
        if self.new >= MAX_NEW_PER_MINUTE {
            let rule = "too many principals are new this minute; try again later";
            return Err(refusal(RefusalCode::Overloaded).with_rule(rule));
        }
        self.new += 1;
        Ok(())
    }
}

impl Unknown<'_> {
    /// Waits for keys, if they may help. Whether to ask again.
    pub(crate) async fn may_pass(self, clock: &dyn Clock) -> bool {
        match self {
            Self::Refused => false,
            Self::Keys(issuer) => issuer.next_try(clock).await,
        }
    }
}

pub(crate) const fn refusal(code: RefusalCode) -> Refusal {
    Refusal::new(Phase::Authenticate, code)
}

fn known(identity: Identity, principal: Principal) -> Known {
    let caller = Caller { index: Caller::ELSEWHERE, id: identity.id, principal, key: None };
    Known { caller: Arc::new(caller), identity: Some(Arc::new(identity)) }
}

fn digest_of(text: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let digest = digest::digest(&SHA256, text.as_bytes());
    key.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    key
}

/// Nothing under these locks is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
