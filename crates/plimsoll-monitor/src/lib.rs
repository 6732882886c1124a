//! Watches deployments: what comes in, what goes out, whether either has moved, and when that is
//! worth telling somebody.
//!
//! | module | what |
//! |---|---|
//! | [`reference`] | what traffic is compared with: frozen edges, counts, what is tolerated |
//! | [`together`] | what columns say together, and how much of the score hangs on each |
//! | [`tally`] | what was seen of a deployment in a slot of time; it merges |
//! | [`recorder`] | sees every decision on the thread that made it |
//! | [`cells`] | what is shown of a column's distribution |
//! | [`judge`] | a window against the reference: distances, tests, evidence that adds up |
//! | [`track`] | windows of one version one after the other, and what they say |
//! | [`explain`] | which columns and which slice a change of the score comes from |
//! | [`staleness`] | how old things are, and which of them too old |
//! | [`files`] | what outlives the process |
//! | [`recount`] | counts again, from the ledger, what a crash took |
//! | [`trained`] | the rows that a version was trained on again |
//! | [`monitor`] | all of it together, once every slot |
//!
//! **Architecture invariant:** a monitor says what it sees ([`Signals`]) and changes nothing: it
//! pauses no deployment, rolls nothing back and retrains nothing. What it keeps is derived from the
//! ledger and can be made anew. The request path reaches [`recorder`] only, which waits for
//! nothing and opens no file.

pub mod cells;
pub mod explain;
pub mod files;
pub mod judge;
pub mod monitor;
pub mod recorder;
pub mod recount;
pub mod reference;
pub mod staleness;
pub mod tally;
pub mod together;
pub mod track;
pub mod trained;

pub use files::MonitorError;
pub use monitor::{Monitor, MonitorConfig, Watched};
pub use recorder::Recorder;
pub use reference::{Builder, Reference, ReferenceError};

use plimsoll_types::Signal;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Who hears what watches say.
pub trait Signals: std::fmt::Debug + Send + Sync {
    /// Something is wrong. The same thing may be said again as long as it lasts.
    fn raise(&self, signal: Signal);
}

/// Signals that are kept in memory: some hundred deployments with a few things wrong each.
const MAX_LATEST: usize = 1_024;

/// The latest signals, in memory; logged as they come.
#[derive(Debug, Default)]
pub struct Latest(Mutex<VecDeque<Signal>>);

impl Latest {
    /// The signals of one deployment, the newest first.
    #[must_use]
    pub fn of(&self, deployment: plimsoll_types::DeploymentId) -> Vec<Signal> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().filter(|signal| signal.deployment == deployment).cloned().collect()
    }
}

impl Signals for Latest {
    fn raise(&self, signal: Signal) {
        let is_same = |kept: &Signal| {
            kept.deployment == signal.deployment
                && kept.kind == signal.kind
                && kept.about == signal.about
                && kept.slice == signal.slice
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(is_same);
        match known {
            Some(place) => drop(kept.remove(place)),
            None => tracing::warn!(
                deployment = %signal.deployment, kind = signal.kind.name(),
                severity = signal.severity.name(), about = signal.about, "{}", signal.text
            ),
        }
        if kept.len() >= MAX_LATEST {
            kept.pop_front();
        }
        kept.push_back(signal);
    }
}
