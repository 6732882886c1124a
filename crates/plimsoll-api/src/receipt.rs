//! The receipt of a decision: what proves it offline. `docs/format/receipt.md` has the format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A proof that a decision is in the ledger, for whoever holds the log's public key. Binary parts
/// are in base64 (RFC 4648 §4).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// `plimsoll-receipt 1`.
    pub format: String,
    /// The entry's index, the inclusion proof and the signed checkpoint, as a C2SP tlog-proof.
    pub proof: String,
    /// The entry: the canonical CBOR of the leaf.
    pub leaf: String,
    /// The sealed body that the leaf commits to, for those who may read it.
    pub sealed: Option<String>,
    /// The key that opens this body and no other; none if it was erased.
    pub record_key: Option<String>,
}

impl Receipt {
    /// The format of this version.
    pub const FORMAT: &'static str = "plimsoll-receipt 1";
}
