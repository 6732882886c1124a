//! `plimsoll sink`. A secret is printed once, to stdout, and nowhere else.

use super::Context;
use crate::cli::{Paged, one_of};
use crate::failure::Failure;
use crate::printer::Facts;
use clap::Subcommand;
use plimsoll_api::{
    CreateSink, ResumeSink, Sink, SinkFormat, SinkProfile, SinkSecret, SinkState, SinkTest,
};
use plimsoll_types::Name;
use plimsoll_types::record::Kind;
use serde_json::json;

const PATH: &str = "/api/v1/sinks";

/// What a sink may be sent beside metadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Include {
    /// What was asked and answered.
    Body,
}

impl Include {
    const ALL: &'static [Self] = &[Self::Body];
    const fn as_str(self) -> &'static str {
        "body"
    }
}

/// Verbs of sinks.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Add a sink: what is recorded from now on is posted to it as CloudEvents
    ///
    /// Prints the secret of its signatures (Standard Webhooks) to stdout, once. A sink is sent
    /// what you may read, so adding one gives nobody more than you have.
    #[command(after_help = "\
Examples:
  plimsoll sink add warehouse https://events.example.org/plimsoll > secret.txt
  plimsoll sink add cases https://cases.example.org/hook --kind decision --kind review \\
      --deployment credit-default --include body
  plimsoll sink add trustyai https://trustyai.example.org/ --profile kserve --include body
  plimsoll sink add archive https://archive.example.org/ --format batch --from 0")]
    Add {
        /// Its name
        name: Name,
        /// Where events are posted
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// Only records of this kind; may be given several times [default: every kind]
        #[arg(long = "kind", value_name = "KIND", value_parser = one_of(Kind::ALL, Kind::as_str))]
        kinds: Vec<Kind>,
        /// Only records of this deployment; may be given several times [default: everything]
        #[arg(long = "deployment", value_name = "NAME")]
        deployments: Vec<Name>,
        /// Send what was asked and answered too
        #[arg(long, value_name = "WHAT", value_parser = one_of(Include::ALL, Include::as_str))]
        include: Option<Include>,
        /// How an event travels [default: structured, for kserve binary]
        #[arg(long, value_name = "FORMAT", value_parser = one_of(SinkFormat::ALL, SinkFormat::as_str))]
        format: Option<SinkFormat>,
        /// Which types of events
        #[arg(long, value_name = "PROFILE", default_value = "plimsoll")]
        #[arg(value_parser = one_of(SinkProfile::ALL, SinkProfile::as_str))]
        profile: SinkProfile,
        /// The ledger index to begin at [default: the end]
        #[arg(long, value_name = "INDEX")]
        from: Option<u64>,
    },
    /// List sinks and how far each is
    #[command(after_help = "Examples:\n  plimsoll sink list\n  plimsoll sink list --json")]
    List(Paged),
    /// Show a sink, how far it is, and why it takes nothing if it does not
    #[command(after_help = "Examples:\n  plimsoll sink show warehouse")]
    Show {
        /// Its name
        name: Name,
    },
    /// Send nothing to a sink; it keeps its place in the ledger
    #[command(after_help = "Examples:\n  plimsoll sink pause warehouse")]
    Pause {
        /// Its name
        name: Name,
    },
    /// Let a sink go on, from its place or from elsewhere
    #[command(after_help = "\
