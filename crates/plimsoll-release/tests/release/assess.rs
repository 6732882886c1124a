//! The decision table: twenty uses of models, and its edges.

use plimsoll_release::assess::{Controls, Document, Finding, RuleId, Stage, Status, Word};
use plimsoll_release::catalog::{CHECKS, CheckId, DUTIES, DutyId};
use plimsoll_release::facts::*;
use plimsoll_release::questions::{Answer, QUESTIONS};
use plimsoll_release::{Assessment, Day, Facts, Tier};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const TODAY: Day = Day::new(2026, 11, 22);

fn assess(facts: &Facts) -> Assessment {
    plimsoll_release::assess(facts, &Controls::default(), TODAY)
}

fn set<T: Ord + Copy>(items: &[T]) -> Option<BTreeSet<T>> {
    Some(items.iter().copied().collect())
}

fn share(part: u64, whole: u64) -> Option<Share> {
    Some(Share { part, whole })
}

/// A sandbox of which everything is known, and nothing is serious.
fn sandbox() -> Facts {
    Facts {
        setting: Some(Setting::Sandbox),
        customer_traffic_seen: Some(false),
        live_outcome: Some(false),
        areas: set(&[Area::Workflow]),
        interactions: share(0, 10_000),
        harms: set(&[]),
        buyers: set(&[]),
        vendor_review: Some(false),
        criticality: Some(Criticality::Critical),
        reviewed: None,
        personal_data: Some(false),
        profiling: Some(false),
        solely_automated: Some(false),
        dpia_trigger: Some(false),
        prohibited: set(&[]),
        annex1: Some(false),
        annex3: set(&[]),
        derogation: None,
        material_influence: None,
        transparency: set(&[]),
        general_purpose_provider: Some(false),
        roles: set(&[Role::Provider, Role::Deployer]),
        operator_financial: Some(false),
        customer_financial: Some(false),
        critical_function: Some(false),
        public_body: Some(false),
        legacy: Some(false),
        placed_on_market: None,
        significant_change: None,
    }
}

fn production() -> Facts {
    Facts { setting: Some(Setting::Production), live_outcome: Some(true), ..sandbox() }
}

/// Internal suggestions of which a person accepts each.
fn suggestions() -> Facts {
    Facts {
        criticality: Some(Criticality::NonCritical),
        reviewed: share(1000, 1000),
        interactions: share(300, 10_000),
        ..production()
    }
}

fn wide(percent: u64) -> Option<Share> {
    share(percent * 100, 10_000)
}

