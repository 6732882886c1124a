//! Simulated months: how often healthy traffic is told, and how soon a shift is, beside the rules
//! that Evidently and NannyML take by default on the same streams.
//!
//! The small form runs with the other tests; `PLIMSOLL_SIM_YEARS` sets how many deployment-years
//! of each kind of healthy traffic the full form simulates (the step `watch` of `make soak`).

use crate::streams::{Draws, FEATURES, ROWS, is_category};
use plimsoll_contract::{CompiledContract, Contract};
use plimsoll_monitor::reference::Habits;
use plimsoll_monitor::tally::Tally;
use plimsoll_monitor::track::{Track, signals};
use plimsoll_monitor::{Builder, Reference};
use plimsoll_serving::Seen;
use plimsoll_stats::cells::FittedCells;
use plimsoll_stats::sample::{Sample, distances};
use plimsoll_types::record::ResultClass;
use plimsoll_types::{Cell, DeploymentId, Digest, Rows, Time};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// Days of a reference.
const REFERENCE_DAYS: usize = 28;

/// How traffic moves over the days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Traffic {
    Stationary,
    /// Weekends differ, in every third feature by a third of a standard deviation.
    Seasonal,
    /// Skewed, heavy-tailed, in categories, seasonal, autocorrelated, and half of the features hang
    /// together.
    Mixed,
    /// From the first day on the first features are higher by so many standard deviations.
    Sudden {
        features: usize,
        by: f64,
    },
    /// More and more rows are of another population, over so many days.
    Gradual {
        days: f64,
    },
    /// The whole population slides, by two standard deviations over so many days.
    Incremental {
        days: f64,
    },
    /// Every other week is another population.
    Recurring,
}

impl Traffic {
    fn value(self, draws: &mut Draws, feature: usize, day: usize) -> f64 {
        let drawn = draws.normal();
        let day_f = day as f64;
        match self {
            Self::Stationary => drawn,
            Self::Seasonal if feature.is_multiple_of(3) && day % 7 >= 5 => drawn + 0.33,
            Self::Seasonal => drawn,
            Self::Sudden { features, by } if feature < features => drawn + by,
            Self::Gradual { days } if feature == 0 && draws.uniform() < day_f / days => drawn + 1.5,
            Self::Incremental { days } if feature == 0 => drawn + 2.0 * (day_f / days).min(1.0),
            Self::Recurring if feature == 0 && (day / 7).is_multiple_of(2) => drawn + 0.8,
            _ => drawn,
        }
    }
    pub(crate) fn day(self, draws: &mut Draws, day: usize) -> Vec<f64> {
        if self == Self::Mixed {
            return (0..ROWS).flat_map(|_| draws.mixed(day)).collect();
        }
        let values = (0..ROWS * FEATURES).map(|place| place % FEATURES);
        values.map(|feature| self.value(draws, feature, day)).collect()
    }
}

/// The rules, on the same days.
pub(crate) struct Rules {
    track: Track,
    reference: Arc<Reference>,
    digest: Digest,
    peers: Vec<Peer>,
}

/// A feature as the peers see it.
struct Peer {
    sample: Sample,
    cells: FittedCells,
    /// NannyML: the mean of the reference's chunks and three standard deviations.
    limit: f64,
}

/// Which rules fire on a day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fired {
    pub(crate) ours: bool,
    pub(crate) nannyml: bool,
    pub(crate) evidently_column: bool,
    evidently_dataset: bool,
}

impl Rules {
    pub(crate) fn new(traffic: Traffic, seed: u64) -> Self {
        let mut draws = Draws::new(seed);
        let mut yaml = "version: 1\nfeatures:\n".to_owned();
        for feature in 0..FEATURES {
            let kind = match traffic == Traffic::Mixed && is_category(feature) {
                true => "category, values: [a, b, c, d, e]",
                false => "number",
            };
            writeln!(yaml, "  - {{ name: f{feature}, kind: {kind} }}").unwrap();
        }
        let contract = CompiledContract::compile(&Contract::from_yaml(&yaml).unwrap()).unwrap();
        let digest = Digest::ZERO;
        let mut builder = Builder::new(&contract, digest, "score", 0);
        let healthy = match traffic {
            Traffic::Seasonal | Traffic::Mixed => traffic,
            _ => Traffic::Stationary,
        };
        let mut all = Vec::new();
        for day in 0..REFERENCE_DAYS {
            let values = healthy.day(&mut draws, day);
            builder.read(&rows(traffic, &values), &[]).unwrap();
            all.push(values);
        }
        let times = (Time::EPOCH, Time::EPOCH);
        let made = builder.finish(Habits::default(), "drawn".into(), 0, times).unwrap();
        let reference = Arc::new(made);
        let key = (DeploymentId::from_bytes([7; 16]), 1);
        let peers = (0..FEATURES).map(|feature| Peer::new(&all, feature)).collect();
        Self { track: Track::new(key, Some(Arc::clone(&reference))), reference, digest, peers }
    }

