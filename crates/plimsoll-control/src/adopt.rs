//! A version of the catalogue, registered by an MLflow client with its files kept here, becomes
//! one that deployments may use: under the same number, by the same author, with the same files.

use crate::artifact::sha256;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::version::{file_row, manifest};
use plimsoll_api as api;
use plimsoll_api::{FileRole, ManifestFile};
use plimsoll_artifact::FilePath;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{
    CatalogueRow, CatalogueVersion, DeploymentRow, FileRow, ModelRow, VersionRow, Write,
};
use plimsoll_types::{ModelId, Name, PrincipalId, Time};
use serde_json::json;

type Result<T> = std::result::Result<T, ControlError>;

/// Files of a folder that are looked at; a version has at most 64.
const MAX_FILES: u32 = 65;
/// Endings that models of a kind we run may have, as MLflow's flavours and our exporter write them.
const ENDINGS: &[&str] =
    &["json", "ubj", "xgb", "lgb", "txt", "onnx", "model", "bst", "bin", "pt2"];

impl Control {
    /// Makes a version of the catalogue one that deployments may use. Its files are loaded and
    /// scanned as those of any other version.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] if its files are not here, or none of them is a model that is run
    /// here; [`ControlError::Conflict`] if it is one already.
    pub fn adopt_version(
        &self,
        ctx: &RequestContext,
        name: &Name,
        number: u32,
        wanted: &api::AdoptVersion,
    ) -> Result<api::ModelVersion> {
        let (found, resource) = self.catalogued_fact(ctx, name, number)?;
        let permit = self.permit(ctx, Action::AdoptCatalogued, &resource)?;
        let missing = || ControlError::not_found("model version", format!("{name}/{number}"));
        let (model, version) = found.ok_or_else(missing)?;
        if version.governed {
            return Err(ControlError::conflict("deployments may use this version already"));
        }
        if version.status != "READY" {
            let detail = format!("the version is blocked: {}", version.status_text);
            return Err(ControlError::conflict(detail));
        }
        let files = self.folder_files(&version, wanted.file.as_deref())?;
        let mut facts = self.load_facts(&files)?;
        let author = PrincipalId::from_bytes(version.author);
        facts.scan = Some(self.scan_files(&permit, author, &files)?);
        let text = json!({"files": files, "manifest": 1}).to_string();
        let digest = sha256(text.as_bytes());
        let rows: Vec<FileRow> = files.iter().map(file_row).collect();
        let event = json!({"version": number, "digest": digest, "files": files.len()});
        let made = self.carry_out(permit, event, |tx, now| {
            let model = registered(tx, name, &model, ctx, now)?;
            if let Some(same) = tx.version_with(model, digest)? {
                let detail = format!("version {} of `{name}` has the same files", same.number);
                return Err(ControlError::conflict(detail));
            }
            let made = VersionRow {
                model,
                number,
                digest,
                manifest: text,
                facts: json!(facts).to_string(),
                author,
                created_at: now,
            };
            tx.insert_version(&made, &rows)?;
            Ok(made)
        })?;
        self.shown_version(name, made)
    }

    /// Adopts a version that a deployment is about to get, if it is one of the catalogue's and the
    /// caller may.
    pub(crate) fn adopt_if_catalogued(
        &self,
        ctx: &RequestContext,
        name: &Name,
        number: u32,
    ) -> Result<()> {
        let (found, resource) = self.catalogued_fact(ctx, name, number)?;
        let is_new = found.is_some_and(|(_, version)| !version.governed);
        if is_new && self.allows(ctx, Action::AdoptCatalogued, &resource) {
            self.adopt_version(ctx, name, number, &api::AdoptVersion::default())?;
        }
        Ok(())
    }

    /// The same for the model of a deployment that is there.
    pub(crate) fn adopt_for(
        &self,
        ctx: &RequestContext,
        deployment: Option<&DeploymentRow>,
        number: u32,
    ) -> Result<()> {
        let Some(row) = deployment else { return Ok(()) };
        match self.store.read(|r| r.model(row.model))? {
            Some(model) => self.adopt_if_catalogued(ctx, &model.name, number),
            None => Ok(()),
        }
    }

    /// Whether a version may be let answer at all: it is not archived, and no scan blocks it.
    pub(crate) fn check_usable(&self, deployment: &DeploymentRow, number: u32) -> Result<()> {
        self.check_life(deployment.model, number)?;
        self.check_blocks(deployment.model, number)
    }

