//! The gate: checks, results and exceptions in, reasons out.

use plimsoll_release::assess::{Controls, Demand, Finding, Status};
use plimsoll_release::catalog::{CheckId, DutyId};
use plimsoll_release::gate::{
    Case, CaseFile, CheckResult, Declared, EXCEPTION_MAX, Exception, GateResult, State, Verdict,
    judge,
};
use plimsoll_release::report;
use plimsoll_release::{Assessment, Day, Facts, Tier};
use plimsoll_types::{Digest, Time};
use std::time::Duration;

const DAY: u64 = 86_400;

pub(crate) fn artifact(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

pub(crate) fn now() -> Time {
    Time::from_micros(1_800_000_000_000_000)
}

fn ago(seconds: u64) -> u64 {
    now().minus(Duration::from_secs(seconds)).as_micros()
}

/// An assessment that demands these checks, and waits for the first ones only.
fn demanding(checks: &[CheckId], blocking: usize) -> Assessment {
    let facts = Facts::default();
    let mut assessment =
        plimsoll_release::assess(&facts, &Controls::default(), Day::new(2026, 11, 22));
    assessment.tier = Tier::T2;
    assessment.status = Status::Complete;
    assessment.unknown.clear();
    assessment.findings.clear();
    let demand = |(place, check): (usize, &CheckId)| Demand {
        check: *check,
        duties: vec![DutyId::GovT2],
        blocks: place < blocking,
    };
    assessment.checks = checks.iter().enumerate().map(demand).collect();
    assessment
}

fn declared(name: &str, proves: CheckId) -> Declared {
    Declared { name: name.to_owned(), version: 1, proves, max_age_s: 30 * DAY, from_tier: None }
}

fn result(check: &str, verdict: Verdict, says: &str) -> CheckResult {
    CheckResult {
        check: check.to_owned(),
        version: 1,
        artifact: artifact(1),
        verdict,
        says: says.to_owned(),
        at_us: ago(DAY),
        evidence: None,
    }
}

fn exception(check: CheckId) -> Exception {
    Exception {
        id: "EX-7".to_owned(),
        check,
        owner: "dana".to_owned(),
        requested_by: "dana".to_owned(),
        approved_by: "kim".to_owned(),
        reason: "documents follow by Friday".to_owned(),
        compensating: CheckId::Art01,
        from_us: ago(2 * DAY),
        until_us: now().plus(Duration::from_secs(5 * DAY)).as_micros(),
    }
}

struct Setup {
    assessment: Assessment,
    declared: Vec<Declared>,
    results: Vec<CheckResult>,
    exceptions: Vec<Exception>,
}

impl Setup {
    /// An artifact check that passes, documents that fail.
    fn new() -> Self {
        Self {
            assessment: demanding(&[CheckId::Art01, CheckId::Doc01], 2),
            declared: vec![
                declared("artifact.signature", CheckId::Art01),
                declared("documents", CheckId::Doc01),
            ],
            results: vec![
                result("artifact.signature", Verdict::Pass, "signed by release@example.org"),
                result("documents", Verdict::Fail, "two sections are empty"),
            ],
            exceptions: Vec::new(),
        }
    }
    fn judge(&self) -> GateResult {
        judge(&Case {
            deployment: "credit-default",
            artifact: artifact(1),
            assessment: &self.assessment,
            declared: &self.declared,
            results: &self.results,
            exceptions: &self.exceptions,
            now: now(),
        })
    }
    /// The state of the documents and what is said of their exception.
    fn documents(&self) -> (State, String) {
        let result = self.judge();
        let one = result.demands.into_iter().find(|d| d.demand.check == CheckId::Doc01).unwrap();
        (one.state, one.exception.unwrap_or_default())
    }
}

/// A gate that passes, for tests of what comes after.
pub(crate) fn passed() -> GateResult {
    let mut setup = Setup::new();
    setup.results[1].verdict = Verdict::Pass;
    setup.judge()
}

#[test]
fn a_gate_for_people() {
    let mut setup = Setup::new();
    setup.assessment = demanding(
        &[
            CheckId::Art01,
            CheckId::Doc01,
            CheckId::Tst01,
            CheckId::Tst02,
            CheckId::Tst03,
            CheckId::Lin01,
            CheckId::Enc01,
        ],
        6,
    );
    setup.declared.extend([
        declared("artifact.scan", CheckId::Art01),
        declared("performance", CheckId::Tst01),
        declared("robustness", CheckId::Tst02),
        Declared { from_tier: Some(Tier::T3), ..declared("fairness", CheckId::Tst03) },
        declared("lineage", CheckId::Lin01),
    ]);
    setup.results.extend([
        result("artifact.scan", Verdict::Pass, "no finding"),
        CheckResult {
            at_us: ago(31 * DAY),
            ..result("performance", Verdict::Pass, "AUC 0.801, incumbent 0.800")
        },
        CheckResult { version: 2, ..result("robustness", Verdict::Pass, "an older check") },
        CheckResult { artifact: artifact(2), ..result("lineage", Verdict::Pass, "complete") },
    ]);
    setup.exceptions.push(exception(CheckId::Doc01));
    insta::assert_snapshot!(setup.judge().explain(), @r"
    gate not passed: credit-default at tier T2
      because TST-01 is stale
      because TST-02 is not evaluable
      because LIN-01 is not evaluable
    ART-01   pass           GOV-T2
        artifact.signature: pass: signed by release@example.org
        artifact.scan: pass: no finding
    DOC-01   exempted       GOV-T2
        documents: fail: two sections are empty
        exception EX-7: documents follow by Friday
    TST-01   stale          GOV-T2
        performance: stale: passed 31 days ago; counts for 30 days
    TST-02   not evaluable  GOV-T2
        robustness: not evaluable: never run
    TST-03   not applicable GOV-T2
        fairness: not applicable: asked from tier T3
    LIN-01   not evaluable  GOV-T2
        lineage: not evaluable: run on another artifact: the artifact changed
    ENC-01   not evaluable  GOV-T2, does not block
        none: not evaluable: this build has no such check: supply one as a plug-in
    ");
}

/// What pipelines read: everything that blocks fails, and nothing breaks out of its place.
#[test]
fn a_gate_for_pipelines() {
    let mut setup = Setup::new();
    setup.assessment = demanding(&[CheckId::Art01, CheckId::Doc01, CheckId::Enc01], 2);
    setup.assessment.unknown = vec!["harms".to_owned()];
    setup.results[1].says = "a <b> & \"c\" | d\u{7}\nnext".to_owned();
    let result = setup.judge();
    insta::assert_snapshot!(report::junit(&result));
    insta::assert_snapshot!(report::markdown(&result));
    insta::assert_json_snapshot!(report::sarif(&result));
    // Passed: no failure, and no result.
    let passed = passed();
    assert!(!report::junit(&passed).contains("<failure"));
    assert_eq!(report::sarif(&passed)["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn a_case_in_a_file_is_judged_alike() {
    let setup = Setup::new();
    let file = CaseFile {
        deployment: "credit-default".to_owned(),
        artifact: artifact(1),
        assessment: setup.assessment.clone(),
        declared: setup.declared.clone(),
        results: setup.results.clone(),
        exceptions: vec![exception(CheckId::Doc01)],
    };
    let text = serde_json::to_string(&file).unwrap();
    let read: CaseFile = serde_json::from_str(&text).unwrap();
    assert_eq!(read, file);
    assert!(read.judge(now()).is_passed);
    assert!(
        serde_json::from_str::<CaseFile>(&text.replace("\"declared\"", "\"declare\"")).is_err()
    );
}

#[test]
fn only_a_live_exception_helps() {
    let mut setup = Setup::new();
    assert_eq!(setup.documents(), (State::Fail, String::new()));
    assert_eq!(setup.judge().reasons, ["DOC-01 is fail"]);
    let live = exception(CheckId::Doc01);
    setup.exceptions = vec![live.clone()];
    assert!(setup.judge().is_passed);
    let long = Duration::from_micros(1).saturating_add(EXCEPTION_MAX);
    let cases = [
        (Exception { until_us: ago(1), ..live.clone() }, "expired"),
        (Exception { from_us: now().as_micros() + 1, ..live.clone() }, "not begun"),
        (Exception { approved_by: "dana".into(), ..live.clone() }, "also allowed"),
        (Exception { reason: " ".into(), ..live.clone() }, "lacks"),
        (Exception { owner: String::new(), ..live.clone() }, "lacks"),
        (Exception { compensating: CheckId::Doc01, ..live.clone() }, "makes up for itself"),
        (Exception { compensating: CheckId::Led01, ..live.clone() }, "does not pass itself"),
        (
            Exception {
                until_us: Time::from_micros(live.from_us).plus(long).as_micros(),
                ..live.clone()
            },
            "180 days",
        ),
    ];
    for (exception, why) in cases {
        setup.exceptions = vec![exception];
        let (state, said) = setup.documents();
        assert_eq!(state, State::Fail, "{why}");
        assert!(said.contains(why), "{said}: {why}");
        assert!(!setup.judge().is_passed);
    }
    // One that counts is found among those that do not.
    setup.exceptions.push(live);
    assert!(setup.judge().is_passed);
}

#[test]
fn what_may_not_be_put_off_is_not() {
    let mut setup = Setup::new();
    setup.results[1].verdict = Verdict::Pass;
    setup.results[0].verdict = Verdict::Fail;
    let mut exception = exception(CheckId::Art01);
    exception.compensating = CheckId::Doc01;
    setup.exceptions = vec![exception];
    let result = setup.judge();
    assert!(!result.is_passed);
    assert!(result.explain().contains("ART-01 may not be put off"));
}

#[test]
fn a_changed_artifact_an_old_check_or_a_future_result_is_no_evidence() {
    let with = |change: &dyn Fn(&mut CheckResult)| {
        let mut setup = Setup::new();
        setup.results[1].verdict = Verdict::Pass;
        change(&mut setup.results[1]);
        setup.documents().0
    };
    assert_eq!(with(&|_| {}), State::Pass);
    assert_eq!(with(&|r| r.artifact = artifact(9)), State::NotEvaluable);
    assert_eq!(with(&|r| r.version = 0), State::NotEvaluable);
    assert_eq!(with(&|r| r.at_us = now().as_micros() + 1), State::NotEvaluable);
    assert_eq!(with(&|r| r.at_us = ago(30 * DAY)), State::Pass);
    assert_eq!(with(&|r| r.at_us = ago(30 * DAY + 1)), State::Stale);
    // Not applicable has to name its rule.
    let rule = |r: &mut CheckResult, says: &str| {
        (r.verdict, r.says) = (Verdict::NotApplicable, says.to_owned());
    };
    assert_eq!(with(&|r| rule(r, "D14 did not fire")), State::NotApplicable);
    assert_eq!(with(&|r| rule(r, "")), State::NotEvaluable);
}

#[test]
fn the_newest_result_counts_and_of_two_at_once_the_worse() {
    let mut setup = Setup::new();
    let mut newer = result("documents", Verdict::Pass, "signed");
    newer.at_us += 1;
    setup.results.push(newer.clone());
    assert_eq!(setup.documents().0, State::Pass);
    setup.results.push(CheckResult { verdict: Verdict::Fail, ..newer });
    assert_eq!(setup.documents().0, State::Fail);
}

#[test]
fn unknown_facts_findings_and_prohibitions_block_whatever_passed() {
    let mut setup = Setup::new();
    setup.results[1].verdict = Verdict::Pass;
    assert!(setup.judge().is_passed);
    setup.assessment.unknown = vec!["harms".to_owned()];
    setup.assessment.findings = vec![Finding::SandboxLeak];
    setup.assessment.tier = Tier::T4;
    assert_eq!(
        setup.judge().reasons,
        ["the use is prohibited", "facts are not known: harms", "open finding: SANDBOX_LEAK"]
    );
}

#[test]
fn the_digest_is_of_everything_that_was_judged() {
    let passed = passed();
    let mut others = vec![passed.clone(); 4];
    others[0].deployment = "other".to_owned();
    others[1].artifact = artifact(3);
    others[2].tier = Tier::T3;
    others[3].demands[1].lines[0].says = "two sections were empty".to_owned();
    assert_eq!(passed.digest(), passed.clone().digest());
    assert!(others.iter().all(|other| other.digest() != passed.digest()));
}
