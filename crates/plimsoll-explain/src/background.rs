//! Background rows as a file of a model version: what absent features take the values of.
//!
//! `{"format": "plimsoll-background 1", "features": ["income", …], "rows": [[1450.5, null], …]}`:
//! numbers as the model reads them (a category as its code), null for a missing value.

use crate::error::ExplainError;
use crate::shap::Background;
use plimsoll_model::Model;
use serde::{Deserialize, Serialize};

/// The only format there is.
const FORMAT: &str = "plimsoll-background 1";

/// The largest background file, in bytes: 65,536 rows of 32 numbers as JSON writes them.
pub const MAX_BACKGROUND_BYTES: usize = 64 << 20;

/// A background, as written.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackgroundFile {
    format: String,
    /// The model's features, in the order of a row; empty if the model does not name them.
    pub features: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Option<f64>>>,
}

impl BackgroundFile {
    /// A background of these rows.
    #[must_use]
    pub fn new(features: Vec<String>, rows: Vec<Vec<Option<f64>>>) -> Self {
        Self { format: FORMAT.to_owned(), features, rows }
    }

    /// Reads a background.
    ///
    /// # Errors
    /// [`ExplainError::BackgroundFile`] if the bytes are too many, or not this document.
    pub fn read(bytes: &[u8]) -> Result<Self, ExplainError> {
        if bytes.len() > MAX_BACKGROUND_BYTES {
            let what = format!("it is larger than {MAX_BACKGROUND_BYTES} bytes");
            return Err(ExplainError::BackgroundFile(what));
        }
        // The parser's message names places and members, never numbers of a row.
        let file: Self = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            ExplainError::BackgroundFile(format!("it does not fit at line {line}, column {column}"))
        })?;
        if file.format != FORMAT {
            return Err(ExplainError::BackgroundFile(format!("its format must be `{FORMAT}`")));
        }
        Ok(file)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`ExplainError::BackgroundFile`] if it cannot be written; no file is known that causes it.
    pub fn write(&self) -> Result<Vec<u8>, ExplainError> {
        serde_json::to_vec(self).map_err(|error| ExplainError::BackgroundFile(error.to_string()))
    }

    /// The rows, for `model`.
    ///
    /// # Errors
    /// [`ExplainError`] if the columns are not the model's features, or a row is no row.
    pub fn rows_of(&self, model: &Model) -> Result<Vec<Vec<f64>>, ExplainError> {
        let expected = model.feature_count();
        let named = model.feature_names().is_none_or(|names| {
            self.features.iter().map(String::as_str).eq(names.iter().map(AsRef::as_ref))
        });
        if !named {
            let what = "its features are not the model's, in the model's order";
            return Err(ExplainError::BackgroundFile(what.to_owned()));
        }
        let (found, max) = (self.rows.len(), Background::ROWS_MAX);
        if found == 0 || found > max {
            return Err(ExplainError::BackgroundRows { found, max });
        }
        if let Some(row) = self.rows.iter().find(|row| row.len() != expected) {
            return Err(ExplainError::BackgroundColumns { found: row.len(), expected });
        }
        let number = |value: &Option<f64>| value.unwrap_or(f64::NAN);
        Ok(self.rows.iter().map(|row| row.iter().map(number).collect()).collect())
    }

    /// The rows as trees read them, for `model`.
    ///
    /// # Errors
    /// As [`rows_of`](Self::rows_of).
    pub(crate) fn background_of(&self, model: &Model) -> Result<Background, ExplainError> {
        let values: Vec<f64> = self.rows_of(model)?.into_iter().flatten().collect();
        Background::new(values, model.feature_count())
    }
}
