//! `plimsoll monitor performance|fairness`: how good a deployment's answers were, and whether to everybody alike.

use super::{Context, when};
use crate::cli::one_of;
use crate::failure::Failure;
use crate::printer::Table;
use clap::{Args, Subcommand};
use plimsoll_api::{
    FairnessComparison, FairnessQuery, FairnessReport, Performance, PerformanceMetric,
    PerformanceQuery, PerformanceWindow, Rate, Task, Timestamp,
};
use plimsoll_types::{Clock, Name};

/// Verbs that judge answers by what turned out to be true.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// How good a deployment's answers were, by the outcomes that are known
    ///
    /// Windows lie on multiples of their length. An outcome that comes late counts in the window of
    /// its decision. Where most outcomes of a window are not known yet, its performance is estimated
    /// from those windows whose outcomes are.
    #[command(after_help = "\
Examples:
  plimsoll monitor performance credit-default
  plimsoll monitor performance credit-default --window 1d --since 30d
  plimsoll monitor performance credit-default --window 5000 --slice region --json
  plimsoll monitor performance prices --task regression --outcome sold_at")]
    Performance(Box<Watched>),
    /// Whether groups of people were treated alike
    ///
    /// Groups are values of attributes that were told with `plimsoll outcome import --attributes`,
    /// or of slice keys of the contract. Small groups are not shown.
    #[command(after_help = "\
Examples:
  plimsoll monitor fairness credit-default --by gender
  plimsoll monitor fairness credit-default --by gender,age_group --since 90d --json")]
    Fairness(Box<Compared>),
}

/// Options of `monitor performance`.
#[derive(Args, Debug)]
pub(crate) struct Watched {
    /// The deployment
    #[arg(value_name = "DEPLOYMENT")]
    deployment: Name,
    /// The length of windows: a time such as 1d or 6h, or a number of answers [default: one window]
    #[arg(long, value_name = "LENGTH")]
    window: Option<String>,
    /// A slice key of the contract, or `version`
    #[arg(long, value_name = "KEY")]
    slice: Option<String>,
    /// What answers are [default: as answers and outcomes tell]
    #[arg(long, value_name = "TASK", value_parser = one_of(Task::ALL, Task::as_str))]
    task: Option<Task>,
    /// The classes in the order of the output, with commas between
    #[arg(long, value_name = "LABEL,…")]
    classes: Option<String>,
    /// Items of a ranking that count [default: 10]
    #[arg(long, value_name = "N")]
    at: Option<u32>,
    /// What yes rightly, yes wrongly, no wrongly and no rightly are worth
    #[arg(long, value_name = "N,N,N,N", allow_hyphen_values = true)]
    worth: Option<String>,
    #[command(flatten)]
    judged: Judged,
}

/// Options of `monitor fairness`.
#[derive(Args, Debug)]
pub(crate) struct Compared {
    /// The deployment
    #[arg(value_name = "DEPLOYMENT")]
    deployment: Name,
    /// Attributes or slice keys, with commas between: each alone, then all together
    #[arg(long, value_name = "ATTRIBUTE,…")]
    by: String,
    #[command(flatten)]
    judged: Judged,
}

/// Which answers are judged, and by which outcomes.
#[derive(Args, Debug)]
struct Judged {
    /// The output that is judged; needed where there are several
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// Which outcome of several [default: outcome]
    #[arg(long, value_name = "NAME")]
    outcome: Option<String>,
    /// The label that is yes [default: 1, true or yes]
    #[arg(long, value_name = "LABEL")]
    positive: Option<String>,
    /// Scores from here on are answered with yes [default: 0.5]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Only decisions at or after: a time (RFC 3339) or a duration ago such as 30d [default: 30d]
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only decisions before: a time (RFC 3339) or a duration ago
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Of intervals [default: 0.95]
    #[arg(long, value_name = "SHARE")]
    confidence: Option<f64>,
}

impl Judged {
    fn range(&self, context: &Context) -> Result<(Option<Timestamp>, Option<Timestamp>), Failure> {
        let now = context.clock.now();
        let past = |text: &Option<String>| text.as_deref().map(|t| when::past(t, now)).transpose();
        Ok((past(&self.since)?, past(&self.until)?))
    }
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Performance(args) => performance(context, *args),
        Verb::Fairness(args) => fairness(context, *args),
    }
}

