//! A promotion under traffic: a state machine that sees every decision and says what to do next.
//! Reads no clock, routes nothing and stores nothing: it can be written down at any record and go
//! on from there.
//!
//! Guardrails are judged per decision by tests that may be looked at always, so that "rolled back"
//! has one error rate for the whole rollout, however long it takes. Nothing stands between a
//! guardrail and the rollback: not the split of traffic, not a minimum of requests, not a pause.

use crate::words::words;
pub use plimsoll_stats::contest::Evidence;
use plimsoll_stats::contest::{
    MeanContest, QuantileContest, RateContest, SPLIT_PRIOR, SplitContest,
};
use plimsoll_stats::outage::FailureContest;
use plimsoll_types::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The chance that a rollout of a version that is no worse is rolled back, unless declared.
pub const FALSE_ROLLBACK: f64 = 0.01;
/// The chance that a sound split of traffic is called unsound.
const SPLIT_ALPHA: f64 = 0.001;
/// Evidence of this much to 1 that falls short of a rollback is a doubt: the rollout does not
/// advance on its own.
const DOUBT: f64 = 20.0;
/// Pairs by which the spread of the incumbent's scores is learned, if it is not declared.
const SPREAD_PAIRS: usize = 32;
/// Differences of scores count up to so many spreads, so that no single one decides.
const SCORE_CLIP: f64 = 2.0;
/// The most steps and guardrails of a plan; each guardrail costs a microsecond per record.
pub const STEPS_MAX: usize = 16;
/// See [`STEPS_MAX`].
pub const GUARDRAILS_MAX: usize = 16;

/// How much of the traffic the candidate answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// None: it is asked beside the incumbent, and its answers are compared.
    Shadow,
    /// This share, in hundredths of a percent, 1 to 10,000.
    Share(u16),
}

/// A step of a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How much the candidate answers.
    pub exposure: Exposure,
    /// The candidate's answers, or pairs, that the step needs at least.
    pub requests_min: u64,
    /// The seconds that it needs at least.
    pub seconds_min: u64,
    /// The seconds after which a step that lacks requests, or is in doubt, is inconclusive.
    pub seconds_max: u64,
    /// The candidate's answers whose outcome is known that it needs at least, since the rollout
    /// began.
    #[serde(default)]
    pub outcomes_min: u64,
}

/// A group of persons, by what a contract groups by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The slice key of the contract.
    pub by: String,
    /// Its value.
    pub is: String,
}

/// What must not get worse. All compare the candidate with the incumbent at the same time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Guardrail {
    /// Requests that failed.
    Errors,
    /// Requests that were refused.
    Refusals,
    /// How long the model takes, at a quantile, beyond a factor.
    Latency {
        /// Where, such as 0.95.
        quantile: f64,
        /// How many times as long is put up with, such as 1.25.
        tolerance: f64,
    },
    /// The mean score on the same inputs, either way, in spreads (standard deviations) of the
    /// incumbent's; differences count up to two spreads. In shadow only.
    Score {
        /// How many spreads are put up with.
        margin: f64,
        /// The spread; without it, it is learned from the first pairs.
        spread: Option<f64>,
    },
    /// The share of positive answers (approvals, alarms), either way.
    Mix {
        /// How much more or less is put up with, such as 0.05.
        margin: f64,
        /// Only of this group of persons: a guardrail of fairness.
        group: Option<Group>,
    },
    /// Answers that turned out to be wrong, as outcomes come in.
    Outcomes {
        /// The name of the outcome.
        name: String,
        /// Which value of it is positive; the usual words for yes unless told.
        positive: Option<String>,
    },
}

/// A guardrail's name, for people and records.
impl std::fmt::Display for Guardrail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Errors => f.write_str("errors"),
            Self::Refusals => f.write_str("refusals"),
            Self::Latency { .. } => f.write_str("latency"),
            Self::Score { .. } => f.write_str("score"),
            Self::Mix { group: None, .. } => f.write_str("mix"),
            Self::Mix { group: Some(Group { by, is }), .. } => write!(f, "mix of {by}={is}"),
            Self::Outcomes { .. } => f.write_str("outcomes"),
        }
    }
}

