//! A walk over everything that a ledger's folder holds: segments, their sidecars, and the
//! published log. Names the first file or entry that is not what the others make of it.

use super::folder::{CHECKPOINT, public, read_bounded, read_note, read_tile};
use super::heads::TreeHead;
use crate::LedgerError;
use crate::disk::Handle;
use crate::frame::Frame;
use crate::index::{self, Stored};
use crate::reader::{LedgerReader, Tail, Verified};
use crate::recovery::{self, Chain, torn_end};
use crate::seal::is_committed;
use crate::segment::{Cursor, HEADER, Header, Met, Stop, walk_hashed};
use plimsoll_tlog::bundle::{self, MAX_BUNDLE_BYTES};
use plimsoll_tlog::read::Tiles;
use plimsoll_tlog::tile::{BundleId, TILE_WIDTH, TileEdge, TileId};
use plimsoll_tlog::{Checkpoint, Note, Vkey};
use plimsoll_types::Digest;
use plimsoll_types::record::SealedRef;
use std::path::{Path, PathBuf};

/// [`TILE_WIDTH`] as the number that indexes are divided by.
const WIDTH: u64 = TILE_WIDTH as u64;
/// Entries between two words about progress: some hundred milliseconds.
const PROGRESS: u64 = 1 << 16;
/// Bytes looked at at once where nothing but zeros may be.
const ZEROS: usize = 1 << 20;
/// Names looked at in a folder of partial tiles: there are 255 widths, and each may have an
/// unfinished file beside it.
const MAX_PARTIALS: usize = 512;

/// What a verification holds the ledger against.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// The log's public key, for the checkpoint's signature.
    pub log: Option<Vkey>,
    /// Further keys whose signatures may stand under the checkpoint: its witnesses'.
    pub witnesses: Vec<Vkey>,
    /// The stored head of the tree.
    pub head: Option<TreeHead>,
    /// Leaves the bodies' digests out, which doubles the speed.
    pub skip_bodies: bool,
    /// Where an earlier verification that was broken off had got to.
    pub resume: Option<Resume>,
}

/// How far a verification has got: enough to go on from there. Whoever keeps it must trust the
/// place where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Entries found right.
    pub entries: u64,
    /// Root hash of their tree.
    pub root: Digest,
    /// Hash of the last of them.
    pub last: Digest,
    /// Offset of the next in its segment.
    pub offset: u64,
    /// Bytes of frames found right.
    pub bytes: u64,
}

/// Where a running verification is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Entries found right so far.
    pub entries: u64,
    /// Of so many, at least.
    pub of: u64,
    /// From where it could go on, if it were broken off now.
    pub resume: Option<Resume>,
}

impl LedgerReader {
    /// Walks everything: checksums, leaves, sequence, chain, bodies' digests, sidecars, tiles,
    /// bundles, checkpoint and head. Needs no keys but the log's public one.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] names the first entry that is wrong, [`LedgerError::Published`]
    /// and [`LedgerError::Format`] the first file.
    pub fn verify_with(
        &self,
        verification: &Verification,
        mut progress: impl FnMut(Progress),
    ) -> Result<Verified, LedgerError> {
        let public = public(self.folder());
        // First of all: a ledger that is written meanwhile only gets longer.
        let (checkpoint, unknown_signatures) = checkpoint(&public, verification)?.unzip();
        let chain = Chain::read(&self.folder().join("segments"), self.gateway())?;
        let resume = verification.resume.and_then(|resume| opened(&public, resume));
        let (edge, resume) = resume.unzip();
        let mut tree = Tree::new(public, edge.unwrap_or_default());
        tree.expect(checkpoint.as_ref(), verification.head.as_ref());
        let mut walk = Walk {
            reader: self,
            tree,
            bodies: !verification.skip_bodies,
            of: self.count(),
            bytes: resume.map_or(0, |resume| resume.bytes),
        };
        let (cursor, ending) = walk.segments(&chain, resume, &mut progress)?;
        let marker = recovery::read_marker(self.folder())?;
        // What is torn was never acknowledged. But a ledger that was closed has no torn end, and
        // what a checkpoint covers was durable once.
        if ending.tail != Tail::Whole
            && (marker.is_some() || walk.tree.expected.iter().any(|e| e.size > cursor.index))
        {
            return Err(ending.damaged(&cursor));
        }
        walk.tree.finish(cursor.index)?;
        if marker.is_some_and(|marker| marker != (cursor.index, cursor.previous)) {
            let (path, what) = (self.folder().join("end"), "the ledger ends elsewhere");
            return Err(LedgerError::Format { path, what });
        }
        Ok(Verified {
            entries: cursor.index,
            segments: chain.segments.len() as u64,
            bytes: walk.bytes,
            head: cursor.previous,
            tail: ending.tail,
            published: walk.tree.required,
            root: walk.tree.edge.root(),
            unknown_signatures: unknown_signatures.unwrap_or(0),
        })
    }
}

