//! Model versions: numbered, immutable, named by the digest of a manifest of files.

use crate::artifact::sha256;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::page::{cursor, limit, page};
use plimsoll_api as api;
use plimsoll_api::{FileRole, ManifestFile};
use plimsoll_explain::{BackgroundFile, MAX_BACKGROUND_BYTES};
use plimsoll_model::Model;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{FileRow, ModelRow, StoreError, VersionRow};
use plimsoll_types::{Name, PrincipalId};
use serde_json::json;

/// Files of one version: a model and a handful of things beside it.
const MAX_FILES: usize = 64;
/// The longest path of a file, in bytes, as on most file systems.
const MAX_PATH: usize = 255;

impl Control {
    /// Adds a version to a registered model. The model file is loaded, and refused if it
    /// cannot be; nothing that does not load gets a number.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_version(
        &self,
        ctx: &RequestContext,
        model: &Name,
        wanted: &api::CreateVersion,
    ) -> Result<api::ModelVersion, ControlError> {
        let (row, resource) = self.model_resource(ctx, model)?;
        let permit = self.permit(ctx, Action::CreateVersion, &resource)?;
        let row = row.ok_or_else(|| ControlError::not_found("registered model", model))?;
        let files = manifest(wanted)?;
        self.check_files(&files)?;
        let mut facts = self.load_facts(&files)?;
        facts.scan = Some(self.scan_files(&permit, ctx.id, &files)?);
        let manifest = json!({"files": files, "manifest": 1}).to_string();
        let digest = sha256(manifest.as_bytes());
        if let Some(same) = self.store.read(|r| r.version_with(row.id, digest))? {
            let detail = format!("version {} of `{model}` has the same files", same.number);
            return Err(ControlError::conflict(detail));
        }
        let rows: Vec<FileRow> = files.iter().map(file_row).collect();
        let event = json!({"digest": digest, "files": files.len()});
        let version = self.carry_out(permit, event, |tx, now| {
            // The catalogue counts the same numbers, and never gives one twice.
            let latest = tx.highest_number(model.as_str())?;
            let version = VersionRow {
                model: row.id,
                number: latest.saturating_add(1),
                digest,
                manifest,
                facts: json!(facts).to_string(),
                author: ctx.id,
                created_at: now,
            };
            tx.insert_version(&version, &rows)?;
            Ok(version)
        })?;
        self.shown_version(model, version)
    }

    /// The number of the version that has exactly these files, if there is one.
    pub(crate) fn registered(
        &self,
        model: &ModelRow,
        wanted: &api::CreateVersion,
    ) -> Result<Option<u32>, ControlError> {
        let manifest = json!({"files": manifest(wanted)?, "manifest": 1}).to_string();
        let digest = sha256(manifest.as_bytes());
        let found = self.store.read(|r| r.version_with(model.id, digest))?;
        Ok(found.map(|version| version.number))
    }

    /// Every file was uploaded, and is as long as the manifest says.
    fn check_files(&self, files: &[ManifestFile]) -> Result<(), ControlError> {
        for file in files {
            let detail = match self.artifacts.size(file.digest)? {
                None => "was not uploaded; post its bytes to /api/v1/artifacts first",
                Some(size) if size != file.size => "has another size than the uploaded artifact",
                Some(_) => continue,
            };
            return Err(ControlError::invalid(
                "files",
                format!("the file `{}` {detail}", file.path),
            ));
        }
        Ok(())
    }

    pub(crate) fn load_facts(
        &self,
        files: &[ManifestFile],
    ) -> Result<api::VersionFacts, ControlError> {
        let file = files.iter().find(|file| file.role == FileRole::Model);
        let file = file.ok_or(ControlError::Internal("the manifest lost its model file"))?;
        let bytes = self.artifacts.read(file.digest, self.compiler.max_bytes())?;
        let model = self.compiler.load(&bytes).map_err(|error| {
            ControlError::invalid("files", format!("the file `{}` is no model: {error}", file.path))
        })?;
        if let Some(file) = files.iter().find(|file| file.role == FileRole::Background) {
            let bytes = self.artifacts.read(file.digest, MAX_BACKGROUND_BYTES)?;
            let background = BackgroundFile::read(&bytes).and_then(|b| b.rows_of(&model));
            background.map_err(|error| {
                ControlError::invalid("files", format!("the file `{}`: {error}", file.path))
            })?;
        }
        Ok(facts_of(&model))
    }

    /// A model version.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_version(
        &self,
        ctx: &RequestContext,
        model: &Name,
        number: u32,
    ) -> Result<api::ModelVersion, ControlError> {
        let (found, resource) = self.version_resource(ctx, model, number)?;
        self.may_read(ctx, Action::ReadVersion, &resource)?;
        let (_, row) = found
            .ok_or_else(|| ControlError::not_found("model version", format!("{model}/{number}")))?;
        self.shown_version(model, row)
    }

    /// Versions of a registered model, newest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_versions(
        &self,
        ctx: &RequestContext,
        model: &Name,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::ModelVersion>, ControlError> {
        let (row, resource) = self.model_resource(ctx, model)?;
        self.may_read(ctx, Action::ReadModel, &resource)?;
        let row = row.ok_or_else(|| ControlError::not_found("registered model", model))?;
        let before = cursor(query.cursor.as_deref())?;
        let limit = limit(query.limit)?;
        let rows = self.store.read(|r| r.versions(row.id, before, limit))?;
        page(
            query,
            rows,
            |version| version.number.to_string(),
            |version| {
                let may = self.allows(ctx, Action::ReadVersion, &resource_of(&row, &version));
                may.then(|| self.shown_version(model, version)).transpose()
            },
        )
    }

    /// A version with its model, if both are there, and what policy is asked about.
    pub(crate) fn version_resource(
        &self,
        ctx: &RequestContext,
        model: &Name,
        number: u32,
    ) -> Result<(Option<(ModelRow, VersionRow)>, Resource), ControlError> {
        let found = self.store.read(|r| {
            let Some(row) = r.model_named(model.as_str())? else { return Ok(None) };
            Ok::<_, StoreError>(r.version(row.id, number)?.map(|version| (row, version)))
        })?;
        let resource = found.as_ref().map(|(row, version)| resource_of(row, version));
        let missing = || {
            let (model, author, tenant) = (model.clone(), "".into(), ctx.tenant());
            Resource::Version { model, number, author, tenant }
        };
        Ok((found, resource.unwrap_or_else(missing)))
    }

    pub(crate) fn shown_version(
        &self,
        model: &Name,
        row: VersionRow,
    ) -> Result<api::ModelVersion, ControlError> {
        let damaged = |_| StoreError::Damaged("a model version is unreadable".into());
        let files = self.store.read(|r| r.files(row.model, row.number))?;
        let files = files.into_iter().map(shown_file).collect::<Result<_, _>>()?;
        Ok(api::ModelVersion {
            model: model.clone(),
            number: row.number,
            digest: row.digest,
            files,
            author: row.author,
            author_name: self.display_name(row.author)?.unwrap_or_default(),
            created_at: row.created_at.into(),
            facts: serde_json::from_str(&row.facts).map_err(damaged)?,
        })
    }

    /// The caller's own name; `None` for one that has none, or if it cannot be read.
    #[must_use]
    pub fn whoami(&self, ctx: &RequestContext) -> Option<String> {
        self.display_name(ctx.id).ok().flatten()
    }

    /// The name of a principal, if it still has one.
    pub(crate) fn display_name(&self, id: PrincipalId) -> Result<Option<String>, ControlError> {
        if let Some(who) = self.elsewhere(id)? {
            return Ok(Some(format!("{} of {}", who.subject, who.issuer)));
        }
        Ok(self.store.read(|r| r.principal(id))?.map(|row| row.name.to_string()))
    }
}

