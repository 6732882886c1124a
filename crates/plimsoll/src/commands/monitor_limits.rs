//! `plimsoll monitor limits`: which performance and fairness a deployment's owner puts up with.

use super::Context;
use crate::cli::one_of;
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use clap::{Args, Subcommand};
use plimsoll_api::{MeasureLimit, Task, WatchLimits, WatchLimitsShown};
use plimsoll_types::Name;
use std::path::PathBuf;

/// Verbs of limits.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Set a deployment's limits, in place of those before
    ///
    /// What is beyond a limit in so many windows in a row, with all of its interval, becomes a
    /// finding of `performance`, `estimated_performance` or `fairness`, and may ask for a
    /// retraining (`plimsoll retrain policy set --when`).
    #[command(after_help = "\
Examples:
  plimsoll monitor limits set credit-default --limit 'auroc>=0.72' --limit 'brier<=0.2'
  plimsoll monitor limits set demand --task regression --limit 'mae<=12' --window 7d --persistence 1
  plimsoll monitor limits set credit-default --fair 'disparate_impact>=0.8' --by gender,age_group
  plimsoll monitor limits set credit-default --objective 0.9
  plimsoll monitor limits set credit-default --file limits.yaml")]
    Set(Box<Set>),
    /// Show a deployment's limits
    #[command(after_help = "Examples:\n  plimsoll monitor limits show credit-default")]
    Show {
        /// The deployment
        deployment: Name,
    },
}

/// Options of `monitor limits set`.
#[derive(Args, Debug)]
pub(crate) struct Set {
    /// The deployment
    deployment: Name,
    /// A limit of performance, such as `accuracy>=0.8` or `mae<=12`; may be given several times
    #[arg(long, value_name = "MEASURE>=N")]
    limit: Vec<String>,
    /// A limit of fairness, such as `disparate_impact>=0.8`; may be given several times
    #[arg(long, value_name = "MEASURE>=N", requires = "by")]
    fair: Vec<String>,
    /// The share of outcomes of thirty days that answers are to be right in: what burn rates are of
    #[arg(long, value_name = "SHARE")]
    objective: Option<f64>,
    /// The length of windows: a time such as 1d, or a number of answers [default: 1d]
    #[arg(long, value_name = "LENGTH")]
    window: Option<String>,
    /// Windows in a row that have to be beyond a limit [default: 2]
    #[arg(long, value_name = "N")]
    persistence: Option<u32>,
    /// Hold the values of this slice key to the limits, too
    #[arg(long, value_name = "KEY")]
    slice: Option<String>,
    /// Attributes or slice keys whose groups are compared, with commas between
    #[arg(long, value_name = "ATTRIBUTE,…")]
    by: Option<String>,
    /// What answers are [default: as answers and outcomes tell]
    #[arg(long, value_name = "TASK", value_parser = one_of(Task::ALL, Task::as_str))]
    task: Option<Task>,
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
    /// Of intervals [default: 0.95]
    #[arg(long, value_name = "SHARE")]
    confidence: Option<f64>,
    /// Everything from a file, as the API takes it: YAML, TOML or JSON
    #[arg(long, value_name = "FILE", conflicts_with_all = ["limit", "fair"])]
    file: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Set(set) => {
            let path = path(&set.deployment);
            let body = wanted(*set)?;
            show(context, &context.client()?.put(&path, &body)?)
        }
        Verb::Show { deployment } => {
            show(context, &context.client()?.get(&path(&deployment), &())?)
        }
    }
}

fn path(deployment: &Name) -> String {
    format!("/api/v1/deployments/{deployment}/monitoring/limits")
}

fn wanted(set: Set) -> Result<WatchLimits, Failure> {
    if let Some(file) = &set.file {
        return super::gate_server::document(file);
    }
    let all =
        |texts: &[String]| texts.iter().map(|text| limit(text)).collect::<Result<Vec<_>, _>>();
    Ok(WatchLimits {
        performance: all(&set.limit)?,
        fairness: all(&set.fair)?,
        objective: set.objective,
        window: set.window,
        persistence: set.persistence,
        slice: set.slice,
        by: set.by,
        task: set.task,
        output: set.output,
        outcome: set.outcome,
        positive: set.positive,
        threshold: set.threshold,
        classes: None,
        at: None,
        confidence: set.confidence,
    })
}

/// `accuracy>=0.8` or `mae<=12`.
fn limit(text: &str) -> Result<MeasureLimit, Failure> {
    let wrong = || Failure::user("a limit is `MEASURE>=NUMBER` or `MEASURE<=NUMBER`");
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    let (metric, least, most) = match (text.split_once(">="), text.split_once("<=")) {
        (Some((metric, least)), None) => (metric, Some(number(least)?), None),
        (None, Some((metric, most))) => (metric, None, Some(number(most)?)),
        _ => return Err(wrong()),
    };
    Ok(MeasureLimit { metric: metric.trim().to_owned(), least, most })
}

pub(super) fn show(context: &Context, shown: &WatchLimitsShown) -> Result<(), Failure> {
    context.printer.show(shown, |shown| {
        let limits = &shown.limits;
        let mut table = Table::new(&["of", "measure", ">at least", ">at most"]);
        let end = |end: Option<f64>| end.map_or_else(|| "-".to_owned(), |end| end.to_string());
        for (of, all) in [("performance", &limits.performance), ("fairness", &limits.fairness)] {
            for one in all {
                table.row([of.to_owned(), one.metric.clone(), end(one.least), end(one.most)]);
            }
        }
        let facts = Facts::default()
            .add("deployment", &shown.deployment)
            .add("window", limits.window.as_deref().unwrap_or("1d"))
            .add("windows in a row", limits.persistence.unwrap_or(2))
            .maybe("objective", limits.objective)
            .maybe("slice", limits.slice.as_deref())
            .maybe("compared by", limits.by.as_deref())
            .maybe("task", limits.task)
            .add("set", context.time(shown.changed_at));
        format!("{facts}{table}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_measure_and_an_end() {
        let found = limit("accuracy>= 0.8").expect("a limit");
        assert_eq!((found.metric.as_str(), found.least, found.most), ("accuracy", Some(0.8), None));
        assert_eq!(limit("mae<=12").expect("a limit").most, Some(12.0));
        for wrong in ["mae", "mae<12", "mae<=x", "a>=1<=2"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
