//! `plimsoll experiment`: versions that answer shares of the same traffic, and which does better.

use super::Context;
use super::experiment_plan::{self, Plan};
use crate::cli::Paged;
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use clap::{ArgGroup, Args, Subcommand};
use fs_err as fs;
use plimsoll_api::{
    ConcludeExperiment, Experiment, ExperimentReport, ReportedContrast, ReportedMetric,
    StartExperiment, StopArm,
};
use plimsoll_types::{ExperimentId, Name};
use std::path::PathBuf;

/// Verbs of experiments.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// How many units and days an experiment needs. Offline
    ///
    /// For one look at its end, and for looking at it all the time, which is what
    /// `plimsoll experiment report` does.
    #[command(after_help = "\
Examples:
  plimsoll experiment plan --rate 0.12 --effect 0.01 --per-day 20000
  plimsoll experiment plan --deviation 40 --effect 2 --arms 3 --per-day 5000 --power 0.9
  plimsoll experiment plan --rate 0.12 --effect 0.01 --per-day 20000 --json | jq .sequential.days")]
    Plan(Plan),
    /// Let versions answer shares of the same traffic
    ///
    /// A unit (a person, a contact, a decision) always gets the same arm. Every arm needs what a
    /// release needs; an arm that fails is stopped at once. docs/experiments.md has the file.
    #[command(after_help = "\
Examples:
  plimsoll experiment start credit-default --file experiment.json")]
    Start {
        /// The deployment
        name: Name,
        /// Arms, unit and metrics, from a JSON file as the API takes it
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Show the experiment that is under way, or the last one, with its history
    #[command(after_help = "\
Examples:
  plimsoll experiment show credit-default
  plimsoll experiment show credit-default --json | jq .stopped")]
    Show(Which),
    /// List experiments of a deployment, latest first
    #[command(after_help = "Examples:\n  plimsoll experiment list credit-default")]
    List {
        /// The deployment
        name: Name,
        #[command(flatten)]
        paged: Paged,
    },
    /// What it says so far; it may be looked at always
    #[command(after_help = "\
Examples:
  plimsoll experiment report credit-default
  plimsoll experiment report credit-default --json | jq '.metrics[0].contrasts'")]
    Report(Which),
    /// Stop an arm; its units get the control
    #[command(after_help = "\
Examples:
  plimsoll experiment stop credit-default --arm cheaper --reason 'complaints by phone'")]
    Stop {
        /// The deployment
        name: Name,
        /// The arm
        #[arg(long)]
        arm: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// End it: an arm's version answers everybody, or the control goes on
    ///
    /// Shipping an arm is a release, and needs what one needs. The numbers that decided are
    /// recorded with the decision.
    #[command(after_help = "\
Examples:
  plimsoll experiment conclude credit-default --ship cheaper --reason 'more repaid, no more refused'
  plimsoll experiment conclude credit-default --stop --reason 'no arm is better'")]
    Conclude(Conclude),
}

/// One of a deployment's experiments.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// The deployment
    name: Name,
    /// Another experiment of it
    #[arg(long, value_name = "ID")]
    id: Option<ExperimentId>,
}

impl Which {
    fn path(&self) -> String {
        let id = self.id.map_or_else(|| "current".to_owned(), |id| id.to_string());
        format!("{}/{id}", path(&self.name))
    }
}

/// Options of `experiment conclude`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("end").required(true))]
pub(crate) struct Conclude {
    /// The deployment
    name: Name,
    /// The arm whose version answers everybody from now on
    #[arg(long, value_name = "ARM", group = "end")]
    ship: Option<String>,
    /// The control goes on
    #[arg(long, group = "end")]
    stop: bool,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Plan(args) => experiment_plan::run(context, &args),
        Verb::Start { name, file } => {
            let wanted: StartExperiment = serde_json::from_str(&fs::read_to_string(&file)?)
                .map_err(|error| Failure::user(format!("{}: {error}", file.display())))?;
            let begun: Experiment = context.client()?.post(&path(&name), &wanted)?;
            show(context, &begun)?;
            context.printer.hint(&format!("look at it with `plimsoll experiment report {name}`"));
            Ok(())
        }
        Verb::Show(which) => {
            let found: Experiment = context.client()?.get(&which.path(), &())?;
            show(context, &found)
        }
        Verb::List { name, paged } => list(context, &name, paged.limit),
        Verb::Report(which) => {
            let path = format!("{}/report", which.path());
            let report: ExperimentReport = context.client()?.get(&path, &())?;
            context.printer.show(&report, said)
        }
        Verb::Stop { name, arm, reason } => {
            let path = format!("{}/current/stop", path(&name));
            let now: Experiment = context.client()?.post(&path, &StopArm { arm, reason })?;
            show(context, &now)
        }
        Verb::Conclude(Conclude { name, ship, stop: _, reason }) => {
            let path = format!("{}/current/conclude", path(&name));
            let end = ConcludeExperiment { ship, reason };
            let ended: Experiment = context.client()?.post(&path, &end)?;
            show(context, &ended)
        }
    }
}

