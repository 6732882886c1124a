//! Files: artifacts under the paths that MLflow's clients use. A path may change what it names
//! until a model version is registered from it; from then on it is *protected*, and whoever
//! tries is refused and recorded.

use crate::act::Who;
use crate::artifact::{Upload, failed};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_artifact::{FilePath, Reader, Stored};
use plimsoll_policy::Action;
use plimsoll_store::{PathRow, ProtectedRow, Read, StoreError};
use plimsoll_types::record::Stage;
use serde_json::json;

/// The most entries of one listing. A folder with more is listed up to there.
const MAX_ENTRIES: usize = 10_000;
/// The most experiments that are looked through for a run.
const MAX_EXPERIMENTS: usize = 10_000;

/// A file, or a folder, in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name in the folder.
    pub name: String,
    /// Its bytes; `None` for a folder.
    pub size: Option<u64>,
}

impl Control {
    /// Begins to put a file of at most `max` bytes at a path.
    ///
    /// # Errors
    /// [`ControlError::Denied`]; [`ControlError::Conflict`] if the path may not change or is
    /// taken otherwise.
    pub fn begin_file(
        &self,
        ctx: &RequestContext,
        path: &FilePath,
        max: u64,
    ) -> Result<Upload, ControlError> {
        self.may_read(ctx, Action::ChangeFile, &self.server())?;
        // Asked again when all bytes are there; here so that nobody sends them for nothing.
        if let Some(found) = self.store.read(|r| r.protection_of(path.as_str()))? {
            return Err(self.refuse_change(ctx, path, &found));
        }
        self.store.read(|r| free(r, path))?;
        self.begin_upload(max)
    }

    /// Ends what [`Self::begin_file`] began: on return the file is durable at the path.
    ///
    /// # Errors
    /// As there.
    pub fn end_file(
        &self,
        ctx: &RequestContext,
        path: &FilePath,
        upload: Upload,
    ) -> Result<(), ControlError> {
        let artifact = upload.end()?;
        self.put_stored(ctx, path, Stored { digest: artifact.digest, size: artifact.size })
    }

    /// Lets an artifact stand at a path.
    pub(crate) fn put_stored(
        &self,
        ctx: &RequestContext,
        path: &FilePath,
        stored: Stored,
    ) -> Result<(), ControlError> {
        let row = PathRow {
            path: path.to_string(),
            digest: stored.digest,
            size: stored.size,
            author: ctx.id,
            updated_at: self.clock.now(),
        };
        match self.store.put_file(&row)? {
            None => Ok(()),
            Some(found) => Err(self.refuse_change(ctx, path, &found)),
        }
    }

    /// Takes a file away, or a folder with everything in it. What is not there is gone already.
    ///
    /// # Errors
    /// [`ControlError::Denied`]; [`ControlError::Conflict`] if any of it may not change.
    pub fn remove_files(&self, ctx: &RequestContext, path: &FilePath) -> Result<(), ControlError> {
        self.may_read(ctx, Action::ChangeFile, &self.server())?;
        match self.store.remove_files(path.as_str())? {
            None => Ok(()),
            Some(found) => Err(self.refuse_change(ctx, path, &found)),
        }
    }

    /// A file, to be read chunk by chunk.
    ///
    /// # Errors
    /// [`ControlError::Denied`]; [`ControlError::NotFound`]; [`ControlError::Artifact`].
    pub fn read_file(&self, ctx: &RequestContext, path: &FilePath) -> Result<Reader, ControlError> {
        self.may_read(ctx, Action::ReadFile, &self.server())?;
        let row = self.store.read(|r| r.file_at(path.as_str()))?;
        let row = row.ok_or_else(|| ControlError::not_found("file", path))?;
        self.artifacts.0.reader(row.digest).map_err(failed)
    }

