//! What principals and deployments have used of their limits, in memory of bounded size.
//!
//! A restart begins a new count: limits protect the server and its models, they are no bill.

use plimsoll_serving::{Limit, LimitKind, Limits, Over, Usage};
use plimsoll_types::{DeploymentId, Phase, PrincipalId, Refusal, RefusalCode, Time};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Principals whose use is kept apart. More share one account, so that a flood of new names finds
/// a tighter limit and never none. An account is some 150 bytes: 10 MiB.
const MAX_TRACKED: usize = 65_536;
/// Least time between two looks for accounts that say nothing any more, in nanoseconds: a look
/// goes through all of them.
const SWEEP_EVERY_NS: u64 = 1_000_000_000;

/// Whose limit was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The principal's.
    Principal,
    /// The deployment's.
    Deployment,
}

impl Whose {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Principal, Self::Deployment];
    /// Its word in metrics and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Deployment => "deployment",
        }
    }
}

type Account = Arc<Mutex<Usage>>;

/// What a request uses, given back when it ends.
#[derive(Debug, Default)]
pub(crate) struct Charge([Option<Account>; 2]);

impl Charge {
    /// Uses rows, now that they are known.
    pub(crate) fn add_rows(&self, rows: usize, now: Time) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.0.iter().flatten().for_each(|account| lock(account).add_rows(rows, now));
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.0.iter().flatten().for_each(|account| lock(account).end());
    }
}

/// Whose rows a job's are, too.
#[derive(Debug, Default)]
pub(crate) struct RowCharge([Option<Account>; 2]);

impl RowCharge {
    /// Uses rows that were decided.
    pub(crate) fn add(&self, rows: usize, now: Time) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.0.iter().flatten().for_each(|account| lock(account).add_rows(rows, now));
    }
}

/// Every account.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    principals: Accounts<PrincipalId>,
    deployments: Accounts<DeploymentId>,
    refused: [[AtomicU64; LimitKind::ALL.len()]; 2],
}

impl Limiter {
    /// Takes one request, by all of its limits or none.
    pub(crate) fn admit(
        &self,
        limits: &Limits,
        principal: PrincipalId,
        deployment: DeploymentId,
        monotonic: u64,
        now: Time,
    ) -> Result<Charge, (Whose, Over)> {
        let (by, at) = (limits.principal(principal), limits.deployment(deployment));
        let by = by.map(|limit| (limit, self.principals.of(principal, monotonic, now)));
        let at = at.map(|limit| (limit, self.deployments.of(deployment, monotonic, now)));
        // Always in this order, so that no two requests wait for one another.
        let mut held: [Option<(&Limit, MutexGuard<'_, Usage>)>; 2] =
            [&by, &at].map(|one| one.as_ref().map(|(limit, account)| (*limit, lock(account))));
        for (whose, one) in Whose::ALL.into_iter().zip(&held) {
            let Some((limit, usage)) = one else { continue };
            if let Err(over) = usage.check(limit, monotonic, now) {
                self.refused[whose as usize][over.kind as usize].fetch_add(1, Relaxed);
                return Err((whose, over));
            }
        }
        for (limit, usage) in held.iter_mut().flatten() {
            usage.take(limit, monotonic, now);
        }
        drop(held);
        Ok(Charge([by.map(|(_, account)| account), at.map(|(_, account)| account)]))
    }

    /// Whether some more rows of a job keep the limits of rows: it has a pace of its own, and is
    /// no request.
    pub(crate) fn admit_rows(
        &self,
        limits: &Limits,
        principal: PrincipalId,
        deployment: DeploymentId,
        monotonic: u64,
        now: Time,
    ) -> Result<RowCharge, (Whose, Over)> {
        let of_rows = |limit: &Limit| limit.rows_per_day.map(|_| rows_of(limit));
        let by = limits.principal(principal).and_then(of_rows);
        let at = limits.deployment(deployment).and_then(of_rows);
        let accounts = [
            by.map(|limit| (limit, self.principals.of(principal, monotonic, now))),
            at.map(|limit| (limit, self.deployments.of(deployment, monotonic, now))),
        ];
        for (whose, (limit, account)) in
            Whose::ALL.into_iter().zip(&accounts).filter_map(|(w, one)| Some((w, one.as_ref()?)))
        {
            if let Err(over) = lock(account).check(limit, monotonic, now) {
                self.refused[whose as usize][over.kind as usize].fetch_add(1, Relaxed);
                return Err((whose, over));
            }
        }
        Ok(RowCharge(accounts.map(|one| one.map(|(_, account)| account))))
    }

    /// Requests refused, by whose limit and which.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (Whose, LimitKind, u64)> {
        Whose::ALL.into_iter().flat_map(move |whose| {
            let count =
                move |kind: LimitKind| self.refused[whose as usize][kind as usize].load(Relaxed);
            LimitKind::ALL.into_iter().map(move |kind| (whose, kind, count(kind)))
        })
    }

    /// Accounts that are kept.
    pub(crate) fn tracked(&self) -> usize {
        self.principals.len() + self.deployments.len()
    }
}

#[derive(Debug)]
struct Accounts<K> {
    own: Mutex<HashMap<K, Account>>,
    shared: Account,
    swept: AtomicU64,
}

impl<K> Default for Accounts<K> {
    fn default() -> Self {
        Self { own: Mutex::default(), shared: Arc::default(), swept: AtomicU64::new(0) }
    }
}

impl<K: Eq + Hash> Accounts<K> {
    fn of(&self, key: K, monotonic: u64, now: Time) -> Account {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = own.get(&key) {
            return Arc::clone(account);
        }
        if own.len() >= MAX_TRACKED && !self.sweep(&mut own, monotonic, now) {
            return Arc::clone(&self.shared);
        }
        Arc::clone(own.entry(key).or_default())
    }