/// The published checkpoint, its signature verified if there is a key to do it with, and how many
/// signatures are by nobody who is known.
fn checkpoint(
    public: &Path,
    verification: &Verification,
) -> Result<Option<(Checkpoint, usize)>, LedgerError> {
    let path = public.join(CHECKPOINT);
    let wrong = |what: String| LedgerError::Published { path: path.clone(), what: what.into() };
    let Some(bytes) = read_note(public)? else {
        return match &verification.head {
            Some(head) if head.signed > 0 => Err(wrong("it is missing".into())),
            _ => Ok(None),
        };
    };
    let note = Note::parse(&bytes).map_err(|e| wrong(e.to_string()))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|e| wrong(e.to_string()))?;
    let stored = verification.head.as_ref().and_then(|head| head.log.parse().ok());
    let mut unknown = note.signatures().len();
    if let Some(log) = verification.log.as_ref().or(stored.as_ref()) {
        let keys: Vec<&Vkey> = std::iter::once(log).chain(&verification.witnesses).collect();
        let valid = note.verify(&keys).map_err(|e| wrong(e.to_string()))?;
        if !valid.iter().any(|valid| valid.key == log) || log.name() != checkpoint.origin {
            return Err(wrong("it is not signed by the key of this log".into()));
        }
        unknown = note.signatures().len().saturating_sub(valid.len());
    }
    Ok(Some((checkpoint, unknown)))
}

/// The edge at which a broken off verification goes on; `None` begins from the start.
fn opened(public: &Path, resume: Resume) -> Option<(TileEdge, Resume)> {
    if !resume.entries.is_multiple_of(WIDTH) {
        return None;
    }
    let absent = || LedgerError::Absent(resume.entries);
    let read = |tile| read_tile(public, tile)?.ok_or_else(absent);
    let tiles = Tiles::open(resume.entries, &resume.root, read).ok()?;
    Some((tiles.edge(), resume))
}

/// How a segment ends.
struct Ending {
    path: PathBuf,
    tail: Tail,
    stop: Stop,
}

impl Ending {
    fn damaged(self, cursor: &Cursor) -> LedgerError {
        let what = match self.stop {
            Stop::End => "something is written behind its last entry",
            Stop::Bad(what) => what,
        };
        let (index, offset) = (cursor.index, cursor.offset);
        LedgerError::Damaged { path: self.path, index, offset, what }
    }
}

/// The walk over the segments.
struct Walk<'a> {
    reader: &'a LedgerReader,
    tree: Tree,
    bodies: bool,
    of: u64,
    bytes: u64,
}