pub(crate) fn resource_of(model: &ModelRow, version: &VersionRow) -> Resource {
    Resource::Version {
        model: model.name.clone(),
        number: version.number,
        author: version.author.to_string().into(),
        tenant: model.tenant,
    }
}

/// The files of a manifest in its one order, checked.
pub(crate) fn manifest(wanted: &api::CreateVersion) -> Result<Vec<ManifestFile>, ControlError> {
    let refuse = |detail: String| Err(ControlError::invalid("files", detail));
    let mut files = wanted.files.clone();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if files.is_empty() || files.len() > MAX_FILES {
        return refuse(format!("must be 1 to {MAX_FILES} files"));
    }
    if let Some(file) = files.iter().find(|file| !is_plain_path(&file.path)) {
        let place = wanted.files.iter().position(|f| f.path == file.path).unwrap_or(0);
        return refuse(format!(
            "the path of file {place} must be 1 to {MAX_PATH} of letters, digits, `-`, `_`, `.` and `/`, without empty parts, `.` or `..`"
        ));
    }
    if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return refuse(format!("the path `{}` is there twice", pair[0].path));
    }
    if files.iter().filter(|file| file.role == FileRole::Model).count() != 1 {
        return refuse("exactly one file must have the role `model`".into());
    }
    Ok(files)
}

/// Whether a path stays within its version wherever it is unpacked.
fn is_plain_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    path.len() <= MAX_PATH
        && path.bytes().all(plain)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn facts_of(model: &Model) -> api::VersionFacts {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    api::VersionFacts {
        format: model.format().to_string(),
        objective: model.objective().to_owned(),
        trees: count(model.trees().len()),
        features: count(model.feature_count()),
        outputs: count(model.output().count),
        scan: None,
    }
}

pub(crate) const fn role_word(role: FileRole) -> &'static str {
    match role {
        FileRole::Model => "model",
        FileRole::Background => "background",
        FileRole::Contract => "contract",
        FileRole::Metadata => "metadata",
        FileRole::Other => "other",
    }
}

pub(crate) fn file_row(file: &ManifestFile) -> FileRow {
    FileRow {
        path: file.path.clone(),
        digest: file.digest,
        size: file.size,
        role: role_word(file.role).to_owned(),
    }
}

fn shown_file(row: FileRow) -> Result<ManifestFile, ControlError> {
    let roles = [
        FileRole::Model,
        FileRole::Background,
        FileRole::Contract,
        FileRole::Metadata,
        FileRole::Other,
    ];
    let role = roles.into_iter().find(|role| role_word(*role) == row.role);
    let role = role.ok_or_else(|| StoreError::Damaged("a file's role is unknown".into()))?;
    Ok(ManifestFile { path: row.path, digest: row.digest, size: row.size, role })
}
