//! What the monitor is told of how old things are: from the store when versions, data and evaluations
//! came, from the ledger when the last outcome did.

use crate::app::App;
use plimsoll_control::ControlError;
use plimsoll_monitor::recorder::Key;
use plimsoll_monitor::staleness::Facts;
use plimsoll_types::record::Kind;
use plimsoll_types::{DeploymentId, Time};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

/// How often it is looked. Ages are of days.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// Ledger entries of one look: a second's reading. What is left is read with the next.
const ENTRIES: u64 = 1_000_000;
/// Deployments whose last outcome is remembered.
const MAX_OUTCOMES: usize = 100_000;

/// What is remembered between two looks.
#[derive(Debug, Default)]
pub(crate) struct Freshness(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    looked: Option<Time>,
    /// The ledger's entries before this one have been read.
    read_to: u64,
    outcomes: HashMap<DeploymentId, Time>,
}

impl Freshness {
    /// Tells the monitor how old things are, if it is time to.
    pub(crate) fn look(&self, app: &App) {
        let now = app.clock.now();
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_behind = known.read_to < app.gateway.ledger().durable().saturating_sub(ENTRIES);
        if !is_behind && known.looked.is_some_and(|last| now.since(last) < LOOK_EVERY) {
            return;
        }
        known.looked = Some(now);
        known.read_outcomes(app);
        match facts(app, &known.outcomes) {
            Ok(facts) => app.monitor.learn(facts),
            Err(error) => tracing::warn!(%error, "how old versions are could not be looked up"),
        }
    }
}

impl Known {
    fn read_outcomes(&mut self, app: &App) {
        let end = app.gateway.ledger().durable().min(self.read_to.saturating_add(ENTRIES));
        let outcomes = &mut self.outcomes;
        let read = app.gateway.ledger().scan(self.read_to, &mut |entry| {
            if entry.index >= end {
                return ControlFlow::Break(());
            }
            let draft = &entry.leaf.draft;
            if draft.kind == Kind::Outcome
                && let Some(deployment) = draft.deployment
                && (outcomes.len() < MAX_OUTCOMES || outcomes.contains_key(&deployment))
            {
                let last = outcomes.entry(deployment).or_insert(draft.time);
                *last = (*last).max(draft.time);
            }
            ControlFlow::Continue(())
        });
        match read {
            Ok(_) => self.read_to = end,
            Err(error) => tracing::warn!(%error, "outcomes could not be looked for in the ledger"),
        }
    }
}

fn facts(
    app: &App,
    outcomes: &HashMap<DeploymentId, Time>,
) -> Result<HashMap<Key, Facts>, ControlError> {
    let rows = app.control.freshness()?;
    let facts = rows.into_iter().map(|row| {
        let facts = Facts {
            model: Some(row.registered),
            training_data: row.trained,
            evaluation: row.evaluated,
            outcome: outcomes.get(&row.deployment).copied(),
            ..Facts::default()
        };
        ((row.deployment, row.version), facts)
    });
    Ok(facts.collect())
}
