//! Datasets: registered by manifest, granted for a purpose, downloaded under a record.

use crate::artifact::{failed, sha256};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::page::{limit, page};
use plimsoll_api as api;
use plimsoll_api::DatasetUse;
use plimsoll_artifact::{FilePath, Reader};
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{
    DatasetFileRow, DatasetRow, DatasetVersionRow, GrantRow, Read, StoreError, Write,
};
use plimsoll_types::record::Stage;
use plimsoll_types::{EventId, Name, PrincipalId, Time};
use serde_json::json;

/// Files of one dataset.
const MAX_FILES: usize = 10_000;
/// Columns of one dataset, as of one table.
const MAX_COLUMNS: usize = 8_192;
/// Classes, purposes and warnings of one dataset.
const MAX_WORDS: usize = 64;
/// The longest of them, and of a column's name.
const MAX_WORD: usize = 200;
/// The longest description, licence or address.
const MAX_TEXT: usize = 2_000;
/// Cells of one dataset's access matrix.
const MAX_GRANTS: usize = 10_000;

impl Control {
    /// Registers a dataset, or another version of it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_dataset(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::CreateDataset,
    ) -> Result<api::DatasetVersion, ControlError> {
        let row = self.store.read(|r| r.dataset_named(name.as_str()))?;
        let owner = match &row {
            Some(row) => row.owner.clone(),
            None => self.owner(ctx, wanted.owner.as_deref())?,
        };
        let personal = !wanted.manifest.personal.is_empty();
        let resource = self.dataset_fact(ctx, name, &owner, personal, Vec::new())?;
        let permit = self.permit(ctx, Action::CreateDataset, &resource)?;
        check(&wanted.manifest)?;
        let kept = self.kept(&wanted.manifest)?;
        let manifest = json!(wanted.manifest).to_string();
        let digest = sha256(manifest.as_bytes());
        if let Some(row) = &row
            && let Some(same) = self.store.read(|r| r.dataset_with(&row.id, digest))?
        {
            let detail = format!("version {} of `{name}` has the same manifest", same.number);
            return Err(ControlError::conflict(detail));
        }
        let facts =
            json!({"digest": digest, "files": wanted.manifest.files.len(), "kept": kept.len()});
        let made = self.carry_out(permit, facts, |tx, now| {
            let dataset = dataset_in(tx, name, owner, ctx, now)?;
            let made = DatasetVersionRow {
                dataset: dataset.id,
                number: dataset.latest_version.saturating_add(1),
                digest,
                manifest,
                author: ctx.id,
                created_at: now,
            };
            tx.insert_dataset_version(&made, &kept)?;
            Ok::<_, ControlError>(made)
        })?;
        shown_version(name, made, !kept.is_empty())
    }

    /// The files of a manifest whose bytes are here. All or none: half a dataset is none.
    fn kept(&self, manifest: &api::DatasetManifest) -> Result<Vec<DatasetFileRow>, ControlError> {
        let mut kept = Vec::new();
        for file in &manifest.files {
            match self.artifacts.size(file.digest)? {
                None => {}
                Some(size) if size == file.size => {
                    kept.push(DatasetFileRow { path: file.path.clone(), digest: file.digest, size })
                }
                Some(_) => {
                    let detail = format!("the file `{}` has another size", file.path);
                    return Err(ControlError::invalid("manifest", detail));
                }
            }
        }
        if kept.len() == manifest.files.len() { Ok(kept) } else { Ok(Vec::new()) }
    }

    /// Datasets that the caller may see, by name.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_datasets(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::Dataset>, ControlError> {
        self.may_read(ctx, Action::ListDatasets, &self.server())?;
        let limit = limit(query.limit)?;
        let rows = self.store.read(|r| r.datasets(query.cursor.as_deref(), limit))?;
        page(
            query,
            rows,
            |row| row.name.to_string(),
            |row| {
                let what = self.dataset_fact(ctx, &row.name, &row.owner, true, Vec::new())?;
                Ok(self.allows(ctx, Action::DescribeDataset, &what).then(|| shown(row, Vec::new())))
            },
        )
    }

    /// A dataset, and who may use it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_dataset(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::Dataset, ControlError> {
        let row = self.described(ctx, name)?;
        let grants = self.store.read(|r| r.dataset_grants(&row.id))?;
        let grants = grants.into_iter().map(|grant| self.shown_grant(grant));
        let grants = grants.collect::<Result<_, _>>()?;
        Ok(shown(row, grants))
    }

    /// A version of a dataset.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_dataset_version(
        &self,
        ctx: &RequestContext,
        name: &Name,
        number: u32,
    ) -> Result<api::DatasetVersion, ControlError> {
        let row = self.described(ctx, name)?;
        let (version, kept) = self.store.read(|r| version_of(r, &row, number))?;
        shown_version(name, version, !kept.is_empty())
    }

    /// Says that somebody may use a dataset for a purpose.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn grant_dataset(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::GrantDataset,
    ) -> Result<api::Dataset, ControlError> {
        let (row, permit) = self.to_grant(ctx, name)?;
        let principal = self.grantee(&wanted.principal)?;
        if principal == ctx.id && !ctx.principal.dev {
            return Err(ControlError::invalid("principal", "a grant is given by somebody else"));
        }
        if wanted.expires_at.is_some_and(|t| t.0 <= self.clock.now()) {
            return Err(ControlError::invalid("expires_at", "must lie in the future"));
        }
        let (version, _) = self.store.read(|r| version_of(r, &row, row.latest_version))?;
        if !manifest_of(&version)?.purposes.contains(&wanted.purpose) {
            let detail = "is none of the purposes of the dataset's newest version";
            return Err(ControlError::invalid("purpose", detail));
        }
        if self.store.read(|r| r.dataset_grants(&row.id))?.len() >= MAX_GRANTS {
            return Err(ControlError::conflict(format!("more than {MAX_GRANTS} grants")));
        }
        let facts = json!({
            "principal": principal, "use": wanted.r#use, "purpose": wanted.purpose,
            "expires_at": wanted.expires_at,
        });
        self.carry_out(permit, facts, |tx, now| {
            let grant = GrantRow {
                principal,
                how: wanted.r#use.as_str().into(),
                purpose: wanted.purpose.clone(),
                granted_by: ctx.id,
                created_at: now,
                expires_at: wanted.expires_at.map(|t| t.0),
            };
            Ok::<_, ControlError>(tx.put_grant(&row.id, &grant)?)
        })?;
        self.read_dataset(ctx, name)
    }

    /// Takes a grant back.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn revoke_dataset(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::GrantDataset,
    ) -> Result<api::Dataset, ControlError> {
        let (row, permit) = self.to_grant(ctx, name)?;
        let principal = self.grantee(&wanted.principal)?;
        let (how, purpose) = (wanted.r#use.as_str(), &wanted.purpose);
        let facts =
            json!({"principal": principal, "use": how, "purpose": purpose, "revoked": true});
        self.carry_out(permit, facts, |tx, _| {
            Ok::<_, ControlError>(tx.delete_grant(&row.id, principal, how, purpose)?)
        })?;
        self.read_dataset(ctx, name)
    }

    /// A file of a dataset, to be read chunk by chunk. Who fetches it, how it will be used and
    /// for which purpose is durable in the ledger before the first byte leaves.
    ///
    /// # Errors
    /// [`ControlError::Denied`] unless role or grant permit that use for that purpose.
    pub fn fetch_dataset(
        &self,
        ctx: &RequestContext,
        name: &Name,
        number: u32,
        path: &FilePath,
        query: &api::DatasetQuery,
    ) -> Result<Reader, ControlError> {
        let found = self.store.read(|r| {
            let Some(row) = r.dataset_named(name.as_str())? else { return Ok(None) };
            let grants = r.dataset_grants(&row.id)?;
            let version = version_of(r, &row, number)?;
            Ok::<_, ControlError>(Some((row, grants, version)))
        });
        let found = match found {
            Err(ControlError::NotFound { .. }) => None,
            other => other?,
        };
        let action = match query.r#use {
            DatasetUse::Read => Action::ReadDataset,
            DatasetUse::Train => Action::TrainOnDataset,
            DatasetUse::Export => Action::ExportDataset,
        };
        let Some((row, grants, (version, kept))) = found else {
            // What is not there is told to those who might use what is like it.
            let like = self.dataset_fact(ctx, name, "", true, Vec::new())?;
            self.may_read(ctx, action, &like)?;
            return Err(ControlError::not_found("dataset version", format!("{name}/{number}")));
        };
        let now = self.clock.now();
        let is_live = |grant: &&GrantRow| {
            grant.principal == ctx.id
                && grant.purpose == query.purpose
                && grant.expires_at.is_none_or(|end| now < end)
        };
        let granted = grants.iter().filter(is_live);
        let granted = granted.filter_map(|grant| {
            DatasetUse::ALL.iter().map(|word| word.as_str()).find(|word| *word == grant.how)
        });
        let manifest = manifest_of(&version)?;
        let personal = !manifest.personal.is_empty();
        let what = self.dataset_fact(ctx, name, &row.owner, personal, granted.collect())?;
        let permit = self.permit(ctx, action, &what)?;
        if !manifest.purposes.is_empty() && !manifest.purposes.contains(&query.purpose) {
            let detail = "is none of the purposes that the dataset was gathered for";
            return Err(ControlError::invalid("purpose", detail));
        }
        if let Some(days) = manifest.retention_days {
            let age = now.since(version.created_at).as_secs() / (24 * 60 * 60);
            if age >= u64::from(days) {
                return Err(ControlError::RetentionEnded);
            }
        }
        let file = kept.into_iter().find(|file| file.path == path.as_str());
        let file = file.ok_or_else(|| ControlError::not_found("kept file", path))?;
        let facts = json!({
            "version": number, "path": file.path, "digest": file.digest, "use": query.r#use,
            "purpose": query.purpose,
        });
        self.note(permit.who(), Stage::Completed, permit.payload(facts))?;
        self.artifacts.0.reader(file.digest).map_err(failed)
    }

    /// What policy is asked about. It knows principals by id, people by name.
    fn dataset_fact(
        &self,
        ctx: &RequestContext,
        name: &Name,
        owner: &str,
        personal: bool,
        granted: Vec<&'static str>,
    ) -> Result<Resource, ControlError> {
        let named = self.store.read(|r| r.principal_named(owner))?;
        let owner = named.map_or_else(|| owner.into(), |row| row.id.to_string().into());
        let (name, tenant) = (name.clone(), ctx.tenant());
        Ok(Resource::Dataset { name, owner, personal, granted, tenant })
    }

    fn described(&self, ctx: &RequestContext, name: &Name) -> Result<DatasetRow, ControlError> {
        let row = self.store.read(|r| r.dataset_named(name.as_str()))?;
        let owner = row.as_ref().map_or("", |row| &row.owner);
        let what = self.dataset_fact(ctx, name, owner, true, Vec::new())?;
        self.may_read(ctx, Action::DescribeDataset, &what)?;
        row.ok_or_else(|| ControlError::not_found("dataset", name))
    }

    fn to_grant<'a>(
        &self,
        ctx: &'a RequestContext,
        name: &Name,
    ) -> Result<(DatasetRow, crate::act::Permit<'a>), ControlError> {
        let row = self.store.read(|r| r.dataset_named(name.as_str()))?;
        let owner = row.as_ref().map_or("", |row| &row.owner);
        let what = self.dataset_fact(ctx, name, owner, true, Vec::new())?;
        let permit = self.permit(ctx, Action::GrantDataset, &what)?;
        Ok((row.ok_or_else(|| ControlError::not_found("dataset", name))?, permit))
    }

    fn grantee(&self, name: &Name) -> Result<PrincipalId, ControlError> {
        let row = self.store.read(|r| r.principal_named(name.as_str()))?;
        Ok(row.ok_or_else(|| ControlError::not_found("principal", name))?.id)
    }

    fn shown_grant(&self, row: GrantRow) -> Result<api::DatasetGrant, ControlError> {
        let unknown = || StoreError::Damaged("a grant's use or principal is unknown".into());
        let how = DatasetUse::ALL.iter().copied().find(|word| word.as_str() == row.how);
        let name = self.display_name(row.principal)?.and_then(|name| name.parse().ok());
        Ok(api::DatasetGrant {
            principal: name.ok_or_else(unknown)?,
            r#use: how.ok_or_else(unknown)?,
            purpose: row.purpose,
            granted_by: self.display_name(row.granted_by)?.unwrap_or_default(),
            created_at: row.created_at.into(),
            expires_at: row.expires_at.map(Into::into),
        })
    }
}

