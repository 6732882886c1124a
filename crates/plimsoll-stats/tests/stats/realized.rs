//! Realized performance against scikit-learn (`golden/make_realized.py`).

use flate2::read::GzDecoder;
use plimsoll_stats::realized::{Chosen, Measured, Said, binary, multiclass, ranking, regression};
use serde_json::Value;
use std::io::Read;

const TOLERANCE: f64 = 1e-12;

fn golden() -> Value {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("../golden/realized.json.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

fn places(value: &Value) -> Vec<usize> {
    let whole = |one: &Value| usize::try_from(one.as_u64().unwrap()).unwrap();
    value.as_array().unwrap().iter().map(whole).collect()
}

/// Everything that was said is found, and lies within its own interval.
#[track_caller]
fn same(found: &[Measured], said: &Value) {
    let said = said.as_object().unwrap();
    for (name, value) in said {
        let own = found.iter().find(|one| one.measure.name() == name);
        let own = own.unwrap_or_else(|| panic!("{name} is missing"));
        let value = value.as_f64().unwrap();
        assert!((own.value - value).abs() <= TOLERANCE, "{name}: {} against {value}", own.value);
        if let Some((lower, upper)) = own.interval {
            assert!(lower < value && value < upper, "{name}: {lower} {value} {upper}");
        }
    }
}

#[test]
fn answers_of_yes_and_no() {
    let golden = golden();
    let cases = golden["binary"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let rows = numbers(&case["scores"]);
        let rows = rows.into_iter().zip(places(&case["answers"])).zip(places(&case["outcomes"]));
        let rows: Vec<Said> = rows
            .map(|((score, answer), outcome)| Said {
                score,
                answer: answer == 1,
                outcome: outcome == 1,
            })
            .collect();
        assert_eq!(case["said"].as_object().unwrap().len(), 9);
        same(&binary(&rows, None, 0.95), &case["said"]);
    }
}

#[test]
fn answers_of_several_classes() {
    for case in golden()["multiclass"].as_array().unwrap() {
        let scores = case["scores"].as_array().unwrap().iter().map(numbers);
        let rows = scores.zip(places(&case["answers"])).zip(places(&case["outcomes"]));
        let rows: Vec<Chosen> =
            rows.map(|((scores, answer), outcome)| Chosen { scores, answer, outcome }).collect();
        assert_eq!(case["said"].as_object().unwrap().len(), 6);
        same(&multiclass(&rows, 0.95), &case["said"]);
    }
}

#[test]
fn quantities() {
    for case in golden()["regression"].as_array().unwrap() {
        let rows = numbers(&case["answers"]).into_iter().zip(numbers(&case["outcomes"]));
        assert_eq!(case["said"].as_object().unwrap().len(), 5);
        same(&regression(&rows.collect::<Vec<_>>(), 0.95), &case["said"]);
    }
}

#[test]
fn rankings() {
    for case in golden()["ranking"].as_array().unwrap() {
        let one = |ranking: &Value| -> Vec<(f64, f64)> {
            numbers(&ranking[0]).into_iter().zip(numbers(&ranking[1])).collect()
        };
        let rankings: Vec<_> = case["rankings"].as_array().unwrap().iter().map(one).collect();
        let at = usize::try_from(case["at"].as_u64().unwrap()).unwrap();
        assert_eq!(case["said"].as_object().unwrap().len(), 2);
        same(&ranking(&rankings, at, 0.95), &case["said"]);
    }
}
