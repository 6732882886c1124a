//! `plimsoll monitor`.

use super::Context;
use crate::client::query_text;
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use clap::{Args, Subcommand};
use plimsoll_api::{
    Backfill, MonitoredColumn, MonitoredWindow, MonitoredWindows, Monitoring, MonitoringReference,
    ReferenceQuery, Timestamp, WatchState, WindowsQuery,
};
use std::path::PathBuf;
use std::time::Duration;

/// The largest file that a reference is made of: what the API takes as one body.
const MAX_FILE: u64 = 8 << 20;
/// How often a recount that is waited for is asked about.
const ASK_EVERY: Duration = Duration::from_millis(500);
const DAY: u64 = 86_400;

/// Verbs of monitors.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// What a deployment's traffic is compared with
    #[command(subcommand)]
    Reference(ReferenceVerb),
    /// How a deployment stands: reference, last window, ages, what was said
    #[command(after_help = "\
Exit code 2 if something has moved.

Examples:
  plimsoll monitor status credit-default
  plimsoll monitor status credit-default --json")]
    Status {
        /// The deployment
        deployment: String,
    },
    /// Windows that ended, one in a line
    #[command(after_help = "\
Examples:
  plimsoll monitor windows credit-default
  plimsoll monitor windows credit-default --column income --limit 200 --json")]
    Windows(Windows),
    /// The last window, column by column, the furthest from the reference first
    #[command(after_help = "\
Distances: `distance` is the largest difference of the distribution functions (of categories: of
a share), 0 to 1; PSI in nats over tenths of the reference; JS with logarithms to base 2.
Exit code 2 if a column has moved.

Examples:
  plimsoll monitor drift credit-default
  plimsoll monitor drift credit-default --open")]
    Drift {
        /// The deployment
        deployment: String,
        /// The window that has not ended yet, as far as it is known
        #[arg(long)]
        open: bool,
    },
    /// Why the score moved: which fields, how much each, and in which slice
    #[command(after_help = "\
Where the version can be explained, a field's part is the change of its mean contribution (SHAP
value) between the reference and a sample of the window's decisions; parts add up to the change of
the mean margin. Else it is its distance times how much of the score hangs on it.

Examples:
  plimsoll monitor explain credit-default
  plimsoll monitor explain credit-default --open --json")]
    Explain {
        /// The deployment
        deployment: String,
        /// The window that has not ended yet, as far as it is known
        #[arg(long)]
        open: bool,
    },
    /// Count every decision again, from the ledger, against the reference of today
    #[command(after_help = "\
Examples:
  plimsoll monitor backfill credit-default
  plimsoll monitor backfill credit-default --no-wait")]
    Backfill {
        /// The deployment
        deployment: String,
        /// Do not wait for its end
        #[arg(long)]
        no_wait: bool,
    },
    /// Limits: which performance and fairness are put up with
    #[command(subcommand)]
    Limits(super::monitor_limits::Verb),
    #[command(flatten)]
    Judged(super::monitor_performance::Verb),
}

/// Verbs of references.
#[derive(Subcommand, Debug)]
pub(crate) enum ReferenceVerb {
    /// Set the reference of a version, in place of the one before
    ///
    /// Rows are read against the deployment's contract, and the version is asked what it answers
    /// to them. Frozen quantiles and counts are kept, not the rows. Windows begin anew.
    #[command(after_help = "\
Examples:
  plimsoll monitor reference set credit-default training.parquet
  plimsoll monitor reference set credit-default training.parquet --version 3
  plimsoll monitor reference set credit-default validation.csv --window 1h --min-rows 500
  plimsoll monitor reference set credit-default --from 2026-10-01T00:00:00Z --until 2026-11-01T00:00:00Z")]
    Set(Box<Set>),
}

