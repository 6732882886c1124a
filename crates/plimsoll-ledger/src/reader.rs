//! A ledger's folder read without its lock and without changing it: for offline commands,
//! backups and tests. May be used while a ledger writes; sees what was there when it was
//! opened.

use crate::LedgerError;
use crate::disk::Handle;
use crate::frame::Entry;
use crate::index::{Live, note};
use crate::keys::{Keys, Root};
use crate::ledger::{Entries, open_body};
use crate::log::{Active, Log, SharedLog};
use crate::publish::Verification;
use crate::recovery::{self, Chain, index_finished, read_identity};
use crate::segment::{Cursor, HEADER, Header, walk};
use plimsoll_types::{Digest, GatewayId, Time};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A ledger's folder, open for reading.
#[derive(Debug)]
pub struct LedgerReader {
    folder: PathBuf,
    gateway: GatewayId,
    keys: Option<Keys>,
    log: Arc<SharedLog>,
}

/// How a ledger ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// After a whole entry.
    Whole,
    /// With part of a batch: a crash left it, or it is being written.
    Torn {
        /// Index of the first entry that is not whole.
        index: u64,
        /// Its offset in the last segment.
        offset: u64,
    },
}

/// What a walk over every entry found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Entries.
    pub entries: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Hash of the last entry; zero for an empty ledger.
    pub head: Digest,
    /// How the ledger ends.
    pub tail: Tail,
    /// Entries that the published checkpoint covers; 0 if there is none.
    pub published: u64,
    /// Root hash of the tree of all entries.
    pub root: Digest,
    /// Signatures under the checkpoint that were not verified, as their keys are not known.
    pub unknown_signatures: usize,
}

impl LedgerReader {
    /// Opens the ledger of a data folder; with a keys folder, bodies can be opened too.
    ///
    /// # Errors
    /// [`LedgerError`] if there is no ledger, or it is damaged or of another format.
    pub fn open(data: &Path, keys: Option<&Path>) -> Result<Self, LedgerError> {
        Self::open_under(data, keys, None)
    }

    /// The same, with keys that `root` wraps; `None` for the file in the keys folder.
    ///
    /// # Errors
    /// As [`Self::open`]; [`LedgerError::Root`].
    pub fn open_under(
        data: &Path,
        keys: Option<&Path>,
        root: Option<&Arc<dyn Root>>,
    ) -> Result<Self, LedgerError> {
        let folder = recovery::folder(data);
        let Some((_, gateway)) = read_identity(&folder)? else {
            return Err(LedgerError::Format { path: folder, what: "there is no ledger in it" });
        };
        let chain = Chain::read(&folder.join("segments"), gateway)?;
        let (parts, _) = index_finished(&chain, None)?;
        let Some((header, path)) = chain.last() else {
            return Err(LedgerError::Format { path: folder, what: "there is no segment in it" });
        };
        let file = Handle::read(path)?;
        let (mut cursor, mut live) = (start(header), Live::default());
        let mut open = BTreeSet::new();
        walk(&file, gateway, &mut cursor, |met| {
            note(&mut live, &mut open, &met);
            Ok(())
        })?;
        let active = Active { first: header.first, file: Arc::new(file), live };
        let log = Arc::new(SharedLog::new(Log { parts: Arc::new(parts), active }));
        let keys = keys.map(|keys| Keys::open_existing(keys, root)).transpose()?;
        Ok(Self { folder, gateway, keys, log })
    }

    /// The gateway whose sequence the ledger holds.
    #[must_use]
    pub const fn gateway(&self) -> GatewayId {
        self.gateway
    }
    pub(crate) fn log(&self) -> &SharedLog {
        &self.log
    }
    /// Number of entries.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.log.read().count()
    }
    /// The keys, if they were opened too.
    #[must_use]
    pub const fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }
    /// The entry at `index`.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, LedgerError> {
        self.log.entry(index)
    }
    /// Every entry with this id, in order.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn get(&self, id: &[u8; 16]) -> Result<Vec<Entry>, LedgerError> {
        self.log.get(id)
    }
    /// The latest entry with this tag, unless it was recorded before `since`.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn find_tag(&self, tag: &[u8; 16], since: Time) -> Result<Option<Entry>, LedgerError> {
        self.log.find_tag(tag, since)
    }
    /// Entries from `from` on.
    #[must_use]
    pub fn entries(&self, from: u64) -> Entries {
        Entries::forward(Arc::clone(&self.log), from)
    }
    /// Entries before `before`, latest first.
    #[must_use]
    pub fn entries_rev(&self, before: u64) -> Entries {
        Entries::back(Arc::clone(&self.log), before)
    }
    /// Opens an entry's body.
    ///
    /// # Errors
    /// [`LedgerError::KeyGone`] without keys or after an erasure; [`LedgerError::Unsealable`].
    pub fn open_body(&self, entry: &Entry) -> Result<Vec<u8>, LedgerError> {
        open_body(self.keys.as_ref().ok_or(LedgerError::KeyGone)?, entry)
    }

    /// Walks everything in the folder; see [`Self::verify_with`].
    ///
    /// # Errors
    /// As there.
    pub fn verify(&self) -> Result<Verified, LedgerError> {
        self.verify_with(&Verification::default(), |_| {})
    }

    /// The ledger's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

const fn start(header: &Header) -> Cursor {
    Cursor { offset: HEADER as u64, index: header.first, previous: header.previous }
}
