//! Finds the files that a `.dvc` file tracks: in the workspace, the cache, or a remote that is a
//! folder. It asks no `dvc`, and follows no link out of the repository.

use super::dataset::Found;
use crate::failure::Failure;
use fs_err as fs;
use plimsoll_api::DatasetSource;
use plimsoll_dvc::{Config, DvcError, Hash, Lock, Output, Tracked, graph, read_folder};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The largest file of DVC's that is read whole.
const MAX_BYTES: u64 = 256 << 20;

/// The files behind `path`, and where they come from.
pub(super) fn find(path: &Path) -> Result<(Vec<Found>, DatasetSource), Failure> {
    let repo = Repo::around(path)?;
    let tracked = Tracked::read(&text(path)?, &repo.folder).map_err(malformed)?;
    let mut source = DatasetSource {
        kind: "dvc".into(),
        address: Some(repo.name.clone()),
        commit: repo.commit(),
        warnings: Vec::new(),
    };
    if let Some(import) = tracked.imports.first() {
        source.address = Some(import.url.clone().unwrap_or_else(|| import.path.clone()));
        source.commit = import.commit.clone().or(source.commit);
    }
    let mut found = Vec::new();
    for output in &tracked.outputs {
        repo.output(output, &mut found, &mut source.warnings)?;
    }
    if found.is_empty() {
        return Err(Failure::user(format!("`{}` tracks no files", path.display())));
    }
    repo.check_lock(&tracked, &mut source.warnings)?;
    source.warnings.sort();
    source.warnings.dedup();
    Ok((found, source))
}

/// A repository of DVC's.
pub(super) struct Repo {
    root: PathBuf,
    /// The folder of the `.dvc` file, as seen from the root.
    folder: String,
    /// The `.dvc` file, as seen from the root.
    name: String,
    /// Where objects may be: the cache, and remotes that are folders.
    stores: Vec<PathBuf>,
}

impl Repo {
    pub(super) fn around(path: &Path) -> Result<Self, Failure> {
        let file = fs::canonicalize(path)?;
        let root = file.ancestors().skip(1).find(|folder| folder.join(".dvc").is_dir());
        let outside = || {
            Failure::user(format!("`{}` is in no repository of DVC's", path.display()))
                .hint("there must be a folder `.dvc` above it")
        };
        let root = root.ok_or_else(outside)?.to_path_buf();
        let name = file.strip_prefix(&root).ok().and_then(Path::to_str).ok_or_else(outside)?;
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let mut stores = vec![root.join(".dvc/cache")];
        let config = root.join(".dvc/config");
        if config.is_file() {
            let config = Config::read(&text(&config)?).map_err(malformed)?;
            // Other remotes would be asked over the network, which `dvc fetch` does.
            let local = config.remotes.values().filter(|url| !url.contains("://"));
            stores.extend(local.map(|url| root.join(".dvc").join(url)));
        }
        Ok(Self { name: name.to_owned(), folder, stores, root })
    }

    /// The folder of the file it was found by, as seen from the root.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// What people call it: the name of its folder.
    pub(super) fn title(&self) -> String {
        let name = self.root.file_name().and_then(|name| name.to_str());
        name.unwrap_or("repository").to_owned()
    }

    pub(super) fn output(
        &self,
        output: &Output,
        found: &mut Vec<Found>,
        warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        if !output.is_pushed {
            warnings.push("not_pushed".into());
        }
        let name = output.path.rsplit('/').next().unwrap_or_default();
        match &output.hash {
            Some(Hash::Folder(_)) => {
                let hash = output.hash.as_ref().and_then(Hash::object);
                let object = hash.as_deref().and_then(|object| self.object(object));
                let object = object.ok_or_else(|| missing(&output.path))?;
                for entry in read_folder(&bytes(&object)?).map_err(malformed)? {
                    let place = self.place(
                        &format!("{}/{}", output.path, entry.path),
                        &Hash::File(entry.sum),
                    )?;
                    found.push(Found {
                        place,
                        path: format!("{name}/{}", entry.path),
                        sum: Some(entry.sum),
                    });
                }
                Ok(())
            }
            Some(hash @ Hash::File(sum)) => {
                let place = self.place(&output.path, hash)?;
                found.push(Found { place, path: name.to_owned(), sum: Some(*sum) });
                Ok(())
            }
            // These name no bytes: what is in the workspace is taken, and that is said.
            Some(hash) => {
                warnings.push("legacy".into());
                let place = self.place(&output.path, hash)?;
                found.push(Found { place, path: name.to_owned(), sum: None });
                Ok(())
            }
            None => {
                Err(Failure::user(format!("`{}` has no sum yet; run `dvc commit`", output.path)))
            }
        }
    }

    /// The file in the workspace, else the object.
    fn place(&self, path: &str, hash: &Hash) -> Result<PathBuf, Failure> {
        let here = self.root.join(path);
        if here.is_file() {
            // A link into the cache is how DVC checks out; a link elsewhere is not.
            let real = fs::canonicalize(&here)?;
            if real.starts_with(&self.root) || self.stores.iter().any(|s| real.starts_with(s)) {
                return Ok(here);
            }
            return Err(Failure::user(format!("`{path}` is a link out of the repository")));
        }
        hash.object().and_then(|object| self.object(&object)).ok_or_else(|| missing(path))
    }

    fn object(&self, object: &str) -> Option<PathBuf> {
        self.stores.iter().map(|store| store.join(object)).find(|path| path.is_file())
    }

    /// Whether the stages that read this ran on what it is now.
    fn check_lock(&self, tracked: &Tracked, warnings: &mut Vec<String>) -> Result<(), Failure> {
        let path = self.root.join("dvc.lock");
        if !path.is_file() {
            return Ok(());
        }
        let lock = Lock::read(&text(&path)?, "").map_err(malformed)?;
        let found = graph(&[(self.name.clone(), tracked.clone())], &lock);
        if found.edges.iter().any(|edge| edge.source == self.name && !edge.is_current) {
            warnings.push("stale".into());
        }
        Ok(())
    }

    /// The commit that is checked out, if this is a repository of git's.
    pub(super) fn commit(&self) -> Option<String> {
        let git = self.root.join(".git");
        let head = text(&git.join("HEAD")).ok()?;
        let is_commit =
            |text: &str| text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let Some(name) = head.trim().strip_prefix("ref: ") else {
            return Some(head.trim().to_owned()).filter(|commit| is_commit(commit));
        };
        if name.contains("..") || name.starts_with('/') {
            return None;
        }
        let loose = text(&git.join(name)).ok().map(|text| text.trim().to_owned());
        let packed = || {
            let packed = text(&git.join("packed-refs")).ok()?;
            let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
            lines.find(|(_, found)| *found == name).map(|(commit, _)| commit.to_owned())
        };
        loose.or_else(packed).filter(|commit| is_commit(commit))
    }
}

fn missing(path: &str) -> Failure {
    Failure::user(format!("`{path}` is neither in the workspace nor in the cache"))
        .hint("run `dvc pull`")
}

pub(super) fn malformed(error: DvcError) -> Failure {
    Failure::user(error.to_string())
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes(path)?)
        .map_err(|_| Failure::user(format!("`{}` is not UTF-8", path.display())))
}