/// What is set.
#[derive(Args, Debug)]
pub(crate) struct Set {
    /// The deployment
    deployment: String,
    /// Training or validation data with the contract's fields as columns: `.csv` or `.parquet`,
    /// at most 8 MiB; a sample is enough
    #[arg(required_unless_present = "from", conflicts_with_all = ["from", "until"])]
    file: Option<PathBuf>,
    /// Instead of a file: decisions that this version answered from this time on
    #[arg(long, value_name = "TIME", requires = "until")]
    from: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME", requires = "from")]
    until: Option<Timestamp>,
    /// Of this version, which need not answer yet [default: the one that answers]
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    /// A window's length, such as 1h or 7d [default: 1d]
    #[arg(long, value_name = "TIME", conflicts_with = "window_rows")]
    window: Option<String>,
    /// Or the rows after which a window ends
    #[arg(long, value_name = "N")]
    window_rows: Option<u64>,
    /// Fewer rows in a window are not enough to say anything [default: 200]
    #[arg(long, value_name = "N")]
    min_rows: Option<u64>,
    /// The largest difference of distribution functions that is put up with, 0 to 1 [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    tolerance: Option<f64>,
    /// False alerts that are put up with in thirty days [default: 1]
    #[arg(long, value_name = "N")]
    alerts_per_month: Option<f64>,
    /// Windows in a row that a change is to be seen in before it is told [default: 2]
    #[arg(long, value_name = "N")]
    persistence: Option<u32>,
    /// Test of one column, as COLUMN=TEST: psi, jensen_shannon, jensen_shannon_base_2, hellinger,
    /// wasserstein, ks or chi_square [default: what Evidently takes]
    #[arg(long, value_name = "COLUMN=TEST")]
    test: Vec<String>,
    /// Days after which the reference is too old [default: 180]
    #[arg(long, value_name = "DAYS")]
    max_age_days: Option<u32>,
    /// When somebody is to look at model and reference again
    #[arg(long, value_name = "TIME")]
    review_by: Option<Timestamp>,
    /// Days after which the version is too old [default: 365]
    #[arg(long, value_name = "DAYS")]
    max_model_days: Option<u32>,
    /// Days after which the data that it was trained on is too old [default: 365]
    #[arg(long, value_name = "DAYS")]
    max_data_days: Option<u32>,
    /// Days after which the last evaluation is too old [default: 180]
    #[arg(long, value_name = "DAYS")]
    max_evaluation_days: Option<u32>,
    /// Days after which the last outcome is too old, where there ever was one [default: 90]
    #[arg(long, value_name = "DAYS")]
    max_outcome_days: Option<u32>,
    /// The share of values unlike any of the reference that is put up with [default: 0.05]
    #[arg(long, value_name = "SHARE")]
    max_outside: Option<f64>,
}

/// Which windows.
#[derive(Args, Debug)]
pub(crate) struct Windows {
    /// The deployment
    deployment: String,
    /// Of which version [default: the one that answers]
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    /// How many at most, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Of one column only
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Reference(ReferenceVerb::Set(set)) => set_reference(context, *set),
        Verb::Status { deployment } => status(context, &deployment),
        Verb::Windows(windows) => list(context, windows),
        Verb::Drift { deployment, open } => drift(context, &deployment, open),
        Verb::Explain { deployment, open } => {
            super::monitor_explain::run(context, &deployment, open)
        }
        Verb::Backfill { deployment, no_wait } => backfill(context, &deployment, !no_wait),
        Verb::Limits(verb) => super::monitor_limits::run(context, verb),
        Verb::Judged(verb) => super::monitor_performance::run(context, verb),
    }
}

pub(super) fn path(deployment: &str, rest: &str) -> String {
    format!("/api/v1/deployments/{}/{rest}", crate::client::escape(deployment))
}

