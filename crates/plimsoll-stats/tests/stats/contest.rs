//! Two streams compared: against `confseq` and `ssrm-test` (`golden/make_contest.py`), whether
//! every bet is fair, and how soon what is bad is found.

use flate2::read::GzDecoder;
use plimsoll_stats::contest::{MeanContest, QuantileContest, RateContest, SplitContest};
use proptest::prelude::*;
use serde_json::Value;
use std::io::Read;

fn golden() -> Value {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("../golden/contest.json.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

#[track_caller]
fn near(what: &str, own: f64, said: f64) {
    assert!((own - said).abs() <= 1e-9 * said.abs().max(1e-3), "{what}: {own}, expected {said}");
}

#[test]
fn means_as_confseq_after_every_value() {
    let golden = golden();
    let cases = golden["means"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        // No goal that is ever reached, so that the purse is never put away.
        let mut contest = MeanContest::new(case["bound"].as_f64().unwrap(), 1e-300).unwrap();
        let renewed = numbers(&case["renewed"]);
        let wealth = numbers(&case["wealth"]);
        for (place, value) in numbers(&case["values"]).into_iter().enumerate() {
            if renewed.contains(&(place as f64)) {
                contest.renew();
            }
            contest.see(value);
            let what = format!("{} {} at {place}", case["name"], case["bound"]);
            near(&what, contest.evidence().wealth, wealth[place]);
        }
    }
}

#[test]
fn splits_as_ssrm_test_after_every_record() {
    let golden = golden();
    let cases = golden["splits"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let shares = numbers(&case["shares"]);
        let prior = case["prior"].as_f64().unwrap();
        let mut contest = SplitContest::new(&shares, prior, 0.01).unwrap();
        let logs = numbers(&case["log"]);
        for (at, place) in case["places"].as_array().unwrap().iter().enumerate() {
            contest.see(usize::try_from(place.as_u64().unwrap()).unwrap());
            let own = contest.log_evidence();
            assert!(
                (own - logs[at]).abs() < 1e-8,
                "{shares:?} {prior} at {at}: {own}, {}",
                logs[at]
            );
        }
    }
}

/// Every outcome of a block with its probability: what a purse is expected to hold after it.
fn expected(past: &[bool], block: (u32, u32), rates: (f64, f64)) -> f64 {
    let mut expected = 0.0;
    for outcome in 0..1_u32 << (block.0 + block.1) {
        let mut contest = RateContest::new(1e-300).unwrap();
        for event in past {
            contest.incumbent(*event);
            contest.candidate(*event);
        }
        let before = contest.evidence().wealth;
        let mut chance = 1.0;
        for place in 0..block.0 + block.1 {
            let event = outcome >> place & 1 == 1;
            // The candidate's last record closes the block.
            let rate = if place < block.0 { rates.0 } else { rates.1 };
            chance *= if event { rate } else { 1.0 - rate };
            if place < block.0 { contest.incumbent(event) } else { contest.candidate(event) }
        }
        expected += chance * contest.evidence().wealth / before;
    }
    expected
}

proptest! {
    /// Whatever was seen, and whatever the common rate is, a block is not expected to make money;
    /// nor if the candidate is better.
    #[test]
    fn rates_are_a_fair_bet(
        past in proptest::collection::vec(any::<bool>(), 0..30),
        incumbents in 1_u32..8,
        rate in 0.0_f64..=1.0,
        better in 0.0_f64..=1.0,
    ) {
        prop_assert!(expected(&past, (incumbents, 1), (rate, rate)) <= 1.0 + 1e-9);
        prop_assert!(expected(&past, (incumbents, 1), (rate, rate * better)) <= 1.0 + 1e-9);
    }

    /// Means that are at their bound, whatever the two values are.
    #[test]
    fn means_are_a_fair_bet(bound in 0.01_f64..0.99, low in 0.0_f64..1.0, high in 0.0_f64..1.0) {
        let (low, high) = (low * bound, bound + high * (1.0 - bound));
        prop_assume!(high > low);
        let chance = (bound - low) / (high - low);
        let after = |value| {
            let mut contest = MeanContest::new(bound, 1e-300).unwrap();
            contest.see(0.3);
            let before = contest.evidence().wealth;
            contest.see(value);
            contest.evidence().wealth / before
        };
        let expected = chance * after(high) + (1.0 - chance) * after(low);
        prop_assert!((expected - 1.0).abs() < 1e-9, "{expected}");
    }

    #[test]
    fn renewing_makes_no_money(events in proptest::collection::vec(any::<bool>(), 0..40)) {
        let mut contest = RateContest::new(1e-9).unwrap();
        for event in events {
            contest.incumbent(false);
            contest.candidate(event);
        }
        let before = contest.evidence().wealth;
        contest.renew();
        prop_assert!((contest.evidence().wealth - before).abs() <= 1e-12 * before);
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
}

/// At most so many false alarms of so many runs: 5 %, and three standard errors.
fn most(runs: f64) -> f64 {
    runs * 0.05 + 3.0 * f64::sqrt(runs * 0.05 * 0.95)
}

/// Looked at after every record, the incumbent's rate moving along with the candidate's.
#[test]
fn peeking_at_rates_costs_nothing() {
    let mut draw = Draw(8);
    let mut rejected = 0;
    for _ in 0..1000 {
        let mut contest = RateContest::new(0.05).unwrap();
        for at in 0..4000 {
            let rate = if at / 500 % 2 == 0 { 0.01 } else { 0.06 };
            let event = draw.next() < rate;
            if draw.next() < 0.2 { contest.candidate(event) } else { contest.incumbent(event) }
        }
        rejected += u32::from(contest.is_rejected());
    }
    assert!(f64::from(rejected) < most(1000.0), "{rejected} of 1000");
}

#[test]
fn peeking_at_quantiles_and_splits_costs_nothing() {
    let mut draw = Draw(9);
    let (mut slower, mut uneven) = (0, 0);
    for _ in 0..1000 {
        let mut latency = QuantileContest::new(0.95, 1.0, 0.05).unwrap();
        let mut split = SplitContest::new(&[0.8, 0.2], 100.0, 0.05).unwrap();
        for _ in 0..3000 {
            let value = -draw.next().ln();
            let is_candidate = draw.next() < 0.2;
            split.see(usize::from(is_candidate));
            if is_candidate { latency.candidate(value) } else { latency.incumbent(value) }
        }
        slower += u32::from(latency.is_rejected());
        uneven += u32::from(split.is_rejected());
    }
    assert!(f64::from(slower) < most(1000.0), "{slower} of 1000");
    assert!(f64::from(uneven) < most(1000.0), "{uneven} of 1000");
}

/// The candidates needed until rejection, sorted.
fn needed(runs: u64, share: f64, rates: (f64, f64), quiet: u64) -> Vec<u64> {
    let mut needed: Vec<u64> = (0..runs)
        .map(|run| {
            let mut draw = Draw(run * 77 + 5);
            let mut contest = RateContest::new(0.004).unwrap();
            contest.learn(1000, 10);
            let mut candidates = 0;
            while !contest.is_rejected() && candidates < quiet + 20_000 {
                if draw.next() < share {
                    let rate = if candidates < quiet { rates.0 } else { rates.1 };
                    candidates += 1;
                    contest.candidate(draw.next() < rate);
                } else {
                    contest.incumbent(draw.next() < rates.0);
                }
            }
            candidates.saturating_sub(quiet)
        })
        .collect();
    needed.sort_unstable();
    needed
}

#[test]
fn what_is_bad_is_found_soon() {
    for share in [0.01, 0.05] {
        let dead = needed(300, share, (0.01, 1.0), 0);
        assert!(dead[299] <= 5, "every answer fails at {share}: {:?}", &dead[200..]);
    }
    let five = needed(300, 0.01, (0.01, 0.05), 0);
    assert!(five[150] <= 200, "1 % to 5 %: {} at the median", five[150]);
    // Where the candidate gets a quarter, it is often asked several times in a row, and only what
    // the incumbent answers meanwhile can be compared.
    let wide = needed(300, 0.25, (0.01, 1.0), 0);
    assert!(wide[150] <= 5 && wide[299] <= 12, "a quarter: {wide:?}");
    // After five thousand good answers.
    let late = needed(40, 0.05, (0.01, 1.0), 5000);
    assert!(late[39] <= 12, "late: {late:?}");
}

#[test]
fn a_slower_candidate_is_found_and_one_within_the_tolerance_is_not() {
    let found = |slower: f64| {
        let mut draw = Draw(11);
        let mut contest = QuantileContest::new(0.95, 1.25, 0.01).unwrap();
        for at in 0..40_000 {
            let value = -draw.next().ln();
            if at % 10 == 0 { contest.candidate(slower * value) } else { contest.incumbent(value) }
        }
        contest.is_rejected()
    };
    assert!(!found(1.0) && !found(1.2) && found(2.0));
}

#[test]
fn a_wrong_split_is_found_and_plans_may_change() {
    let mut draw = Draw(12);
    let mut contest = SplitContest::new(&[0.99, 0.01], 100.0, 0.001).unwrap();
    for (share, planned) in [(0.01, 0.01), (0.05, 0.05), (0.25, 0.25)] {
        assert!(contest.plan(&[1.0 - planned, planned]));
        (0..3000).for_each(|_| contest.see(usize::from(draw.next() < share)));
        assert!(!contest.is_rejected());
    }
    (0..3000).for_each(|_| contest.see(usize::from(draw.next() < 0.2)));
    assert!(contest.is_rejected());
    assert!(!contest.plan(&[0.5, 0.6]) && !contest.plan(&[1.0]));
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert!(RateContest::new(0.0).is_none() && RateContest::new(1.0).is_none());
    assert!(MeanContest::new(1.0, 0.05).is_none() && MeanContest::new(0.5, 0.0).is_none());
    assert!(QuantileContest::new(0.95, 0.9, 0.05).is_none());
    assert!(QuantileContest::new(1.0, 1.0, 0.05).is_none());
    assert!(SplitContest::new(&[0.5, 0.5], 0.0, 0.05).is_none());
    let mut contest = MeanContest::new(0.5, 0.05).unwrap();
    contest.see(f64::NAN);
    assert_eq!(contest.evidence().most, 1.0);
}

/// A purse that is written down and read again goes on as it was.
#[test]
fn contests_survive_being_stored() {
    let mut draw = Draw(13);
    let mut contest = RateContest::new(0.01).unwrap();
    let mut copy = contest.clone();
    for _ in 0..500 {
        let (event, is_candidate) = (draw.next() < 0.1, draw.next() < 0.3);
        for one in [&mut contest, &mut copy] {
            if is_candidate { one.candidate(event) } else { one.incumbent(event) }
        }
        copy = serde_json::from_str(&serde_json::to_string(&copy).unwrap()).unwrap();
        assert_eq!(contest, copy);
    }
}
