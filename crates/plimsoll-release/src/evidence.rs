//! What the system sees of itself, judged against a demand: pure functions from gathered facts to
//! a verdict and words. Gathers nothing and reads no clock.
//!
//! Words say what was looked at and, where it is not enough, what to do. They carry no figure that
//! differs from run to run, as approvals are bound to them.

use crate::gate::Verdict;
use crate::{Day, Tier};
use plimsoll_types::Time;
use std::time::Duration;

/// A verdict, and in words what was measured against what.
pub type Answer = (Verdict, String);

/// The rollback time objective: what a drill may take (control catalogue, `rollback_rto_s`).
pub const ROLLBACK_MAX: Duration = Duration::from_secs(300);
/// Logs of decisions are kept this long at least (EU AI Act 19(1), 26(6)).
pub const RETENTION_MIN_DAYS: u32 = 183;
/// A key older than this that never ends is to be replaced.
pub const KEY_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// A head of the log is at most this old.
pub const HEAD_MAX: Duration = Duration::from_secs(3600);
/// Somebody outside has confirmed a head within this time.
pub const WITNESS_MAX: Duration = Duration::from_secs(24 * 3600);
/// Names that one sentence lists.
const LISTED: usize = 5;

fn pass(says: impl Into<String>) -> Answer {
    (Verdict::Pass, says.into())
}
fn fail(says: impl Into<String>) -> Answer {
    (Verdict::Fail, says.into())
}
fn not_applicable(says: impl Into<String>) -> Answer {
    (Verdict::NotApplicable, says.into())
}
fn not_evaluable(says: impl Into<String>) -> Answer {
    (Verdict::NotEvaluable, says.into())
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let told = names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// How a version's traffic is watched (MON-01).
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The deployment's name.
    pub deployment: String,
    /// The number of the version.
    pub version: u32,
    /// Where its reference comes from, if one is set: its digest in short.
    pub reference: Option<String>,
    /// Whether it answers now.
    pub is_answering: bool,
    /// What is open and says that something is not watched, or too old.
    pub blind: Vec<String>,
}

/// Is there something to compare a version's traffic with, and is it compared?
#[must_use]
pub fn watched(watch: &Watch) -> Answer {
    let Watch { deployment, version, .. } = watch;
    let Some(reference) = &watch.reference else {
        return fail(format!(
            "version {version} has no reference to be compared with: `plimsoll monitor reference set {deployment} FILE --version {version}`"
        ));
    };
    if watch.is_answering && !watch.blind.is_empty() {
        let blind = list(watch.blind.iter().map(String::as_str));
        return fail(format!("open findings say that it is not watched: {blind}; see to them"));
    }
    let standing = if watch.is_answering { "is compared" } else { "will be compared" };
    pass(format!("traffic of version {version} {standing} with the reference {reference}"))
}

/// A way by which people are told of findings (MON-01).
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Whether findings of this deployment go there.
    pub is_for: bool,
    /// Whether it takes drift and performance.
    pub takes_drift: bool,
    /// Whether it takes what is a warning.
    pub takes_warnings: bool,
}

/// Is somebody told when something moves?
#[must_use]
pub fn alerted(routes: &[Route]) -> Answer {
    let reaching = routes.iter().filter(|r| r.is_for && r.takes_drift && r.takes_warnings);
    let names: Vec<&str> = reaching.map(|route| route.name.as_str()).collect();
    if names.is_empty() {
        fail(
            "no alert route takes warnings of drift and performance of this deployment: `plimsoll alert route add`",
        )
    } else {
        pass(format!("findings are told by {}", list(names)))
    }
}

/// Where the truth comes from, as it is declared (MON-01).
#[derive(Clone, Debug, Default)]
pub struct Outcomes<'a> {
    /// What tells how a decision turned out.
    pub source: &'a str,
    /// Days until it is known.
    pub delay_days: u32,
    /// The approved stand-in, where the truth never comes.
    pub proxy: &'a str,
}

