//! Uploads that can be gone on with.

use crate::time::Timestamp;
use plimsoll_types::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Begins an upload.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUpload {
    /// Bytes that will come, if that is known; then neither more nor fewer are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// An upload under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UploadSession {
    /// Its id.
    pub id: String,
    /// Bytes taken: where it goes on.
    pub offset: u64,
    /// Bytes that will come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it is removed if it has not ended.
    pub expires_at: Timestamp,
}

/// Ends an upload.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishUpload {
    /// The digest that all bytes must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}