    /// What is in a folder, by name; `None` stands for the root. A folder that is not there is
    /// empty, as it is for MLflow.
    ///
    /// # Errors
    /// [`ControlError::Denied`]; [`ControlError::Store`].
    pub fn list_files(
        &self,
        ctx: &RequestContext,
        folder: Option<&FilePath>,
    ) -> Result<Vec<FileEntry>, ControlError> {
        self.may_read(ctx, Action::ReadFile, &self.server())?;
        let prefix = folder.map_or_else(String::new, |folder| format!("{folder}/"));
        Ok(self.store.read(|r| entries(r, &prefix, MAX_ENTRIES))?)
    }

    /// The folder of a run's artifacts, if it has any: `<experiment>/<run>/artifacts`.
    ///
    /// # Errors
    /// [`ControlError::Denied`]; [`ControlError::NotFound`].
    pub fn run_folder(&self, ctx: &RequestContext, run: &str) -> Result<FilePath, ControlError> {
        self.may_read(ctx, Action::ReadFile, &self.server())?;
        let missing = || ControlError::not_found("run with artifacts", "of this id");
        let found = self.store.read(|r| {
            for experiment in entries(r, "", MAX_EXPERIMENTS)? {
                let Ok(folder) = format!("{}/{run}/artifacts", experiment.name).parse::<FilePath>()
                else {
                    continue;
                };
                if r.file_after(&format!("{folder}/"), "")?.is_some() {
                    return Ok::<_, StoreError>(Some(folder));
                }
            }
            Ok(None)
        })?;
        found.ok_or_else(missing)
    }

    /// The folder that a model version was registered from.
    ///
    /// # Errors
    /// [`ControlError::Denied`]; [`ControlError::NotFound`].
    pub fn version_folder(
        &self,
        ctx: &RequestContext,
        version: &str,
    ) -> Result<FilePath, ControlError> {
        self.may_read(ctx, Action::ReadFile, &self.server())?;
        let found = self.store.read(|r| r.protected_by(version))?;
        let found = found.and_then(|row| row.path.parse().ok());
        found.ok_or_else(|| ControlError::not_found("model version with files", version))
    }

    /// The refusal of a change to files of a registered version. It is durable in the ledger
    /// before the caller hears of it.
    fn refuse_change(
        &self,
        ctx: &RequestContext,
        path: &FilePath,
        found: &ProtectedRow,
    ) -> ControlError {
        let resource = format!("file/{path}");
        let who =
            Who { principal: ctx.id, action: Action::ChangeFile.as_str(), resource: &resource };
        let payload = json!({"request": ctx.request_id, "protected_by": found.reason});
        if let Err(error) = self.note(who, Stage::Denied, payload) {
            tracing::warn!(%error, "a refused change of a protected file could not be recorded");
        }
        ControlError::conflict(format!(
            "the path belongs to model version `{}`, whose files do not change",
            found.reason
        ))
    }
}

/// Whether a file may stand at a path: nothing above it is a file, and it is no folder.
fn free(read: &Read<'_>, path: &FilePath) -> Result<(), ControlError> {
    for folder in path.folders() {
        if read.file_at(folder)?.is_some() {
            return Err(ControlError::conflict("a file stands where the path has a folder"));
        }
    }
    if read.file_after(&format!("{path}/"), "")?.is_some() {
        return Err(ControlError::conflict("a folder stands at this path"));
    }
    Ok(())
}

/// What begins with `prefix`, up to the next `/`. One look-up for each.
fn entries(read: &Read<'_>, prefix: &str, most: usize) -> Result<Vec<FileEntry>, StoreError> {
    let mut found = Vec::new();
    let mut after = String::new();
    while found.len() < most {
        let Some(row) = read.file_after(prefix, &after)? else { break };
        let rest = row.path.get(prefix.len()..).unwrap_or_default();
        match rest.split_once('/') {
            None => {
                found.push(FileEntry { name: rest.to_owned(), size: Some(row.size) });
                after = row.path;
            }
            Some((name, _)) => {
                found.push(FileEntry { name: name.to_owned(), size: None });
                // Everything in this folder is passed over.
                after = format!("{prefix}{name}/{}", char::MAX);
            }
        }
    }
    Ok(found)
}