/// A guardrail and how much of the chance of a false rollback it gets, relative to the others.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// The guardrail.
    pub guardrail: Guardrail,
    /// Its part.
    pub weight: f64,
}

/// A plan: what is tried, and what must not get worse.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The steps, each exposing more.
    pub steps: Vec<Step>,
    /// The guardrails.
    pub guardrails: Vec<Weighted>,
    /// The chance that a version that is no worse is rolled back, over the whole rollout.
    pub false_rollback: f64,
}

impl Default for Plan {
    /// Shadow, 1 %, 5 %, 25 %, and then all; half of the chance of a false rollback on errors,
    /// which have to be noticed soonest.
    fn default() -> Self {
        let step = |exposure, requests_min, seconds_min| Step {
            exposure,
            requests_min,
            seconds_min,
            seconds_max: 7 * 24 * 3600,
            outcomes_min: 0,
        };
        let weighted = |guardrail, weight| Weighted { guardrail, weight };
        Self {
            steps: vec![
                step(Exposure::Shadow, 500, 300),
                step(Exposure::Share(100), 500, 300),
                step(Exposure::Share(500), 1000, 300),
                step(Exposure::Share(2500), 2000, 300),
            ],
            guardrails: vec![
                weighted(Guardrail::Errors, 6.0),
                weighted(Guardrail::Refusals, 1.0),
                weighted(Guardrail::Latency { quantile: 0.95, tolerance: 1.25 }, 1.0),
                weighted(Guardrail::Score { margin: 0.1, spread: None }, 1.5),
                weighted(Guardrail::Mix { margin: 0.05, group: None }, 1.5),
            ],
            false_rollback: FALSE_ROLLBACK,
        }
    }
}

/// Why a plan is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanError {
    /// No steps, or too many.
    #[error("a plan has 1 to {STEPS_MAX} steps")]
    Steps,
    /// A later step exposes no more than an earlier one.
    #[error("each step has to expose more than the one before, from 0.01 % to 100 %")]
    Exposure,
    /// A step without requests, or that ends before it may.
    #[error("a step needs at least 1 request, and longer to be inconclusive than to pass")]
    Minimum,
    /// No guardrails, or too many.
    #[error("a plan has 1 to {GUARDRAILS_MAX} guardrails, one of which is `errors`")]
    Guardrails,
    /// Outcomes are demanded or compared in a way that cannot be counted.
    #[error(
        "a plan compares one outcome; a step that needs outcomes needs the guardrail `outcomes`"
    )]
    Outcomes,
    /// A number of a guardrail, its weight, or the chance of a false rollback is out of range.
    #[error("the guardrail number {0} has a number out of range")]
    Number(usize),
    /// The chance of a false rollback is out of range.
    #[error("the chance of a false rollback has to be above 0 and at most 0.5")]
    FalseRollback,
}

/// One answer, as guardrails see it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Seen {
    /// Whether the model failed, timed out or answered nonsense.
    pub failed: bool,
    /// Whether the request was refused.
    pub refused: bool,
    /// How long the model took, in microseconds.
    pub latency_us: f64,
    /// The score, if it answered one.
    pub score: Option<f64>,
    /// Whether the answer is positive, if that can be said.
    pub positive: Option<bool>,
    /// Of which guardrails, by their place in the plan as a bit, the person is in the group.
    pub groups: u16,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    /// The incumbent answered.
    Incumbent(Seen),
    /// The candidate answered.
    Candidate(Seen),
    /// Both were asked the same; the incumbent answered.
    Pair(Seen, Seen),
    /// The candidate answered a request that a rule sent to it. Whom rules send is no fair sample,
    /// so nothing is compared; that it fails altogether is seen.
    Routed(Seen),
    /// How an answer of the incumbent (`false`) or candidate (`true`) turned out: was it wrong?
    Outcome(bool, bool),
}