Examples:
  plimsoll sink resume warehouse
  plimsoll sink resume warehouse --from 0")]
    Resume {
        /// Its name
        name: Name,
        /// The ledger index to go on at: an earlier one sends again, a later one skips
        #[arg(long, value_name = "INDEX")]
        from: Option<u64>,
    },
    /// Send a test event now, once; exit code 2 if it is not acknowledged
    #[command(after_help = "Examples:\n  plimsoll sink test warehouse")]
    Test {
        /// Its name
        name: Name,
    },
    /// Take a sink away, and its secret with it
    #[command(after_help = "Examples:\n  plimsoll sink remove warehouse")]
    Remove {
        /// Its name
        name: Name,
    },
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Add { name, address, kinds, deployments, include, format, profile, from } => {
            let body = CreateSink {
                name,
                url: address,
                format,
                profile: Some(profile),
                include_body: include.is_some(),
                kinds: Some(kinds).filter(|kinds| !kinds.is_empty()),
                deployments: Some(deployments).filter(|names| !names.is_empty()),
                from,
            };
            secret(context, &context.client()?.post(PATH, &body)?)
        }
        Verb::List(paged) => list(context, paged.limit),
        Verb::Show { name } => {
            let sink: Sink = context.client()?.get(&format!("{PATH}/{name}"), &())?;
            context.printer.show(&sink, |sink| facts(context, sink).to_string())
        }
        Verb::Pause { name } => {
            let sink: Sink = context.client()?.post(&format!("{PATH}/{name}/pause"), &json!({}))?;
            context.printer.show(&sink, |sink| facts(context, sink).to_string())
        }
        Verb::Resume { name, from } => {
            let path = format!("{PATH}/{name}/resume");
            let sink: Sink = context.client()?.post(&path, &ResumeSink { from })?;
            context.printer.show(&sink, |sink| facts(context, sink).to_string())
        }
        Verb::Test { name } => test(context, &name),
        Verb::Remove { name } => {
            context.client()?.delete(&format!("{PATH}/{name}"))?;
            context.printer.note(&format!("removed sink {name}"));
            Ok(())
        }
    }
}

fn test(context: &Context, name: &Name) -> Result<(), Failure> {
    let tested: SinkTest = context.client()?.post(&format!("{PATH}/{name}/test"), &json!({}))?;
    context.printer.show(&tested, |tested| {
        Facts::default()
            .add("delivered", if tested.delivered { "yes" } else { "no" })
            .maybe("status", tested.status)
            .maybe("reason", tested.reason.as_deref())
            .to_string()
    })?;
    if tested.delivered {
        return Ok(());
    }
    Err(Failure::no(format!("sink `{name}` did not acknowledge the test event")))
}

/// The secret alone is data, so that `> secret.txt` keeps it; the rest is words.
fn secret(context: &Context, made: &SinkSecret) -> Result<(), Failure> {
    context.printer.show(made, |made| format!("{}\n", made.secret))?;
    context.printer.note(facts(context, &made.sink).to_string().trim_end());
    context.printer.hint(
        "keep the secret now: it is not shown again; receivers check `webhook-signature` with it",
    );
    Ok(())
}

fn list(context: &Context, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<Sink>(PATH, &(), limit)?;
    let heads = ["name", "origin", "format", "state", ">delivered", ">behind", ">seconds", "last"];
    context.show_page(&page, &heads, |table, sink| {
        table.row([
            sink.name.to_string(),
            sink.origin.clone(),
            sink.format.to_string(),
            state(sink).to_owned(),
            sink.progress.delivered.to_string(),
            sink.progress.lag_entries.to_string(),
            sink.progress.lag_seconds.to_string(),
            sink.progress.reason.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    })
}

fn state(sink: &Sink) -> &'static str {
    match (sink.state, sink.progress.failing_since) {
        (SinkState::Paused, _) => "paused",
        (SinkState::Active, Some(_)) => "failing",
        (SinkState::Active, None) => "active",
    }
}

fn facts(context: &Context, sink: &Sink) -> Facts {
    let words = |words: Vec<String>| words.join(", ");
    let progress = &sink.progress;
    Facts::default()
        .add("sink", &sink.name)
        .add("id", sink.id)
        .add("origin", &sink.origin)
        .add("format", sink.format)
        .add("profile", sink.profile)
        .add("bodies", if sink.includes_body { "yes" } else { "no" })
        .maybe(
            "kinds",
            sink.kinds.as_ref().map(|k| words(k.iter().map(ToString::to_string).collect())),
        )
        .maybe(
            "deployments",
            sink.deployments.as_ref().map(|d| words(d.iter().map(ToString::to_string).collect())),
        )
        .add("owner", sink.owner_name.clone().unwrap_or_else(|| sink.owner.to_string()))
        .add("state", state(sink))
        .add("next index", progress.next)
        .add("delivered", progress.delivered)
        .add("behind", format!("{} entries, {} s", progress.lag_entries, progress.lag_seconds))
        .maybe("failing since", progress.failing_since.map(|time| context.time(time)))
        .maybe("reason", progress.reason.as_deref())
        .maybe("retry at", progress.retry_at.map(|time| context.time(time)))
}
