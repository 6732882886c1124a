//! Versions that are asked, or will be, and have nothing that their traffic is compared with: where
//! their rows may come from. What a reference is made of is the monitor's business, and is made by
//! who can reach ledger and tables.

use crate::artifact::{failed, sha256};
use crate::bootstrap::{Control, SERVER};
use crate::card;
use crate::dataset::manifest_of;
use crate::error::ControlError;
use crate::gate_live::Fitted;
use crate::retrain::document;
use plimsoll_api as api;
use plimsoll_store::{DatasetFileRow, DeploymentRow, FileRow, FindingKey, ReferenceRow};
use plimsoll_types::{DeploymentId, Digest, Name, SignalKind, Time};
use serde_json::{Value, json};

/// The longest file that a reference is made of: as much as a request that sets one may be long,
/// eight times. It is read whole.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// A version's own file of rows that its traffic is to be compared with.
const DECLARED: [&str; 2] = ["reference.csv", "reference.parquet"];
/// What the finding of a version without reference is about.
const ABOUT: &str = "reference";

/// A version that has no reference.
#[derive(Debug, Clone)]
pub struct Unreferenced {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Its name.
    pub name: Name,
    /// The number of the version.
    pub version: u32,
    /// Where its rows may come from, the best first.
    pub sources: Vec<ReferenceSource>,
    /// The reference of the newest version that has one: how the deployment is watched.
    pub like: Option<String>,
}

/// Where the rows of a reference may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceSource {
    /// The decisions that it was trained on again.
    Trained {
        /// Of which deployment.
        deployment: DeploymentId,
        /// That deployment's name.
        name: Name,
        /// From then on.
        from: Time,
        /// Before then.
        until: Time,
        /// The condition under which rows are left out.
        exclude: Option<String>,
        /// In words.
        origin: String,
    },
    /// A file that is kept here.
    File {
        /// The artifact.
        digest: Digest,
        /// Whether it is Parquet, and not CSV.
        is_parquet: bool,
        /// In words.
        origin: String,
    },
}

impl Control {
    /// Versions that answer, are tried or are on their way there without a reference. For what
    /// watches, not for a caller.
    ///
    /// # Errors
    /// [`ControlError`] if the store cannot be read.
    pub fn unreferenced(&self) -> Result<Vec<(DeploymentId, u32)>, ControlError> {
        let rows = self.store.read(|r| r.unreferenced())?;
        Ok(rows.into_iter().map(|row| (row.deployment, row.version)).collect())
    }

    /// Where the reference of one of them may come from; `None` if it is here no more.
    ///
    /// # Errors
    /// [`ControlError`] if the store cannot be read.
    pub fn reference_sources(
        &self,
        deployment: DeploymentId,
        version: u32,
    ) -> Result<Option<Unreferenced>, ControlError> {
        let Some(row) = self.store.read(|r| r.deployment(deployment))? else { return Ok(None) };
        let mut sources: Vec<ReferenceSource> =
            self.trained_on(&row, version)?.into_iter().collect();
        sources.extend(self.data_sets_of(&row, version)?);
        let files = self.store.read(|r| r.files(row.model, version))?;
        sources.extend(files.iter().filter_map(declared));
        let like = self.store.read(|r| r.newest_reference(deployment))?;
        let like = like.map(|like| like.document);
        Ok(Some(Unreferenced { deployment, name: row.name, version, sources, like }))
    }

    /// The decisions of its retraining, if they are rows of the same contract.
    fn trained_on(
        &self,
        row: &DeploymentRow,
        version: u32,
    ) -> Result<Option<ReferenceSource>, ControlError> {
        let Some(retrain) = self.store.read(|r| r.retrain_of(row.model, version))? else {
            return Ok(None);
        };
        let Some(manifest) = &retrain.manifest else { return Ok(None) };
        let manifest: api::TrainingManifest = document(manifest)?;
        let of = self.store.read(|r| r.deployment(retrain.deployment))?;
        let Some(of) = of.filter(|of| of.contract == row.contract) else { return Ok(None) };
        let (from, until) = (manifest.from, manifest.until);
        Ok(Some(ReferenceSource::Trained {
            deployment: of.id,
            origin: format!(
                "rows of retraining {}: {} from {from} to {until}",
                retrain.id, of.name
            ),
            name: of.name,
            from: from.0,
            until: until.0,
            exclude: manifest.exclude,
        }))
    }

