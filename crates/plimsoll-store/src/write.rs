//! Typed changes, all within the one transaction of [`crate::Store::write`].

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{
    ApiKeyRow, ContractRow, DeploymentRow, FileRow, ModelRow, PrincipalRow, VersionRow, micros,
    signed,
};
use plimsoll_types::{ApiKeyId, DeploymentId, Time};
use rusqlite::{Connection, Params, params};

type Result<T> = std::result::Result<T, StoreError>;

/// Queries and changes in one transaction.
#[derive(Debug)]
pub struct Write<'a>(Read<'a>);

impl<'a> std::ops::Deref for Write<'a> {
    type Target = Read<'a>;
    fn deref(&self) -> &Read<'a> {
        &self.0
    }
}

impl<'a> Write<'a> {
    pub(crate) const fn new(connection: &'a Connection) -> Self {
        Self(Read(connection))
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.0.0
    }
    pub(crate) fn insert(&self, what: &'static str, sql: &str, params: impl Params) -> Result<()> {
        self.0.0.prepare_cached(sql)?.execute(params).map_err(StoreError::of(what))?;
        Ok(())
    }
    /// An update of exactly one row.
    pub(crate) fn update(&self, what: &'static str, sql: &str, params: impl Params) -> Result<()> {
        let changed =
            self.0.0.prepare_cached(sql)?.execute(params).map_err(StoreError::of(what))?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Gone(what)) }
    }

    /// An update of any number of rows. Gives the number.
    pub(crate) fn change(&self, sql: &str, params: impl Params) -> Result<usize> {
        Ok(self.0.0.prepare_cached(sql)?.execute(params)?)
    }

    /// Adds a principal.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the name is taken.
    pub fn insert_principal(&self, row: &PrincipalRow) -> Result<()> {
        self.insert(
            "principal",
            "INSERT INTO principals (id, name, kind, roles, tenant, is_dev, created_at, disabled_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                row.id.as_bytes(),
                row.name.as_str(),
                row.kind,
                json(&row.roles)?,
                row.tenant.as_bytes(),
                row.is_dev,
                micros(row.created_at),
                row.disabled_at.map(micros),
            ],
        )
    }

    /// Adds an API key.
    ///
    /// # Errors
    /// [`StoreError::Dangling`] if there is no such principal.
    pub fn insert_key(&self, row: &ApiKeyRow) -> Result<()> {
        self.insert(
            "API key",
            "INSERT INTO api_keys (id, principal, name, prefix, digest, environment, scopes,
                                   created_at, expires_at, revoked_at, replaced_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                row.id.as_bytes(),
                row.principal.as_bytes(),
                row.name.as_str(),
                row.prefix,
                row.digest,
                row.environment,
                row.scopes.as_ref().map(json).transpose()?,
                micros(row.created_at),
                row.expires_at.map(micros),
                row.revoked_at.map(micros),
                row.replaced_by.map(|id| *id.as_bytes()),
            ],
        )
    }
    /// Lets a key that works end at `expires`, with another in its place.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it was revoked or replaced before.
    pub fn replace_key(&self, id: ApiKeyId, by: ApiKeyId, expires: Time) -> Result<()> {
        self.update(
            "API key",
            "UPDATE api_keys SET replaced_by = ?2, expires_at = min(?3, coalesce(expires_at, ?3))
             WHERE id = ?1 AND revoked_at IS NULL AND replaced_by IS NULL",
            params![id.as_bytes(), by.as_bytes(), micros(expires)],
        )
    }
    /// Ends a key now.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it was revoked before.
    pub fn revoke_key(&self, id: ApiKeyId, now: Time) -> Result<()> {
        self.update(
            "API key",
            "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
            params![id.as_bytes(), micros(now)],
        )
    }

    /// Adds a registered model.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the name is taken.
    pub fn insert_model(&self, row: &ModelRow) -> Result<()> {
        self.insert(
            "registered model",
            "INSERT INTO registered_models (id, name, owner, description, tenant, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                row.id.as_bytes(),
                row.name.as_str(),
                row.owner,
                row.description,
                row.tenant.as_bytes(),
                micros(row.created_at),
            ],
        )
    }
    /// Adds a model version with its files.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the number is taken or a version has the same manifest.
    pub fn insert_version(&self, row: &VersionRow, files: &[FileRow]) -> Result<()> {
        self.insert(
            "model version",
            "INSERT INTO model_versions (model, number, digest, manifest, facts, author, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                row.model.as_bytes(),
                row.number,
                row.digest.as_bytes(),
                row.manifest,
                row.facts,
                row.author.as_bytes(),
                micros(row.created_at),
            ],
        )?;
        files.iter().try_for_each(|file| self.insert_file(row, file))
    }
    fn insert_file(&self, version: &VersionRow, file: &FileRow) -> Result<()> {
        self.insert(
            "file of a model version",
            "INSERT INTO manifest_files (model, number, path, digest, size, role)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                version.model.as_bytes(),
                version.number,
                file.path,
                file.digest.as_bytes(),
                signed(file.size),
                file.role,
            ],
        )
    }

    /// Adds a contract.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is there already.
    pub fn insert_contract(&self, row: &ContractRow) -> Result<()> {
        self.insert(
            "contract",
            "INSERT INTO contracts (digest, document, author, created_at) VALUES (?1, ?2, ?3, ?4)",
            params![
                row.digest.as_bytes(),
                row.document,
                row.author.as_bytes(),
                micros(row.created_at)
            ],
        )
    }

    /// Adds a deployment.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if a live one has the name; [`StoreError::Dangling`] if its
    /// model or contract is not there.
    pub fn insert_deployment(&self, row: &DeploymentRow) -> Result<()> {
        self.insert(
            "deployment",
            "INSERT INTO deployments (id, name, model, contract, environment, owner, tier, mode,
                explain, settings, released, released_by, released_at, tenant, created_at,
                updated_at, archived_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            params![
                row.id.as_bytes(),
                row.name.as_str(),
                row.model.as_bytes(),
                row.contract.as_bytes(),
                row.environment,
                row.owner,
                row.tier,
                row.mode.as_str(),
                row.explain,
                row.settings,
                row.released.map(|r| r.number),
                row.released.map(|r| *r.by.as_bytes()),
                row.released.map(|r| micros(r.at)),
                row.tenant.as_bytes(),
                micros(row.created_at),
                micros(row.updated_at),
                row.archived_at.map(micros),
            ],
        )
    }
    /// Writes what may change of a live deployment: contract, owner, tier, mode, explain,
    /// settings, release and the time of the change.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such live deployment; [`StoreError::Dangling`] if
    /// its contract or version is not there.
    pub fn update_deployment(&self, row: &DeploymentRow) -> Result<()> {
        self.update(
            "deployment",
            "UPDATE deployments SET contract = ?2, owner = ?3, tier = ?4, mode = ?5, explain = ?6,
                settings = ?7, released = ?8, released_by = ?9, released_at = ?10, updated_at = ?11
             WHERE id = ?1 AND archived_at IS NULL",
            params![
                row.id.as_bytes(),
                row.contract.as_bytes(),
                row.owner,
                row.tier,
                row.mode.as_str(),
                row.explain,
                row.settings,
                row.released.map(|r| r.number),
                row.released.map(|r| *r.by.as_bytes()),
                row.released.map(|r| micros(r.at)),
                micros(row.updated_at),
            ],
        )
    }
    /// Takes a deployment out of service for good.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such live deployment.
    pub fn archive_deployment(&self, id: DeploymentId, now: Time) -> Result<()> {
        self.update(
            "deployment",
            "UPDATE deployments SET archived_at = ?2, updated_at = ?2
             WHERE id = ?1 AND archived_at IS NULL",
            params![id.as_bytes(), micros(now)],
        )
    }
}

pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(error.to_string()))
}
