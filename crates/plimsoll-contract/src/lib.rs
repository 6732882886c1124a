//! Input contracts: infer from data, compile, validate a request into typed rows.
//!
//! A [`Contract`] is a document that people write and review. [`CompiledContract`] is its
//! immutable compiled form. [`CompiledContract::validate_oip`] reads one request of the Open
//! Inference Protocol in one pass and either fills [`plimsoll_types::Rows`] or says which
//! field broke which rule, never with the value. Its siblings read the other dialects, and end
//! in the same rows and rules.
//!
//! **Architecture invariant:** this crate knows neither HTTP, nor deployments, nor storage.
//! A header is only a name in the map; reading it is the gateway's business.

mod bind;
mod change;
mod check;
mod compile;
mod contract;
mod disposition;
mod draft;
mod grpc;
mod index;
mod infer;
mod json;
mod oip;
mod pattern;
mod raw;
mod row;
mod subjects;
mod tabular;
mod tensor;
mod timestamp;
mod writer;

pub use bind::{BindError, Binding, Codes};
pub use change::{Change, changes};
pub use check::Problem;
pub use compile::{CompiledContract, CompiledMap, CompiledSource, Source};
pub use contract::{
    CONTRACT_VERSION, Class, Contract, ContractError, ErrorDetail, Field, Kind, Limits,
    MAX_DOCUMENT_BYTES, MapSource, Mapping, OnViolation,
};
pub use disposition::Disposition;
pub use draft::{Draft, DraftError, MAX_MLMODEL_BYTES, Question, draft};
pub use grpc::model_of;
pub use infer::{ColumnKind, ColumnSample, Inferred, MAX_DISTINCT, infer};
pub use oip::Envelope;
pub use pattern::{Pattern, PatternError};
pub use tabular::Table;
pub use timestamp::parse_timestamp;
pub use writer::{Flag, Scratch, Value, Violations};
