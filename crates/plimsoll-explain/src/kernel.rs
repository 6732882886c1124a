//! Kernel SHAP for a model that can only be asked: contributions as the solution of a
//! regression over coalitions, weighted so that it is the Shapley value (Lundberg and Lee
//! 2017), coalitions sampled in pairs with their complements (Covert and Lee, "Improving
//! KernelSHAP", AISTATS 2021). Where the budget pays for every coalition, it is exact.

use crate::error::ExplainError;
use crate::explanation::{Explanation, Method, Quality};
use crate::game::{Ask, Chance, Game};

/// Features whose coalitions are all tried if the budget allows: 2^16 of them.
const EXACT_MAX: usize = 16;
/// Added to the diagonal, relative to it, so that features that were never told apart do not
/// blow the solution up.
const RIDGE: f64 = 1e-9;
/// Parts that the samples are split into to see how far their solutions lie apart.
const PARTS: usize = 8;

/// Explains one output of one row within a budget of model rows. The same `seed` gives the
/// same explanation. Base and contributions add up to the row's output.
///
/// # Errors
/// [`ExplainError`] if the background does not fit, the model does not answer, or the budget
/// pays for fewer coalitions than there are features.
pub fn kernel(
    model: &mut dyn Ask,
    row: &[f64],
    background: &[Vec<f64>],
    budget: usize,
    seed: [u8; 16],
) -> Result<Explanation, ExplainError> {
    let mut game = Game::new(model, row, background)?;
    let players = game.players();
    let needed = (2 + 2 * players.max(1)).saturating_mul(game.price());
    if budget < needed {
        return Err(ExplainError::BudgetTooSmall { given: budget, needed });
    }
    let base = game.worth(&vec![false; players])?;
    let margin = game.worth(&vec![true; players])?;
    let coalitions = (budget - 2 * game.price()) / game.price();
    let all = if players <= EXACT_MAX { (1_usize << players) - 2 } else { usize::MAX };
    let (values, quality) = if players < 2 {
        (vec![margin - base; players], Quality::Exact)
    } else if all <= coalitions {
        (every(&mut game, base, margin)?, Quality::Exact)
    } else {
        sampled(&mut game, base, margin, coalitions, seed)?
    };
    Ok(Explanation {
        features: players,
        base: vec![base],
        values,
        margins: vec![margin],
        ..Explanation::empty(Method::Kernel, quality)
    })
}

/// Tries every coalition, each with the weight of the Shapley kernel.
fn every(game: &mut Game<'_>, base: f64, margin: f64) -> Result<Vec<f64>, ExplainError> {
    let players = game.players();
    let mut fit = Regression::new(players);
    for bits in 1..(1_usize << players) - 1 {
        let known: Vec<bool> = (0..players).map(|player| bits >> player & 1 == 1).collect();
        let size = known.iter().filter(|known| **known).count();
        let weight = kernel_weight(players, size);
        let worth = game.worth(&known)?;
        fit.add(&known, worth - base, weight);
    }
    Ok(fit.solve(margin - base))
}

/// The Shapley kernel of a coalition of `size`: the chance of its size over its number.
fn kernel_weight(players: usize, size: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 4,096")]
    let (m, k) = (players as f64, size as f64);
    let mut ways = 1.0;
    for step in 0..size.min(players - size) {
        #[expect(clippy::cast_precision_loss, reason = "at most 4,096")]
        let step = step as f64;
        ways *= (m - step) / (step + 1.0);
    }
    (m - 1.0) / (ways * k * (m - k))
}

fn sampled(
    game: &mut Game<'_>,
    base: f64,
    margin: f64,
    coalitions: usize,
    seed: [u8; 16],
) -> Result<(Vec<f64>, Quality), ExplainError> {
    let players = game.players();
    let mut chance = Chance::new(seed);
    // Sizes have the kernel's chances, so every sample has the same weight.
    let sizes: Vec<f64> = (1..players)
        .map(|size| {
            #[expect(clippy::cast_precision_loss, reason = "at most 4,096")]
            let (k, m) = (size as f64, players as f64);
            1.0 / (k * (m - k))
        })
        .collect();
    let total: f64 = sizes.iter().sum();
    let mut order: Vec<usize> = (0..players).collect();
    let mut fit = Regression::new(players);
    let mut parts: Vec<Regression> = (0..PARTS).map(|_| Regression::new(players)).collect();
    for pair in 0..coalitions / 2 {
        let mut left = chance.unit() * total;
        let mut size = 1;
        for (place, chance) in sizes.iter().enumerate() {
            size = place + 1;
            left -= chance;
            if left < 0.0 {
                break;
            }
        }
        chance.shuffle(&mut order);
        let mut known = vec![false; players];
        for player in order.iter().take(size) {
            if let Some(slot) = known.get_mut(*player) {
                *slot = true;
            }
        }
        for _ in 0..2 {
            let worth = game.worth(&known)? - base;
            fit.add(&known, worth, 1.0);
            if let Some(part) = parts.get_mut(pair % PARTS) {
                part.add(&known, worth, 1.0);
            }
            known.iter_mut().for_each(|known| *known = !*known);
        }
    }
    let values = fit.solve(margin - base);
    let standard_error = spread(&parts, &values, coalitions / 2, margin - base);
    let calls = game.calls;
    Ok((values, Quality::Estimated { calls, standard_error }))
}

