//! Differences of means against `gbstats`, numbers of units against `statsmodels`
//! (`golden/make_difference.py`), and what both promise.

use flate2::read::GzDecoder;
use plimsoll_stats::difference::{BoundedDifference, Difference, Group, Mixture};
use plimsoll_stats::power::Design;
use serde_json::Value;
use std::io::Read;

fn golden() -> Value {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("../golden/difference.json.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn group(case: &Value, arm: &str) -> Group {
    let numbers =
        |key: String| -> Vec<f64> { case[key].as_array().unwrap().iter().map(number).collect() };
    let mut group = Group::default();
    for (value, covariate) in numbers(arm.to_owned()).into_iter().zip(numbers(format!("{arm}_x"))) {
        group.see(value, covariate);
    }
    group
}

#[track_caller]
fn near(what: &str, own: f64, said: f64, within: f64) {
    assert!((own - said).abs() <= within * said.abs().max(1e-3), "{what}: {own}, expected {said}");
}

#[test]
fn as_gbstats_with_and_without_a_covariate() {
    let golden = golden();
    let cases = golden["differences"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let (control, treated) = (group(case, "control"), group(case, "treated"));
        let alpha = number(&case["alpha"]);
        let mixture = Mixture::narrowest_at(number(&case["tuned"]), alpha).unwrap();
        let plain = Difference::of(&control, &treated).unwrap();
        let adjusted = Difference::adjusted(&control, &treated).unwrap();
        near("theta", adjusted.slope, number(&case["theta"]), 1e-9);
        for (own, key) in [(plain, "plain"), (adjusted, "adjusted")] {
            let (said, name) = (&case[key], format!("{} {key}", case["name"]));
            let (lower, upper) = own.interval(mixture, alpha);
            near(&name, own.estimate, number(&said["estimate"]), 1e-9);
            near(&name, lower, number(&said["interval"][0]), 1e-9);
            near(&name, upper, number(&said["interval"][1]), 1e-9);
            near(&name, own.p_value(mixture), number(&said["p"]), 1e-9);
        }
        if case["name"] == "explained" {
            assert!(adjusted.variance < 0.2 * plain.variance, "most is explained");
        }
    }
}

#[test]
fn as_statsmodels_says_how_many_units_are_needed() {
    let golden = golden();
    let cases = golden["powers"].as_array().unwrap();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let [effect, ratio, alpha, power] =
            ["effect", "ratio", "alpha", "power"].map(|key| number(&case[key]));
        let design = match case["kind"].as_str().unwrap() {
            "rate" => Design::of_rates(number(&case["rate"]), effect, ratio, (alpha, power)),
            _ => Design { effect, control: 1.0, treated: 1.0, ratio, alpha, power },
        };
        // Of rates, statsmodels leaves out the chance of being significant the wrong way round.
        let within = if case["kind"] == "rate" { 1e-5 } else { 1e-6 };
        near(&case.to_string(), design.fixed().unwrap(), number(&case["units"]), within);
    }
}

/// Uniform numbers from a seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    }
    fn event(&mut self, rate: f64) -> f64 {
        f64::from(u8::from(self.next() < rate))
    }
}

/// Runs of an experiment that is looked at after every unit from the 200th to the 4,000th: in how
/// many of them 0.05 was ever left out, where the true difference is `effect`.
fn left_out(runs: u64, effect: f64, truth: f64, is_adjusted: bool) -> u32 {
    let mixture = Mixture::narrowest_at(2_000.0, 0.05).unwrap();
    let mut left = 0;
    for run in 0..runs {
        let mut draw = Draw(run * 7_919 + 17);
        let mut groups = [Group::default(); 2];
        for unit in 0..4_000 {
            let arm = usize::from(draw.next() < 0.5);
            // A covariate that explains about half, and a share that depends on it.
            let covariate = draw.next();
            let rate = 0.1 + 0.4 * covariate + if arm == 1 { effect } else { 0.0 };
            groups[arm].see(draw.event(rate), covariate);
            let [control, treated] = &groups;
            if unit < 200 {
                continue;
            }
            let difference = if is_adjusted {
                Difference::adjusted(control, treated)
            } else {
                Difference::of(control, treated)
            };
            let (lower, upper) = difference.unwrap().interval(mixture, 0.05);
            if truth < lower || upper < truth {
                left += 1;
                break;
            }
        }
    }
    left
}

