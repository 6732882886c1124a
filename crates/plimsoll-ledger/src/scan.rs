//! Durable entries one after the other at the speed of the disk: for whoever derives
//! something from the whole ledger. Reads a megabyte at a time; checks each frame's checksum,
//! leaf and number, but not the chain, which is for `verify`.

use crate::disk::Handle;
use crate::frame::{Parsed, leaf_hash};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::log::SharedLog;
use crate::reader::LedgerReader;
use crate::segment::Window;
use crate::{LedgerError, seal};
use plimsoll_types::record::Leaf;
use plimsoll_types::{Digest, KeyId};
use std::ops::ControlFlow;

/// An entry that a scan shows.
#[derive(Debug)]
pub struct Scanned<'a> {
    /// Its place in the ledger.
    pub index: u64,
    /// The commitment.
    pub leaf: Leaf,
    /// The sealed body; empty if the record has none.
    pub sealed: &'a [u8],
    bytes: &'a [u8],
}

impl Scanned<'_> {
    /// RFC 6962 hash of the leaf's bytes.
    #[must_use]
    pub fn hash(&self) -> Digest {
        leaf_hash(self.bytes)
    }
    /// Opens the body.
    ///
    /// # Errors
    /// [`LedgerError::KeyGone`] after an erasure, [`LedgerError::Unsealable`] if the body is
    /// not what the leaf commits to or the entry has none.
    pub fn open(&self, keys: &Keys) -> Result<Vec<u8>, LedgerError> {
        match &self.leaf.draft.sealed {
            Some(reference) => seal::open(keys, self.sealed, reference),
            None => Err(LedgerError::Unsealable("the record has no body")),
        }
    }
    /// The keys that the sealed body names, in its order; none if it has no body.
    #[must_use]
    pub fn holders(&self) -> Vec<KeyId> {
        seal::holders(self.sealed).collect()
    }
}

impl Ledger {
    /// Shows `visit` the durable entries from `from` on, until it breaks off or there are no
    /// more; gives the index after the last one shown.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn scan(
        &self,
        from: u64,
        visit: &mut dyn FnMut(Scanned<'_>) -> ControlFlow<()>,
    ) -> Result<u64, LedgerError> {
        self.log().scan(from, visit)
    }
}

impl LedgerReader {
    /// Shows `visit` the entries from `from` on, until it breaks off or there are no more;
    /// gives the index after the last one shown.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn scan(
        &self,
        from: u64,
        visit: &mut dyn FnMut(Scanned<'_>) -> ControlFlow<()>,
    ) -> Result<u64, LedgerError> {
        self.log().scan(from, visit)
    }
}

impl SharedLog {
    fn scan(
        &self,
        from: u64,
        visit: &mut dyn FnMut(Scanned<'_>) -> ControlFlow<()>,
    ) -> Result<u64, LedgerError> {
        let mut next = from;
        while let Some(run) = self.run(next)? {
            let shown = stretch(&run.file, run.offset, next..run.end, visit)?;
            next = shown.0;
            if shown.1.is_break() {
                break;
            }
        }
        Ok(next)
    }
}

/// Shows entries of one segment; gives the index after the last one shown.
fn stretch(
    handle: &Handle,
    mut offset: u64,
    range: std::ops::Range<u64>,
    visit: &mut dyn FnMut(Scanned<'_>) -> ControlFlow<()>,
) -> Result<(u64, ControlFlow<()>), LedgerError> {
    let mut window = Window::new(handle)?;
    for index in range.clone() {
        let damaged =
            |what| LedgerError::Damaged { path: handle.path.clone(), index, offset, what };
        let frame = match window.frame(offset)? {
            Parsed::Frame(frame) => frame,
            Parsed::End => return Err(damaged("nothing is in its place")),
            Parsed::More(_) => return Err(damaged("a frame goes beyond the segment")),
            Parsed::Bad(what) => return Err(damaged(what)),
        };
        let leaf = Leaf::decode(frame.leaf).map_err(|_| damaged("a leaf is malformed"))?;
        if leaf.seq != index {
            return Err(damaged("another entry is in its place"));
        }
        let (bytes, sealed, size) = (frame.leaf, frame.sealed, frame.size as u64);
        if visit(Scanned { index, leaf, sealed, bytes }).is_break() {
            return Ok((index + 1, ControlFlow::Break(())));
        }
        offset += size;
    }
    Ok((range.end, ControlFlow::Continue(())))
}
