//! What a backfill costs: the whole ledger counted again by a monitor, in the way of
//! `plimsoll monitor backfill`.

use super::made::{CONTRACT, DEPLOYMENT, Plan, contracts, row};
use super::{LakeBenchError, Site, peak, per, wrong};
use plimsoll_contract::CompiledContract;
use plimsoll_monitor::reference::Habits;
use plimsoll_monitor::{Builder, Monitor, MonitorConfig, Watched};
use plimsoll_types::{Digest, Time};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Rows of the reference.
const REFERENCE: u64 = 20_000;

/// What it took.
#[derive(Debug, Serialize)]
pub(super) struct Backfilled {
    seconds: f64,
    cpu_seconds: f64,
    decisions_per_s: f64,
    decisions_per_cpu_s: f64,
    /// The most memory there ever was, in MB.
    peak_mb: f64,
    /// Windows that came of it, and the decisions in them.
    windows: u64,
    counted: u64,
}

pub(super) fn run(site: &Site) -> Result<Backfilled, LakeBenchError> {
    let folder = site.folder.join("monitor");
    if folder.exists() {
        fs_err::remove_dir_all(&folder)?;
    }
    let ledger = site.ledger()?;
    let key = (DEPLOYMENT, 1);
    let watched = Watched { key, reference: reference(&site.plan)?, digest: Digest::ZERO };
    let config = MonitorConfig { folder, slot: Duration::from_secs(60) };
    let clock = Arc::new(site.clock);
    let monitor = Monitor::open(&config, ledger.clone(), clock, vec![watched], None)?;
    let (begin, cpu) = (site.seconds(0), crate::cpu::seconds(&[std::process::id()]));
    monitor.backfill(DEPLOYMENT)?;
    let seconds = site.seconds(0) - begin;
    let cpu_seconds = crate::cpu::seconds(&[std::process::id()]) - cpu;
    let all = (Time::EPOCH, Time::from_micros(u64::MAX));
    let windows = monitor.windows(key, all, usize::MAX, None);
    let open = monitor.monitoring(DEPLOYMENT, "credit", Some(key.1)).open;
    let counted = windows.iter().chain(&open).map(|window| window.requests).sum();
    if counted != site.plan.decisions {
        return Err(wrong("the windows do not hold as many decisions as were made"));
    }
    ledger.close()?;
    Ok(Backfilled {
        seconds,
        cpu_seconds,
        decisions_per_s: per(counted, seconds),
        decisions_per_cpu_s: per(counted, cpu_seconds),
        peak_mb: peak()?,
        windows: windows.len() as u64,
        counted,
    })
}

/// Of decisions from all over the ledger.
fn reference(plan: &Plan) -> Result<plimsoll_monitor::reference::Reference, LakeBenchError> {
    let known = contracts();
    let contract = known.get(&CONTRACT).ok_or_else(|| wrong("no contract"))?;
    let contract = CompiledContract::compile(contract)?;
    let mut builder = Builder::new(&contract, CONTRACT, "score", 1);
    for place in 0..REFERENCE {
        let n = place * plan.decisions / REFERENCE;
        builder.read(&row(n, &plan.subject(n)), &[Plan::score(n)])?;
    }
    let times = (Time::EPOCH, Time::EPOCH);
    Ok(builder.finish(Habits::default(), "drawn".to_owned(), 0, times)?)
}
