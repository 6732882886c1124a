//! The published log in object storage. Tiles and bundles are put first and the checkpoint last, so
//! the checkpoint that is there covers nothing that is not; a copy that was broken off goes on from
//! there, or from its last note of progress.

use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutPayload};
use plimsoll_ledger::{CheckpointSink, KnownHead, LogSource, SignedCheckpoint, SinkError};
use plimsoll_s3::S3;
use plimsoll_tlog::note::Signature;
use plimsoll_tlog::tile::{BundleId, TILE_WIDTH, TileId, grown, grown_bundles};
use plimsoll_tlog::{Checkpoint, Vkey};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// The least time between two copies: a partial tile is put for each.
const INTERVAL: Duration = Duration::from_secs(10);
/// Entries copied between two notes of progress: 512 files and a few.
const STEP: u64 = 1 << 16;
const CHECKPOINT: &str = "checkpoint";
const PROGRESS: &str = "progress";
/// What a checkpoint or a note of progress may have.
const MAX_OBJECT: u64 = plimsoll_tlog::note::MAX_NOTE_BYTES as u64;

/// A bucket or folder that gets a copy of the published log. One file is in memory at a time.
#[derive(Debug)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
    name: String,
    log: Option<Vkey>,
    /// Entries whose tiles and bundles are there, once that is known.
    done: Option<u64>,
}

impl Bucket {
    /// A folder, which must be there.
    pub(crate) fn folder(folder: &Path) -> Result<Self, String> {
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|e| e.to_string())?;
        Self::new(Arc::new(store), format!("the copy in `{}`", folder.display()))
    }

    /// A bucket. One that is away now is asked again with each checkpoint, as a folder is.
    pub(crate) fn s3(s3: S3) -> Result<Self, String> {
        let name = format!("the copy in {s3}");
        Self::new(Arc::new(s3), name)
    }

    fn new(store: Arc<dyn ObjectStore>, name: String) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| e.to_string())?;
        Ok(Self { store, runtime, name, log: None, done: None })
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SinkError> {
        let read = async {
            let found = match self.store.get(&ObjectPath::from(path)).await {
                Err(StoreError::NotFound { .. }) => return Ok(None),
                other => other?,
            };
            if found.meta.size > MAX_OBJECT {
                return Ok(Some(Vec::new()));
            }
            found.bytes().await.map(|bytes| Some(bytes.to_vec()))
        };
        self.runtime.block_on(read).map_err(|error: StoreError| self.failed(&error))
    }

    fn write(&self, path: &str, bytes: Vec<u8>) -> Result<(), SinkError> {
        let path = ObjectPath::from(path);
        let put = self.store.put(&path, PutPayload::from(bytes));
        self.runtime.block_on(put).map(drop).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &StoreError) -> SinkError {
        SinkError::failed(format!("{} cannot be used: {error}", self.name))
    }

    /// The checkpoint that is there.
    fn head(&self, log: &Vkey) -> Result<Option<Checkpoint>, SinkError> {
        let Some(note) = self.read(CHECKPOINT)? else { return Ok(None) };
        let opened = Checkpoint::open(&note, &[log]).map_err(|error| {
            SinkError::failed(format!("{} is not of this log: {error}", self.name))
        })?;
        Ok(Some(opened.checkpoint))
    }

    /// Entries that are there whole.
    fn progress(&self, covered: u64) -> Result<u64, SinkError> {
        let noted = self.read(PROGRESS)?.unwrap_or_default();
        let noted = String::from_utf8(noted).ok().and_then(|text| text.trim().parse().ok());
        Ok(noted.unwrap_or(0).max(covered))
    }

    /// Copies the full tiles and bundles that a log of `to` entries has and one of `from` had not.
    fn copy_full(&self, source: &dyn LogSource, from: u64, to: u64) -> Result<(), SinkError> {
        let tiles = grown(from, to).filter(TileId::is_full).map(|tile| tile.path());
        let bundles = grown_bundles(from, to).filter(BundleId::is_full).map(|id| id.path());
        tiles.chain(bundles).try_for_each(|path| self.copy(source, &path))
    }

    /// Copies the partial tiles and the partial bundle at the right edge of a log. All of them: one
    /// that an earlier step passed over did not change since.
    fn copy_edge(&self, source: &dyn LogSource, size: u64) -> Result<(), SinkError> {
        for level in 0..u8::MAX {
            let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or_default();
            if hashes == 0 {
                break;
            }
            let tile = TileId::in_tree(level, hashes / u64::from(TILE_WIDTH), size);
            tile.map_or(Ok(()), |tile| self.copy(source, &tile.path()))?;
        }
        let bundle = BundleId::in_tree(size / u64::from(TILE_WIDTH), size);
        bundle.map_or(Ok(()), |bundle| self.copy(source, &bundle.path()))
    }

    fn copy(&self, source: &dyn LogSource, path: &str) -> Result<(), SinkError> {
        let bytes = source.file(path)?;
        let bytes = bytes.ok_or_else(|| SinkError::failed(format!("there is no `{path}`")))?;
        self.write(path, bytes)
    }
}

impl CheckpointSink for Bucket {
    fn name(&self) -> &str {
        &self.name
    }
    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn known(&mut self, log: &Vkey, _: &str) -> Result<Option<KnownHead>, SinkError> {
        self.log = Some(log.clone());
        let head = self.head(log)?;
        self.done = Some(self.progress(head.as_ref().map_or(0, |head| head.size))?);
        Ok(head.map(|head| KnownHead { size: head.size, root: Some(head.root) }))
    }