fn set_reference(context: &Context, set: Set) -> Result<(), Failure> {
    let window_seconds = set.window.as_deref().map(seconds).transpose()?;
    let mut query = ReferenceQuery {
        version: set.version,
        from: set.from,
        until: set.until,
        window_seconds,
        window_rows: set.window_rows,
        min_rows: set.min_rows,
        tolerance: set.tolerance,
        alerts_per_month: set.alerts_per_month,
        persistence: set.persistence,
        tests: (!set.test.is_empty()).then(|| set.test.join(",")),
        max_age_days: set.max_age_days,
        review_by: set.review_by,
        max_model_days: set.max_model_days,
        max_data_days: set.max_data_days,
        max_evaluation_days: set.max_evaluation_days,
        max_outcome_days: set.max_outcome_days,
        max_outside: set.max_outside,
        ..ReferenceQuery::default()
    };
    let bytes = match &set.file {
        None => Vec::new(),
        Some(file) => {
            let cannot =
                |error| Failure::user(format!("cannot read `{}`", file.display())).because(error);
            if fs_err::metadata(file).map_err(cannot)?.len() > MAX_FILE {
                return Err(Failure::user(format!(
                    "`{}` has more than {} MiB; send a sample of its rows",
                    file.display(),
                    MAX_FILE >> 20
                )));
            }
            let extension = file.extension().and_then(|extension| extension.to_str());
            query.format = extension.map(str::to_owned);
            query.origin = file.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            fs_err::read(file).map_err(cannot)?
        }
    };
    let path = format!("{}{}", path(&set.deployment, "reference"), query_text(&query)?);
    let made: MonitoringReference = context.client()?.put_bytes(&path, &bytes)?;
    context.printer.show(&made, |made| facts_of(Facts::default(), context, made).to_string())
}

/// A length of time such as `90s`, `15m`, `1h` or `7d`, in seconds.
fn seconds(text: &str) -> Result<u64, Failure> {
    let unit = |unit: char| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(DAY),
        _ => None,
    };
    let split = text.chars().next_back().and_then(|last| Some((unit(last)?, last.len_utf8())));
    let number = split.and_then(|(unit, length)| {
        let number: u64 = text.get(..text.len() - length)?.parse().ok()?;
        number.checked_mul(unit)
    });
    number
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| Failure::user("`--window` is a number with a unit: 90s, 15m, 1h or 7d"))
}

fn facts_of(facts: Facts, context: &Context, reference: &MonitoringReference) -> Facts {
    let window = match (reference.window_seconds, reference.window_rows) {
        (_, Some(rows)) => format!("{rows} rows"),
        (Some(seconds), None) => format!("{seconds} s"),
        (None, None) => "-".to_owned(),
    };
    facts
        .add("reference", &reference.origin)
        .add("of version", reference.version)
        .add("rows", reference.rows)
        .add("rows that broke the contract", reference.refused)
        .add("columns", reference.columns)
        .add("window", window)
        .add("tolerance", reference.tolerance)
        .add("alerts per month", reference.alerts_per_month)
        .add("in force from", context.time(reference.from))
}

fn get(context: &Context, deployment: &str) -> Result<Monitoring, Failure> {
    context.client()?.get(&path(deployment, "monitoring"), &())
}

fn status(context: &Context, deployment: &str) -> Result<(), Failure> {
    let found = get(context, deployment)?;
    context.printer.show(&found, |found| {
        let mut facts = Facts::default()
            .add("deployment", &found.deployment)
            .maybe("version", found.version)
            .add("state", word(found.state));
        if let Some(reference) = &found.reference {
            facts = facts_of(facts, context, reference);
        }
        if let Some(last) = &found.last {
            facts = facts
                .add("last window", context.time(last.until))
                .add("its rows", last.rows)
                .add("outside the reference", percent(last.outside));
        }
        if let Some(open) = &found.open {
            facts = facts.add("rows since", open.rows);
        }
        let ages = found.ages.iter().map(|age| {
            let limit = age.limit_days.map(|limit| format!(" of {limit:.0}")).unwrap_or_default();
            let stale = if age.is_stale { " (too old)" } else { "" };
            format!("{} {:.0}{limit}{stale}", age.of, age.days)
        });
        let ages: Vec<String> = ages.collect();
        if !ages.is_empty() {
            facts = facts.add("days of age", ages.join(", "));
        }
        let signals = found.signals.iter().map(|signal| {
            let slice = signal.slice.as_ref().map(|slice| format!(" where {slice}"));
            let slice = slice.unwrap_or_default();
            format!(
                "{} {} {}{slice}: {}\n",
                signal.severity, signal.kind, signal.about, signal.text
            )
        });
        format!("{facts}{}", signals.collect::<String>())
    })?;
    verdict(found.state)
}

