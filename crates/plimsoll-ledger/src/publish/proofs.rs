//! Proofs out of the published tiles, each tile checked on the way.

use super::folder::{public, read_note, read_tile};
use super::status::SignedCheckpoint;
use crate::LedgerError;
use crate::ledger::Ledger;
use crate::reader::LedgerReader;
use plimsoll_tlog::proof::{Consistency, TlogProof};
use plimsoll_tlog::read::{ReadError, Tiles};
use plimsoll_tlog::tile::TileId;
use plimsoll_tlog::{Checkpoint, Note};
use plimsoll_types::Digest;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Proof that a log only grew from one size to another, with the roots it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// Root hash of the tree at the earlier size.
    pub old_root: Digest,
    /// Root hash of the tree at the later size.
    pub new_root: Digest,
    /// The proof.
    pub proof: Consistency,
}

/// A checkpoint as somebody signed it, and what it says. The signature is not verified by that.
struct Signed {
    note: String,
    says: Checkpoint,
}

impl Signed {
    fn parse(public: &Path, note: &[u8]) -> Result<Self, LedgerError> {
        let parsed = Note::parse(note).and_then(|note| Checkpoint::parse(note.text()));
        let says = parsed.map_err(|error| damaged(public, &error))?;
        Ok(Self { note: String::from_utf8_lossy(note).into_owned(), says })
    }
}

fn damaged(public: &Path, error: &dyn Error) -> LedgerError {
    LedgerError::Published { path: public.to_path_buf(), what: error.to_string().into() }
}

/// Reads a published tile that must be there.
fn read(public: &Path, tile: TileId) -> Result<Vec<u8>, LedgerError> {
    let missing = || LedgerError::Published {
        path: public.join(tile.path()),
        what: "it is missing; the next start makes it".into(),
    };
    read_tile(public, tile)?.ok_or_else(missing)
}

/// What reading tiles says, as what a ledger says.
fn unread(public: &Path, error: ReadError<LedgerError>) -> LedgerError {
    match error {
        ReadError::Source { source, .. } => source,
        ReadError::Outside { asked, .. } => LedgerError::Absent(asked),
        error @ (ReadError::Tile(_) | ReadError::Altered(_) | ReadError::Edge { .. }) => {
            damaged(public, &error)
        }
    }
}

fn inclusion(public: &Path, signed: &Signed, index: u64) -> Result<TlogProof, LedgerError> {
    let Checkpoint { size, root, .. } = signed.says;
    let proof = Tiles::open(size, &root, |tile| read(public, tile))
        .and_then(|mut tiles| tiles.inclusion(index, size));
    let hashes = proof.map_err(|error| unread(public, error))?.hashes;
    Ok(TlogProof { extra: None, index, hashes, checkpoint: signed.note.clone() })
}

/// Proof that a log grew, out of the tiles of a later state of it.
pub(crate) fn consistency(
    public: &Path,
    size: u64,
    root: &Digest,
    old: u64,
    new: u64,
) -> Result<Grown, LedgerError> {
    let grown = || {
        let mut tiles = Tiles::open(size, root, |tile| read(public, tile))?;
        let (old_root, new_root) = (tiles.root_at(old)?, tiles.root_at(new)?);
        Ok(Grown { old_root, new_root, proof: tiles.consistency(old, new)? })
    };
    grown().map_err(|error| unread(public, error))
}

impl Ledger {
    /// Proof that the entry at `index` is in the log, under the latest checkpoint that a witness
    /// signed, or else, unless only such will do, the latest; `None` if neither covers it yet.
    ///
    /// # Errors
    /// I/O, or tiles that do not lead to the checkpoint.
    pub fn prove(
        &self,
        index: u64,
        witnessed_only: bool,
    ) -> Result<Option<TlogProof>, LedgerError> {
        let covers = |checkpoint: &Arc<SignedCheckpoint>| checkpoint.size > index;
        let witnessed = self.witnessed().filter(covers);
        let latest = || self.checkpoint().filter(|_| !witnessed_only).filter(covers);
        let Some(latest) = witnessed.or_else(latest) else { return Ok(None) };
        let public = self.public();
        let signed = Signed::parse(&public, latest.note.as_bytes())?;
        inclusion(&public, &signed, index).map(Some)
    }

    /// The published file of a path below the log's prefix (`tile/0/000`); `None` if there is
    /// none, or the path is not written in the one form that it can have.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn public_file(&self, path: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        super::folder::read_path(&self.public(), path)
    }

    fn public(&self) -> PathBuf {
        public(self.folder())
    }
}

impl LedgerReader {
    /// Proof that the entry at `index` is in the log, under the published checkpoint; `None` if
    /// that does not cover it.
    ///
    /// # Errors
    /// I/O, or tiles that do not lead to the checkpoint.
    pub fn prove(&self, index: u64) -> Result<Option<TlogProof>, LedgerError> {
        let public = public(self.folder());
        let Some(note) = read_note(&public)? else { return Ok(None) };
        let signed = Signed::parse(&public, &note)?;
        if signed.says.size <= index {
            return Ok(None);
        }
        inclusion(&public, &signed, index).map(Some)
    }

    /// Proof that the log of `new` entries begins with the log of `old` ones; `None` if the
    /// published checkpoint does not cover so many.
    ///
    /// # Errors
    /// I/O, tiles that do not lead to the checkpoint, or `old` larger than `new`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Option<Grown>, LedgerError> {
        let public = public(self.folder());
        let Some(note) = read_note(&public)? else { return Ok(None) };
        let signed = Signed::parse(&public, &note)?;
        if signed.says.size < new {
            return Ok(None);
        }
        consistency(&public, signed.says.size, &signed.says.root, old, new).map(Some)
    }

    /// The published file of a path below the log's prefix (`tile/0/000`); `None` if there is
    /// none, or the path is not written in the one form that it can have.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn public_file(&self, path: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        super::folder::read_path(&public(self.folder()), path)
    }

    /// The published checkpoint, as it was signed.
    ///
    /// # Errors
    /// I/O.
    pub fn published_note(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        read_note(&public(self.folder()))
    }
}