fn performance(context: &Context, args: Watched) -> Result<(), Failure> {
    let (since, until) = args.judged.range(context)?;
    let judged = args.judged;
    let query = PerformanceQuery {
        task: args.task,
        output: judged.output,
        outcome: judged.outcome,
        positive: judged.positive,
        threshold: judged.threshold,
        at: args.at,
        classes: args.classes,
        worth: args.worth,
        window: args.window,
        slice: args.slice,
        since,
        until,
        confidence: judged.confidence,
    };
    let path = format!("/api/v1/deployments/{}/performance", args.deployment);
    let found: Performance = context.client()?.get(&path, &query)?;
    context.printer.show(&found, shown)?;
    if let Some(why) = &found.not_estimated {
        context.printer.detail(&format!("nothing is estimated: {why}"));
    }
    if found.is_cut {
        context.printer.warn("there are more answers than are looked at; the oldest are left out");
    }
    Ok(())
}

fn shown(found: &Performance) -> String {
    let mut table =
        Table::new(&["from", "slice", ">answers", ">outcomes", "measure", ">value", "interval"]);
    for window in &found.windows {
        let row = |measure: String, value: String, interval: String| {
            let slice = window.slice.clone().unwrap_or_else(|| "all".to_owned());
            let (answers, known) = (window.answers.to_string(), window.known.to_string());
            [window.from.to_string(), slice, answers, known, measure, value, interval]
        };
        if !window.is_enough {
            table.row(row("not enough outcomes".to_owned(), String::new(), String::new()));
        }
        for metric in &window.metrics {
            table.row(row(metric.name.clone(), number(metric.value), interval(metric)));
        }
        for estimate in estimates(window) {
            table.row(row(estimate.0, estimate.1, estimate.2));
        }
    }
    table.to_string()
}

fn estimates(window: &PerformanceWindow) -> impl Iterator<Item = (String, String, String)> {
    window.estimated.iter().map(|one| {
        let half = 3.0 * one.sampling_error;
        let band = format!("{} to {}", number(one.value - half), number(one.value + half));
        (format!("{} (estimated)", one.name), number(one.value), band)
    })
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}

fn interval(metric: &PerformanceMetric) -> String {
    match (metric.lower, metric.upper) {
        (Some(lower), Some(upper)) => format!("{} to {}", number(lower), number(upper)),
        _ => String::new(),
    }
}

fn fairness(context: &Context, args: Compared) -> Result<(), Failure> {
    let (since, until) = args.judged.range(context)?;
    let judged = args.judged;
    let query = FairnessQuery {
        by: Some(args.by),
        output: judged.output,
        outcome: judged.outcome,
        positive: judged.positive,
        threshold: judged.threshold,
        since,
        until,
        confidence: judged.confidence,
    };
    let path = format!("/api/v1/deployments/{}/fairness", args.deployment);
    let found: FairnessReport = context.client()?.get(&path, &query)?;
    context.printer.show(&found, |found| {
        let pages: Vec<String> = found.comparisons.iter().map(compared).collect();
        pages.join("\n")
    })
}

fn compared(found: &FairnessComparison) -> String {
    let by = found.by.join(" & ");
    let mut groups = Table::new(&[
        "by",
        "group",
        ">answers",
        ">outcomes",
        ">selected",
        ">true positive",
        ">false positive",
    ]);
    let rate = |rate: Option<Rate>| rate.map(|rate| number(rate.value)).unwrap_or_default();
    for group in &found.groups {
        let count = |count: Option<u64>| match count {
            Some(count) => count.to_string(),
            None if group.is_small => "few".to_owned(),
            None => String::new(),
        };
        groups.row([
            by.clone(),
            group.name.clone(),
            count(group.answers),
            count(group.known),
            rate(group.selection_rate),
            rate(group.true_positive_rate),
            rate(group.false_positive_rate),
        ]);
    }
    let mut metrics = Table::new(&["by", "measure", ">value", "interval"]);
    for metric in &found.metrics {
        metrics.row([by.clone(), metric.name.clone(), number(metric.value), interval(metric)]);
    }
    format!("{groups}\n{metrics}")
}