words! {
    /// Where a rollout stands.
    Phase {
        Running = "running",
        Held = "held",
        Inconclusive = "inconclusive",
        RolledBack = "rolled_back",
        Promoted = "promoted",
    }
}

words! {
    /// What to do now.
    Verdict {
        Continue = "continue",
        Hold = "hold",
        Inconclusive = "inconclusive",
        RollBack = "roll_back",
    }
}

/// The end, or the doubt, with the numbers that decided.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// What decided: a guardrail, `split`, `requests`, `outcomes`, or `person`.
    pub what: String,
    /// The evidence, where there is some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The step, from 0.
    pub step: usize,
    /// The candidate's answers to callers until then.
    pub candidates: u64,
    /// Pairs until then.
    pub pairs: u64,
}

/// A rollout.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Rollout {
    plan: Plan,
    phase: Phase,
    step: usize,
    /// When the step began, in microseconds since 1970.
    since_us: u64,
    /// Answers of the candidate, or pairs, in this step.
    in_step: u64,
    candidates: u64,
    pairs: u64,
    /// Answers of the incumbent and of the candidate whose outcome is known.
    #[serde(default)]
    outcomes: (u64, u64),
    watches: Vec<Watch>,
    split: Option<SplitContest>,
    reason: Option<Reason>,
}

/// The test of a guardrail.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Watch {
    Failures(FailureContest),
    Rate(RateContest),
    Quantile(QuantileContest),
    Means(TwoSided),
}

/// A mean compared either way: half of the chance of error for each.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct TwoSided {
    up: MeanContest,
    down: MeanContest,
    /// The incumbent's spread, once it is known, and the scores that tell it.
    spread: Option<f64>,
    learned: Vec<f64>,
    /// The incumbent's positive answers since the candidate's last one, and all of them.
    positives: u64,
    all: u64,
}

impl TwoSided {
    /// Means of differences in −1 to 1 that may be up to `margin` from 0.
    fn new(margin: f64, spread: Option<f64>, alpha: f64) -> Option<Self> {
        let contest = || MeanContest::new(f64::midpoint(1.0, margin), alpha / 2.0);
        let (up, down) = (contest()?, contest()?);
        Some(Self { up, down, spread, learned: Vec::new(), positives: 0, all: 0 })
    }

    fn see(&mut self, difference: f64) {
        self.up.see(f64::midpoint(1.0, difference));
        self.down.see(f64::midpoint(1.0, -difference));
    }

    /// Sees the scores of a pair, once the spread is known.
    fn scores(&mut self, incumbent: f64, candidate: f64) {
        if !incumbent.is_finite() || !candidate.is_finite() {
            return;
        }
        if let Some(spread) = self.spread {
            let clip = SCORE_CLIP * spread;
            let difference = (candidate - incumbent).clamp(-clip, clip) / clip;
            return self.see(difference);
        }
        self.learned.push(incumbent);
        if self.learned.len() == SPREAD_PAIRS {
            let all = SPREAD_PAIRS as f64;
            let mean = self.learned.iter().sum::<f64>() / all;
            let squares: f64 = self.learned.iter().map(|score| (score - mean).powi(2)).sum();
            // Scores that are all the same have no spread to measure by: any difference is full.
            self.spread = Some((squares / (all - 1.0)).sqrt().max(f64::MIN_POSITIVE));
            self.learned = Vec::new();
        }
    }

    fn incumbent(&mut self, positive: bool) {
        self.all += 1;
        self.positives += u64::from(positive);
    }

    /// Sees an answer of the candidate next to the incumbent's since the last one.
    fn candidate(&mut self, positive: bool) {
        if self.all > 0 {
            let share = self.positives as f64 / self.all as f64;
            (self.positives, self.all) = (0, 0);
            self.see(f64::from(u8::from(positive)) - share);
        }
    }
}

