//! Datasets, their versions, and who may use them.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{self, Columns, micros, signed};
use crate::write::Write;
use plimsoll_types::{Digest, Name, PrincipalId, TenantId, Time};
use rusqlite::types::ValueRef;
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetRow {
    /// Its id.
    pub id: [u8; 16],
    /// Its name, unique.
    pub name: Name,
    /// Who answers for it.
    pub owner: String,
    /// The number of its newest version.
    pub latest_version: u32,
    /// The organisation it belongs to.
    pub tenant: TenantId,
    /// When it was registered.
    pub created_at: Time,
}

impl Columns for DatasetRow {
    const COLUMNS: &'static str = "id, name, owner, latest_version, tenant, created_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            name: row::name(row, 1)?,
            owner: row.get(2)?,
            latest_version: row.get(3)?,
            tenant: TenantId::from_bytes(row.get(4)?),
            created_at: row::time(row, 5)?,
        })
    }
}

/// A version of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetVersionRow {
    /// The dataset.
    pub dataset: [u8; 16],
    /// Its number, from 1.
    pub number: u32,
    /// The digest of `manifest`.
    pub digest: Digest,
    /// The manifest, as JSON.
    pub manifest: String,
    /// Who registered it.
    pub author: PrincipalId,
    /// When.
    pub created_at: Time,
}

impl Columns for DatasetVersionRow {
    const COLUMNS: &'static str = "dataset, number, digest, manifest, author, created_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            dataset: row.get(0)?,
            number: row.get(1)?,
            digest: Digest::from_bytes(row.get(2)?),
            manifest: row.get(3)?,
            author: PrincipalId::from_bytes(row.get(4)?),
            created_at: row::time(row, 5)?,
        })
    }
}

/// A file of a dataset that is kept here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetFileRow {
    /// Its path in the dataset.
    pub path: String,
    /// The artifact.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

impl Columns for DatasetFileRow {
    const COLUMNS: &'static str = "path, digest, size";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        let (path, digest) = (row.get(0)?, Digest::from_bytes(row.get(1)?));
        Ok(Self { path, digest, size: row::count(row, 2)? })
    }
}

/// A cell of the access matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// Who.
    pub principal: PrincipalId,
    /// `read`, `train` or `export`.
    pub how: String,
    /// For which purpose.
    pub purpose: String,
    /// Who said so.
    pub granted_by: PrincipalId,
    /// When.
    pub created_at: Time,
    /// Until when.
    pub expires_at: Option<Time>,
}

impl Columns for GrantRow {
    const COLUMNS: &'static str = "principal, use, purpose, granted_by, created_at, expires_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        let ends = row.get_ref(5)? != ValueRef::Null;
        Ok(Self {
            principal: PrincipalId::from_bytes(row.get(0)?),
            how: row.get(1)?,
            purpose: row.get(2)?,
            granted_by: PrincipalId::from_bytes(row.get(3)?),
            created_at: row::time(row, 4)?,
            expires_at: if ends { Some(row::time(row, 5)?) } else { None },
        })
    }
}

impl Read<'_> {
    /// The dataset with this name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn dataset_named(&self, name: &str) -> Result<Option<DatasetRow>> {
        self.one("datasets WHERE name = ?1", [name])
    }
    /// Datasets by name, after `after`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn datasets(&self, after: Option<&str>, limit: u32) -> Result<Vec<DatasetRow>> {
        let from = "datasets WHERE name > ?1 ORDER BY name LIMIT ?2";
        self.many(from, params![after.unwrap_or_default(), limit])
    }
    /// A version of a dataset.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn dataset_version(
        &self,
        dataset: &[u8; 16],
        number: u32,
    ) -> Result<Option<DatasetVersionRow>> {
        self.one("dataset_versions WHERE dataset = ?1 AND number = ?2", params![dataset, number])
    }
    /// The version of a dataset with this manifest.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn dataset_with(
        &self,
        dataset: &[u8; 16],
        digest: Digest,
    ) -> Result<Option<DatasetVersionRow>> {
        let from = "dataset_versions WHERE dataset = ?1 AND digest = ?2";
        self.one(from, params![dataset, digest.as_bytes()])
    }
    /// The files of a version that are kept here.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn dataset_files(&self, dataset: &[u8; 16], number: u32) -> Result<Vec<DatasetFileRow>> {
        let from = "dataset_files WHERE dataset = ?1 AND number = ?2 ORDER BY path";
        self.whole(from, params![dataset, number])
    }
    /// Who may use a dataset.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn dataset_grants(&self, dataset: &[u8; 16]) -> Result<Vec<GrantRow>> {
        self.whole("dataset_grants WHERE dataset = ?1 ORDER BY principal, use, purpose", [dataset])
    }
}

impl Write<'_> {
    /// Registers a dataset.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the name is taken.
    pub fn insert_dataset(&self, row: &DatasetRow) -> Result<()> {
        self.insert(
            "dataset",
            "INSERT INTO datasets (id, name, owner, latest_version, tenant, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                row.id,
                row.name.as_str(),
                row.owner,
                row.latest_version,
                row.tenant.as_bytes(),
                micros(row.created_at)
            ],
        )
    }
    /// Adds a version, with the files that are kept here, and makes it the newest.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is such a version.
    pub fn insert_dataset_version(
        &self,
        row: &DatasetVersionRow,
        kept: &[DatasetFileRow],
    ) -> Result<()> {
        self.insert(
            "dataset version",
            "INSERT INTO dataset_versions (dataset, number, digest, manifest, author, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                row.dataset,
                row.number,
                row.digest.as_bytes(),
                row.manifest,
                row.author.as_bytes(),
                micros(row.created_at)
            ],
        )?;
        for file in kept {
            self.insert(
                "dataset file",
                "INSERT INTO dataset_files (dataset, number, path, digest, size)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    row.dataset,
                    row.number,
                    file.path,
                    file.digest.as_bytes(),
                    signed(file.size)
                ],
            )?;
        }
        self.update(
            "dataset",
            "UPDATE datasets SET latest_version = ?2 WHERE id = ?1 AND latest_version < ?2",
            params![row.dataset, row.number],
        )
    }
    /// Puts a cell into the access matrix; the same cell again moves its end.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn put_grant(&self, dataset: &[u8; 16], row: &GrantRow) -> Result<()> {
        let sql = "INSERT INTO dataset_grants
                   (dataset, principal, use, purpose, granted_by, created_at, expires_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                   ON CONFLICT (dataset, principal, use, purpose) DO UPDATE
                   SET granted_by = ?5, created_at = ?6, expires_at = ?7";
        let (principal, by) = (row.principal.as_bytes(), row.granted_by.as_bytes());
        let ends = row.expires_at.map(micros);
        let (how, purpose, made) = (&row.how, &row.purpose, micros(row.created_at));
        self.change(sql, params![dataset, principal, how, purpose, by, made, ends]).map(drop)
    }
    /// Takes a cell out of the access matrix.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it is not there.
    pub fn delete_grant(
        &self,
        dataset: &[u8; 16],
        principal: PrincipalId,
        how: &str,
        purpose: &str,
    ) -> Result<()> {
        self.update(
            "grant",
            "DELETE FROM dataset_grants
             WHERE dataset = ?1 AND principal = ?2 AND use = ?3 AND purpose = ?4",
            params![dataset, principal.as_bytes(), how, purpose],
        )
    }
}
