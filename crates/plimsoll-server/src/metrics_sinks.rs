//! The sinks' part of the Prometheus page.

use plimsoll_sinks::{Progress, Sinks};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;

type NoLabels = [(&'static str, &'static str); 0];

/// How far every active sink is, and how often sending failed.
#[derive(Debug)]
pub(crate) struct SinksPage(pub(crate) Sinks);

impl Collector for SinksPage {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let sinks = self.0.progress();
        let lags: Vec<_> = sinks.iter().map(|sink| self.0.lag(sink.next)).collect();
        let lagging = |n: usize| lags.get(n).map_or((0, 0), |(age, count)| (age.as_secs(), *count));
        let to = &mut to;
        gauges(to, "sink_lag_entries", "Ledger entries a sink is behind", &sinks, |n, _| {
            lagging(n).1
        })?;
        let help = "Age in seconds of the record that a sink is sent next";
        gauges(to, "sink_lag_seconds", help, &sinks, |n, _| lagging(n).0)?;
        let help = "1 if the sink takes events";
        gauges(to, "sink_up", help, &sinks, |_, sink| u64::from(sink.failing_since.is_none()))?;
        let help = "Events that a sink acknowledged";
        counters(to, "sink_delivered", help, &sinks, |sink| sink.delivered)?;
        let help = "Attempts to send to a sink that failed";
        counters(to, "sink_failures", help, &sinks, |sink| sink.failures)
    }
}

fn gauges(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    sinks: &[Progress],
    value: impl Fn(usize, &Progress) -> u64,
) -> fmt::Result {
    let mut all = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (n, sink) in sinks.iter().enumerate() {
        all.encode_family(&[("sink", sink.name.as_str())])?.encode_gauge(&value(n, sink))?;
    }
    Ok(())
}

fn counters(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    sinks: &[Progress],
    value: impl Fn(&Progress) -> u64,
) -> fmt::Result {
    let mut all = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for sink in sinks {
        let labels = [("sink", sink.name.as_str())];
        all.encode_family(&labels)?.encode_counter::<NoLabels, _, u64>(&value(sink), None)?;
    }
    Ok(())
}
