//! Registered models of the catalogue: made, described, found, taken away.

use super::webhook::Happening;
use super::{Result, listed, millis, nothing, search};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use plimsoll_mlflow::{
    Args, Clause, Comparison, Error, Field, Grammar, Literal, MAX_DESCRIPTION, MAX_REGISTRY_TAG,
    Pair, is_production_alias, key_fits, model_name_fits, value_fits,
};
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{CatalogueRow, PairKind, Read, StoreError};
use serde_json::{Map, Value, json};

/// The tag that makes a registered model a prompt.
pub(super) const PROMPT: &str = "mlflow.prompt.is_prompt";
/// Tags of prompts that are not told to webhooks.
pub(super) const PROMPT_INTERNAL: &[&str] = &[PROMPT, "_mlflow_prompt_type", "mlflow.prompt.text"];
/// The most tags of one request.
const MAX_TAGS: usize = 1_000;

impl Control {
    /// `registered-models/create`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_create_model(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let name = args.text("name")?;
        let owner = self.owner(ctx, None)?;
        let resource = Resource::Catalogued {
            name: name.into(),
            owner: owner.as_str().into(),
            author: "".into(),
            tenant: ctx.tenant(),
        };
        let permit = self.permit(ctx, Action::AddCatalogued, &resource)?;
        model_name_fits(name)?;
        let description = args.maybe_text("description")?.unwrap_or_default();
        value_fits("description", description, MAX_DESCRIPTION)?;
        let tags = tags(args)?;
        let exists = || Error::exists(format!("Registered Model (name={name}) already exists."));
        if self.store.read(|r| r.catalogued(name))?.is_some() {
            return Err(exists().into());
        }
        let facts = json!({"name": name, "owner": owner, "tags": keys(&tags)});
        let row = self.carry_out(permit, facts, |tx, now| {
            let now = millis(now);
            let number =
                tx.insert_catalogued(name, &owner, description, now).map_err(
                    |error| match error {
                        StoreError::Exists(_) => exists().into(),
                        error => crate::ControlError::from(error),
                    },
                )?;
            tx.set_pairs(PairKind::Model, number, &tags)?;
            let row = tx.catalogued(name)?.ok_or_else(|| no_model(name))?;
            let is_prompt = tags.iter().any(|tag| tag.key == PROMPT && tag.value == "true");
            let entity = if is_prompt { "PROMPT" } else { "REGISTERED_MODEL" };
            let data = json!({
                "name": name,
                "tags": told(&tags, is_prompt),
                "description": description,
            });
            self.tell(tx, ctx, Happening::new(entity, "CREATED", data))?;
            Ok(row)
        })?;
        self.model_answer(&row)
    }

    /// `registered-models/get`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_get_model(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let row = self.readable_model(ctx, args.text("name")?)?;
        self.model_answer(&row)
    }

    /// `registered-models/search`. Those that the caller may not read are left out.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_search_models(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read(ctx, Action::ListCatalogue, &self.server())?;
        let mut search = search(Grammar::Models, args, 100, 1_000)?;
        without_prompts(&mut search.clauses);
        self.store.read(|r| {
            let (rows, token) = search.page.cut(r.find_models(&search)?);
            let readable = rows.iter().filter(|row| {
                self.allows(ctx, Action::ReadCatalogued, &self.catalogued_resource(row, None))
            });
            let items = readable.map(|row| Ok(json!(r.whole_model(row)?)));
            Ok(listed("registered_models", items.collect::<Result<_>>()?, token))
        })
    }

    /// `registered-models/update`: another description.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_update_model(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let name = args.text("name")?;
        let (row, resource) = self.model_of(ctx, name)?;
        let permit = self.permit(ctx, Action::ChangeCatalogued, &resource)?;
        let row = row.ok_or_else(|| no_model(name))?;
        let description = args.maybe_text("description")?.unwrap_or_default();
        value_fits("description", description, MAX_DESCRIPTION)?;
        let row = self.carry_out(permit, json!({"change": "description"}), |tx, now| {
            let row = model_as_it_is(tx, &row)?;
            tx.update_catalogued(row.row, &row.name, description, millis(now))?;
            Ok(tx.catalogued(name)?.ok_or_else(|| no_model(name))?)
        })?;
        self.model_answer(&row)
    }

    /// `registered-models/rename`. A model that deployments or governed versions name keeps its
    /// name.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_rename_model(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let name = args.text("name")?;
        let (row, resource) = self.model_of(ctx, name)?;
        let permit = self.permit(ctx, Action::ChangeCatalogued, &resource)?;
        let row = row.ok_or_else(|| no_model(name))?;
        let new = args.text("new_name")?;
        model_name_fits(new)?;
        // Whoever may not make a model of that name may not rename one to it.
        let wanted = Resource::Catalogued {
            name: new.into(),
            owner: row.owner.as_str().into(),
            author: "".into(),
            tenant: ctx.tenant(),
        };
        drop(self.permit(ctx, Action::AddCatalogued, &wanted)?);
        let row = self.carry_out(permit, json!({"name": name, "new_name": new}), |tx, now| {
            let row = model_as_it_is(tx, &row)?;
            keeps(tx, &row, "renamed")?;
            tx.update_catalogued(row.row, new, &row.description, millis(now)).map_err(|error| {
                match error {
                    StoreError::Exists(_) => {
                        Error::exists(format!("Registered Model (name={new}) already exists."))
                            .into()
                    }
                    error => crate::ControlError::from(error),
                }
            })?;
            Ok(tx.catalogued(new)?.ok_or_else(|| no_model(new))?)
        })?;
        self.model_answer(&row)
    }

    /// `registered-models/delete`. Refused while anything needs one of its versions.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_delete_model(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let name = args.text("name")?;
        let (row, resource) = self.model_of(ctx, name)?;
        let permit = self.permit(ctx, Action::DeleteCatalogued, &resource)?;
        let row = row.ok_or_else(|| no_model(name))?;
        self.carry_out(permit, json!({"name": name}), |tx, _| {
            let row = model_as_it_is(tx, &row)?;
            keeps(tx, &row, "deleted")?;
            for (alias, _) in tx.aliases(row.row)? {
                if is_production_alias(&alias) {
                    return Err(in_production(&format!("the alias '{alias}'")).into());
                }
            }
            if tx.latest_versions(row.row)?.iter().any(|version| version.stage == "Production") {
                return Err(in_production("the stage Production").into());
            }
            Ok(tx.delete_catalogued(row.row)?)
        })?;
        Ok(nothing())
    }

    /// `registered-models/set-tag`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_set_model_tag(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let name = args.text("name")?;
        let (row, resource) = self.model_of(ctx, name)?;
        let permit = self.permit(ctx, Action::ChangeCatalogued, &resource)?;
        let row = row.ok_or_else(|| no_model(name))?;
        let (key, value) = (args.text("key")?, args.maybe_text("value")?.unwrap_or_default());
        key_fits("key", key)?;
        value_fits("value", value, MAX_REGISTRY_TAG)?;
        self.carry_out(permit, json!({"tag": key}), |tx, now| {
            let row = model_as_it_is(tx, &row)?;
            tx.set_pair(PairKind::Model, row.row, key, value)?;
            tx.update_catalogued(row.row, &row.name, &row.description, millis(now))?;
            if is_prompt(tx, row.row)? {
                let data = json!({"name": name, "key": key, "value": value});
                self.tell(tx, ctx, Happening::new("PROMPT_TAG", "SET", data))?;
            }
            Ok(())
        })?;
        Ok(nothing())
    }

    /// `registered-models/delete-tag`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_delete_model_tag(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let name = args.text("name")?;
        let (row, resource) = self.model_of(ctx, name)?;
        let permit = self.permit(ctx, Action::ChangeCatalogued, &resource)?;
        let row = row.ok_or_else(|| no_model(name))?;
        let key = args.text("key")?;
        key_fits("key", key)?;
        self.carry_out(permit, json!({"tag": key, "deleted": true}), |tx, now| {
            let row = model_as_it_is(tx, &row)?;
            let was_prompt = is_prompt(tx, row.row)?;
            tx.remove_pair(PairKind::Model, row.row, key)?;
            tx.update_catalogued(row.row, &row.name, &row.description, millis(now))?;
            if was_prompt {
                let data = json!({"name": name, "key": key});
                self.tell(tx, ctx, Happening::new("PROMPT_TAG", "DELETED", data))?;
            }
            Ok(())
        })?;
        Ok(nothing())
    }

    fn model_answer(&self, row: &CatalogueRow) -> Result<Value> {
        self.store.read(|r| Ok(json!({"registered_model": r.whole_model(row)?})))
    }

    /// A model that the caller may read.
    pub(super) fn readable_model(&self, ctx: &RequestContext, name: &str) -> Result<CatalogueRow> {
        let (row, resource) = self.model_of(ctx, name)?;
        self.may_read(ctx, Action::ReadCatalogued, &resource)?;
        Ok(row.ok_or_else(|| no_model(name))?)
    }

    /// A model, if it is there, and what policy is asked about.
    pub(super) fn model_of(
        &self,
        ctx: &RequestContext,
        name: &str,
    ) -> Result<(Option<CatalogueRow>, Resource)> {
        let row = self.store.read(|r| r.catalogued(name))?;
        let resource = match &row {
            Some(row) => self.catalogued_resource(row, None),
            None => Resource::Catalogued {
                name: name.into(),
                owner: "".into(),
                author: "".into(),
                tenant: ctx.tenant(),
            },
        };
        Ok((row, resource))
    }

    /// A model as policy sees it, perhaps with the author of one of its versions.
    pub(crate) fn catalogued_resource(&self, row: &CatalogueRow, author: Option<&str>) -> Resource {
        Resource::Catalogued {
            name: row.name.as_str().into(),
            owner: row.owner.as_str().into(),
            author: author.unwrap_or_default().into(),
            tenant: self.tenant,
        }
    }
}

