//! Rollouts on made-up traffic: how often a version that is no worse is rolled back, and how many
//! requests a worse one costs; and what the rules of others do on the same traffic. Pure: the same
//! seed gives the same traffic.
//!
//! The rules of others are written from their documentation, with the values of its examples; they
//! are the rules, not the products.

use crate::rollout::{Event, Exposure, Phase, Plan, PlanError, Rollout, Seen};
use plimsoll_types::Time;

/// Numbers that look random and follow from a seed: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// A stream of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// Uniform in 0 to 1.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this chance happens.
    pub fn happens(&mut self, chance: f64) -> bool {
        self.uniform() < chance
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        (2.0 * self.exponential()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// How a version answers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Behaviour {
    /// The share of requests that fail.
    pub errors: f64,
    /// The mean time of an answer, in microseconds; exponential.
    pub latency_us: f64,
    /// Added to the score, in spreads.
    pub shift: f64,
    /// The share of good requests that it flags beside those that everybody flags.
    pub flags: f64,
}

impl Behaviour {
    /// A version as it should be: 1 % errors, 2 ms, 2 % flagged.
    pub const USUAL: Self = Self { errors: 0.01, latency_us: 2000.0, shift: 0.0, flags: 0.0 };
}

/// The spread of scores, and by how much two versions differ on one input, in spreads.
const SPREAD: f64 = 0.15;
const NOISE: f64 = 0.5;

/// A request: what both versions would make of it has this in common.
struct Request {
    score: f64,
    flagged: bool,
}

impl Request {
    fn draw(draw: &mut Draw) -> Self {
        Self { score: 0.4 + SPREAD * draw.normal(), flagged: draw.happens(0.02) }
    }

    fn answer(&self, how: &Behaviour, draw: &mut Draw) -> Seen {
        let failed = draw.happens(how.errors);
        let noise = NOISE * SPREAD * draw.normal() / std::f64::consts::SQRT_2;
        Seen {
            failed,
            refused: false,
            latency_us: how.latency_us * draw.exponential(),
            score: (!failed).then_some(self.score + SPREAD * how.shift + noise),
            positive: (!failed).then_some(self.flagged || draw.happens(how.flags)),
            groups: 0,
        }
    }
}

/// How a rollout went.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// How it ended.
    pub phase: Phase,
    /// What decided.
    pub what: Option<String>,
    /// The candidate's answers to callers until then.
    pub candidates: u64,
    /// Of them, those that failed or were flagged wrongly.
    pub harmed: u64,
    /// Pairs until then.
    pub pairs: u64,
    /// Seconds until then.
    pub seconds: f64,
}

/// Traffic: who answers how, and how much there is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Traffic {
    /// The incumbent.
    pub incumbent: Behaviour,
    /// The candidate.
    pub candidate: Behaviour,
    /// Requests per second.
    pub per_second: f64,
    /// Requests until the simulation stops.
    pub requests: u64,
    /// Outages of what both rest on, in which all fails, if there are any.
    pub outages: Option<Outages>,
}

/// Outages that both versions share.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outages {
    /// The requests from one to the next.
    pub every: u64,
    /// The requests that one lasts.
    pub length: u64,
    /// The share of requests that fail meanwhile.
    pub errors: f64,
}

impl Traffic {
    /// How both answer this request.
    fn behaviours(&self, at: u64) -> (Behaviour, Behaviour) {
        let is_out = |outages: &Outages| at % outages.every >= outages.every - outages.length;
        let errors = self.outages.filter(is_out).map_or(0.0, |outages| outages.errors);
        let hit = |how: Behaviour| Behaviour { errors: how.errors.max(errors), ..how };
        (hit(self.incumbent), hit(self.candidate))
    }
}