/// Is it declared how accuracy becomes known?
#[must_use]
pub fn outcomes_declared(declared: Option<&Outcomes<'_>>) -> Answer {
    match declared {
        Some(of) if !of.source.trim().is_empty() => {
            pass(format!("outcomes come from {}, within {} days", of.source, of.delay_days))
        }
        Some(of) if !of.proxy.trim().is_empty() => {
            pass(format!("outcomes never come; in their place stands {}", of.proxy))
        }
        _ => fail(
            "the gate's plan does not declare where outcomes come from: `outcomes` with a `source` and `delay_days`, or a `proxy`",
        ),
    }
}

/// What a scan of a version's files found, now (VUL-01).
#[derive(Clone, Debug, Default)]
pub struct Scanned {
    /// The scanner's version.
    pub scanner: String,
    /// Files, and members of archives among them.
    pub looked_at: u64,
    /// Rules and files that block.
    pub found: Vec<String>,
    /// Whether the model answers elsewhere, so that what runs is not in the files.
    pub is_elsewhere: bool,
}

/// Are the components known, and is nothing known to be wrong with them?
#[must_use]
pub fn scanned(scanned: &Scanned) -> Answer {
    let Scanned { scanner, looked_at, .. } = scanned;
    if scanned.is_elsewhere {
        not_evaluable(
            "the model answers elsewhere: a plug-in has to post what a scan of its image found",
        )
    } else if scanned.found.is_empty() {
        pass(format!(
            "scanner {scanner} looked at {looked_at} files and found nothing; they are data, and run in this binary alone"
        ))
    } else {
        fail(format!("scanner {scanner} found {}", list(scanned.found.iter().map(String::as_str))))
    }
}

/// What broken requests came to (SCH-02).
#[derive(Clone, Copy, Debug, Default)]
pub struct Probes {
    /// Whether they were put to what the gateway serves now.
    pub is_live: bool,
    /// How many break the contract.
    pub sent: u32,
    /// How many of them were refused.
    pub refused: u32,
}

/// Does the contract in force refuse what breaks it?
#[must_use]
pub fn enforced(probes: Probes) -> Answer {
    let Probes { is_live, sent, refused } = probes;
    let by = if is_live { "the contract that the gateway serves" } else { "the contract" };
    if sent == 0 {
        not_evaluable("the contract has no field that a request could break")
    } else if refused == sent {
        pass(format!("{by} refused each of {sent} requests that break it"))
    } else {
        fail(format!("{by} let {} of {sent} requests pass that break it", sent - refused))
    }
}

/// What the lineage graph knows above a version (LIN-01).
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Runs that made it.
    pub runs: Vec<String>,
    /// Data that they read: datasets and sources.
    pub data: Vec<String>,
    /// Registered datasets among them.
    pub datasets: Vec<String>,
    /// Whether a run says its code.
    pub has_code: bool,
    /// Whether a run says its parameters.
    pub has_parameters: bool,
    /// Whether a run says its environment.
    pub has_environment: bool,
    /// How many things are named above it, and are not there.
    pub dangling: u32,
    /// Whether the graph is larger than what was walked.
    pub is_cut: bool,
}

/// Can a version be traced to run, data, code, parameters and environment?
#[must_use]
pub fn traced(origin: &Origin) -> Answer {
    if origin.is_cut {
        return not_evaluable("the graph above the version is too large to be walked");
    }
    if origin.dangling > 0 {
        return fail(format!("the graph names {} things that are not there", origin.dangling));
    }
    let missing: Vec<&str> = [
        ("a run", origin.runs.is_empty()),
        ("data", origin.data.is_empty()),
        ("code", !origin.has_code),
        ("parameters", !origin.has_parameters),
        ("environment", !origin.has_environment),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect();
    if missing.is_empty() {
        let (runs, data) = (&origin.runs, &origin.data);
        let list = |names: &[String]| list(names.iter().map(String::as_str));
        return pass(format!("made by {} of {}", list(runs), list(data)));
    }
    fail(format!(
        "the graph above the version lacks {}: train it in a tracked run, send OpenLineage events, or name run and datasets by `plimsoll model card set`",
        missing.join(", ")
    ))
}

/// A dataset above a version, as its manifest describes it (DAT-01).
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Its name and number.
    pub name: String,
    /// Whether a licence is named.
    pub has_licence: bool,
    /// Whether it holds personal data.
    pub is_personal: bool,
    /// Whether a purpose is named.
    pub has_purpose: bool,
}

