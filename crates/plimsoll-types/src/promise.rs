//! The five promises: invariants that tests, code and documents name alike.

/// A promise that Plimsoll keeps, see `ARCHITECTURE.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Promise {
    /// Exactly one completion record for every inference request that was resolved to a
    /// deployment, durable before the reply in modes `strict` and `durable`.
    Recorded,
    /// No model version answers a caller without a passed gate and its tier's approvals.
    Governed,
    /// Every deployment has a reference, windows, thresholds and an owner.
    Watched,
    /// Every endpoint authenticated and authorized; unknown fields refused; personal data
    /// encrypted at rest.
    Closed,
    /// Each compliance status is computed from recorded data and names it.
    Provable,
}

impl Promise {
    /// The name as written in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "RECORDED",
            Self::Governed => "GOVERNED",
            Self::Watched => "WATCHED",
            Self::Closed => "CLOSED",
            Self::Provable => "PROVABLE",
        }
    }
}
