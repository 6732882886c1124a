//! Rows as tests read them: one `f32` code per column, which every comparison is about.
//!
//! Where a model compares in `f32`, a code is the value, rounded as the model rounds it. Where it
//! compares in `f64`, a code counts the model's own cuts up to the value: an integer that is
//! below another exactly if the value is below the other's cut. So one kind of table and one kind
//! of comparison serve every format. Tests that are no comparison see the value itself.

use plimsoll_model::{Format, Model, Node, PredictError, Test};

use crate::error::ExplainError;

/// The most cuts of a column: integers up to here are exact in `f32`.
const CUTS_MAX: usize = 1 << 23;

/// What LightGBM takes for 0 (`kZeroThreshold`).
const TINY: f64 = 1e-35_f32 as f64;

/// How values become codes.
#[derive(Debug)]
pub(super) enum Codes {
    /// By rounding to `f32`.
    Single,
    /// By counting cuts, ascending, of each column.
    Ranks {
        cuts: Box<[Box<[f64]>]>,
        /// Whether values that LightGBM takes for 0 become 0 first.
        tiny_is_zero: bool,
    },
}

/// A row as tests read it; room for one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Input {
    /// The value of each column; NaN is missing.
    pub(super) values: Vec<f64>,
    /// The code of each column.
    pub(super) codes: Vec<f32>,
}

impl Codes {
    /// The codes of `model`.
    pub(super) fn of(model: &Model) -> Result<Self, ExplainError> {
        if model.tests_single() {
            return Ok(Self::Single);
        }
        let mut cuts = vec![Vec::new(); model.column_count()];
        for tree in model.trees() {
            for node in (0..tree.len()).filter_map(|index| tree.node(index)) {
                if let Some((column, cut)) = cut(&node)
                    && let Some(cuts) = cuts.get_mut(column)
                {
                    cuts.push(cut);
                }
            }
        }
        for cuts in &mut cuts {
            cuts.sort_by(f64::total_cmp);
            // -0 and 0 are one cut.
            cuts.dedup_by(|a, b| a == b);
            if cuts.len() > CUTS_MAX {
                return Err(ExplainError::OverLimit {
                    what: "thresholds of a column",
                    found: cuts.len(),
                    max: CUTS_MAX,
                    hint: "train a smaller model",
                });
            }
        }
        let cuts = cuts.into_iter().map(Into::into).collect();
        Ok(Self::Ranks { cuts, tiny_is_zero: model.format() == Format::LightgbmText })
    }

    /// The threshold on codes that says the same as "below `cut`" says of values.
    pub(super) fn threshold(&self, column: usize, cut: f64) -> f32 {
        match self {
            // The least code that is not below the cut, which may lie between two.
            Self::Single => match single(cut) {
                code if f64::from(code) < cut => code.next_up(),
                code => code,
            },
            Self::Ranks { cuts, .. } => {
                let cuts = cuts.get(column).map(|cuts| &**cuts).unwrap_or_default();
                count(cuts.partition_point(|known| *known < cut) + 1)
            }
        }
    }

    /// The row of `model` with these features.
    pub(super) fn read(
        &self,
        model: &Model,
        row: &[f64],
        input: &mut Input,
    ) -> Result<(), PredictError> {
        let Input { values, codes } = input;
        values.clear();
        match model.pipeline() {
            Some(pipeline) => pipeline.apply(row, values)?,
            None => values.extend_from_slice(row),
        }
        codes.clear();
        match self {
            Self::Single => codes.extend(values.iter().copied().map(single)),
            Self::Ranks { cuts, tiny_is_zero } => {
                for (value, cuts) in values.iter().zip(cuts) {
                    let value = if *tiny_is_zero && value.abs() <= TINY { 0.0 } else { *value };
                    codes.push(if value.is_nan() {
                        f32::NAN
                    } else {
                        count(cuts.partition_point(|cut| *cut <= value))
                    });
                }
            }
        }
        Ok(())
    }
}

/// The column and the least value that does not pass, if a split is such a comparison.
pub(super) fn cut(node: &Node<'_>) -> Option<(usize, f64)> {
    let Node::Split { feature, test, zero_is_missing: false, .. } = node else { return None };
    let cut = match *test {
        Test::Less(threshold) => threshold,
        // Nothing is above infinity.
        Test::AtMost(f64::INFINITY) => return None,
        Test::AtMost(threshold) => threshold.next_up(),
        Test::Equal(_) | Test::Inside(_) | Test::Outside(_) => return None,
    };
    Some((*feature, cut))
}

#[expect(clippy::cast_possible_truncation, reason = "rounding as the model does")]
fn single(value: f64) -> f32 {
    value as f32
}

#[expect(clippy::cast_precision_loss, reason = "cuts are bounded by what f32 holds exactly")]
fn count(cuts: usize) -> f32 {
    cuts as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_real() -> impl Strategy<Value = f64> {
        let special = [0.0, -0.0, 1e-45, f64::from(f32::MAX), f64::from(f32::MIN), 1e-35, 0.1];
        let single = any::<f32>().prop_filter("a number", |x| !x.is_nan()).prop_map(f64::from);
        prop_oneof![prop::sample::select(special.to_vec()), single, -2.0..2.0_f64]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_048, ..ProptestConfig::default() })]

        /// A code is below a cut's threshold exactly if its value, as tested, is below the cut.
        #[test]
        fn codes_keep_the_order(values in prop::collection::vec(any_real(), 1..20), at in 0_usize..20) {
            let mut cuts: Vec<f64> =
                values.iter().flat_map(|value| [*value, value.next_up()]).collect();
            cuts.sort_by(f64::total_cmp);
            cuts.dedup_by(|a, b| a == b);
            let cut = cuts[at % cuts.len()];
            let ranks = Codes::Ranks { cuts: [cuts.clone().into()].into(), tiny_is_zero: false };
            for value in cuts.iter().chain(&values) {
                let rank = count(cuts.partition_point(|cut| cut <= value));
                prop_assert_eq!(rank < ranks.threshold(0, cut), *value < cut);
                let tested = f64::from(single(*value));
                prop_assert_eq!(single(*value) < Codes::Single.threshold(0, cut), tested < cut);
            }
        }
    }
}
