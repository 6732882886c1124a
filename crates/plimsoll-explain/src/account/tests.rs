//! Accounts as readers get them, held against files that a reviewer can read.

use super::*;
use crate::profile::ExplainProfile;
use plimsoll_contract::{Kind, Limits, Mapping};
use plimsoll_types::record::ExplainedRow;
use std::fmt::Write as _;
use std::path::Path;

fn contract() -> Contract {
    let number = |name: &str, description: &str, unit: Option<&str>| {
        let mut field = Field::new(name, Kind::Number);
        field.description = Some(description.into());
        field.unit = unit.map(Into::into);
        field
    };
    let mut housing = Field::new("housing", Kind::Category);
    housing.values = vec!["rent".into(), "own_home".into()];
    let features = vec![
        number("income", "net monthly income", Some("EUR")),
        number("debt", "open debts", Some("EUR")),
        housing,
        number("device_risk", "risk of the device", None),
    ];
    let (map, limits) = (Mapping::default(), Limits::default());
    Contract { version: 1, features, context: Vec::new(), matrix: None, map, limits }
}

const PROFILE: &str = "
version: 1
decision: {threshold: 0.5, adverse: above}
languages: [en, de]
features:
  income: {code: R01, change: up, label: {de: Ihr monatliches Nettoeinkommen}, adverse: {en: '{label} of {value} is low for this loan.'}}
  debt: {code: R02, change: down, label: {de: Ihre offenen Schulden}}
  housing: {code: R03, label: {de: Ihre Wohnsituation}}
  device_risk: {code: R09, hidden: true, label: {de: Geräterisiko}}
";

fn told(audience: Audience, language: &str, changes: Option<&[(usize, Cell)]>) -> String {
    let contract = contract();
    let document = ExplainProfile::from_yaml(PROFILE).expect("reads");
    let profile = CompiledProfile::compile(document, Digest::ZERO, &contract).expect("compiles");
    let rows = Rows {
        width: 4,
        cells: vec![Cell::Number(1450.5), Cell::Number(23_000.0), Cell::Category(1), Cell::Null],
        ..Rows::default()
    };
    let contributions = vec![0.5, 1.25, -0.25, 0.125];
    let mut explanation = Explanation {
        rows: vec![ExplainedRow { output: 0, base: -1.0, margin: 0.625 }],
        contributions,
        ..Explanation::new(ExplainMethod::TreePath)
    };
    let row = explanation.row(0).to_vec();
    profile.reasons(0, &row, 0.65, &mut explanation.reasons);
    let told = Told {
        profile: &profile,
        contract: &contract,
        rows: &rows,
        row: 0,
        explanation: &explanation,
        value: Some(0.65),
        changes,
    };
    let account = account(&told, audience, language).expect("the row is explained");
    serde_json::to_string_pretty(&account).expect("writes")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test asks whether to write its golden file")]
fn accounts_as_readers_get_them() {
    let changes = [(0, Cell::Number(1700.0)), (1, Cell::Number(18_000.0))];
    let mut text = String::new();
    for (audience, language, changes) in [
        (Audience::Subject, "en", Some(&changes[..])),
        (Audience::Subject, "de", Some(&changes[..1])),
        (Audience::Subject, "de", Some(&changes[..0])),
        (Audience::Officer, "en", None),
        (Audience::Engineer, "de", None),
    ] {
        writeln!(text, "# {audience}, {language}\n{}\n", told(audience, language, changes))
            .expect("writes");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/accounts.txt");
    if std::env::var_os("PLIMSOLL_BLESS").is_some() {
        std::fs::write(&path, &text).expect("writes");
    }
    assert_eq!(std::fs::read_to_string(&path).expect("the golden file is there"), text);
}

#[test]
fn a_subject_never_learns_what_is_hidden() {
    for language in ["en", "de"] {
        let text = told(Audience::Subject, language, None);
        for secret in ["device", "Geräterisiko", "R09", "contribution", "margin"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(told(Audience::Officer, "en", None).contains("device_risk"));
}