/// Runs a rollout over traffic, looking at it after every record.
///
/// # Errors
/// If the plan is none.
pub fn run(plan: &Plan, traffic: &Traffic, seed: u64) -> Result<Run, PlanError> {
    let mut draw = Draw::new(seed);
    let mut rollout = Rollout::begin(plan.clone(), Time::from_micros(0))?;
    // What every gateway knows of what it serves: the incumbent's last thousand answers.
    let failed = (0..1000).filter(|_| draw.happens(traffic.incumbent.errors)).count();
    rollout.learn_errors(1000, u64::try_from(failed).unwrap_or(0));
    let (mut harmed, mut seconds) = (0, 0.0);
    for at in 0..traffic.requests {
        seconds = at as f64 / traffic.per_second;
        let request = Request::draw(&mut draw);
        // Seeds meet outages at other moments.
        let (incumbent, candidate) = traffic.behaviours(at.wrapping_add(seed));
        let event = match rollout.exposure() {
            Some(Exposure::Shadow) => Event::Pair(
                request.answer(&incumbent, &mut draw),
                request.answer(&candidate, &mut draw),
            ),
            Some(Exposure::Share(share)) if draw.happens(f64::from(share) / 10_000.0) => {
                let seen = request.answer(&candidate, &mut draw);
                let flagged = seen.positive == Some(true) && !request.flagged;
                harmed += u64::from(seen.failed || flagged);
                Event::Candidate(seen)
            }
            _ => Event::Incumbent(request.answer(&incumbent, &mut draw)),
        };
        rollout.see(&event);
        rollout.tick(Time::from_micros(micros(seconds)));
        if matches!(rollout.phase(), Phase::RolledBack | Phase::Promoted) {
            break;
        }
    }
    let (candidates, pairs) = rollout.counts();
    let what = rollout.reason().map(|reason| reason.what.clone());
    Ok(Run { phase: rollout.phase(), what, candidates, harmed, pairs, seconds })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds of a simulation: small and not negative"
)]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

/// The rule of another system, judging a canary by its errors.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Rule {
    /// Flagger's documented canary analysis: every minute, success of the last minute must be at
    /// least 99 %; the tenth failed check rolls back.
    FlaggerSample,
    /// The same, rolling back at the first failed check: as fast as its rule can be made.
    FlaggerFastest,
    /// Argo Rollouts' documented success rate: every 5 minutes, at least 95 %; more than 3 failed
    /// measurements roll back.
    ArgoSample,
    /// The same at 99 % every minute, rolling back at the first failed measurement.
    ArgoStrict,
    /// GrowthBook's safe rollouts: every 10 minutes, which is the shortest, an asymptotic
    /// confidence sequence (Waudby-Smith and others 2024) of the difference of the means, tuned
    /// to 5,000 users; rolled back if the difference is surely above 0, one-sided at 5 %.
    GrowthBook,
}

impl Rule {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::FlaggerSample,
        Self::FlaggerFastest,
        Self::ArgoSample,
        Self::ArgoStrict,
        Self::GrowthBook,
    ];

    /// What it is called in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlaggerSample => "Flagger, documented sample",
            Self::FlaggerFastest => "Flagger's rule, first failed check",
            Self::ArgoSample => "Argo Rollouts, documented sample",
            Self::ArgoStrict => "Argo's rule, 99 % each minute, first failure",
            Self::GrowthBook => "GrowthBook's rule, every 10 minutes",
        }
    }

    /// How often it looks, in seconds; the success it asks for; the failed checks that roll back.
    const fn window(self) -> (f64, f64, u32) {
        match self {
            Self::FlaggerSample => (60.0, 0.99, 10),
            Self::FlaggerFastest | Self::ArgoStrict => (60.0, 0.99, 1),
            Self::ArgoSample => (300.0, 0.95, 4),
            Self::GrowthBook => (600.0, 0.0, 1),
        }
    }
}

/// Counts of one stream: all, and failed.
#[derive(Clone, Copy, Default)]
struct Tally {
    all: f64,
    failed: f64,
}

