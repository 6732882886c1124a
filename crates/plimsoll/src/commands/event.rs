//! `plimsoll event`.

use super::Context;
use crate::cli::Event;
use crate::failure::Failure;
use plimsoll_api::{ControlEvent, EventFilter};

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Event) -> Result<(), Failure> {
    let Event::List { action, paged } = verb;
    let filter = EventFilter { action, ..EventFilter::default() };
    let client = context.client()?;
    let page = client.list::<ControlEvent>("/api/v1/events", &filter, paged.limit)?;
    let heads = ["time", ">index", "stage", "action", "principal", "resource"];
    context.show_page(&page, &heads, |table, event| {
        table.row([
            context.time(event.time),
            event.index.to_string(),
            event.stage.to_string(),
            event.action.clone(),
            event.principal_name.clone().unwrap_or_else(|| event.principal.to_string()),
            event.resource.clone(),
        ]);
    })
}