impl Walk<'_> {
    fn segments(
        &mut self,
        chain: &Chain,
        resume: Option<Resume>,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(Cursor, Ending), LedgerError> {
        let start = resume.map_or(0, |resume| resume.entries);
        let mut end = None;
        let mut next = chain.segments.iter().skip(1);
        for (header, path) in &chain.segments {
            let after = next.next().map(|(header, _)| header);
            if after.is_some_and(|after| after.first <= start && start > 0) {
                continue;
            }
            let file = Handle::read(path)?;
            let mut cursor = match resume.filter(|resume| resume.entries > header.first) {
                Some(Resume { entries: index, offset, last: previous, .. }) => {
                    Cursor { offset, index, previous }
                }
                None => first(header),
            };
            let stop = self.segment(&file, &mut cursor, progress)?;
            let tail = self.ending(&file, &cursor, stop, after)?;
            end = Some((cursor, Ending { path: file.path, tail, stop }));
        }
        let nothing = Cursor { offset: HEADER as u64, index: 0, previous: Digest::ZERO };
        let whole = Ending { path: PathBuf::new(), tail: Tail::Whole, stop: Stop::End };
        Ok(end.unwrap_or((nothing, whole)))
    }

    /// Walks one segment from `cursor` to where it stops.
    fn segment(
        &mut self,
        file: &Handle,
        cursor: &mut Cursor,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Stop, LedgerError> {
        let (tree, bodies, of, bytes) = (&mut self.tree, self.bodies, self.of, &mut self.bytes);
        walk_hashed(file, self.reader.gateway(), cursor, |met, hash| {
            if bodies {
                committed(file, &met)?;
            }
            *bytes += met.frame.size as u64;
            tree.push(met.frame.leaf, hash)?;
            let entries = met.index + 1;
            if entries.is_multiple_of(PROGRESS) {
                let resume = Resume {
                    entries,
                    root: tree.edge.root(),
                    last: hash,
                    offset: met.offset + met.frame.size as u64,
                    bytes: *bytes,
                };
                // Without published tiles there is no edge to go on from.
                let resume = (entries <= tree.required).then_some(resume);
                progress(Progress { entries, of: of.max(entries), resume });
            }
            Ok(())
        })
    }

    /// What follows the last entry of a segment, and its sidecar.
    fn ending(
        &self,
        file: &Handle,
        cursor: &Cursor,
        stop: Stop,
        after: Option<&Header>,
    ) -> Result<Tail, LedgerError> {
        let damaged = |what| {
            let (path, index, offset) = (file.path.clone(), cursor.index, cursor.offset);
            LedgerError::Damaged { path, index, offset, what }
        };
        let Some(after) = after else {
            let torn = torn_end(file, self.reader.gateway(), cursor, stop)?;
            let from = cursor.offset + torn;
            if !is_zero(file, from.max(cursor.offset + recovery::TEAR))? {
                return Err(damaged("something is written far behind its last entry"));
            }
            let (index, offset) = (cursor.index, cursor.offset);
            return Ok(if torn > 0 { Tail::Torn { index, offset } } else { Tail::Whole });
        };
        if cursor.index != after.first || cursor.previous != after.previous {
            return Err(damaged(match stop {
                Stop::End => "it does not end where the next segment begins",
                Stop::Bad(what) => what,
            }));
        }
        if !is_zero(file, cursor.offset)? {
            return Err(damaged("something is written behind its last entry"));
        }
        let sidecar = index::path(&file.path);
        let fits = |stored: &Stored| {
            let s = &stored.summary;
            s.first + u64::from(s.count) == cursor.index && s.head == cursor.previous
        };
        // One that is missing is made by the next start.
        if sidecar.exists()
            && !Stored::open(&sidecar).is_some_and(|stored| fits(&stored) && stored.is_whole())
        {
            let what = "it is not the index of its segment; remove it, the next start makes it";
            return Err(LedgerError::Format { path: sidecar, what });
        }
        Ok(Tail::Whole)
    }
}

const fn first(header: &Header) -> Cursor {
    Cursor { offset: HEADER as u64, index: header.first, previous: header.previous }
}

/// Whether the body is the one that the leaf commits to.
fn committed(file: &Handle, met: &Met<'_>) -> Result<(), LedgerError> {
    let reference: Option<&SealedRef> = met.leaf.draft.sealed.as_ref();
    let Frame { sealed, .. } = met.frame;
    if reference.map_or(sealed.is_empty(), |reference| is_committed(sealed, reference)) {
        return Ok(());
    }
    let what = "the body is not the one that the leaf commits to";
    let (path, index, offset) = (file.path.clone(), met.index, met.offset);
    Err(LedgerError::Damaged { path, index, offset, what })
}

/// Whether a file has nothing but zeros from `offset` on.
fn is_zero(file: &Handle, mut offset: u64) -> Result<bool, LedgerError> {
    let mut window = vec![0; ZEROS];
    loop {
        let filled = file.read_at(&mut window, offset)?;
        let seen = window.get(..filled).unwrap_or_default();
        if seen.is_empty() {
            return Ok(true);
        }
        let (words, rest) = seen.as_chunks::<16>();
        if words.iter().any(|word| u128::from_ne_bytes(*word) != 0) || rest.iter().any(|&b| b != 0)
        {
            return Ok(false);
        }
        offset += filled as u64;
    }
}

/// A root that some place says the tree has at a size.
struct Expected {
    size: u64,
    root: Digest,
    place: PathBuf,
}

/// The tree of the entries walked so far, held against the published files.
struct Tree {
    public: PathBuf,
    edge: TileEdge,
    /// The entries of the bundle that is not full.
    bundle: Vec<u8>,
    /// Roots to be met, the next one last.
    expected: Vec<Expected>,
    /// Entries that must be published: what the checkpoint covers.
    required: u64,
}

impl Tree {
    fn new(public: PathBuf, edge: TileEdge) -> Self {
        Self { public, edge, bundle: Vec::new(), expected: Vec::new(), required: 0 }
    }

    fn expect(&mut self, checkpoint: Option<&Checkpoint>, head: Option<&TreeHead>) {
        if let Some(Checkpoint { size, root, .. }) = checkpoint {
            self.required = *size;
            let place = self.public.join(CHECKPOINT);
            self.expected.push(Expected { size: *size, root: *root, place });
        }
        if let Some(TreeHead { size, root, .. }) = head {
            let place = PathBuf::from("plimsoll.db");
            self.expected.push(Expected { size: *size, root: *root, place });
        }
        let start = self.edge.size();
        self.expected.retain(|expected| expected.size >= start);
        self.expected.sort_by_key(|expected| std::cmp::Reverse(expected.size));
    }

    /// Adds an entry and looks at what it completes.
    fn push(&mut self, leaf: &[u8], hash: Digest) -> Result<(), LedgerError> {
        bundle::append(&mut self.bundle, leaf)?;
        let (public, required) = (&self.public, self.required);
        self.edge.push(hash, |tile, bytes| check_tile(public, required, tile, &bytes))?;
        let size = self.edge.size();
        if size.is_multiple_of(WIDTH) {
            let id = BundleId::new(size / WIDTH - 1, TILE_WIDTH)?;
            check_bundle(&self.public, self.required, id, &self.bundle)?;
            self.bundle.clear();
        }
        self.meet()
    }

    /// Compares the root with those expected at this size.
    fn meet(&mut self) -> Result<(), LedgerError> {
        let size = self.edge.size();
        while let Some(expected) = self.expected.pop_if(|expected| expected.size <= size) {
            if expected.size == size && self.edge.root() != expected.root {
                let what = format!("its root is not that of the first {size} entries").into();
                return Err(LedgerError::Published { path: expected.place, what });
            }
        }
        Ok(())
    }

    /// Looks at what is left at the end: partial tiles, and roots of trees that are too large.
    fn finish(&mut self, entries: u64) -> Result<(), LedgerError> {
        self.meet()?;
        if let Some(Expected { size, place: path, .. }) = self.expected.pop() {
            let what = format!("it covers {size} entries, and there are {entries}").into();
            return Err(LedgerError::Published { path, what });
        }
        for (tile, bytes) in self.edge.partials() {
            check_partials(&self.public, &tile_stem(tile), |width| {
                Some(bytes.get(..usize::from(width) * 32)?.to_vec())
            })?;
        }
        let id = BundleId::in_tree(entries / WIDTH, entries);
        let Some(id) = id.filter(|id| !id.is_full()) else { return self.edge_is_there() };
        let bundle = std::mem::take(&mut self.bundle);
        let of = |width| cut(&bundle, id.width(), width);
        check_partials(&self.public, &stem(&id.path()), of)?;
        self.edge_is_there()
    }

    /// Whether the tiles at the right edge of the checkpoint's tree are there: those that were
    /// found were compared already.
    fn edge_is_there(&self) -> Result<(), LedgerError> {
        for level in 0.. {
            let hashes = self.required >> (8 * u32::from(level));
            if hashes == 0 {
                break;
            }
            let Some(tile) = TileId::in_tree(level, hashes / WIDTH, self.required) else {
                continue;
            };
            if read_tile(&self.public, tile)?.is_none() {
                return Err(missing(self.public.join(tile.path())));
            }
        }
        match BundleId::in_tree(self.required / WIDTH, self.required) {
            Some(id) if super::folder::read_bundle(&self.public, id)?.is_none() => {
                Err(missing(self.public.join(id.path())))
            }
            _ => Ok(()),
        }
    }
}

fn missing(path: PathBuf) -> LedgerError {
    LedgerError::Published { path, what: "it is missing; the next start makes it".into() }
}

/// The path of a tile without its width.
fn tile_stem(tile: TileId) -> String {
    stem(&tile.path())
}

fn stem(path: &str) -> String {
    path.split_once(".p/").map_or(path, |(stem, _)| stem).to_owned()
}

/// The first entries of a bundle that has `has` of them.
fn cut(bytes: &[u8], has: u16, width: u16) -> Option<Vec<u8>> {
    let entries = bundle::entries(bytes, has).ok().filter(|_| width <= has)?;
    let kept = entries.iter().take(width.into()).map(|entry| 2 + entry.len()).sum();
    Some(bytes.get(..kept)?.to_vec())
}

/// A full tile and the partial ones that it took the place of.
fn check_tile(public: &Path, required: u64, tile: TileId, bytes: &[u8]) -> Result<(), LedgerError> {
    let path = public.join(tile.path());
    let end = (tile.index() + 1).checked_shl(8 * (u32::from(tile.level()) + 1));
    match read_bounded(&path, tile.bytes())? {
        None if end.is_some_and(|end| end <= required) => return Err(missing(path)),
        Some(found) if found != bytes => {
            let at = found.iter().zip(bytes).take_while(|(a, b)| a == b).count() / 32;
            let number = tile.index() * WIDTH + at as u64;
            let what = match tile.level() {
                0 => format!("its hash of entry {number} is not that of the entry"),
                level => {
                    format!("its hash {number} of level {level} is not that of the tile below")
                }
            };
            return Err(LedgerError::Published { path, what: what.into() });
        }
        _ => {}
    }
    check_partials(public, &stem(&tile.path()), |width| {
        Some(bytes.get(..usize::from(width) * 32)?.to_vec())
    })
}

/// A full bundle and the partial ones that it took the place of.
fn check_bundle(
    public: &Path,
    required: u64,
    id: BundleId,
    bytes: &[u8],
) -> Result<(), LedgerError> {
    let path = public.join(id.path());
    match read_bounded(&path, MAX_BUNDLE_BYTES)? {
        None if (id.index() + 1) * WIDTH <= required => return Err(missing(path)),
        Some(found) if found != bytes => {
            let at = found.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            return Err(altered_bundle(path, id, bytes, at));
        }
        _ => {}
    }
    check_partials(public, &stem(&id.path()), |width| cut(bytes, TILE_WIDTH, width))
}

/// Names the entry of a bundle that the byte `at` belongs to.
fn altered_bundle(path: PathBuf, id: BundleId, bytes: &[u8], at: usize) -> LedgerError {
    let entries = bundle::entries(bytes, id.width()).unwrap_or_default();
    let ends = entries.iter().scan(0, |end, entry| {
        *end += 2 + entry.len();
        Some(*end)
    });
    let entry = id.first_entry() + ends.take_while(|&end| end <= at).count() as u64;
    let what = format!("its entry {entry} is not the ledger's").into();
    LedgerError::Published { path, what }
}

/// The partial files of a tile or bundle: each must be what `of` says for its width.
fn check_partials(
    public: &Path,
    stem: &str,
    of: impl Fn(u16) -> Option<Vec<u8>>,
) -> Result<(), LedgerError> {
    let folder = public.join(format!("{stem}.p"));
    let Ok(items) = std::fs::read_dir(&folder) else { return Ok(()) };
    for item in items.take(MAX_PARTIALS) {
        let path = item.map_err(LedgerError::io("list", &folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Ok(width) = name.parse::<u16>() else { continue };
        // What is wider than the entries walked was published while they were.
        let Some(bytes) = of(width) else { continue };
        match read_bounded(&path, MAX_BUNDLE_BYTES)? {
            Some(found) if found != bytes => {
                let what = "it is not what the entries make of it".into();
                return Err(LedgerError::Published { path, what });
            }
            _ => {}
        }
    }
    Ok(())
}
