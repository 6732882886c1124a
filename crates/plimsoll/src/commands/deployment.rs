//! `plimsoll deployment`.

use super::because::Because;
use super::{Context, contract, deployment_status, explain_profile, review, when};
use crate::cli::{Deployment, DeploymentCreate, DeploymentUpdate, detail_word};
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::Facts;
use crate::settings::Value as _;
use plimsoll_api::{
    CreateDeployment, CreateModel, Fallback, ReleaseVersion, Signer, UpdateDeployment,
};
use plimsoll_contract::ErrorDetail;
use plimsoll_types::{Digest, Name};
use std::time::Duration;

const PATH: &str = "/api/v1/deployments";

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Deployment) -> Result<(), Failure> {
    match verb {
        Deployment::Create(args) => create(context, args),
        Deployment::List(paged) => list(context, paged.limit),
        Deployment::Show { name } => {
            let found = context.client()?.get(&path(&name), &())?;
            show(context, &found)
        }
        Deployment::Update(args) => update(context, args),
        Deployment::Release { name, version } => {
            let released = release(&context.client()?, &name, version)?;
            show(context, &released)
        }
        Deployment::Status { name, watch, every } => {
            deployment_status::run(context, &name, watch.then_some(every.as_str()))
        }
        Deployment::Kill { name, because } => switch(context, &name, "kill", &because),
        Deployment::Revive { name, because } => switch(context, &name, "revive", &because),
        Deployment::Archive { name } => {
            context.client()?.delete(&path(&name))?;
            context.printer.note(&format!("archived deployment {name}"));
            Ok(())
        }
    }
}

fn switch(context: &Context, name: &Name, verb: &str, why: &Because) -> Result<(), Failure> {
    let path = format!("{}/{verb}", path(name));
    let now = context.client()?.post(&path, &why.body())?;
    show(context, &now)
}

fn path(name: &Name) -> String {
    format!("{PATH}/{name}")
}

fn create(context: &Context, args: DeploymentCreate) -> Result<(), Failure> {
    let client = context.client()?;
    let body = CreateDeployment {
        name: args.name,
        model: args.model,
        contract: stored_contract(context, &client, &args.contract)?,
        environment: args.environment,
        owner: args.owner,
        tier: args.tier,
        mode: args.mode,
        explain: args.explain,
        explain_profile: args
            .explain_profile
            .map(|text| explain_profile::stored(context, &client, &text))
            .transpose()?,
        fallback: declared(args.fallback, args.fallback_rule, args.fallback_previous),
        error_detail: args.error_detail,
        deadline_ms: args.deadline.as_deref().map(millis).transpose()?,
        max_in_flight: args.max_in_flight,
        retention_days: args.retention.as_deref().map(days).transpose()?.flatten(),
        review: args.review.map(|setting| setting.0),
        observe: args.observe,
        signers: signers(&args.signer)?,
    };
    if args.observe {
        named_model(&client, &body.model)?;
    }
    let made: plimsoll_api::Deployment = client.post(PATH, &body)?;
    let Some(version) = args.version else {
        show(context, &made)?;
        if made.observe {
            context.printer.hint(&format!(
                "report decisions with `plimsoll observe import --deployment {} FILE`",
                made.name
            ));
            return Ok(());
        }
        context.printer.hint(&format!(
            "let a version answer with `plimsoll deployment release {} --version N`",
            made.name
        ));
        return Ok(());
    };
    let released = release(&client, &made.name, version).map_err(|failure| {
        failure.within(&format!("deployment {} was made, but no version answers in it", made.name))
    })?;
    show(context, &released)
}

/// Registers the model whose decisions are observed, unless it is there: it has a name and no file.
fn named_model(client: &Client, name: &Name) -> Result<(), Failure> {
    let body = CreateModel { name: name.clone(), owner: None, description: None };
    match client.post::<plimsoll_api::RegisteredModel>("/api/v1/models", &body) {
        Err(failure) if failure.status() != Some(409) => Err(failure),
        _ => Ok(()),
    }
}