/// The twenty cases: what they are, the tier, duties beyond those of the tier, and rules.
fn cases() -> Vec<(&'static str, Facts, &'static str)> {
    use Harm as H;
    let money = Facts { operator_financial: Some(true), personal_data: Some(true), ..production() };
    vec![
        ("01 sandbox prototype, no customer traffic", sandbox(), "T0 | | D02"),
        (
            "02 same, one customer-tagged request seen",
            Facts { customer_traffic_seen: Some(true), ..sandbox() },
            "T2 | AIA-4 | D03 D04 D06 D19",
        ),
        (
            "03 internal content suggestions, human accepts each, 3 %",
            suggestions(),
            "T1 | AIA-4 | D04 D05 D19",
        ),
        (
            "04 same at exactly 10.00 %",
            Facts { interactions: share(1000, 10_000), ..suggestions() },
            "T1 | AIA-4 | D04 D05 D19",
        ),
        (
            "05 same at 10.01 %",
            Facts { interactions: share(1001, 10_000), ..suggestions() },
            "T2 | AIA-4 MONROLL | D04 D06 D07 D19",
        ),
        (
            "06 same, reviewed share fell to 60 %",
            Facts { reviewed: share(600, 1000), ..suggestions() },
            "T2 | AIA-4 | D04 D06 D19",
        ),
        (
            "07 e-commerce recommender, 70 %",
            Facts {
                areas: set(&[Area::Recommendation]),
                interactions: wide(70),
                personal_data: Some(true),
                buyers: set(&[Buyer::Consumer]),
                ..production()
            },
            "T2 | AIA-4 GDPR MONROLL | D04 D06 D07 D14 D19",
        ),
        (
            "08 B2B pricing model sold to enterprises, 40 %",
            Facts {
                areas: set(&[Area::Pricing]),
                interactions: wide(40),
                harms: set(&[H::IncorrectPricing]),
                buyers: set(&[Buyer::Enterprise]),
                ..production()
            },
            "T3 | AIA-4 EXPLAUD GOVTEST MONROLL | D04 D06 D07 D08 D09 D19",
        ),
        (
            "09 fintech fraud detection (5b carve-out), 100 %",
            Facts { interactions: wide(100), harms: set(&[H::DeniedService]), ..money.clone() },
            "T3 | AIA-4 DORA-FE GDPR GOVTEST MONROLL | D04 D06 D07 D09 D14 D15 D19",
        ),
        (
            "10 diagnostic tool, MDR device with notified body",
            Facts {
                interactions: wide(50),
                harms: set(&[H::HealthSafety]),
                buyers: set(&[Buyer::Regulated]),
                annex1: Some(true),
                personal_data: Some(true),
                dpia_trigger: Some(true),
                ..production()
            },
            "T3 | AIA-4 AIA-HR-DEPLOYER AIA-HR-PROVIDER EXPLAUD GDPR GDPR-DPIA GOVTEST MONROLL \
             | D04 D06 D07 D08 D09 D10 D14 D19",
        ),
        (
            "11 logistics demand forecast, 0 % customer interactions",
            production(),
            "T2 | AIA-4 | D04 D06 D19",
        ),
        (
            "12 CV ranking, 'preparatory' claimed, profiling",
            Facts {
                harms: set(&[H::BiasedDecision]),
                personal_data: Some(true),
                dpia_trigger: Some(true),
                profiling: Some(true),
                annex3: set(&[Annex3::P4a]),
                derogation: Some(Derogation::D),
                material_influence: Some(false),
                ..production()
            },
            "T3 | AIA-4 AIA-HR-DEPLOYER AIA-HR-PROVIDER GDPR GDPR-DPIA GOVTEST \
             | D04 D06 D09 D11 D14 D19",
        ),
        (
            "13 CV file-format sorter, narrow task, no profiling",
            Facts {
                personal_data: Some(true),
                annex3: set(&[Annex3::P4a]),
                derogation: Some(Derogation::A),
                material_influence: Some(false),
                ..production()
            },
            "T2 | AIA-4 AIA-DEROG GDPR | D04 D06 D12 D14 D19",
        ),
        (
            "14 life-insurance pricing of persons",
            Facts {
                interactions: wide(100),
                harms: set(&[H::IncorrectPricing]),
                annex3: set(&[Annex3::P5c]),
                solely_automated: Some(true),
                dpia_trigger: Some(true),
                ..money.clone()
            },
            // D22 came later than the table of cases: article 27(1) names point 5(c).
            "T3 | AIA-4 AIA-HR-DEPLOYER AIA-HR-PROVIDER DORA-FE GDPR GDPR-22 GDPR-DPIA GOVTEST \
             MONROLL | D04 D06 D07 D09 D11 D13 D14 D15 D19 D22",
        ),
        (
            "15 motor-insurance pricing (not in Annex III)",
            Facts {
                interactions: wide(100),
                harms: set(&[H::IncorrectPricing]),
                dpia_trigger: Some(true),
                ..money.clone()
            },
            "T3 | AIA-4 DORA-FE GDPR GDPR-DPIA GOVTEST MONROLL | D04 D06 D07 D09 D14 D15 D19",
        ),
        (
            "16 credit-score API sold to banks",
            Facts {
                interactions: wide(100),
                harms: set(&[H::DeniedService]),
                buyers: set(&[Buyer::Regulated]),
                annex3: set(&[Annex3::P5b]),
                solely_automated: Some(true),
                personal_data: Some(true),
                dpia_trigger: Some(true),
                customer_financial: Some(true),
                roles: set(&[Role::Provider]),
                ..production()
            },
            "T3 | AIA-4 AIA-HR-PROVIDER DORA-ICT EXPLAUD GDPR GDPR-22 GDPR-DPIA GOVTEST MONROLL \
             | D04 D06 D07 D08 D09 D11 D13 D14 D16 D19",
        ),
        (
            "17 support chatbot, 30 %",
            Facts {
                interactions: wide(30),
                personal_data: Some(true),
                transparency: set(&[Transparency::P1]),
                ..production()
            },
            "T2 | AIA-4 AIA-50 GDPR MONROLL | D04 D06 D07 D14 D17 D19",
        ),
        (
            "18 emotion inference on staff",
            Facts { prohibited: set(&[Prohibited::F]), ..production() },
            "T4 | | D01",
        ),
        (
            "19 production system, harm and Annex III unknown",
            Facts { harms: None, annex3: None, ..production() },
            "T3 | AIA-4 | D04 D06 D19 D20",
        ),
        (
            "20 unmeasured share",
            Facts { interactions: None, ..suggestions() },
            "T2 | AIA-4 MONROLL | D04 D06 D07 D19",
        ),
    ]
}

