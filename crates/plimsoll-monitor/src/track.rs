//! One version's windows, one after the other: slots go in, windows come out, and each says what
//! it says by its reference and the windows before it alone. So the same slots give the same
//! windows, whether they are seen once or counted again.

use crate::judge::{Evidence, Judged, PSI_MOVED, judge};
use crate::recorder::Key;
use crate::reference::Reference;
use crate::tally::Tally;
use plimsoll_api::{MonitoredColumn, MonitoredKind, MonitoredWindow, WatchState};
use plimsoll_stats::summary::Unlike;
use plimsoll_types::{Severity, Signal, SignalKind, Time};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Windows that are kept for lists: more than a year of days, some weeks of hours.
pub const MAX_WINDOWS: usize = 512;
/// Where there is no reference, a window is a day.
const DAY_SECONDS: u64 = 86_400;

/// A window that has not ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// When it begins.
    pub from: Time,
    /// When its last slot ended.
    pub seen_to: Time,
    /// What it holds.
    pub tally: Tally,
}

/// The windows of one version.
#[derive(Debug)]
pub struct Track {
    /// Of which version.
    pub key: Key,
    /// What they are compared with.
    pub reference: Option<Arc<Reference>>,
    /// The one that has not ended.
    pub open: Option<Open>,
    /// Those that ended, the oldest first.
    pub windows: VecDeque<MonitoredWindow>,
    evidence: Vec<Evidence>,
}

impl Track {
    /// A track without windows.
    #[must_use]
    pub fn new(key: Key, reference: Option<Arc<Reference>>) -> Self {
        let (windows, evidence) = (VecDeque::new(), Vec::new());
        Self { key, reference, open: None, windows, evidence }
    }

    /// A track that goes on after these windows.
    #[must_use]
    pub fn after(
        key: Key,
        reference: Option<Arc<Reference>>,
        windows: VecDeque<MonitoredWindow>,
    ) -> Self {
        let evidence = |column: &MonitoredColumn| Evidence {
            drift: column.evidence,
            drift_run: column.drift_run,
            quality: column.quality_evidence,
            quality_run: column.quality_run,
        };
        let last = windows.back().map(|window| &*window.columns).unwrap_or_default();
        let evidence = last.iter().map(evidence).collect();
        Self { key, reference, open: None, windows, evidence }
    }

    /// When the last window ended.
    #[must_use]
    pub fn ended(&self) -> Option<Time> {
        Some(self.windows.back()?.until.0)
    }

    /// Takes a slot, from one time to another, later than all before. Gives the windows that end
    /// with it.
    ///
    /// # Errors
    /// [`Unlike`] if the slot is of another reference; it is passed over.
    pub fn take(
        &mut self,
        (from, until): (Time, Time),
        tally: &Tally,
    ) -> Result<Vec<MonitoredWindow>, Unlike> {
        let mut ended: Vec<_> = self.end_before(from).into_iter().collect();
        let reference = self.reference.clone();
        let begin = self.window_of(from).map_or(from, |(begin, _)| begin);
        let open = self.open.get_or_insert_with(|| Open {
            from: begin,
            seen_to: from,
            tally: Tally::new(reference.as_deref()),
        });
        open.tally.merge(tally)?;
        open.seen_to = until;
        let rows = reference.as_ref().and_then(|reference| reference.habits.window_rows);
        if rows.is_some_and(|rows| open.tally.rows >= rows) {
            ended.extend(self.end(until));
        }
        Ok(ended)
    }

    /// Ends the open window if it is one of time that is over at `time`.
    pub fn end_before(&mut self, time: Time) -> Option<MonitoredWindow> {
        let (_, until) = self.window_of(self.open.as_ref()?.from)?;
        if time < until { None } else { self.end(until) }
    }

    /// The window of time that `time` is in, if windows are of time.
    fn window_of(&self, time: Time) -> Option<(Time, Time)> {
        let seconds = match &self.reference {
            Some(reference) => reference.habits.window_seconds?,
            None => DAY_SECONDS,
        };
        let length = seconds.saturating_mul(1_000_000).max(1);
        let begin = time.as_micros() / length * length;
        Some((Time::from_micros(begin), Time::from_micros(begin.saturating_add(length))))
    }

    fn end(&mut self, until: Time) -> Option<MonitoredWindow> {
        let open = self.open.take()?;
        let (window, evidence) = self.judged(&open, until);
        self.evidence = evidence;
        if self.windows.len() >= MAX_WINDOWS {
            self.windows.pop_front();
        }
        self.windows.push_back(window.clone());
        Some(window)
    }

    /// The open window as it would be if it ended now.
    #[must_use]
    pub fn peek(&self) -> Option<MonitoredWindow> {
        let open = self.open.as_ref()?;
        Some(self.judged(open, open.seen_to).0)
    }

