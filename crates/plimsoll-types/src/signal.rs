//! A signal: what something that watches a deployment says to whoever keeps findings.

use crate::{DeploymentId, Time};

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignalKind {
    /// Values that break the contract's expectations: missing, out of range, never seen.
    Quality,
    /// The distribution of an input has moved.
    InputDrift,
    /// The distribution of scores or decisions has moved.
    OutputDrift,
    /// Performance, by outcomes, has fallen.
    Performance,
    /// Performance, as estimated before outcomes, has fallen.
    EstimatedPerformance,
    /// Scores no longer mean the probability that they say.
    Calibration,
    /// A group is treated worse than its limit allows.
    Fairness,
    /// A model, its data, its reference or its outcomes are too old.
    Staleness,
    /// Something that must be declared for watching is missing.
    Unwatched,
    /// A release was held or rolled back.
    Release,
    /// Somebody may be attacking.
    Security,
}

impl SignalKind {
    /// All kinds, in the order of their pages that list them.
    pub const ALL: [Self; 11] = [
        Self::Quality,
        Self::InputDrift,
        Self::OutputDrift,
        Self::Performance,
        Self::EstimatedPerformance,
        Self::Calibration,
        Self::Fairness,
        Self::Staleness,
        Self::Unwatched,
        Self::Release,
        Self::Security,
    ];

    /// The name on the wire, in records and in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quality => "quality",
            Self::InputDrift => "input_drift",
            Self::OutputDrift => "output_drift",
            Self::Performance => "performance",
            Self::EstimatedPerformance => "estimated_performance",
            Self::Calibration => "calibration",
            Self::Fairness => "fairness",
            Self::Staleness => "staleness",
            Self::Unwatched => "unwatched",
            Self::Release => "release",
            Self::Security => "security",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look, by day.
    Warning,
    /// Somebody must look now.
    Critical,
}

impl Severity {
    /// All, from the mildest.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The name on the wire, in records and in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// Something that is wrong, as seen once. Signals with the same deployment, kind, `about` and
/// slice are the same finding, however often they are seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// The version that answered, where it is about one.
    pub version: Option<u32>,
    /// What kind of thing is wrong.
    pub kind: SignalKind,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: the name of a feature, of a metric, of a guardrail. Never a value of
    /// a caller.
    pub about: String,
    /// The part of the population, as the contract's words for it; `None` is all.
    pub slice: Option<String>,
    /// When what it was seen in began.
    pub since: Time,
    /// When what it was seen in ended.
    pub until: Time,
    /// One sentence for a person: what changed, by how much, how sure.
    pub text: String,
    /// The numbers that decided, by name; units are in the names.
    pub numbers: Vec<(String, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_what_it_names() {
        for kind in SignalKind::ALL {
            assert_eq!(SignalKind::from_name(kind.name()), Some(kind));
        }
        for severity in Severity::ALL {
            assert_eq!(Severity::from_name(severity.name()), Some(severity));
        }
    }
}
