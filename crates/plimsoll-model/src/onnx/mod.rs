//! ONNX models of the kinds that tables need: the messages of a file ([`document`]), tensors and
//! operators ([`tensor`], [`core`], [`ml`], [`trees`]), and the graph that is checked, tried and
//! run ([`compile`], [`graph`]).
//!
//! A file is refused if it reaches outside itself, has operators of other domains, functions,
//! subgraphs or sparse tensors, or asks for more than the limits. A graph is tried on made-up rows
//! when it is loaded, so that what cannot run is not registered.

mod compile;
mod core;
pub(crate) mod document;
mod graph;
mod ml;
mod node;
mod tensor;
mod trees;

use crate::error::LoadError;
use crate::limits::Limits;
use crate::model::{Format, Model};
use plimsoll_types::protobuf::{Fault, Reader};

pub(crate) use graph::Graph;
pub(crate) use tensor::Trouble;

/// Loads a model file.
pub(crate) fn load(bytes: &[u8], limits: &Limits) -> Result<Model, LoadError> {
    compile::compile(&read(bytes)?, limits)
}

/// Reads a model file. Refused are data outside of it, graphs within operators, functions, sparse
/// tensors, and more operators than any model for tables has.
///
/// # Errors
/// [`LoadError`] says what is wrong and where.
pub fn read(bytes: &[u8]) -> Result<document::Model<'_>, LoadError> {
    document::model(Reader::new(bytes)).map_err(|refusal| match refusal {
        document::Refusal::Fault(Fault { at, problem }) => {
            LoadError::Syntax { format: Format::Onnx, path: "model".into(), at, problem }
        }
        document::Refusal::Unsupported(what, hint) => {
            LoadError::Unsupported { path: "model".into(), what, hint }
        }
    })
}
