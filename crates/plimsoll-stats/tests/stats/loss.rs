//! Direct loss estimation against what is realized: another booster than NannyML's gives other last
//! digits, so what counts is how near the loss is that nobody knew.

use flate2::read::GzDecoder;
use plimsoll_stats::dle::{Dle, Quantities};
use plimsoll_stats::realized::{Measure, regression};
use serde_json::Value;
use std::io::Read as _;

/// xorshift64*, as numbers from 0 to 1.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
    /// Roughly normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

struct Table {
    columns: Vec<Vec<f64>>,
    answers: Vec<f64>,
    outcomes: Vec<f64>,
}

/// Noise grows with the first input, of which there is more the higher `shift` is.
fn table(seed: u64, rows: usize, shift: f64) -> Table {
    let mut dice = Dice(seed);
    let mut table =
        Table { columns: vec![Vec::new(); 3], answers: Vec::new(), outcomes: Vec::new() };
    for _ in 0..rows {
        // Within the range of the reference: beyond it a tree knows nothing.
        let wild = dice.next().powf(1.0 / (1.0 + 4.0 * shift));
        let (size, noise) = (10.0 + 5.0 * dice.next(), dice.normal());
        let outcome = 20.0 + size + (0.2 + 3.0 * wild) * noise;
        table.columns[0].push(wild);
        table.columns[1].push(size);
        table.columns[2].push(dice.next());
        table.answers.push(20.0 + size);
        table.outcomes.push(outcome);
    }
    table
}

#[test]
fn a_loss_nobody_knows_is_found_within_a_tenth() {
    let reference = table(1, 6_000, 0.0);
    let dle = Dle::fit(Quantities {
        columns: &reference.columns,
        answers: &reference.answers,
        outcomes: &reference.outcomes,
    })
    .expect("enough rows");
    let mut alerts = 0;
    for (seed, shift) in [(2, 0.0), (3, 0.2), (4, 0.5)] {
        let current = table(seed, 4_000, shift);
        let pairs: Vec<(f64, f64)> =
            current.answers.iter().copied().zip(current.outcomes.iter().copied()).collect();
        let realized = regression(&pairs, 0.95);
        let estimates = dle.estimate(&current.columns, &current.answers);
        assert_eq!(estimates.len(), 3);
        for estimate in estimates {
            let truth = realized.iter().find(|one| one.measure == estimate.measure).expect("there");
            let off = (estimate.value - truth.value).abs() / truth.value;
            assert!(
                off < 0.1,
                "{:?} at {shift}: {} of {}",
                estimate.measure,
                estimate.value,
                truth.value
            );
            alerts += usize::from(
                estimate.measure == Measure::Mae && estimate.value > estimate.upper_threshold,
            );
        }
    }
    assert_eq!(alerts, 2, "both shifts, and not what is as it was");
}

#[test]
fn little_or_unfit_is_refused() {
    let few = table(1, 100, 0.0);
    let quantities =
        |outcomes| Quantities { columns: &few.columns, answers: &few.answers, outcomes };
    assert!(Dle::fit(quantities(&few.outcomes)).is_none());
    assert!(Dle::fit(quantities(&few.outcomes[1..])).is_none());
}

/// NannyML's estimates on a table that ships with it (`golden/make_loss.py`). Its booster is LightGBM,
/// which grows leaf by leaf, takes categories as sets and bins at other edges; ours is another, so that
/// the mean of a thousand predicted losses is near and not the same. They were at most 2.5 % apart when
/// this was written, and each up to 10 % from what was realized; the tolerance is twice what was seen.
#[test]
fn estimates_are_near_nannymls() {
    let golden = golden();
    let (reference, current) =
        (golden_table(&golden["reference"]), golden_table(&golden["current"]));
    let dle = Dle::fit(Quantities {
        columns: &reference.columns,
        answers: &reference.answers,
        outcomes: &reference.outcomes,
    })
    .expect("enough rows");
    let chunk = usize::try_from(golden["chunk"].as_u64().expect("a number")).expect("small");
    let mut table = String::new();
    for (place, from) in (0..current.answers.len()).step_by(chunk).enumerate() {
        let range = from..from + chunk;
        let columns: Vec<Vec<f64>> =
            current.columns.iter().map(|column| column[range.clone()].to_vec()).collect();
        let answers = &current.answers[range.clone()];
        let pairs: Vec<(f64, f64)> =
            answers.iter().copied().zip(current.outcomes[range].iter().copied()).collect();
        let realized = regression(&pairs, 0.95);
        for estimate in dle.estimate(&columns, answers) {
            let name = estimate.measure.name();
            let theirs = golden["said"][name][place].as_f64().expect("a number");
            let truth = realized.iter().find(|one| one.measure == estimate.measure).expect("there");
            let off = (estimate.value - theirs).abs() / theirs;
            table.push_str(&format!(
                "{name} of part {place}: {:.4}, NannyML {theirs:.4} ({:.1} % apart), realized {:.4}\n",
                estimate.value,
                off * 100.0,
                truth.value
            ));
            assert!(off < NEAR, "{table}");
        }
    }
    println!("{table}");
}

/// How far estimates may be from NannyML's.
const NEAR: f64 = 0.05;

fn golden() -> Value {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("../golden/loss.json.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn golden_table(value: &Value) -> Table {
    let numbers = |value: &Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
    };
    Table {
        columns: value["columns"].as_array().unwrap().iter().map(numbers).collect(),
        answers: numbers(&value["answers"]),
        outcomes: numbers(&value["outcomes"]),
    }
}
