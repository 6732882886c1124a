//! Decisions as the ledger has them.

use crate::time::Timestamp;
use plimsoll_types::record::{Kind, Origin, ResultClass, Route};
use plimsoll_types::{
    ApiKeyId, DecisionId, DeploymentId, Digest, GatewayId, Phase, PrincipalId, Protocol,
    RefusalCode, TenantId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which decisions a list shows; newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionFilter {
    /// Only those of this deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Only those accepted at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only those accepted before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Only those that ended so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultClass>,
    /// At most this many, 1 to 1000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Waits for new decisions.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TailQuery {
    /// The `next` of the answer before; only new decisions unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Wait this long for one, 0 to 30; 10 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
    /// Only those of this deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

/// New decisions, oldest first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionTail {
    /// The decisions; empty if none came in time.
    pub items: Vec<DecisionSummary>,
    /// Pass it back as `from`.
    pub next: u64,
}

/// What a list shows of a decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionSummary {
    /// The decision id.
    pub id: DecisionId,
    /// Its index in the ledger.
    pub index: u64,
    /// When it was accepted.
    pub time: Timestamp,
    /// The deployment's name.
    pub deployment: String,
    /// The number of the version that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// In which part the version took the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// How it ended.
    pub result: ResultClass,
    /// The phase that refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_in: Option<Phase>,
    /// Where it was made, if not here: `unverified`, as somebody reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// A decision: its leaf always, its body if the caller may read it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// What a list shows of it.
    pub summary: DecisionSummary,
    /// The commitment record in the ledger.
    pub leaf: DecisionLeaf,
    /// What was asked and answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<DecisionBody>,
    /// Why there is no body here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_withheld: Option<String>,
}

/// The commitment record, as in the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionLeaf {
    /// What the record is about.
    pub kind: Kind,
    /// The organisation.
    pub tenant: TenantId,
    /// The gateway that wrote it.
    pub gateway: GatewayId,
    /// The gateway's own sequence number.
    pub seq: u64,
    /// Hash of the gateway's previous record.
    pub previous: Digest,
    /// Hash of this record (RFC 6962 leaf hash), if it was computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf_hash: Option<Digest>,
    /// The deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// Digest of the model version's manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Digest>,
    /// Digest of the input contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<Digest>,
    /// Digest of the policy set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// Digest of the serving snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Digest>,
    /// SHA-256 of the sealed body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ciphertext: Option<Digest>,
    /// Commitment to the key that opens it, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_commitment: Option<String>,
    /// The decision whose recorded answer was given again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<DecisionId>,
}

/// What was asked, by whom, and what was answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionBody {
    /// Who asked.
    pub principal: PrincipalId,
    /// The name of who asked, if there still is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_name: Option<String>,
    /// With which key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<ApiKeyId>,
    /// The deployment's name when it was asked.
    pub deployment: String,
    /// The number of the model version; 0 when none was planned.
    pub version: u32,
    /// The caller's own id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
    /// Length of the request body as received, in bytes.
    pub request_len: u64,
    /// The rows, each from field name to value.
    pub rows: Vec<Map<String, Value>>,
    /// Texts that the contract maps from headers.
    pub mapped: Vec<MappedText>,
    /// Rules that were broken and let pass, or mended.
    pub flags: Vec<DecisionFlag>,
    /// What the model answered.
    pub outputs: Vec<DecisionOutput>,
    /// Why it was refused or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<DecisionRefusal>,
    /// Nanoseconds by phase.
    pub phases: Vec<PhaseTime>,
    /// By what the request came, if the record says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

/// A text that the contract maps from a header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MappedText {
    /// `subject`, `interaction`, `event_time`, or a slice key's name.
    pub role: String,
    /// The text.
    pub value: String,
}

/// A rule that was broken and let pass, or mended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionFlag {
    /// The field.
    pub field: String,
    /// The row, from 0.
    pub row: u32,
    /// The rule.
    pub code: RefusalCode,
    /// Whether the value was clamped to the allowed range.
    pub is_clamped: bool,
}

/// One named output: row-major.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionOutput {
    /// Its name.
    pub name: String,
    /// Numbers per row.
    pub width: u32,
    /// The numbers.
    pub values: Vec<f64>,
}

/// Why a decision was refused or failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionRefusal {
    /// The phase that refused.
    pub phase: Phase,
    /// Why.
    pub code: RefusalCode,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The row at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The rule that was broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// How long a phase took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PhaseTime {
    /// The phase.
    pub phase: Phase,
    /// Nanoseconds.
    pub nanos: u32,
}
