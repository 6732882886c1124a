//! Logs to test with.

use plimsoll_tlog::cosignature::Cosigner;
use plimsoll_tlog::note::{Note, Signer};
use plimsoll_tlog::tile::{BundleId, Resource, TileEdge, TileId};
use plimsoll_tlog::tree::leaf_hash;
use plimsoll_tlog::{Checkpoint, Tiles, bundle, tile};
use plimsoll_types::Digest;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const ORIGIN: &str = "example.com/plimsoll/ledger";

/// A log in memory, with every tile it has now.
#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) tiles: BTreeMap<TileId, Vec<u8>>,
    pub(crate) edge: TileEdge,
}

/// A tile that is not there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing;

impl Log {
    /// So many entries of different lengths; `seed` makes logs differ.
    pub(crate) fn of(size: u64, seed: u8) -> Self {
        Self::from((0..size).map(|i| entry(i, seed)).collect())
    }

    pub(crate) fn from(entries: Vec<Vec<u8>>) -> Self {
        let mut log = Self::default();
        for entry in &entries {
            log.edge
                .push(leaf_hash(entry), |id, bytes| {
                    log.tiles.insert(id, bytes);
                    Ok::<(), Missing>(())
                })
                .expect("a map takes all");
        }
        log.tiles.extend(log.edge.partials());
        log.entries = entries;
        log
    }

    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }
    pub(crate) fn root(&self) -> Digest {
        self.edge.root()
    }
    pub(crate) fn source(&self) -> impl FnMut(TileId) -> Result<Vec<u8>, Missing> {
        |id| self.tiles.get(&id).cloned().ok_or(Missing)
    }
    pub(crate) fn open(&self) -> Tiles<impl FnMut(TileId) -> Result<Vec<u8>, Missing>> {
        Tiles::open(self.size(), &self.root(), self.source()).expect("its own tiles")
    }
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(ORIGIN, self.size(), self.root())
    }
    pub(crate) fn signed(&self) -> Note {
        self.checkpoint().sign(&signer()).expect("an origin of one line")
    }

    pub(crate) fn bundle(&self, id: BundleId) -> Vec<u8> {
        let first = usize::try_from(id.first_entry()).expect("fits in memory");
        let mut bytes = Vec::new();
        for entry in &self.entries[first..first + usize::from(id.width())] {
            bundle::append(&mut bytes, entry).expect("small entries");
        }
        bytes
    }

    /// All of it as files: what a log serves.
    pub(crate) fn write(&self, folder: &Path) {
        fs_err::write(folder.join("checkpoint"), self.signed().to_string()).expect("written");
        let tiles = self.tiles.iter().map(|(id, bytes)| (Resource::Tile(*id), bytes.clone()));
        let bundles =
            tile::grown_bundles(0, self.size()).map(|id| (Resource::Bundle(id), self.bundle(id)));
        for (resource, bytes) in tiles.chain(bundles) {
            let path = folder.join(resource.path());
            fs_err::create_dir_all(path.parent().expect("below the folder")).expect("made");
            fs_err::write(path, bytes).expect("written");
        }
    }
}

/// Flips a bit of a byte of a file of a log.
pub(crate) fn flip(folder: &Path, resource: Resource, byte: usize) {
    let path = folder.join(resource.path());
    let mut bytes = fs_err::read(&path).expect("it is there");
    bytes[byte] ^= 1;
    fs_err::write(path, bytes).expect("written");
}

/// A log with other bytes in some place, as a folder.
pub(crate) fn written(log: &Log) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    log.write(folder.path());
    folder
}

pub(crate) fn entry(index: u64, seed: u8) -> Vec<u8> {
    let length = usize::try_from(index % 61).expect("small");
    let mut entry = format!("entry {index} of {seed} ").into_bytes();
    entry.resize(entry.len() + length, seed);
    entry
}

pub(crate) fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[7; 32]).expect("a proper name")
}

pub(crate) fn cosigner(number: u8) -> Cosigner {
    Cosigner::from_seed(&format!("witness.example/w{number}"), &[number; 32]).expect("a name")
}

/// Every text that differs from `text` in one bit of one byte.
pub(crate) fn with_a_bit_flipped(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..text.len()).flat_map(move |at| {
        (0..8).map(move |bit| {
            let mut flipped = text.to_vec();
            flipped[at] ^= 1 << bit;
            flipped
        })
    })
}
