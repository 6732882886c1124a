//! `plimsoll decision explain`: why a decision came out as it did, for one reader.

use super::Context;
use crate::cli::one_of;
use crate::failure::Failure;
use crate::printer::{Facts, Table, printable};
use clap::Args;
use plimsoll_api::{
    Account, Audience, DecisionExplanation, ExplanationQuery, ExplanationSource, TracedExplanation,
};
use plimsoll_types::DecisionId;

/// Options of `decision explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The decision id
    id: DecisionId,
    /// Who reads it
    #[arg(long = "for", value_name = "READER", default_value = "subject")]
    #[arg(value_parser = one_of(Audience::ALL, Audience::as_str))]
    audience: Audience,
    /// A language of the deployment's explain profile [default: its first]
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Which row of the request, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    row: u32,
}

/// Asks the server and prints the account.
pub(super) fn run(context: &Context, args: &Explain) -> Result<(), Failure> {
    let query = ExplanationQuery {
        audience: Some(args.audience),
        language: args.language.clone(),
        row: Some(args.row),
    };
    let path = format!("/api/v1/decisions/{}/explanation", args.id);
    let found: DecisionExplanation = context.client()?.get(&path, &query)?;
    context.printer.show(&found, |found| text(context, found))
}

/// The explanation of a trace: where it is recorded, and its reasons.
pub(super) fn traced(found: &TracedExplanation) -> String {
    let facts = Facts::default()
        .add("explanation", source(found.source))
        .maybe("method", found.account.figures.as_ref().map(|figures| figures.method));
    [facts.to_string(), reasons(&found.account)].join("\n")
}

fn text(context: &Context, found: &DecisionExplanation) -> String {
    let account = &found.account;
    let mut parts = vec![
        Facts::default()
            .add("decision", found.decision)
            .add("time", context.time(found.time))
            .add("deployment", printable(&found.deployment))
            .add("version", found.version)
            .add("explanation", source(found.source))
            .to_string(),
    ];
    let sentences = account.outcome.iter().chain([&account.principles]);
    parts.extend(sentences.map(|sentence| format!("{}\n", printable(sentence))));
    parts.push(reasons(account));
    parts.extend(account.change.iter().map(|change| format!("{}\n", printable(change))));
    parts.push(inputs(account));
    parts.extend(account.rights.iter().map(|rights| format!("{}\n", printable(rights))));
    parts.extend(account.figures.as_ref().map(|figures| {
        Facts::default()
            .add("method", figures.method)
            .add("output", figures.output)
            .add("base", figures.base)
            .add("margin", figures.margin)
            .add("residual", format!("{:e}", figures.residual))
            .maybe("pack", figures.pack)
            .maybe("profile", figures.profile)
            .to_string()
    }));
    parts.join("\n")
}

const fn source(source: ExplanationSource) -> &'static str {
    match source {
        ExplanationSource::Inline => "recorded with the decision",
        ExplanationSource::Deferred => "recorded after the reply",
        ExplanationSource::Computed => "computed now from the recorded input",
    }
}

fn reasons(account: &Account) -> String {
    let mut table = Table::new(&["code", "reason", ">contribution"]);
    for reason in &account.reasons {
        let (code, sentence) = (printable(&reason.code), printable(&reason.sentence));
        table.row([code.to_string(), sentence.to_string(), weight(reason.contribution)]);
    }
    table.to_string()
}

fn inputs(account: &Account) -> String {
    let mut table = Table::new(&["information used", "value", ">contribution"]);
    for input in &account.inputs {
        let (label, value) = (printable(&input.label), printable(&input.value));
        table.row([label.to_string(), value.to_string(), weight(input.contribution)]);
    }
    table.to_string()
}

fn weight(contribution: Option<f64>) -> String {
    contribution.map_or_else(String::new, |value| format!("{value:+.4}"))
}