impl Watch {
    fn new(guardrail: &Guardrail, alpha: f64) -> Option<Self> {
        let is_share = |margin: f64| (0.0..1.0).contains(&margin);
        match *guardrail {
            Guardrail::Errors => FailureContest::new(alpha).map(Self::Failures),
            Guardrail::Refusals | Guardrail::Outcomes { .. } => {
                RateContest::new(alpha).map(Self::Rate)
            }
            Guardrail::Latency { quantile, tolerance } => {
                QuantileContest::new(quantile, tolerance, alpha).map(Self::Quantile)
            }
            Guardrail::Score { margin, spread } => {
                let is_right = spread.is_none_or(|spread| spread > 0.0 && spread.is_finite());
                let margin = margin / SCORE_CLIP;
                let means = TwoSided::new(margin, spread, alpha)?;
                (is_right && is_share(margin)).then_some(Self::Means(means))
            }
            Guardrail::Mix { margin, .. } => {
                let means = TwoSided::new(margin, None, alpha)?;
                is_share(margin).then_some(Self::Means(means))
            }
        }
    }

    fn renew(&mut self) {
        match self {
            Self::Failures(contest) => contest.renew(),
            Self::Rate(contest) => contest.renew(),
            Self::Quantile(contest) => contest.renew(),
            Self::Means(means) => {
                means.up.renew();
                means.down.renew();
            }
        }
    }

    /// The evidence of the stronger side.
    fn evidence(&self) -> Evidence {
        match self {
            Self::Failures(contest) => contest.evidence(),
            Self::Rate(contest) => contest.evidence(),
            Self::Quantile(contest) => contest.evidence(),
            Self::Means(means) => {
                let (up, down) = (means.up.evidence(), means.down.evidence());
                if up.most >= down.most { up } else { down }
            }
        }
    }

    /// Lets the guardrail at this place of the plan see what happened.
    fn see(&mut self, guardrail: &Guardrail, place: usize, event: &Event) {
        match (self, guardrail) {
            (Self::Failures(contest), _) => match event {
                Event::Incumbent(seen) => contest.incumbent(seen.failed),
                Event::Candidate(seen) => contest.candidate(seen.failed),
                Event::Pair(incumbent, candidate) => {
                    contest.incumbent(incumbent.failed);
                    contest.candidate(candidate.failed);
                }
                Event::Routed(seen) => contest.routed(seen.failed),
                Event::Outcome(..) => {}
            },
            (Self::Rate(contest), Guardrail::Refusals) => match event {
                Event::Incumbent(seen) => contest.incumbent(seen.refused),
                Event::Candidate(seen) => contest.candidate(seen.refused),
                Event::Pair(incumbent, candidate) => {
                    contest.incumbent(incumbent.refused);
                    contest.candidate(candidate.refused);
                }
                Event::Routed(_) | Event::Outcome(..) => {}
            },
            (Self::Rate(contest), Guardrail::Outcomes { .. }) => match *event {
                Event::Outcome(true, bad) => contest.candidate(bad),
                Event::Outcome(false, bad) => contest.incumbent(bad),
                Event::Incumbent(_) | Event::Candidate(_) | Event::Pair(..) | Event::Routed(_) => {}
            },
            (Self::Quantile(contest), _) => match event {
                Event::Incumbent(seen) => contest.incumbent(seen.latency_us),
                Event::Candidate(seen) => contest.candidate(seen.latency_us),
                Event::Pair(incumbent, candidate) => {
                    contest.incumbent(incumbent.latency_us);
                    contest.candidate(candidate.latency_us);
                }
                Event::Routed(_) | Event::Outcome(..) => {}
            },
            (Self::Means(means), Guardrail::Score { .. }) => {
                if let Event::Pair(incumbent, candidate) = event
                    && let (Some(incumbent), Some(candidate)) = (incumbent.score, candidate.score)
                {
                    means.scores(incumbent, candidate);
                }
            }
            (Self::Means(means), Guardrail::Mix { group, .. }) => {
                mix(means, group.as_ref().map(|_| place), event);
            }
            // A watch is made for its guardrail; nothing else comes together.
            (Self::Rate(_) | Self::Means(_), _) => {}
        }
    }
}