fn path(name: &Name) -> String {
    format!("/api/v1/deployments/{name}/experiments")
}

fn list(context: &Context, name: &Name, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<Experiment>(&path(name), &(), limit)?;
    let heads = ["id", "started", "phase", "arms", "stopped"];
    context.show_page(&page, &heads, |table, one| {
        let arms = one.definition.arms.iter().map(|arm| arm.name.as_str());
        let stopped = one.stopped.iter().map(|arm| arm.arm.as_str());
        table.row([
            one.id.to_string(),
            context.time(one.started_at),
            one.phase.to_string(),
            arms.collect::<Vec<_>>().join(", "),
            stopped.collect::<Vec<_>>().join(", "),
        ]);
    })
}

fn show(context: &Context, one: &Experiment) -> Result<(), Failure> {
    context.printer.show(one, |one| {
        let mut arms = Table::new(&["arm", ">version", ">percent", "stopped"]);
        for arm in &one.definition.arms {
            let stopped = one.stopped.iter().find(|stopped| stopped.arm == arm.name);
            arms.row([
                arm.name.clone(),
                arm.version.to_string(),
                format!("{}", arm.percent),
                stopped.map(|stopped| stopped.why.clone()).unwrap_or_default(),
            ]);
        }
        let mut history = Table::new(&["when", "what", "why"]);
        for change in &one.history {
            let why = change.facts["reason"].as_str();
            let why = why.or_else(|| change.facts["arms"][0]["why"].as_str()).unwrap_or_default();
            history.row([context.time(change.at), change.what.clone(), why.to_owned()]);
        }
        let metrics = one.definition.metrics.iter().map(|metric| metric.name.as_str());
        let facts = Facts::default()
            .add("experiment", one.id)
            .add("deployment", &one.deployment)
            .add("phase", one.phase)
            .add("metrics", metrics.collect::<Vec<_>>().join(", "))
            .add("started", context.time(one.started_at))
            .maybe("ended", one.ended_at.map(|at| context.time(at)));
        format!("{facts}\n{arms}\n{history}")
    })
}

/// A report for people.
fn said(report: &ExperimentReport) -> String {
    let mut splits = Table::new(&["units", "by arm", ">evidence of a wrong split"]);
    for split in &report.splits {
        let units: Vec<String> = split.units.iter().map(u64::to_string).collect();
        let wrong = if split.is_wrong { " (wrong)" } else { "" };
        splits.row([
            split.what.clone(),
            units.join(" / "),
            format!("{:.2} of {:.0}{wrong}", split.evidence, split.goal),
        ]);
    }
    let mut metrics =
        Table::new(&["metric", "arm", ">units", ">mean", ">difference", ">from", ">to", "says"]);
    for metric in &report.metrics {
        lines(metric, &mut metrics);
    }
    let mut slices =
        Table::new(&["slice", "arm", ">units", ">difference", ">from", ">to", "differs"]);
    for slice in report.metrics.iter().flat_map(|metric| &metric.slices) {
        let [difference, lower, upper] = interval(&slice.contrast);
        slices.row([
            format!("{}={}", slice.key, slice.value),
            slice.contrast.arm.clone(),
            slice.units.to_string(),
            difference,
            lower,
            upper,
            if slice.is_different { "yes" } else { "" }.to_owned(),
        ]);
    }
    let unread = "not all records were read yet; ask again";
    let facts = Facts::default()
        .add("experiment", report.experiment)
        .add("advice", report.advice)
        .maybe("arm", report.leader.clone())
        .maybe("note", (!report.is_complete).then_some(unread));
    let has_slices = report.metrics.iter().any(|metric| !metric.slices.is_empty());
    let slices = if has_slices { format!("\n{slices}") } else { String::new() };
    format!("{facts}\n{splits}\n{metrics}{slices}")
}

fn lines(metric: &ReportedMetric, table: &mut Table) {
    for mean in &metric.arms {
        let contrast = metric.contrasts.iter().find(|one| one.arm == mean.arm);
        let [difference, lower, upper] = contrast.map(interval).unwrap_or_default();
        let says = contrast.map_or_else(
            || "control".to_owned(),
            |one| {
                if one.is_harm { "harm".to_owned() } else { one.says.to_string() }
            },
        );
        table.row([
            metric.name.clone(),
            mean.arm.clone(),
            mean.units.to_string(),
            number(mean.mean),
            difference,
            lower,
            upper,
            says,
        ]);
    }
}

fn interval(one: &ReportedContrast) -> [String; 3] {
    [one.difference, one.lower, one.upper].map(number)
}

fn number(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.5}")).unwrap_or_default()
}
