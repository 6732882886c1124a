//! An issuer's rules, and the judgement on a token.

use crate::claims::{self, Window};
use crate::console::ConsoleClient;
use crate::error::TokenError;
use crate::jwks::KeySet;
use crate::jws::{Algorithm, Token};
use aws_lc_rs::digest::{self, SHA256};
use plimsoll_policy::{Environment, Principal, PrincipalKind, RoleSet};
use plimsoll_types::{Name, PrincipalId, TenantId, Time};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Named by its discovery document (OpenID Connect Discovery 1.0 §4).
    Discovery,
    /// At this address.
    Url(String),
    /// In this file.
    File(String),
}

/// An issuer of tokens, and what its tokens must be.
pub struct Issuer {
    /// What it is called here.
    pub name: Name,
    /// `iss` in its tokens.
    pub url: String,
    /// Where its keys are.
    pub keys: KeySource,
    /// Time between two fetches of the key set.
    pub refresh: Duration,
    /// The least time between two fetches.
    pub refetch: Duration,
    /// How long the last good key set is believed.
    pub stale: Duration,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// The console as its client, if people may sign in at it.
    pub console: Option<ConsoleClient>,
    pub(crate) audiences: Vec<String>,
    pub(crate) window: Window,
    pub(crate) subject_claim: String,
    pub(crate) kind: PrincipalKind,
    pub(crate) required: BTreeMap<String, Value>,
    pub(crate) groups_claim: Vec<String>,
    pub(crate) roles: BTreeMap<String, RoleSet>,
    pub(crate) environment: Option<Environment>,
    pub(crate) deployments: Option<Arc<[Name]>>,
    pub(crate) tenant: TenantId,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who somebody is outside of this installation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// What the issuer is called here; `certificate` for a client certificate.
    pub issuer: Box<str>,
    /// The issuer's address, or `x509`.
    pub url: Box<str>,
    /// The name at the issuer.
    pub subject: Box<str>,
    /// A person or a program.
    pub kind: PrincipalKind,
    /// The id that records have of it.
    pub id: PrincipalId,
}

/// Shows no subject: it may be a person's.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} of {})", self.id, self.issuer)
    }
}

/// What a token or certificate proves.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Who it is.
    pub identity: Identity,
    /// The same as policy sees it.
    pub principal: Principal,
    /// Until when it may be believed without looking again.
    pub until: Time,
}

/// The id of a principal that another system names. The same names give the same id for ever, so
/// that records of years belong together (RFC 9562 §5.8, over SHA-256).
#[must_use]
pub fn principal_id(issuer_url: &str, subject: &str) -> PrincipalId {
    let mut hash = digest::Context::new(&SHA256);
    hash.update(b"plimsoll identity v1\0");
    // The length keeps issuer and subject apart.
    hash.update(&u64::try_from(issuer_url.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(issuer_url.as_bytes());
    hash.update(subject.as_bytes());
    let mut id = [0; 16];
    id.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    PrincipalId::from_bytes(id)
}

impl Issuer {
    /// Judges a token at `now` by a key set of this issuer: signature first, then whom it is
    /// from, whom it is for, when, what else it must say, and last what its groups give.
    ///
    /// # Errors
    /// [`TokenError`], the first that is wrong.
    pub fn verify(
        &self,
        token: Token<'_>,
        keys: &KeySet,
        now: Time,
    ) -> Result<Verified, TokenError> {
        let claims = token.verified(keys, &self.algorithms)?;
        if claims::text(&claims, "iss")? != self.url {
            return Err(TokenError::Issuer);
        }
        claims::audience(&claims, &self.audiences)?;
        let expires = claims::times(&claims, now, &self.window)?;
        for (name, wanted) in &self.required {
            match claims.get(name) {
                None => return Err(TokenError::Missing),
                Some(found) if found == wanted => {}
                Some(_) => return Err(TokenError::Claim),
            }
        }
        let subject = claims::subject(&claims, &self.subject_claim)?;
        let groups = claims::groups(&claims, &self.groups_claim)?;
        let given = groups.iter().filter_map(|group| self.roles.get(*group));
        let roles: RoleSet = given.flat_map(|roles| roles.iter()).collect();
        let id = principal_id(&self.url, subject);
        Ok(Verified {
            principal: Principal {
                kind: self.kind,
                id: id.to_string().into(),
                roles,
                environment: self.environment,
                scopes: self.deployments.clone(),
                tenant: self.tenant,
                dev: false,
            },
            identity: Identity {
                issuer: self.name.as_str().into(),
                url: self.url.as_str().into(),
                subject: subject.into(),
                kind: self.kind,
                id,
            },
            until: expires.plus(self.window.leeway),
        })
    }
}
