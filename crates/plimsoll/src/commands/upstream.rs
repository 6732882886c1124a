//! `plimsoll model check-upstream`: what a declaration makes of a request and of a reply, without
//! asking the service.

use super::{Context, contract};
use crate::failure::Failure;
use clap::Args;
use fs_err as fs;
use plimsoll_contract::{CompiledContract, Scratch};
use plimsoll_types::Rows;
use plimsoll_upstream::{Declaration, Upstream};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Options of `model check-upstream`.
#[derive(Args, Debug)]
pub(crate) struct CheckUpstream {
    /// The upstream declaration: YAML or JSON
    declaration: PathBuf,
    /// The contract of the deployment: YAML or JSON
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// A request to the deployment (Open Inference Protocol v2): shows what the service would be sent
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// A reply of the service to the first of them: shows the answer that is read
    #[arg(long, value_name = "FILE", requires = "request")]
    reply: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    kind: &'static str,
    output: &'static str,
    sends: Vec<String>,
    calls: Vec<Sent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Vec<f64>>,
}

/// A request to the service.
#[derive(Serialize)]
struct Sent {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// Checks the declaration, writes the requests, reads the reply.
pub(super) fn run(context: &Context, args: &CheckUpstream) -> Result<(), Failure> {
    let within =
        |path: &Path, error: String| Failure::user(error).within(&format!("`{}`", path.display()));
    let declared = Declaration::read(&fs::read(&args.declaration)?)
        .map_err(|error| within(&args.declaration, error.to_string()))?;
    let model = declared.model().map_err(|error| within(&args.declaration, error.to_string()))?;
    let contract = CompiledContract::compile(&contract::read(&args.contract)?)
        .map_err(|error| within(&args.contract, error.to_string()))?;
    let upstream = Upstream::wire(declared, &contract)
        .map_err(|error| within(&args.declaration, error.to_string()))?;
    let mut scratch = Scratch::default();
    if let Some(path) = &args.request {
        contract
            .validate_oip(&fs::read(path)?, &mut scratch)
            .map_err(|broken| within(path, broken.primary().to_string()))?;
    }
    let rows = &scratch.rows;
    let calls = upstream.calls(rows.len()).map(|call| sent(&upstream, rows, &call));
    let calls = if rows.is_empty() { Vec::new() } else { calls.collect::<Result<_, _>>()? };
    let answer = args.reply.as_deref().map(|path| {
        let call = upstream.calls(rows.len()).next();
        let call = call.ok_or_else(|| Failure::user("the request has no row"))?;
        let mut values = Vec::new();
        upstream
            .read(&fs::read(path)?, &call, &mut values)
            .map_err(|lie| Failure::no(format!("the reply is not believed: {lie}")))?;
        Ok::<_, Failure>(values)
    });
    let report = Report {
        kind: upstream.declared().kind.as_str(),
        output: model.output().name,
        sends: model.feature_names().unwrap_or_default().iter().map(ToString::to_string).collect(),
        calls,
        answer: answer.transpose()?,
    };
    context.printer.show(&report, text)
}

fn sent(upstream: &Upstream, rows: &Rows, call: &plimsoll_upstream::Call) -> Result<Sent, Failure> {
    let (mut path, mut body) = (String::new(), Vec::new());
    upstream
        .path(rows, call, &mut path)
        .ok_or_else(|| Failure::no("no path can be made of the request's values"))?;
    let has_body = upstream.body(rows, call, &mut body);
    Ok(Sent { path, body: has_body.then(|| String::from_utf8_lossy(&body).into_owned()) })
}

fn text(report: &Report) -> String {
    let mut text = format!(
        "{} upstream, answers `{}`, is sent {}\n",
        report.kind,
        report.output,
        report.sends.join(", ")
    );
    for call in &report.calls {
        text.push_str(&format!("\n{}\n", call.path));
        if let Some(body) = &call.body {
            text.push_str(&format!("{body}\n"));
        }
    }
    if let Some(answer) = &report.answer {
        text.push_str(&format!("\nanswer: {answer:?}\n"));
    }
    text
}
