//! The Open Inference Protocol, version 2, REST: shapes for the OpenAPI document and clients.
//!
//! The gateway does not read requests through these types; it has a parser of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `GET /v2`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServerMetadata {
    /// `plimsoll`.
    pub name: String,
    /// The version of the binary.
    pub version: String,
    /// Extensions of the protocol; none.
    pub extensions: Vec<String>,
}

/// `GET /v2/health/live`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServerLive {
    /// Whether the server is alive.
    pub live: bool,
}

/// `GET /v2/health/ready`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServerReady {
    /// Whether the server can answer.
    pub ready: bool,
}

/// `GET /v2/models/{model}/ready`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ModelReady {
    /// The deployment's name.
    pub name: String,
    /// Whether it answers.
    pub ready: bool,
}

/// `GET /v2/models/{model}`: a deployment seen as the protocol's model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ModelMetadata {
    /// The deployment's name.
    pub name: String,
    /// The version that answers.
    pub versions: Vec<String>,
    /// The format of the model.
    pub platform: String,
    /// What it asks for.
    pub inputs: Vec<TensorMetadata>,
    /// What it answers.
    pub outputs: Vec<TensorMetadata>,
}

/// One input or output of a model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// Its datatype: `FP64`, `BYTES`.
    pub datatype: String,
    /// Its shape; -1 where any size goes.
    pub shape: Vec<i64>,
}

/// `POST /v2/models/{model}/infer`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InferRequest {
    /// The caller's own id of the request; comes back in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Parameters of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    /// One tensor per field of the contract.
    pub inputs: Vec<RequestInput>,
    /// The outputs wanted; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<RequestOutput>>,
}

/// An input tensor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestInput {
    /// The field's name.
    pub name: String,
    /// Its shape: `[rows]`, `[rows, 1]`.
    pub shape: Vec<u64>,
    /// Its datatype: `FP64`, `INT64`, `BOOL`, `BYTES`.
    pub datatype: String,
    /// Parameters of the tensor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    /// The values, row-major, flat or nested; null where the contract allows it.
    pub data: Vec<Value>,
}

/// An output that is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestOutput {
    /// Its name.
    pub name: String,
    /// Parameters of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
}

/// The answer of `POST /v2/models/{model}/infer`. Its header `plimsoll-decision-id` names
/// the record in the ledger.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InferResponse {
    /// The deployment's name.
    pub model_name: String,
    /// The version that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// The caller's own id of the request, else the decision id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Parameters of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    /// The outputs.
    pub outputs: Vec<ResponseOutput>,
}

/// An output tensor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ResponseOutput {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its datatype.
    pub datatype: String,
    /// Parameters of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    /// The values, row-major, flat.
    pub data: Vec<Value>,
}

/// An error in the protocol's own shape.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ErrorResponse {
    /// What went wrong. Never holds a caller's values.
    pub error: String,
}