/// Are the registered data of a version described?
#[must_use]
pub fn described(datasets: &[Described]) -> Answer {
    if datasets.is_empty() {
        return not_evaluable(
            "no registered dataset is above the version: `plimsoll dataset register`",
        );
    }
    let bad = datasets.iter().filter_map(|one| {
        if !one.has_licence {
            Some(format!("{} names no licence", one.name))
        } else if one.is_personal && !one.has_purpose {
            Some(format!("{} is personal and names no purpose", one.name))
        } else {
            None
        }
    });
    let bad: Vec<String> = bad.collect();
    if bad.is_empty() {
        pass(format!("described: {}", list(datasets.iter().map(|one| one.name.as_str()))))
    } else {
        fail(list(bad.iter().map(String::as_str)))
    }
}

/// The last drill of a rollback (RBK-02).
#[derive(Clone, Copy, Debug, Default)]
pub struct Drills {
    /// Whether a version answers, so that there is something to drill.
    pub is_answering: bool,
    /// When the last one ended, and how long it took in microseconds.
    pub last: Option<(Time, u64)>,
}

/// Was going back practised lately, and soon enough?
#[must_use]
pub fn drilled(drills: Drills, tier: Tier, now: Time) -> Answer {
    let days: u64 = match tier {
        Tier::T0 | Tier::T1 => 365,
        Tier::T2 => 180,
        Tier::T3 | Tier::T4 => 90,
    };
    let how = "`plimsoll drill rollback`";
    match drills.last {
        None if !drills.is_answering => not_applicable(format!(
            "a deployment that never answered has no way back to practise; {how} is due once it answers"
        )),
        None => fail(format!("a rollback was never practised: {how}")),
        Some((at, _)) if now.since(at) > Duration::from_secs(days * 24 * 3600) => {
            fail(format!("the last drill was on {}, more than {days} days ago: {how}", Day::of(at)))
        }
        Some((at, took)) if u128::from(took) > ROLLBACK_MAX.as_micros() => fail(format!(
            "the drill of {} took longer than {} s",
            Day::of(at),
            ROLLBACK_MAX.as_secs()
        )),
        Some((at, _)) => {
            pass(format!("practised on {}, within {} s", Day::of(at), ROLLBACK_MAX.as_secs()))
        }
    }
}

/// A finding that nobody resolved (MON-02, INC-01).
#[derive(Clone, Debug)]
pub struct Open {
    /// What it is about, in words.
    pub about: String,
    /// Whether it is critical.
    pub is_critical: bool,
    /// Whether somebody said that they see to it.
    pub is_seen_to: bool,
    /// When it opened.
    pub since: Time,
}

/// How soon somebody has to say that they see to a finding.
#[must_use]
pub const fn triage_max(tier: Tier) -> Duration {
    Duration::from_secs(match tier {
        Tier::T0 | Tier::T1 => 5 * 24 * 3600,
        Tier::T2 => 24 * 3600,
        Tier::T3 | Tier::T4 => 4 * 3600,
    })
}

