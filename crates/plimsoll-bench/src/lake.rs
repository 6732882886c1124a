//! Decision tables at size: decisions of one deployment over some days, written through the
//! ledger's own path, derived, and asked.

mod backfill;
mod made;

use clap::Args;
use made::{DEPLOYMENT, Plan, TENANT};
use plimsoll_lake::{Ask, Lake, LakeConfig, LakeError, Source, Subject, Visible};
use plimsoll_ledger::{Ledger, LedgerConfig, LedgerError};
use plimsoll_types::{Clock, SystemClock};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Look-ups of each kind.
const LOOKUPS: u64 = 200;
/// Runs of each grouped query.
const QUERIES: usize = 5;
/// Bytes of a page in `/proc/self/statm`: 4 KiB on every Linux this runs on.
const PAGE: u64 = 4096;

#[derive(Args)]
pub(crate) struct LakeArgs {
    /// The folder; what an earlier run left in it is gone on with.
    #[arg(long)]
    folder: PathBuf,
    /// Decisions.
    #[arg(long, default_value_t = 10_000_000)]
    decisions: u64,
    /// Days they are spread over.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=365))]
    days: u64,
    /// Count the decisions again, as `monitor backfill` does, instead of deriving and asking tables.
    #[arg(long)]
    backfill: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LakeBenchError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Monitor(#[from] plimsoll_monitor::MonitorError),
    #[error(transparent)]
    Reference(#[from] plimsoll_monitor::ReferenceError),
    #[error(transparent)]
    Contract(#[from] plimsoll_contract::ContractError),
    #[error("a file could not be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Wrong(String),
}

/// Milliseconds.
#[derive(Debug, Serialize)]
struct Times {
    first: f64,
    median: f64,
    worst: f64,
    /// Of the process, all threads, on average: what a machine that others share leaves alone.
    cpu: f64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    decisions: u64,
    days: u64,
    /// Decisions written to the ledger by this run, and per second.
    written: u64,
    written_per_s: f64,
    /// Decisions derived by this run, per second and per CPU-second, and the time to merge.
    derived: u64,
    derived_per_s: f64,
    derived_per_cpu_s: f64,
    merge_s: f64,
    ledger_bytes_per_decision: f64,
    lake_bytes_per_decision: f64,
    files: u64,
    /// Opening ledger and tables, as a start does.
    open_ms: f64,
    rss_mb_open: f64,
    rss_mb_after_queries: f64,
    rss_mb_peak: f64,
    ledger_get: Option<Times>,
    sql_by_id: Option<Times>,
    by_subject: Option<Times>,
    by_subject_found: u64,
    grouped_day: Option<Times>,
    grouped_day_rows: u64,
    sealed_day: Option<Times>,
    backfill: Option<backfill::Backfilled>,
}

/// Time and the folders.
struct Site {
    clock: SystemClock,
    folder: PathBuf,
    plan: Plan,
}

impl Site {
    fn seconds(&self, since: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a run takes less than 2^53 nanoseconds")]
        let nanos = self.clock.monotonic().saturating_sub(since) as f64;
        nanos / 1e9
    }

    fn ledger(&self) -> Result<Ledger, LakeBenchError> {
        let (data, keys) = (self.folder.join("data"), self.folder.join("keys"));
        fs_err::create_dir_all(&data)?;
        let config = LedgerConfig { reserve_bytes: 0, ..LedgerConfig::new(data, keys, TENANT) };
        Ok(Ledger::open(config, Arc::new(self.clock))?.0)
    }

    fn lake(&self, ledger: &Ledger) -> Result<Lake, LakeBenchError> {
        Ok(Lake::open(LakeConfig {
            data: self.folder.join("data"),
            source: Source::Ledger(ledger.clone()),
            catalog: Arc::new(made::contracts()),
            clock: Arc::new(self.clock),
            writable: true,
        })?)
    }
}

pub(crate) fn run(args: &LakeArgs) -> Result<Report, LakeBenchError> {
    let plan = Plan { decisions: args.decisions, days: args.days };
    let site = Site { clock: SystemClock::new(), folder: args.folder.clone(), plan };
    let mut report = Report { decisions: args.decisions, days: args.days, ..Report::default() };
    fill(&site, &mut report)?;
    if args.backfill {
        report.backfill = Some(backfill::run(&site)?);
        return Ok(report);
    }
    derive(&site, &mut report)?;
    ask(&site, &mut report)?;
    Ok(report)
}

fn say(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Writes decisions that the ledger does not have yet.
fn fill(site: &Site, report: &mut Report) -> Result<(), LakeBenchError> {
    let ledger = site.ledger()?;
    let begin = site.clock.monotonic();
    let first = ledger.durable();
    say(&format!("the ledger has {first} entries"));
    report.written = site.plan.write(&ledger, first, |done| say(&format!("{done} written")))?;
    report.written_per_s = per(report.written, site.seconds(begin));
    ledger.close()?;
    Ok(())
}

/// Brings the tables in step.
fn derive(site: &Site, report: &mut Report) -> Result<(), LakeBenchError> {
    let ledger = site.ledger()?;
    let lake = site.lake(&ledger)?;
    let (begin, cpu) = (site.clock.monotonic(), crate::cpu::seconds(&[std::process::id()]));
    let mut derived = 0;
    lake.catch_up(|progress| {
        derived += progress.decisions;
        if progress.entries % 1_000_000 < progress.decisions {
            say(&format!("{} of {} derived", progress.entries, progress.durable));
        }
    })?;
    report.derived = derived;
    report.derived_per_s = per(derived, site.seconds(begin));
    report.derived_per_cpu_s = per(derived, crate::cpu::seconds(&[std::process::id()]) - cpu);
    let begin = site.clock.monotonic();
    while lake.compact()? {}
    report.merge_s = site.seconds(begin);
    let data = site.folder.join("data");
    let ledger_bytes = size(&data.join("ledger/segments"), &mut 0)?;
    let lake_bytes = size(&data.join("lake"), &mut report.files)?;
    report.ledger_bytes_per_decision = per(ledger_bytes, float(report.decisions));
    report.lake_bytes_per_decision = per(lake_bytes, float(report.decisions));
    drop(lake);
    ledger.close()?;
    Ok(())
}

/// Opens everything as a start does, and asks.
fn ask(site: &Site, report: &mut Report) -> Result<(), LakeBenchError> {
    let begin = site.clock.monotonic();
    let ledger = site.ledger()?;
    let lake = site.lake(&ledger)?;
    report.open_ms = site.seconds(begin) * 1e3;
    report.rss_mb_open = resident()?;
    let plan = &site.plan;
    let ids = sample(&ledger, plan)?;
    report.ledger_get = Some(times(site, ids.iter(), |id| {
        let found = ledger.get(id.as_bytes())?;
        let Some(entry) = found.first() else { return Err(wrong("a decision is not there")) };
        ledger.open_body(entry)?;
        Ok(())
    })?);
    report.sql_by_id = Some(times(site, ids.iter(), |id| {
        let sql = format!("select * from credit where decision_id = '{id}'");
        if rows(&lake, &sql)? == 1 { Ok(()) } else { Err(wrong("not one row of a decision")) }
    })?);
    let names = (0..LOOKUPS).map(|n| plan.subject(n * plan.decisions / LOOKUPS));
    let mut found = 0;
    report.by_subject = Some(times(site, names, |name| {
        let subject = Subject {
            name: &name,
            tenant: TENANT,
            tables: tables(),
            since: None,
            until: None,
            limit: 1000,
        };
        found += lake.find_subject(&subject)?.len() as u64;
        Ok(())
    })?);
    report.by_subject_found = found;
    let (from, to) = plan.day(plan.days / 2);
    let day = format!("\"time\" >= '{from}' and \"time\" < '{to}'");
    let grouped = format!(
        "select date_trunc('hour', \"time\") as hour, grade, count(*) as n, avg(score) as mean, \
         max(latency_ns) as slowest from credit where {day} group by 1, 2 order by 1, 2"
    );
    report.grouped_day_rows = rows(&lake, &grouped)?;
    report.grouped_day = Some(times(site, 0..QUERIES, |_| rows(&lake, &grouped).map(drop))?);
    // The same over what is sealed: every cell is opened under its subject's key.
    let sealed = format!("select avg(age) as mean from credit where {day}");
    report.sealed_day = Some(times(site, 0..1, |_| rows(&lake, &sealed).map(drop))?);
    report.rss_mb_after_queries = resident()?;
    report.rss_mb_peak = peak()?;
    drop(lake);
    ledger.close()?;
    Ok(())
}

fn tables() -> Vec<Visible> {
    vec![Visible { deployment: DEPLOYMENT, name: "credit".into(), may_open: true }]
}

/// Answers a statement; the number of its rows.
fn rows(lake: &Lake, sql: &str) -> Result<u64, LakeBenchError> {
    let mut answer = lake.query(Ask {
        sql: sql.to_owned(),
        tables: tables(),
        tenant: TENANT,
        rows: 100_000,
        timeout: Duration::from_secs(120),
    })?;
    while let Some(batch) = answer.next_blocking() {
        batch?;
    }
    Ok(answer.rows())
}

/// Ids of decisions from all over the ledger.
fn sample(ledger: &Ledger, plan: &Plan) -> Result<Vec<plimsoll_types::DecisionId>, LakeBenchError> {
    let mut ids = Vec::new();
    for n in 0..LOOKUPS {
        // Scattered, so that no two are of one page.
        let index = n.wrapping_mul(7_919) % LOOKUPS * (plan.decisions / LOOKUPS);
        if let Some(entry) = ledger.entry(index)?
            && entry.leaf.draft.deployment.is_some()
        {
            ids.push(plimsoll_types::DecisionId::from_bytes(entry.leaf.draft.id));
        }
    }
    Ok(ids)
}

fn times<T>(
    site: &Site,
    each: impl Iterator<Item = T>,
    mut work: impl FnMut(T) -> Result<(), LakeBenchError>,
) -> Result<Times, LakeBenchError> {
    let mut all = Vec::new();
    let cpu = crate::cpu::seconds(&[std::process::id()]);
    for item in each {
        let begin = site.clock.monotonic();
        work(item)?;
        all.push(site.seconds(begin) * 1e3);
    }
    let cpu = (crate::cpu::seconds(&[std::process::id()]) - cpu) * 1e3 / float(all.len() as u64);
    let first = all.first().copied().unwrap_or_default();
    all.sort_by(f64::total_cmp);
    let median = all.get(all.len() / 2).copied().unwrap_or_default();
    Ok(Times { first, median, worst: all.last().copied().unwrap_or_default(), cpu })
}

fn wrong(text: &str) -> LakeBenchError {
    LakeBenchError::Wrong(text.to_owned())
}

fn per(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { float(count) / seconds } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

/// Bytes of the files below a folder; counts them.
fn size(folder: &Path, files: &mut u64) -> Result<u64, LakeBenchError> {
    let mut bytes = 0;
    for item in fs_err::read_dir(folder)? {
        let item = item?;
        let meta = item.metadata()?;
        if meta.is_dir() {
            bytes += size(&item.path(), files)?;
        } else {
            *files += 1;
            bytes += meta.len();
        }
    }
    Ok(bytes)
}

/// Resident memory in MB.
fn resident() -> Result<f64, LakeBenchError> {
    let text = fs_err::read_to_string("/proc/self/statm")?;
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    Ok(float(pages.unwrap_or_default() * PAGE) / 1e6)
}

/// The most there ever was, in MB.
fn peak() -> Result<f64, LakeBenchError> {
    let text = fs_err::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(float(kilobytes.unwrap_or_default()) / 1e3)
}

#[cfg(test)]
mod tests;
