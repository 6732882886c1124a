//! Questions about access: who may do what, why, and by which policies.

use crate::bootstrap::Control;
use crate::compile::principal;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::words::label;
use crate::{deployment, key, model, principal as principals, version};
use plimsoll_api as api;
use plimsoll_policy::{
    Action, Effect, Mark, PolicyInfo, Principal, Resource, Standing, builtin_sources,
};
use plimsoll_types::Name;
use std::str::FromStr;

/// Principals and resources of each kind in a matrix. Every cell is one evaluation of about
/// 20 µs, and 30 × (7 kinds × 30) × some actions is about two seconds.
const MAX_MATRIX: u32 = 30;

/// Whom and what a matrix is about.
pub(crate) struct AccessQuestions {
    pub(crate) names: Vec<String>,
    pub(crate) principals: Vec<Principal>,
    labelled: Vec<(Box<str>, Resource)>,
    pub(crate) is_truncated: bool,
}

impl AccessQuestions {
    pub(crate) fn resources(&self) -> Vec<(&str, Resource)> {
        self.labelled.iter().map(|(label, resource)| (&**label, resource.clone())).collect()
    }
}

impl Control {
    /// Every action of live principals on live resources.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn access_matrix(&self, ctx: &RequestContext) -> Result<api::AccessMatrix, ControlError> {
        self.may_read(ctx, Action::ReadAccess, &Resource::Policy)?;
        let asked = self.access_questions(ctx)?;
        let matrix = self.policies.matrix(&asked.principals, &asked.resources());
        let rows = matrix.rows.into_iter().map(|row| api::AccessCell {
            action: row.action.to_string(),
            resource: row.resource.into(),
            marks: row.marks.into_iter().map(|mark| mark_word(mark).to_owned()).collect(),
        });
        let AccessQuestions { names, is_truncated, .. } = asked;
        Ok(api::AccessMatrix { principals: names, rows: rows.collect(), is_truncated })
    }

    /// Everybody who may be asked about, and everything.
    pub(crate) fn access_questions(
        &self,
        ctx: &RequestContext,
    ) -> Result<AccessQuestions, ControlError> {
        let rows = self.store.read(|r| r.principals(None, MAX_MATRIX))?;
        let mut names: Vec<String> = rows.iter().map(|row| row.name.to_string()).collect();
        let mut principals = rows.iter().map(principal).collect::<Result<Vec<_>, _>>()?;
        names.push("anonymous".to_owned());
        principals.push(Principal::anonymous());
        let (resources, more) = self.resources(ctx)?;
        let is_truncated = more || rows.len() >= MAX_MATRIX as usize;
        let labelled = resources.into_iter().map(|resource| (label(&resource), resource));
        Ok(AccessQuestions { names, principals, labelled: labelled.collect(), is_truncated })
    }

    /// The resources there are, of every kind that has any, and whether there are more.
    fn resources(&self, ctx: &RequestContext) -> Result<(Vec<Resource>, bool), ControlError> {
        let mut found = vec![self.server(), Resource::Policy];
        let mut more = false;
        self.store.read(|r| {
            let models = r.models(None, MAX_MATRIX)?;
            let deployments = r.deployments(None, MAX_MATRIX)?;
            let holders = r.principals(None, MAX_MATRIX)?;
            let keys = r.keys(None, MAX_MATRIX)?;
            let full = MAX_MATRIX as usize;
            more = [models.len(), deployments.len(), holders.len(), keys.len()].contains(&full);
            for row in &models {
                found.push(model::resource_of(row));
                if let Some(latest) = r.version(row.id, row.latest_version)? {
                    found.push(version::resource_of(row, &latest));
                }
            }
            for row in &deployments {
                let into = deployment::resource_of(row)?;
                found.push(Resource::Deployment(into.clone()));
                found.push(Resource::Decision {
                    id: plimsoll_types::DecisionId::from_bytes([0; 16]),
                    deployment: into.name.clone(),
                    environment: into.environment,
                    asker: None,
                    tenant: into.tenant,
                });
                let Some(of) = models.iter().find(|model| model.id == row.model) else { continue };
                let Some(latest) = r.version(of.id, of.latest_version)? else { continue };
                let (number, author) = (latest.number, latest.author.to_string().into());
                let (model, standing) = (of.name.clone(), Standing::default());
                found.push(Resource::Release { model, number, author, into, standing });
            }
            found.extend(holders.iter().map(principals::resource_of));
            for row in &keys {
                found.push(key::resource_of(row, ctx)?);
            }
            Ok::<_, ControlError>(())
        })?;
        Ok((found, more))
    }

    /// Whether a principal may do something, and which policies decide.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn access_why(
        &self,
        ctx: &RequestContext,
        question: &api::AccessQuestion,
    ) -> Result<api::AccessVerdict, ControlError> {
        self.may_read(ctx, Action::ReadAccess, &Resource::Policy)?;
        let who = self.principal_named(&question.principal)?;
        let action: Action = question
            .action
            .parse()
            .map_err(|_| ControlError::invalid("action", "no such action; `Infer` is one"))?;
        let what = self.resource_named(ctx, &question.resource)?;
        if what.kind() != action.resource_kind() {
            let detail = format!("`{action}` is done to a {}", action.resource_kind().as_str());
            return Err(ControlError::invalid("resource", detail));
        }
        let why = self.policies.why(&who, action, &what);
        Ok(api::AccessVerdict {
            is_allowed: why.verdict.allowed,
            text: why.to_string(),
            policies: why.deciding.iter().map(deciding).collect(),
            could: why.candidates.iter().map(deciding).collect(),
            errors: why.verdict.errors.into_iter().map(Into::into).collect(),
        })
    }

    /// The policies in force.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_policies(&self, ctx: &RequestContext) -> Result<api::Policies, ControlError> {
        self.may_read(ctx, Action::ReadPolicy, &Resource::Policy)?;
        let files = builtin_sources().iter();
        let file = |(name, text): &(&str, &str)| api::PolicyFile {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        };
        Ok(api::Policies { digest: self.policy_digest, files: files.map(file).collect() })
    }

    fn principal_named(&self, name: &str) -> Result<Principal, ControlError> {
        if name == "anonymous" {
            return Ok(Principal::anonymous());
        }
        let row = self.store.read(|r| r.principal_named(name))?;
        principal(&row.ok_or_else(|| ControlError::not_found("principal", name))?)
    }

    /// The resource that a text such as `deployment/credit-default` names.
    fn resource_named(&self, ctx: &RequestContext, text: &str) -> Result<Resource, ControlError> {
        let missing = || ControlError::not_found("resource", text);
        let mut parts = text.splitn(3, '/');
        let (kind, name, rest) = (parts.next(), parts.next(), parts.next());
        let found = match (kind.unwrap_or_default(), name, rest) {
            ("server", None, None) => Some(self.server()),
            ("policy", None, None) => Some(Resource::Policy),
            ("deployment", Some(name), None) => {
                let (row, resource) = self.deployment_resource(ctx, &read(name)?)?;
                row.map(|_| Resource::Deployment(resource))
            }
            ("model", Some(name), None) => {
                let (row, resource) = self.model_resource(ctx, &read(name)?)?;
                row.map(|_| resource)
            }
            ("version", Some(model), Some(number)) => {
                let (row, resource) = self.version_resource(ctx, &read(model)?, read(number)?)?;
                row.map(|_| resource)
            }
            ("release", Some(name), Some(number)) => {
                self.release_named(&read(name)?, read(number)?)?
            }
            ("principal", Some(name), None) => {
                let row = self.store.read(|r| r.principal_named(name))?;
                row.as_ref().map(principals::resource_of)
            }
            ("key", Some(id), None) => {
                let id = read(id)?;
                let row = self.store.read(|r| r.key(id))?;
                row.as_ref().map(|row| key::resource_of(row, ctx)).transpose()?
            }
            ("decision", Some(id), None) => {
                let id = read(id)?;
                let entry = self.decision_entry(id)?;
                let resource = self.decision_resource(ctx, id, entry.as_ref())?;
                entry.map(|_| resource)
            }
            ("contract", Some(digest), None) => {
                let digest = read(digest)?;
                let row = self.store.read(|r| r.contract(digest))?;
                row.map(|row| Resource::Contract {
                    name: digest.to_string().into(),
                    author: row.author.to_string().into(),
                    tenant: ctx.tenant(),
                })
            }
            _ => return Err(unreadable()),
        };
        found.ok_or_else(missing)
    }

    fn release_named(&self, name: &Name, number: u32) -> Result<Option<Resource>, ControlError> {
        self.store.read(|r| {
            let Some(row) = r.deployment_named(name.as_str())? else { return Ok(None) };
            let found = r.model(row.model)?.zip(r.version(row.model, number)?);
            let Some((model, version)) = found else { return Ok(None) };
            let author = version.author.to_string().into();
            let into = deployment::resource_of(&row)?;
            let (model, standing) = (model.name, Standing::default());
            Ok(Some(Resource::Release { model, number, author, into, standing }))
        })
    }
}

fn read<T: FromStr>(text: &str) -> Result<T, ControlError> {
    text.parse().map_err(|_| unreadable())
}

fn unreadable() -> ControlError {
    ControlError::invalid(
        "resource",
        "must be `server`, `policy`, or a kind and a name such as `deployment/credit-default`",
    )
}

pub(crate) const fn mark_word(mark: Mark) -> &'static str {
    match mark {
        Mark::Permit => "permit",
        Mark::Forbid => "forbid",
        Mark::Default => "default",
        Mark::Error => "error",
    }
}

fn deciding(info: &PolicyInfo) -> api::DecidingPolicy {
    let effect = match info.effect {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    };
    api::DecidingPolicy {
        id: info.id.to_string(),
        effect: effect.to_owned(),
        why: info.why.to_string(),
    }
}
