//! Versions of the catalogue's models: what they are made of never changes; aliases, stages
//! and tags do, and those of production only through an approver.

use super::catalogue::{
    in_production, is_prompt, keys, model_as_it_is, no_model, tags, told, without_prompts,
};
use super::source::{no_logged, resolve};
use super::webhook::Happening;
use super::{Result, listed, millis, nothing, search};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use plimsoll_artifact::FilePath;
use plimsoll_mlflow::{
    Args, Error, Grammar, MAX_DESCRIPTION, MAX_REGISTRY_TAG, MAX_RUN_TAG, alias_fits,
    is_production_alias, key_fits, run_id_fits, stage_of, value_fits,
};
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{CatalogueRow, CatalogueVersion, PairKind, Read};
use plimsoll_types::PrincipalId;
use serde_json::{Value, json};

/// The stage that is production.
const PRODUCTION: &str = "Production";
/// The tag of a logged model that says which versions it is.
const VERSIONS_TAG: &str = "mlflow.modelVersions";
/// The longest link, in characters: MLflow's column.
const MAX_LINK: usize = 500;
/// The most aliases of one model.
const MAX_ALIASES: usize = 1_000;
/// The longest reason of a hold, in characters.
const MAX_REASON: usize = 2_000;

/// A version with its model and what policy is asked about.
struct Found {
    version: Option<CatalogueVersion>,
    resource: Resource,
    name: String,
    number: u32,
}

impl Found {
    fn version(&self) -> Result<&CatalogueVersion> {
        Ok(self.version.as_ref().ok_or_else(|| no_version(&self.name, self.number))?)
    }
}

