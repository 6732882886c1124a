//! The verbs of `plimsoll gate` that a server answers.

use super::gate::{Exception, Gate, Of, verdict};
use super::{Context, gate_plugin, when};
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::Facts;
use fs_err as fs;
use plimsoll_api as api;
use plimsoll_release::approval::{self, Statement};
use plimsoll_release::gate::GateResult;
use plimsoll_types::{Clock as _, Digest, Name};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;

/// The largest file of a plan, of rows, or of an answer of a plug-in.
const FILE_MAX: u64 = 16 << 20;

fn path(name: &Name, rest: &str) -> String {
    format!("/api/v1/deployments/{name}/{rest}")
}

/// Runs a verb that needs a server.
pub(super) fn run(context: &Context, verb: Gate) -> Result<(), Failure> {
    let client = context.client()?;
    match verb {
        Gate::Judge(_) | Gate::Attest(_) | Gate::Attestations(_) => {
            Err(Failure::ours("a verb of another file came here"))
        }
        Gate::Run(of) => run_gate(context, &client, &of),
        Gate::Show(of) => show(context, &client, &of),
        Gate::Explain(of) => explain(context, &client, &of),
        Gate::List { deployment, paged } => {
            let page =
                client.list::<api::GateRun>(&path(&deployment, "gates"), &(), paged.limit)?;
            context.show_page(&page, &["when", ">version", "passed", "gate", "by"], |table, one| {
                table.row([
                    context.time(one.at),
                    one.version.to_string(),
                    if one.is_passed { "yes" } else { "no" }.to_owned(),
                    one.digest.short(),
                    one.by_name.clone(),
                ]);
            })
        }
        Gate::Approve { deployment, version, contract, sign_with } => {
            let contract = under(context, &client, contract.as_deref())?;
            approve(context, &client, (&deployment, version, contract), &sign_with)
        }
        Gate::Plan { deployment, file } => {
            let path = path(&deployment, "gate-plan");
            let plan: api::GatePlan = match file {
                Some(file) => client.put(&path, &document::<api::GatePlan>(&file)?)?,
                None => client.get(&path, &())?,
            };
            context.printer.show(&plan, |plan| format!("{:#}\n", json!(plan)))
        }
        Gate::Evaluation { deployment, file } => {
            let set: api::PutEvaluation = document(&file)?;
            let kept: api::StoredEvaluation = client.put(&path(&deployment, "evaluation"), &set)?;
            context.printer.show(&kept, |kept| {
                Facts::default().add("rows", kept.rows).add("sha256", kept.digest).to_string()
            })
        }
        Gate::Exception(verb) => exception(context, &client, verb),
        Gate::BreakGlass { deployment, reason, lasts, review } => match review {
            Some(id) => {
                client.post_empty(
                    &path(&deployment, &format!("break-glass/{id}/review")),
                    &json!({}),
                )?;
                context.printer.note("reviewed");
                Ok(())
            }
            None => {
                let lasts = lasts.unwrap_or_default();
                let until = context.clock.now().plus(when::duration(&lasts)?).into();
                let body = api::BreakGlass { reason: reason.unwrap_or_default(), until };
                let broken: api::BrokenGlass =
                    client.post(&path(&deployment, "break-glass"), &body)?;
                context.printer.warn("the glass is broken: releases pass the gate until it ends");
                context.printer.show(&broken, |one| {
                    Facts::default()
                        .add("id", one.id)
                        .add("until", context.time(one.until))
                        .add("reason", &one.reason)
                        .to_string()
                })
            }
        },
    }
}

