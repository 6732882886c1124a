//! Typed queries. Lists are paged by the key of the last row seen, so that a page costs the
//! same wherever it lies.

use crate::error::StoreError;
use crate::row::{
    ApiKeyRow, Columns, ContractRow, DeploymentRow, FileRow, Meta, ModelRow, PrincipalRow,
    VersionRow,
};
use plimsoll_types::{ApiKeyId, DeploymentId, Digest, EventId, ModelId, PrincipalId};
use rusqlite::{Connection, OptionalExtension, Params, params};

/// The most rows of one page. Larger pages would hold the connection for long.
pub const MAX_PAGE: u32 = 1_000;

/// The most rows of a list that is read whole, to compile a snapshot. A page is not enough
/// there, and an unbounded list is not wanted anywhere: at 100,000 rows this engine is the
/// wrong one.
const MAX_WHOLE: u32 = 100_000;

type Result<T> = std::result::Result<T, StoreError>;

/// Queries on one connection, in one read transaction.
#[derive(Debug)]
pub struct Read<'a>(pub(crate) &'a Connection);

impl Read<'_> {
    pub(crate) fn one<T: Columns>(&self, from: &str, params: impl Params) -> Result<Option<T>> {
        let sql = format!("SELECT {} FROM {from}", T::COLUMNS);
        let row = self.0.prepare_cached(&sql)?.query_row(params, T::read);
        Ok(row.optional()?)
    }
    pub(crate) fn many<T: Columns>(&self, from: &str, params: impl Params) -> Result<Vec<T>> {
        let sql = format!("SELECT {} FROM {from}", T::COLUMNS);
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(params, T::read)?.collect::<std::result::Result<_, _>>();
        Ok(rows?)
    }
    pub(crate) fn whole<T: Columns>(&self, from: &str, params: impl Params) -> Result<Vec<T>> {
        let rows = self.many(&format!("{from} LIMIT {}", MAX_WHOLE + 1), params)?;
        if rows.len() > MAX_WHOLE as usize {
            return Err(StoreError::Damaged(format!("more than {MAX_WHOLE} rows in one list")));
        }
        Ok(rows)
    }

    /// What the file says about itself.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read, as with every query here.
    pub fn meta(&self) -> Result<Meta> {
        self.one("meta", [])?.ok_or_else(|| StoreError::Damaged("no meta row".into()))
    }
    /// The generation at which the change of `event` was made; `None` if it was not made, or
    /// so long ago that the outbox forgot it.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn generation_of(&self, event: EventId) -> Result<Option<u64>> {
        let sql = "SELECT generation FROM outbox WHERE event = ?1";
        let found = self.0.prepare_cached(sql)?.query_row([event.as_bytes()], |r| r.get(0));
        Ok(found.optional()?.map(|n: i64| u64::try_from(n).unwrap_or(0)))
    }

    /// The principal with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn principal(&self, id: PrincipalId) -> Result<Option<PrincipalRow>> {
        self.one("principals WHERE id = ?1", [id.as_bytes()])
    }
    /// The principal with this name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn principal_named(&self, name: &str) -> Result<Option<PrincipalRow>> {
        self.one("principals WHERE name = ?1", [name])
    }
    /// Principals by name, after `after`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn principals(&self, after: Option<&str>, limit: u32) -> Result<Vec<PrincipalRow>> {
        let after = after.unwrap_or_default();
        self.many(
            "principals WHERE name > ?1 ORDER BY name LIMIT ?2",
            params![after, limit.min(MAX_PAGE)],
        )
    }
    /// Every principal, by id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn all_principals(&self) -> Result<Vec<PrincipalRow>> {
        self.whole(
            "principals WHERE id NOT IN (SELECT principal FROM identities)
               OR id IN (SELECT principal FROM api_keys) ORDER BY id",
            [],
        )
    }

    /// The key with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn key(&self, id: ApiKeyId) -> Result<Option<ApiKeyRow>> {
        self.one("api_keys WHERE id = ?1", [id.as_bytes()])
    }
    /// Keys in the order they were made, after `after`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn keys(&self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKeyRow>> {
        let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        self.many(
            "api_keys WHERE id > ?1 ORDER BY id LIMIT ?2",
            params![after, limit.min(MAX_PAGE)],
        )
    }
    /// Every key, by id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn all_keys(&self) -> Result<Vec<ApiKeyRow>> {
        self.whole("api_keys ORDER BY id", [])
    }

    /// The registered model with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn model(&self, id: ModelId) -> Result<Option<ModelRow>> {
        self.one("registered_models WHERE id = ?1", [id.as_bytes()])
    }
    /// The registered model with this name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn model_named(&self, name: &str) -> Result<Option<ModelRow>> {
        self.one("registered_models WHERE name = ?1", [name])
    }
    /// Registered models by name, after `after`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn models(&self, after: Option<&str>, limit: u32) -> Result<Vec<ModelRow>> {
        let after = after.unwrap_or_default();
        self.many(
            "registered_models WHERE name > ?1 ORDER BY name LIMIT ?2",
            params![after, limit.min(MAX_PAGE)],
        )
    }

    /// Version `number` of a registered model.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn version(&self, model: ModelId, number: u32) -> Result<Option<VersionRow>> {
        self.one(
            "model_versions WHERE model = ?1 AND number = ?2",
            params![model.as_bytes(), number],
        )
    }
    /// The version of a registered model with this manifest.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn version_with(&self, model: ModelId, manifest: Digest) -> Result<Option<VersionRow>> {
        self.one(
            "model_versions WHERE model = ?1 AND digest = ?2",
            params![model.as_bytes(), manifest.as_bytes()],
        )
    }
    /// Versions of a registered model, newest first, before number `before`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn versions(
        &self,
        model: ModelId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionRow>> {
        self.many(
            "model_versions WHERE model = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
            params![model.as_bytes(), before.map_or(i64::MAX, i64::from), limit.min(MAX_PAGE)],
        )
    }
    /// The files of a version, by path.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn files(&self, model: ModelId, number: u32) -> Result<Vec<FileRow>> {
        self.whole(
            "manifest_files WHERE model = ?1 AND number = ?2 ORDER BY path",
            params![model.as_bytes(), number],
        )
    }

    /// The contract with this digest.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn contract(&self, digest: Digest) -> Result<Option<ContractRow>> {
        self.one("contracts WHERE digest = ?1", [digest.as_bytes()])
    }

    /// The deployment with this id, archived or not.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn deployment(&self, id: DeploymentId) -> Result<Option<DeploymentRow>> {
        self.one("deployments WHERE id = ?1", [id.as_bytes()])
    }
    /// The live deployment with this name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn deployment_named(&self, name: &str) -> Result<Option<DeploymentRow>> {
        self.one("deployments WHERE name = ?1 AND archived_at IS NULL", [name])
    }
    /// Every deployment that ever had this name, newest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn deployments_ever_named(&self, name: &str) -> Result<Vec<DeploymentRow>> {
        self.whole("deployments WHERE name = ?1 ORDER BY id DESC", [name])
    }
    /// Live deployments by name, after `after`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn deployments(&self, after: Option<&str>, limit: u32) -> Result<Vec<DeploymentRow>> {
        let after = after.unwrap_or_default();
        self.many(
            "deployments WHERE name > ?1 AND archived_at IS NULL ORDER BY name LIMIT ?2",
            params![after, limit.min(MAX_PAGE)],
        )
    }
    /// Every live deployment, by id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn live_deployments(&self) -> Result<Vec<DeploymentRow>> {
        self.whole("deployments WHERE archived_at IS NULL ORDER BY id", [])
    }
}