/// A model as it is now; what was read before the change had its turn may have changed since.
pub(super) fn model_as_it_is(read: &Read<'_>, row: &CatalogueRow) -> Result<CatalogueRow> {
    let now = read.catalogued(&row.name)?.filter(|now| now.row == row.row);
    Ok(now.ok_or_else(|| no_model(&row.name))?)
}

pub(super) fn no_model(name: &str) -> Error {
    Error::missing(format!("Registered Model with name={name} not found"))
}

pub(super) fn in_production(how: &str) -> Error {
    Error::conflict(format!(
        "it is in production by {how}, and nothing in use can be deleted; point that elsewhere first"
    ))
}

/// Whether a model is a prompt.
pub(super) fn is_prompt(read: &Read<'_>, model: i64) -> Result<bool> {
    Ok(read.pair(PairKind::Model, model, PROMPT)?.is_some_and(|value| value == "true"))
}

/// Searches show prompts only to those who ask for them.
pub(super) fn without_prompts(clauses: &mut Vec<Clause>) {
    let asks = |clause: &Clause| matches!(&clause.field, Field::Tag(key) if key == PROMPT);
    if !clauses.iter().any(asks) {
        clauses.push(Clause {
            field: Field::Tag(PROMPT.into()),
            comparison: Comparison::Unequal,
            literal: Literal::Text("true".into()),
        });
    }
}

