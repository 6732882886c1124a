//! The tree as its writer holds it: the right edge of the tiles and the bundle that is not full.

use super::folder::{self, Public};
use super::leaves::each_leaf;
use crate::LedgerError;
use crate::frame::leaf_hash;
use crate::log::SharedLog;
use plimsoll_tlog::bundle;
use plimsoll_tlog::read::Tiles;
use plimsoll_tlog::tile::{BundleId, TILE_WIDTH, TileEdge};
use plimsoll_tlog::tree::Edge;
use plimsoll_types::Digest;
use std::path::Path;

/// Entries that the tree grows by at once: 256 tiles and bundles in memory, 64 MiB if every leaf
/// were as large as leaves may be, 25 MiB as they are. At 40,000 entries/s this is one and a half
/// seconds of them.
pub(crate) const MAX_GROWTH: u64 = 1 << 16;

/// A file of the published log: its path below the root, and its bytes.
pub(crate) type PublicFile = (String, Vec<u8>);

/// The end of the tree, from which it grows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Growing {
    edge: TileEdge,
    /// The entries of the last bundle, unless it is full.
    bundle: Vec<u8>,
}

impl Growing {
    pub(crate) const fn size(&self) -> u64 {
        self.edge.size()
    }
    pub(crate) fn root(&self) -> Digest {
        self.edge.root()
    }

    /// The paths that the partial tiles and the partial bundle have once they are full.
    pub(crate) fn partials(&self) -> impl Iterator<Item = String> {
        let stem = |path: String| path.split_once(".p/").map(|(stem, _)| stem.to_owned());
        let bundle = BundleId::in_tree(self.size() / WIDTH, self.size());
        let tiles = self.edge.partials().map(|(tile, _)| tile.path());
        tiles.chain(bundle.map(|bundle| bundle.path())).filter_map(stem)
    }

    /// Adds a leaf; `files` gets the tiles and the bundle that this fills.
    fn push(&mut self, leaf: &[u8], files: &mut Vec<PublicFile>) -> Result<(), LedgerError> {
        bundle::append(&mut self.bundle, leaf)?;
        self.edge.push(leaf_hash(leaf), |tile, bytes| {
            files.push((tile.path(), bytes));
            Ok::<_, LedgerError>(())
        })?;
        if let Some(full) = self.size().checked_sub(1).filter(|_| self.size().is_multiple_of(WIDTH))
        {
            let id = BundleId::new(full / WIDTH, TILE_WIDTH)?;
            files.push((id.path(), std::mem::take(&mut self.bundle)));
        }
        Ok(())
    }

    /// The tree after the entries up to `to`, or [`MAX_GROWTH`] of them, and the files that are
    /// new with it; the partial ones last.
    ///
    /// # Errors
    /// If the segments cannot be read.
    pub(crate) fn grown(
        &self,
        log: &SharedLog,
        to: u64,
    ) -> Result<(Self, Vec<PublicFile>), LedgerError> {
        let (mut grown, mut files) = (self.clone(), Vec::new());
        let to = to.min(self.size().saturating_add(MAX_GROWTH));
        each_leaf(log, self.size(), to, |leaf| grown.push(leaf, &mut files))?;
        files.extend(grown.edge.partials().map(|(tile, bytes)| (tile.path(), bytes)));
        if !grown.bundle.is_empty()
            && let Some(id) = BundleId::in_tree(grown.size() / WIDTH, grown.size())
        {
            files.push((id.path(), grown.bundle.clone()));
        }
        Ok((grown, files))
    }

    /// The tree of `size` entries with this `root`, from its published tiles and the leaves of
    /// its last bundle; `None` if they do not give that root.
    ///
    /// # Errors
    /// If the segments cannot be read.
    pub(crate) fn open(
        public: &Path,
        log: &SharedLog,
        size: u64,
        root: &Digest,
    ) -> Result<Option<Self>, LedgerError> {
        let tiles = Tiles::open(size, root, |tile| {
            folder::read_tile(public, tile)?.ok_or(LedgerError::Absent(tile.index()))
        });
        let Ok(mut tiles) = tiles else { return Ok(None) };
        let first = size / WIDTH * WIDTH;
        let (mut bundle, mut hashes) = (Vec::new(), Vec::new());
        each_leaf(log, first, size, |leaf| {
            hashes.push(leaf_hash(leaf));
            Ok(bundle::append(&mut bundle, leaf)?)
        })?;
        let is_same = hashes.is_empty()
            || tiles.tile(0, size / WIDTH).is_ok_and(|published| published == hashes);
        Ok(is_same.then(|| Self { edge: tiles.edge(), bundle }))
    }

    /// The tree of the first `size` entries, from the segments alone. Publishes it only if it has
    /// the root that it must have, if one is given.
    ///
    /// # Errors
    /// If the segments cannot be read or the files cannot be written; [`LedgerError::Closed`] if
    /// `goes_on` says that there is no time; `Ok(None)` if the root is another.
    pub(crate) fn rebuild(
        public: &mut Public,
        log: &SharedLog,
        size: u64,
        root: &Digest,
        goes_on: impl Fn() -> bool,
    ) -> Result<Option<Self>, LedgerError> {
        let checked = |goes_on: bool| if goes_on { Ok(()) } else { Err(LedgerError::Closed) };
        let mut edge = Edge::new();
        while edge.size() < size {
            checked(goes_on())?;
            let to = size.min(edge.size() + MAX_GROWTH);
            each_leaf(log, edge.size(), to, |leaf| {
                edge.push(leaf_hash(leaf));
                Ok(())
            })?;
        }
        if edge.root() != *root {
            return Ok(None);
        }
        let mut tree = Self::default();
        while tree.size() < size {
            checked(goes_on())?;
            let (grown, files) = tree.grown(log, size)?;
            public.put(&files)?;
            tree = grown;
        }
        Ok(Some(tree))
    }
}

/// [`TILE_WIDTH`] as the numbers that it is used with.
const WIDTH: u64 = TILE_WIDTH as u64;
