//! Tables as wholes, against NannyML's reconstruction errors and areas and against the formula of the
//! maximum mean discrepancy in numpy (`golden/make_multivariate.py`).

use flate2::read::GzDecoder;
use plimsoll_stats::multivariate::{Joint, Kind, Multivariate};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;

fn cases() -> Vec<(String, Vec<Joint>, Value)> {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("../golden/multivariate.json.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 8, "{} cases", cases.len());
    cases
        .into_iter()
        .map(|case| {
            let columns = case["columns"].as_array().unwrap().iter().map(joint).collect();
            (case["name"].as_str().unwrap().to_owned(), columns, case)
        })
        .collect()
}

fn joint(column: &Value) -> Joint {
    let side = |name: &str| column[name].as_array().unwrap().clone();
    let (reference, current) = (side("reference"), side("current"));
    let texts: BTreeMap<&str, usize> =
        reference.iter().chain(&current).filter_map(Value::as_str).map(|text| (text, 0)).collect();
    let codes: BTreeMap<&str, usize> =
        texts.keys().enumerate().map(|(code, text)| (*text, code)).collect();
    let number = |value: &Value| match value.as_str() {
        Some(text) => codes[text] as f64,
        None => value.as_f64().unwrap_or(f64::NAN),
    };
    Joint {
        name: column["name"].as_str().unwrap().to_owned(),
        kind: if codes.is_empty() { Kind::Number } else { Kind::Category(codes.len()) },
        reference: reference.iter().map(number).collect(),
        current: current.iter().map(number).collect(),
    }
}

#[track_caller]
fn near(what: &str, own: f64, said: &Value, tolerance: f64) {
    let said = said.as_f64().unwrap();
    assert!(
        (own - said).abs() <= tolerance * said.abs().max(1.0),
        "{what}: {own}, expected {said}"
    );
}

#[test]
fn as_nannyml_and_the_formula() {
    for (name, columns, said) in cases() {
        let found = Multivariate::compare(&columns, 0.05).unwrap();
        let (own, nannyml) = (found.reconstruction.unwrap(), &said["nannyml"]);
        for side in ["reference", "current"] {
            let errors = if side == "reference" { &own.reference } else { &own.current };
            let theirs = nannyml[side].as_array().unwrap();
            assert_eq!(errors.len(), theirs.len(), "{name} {side}");
            for (error, theirs) in errors.iter().zip(theirs) {
                near(&format!("{name} {side}"), *error, theirs, 1e-9);
            }
        }
        near(&format!("{name} lower"), own.lower, &nannyml["lower"], 1e-9);
        near(&format!("{name} upper"), own.upper, &nannyml["upper"], 1e-9);
        assert_eq!(own.alerts() as u64, nannyml["alerts"].as_u64().unwrap(), "{name}");
        // Another booster, other folds.
        let area = found.classifier.unwrap().area;
        println!("{name}: area {area:.4}, NannyML's {}", said["area"]);
        near(&format!("{name} area"), area, &said["area"], 0.06);
        let (own, numpy) = (found.discrepancy.unwrap(), &said["discrepancy"]);
        near(&format!("{name} width"), own.width, &numpy["width"], 1e-9);
        near(&format!("{name} squared"), own.squared, &numpy["squared"], 1e-9);
        // 200 permutations against 1,000: three deviations of a share of 200.
        let p = numpy["p_value"].as_f64().unwrap();
        let tolerance = 3.0 * (p * (1.0 - p) / 200.0).sqrt() + 0.006;
        assert!((own.p_value - p).abs() <= tolerance, "{name}: {} and {p}", own.p_value);
    }
}

#[test]
fn what_drifted_together_is_told_and_by_which_columns() {
    let all: BTreeMap<String, Multivariate> = cases()
        .into_iter()
        .map(|(name, columns, _)| (name, Multivariate::compare(&columns, 0.05).unwrap()))
        .collect();
    assert!(all["correlation"].is_drifted);
    let by: Vec<&str> = all["correlation"]
        .classifier
        .iter()
        .flat_map(|told| &told.by)
        .map(|part| part.column.as_str())
        .collect();
    assert_eq!(by[2], "c", "what did not change tells least: {by:?}");
    assert!(all["breast_cancer"].is_drifted && all["car_loan"].is_drifted);
    assert!(!all["diabetes_same"].is_drifted && !all["car_loan_same"].is_drifted);
    assert!(!all["holes"].is_drifted);
}

#[test]
fn too_little_is_not_judged() {
    let few = Joint {
        name: "x".into(),
        kind: Kind::Number,
        reference: vec![1.0; 500],
        current: vec![1.0; 99],
    };
    assert!(Multivariate::compare(&[few], 0.05).is_none());
    assert!(Multivariate::compare(&[], 0.05).is_none());
}
