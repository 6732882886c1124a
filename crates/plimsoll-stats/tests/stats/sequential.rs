//! Anytime-valid tests against `confseq` (`golden/make_sequential.py`), and what they promise.

use flate2::read::GzDecoder;
use plimsoll_stats::discovery::e_bh;
use plimsoll_stats::sequential::{Bet, MeanSequence, Side};
use serde_json::Value;
use std::io::Read;

fn golden() -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("../golden/sequential.json.gz")[..])
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
fn as_confseq_after_every_value() {
    let cases = golden();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (alpha, bound) = (case["alpha"].as_f64().unwrap(), case["bound"].as_f64().unwrap());
        let [lower, upper, above, below] =
            ["lower", "upper", "above", "below"].map(|key| numbers(&case[key]));
        let mut sequence = MeanSequence::new(alpha).unwrap();
        let mut bets = [Side::Above, Side::Below].map(|side| Bet::new(side, bound, alpha).unwrap());
        for (place, value) in numbers(&case["values"]).into_iter().enumerate() {
            sequence.see(value);
            bets.iter_mut().for_each(|bet| bet.see(value));
            let what = format!("{name} {alpha} at {place}");
            near(&what, sequence.interval().0, lower[place]);
            near(&what, sequence.interval().1, upper[place]);
            near(&what, bets[0].wealth(), above[place]);
            near(&what, bets[1].wealth(), below[place]);
        }
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
        f64::from(self.next() < rate)
    }
}

/// Looked at after each of 2,000 records, in 2,000 runs where the rate is at its bound.
#[test]
fn peeking_costs_nothing() {
    let mut draw = Draw(3);
    let (alpha, rate, runs) = (0.05, 0.02, 2000);
    let (mut rejected, mut missed) = (0, 0);
    for _ in 0..runs {
        let mut bet = Bet::new(Side::Above, rate, alpha).unwrap();
        let mut sequence = MeanSequence::new(alpha).unwrap();
        for _ in 0..2000 {
            let event = draw.event(rate);
            bet.see(event);
            sequence.see(event);
        }
        let (lower, upper) = sequence.interval();
        rejected += usize::from(bet.is_rejected());
        missed += usize::from(!(lower <= rate && rate <= upper));
    }
    // At most 5 %, and three standard errors of so many runs.
    let most = 2000.0 * 0.05 + 3.0 * f64::sqrt(2000.0 * 0.05 * 0.95);
    assert!((rejected as f64) < most, "{rejected} of {runs} false alarms");
    assert!((missed as f64) < most, "{missed} of {runs} sequences missed the mean");
}

#[test]
fn a_rate_that_rises_is_found() {
    let mut draw = Draw(4);
    let mut needed: Vec<usize> = (0..200)
        .map(|_| {
            let mut bet = Bet::new(Side::Above, 0.01, 0.01).unwrap();
            while !bet.is_rejected() && bet.count() < 20_000 {
                bet.see(draw.event(0.05));
            }
            bet.count()
        })
        .collect();
    needed.sort_unstable();
    assert!(needed[100] <= 400 && needed[199] < 20_000, "{} {}", needed[100], needed[199]);
}

#[test]
fn the_evidence_of_many_is_weighed_together() {
    // Forty sources, two of them bad.
    let mut draw = Draw(5);
    let mut bets: Vec<Bet> = (0..40).map(|_| Bet::new(Side::Above, 0.1, 0.05).unwrap()).collect();
    for _ in 0..1500 {
        for (place, bet) in bets.iter_mut().enumerate() {
            bet.see(draw.event(if place < 2 { 0.25 } else { 0.09 }));
        }
    }
    let found = e_bh(&bets.iter().map(Bet::wealth).collect::<Vec<_>>(), 0.05);
    assert_eq!(found.iter().filter(|found| **found).count(), 2);
    assert!(found[0] && found[1]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert!(
        Bet::new(Side::Above, 0.0, 0.05).is_none() && Bet::new(Side::Below, 0.5, 1.0).is_none()
    );
    assert!(MeanSequence::new(0.0).is_none());
    let mut bet = Bet::new(Side::Above, 0.5, 0.05).unwrap();
    bet.see(f64::NAN);
    bet.see(f64::INFINITY);
    assert_eq!(bet.count(), 1);
}
