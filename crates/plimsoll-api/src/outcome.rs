//! What turned out to be true about decisions.

use crate::time::Timestamp;
use crate::words::OutcomeState;
use plimsoll_types::{ApiKeyId, DecisionId, OutcomeId, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What it was: a class as text or boolean, or a quantity.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OutcomeValue {
    /// True or false, kept as the class `true` or `false`.
    Boolean(bool),
    /// A quantity in the unit of the model's output, or a class that is a number.
    Number(f64),
    /// A class.
    Label(String),
}

/// An outcome of one row of a decision; or, where attributes are told, an attribute of the person
/// that the row is about.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordOutcome {
    /// The decision; or `correlation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionId>,
    /// The caller's own id of the request, with `deployment`; the latest decision that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
    /// The deployment that `correlation` was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The row of the decision's request, from 0; 0 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// Which outcome of several, or which attribute; `outcome` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it was; or `relevance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<OutcomeValue>,
    /// How relevant a ranked item was; 0 is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevance: Option<f64>,
    /// When it was so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
    /// The system it comes from; the caller's id as a principal unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The person or program that judged, as the source names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotator: Option<String>,
    /// The source's own id of it: the same one is recorded once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The outcome that this one takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<OutcomeId>,
    /// Why it is corrected; needed with `corrects`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Several outcomes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordOutcomes {
    /// The outcomes.
    pub outcomes: Vec<RecordOutcome>,
}

/// What became of one of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeItem {
    /// Its place in the request, from 0.
    pub place: usize,
    /// What became of it.
    pub state: OutcomeState,
    /// The decision, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionId>,
    /// The outcome's id, by which it can be corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeId>,
    /// The word for why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What became of them. What is recorded is durable.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct OutcomesRecorded {
    /// Recorded now.
    pub recorded: u64,
    /// Recorded before.
    pub known: u64,
    /// Refused, each with its reason.
    pub refused: u64,
    /// Each, in the order of the request.
    pub items: Vec<OutcomeItem>,
}

/// An outcome as it is on record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Its id.
    pub id: OutcomeId,
    /// Its entry in the ledger.
    pub index: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Whether no later one corrects it.
    pub is_current: bool,
    /// The row of the decision's request.
    pub row: u32,
    /// Which outcome of several.
    pub name: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<OutcomeValue>,
    /// How relevant a ranked item was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relevance: Option<f64>,
    /// When it was so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
    /// The system it comes from.
    pub source: String,
    /// The person or program that judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotator: Option<String>,
    /// Who told it.
    pub principal: PrincipalId,
    /// Their name, if there still is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_name: Option<String>,
    /// The key they came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<ApiKeyId>,
    /// The source's own id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The outcome that it takes the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrects: Option<OutcomeId>,
    /// Why it was corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The outcomes of a decision.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionOutcomes {
    /// How many are on record, readable or not.
    pub count: u64,
    /// Those that can be read, oldest first.
    pub outcomes: Vec<Outcome>,
    /// Why others cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
}