/// Does somebody see to what was found, in time? With `only_critical` the same of what is critical.
#[must_use]
pub fn triaged(findings: &[Open], only_critical: bool, tier: Tier, now: Time) -> Answer {
    let hours = triage_max(tier).as_secs() / 3600;
    let late = findings.iter().filter(|one| {
        (one.is_critical || !only_critical)
            && !one.is_seen_to
            && now.since(one.since) > triage_max(tier)
    });
    let late: Vec<&str> = late.map(|one| one.about.as_str()).collect();
    let what = if only_critical { "critical findings" } else { "findings" };
    if late.is_empty() {
        pass(format!("nobody waits: {what} are seen to within {hours} hours"))
    } else {
        fail(format!(
            "{what} that nobody sees to for more than {hours} hours: {}; `plimsoll finding acknowledge`",
            list(late)
        ))
    }
}

/// What follows when a model gets worse, or old (MON-03).
#[derive(Clone, Debug, Default)]
pub struct Correction<'a> {
    /// Whether findings ask for a retraining by themselves.
    pub retrains: bool,
    /// What people do, as the plan declares it.
    pub declared: &'a str,
    /// The age that no version outlives, in days.
    pub max_age_days: Option<u32>,
    /// When the version was made.
    pub made: Time,
}

/// Does a breach lead to something, and does no model outlive its age?
#[must_use]
pub fn corrected(of: &Correction<'_>, now: Time) -> Answer {
    let says = match (of.retrains, of.declared.trim()) {
        (true, _) => "findings ask for a retraining".to_owned(),
        (false, "") => {
            return fail(
                "nothing follows when the model gets worse: `plimsoll retrain policy set`, or `on_breach` in the gate's plan",
            );
        }
        (false, declared) => declared.to_owned(),
    };
    let Some(days) = of.max_age_days else {
        return fail("no age is declared that the model does not outlive: `max_age_days`");
    };
    if now.since(of.made) > Duration::from_secs(u64::from(days) * 24 * 3600) {
        return fail(format!("the version is older than {days} days: train another"));
    }
    pass(format!("{says}; no version answers that is older than {days} days"))
}

/// How the published log stands (LED-02).
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Why nothing is signed any more.
    pub stopped: Option<String>,
    /// Whether there is anything to publish yet.
    pub is_published: bool,
    /// When a head was last published.
    pub published_at: Option<Time>,
    /// When a witness last signed.
    pub witnessed_at: Option<Time>,
    /// Places outside of the data folder that took a head, and when.
    pub copied: Vec<(String, Time)>,
}

/// Is the log signed, lately, and does somebody outside hold a head of it?
#[must_use]
pub fn proven(log: &Log, now: Time) -> Answer {
    let is_late = |at: Time, most: Duration| now.since(at) > most;
    if let Some(why) = &log.stopped {
        return fail(format!("the log is not signed any more: {why}"));
    }
    let Some(published) = log.published_at.filter(|_| log.is_published) else {
        return not_evaluable("no head of the log was published yet");
    };
    if is_late(published, HEAD_MAX) {
        return fail("the head of the log is older than an hour");
    }
    if log.witnessed_at.is_some_and(|at| !is_late(at, WITNESS_MAX)) {
        return pass("heads are signed within the hour, and by a witness within the day");
    }
    let copied = log.copied.iter().filter(|(_, at)| !is_late(*at, WITNESS_MAX));
    let copied: Vec<&str> = copied.map(|(name, _)| name.as_str()).collect();
    if copied.is_empty() {
        fail(
            "nobody outside holds a head of the log of today: name a witness or a place for checkpoints in the settings (`ledger.policy`, `ledger.checkpoint_folder`)",
        )
    } else {
        pass(format!("heads are signed within the hour, and kept outside by {}", list(copied)))
    }
}

/// How records are kept (RET-01).
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept {
    /// Days; none is forever.
    pub days: Option<u32>,
    /// Whether records are about persons.
    pub is_personal: bool,
}

/// Are records kept long enough, and no longer?
#[must_use]
pub fn kept(kept: Kept) -> Answer {
    match kept.days {
        Some(days) if days < RETENTION_MIN_DAYS => {
            fail(format!("records are kept for {days} days, less than {RETENTION_MIN_DAYS}"))
        }
        Some(days) => pass(format!("records are kept for {days} days")),
        None if kept.is_personal => fail(
            "records about persons are kept forever: `plimsoll deployment update --retention-days`",
        ),
        None => pass("records are kept forever, and none is about a person"),
    }
}

