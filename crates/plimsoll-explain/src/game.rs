//! A model that can only be asked, as a game of features: what a coalition of known features
//! is worth, the others taking the values of background rows.

use crate::error::ExplainError;
use crate::explanation::FEATURES_MAX;

/// A model that can only be asked.
///
/// `ask` gives the outputs (one number a row) of `count` rows, row-major; it may refuse.
pub trait Ask {
    /// Outputs of `count` rows in `rows`, one number each, into `out`.
    ///
    /// # Errors
    /// [`ExplainError`] if the model does not answer.
    fn ask(&mut self, rows: &[f64], count: usize, out: &mut [f64]) -> Result<(), ExplainError>;
}

impl<F: FnMut(&[f64], usize, &mut [f64]) -> Result<(), ExplainError>> Ask for F {
    fn ask(&mut self, rows: &[f64], count: usize, out: &mut [f64]) -> Result<(), ExplainError> {
        self(rows, count, out)
    }
}

/// Rows asked at once, so that the memory of a game does not grow with its background.
const ROWS_AT_ONCE: usize = 1024;

/// One row against a background, with the calls that are left.
pub(crate) struct Game<'a> {
    model: &'a mut dyn Ask,
    row: &'a [f64],
    background: &'a [Vec<f64>],
    /// Model rows asked.
    pub(crate) calls: usize,
    rows: Vec<f64>,
    out: Vec<f64>,
}

impl<'a> Game<'a> {
    /// The game of `row` against `background`.
    ///
    /// # Errors
    /// [`ExplainError`] if the row or the background has too many columns, other columns, or
    /// no rows.
    pub(crate) fn new(
        model: &'a mut dyn Ask,
        row: &'a [f64],
        background: &'a [Vec<f64>],
    ) -> Result<Self, ExplainError> {
        if row.len() > FEATURES_MAX {
            return Err(ExplainError::TooManyFeatures { found: row.len(), max: FEATURES_MAX });
        }
        if background.is_empty() {
            return Err(ExplainError::BackgroundRows {
                found: 0,
                max: crate::shap::Background::ROWS_MAX,
            });
        }
        if let Some(other) = background.iter().find(|other| other.len() != row.len()) {
            let (found, expected) = (other.len(), row.len());
            return Err(ExplainError::BackgroundColumns { found, expected });
        }
        Ok(Self { model, row, background, calls: 0, rows: Vec::new(), out: Vec::new() })
    }

    /// Features of the game.
    pub(crate) fn players(&self) -> usize {
        self.row.len()
    }
    /// Model rows that the worth of one coalition takes.
    pub(crate) fn price(&self) -> usize {
        self.background.len()
    }

    /// What a coalition is worth: the mean output with its features known.
    pub(crate) fn worth(&mut self, known: &[bool]) -> Result<f64, ExplainError> {
        let mut sum = 0.0;
        for block in self.background.chunks(ROWS_AT_ONCE) {
            self.rows.clear();
            for other in block {
                let cells = known.iter().zip(self.row.iter().zip(other));
                self.rows
                    .extend(cells.map(|(known, (own, other))| if *known { *own } else { *other }));
            }
            self.out.clear();
            self.out.resize(block.len(), 0.0);
            self.model.ask(&self.rows, block.len(), &mut self.out)?;
            self.calls += block.len();
            sum += self.out.iter().sum::<f64>();
        }
        #[expect(clippy::cast_precision_loss, reason = "at most 65,536 rows")]
        let mean = sum / self.background.len() as f64;
        Ok(mean)
    }
}

/// A small generator of chance (SplitMix64, Steele, Lea and Flood 2014), so that the same
/// decision is explained the same way every time and everywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Chance that depends on `seed` alone: a decision's id, say.
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        let [a, b] = [0, 8].map(|at| {
            let bytes = seed.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            u64::from_le_bytes(bytes.unwrap_or_default())
        });
        Self(a ^ b.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15)
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number in [0, 1).
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
    /// A number below `end`, which is small, so that the bias is nothing.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.next()) * (end as u128);
        usize::try_from(wide >> 64).unwrap_or_default()
    }
    /// A number of the standard normal distribution (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
    /// Shuffles (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = self.below(end + 1);
            items.swap(end, other);
        }
    }
}
