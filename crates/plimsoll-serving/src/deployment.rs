//! What is served under a deployment's name, and which version gets a request.

use crate::experiment::{ArmPlan, ServedExperiment};
use crate::fallback::Fallback;
use crate::rollout::ServedRollout;
use crate::routes::ServedRoute;
use plimsoll_contract::{Binding, CompiledContract};
use plimsoll_explain::{CompiledProfile, Explainer};
use plimsoll_model::Model;
use plimsoll_policy::Environment;
use plimsoll_types::record::{Mode, Route};
use plimsoll_types::{DecisionId, DeploymentId, Digest, Name, TenantId};
use plimsoll_upstream::Upstream;
use std::sync::Arc;

/// When a decision is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// Not at all.
    Off,
    /// After the reply, as a record of its own.
    Deferred,
    /// Before the reply, as part of the record.
    Inline,
}

/// A model version, loaded and bound to the deployment's contract.
#[derive(Debug)]
pub struct ServedVersion {
    /// The registered model.
    pub model_name: Name,
    /// The number of the version.
    pub number: u32,
    /// Digest of the version's manifest.
    pub manifest: Digest,
    /// The model; of one that answers elsewhere, what is declared of it.
    pub model: Arc<Model>,
    /// Which contract field feeds which model input.
    pub binding: Binding,
    /// What explains its answers, where the deployment wants that.
    pub explainer: Option<Arc<Explainer>>,
    /// Where it answers, if not here.
    pub upstream: Option<Arc<Upstream>>,
}

/// A contract with its digest.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The compiled contract.
    pub contract: Arc<CompiledContract>,
    /// The digest of its canonical JSON.
    pub contract_digest: Digest,
    /// The version that answers.
    pub primary: Arc<ServedVersion>,
    /// The version that was released before it, kept loaded where it stands in for it.
    pub previous: Option<Arc<ServedVersion>>,
    /// The version that is tried under traffic, if one is.
    pub rollout: Option<Arc<ServedRollout>>,
    /// The versions that answer shares of the traffic, if an experiment is under way.
    pub experiment: Option<Arc<ServedExperiment>>,
    /// Rules that choose a version whatever the split says; the first that fits counts.
    pub routes: Vec<ServedRoute>,
}

/// What decisions that are made elsewhere are held against.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The compiled contract.
    pub contract: Arc<CompiledContract>,
    /// The digest of its canonical JSON.
    pub contract_digest: Digest,
}

/// The limits and habits of a deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// When an answer may leave.
    pub mode: Mode,
    /// When a decision is explained.
    pub explain: Explain,
    /// What is answered when the model cannot.
    pub fallback: Fallback,
    /// Largest request body after decompression, in bytes.
    pub max_body_bytes: usize,
    /// Longest time from `accept` to the reply, in milliseconds.
    pub deadline_ms: u32,
    /// Requests in flight at once; one more is refused as overloaded.
    pub max_in_flight: u32,
    /// Which answers a person looks at.
    pub review: Review,
    /// Whether a person switched its models off, so that the fallback alone answers.
    pub is_killed: bool,
}

/// Which answers a person looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Review {
    /// None, unless one is contested.
    Off,
    /// This share of them, after they were given.
    Sampled(f64),
    /// Every one, before it is given.
    Held,
}

impl Review {
    /// Whether the answer of this decision is looked at. The same decision gives the same:
    /// its id's last six bytes are random (RFC 9562 §5.7).
    #[must_use]
    pub fn picks(self, id: DecisionId) -> bool {
        match self {
            Self::Off => false,
            Self::Held => true,
            Self::Sampled(share) => {
                let [.., a, b, c, d, e, f] = *id.as_bytes();
                let drawn = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
                #[expect(clippy::cast_precision_loss, reason = "48 bits fit a float's 53")]
                let drawn = drawn as f64 / (1_u64 << 48) as f64;
                drawn < share
            }
        }
    }
}

/// A deployment as the gateway sees it.
#[derive(Debug)]
pub struct ServedDeployment {
    /// Position among the snapshot's deployments, from 0.
    pub index: u32,
    /// Its id.
    pub id: DeploymentId,
    /// Its name.
    pub name: Name,
    /// The organisation it belongs to.
    pub tenant: TenantId,
    /// Where it stands.
    pub environment: Environment,
    /// Who answers for it.
    pub owner: Box<str>,
    /// Its risk tier.
    pub tier: Box<str>,
    /// Its limits and habits.
    pub settings: Settings,
    /// What persons are told of its decisions.
    pub profile: Option<Arc<CompiledProfile>>,
    /// Of one that records decisions which are made elsewhere: the contract that they are held
    /// against. Such a deployment serves nothing.
    pub observed: Option<Observed>,
    /// What it serves, or why it cannot, in words for the owner.
    pub serving: Result<Serving, Box<str>>,
}

/// Which version takes a request, and in which part.
#[derive(Debug, Clone, Copy)]
pub struct RoutePlan<'a> {
    /// The part.
    pub route: Route,
    /// The version.
    pub version: &'a ServedVersion,
    /// The rollout that the request was assigned in, if one is under way.
    pub rollout: Option<&'a ServedRollout>,
    /// The arm that it was assigned to, if an experiment is under way.
    pub arm: Option<ArmPlan<'a>>,
    /// Whether the candidate is asked the same afterwards.
    pub is_shadowed: bool,
}

/// The route of a request that takes no part in rollouts.
#[must_use]
pub fn plan(serving: &Serving) -> RoutePlan<'_> {
    RoutePlan {
        route: Route::Primary,
        version: &serving.primary,
        rollout: None,
        arm: None,
        is_shadowed: false,
    }
}

/// Plans the route of a request that is assigned by `key`. The same snapshot and key give the same
/// plan until the rollout is rolled back; from then on everybody gets the incumbent.
#[must_use]
pub fn route<'a>(serving: &'a Serving, key: &[u8]) -> RoutePlan<'a> {
    match serving.rollout.as_deref() {
        Some(rollout) if !rollout.live.is_back() => rollout.route(&serving.primary, key),
        _ => plan(serving),
    }
}
