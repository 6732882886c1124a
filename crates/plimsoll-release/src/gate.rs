//! A gate: are the checks that a version's duties demand passed, for this artifact, recently?
//! Runs no check and reads no clock; what ran, when and with what result comes in.
//!
//! A result counts only for the artifact and the version of the check that it was made with, and
//! only as long as the check says. What was never checked is *not evaluable*, which is not a pass.

use crate::assess::Demand;
use crate::catalog::CheckId;
use crate::words::words;
use crate::{Assessment, Tier};
use plimsoll_types::{Digest, Time};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest an exception may last.
pub const EXCEPTION_MAX: Duration = Duration::from_secs(180 * 24 * 3600);
/// Results and exceptions that one gate looks at; a deployment has tens.
pub const ENTRIES_MAX: usize = 10_000;

words! {
    /// What came of a check. Only `pass` is evidence; `pass`, `not_applicable` and `exempted` let
    /// a gate pass.
    State {
        Pass = "pass",
        NotApplicable = "not_applicable",
        Exempted = "exempted",
        Stale = "stale",
        NotEvaluable = "not_evaluable",
        Fail = "fail",
    }
}

impl State {
    /// Whether a gate may pass with it.
    #[must_use]
    pub const fn lets_pass(self) -> bool {
        matches!(self, Self::Pass | Self::NotApplicable | Self::Exempted)
    }
}

/// A check that can be run: one of this build, or a team's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// Its name, such as `artifact.signature`.
    pub name: String,
    /// Counts up when what it does changes; results of an older one do not count.
    pub version: u32,
    /// The demand that it is evidence for.
    pub proves: CheckId,
    /// How long a result counts, in seconds.
    pub max_age_s: u64,
    /// The lowest tier it is for; below, it is not applicable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_tier: Option<Tier>,
}

words! {
    /// What a run of a check said.
    Verdict {
        Pass = "pass",
        Fail = "fail",
        NotApplicable = "not_applicable",
        NotEvaluable = "not_evaluable",
    }
}

/// One run of a check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// The check's name.
    pub check: String,
    /// The check's version.
    pub version: u32,
    /// What was looked at.
    pub artifact: Digest,
    /// What came of it.
    pub verdict: Verdict,
    /// In words: what was measured against what. If it does not apply, by which rule.
    pub says: String,
    /// When, in microseconds since 1970.
    pub at_us: u64,
    /// The digest of the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
}

/// A time-limited permission to promote although a check does not pass.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Its name.
    pub id: String,
    /// The demand that it puts off.
    pub check: CheckId,
    /// Who answers for it.
    pub owner: String,
    /// Who asked for it.
    pub requested_by: String,
    /// Who allowed it.
    pub approved_by: String,
    /// Why.
    pub reason: String,
    /// The demand that makes up for it meanwhile, and has to pass itself.
    pub compensating: CheckId,
    /// From when, in microseconds since 1970.
    pub from_us: u64,
    /// Until when.
    pub until_us: u64,
}

impl Exception {
    /// Why the exception does not count now; `None` if it does, as far as it alone can say.
    #[must_use]
    pub fn objection(&self, now: Time) -> Option<String> {
        let (from, until) = (Time::from_micros(self.from_us), Time::from_micros(self.until_us));
        let is_blank = |text: &String| text.trim().is_empty();
        if !self.check.check().deferrable {
            Some(format!("{} may not be put off", self.check))
        } else if [&self.owner, &self.requested_by, &self.approved_by, &self.reason]
            .into_iter()
            .any(is_blank)
        {
            Some("it lacks an owner, a reason, or who asked and allowed".to_owned())
        } else if self.approved_by == self.requested_by {
            Some("who asked for it also allowed it".to_owned())
        } else if self.compensating == self.check {
            Some("it makes up for itself".to_owned())
        } else if until <= from || until.since(from) > EXCEPTION_MAX {
            Some("it lasts no time, or more than 180 days".to_owned())
        } else if now < from {
            Some("it has not begun".to_owned())
        } else if now >= until {
            Some("it has expired".to_owned())
        } else {
            None
        }
    }
}