    fn put(
        &mut self,
        checkpoint: &SignedCheckpoint,
        source: &dyn LogSource,
    ) -> Result<Vec<Signature>, SinkError> {
        let Some(mut done) = self.done else {
            // It was away at the start: what it has is looked at before it is written over.
            let log = self.log.clone();
            let log = log.ok_or_else(|| SinkError::failed("it was not asked at the start"))?;
            let head = self.known(&log, "")?;
            return match head {
                Some(head) if head.size > checkpoint.size => Err(SinkError::Ahead(head.size)),
                _ => CheckpointSink::put(self, checkpoint, source),
            };
        };
        while checkpoint.size.saturating_sub(done) > STEP {
            let to = (done + STEP) / STEP * STEP;
            self.copy_full(source, done, to)?;
            self.write(PROGRESS, to.to_string().into_bytes())?;
            done = to;
            self.done = Some(done);
        }
        self.copy_full(source, done.min(checkpoint.size), checkpoint.size)?;
        self.copy_edge(source, checkpoint.size)?;
        self.write(CHECKPOINT, checkpoint.note.clone().into_bytes())?;
        self.done = Some(checkpoint.size);
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;
    use plimsoll_tlog::bundle;
    use plimsoll_tlog::tile::{Resource, TileEdge};
    use plimsoll_tlog::tree::{leaf_hash, root_of};
    use plimsoll_tlog::{Signer, Tiles};
    use plimsoll_types::Time;
    use std::cell::Cell;
    use std::collections::HashMap;

    /// A log in memory, of which so many files can be read before it fails.
    struct Source {
        files: HashMap<String, Vec<u8>>,
        left: Cell<usize>,
    }

    impl LogSource for Source {
        fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SinkError> {
            assert!(Resource::parse(path).is_ok(), "{path}");
            let left = self.left.get().checked_sub(1).ok_or(SinkError::failed("away"))?;
            self.left.set(left);
            Ok(self.files.get(path).cloned())
        }
        fn consistency(
            &self,
            _: u64,
            _: u64,
        ) -> Result<plimsoll_tlog::proof::Consistency, SinkError> {
            Err(SinkError::failed("nobody asks"))
        }
    }

    fn log(signer: &Signer, size: u64) -> (Source, SignedCheckpoint) {
        let (mut edge, mut files, mut leaves) = (TileEdge::new(), HashMap::new(), Vec::new());
        let mut entries = Vec::new();
        for i in 0..size {
            let entry = i.to_be_bytes();
            leaves.push(leaf_hash(&entry));
            bundle::append(&mut entries, &entry).expect("fits");
            edge.push(leaf_hash(&entry), |tile, bytes| {
                files.insert(tile.path(), bytes);
                Ok::<_, ()>(())
            })
            .expect("grows");
            if (i + 1) % 256 == 0 || i + 1 == size {
                let id = plimsoll_tlog::tile::BundleId::in_tree(i / 256, i + 1).expect("there");
                files.insert(id.path(), std::mem::take(&mut entries));
            }
        }
        files.extend(edge.partials().map(|(tile, bytes)| (tile.path(), bytes)));
        let root = edge.root();
        assert_eq!(root, root_of(&leaves));
        let note = Checkpoint::new(signer.vkey().name(), size, root).sign(signer).expect("signs");
        let checkpoint =
            SignedCheckpoint { size, root, time: Time::from_micros(1), note: note.to_string() };
        (Source { files, left: Cell::new(usize::MAX) }, checkpoint)
    }

    #[test]
    fn a_copy_is_whole_and_one_that_was_broken_off_goes_on() {
        let signer = Signer::from_seed("example.com/log", &[3; 32]).expect("key");
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let bucket = || {
            let mut bucket = Bucket::new(Arc::clone(&store), "a bucket".into()).expect("made");
            let known = bucket.known(signer.vkey(), "").expect("asks");
            (bucket, known.map(|head| head.size))
        };
        let (mut first, known) = bucket();
        assert_eq!(known, None);
        let (source, small) = log(&signer, 300);
        CheckpointSink::put(&mut first, &small, &source).expect("copies");
        assert_eq!(bucket().1, Some(300));

        // The large copy breaks off, and another process goes on where it noted its progress.
        let (source, large) = log(&signer, 150_000);
        source.left.set(700);
        assert!(CheckpointSink::put(&mut first, &large, &source).is_err());
        let (mut second, known) = bucket();
        assert_eq!((known, second.done), (Some(300), Some(STEP)));
        source.left.set(usize::MAX);
        CheckpointSink::put(&mut second, &large, &source).expect("copies");
        let read = |tile: plimsoll_tlog::tile::TileId| {
            second.read(&tile.path()).map(|bytes| bytes.unwrap_or_default())
        };
        let mut tiles = Tiles::open(large.size, &large.root, read).expect("edge");
        for index in [0, 255, 300, 65_535, 65_536, 149_999] {
            assert_eq!(tiles.leaf(index).expect("leaf"), leaf_hash(&index.to_be_bytes()));
        }
        for id in plimsoll_tlog::tile::grown_bundles(0, large.size) {
            let bytes = second.read(&id.path()).expect("reads").expect("there");
            assert_eq!(
                bundle::entries(&bytes, id.width()).expect("entries").len(),
                usize::from(id.width())
            );
        }
        // Another log's copy is not written over.
        let other = Signer::from_seed("example.com/other", &[4; 32]).expect("key");
        let mut third = Bucket::new(Arc::clone(&store), "a bucket".into()).expect("made");
        assert!(third.known(other.vkey(), "").is_err());
        let (source, alien) = log(&other, 3);
        assert!(CheckpointSink::put(&mut third, &alien, &source).is_err());
        assert_eq!(bucket().1, Some(150_000));
    }
}