/// Compares positive answers; of a group, those that are marked at its guardrail's place.
fn mix(means: &mut TwoSided, group: Option<usize>, event: &Event) {
    let positive = |seen: &Seen| {
        let is_meant = group.is_none_or(|place| seen.groups >> place & 1 == 1);
        seen.positive.filter(|_| is_meant)
    };
    match event {
        Event::Incumbent(seen) => positive(seen).into_iter().for_each(|p| means.incumbent(p)),
        Event::Candidate(seen) => positive(seen).into_iter().for_each(|p| means.candidate(p)),
        Event::Pair(incumbent, candidate) => {
            if let (Some(before), Some(after)) = (positive(incumbent), positive(candidate)) {
                means.see(f64::from(u8::from(after)) - f64::from(u8::from(before)));
            }
        }
        Event::Routed(_) | Event::Outcome(..) => {}
    }
}

impl Rollout {
    /// A rollout by this plan, begun now.
    ///
    /// # Errors
    /// If the plan is none.
    pub fn begin(plan: Plan, now: Time) -> Result<Self, PlanError> {
        check(&plan)?;
        let weights: f64 = plan.guardrails.iter().map(|weighted| weighted.weight).sum();
        let watch = |(place, Weighted { guardrail, weight }): (usize, &Weighted)| {
            let alpha = plan.false_rollback * weight / weights;
            Watch::new(guardrail, alpha).ok_or(PlanError::Number(place))
        };
        let watches = plan.guardrails.iter().enumerate().map(watch).collect::<Result<_, _>>()?;
        let mut rollout = Self {
            plan,
            phase: Phase::Running,
            step: 0,
            since_us: now.as_micros(),
            in_step: 0,
            candidates: 0,
            pairs: 0,
            outcomes: (0, 0),
            watches,
            split: None,
            reason: None,
        };
        rollout.plan_split();
        Ok(rollout)
    }

    /// What is known of the incumbent from before: so many records, so many of them failed. Makes
    /// the first judgements good.
    pub fn learn_errors(&mut self, records: u64, failed: u64) {
        for (watch, weighted) in self.watches.iter_mut().zip(&self.plan.guardrails) {
            if let (Watch::Failures(contest), Guardrail::Errors) = (watch, &weighted.guardrail) {
                contest.learn(records, failed);
            }
        }
    }

