//! Profiles: what is refused, and which reasons are chosen.

use super::*;
use plimsoll_contract::{Contract, Field, Kind, Limits, Mapping};
use plimsoll_types::Digest;

fn contract() -> Contract {
    let mut income = Field::new("income", Kind::Number);
    income.description = Some("net monthly income".into());
    let mut housing = Field::new("housing", Kind::Category);
    housing.values = vec!["rent".into(), "own".into()];
    Contract {
        version: 1,
        features: vec![
            income,
            Field::new("debt", Kind::Number),
            housing,
            Field::new("device risk", Kind::Number),
        ],
        context: Vec::new(),
        matrix: None,
        map: Mapping::default(),
        limits: Limits::default(),
    }
}

fn compiled(yaml: &str) -> CompiledProfile {
    let profile = ExplainProfile::from_yaml(yaml).expect("reads");
    CompiledProfile::compile(profile, Digest::ZERO, &contract()).expect("compiles")
}

const PROFILE: &str = "
version: 1
decision: {threshold: 0.5, adverse: above}
most_reasons: 2
features:
  income: {code: R01, change: up, step: 50}
  debt: {code: R02, change: down}
  device risk: {code: R09, hidden: true}
";

fn reasons(profile: &CompiledProfile, contributions: &[f64], value: f64) -> String {
    let mut out = Vec::new();
    profile.reasons(0, contributions, value, &mut out);
    out.iter().map(|r| format!("{}/{}", r.code, r.field)).collect::<Vec<_>>().join(" ")
}

#[test]
fn reasons_speak_for_the_side_the_answer_is_on() {
    let profile = compiled(PROFILE);
    // Declined: what raised the score, but never what is hidden, and at most two.
    assert_eq!(reasons(&profile, &[0.2, 0.9, 0.1, 5.0], 0.7), "R02/1 R01/0");
    // Granted: what lowered it.
    assert_eq!(reasons(&profile, &[0.2, -0.9, -0.1, -5.0], 0.2), "R02/1 housing/2");
    // At the limit is above it.
    assert_eq!(reasons(&profile, &[0.0, 0.0, 0.3, 0.0], 0.5), "housing/2");
    assert_eq!(reasons(&profile, &[-1.0, -1.0, -1.0, 9.0], 0.9), "");
}

#[test]
fn equal_weights_keep_the_contracts_order() {
    assert_eq!(reasons(&compiled(PROFILE), &[0.5, 0.5, 0.5, 0.0], 0.7), "R01/0 R02/1");
}

#[test]
fn features_of_one_code_are_one_reason() {
    let profile = compiled(
        "{version: 1, decision: {threshold: 0.5, adverse: above}, features: {income: {code: M}, debt: {code: M}}}",
    );
    assert_eq!(reasons(&profile, &[0.3, 0.4, 0.6, 0.0], 0.7), "M/1 housing/2");
    // A code is as secret as the most secret of its features.
    let profile =
        compiled("{version: 1, features: {income: {code: M}, debt: {code: M, hidden: true}}}");
    assert!(!profile.is_disclosed("M"));
    assert_eq!(reasons(&profile, &[9.0, 9.0, 0.5, -0.6], 0.7), "F0003/3 housing/2");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let cases = [
        ("{version: 2}", "version: must be 1"),
        ("{version: 1, most_reasons: 0}", "most_reasons: must be 1 to 16"),
        ("{version: 1, features: {age: {}}}", "features.age: is not a feature of the contract"),
        (
            "{version: 1, features: {income: {code: 'a b'}}}",
            "features.income.code: must be 1 to 32 of letters, digits, `-`, `_` and `.`",
        ),
        (
            "{version: 1, features: {income: {step: 0}}}",
            "features.income.step: must be a finite number greater than 0",
        ),
        (
            "{version: 1, features: {housing: {change: up}}}",
            "features.housing.change: only numbers go up or down; use `any`",
        ),
        (
            "{version: 1, features: {housing: {values: [boat]}}}",
            "features.housing.values[0]: is not a value of the contract's category",
        ),
        (
            "{version: 1, features: {income: {label: {fr: revenu}}}}",
            "features.income.label.fr: is not one of `languages`",
        ),
        (
            "{version: 1, adverse: {en: '{name} was too low'}}",
            "adverse.en: names `{name}`; it may name `{label}`, `{value}`, `{unit}` in braces",
        ),
        (
            "{version: 1, languages: [fr]}",
            "principles: must have a text for `fr`, which has no words of its own here",
        ),
        (
            "{version: 1, languages: ['']}",
            "languages[0]: must be a language tag such as `en`, `de` or `fr-CH`",
        ),
        (
            "{version: 1, decision: {threshold: .inf, adverse: below}}",
            "decision.threshold: must be a finite number",
        ),
    ];
    for (yaml, wanted) in cases {
        let profile = ExplainProfile::from_yaml(yaml).expect(yaml);
        let problems = profile.check(&contract());
        assert_eq!(problems.first().map(ToString::to_string).as_deref(), Some(wanted), "{yaml}");
    }
    assert!(ExplainProfile::from_yaml("{version: 1, surprise: 2}").is_err());
}

#[test]
fn a_draft_compiles_and_writes_itself() {
    let drafted = draft(&contract());
    assert_eq!(drafted.check(&contract()), Vec::new());
    let yaml = drafted.to_yaml().expect("writes");
    assert_eq!(ExplainProfile::from_yaml(&yaml).as_ref(), Ok(&drafted));
    let json = drafted.canonical_json().expect("writes");
    assert_eq!(ExplainProfile::from_json(&json), Ok(drafted));
}