    fn judged(&self, open: &Open, until: Time) -> (MonitoredWindow, Vec<Evidence>) {
        let tally = &open.tally;
        let length = until.since(open.from).max(Duration::from_secs(1));
        let Judged { columns, evidence } = match &self.reference {
            Some(reference) => judge(tally, reference, &self.evidence, length),
            None => Judged { columns: Vec::new(), evidence: Vec::new() },
        };
        let inputs = || columns.iter().filter(|column| column.kind == MonitoredKind::Input);
        #[expect(clippy::cast_precision_loss, reason = "counts of a window are below 2^53")]
        let (outside, all) = inputs().fold((0.0, 0.0), |(outside, all), column| {
            let values = column.values as f64;
            (outside + column.outside * values, all + values)
        });
        let window = MonitoredWindow {
            version: self.key.1,
            from: open.from.into(),
            until: until.into(),
            state: state(self.reference.is_some(), &columns),
            requests: tally.requests,
            rows: tally.rows,
            flags: tally.flags,
            reasons: tally.reasons().map(|(name, count)| (name.to_owned(), count)).collect(),
            latency_p50_us: tally.latency_within(0.5),
            latency_p99_us: tally.latency_within(0.99),
            outside: if all > 0.0 { outside / all } else { 0.0 },
            columns,
        };
        (window, evidence)
    }
}

fn state(has_reference: bool, columns: &[MonitoredColumn]) -> WatchState {
    let is_told = |column: &MonitoredColumn| column.is_drift_told || column.is_quality_told;
    if !has_reference {
        WatchState::NoReference
    } else if columns.iter().any(is_told) {
        WatchState::Moved
    } else if columns.iter().any(|column| column.is_enough) {
        WatchState::Steady
    } else {
        WatchState::NotEnoughData
    }
}

/// What a window has to say, column by column.
#[must_use]
pub fn signals(key: Key, window: &MonitoredWindow) -> Vec<Signal> {
    let told = window.columns.iter().filter(|column| column.is_drift_told).count();
    let is_all = told * 2 > window.columns.len();
    let mut signals = Vec::new();
    for column in &window.columns {
        let signal = |kind, severity, text, numbers: Vec<(&str, f64)>| Signal {
            deployment: key.0,
            version: Some(key.1),
            kind,
            severity,
            about: column.name.clone(),
            slice: column.slice.clone(),
            since: window.from.0,
            until: window.until.0,
            text,
            numbers: numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        if column.is_drift_told {
            let kind = match column.kind {
                MonitoredKind::Input | MonitoredKind::Together => SignalKind::InputDrift,
                MonitoredKind::Output => SignalKind::OutputDrift,
            };
            let is_grave = is_all || (kind == SignalKind::OutputDrift && column.psi >= PSI_MOVED);
            let severity = if is_grave { Severity::Critical } else { Severity::Warning };
            signals.push(signal(
                kind,
                severity,
                moved(column),
                vec![
                    ("distance", column.distance),
                    ("tolerance", column.tolerance),
                    ("psi_nats", column.psi),
                    ("jensen_shannon_base_2", column.jensen_shannon),
                    ("evidence_to_one", column.evidence),
                    ("windows", f64::from(column.drift_run)),
                ],
            ));
        }
        if column.is_quality_told {
            signals.push(signal(
                SignalKind::Quality,
                Severity::Warning,
                broken(column),
                vec![
                    ("missing_share", column.missing),
                    ("missing_share_reference", column.missing_reference),
                    ("outside_share", column.outside),
                    ("outside_share_reference", column.outside_reference),
                    ("evidence_to_one", column.quality_evidence),
                    ("windows", f64::from(column.quality_run)),
                ],
            ));
        }
    }
    signals
}

fn moved(column: &MonitoredColumn) -> String {
    let how = match (column.is_category, column.median, column.median_reference) {
        (false, Some(now), Some(then)) => {
            format!("its median went from {then:.4} to {now:.4}, and ")
        }
        _ => String::new(),
    };
    let what = if column.is_category { "share of one category" } else { "share of values" };
    format!(
        "{how}the largest shift is {:.1} % of the population ({what}), beyond the {:.1} % put up with; \
         the evidence is {:.0} to 1 over {} windows in a row",
        column.distance * 100.0,
        column.tolerance * 100.0,
        column.evidence,
        column.drift_run,
    )
}

fn broken(column: &MonitoredColumn) -> String {
    format!(
        "{:.1} % of its values are missing (reference {:.1} %) and {:.1} % are unlike any of the \
         reference ({:.1} %); the evidence is {:.0} to 1 over {} windows in a row",
        column.missing * 100.0,
        column.missing_reference * 100.0,
        column.outside * 100.0,
        column.outside_reference * 100.0,
        column.quality_evidence,
        column.quality_run,
    )
}
