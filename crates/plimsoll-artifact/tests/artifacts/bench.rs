//! What the tests share: a store in a folder of its own, and bytes made from a seed.

use aws_lc_rs::digest::{SHA256, digest};
use plimsoll_artifact::{ArtifactKey, ArtifactStore, Layout, SessionSpec, Stored};
use plimsoll_types::{Digest, Time};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const NOW: Time = Time::from_micros(1_000_000_000_000_000);
pub(crate) const MAX: u64 = 1 << 40;

pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) store: Arc<ArtifactStore>,
}

/// Chunks of 1 << `log2` bytes.
pub(crate) fn bench(log2: u8) -> Bench {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), log2);
    Bench { folder, store }
}

pub(crate) fn open(folder: &Path, log2: u8) -> Arc<ArtifactStore> {
    let (store, _) = ArtifactStore::open(folder, key(7)).expect("a store");
    Arc::new(store.with_layout(Layout::new(log2).expect("a layout")))
}

pub(crate) fn key(secret: u8) -> ArtifactKey {
    ArtifactKey::new(&[secret; 32]).expect("a key")
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Digest::from_bytes(out)
}

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end as u64)).expect("small")
    }
}

/// `length` bytes that `seed` decides.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        out.extend_from_slice(&random.next().to_le_bytes());
    }
    out.truncate(length);
    out
}

pub(crate) fn put(store: &ArtifactStore, bytes: &[u8]) -> Stored {
    let mut upload = store.begin(MAX).expect("an upload");
    for piece in bytes.chunks(37) {
        upload.write(piece).expect("written");
    }
    upload.finish().expect("stored")
}

pub(crate) fn spec(size: Option<u64>) -> SessionSpec {
    SessionSpec { owner: "ann".into(), size, max: MAX }
}

impl Bench {
    /// The file that an artifact is in.
    pub(crate) fn file(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.path().join("sha256").join(&name[..2]).join(name)
    }
}
