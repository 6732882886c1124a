//! The ledger that tables are derived from: the running one, or the files of one at rest.

use crate::error::LakeError;
use plimsoll_ledger::{Keys, Ledger, LedgerReader, Scanned};
use plimsoll_types::{GatewayId, Time};
use std::ops::ControlFlow;
use std::sync::Arc;

/// The ledger that tables are derived from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A ledger that is open for writing.
    Ledger(Ledger),
    /// The files of a ledger, with or without its keys.
    Reader(Arc<LedgerReader>),
}

impl Source {
    pub(crate) fn gateway(&self) -> GatewayId {
        match self {
            Self::Ledger(ledger) => ledger.gateway(),
            Self::Reader(reader) => reader.gateway(),
        }
    }
    pub(crate) fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Ledger(ledger) => Some(ledger.keys()),
            Self::Reader(reader) => reader.keys(),
        }
    }
    /// Entries that are durable.
    pub(crate) fn durable(&self) -> u64 {
        match self {
            Self::Ledger(ledger) => ledger.durable(),
            Self::Reader(reader) => reader.count(),
        }
    }
    /// When an entry was recorded, if there is one.
    pub(crate) fn time_of(&self, index: u64) -> Result<Option<Time>, LakeError> {
        let mut time = None;
        self.scan(index, &mut |entry| {
            time = Some(entry.leaf.draft.time);
            ControlFlow::Break(())
        })?;
        Ok(time)
    }
    pub(crate) fn scan(
        &self,
        from: u64,
        visit: &mut dyn FnMut(Scanned<'_>) -> ControlFlow<()>,
    ) -> Result<u64, LakeError> {
        Ok(match self {
            Self::Ledger(ledger) => ledger.scan(from, visit)?,
            Self::Reader(reader) => reader.scan(from, visit)?,
        })
    }
}