impl Control {
    /// `model-versions/create`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_create_version(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let name = args.text("name")?;
        let (model, resource) = self.model_of(ctx, name)?;
        let permit = self.permit(ctx, Action::AddCataloguedVersion, &resource)?;
        let new = NewVersion::of(args)?;
        let model = model.ok_or_else(|| no_model(name))?;
        let user = self.display_name(ctx.id)?.unwrap_or_default();
        // Before it is an intent, so that a source which is not there is no failed change.
        let location = self.store.read(|r| resolve(r, &new.source))?.location;
        let scan = self.scan_folder(ctx.id, &location)?;
        let found = scan.as_ref().map(|scan| scan.words()).unwrap_or_default();
        // Trying out is not blocked; using it in a deployment is.
        let is_blocked = !found.is_empty() && !self.config.dev;
        let facts = json!({"source": new.source, "run": new.run, "logged": new.logged,
                           "tags": keys(&new.tags), "scan": found});
        let row = self.carry_out(permit, facts, |tx, now| {
            let model = model_as_it_is(tx, &model)?;
            let from = resolve(tx, &new.source)?;
            let logged = match &new.logged {
                Some(id) => Some(tx.logged(id)?.ok_or_else(|| no_logged(id))?.id),
                None => from.logged,
            };
            let version = CatalogueVersion {
                row: 0,
                model: model.row,
                name: name.to_owned(),
                number: tx.highest_number(name)?.saturating_add(1),
                author: *ctx.id.as_bytes(),
                user,
                description: new.description.clone(),
                source: new.source.clone(),
                location: from.location,
                run: new.run.clone().or(from.run).unwrap_or_default(),
                run_link: new.run_link.clone(),
                logged,
                stage: "None".into(),
                status: if is_blocked { "FAILED_REGISTRATION" } else { "READY" }.into(),
                status_text: found,
                hold: None,
                governed: false,
                created_at: millis(now),
                updated_at: millis(now),
            };
            let row = tx.insert_catalogued_version(&version)?;
            if let Some(scan) = &scan {
                scan.note(tx, &format!("{name}/{}", version.number), ctx.id, now)?;
            }
            // What a version was registered from does not change any more.
            if let Some(path) = FilePath::from_source(&version.location) {
                tx.protect_path(path.as_str(), &format!("{name}/{}", version.number), now)?;
            }
            tx.set_pairs(PairKind::Version, row, &new.tags)?;
            if let Some(id) = &new.logged {
                tell_logged(tx, id, name, version.number)?;
            }
            touch(tx, &model.name, millis(now))?;
            self.tell(tx, ctx, new.happening(&version, is_prompt(tx, model.row)?))?;
            Ok(tx
                .catalogued_version(name, version.number)?
                .ok_or_else(|| no_version(name, version.number))?)
        })?;
        self.version_answer(&row)
    }

    /// `model-versions/get`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_get_version(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let found = self.catalogued_version_of(ctx, args)?;
        self.may_read(ctx, Action::ReadCatalogued, &found.resource)?;
        self.version_answer(found.version()?)
    }

    /// `model-versions/get-download-uri`: where the files are.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_download_uri(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let found = self.catalogued_version_of(ctx, args)?;
        self.may_read(ctx, Action::ReadCatalogued, &found.resource)?;
        Ok(json!({"artifact_uri": found.version()?.location}))
    }

    /// `model-versions/search`. Those that the caller may not read are left out.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_search_versions(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read(ctx, Action::ListCatalogue, &self.server())?;
        let mut search = search(Grammar::Versions, args, 10_000, 200_000)?;
        without_prompts(&mut search.clauses);
        self.store.read(|r| {
            let (rows, token) = search.page.cut(r.find_versions(&search)?);
            let mut items = Vec::with_capacity(rows.len());
            for row in &rows {
                let resource = self.version_resource_of(r, row)?;
                if self.allows(ctx, Action::ReadCatalogued, &resource) {
                    items.push(json!(r.whole_version(row)?));
                }
            }
            Ok(listed("model_versions", items, token))
        })
    }

    /// `registered-models/get-latest-versions`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_latest_versions(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let model = self.readable_model(ctx, args.text("name")?)?;
        let stages = args.texts("stages")?;
        let stages: Vec<&str> =
            stages.iter().map(|stage| stage_of(stage)).collect::<std::result::Result<_, _>>()?;
        self.store.read(|r| {
            let latest = r.latest_versions(model.row)?;
            let wanted = latest
                .iter()
                .filter(|row| stages.is_empty() || stages.contains(&row.stage.as_str()));
            let items = wanted.map(|row| Ok(json!(r.whole_version(row)?)));
            Ok(listed("model_versions", items.collect::<Result<_>>()?, None))
        })
    }

    /// `model-versions/update`: another description.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_update_version(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let found = self.catalogued_version_of(ctx, args)?;
        let permit = self.permit(ctx, Action::ChangeCatalogued, &found.resource)?;
        let description = args.maybe_text("description")?.unwrap_or_default().to_owned();
        value_fits("description", &description, MAX_DESCRIPTION)?;
        let row = found.version()?;
        let facts = json!({"version": row.number, "change": "description"});
        self.carry_out(permit, facts, |tx, now| {
            let row = CatalogueVersion { description, ..as_it_is(tx, row)? };
            Ok(tx.update_catalogued_version(&row, millis(now))?)
        })?;
        self.fresh_answer(row)
    }

    /// `model-versions/transition-stage`. To and from production it is a promotion.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_transition_stage(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let found = self.catalogued_version_of(ctx, args)?;
        let stage = stage_of(args.text("stage")?);
        let before = found.version.as_ref().map(|version| version.stage.clone());
        let promotes = |word: &str| word == PRODUCTION;
        let is_promotion = stage.as_ref().is_ok_and(|stage| promotes(stage))
            || before.as_deref().is_some_and(promotes);
        let action =
            if is_promotion { Action::PromoteCatalogued } else { Action::ChangeCatalogued };
        let permit = self.permit(ctx, action, &found.resource)?;
        let stage = stage?;
        let archive = args.maybe_bool("archive_existing_versions")?.unwrap_or(false);
        if archive && !matches!(stage, "Staging" | PRODUCTION) {
            return Err(Error::invalid(format!(
                "Model version transition cannot archive existing model versions because \
                 '{stage}' is not an Active stage. Valid stages are ['staging', 'production']"
            ))
            .into());
        }
        if stage == PRODUCTION {
            self.promotion_allowed(ctx, found.version()?)?;
        }
        let row = found.version()?;
        let seen = || {
            let from = self.store.read(|r| as_it_is(r, row))?.stage;
            Ok(json!({"version": row.number, "from": from, "to": stage,
                      "archive_others": archive}))
        };
        self.carry_out_seeing(permit, seen, |tx, now| {
            let row = as_it_is(tx, row)?;
            if promotes(&row.stage) && !is_promotion {
                return Err(Error::conflict("it went to production meanwhile").into());
            }
            let row = CatalogueVersion { stage: stage.to_owned(), ..row };
            if promotes(stage) {
                unblocked(&row)?;
            }
            tx.update_catalogued_version(&row, millis(now))?;
            touch(tx, &row.name, millis(now))?;
            if archive {
                tx.archive_stage(&row, stage, millis(now))?;
            }
            Ok(())
        })?;
        self.fresh_answer(row)
    }

    /// `model-versions/delete`. Refused while anything needs it; its number is never used again.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_delete_version(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let found = self.catalogued_version_of(ctx, args)?;
        let permit = self.permit(ctx, Action::DeleteCatalogued, &found.resource)?;
        let row = found.version()?;
        self.carry_out(permit, json!({"version": row.number}), |tx, now| {
            let row = as_it_is(tx, row)?;
            unused(tx, &row)?;
            touch(tx, &row.name, millis(now))?;
            Ok(tx.delete_catalogued_version(&row, millis(now))?)
        })?;
        Ok(nothing())
    }

    /// `model-versions/set-tag`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_set_version_tag(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let found = self.catalogued_version_of(ctx, args)?;
        let permit = self.permit(ctx, Action::ChangeCatalogued, &found.resource)?;
        let row = found.version()?;
        let (key, value) = (args.text("key")?, args.maybe_text("value")?.unwrap_or_default());
        key_fits("key", key)?;
        value_fits("value", value, MAX_REGISTRY_TAG)?;
        self.carry_out(permit, json!({"version": row.number, "tag": key}), |tx, now| {
            tx.set_pair(PairKind::Version, row.row, key, value)?;
            tx.update_catalogued_version(&as_it_is(tx, row)?, millis(now))?;
            let version = row.number.to_string();
            let data = json!({"name": row.name, "version": version, "key": key, "value": value});
            let entity = entity(tx, row, "PROMPT_VERSION_TAG", "MODEL_VERSION_TAG")?;
            self.tell(tx, ctx, Happening::new(entity, "SET", data))
        })?;
        Ok(nothing())
    }

    /// `model-versions/delete-tag`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_delete_version_tag(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let found = self.catalogued_version_of(ctx, args)?;
        let permit = self.permit(ctx, Action::ChangeCatalogued, &found.resource)?;
        let row = found.version()?;
        let key = args.text("key")?;
        key_fits("key", key)?;
        let facts = json!({"version": row.number, "tag": key, "deleted": true});
        self.carry_out(permit, facts, |tx, now| {
            tx.remove_pair(PairKind::Version, row.row, key)?;
            tx.update_catalogued_version(&as_it_is(tx, row)?, millis(now))?;
            let data = json!({"name": row.name, "version": row.number.to_string(), "key": key});
            let entity = entity(tx, row, "PROMPT_VERSION_TAG", "MODEL_VERSION_TAG")?;
            self.tell(tx, ctx, Happening::new(entity, "DELETED", data))
        })?;
        Ok(nothing())
    }

    /// `registered-models/alias` (POST). One that points to production is a promotion.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_set_alias(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let found = self.catalogued_version_of(ctx, args)?;
        let alias = args.text("alias")?;
        let permit = self.permit(ctx, moving(alias), &found.resource)?;
        alias_fits(alias)?;
        let row = found.version()?;
        if is_production_alias(alias) {
            unblocked(row)?;
            self.promotion_allowed(ctx, row)?;
        }
        let seen = || {
            let before = self.store.read(|r| r.aliased(row.model, alias))?;
            Ok(json!({"alias": alias, "from": before, "to": row.number}))
        };
        self.carry_out_seeing(permit, seen, |tx, now| {
            // It may have been deleted, or blocked, since it was looked at.
            let row = as_it_is(tx, row)?;
            if is_production_alias(alias) {
                unblocked(&row)?;
            }
            let before = tx.aliased(row.model, alias)?;
            if before.is_none() && tx.aliases(row.model)?.len() >= MAX_ALIASES {
                return Err(Error::invalid("the model has too many aliases").into());
            }
            tx.set_alias(row.model, alias, row.number)?;
            touch(tx, &row.name, millis(now))?;
            let data = json!({"name": row.name, "alias": alias, "version": row.number.to_string()});
            let entity = entity(tx, &row, "PROMPT_ALIAS", "MODEL_VERSION_ALIAS")?;
            let happening = Happening::new(entity, "CREATED", data);
            self.tell(tx, ctx, happening.before(before.map(|number| number.to_string())))
        })?;
        Ok(nothing())
    }

    /// Whether production may point to a version: every deployment of the model that stands in
    /// production, or was assessed, might let it answer. Where there is none, nothing answers here.
    fn promotion_allowed(&self, ctx: &RequestContext, row: &CatalogueVersion) -> Result<()> {
        for deployment in self.governed_deployments(&row.name)? {
            let number = row.number;
            // What answers already is not promoted by pointing to it.
            if deployment.released.is_some_and(|release| release.number == number) {
                continue;
            }
            if self.store.read(|r| r.version(deployment.model, number))?.is_none() {
                let why = "no version of this number can be gated: its files are not registered";
                return Err(Error::conflict(why).into());
            }
            self.promotion_allowed_by_gate(ctx, &deployment, number)?;
        }
        Ok(())
    }

    /// `registered-models/alias` (DELETE).
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_delete_alias(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let name = args.text("name")?;
        let alias = args.text("alias")?;
        let (model, resource) = self.model_of(ctx, name)?;
        let permit = self.permit(ctx, moving(alias), &resource)?;
        let model = model.ok_or_else(|| no_model(name))?;
        let seen = || {
            let before = self.store.read(|r| r.aliased(model.row, alias))?;
            Ok(json!({"alias": alias, "from": before, "to": null}))
        };
        self.carry_out_seeing(permit, seen, |tx, now| {
            let before = tx.aliased(model.row, alias)?;
            if !tx.remove_alias(model.row, alias)? {
                return Ok(());
            }
            touch(tx, name, millis(now))?;
            let is_prompt = is_prompt(tx, model.row)?;
            let entity = if is_prompt { "PROMPT_ALIAS" } else { "MODEL_VERSION_ALIAS" };
            let happening =
                Happening::new(entity, "DELETED", json!({"name": name, "alias": alias}));
            self.tell(tx, ctx, happening.before(before.map(|number| number.to_string())))
        })?;
        Ok(nothing())
    }

    /// `registered-models/alias` (GET): the version that an alias points to.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_get_alias(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let name = args.text("name")?;
        let model = self.readable_model(ctx, name)?;
        let alias = args.text("alias")?;
        let row = self.store.read(|r| {
            let number = r.aliased(model.row, alias)?.ok_or_else(|| {
                Error::invalid(format!("Registered model alias {alias} not found."))
            })?;
            let row = r.catalogued_version(name, number)?;
            Ok::<_, crate::ControlError>(row.ok_or_else(|| no_version(name, number))?)
        })?;
        self.version_answer(&row)
    }

    /// Places a legal hold on a version, or releases it with no `reason`. While it is held it
    /// cannot be deleted, by anybody.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn hold_catalogued(
        &self,
        ctx: &RequestContext,
        name: &str,
        number: u32,
        reason: Option<&str>,
    ) -> Result<()> {
        let args = Args::default().with("name", name).with("version", &number.to_string());
        let found = self.catalogued_version_of(ctx, &args)?;
        let permit = self.permit(ctx, Action::HoldCatalogued, &found.resource)?;
        let hold = reason.map(str::to_owned);
        if hold.as_ref().is_some_and(|reason| reason.is_empty() || reason.len() > MAX_REASON) {
            let detail = format!("must be 1 to {MAX_REASON} bytes");
            return Err(crate::ControlError::invalid("reason", detail));
        }
        let row = found.version()?;
        self.carry_out(permit, json!({"version": number, "hold": hold}), |tx, now| {
            let row = CatalogueVersion { hold, ..as_it_is(tx, row)? };
            Ok(tx.update_catalogued_version(&row, millis(now))?)
        })
    }

    fn version_answer(&self, row: &CatalogueVersion) -> Result<Value> {
        self.store.read(|r| Ok(json!({"model_version": r.whole_version(row)?})))
    }
    fn fresh_answer(&self, row: &CatalogueVersion) -> Result<Value> {
        let found = self.store.read(|r| r.catalogued_version(&row.name, row.number))?;
        self.version_answer(&found.ok_or_else(|| no_version(&row.name, row.number))?)
    }

    /// The version that `name` and `version` mean, if it is there, and what policy is asked.
    fn catalogued_version_of(&self, ctx: &RequestContext, args: &Args) -> Result<Found> {
        let name = args.text("name")?.to_owned();
        let text = args.text("version")?;
        let number = text.parse().map_err(|_| plimsoll_mlflow::no_integer("version", text))?;
        let (model, resource) = self.model_of(ctx, &name)?;
        let version = self.store.read(|r| r.catalogued_version(&name, number))?;
        let resource = match (&model, &version) {
            (Some(model), Some(version)) => self.catalogued_resource(model, Some(&author(version))),
            _ => resource,
        };
        Ok(Found { version, resource, name, number })
    }

    fn version_resource_of(&self, read: &Read<'_>, row: &CatalogueVersion) -> Result<Resource> {
        let model: CatalogueRow = read.catalogued(&row.name)?.ok_or_else(|| no_model(&row.name))?;
        Ok(self.catalogued_resource(&model, Some(&author(row))))
    }
}