/// Tags of the registry, checked.
pub(super) fn tags(args: &Args) -> Result<Vec<Pair>> {
    let tags = args.pairs("tags")?;
    if tags.len() > MAX_TAGS {
        return Err(Error::invalid("there are too many tags").into());
    }
    for tag in &tags {
        key_fits("key", &tag.key)?;
        value_fits("value", &tag.value, MAX_REGISTRY_TAG)?;
    }
    Ok(tags)
}

/// The keys of tags, for events: values may be long, and prompts are texts of people.
pub(super) fn keys(tags: &[Pair]) -> Vec<&str> {
    tags.iter().map(|tag| tag.key.as_str()).collect()
}

/// Tags as webhooks are told of them.
pub(super) fn told(tags: &[Pair], is_prompt: bool) -> Map<String, Value> {
    let internal = |key: &str| is_prompt && PROMPT_INTERNAL.contains(&key);
    let shown = tags.iter().filter(|tag| !internal(&tag.key));
    shown.map(|tag| (tag.key.clone(), tag.value.clone().into())).collect()
}

/// Refuses what would take away something that is needed.
fn keeps(read: &Read<'_>, row: &CatalogueRow, what: &str) -> Result<()> {
    if let Some(deployment) = read.deployment_of(&row.name, None)? {
        return Err(Error::conflict(format!(
            "the deployment `{deployment}` uses this model, so it cannot be {what}"
        ))
        .into());
    }
    if let Some(number) = read.kept_version(row.row)? {
        return Err(Error::conflict(format!(
            "version {number} is governed or under a legal hold, so the model cannot be {what}"
        ))
        .into());
    }
    Ok(())
}
