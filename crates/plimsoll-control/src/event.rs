//! Control events, read back from the ledger.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::ledger_scan::Pick;
use crate::page::{cursor, limit};
use plimsoll_api as api;
use plimsoll_ledger::Entry;
use plimsoll_policy::Action;
use plimsoll_types::record::{ControlEvent, Kind};
use plimsoll_types::{EventId, PrincipalId};
use serde_json::Value;
use std::collections::BTreeMap;

impl Control {
    /// Control events, newest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_events(
        &self,
        ctx: &RequestContext,
        filter: &api::EventFilter,
    ) -> Result<api::Page<api::ControlEvent>, ControlError> {
        self.may_read(ctx, Action::ReadEvents, &self.server())?;
        let before = cursor(filter.cursor.as_deref())?;
        let mut names = BTreeMap::new();
        let (items, next) = self.walk_back(before, limit(filter.limit)?, |entry| {
            if entry.leaf.draft.kind != Kind::ControlEvent {
                return Ok(Pick::Skip);
            }
            let event = self.open_event(&entry)?;
            let is_wanted = filter.stage.is_none_or(|stage| stage == event.stage)
                && filter.action.as_deref().is_none_or(|action| action == &*event.action);
            if !is_wanted {
                return Ok(Pick::Skip);
            }
            let name = self.cached_name(&mut names, event.principal)?;
            Ok(Pick::Show(shown(&entry, event, name)))
        })?;
        Ok(api::Page { items, next_cursor: next.map(|index| index.to_string()) })
    }

    pub(crate) fn open_event(&self, entry: &Entry) -> Result<ControlEvent, ControlError> {
        let bytes = self.ledger.open_body(entry).map_err(ControlError::Unreadable)?;
        ControlEvent::decode(&bytes).map_err(|error| ControlError::Unreadable(error.into()))
    }

    fn cached_name(
        &self,
        names: &mut BTreeMap<PrincipalId, Option<String>>,
        id: PrincipalId,
    ) -> Result<Option<String>, ControlError> {
        if let Some(name) = names.get(&id) {
            return Ok(name.clone());
        }
        let name = self.display_name(id)?;
        names.insert(id, name.clone());
        Ok(name)
    }
}

pub(crate) fn shown(entry: &Entry, event: ControlEvent, name: Option<String>) -> api::ControlEvent {
    api::ControlEvent {
        id: EventId::from_bytes(entry.leaf.draft.id),
        index: entry.index,
        time: entry.leaf.draft.time.into(),
        stage: event.stage,
        action: event.action.into(),
        principal: event.principal,
        principal_name: name,
        resource: event.resource.into(),
        intent: event.intent,
        payload: serde_json::from_str(&event.payload).unwrap_or(Value::Null),
    }
}
