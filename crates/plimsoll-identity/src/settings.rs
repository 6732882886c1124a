//! The declaration of issuers and certificates as the operator writes it, and its check.

use crate::certificate::CertificateRule;
use crate::claims::Window;
use crate::console::ConsoleDocument;
use crate::error::IdentityError;
use crate::issuer::{Issuer, KeySource};
use crate::jws::Algorithm;
use plimsoll_policy::{Environment, PrincipalKind, Role, RoleSet};
use plimsoll_types::{Name, TenantId};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most issuers. Each has a task and a key set.
pub const MAX_ISSUERS: usize = 16;
/// The most certificate rules: they are looked through one by one.
const MAX_RULES: usize = 1_024;
/// The most entries in a list or table of an issuer.
const MAX_ENTRIES: usize = 1_024;
/// The longest clock difference that is forgiven: more is a broken clock.
const MAX_LEEWAY_SECONDS: u64 = 300;
const DAY_SECONDS: u64 = 86_400;

/// Everyone who may vouch for a caller.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityDocument {
    /// Issuers of bearer tokens.
    #[serde(default)]
    pub issuer: Vec<IssuerDocument>,
    /// Client certificates, by a name in them.
    #[serde(default)]
    pub certificate: Vec<CertificateDocument>,
}

/// One issuer of bearer tokens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerDocument {
    /// What it is called here, in logs, metrics and beside its subjects.
    pub name: Name,
    /// `iss` in its tokens, to the letter.
    pub url: String,
    /// Of `aud`, at least one must be among these.
    pub audiences: Vec<String>,
    /// The algorithms its tokens may be signed with.
    pub algorithms: Vec<String>,
    /// Where its key set is; without it and `jwks_file` the discovery document is asked.
    pub jwks_url: Option<String>,
    /// A file with its key set, read again at each interval.
    pub jwks_file: Option<String>,
    /// Seconds between two fetches of the key set.
    #[serde(default = "refresh")]
    pub refresh_seconds: u64,
    /// The least seconds between two fetches, however many unknown keys are named.
    #[serde(default = "refetch")]
    pub refetch_seconds: u64,
    /// Seconds that the last good key set is believed while no newer one is to be had.
    #[serde(default = "stale")]
    pub stale_seconds: u64,
    /// Seconds by which the clocks may differ.
    #[serde(default = "leeway")]
    pub leeway_seconds: u64,
    /// Seconds that a token may have to live when it is shown.
    #[serde(default = "lifetime")]
    pub max_lifetime_seconds: u64,
    /// The claim with the principal's name at the issuer.
    #[serde(default = "sub")]
    pub subject_claim: String,
    /// Whether its subjects are persons or programs.
    pub kind: PrincipalKind,
    /// Claims that must have exactly this value.
    #[serde(default)]
    pub required: BTreeMap<String, Value>,
    /// The way to the claim with the groups, member by member.
    #[serde(default = "groups")]
    pub groups_claim: Vec<String>,
    /// Which roles a group gives.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<Role>>,
    /// The only environment its subjects reach.
    pub environment: Option<Environment>,
    /// The only deployments its subjects reach.
    pub deployments: Option<Vec<Name>>,
    /// How people sign in to the console at it, if they may.
    pub console: Option<ConsoleDocument>,
}

/// What a client certificate gives.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateDocument {
    /// `uri:spiffe://…`, `dns:scorer.example.org` or `cn:scorer`.
    pub subject: String,
    /// Whether it is a person's or a program's.
    pub kind: PrincipalKind,
    /// The roles it gives.
    pub roles: Vec<Role>,
    /// The only environment it reaches.
    pub environment: Option<Environment>,
    /// The only deployments it reaches.
    pub deployments: Option<Vec<Name>>,
}

const fn refresh() -> u64 {
    600
}
const fn refetch() -> u64 {
    10
}
const fn stale() -> u64 {
    DAY_SECONDS
}
const fn leeway() -> u64 {
    30
}
const fn lifetime() -> u64 {
    DAY_SECONDS
}
fn sub() -> String {
    "sub".to_owned()
}
fn groups() -> Vec<String> {
    vec!["groups".to_owned()]
}