/// What a gate is asked about.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// The version's artifact.
    pub artifact: Digest,
    /// What the deployment's use was assessed as.
    pub assessment: &'a Assessment,
    /// The checks there are.
    pub declared: &'a [Declared],
    /// What came of them.
    pub results: &'a [CheckResult],
    /// The exceptions.
    pub exceptions: &'a [Exception],
    /// Now.
    pub now: Time,
}

/// A case as a file: what a pipeline collects.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// The deployment's name.
    pub deployment: String,
    /// The version's artifact.
    pub artifact: Digest,
    /// What `plimsoll assess --json` printed.
    pub assessment: Assessment,
    /// The checks there are.
    pub declared: Vec<Declared>,
    /// What came of them.
    #[serde(default)]
    pub results: Vec<CheckResult>,
    /// The exceptions.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
}

impl CaseFile {
    /// Judges it as of a time.
    #[must_use]
    pub fn judge(&self, now: Time) -> GateResult {
        judge(&Case {
            deployment: &self.deployment,
            artifact: self.artifact,
            assessment: &self.assessment,
            declared: &self.declared,
            results: &self.results,
            exceptions: &self.exceptions,
            now,
        })
    }
}

/// What came of one declared check, or of none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The check's name.
    pub check: String,
    /// What came of it.
    pub state: State,
    /// Why.
    pub says: String,
}

/// What came of one demand.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answered {
    /// The demand.
    pub demand: Demand,
    /// The worst of its lines, or exempted.
    pub state: State,
    /// The exception, if one was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// What it rests on.
    pub lines: Vec<Line>,
}

/// Whether a version may be promoted, and on what evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GateResult {
    /// The deployment's name.
    pub deployment: String,
    /// The version's artifact.
    pub artifact: Digest,
    /// The tier it was judged for.
    pub tier: Tier,
    /// Whether it passes.
    pub is_passed: bool,
    /// Why not, if not.
    pub reasons: Vec<String>,
    /// Every demand.
    pub demands: Vec<Answered>,
}

/// Judges. Pure: the same case gives the same result.
#[must_use]
pub fn judge(case: &Case<'_>) -> GateResult {
    let assessment = case.assessment;
    let mut demands: Vec<Answered> =
        assessment.checks.iter().map(|demand| answer(case, demand)).collect();
    let passing: Vec<CheckId> =
        demands.iter().filter(|one| one.state == State::Pass).map(|one| one.demand.check).collect();
    demands.iter_mut().for_each(|one| exempt(case, one, &passing));
    let mut reasons = Vec::new();
    if assessment.tier == Tier::T4 {
        reasons.push("the use is prohibited".to_owned());
    }
    if !assessment.unknown.is_empty() {
        reasons.push(format!("facts are not known: {}", assessment.unknown.join(", ")));
    }
    for finding in &assessment.findings {
        reasons.push(format!("open finding: {finding}"));
    }
    if case.results.len() > ENTRIES_MAX || case.exceptions.len() > ENTRIES_MAX {
        reasons.push("there are more results or exceptions than a gate looks at".to_owned());
    }
    let open = demands.iter().filter(|one| one.demand.blocks && !one.state.lets_pass());
    reasons.extend(open.map(|one| format!("{} is {}", one.demand.check, words(one.state))));
    GateResult {
        deployment: case.deployment.to_owned(),
        artifact: case.artifact,
        tier: assessment.tier,
        is_passed: reasons.is_empty(),
        reasons,
        demands,
    }
}

fn words(state: State) -> String {
    state.as_str().replace('_', " ")
}

/// A demand is as good as the worst of the checks that prove it.
fn answer(case: &Case<'_>, demand: &Demand) -> Answered {
    let proving = case.declared.iter().filter(|declared| declared.proves == demand.check);
    let mut lines: Vec<Line> = proving.map(|declared| line(case, declared)).collect();
    if lines.is_empty() {
        lines.push(Line {
            check: "none".to_owned(),
            state: State::NotEvaluable,
            says: "this build has no such check: supply one as a plug-in".to_owned(),
        });
    }
    // Of checks that do not apply and checks that pass, the demand is passed.
    let worst = lines.iter().map(|line| line.state).filter(|s| *s != State::NotApplicable).max();
    let state = worst.unwrap_or(State::NotApplicable);
    Answered { demand: demand.clone(), state, exception: None, lines }
}

