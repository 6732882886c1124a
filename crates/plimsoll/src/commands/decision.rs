//! `plimsoll decision`.

use super::{Context, forensics, offline, query, when};
use crate::cli::Decision;
use crate::failure::Failure;
use crate::printer::{Facts, Table, counted, printable};
use fs_err::os::unix::fs::OpenOptionsExt;
use plimsoll_api::{
    DecisionBody, DecisionFilter, DecisionLeaf, DecisionRefusal, DecisionSummary, DecisionTail,
    Page, Receipt, SubjectSearch, TailQuery,
};
use plimsoll_types::{Clock, DecisionId, Name};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

const PATH: &str = "/api/v1/decisions";

/// How long the server may hold a question for new decisions, in seconds: short enough that
/// no proxy on the way gives up first.
const WAIT_SECONDS: u32 = 20;

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Decision) -> Result<(), Failure> {
    match verb {
        Decision::Show { id, data: None, .. } => {
            let found = context.client()?.get(&format!("{PATH}/{id}"), &())?;
            show(context, &found)
        }
        Decision::Show { id, data: Some(data), keys } => {
            let found = offline::decision(context, id, &data, keys.as_deref())?;
            show(context, &found)
        }
        Decision::List { deployment, since, until, result, about, paged } => {
            if let Some(subject) = about.subject()? {
                return search(context, subject, deployment, since, until, paged.limit);
            }
            let now = context.clock.now();
            let filter = DecisionFilter {
                deployment: deployment.map(String::from),
                since: since.map(|text| when::past(&text, now)).transpose()?,
                until: until.map(|text| when::past(&text, now)).transpose()?,
                result,
                ..DecisionFilter::default()
            };
            list(context, &filter, paged.limit)
        }
        Decision::Receipt { id, output } => receipt(context, id, output.as_deref()),
        Decision::Tail { deployment } => tail(context, deployment),
        Decision::Export(args) => query::export(context, &args),
        Decision::Explain(args) => super::decision_explain::run(context, &args),
        Decision::Trace(args) => forensics::trace(context, &args),
        Decision::Replay(args) => forensics::replay(context, &args),
    }
}

/// Gets a receipt as the server made it, to a file or to stdout.
fn receipt(context: &Context, id: DecisionId, output: Option<&Path>) -> Result<(), Failure> {
    let receipt: Receipt = context.client()?.get(&format!("{PATH}/{id}/receipt"), &())?;
    let Some(output) = output else { return context.printer.json(&receipt) };
    let mut text = serde_json::to_string_pretty(&receipt)
        .map_err(|error| Failure::ours("could not write JSON").because(error))?;
    text.push('\n');
    // Whoever has a record's key can read the record.
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(output)?.write_all(text.as_bytes())?;
    if receipt.record_key.is_some() {
        context
            .printer
            .note("the receipt opens the decision's body: give it only to who may read it");
    }
    Ok(())
}

fn list(context: &Context, filter: &DecisionFilter, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<DecisionSummary>(PATH, filter, limit)?;
    show_list(context, &page)
}

/// The decisions about a person. The name travels in the body: URLs are logged.
fn search(
    context: &Context,
    subject: String,
    deployment: Option<Name>,
    since: Option<String>,
    until: Option<String>,
    limit: u32,
) -> Result<(), Failure> {
    /// The most that one search gives.
    const MOST: u32 = 1000;
    let now = context.clock.now();
    let search = SubjectSearch {
        subject,
        deployment: deployment.map(String::from),
        since: since.map(|text| when::past(&text, now)).transpose()?,
        until: until.map(|text| when::past(&text, now)).transpose()?,
        limit: Some(limit.min(MOST)),
    };
    let page: Page<DecisionSummary> = context.client()?.post(&format!("{PATH}/search"), &search)?;
    show_list(context, &page)
}

fn show_list(context: &Context, page: &Page<DecisionSummary>) -> Result<(), Failure> {
    let heads = ["time", "decision", "deployment", ">version", "route", "result"];
    context.show_page(page, &heads, |table, one| {
        table.row([
            context.time(one.time),
            one.id.to_string(),
            one.deployment.clone(),
            dash(one.version),
            dash(one.route),
            result(one),
        ]);
    })
}

/// Asks again and again for what is new; ends when the reader or the server goes away.
fn tail(context: &Context, deployment: Option<Name>) -> Result<(), Failure> {
    let client = context.client()?;
    let mut query = TailQuery {
        from: None,
        wait_seconds: Some(WAIT_SECONDS),
        deployment: deployment.map(String::from),
    };
    context.printer.note("waiting for decisions; end with Ctrl-C");
    loop {
        let tail: DecisionTail = client.get(&format!("{PATH}/tail"), &query)?;
        for one in &tail.items {
            if context.printer.is_json() {
                context.printer.json_line(one)?;
            } else {
                context.printer.data(&line(context, one))?;
            }
        }
        query.from = Some(tail.next);
    }
}

/// A line of the tail: the columns of the list, of fixed width because more is to come.
fn line(context: &Context, one: &DecisionSummary) -> String {
    let (time, version, result) = (context.time(one.time), dash(one.version), result(one));
    let deployment = printable(&one.deployment);
    format!("{time}  {}  {deployment:<24}  {version:>7}  {result}\n", one.id)
}

