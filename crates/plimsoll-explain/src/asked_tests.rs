//! Methods for models that can only be asked, against what is known exactly.

use crate::error::ExplainError;
use crate::explanation::Quality;
use crate::game::{Ask, Chance};
use crate::{Lime, kernel, permutation};

const SEED: [u8; 16] = *b"a decision's id.";

/// A model as a function of a row, which counts nothing and refuses nothing.
fn asked(f: impl Fn(&[f64]) -> f64) -> impl Ask {
    move |rows: &[f64], count: usize, out: &mut [f64]| {
        let rows = rows.chunks_exact(rows.len() / count);
        out.iter_mut().zip(rows).for_each(|(out, row)| *out = f(row));
        Ok::<(), ExplainError>(())
    }
}

fn background(rows: usize, features: usize) -> Vec<Vec<f64>> {
    let mut chance = Chance::new([7; 16]);
    (0..rows).map(|_| (0..features).map(|_| chance.normal()).collect()).collect()
}

/// Shapley values by their definition, over all coalitions.
fn shapley(f: &dyn Fn(&[f64]) -> f64, row: &[f64], background: &[Vec<f64>]) -> Vec<f64> {
    let players = row.len();
    let worth = |bits: usize| {
        let mix = |other: &Vec<f64>| -> Vec<f64> {
            (0..players).map(|p| if bits >> p & 1 == 1 { row[p] } else { other[p] }).collect()
        };
        background.iter().map(|other| f(&mix(other))).sum::<f64>() / background.len() as f64
    };
    let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
    (0..players)
        .map(|player| {
            let others = (0..1_usize << players).filter(|bits| bits >> player & 1 == 0);
            others
                .map(|bits| {
                    let size = bits.count_ones() as usize;
                    let weight =
                        factorial(size) * factorial(players - size - 1) / factorial(players);
                    weight * (worth(bits | 1 << player) - worth(bits))
                })
                .sum()
        })
        .collect()
}

fn furthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Interactions of three.
fn tangled(x: &[f64]) -> f64 {
    x[0] * x[1] * x[2] + 2.0 * x[3] - (x[4] + x[0]).max(0.0) * x[5].sin() + x[6] * x[7]
}

#[test]
fn kernel_shap_is_exact_where_every_coalition_is_tried() {
    let (background, row) = (background(9, 8), vec![1.0, -0.5, 2.0, 0.3, 1.5, 0.7, -1.0, 0.4]);
    let exact = shapley(&tangled, &row, &background);
    let found = kernel(&mut asked(tangled), &row, &background, 256 * 9, SEED).unwrap();
    assert_eq!(found.quality, Quality::Exact);
    assert!(furthest(&found.values, &exact) < 1e-6, "{:?} for {exact:?}", found.values);
    assert!(found.residual(0).abs() < 1e-9);
}

#[test]
fn sampled_methods_come_closer_with_their_budget_and_say_how_close_they_are() {
    let background = background(5, 8);
    let row = vec![1.0, -0.5, 2.0, 0.3, 1.5, 0.7, -1.0, 0.4];
    let exact = shapley(&tangled, &row, &background);
    type Way = fn(
        &mut dyn Ask,
        &[f64],
        &[Vec<f64>],
        usize,
        [u8; 16],
    ) -> Result<crate::Explanation, ExplainError>;
    // Kernel with fewer calls than there are coalitions: 254 of them, 5 rows each.
    for (way, budgets) in [(kernel as Way, [400, 1_200]), (permutation as Way, [800, 80_000])] {
        let [few, many] = budgets.map(|budget| {
            let found = way(&mut asked(tangled), &row, &background, budget, SEED).unwrap();
            let Quality::Estimated { calls, standard_error } = found.quality else {
                panic!("sampled, not exact")
            };
            assert!(calls <= budget, "{calls} of {budget}");
            assert!(found.residual(0).abs() < 1e-9);
            (furthest(&found.values, &exact), standard_error)
        });
        assert!(many.0 < 0.12, "{many:?}");
        assert!(many.0 <= few.0 + 1e-9, "{many:?} after {few:?}");
        // Five standard errors: one in a million.
        assert!(many.1.is_nan() || many.0 <= 5.0 * many.1 + 1e-6, "{many:?}");
    }
}

