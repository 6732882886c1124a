//! What the metrics page says of routes and rollouts.

use plimsoll_gateway::Gateway;
use plimsoll_types::record::Route;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

type NoLabels = [(&'static str, &'static str); 0];

/// Requests by route, and every rollout under way.
#[derive(Debug)]
pub(crate) struct RolloutsPage(pub(crate) Gateway);

/// A rollout under way.
struct UnderWay {
    deployment: String,
    version: String,
    candidates: u64,
    pairs: u64,
    is_back: bool,
}

impl Collector for RolloutsPage {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        let metrics = self.0.metrics();
        let help = "Completion records of requests for which a version was chosen, by route";
        let mut routes =
            to.encode_descriptor("decisions_by_route", help, None, MetricType::Counter)?;
        for route in Route::ALL {
            let count = metrics.route(*route).load(Relaxed);
            routes
                .encode_family(&[("route", route.as_str())])?
                .encode_counter::<NoLabels, _, u64>(&count, None)?;
        }
        let help = "Pairs of answers that were not compared, as too many waited";
        to.encode_descriptor("shadows_dropped", help, None, MetricType::Counter)?
            .encode_counter::<NoLabels, _, u64>(&metrics.shadows_dropped.load(Relaxed), None)?;
        let served = self.under_way();
        let help = "Requests that the candidate of a rollout under way answered";
        counters(to, "rollout_candidates", help, &served, |one| one.candidates)?;
        let help = "Pairs of answers that a rollout under way has compared";
        counters(to, "rollout_pairs", help, &served, |one| one.pairs)?;
        let help = "1 if the traffic of a rollout was sent back to the incumbent";
        let mut all = to.encode_descriptor("rollout_is_back", help, None, MetricType::Gauge)?;
        for one in &served {
            all.encode_family(&labels(one))?.encode_gauge(&u64::from(one.is_back))?;
        }
        Ok(())
    }
}

impl RolloutsPage {
    fn under_way(&self) -> Vec<UnderWay> {
        let snapshot = self.0.snapshot();
        let served = snapshot.parts().deployments.iter().filter_map(|deployment| {
            let rollout = deployment.serving.as_ref().ok()?.rollout.as_ref()?;
            let (candidates, pairs) = rollout.live.with(|watched| watched.rollout.counts());
            Some(UnderWay {
                deployment: deployment.name.to_string(),
                version: rollout.candidate.number.to_string(),
                candidates,
                pairs,
                is_back: rollout.live.is_back(),
            })
        });
        served.collect()
    }
}

fn labels(one: &UnderWay) -> [(&'static str, &str); 2] {
    [("deployment", &one.deployment), ("version", &one.version)]
}

fn counters(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    served: &[UnderWay],
    value: impl Fn(&UnderWay) -> u64,
) -> fmt::Result {
    let mut all = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for one in served {
        all.encode_family(&labels(one))?.encode_counter::<NoLabels, _, u64>(&value(one), None)?;
    }
    Ok(())
}
