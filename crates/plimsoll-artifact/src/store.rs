//! The store of artifacts: opens it, reads from it, repairs what a crash left.

use crate::bucket::Bucket;
use crate::cipher::{ArtifactKey, Stream};
use crate::error::{ArtifactError, Part};
use crate::layout::Layout;
use crate::reader::Reader;
use crate::session::{SessionId, Warm};
use crate::shelf::{Shelf, path_in};
use crate::upload::{Sealer, Upload};
use aws_lc_rs::digest::{SHA256, digest};
use fs_err as fs;
use plimsoll_types::{Digest, Time};
use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Says that every artifact of the folder is sealed.
const FORMAT: &str = "format";
const FORMAT_TEXT: &str = "plimsoll-artifacts 2\n";
/// Bytes of an unsealed artifact that are read at once.
const PIECE: usize = 1 << 20;

/// The store of artifacts.
pub struct ArtifactStore {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) key: ArtifactKey,
    pub(crate) layout: Layout,
    pub(crate) sessions: PathBuf,
    pub(crate) warm: Mutex<HashMap<SessionId, Warm>>,
    /// Sessions that a request writes to.
    pub(crate) writing: Mutex<HashSet<SessionId>>,
    /// Bytes of uploads in parts to which requests write.
    pub(crate) totals: Mutex<HashMap<SessionId, Arc<AtomicU64>>>,
    uploads: PathBuf,
    count: AtomicU64,
    /// Of a folder that was never opened for writing by a version that seals: artifacts may
    /// stand in it as they were uploaded.
    plain: Option<PathBuf>,
}

impl std::fmt::Debug for ArtifactStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArtifactStore").field("shelf", &self.shelf).finish_non_exhaustive()
    }
}

/// What opening found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Opened {
    /// Uploads that a crash cut short, removed.
    pub removed: usize,
    /// Artifacts of an earlier version, sealed now.
    pub sealed: usize,
    /// Artifacts that stood in the folder and stand in the bucket now.
    pub moved: usize,
}

/// What a look over the store found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Uploads that expired, removed.
    pub expired: usize,
    /// Artifacts that something refers to and that are not there.
    pub dangling: Vec<Digest>,
}

impl ArtifactStore {
    /// Opens the store in `folder`, making it if needed. Uploads in one piece that a crash cut
    /// short are removed; artifacts that an earlier version kept unsealed are sealed, each
    /// checked against its name first.
    ///
    /// # Errors
    /// [`ArtifactError::Io`]; [`ArtifactError::Cipher`].
    pub fn open(folder: &Path, key: ArtifactKey) -> Result<(Self, Opened), ArtifactError> {
        let shelf = Shelf::Folder(folder.join("sha256"));
        let mut store = Self::over(folder, shelf, key, Layout::default());
        let removed = store.prepare()?;
        let sealed = store.seal_all(folder)?;
        store.plain = None;
        Ok((store, Opened { removed, sealed, moved: 0 }))
    }

    /// The same over a bucket: `folder` is for uploads under way. What stands in it from before
    /// there was a bucket is moved there, each artifact whole before it leaves.
    ///
    /// # Errors
    /// [`ArtifactError::Io`]; [`ArtifactError::Bucket`].
    pub fn open_bucket(
        folder: &Path,
        bucket: Arc<Bucket>,
        key: ArtifactKey,
    ) -> Result<(Self, Opened), ArtifactError> {
        let (mut store, mut opened) = Self::open(folder, key)?;
        let (here, there) = (Arc::clone(&store.shelf), Shelf::Bucket(bucket));
        for digest in names(&folder.join("sha256")).map_err(ArtifactError::io("read"))? {
            if there.size(digest)?.is_none() {
                there.publish(&path_in(&folder.join("sha256"), digest), digest)?;
            } else {
                here.remove(digest)?;
            }
            opened.moved += 1;
        }
        store.shelf = Arc::new(there);
        Ok((store, opened))
    }

    /// The store in `folder` for reading, whoever else has it open. Changes nothing.
    #[must_use]
    pub fn open_existing(folder: &Path, key: ArtifactKey) -> Self {
        let shelf = Shelf::Folder(folder.join("sha256"));
        let mut store = Self::over(folder, shelf, key, Layout::default());
        if !is_sealed(folder) {
            store.plain = Some(folder.join("sha256"));
        }
        store
    }