    /// Registers a model of the catalogue that a deployment is about to be made for.
    pub(crate) fn register_if_catalogued(&self, ctx: &RequestContext, name: &Name) -> Result<()> {
        let (known, model) = self.store.read(|r| {
            Ok::<_, ControlError>((r.model_named(name.as_str())?, r.catalogued(name.as_str())?))
        })?;
        let (None, Some(model)) = (known, model) else { return Ok(()) };
        let resource = self.catalogued_resource(&model, None);
        if !self.allows(ctx, Action::AdoptCatalogued, &resource) {
            return Ok(());
        }
        let permit = self.permit(ctx, Action::AdoptCatalogued, &resource)?;
        self.carry_out(permit, json!({"registered": name}), |tx, now| {
            registered(tx, name, &model, ctx, now).map(drop)
        })
    }

    fn catalogued_fact(
        &self,
        ctx: &RequestContext,
        name: &Name,
        number: u32,
    ) -> Result<(Option<(CatalogueRow, CatalogueVersion)>, Resource)> {
        let (model, version) = self.store.read(|r| {
            let version = r.catalogued_version(name.as_str(), number)?;
            Ok::<_, ControlError>((r.catalogued(name.as_str())?, version))
        })?;
        let author = version.as_ref().map(|v| PrincipalId::from_bytes(v.author).to_string());
        let resource = match &model {
            Some(model) => self.catalogued_resource(model, author.as_deref()),
            None => Resource::Catalogued {
                name: name.as_str().into(),
                owner: "".into(),
                author: "".into(),
                tenant: ctx.tenant(),
            },
        };
        Ok((model.zip(version), resource))
    }

    /// The files of the folder that the version was registered from, as a manifest has them.
    fn folder_files(
        &self,
        version: &CatalogueVersion,
        wanted: Option<&str>,
    ) -> Result<Vec<ManifestFile>> {
        let refuse = |detail: String| ControlError::invalid("file", detail);
        let folder = FilePath::from_source(&version.location)
            .ok_or_else(|| refuse("the version's files are not kept here".into()))?;
        let rows = self.store.read(|r| r.files_below(folder.as_str(), MAX_FILES))?;
        if rows.is_empty() {
            return Err(refuse("the version has no files here".into()));
        }
        let mut files: Vec<ManifestFile> = rows
            .into_iter()
            .map(|row| ManifestFile {
                path: row.path.get(folder.as_str().len() + 1..).unwrap_or_default().to_owned(),
                digest: row.digest,
                size: row.size,
                role: FileRole::Other,
            })
            .collect();
        let at = match wanted {
            Some(path) => files.iter().position(|file| file.path == path),
            None => self.model_among(&files)?,
        };
        let at = at.ok_or_else(|| {
            refuse(
                "none of the version's files is a model that is run here: XGBoost, LightGBM, \
                 scikit-learn as JSON, ONNX; name the one that is"
                    .into(),
            )
        })?;
        if let Some(file) = files.get_mut(at) {
            file.role = FileRole::Model;
        }
        manifest(&api::CreateVersion { files })
    }

    /// The one file that loads as a model; none if several do.
    fn model_among(&self, files: &[ManifestFile]) -> Result<Option<usize>> {
        let mut found = None;
        for (at, file) in files.iter().enumerate() {
            let ending = file.path.rsplit_once('.').map_or("", |(_, ending)| ending);
            let fits = usize::try_from(file.size).is_ok_and(|n| n <= self.compiler.max_bytes());
            if !fits || !ENDINGS.contains(&ending) {
                continue;
            }
            let bytes = self.artifacts.read(file.digest, self.compiler.max_bytes())?;
            if self.is_model(&bytes) {
                if found.is_some() {
                    let detail = "several of the version's files are models; name the one";
                    return Err(ControlError::invalid("file", detail));
                }
                found = Some(at);
            }
        }
        Ok(found)
    }
}

/// The registered model of this name, made of the catalogue's if it is not there.
fn registered(
    tx: &Write<'_>,
    name: &Name,
    model: &CatalogueRow,
    ctx: &RequestContext,
    now: Time,
) -> Result<ModelId> {
    if let Some(row) = tx.model_named(name.as_str())? {
        return Ok(row.id);
    }
    let row = ModelRow {
        id: ModelId::new(now),
        name: name.clone(),
        owner: model.owner.clone(),
        description: Some(model.description.clone()).filter(|text| !text.is_empty()),
        tenant: ctx.tenant(),
        created_at: now,
        latest_version: 0,
    };
    tx.insert_model(&row)?;
    Ok(row.id)
}
