//! LIME for tables: the coefficients of a small linear model around one row, fitted to the
//! model's answers for chance neighbours (Ribeiro, Singh and Guestrin, "Why should I trust
//! you?", KDD 2016), as the package `lime` 0.2 does by default: numbers cut at their
//! quartiles, a neighbour's feature being 1 where it falls into the row's own part, an
//! exponential kernel of width 0.75 √features, ridge regression.

use crate::error::ExplainError;
use crate::explanation::{Explanation, FEATURES_MAX, Method, Quality};
use crate::game::{Ask, Chance};
use crate::kernel::cholesky;

/// Neighbours asked at once.
const ROWS_AT_ONCE: usize = 1024;
/// The penalty of the regression, as in the package.
const PENALTY: f64 = 1.0;
/// The least neighbours for each feature: with fewer the coefficients are chance.
const NEIGHBOURS_PER_FEATURE: usize = 10;

/// What is known of one feature's values.
#[derive(Clone, Debug)]
struct Column {
    /// Where the values are cut, ascending; none for a category.
    cuts: Vec<f64>,
    /// The parts: how likely, the mean and deviation of the values in it, and its ends; a
    /// category's value is its mean.
    parts: Vec<Part>,
    is_category: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    chance: f64,
    mean: f64,
    deviation: f64,
    low: f64,
    high: f64,
}

/// Explains rows of a model that can only be asked, by what is known of the data.
#[derive(Clone, Debug)]
pub struct Lime {
    columns: Vec<Column>,
}

impl Lime {
    /// Learns the columns of `data` (rows of the model); `categories` tells which features are
    /// categories.
    ///
    /// # Errors
    /// [`ExplainError`] if there are no rows, rows of different lengths, too many features, or
    /// a missing value, which has no place among the neighbours.
    pub fn new(data: &[Vec<f64>], categories: &[bool]) -> Result<Self, ExplainError> {
        let expected = categories.len();
        if expected > FEATURES_MAX {
            return Err(ExplainError::TooManyFeatures { found: expected, max: FEATURES_MAX });
        }
        if data.is_empty() {
            let max = crate::shap::Background::ROWS_MAX;
            return Err(ExplainError::BackgroundRows { found: 0, max });
        }
        for row in data {
            if row.len() != expected {
                return Err(ExplainError::BackgroundColumns { found: row.len(), expected });
            }
            if let Some(feature) = row.iter().position(|value| value.is_nan()) {
                return Err(ExplainError::MissingValue { feature });
            }
        }
        let columns = categories.iter().enumerate().map(|(feature, is_category)| {
            let mut values: Vec<f64> =
                data.iter().filter_map(|row| row.get(feature).copied()).collect();
            values.sort_by(f64::total_cmp);
            if *is_category { Column::category(&values) } else { Column::number(&values) }
        });
        Ok(Self { columns: columns.collect() })
    }

    /// Explains one row with `neighbours` calls. The same `seed` gives the same explanation.
    /// Contributions are the coefficients; the base is the intercept, and the margin is the
    /// surrogate's own answer for the row: how well it fits the model is another question.
    ///
    /// # Errors
    /// [`ExplainError`] if the row does not fit, the model does not answer, or there are too
    /// few neighbours.
    pub fn explain_row(
        &self,
        model: &mut dyn Ask,
        row: &[f64],
        neighbours: usize,
        seed: [u8; 16],
    ) -> Result<Explanation, ExplainError> {
        let features = self.columns.len();
        if row.len() != features {
            return Err(ExplainError::BackgroundColumns { found: row.len(), expected: features });
        }
        if let Some(feature) = row.iter().position(|value| value.is_nan()) {
            return Err(ExplainError::MissingValue { feature });
        }
        let needed = features.saturating_mul(NEIGHBOURS_PER_FEATURE);
        if neighbours < needed {
            return Err(ExplainError::BudgetTooSmall { given: neighbours, needed });
        }
        let mut fit = Ridge::new(features);
        let mut chance = Chance::new(seed);
        #[expect(clippy::cast_precision_loss, reason = "at most 4,096")]
        let width = 0.75 * (features as f64).sqrt();
        let (mut rows, mut inside, mut out) = (Vec::new(), Vec::new(), Vec::new());
        let mut asked = 0;
        while asked < neighbours {
            let count = ROWS_AT_ONCE.min(neighbours - asked);
            rows.clear();
            inside.clear();
            for neighbour in 0..count {
                // The first neighbour is the row itself.
                let is_row = asked + neighbour == 0;
                for (column, own) in self.columns.iter().zip(row) {
                    let (value, same) =
                        if is_row { (*own, true) } else { column.draw(*own, &mut chance) };
                    rows.push(value);
                    inside.push(same);
                }
            }
            out.clear();
            out.resize(count, 0.0);
            model.ask(&rows, count, &mut out)?;
            for (inside, answer) in inside.chunks_exact(features.max(1)).zip(&out) {
                let outside = inside.iter().filter(|same| !**same).count();
                #[expect(clippy::cast_precision_loss, reason = "at most 4,096")]
                let distance = outside as f64;
                let weight = (-distance / (width * width)).exp().sqrt();
                fit.add(inside, *answer, weight);
            }
            asked += count;
        }
        let (base, values) = fit.solve();
        let margin = base + values.iter().sum::<f64>();
        let quality = Quality::Estimated { calls: asked, standard_error: f64::NAN };
        Ok(Explanation {
            features,
            base: vec![base],
            values,
            margins: vec![margin],
            ..Explanation::empty(Method::Lime, quality)
        })
    }
}

