//! XGBoost model files: their schema ([`document`]), the checks that make them a
//! [`Model`](crate::model::Model) ([`compile`]), and those of one tree ([`pack`]).
//! It must not know a syntax.

pub(crate) mod compile;
pub(crate) mod document;
mod pack;

use crate::error::LoadError;

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
