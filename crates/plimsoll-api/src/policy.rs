//! What a change of the policies would change.

use crate::access::PolicyFile;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks what would be allowed and denied if these were the policies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewPolicies {
    /// All the files, those that stay as they are too.
    pub files: Vec<PolicyFile>,
}

/// What would be allowed and denied. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PolicyPreview {
    /// Why these cannot be the policies, if they cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Verdicts that would be others.
    pub changes: Vec<PolicyChange>,
    /// How many questions were asked: principals × actions × resources.
    pub asked: u64,
    /// Whether there are more principals, resources or changes than are shown.
    pub is_truncated: bool,
}

/// A verdict that would be another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PolicyChange {
    /// The name of the principal.
    pub principal: String,
    /// The action.
    pub action: String,
    /// The resource: `deployment/credit-default`.
    pub resource: String,
    /// `permit`, `forbid`, `default` (nothing permits) or `error`, as it is.
    pub before: String,
    /// The same, as it would be.
    pub after: String,
}
