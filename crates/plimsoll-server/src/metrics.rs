//! The Prometheus page, read off the gateway's and the ledger's counters at each scrape.

use crate::metrics_findings::FindingsPage;
use crate::metrics_identity::IdentityPage;
use crate::metrics_monitor::MonitorPage;
use crate::metrics_performance::PerformancePage;
use crate::metrics_rollouts::RolloutsPage;
use crate::metrics_sinks::SinksPage;
use plimsoll_control::Control;
use plimsoll_gateway::{Gateway, Histogram, PHASE_BUCKETS_NS};
use plimsoll_lake::Lake;
use plimsoll_ledger::Publishing;
use plimsoll_monitor::Monitor;
use plimsoll_sinks::Sinks;
use plimsoll_types::record::ResultClass;
use plimsoll_types::{Clock, Phase, Time};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The media type of the page: OpenMetrics 1.0, which Prometheus reads.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type NoLabels = [(&'static str, &'static str); 0];

/// The metrics page.
pub(crate) fn page(
    gateway: &Gateway,
    control: &Arc<Control>,
    lake: &Lake,
    sinks: &Sinks,
    monitor: &Arc<Monitor>,
    clock: &Arc<dyn Clock>,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("plimsoll");
    registry.register_collector(Box::new(Page(gateway.clone(), lake.clone(), Arc::clone(clock))));
    registry.register_collector(Box::new(RolloutsPage(gateway.clone())));
    registry.register_collector(Box::new(SinksPage(sinks.clone())));
    registry.register_collector(Box::new(FindingsPage(Arc::clone(control))));
    registry.register_collector(Box::new(MonitorPage(Arc::clone(monitor), gateway.clone())));
    registry.register_collector(Box::new(PerformancePage(Arc::clone(control))));
    registry.register_collector(Box::new(IdentityPage(gateway.clone(), Arc::clone(clock))));
    let mut text = String::with_capacity(32 * 1024);
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Page(Gateway, Lake, Arc<dyn Clock>);

impl Collector for Page {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        self.latencies(to)?;
        self.requests(to)?;
        self.explanations(to)?;
        self.upstreams(to)?;
        self.ledger(to)?;
        self.tables(to)?;
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

    fn explanations(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = self.0.metrics();
        let help = "Answers withheld because they could not be explained";
        let failures = metrics.explanation_failures.load(Relaxed);
        counter(to, "explanation_failures", help, failures)?;
        let help = "Rows of batch jobs recorded; they count as requests too";
        counter(to, "batch_rows", help, metrics.batch_rows.load(Relaxed))?;
        let help = "Decisions made elsewhere that were recorded";
        counter(to, "observed_decisions", help, metrics.observed.load(Relaxed))?;
        let help = "Explanations made after the reply and recorded";
        counter(to, "deferred_explanations", help, metrics.deferred_made.load(Relaxed))?;
        let help = "Decisions that could not be explained after the reply";
        let failed = metrics.deferred_failed.load(Relaxed);
        counter(to, "deferred_explanation_failures", help, failed)?;
        let help = "Ledger entries not looked at yet for deferred explanations";
        gauge(to, "deferred_explanation_lag", help, metrics.deferred_lag.load(Relaxed))
    }

    fn upstreams(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let upstreams = self.0.upstreams();
        let labelled: Vec<_> =
            upstreams.iter().map(|up| (up, up.model.as_str(), up.version.to_string())).collect();
        let help = "Requests to services that answer for models, by how they ended";
        let mut ended =
            to.encode_descriptor("upstream_requests", help, None, MetricType::Counter)?;
        for (upstream, model, version) in &labelled {
            for (how, count) in &upstream.ended {
                ended
                    .encode_family(&[("model", *model), ("version", version), ("ended", *how)])?
                    .encode_counter::<NoLabels, _, u64>(count, None)?;
            }
        }
        let help = "Requests under way to services that answer for models";
        let mut under_way =
            to.encode_descriptor("upstream_in_flight", help, None, MetricType::Gauge)?;
        for (upstream, model, version) in &labelled {
            under_way
                .encode_family(&[("model", *model), ("version", version)])?
                .encode_gauge(&upstream.in_flight)?;
        }
        let help = "1 for where the circuit breaker of an endpoint stands";
        let mut states =
            to.encode_descriptor("upstream_breaker_state", help, None, MetricType::Gauge)?;
        for (upstream, model, version) in &labelled {
            for (place, (state, _)) in upstream.breakers.iter().enumerate() {
                let (endpoint, state) = (place.to_string(), state.as_str());
                states
                    .encode_family(&[
                        ("model", *model),
                        ("version", version),
                        ("endpoint", &endpoint),
                        ("state", state),
                    ])?
                    .encode_gauge(&1_u32)?;
            }
        }
        let help = "How often the circuit breaker of an endpoint has opened";
        let mut opened =
            to.encode_descriptor("upstream_breaker_opened", help, None, MetricType::Counter)?;
        for (upstream, model, version) in &labelled {
            for (place, (_, count)) in upstream.breakers.iter().enumerate() {
                let endpoint = place.to_string();
                opened
                    .encode_family(&[
                        ("model", *model),
                        ("version", version),
                        ("endpoint", &endpoint),
                    ])?
                    .encode_counter::<NoLabels, _, u64>(count, None)?;
            }
        }
        Ok(())
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
        gauge(to, "ledger_healthy", "1 if the ledger takes records", u64::from(health.ok))?;
        self.log(to)
    }

    fn log(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let state = self.0.ledger().publishing();
        gauge(to, "ledger_integrated_entries", "Entries in the tree", state.integrated)?;
        let help = "Entries that the latest checkpoint covers";
        gauge(to, "ledger_published_entries", help, state.published)?;
        let help = "Bytes of tiles and bundles published";
        counter(to, "ledger_published_bytes", help, state.bytes)?;
        let is_signing = u64::from(state.stopped.is_none());
        gauge(to, "ledger_signing", "1 if checkpoints are signed", is_signing)?;
        let now = self.2.now().as_micros();
        let age = |at: Time| now.saturating_sub(at.as_micros());
        if let Some(at) = state.published_at {
            seconds(to, "ledger_checkpoint_age", "Time since the latest checkpoint", age(at))?;
        }
        if let Some(at) = state.witnessed_at {
            let help = "Time since a witness signed a checkpoint";
            seconds(to, "ledger_not_witnessed", help, age(at))?;
        }
        self.sinks(to, &state)
    }

    fn sinks(&self, to: &mut DescriptorEncoder<'_>, state: &Publishing) -> fmt::Result {
        if state.sinks.is_empty() {
            return Ok(());
        }
        let help = "Entries published and not yet covered by a checkpoint at this sink";
        let mut lag =
            to.encode_descriptor("ledger_sink_lag_entries", help, None, MetricType::Gauge)?;
        for sink in &state.sinks {
            let behind = state.published.saturating_sub(sink.size);
            lag.encode_family(&[("sink", &*sink.name)])?.encode_gauge(&behind)?;
        }
        let help = "1 if the sink's last attempt failed";
        let mut failing =
            to.encode_descriptor("ledger_sink_failing", help, None, MetricType::Gauge)?;
        for sink in &state.sinks {
            let fails = u64::from(sink.failing.is_some());
            failing.encode_family(&[("sink", &*sink.name)])?.encode_gauge(&fails)?;
        }
        Ok(())
    }

    fn tables(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let progress = self.1.progress();
        let help = "Ledger entries that are in the files of decision tables";
        gauge(to, "lake_entries", help, progress.entries)?;
        let help =
            "Ledger entries not in files of decision tables yet; queries see them all the same";
        gauge(to, "lake_lag_entries", help, progress.durable.saturating_sub(progress.entries))
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

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds for people; 2^53 microseconds are 285 years"
)]
fn seconds(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, micros: u64) -> fmt::Result {
    to.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?
        .encode_gauge(&(micros as f64 / 1e6))
}

#[expect(clippy::cast_precision_loss, reason = "seconds for people; 2^53 nanoseconds are 104 days")]
fn histogram(mut to: MetricEncoder<'_>, times: &Histogram) -> fmt::Result {
    let (buckets, sum) = times.read();
    let bounds = PHASE_BUCKETS_NS.iter().map(|&ns| ns as f64 / 1e9).chain([f64::MAX]);
    let counted: Vec<(f64, u64)> = bounds.zip(buckets).collect();
    to.encode_histogram::<NoLabels>(sum as f64 / 1e9, buckets.iter().sum(), &counted, None)
}