fn verdict(state: WatchState) -> Result<(), Failure> {
    match state {
        WatchState::Moved => Err(Failure::no("traffic has moved away from the reference")),
        _ => Ok(()),
    }
}

fn word(state: WatchState) -> &'static str {
    match state {
        WatchState::NoReference => "no reference",
        WatchState::NotEnoughData => "not enough data",
        WatchState::Steady => "steady",
        WatchState::Moved => "moved",
    }
}

fn list(context: &Context, windows: Windows) -> Result<(), Failure> {
    let Windows { deployment, version, limit, column } = windows;
    let query = WindowsQuery { version, limit: Some(limit), column, ..WindowsQuery::default() };
    let found: MonitoredWindows =
        context.client()?.get(&path(&deployment, "monitoring/windows"), &query)?;
    context.printer.show(&found, |found| {
        let heads = ["from", "until", ">rows", ">requests", "state", "furthest", ">distance"];
        let mut table = Table::new(&heads);
        for window in &found.items {
            let furthest = ordered(window).into_iter().next();
            table.row([
                context.time(window.from),
                context.time(window.until),
                window.rows.to_string(),
                window.requests.to_string(),
                word(window.state).to_owned(),
                furthest.map_or_else(|| "-".to_owned(), name),
                furthest.map_or_else(|| "-".to_owned(), |column| format!("{:.3}", column.distance)),
            ]);
        }
        table.to_string()
    })
}

/// The columns that can be said something of, the furthest beyond what is put up with first.
fn ordered(window: &MonitoredWindow) -> Vec<&MonitoredColumn> {
    let mut columns: Vec<_> = window.columns.iter().filter(|column| column.is_enough).collect();
    let over = |column: &MonitoredColumn| column.distance - column.tolerance;
    columns.sort_by(|one, other| over(other).total_cmp(&over(one)));
    columns
}

fn name(column: &MonitoredColumn) -> String {
    match &column.slice {
        Some(slice) => format!("{} where {slice}", column.name),
        None => column.name.clone(),
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn drift(context: &Context, deployment: &str, open: bool) -> Result<(), Failure> {
    let found = get(context, deployment)?;
    let window = if open { found.open } else { found.last };
    let window = window.ok_or_else(|| {
        let hint = "`plimsoll monitor status` says what it is compared with; `--open` shows the window that has not ended";
        Failure::user("there is no such window yet").hint(hint)
    })?;
    context.printer.show(&window, |window| {
        let heads = [
            "column",
            ">distance",
            ">put up with",
            ">PSI",
            ">JS",
            ">missing",
            ">outside",
            ">evidence",
            "told",
        ];
        let mut table = Table::new(&heads);
        for column in ordered(window) {
            let told = match (column.is_drift_told, column.is_quality_told) {
                (true, _) => "moved",
                (_, true) => "quality",
                _ => "-",
            };
            table.row([
                name(column),
                format!("{:.4}", column.distance),
                format!("{:.4}", column.tolerance),
                format!("{:.4}", column.psi),
                format!("{:.4}", column.jensen_shannon),
                percent(column.missing),
                percent(column.outside),
                format!("{:.3e}", column.evidence),
                told.to_owned(),
            ]);
        }
        table.to_string()
    })?;
    verdict(window.state)
}

fn backfill(context: &Context, deployment: &str, waits: bool) -> Result<(), Failure> {
    let begun: Backfill = context.client()?.post(&path(deployment, "monitoring/backfill"), &())?;
    let mut known = begun;
    while waits && !known.is_over {
        std::thread::sleep(ASK_EVERY);
        if let Some(now) = get(context, deployment)?.backfill {
            known = now;
        }
        context.printer.progress(&format!("{} of {} records", known.done, known.all));
    }
    context.printer.progress_done();
    if let Some(error) = &known.error {
        return Err(Failure::ours(error.clone()));
    }
    context.printer.show(&known, |known| {
        Facts::default().add("records", known.all).add("is over", known.is_over).to_string()
    })
}
