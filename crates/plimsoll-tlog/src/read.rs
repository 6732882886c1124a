//! Hashes and proofs out of tiles from an untrusted place.
//!
//! A [`Tiles`] begins with a size and a root that somebody trusts. It reads the partial tiles at
//! the right edge, whose hashes together must give that root, and from then on believes a tile
//! only if its root is the hash that its parent, already checked, has for it. No tile is used
//! before that, interior ones included: leaving those out is CVE-2026-56865.

use crate::proof::{Consistency, Inclusion};
use crate::tile::{MAX_LEVELS, TILE_HEIGHT, TILE_WIDTH, TileEdge, TileError, TileId, fold};
use crate::tree::{MAX_SIZE, node_hash, split};
use plimsoll_types::Digest;
use std::collections::HashMap;

/// Full tiles kept after they were checked: 8 KiB each, so 4 MiB. A walk in order needs one per
/// level; proofs of random entries need one more for each.
const MAX_KEPT: usize = 512;

/// Why a tree could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError<E> {
    /// The place of the tiles failed.
    #[error("tile {tile} cannot be read")]
    Source {
        /// The tile.
        tile: TileId,
        /// What the place said.
        #[source]
        source: E,
    },
    /// The tile does not have the bytes it must have.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// The tile is not the one its parent has the hash of.
    #[error("tile {0} was altered: its parent has another hash for it")]
    Altered(TileId),
    /// One of the partial tiles at the right edge is not the one of this tree.
    #[error("the tiles at the edge of {size} entries give another root: one of {} was altered", list(.tiles))]
    Edge {
        /// The size of the tree.
        size: u64,
        /// The partial tiles at its edge.
        tiles: Vec<TileId>,
    },
    /// The caller asked for something outside the tree.
    #[error("{asked} is outside a tree of {size} entries")]
    Outside {
        /// An index or a size.
        asked: u64,
        /// The size of the tree.
        size: u64,
    },
}

fn list(tiles: &[TileId]) -> String {
    tiles.iter().map(TileId::path).collect::<Vec<_>>().join(", ")
}

/// A tree whose tiles come from `F`, a function from a tile to its bytes, and are all checked.
#[derive(Debug)]
pub struct Tiles<F> {
    source: F,
    edge: TileEdge,
    /// Partial tiles of the edge by level, checked when opened.
    partial: Vec<Vec<Digest>>,
    /// Full tiles that were checked.
    kept: HashMap<TileId, Vec<Digest>>,
}

