//! Tiles (C2SP tlog-tiles): which a tree has, what changes when it grows, paths and bytes.
//! Knows nothing of where tiles are kept; [`crate::read`] checks them.

use crate::text;
use crate::tree::{Edge, MAX_SIZE, node_hash};
use plimsoll_types::Digest;
use std::fmt;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Levels of the tree that one tile spans: `2^8 = 256`.
pub(crate) const TILE_HEIGHT: u32 = 8;
/// Levels of tiles that a tree of [`MAX_SIZE`] entries has: 63 levels of the tree, 8 in each.
pub(crate) const MAX_LEVELS: u8 = 8;
/// Bytes of a hash.
pub(crate) const HASH_BYTES: usize = 32;
/// The largest index of a tile that a tree of [`MAX_SIZE`] entries needs has 17 digits, in groups
/// of three with `x` and `/`; a level, a width and the words around them are below 30 bytes.
const MAX_PATH_BYTES: usize = 64;

/// A tile of hashes: `tile/<level>/<index>[.p/<width>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

/// A bundle of entries: `tile/entries/<index>[.p/<width>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId {
    index: u64,
    width: u16,
}

/// What a path below the prefix of a log can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A tile of hashes.
    Tile(TileId),
    /// A bundle of entries.
    Bundle(BundleId),
}

/// Not a tile of any tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Level, index or width is out of range.
    #[error("no tree has such a tile")]
    Range,
    /// The path is not in the one form it can have.
    #[error("not the path of a tile or an entry bundle")]
    Path,
    /// The bytes are not `width` hashes.
    #[error("tile {tile} has {found} bytes, not {expected}")]
    Length {
        /// The tile.
        tile: TileId,
        /// 32 times its width.
        expected: usize,
        /// How many came.
        found: usize,
    },
}

impl TileId {
    /// The tile `index` of `level`, with `width` of 1 to 256 hashes.
    ///
    /// # Errors
    /// If no tree of up to [`MAX_SIZE`] entries has it.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        if level >= MAX_LEVELS || !(1..=TILE_WIDTH).contains(&width) {
            return Err(TileError::Range);
        }
        let hashes = index.checked_mul(u64::from(TILE_WIDTH));
        let end = hashes.and_then(|hashes| hashes.checked_add(u64::from(width)));
        let most = MAX_SIZE >> (TILE_HEIGHT * u32::from(level));
        if end.is_some_and(|end| end <= most) {
            Ok(Self { level, index, width })
        } else {
            Err(TileError::Range)
        }
    }

    /// The tile `index` of `level` in a tree of `size` entries, as wide as it is there; `None` if
    /// that tree does not have it.
    #[must_use]
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        if level >= MAX_LEVELS || size > MAX_SIZE {
            return None;
        }
        let hashes = size >> (TILE_HEIGHT * u32::from(level));
        let width = hashes.saturating_sub(index.checked_mul(u64::from(TILE_WIDTH))?);
        let width = u16::try_from(width.min(u64::from(TILE_WIDTH))).ok()?;
        (width > 0).then_some(Self { level, index, width })
    }

    /// The level: 0 has the leaf hashes.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }
    /// The number of the tile in its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }
    /// How many hashes it has, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }
    /// Whether it has all its 256 hashes, and so never changes again.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The path below the prefix of the log: `tile/0/x001/234.p/56`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, numbered(self.index, self.width))
    }

    /// How many bytes the tile has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        usize::from(self.width) * HASH_BYTES
    }

    /// The hashes in `bytes`, which come from somewhere untrusted: only their number is checked.
    ///
    /// # Errors
    /// If there are more or fewer than the tile has.
    pub fn hashes(&self, bytes: &[u8]) -> Result<Vec<Digest>, TileError> {
        if bytes.len() != self.bytes() {
            return Err(TileError::Length {
                tile: *self,
                expected: self.bytes(),
                found: bytes.len(),
            });
        }
        let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
        Ok(hashes.iter().map(|hash| Digest::from_bytes(*hash)).collect())
    }

    /// The tile that has the hash of this one, and at which place, if both are full enough.
    pub(crate) fn parent(&self) -> (u8, u64, usize) {
        let slot = usize::try_from(self.index % u64::from(TILE_WIDTH)).unwrap_or_default();
        (self.level + 1, self.index / u64::from(TILE_WIDTH), slot)
    }
}

