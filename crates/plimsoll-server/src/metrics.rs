//! The Prometheus page, read off the gateway's and the ledger's counters at each scrape.

use crate::metrics_sinks::SinksPage;
use plimsoll_gateway::{Gateway, Histogram, PHASE_BUCKETS_NS};
use plimsoll_sinks::Sinks;
use plimsoll_types::Phase;
use plimsoll_types::record::ResultClass;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

/// The media type of the page: OpenMetrics 1.0, which Prometheus reads.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type NoLabels = [(&'static str, &'static str); 0];

/// The metrics page.
pub(crate) fn page(gateway: &Gateway, sinks: &Sinks) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("plimsoll");
    registry.register_collector(Box::new(Page(gateway.clone())));
    registry.register_collector(Box::new(SinksPage(sinks.clone())));
    let mut text = String::with_capacity(32 * 1024);
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Page(Gateway);

impl Collector for Page {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        self.latencies(to)?;
        self.requests(to)?;
        self.ledger(to)?;
        self.snapshot(to)
    }
}

impl Page {
    fn latencies(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = self.0.metrics();
        let mut phases = to.encode_descriptor(
            "gateway_phase_duration",
            "Time in each phase of an inference request",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for phase in Phase::ALL {
            histogram(phases.encode_family(&[("phase", phase.as_str())])?, metrics.phase(*phase))?;
        }
        let whole = [
            ("gateway_request_duration", "Time from accept to the answer", &metrics.total),
            ("gateway_overhead_duration", "Total time less time in the model", &metrics.overhead),
        ];
        for (name, help, times) in whole {
            let encoder =
                to.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
            histogram(encoder, times)?;
        }
        Ok(())
    }

    fn requests(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = self.0.metrics();
        let help = "Inference requests that were resolved to a deployment";
        counter(to, "gateway_requests_resolved", help, metrics.resolved.load(Relaxed))?;
        let help = "Completion records handed to the ledger";
        let mut completions =
            to.encode_descriptor("gateway_completions", help, None, MetricType::Counter)?;
        for result in ResultClass::ALL {
            let count = metrics.completion(*result).load(Relaxed);
            completions
                .encode_family(&[("result", result.as_str())])?
                .encode_counter::<NoLabels, _, u64>(&count, None)?;
        }
        let help = "Refusals by listener, phase and reason";
        let mut refusals = to.encode_descriptor("refusals", help, None, MetricType::Counter)?;
        for refusal in self.0.tally().totals() {
            let labels = [
                ("listener", &*refusal.listener),
                ("phase", refusal.phase.as_str()),
                ("code", refusal.code.as_str()),
            ];
            refusals
                .encode_family(&labels)?
                .encode_counter::<NoLabels, _, u64>(&refusal.count, None)?;
        }
        gauge(
            to,
            "gateway_in_flight",
            "Inference requests in flight",
            metrics.in_flight.load(Relaxed),
        )
    }

    fn ledger(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let ledger = self.0.ledger();
        let (stats, health) = (ledger.stats(), ledger.health());
        counter(to, "ledger_records", "Records made durable", stats.records)?;
        counter(to, "ledger_batches", "Batches written, each with one sync", stats.batches)?;
        counter(to, "ledger_bytes", "Bytes written to segments", stats.bytes)?;
        gauge(to, "ledger_durable_entries", "Entries in the ledger", health.durable)?;
        gauge(
            to,
            "ledger_queue_records",
            "Records waiting for the writer",
            health.queue_records as u64,
        )?;
        gauge(to, "ledger_queue_bytes", "Bytes waiting for the writer", health.queue_bytes as u64)?;
        gauge(to, "ledger_healthy", "1 if the ledger takes records", u64::from(health.ok))
    }

    fn snapshot(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.0.snapshot();
        let parts = snapshot.parts();
        gauge(to, "snapshot_generation", "Generation of the serving snapshot", parts.generation)?;
        let help = "1 if the deployment is ready to answer";
        let mut ready = to.encode_descriptor("deployment_ready", help, None, MetricType::Gauge)?;
        for deployment in &parts.deployments {
            let is_ready = u64::from(deployment.serving.is_ok());
            ready
                .encode_family(&[("deployment", deployment.name.as_str())])?
                .encode_gauge(&is_ready)?;
        }
        Ok(())
    }
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let mut encoder = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    encoder.encode_counter::<NoLabels, _, u64>(&value, None)
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    to.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}

#[expect(clippy::cast_precision_loss, reason = "seconds for people; 2^53 nanoseconds are 104 days")]
fn histogram(mut to: MetricEncoder<'_>, times: &Histogram) -> fmt::Result {
    let (buckets, sum) = times.read();
    let bounds = PHASE_BUCKETS_NS.iter().map(|&ns| ns as f64 / 1e9).chain([f64::MAX]);
    let counted: Vec<(f64, u64)> = bounds.zip(buckets).collect();
    to.encode_histogram::<NoLabels>(sum as f64 / 1e9, buckets.iter().sum(), &counted, None)
}
