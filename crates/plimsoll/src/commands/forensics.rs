//! `plimsoll decision trace` and `plimsoll decision replay`.

use super::{Context, decision, decision_explain, offline_replay, when};
use crate::cli::one_of;
use crate::failure::Failure;
use crate::printer::{Facts, Table, counted, printable};
use clap::Args;
use plimsoll_api::{
    MovedRow, Replay, ReplayResult, ReplayWindow, ReplayedWindow, Timestamp, Trace,
};
use plimsoll_types::{Clock, DecisionId, Name};
use serde::Serialize;
use std::path::PathBuf;
use std::str::FromStr;

/// Rows that moved most which a replay of a window shows.
const MAX_MOVED: usize = 20;

/// Options of `decision trace`.
#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// The decision id
    id: DecisionId,
}

/// Options of `decision replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// The decision id; leave it out to replay a window of a deployment
    #[arg(required_unless_present = "deployment")]
    id: Option<DecisionId>,
    /// Read this data folder, without a server
    #[arg(long, value_name = "DIR", requires = "id", requires = "keys")]
    data: Option<PathBuf>,
    /// Open the body with this keys folder
    #[arg(long, value_name = "DIR", requires = "data")]
    keys: Option<PathBuf>,
    /// Replay decisions of this deployment
    #[arg(long, value_name = "NAME", conflicts_with = "id", requires = "against")]
    deployment: Option<Name>,
    /// The candidate version: a number of the deployment's model, or MODEL@NUMBER
    #[arg(long, value_name = "VERSION", requires = "deployment")]
    against: Option<Against>,
    /// Only decisions at or after: a time (RFC 3339) or a duration ago such as 7d
    #[arg(long, value_name = "WHEN", requires = "deployment")]
    from: Option<String>,
    /// Only decisions before: a time (RFC 3339) or a duration ago
    #[arg(long, value_name = "WHEN", requires = "deployment")]
    to: Option<String>,
    /// One output at or above this is a yes; without it any other bit is a change
    #[arg(long, value_name = "NUMBER", requires = "deployment")]
    threshold: Option<f64>,
    /// When the exit code is 2: decisions that change, or nothing
    #[arg(long, value_name = "WHEN", default_value = "never", requires = "deployment")]
    #[arg(value_parser = one_of(FailOn::ALL, FailOn::as_str))]
    fail_on: FailOn,
}

/// When the answer of a replayed window is no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FailOn {
    /// Never: the report is the answer.
    Never,
    /// If any decision changes.
    Changed,
}

impl FailOn {
    const ALL: &'static [Self] = &[Self::Never, Self::Changed];
    const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Changed => "changed",
        }
    }
}

/// A version to replay against: `3` or `credit@3`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Against {
    model: Option<Name>,
    version: u32,
}

impl FromStr for Against {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be a number or MODEL@NUMBER".to_owned();
        let (model, number) = match text.rsplit_once('@') {
            Some((model, number)) => (Some(model.parse().map_err(|_| wrong())?), number),
            None => (None, text),
        };
        let version = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        Ok(Self { model, version })
    }
}

/// Shows how a decision came to be.
pub(super) fn trace(context: &Context, args: &TraceArgs) -> Result<(), Failure> {
    let path = format!("/api/v1/decisions/{}/trace", args.id);
    let found: Trace = context.client()?.get(&path, &())?;
    context.printer.show(&found, |found| {
        let mut parts = vec![decision::told(context, &found.decision), model(context, found)];
        parts.push(changes(context, found));
        parts.extend(found.explanation.as_ref().map(decision_explain::traced));
        parts.push(records(context, found));
        parts.push(
            Facts::default()
                .add("receipt", &found.receipt.href)
                .add("index", found.receipt.index)
                .add("leaf hash", found.receipt.leaf_hash)
                .to_string(),
        );
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    })
}

fn model(context: &Context, trace: &Trace) -> String {
    let force = |is_in_force: bool| if is_in_force { "in force" } else { "replaced since" };
    let mut facts = Facts::default().add("why", &trace.route.why);
    if let Some(model) = &trace.model {
        let author = model.author_name.clone().unwrap_or_else(|| model.author.to_string());
        facts = facts
            .add("model", format!("{} version {}", model.name, model.version))
            .add("owner", printable(&model.owner))
            .add(
                "trained as",
                format!("{} {}", model.facts.format, printable(&model.facts.objective)),
            )
            .add("made", format!("by {author} at {}", context.time(model.created_at)))
            .add("manifest", model.manifest);
        for file in &model.files {
            let bytes = counted(file.size, "byte");
            facts = facts.add("artifact", format!("{} {bytes} {}", file.path, file.digest));
        }
    }
    if let Some(contract) = &trace.contract {
        let state = force(contract.is_in_force);
        facts = facts.add("contract", format!("{} ({state})", contract.digest));
    }
    if let Some(policy) = &trace.policy {
        facts = facts.add("policy", format!("{} ({})", policy.digest, force(policy.is_in_force)));
    }
    facts.to_string()
}