fn result(one: &DecisionSummary) -> String {
    match one.refused_in {
        Some(phase) => format!("{} in {phase}", one.result),
        None if one.origin.is_some() => format!("{} elsewhere", one.result),
        None => one.result.to_string(),
    }
}

fn dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn show(context: &Context, found: &plimsoll_api::Decision) -> Result<(), Failure> {
    context.printer.show(found, |found| told(context, found))
}

/// A decision for people.
pub(super) fn told(context: &Context, found: &plimsoll_api::Decision) -> String {
    let mut parts = vec![summary(context, &found.summary)];
    match &found.body {
        Some(body) => parts.extend(body_parts(body)),
        None => {
            let reason = found.body_withheld.as_deref().unwrap_or("there is none");
            parts.push(Facts::default().add("body", reason).to_string());
        }
    }
    parts.push(leaf(&found.leaf));
    parts.join("\n")
}

fn summary(context: &Context, one: &DecisionSummary) -> String {
    Facts::default()
        .add("decision", one.id)
        .add("index", one.index)
        .add("time", context.time(one.time))
        .add("deployment", &one.deployment)
        .maybe("version", one.version)
        .maybe("route", one.route)
        .add("result", result(one))
        .maybe("origin", one.origin)
        .to_string()
}

/// What was asked, answered and why: one part each, those that are empty left out.
fn body_parts(body: &DecisionBody) -> Vec<String> {
    let who = body.principal_name.clone().unwrap_or_else(|| body.principal.to_string());
    let mut head = Facts::default()
        .add("principal", who)
        .maybe("key", body.key)
        .maybe("caller id", body.caller_id.as_deref())
        .maybe("protocol", body.protocol)
        .add(
            "request",
            format!("{}, {}", counted(body.request_len, "byte"), counted(body.rows.len(), "row")),
        );
    if let Some(refusal) = &body.refusal {
        head = head.add("refusal", refusal_text(refusal));
    }
    let parts = [head.to_string(), rows(body), outputs(body), flags(body), phases(body)];
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

fn refusal_text(refusal: &DecisionRefusal) -> String {
    let mut text = format!("{} in {}", refusal.code, refusal.phase);
    if let Some(field) = &refusal.field {
        text.push_str(&format!(", field `{field}`"));
    }
    if let Some(row) = refusal.row {
        text.push_str(&format!(", row {row}"));
    }
    if let Some(rule) = &refusal.rule {
        text.push_str(&format!(": {rule}"));
    }
    text
}

/// One line per field, one column per row; what came in headers follows.
fn rows(body: &DecisionBody) -> String {
    let mut table = Table::new(&["field"]);
    for row in 0..body.rows.len() {
        table.head(&format!("row {row}"));
    }
    let fields = body.rows.first().into_iter().flat_map(|row| row.keys());
    for field in fields {
        let values = body.rows.iter().map(|row| row.get(field).map_or_else(String::new, plain));
        table.cells(std::iter::once(field.clone()).chain(values));
    }
    for mapped in &body.mapped {
        table.cells([format!("{} (mapped)", mapped.role), mapped.value.clone()].into_iter());
    }
    if body.rows.is_empty() && body.mapped.is_empty() { String::new() } else { table.to_string() }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn outputs(body: &DecisionBody) -> String {
    let mut table = Table::new(&["output", ">row", "values"]);
    for output in &body.outputs {
        let width = usize::try_from(output.width).unwrap_or(1).max(1);
        for (row, values) in output.values.chunks(width).enumerate() {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            table.row([output.name.clone(), row.to_string(), values.join(" ")]);
        }
    }
    if body.outputs.is_empty() { String::new() } else { table.to_string() }
}

fn flags(body: &DecisionBody) -> String {
    let mut table = Table::new(&["flagged field", ">row", "rule", "value"]);
    for flag in &body.flags {
        let what = if flag.is_clamped { "clamped" } else { "kept" };
        table.row([flag.field.clone(), flag.row.to_string(), flag.code.to_string(), what.into()]);
    }
    if body.flags.is_empty() { String::new() } else { table.to_string() }
}

fn phases(body: &DecisionBody) -> String {
    let mut table = Table::new(&["phase", ">µs"]);
    for time in &body.phases {
        table.row([time.phase.to_string(), format!("{:.1}", f64::from(time.nanos) / 1000.0)]);
    }
    if body.phases.is_empty() { String::new() } else { table.to_string() }
}

fn leaf(leaf: &DecisionLeaf) -> String {
    Facts::default()
        .add("kind", leaf.kind)
        .add("gateway", leaf.gateway)
        .add("sequence", leaf.seq)
        .maybe("leaf hash", leaf.leaf_hash)
        .add("previous", leaf.previous)
        .maybe("model", leaf.model)
        .maybe("contract", leaf.contract)
        .maybe("policy", leaf.policy)
        .maybe("snapshot", leaf.snapshot)
        .maybe("ciphertext", leaf.ciphertext)
        .maybe("key commitment", leaf.key_commitment.as_deref())
        .maybe("replay of", leaf.replay_of)
        .to_string()
}

/// What is said when an id is not in the ledger.
pub(super) fn unknown(id: DecisionId) -> Failure {
    Failure::user(format!("no decision `{id}`"))
        .hint("list decisions with `plimsoll decision list`")
}
