//! `plimsoll monitor explain`: why a score moved.

use super::Context;
use super::monitor::{path, percent};
use crate::failure::Failure;
use crate::printer::Table;
use plimsoll_api::{DriftExplained, DriftQuery};

/// Runs the verb.
pub(super) fn run(context: &Context, deployment: &str, open: bool) -> Result<(), Failure> {
    let query = DriftQuery { open: open.then_some(true) };
    let found: DriftExplained =
        context.client()?.get(&path(deployment, "monitoring/explanation"), &query)?;
    context.printer.show(&found, |found| {
        let heads = ["column", ">part of the change", ">contribution", ">distance", "told"];
        let mut columns = Table::new(&heads);
        for part in &found.columns {
            columns.row([
                part.column.clone(),
                percent(part.share),
                part.contribution.map_or_else(|| "-".to_owned(), |change| format!("{change:+.4}")),
                format!("{:.4}", part.distance),
                if part.is_told { "moved" } else { "-" }.to_owned(),
            ]);
        }
        let mut slices = Table::new(&["slice", ">rows", ">distance of the score", ">overall"]);
        for slice in &found.slices {
            slices.row([
                slice.slice.clone(),
                percent(slice.rows),
                format!("{:.4}", slice.distance),
                format!("{:.4}", slice.overall),
            ]);
        }
        let slices = if found.slices.is_empty() { String::new() } else { format!("\n{slices}") };
        format!("{}\n\n{columns}{slices}", found.text)
    })
}