    fn day(&mut self, traffic: Traffic, draws: &mut Draws, day: usize) -> Fired {
        self.judge(traffic, &traffic.day(draws, day), day)
    }

    /// Which rules fire on a day of these values.
    pub(crate) fn judge(&mut self, traffic: Traffic, values: &[f64], day: usize) -> Fired {
        let mut tally = Tally::new(Some(&self.reference));
        let rows = rows(traffic, values);
        let seen = Seen {
            deployment: self.track.key.0,
            version: 1,
            contract: Some(self.digest),
            time: Time::EPOCH,
            nanos: 0,
            result: ResultClass::Answered,
            refusal: None,
            rows: &rows,
            flags: 0,
            outputs: &[],
        };
        tally.see(&seen, Some(&self.reference));
        let from = Time::EPOCH.plus(DAY * u32::try_from(day).unwrap());
        self.track.take((from, from.plus(DAY)), &tally).unwrap();
        let window = self.track.end_before(from.plus(DAY)).expect("a day is a window");
        let mut fired =
            Fired { ours: !signals(self.track.key, &window).is_empty(), ..Fired::default() };
        let mut drifted = 0;
        for (feature, peer) in self.peers.iter().enumerate() {
            let own = column(values, feature);
            let current = Sample::new(own, false);
            let cells = peer.cells.cells(&peer.sample, &current);
            fired.nannyml |= cells.jensen_shannon(2.0) > peer.limit;
            let moved = distances(&peer.sample, &current).wasserstein / peer.sample.deviation();
            drifted += usize::from(moved >= 0.1);
        }
        fired.evidently_column = drifted > 0;
        fired.evidently_dataset = drifted * 2 >= FEATURES;
        fired
    }
}

impl Peer {
    fn new(days: &[Vec<f64>], feature: usize) -> Self {
        let whole: Vec<f64> = days.iter().flat_map(|day| column(day, feature)).collect();
        let sample = Sample::new(whole.clone(), false);
        let cells = FittedCells::fit(&sample);
        // A chunk as large as a window, as who monitors by the day chooses.
        let chunks = whole.chunks_exact(ROWS).map(|chunk| {
            cells.cells(&sample, &Sample::new(chunk.to_vec(), false)).jensen_shannon(2.0)
        });
        let chunks: Vec<f64> = chunks.collect();
        let n = chunks.len() as f64;
        let mean = chunks.iter().sum::<f64>() / n;
        let spread = (chunks.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n).sqrt();
        Self { sample, cells, limit: mean + 3.0 * spread }
    }
}

fn column(values: &[f64], feature: usize) -> Vec<f64> {
    values.iter().skip(feature).step_by(FEATURES).copied().collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "categories are drawn as small whole numbers"
)]
fn rows(traffic: Traffic, values: &[f64]) -> Rows {
    let cell = |(place, value): (usize, &f64)| match is_category(place % FEATURES) {
        true if traffic == Traffic::Mixed => Cell::Category(*value as u32),
        _ => Cell::Number(*value),
    };
    let cells = values.iter().enumerate().map(cell).collect();
    Rows { width: FEATURES, cells, ..Rows::default() }
}

/// The lower end of the same interval.
fn lower(count: u32) -> f64 {
    // P(at least `count` | mean) = 0.025.
    let above = |mean: f64| {
        let last = (1..count).map(|k| (mean / f64::from(k)).ln()).sum::<f64>() - mean;
        let (mut term, mut sum) = (1.0, 1.0);
        for k in (1..count).rev() {
            term *= f64::from(k) / mean;
            sum += term;
        }
        1.0 - (last + sum.ln()).exp()
    };
    let (mut low, mut high) = (0.0, f64::from(count));
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if count > 0 && above(middle) < 0.025 { low = middle } else { high = middle }
    }
    if count == 0 { 0.0 } else { low }
}

