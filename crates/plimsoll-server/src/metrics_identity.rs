//! Metrics of tokens, their issuers, and limits.

use plimsoll_gateway::Gateway;
use plimsoll_types::Clock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::Arc;

type NoLabels = [(&'static str, &'static str); 0];

/// Tokens, issuers and limits on the metrics page.
#[derive(Debug)]
pub(crate) struct IdentityPage(pub(crate) Gateway, pub(crate) Arc<dyn Clock>);

impl Collector for IdentityPage {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        self.tokens(to)?;
        self.limits(to)
    }
}

impl IdentityPage {
    fn tokens(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(trust) = self.0.trusted() else { return Ok(()) };
        let (accepted, refused) = trust.tokens();
        let help = "Bearer tokens shown that were believed";
        to.encode_descriptor("tokens_accepted", help, None, MetricType::Counter)?
            .encode_counter::<NoLabels, _, u64>(&accepted, None)?;
        let help = "Bearer tokens shown that were refused, by reason";
        let mut refusals =
            to.encode_descriptor("tokens_refused", help, None, MetricType::Counter)?;
        for (reason, count) in refused {
            refusals
                .encode_family(&[("reason", reason)])?
                .encode_counter::<NoLabels, _, u64>(&count, None)?;
        }
        let issuers = trust.issuers(self.1.monotonic());
        let help = "Keys of an issuer that can verify tokens now";
        let mut keys = to.encode_descriptor("issuer_keys", help, None, MetricType::Gauge)?;
        for issuer in &issuers {
            let count = u64::try_from(issuer.keys).unwrap_or(u64::MAX);
            keys.encode_family(&[("issuer", issuer.name.as_str())])?.encode_gauge(&count)?;
        }
        let help = "Fetches of an issuer's key set that brought none";
        let mut failures =
            to.encode_descriptor("issuer_fetch_failures", help, None, MetricType::Counter)?;
        for issuer in &issuers {
            failures
                .encode_family(&[("issuer", issuer.name.as_str())])?
                .encode_counter::<NoLabels, _, u64>(&issuer.failures, None)?;
        }
        Ok(())
    }

    fn limits(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests that a limit refused, by whose limit and which";
        let mut refused =
            to.encode_descriptor("limit_refusals", help, None, MetricType::Counter)?;
        for (whose, kind, count) in self.0.limited() {
            refused
                .encode_family(&[("of", whose.as_str()), ("limit", kind.as_str())])?
                .encode_counter::<NoLabels, _, u64>(&count, None)?;
        }
        let help = "Principals and deployments whose use is counted";
        let tracked = u64::try_from(self.0.tracked()).unwrap_or(u64::MAX);
        to.encode_descriptor("limit_tracked", help, None, MetricType::Gauge)?.encode_gauge(&tracked)
    }
}
