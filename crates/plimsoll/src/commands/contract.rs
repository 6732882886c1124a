//! `plimsoll contract`.

use super::Context;
use super::data::{self, Checked};
use crate::cli::Contract;
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::{Table, counted};
use plimsoll_api::ContractSummary;
use plimsoll_contract::{
    BindError, CompiledContract, Contract as Document, ContractError, Problem,
};
use plimsoll_model::{Categories, Limits, Model};
use serde::Serialize;
use std::io::Read;
use std::path::Path;

const PATH: &str = "/api/v1/contracts";

/// What `contract check --json` prints.
#[derive(Serialize)]
struct Report {
    features: usize,
    context: usize,
    problems: Vec<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Checked>,
}

/// One thing that is wrong, and where.
#[derive(Serialize)]
struct Place {
    path: String,
    message: String,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Contract) -> Result<(), Failure> {
    match verb {
        Contract::Infer { data, exclude, output } => {
            infer(context, &data, &exclude, output.as_deref())
        }
        Contract::Draft(args) => super::contract_draft::run(context, &args),
        Contract::Check { contract, model, data } => {
            check(context, &contract, model.as_deref(), data.as_deref())
        }
        Contract::Add { contract } => {
            let stored = store(context, &context.client()?, &contract)?;
            context.printer.show(&stored, |stored| format!("{}\n", stored.digest))
        }
        Contract::Show { digest } => {
            let path = format!("{PATH}/{digest}");
            let found: plimsoll_api::Contract = context.client()?.get(&path, &())?;
            if context.printer.is_json() {
                return context.printer.json(&found);
            }
            context.printer.data(&found.contract.to_yaml().map_err(unwritable)?)
        }
    }
}

/// Stores the contract in a file, after checking it here.
pub(super) fn store(
    context: &Context,
    client: &Client,
    path: &Path,
) -> Result<ContractSummary, Failure> {
    let document = read(path)?;
    let problems = document.check();
    if let Some(first) = problems.first() {
        return Err(Failure::user(format!("`{}`: {first}", path.display()))
            .hint(format!("see all problems with `plimsoll contract check {}`", path.display())));
    }
    let stored: ContractSummary = client.post(PATH, &document)?;
    let known = if stored.existed { "was stored before" } else { "stored" };
    context.printer.note(&format!(
        "contract {} {known}, {}",
        stored.digest.short(),
        counted(stored.features, "feature")
    ));
    Ok(stored)
}

/// Reads a contract: JSON if the file is called so, else YAML.
pub(super) fn read(path: &Path) -> Result<Document, Failure> {
    let bytes = fs_err::read(path)?;
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let document = if is_json {
        Document::from_json(&bytes)
    } else {
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::user(format!("`{}` is not UTF-8", path.display())))?;
        Document::from_yaml(&text)
    };
    document
        .map_err(|error| Failure::user(error.to_string()).within(&format!("`{}`", path.display())))
}

fn infer(
    context: &Context,
    data: &Path,
    exclude: &[String],
    output: Option<&Path>,
) -> Result<(), Failure> {
    let inferred = data::infer(context, data, exclude)?;
    let text = inferred.to_yaml().map_err(unwritable)?;
    match output {
        Some(path) => {
            fs_err::write(path, text)?;
            context.printer.note(&format!("wrote {}", path.display()));
        }
        None if context.printer.is_json() => context.printer.json(&inferred.contract)?,
        None => context.printer.data(&text)?,
    }
    context.printer.hint("review it, then check it with `plimsoll contract check`");
    Ok(())
}

fn check(
    context: &Context,
    path: &Path,
    model: Option<&Path>,
    data: Option<&Path>,
) -> Result<(), Failure> {
    let document = read(path)?;
    let mut problems = document.check();
    let mut checked = None;
    if problems.is_empty() {
        let compiled = CompiledContract::compile(&document).map_err(|error| {
            Failure::ours("a contract without problems did not compile").because(error)
        })?;
        if let Some(model) = model {
            problems = against_model(&compiled, &document, &load(model)?);
        }
        checked = data.map(|data| data::check(context, &compiled, data)).transpose()?;
    }
    let report = Report {
        features: document.features.len(),
        context: document.context.len(),
        problems: problems
            .into_iter()
            .map(|Problem { path, message }| Place { path, message })
            .collect(),
        data: checked,
    };
    context.printer.show(&report, text)?;
    verdict(context, &report)
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.problems.is_empty() {
        let mut table = Table::new(&["where", "problem"]);
        for Place { path, message } in &report.problems {
            table.row([path.clone(), message.clone()]);
        }
        text.push_str(&table.to_string());
    }
    text.push_str(&report.data.as_ref().map(Checked::text).unwrap_or_default());
    text
}

fn verdict(context: &Context, report: &Report) -> Result<(), Failure> {
    let problems = report.problems.len();
    if problems > 0 {
        return Err(Failure::no(format!("the contract has {}", counted(problems, "problem"))));
    }
    if let Some(data) = report.data.as_ref().filter(|data| data.refused > 0) {
        return Err(Failure::no(format!(
            "{} of {} rows break the contract",
            data.refused, data.rows
        )));
    }
    let features = counted(report.features, "feature");
    let others = counted(report.context, "context field");
    context.printer.note(&format!("the contract holds: {features}, {others}"));
    if let Some(data) = &report.data {
        context.printer.note(&format!("all {} rows keep it", data.rows));
    }
    Ok(())
}

/// What keeps `model` from being fed by the contract.
fn against_model(compiled: &CompiledContract, document: &Document, model: &Model) -> Vec<Problem> {
    match plimsoll_serving::fit(compiled, model) {
        Ok(_) => Vec::new(),
        Err(error) => vec![Problem { path: place(document, &error), message: error.to_string() }],
    }
}

/// The feature that an error names, as a path into the document.
fn place(document: &Document, error: &BindError) -> String {
    let named = match error {
        BindError::NotScalar(name)
        | BindError::Unused(name)
        | BindError::NotCategory(name)
        | BindError::NotText(name) => Some((name, "")),
        BindError::UnknownValue { feature, .. } => Some((feature, ".values")),
        BindError::Unknown(_) | BindError::Repeated(_) | BindError::Count { .. } => None,
    };
    let found = named.and_then(|(name, member)| {
        let place = document.features.iter().position(|field| field.name == *name)?;
        Some(format!("features[{place}]{member}"))
    });
    found.unwrap_or_else(|| "features".into())
}

/// The training categories of a feature, if it has any: files list features without, too.
pub(super) fn categories(model: &Model, feature: usize) -> Option<&Categories> {
    model.categories(feature).filter(|categories| !categories.is_empty())
}

/// Loads a model: with feature `neural`, networks too.
#[cfg(feature = "neural")]
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Model, plimsoll_neural::NetworkError> {
    plimsoll_neural::load(bytes, limits)
}

/// Loads a model.
#[cfg(not(feature = "neural"))]
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Model, plimsoll_model::LoadError> {
    Model::load(bytes, limits)
}

/// Loads a model file.
pub(super) fn load(path: &Path) -> Result<Model, Failure> {
    let limits = Limits::default();
    // One byte more than allowed is enough for the loader to say that there are too many.
    let most = u64::try_from(limits.bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    fs_err::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    parse(&bytes, &limits)
        .map_err(|error| Failure::user(error.to_string()).within(&format!("`{}`", path.display())))
}

fn unwritable(error: ContractError) -> Failure {
    Failure::ours(error.to_string())
}