fn words<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let mut items: Vec<&str> = items.collect();
    items.sort_unstable();
    items.join(" ")
}

#[test]
fn the_twenty_cases_have_their_tier_and_duties() {
    let cases = cases();
    assert_eq!(cases.len(), 20);
    for (case, facts, expected) in cases {
        let answer = assess(&facts);
        let duties = answer.duties.iter().map(|owed| owed.duty.as_str());
        let duties = words(duties.filter(|duty| !duty.starts_with("GOV-")));
        let rules = words(answer.rules.iter().map(|fired| fired.rule.as_str()));
        let [tier, wanted, fired]: [&str; 3] =
            expected.split('|').map(str::trim).collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(answer.tier.as_str(), tier, "{case}");
        assert_eq!(duties, words(wanted.split_whitespace()), "{case}");
        assert_eq!(rules, fired, "{case}");
    }
}

#[test]
fn the_table_for_people() {
    let mut text = String::new();
    for (case, facts, _) in cases() {
        let answer = assess(&facts);
        let blocking = answer.checks.iter().filter(|demand| demand.blocks).count();
        writeln!(
            text,
            "{case}\n    {} {}, {}; {} checks, {blocking} block; {}",
            answer.tier,
            answer.tier.name(),
            answer.word,
            answer.checks.len(),
            answer.status
        )
        .unwrap();
        for owed in &answer.duties {
            let from = owed.from.map_or_else(String::new, |day| format!(" from {day}"));
            writeln!(text, "    owes {} ({}{from})", owed.duty, owed.stage).unwrap();
        }
        for fired in &answer.rules {
            writeln!(text, "    {}: {} [{}]", fired.rule, fired.says, fired.source).unwrap();
        }
        for finding in &answer.findings {
            writeln!(text, "    finding {finding}").unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn ten_percent_is_not_above_ten_percent() {
    let at = |part, whole| {
        let facts = Facts { interactions: share(part, whole), ..suggestions() };
        assess(&facts).rules.iter().any(|fired| fired.rule == RuleId::D07)
    };
    assert!(!at(1000, 10_000) && at(1001, 10_000));
    assert!(!at(u64::MAX / 10, u64::MAX) && at(u64::MAX / 10 + 1, u64::MAX));
    // Of nothing, and more than all: not measured, so all.
    assert!(at(0, 0) && at(2, 1));
}

#[test]
fn nothing_unknown_is_taken_for_no() {
    let known = serde_json::to_value(production()).unwrap();
    for fact in known.as_object().unwrap().keys() {
        let mut facts = known.clone();
        facts[fact] = serde_json::Value::Null;
        let before = assess(&production());
        let after = assess(&serde_json::from_value(facts).unwrap());
        assert!(after.tier >= before.tier, "{fact}: {} < {}", after.tier, before.tier);
        assert!(after.status == Status::Complete || after.tier >= Tier::T3, "{fact}");
    }
    // In a sandbox too, what is not said of its boundary is the worst.
    let open = Facts { customer_traffic_seen: None, ..sandbox() };
    assert_eq!(assess(&open).findings, [Finding::SandboxLeak]);
    let blank = assess(&Facts::default());
    assert_eq!((blank.tier, blank.status), (Tier::T3, Status::FactsIncomplete));
    assert!(blank.unknown.len() > 15);
}

#[test]
fn a_law_binds_from_its_day() {
    let high = Facts { annex3: set(&[Annex3::P4a]), ..production() };
    let on = |facts: &Facts, day| {
        let answer = plimsoll_release::assess(facts, &Controls::default(), day);
        let owed = answer.duties.iter().find(|owed| owed.duty == DutyId::AiaHrProvider).unwrap();
        (owed.stage, answer.checks.iter().filter(|demand| demand.blocks).count())
    };
    let (before, blocking_before) = on(&high, Day::new(2027, 12, 1));
    let (after, blocking_after) = on(&high, Day::new(2027, 12, 2));
    assert_eq!((before, after), (Stage::Prepare, Stage::Enforce));
    assert!(blocking_before <= blocking_after);
    // What was there before is caught when its design changes.
    let old = Facts {
        placed_on_market: Some(Day::new(2026, 1, 1)),
        significant_change: Some(false),
        ..high.clone()
    };
    assert_eq!(on(&old, Day::new(2028, 1, 1)).0, Stage::Prepare);
    let changed = Facts { significant_change: Some(true), ..old };
    assert_eq!(on(&changed, Day::new(2028, 1, 1)).0, Stage::Enforce);
    // Of two laws the earlier counts.
    let both = Facts { annex1: Some(true), ..high };
    assert_eq!(on(&both, Day::new(2027, 12, 2)).0, Stage::Enforce);
}

#[test]
fn impact_assessments_are_for_those_whom_article_27_names() {
    let documents = |facts: Facts| assess(&facts).documents;
    let staff = Facts { annex3: set(&[Annex3::P4a]), ..production() };
    assert_eq!(documents(staff.clone()), []);
    assert_eq!(documents(Facts { public_body: Some(true), ..staff }), [Document::Fria]);
    let grid = Facts { annex3: set(&[Annex3::P2]), public_body: Some(true), ..production() };
    assert_eq!(documents(grid), []);
}

#[test]
fn the_word_names_what_is_missing() {
    let word = |passing: &[CheckId], automatic_retraining| {
        let controls =
            Controls { passing: passing.iter().copied().collect(), automatic_retraining };
        let answer = plimsoll_release::assess(&production(), &controls, TODAY);
        (answer.word, answer.level, answer.missing.join(" "))
    };
    use CheckId as C;
    let (bare, level, missing) = word(&[], false);
    assert_eq!((bare, level), (Word::Liability, 3));
    assert_eq!(missing, "MON-01 RBK-01 DEP-02 ART-01 LED-01 EXP-01");
    let pillars = [C::Mon01, C::Rbk01, C::Dep02, C::Art01, C::Led01, C::Exp01];
    let (_, level, missing) = word(&pillars[1..], true);
    assert_eq!((level, missing.as_str()), (1, "MON-01"));
    let (governed, _, missing) = word(&pillars, false);
    assert_eq!(governed, Word::Governed);
    assert_eq!(missing, "MON-02 MON-03 RBK-02 automatic retraining");
    let all = [&pillars[..], &[C::Mon02, C::Mon03, C::Rbk02]].concat();
    assert_eq!(word(&all, true).0, Word::Mature);
    assert_eq!(assess(&sandbox()).word, Word::Sandbox);
    assert_eq!(assess(&suggestions()).word, Word::Light);
}

#[test]
fn the_catalog_has_a_row_for_each_word() {
    assert!(CHECKS.iter().map(|check| check.id).eq(CheckId::ALL.iter().copied()));
    assert!(DUTIES.iter().map(|duty| duty.id).eq(DutyId::ALL.iter().copied()));
    // A check of a tier is in that tier's duty.
    for check in CHECKS {
        let duty = match check.tier {
            Some(Tier::T0) => DutyId::GovT0,
            Some(Tier::T1) => DutyId::GovT1,
            Some(Tier::T2) => DutyId::GovT2,
            Some(_) => DutyId::GovT3,
            None => continue,
        };
        assert!(duty.duty().checks.contains(&check.id), "{} in {duty}", check.id);
    }
}

#[test]
fn every_fact_has_a_question_whose_answers_are_facts() {
    let facts = serde_json::to_value(Facts::default()).unwrap();
    let names: Vec<&str> = facts.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(QUESTIONS.iter().map(|question| question.fact).collect::<Vec<_>>(), names);
    for question in QUESTIONS {
        let value = match question.answer {
            Answer::YesNo => serde_json::json!(true),
            Answer::One(words) => serde_json::json!(words[0]),
            Answer::Any(words) => serde_json::json!(words),
            Answer::Share => serde_json::json!({"part": 1, "whole": 2}),
            Answer::Day => serde_json::json!("2026-11-22"),
        };
        let facts = serde_json::json!({ question.fact: value });
        serde_json::from_value::<Facts>(facts).unwrap_or_else(|e| panic!("{}: {e}", question.fact));
    }
    assert!(serde_json::from_value::<Facts>(serde_json::json!({"harm": []})).is_err());
    for no_day in ["2026-13-01", "2026-00-10", "26-1-1", "2026-1-01x", "+026-01-01", ""] {
        assert!(no_day.parse::<Day>().is_err(), "{no_day}");
    }
}
