//! Registered models: made, listed, shown.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::page::{limit, page};
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::ModelRow;
use plimsoll_types::{ModelId, Name};
use serde_json::json;

/// The longest text that people write about a thing, in bytes: a paragraph.
const MAX_DESCRIPTION: usize = 2_000;
/// The longest name of an owner, in bytes: a team or a person.
const MAX_OWNER: usize = 200;

impl Control {
    /// Registers a model.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_model(
        &self,
        ctx: &RequestContext,
        wanted: &api::CreateModel,
    ) -> Result<api::RegisteredModel, ControlError> {
        let owner = self.owner(ctx, wanted.owner.as_deref())?;
        let permit = self.permit(
            ctx,
            Action::CreateModel,
            &Resource::Model {
                name: wanted.name.clone(),
                owner: owner.as_str().into(),
                tenant: ctx.tenant(),
            },
        )?;
        if wanted.description.as_ref().is_some_and(|text| text.len() > MAX_DESCRIPTION) {
            return Err(ControlError::invalid("description", "must be at most 2000 bytes"));
        }
        if self.store.read(|r| r.model_named(wanted.name.as_str()))?.is_some() {
            let detail = format!("there is already a registered model `{}`", wanted.name);
            return Err(ControlError::conflict(detail));
        }
        let facts = json!({"name": wanted.name, "owner": owner});
        let row = self.carry_out(permit, facts, |tx, now| {
            let row = ModelRow {
                id: ModelId::new(now),
                name: wanted.name.clone(),
                owner,
                description: wanted.description.clone(),
                tenant: ctx.tenant(),
                created_at: now,
                latest_version: 0,
            };
            tx.insert_model(&row)?;
            Ok(row)
        })?;
        Ok(shown(row))
    }

    /// A registered model.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_model(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::RegisteredModel, ControlError> {
        let (row, resource) = self.model_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadModel, &resource)?;
        row.map(shown).ok_or_else(|| ControlError::not_found("registered model", name))
    }

    /// Registered models that the caller may see, by name.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_models(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::RegisteredModel>, ControlError> {
        self.may_read(ctx, Action::ListModels, &self.server())?;
        let after = query.cursor.as_deref();
        let limit = limit(query.limit)?;
        let rows = self.store.read(|r| r.models(after, limit))?;
        page(
            query,
            rows,
            |row| row.name.to_string(),
            |row| Ok(self.allows(ctx, Action::ReadModel, &resource_of(&row)).then(|| shown(row))),
        )
    }

    /// A model, if it is there, and what policy is asked about.
    pub(crate) fn model_resource(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<(Option<ModelRow>, Resource), ControlError> {
        let row = self.store.read(|r| r.model_named(name.as_str()))?;
        let resource = row.as_ref().map(resource_of);
        let missing =
            || Resource::Model { name: name.clone(), owner: "".into(), tenant: ctx.tenant() };
        Ok((row, resource.unwrap_or_else(missing)))
    }

    /// The owner that is wanted, or else the caller's own name.
    pub(crate) fn owner(
        &self,
        ctx: &RequestContext,
        wanted: Option<&str>,
    ) -> Result<String, ControlError> {
        match wanted {
            Some(owner) if owner.is_empty() || owner.len() > MAX_OWNER => {
                Err(ControlError::invalid("owner", "must be 1 to 200 bytes"))
            }
            Some(owner) => Ok(owner.to_owned()),
            None => {
                let row = self.store.read(|r| r.principal(ctx.id))?;
                Ok(row.map_or_else(|| "nobody".to_owned(), |row| row.name.to_string()))
            }
        }
    }

    /// The installation, as policy sees it.
    pub(crate) fn server(&self) -> Resource {
        Resource::Server { public_ledger: self.config.public_ledger, tenant: self.tenant }
    }
}

pub(crate) fn resource_of(row: &ModelRow) -> Resource {
    Resource::Model { name: row.name.clone(), owner: row.owner.as_str().into(), tenant: row.tenant }
}

fn shown(row: ModelRow) -> api::RegisteredModel {
    api::RegisteredModel {
        id: row.id,
        name: row.name,
        owner: row.owner,
        description: row.description,
        latest_version: row.latest_version,
        created_at: row.created_at.into(),
    }
}