/// The largest standard error, from how far the solutions of the parts lie apart.
fn spread(parts: &[Regression], values: &[f64], pairs: usize, total: f64) -> f64 {
    if pairs < PARTS * values.len() {
        // Parts of so few samples have no solutions of their own.
        return f64::NAN;
    }
    let solved: Vec<Vec<f64>> = parts.iter().map(|part| part.solve(total)).collect();
    let mut worst: f64 = 0.0;
    for (player, value) in values.iter().enumerate() {
        let squares =
            solved.iter().filter_map(|one| one.get(player)).map(|one| (one - value).powi(2));
        #[expect(clippy::cast_precision_loss, reason = "eight")]
        let parts = PARTS as f64;
        worst = worst.max((squares.sum::<f64>() / (parts * (parts - 1.0))).sqrt());
    }
    worst
}

/// Weighted least squares whose coefficients must add up to a given sum: the last one is
/// eliminated.
struct Regression {
    players: usize,
    /// The normal equations, row-major, symmetric.
    matrix: Vec<f64>,
    right: Vec<f64>,
    /// Their part that the sum multiplies.
    with_sum: Vec<f64>,
}

impl Regression {
    fn new(players: usize) -> Self {
        let free = players.saturating_sub(1);
        Self {
            players,
            matrix: vec![0.0; free * free],
            right: vec![0.0; free],
            with_sum: vec![0.0; free],
        }
    }

    /// Adds the coalition `known`, worth `worth` more than nobody.
    fn add(&mut self, known: &[bool], worth: f64, weight: f64) {
        let free = self.players.saturating_sub(1);
        let last = f64::from(u8::from(known.last().copied().unwrap_or_default()));
        let column = |player: usize| {
            f64::from(u8::from(known.get(player).copied().unwrap_or_default())) - last
        };
        for player in 0..free {
            let own = column(player);
            if own == 0.0 {
                continue;
            }
            if let Some(right) = self.right.get_mut(player) {
                *right += weight * own * worth;
            }
            if let Some(with_sum) = self.with_sum.get_mut(player) {
                *with_sum += weight * own * last;
            }
            for (other, cell) in self.matrix.iter_mut().skip(player * free).take(free).enumerate() {
                *cell += weight * own * column(other);
            }
        }
    }

    /// The coefficients; they add up to `sum`.
    fn solve(&self, sum: f64) -> Vec<f64> {
        let right: Vec<f64> =
            self.right.iter().zip(&self.with_sum).map(|(right, with)| right - with * sum).collect();
        let mut values = cholesky(&self.matrix, &right);
        values.push(sum - values.iter().sum::<f64>());
        values
    }
}

/// Solves a symmetric positive definite system, with a little added to the diagonal.
pub(crate) fn cholesky(matrix: &[f64], right: &[f64]) -> Vec<f64> {
    let n = right.len();
    let at = |row: usize, column: usize| row * n + column;
    let trace = (0..n).filter_map(|i| matrix.get(at(i, i))).fold(0.0_f64, |most, x| most.max(*x));
    let ridge = RIDGE * trace.max(f64::MIN_POSITIVE);
    let mut lower = vec![0.0; n * n];
    let get = |matrix: &[f64], place: usize| matrix.get(place).copied().unwrap_or_default();
    for row in 0..n {
        for column in 0..=row {
            let mut sum = get(matrix, at(row, column));
            if row == column {
                sum += ridge;
            }
            for k in 0..column {
                sum -= get(&lower, at(row, k)) * get(&lower, at(column, k));
            }
            let value = if row == column {
                sum.max(ridge).sqrt()
            } else {
                sum / get(&lower, at(column, column))
            };
            if let Some(slot) = lower.get_mut(at(row, column)) {
                *slot = value;
            }
        }
    }
    let mut solution = right.to_vec();
    for row in 0..n {
        let mut sum = get(&solution, row);
        for k in 0..row {
            sum -= get(&lower, at(row, k)) * get(&solution, k);
        }
        if let Some(slot) = solution.get_mut(row) {
            *slot = sum / get(&lower, at(row, row));
        }
    }
    for row in (0..n).rev() {
        let mut sum = get(&solution, row);
        for k in row + 1..n {
            sum -= get(&lower, at(k, row)) * get(&solution, k);
        }
        if let Some(slot) = solution.get_mut(row) {
            *slot = sum / get(&lower, at(row, row));
        }
    }
    solution
}
