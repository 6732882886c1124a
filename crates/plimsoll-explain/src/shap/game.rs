//! The game that one leaf plays, and its Shapley values.
//!
//! A leaf is reached when every player (a feature on its path) agrees; it pays its value. Let
//! `A` be the players that a row drawn from the background fails. A coalition makes its members
//! agree or not as the explained row does, the others as the drawn row does. With `S` the
//! players the explained row satisfies, the leaf can be reached only if `A` is inside `S`, and
//! then (Lundberg and others 2020, "interventional") each player of `A` gets
//! `(a-1)! m! / (a+m)!` of the value and each one outside `S` loses `a! (m-1)! / (a+m)!` of it,
//! where `a = |A|` and `m` counts the players outside `S`. So only the chance `F(A)` that
//! exactly `A` fails is needed of the background, whatever its size (Nadel and Wettenstein
//! 2026, arXiv 2604.10569). For path-dependent values the players fail independently, each with
//! the share of the training rows that left its path.
//!
//! This file must not know trees, bits or tables.

/// `p! q! / (p+q+1)!`: the integral of `t^p (1-t)^q` over [0, 1].
pub(super) struct Weights {
    size: usize,
    values: Vec<f64>,
}

impl Weights {
    /// Weights for up to `players` players.
    pub(super) fn new(players: usize) -> Self {
        let size = players + 1;
        let mut values = vec![0.0; size * size];
        for p in 0..size {
            // W(p, 0) = 1/(p+1), W(p, q) = W(p, q-1) q/(p+q+1).
            let mut weight = 1.0 / real(p + 1);
            for q in 0..size {
                if q > 0 {
                    weight *= real(q) / real(p + q + 1);
                }
                values[p * size + q] = weight;
            }
        }
        Self { size, values }
    }
    /// `p! q! / (p+q+1)!`; 0 for more players than it was made for.
    #[inline]
    pub(super) fn get(&self, p: usize, q: usize) -> f64 {
        if q >= self.size {
            return 0.0;
        }
        self.values.get(p * self.size + q).copied().unwrap_or(0.0)
    }
}

/// Counts of players and rows, which are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(super) fn real(count: usize) -> f64 {
    count as f64
}

/// `F` of players that agree independently, player `e` with chance `agrees[e]`.
pub(super) fn independent(agrees: &[f64]) -> Vec<f64> {
    let mut chances = Vec::with_capacity(1 << agrees.len());
    chances.push(1.0);
    for agrees in agrees {
        let fails: Vec<f64> = chances.iter().map(|chance| chance * (1.0 - agrees)).collect();
        chances.iter_mut().for_each(|chance| *chance *= agrees);
        chances.extend(fails);
    }
    chances
}

/// Shapley values of a leaf of value 1: for each set `S` of satisfied players, as bits, one
/// value per player. `chances` is `F`, of length `2^players`.
///
/// With `G(k, S)` the chance that a subset of `S` of size `k` fails, the subsets that hold a
/// player of `S` are `G(k, S) - G(k, S without it)`: no sum over pairs of sets is needed.
pub(super) fn shapley(chances: &[f64], players: usize, weights: &Weights) -> Vec<f64> {
    let sets = 1_usize << players;
    let ranks = players + 1;
    let ranked = ranked_sums(chances, players);
    let mut values = vec![0.0; sets * players];
    for (set, values) in values.chunks_exact_mut(players.max(1)).enumerate() {
        let satisfied = set.count_ones() as usize;
        let outside = players - satisfied;
        let own = &ranked[set * ranks..][..=satisfied];
        let lost: f64 = match outside {
            0 => 0.0,
            _ => own.iter().enumerate().map(|(a, sum)| sum * weights.get(a, outside - 1)).sum(),
        };
        for (player, value) in values.iter_mut().enumerate() {
            if set >> player & 1 == 0 {
                *value = -lost;
                continue;
            }
            let without = &ranked[(set ^ 1 << player) * ranks..][..=satisfied];
            let held = own.iter().zip(without).enumerate().skip(1);
            *value =
                held.map(|(a, (own, other))| (own - other) * weights.get(a - 1, outside)).sum();
        }
    }
    values
}

/// For each set and each size, the sum of `chances` over its subsets of that size.
fn ranked_sums(chances: &[f64], players: usize) -> Vec<f64> {
    let ranks = players + 1;
    let mut sums = vec![0.0; chances.len() * ranks];
    for (set, (sums, chance)) in sums.chunks_exact_mut(ranks).zip(chances).enumerate() {
        sums[set.count_ones() as usize] = *chance;
    }
    for player in 0..players {
        let stride = ranks << player;
        for pair in sums.chunks_exact_mut(2 * stride) {
            let (without, with) = pair.split_at_mut(stride);
            with.iter_mut().zip(without).for_each(|(with, without)| *with += *without);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The Shapley value from its definition: the mean over all orders of joining.
    fn by_definition(players: usize, player: usize, game: impl Fn(usize) -> f64) -> f64 {
        let factorial = |n: usize| (1..=n).map(real).product::<f64>();
        (0..1_usize << players)
            .filter(|coalition| coalition >> player & 1 == 0)
            .map(|coalition| {
                let size = coalition.count_ones() as usize;
                let weight = factorial(size) * factorial(players - size - 1) / factorial(players);
                weight * (game(coalition | 1 << player) - game(coalition))
            })
            .sum()
    }

    #[test]
    fn weights_are_beta_integrals() {
        let weights = Weights::new(300);
        assert_eq!(weights.get(0, 0), 1.0);
        assert_eq!(weights.get(1, 0), 0.5);
        assert!((weights.get(2, 3) - 1.0 / 60.0).abs() < 1e-16);
        assert!((weights.get(3, 2) - weights.get(2, 3)).abs() < 1e-17);
        assert!(weights.get(150, 150) > 0.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn values_follow_the_definition(mut chances in prop::collection::vec(0.0..1.0_f64, 32)) {
            let total: f64 = chances.iter().sum();
            chances.iter_mut().for_each(|chance| *chance /= total);
            let values = shapley(&chances, 5, &Weights::new(5));
            for (set, values) in values.chunks(5).enumerate() {
                // A coalition reaches the leaf if all players outside it agree in the drawn row
                // and all inside it in the explained one.
                let game = |coalition: usize| -> f64 {
                    if coalition & !set & 31 != 0 {
                        return 0.0;
                    }
                    (0..32).filter(|fails| fails & !coalition & 31 == 0).map(|f| chances[f]).sum()
                };
                for (player, value) in values.iter().enumerate() {
                    prop_assert!((value - by_definition(5, player, game)).abs() < 1e-14);
                }
            }
        }

        #[test]
        fn independent_chances_are_products(agrees in prop::collection::vec(0.0..1.0_f64, 4)) {
            let chances = independent(&agrees);
            for (fails, chance) in chances.iter().enumerate() {
                let product: f64 = agrees.iter().enumerate()
                    .map(|(player, p)| if fails >> player & 1 == 1 { 1.0 - p } else { *p })
                    .product();
                prop_assert!((chance - product).abs() < 1e-15);
            }
        }
    }
}
