//! Weighted sums of columns. It must not know formats.

/// A linear model: for every margin an intercept and a coefficient per column.
#[derive(Debug)]
pub struct Linear {
    /// Row-major: the coefficients of the first margin, of the second, and so on.
    pub(crate) coefficients: Box<[f64]>,
    pub(crate) intercepts: Box<[f64]>,
    pub(crate) columns: usize,
}

impl Linear {
    /// The coefficients of a margin, one per column; empty past the last.
    #[must_use]
    pub fn coefficients(&self, margin: usize) -> &[f64] {
        let start = margin.saturating_mul(self.columns);
        self.coefficients.get(start..start.saturating_add(self.columns)).unwrap_or_default()
    }

    /// The intercepts, one per margin.
    #[must_use]
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Margins of one row. Products are summed from the first column to the last, and the
    /// intercept comes last; frameworks leave the order to their matrix library.
    pub(crate) fn row(&self, row: &[f64], out: &mut [f64]) {
        let rows = self.coefficients.chunks(self.columns.max(1));
        for ((out, intercept), coefficients) in out.iter_mut().zip(&self.intercepts).zip(rows) {
            let sum: f64 = coefficients.iter().zip(row).map(|(weight, value)| weight * value).sum();
            *out = sum + intercept;
        }
    }
}