fn changes(context: &Context, trace: &Trace) -> String {
    let mut table = Table::new(&["put in force at", ">index", "action", "principal", "resource"]);
    for event in &trace.changes {
        table.row([
            context.time(event.time),
            event.index.to_string(),
            event.action.clone(),
            event.principal_name.clone().unwrap_or_else(|| "server".to_owned()),
            event.resource.clone(),
        ]);
    }
    if trace.changes.is_empty() { String::new() } else { table.to_string() }
}

fn records(context: &Context, trace: &Trace) -> String {
    let mut table = Table::new(&["other record", ">index", "time", "says"]);
    for record in &trace.records {
        table.row([
            record.kind.to_string(),
            record.index.to_string(),
            context.time(record.time),
            record.says.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    if trace.records.is_empty() { String::new() } else { table.to_string() }
}

/// Computes a decision, or a window of them, again.
pub(super) fn replay(context: &Context, args: &ReplayArgs) -> Result<(), Failure> {
    match (args.id, &args.deployment, &args.against) {
        (Some(id), _, _) => one(context, id, args),
        (None, Some(deployment), Some(against)) => window(context, deployment, against, args),
        _ => Err(Failure::user("name a decision, or `--deployment` and `--against`")),
    }
}

fn one(context: &Context, id: DecisionId, args: &ReplayArgs) -> Result<(), Failure> {
    let replay = match (&args.data, &args.keys) {
        (Some(data), Some(keys)) => offline_replay::replay(context, id, data, keys)?,
        _ => {
            let path = format!("/api/v1/decisions/{id}/replay");
            context.client()?.post(&path, &serde_json::json!({}))?
        }
    };
    context.printer.show(&replay, told)?;
    match replay.result {
        ReplayResult::BitEqual => Ok(()),
        ReplayResult::Different => Err(Failure::no(format!(
            "{} of {} recorded numbers did not come out again",
            replay.differing, replay.values
        ))),
        ReplayResult::NotAnswered => {
            Err(Failure::no("no model answered this decision, so there is nothing to replay"))
        }
    }
}

fn told(replay: &Replay) -> String {
    let result = match replay.result {
        ReplayResult::BitEqual => "bit-equal",
        ReplayResult::Different => "different",
        ReplayResult::NotAnswered => "not answered by a model",
    };
    let facts = Facts::default()
        .add("decision", replay.decision)
        .add("replay", result)
        .maybe("manifest", replay.model)
        .maybe("artifact", replay.artifact)
        .add("numbers", replay.values)
        .add("differing", replay.differing)
        .to_string();
    let mut table = Table::new(&[">row", "recorded", "computed"]);
    let numbers =
        |values: &[f64]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    for row in &replay.differences {
        table.row([row.row.to_string(), numbers(&row.recorded), numbers(&row.computed)]);
    }
    if replay.differences.is_empty() { facts } else { format!("{facts}\n{table}") }
}

/// A whole window: the parts added up.
#[derive(Debug, Serialize)]
struct Report {
    deployment: Name,
    version: u32,
    since: Option<Timestamp>,
    until: Timestamp,
    rule: String,
    #[serde(flatten)]
    total: ReplayedWindow,
    /// Share of rows that came out to the bit.
    agreement: Option<f64>,
    /// Share of rows that would have been decided otherwise.
    changed: Option<f64>,
    mean_before: Option<f64>,
    mean_after: Option<f64>,
    mean_distance: Option<f64>,
}

fn window(
    context: &Context,
    deployment: &Name,
    against: &Against,
    args: &ReplayArgs,
) -> Result<(), Failure> {
    let now = context.clock.now();
    let since = args.from.as_deref().map(|text| when::past(text, now)).transpose()?;
    let until = args.to.as_deref().map(|text| when::past(text, now)).transpose()?;
    let until = until.unwrap_or(Timestamp(now));
    let mut body = ReplayWindow {
        model: against.model.clone(),
        version: against.version,
        since,
        until: Some(until),
        threshold: args.threshold,
        cursor: None,
    };
    let client = context.client()?;
    let path = format!("/api/v1/deployments/{deployment}/replay");
    let mut total = ReplayedWindow::default();
    loop {
        let part: ReplayedWindow = client.post(&path, &body)?;
        let (next, left) = (part.next_cursor, part.left);
        add(&mut total, part);
        let done = total.scanned;
        context.printer.progress(&format!(
            "{} replayed, {done} of {} records",
            counted(total.decisions, "decision"),
            done.saturating_add(left)
        ));
        // A server that does not move on would be asked for ever.
        if next.is_none() || next == body.cursor {
            break;
        }
        body.cursor = next;
    }
    context.printer.progress_done();
    total.next_cursor = None;
    let report = report(deployment, against, (since, until), args.threshold, total);
    context.printer.show(&report, |report| shown(context, report))?;
    if args.fail_on == FailOn::Changed && report.total.changed_decisions > 0 {
        let count = report.total.changed_decisions;
        return Err(Failure::no(format!("{} would change", counted(count, "decision"))));
    }
    Ok(())
}

fn add(total: &mut ReplayedWindow, part: ReplayedWindow) {
    total.decisions += part.decisions;
    total.rows += part.rows;
    total.equal_rows += part.equal_rows;
    total.changed_rows += part.changed_rows;
    total.changed_decisions += part.changed_decisions;
    total.not_answered += part.not_answered;
    total.erased += part.erased;
    total.misfits += part.misfits;
    total.sum_before += part.sum_before;
    total.sum_after += part.sum_after;
    total.sum_distance += part.sum_distance;
    total.max_distance = total.max_distance.max(part.max_distance);
    total.incomparable_rows += part.incomparable_rows;
    total.scanned += part.scanned;
    total.left = part.left;
    total.most_changed.extend(part.most_changed);
    total.most_changed.sort_by(|a, b| b.distance.total_cmp(&a.distance));
    total.most_changed.truncate(MAX_MOVED);
}

fn report(
    deployment: &Name,
    against: &Against,
    (since, until): (Option<Timestamp>, Timestamp),
    threshold: Option<f64>,
    total: ReplayedWindow,
) -> Report {
    let compared = total.rows.saturating_sub(total.incomparable_rows);
    let per_row = |sum: f64| share(sum, compared);
    let of_rows = |count: u64| share(number(count), compared);
    Report {
        deployment: deployment.clone(),
        version: against.version,
        since,
        until,
        rule: threshold.map_or_else(
            || "the largest of several outputs, any bit of one".to_owned(),
            |at| format!("at or above {at}"),
        ),
        agreement: of_rows(total.equal_rows),
        changed: of_rows(total.changed_rows),
        mean_before: per_row(total.sum_before),
        mean_after: per_row(total.sum_after),
        mean_distance: per_row(total.sum_distance),
        total,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for people; counts are below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

fn share(part: f64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part / number(whole))
}

fn shown(context: &Context, report: &Report) -> String {
    let total = &report.total;
    let percent = |share: Option<f64>| share.map(|share| format!("{:.2} %", share * 100.0));
    let mean = |value: Option<f64>| value.map(|value| format!("{value:.6}"));
    let left_out = [
        (total.not_answered, "not answered by a model"),
        (total.erased, "erased"),
        (total.misfits, "with a contract the candidate does not fit"),
    ];
    let left_out: Vec<String> = left_out
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let facts = Facts::default()
        .add("deployment", &report.deployment)
        .add("against", format!("version {}", report.version))
        .maybe("from", report.since.map(|time| context.time(time)))
        .add("to", context.time(report.until))
        .add("decides by", &report.rule)
        .add("decisions", total.decisions)
        .add("rows", total.rows)
        .maybe("left out", Some(left_out.join(", ")).filter(|text| !text.is_empty()))
        .maybe("agreement", percent(report.agreement))
        .add(
            "changed",
            format!("{} decisions, {} rows", total.changed_decisions, total.changed_rows),
        )
        .maybe("changed share", percent(report.changed))
        .maybe("mean before", mean(report.mean_before))
        .maybe("mean after", mean(report.mean_after))
        .maybe("mean distance", mean(report.mean_distance))
        .add("largest distance", total.max_distance)
        .to_string();
    if total.most_changed.is_empty() {
        facts
    } else {
        format!("{facts}\n{}", moved(&total.most_changed))
    }
}

fn moved(rows: &[MovedRow]) -> Table {
    let mut table = Table::new(&["moved most", ">row", ">distance", "decision changes"]);
    for row in rows {
        table.row([
            row.decision.to_string(),
            row.row.to_string(),
            row.distance.to_string(),
            if row.is_changed { "yes" } else { "no" }.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let against = |text: &str| text.parse::<Against>();
        assert_eq!(against("3"), Ok(Against { model: None, version: 3 }));
        let name = "credit".parse().ok();
        assert_eq!(against("credit@3"), Ok(Against { model: name, version: 3 }));
        for bad in ["", "0", "-1", "credit@", "@3", "credit@x", "a b@1"] {
            assert!(against(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parts_add_up() {
        let row = |distance: f64| MovedRow {
            decision: DecisionId::from_bytes([1; 16]),
            row: 0,
            distance,
            is_changed: true,
        };
        let part = |distance: f64| ReplayedWindow {
            decisions: 2,
            rows: 3,
            equal_rows: 1,
            sum_before: 1.5,
            max_distance: distance,
            most_changed: vec![row(distance); 15],
            ..ReplayedWindow::default()
        };
        let mut total = ReplayedWindow::default();
        add(&mut total, part(0.25));
        add(&mut total, part(0.5));
        assert_eq!((total.decisions, total.rows, total.equal_rows), (4, 6, 2));
        assert_eq!(total.max_distance.to_bits(), 0.5_f64.to_bits());
        let distances: Vec<f64> = total.most_changed.iter().map(|row| row.distance).collect();
        assert_eq!(distances.len(), MAX_MOVED);
        assert!(distances.iter().take(15).all(|d| d.to_bits() == 0.5_f64.to_bits()));
        assert_eq!(share(1.0, 0), None);
    }
}