fn dataset_in(
    tx: &Write<'_>,
    name: &Name,
    owner: String,
    ctx: &RequestContext,
    now: Time,
) -> Result<DatasetRow, ControlError> {
    if let Some(row) = tx.dataset_named(name.as_str())? {
        return Ok(row);
    }
    let row = DatasetRow {
        id: *EventId::new(now).as_bytes(),
        name: name.clone(),
        owner,
        latest_version: 0,
        tenant: ctx.tenant(),
        created_at: now,
    };
    tx.insert_dataset(&row)?;
    Ok(row)
}

fn version_of(
    read: &Read<'_>,
    row: &DatasetRow,
    number: u32,
) -> Result<(DatasetVersionRow, Vec<DatasetFileRow>), ControlError> {
    let version = read.dataset_version(&row.id, number)?.ok_or_else(|| {
        ControlError::not_found("dataset version", format!("{}/{number}", row.name))
    })?;
    Ok((version, read.dataset_files(&row.id, number)?))
}

pub(crate) fn manifest_of(row: &DatasetVersionRow) -> Result<api::DatasetManifest, ControlError> {
    let damaged = |_| StoreError::Damaged("a dataset's manifest is unreadable".into());
    Ok(serde_json::from_str(&row.manifest).map_err(damaged)?)
}