impl Column {
    fn category(sorted: &[f64]) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for value in sorted {
            match parts.last_mut() {
                Some(part) if part.mean == *value => part.chance += 1.0,
                _ => parts.push(Part { chance: 1.0, mean: *value, ..Part::default() }),
            }
        }
        Self::new(Vec::new(), parts, sorted.len(), true)
    }

    fn number(sorted: &[f64]) -> Self {
        let mut cuts: Vec<f64> = [0.25, 0.5, 0.75].map(|share| quantile(sorted, share)).to_vec();
        cuts.dedup();
        let mut parts = vec![Part::default(); cuts.len() + 1];
        let mut groups: Vec<Vec<f64>> = vec![Vec::new(); parts.len()];
        for value in sorted {
            // A value at a cut belongs below it, as in the package.
            let place = cuts.partition_point(|cut| cut < value);
            if let Some(group) = groups.get_mut(place) {
                group.push(*value);
            }
        }
        for (place, (part, group)) in parts.iter_mut().zip(&groups).enumerate() {
            let below = place.checked_sub(1).and_then(|place| cuts.get(place));
            let low = below.or(group.first());
            let (Some(low), Some(high)) = (low, cuts.get(place).or(group.last())) else { continue };
            if group.is_empty() {
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "at most 65,536 rows")]
            let count = group.len() as f64;
            let mean = group.iter().sum::<f64>() / count;
            let variance = group.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            *part =
                Part { chance: count, mean, deviation: variance.sqrt(), low: *low, high: *high };
        }
        Self::new(cuts, parts, sorted.len(), false)
    }

    fn new(cuts: Vec<f64>, mut parts: Vec<Part>, rows: usize, is_category: bool) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "at most 65,536 rows")]
        let rows = rows as f64;
        parts.iter_mut().for_each(|part| part.chance /= rows);
        Self { cuts, parts, is_category }
    }

    /// The part that a value falls into.
    fn part(&self, value: f64) -> Option<usize> {
        if self.is_category {
            return self.parts.iter().position(|part| part.mean == value);
        }
        Some(self.cuts.partition_point(|cut| *cut < value))
    }

    /// A value by chance, and whether it falls into the same part as `own`.
    fn draw(&self, own: f64, chance: &mut Chance) -> (f64, bool) {
        let mut left = chance.unit();
        let mut place = self.parts.len().saturating_sub(1);
        for (index, part) in self.parts.iter().enumerate() {
            left -= part.chance;
            if left < 0.0 {
                place = index;
                break;
            }
        }
        let part = self.parts.get(place).copied().unwrap_or_default();
        let same = self.part(own) == Some(place);
        if self.is_category || part.deviation == 0.0 {
            return (part.mean, same);
        }
        // A normal value cut off at the part's ends; a few tries, then its mean.
        for _ in 0..16 {
            let value = part.mean + part.deviation * chance.normal();
            if (part.low..=part.high).contains(&value) {
                return (value, same);
            }
        }
        (part.mean, same)
    }
}

/// The value below which a share of sorted values lies, between two of them (numpy's linear).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 65,536 rows")]
    let at = share * (sorted.len().saturating_sub(1)) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of rows"
    )]
    let place = at.floor() as usize;
    let low = sorted.get(place).copied().unwrap_or_default();
    let high = sorted.get(place + 1).copied().unwrap_or(low);
    low + (high - low) * at.fract()
}

/// Weighted ridge regression on 0 and 1 with an intercept that is not penalised: sums that
/// are centred at the end.
struct Ridge {
    features: usize,
    weight: f64,
    sums: Vec<f64>,
    answer: f64,
    products: Vec<f64>,
    with_answer: Vec<f64>,
}

impl Ridge {
    fn new(features: usize) -> Self {
        Self {
            features,
            weight: 0.0,
            sums: vec![0.0; features],
            answer: 0.0,
            products: vec![0.0; features * features],
            with_answer: vec![0.0; features],
        }
    }

    fn add(&mut self, inside: &[bool], answer: f64, weight: f64) {
        self.weight += weight;
        self.answer += weight * answer;
        for (feature, _) in inside.iter().enumerate().filter(|(_, same)| **same) {
            if let Some(sum) = self.sums.get_mut(feature) {
                *sum += weight;
            }
            if let Some(with) = self.with_answer.get_mut(feature) {
                *with += weight * answer;
            }
            let row = self.products.iter_mut().skip(feature * self.features).take(self.features);
            for (cell, same) in row.zip(inside) {
                *cell += weight * f64::from(u8::from(*same));
            }
        }
    }

    /// Intercept and coefficients.
    fn solve(&self) -> (f64, Vec<f64>) {
        let mean = |sum: &f64| sum / self.weight;
        let means: Vec<f64> = self.sums.iter().map(mean).collect();
        let answer = mean(&self.answer);
        let mut matrix = self.products.clone();
        for (row, (cells, own)) in
            matrix.chunks_exact_mut(self.features.max(1)).zip(&means).enumerate()
        {
            for (column, (cell, other)) in cells.iter_mut().zip(&means).enumerate() {
                *cell -= self.weight * own * other;
                if row == column {
                    *cell += PENALTY;
                }
            }
        }
        let right: Vec<f64> = self
            .with_answer
            .iter()
            .zip(&means)
            .map(|(with, mean)| with - self.weight * mean * answer)
            .collect();
        let values = cholesky(&matrix, &right);
        let base =
            answer - values.iter().zip(&means).map(|(value, mean)| value * mean).sum::<f64>();
        (base, values)
    }
}
