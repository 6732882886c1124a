//! Linear SHAP: for a linear model a feature contributes its coefficient times its distance
//! from the mean, exactly (Lundberg and Lee 2017, corollary 1; features taken as independent).
//!
//! A pipeline before the model scales features and makes columns of categories; what its
//! columns contribute is added up under the feature that they come from.

use crate::error::ExplainError;
use crate::explanation::{Explanation, FeatureGroups, Method, Quality};
use plimsoll_model::Model;
use std::sync::Arc;

/// Explains the margins of one linear model.
#[derive(Debug)]
pub struct LinearExplainer {
    model: Arc<Model>,
    groups: FeatureGroups,
    /// The mean of each column the model is linear in.
    means: Vec<f64>,
}

impl LinearExplainer {
    /// Prepares to explain `model`, whose features belong to those of a contract as `groups`
    /// says, against the mean of `background` (rows of the model).
    ///
    /// # Errors
    /// [`ExplainError`] if the model is not linear, or the background has no rows, other
    /// columns, or missing values that the model's pipeline does not fill.
    pub fn new(
        model: Arc<Model>,
        groups: FeatureGroups,
        background: &[Vec<f64>],
    ) -> Result<Self, ExplainError> {
        if model.linear().is_none() {
            return Err(ExplainError::NotLinear);
        }
        let (found, expected) = (groups.places().len(), model.feature_count());
        if found != expected {
            return Err(ExplainError::Groups { found, expected });
        }
        let mut means = vec![0.0; model.column_count()];
        for row in background {
            if row.len() != expected {
                return Err(ExplainError::BackgroundColumns { found: row.len(), expected });
            }
            for (mean, value) in means.iter_mut().zip(columns(&model, row)?) {
                *mean += value;
            }
        }
        if background.is_empty() {
            let max = crate::shap::Background::ROWS_MAX;
            return Err(ExplainError::BackgroundRows { found: 0, max });
        }
        #[expect(clippy::cast_precision_loss, reason = "at most 65,536 rows")]
        let count = background.len() as f64;
        means.iter_mut().for_each(|mean| *mean /= count);
        Ok(Self { model, groups, means })
    }

    /// Explains one row.
    ///
    /// # Errors
    /// [`ExplainError::MissingValue`] if a value is missing that the pipeline does not fill,
    /// and [`ExplainError::NotAdditive`] if the explanation fails its check.
    pub fn explain_row(&self, row: &[f64]) -> Result<Explanation, ExplainError> {
        let linear = self.model.linear().ok_or(ExplainError::NotLinear)?;
        let columns = columns(&self.model, row)?;
        let outputs = self.model.margin_count();
        let mut explanation = Explanation {
            features: self.groups.count(),
            base: linear.intercepts().to_vec(),
            values: vec![0.0; outputs * self.groups.count()],
            margins: vec![0.0; outputs],
            ..Explanation::empty(Method::Linear, Quality::Exact)
        };
        self.model.margins(row, &mut explanation.margins)?;
        for output in 0..outputs {
            let coefficients = linear.coefficients(output).iter();
            for (column, (coefficient, (value, mean))) in
                coefficients.zip(columns.iter().zip(&self.means)).enumerate()
            {
                if let Some(base) = explanation.base.get_mut(output) {
                    *base += coefficient * mean;
                }
                let feature = self.model.pipeline().map_or(Some(column), |p| p.feature_of(column));
                let place = feature.and_then(|feature| self.groups.places().get(feature));
                let slot = place.map(|place| output * self.groups.count() + place);
                if let Some(slot) = slot.and_then(|slot| explanation.values.get_mut(slot)) {
                    *slot += coefficient * (value - mean);
                }
            }
        }
        explanation.check(0)?;
        Ok(explanation)
    }
}

/// The columns that the model is linear in; every one of them is a number.
fn columns(model: &Model, row: &[f64]) -> Result<Vec<f64>, ExplainError> {
    let mut columns = Vec::with_capacity(model.column_count());
    match model.pipeline() {
        Some(pipeline) => pipeline.apply(row, &mut columns)?,
        None => columns.extend_from_slice(row),
    }
    match columns.iter().position(|value| value.is_nan()) {
        Some(column) => {
            let feature = model.pipeline().and_then(|p| p.feature_of(column)).unwrap_or(column);
            Err(ExplainError::MissingValue { feature })
        }
        None => Ok(columns),
    }
}