impl IdentityDocument {
    /// Checks the declaration and compiles it for `tenant`.
    ///
    /// # Errors
    /// [`IdentityError`] with the place and what it must be.
    pub fn compile(
        self,
        tenant: TenantId,
    ) -> Result<(Vec<Issuer>, Vec<CertificateRule>), IdentityError> {
        if self.issuer.len() > MAX_ISSUERS {
            let rule = format!("there may be at most {MAX_ISSUERS}");
            return Err(IdentityError::new("issuer", rule));
        }
        if self.certificate.len() > MAX_RULES {
            let rule = format!("there may be at most {MAX_RULES}");
            return Err(IdentityError::new("certificate", rule));
        }
        let mut issuers: Vec<Issuer> = Vec::new();
        for (number, document) in (1..).zip(self.issuer) {
            let place = format!("issuer {number}");
            let issuer = issuer(document, &place, tenant)?;
            let is_same = |other: &Issuer| other.url == issuer.url || other.name == issuer.name;
            if issuers.iter().any(is_same) {
                return Err(IdentityError::new(place, "its `name` or `url` is another issuer's"));
            }
            issuers.push(issuer);
        }
        let mut rules: Vec<CertificateRule> = Vec::new();
        for (number, document) in (1..).zip(self.certificate) {
            let place = format!("certificate {number}");
            let rule = CertificateRule::compile(document, tenant)
                .map_err(|rule| IdentityError::new(place.as_str(), rule))?;
            if rules.iter().any(|other| other.subject() == rule.subject()) {
                return Err(IdentityError::new(place, "its `subject` is another rule's"));
            }
            rules.push(rule);
        }
        Ok((issuers, rules))
    }
}

fn issuer(
    document: IssuerDocument,
    place: &str,
    tenant: TenantId,
) -> Result<Issuer, IdentityError> {
    let wrong = |rule: &str| Err(IdentityError::new(place, rule));
    if !(document.url.starts_with("https://") || document.url.starts_with("http://")) {
        return wrong("`url` must be an address, as it stands in `iss`");
    }
    if document.audiences.is_empty() || document.audiences.len() > MAX_ENTRIES {
        return wrong("`audiences` must name whom its tokens are meant for, as in `aud`");
    }
    let algorithms: Result<Vec<Algorithm>, _> =
        document.algorithms.iter().map(|word| word.parse()).collect();
    let Ok(algorithms) = algorithms else {
        return wrong(
            "`algorithms` may be RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA; \
             never `none`, never HS…",
        );
    };
    if algorithms.is_empty() || algorithms.len() > Algorithm::ALL.len() {
        return wrong("`algorithms` must name what its tokens are signed with");
    }
    if document.leeway_seconds > MAX_LEEWAY_SECONDS {
        return wrong("`leeway_seconds` must be at most 300");
    }
    if !(1..=30 * DAY_SECONDS).contains(&document.max_lifetime_seconds) {
        return wrong("`max_lifetime_seconds` must be 1 to 30 days");
    }
    if !(1..=DAY_SECONDS).contains(&document.refresh_seconds)
        || !(1..=document.refresh_seconds).contains(&document.refetch_seconds)
    {
        return wrong(
            "`refresh_seconds` must be 1 to 86400, `refetch_seconds` 1 to `refresh_seconds`",
        );
    }
    if !(document.refresh_seconds..=30 * DAY_SECONDS).contains(&document.stale_seconds) {
        return wrong("`stale_seconds` must be at least `refresh_seconds`, at most 30 days");
    }
    if document.groups_claim.is_empty() || document.groups_claim.len() > 8 {
        return wrong("`groups_claim` must be the way to a claim, one to eight members");
    }
    if document.roles.len() > MAX_ENTRIES || document.required.len() > MAX_ENTRIES {
        return wrong("`roles` and `required` may have at most 1024 entries");
    }
    if document.required.values().any(|value| !is_plain(value)) {
        return wrong("`required` values must be a text, a whole number or a yes or no");
    }
    if document.deployments.as_ref().is_some_and(|d| d.len() > plimsoll_policy::MAX_SCOPES) {
        return wrong("`deployments` names more than a principal can be limited to");
    }
    let console = document.console.map(|console| console.compile(&document.audiences)).transpose();
    let console = match console {
        Ok(console) => console,
        Err(rule) => return wrong(rule),
    };
    let keys = match (document.jwks_url, document.jwks_file) {
        (Some(_), Some(_)) => return wrong("`jwks_url` and `jwks_file` exclude one another"),
        (Some(url), None) => KeySource::Url(url),
        (None, Some(file)) => KeySource::File(file),
        (None, None) => KeySource::Discovery,
    };
    let role_sets = document.roles.into_iter();
    Ok(Issuer {
        name: document.name,
        url: document.url,
        audiences: document.audiences,
        algorithms,
        keys,
        refresh: Duration::from_secs(document.refresh_seconds),
        refetch: Duration::from_secs(document.refetch_seconds),
        stale: Duration::from_secs(document.stale_seconds),
        window: Window {
            leeway: Duration::from_secs(document.leeway_seconds),
            max_lifetime: Duration::from_secs(document.max_lifetime_seconds),
        },
        subject_claim: document.subject_claim,
        kind: document.kind,
        required: document.required,
        groups_claim: document.groups_claim,
        roles: role_sets
            .map(|(group, roles)| (group, roles.into_iter().collect::<RoleSet>()))
            .collect(),
        environment: document.environment,
        deployments: document.deployments.map(Into::into),
        console,
        tenant,
    })
}

fn is_plain(value: &Value) -> bool {
    value.is_string() || value.is_boolean() || value.is_u64() || value.is_i64()
}
