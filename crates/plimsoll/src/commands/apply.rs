//! `plimsoll apply`: makes a deployment what a file says. What would change is shown first; a
//! version is let answer by the same call as by hand, so the same gate and approvals are asked for.

use super::gate_server::{document, standing};
use super::{Context, deployment};
use crate::client::Client;
use crate::failure::Failure;
use clap::Args;
use plimsoll_api as api;
use plimsoll_release::Facts;
use plimsoll_release::assess::Controls;
use plimsoll_types::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The format of the file.
const FORMAT: u32 = 1;

/// Options of `apply`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  plimsoll apply -f release.yaml --dry-run    what would change? exit code 2 if anything would
  plimsoll apply -f release.yaml

  release: 1
  deployment: credit-default
  version: 3
  settings: { mode: strict, fallback: { outputs: [0.5] } }
  assessment: { facts: { setting: production, harms: [] } }
  plan: { purpose: consumer credit, on_call: risk-oncall, fail_closed: true }
  limits: { performance: [{ metric: auroc, least: 0.72 }], window: 7d }

What is not in the file stays as it is. Whatever the file says, a version answers only with the gate
and the approvals that its tier demands; without them nothing is released, and the exit code is 2.")]
pub(crate) struct Apply {
    /// The file: YAML, TOML or JSON
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What the file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    release: u32,
    deployment: Name,
    #[serde(default)]
    settings: Option<api::UpdateDeployment>,
    #[serde(default)]
    assessment: Option<Sheet>,
    #[serde(default)]
    plan: Option<api::GatePlan>,
    #[serde(default)]
    limits: Option<api::WatchLimits>,
    #[serde(default)]
    version: Option<u32>,
}

/// Facts of the deployment's use.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    facts: Facts,
    #[serde(default)]
    controls: Controls,
}

/// Something that would change.
#[derive(Serialize, Debug, PartialEq)]
struct Change {
    what: String,
    from: Value,
    to: Value,
}

/// What would change, and whether the version may be released.
#[derive(Serialize)]
struct Diff {
    deployment: Name,
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<api::ReleaseStanding>,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Apply) -> Result<(), Failure> {
    let wanted: Wanted = document(&args.file)?;
    if wanted.release != FORMAT {
        return Err(Failure::user(format!("`release` is {FORMAT}, the format of the file")));
    }
    let client = context.client()?;
    let path = format!("/api/v1/deployments/{}", wanted.deployment);
    let diff = diff(&client, &path, &wanted)?;
    context.printer.show(&diff, text)?;
    if args.dry_run {
        return match diff.changes.is_empty() {
            true => Ok(()),
            false => Err(Failure::no("there is something to change")),
        };
    }
    let has = |what: &str| diff.changes.iter().any(|change| change.what.starts_with(what));
    if let Some(settings) = wanted.settings.as_ref().filter(|_| has("settings.")) {
        let _: api::Deployment = client.patch(&path, settings)?;
        context.printer.note("settings changed");
    }
    if let Some(sheet) = wanted.assessment.as_ref().filter(|_| has("facts.")) {
        let body =
            api::PutAssessment { facts: json!(sheet.facts), controls: Some(json!(sheet.controls)) };
        let _: api::StoredAssessment = client.put(&format!("{path}/assessment"), &body)?;
        context.printer.note("assessed");
    }
    if let Some(plan) = wanted.plan.as_ref().filter(|_| has("plan.")) {
        let _: api::GatePlan = client.put(&format!("{path}/gate-plan"), plan)?;
        context.printer.note("the gate's plan declared");
    }
    if let Some(limits) = wanted.limits.as_ref().filter(|_| has("limits.")) {
        let _: api::WatchLimitsShown = client.put(&format!("{path}/monitoring/limits"), limits)?;
        context.printer.note("limits set");
    }
    if let Some(version) = wanted.version.filter(|_| has("version")) {
        let body = api::ReleaseVersion { version };
        let released: api::Deployment = client.post(&format!("{path}/release"), &body)?;
        return deployment::show(context, &released);
    }
    Ok(())
}

fn diff(client: &Client, path: &str, wanted: &Wanted) -> Result<Diff, Failure> {
    let now: api::Deployment = client.get(path, &())?;
    let mut changes = Vec::new();
    if let Some(settings) = &wanted.settings {
        compare("settings", &json!(now), &json!(settings), &mut changes);
    }
    if let Some(sheet) = &wanted.assessment {
        let found = client.get::<api::StoredAssessment>(&format!("{path}/assessment"), &());
        let before = match found {
            Ok(found) => found.facts,
            Err(failure) if failure.status() == Some(404) => json!({}),
            Err(failure) => return Err(failure),
        };
        compare("facts", &before, &json!(sheet.facts), &mut changes);
    }
    if let Some(plan) = &wanted.plan {
        let before: api::GatePlan = client.get(&format!("{path}/gate-plan"), &())?;
        compare("plan", &json!(before), &json!(plan), &mut changes);
    }
    if let Some(limits) = &wanted.limits {
        let found = client.get::<api::WatchLimitsShown>(&format!("{path}/monitoring/limits"), &());
        let before = match found {
            Ok(found) => json!(found.limits),
            Err(failure) if failure.status() == Some(404) => json!({}),
            Err(failure) => return Err(failure),
        };
        compare("limits", &before, &json!(limits), &mut changes);
    }
    let before = now.released.map(|released| released.number);
    let mut found = None;
    if let Some(version) = wanted.version.filter(|version| Some(*version) != before) {
        changes.push(Change {
            what: "version".to_owned(),
            from: json!(before),
            to: json!(version),
        });
        found = Some(standing(client, &wanted.deployment, version)?);
    }
    Ok(Diff { deployment: wanted.deployment.clone(), changes, standing: found })
}

/// Members of `after` that differ from `before`'s. A member that is not there is null.
fn compare(what: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    let Some(members) = after.as_object() else { return };
    for (name, to) in members {
        let from = before.get(name).unwrap_or(&Value::Null);
        if from != to {
            let what = format!("{what}.{name}");
            changes.push(Change { what, from: from.clone(), to: to.clone() });
        }
    }
}

fn text(diff: &Diff) -> String {
    if diff.changes.is_empty() {
        return format!("deployment {} is what the file says\n", diff.deployment);
    }
    let mut text = format!("deployment {}\n", diff.deployment);
    for change in &diff.changes {
        text.push_str(&format!("  ~ {}: {} -> {}\n", change.what, change.from, change.to));
    }
    if let Some(standing) = diff.standing.as_ref().filter(|standing| !standing.is_allowed) {
        for reason in &standing.reasons {
            text.push_str(&format!("  ! not to be released as things stand: {reason}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_a_change() {
        let mut changes = Vec::new();
        let before = json!({"mode": "durable", "deadline_ms": 100, "owner": "ada"});
        compare("settings", &before, &json!({"mode": "strict", "deadline_ms": 100}), &mut changes);
        assert_eq!(
            changes,
            [Change { what: "settings.mode".into(), from: json!("durable"), to: json!("strict") }]
        );
    }
}