    /// Lets go of accounts that say nothing any more. Whether there is room now.
    fn sweep(&self, own: &mut HashMap<K, Account>, monotonic: u64, now: Time) -> bool {
        if monotonic.saturating_sub(self.swept.load(Relaxed)) < SWEEP_EVERY_NS {
            return false;
        }
        self.swept.store(monotonic, Relaxed);
        own.retain(|_, account| {
            Arc::strong_count(account) > 1 || !lock(account).is_idle(monotonic, now)
        });
        own.len() < MAX_TRACKED
    }

    fn len(&self) -> usize {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What a limit says of rows alone.
fn rows_of(limit: &Limit) -> Limit {
    Limit { rows_per_day: limit.rows_per_day, ..Limit::default() }
}

/// What a caller is told of a limit that is used up, and after how many seconds to ask again.
pub(crate) fn used_up(whose: Whose, over: Over) -> (Refusal, u32) {
    // RFC 9110 §10.2.3: whole seconds, and not too early.
    let seconds = over.wait.as_millis().div_ceil(1_000).max(1);
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    let (whose, what) = (whose.as_str(), over.kind.words());
    let rule = format!("the {whose}'s limit of {what} is used up; try again in {seconds} s");
    (Refusal::new(Phase::Admit, RefusalCode::RateLimited).with_rule(rule), seconds)
}

/// Nothing under it is left half done by a panic.
fn lock(account: &Account) -> MutexGuard<'_, Usage> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_serving::Rate;

    const NOW: Time = Time::from_micros(1_800_000_000_000_000);
    const DEPLOYMENT: DeploymentId = DeploymentId::from_bytes([9; 16]);

    fn principal(number: usize) -> PrincipalId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&u64::try_from(number).expect("small").to_be_bytes());
        PrincipalId::from_bytes(id)
    }

    fn one_a_second() -> Arc<Limit> {
        Arc::new(Limit { rate: Some(Rate::new(1.0, 1)), ..Limit::default() })
    }

    #[test]
    fn rows_of_jobs_are_counted_with_those_of_requests_and_hold_no_place() {
        let limit = Limit { rows_per_day: Some(10), in_flight: Some(1), ..Limit::default() };
        let limits = Limits { everyone: Some(Arc::new(limit)), ..Limits::default() };
        let limiter = Limiter::default();
        let rows = || limiter.admit_rows(&limits, principal(1), DEPLOYMENT, 0, NOW);
        let request = limiter.admit(&limits, principal(1), DEPLOYMENT, 0, NOW).expect("one");
        request.add_rows(4, NOW);
        // The one request in flight is in nobody's way here, nor ended by what a job gives back.
        rows().expect("six are left").add(6, NOW);
        assert!(limiter.admit(&limits, principal(1), DEPLOYMENT, 0, NOW).is_err());
        let (whose, over) = rows().expect_err("none is left");
        assert_eq!((whose, over.kind), (Whose::Principal, LimitKind::RowsPerDay));
        drop(request);
        let (refusal, seconds) = used_up(whose, over);
        assert_eq!(refusal.code, RefusalCode::RateLimited);
        assert!(seconds > 0);
    }

    #[test]
    fn who_is_refused_by_the_deployment_keeps_what_is_its_own() {
        let both = one_a_second();
        let limits = Limits {
            everyone: Some(Arc::clone(&both)),
            deployments: [(DEPLOYMENT, both)].into(),
            ..Limits::default()
        };
        let limiter = Limiter::default();
        let ask = |who, at| {
            limiter.admit(&limits, principal(who), DEPLOYMENT, at, NOW).map_err(|(whose, _)| whose)
        };
        let start = 5_000_000_000;
        drop(ask(1, start).expect("the first"));
        assert_eq!(ask(2, start).expect_err("the second"), Whose::Deployment);
        assert_eq!(ask(1, start).expect_err("its own is asked first"), Whose::Principal);
        // The second lost nothing when it was refused.
        drop(ask(2, start + 1_000_000_000).expect("a second later"));
        let counted: Vec<_> = limiter.refused().filter(|(_, _, count)| *count > 0).collect();
        assert_eq!(
            counted,
            [(Whose::Principal, LimitKind::Rate, 1), (Whose::Deployment, LimitKind::Rate, 1)]
        );
    }

    #[test]
    fn nobody_is_tracked_who_has_no_limit() {
        let limiter = Limiter::default();
        let admitted = limiter.admit(&Limits::default(), principal(1), DEPLOYMENT, 0, NOW);
        assert!(admitted.is_ok());
        assert_eq!(limiter.tracked(), 0);
    }

    #[test]
    fn a_flood_of_names_shares_one_account_until_old_ones_are_idle() {
        let limits = Limits { everyone: Some(one_a_second()), ..Limits::default() };
        let limiter = Limiter::default();
        let ask =
            |who, at, now| limiter.admit(&limits, principal(who), DEPLOYMENT, at, now).is_ok();
        let start = 5_000_000_000;
        assert!((0..MAX_TRACKED).all(|who| ask(who, start, NOW)));
        assert_eq!(limiter.tracked(), MAX_TRACKED);
        assert!(ask(MAX_TRACKED, start, NOW), "the shared account");
        assert!(!ask(MAX_TRACKED + 1, start, NOW), "has one request a second for all of them");
        assert_eq!(limiter.tracked(), MAX_TRACKED);
        // The next day their accounts say nothing, and make room.
        let tomorrow = NOW.plus(std::time::Duration::from_secs(86_400));
        assert!(ask(MAX_TRACKED + 2, start + 86_400_000_000_000, tomorrow));
        assert_eq!(limiter.tracked(), 1);
    }
}
