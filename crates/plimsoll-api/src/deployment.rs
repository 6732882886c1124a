//! Deployments and the release of versions into them.

use crate::review::Review;
use crate::time::Timestamp;
use crate::words::{Environment, Explain, Tier};
use plimsoll_contract::ErrorDetail;
use plimsoll_types::record::Mode;
use plimsoll_types::{DeploymentId, Digest, Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is answered when the model cannot give an answer: the version before if that is declared
/// and can, then the first rule that holds for a row, then the answer for the rest. Where none of
/// them is declared, the request is refused.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// One number per output value of a row, the same for every row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<f64>,
    /// Rules over features and context attributes, at most 32, the first that holds:
    /// `amount > 5000 -> 1`, `country = AT -> 0.2`, with = != < <= > >=. A field without a value
    /// holds for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Whether the version before is asked first: of one that is tried, the one that answers
    /// everybody else; of that, the one that was released before it. It is kept loaded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub previous: bool,
}

/// Someone whose signature a version may carry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// What the signer is called here.
    pub name: Name,
    /// The public key in PEM, of ECDSA over P-256 (also P-384, P-521).
    pub public_key: String,
}

/// Makes a deployment. It answers once a version is released into it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDeployment {
    /// Its name, unique among those not archived.
    pub name: Name,
    /// The registered model.
    pub model: Name,
    /// The digest of a stored contract. No contract, no serving.
    pub contract: Digest,
    /// Where it stands.
    pub environment: Environment,
    /// Who answers for it; the caller unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its risk tier; `unassessed` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// When an answer may leave; `durable` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// When explanations are made; `off` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explain>,
    /// The digest of a stored explain profile; reasons are told under the contract's names
    /// unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain_profile: Option<Digest>,
    /// The answer when the model cannot give one; none unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// How much of a refusal callers are told; what the contract says unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<ErrorDetail>,
    /// The longest time from accepting a request to its reply, in milliseconds; 1 to 60,000,
    /// 1,000 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u32>,
    /// Requests in flight at once; 1 to 65,536, 1,024 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
    /// Days after which records are no longer kept, 183 or more; for good unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Which answers a person looks at; `off` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// Whether it only records decisions that are made elsewhere, marked as unverified. No version
    /// is released into it, and it answers nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observe: bool,
    /// Who may have signed what is released; anybody or nobody unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signers: Option<Vec<Signer>>,
}

/// Changes a deployment. Absent members stay as they are.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateDeployment {
    /// The digest of a stored contract that the released version fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Digest>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When an answer may leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// When explanations are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explain>,
    /// The digest of a stored explain profile; null takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub explain_profile: Option<Option<Digest>>,
    /// The answer when the model cannot give one; null takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub fallback: Option<Option<Fallback>>,
    /// How much of a refusal callers are told; null leaves it to the contract.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub error_detail: Option<Option<ErrorDetail>>,
    /// The longest time from accepting a request to its reply, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u32>,
    /// Requests in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
    /// Days after which records are no longer kept, 183 or more; null keeps them for good.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub retention_days: Option<Option<u32>>,
    /// Which answers a person looks at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// Who may have signed what is released; none asks for no signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signers: Option<Vec<Signer>>,
    /// Rules that send requests to a version by a header or a context attribute, the first that
    /// fits: `header:x-cohort=beta,staff -> canary`, `context:channel=branch -> 3`. A version that
    /// one names needs what its release needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<String>>,
}

/// Lets a version answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseVersion {
    /// The number of the version.
    pub version: u32,
}

/// Lets the version before answer again.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// Why, for those who read the event; at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The version that answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReleasedVersion {
    /// Its number.
    pub number: u32,
    /// The digest of its manifest.
    pub digest: Digest,
    /// Who released it.
    pub released_by: PrincipalId,
    /// When.
    pub released_at: Timestamp,
}

/// A served use of a registered model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Its name.
    pub name: Name,
    /// The registered model.
    pub model: Name,
    /// The digest of its contract.
    pub contract: Digest,
    /// Where it stands.
    pub environment: Environment,
    /// Who answers for it.
    pub owner: String,
    /// Its risk tier.
    pub tier: Tier,
    /// When an answer may leave.
    pub mode: Mode,
    /// When explanations are made.
    pub explain: Explain,
    /// The digest of its explain profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain_profile: Option<Digest>,
    /// The answer when the model cannot give one.
    pub fallback: Option<Fallback>,
    /// How much of a refusal callers are told, if that is not left to the contract.
    pub error_detail: Option<ErrorDetail>,
    /// The longest time from accepting a request to its reply, in milliseconds.
    pub deadline_ms: u32,
    /// Requests in flight at once.
    pub max_in_flight: u32,
    /// Days after which records are no longer kept, if they are not kept for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Which answers a person looks at.
    pub review: Review,
    /// Whether it only records decisions that are made elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observe: bool,
    /// Who may have signed what is released, if a signature is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Signer>,
    /// Rules that send requests to a version by a header or a context attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// The version that answers.
    pub released: Option<ReleasedVersion>,
    /// Whether it answers now.
    pub is_ready: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_ready_reason: Option<String>,
    /// Whether a person switched its models off, so that the fallback alone answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub killed: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Timestamp>,
}

/// Tells a member that is null from one that is absent.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