/// A live key (ACC-02).
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub made: Time,
    /// Whether it ends.
    pub ends: bool,
}

/// Is no key too old?
#[must_use]
pub fn fresh(keys: &[Key], now: Time) -> Answer {
    let old = keys.iter().filter(|key| !key.ends && now.since(key.made) > KEY_MAX);
    let old: Vec<&str> = old.map(|key| key.name.as_str()).collect();
    if old.is_empty() {
        pass("no key without an end is older than a year")
    } else {
        fail(format!("keys older than a year that never end: {}", list(old)))
    }
}

/// Is there anybody whose model it is (INV-03)? What runs here is nobody else's service.
#[must_use]
pub fn supplied(is_elsewhere: bool) -> Option<Answer> {
    (!is_elsewhere).then(|| {
        not_applicable("the model runs in this binary: no provider answers (INV-03 asks of external upstreams)")
    })
}

/// Does a person look at decisions before or after they take effect (HUM-01)?
#[must_use]
pub fn overseen(is_reviewed: bool, reviewers: usize) -> Answer {
    if !is_reviewed {
        fail("no decision is looked at by a person: `plimsoll deployment update --review`")
    } else if reviewers == 0 {
        fail("nobody has the role reviewer")
    } else {
        pass("decisions are looked at by people who may override")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600 * 1_000_000;

    fn at(days: u64) -> Time {
        Time::from_micros(days * DAY)
    }

    #[track_caller]
    fn is(answer: Answer, verdict: Verdict, part: &str) {
        assert_eq!(answer.0, verdict, "{}", answer.1);
        assert!(answer.1.contains(part), "`{part}` is not in `{}`", answer.1);
    }

    #[test]
    fn a_version_is_watched_when_it_has_a_reference_and_nothing_says_otherwise() {
        let none = Watch { deployment: "credit".into(), version: 2, ..Watch::default() };
        is(watched(&none), Verdict::Fail, "plimsoll monitor reference set credit FILE --version 2");
        let set = Watch { reference: Some("abc".into()), ..none };
        is(watched(&set), Verdict::Pass, "will be compared");
        let blind = Watch { blind: vec!["reference".into()], ..set };
        is(watched(&blind), Verdict::Pass, "will be compared");
        let answering = Watch { is_answering: true, ..blind };
        is(watched(&answering), Verdict::Fail, "reference");
        is(watched(&Watch { blind: Vec::new(), ..answering }), Verdict::Pass, "is compared");
    }

    #[test]
    fn an_alert_route_counts_when_it_takes_what_matters() {
        let route =
            Route { name: "duty".into(), is_for: true, takes_drift: true, takes_warnings: true };
        is(alerted(&[]), Verdict::Fail, "plimsoll alert route add");
        is(alerted(std::slice::from_ref(&route)), Verdict::Pass, "duty");
        for bad in [
            Route { is_for: false, ..route.clone() },
            Route { takes_drift: false, ..route.clone() },
            Route { takes_warnings: false, ..route.clone() },
        ] {
            assert_eq!(alerted(&[bad]).0, Verdict::Fail);
        }
    }

    #[test]
    fn outcomes_come_from_somewhere_or_something_stands_for_them() {
        is(outcomes_declared(None), Verdict::Fail, "source");
        is(outcomes_declared(Some(&Outcomes::default())), Verdict::Fail, "proxy");
        let source = Outcomes { source: "the ledger of payments", delay_days: 30, proxy: "" };
        is(outcomes_declared(Some(&source)), Verdict::Pass, "within 30 days");
        let proxy = Outcomes { proxy: "complaints", ..Outcomes::default() };
        is(outcomes_declared(Some(&proxy)), Verdict::Pass, "complaints");
    }

    #[test]
    fn components_are_scanned_now_or_somebody_elses_to_scan() {
        let clean = Scanned { scanner: "0.1".into(), looked_at: 3, ..Scanned::default() };
        is(scanned(&clean), Verdict::Pass, "3 files");
        let found = Scanned { found: vec!["pickle in `a`".into()], ..clean.clone() };
        is(scanned(&found), Verdict::Fail, "pickle");
        let away = Scanned { is_elsewhere: true, ..clean };
        is(scanned(&away), Verdict::NotEvaluable, "plug-in");
    }

    #[test]
    fn one_broken_request_that_passes_is_one_too_many() {
        let probes = |sent, refused| Probes { is_live: true, sent, refused };
        is(enforced(probes(9, 9)), Verdict::Pass, "each of 9");
        is(enforced(probes(9, 8)), Verdict::Fail, "1 of 9");
        is(enforced(probes(0, 0)), Verdict::NotEvaluable, "no field");
    }

    #[test]
    fn lineage_is_a_run_and_everything_that_it_is_repeated_by() {
        let whole = Origin {
            runs: vec!["r1".into()],
            data: vec!["loans/1".into()],
            has_code: true,
            has_parameters: true,
            has_environment: true,
            ..Origin::default()
        };
        is(traced(&whole), Verdict::Pass, "made by r1 of loans/1");
        is(traced(&Origin::default()), Verdict::Fail, "a run, data, code, parameters, environment");
        let part = Origin { has_code: false, ..whole.clone() };
        is(traced(&part), Verdict::Fail, "lacks code:");
        let dangling = Origin { dangling: 1, ..whole.clone() };
        is(traced(&dangling), Verdict::Fail, "1 things");
        is(traced(&Origin { is_cut: true, ..whole }), Verdict::NotEvaluable, "too large");
    }

    #[test]
    fn data_are_described_each() {
        let good = Described { name: "a/1".into(), has_licence: true, ..Described::default() };
        is(described(&[]), Verdict::NotEvaluable, "register");
        is(described(std::slice::from_ref(&good)), Verdict::Pass, "a/1");
        let personal = Described { is_personal: true, ..good.clone() };
        is(described(&[good.clone(), personal]), Verdict::Fail, "no purpose");
        let free = Described { has_licence: false, ..good };
        is(described(&[free]), Verdict::Fail, "no licence");
    }

    #[test]
    fn drills_are_due_by_tier_and_have_to_be_quick() {
        let now = at(1_000);
        let none = Drills::default();
        is(drilled(none, Tier::T2, now), Verdict::NotApplicable, "never answered");
        let due = Drills { is_answering: true, last: None };
        is(drilled(due, Tier::T2, now), Verdict::Fail, "drill rollback");
        let last = |days, took| Drills { is_answering: true, last: Some((at(days), took)) };
        for (tier, days) in [(Tier::T1, 365), (Tier::T2, 180), (Tier::T3, 90)] {
            is(drilled(last(1_000 - days, 9), tier, now), Verdict::Pass, "within 300 s");
            is(drilled(last(999 - days, 9), tier, now), Verdict::Fail, "more than");
        }
        is(drilled(last(999, 300_000_000), Tier::T3, now), Verdict::Pass, "within");
        is(drilled(last(999, 300_000_001), Tier::T3, now), Verdict::Fail, "longer than 300 s");
    }

    #[test]
    fn what_nobody_sees_to_in_time_is_told() {
        let now = at(100);
        let open = |hours: u64| Open {
            about: "input_drift of income".into(),
            is_critical: false,
            is_seen_to: false,
            since: now.minus(Duration::from_secs(hours * 3600)),
        };
        for (tier, hours) in [(Tier::T1, 120), (Tier::T2, 24), (Tier::T3, 4)] {
            is(triaged(&[open(hours)], false, tier, now), Verdict::Pass, "nobody waits");
            is(triaged(&[open(hours + 1)], false, tier, now), Verdict::Fail, "income");
            let seen = Open { is_seen_to: true, ..open(hours + 1) };
            assert_eq!(triaged(&[seen], false, tier, now).0, Verdict::Pass);
            assert_eq!(triaged(&[open(hours + 1)], true, tier, now).0, Verdict::Pass);
            let critical = Open { is_critical: true, ..open(hours + 1) };
            assert_eq!(triaged(&[critical], true, tier, now).0, Verdict::Fail);
        }
    }

    #[test]
    fn something_follows_and_no_model_gets_too_old() {
        let rule = Correction {
            declared: "the team retrains",
            max_age_days: Some(90),
            made: at(10),
            ..Correction::default()
        };
        is(corrected(&rule, at(100)), Verdict::Pass, "the team retrains");
        is(corrected(&rule, at(101)), Verdict::Fail, "older than 90 days");
        is(
            corrected(&Correction { max_age_days: None, ..rule.clone() }, at(11)),
            Verdict::Fail,
            "age",
        );
        is(
            corrected(&Correction { declared: " ", ..rule.clone() }, at(11)),
            Verdict::Fail,
            "follows",
        );
        let automatic = Correction { declared: "", retrains: true, ..rule };
        is(corrected(&automatic, at(11)), Verdict::Pass, "retraining");
    }

    #[test]
    fn a_log_is_proven_by_somebody_outside() {
        let now = at(10);
        let ago = |seconds: u64| now.minus(Duration::from_secs(seconds));
        let log = Log { is_published: true, published_at: Some(ago(3_600)), ..Log::default() };
        is(proven(&Log::default(), now), Verdict::NotEvaluable, "no head");
        is(proven(&log, now), Verdict::Fail, "nobody outside");
        let witnessed = Log { witnessed_at: Some(ago(86_400)), ..log.clone() };
        is(proven(&witnessed, now), Verdict::Pass, "witness");
        let old = Log { witnessed_at: Some(ago(86_401)), ..log.clone() };
        is(proven(&old, now), Verdict::Fail, "nobody outside");
        let copied = Log { copied: vec![("folder".into(), ago(60))], ..log.clone() };
        is(proven(&copied, now), Verdict::Pass, "kept outside by folder");
        let late = Log { published_at: Some(ago(3_601)), ..witnessed.clone() };
        is(proven(&late, now), Verdict::Fail, "older than an hour");
        is(
            proven(&Log { stopped: Some("x".into()), ..witnessed }, now),
            Verdict::Fail,
            "not signed",
        );
    }

    #[test]
    fn records_are_kept_long_enough_and_no_longer() {
        let of = |days, is_personal| kept(Kept { days, is_personal });
        is(of(Some(183), true), Verdict::Pass, "183 days");
        is(of(Some(182), true), Verdict::Fail, "less than 183");
        is(of(None, true), Verdict::Fail, "forever");
        is(of(None, false), Verdict::Pass, "none is about a person");
    }

    #[test]
    fn keys_suppliers_and_reviewers() {
        let key = Key { name: "old".into(), made: at(0), ends: false };
        is(fresh(std::slice::from_ref(&key), at(365)), Verdict::Pass, "no key");
        is(fresh(std::slice::from_ref(&key), at(366)), Verdict::Fail, "old");
        assert_eq!(fresh(&[Key { ends: true, ..key }], at(366)).0, Verdict::Pass);
        assert_eq!(supplied(false).map(|answer| answer.0), Some(Verdict::NotApplicable));
        assert_eq!(supplied(true), None);
        is(overseen(false, 1), Verdict::Fail, "--review");
        is(overseen(true, 0), Verdict::Fail, "nobody");
        is(overseen(true, 1), Verdict::Pass, "override");
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..8).map(|n| format!("n{n}")).collect();
        assert_eq!(list(names.iter().map(String::as_str)), "n0, n1, n2, n3, n4 and 3 more");
    }
}
