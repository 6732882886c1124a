//! Permutation SHAP for a model that can only be asked: what each feature adds when features
//! become known one after the other, averaged over orders that are walked forwards and
//! backwards (Castro, Gómez and Tejada 2009; antithetic pairs: Mitchell et al., "Sampling
//! permutations for Shapley value estimation", JMLR 23, 2022). Exact for models whose features
//! interact at most in pairs.

use crate::error::ExplainError;
use crate::explanation::{Explanation, Method, Quality};
use crate::game::{Ask, Chance, Game};

/// Explains one output of one row within a budget of model rows. The same `seed` gives the
/// same explanation. Base and contributions add up to the row's output exactly.
///
/// # Errors
/// [`ExplainError`] if the background does not fit, the model does not answer, or the budget
/// does not pay for one order there and back.
pub fn permutation(
    model: &mut dyn Ask,
    row: &[f64],
    background: &[Vec<f64>],
    budget: usize,
    seed: [u8; 16],
) -> Result<Explanation, ExplainError> {
    let mut game = Game::new(model, row, background)?;
    let players = game.players();
    let mut known = vec![false; players];
    let (round, ends) = (2 * players.saturating_sub(1) * game.price(), 2 * game.price());
    let needed = ends + round;
    if budget < needed {
        return Err(ExplainError::BudgetTooSmall { given: budget, needed });
    }
    let base = game.worth(&known)?;
    known.fill(true);
    let margin = game.worth(&known)?;
    let mut order: Vec<usize> = (0..players).collect();
    let (mut sums, mut squares) = (vec![0.0; players], vec![0.0; players]);
    let (mut chance, mut rounds) = (Chance::new(seed), 0_u32);
    while game.calls + round <= budget {
        chance.shuffle(&mut order);
        let mut here = vec![0.0; players];
        for _ in 0..2 {
            known.fill(false);
            let mut before = base;
            for (place, player) in order.iter().enumerate() {
                if let Some(slot) = known.get_mut(*player) {
                    *slot = true;
                }
                let after = if place + 1 == players { margin } else { game.worth(&known)? };
                if let Some(sum) = here.get_mut(*player) {
                    *sum += (after - before) / 2.0;
                }
                before = after;
            }
            order.reverse();
        }
        for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(&here) {
            *sum += value;
            *square += value * value;
        }
        rounds += 1;
        if round == 0 {
            break;
        }
    }
    let count = f64::from(rounds.max(1));
    let values: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    let variances = values.iter().zip(&squares).map(|(mean, square)| square / count - mean * mean);
    let worst = variances.fold(0.0, f64::max);
    // One order alone says nothing of its error.
    let standard_error = if rounds > 1 { (worst / (count - 1.0)).sqrt() } else { f64::NAN };
    let calls = game.calls;
    Ok(Explanation {
        features: players,
        base: vec![base],
        values,
        margins: vec![margin],
        ..Explanation::empty(Method::Permutation, Quality::Estimated { calls, standard_error })
    })
}
