//! After a crash: every intent without an end gets one.
//!
//! The store's outbox is written in the same transaction as the change itself, so it tells
//! whether an intent was carried out.

use crate::act::Event;
use crate::bootstrap::{Control, Opened};
use crate::error::ControlError;
use plimsoll_types::EventId;
use plimsoll_types::record::{ControlEvent, Kind, Stage};
use serde_json::json;
use std::collections::BTreeMap;

impl Control {
    pub(crate) fn recover(&self) -> Result<Opened, ControlError> {
        let from = self.store.read(|r| r.meta())?.settled_to;
        let mut opened = Opened::default();
        for (id, begun) in self.unended(from)? {
            let made = self.store.read(|r| r.generation_of(id))?;
            let made = match made {
                None if self.was_rotated(&begun.action, &begun.payload) => Some(0),
                made => made,
            };
            let (stage, payload) = match made {
                Some(generation) => {
                    (Stage::Completed, json!({"generation": generation, "recovered": true}))
                }
                None => (Stage::Failed, json!({"reason": "stopped", "recovered": true})),
            };
            let end = Event {
                stage,
                action: &begun.action,
                principal: begun.principal,
                resource: &begun.resource,
                intent: Some(id),
                payload,
            };
            self.record(&end).map_err(ControlError::Ledger)?;
            let count = if made.is_some() {
                &mut opened.completed_intents
            } else {
                &mut opened.failed_intents
            };
            *count = count.saturating_add(1);
        }
        self.store.settle(self.ledger.durable())?;
        Ok(opened)
    }

    /// Intents from ledger index `from` on that nothing ended.
    fn unended(&self, from: u64) -> Result<BTreeMap<EventId, ControlEvent>, ControlError> {
        let mut open = BTreeMap::new();
        for entry in self.ledger.entries(from) {
            let entry = entry.map_err(ControlError::Unreadable)?;
            if entry.leaf.draft.kind != Kind::ControlEvent {
                continue;
            }
            let bytes = self.ledger.open_body(&entry).map_err(ControlError::Unreadable)?;
            let event =
                ControlEvent::decode(&bytes).map_err(|e| ControlError::Unreadable(e.into()))?;
            match (event.stage, event.intent) {
                (Stage::Intent, _) => {
                    open.insert(EventId::from_bytes(entry.leaf.draft.id), event);
                }
                (Stage::Completed | Stage::Failed, Some(intent)) => {
                    open.remove(&intent);
                }
                (Stage::Completed | Stage::Failed | Stage::Denied, _) => {}
            }
        }
        Ok(open)
    }
}
