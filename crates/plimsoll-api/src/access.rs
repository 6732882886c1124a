//! Principals, API keys, and questions about access.

use crate::time::Timestamp;
use crate::words::{Environment, PrincipalKind, Role};
use plimsoll_types::{ApiKeyId, Digest, Name, PrincipalId, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Makes a principal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePrincipal {
    /// Its name, unique.
    pub name: Name,
    /// A person or a program.
    pub kind: PrincipalKind,
    /// What it is trusted with.
    pub roles: Vec<Role>,
}

/// A person or program that acts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Principal {
    /// Its id.
    pub id: PrincipalId,
    /// Its name.
    pub name: Name,
    /// A person or a program.
    pub kind: PrincipalKind,
    /// What it is trusted with.
    pub roles: Vec<Role>,
    /// The organisation it belongs to.
    pub tenant: TenantId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who it is elsewhere, if others vouch for it. Its roles then come with each token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ExternalIdentity>,
}

/// Who a principal is elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExternalIdentity {
    /// What its issuer is called here; `certificate` for a client certificate.
    pub issuer: String,
    /// The issuer's address as in `iss`; `x509` for a client certificate.
    pub issuer_url: String,
    /// Its name there.
    pub subject: String,
}

/// Makes an API key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What it is for.
    pub name: Name,
    /// The name of the principal it speaks for; the caller unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Name>,
    /// The only environment it works in; any unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// The only deployments it reaches; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Name>>,
    /// When it ends; never unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Replaces an API key by a new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// How long the old key keeps working, in seconds; at most 30 days. 0 unless told.
    #[serde(default)]
    pub overlap_seconds: u32,
}

/// An API key, without its secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: Name,
    /// The beginning of the key's text, by which people tell keys apart.
    pub prefix: String,
    /// The id of the principal it speaks for.
    pub principal: PrincipalId,
    /// That principal's name.
    pub principal_name: Name,
    /// The only environment it works in.
    pub environment: Option<Environment>,
    /// The only deployments it reaches.
    pub scopes: Option<Vec<Name>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key that took its place.
    pub replaced_by: Option<ApiKeyId>,
}

/// A new API key with its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeySecret {
    /// The key's text. Send it as `authorization: Bearer …`.
    pub secret: String,
    /// Everything else about it.
    pub key: ApiKey,
}

impl std::fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySecret").field("key", &self.key).finish_non_exhaustive()
    }
}

/// `GET /api/v1/access/matrix`: every action of every live principal on every resource.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AccessMatrix {
    /// The names of the principals.
    pub principals: Vec<String>,
    /// One per action and resource.
    pub rows: Vec<AccessCell>,
    /// Whether resources were left out because there are too many.
    pub is_truncated: bool,
}

/// Who may do one action to one resource.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AccessCell {
    /// The action.
    pub action: String,
    /// The resource: `deployment/credit-default`.
    pub resource: String,
    /// `permit`, `forbid`, `default` (nothing permits) or `error`, in the principals' order.
    pub marks: Vec<String>,
}

/// `GET /api/v1/access/why`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessQuestion {
    /// The name of a principal, or `anonymous`.
    pub principal: String,
    /// An action: `Infer`.
    pub action: String,
    /// A resource: `deployment/credit-default`, `model/credit`, `version/credit/3`,
    /// `release/credit-default/3`, `principal/alice`, `key/<id>`, `decision/<id>`,
    /// `contract/<digest>`, `server`, `policy`.
    pub resource: String,
}

/// The answer to an [`AccessQuestion`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AccessVerdict {
    /// Whether the principal may.
    pub is_allowed: bool,
    /// The policies that decided. Empty: nothing permits.
    pub policies: Vec<DecidingPolicy>,
    /// When nothing permits: policies that would permit another principal.
    pub could: Vec<DecidingPolicy>,
    /// What went wrong while evaluating; any error is a denial.
    pub errors: Vec<String>,
    /// The answer in words.
    pub text: String,
}

/// A policy that took part in a verdict.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecidingPolicy {
    /// Its id.
    pub id: String,
    /// `permit` or `forbid`.
    pub effect: String,
    /// Its reason, in words.
    pub why: String,
}

/// `GET /api/v1/policies`: the policies in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Policies {
    /// SHA-256 of schema and policies.
    pub digest: Digest,
    /// The files.
    pub files: Vec<PolicyFile>,
}

/// A policy file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PolicyFile {
    /// Its name.
    pub name: String,
    /// Its text, in Cedar.
    pub text: String,
}
