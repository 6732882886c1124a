//! The findings' part of the Prometheus page.

use plimsoll_control::Control;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::Arc;

/// How many findings there are, and how their telling goes.
#[derive(Debug)]
pub(crate) struct FindingsPage(pub(crate) Arc<Control>);

impl Collector for FindingsPage {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        // What cannot be read now is left out: a gap in a graph, not a wrong number.
        if let Ok(found) = tokio::task::block_in_place(|| self.0.count_findings()) {
            let help = "Findings that are not resolved";
            let mut all = to.encode_descriptor("findings", help, None, MetricType::Gauge)?;
            for (deployment, [kind, severity, state], count) in &found {
                let labels = [
                    ("deployment", deployment.as_str()),
                    ("kind", kind),
                    ("severity", severity),
                    ("state", state),
                ];
                all.encode_family(&labels)?.encode_gauge(count)?;
            }
        }
        if let Ok((waiting, dead)) = tokio::task::block_in_place(|| self.0.count_alerts()) {
            let help = "Alerts that wait to be taken, and those that were given up";
            let mut all =
                to.encode_descriptor("alert_deliveries", help, None, MetricType::Gauge)?;
            for (state, count) in [("waiting", waiting), ("dead", dead)] {
                all.encode_family(&[("state", state)])?.encode_gauge(&count)?;
            }
        }
        Ok(())
    }
}