impl Tally {
    fn see(&mut self, failed: bool) {
        self.all += 1.0;
        self.failed += f64::from(u8::from(failed));
    }
    fn mean(self) -> f64 {
        self.failed / self.all.max(1.0)
    }
    /// The variance of the mean.
    fn variance(self) -> f64 {
        let mean = self.mean();
        mean * (1.0 - mean) / self.all.max(1.0)
    }
}

/// Runs a rule of another system over traffic at a fixed canary share, in hundredths of a percent.
#[must_use]
pub fn run_rule(rule: Rule, share: u16, traffic: &Traffic, seed: u64) -> Run {
    let mut draw = Draw::new(seed);
    let (interval, least, limit) = rule.window();
    let (mut next, mut failed_checks) = (interval, 0);
    let (mut window, mut incumbent, mut candidate) =
        (Tally::default(), Tally::default(), Tally::default());
    let (mut candidates, mut harmed, mut seconds) = (0, 0, 0.0);
    let mut phase = Phase::Running;
    for at in 0..traffic.requests {
        seconds = at as f64 / traffic.per_second;
        if seconds >= next {
            next += interval;
            let is_bad = match rule {
                Rule::GrowthBook => is_surely_worse(incumbent, candidate),
                // A window without traffic says nothing.
                _ => window.all > 0.0 && 1.0 - window.mean() < least,
            };
            failed_checks += u32::from(is_bad);
            window = Tally::default();
            if failed_checks >= limit {
                phase = Phase::RolledBack;
                break;
            }
        }
        if draw.happens(f64::from(share) / 10_000.0) {
            let failed = draw.happens(traffic.candidate.errors);
            candidates += 1;
            harmed += u64::from(failed);
            window.see(failed);
            candidate.see(failed);
        } else {
            incumbent.see(draw.happens(traffic.incumbent.errors));
        }
    }
    Run { phase, what: None, candidates, harmed, pairs: 0, seconds }
}

/// GrowthBook's sequential test of a difference of means: the half width that `gbstats` takes from
/// Waudby-Smith and others, equation 9, at twice 5 % as only one side is asked for.
fn is_surely_worse(incumbent: Tally, candidate: Tally) -> bool {
    if incumbent.all < 1.0 || candidate.all < 1.0 {
        return false;
    }
    let (alpha, tuned) = (2.0 * 0.05_f64, 5000.0);
    let log = -2.0 * alpha.ln();
    let rho2 = (log + (log + 1.0).ln()) / tuned;
    let n = incumbent.all + candidate.all;
    let variance = (incumbent.variance() + candidate.variance()) * n;
    let half = (variance * 2.0 * (n * rho2 + 1.0) / (n * n * rho2)
        * ((n * rho2 + 1.0).sqrt() / alpha).ln())
    .sqrt();
    candidate.mean() - incumbent.mean() > half
}

/// The value below which so many percent of the sorted numbers are.
#[must_use]
pub fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let rank = sorted.len().saturating_sub(1).saturating_mul(percent) / 100;
    sorted.get(rank).copied().unwrap_or(0)
}

/// The largest rate with which `events` of `all` or fewer still happen with probability
/// `1 - confidence` (Clopper and Pearson 1934), by bisection.
#[must_use]
pub fn upper_bound(events: u64, all: u64, confidence: f64) -> f64 {
    if events >= all {
        return 1.0;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let rate = f64::midpoint(low, high);
        if at_most(events, all, rate) > 1.0 - confidence { low = rate } else { high = rate }
    }
    high
}

/// The probability of at most `events` of `all`, summed from the logarithm of each term.
fn at_most(events: u64, all: u64, rate: f64) -> f64 {
    let (n, odds) = (all as f64, (rate / (1.0 - rate)).ln());
    let mut log = n * (1.0 - rate).ln();
    let mut sum = log.exp();
    for k in 0..events {
        let k = k as f64;
        log += ((n - k) / (k + 1.0)).ln() + odds;
        sum += log.exp();
    }
    sum
}
