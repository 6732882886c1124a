//! LightGBM model files, the text of `save_model` and `model_to_string`: reading it
//! ([`document`]), the checks that make it a [`Model`] ([`compile`]), and those of one tree
//! ([`raw`]).
//!
//! Follows `src/boosting/gbdt_model_text.cpp`, `include/LightGBM/tree.h` and `src/io/tree.cpp` of
//! LightGBM, versions `v3` and `v4` of the text.

mod compile;
mod document;
mod objective;
mod raw;

use crate::error::LoadError;
use crate::limits::Limits;
use crate::model::{Model, TreeRange};

/// Loads a model file. The text names no best iteration: LightGBM leaves the trees after it out
/// when it saves.
pub(crate) fn load(bytes: &[u8], limits: &Limits, _: TreeRange) -> Result<Model, LoadError> {
    compile::compile(document::read(bytes, limits)?, limits)
}
