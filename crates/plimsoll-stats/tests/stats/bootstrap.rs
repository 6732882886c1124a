//! The paired bootstrap against `scipy.stats.bootstrap` on the same resamples
//! (`golden/make_bootstrap.py`), and what it is never asked in vain.

use flate2::read::GzDecoder;
use plimsoll_stats::bootstrap::{Bootstrapped, auroc_difference, bootstrap, mean_difference};
use serde_json::Value;
use std::io::Read;

fn golden() -> Value {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("../golden/bootstrap.json.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

#[track_caller]
fn near(what: &str, own: Bootstrapped, said: &Value) {
    let said = numbers(said);
    for (own, said) in [(own.interval.lower, said[0]), (own.interval.upper, said[1])] {
        assert!((own - said).abs() < 1e-9, "{what}: {own}, expected {said}");
    }
}

#[test]
fn intervals_are_scipys_of_the_same_resamples() {
    let golden = golden();
    let cases = golden.as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let name = format!("{} {}", case["name"], case["method"]);
        let (seed, confidence) =
            (case["seed"].as_u64().unwrap(), case["confidence"].as_f64().unwrap());
        let resamples = usize::try_from(case["resamples"].as_u64().unwrap()).unwrap();
        let losses = numbers(&case["losses"]);
        let outcomes: Vec<bool> =
            case["outcomes"].as_array().unwrap().iter().map(|one| one.as_bool().unwrap()).collect();
        if case["method"] == "BCa" {
            let mean = mean_difference(&losses, resamples, confidence, seed).unwrap();
            assert!(mean.is_corrected);
            near(&format!("{name} mean"), mean, &case["mean"]);
            let (before, now) = (numbers(&case["before"]), numbers(&case["now"]));
            let area = auroc_difference(&before, &now, &outcomes, resamples, confidence, seed);
            near(&format!("{name} auroc"), area.unwrap(), &case["auroc"]);
        } else {
            // What cannot be computed with a row left out has no correction.
            let rows = u32::try_from(losses.len()).unwrap();
            let mut statistic = |weights: &[u32]| {
                let sum: f64 = weights.iter().zip(&losses).map(|(w, x)| f64::from(*w) * x).sum();
                let all: u32 = weights.iter().sum();
                (all == rows).then(|| sum / f64::from(all))
            };
            let mean =
                bootstrap(losses.len(), resamples, confidence, seed, &mut statistic).unwrap();
            assert!(!mean.is_corrected);
            near(&format!("{name} mean"), mean, &case["mean"]);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_and_what_does_not_differ_has_no_width() {
    let losses: Vec<f64> = (0..60).map(|n| f64::from(n % 7) - 3.0).collect();
    let of = |seed| mean_difference(&losses, 500, 0.9, seed).unwrap();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    let none = mean_difference(&[0.0; 50], 500, 0.9, 1).unwrap();
    assert_eq!((none.interval.lower, none.interval.upper, none.is_corrected), (0.0, 0.0, false));
}

#[test]
fn nothing_is_said_of_what_has_no_value() {
    assert!(mean_difference(&[1.0], 500, 0.9, 1).is_none());
    assert!(mean_difference(&[1.0, 2.0], 500, 1.0, 1).is_none());
    let scores = [0.1, 0.2, 0.3];
    assert!(auroc_difference(&scores, &scores, &[true; 3], 500, 0.9, 1).is_none());
    assert!(auroc_difference(&scores, &scores[..2], &[true, false, true], 500, 0.9, 1).is_none());
    // One row of three decides whether there is a curve: too many resamples have none.
    assert!(auroc_difference(&scores, &scores, &[true, false, false], 500, 0.9, 1).is_none());
}