impl<F, E> Tiles<F>
where
    F: FnMut(TileId) -> Result<Vec<u8>, E>,
{
    /// The tree of `size` entries with this `root`, which the caller trusts (out of a verified
    /// checkpoint). Reads the partial tiles and checks them against the root.
    ///
    /// # Errors
    /// If a tile cannot be read, or together they do not give the root.
    pub fn open(size: u64, root: &Digest, mut source: F) -> Result<Self, ReadError<E>> {
        if size > MAX_SIZE {
            return Err(ReadError::Outside { asked: size, size: MAX_SIZE });
        }
        let mut partial = Vec::new();
        let mut tiles = Vec::new();
        for level in 0..MAX_LEVELS {
            let width = (size >> (TILE_HEIGHT * u32::from(level))) % u64::from(TILE_WIDTH);
            let index = size.checked_shr(TILE_HEIGHT * (u32::from(level) + 1)).unwrap_or_default();
            partial.push(match TileId::in_tree(level, index, size).filter(|_| width > 0) {
                None => Vec::new(),
                Some(tile) => {
                    tiles.push(tile);
                    fetch(&mut source, tile)?
                }
            });
        }
        let edge = TileEdge::from_levels(size, partial.clone());
        if edge.root() != *root {
            return Err(ReadError::Edge { size, tiles });
        }
        Ok(Self { source, edge, partial, kept: HashMap::new() })
    }

    /// How many entries the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The right edge, for a writer to go on from.
    #[must_use]
    pub fn edge(&self) -> TileEdge {
        self.edge.clone()
    }

    /// The hashes of the tile `index` of `level`, as wide as the tree has it.
    ///
    /// # Errors
    /// If the tree has no such tile, it cannot be read, or it or one above it was altered.
    pub fn tile(&mut self, level: u8, index: u64) -> Result<Vec<Digest>, ReadError<E>> {
        let tile = TileId::in_tree(level, index, self.size())
            .ok_or(ReadError::Outside { asked: index, size: self.size() })?;
        self.checked(tile).cloned()
    }

    /// The leaf hash of the entry at `index`.
    ///
    /// # Errors
    /// As [`Tiles::tile`].
    pub fn leaf(&mut self, index: u64) -> Result<Digest, ReadError<E>> {
        if index >= self.size() {
            return Err(ReadError::Outside { asked: index, size: self.size() });
        }
        self.subtree(0, index)
    }

    /// The root that the tree had when it had `size` entries.
    ///
    /// # Errors
    /// As [`Tiles::tile`], and if it never had so many.
    pub fn root_at(&mut self, size: u64) -> Result<Digest, ReadError<E>> {
        self.within(size)?;
        if size == 0 { Ok(crate::tree::empty_root()) } else { self.range(0, size) }
    }

    /// A proof that the tree of `size` entries, this one or an earlier state of it, has its entry
    /// at `index`.
    ///
    /// # Errors
    /// As [`Tiles::tile`], and if `index` is not below `size`.
    pub fn inclusion(&mut self, index: u64, size: u64) -> Result<Inclusion, ReadError<E>> {
        self.within(size)?;
        if index >= size {
            return Err(ReadError::Outside { asked: index, size });
        }
        // RFC 6962 §2.1.1, from the root down.
        let mut hashes = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                hashes.push(self.range(middle, end)?);
                end = middle;
            } else {
                hashes.push(self.range(start, middle)?);
                start = middle;
            }
        }
        hashes.reverse();
        Ok(Inclusion { index, size, hashes })
    }

    /// A proof that the tree of `new` entries begins with the tree of `old` entries.
    ///
    /// # Errors
    /// As [`Tiles::tile`], and if `old` is more than `new`.
    pub fn consistency(&mut self, old: u64, new: u64) -> Result<Consistency, ReadError<E>> {
        self.within(new)?;
        if old > new {
            return Err(ReadError::Outside { asked: old, size: new });
        }
        let mut hashes = Vec::new();
        if old > 0 && old < new {
            // RFC 6962 §2.1.2, from the root down.
            let (mut start, mut end) = (0, new);
            while end != old {
                let middle = start + split(end - start);
                if old <= middle {
                    hashes.push(self.range(middle, end)?);
                    end = middle;
                } else {
                    hashes.push(self.range(start, middle)?);
                    start = middle;
                }
            }
            // What is left is the end of the earlier tree; all of it needs no hash.
            if start > 0 {
                hashes.push(self.range(start, end)?);
            }
            hashes.reverse();
        }
        Ok(Consistency { old, new, hashes })
    }

    fn within(&self, size: u64) -> Result<(), ReadError<E>> {
        if size > self.size() {
            return Err(ReadError::Outside { asked: size, size: self.size() });
        }
        Ok(())
    }

    /// The hash over the entries `start..end`, where `start` is a multiple of the smallest power
    /// of two that is not below the count. At most 63 subtrees.
    fn range(&mut self, start: u64, end: u64) -> Result<Digest, ReadError<E>> {
        let mut hashes = Vec::new();
        let mut at = start;
        for height in crate::tree::heights(end - start) {
            hashes.push(self.subtree(height, at >> height)?);
            at += 1 << height;
        }
        let mut rest = hashes.iter().rev();
        let smallest = rest.next().copied().unwrap_or_default();
        Ok(rest.fold(smallest, |right, left| node_hash(left, &right)))
    }

    /// The hash of the perfect subtree over the entries `number * 2^height` and following.
    fn subtree(&mut self, height: u32, number: u64) -> Result<Digest, ReadError<E>> {
        let (level, within) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
        let first = number << within;
        let index = first / u64::from(TILE_WIDTH);
        let size = self.size();
        let outside = || ReadError::Outside { asked: number, size };
        let tile = u8::try_from(level)
            .ok()
            .and_then(|level| TileId::in_tree(level, index, size))
            .ok_or_else(outside)?;
        let slot = usize::try_from(first % u64::from(TILE_WIDTH)).map_err(|_| outside())?;
        let hashes = self.checked(tile)?.get(slot..slot + (1 << within)).ok_or_else(outside)?;
        Ok(fold(hashes))
    }

    /// The hashes of a tile of this tree, checked up to the root.
    fn checked(&mut self, tile: TileId) -> Result<&Vec<Digest>, ReadError<E>> {
        // From the tile up to one that is already checked, then down again.
        let mut unchecked = Vec::new();
        let mut at = tile;
        while at.is_full() && !self.kept.contains_key(&at) {
            unchecked.push(at);
            let (level, index, _) = at.parent();
            at = TileId::in_tree(level, index, self.size())
                .ok_or(ReadError::Outside { asked: index, size: self.size() })?;
        }
        while let Some(tile) = unchecked.pop() {
            let hashes = fetch(&mut self.source, tile)?;
            let (_, _, slot) = tile.parent();
            if self.known(at).get(slot) != Some(&fold(&hashes)) {
                return Err(ReadError::Altered(tile));
            }
            if self.kept.len() >= MAX_KEPT {
                self.kept.clear();
            }
            self.kept.insert(tile, hashes);
            at = tile;
        }
        Ok(self.known(tile))
    }

    /// A tile that was checked; empty if it was not, so that nothing is ever found in it.
    fn known(&self, tile: TileId) -> &Vec<Digest> {
        static NOTHING: Vec<Digest> = Vec::new();
        let known = if tile.is_full() {
            self.kept.get(&tile)
        } else {
            self.partial.get(usize::from(tile.level()))
        };
        known.unwrap_or(&NOTHING)
    }
}

fn fetch<F, E>(source: &mut F, tile: TileId) -> Result<Vec<Digest>, ReadError<E>>
where
    F: FnMut(TileId) -> Result<Vec<u8>, E>,
{
    let bytes = source(tile).map_err(|source| ReadError::Source { tile, source })?;
    Ok(tile.hashes(&bytes)?)
}