    /// With chunks of another size, which shows the same at a hundredth of the bytes.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    fn over(folder: &Path, shelf: Shelf, key: ArtifactKey, layout: Layout) -> Self {
        Self {
            shelf: Arc::new(shelf),
            key,
            layout,
            sessions: folder.join("sessions"),
            warm: Mutex::default(),
            writing: Mutex::default(),
            totals: Mutex::default(),
            uploads: folder.join("uploads"),
            count: AtomicU64::new(0),
            plain: None,
        }
    }

    fn prepare(&self) -> Result<usize, ArtifactError> {
        let made = || {
            let mut removed = 0;
            if self.uploads.exists() {
                removed = fs::read_dir(&self.uploads)?.count();
                fs::remove_dir_all(&self.uploads)?;
            }
            fs::create_dir_all(&self.uploads)?;
            fs::create_dir_all(&self.sessions)?;
            if let Shelf::Folder(folder) = &*self.shelf {
                fs::create_dir_all(folder)?;
            }
            Ok(removed)
        };
        made().map_err(ArtifactError::io("prepared"))
    }

    /// Seals what stands unsealed. One that is not what its name says stays as it is: it could
    /// not be read before either, and whoever reads it is told.
    fn seal_all(&self, folder: &Path) -> Result<usize, ArtifactError> {
        let Shelf::Folder(shelf) = &*self.shelf else { return Ok(0) };
        if is_sealed(folder) {
            return Ok(0);
        }
        let mut sealed = 0;
        for digest in names(shelf).map_err(ArtifactError::io("read"))? {
            if self.seal_one(shelf, digest)? {
                sealed += 1;
            }
        }
        let (new, path) = (folder.join("format.new"), folder.join(FORMAT));
        let mark = || {
            fs::write(&new, FORMAT_TEXT)?;
            fs::File::open(&new)?.sync_all()?;
            fs::rename(&new, &path)?;
            fs::File::open(folder)?.sync_all()
        };
        mark().map_err(ArtifactError::io("written"))?;
        Ok(sealed)
    }

    fn seal_one(&self, shelf: &Path, digest: Digest) -> Result<bool, ArtifactError> {
        let mut file = fs::File::open(path_in(shelf, digest)).map_err(ArtifactError::io("read"))?;
        let mut upload = self.begin(u64::MAX)?;
        let mut piece = vec![0; PIECE];
        loop {
            let count = file.read(&mut piece).map_err(ArtifactError::io("read"))?;
            if count == 0 {
                break;
            }
            upload.write(piece.get(..count).unwrap_or_default())?;
        }
        let found = upload.sealer.finish(&mut upload.file)?;
        if found.digest != digest {
            // Sealed before a crash came between it and the mark, or damaged.
            return Ok(false);
        }
        upload.file.sync_all().map_err(ArtifactError::io("written"))?;
        self.shelf.publish(&upload.path, digest)?;
        Ok(true)
    }

    /// Bytes of an artifact, if it is there.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] or [`ArtifactError::Bucket`]; [`ArtifactError::Damaged`] if no
    /// artifact is that long on disk.
    pub fn size(&self, digest: Digest) -> Result<Option<u64>, ArtifactError> {
        let Some(sealed) = self.shelf.size(digest)? else { return Ok(None) };
        let length = self.layout.length(sealed);
        length.map(Some).ok_or(ArtifactError::damaged(digest, Part::Trailer))
    }

    /// An artifact, to be read chunk by chunk. What it gives is checked first.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`]; [`ArtifactError::Damaged`].
    pub fn reader(&self, digest: Digest) -> Result<Reader, ArtifactError> {
        let object = self.shelf.open(digest)?.ok_or(ArtifactError::Missing(digest))?;
        Reader::new(object, &self.key, digest)
    }

    /// All bytes of an artifact of at most `limit`.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`]; [`ArtifactError::TooLarge`]; [`ArtifactError::Damaged`].
    pub fn read(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, ArtifactError> {
        if let Some(bytes) = self.read_plain(digest, limit)? {
            return Ok(bytes);
        }
        let mut reader = self.reader(digest)?;
        if reader.length() > limit {
            return Err(ArtifactError::TooLarge { limit, what: "loaded" });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(reader.length()).unwrap_or(0));
        while let Some(next) = reader.next_bytes()? {
            bytes.extend_from_slice(&next);
        }
        Ok(bytes)
    }

    /// The bytes of an artifact that stands unsealed, if this is such a folder and it does.
    fn read_plain(&self, name: Digest, limit: u64) -> Result<Option<Vec<u8>>, ArtifactError> {
        let Some(folder) = &self.plain else { return Ok(None) };
        let mut bytes = Vec::new();
        match fs::File::open(path_in(folder, name)) {
            Ok(file) => {
                let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
                read.map_err(ArtifactError::io("read"))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ArtifactError::io("read")(error)),
        };
        let is_it = digest(&SHA256, &bytes).as_ref() == name.as_bytes();
        Ok(is_it.then_some(bytes))
    }

    /// Begins an upload in one piece, of at most `max` bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn begin(&self, max: u64) -> Result<Upload, ArtifactError> {
        let number = self.next_number();
        let path = self.uploads.join(number.to_string());
        let mut file = fs::File::create(&path).map_err(ArtifactError::io("written"))?;
        let sealer = Sealer::new(Stream::fresh(&self.key, self.layout)?, &mut file)?;
        Ok(Upload { shelf: Arc::clone(&self.shelf), file, path, sealer, max })
    }

    /// A number that no other file on its way in has.
    pub(crate) fn next_number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes an artifact away. Whether it was there.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] or [`ArtifactError::Bucket`].
    pub fn remove(&self, digest: Digest) -> Result<bool, ArtifactError> {
        self.shelf.remove(digest)
    }

    /// Removes what expired, and says what is referred to and not there.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] or [`ArtifactError::Bucket`].
    pub fn reconcile(
        &self,
        referenced: impl IntoIterator<Item = Digest>,
        now: Time,
    ) -> Result<Reconciled, ArtifactError> {
        let expired = self.expire_sessions(now)?;
        let mut dangling = Vec::new();
        for digest in referenced {
            if self.shelf.size(digest)?.is_none() {
                dangling.push(digest);
            }
        }
        Ok(Reconciled { expired, dangling })
    }
}

fn is_sealed(folder: &Path) -> bool {
    fs::read_to_string(folder.join(FORMAT)).is_ok_and(|text| text == FORMAT_TEXT)
}

/// The names of all artifacts in a folder. Other files are none of ours.
fn names(folder: &Path) -> std::io::Result<Vec<Digest>> {
    let mut found = Vec::new();
    for shard in fs::read_dir(folder)? {
        let shard = shard?;
        if !shard.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(shard.path())? {
            found.extend(file?.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()));
        }
    }
    Ok(found)
}