fn shown(row: DatasetRow, grants: Vec<api::DatasetGrant>) -> api::Dataset {
    api::Dataset {
        name: row.name,
        owner: row.owner,
        latest_version: row.latest_version,
        created_at: row.created_at.into(),
        grants,
    }
}

fn shown_version(
    name: &Name,
    row: DatasetVersionRow,
    is_kept: bool,
) -> Result<api::DatasetVersion, ControlError> {
    Ok(api::DatasetVersion {
        dataset: name.clone(),
        number: row.number,
        digest: row.digest,
        manifest: manifest_of(&row)?,
        is_kept,
        author: row.author,
        created_at: row.created_at.into(),
    })
}

/// Whether a manifest is one: bounds, paths that stay within it, each once.
fn check(manifest: &api::DatasetManifest) -> Result<(), ControlError> {
    let refuse = |detail: String| Err(ControlError::invalid("manifest", detail));
    if manifest.files.is_empty() || manifest.files.len() > MAX_FILES {
        return refuse(format!("must have 1 to {MAX_FILES} files"));
    }
    let mut paths: Vec<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    if paths.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse("a path is there twice".into());
    }
    for (place, file) in manifest.files.iter().enumerate() {
        if let Err(error) = file.path.parse::<FilePath>() {
            return refuse(format!("the path of file {place}: {error}"));
        }
        if file.md5.as_ref().is_some_and(|sum| sum.len() != 32) {
            return refuse(format!("the MD5 sum of file {place} is none"));
        }
    }
    if manifest.columns.len() > MAX_COLUMNS {
        return refuse(format!("must have at most {MAX_COLUMNS} columns"));
    }
    let columns = manifest.columns.iter().flat_map(|column| [&column.name, &column.kind]);
    let lists = [&manifest.personal, &manifest.purposes, &manifest.source.warnings];
    if lists.iter().any(|list| list.len() > MAX_WORDS) {
        return refuse(format!("must have at most {MAX_WORDS} classes, purposes and warnings"));
    }
    let is_word = |word: &&String| !word.is_empty() && word.len() <= MAX_WORD;
    if !columns.chain(lists.into_iter().flatten()).all(|word| is_word(&word)) {
        return refuse(format!("names, classes and purposes have 1 to {MAX_WORD} bytes"));
    }
    let texts = [&manifest.licence, &manifest.description, &manifest.source.address];
    if texts.into_iter().flatten().any(|text| text.len() > MAX_TEXT)
        || manifest.source.kind.len() > MAX_WORD
        || manifest.source.commit.as_ref().is_some_and(|commit| commit.len() > MAX_WORD)
    {
        return refuse(format!("texts have at most {MAX_TEXT} bytes"));
    }
    Ok(())
}
