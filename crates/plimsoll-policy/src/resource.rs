//! What is asked about: the kinds of resource in the schema, each with the facts the
//! policies look at. The caller fills them in from the snapshot or the store.

use crate::principal::Environment;
use plimsoll_types::{ApiKeyId, DecisionId, Name, TenantId};

/// The kinds of resource in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// The installation.
    Server,
    /// A served use of a registered model.
    Deployment,
    /// A model version about to answer in a deployment.
    Release,
    /// A registered model.
    Model,
    /// A model version.
    Version,
    /// A registered model of the catalogue, under whatever name.
    Catalogued,
    /// A dataset.
    Dataset,
    /// A recorded decision.
    Decision,
    /// The policy set.
    Policy,
    /// A principal, as something to manage.
    Principal,
    /// An API key.
    Key,
    /// An input contract.
    Contract,
}

impl ResourceKind {
    /// Every kind, in the order of the schema.
    pub const ALL: &[Self] = &[
        Self::Server,
        Self::Deployment,
        Self::Release,
        Self::Model,
        Self::Version,
        Self::Catalogued,
        Self::Dataset,
        Self::Decision,
        Self::Policy,
        Self::Principal,
        Self::Key,
        Self::Contract,
    ];

    /// The entity type in the schema, without its namespace.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Deployment => "Deployment",
            Self::Release => "Release",
            Self::Model => "Model",
            Self::Version => "Version",
            Self::Catalogued => "Catalogued",
            Self::Dataset => "Dataset",
            Self::Decision => "Decision",
            Self::Policy => "Policy",
            Self::Principal => "Principal",
            Self::Key => "Key",
            Self::Contract => "Contract",
        }
    }
}

/// The facts of a deployment that policies look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its name, which scopes of API keys list.
    pub name: Name,
    /// Where it stands.
    pub environment: Environment,
    /// The principal id or team that answers for it.
    pub owner: Box<str>,
    /// Its risk tier; `unassessed` until it has one.
    pub tier: Box<str>,
    /// The organisation it belongs to.
    pub tenant: TenantId,
}

/// What governance found of a release: the facts of its gate and approvals, as they are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that policies name")]
pub struct Standing {
    /// Whether a gate and approvals are asked for: the use is no sandbox.
    pub gate_asked: bool,
    /// Whether the gate passes now.
    pub gate_passed: bool,
    /// Distinct people whose approval counts.
    pub approvals: u32,
    /// Whether they are enough for the tier.
    pub approved: bool,
    /// Whether it may only be by breaking the glass.
    pub emergency: bool,
}

/// What a principal asks to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The installation.
    Server {
        /// The organisation that operates it, which alone sees it as a whole.
        tenant: TenantId,
        /// Whether the operator opted in to showing the ledger's proofs to anyone.
        public_ledger: bool,
    },
    /// A served use of a registered model, existing or about to be made.
    Deployment(Deployment),
    /// A model version about to answer in a deployment.
    Release {
        /// The registered model.
        model: Name,
        /// The number of the version.
        number: u32,
        /// The principal id that made the version.
        author: Box<str>,
        /// The deployment it would answer in.
        into: Deployment,
        /// What governance found of it.
        standing: Standing,
    },
    /// A registered model, existing or about to be made.
    Model {
        /// Its name.
        name: Name,
        /// The principal id or team that answers for it.
        owner: Box<str>,
        /// The organisation it belongs to.
        tenant: TenantId,
    },
    /// A model version.
    Version {
        /// The registered model.
        model: Name,
        /// The number of the version.
        number: u32,
        /// The principal id that made it.
        author: Box<str>,
        /// The organisation it belongs to.
        tenant: TenantId,
    },
    /// A registered model of the catalogue, existing or about to be made.
    Catalogued {
        /// Its name: any text.
        name: Box<str>,
        /// The principal id or team that answers for it.
        owner: Box<str>,
        /// The principal id that made the version in question; empty if none is.
        author: Box<str>,
        /// The organisation it belongs to.
        tenant: TenantId,
    },
    /// A dataset.
    Dataset {
        /// Its name.
        name: Name,
        /// The principal id or team that answers for it.
        owner: Box<str>,
        /// Whether its manifest names classes of personal data.
        personal: bool,
        /// What was granted to the asker for the purpose stated: `read`, `train`, `export`.
        granted: Vec<&'static str>,
        /// The organisation it belongs to.
        tenant: TenantId,
    },
    /// A recorded decision.
    Decision {
        /// Its id.
        id: DecisionId,
        /// The deployment that answered or refused.
        deployment: Name,
        /// Where that deployment stood.
        environment: Environment,
        /// The principal id that asked for it, where policy needs to know.
        asker: Option<Box<str>>,
        /// The organisation it belongs to.
        tenant: TenantId,
    },
    /// The policy set.
    Policy,
    /// A principal, as something to manage.
    Principal {
        /// Its id.
        id: Box<str>,
        /// The organisation it belongs to.
        tenant: TenantId,
    },
    /// An API key, existing or about to be made.
    Key {
        /// Its id.
        id: ApiKeyId,
        /// The id of the principal it speaks for.
        holder: Box<str>,
        /// The environment it is limited to; `None` means any.
        environment: Option<Environment>,
        /// The organisation it belongs to.
        tenant: TenantId,
    },
    /// An input contract.
    Contract {
        /// Its name or digest.
        name: Box<str>,
        /// The principal id that stored it.
        author: Box<str>,
        /// The organisation it belongs to.
        tenant: TenantId,
    },
}

impl Resource {
    /// Which kind of resource it is.
    #[must_use]
    pub const fn kind(&self) -> ResourceKind {
        match self {
            Self::Server { .. } => ResourceKind::Server,
            Self::Deployment(_) => ResourceKind::Deployment,
            Self::Release { .. } => ResourceKind::Release,
            Self::Model { .. } => ResourceKind::Model,
            Self::Version { .. } => ResourceKind::Version,
            Self::Catalogued { .. } => ResourceKind::Catalogued,
            Self::Dataset { .. } => ResourceKind::Dataset,
            Self::Decision { .. } => ResourceKind::Decision,
            Self::Policy => ResourceKind::Policy,
            Self::Principal { .. } => ResourceKind::Principal,
            Self::Key { .. } => ResourceKind::Key,
            Self::Contract { .. } => ResourceKind::Contract,
        }
    }
}
