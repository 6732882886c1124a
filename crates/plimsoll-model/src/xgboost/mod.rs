//! XGBoost model files: their schema ([`document`]), the checks that make them a
//! [`Model`] ([`compile`]), and those of one tree ([`raw`]). It must not know a syntax.

mod compile;
pub(crate) mod document;
mod objective;
mod raw;

use crate::error::LoadError;
use crate::limits::Limits;
use crate::model::{Format, Model, TreeRange};
use crate::source::Source;

/// Loads a model file of this framework from either syntax.
pub(crate) fn load<'a, S: Source<'a>>(
    source: S,
    format: Format,
    limits: &Limits,
    range: TreeRange,
) -> Result<Model, LoadError> {
    compile::compile(document::read(source, limits)?, format, limits, range)
}

fn missing(path: impl Into<String>) -> LoadError {
    LoadError::Missing { path: path.into() }
}

fn invalid(path: impl Into<String>, problem: &'static str) -> LoadError {
    LoadError::Invalid { path: path.into(), problem }
}

fn length(path: impl Into<String>, found: usize, expected: usize) -> Result<(), LoadError> {
    if found == expected {
        return Ok(());
    }
    Err(LoadError::Length { path: path.into(), found, expected })
}
