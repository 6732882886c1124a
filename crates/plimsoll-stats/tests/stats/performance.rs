//! Estimated performance against NannyML's CBPE, fairness against fairlearn
//! (`golden/make_performance.py`).

use flate2::read::GzDecoder;
use plimsoll_stats::cbpe::{Answered, Cbpe, Known, Metric, MulticlassCbpe};
use plimsoll_stats::fairness::{fairness, groups};
use serde_json::Value;
use std::io::Read;

fn golden() -> Value {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("../golden/performance.json.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

fn flags(value: &Value) -> Vec<bool> {
    value.as_array().unwrap().iter().map(|one| one.as_u64().unwrap() == 1).collect()
}

fn places(value: &Value) -> Vec<usize> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|one| usize::try_from(one.as_u64().unwrap()).unwrap())
        .collect()
}

fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::Auroc => "roc_auc",
        Metric::Accuracy => "accuracy",
        Metric::Precision => "precision",
        Metric::Recall => "recall",
        Metric::Specificity => "specificity",
        Metric::F1 => "f1",
    }
}

#[track_caller]
fn near(what: &str, own: f64, said: &Value, tolerance: f64) {
    let said = said.as_f64().unwrap();
    assert!((own - said).abs() <= tolerance, "{what}: {own}, expected {said}");
}

#[test]
fn binary_estimates_as_nannyml() {
    let golden = golden();
    let cases = golden["binary"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    let mut calibrated = 0;
    for case in cases {
        let table = case["name"].as_str().unwrap();
        let (reference, current) = (&case["reference"], &case["current"]);
        let cbpe = Cbpe::fit(Known {
            scores: &numbers(&reference["scores"]),
            answers: &flags(&reference["answers"]),
            outcomes: &flags(&reference["outcomes"]),
        })
        .unwrap();
        assert_eq!(cbpe.is_calibrated(), case["needs_calibration"].as_bool().unwrap(), "{table}");
        calibrated += usize::from(cbpe.is_calibrated());
        for estimate in cbpe.estimate(&numbers(&current["scores"]), &flags(&current["answers"])) {
            let said = &case["said"][name(estimate.metric)];
            let what = format!("{table} {}", name(estimate.metric));
            near(&what, estimate.value, &said["value"], 1e-6);
            near(&what, estimate.lower_threshold, &said["lower_threshold"], 1e-6);
            near(&what, estimate.upper_threshold, &said["upper_threshold"], 1e-6);
            // Rows with equal scores stand in another order there.
            let tolerance = if estimate.metric == Metric::Auroc { 1e-4 } else { 1e-6 };
            near(&what, estimate.sampling_error, &said["sampling_error"], tolerance);
        }
    }
    assert!((1..4).contains(&calibrated), "both ways must be among the tables: {calibrated}");
}

#[test]
fn multiclass_estimates_as_nannyml() {
    let golden = golden();
    let case = &golden["multiclass"];
    let scores = |table: &Value| -> Vec<Vec<f64>> {
        table["scores"].as_array().unwrap().iter().map(numbers).collect()
    };
    let (reference, current) = (&case["reference"], &case["current"]);
    let (before, now) = (scores(reference), scores(current));
    let answered = Answered { scores: &before, answers: &places(&reference["answers"]) };
    let cbpe = MulticlassCbpe::fit(answered, &places(&reference["outcomes"])).unwrap();
    let estimates = cbpe.estimate(Answered { scores: &now, answers: &places(&current["answers"]) });
    assert_eq!(estimates.len(), 6);
    for estimate in estimates {
        let said = &case["said"][name(estimate.metric)];
        near(name(estimate.metric), estimate.value, &said["value"], 1e-6);
        near(name(estimate.metric), estimate.lower_threshold, &said["lower_threshold"], 1e-6);
        near(name(estimate.metric), estimate.upper_threshold, &said["upper_threshold"], 1e-6);
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let known = |scores: &[f64], answers: &[bool], outcomes: &[bool]| {
        Cbpe::fit(Known { scores, answers, outcomes }).is_some()
    };
    assert!(!known(&[0.5; 10], &[true; 10], &[true; 10]));
    assert!(!known(&[0.5; 40], &[true; 39], &[true; 40]));
    assert!(!known(&[f64::NAN; 40], &[true; 40], &[true; 40]));
    assert!(known(&[0.5; 40], &[true; 40], &[true; 40]));
}

#[test]
fn fairness_as_fairlearn() {
    let golden = golden();
    for case in golden["fairness"].as_array().unwrap() {
        let names: Vec<&str> =
            case["groups"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        let (answers, outcomes) = (flags(&case["answers"]), flags(&case["outcomes"]));
        let rows = names
            .iter()
            .zip(&answers)
            .zip(&outcomes)
            .map(|((name, answer), outcome)| (*name, *answer, *outcome));
        let own = serde_json::to_value(fairness(&groups(rows, 0.95, 30))).unwrap();
        let said = case["said"].as_object().unwrap();
        assert_eq!(said.len(), 6);
        for (metric, said) in said {
            near(metric, own[metric].as_f64().unwrap(), said, 1e-12);
        }
    }
}

#[test]
fn small_groups_are_set_aside() {
    let many = (0..100).map(|row| ("a", row % 2 == 0, true));
    let few = (0..5).map(|_| ("b", false, true));
    let found = groups(many.chain(few), 0.95, 30);
    assert!(!found[0].is_small && found[1].is_small);
    assert_eq!(fairness(&found).demographic_parity_difference, 0.0);
}
