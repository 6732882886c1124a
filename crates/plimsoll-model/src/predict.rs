//! Evaluation: rows to margins to outputs. It must not know formats or feature names.

use crate::ensemble::BLOCK;
use crate::error::PredictError;
use crate::limits::Limits;
use crate::model::{Model, Scorer};
use crate::output::argmax;

impl Model {
    /// Margins of one row: base margin plus leaves, or what else the model sums up. A missing
    /// value is NaN, a category its index among the training [categories](Self::categories).
    ///
    /// # Errors
    /// [`PredictError`] if `row` has not one value per feature, or `out` not one place per margin.
    pub fn margins(&self, row: &[f64], out: &mut [f64]) -> Result<(), PredictError> {
        self.check(row, 1, out.len(), self.margin_count())?;
        self.row_margins(row, out)
    }

    /// Outputs of one row, as [`output`](Self::output) describes them.
    ///
    /// # Errors
    /// [`PredictError`] if `row` has not one value per feature, or `out` not one place per output.
    pub fn predict(&self, row: &[f64], out: &mut [f64]) -> Result<(), PredictError> {
        self.check(row, 1, out.len(), self.output().count)?;
        if let Scorer::Graph(graph) = &self.scorer {
            return graph.predict(row, out);
        }
        if self.transform.picks_class() {
            let mut margins = [0.0; Limits::OUTPUTS_MAX];
            let margins = margins.get_mut(..self.margin_count()).unwrap_or_default();
            self.row_margins(row, margins)?;
            out.fill(class(margins));
        } else {
            self.row_margins(row, out)?;
            self.transform.apply(out);
        }
        Ok(())
    }

    /// Margins of `count` rows; `rows` and `out` are row-major.
    ///
    /// # Errors
    /// [`PredictError`] if `rows` has not one value per feature and row, or `out` not one place
    /// per margin and row.
    pub fn margins_batch(
        &self,
        rows: &[f64],
        count: usize,
        out: &mut [f64],
    ) -> Result<(), PredictError> {
        self.check(rows, count, out.len(), self.margin_count())?;
        let mut columns = Vec::new();
        let blocks = rows.chunks(self.feature_count() * BLOCK);
        for (rows, out) in blocks.zip(out.chunks_mut(self.margin_count() * BLOCK)) {
            self.block_margins(rows, &mut columns, out)?;
        }
        Ok(())
    }

    /// Outputs of `count` rows; `rows` and `out` are row-major.
    ///
    /// # Errors
    /// [`PredictError`] if `rows` has not one value per feature and row, or `out` not one place
    /// per output and row.
    pub fn predict_batch(
        &self,
        rows: &[f64],
        count: usize,
        out: &mut [f64],
    ) -> Result<(), PredictError> {
        let width = self.output().count;
        self.check(rows, count, out.len(), width)?;
        if let Scorer::Graph(graph) = &self.scorer {
            return graph.predict(rows, out);
        }
        if self.transform.picks_class() {
            for (row, out) in rows.chunks(self.feature_count()).zip(out.chunks_mut(width)) {
                self.predict(row, out)?;
            }
            return Ok(());
        }
        self.margins_batch(rows, count, out)?;
        out.chunks_mut(width).for_each(|row| self.transform.apply(row));
        Ok(())
    }

    fn check(
        &self,
        rows: &[f64],
        count: usize,
        room: usize,
        width: usize,
    ) -> Result<(), PredictError> {
        if self.is_elsewhere() {
            return Err(PredictError::Elsewhere);
        }
        let expected = self.feature_count().saturating_mul(count);
        if rows.len() != expected {
            return Err(PredictError::RowLength { found: rows.len(), expected });
        }
        let expected = width.saturating_mul(count);
        if room != expected {
            return Err(PredictError::OutputLength { found: room, expected });
        }
        Ok(())
    }

    fn row_margins(&self, row: &[f64], out: &mut [f64]) -> Result<(), PredictError> {
        if let (Scorer::Graph(graph), None) = (&self.scorer, self.scorer.ensemble()) {
            return graph.predict(row, out);
        }
        let mut columns = Vec::new();
        let row = match &self.pipeline {
            Some(pipeline) => {
                columns.reserve(pipeline.column_count());
                pipeline.apply(row, &mut columns)?;
                &columns
            }
            None => row,
        };
        match &self.scorer {
            Scorer::Linear(linear) => linear.row(row, out),
            Scorer::Elsewhere => return Err(PredictError::Elsewhere),
            Scorer::Network(network, _) if network.run(row, out) => {}
            Scorer::Network(..) => return Err(PredictError::Network),
            Scorer::Trees(_) | Scorer::Graph(_) => {
                if let Some(ensemble) = self.scorer.ensemble() {
                    ensemble.row(row.get(..ensemble.columns).unwrap_or(row), out);
                }
            }
        }
        Ok(())
    }

    /// `columns` is memory that one block after the other uses.
    fn block_margins(
        &self,
        rows: &[f64],
        columns: &mut Vec<f64>,
        out: &mut [f64],
    ) -> Result<(), PredictError> {
        if let (Scorer::Graph(graph), None) = (&self.scorer, self.scorer.ensemble()) {
            return graph.predict(rows, out);
        }
        columns.clear();
        match &self.pipeline {
            Some(pipeline) => {
                for row in rows.chunks(self.feature_count()) {
                    pipeline.apply(row, columns)?;
                }
            }
            None => columns.extend_from_slice(rows),
        }
        match &self.scorer {
            Scorer::Elsewhere => return Err(PredictError::Elsewhere),
            Scorer::Network(network, _) if network.run(columns, out) => {}
            Scorer::Network(..) => return Err(PredictError::Network),
            Scorer::Trees(_) | Scorer::Graph(_) => {
                if let Some(ensemble) = self.scorer.ensemble() {
                    ensemble.block(columns, out);
                }
            }
            Scorer::Linear(linear) => {
                let rows = columns.chunks(self.column_count());
                for (row, out) in rows.zip(out.chunks_mut(self.margin_count())) {
                    linear.row(row, out);
                }
            }
        }
        Ok(())
    }
}

/// The class as a number; class counts are below 2^16.
fn class(margins: &[f64]) -> f64 {
    f64::from(u16::try_from(argmax(margins)).unwrap_or(u16::MAX))
}