/// A document from a file: TOML, YAML or JSON, by its ending.
pub(super) fn document<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let name = file.display();
    if fs::metadata(file)?.len() > FILE_MAX {
        return Err(Failure::user(format!("`{name}` is larger than 16 MiB")));
    }
    let text = fs::read_to_string(file)?;
    let what = || Failure::user(format!("`{name}` is not what is asked for"));
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => toml::from_str(&text).map_err(|error| what().because(error)),
        Some("yaml" | "yml") => {
            serde_saphyr::from_str(&text).map_err(|error| what().because(error))
        }
        _ => serde_json::from_str(&text).map_err(|error| what().because(error)),
    }
}

/// The digest of the contract that is asked about, if another than the deployment's.
fn under(
    context: &Context,
    client: &Client,
    contract: Option<&str>,
) -> Result<Option<Digest>, Failure> {
    contract.map(|text| super::deployment::stored_contract(context, client, text)).transpose()
}

fn run_gate(context: &Context, client: &Client, of: &Of) -> Result<(), Failure> {
    let plan: api::GatePlan = client.get(&path(&of.deployment, "gate-plan"), &())?;
    let contract = under(context, client, of.contract.as_deref())?;
    let standing = standing_under(client, &of.deployment, of.version, contract)?;
    for plugin in plan.plugins.iter().filter(|one| !one.command.is_empty() || one.url.is_some()) {
        context.printer.note(&format!("check {}", plugin.name));
        let answer = gate_plugin::ask(plugin, &standing);
        let body = api::PostCheckResult {
            version: of.version,
            contract,
            check: plugin.name.clone(),
            check_version: plugin.version,
            verdict: answer.verdict,
            says: answer.says,
            evidence: answer.evidence,
        };
        client.post_empty(&path(&of.deployment, "check-results"), &body)?;
    }
    let body = api::RunGate { version: of.version, contract };
    let ran: api::GateRun = client.post(&path(&of.deployment, "gates"), &body)?;
    let result = result_of(&ran.result)?;
    of.files.write(&result)?;
    context
        .printer
        .show(&ran, |ran| format!("{}gate result {}\n", result.explain(), ran.digest))?;
    verdict(&result)
}

pub(super) fn standing(
    client: &Client,
    deployment: &Name,
    version: u32,
) -> Result<api::ReleaseStanding, Failure> {
    standing_under(client, deployment, version, None)
}

fn standing_under(
    client: &Client,
    deployment: &Name,
    version: u32,
    contract: Option<Digest>,
) -> Result<api::ReleaseStanding, Failure> {
    let query = api::StandingQuery { contract };
    client.get(&path(deployment, &format!("standing/{version}")), &query)
}

fn standing_of(
    context: &Context,
    client: &Client,
    of: &Of,
) -> Result<api::ReleaseStanding, Failure> {
    let contract = under(context, client, of.contract.as_deref())?;
    standing_under(client, &of.deployment, of.version, contract)
}

fn result_of(value: &Value) -> Result<GateResult, Failure> {
    serde_json::from_value(value.clone())
        .map_err(|error| Failure::ours("the server's gate result is none").because(error))
}

fn show(context: &Context, client: &Client, of: &Of) -> Result<(), Failure> {
    let standing = standing_of(context, client, of)?;
    if let Some(result) = &standing.result {
        of.files.write(&result_of(result)?)?;
    }
    context.printer.show(&standing, standing_text)?;
    if standing.is_allowed {
        Ok(())
    } else {
        Err(Failure::no(format!("it may not be released: {}", standing.reasons.join("; "))))
    }
}

fn standing_text(one: &api::ReleaseStanding) -> String {
    let may = match (one.is_allowed, one.is_emergency, one.gate_asked) {
        (true, true, _) => "only by breaking the glass",
        (true, _, false) => "yes: a sandbox, which asks for no gate",
        (true, ..) => "yes",
        (false, ..) => "no",
    };
    let list = |items: &[String]| (!items.is_empty()).then(|| items.join("; "));
    Facts::default()
        .add("deployment", &one.deployment)
        .add("version", one.version)
        .add("artifact", one.artifact)
        .maybe("tier", one.tier.clone())
        .add("may be released", may)
        .maybe("because", list(&one.reasons))
        .maybe("gate result", one.gate)
        .add("people asked for", one.people)
        .maybe("with the roles", list(&one.roles))
        .maybe("approved by", list(&one.approved_by))
        .maybe("approvals that do not count", list(&one.void))
        .to_string()
}