impl BundleId {
    /// The bundle `index`, with `width` of 1 to 256 entries.
    ///
    /// # Errors
    /// If no tree of up to [`MAX_SIZE`] entries has it.
    pub fn new(index: u64, width: u16) -> Result<Self, TileError> {
        TileId::new(0, index, width).map(Self::beside)
    }

    /// The bundle with the entries `index * 256` and following of a tree of `size` entries.
    #[must_use]
    pub fn in_tree(index: u64, size: u64) -> Option<Self> {
        TileId::in_tree(0, index, size).map(Self::beside)
    }

    fn beside(tile: TileId) -> Self {
        Self { index: tile.index, width: tile.width }
    }

    /// The number of the bundle.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }
    /// How many entries it has, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }
    /// Whether it has all its 256 entries, and so never changes again.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }
    /// The index of its first entry.
    #[must_use]
    pub const fn first_entry(&self) -> u64 {
        self.index * (TILE_WIDTH as u64)
    }

    /// The path below the prefix of the log: `tile/entries/x001/234.p/56`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/entries/{}", numbered(self.index, self.width))
    }
}

impl Resource {
    /// What `path` names, if it is written in the one form it can have (no leading `/`).
    ///
    /// # Errors
    /// If it names nothing that a tree can have.
    pub fn parse(path: &str) -> Result<Self, TileError> {
        if path.len() > MAX_PATH_BYTES {
            return Err(TileError::Path);
        }
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (level, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let (index, width) = parse_numbered(rest).ok_or(TileError::Path)?;
        if level == "entries" {
            return BundleId::new(index, width).map(Self::Bundle);
        }
        let level = text::decimal(level).ok_or(TileError::Path)?;
        let level = u8::try_from(level).map_err(|_| TileError::Range)?;
        TileId::new(level, index, width).map(Self::Tile)
    }

    /// The path below the prefix of the log.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Tile(tile) => tile.path(),
            Self::Bundle(bundle) => bundle.path(),
        }
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}
impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// 1234067 of width 5 is `x001/x234/067.p/5`.
fn numbered(index: u64, width: u16) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH {
        path.push_str(&format!(".p/{width}"));
    }
    path
}

/// Reads what [`numbered`] writes, and nothing else.
fn parse_numbered(path: &str) -> Option<(u64, u16)> {
    let (number, width) = match path.split_once(".p/") {
        Some((number, width)) => (number, u16::try_from(text::decimal(width)?).ok()?),
        None => (path, TILE_WIDTH),
    };
    let mut index: u64 = 0;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    // The reverse is the judge of the rest: where an `x` belongs, that no group leads with zeros,
    // that a full tile has no width.
    (numbered(index, width) == path).then_some((index, width))
}

/// The tiles that a tree of `size` entries has.
pub fn tiles(size: u64) -> impl Iterator<Item = TileId> {
    grown(0, size)
}

/// The tiles that a tree of `new` entries has and one of `old` entries did not, level by level:
/// those that were filled, and the partial one at the right of each level that got wider.
pub fn grown(old: u64, new: u64) -> impl Iterator<Item = TileId> {
    (0..MAX_LEVELS).flat_map(move |level| grown_in(level, old, new))
}

/// The bundles that a tree of `new` entries has and one of `old` entries did not.
pub fn grown_bundles(old: u64, new: u64) -> impl Iterator<Item = BundleId> {
    grown_in(0, old, new).map(BundleId::beside)
}

fn grown_in(level: u8, old: u64, new: u64) -> impl Iterator<Item = TileId> {
    let shift = TILE_HEIGHT * u32::from(level);
    let (old, hashes) = (old >> shift, new >> shift);
    let first = old / u64::from(TILE_WIDTH);
    let end = if old < hashes { hashes.div_ceil(u64::from(TILE_WIDTH)) } else { first };
    (first..end).filter_map(move |index| TileId::in_tree(level, index, new))
}

