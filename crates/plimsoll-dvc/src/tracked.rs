//! `.dvc` files, and the objects that list what a folder has.

use crate::hash::{Hash, Md5};
use crate::yaml::{DvcError, read, within};
use serde::Deserialize;

/// Outputs of one file or stage.
pub(crate) const MAX_OUTPUTS: usize = 10_000;
/// Files of one folder: 1 million paths of 100 bytes are 150 MB of list.
const MAX_FILES: usize = 1_000_000;
/// The largest list of a folder.
const MAX_FOLDER_BYTES: usize = 256 << 20;

/// A file or folder that DVC knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its path, as seen from the root of the repository.
    pub path: String,
    /// What identifies it; `None` if nothing was computed yet.
    pub hash: Option<Hash>,
    /// Its bytes.
    pub size: Option<u64>,
    /// Files, if it is a folder.
    pub files: Option<u64>,
    /// Whether DVC pushes it to remotes.
    pub is_pushed: bool,
}

/// Where an import comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The path there, or the whole address.
    pub path: String,
    /// The repository, of `dvc import`.
    pub url: Option<String>,
    /// The commit that was imported.
    pub commit: Option<String>,
}

/// A `.dvc` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// What it tracks.
    pub outputs: Vec<Output>,
    /// Where that comes from, if it was imported.
    pub imports: Vec<Import>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    outs: Vec<Out>,
    #[serde(default)]
    deps: Vec<Dep>,
    wdir: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Out {
    path: String,
    md5: Option<String>,
    hash: Option<String>,
    etag: Option<String>,
    checksum: Option<String>,
    version_id: Option<String>,
    size: Option<u64>,
    nfiles: Option<u64>,
    push: Option<bool>,
}

#[derive(Deserialize)]
struct Dep {
    path: String,
    repo: Option<Repo>,
}

#[derive(Deserialize)]
struct Repo {
    url: Option<String>,
    rev_lock: Option<String>,
}

impl Out {
    pub(crate) fn read(self, folder: &str) -> Result<Output, DvcError> {
        let cloud = self.version_id.or(self.etag).or(self.checksum);
        let hash = match (&self.md5, cloud) {
            (Some(sum), _) => Some(Hash::read(sum, self.hash.as_deref())?),
            (None, cloud) => cloud.map(Hash::Cloud),
        };
        Ok(Output {
            path: within(folder, &self.path)?,
            hash,
            size: self.size,
            files: self.nfiles,
            is_pushed: self.push.unwrap_or(true),
        })
    }
}

impl Tracked {
    /// Reads a `.dvc` file that stands in `folder` (seen from the root, empty for the root).
    ///
    /// # Errors
    /// [`DvcError`].
    pub fn read(text: &str, folder: &str) -> Result<Self, DvcError> {
        let file: File = read(text, ".dvc")?;
        if file.outs.len() > MAX_OUTPUTS || file.deps.len() > MAX_OUTPUTS {
            return Err(DvcError::TooMany(MAX_OUTPUTS));
        }
        let folder = match &file.wdir {
            Some(wdir) => within(folder, wdir)?,
            None => folder.to_owned(),
        };
        let outputs = file.outs.into_iter().map(|out| out.read(&folder));
        let imports = file.deps.into_iter().map(|dep| {
            let (url, commit) = dep.repo.map_or((None, None), |repo| (repo.url, repo.rev_lock));
            Import { path: dep.path, url, commit }
        });
        Ok(Self { outputs: outputs.collect::<Result<_, _>>()?, imports: imports.collect() })
    }
}

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its path in the folder.
    pub path: String,
    /// The sum of its bytes.
    pub sum: Md5,
}

#[derive(Deserialize)]
struct Listed {
    md5: String,
    relpath: String,
}

/// Reads the object that lists what a folder has (`….dir`).
///
/// # Errors
/// [`DvcError`].
pub fn read_folder(bytes: &[u8]) -> Result<Vec<FolderEntry>, DvcError> {
    if bytes.len() > MAX_FOLDER_BYTES {
        return Err(DvcError::TooLarge);
    }
    let malformed = |error: serde_json::Error| DvcError::Malformed {
        what: ".dir",
        line: u64::try_from(error.line()).unwrap_or(0),
    };
    let listed: Vec<Listed> = serde_json::from_slice(bytes).map_err(malformed)?;
    if listed.len() > MAX_FILES {
        return Err(DvcError::TooMany(MAX_FILES));
    }
    let entry =
        |one: Listed| Ok(FolderEntry { path: within("", &one.relpath)?, sum: one.md5.parse()? });
    listed.into_iter().map(entry).collect()
}
