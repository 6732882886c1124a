//! Rows as types, and how each is read from its columns.

use plimsoll_types::record::Mode;
use plimsoll_types::{ApiKeyId, DeploymentId, Digest, ModelId, Name, PrincipalId, TenantId, Time};
use rusqlite::types::Type;
use rusqlite::{Error, Row};

type Result<T> = std::result::Result<T, Error>;

/// What the file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// The organisation of the installation.
    pub tenant: TenantId,
    /// Counts every change of state.
    pub generation: u64,
    /// The ledger index before which every intent has its end.
    pub settled_to: u64,
    /// When the file was made.
    pub created_at: Time,
}

/// A principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRow {
    /// Its id.
    pub id: PrincipalId,
    /// Its name, unique.
    pub name: Name,
    /// `user` or `service`.
    pub kind: String,
    /// The roles' words.
    pub roles: Vec<String>,
    /// The organisation it belongs to.
    pub tenant: TenantId,
    /// The one principal of `--dev`.
    pub is_dev: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it was disabled.
    pub disabled_at: Option<Time>,
}

/// An API key: its keyed digest, never its text.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// The principal it speaks for.
    pub principal: PrincipalId,
    /// What it is for.
    pub name: Name,
    /// The beginning of its text.
    pub prefix: String,
    /// The keyed digest of its text.
    pub digest: [u8; 32],
    /// The only environment it works in.
    pub environment: Option<String>,
    /// The only deployments it reaches.
    pub scopes: Option<Vec<Name>>,
    /// When it was made.
    pub created_at: Time,
    /// When it ends.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
    /// The key that took its place.
    pub replaced_by: Option<ApiKeyId>,
}

impl std::fmt::Debug for ApiKeyRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeyRow").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// Its id.
    pub id: ModelId,
    /// Its name, unique.
    pub name: Name,
    /// Who answers for it.
    pub owner: String,
    /// What it is for.
    pub description: Option<String>,
    /// The organisation it belongs to.
    pub tenant: TenantId,
    /// When it was registered.
    pub created_at: Time,
    /// The number of its newest version; 0 if it has none. Not stored: counted on reading.
    pub latest_version: u32,
}

/// A model version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// The registered model.
    pub model: ModelId,
    /// Its number, from 1.
    pub number: u32,
    /// SHA-256 of `manifest`.
    pub digest: Digest,
    /// The canonical bytes of its manifest.
    pub manifest: String,
    /// What loading the model file told, as JSON.
    pub facts: String,
    /// The principal that made it.
    pub author: PrincipalId,
    /// When it was made.
    pub created_at: Time,
}

/// A file of a model version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Its path within the version.
    pub path: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What it is.
    pub role: String,
}

/// An input contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractRow {
    /// SHA-256 of `document`.
    pub digest: Digest,
    /// Its canonical JSON.
    pub document: String,
    /// The principal that stored it.
    pub author: PrincipalId,
    /// When it was stored.
    pub created_at: Time,
}

/// An explain profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRow {
    /// SHA-256 of `document`.
    pub digest: Digest,
    /// Its canonical JSON.
    pub document: String,
    /// The principal that stored it.
    pub author: PrincipalId,
    /// When it was stored.
    pub created_at: Time,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// Its id.
    pub id: DeploymentId,
    /// Its name, unique among those not archived.
    pub name: Name,
    /// The registered model.
    pub model: ModelId,
    /// The digest of its contract.
    pub contract: Digest,
    /// Where it stands.
    pub environment: String,
    /// Who answers for it.
    pub owner: String,
    /// Its risk tier.
    pub tier: String,
    /// When an answer may leave.
    pub mode: Mode,
    /// When explanations are made.
    pub explain: String,
    /// The rest, as JSON.
    pub settings: String,
    /// The version that answers.
    pub released: Option<Release>,
    /// The organisation it belongs to.
    pub tenant: TenantId,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// When it was archived.
    pub archived_at: Option<Time>,
}

/// The version that answers in a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Its number.
    pub number: u32,
    /// Who released it.
    pub by: PrincipalId,
    /// When.
    pub at: Time,
}

/// A count as SQLite keeps it; saturates at 2^63 - 1, which nothing counted here reaches.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A time as SQLite keeps it. Times beyond the year 294,000 become the last one it can.
pub(crate) fn micros(time: Time) -> i64 {
    signed(time.as_micros())
}

/// A column whose text or number does not hold what it must.
pub(crate) fn damaged(column: usize) -> Error {
    let what = "a column does not hold what it must";
    Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

pub(crate) fn count(row: &Row<'_>, column: usize) -> Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| damaged(column))
}

pub(crate) fn time(row: &Row<'_>, column: usize) -> Result<Time> {
    count(row, column).map(Time::from_micros)
}

pub(crate) fn maybe_time(row: &Row<'_>, column: usize) -> Result<Option<Time>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => time(row, column).map(Some),
    }
}

pub(crate) fn name(row: &Row<'_>, column: usize) -> Result<Name> {
    row.get_ref(column)?.as_str()?.parse().map_err(|_| damaged(column))
}

pub(crate) fn digest(row: &Row<'_>, column: usize) -> Result<Digest> {
    row.get(column).map(Digest::from_bytes)
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|_| damaged(column))
}