    /// How much of the traffic the candidate answers now; `None` if none, and no shadow either.
    #[must_use]
    pub fn exposure(&self) -> Option<Exposure> {
        match self.phase {
            Phase::RolledBack => None,
            Phase::Promoted => Some(Exposure::Share(10_000)),
            Phase::Running | Phase::Held | Phase::Inconclusive => {
                self.plan.steps.get(self.step).map(|step| step.exposure)
            }
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The step it is in, from 0.
    #[must_use]
    pub fn step(&self) -> usize {
        self.step
    }

    /// Why it ended, or does not advance.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// The candidate's answers to callers, and pairs, so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.candidates, self.pairs)
    }

    /// Answers of the incumbent and of the candidate whose outcome is known, so far.
    #[must_use]
    pub fn outcomes(&self) -> (u64, u64) {
        self.outcomes
    }

    /// The evidence of each guardrail, in the plan's order.
    pub fn evidence(&self) -> impl Iterator<Item = (&Guardrail, Evidence)> {
        let guardrails = self.plan.guardrails.iter().map(|weighted| &weighted.guardrail);
        guardrails.zip(self.watches.iter().map(Watch::evidence))
    }

    /// Whether the split of traffic is not the planned one. It holds a rollout, and never keeps
    /// it from being rolled back: a candidate that crashes makes a wrong split, too.
    #[must_use]
    pub fn is_split_wrong(&self) -> bool {
        self.split.as_ref().is_some_and(SplitContest::is_rejected)
    }

    /// Sees what happened. `RollBack` is said from the record that decides on; after the end,
    /// nothing changes.
    pub fn see(&mut self, event: &Event) -> Verdict {
        if self.is_over() {
            return self.verdict();
        }
        match event {
            Event::Candidate(_) => {
                self.candidates += 1;
                self.in_step += 1;
                self.split.iter_mut().for_each(|split| split.see(1));
            }
            Event::Pair(..) => {
                self.pairs += 1;
                let is_shadow = self.exposure() == Some(Exposure::Shadow);
                self.in_step += u64::from(is_shadow);
            }
            Event::Incumbent(_) => self.split.iter_mut().for_each(|split| split.see(0)),
            // It takes no part in the split, and a step asks for a fair sample.
            Event::Routed(_) => self.candidates += 1,
            Event::Outcome(false, _) => self.outcomes.0 += 1,
            Event::Outcome(true, _) => self.outcomes.1 += 1,
        }
        let mut broken = None;
        let watches = self.watches.iter_mut().zip(&self.plan.guardrails).enumerate();
        for (place, (watch, weighted)) in watches {
            watch.see(&weighted.guardrail, place, event);
            // Looking costs more than seeing; of the incumbent alone nothing can be rejected
            // unless a candidate's record waits for it.
            let evidence = watch.evidence();
            if evidence.most >= evidence.goal && broken.is_none() {
                broken = Some((weighted.guardrail.to_string(), evidence));
            }
        }
        if let Some((what, evidence)) = broken {
            self.end(Phase::RolledBack, what, Some(evidence));
        }
        self.verdict()
    }

    /// Looks at the clock: advances, holds, or says that a step is inconclusive.
    pub fn tick(&mut self, now: Time) -> Verdict {
        if self.is_over() {
            return self.verdict();
        }
        let Some(step) = self.plan.steps.get(self.step).copied() else {
            return self.verdict();
        };
        let spent = now.since(Time::from_micros(self.since_us));
        let has_time = spent >= Duration::from_secs(step.seconds_min);
        let has_requests = self.in_step >= step.requests_min;
        let has_outcomes = self.outcomes.1 >= step.outcomes_min;
        let is_late = spent >= Duration::from_secs(step.seconds_max);
        let doubt = self.doubt();
        if self.phase == Phase::Held {
            return self.verdict();
        }
        self.phase = Phase::Running;
        match doubt {
            None if has_requests && has_outcomes && has_time => self.advance(now),
            Some((what, evidence)) if is_late => self.end(Phase::Inconclusive, what, evidence),
            None if is_late && has_requests => {
                self.end(Phase::Inconclusive, "outcomes".to_owned(), None);
            }
            None if is_late => self.end(Phase::Inconclusive, "requests".to_owned(), None),
            _ => {}
        }
        self.verdict()
    }

    /// What speaks against advancing, and is no reason to roll back.
    fn doubt(&self) -> Option<(String, Option<Evidence>)> {
        if self.is_split_wrong() {
            return Some(("split".to_owned(), None));
        }
        let doubted = self.evidence().find(|(_, evidence)| evidence.wealth >= DOUBT);
        doubted.map(|(guardrail, evidence)| (guardrail.to_string(), Some(evidence)))
    }

    fn advance(&mut self, now: Time) {
        self.step += 1;
        self.in_step = 0;
        self.since_us = now.as_micros();
        self.reason = None;
        if self.step == self.plan.steps.len() {
            self.phase = Phase::Promoted;
            return;
        }
        self.watches.iter_mut().for_each(Watch::renew);
        self.plan_split();
    }

    /// Tells the test of the split what share is planned now.
    fn plan_split(&mut self) {
        let Some(Exposure::Share(share)) = self.exposure() else { return };
        let share = f64::from(share) / 10_000.0;
        let shares = [1.0 - share, share];
        match &mut self.split {
            // At 100 % there is nothing to compare, and the plan stays as it was.
            Some(split) => {
                split.plan(&shares);
            }
            None => self.split = SplitContest::new(&shares, SPLIT_PRIOR, SPLIT_ALPHA),
        }
    }

    fn end(&mut self, phase: Phase, what: String, evidence: Option<Evidence>) {
        self.phase = phase;
        let (step, candidates, pairs) = (self.step, self.candidates, self.pairs);
        self.reason = Some(Reason { what, evidence, step, candidates, pairs });
    }

    /// A person stops it at this step; guardrails still watch.
    pub fn hold(&mut self) {
        self.hold_for("person");
    }

    /// It stops at this step for this reason; guardrails still watch.
    pub fn hold_for(&mut self, what: &str) {
        if !self.is_over() {
            self.end(Phase::Held, what.to_owned(), None);
        }
    }

    /// A person lets it go on to the next step, whatever that one still needs; past the last, the
    /// version is promoted. Nothing changes after the end.
    pub fn advance_now(&mut self, now: Time) {
        if !self.is_over() {
            self.phase = Phase::Running;
            self.advance(now);
        }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The candidate's answers, or pairs, in this step so far.
    #[must_use]
    pub fn in_step(&self) -> u64 {
        self.in_step
    }

    /// A person lets it go on, from a hold or an inconclusive step; the step's time begins anew.
    pub fn resume(&mut self, now: Time) {
        if matches!(self.phase, Phase::Held | Phase::Inconclusive) {
            self.phase = Phase::Running;
            self.reason = None;
            self.since_us = now.as_micros();
        }
    }

    /// A person rolls it back. One that was promoted, too.
    pub fn roll_back(&mut self) {
        if self.phase != Phase::RolledBack {
            self.end(Phase::RolledBack, "person".to_owned(), None);
        }
    }

    /// Whether nothing more is decided: rolled back, or promoted.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::RolledBack | Phase::Promoted)
    }

    fn verdict(&self) -> Verdict {
        match self.phase {
            Phase::RolledBack => Verdict::RollBack,
            Phase::Inconclusive => Verdict::Inconclusive,
            Phase::Held => Verdict::Hold,
            Phase::Promoted => Verdict::Continue,
            Phase::Running if self.is_split_wrong() => Verdict::Hold,
            Phase::Running => Verdict::Continue,
        }
    }
}

fn check(plan: &Plan) -> Result<(), PlanError> {
    let Plan { steps, guardrails, false_rollback } = plan;
    if steps.is_empty() || steps.len() > STEPS_MAX {
        return Err(PlanError::Steps);
    }
    let share = |step: &Step| match step.exposure {
        Exposure::Shadow => 0,
        Exposure::Share(share) => share,
    };
    let is_share = |step: &Step| match step.exposure {
        Exposure::Shadow => true,
        Exposure::Share(share) => (1..=10_000).contains(&share),
    };
    let is_rising = steps.iter().zip(steps.iter().skip(1)).all(|(a, b)| share(a) < share(b));
    if !is_rising || !steps.iter().all(is_share) {
        return Err(PlanError::Exposure);
    }
    if steps.iter().any(|step| step.requests_min == 0 || step.seconds_max <= step.seconds_min) {
        return Err(PlanError::Minimum);
    }
    let has_errors = guardrails.iter().any(|one| one.guardrail == Guardrail::Errors);
    if guardrails.len() > GUARDRAILS_MAX || !has_errors {
        return Err(PlanError::Guardrails);
    }
    let compared =
        guardrails.iter().filter(|one| matches!(one.guardrail, Guardrail::Outcomes { .. })).count();
    if compared > 1 || (compared == 0 && steps.iter().any(|step| step.outcomes_min > 0)) {
        return Err(PlanError::Outcomes);
    }
    let is_weight = |one: &Weighted| one.weight > 0.0 && one.weight.is_finite();
    if let Some(place) = guardrails.iter().position(|one| !is_weight(one)) {
        return Err(PlanError::Number(place));
    }
    let is_chance = *false_rollback > 0.0 && *false_rollback <= 0.5;
    if is_chance { Ok(()) } else { Err(PlanError::FalseRollback) }
}
