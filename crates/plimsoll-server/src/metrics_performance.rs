//! The Prometheus page's part about outcomes: how fast the budget of wrong answers is used up, and the
//! evidence that they have become more.

use plimsoll_control::{Control, Standing};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::Arc;

/// Series of one metric: a scrape is not to grow without end with deployments.
const MAX_SERIES: usize = 20_000;
/// What the window of the whole budget is called.
const WHOLE: &str = "30d";

/// What was last seen of each deployment's outcomes.
#[derive(Debug)]
pub(crate) struct PerformancePage(pub(crate) Arc<Control>);

/// A value, with the labels that it has beside its deployment's.
type Labelled = (Option<(&'static str, &'static str)>, f64);

impl Collector for PerformancePage {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.0.standings();
        let to = &mut to;
        let help = "The share of right answers that is wanted over thirty days";
        write(to, "performance_objective", help, &all, |one| {
            one.objective.map(|objective| (None, objective)).into_iter().collect()
        })?;
        let help = "The share of answers that were right, of outcomes that came in the window";
        write(to, "performance_right_share", help, &all, |one| {
            one.burnt.iter().map(|burnt| (Some(("window", burnt.window)), burnt.right)).collect()
        })?;
        let help = "How many times as fast as planned the budget of wrong answers is used up";
        write(to, "performance_burn_rate", help, &all, |one| {
            one.burnt.iter().map(|burnt| (Some(("window", burnt.window)), burnt.rate)).collect()
        })?;
        let help = "The burn rate from which on a window, and the short one beside it, is too fast";
        write(to, "performance_burn_limit", help, &all, |one| {
            one.limits.iter().map(|(window, limit)| (Some(("window", *window)), *limit)).collect()
        })?;
        let help =
            "What is left of the budget of wrong answers of thirty days; below 0 it is overdrawn";
        write(to, "performance_budget_left", help, &all, |one| {
            let whole = one.burnt.iter().find(|burnt| burnt.window == WHOLE);
            whole.map(|burnt| (None, 1.0 - burnt.rate)).into_iter().collect()
        })?;
        let help = "How many to one the evidence is that a loss has risen since it was first known";
        write(to, "performance_loss_evidence", help, &all, |one| {
            one.losses.iter().map(|(loss, now, _)| (Some(("loss", *loss)), *now)).collect()
        })?;
        let help = "What that evidence has to reach";
        write(to, "performance_loss_evidence_needed", help, &all, |one| {
            one.losses.iter().map(|(loss, _, goal)| (Some(("loss", *loss)), *goal)).collect()
        })
    }
}

fn write(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    all: &[Standing],
    values: impl Fn(&Standing) -> Vec<Labelled>,
) -> fmt::Result {
    let mut written = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    let each = all.iter().flat_map(|one| values(one).into_iter().map(move |value| (one, value)));
    for (one, (label, value)) in each.take(MAX_SERIES) {
        let deployment = ("deployment", one.name.as_str());
        match label {
            None => written.encode_family(&[deployment])?.encode_gauge(&value)?,
            Some(label) => written.encode_family(&[deployment, label])?.encode_gauge(&value)?,
        }
    }
    Ok(())
}