/// A row type with the columns it is read from, in order.
pub(crate) trait Columns: Sized {
    /// The columns, for `SELECT`.
    const COLUMNS: &'static str;
    /// Reads one row.
    fn read(row: &Row<'_>) -> Result<Self>;
}

impl Columns for Meta {
    const COLUMNS: &'static str = "tenant, generation, settled_to, created_at";
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            tenant: TenantId::from_bytes(row.get(0)?),
            generation: count(row, 1)?,
            settled_to: count(row, 2)?,
            created_at: time(row, 3)?,
        })
    }
}

impl Columns for PrincipalRow {
    const COLUMNS: &'static str = "id, name, kind, roles, tenant, is_dev, created_at, disabled_at";
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: PrincipalId::from_bytes(row.get(0)?),
            name: name(row, 1)?,
            kind: row.get(2)?,
            roles: json(row, 3)?,
            tenant: TenantId::from_bytes(row.get(4)?),
            is_dev: row.get(5)?,
            created_at: time(row, 6)?,
            disabled_at: maybe_time(row, 7)?,
        })
    }
}

impl Columns for ApiKeyRow {
    const COLUMNS: &'static str = "id, principal, name, prefix, digest, environment, scopes, \
         created_at, expires_at, revoked_at, replaced_by";
    fn read(row: &Row<'_>) -> Result<Self> {
        let scopes = match row.get_ref(6)? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(json(row, 6)?),
        };
        Ok(Self {
            id: ApiKeyId::from_bytes(row.get(0)?),
            principal: PrincipalId::from_bytes(row.get(1)?),
            name: name(row, 2)?,
            prefix: row.get(3)?,
            digest: row.get(4)?,
            environment: row.get(5)?,
            scopes,
            created_at: time(row, 7)?,
            expires_at: maybe_time(row, 8)?,
            revoked_at: maybe_time(row, 9)?,
            replaced_by: row.get::<_, Option<[u8; 16]>>(10)?.map(ApiKeyId::from_bytes),
        })
    }
}

impl Columns for ModelRow {
    const COLUMNS: &'static str = "id, name, owner, description, tenant, created_at, \
         (SELECT coalesce(max(number), 0) FROM model_versions WHERE model = id)";
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: ModelId::from_bytes(row.get(0)?),
            name: name(row, 1)?,
            owner: row.get(2)?,
            description: row.get(3)?,
            tenant: TenantId::from_bytes(row.get(4)?),
            created_at: time(row, 5)?,
            latest_version: row.get(6)?,
        })
    }
}

impl Columns for VersionRow {
    const COLUMNS: &'static str = "model, number, digest, manifest, facts, author, created_at";
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            model: ModelId::from_bytes(row.get(0)?),
            number: row.get(1)?,
            digest: digest(row, 2)?,
            manifest: row.get(3)?,
            facts: row.get(4)?,
            author: PrincipalId::from_bytes(row.get(5)?),
            created_at: time(row, 6)?,
        })
    }
}

impl Columns for FileRow {
    const COLUMNS: &'static str = "path, digest, size, role";
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            path: row.get(0)?,
            digest: digest(row, 1)?,
            size: count(row, 2)?,
            role: row.get(3)?,
        })
    }
}

impl Columns for ContractRow {
    const COLUMNS: &'static str = "digest, document, author, created_at";
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            digest: digest(row, 0)?,
            document: row.get(1)?,
            author: PrincipalId::from_bytes(row.get(2)?),
            created_at: time(row, 3)?,
        })
    }
}

impl Columns for ProfileRow {
    const COLUMNS: &'static str = "digest, document, author, created_at";
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            digest: digest(row, 0)?,
            document: row.get(1)?,
            author: PrincipalId::from_bytes(row.get(2)?),
            created_at: time(row, 3)?,
        })
    }
}

impl Columns for DeploymentRow {
    const COLUMNS: &'static str = "id, name, model, contract, environment, owner, tier, mode, \
         explain, settings, released, released_by, released_at, tenant, created_at, updated_at, \
         archived_at";
    fn read(row: &Row<'_>) -> Result<Self> {
        let mode = row.get_ref(7)?.as_str()?;
        let mode = Mode::ALL.iter().find(|m| m.as_str() == mode).ok_or_else(|| damaged(7))?;
        let released = match (row.get(10)?, row.get(11)?, maybe_time(row, 12)?) {
            (Some(number), Some(by), Some(at)) => {
                Some(Release { number, by: PrincipalId::from_bytes(by), at })
            }
            _ => None,
        };
        Ok(Self {
            id: DeploymentId::from_bytes(row.get(0)?),
            name: name(row, 1)?,
            model: ModelId::from_bytes(row.get(2)?),
            contract: digest(row, 3)?,
            environment: row.get(4)?,
            owner: row.get(5)?,
            tier: row.get(6)?,
            mode: *mode,
            explain: row.get(8)?,
            settings: row.get(9)?,
            released,
            tenant: TenantId::from_bytes(row.get(13)?),
            created_at: time(row, 14)?,
            updated_at: time(row, 15)?,
            archived_at: maybe_time(row, 16)?,
        })
    }
}