/// What is told of a new version.
struct NewVersion {
    source: String,
    run: Option<String>,
    run_link: String,
    description: String,
    logged: Option<String>,
    tags: Vec<plimsoll_mlflow::Pair>,
}

impl NewVersion {
    fn of(args: &Args) -> Result<Self> {
        let text = |name| {
            Ok::<_, Error>(args.maybe_text(name)?.filter(|t| !t.is_empty()).map(str::to_owned))
        };
        let new = Self {
            source: args.text("source")?.to_owned(),
            run: text("run_id")?,
            run_link: text("run_link")?.unwrap_or_default(),
            description: text("description")?.unwrap_or_default(),
            logged: text("model_id")?,
            tags: tags(args)?,
        };
        value_fits("description", &new.description, MAX_DESCRIPTION)?;
        value_fits("run_link", &new.run_link, MAX_LINK)?;
        if new.run.as_deref().is_some_and(|run| !run_id_fits(run)) {
            return Err(Error::invalid("Invalid value for parameter 'run_id' supplied").into());
        }
        Ok(new)
    }

    fn happening(&self, version: &CatalogueVersion, is_prompt: bool) -> Happening {
        let number = version.number.to_string();
        let description = Some(&self.description).filter(|text| !text.is_empty());
        let tags = told(&self.tags, is_prompt);
        if is_prompt {
            let text = self.tags.iter().find(|tag| tag.key == "mlflow.prompt.text");
            let data = json!({"name": version.name, "version": number,
                "template": text.map(|tag| &tag.value), "tags": tags, "description": description});
            return Happening::new("PROMPT_VERSION", "CREATED", data);
        }
        let run = Some(&version.run).filter(|run| !run.is_empty());
        let data = json!({"name": version.name, "version": number, "source": version.source,
            "run_id": run, "tags": tags, "description": description});
        Happening::new("MODEL_VERSION", "CREATED", data)
    }
}