    /// The tables among the files, kept here, of the data sets that its card names.
    fn data_sets_of(
        &self,
        row: &DeploymentRow,
        version: u32,
    ) -> Result<Vec<ReferenceSource>, ControlError> {
        let Some(card) = self.store.read(|r| r.card(row.model, version))? else {
            return Ok(Vec::new());
        };
        let mut sources = Vec::new();
        for named in card::document(&card)?.datasets {
            let Some((name, number)) = named.rsplit_once('/') else { continue };
            let Ok(number) = number.parse() else { continue };
            let found = self.store.read(|r| {
                let Some(set) = r.dataset_named(name)? else { return Ok(None) };
                let version = r.dataset_version(&set.id, number)?;
                Ok::<_, ControlError>(version.zip(Some(r.dataset_files(&set.id, number)?)))
            })?;
            let Some((of, files)) = found else { continue };
            let age = self.clock.now().since(of.created_at).as_secs() / (24 * 60 * 60);
            let is_over = |days: u32| age >= u64::from(days);
            if manifest_of(&of)?.retention_days.is_some_and(is_over) {
                continue;
            }
            sources.extend(files.iter().filter_map(|file| table(&named, file)));
        }
        Ok(sources)
    }

    /// The bytes of a file that a reference is made of.
    ///
    /// # Errors
    /// [`ControlError`] if it is not kept here, or too long.
    pub fn reference_file(&self, digest: Digest) -> Result<Vec<u8>, ControlError> {
        self.artifacts.0.read(digest, MAX_FILE).map_err(failed)
    }

    /// A version with its contract, as a reference needs it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A conflict if it does not fit.
    pub fn version_without_reference(
        &self,
        deployment: DeploymentId,
        version: u32,
    ) -> Result<Fitted, ControlError> {
        let row = self.store.read(|r| r.deployment(deployment))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", deployment))?;
        self.fitted(&row, version)
    }

    /// Sets the reference of a version that has none, in the server's name. Its digest; `None` if
    /// somebody set one meanwhile.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn set_first_reference(
        &self,
        unreferenced: &Unreferenced,
        document: String,
        mut facts: Value,
    ) -> Result<Option<Digest>, ControlError> {
        let Unreferenced { deployment, name, version, .. } = unreferenced;
        let (deployment, version) = (*deployment, *version);
        let row = self.store.read(|r| r.deployment(deployment))?;
        // The store wants a person: whoever let something answer here. The ledger says that it was
        // the server.
        let Some(by) = row.and_then(|row| row.released).map(|release| release.by) else {
            return Ok(None);
        };
        let digest = sha256(document.as_bytes());
        facts["reference"] = Value::String(digest.to_string());
        facts["version"] = version.into();
        let resource = format!("deployment/{name}");
        let payload = json!({"facts": facts});
        let is_set = self.carry_out_as(SERVER, "Watch", &resource, payload, |tx, now| {
            Ok(tx.set_first_reference(&ReferenceRow {
                deployment,
                version,
                digest,
                document,
                changed_by: by,
                changed_at: now,
            })?)
        })?;
        Ok(is_set.then_some(digest))
    }

    /// Resolves what was found of a version that answers without a reference, as it is compared with
    /// one now.
    ///
    /// # Errors
    /// [`ControlError`] if the finding cannot be resolved; it stays open then.
    pub fn is_watched(&self, deployment: DeploymentId, version: u32) -> Result<(), ControlError> {
        let row = self.store.read(|r| r.deployment(deployment))?;
        let released = row.and_then(|row| row.released).map(|release| release.number);
        if released != Some(version) {
            return Ok(());
        }
        let kind = SignalKind::Unwatched.name();
        let key = FindingKey { deployment, kind, about: ABOUT, slice: "" };
        match self.store.read(|r| r.finding_of(&key))? {
            Some(row) => self.resolve_as_server(row.id, "a reference is set"),
            None => Ok(()),
        }
    }
}

fn declared(file: &FileRow) -> Option<ReferenceSource> {
    let is_declared = DECLARED.contains(&file.path.as_str()) && file.size <= MAX_FILE;
    is_declared.then(|| ReferenceSource::File {
        digest: file.digest,
        is_parquet: is_parquet(&file.path),
        origin: format!("{} of the version", file.path),
    })
}

fn table(set: &str, file: &DatasetFileRow) -> Option<ReferenceSource> {
    let is_parquet = is_parquet(&file.path);
    let is_table = (is_parquet || file.path.ends_with(".csv")) && file.size <= MAX_FILE;
    is_table.then(|| ReferenceSource::File {
        digest: file.digest,
        is_parquet,
        origin: format!("data set {set}: {}", file.path),
    })
}

fn is_parquet(path: &str) -> bool {
    path.ends_with(".parquet")
}