fn explain(context: &Context, client: &Client, of: &Of) -> Result<(), Failure> {
    let standing = standing_of(context, client, of)?;
    let Some(result) = &standing.result else { return show(context, client, of) };
    let result = result_of(result)?;
    of.files.write(&result)?;
    context.printer.show(&result, GateResult::explain)?;
    verdict(&result)
}

fn approve(
    context: &Context,
    client: &Client,
    (deployment, version, contract): (&Name, u32, Option<Digest>),
    file: &Path,
) -> Result<(), Failure> {
    let secret = super::approval::secret(file)?;
    let standing = standing_under(client, deployment, version, contract)?;
    let Some(gate) = standing.gate else {
        return Err(Failure::user("there is no gate result to approve")
            .hint(format!("run `plimsoll gate run {deployment} --version {version}`")));
    };
    let challenge: api::ApprovalChallenge =
        client.post("/api/v1/approval-challenges", &json!({}))?;
    // The challenge says who it is for, on its last line; the approval is by the same.
    let by = challenge.text.lines().last().unwrap_or_default().to_owned();
    let statement = Statement {
        deployment: deployment.to_string(),
        artifact: standing.artifact,
        gate,
        by,
        at_us: context.clock.now().as_micros(),
    };
    let body = api::ApproveRelease {
        version,
        contract,
        artifact: statement.artifact,
        gate,
        at_us: statement.at_us,
        signature: hex(&approval::sign(&secret, &statement.message())),
        challenge: challenge.id,
        challenge_signature: hex(&approval::sign(&secret, challenge.text.as_bytes())),
    };
    let after: api::ReleaseStanding = client.post(&path(deployment, "approvals"), &body)?;
    context.printer.show(&after, standing_text)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn exception(context: &Context, client: &Client, verb: Exception) -> Result<(), Failure> {
    let shown = |one: &api::GateException| {
        Facts::default()
            .add("id", one.id)
            .add("puts off", &one.check)
            .add("made up for by", &one.compensating)
            .add("owner", &one.owner)
            .add("asked for by", &one.requested_by)
            .maybe("allowed by", one.approved_by.clone())
            .add("until", context.time(one.until))
            .maybe("does not count", one.objection.clone())
            .to_string()
    };
    match verb {
        Exception::Ask { deployment, check, owner, compensating, lasts, reason } => {
            let until = context.clock.now().plus(when::duration(&lasts)?).into();
            let body = api::RequestException { check, owner, reason, compensating, until };
            let made = client.post(&path(&deployment, "exceptions"), &body)?;
            context.printer.show(&made, shown)
        }
        Exception::Allow { deployment, id } => {
            let path = path(&deployment, &format!("exceptions/{id}/allow"));
            let made = client.post(&path, &json!({}))?;
            context.printer.show(&made, shown)
        }
        Exception::End { deployment, id } => {
            client.delete(&path(&deployment, &format!("exceptions/{id}")))?;
            context.printer.note("ended");
            Ok(())
        }
        Exception::List { deployment } => {
            let page: api::Page<api::GateException> =
                client.get(&path(&deployment, "exceptions"), &())?;
            context.show_page(
                &page,
                &["id", "puts off", "owner", "allowed by", "until", "does not count"],
                |table, one| {
                    table.row([
                        one.id.to_string(),
                        one.check.clone(),
                        one.owner.clone(),
                        one.approved_by.clone().unwrap_or_else(|| "-".to_owned()),
                        context.time(one.until),
                        one.objection.clone().unwrap_or_default(),
                    ]);
                },
            )
        }
    }
}