pub(super) fn no_version(name: &str, number: u32) -> Error {
    Error::missing(format!("Model Version (name={name}, version={number}) not found"))
}

fn author(version: &CatalogueVersion) -> String {
    PrincipalId::from_bytes(version.author).to_string()
}

fn moving(alias: &str) -> Action {
    if is_production_alias(alias) { Action::PromoteCatalogued } else { Action::ChangeCatalogued }
}

fn entity(
    read: &Read<'_>,
    row: &CatalogueVersion,
    prompt: &'static str,
    model: &'static str,
) -> Result<&'static str> {
    Ok(if is_prompt(read, row.model)? { prompt } else { model })
}

/// Says in a logged model's tag that it is this version, as MLflow's server does.
fn tell_logged(tx: &plimsoll_store::Write<'_>, id: &str, name: &str, number: u32) -> Result<()> {
    let row = tx.logged(id)?.ok_or_else(|| no_logged(id))?;
    let tags = tx.pairs(PairKind::Logged, row.row)?;
    let told = tags.iter().find(|tag| tag.key == VERSIONS_TAG).map(|tag| tag.value.as_str());
    let told = told.and_then(|text| text.strip_prefix('[')?.strip_suffix(']'));
    let one = format!("{{\"name\": {}, \"version\": {number}}}", Value::from(name));
    let text = match told.filter(|told| !told.is_empty()) {
        None => format!("[{one}]"),
        Some(told) if told.contains(&one) => return Ok(()),
        Some(told) => format!("[{told}, {one}]"),
    };
    // A model with more versions than fit into a tag is told of by the versions themselves.
    if value_fits("value", &text, MAX_RUN_TAG).is_ok() {
        tx.set_pair(PairKind::Logged, row.row, VERSIONS_TAG, &text)?;
    }
    Ok(())
}