/// The upper end of the exact 95 % interval of a Poisson mean of which `count` events were seen.
fn upper(count: u32) -> f64 {
    // By logarithms: of many events the probability of none is below the least number.
    let below = |mean: f64| {
        let last = (1..=count).map(|k| (mean / f64::from(k)).ln()).sum::<f64>() - mean;
        let (mut term, mut sum) = (1.0, 1.0);
        for k in (1..=count).rev() {
            term *= f64::from(k) / mean;
            sum += term;
        }
        (last + sum.ln()).exp()
    };
    let (mut low, mut high) = (1e-9, f64::from(count) * 2.0 + 20.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if below(middle) > 0.025 { low = middle } else { high = middle }
    }
    high
}

#[expect(clippy::disallowed_methods, reason = "a test's size is its runner's business")]
fn years() -> u32 {
    std::env::var("PLIMSOLL_SIM_YEARS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[test]
fn healthy_traffic_is_told_no_more_often_than_the_budget_says() {
    let years = years();
    for traffic in [Traffic::Stationary, Traffic::Seasonal, Traffic::Mixed] {
        let mut counts = [0_u32; 4];
        for year in 0..years {
            let mut rules = Rules::new(traffic, u64::from(year) + 1);
            let mut draws = Draws::new(u64::from(year) + 1_000);
            for day in 0..365 {
                let fired = rules.day(traffic, &mut draws, day);
                let all =
                    [fired.ours, fired.nannyml, fired.evidently_column, fired.evidently_dataset];
                counts.iter_mut().zip(all).for_each(|(count, fired)| *count += u32::from(fired));
            }
        }
        let months = f64::from(years) * 365.0 / 30.0;
        let names = ["Plimsoll", "NannyML", "Evidently, a column", "Evidently, dataset"];
        println!("{traffic:?}, {years} deployment-years, {FEATURES} features, windows of a day:");
        for (name, count) in names.iter().zip(counts) {
            let (least, most) = (lower(count) / months, upper(count) / months);
            println!(
                "  {name:20} {:7.3} days with a false alert a deployment-month ({least:.3} to {most:.3})",
                f64::from(count) / months
            );
        }
        assert!(f64::from(counts[0]) / months <= 1.0, "{traffic:?}: {counts:?}");
        // A budget that nothing can spend would show nothing: the peers' rules do fire here.
        assert!(counts[1] > counts[0], "{traffic:?}: {counts:?}");
        if years >= 10 {
            assert!(upper(counts[0]) / months <= 1.0, "{traffic:?}: {counts:?}");
        }
    }
}

#[test]
fn the_interval_is_that_of_tables() {
    // Garwood 1936; the upper ends at 95 % of 0, 10 and 100 events.
    for (count, expected) in [(0, 3.689), (10, 18.390), (100, 121.627)] {
        assert!((upper(count) - expected).abs() < 2e-3, "{count}: {}", upper(count));
    }
    for (count, expected) in [(0, 0.0), (1, 0.025), (10, 4.795), (100, 81.364)] {
        assert!((lower(count) - expected).abs() < 2e-3, "{count}: {}", lower(count));
    }
    assert!(upper(5_000) > 5_000.0 && upper(5_000) < 5_150.0);
}

#[test]
fn a_shift_is_told_within_days() {
    let kinds = [
        (Traffic::Sudden { features: 1, by: 0.5 }, 2),
        (Traffic::Sudden { features: 1, by: 1.0 }, 2),
        (Traffic::Sudden { features: FEATURES, by: 0.5 }, 2),
        (Traffic::Gradual { days: 60.0 }, 30),
        (Traffic::Incremental { days: 60.0 }, 20),
        (Traffic::Recurring, 2),
    ];
    for (traffic, most) in kinds {
        let mut rules = Rules::new(traffic, 5);
        let mut draws = Draws::new(77);
        let mut first = [None; 3];
        let mut told = HashSet::new();
        for day in 0..90 {
            let fired = rules.day(traffic, &mut draws, day);
            let all = [fired.ours, fired.nannyml, fired.evidently_column];
            for (first, fired) in first.iter_mut().zip(all) {
                *first = first.or(fired.then_some(day + 1));
            }
            let window = rules.track.windows.back().expect("it ended").clone();
            let about = signals(rules.track.key, &window).into_iter().map(|signal| signal.about);
            // All features at once are far from what they say together, too.
            told.extend(about.filter(|about| about != plimsoll_monitor::together::NAME));
        }
        println!("{traffic:?}: days until told: Plimsoll, NannyML, Evidently: {first:?}");
        let delay = first[0].expect("it was told");
        assert!(delay <= most, "{traffic:?}: {delay} days");
        let moved = match traffic {
            Traffic::Sudden { features, .. } => features,
            _ => 1,
        };
        let right: HashSet<String> = (0..moved).map(|feature| format!("f{feature}")).collect();
        assert_eq!(told, right, "{traffic:?}");
    }
}
