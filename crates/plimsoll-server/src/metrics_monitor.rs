//! The monitor's part of the Prometheus page: the last window of each version.

use plimsoll_api::{Age, MonitoredColumn, MonitoredWindow};
use plimsoll_gateway::Gateway;
use plimsoll_monitor::Monitor;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::Arc;

/// Series of one metric: a scrape is not to grow without end with columns and versions.
const MAX_SERIES: usize = 20_000;

/// How each version's traffic compares with its reference.
#[derive(Debug)]
pub(crate) struct MonitorPage(pub(crate) Arc<Monitor>, pub(crate) Gateway);

/// A window with its deployment's name.
type Named = (String, MonitoredWindow);

impl Collector for MonitorPage {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.1.snapshot();
        let deployments = &snapshot.parts().deployments;
        let named = self.0.last_windows().into_iter().filter_map(|((id, _), window)| {
            let served = deployments.iter().find(|served| served.id == id)?;
            Some((served.name.to_string(), window))
        });
        let named: Vec<Named> = named.collect();
        let to = &mut to;
        #[expect(clippy::cast_precision_loss, reason = "rows of a window are below 2^53")]
        windows(to, "monitor_window_rows", "Rows of the last window", &named, |w| w.rows as f64)?;
        let help = "Share of features' values unlike any of the reference in the last window";
        windows(to, "monitor_outside_share", help, &named, |window| window.outside)?;
        let help = "When the last window ended, in seconds since 1970";
        windows(to, "monitor_window_end_seconds", help, &named, |window| {
            window.until.0.as_micros() as f64 / 1e6
        })?;
        let help = "Largest difference of the distribution functions, of categories of a share";
        columns(to, "monitor_distance", help, &named, |column| column.distance)?;
        let help = "Population stability index over tenths of the reference, in nats";
        columns(to, "monitor_psi", help, &named, |column| column.psi)?;
        let help = "Share of values that were missing";
        columns(to, "monitor_missing_share", help, &named, |column| column.missing)?;
        let help = "1 if there is evidence enough that the column has moved";
        columns(to, "monitor_drift", help, &named, |column| {
            f64::from(u8::from(column.is_drift_told))
        })?;
        let help = "1 if there is evidence enough that more values are missing or unknown";
        columns(to, "monitor_quality", help, &named, |column| {
            f64::from(u8::from(column.is_quality_told))
        })?;
        let aged = self.0.staleness().into_iter().filter_map(|((id, version), staleness)| {
            let served = deployments.iter().find(|served| served.id == id)?;
            Some((served.name.to_string(), version, staleness.ages))
        });
        let aged: Vec<Aged> = aged.collect();
        ages(to, "monitor_age_days", "Days since", &aged, |age| Some(age.days))?;
        ages(to, "monitor_age_limit_days", "Days that are put up with", &aged, |age| age.limit_days)
    }
}

/// A version's ages with its deployment's name.
type Aged = (String, u32, Vec<Age>);

fn ages(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    aged: &[Aged],
    value: impl Fn(&Age) -> Option<f64>,
) -> fmt::Result {
    let mut all = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    let each = aged.iter().flat_map(|one| one.2.iter().map(move |age| (one, age)));
    for ((deployment, version, _), age) in each.take(MAX_SERIES) {
        let Some(days) = value(age) else { continue };
        let (version, of) = (version.to_string(), &*age.of);
        let labels =
            [("deployment", deployment.as_str()), ("version", version.as_str()), ("of", of)];
        all.encode_family(&labels)?.encode_gauge(&days)?;
    }
    Ok(())
}

fn windows(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    named: &[Named],
    value: impl Fn(&MonitoredWindow) -> f64,
) -> fmt::Result {
    let mut all = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (deployment, window) in named.iter().take(MAX_SERIES) {
        let version = window.version.to_string();
        let labels = [("deployment", deployment.as_str()), ("version", version.as_str())];
        all.encode_family(&labels)?.encode_gauge(&value(window))?;
    }
    Ok(())
}

fn columns(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    named: &[Named],
    value: impl Fn(&MonitoredColumn) -> f64,
) -> fmt::Result {
    let mut all = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    let each = named.iter().flat_map(|(name, window)| {
        window.columns.iter().filter(|column| column.is_enough).map(move |c| (name, window, c))
    });
    for (deployment, window, column) in each.take(MAX_SERIES) {
        let version = window.version.to_string();
        let labels = [
            ("deployment", deployment.as_str()),
            ("version", version.as_str()),
            ("column", column.name.as_str()),
            ("slice", column.slice.as_deref().unwrap_or_default()),
        ];
        all.encode_family(&labels)?.encode_gauge(&value(column))?;
    }
    Ok(())
}