/// A version as it is now. What was read before the change had its turn may have changed since:
/// written back, it would take a hold or a block away that came between.
fn as_it_is(read: &Read<'_>, row: &CatalogueVersion) -> Result<CatalogueVersion> {
    let now = read.catalogued_version(&row.name, row.number)?.filter(|now| now.row == row.row);
    Ok(now.ok_or_else(|| no_version(&row.name, row.number))?)
}

/// Notes that a model was changed.
fn touch(tx: &plimsoll_store::Write<'_>, name: &str, now: i64) -> Result<()> {
    let row = tx.catalogued(name)?.ok_or_else(|| no_model(name))?;
    Ok(tx.update_catalogued(row.row, &row.name, &row.description, now)?)
}

/// Refuses to promote what a scan blocked.
fn unblocked(row: &CatalogueVersion) -> Result<()> {
    if row.status == "READY" {
        return Ok(());
    }
    Err(Error::conflict(format!("the version is blocked: {}", row.status_text)).into())
}

/// Refuses to delete what is needed.
fn unused(read: &Read<'_>, row: &CatalogueVersion) -> Result<()> {
    if row.hold.is_some() {
        return Err(Error::conflict("it is under a legal hold and cannot be deleted").into());
    }
    if let Some(deployment) = read.deployment_of(&row.name, Some(row.number))? {
        return Err(Error::conflict(format!(
            "it answers in the deployment `{deployment}`, and nothing in use can be deleted"
        ))
        .into());
    }
    if row.governed {
        return Err(Error::conflict(
            "deployments may use it, and decisions of the past name it: it is archived, not deleted",
        )
        .into());
    }
    if row.stage == PRODUCTION {
        return Err(in_production("the stage Production").into());
    }
    for (alias, number) in read.aliases(row.model)? {
        if number == row.number && is_production_alias(&alias) {
            return Err(in_production(&format!("the alias '{alias}'")).into());
        }
    }
    Ok(())
}