/// What the newest result of a check says about this artifact now.
fn line(case: &Case<'_>, declared: &Declared) -> Line {
    let line = |state, says: String| Line { check: declared.name.clone(), state, says };
    if let Some(tier) = declared.from_tier
        && case.assessment.tier < tier
    {
        return line(State::NotApplicable, format!("asked from tier {tier}"));
    }
    let of_check = case.results.iter().take(ENTRIES_MAX).filter(|r| r.check == declared.name);
    let of_version = of_check.filter(|result| result.version == declared.version);
    let (mine, others): (Vec<_>, Vec<_>) =
        of_version.partition(|result| result.artifact == case.artifact);
    // Of two results of one instant the worse counts.
    let newest = mine.into_iter().max_by_key(|result| (result.at_us, state_of(result.verdict)));
    let Some(result) = newest else {
        let says = if others.is_empty() {
            "never run"
        } else {
            "run on another artifact: the artifact changed"
        };
        return line(State::NotEvaluable, says.to_owned());
    };
    let at = Time::from_micros(result.at_us);
    if at > case.now {
        return line(State::NotEvaluable, "its result is from the future".to_owned());
    }
    let age = case.now.since(at).as_secs();
    if age > declared.max_age_s && result.verdict == Verdict::Pass {
        let days = |s: u64| s / 86_400;
        let says =
            format!("passed {} days ago; counts for {} days", days(age), days(declared.max_age_s));
        return line(State::Stale, says);
    }
    if result.verdict == Verdict::NotApplicable && result.says.trim().is_empty() {
        return line(State::NotEvaluable, "said not applicable, and by no rule".to_owned());
    }
    line(state_of(result.verdict), result.says.clone())
}

fn state_of(verdict: Verdict) -> State {
    match verdict {
        Verdict::Pass => State::Pass,
        Verdict::Fail => State::Fail,
        Verdict::NotApplicable => State::NotApplicable,
        Verdict::NotEvaluable => State::NotEvaluable,
    }
}

/// Applies a live exception to a demand that does not pass, or says why it is not live.
fn exempt(case: &Case<'_>, one: &mut Answered, passing: &[CheckId]) {
    if one.state.lets_pass() {
        return;
    }
    let check = one.demand.check;
    for exception in case.exceptions.iter().take(ENTRIES_MAX).filter(|e| e.check == check) {
        let objection = exception.objection(case.now).or_else(|| {
            let makes_up = passing.contains(&exception.compensating);
            (!makes_up).then(|| format!("{} does not pass itself", exception.compensating))
        });
        let Some(objection) = objection else {
            one.state = State::Exempted;
            one.exception = Some(format!("{}: {}", exception.id, exception.reason));
            return;
        };
        one.exception = Some(format!("{} does not count: {objection}", exception.id));
    }
}

impl GateResult {
    /// What an approval is bound to: SHA-256 over the deployment, the artifact, the tier, and the
    /// state and evidence in words of every line.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // What is hashed has a fixed order of fields and no floats, so its JSON is one text.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Digest::from_bytes(sha2::Sha256::digest(bytes).into())
    }

    /// How many demands are in each state.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<State, usize> {
        let mut counts = BTreeMap::new();
        for one in &self.demands {
            *counts.entry(one.state).or_default() += 1;
        }
        counts
    }

    /// The result as lines for people.
    #[must_use]
    pub fn explain(&self) -> String {
        let verdict = if self.is_passed { "passed" } else { "not passed" };
        let mut lines = vec![format!("gate {verdict}: {} at tier {}", self.deployment, self.tier)];
        lines.extend(self.reasons.iter().map(|reason| format!("  because {reason}")));
        for one in &self.demands {
            let Demand { check, duties, blocks } = &one.demand;
            let duties: Vec<&str> = duties.iter().map(|duty| duty.as_str()).collect();
            let weight = if *blocks { "" } else { ", does not block" };
            let (state, duties) = (words(one.state), duties.join(" "));
            lines.push(format!("{check:<8} {state:<14} {duties}{weight}"));
            let told = one.lines.iter();
            lines.extend(told.map(|l| format!("    {}: {}: {}", l.check, words(l.state), l.says)));
            lines.extend(one.exception.iter().map(|text| format!("    exception {text}")));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}
