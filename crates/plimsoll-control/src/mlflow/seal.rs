//! The end of a run: its digest goes to the ledger, so that what it logged can be held against
//! it for ever.

use super::Result;
use crate::act::Who;
use crate::artifact::sha256;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_mlflow::Metric;
use plimsoll_store::{Read, RunRow};
use plimsoll_types::Digest;
use plimsoll_types::record::Stage;
use serde_json::json;

/// Values of metrics that are read at a time.
const CHUNK: u32 = 10_000;

impl Control {
    /// Records that a run ended, with the digest of everything that it logged.
    pub(super) fn seal_run(&self, ctx: &RequestContext, row: &RunRow) -> Result<()> {
        let (digest, values) = self.store.read(|r| digest(r, row))?;
        let label = format!("run/{}", row.id);
        let who = Who { principal: ctx.id, action: "EndRun", resource: &label };
        let payload = json!({
            "request": ctx.request_id,
            "facts": {"experiment": row.experiment, "status": row.status, "digest": digest,
                      "values": values},
        });
        self.note(who, Stage::Completed, payload)?;
        let number = row.row;
        self.store
            .together::<_, ControlError>(move |tx| Ok(tx.seal_run(number, digest.as_bytes())?))
    }
}

/// SHA-256 over the canonical lines of a run: one of JSON for what it is, read, made and said,
/// then one digest for each chunk of metric values in the order of key, time, step and value.
/// A change after the end gives another.
fn digest(read: &Read<'_>, row: &RunRow) -> Result<(Digest, u64)> {
    let mut run = read.whole_run(row)?;
    // Told by the values below.
    run.data.metrics = Vec::new();
    let mut text = format!("plimsoll-run 1\n{}\n", json!(run));
    let mut offset = 0;
    loop {
        let values = read.all_metrics(row.row, offset, CHUNK)?;
        if values.is_empty() {
            break;
        }
        offset = offset.saturating_add(u32::try_from(values.len()).unwrap_or(CHUNK));
        text.push_str(&format!("{}\n", sha256(lines(&values).as_bytes())));
    }
    Ok((sha256(text.as_bytes()), offset.into()))
}

fn lines(values: &[Metric]) -> String {
    values.iter().map(|value| format!("{}\n", json!(value))).collect()
}
