//! What happens to features before they are scored: one feature becomes one column or several,
//! step by step. It must not know formats.
//!
//! Steps are scikit-learn's, in `f64` and in its order of operations. A column comes from exactly
//! one feature, so that what a column contributed is what its feature contributed.

use crate::error::PredictError;

/// From features to the columns that are scored.
#[derive(Debug)]
pub struct Pipeline {
    blocks: Box<[Block]>,
    /// For each column the feature it comes from.
    sources: Box<[usize]>,
}

/// The columns that one feature becomes.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) feature: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

/// What happens to a value. A missing value is NaN and stays NaN unless told.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A missing value becomes this.
    Fill(f64),
    /// The first value becomes the second.
    Replace(f64, f64),
    /// 1 if the value is missing, else 0.
    IsMissing,
    /// 1 if the value is this, else 0.
    Is(f64),
    Subtract(f64),
    Divide(f64),
    Multiply(f64),
    Add(f64),
    /// Not below the first, not above the second.
    Clip(f64, f64),
    /// The place of the value in a list.
    Find(Find),
}

/// The place of a value in a list, from 0.
#[derive(Clone, Debug)]
pub(crate) struct Find {
    pub(crate) places: Places,
    pub(crate) unknown: Otherwise,
    pub(crate) missing: Otherwise,
}

/// What becomes of a value that is in no list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Otherwise {
    /// The row is refused.
    Refuse,
    /// It becomes this, which may be NaN.
    Number(f64),
}

/// What columns a block ends in.
#[derive(Debug)]
pub(crate) enum End {
    /// The value itself.
    Value,
    /// For each entry a column with 1 if the value is the entry, else 0; NaN is an entry, too.
    OneHot {
        /// Columns.
        columns: usize,
        /// Which column is 1.
        places: Places,
        /// Whether a value that is no entry is refused; else all columns are 0.
        refuses: bool,
    },
}

/// Numbers, NaN among them, and their places; a place of `None` is known and has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Box<[(f64, Option<usize>)]>);

impl Places {
    /// From numbers with their places; the first of equal numbers stays.
    pub(crate) fn new(mut entries: Vec<(f64, Option<usize>)>) -> Self {
        entries.iter_mut().for_each(|(number, _)| *number = canonical(*number));
        entries.sort_by(|a, b| a.0.total_cmp(&b.0));
        entries.dedup_by(|b, a| a.0.total_cmp(&b.0).is_eq());
        Self(entries.into())
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The place of a number; `None` if it is in no list.
    #[expect(clippy::option_option, reason = "unknown differs from known without a place")]
    fn find(&self, number: f64) -> Option<Option<usize>> {
        let number = canonical(number);
        let found = self.0.binary_search_by(|(known, _)| known.total_cmp(&number));
        found.ok().and_then(|at| self.0.get(at)).map(|(_, place)| *place)
    }
}

/// -0 and 0 are one number, and all NaN are.
fn canonical(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number + 0.0 }
}

impl Pipeline {
    pub(crate) fn new(blocks: Vec<Block>) -> Self {
        let sources =
            blocks.iter().flat_map(|block| std::iter::repeat_n(block.feature, block.end.width()));
        let sources = sources.collect();
        Self { blocks: blocks.into(), sources }
    }

    /// Columns that are features as they are.
    pub(crate) fn of_features(features: &[usize]) -> Self {
        let block =
            |feature: &usize| Block { feature: *feature, steps: Vec::new(), end: End::Value };
        Self::new(features.iter().map(block).collect())
    }

    /// Columns of a row.
    #[must_use]
    pub fn column_count(&self) -> usize {
        self.sources.len()
    }

    /// The feature that a column comes from, or `None` past the last.
    #[must_use]
    pub fn feature_of(&self, column: usize) -> Option<usize> {
        self.sources.get(column).copied()
    }

    /// For each column the feature that it comes from.
    #[must_use]
    pub fn features(&self) -> &[usize] {
        &self.sources
    }

    /// Appends the columns of a row to `out`.
    ///
    /// # Errors
    /// [`PredictError::NoCategory`] if a value has no place and the model was made to refuse that.
    pub fn apply(&self, row: &[f64], out: &mut Vec<f64>) -> Result<(), PredictError> {
        for block in &self.blocks {
            let feature = block.feature;
            let value = row.get(feature).copied().unwrap_or(f64::NAN);
            let placed = block.apply(value, out);
            placed.ok_or(PredictError::NoCategory { feature })?;
        }
        Ok(())
    }
}

impl Block {
    /// Appends the columns of a value; `None` if it is refused.
    fn apply(&self, value: f64, out: &mut Vec<f64>) -> Option<()> {
        let value = self.steps.iter().try_fold(value, |value, step| step.apply(value))?;
        match &self.end {
            End::Value => out.push(value),
            End::OneHot { columns, places, refuses } => {
                let found = places.find(value);
                if found.is_none() && *refuses {
                    return None;
                }
                let start = out.len();
                out.resize(start.saturating_add(*columns), 0.0);
                if let Some(hot) = found.flatten().and_then(|place| out.get_mut(start + place)) {
                    *hot = 1.0;
                }
            }
        }
        Some(())
    }
}

impl End {
    fn width(&self) -> usize {
        match self {
            Self::Value => 1,
            Self::OneHot { columns, .. } => *columns,
        }
    }
}

impl Step {
    /// The value after the step; `None` if it is refused.
    #[expect(clippy::float_cmp, reason = "scikit-learn compares exactly")]
    fn apply(&self, value: f64) -> Option<f64> {
        let one_if = |yes: bool| f64::from(u8::from(yes));
        Some(match self {
            Self::Fill(with) if value.is_nan() => *with,
            Self::Fill(_) => value,
            Self::Replace(what, with) if value == *what => *with,
            Self::Replace(..) => value,
            Self::IsMissing => one_if(value.is_nan()),
            Self::Is(what) => one_if(value == *what),
            Self::Subtract(other) => value - other,
            Self::Divide(other) => value / other,
            Self::Multiply(other) => value * other,
            Self::Add(other) => value + other,
            Self::Clip(low, _) if value < *low => *low,
            Self::Clip(_, high) if value > *high => *high,
            Self::Clip(..) => value,
            Self::Find(find) => return find.apply(value),
        })
    }
}

impl Find {
    fn apply(&self, value: f64) -> Option<f64> {
        let otherwise = match self.places.find(value).flatten() {
            _ if value.is_nan() => self.missing,
            #[expect(clippy::cast_precision_loss, reason = "places are below 2^20")]
            Some(place) => return Some(place as f64),
            None => self.unknown,
        };
        match otherwise {
            Otherwise::Refuse => None,
            Otherwise::Number(number) => Some(number),
        }
    }
}