/// What a writer of tiles keeps in memory: the partial tile at the right of every level, at most
/// 8 × 255 hashes. It grows leaf by leaf and hands out the tiles that fill up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileEdge {
    size: u64,
    /// By level; the last is never empty.
    levels: Vec<Vec<Digest>>,
}

impl TileEdge {
    /// The edge of the tree without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, levels: Vec::new() }
    }

    /// From partial tiles that were checked; see [`crate::read::Tiles::edge`].
    pub(crate) fn from_levels(size: u64, mut levels: Vec<Vec<Digest>>) -> Self {
        while levels.last().is_some_and(Vec::is_empty) {
            levels.pop();
        }
        Self { size, levels }
    }

    /// Adds a leaf, which is a [`crate::tree::leaf_hash`]. `full` gets every tile that this fills,
    /// with its bytes, the lowest level first.
    ///
    /// # Errors
    /// What `full` fails with; the leaf is then not added.
    pub fn push<E>(
        &mut self,
        leaf: Digest,
        mut full: impl FnMut(TileId, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        // First the tiles that fill up, so that an error leaves the edge as it was.
        let mut filled = Vec::new();
        let mut hash = leaf;
        for (level, hashes) in (0..MAX_LEVELS).zip(&self.levels) {
            if hashes.len() + 1 < usize::from(TILE_WIDTH) {
                break;
            }
            let mut hashes = hashes.clone();
            hashes.push(hash);
            hash = fold(&hashes);
            let id = TileId { level, index: self.index(level), width: TILE_WIDTH };
            full(id, encode(&hashes))?;
            filled.push(level);
        }
        for level in &filled {
            if let Some(hashes) = self.levels.get_mut(usize::from(*level)) {
                hashes.clear();
            }
        }
        match self.levels.get_mut(filled.len()) {
            Some(hashes) => hashes.push(hash),
            None => self.levels.push(vec![hash]),
        }
        self.size += 1;
        Ok(())
    }

    /// The partial tiles with their bytes, the lowest level first.
    pub fn partials(&self) -> impl Iterator<Item = (TileId, Vec<u8>)> {
        (0..MAX_LEVELS).zip(&self.levels).filter_map(|(level, hashes)| {
            let index = self.index(level);
            let width = u16::try_from(hashes.len()).ok().filter(|&width| width > 0)?;
            Some((TileId { level, index, width }, encode(hashes)))
        })
    }

    /// The index of the tile at the right of a level. The highest level has only one.
    fn index(&self, level: u8) -> u64 {
        self.size.checked_shr(TILE_HEIGHT * (u32::from(level) + 1)).unwrap_or_default()
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The same edge as the hashes of perfect subtrees.
    #[must_use]
    pub fn edge(&self) -> Edge {
        let subtrees = self.levels.iter().rev().flat_map(|hashes| perfect(hashes)).collect();
        // One subtree for each bit of each level's width, which are the bits of the size.
        Edge::restore(self.size, subtrees).unwrap_or_default()
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.edge().root()
    }
}

/// The bytes of a tile of these hashes.
#[must_use]
pub fn encode(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of the perfect subtrees that `hashes` divide into, the largest first.
fn perfect(mut hashes: &[Digest]) -> Vec<Digest> {
    let mut subtrees = Vec::new();
    while !hashes.is_empty() {
        let largest = 1 << hashes.len().ilog2();
        let (left, rest) = hashes.split_at(largest);
        subtrees.push(fold(left));
        hashes = rest;
    }
    subtrees
}

/// The root over a power of two of hashes.
pub(crate) fn fold(hashes: &[Digest]) -> Digest {
    debug_assert!(hashes.len().is_power_of_two());
    let mut hashes = hashes.to_vec();
    while hashes.len() > 1 {
        hashes =
            hashes.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    hashes.first().copied().unwrap_or_default()
}
