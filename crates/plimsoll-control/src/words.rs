//! Between the words that travel, the words of policy, and the words in the store.

use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_policy::{Environment, PrincipalKind, Resource, Role, RoleSet};
use plimsoll_store::StoreError;
use std::str::FromStr;

/// A word that the store holds, read back.
pub(crate) fn stored<T: FromStr>(word: &str, what: &'static str) -> Result<T, ControlError> {
    let damaged = || StoreError::Damaged(format!("a {what} is unknown"));
    word.parse().map_err(|_| ControlError::Store(damaged()))
}

pub(crate) const fn environment(word: api::Environment) -> Environment {
    match word {
        api::Environment::Development => Environment::Development,
        api::Environment::Staging => Environment::Staging,
        api::Environment::Production => Environment::Production,
    }
}

pub(crate) const fn principal_kind(word: api::PrincipalKind) -> PrincipalKind {
    match word {
        api::PrincipalKind::User => PrincipalKind::User,
        api::PrincipalKind::Service => PrincipalKind::Service,
    }
}

/// The roles that a principal's row names.
pub(crate) fn roles(words: &[String]) -> Result<RoleSet, ControlError> {
    words.iter().map(|word| stored::<Role>(word, "role")).collect()
}

/// How a resource is named in the ledger, in answers and in `access why`.
pub(crate) fn label(resource: &Resource) -> Box<str> {
    match resource {
        Resource::Server { .. } => "server".into(),
        Resource::Policy => "policy".into(),
        Resource::Deployment(deployment) => format!("deployment/{}", deployment.name).into(),
        Resource::Release { number, into, .. } => format!("release/{}/{number}", into.name).into(),
        Resource::Model { name, .. } => format!("model/{name}").into(),
        Resource::Version { model, number, .. } => format!("version/{model}/{number}").into(),
        Resource::Catalogued { name, .. } => format!("catalogue/{name}").into(),
        Resource::Dataset { name, .. } => format!("dataset/{name}").into(),
        Resource::Decision { id, .. } => format!("decision/{id}").into(),
        Resource::Principal { id, .. } => format!("principal/{id}").into(),
        Resource::Key { id, .. } => format!("key/{id}").into(),
        Resource::Contract { name, .. } => format!("contract/{name}").into(),
    }
}