/// Signers as the API has them; none are told if no option was.
fn signers(options: &[String]) -> Result<Option<Vec<Signer>>, Failure> {
    match options {
        [] => return Ok(None),
        [one] if one == "none" => return Ok(Some(Vec::new())),
        _ => {}
    }
    let signer = |text: &String| {
        let wrong = || Failure::user("`--signer` takes NAME=FILE");
        let (name, path) = text.split_once('=').ok_or_else(wrong)?;
        let name = name.parse().map_err(|_| wrong())?;
        Ok(Signer { name, public_key: fs_err::read_to_string(path)? })
    };
    options.iter().map(signer).collect::<Result<_, _>>().map(Some)
}

/// A retention as the API has it: whole days, or none with `forever`.
fn days(text: &str) -> Result<Option<u32>, Failure> {
    if text == "forever" {
        return Ok(None);
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    days.map(Some).ok_or_else(|| {
        Failure::user("a retention is a number of days such as `365d`, or `forever`")
    })
}

fn release(
    client: &Client,
    name: &Name,
    version: u32,
) -> Result<plimsoll_api::Deployment, Failure> {
    client.post(&format!("{}/release", path(name)), &ReleaseVersion { version })
}

fn update(context: &Context, args: DeploymentUpdate) -> Result<(), Failure> {
    let mut body = UpdateDeployment {
        contract: None,
        owner: args.owner,
        mode: args.mode,
        explain: args.explain,
        explain_profile: None,
        fallback: changed(args.fallback.as_deref(), args.fallback_rule, args.fallback_previous)?,
        error_detail: args.error_detail.as_deref().map(error_detail),
        deadline_ms: args.deadline.as_deref().map(millis).transpose()?,
        max_in_flight: args.max_in_flight,
        retention_days: args.retention.as_deref().map(days).transpose()?,
        review: args.review.map(|setting| setting.0),
        signers: signers(&args.signer)?,
        routes: match args.route.as_slice() {
            [] => None,
            [one] if one == "none" => Some(Vec::new()),
            routes => Some(routes.to_vec()),
        },
    };
    let documents = args.contract.is_some() || args.explain_profile.is_some();
    if !documents && body == UpdateDeployment::default() {
        return Err(Failure::user("there is nothing to change")
            .hint("see what can be changed with `plimsoll deployment update --help`"));
    }
    let client = context.client()?;
    body.contract =
        args.contract.map(|text| stored_contract(context, &client, &text)).transpose()?;
    body.explain_profile = match args.explain_profile.as_deref() {
        None => None,
        Some("none") => Some(None),
        Some(text) => Some(Some(explain_profile::stored(context, &client, text)?)),
    };
    let updated = client.patch(&path(&args.name), &body)?;
    show(context, &updated)
}

/// The digest of a stored contract: as given, or of the file given, which is stored first.
pub(super) fn stored_contract(
    context: &Context,
    client: &Client,
    text: &str,
) -> Result<Digest, Failure> {
    match text.parse() {
        Ok(digest) => Ok(digest),
        Err(_) => Ok(contract::store(context, client, text.as_ref())?.digest),
    }
}

/// A deadline in milliseconds.
fn millis(text: &str) -> Result<u32, Failure> {
    let millis = when::duration(text)?.as_millis();
    u32::try_from(millis).map_err(|_| Failure::user("`--deadline` is at most 60s"))
}

/// The fallback that options declare, if they do.
fn declared(outputs: Option<Vec<f64>>, rules: Vec<String>, previous: bool) -> Option<Fallback> {
    let fallback = Fallback { outputs: outputs.unwrap_or_default(), rules, previous };
    (fallback != Fallback::default()).then_some(fallback)
}

/// The fallback that takes the place of the one before; `none` takes it away.
fn changed(
    text: Option<&str>,
    rules: Vec<String>,
    previous: bool,
) -> Result<Option<Option<Fallback>>, Failure> {
    let is_told = text.is_some() || previous || !rules.is_empty();
    let outputs = text.filter(|text| *text != "none").map(numbers_of).transpose()?;
    Ok(is_told.then(|| declared(outputs, rules, previous)))
}

fn numbers_of(text: &str) -> Result<Vec<f64>, Failure> {
    let number = |text: &str| text.trim().parse().ok().filter(|value: &f64| value.is_finite());
    let outputs: Option<Vec<f64>> = text.split(',').map(number).collect();
    outputs.ok_or_else(|| {
        Failure::user(
            "`--fallback` is `none` or a finite number for each output, such as `0.5` or `0.2,0.8`",
        )
    })
}

/// What answers when the model does not, in the order in which it is asked.
fn fallback(declared: &Fallback) -> String {
    let previous = declared.previous.then(|| "the version before".to_owned());
    let outputs = (!declared.outputs.is_empty()).then(|| numbers(&declared.outputs));
    let parts = previous.into_iter().chain(declared.rules.iter().cloned()).chain(outputs);
    parts.collect::<Vec<_>>().join("; ")
}

fn error_detail(word: &str) -> Option<ErrorDetail> {
    let details = [ErrorDetail::Full, ErrorDetail::Field, ErrorDetail::Code];
    details.into_iter().find(|&detail| detail_word(detail) == word)
}

fn list(context: &Context, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<plimsoll_api::Deployment>(PATH, &(), limit)?;
    let heads = ["name", "environment", "model", ">version", "mode", "owner", "tier", "state"];
    context.show_page(&page, &heads, |table, one| {
        let version = one.released.as_ref().map(|released| released.number.to_string());
        table.row([
            one.name.to_string(),
            one.environment.to_string(),
            one.model.to_string(),
            version.unwrap_or_else(|| "-".to_owned()),
            one.mode.to_string(),
            one.owner.clone(),
            one.tier.to_string(),
            state(one),
        ]);
    })
}

pub(super) fn show(context: &Context, one: &plimsoll_api::Deployment) -> Result<(), Failure> {
    context.printer.show(one, |one| {
        let released = one.released.as_ref().map(|released| {
            format!("{} ({})", released.number, context.time(released.released_at))
        });
        Facts::default()
            .add("deployment", &one.name)
            .add("id", one.id)
            .add("state", state(one))
            .add("environment", one.environment)
            .add("owner", &one.owner)
            .add("tier", one.tier)
            .add("model", &one.model)
            .maybe("version", released)
            .add("contract", one.contract)
            .add("mode", one.mode)
            .add("explain", one.explain)
            .maybe("explain profile", one.explain_profile)
            .add("review", review::setting(one.review))
            .maybe("fallback", one.fallback.as_ref().map(fallback))
            .maybe("error detail", one.error_detail.map(detail_word))
            .add("deadline", Duration::from_millis(one.deadline_ms.into()).show())
            .add("max in flight", one.max_in_flight)
            .maybe("signers", signer_names(&one.signers))
            .maybe("routes", (!one.routes.is_empty()).then(|| one.routes.join("; ")))
            .maybe("retention", one.retention_days.map(|days| format!("{days}d")))
            .add("created", context.time(one.created_at))
            .add("updated", context.time(one.updated_at))
            .maybe("archived", one.archived_at.map(|time| context.time(time)))
            .to_string()
    })
}

fn signer_names(signers: &[Signer]) -> Option<String> {
    let names: Vec<&str> = signers.iter().map(|signer| signer.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn numbers(numbers: &[f64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(super) fn state(one: &plimsoll_api::Deployment) -> String {
    match (one.is_ready, &one.archived_at, &one.not_ready_reason) {
        (_, Some(_), _) => "archived".to_owned(),
        (true, None, _) if one.killed => "switched off".to_owned(),
        (true, None, _) => "ready".to_owned(),
        (false, None, Some(reason)) => format!("not ready: {reason}"),
        (false, None, None) => "not ready".to_owned(),
    }
}
