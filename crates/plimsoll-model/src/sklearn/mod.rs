//! scikit-learn models as `plimsoll_export` writes them: the schema ([`document`]), the checks that
//! make it a [`Model`] ([`compile`]), and those of one tree ([`raw`]).
//!
//! The format is `plimsoll-sklearn 1`, written down in `docs/format/sklearn.md`.

mod compile;
mod document;
mod raw;

use crate::error::LoadError;
use crate::limits::Limits;
use crate::model::{Format, Model};
use crate::source::json::Json;

/// Loads a model file.
pub(crate) fn load(bytes: &[u8], limits: &Limits) -> Result<Model, LoadError> {
    compile::compile(document::read(Json::new(bytes, Format::SklearnJson), limits)?, limits)
}