#[test]
fn under_continuous_peeking_the_truth_is_rarely_left_out() {
    // 0.05 of 400 is 20; at most 5 % of runs with room for luck (binomial, 0.1 % beyond 34).
    for is_adjusted in [false, true] {
        let left = left_out(400, 0.05, 0.05, is_adjusted);
        assert!(left <= 34, "{left} of 400, adjusted {is_adjusted}");
        let found = left_out(100, 0.1, 0.0, is_adjusted);
        assert!(found >= 90, "a difference of 0.1 is found in {found} of 100");
    }
}

/// The same looking at a test that was made for one look is wrong far more often: the test above
/// would notice.
#[test]
fn a_fixed_interval_would_not_pass() {
    let mut left = 0;
    for run in 0..100_u64 {
        let mut draw = Draw(run * 104_729 + 3);
        let mut groups = [Group::default(); 2];
        for unit in 0..4_000 {
            let arm = usize::from(draw.next() < 0.5);
            groups[arm].see(draw.event(0.3), 0.0);
            if unit < 200 {
                continue;
            }
            let one = Difference::of(&groups[0], &groups[1]).unwrap();
            if one.estimate.abs() > 1.96 * one.variance.sqrt() {
                left += 1;
                break;
            }
        }
    }
    assert!(left >= 20, "only {left} of 100");
}

#[test]
fn with_bounds_the_truth_is_held_from_the_first_unit_on() {
    let mut left = 0;
    for run in 0..200_u64 {
        let mut draw = Draw(run * 31_337 + 11);
        let mut one = BoundedDifference::new(0.0, 100.0, 0.05).unwrap();
        let mut is_left = false;
        for _ in 0..3_000 {
            // Rare events, of which the asymptotic interval would say too much.
            if draw.next() < 0.5 {
                one.control(100.0 * draw.event(0.01));
            } else {
                one.treated(100.0 * draw.event(0.03));
            }
            let (lower, upper) = one.interval();
            is_left |= lower > 2.0 || upper < 2.0;
        }
        left += u32::from(is_left);
        let (lower, upper) = one.interval();
        assert!(upper - lower < 10.0, "{lower} {upper}");
    }
    assert!(left <= 10, "{left} of 200");
}

#[test]
fn as_many_units_as_planned_find_the_effect() {
    let design = Design::of_rates(0.2, 0.06, 1.0, (0.05, 0.8));
    let fixed = design.fixed().unwrap();
    let needed = design.sequential(2.0 * fixed).unwrap();
    let mixture = Mixture::narrowest_at(2.0 * fixed, 0.05).unwrap();
    let (mut found, mut units) = (0, Vec::new());
    for run in 0..300_u64 {
        let mut draw = Draw(run * 15_485_863 + 29);
        let mut groups = [Group::default(); 2];
        for unit in (1_u32..).take_while(|unit| f64::from(*unit) <= 2.0 * needed) {
            let arm = usize::from(unit.is_multiple_of(2));
            let rate = if arm == 1 { 0.26 } else { 0.2 };
            groups[arm].see(draw.event(rate), 0.0);
            let is_time = unit >= 200 && unit.is_multiple_of(20);
            let one = Difference::of(&groups[0], &groups[1]).filter(|_| is_time);
            if one.is_some_and(|one| one.interval(mixture, 0.05).0 > 0.0) {
                found += 1;
                units.push(unit);
                break;
            }
        }
    }
    // At least the power, as one looks all the time: 0.8 of 300 less three deviations.
    assert!(found >= 219, "{found} of 300");
    units.sort_unstable();
    assert!(f64::from(units[units.len() / 2]) < 2.0 * needed, "mostly sooner");
}