#[test]
fn permutation_shap_is_exact_for_pairs() {
    let pairs = |x: &[f64]| x[0] * x[1] - 3.0 * x[2] * x[3] + x[4];
    let (background, row) = (background(4, 5), vec![1.0, 2.0, -1.0, 0.5, 3.0]);
    let exact = shapley(&pairs, &row, &background);
    let found = permutation(&mut asked(pairs), &row, &background, 48, SEED).unwrap();
    assert!(furthest(&found.values, &exact) < 1e-9, "{:?} for {exact:?}", found.values);
}

#[test]
fn the_same_seed_explains_the_same_way() {
    let (background, row) = (background(3, 8), vec![0.5; 8]);
    let once =
        |seed| permutation(&mut asked(tangled), &row, &background, 500, seed).unwrap().values;
    assert_eq!(once(SEED), once(SEED));
    assert_ne!(once(SEED), once([1; 16]));
}

#[test]
fn what_cannot_be_explained_is_said() {
    let background = background(3, 4);
    let mut model = asked(|x| x[0]);
    let row = [1.0, 2.0, 3.0, 4.0];
    let small = permutation(&mut model, &row, &background, 10, SEED);
    assert_eq!(small, Err(ExplainError::BudgetTooSmall { given: 10, needed: 24 }));
    let small = kernel(&mut model, &row, &background, 10, SEED);
    assert_eq!(small, Err(ExplainError::BudgetTooSmall { given: 10, needed: 30 }));
    let narrow = permutation(&mut model, &row[..3], &background, 1000, SEED);
    assert_eq!(narrow, Err(ExplainError::BackgroundColumns { found: 4, expected: 3 }));
    let wide = vec![0.0; 4097];
    let wide = kernel(&mut model, &wide, std::slice::from_ref(&wide), 1 << 30, SEED);
    assert_eq!(wide, Err(ExplainError::TooManyFeatures { found: 4097, max: 4096 }));
    let lime = Lime::new(&background, &[false; 4]).unwrap();
    let missing = lime.explain_row(&mut model, &[1.0, f64::NAN, 0.0, 0.0], 1000, SEED);
    assert_eq!(missing, Err(ExplainError::MissingValue { feature: 1 }));
    let few = lime.explain_row(&mut model, &row, 39, SEED);
    assert_eq!(few, Err(ExplainError::BudgetTooSmall { given: 39, needed: 40 }));
}

/// The package `lime`'s coefficients for 100 rows of a function that both know; made by
/// `tests/golden/make_lime.py`.
#[test]
fn lime_ranks_features_as_the_package_does() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../tests/golden/lime.json")).unwrap();
    let rows =
        |name: &str| -> Vec<Vec<f64>> { serde_json::from_value(golden[name].clone()).unwrap() };
    let (data, explained, wanted) = (rows("data"), rows("rows"), rows("coefficients"));
    assert_eq!(explained.len(), 100);
    let f = |x: &[f64]| {
        let weights = [1.6, -1.3, 1.05, -0.8, 0.6, -0.4, 0.25, -0.1];
        let linear: f64 = weights.iter().zip(x).map(|(weight, x)| weight * x).sum();
        let score = linear + 0.5 * x[2] * x[3] + 0.5 * x[4].max(0.0);
        1.0 / (1.0 + (-score).exp())
    };
    let lime = Lime::new(&data, &vec![false; data[0].len()]).unwrap();
    let correlations: Vec<f64> = explained
        .iter()
        .zip(&wanted)
        .map(|(row, wanted)| {
            let found = lime.explain_row(&mut asked(f), row, 5000, SEED).unwrap();
            spearman(&found.values, wanted)
        })
        .collect();
    let mean = correlations.iter().sum::<f64>() / 100.0;
    assert!(mean >= 0.9, "{mean}");
}

fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        values.iter().map(|own| values.iter().filter(|other| *other < own).count() as f64).collect()
    };
    let (a, b) = (ranks(a), ranks(b));
    let n = a.len() as f64;
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}
