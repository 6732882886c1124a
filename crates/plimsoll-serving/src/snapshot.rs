//! The snapshot itself, and the cache of access decisions that lives and dies with it.

use crate::{Caller, KeyRing, Limits, ServedDeployment};
use plimsoll_policy::{Action, Deployment, PolicySet, Resource, RoleSet};
use plimsoll_types::{Digest, Name, PrincipalId, TenantId, Time};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Cached verdicts: callers × deployments, a byte each. 4 MiB is 1,000 keys on 4,000
/// deployments; a larger installation evaluates the policies every time.
const MAX_CACHED_VERDICTS: usize = 4 << 20;

/// Verdicts kept of callers whom others vouch for; some 100 bytes each. When they are more, all are
/// forgotten and asked for anew.
const MAX_ELSEWHERE: usize = 65_536;

const UNKNOWN: u8 = 0;
const PERMIT: u8 = 1;
const DENY: u8 = 2;

/// What a snapshot is made of.
#[derive(Debug)]
pub struct SnapshotParts {
    /// Counts up with every published snapshot.
    pub generation: u64,
    /// SHA-256 over the canonical description of what is served.
    pub digest: Digest,
    /// When it was compiled.
    pub made: Time,
    /// The organisation of the installation.
    pub tenant: TenantId,
    /// The policies.
    pub policies: Arc<PolicySet>,
    /// The digest of their source.
    pub policy_digest: Digest,
    /// The deployments; `index` is each one's position.
    pub deployments: Vec<Arc<ServedDeployment>>,
    /// The keys.
    pub keys: KeyRing,
    /// How much may be asked, and by whom.
    pub limits: Limits,
    /// How many callers there are: every [`Caller::index`] is below it.
    pub callers: u32,
    /// The one principal of `--dev`; without it, keys are required.
    pub dev: Option<Arc<Caller>>,
}

/// Compiled, immutable state that a gateway answers from.
#[derive(Debug)]
pub struct ServingSnapshot {
    parts: SnapshotParts,
    by_name: HashMap<Name, u32>,
    /// Verdicts of `Infer`, by caller and deployment. Policy, keys and deployments are fixed
    /// within a snapshot, so a verdict never has to be forgotten.
    verdicts: Vec<AtomicU8>,
    /// The same of callers from elsewhere.
    elsewhere: RwLock<HashMap<Elsewhere, bool>>,
}

/// What a verdict of a caller from elsewhere hangs on: see [`Caller::ELSEWHERE`].
type Elsewhere = (PrincipalId, RoleSet, u32);

impl ServingSnapshot {
    /// A snapshot of these parts.
    #[must_use]
    pub fn new(parts: SnapshotParts) -> Self {
        let names = parts.deployments.iter().map(|d| (d.name.clone(), d.index));
        let wanted = (parts.callers as usize).saturating_mul(parts.deployments.len());
        let cached = if wanted <= MAX_CACHED_VERDICTS { wanted } else { 0 };
        Self {
            by_name: names.collect(),
            verdicts: (0..cached).map(|_| AtomicU8::new(UNKNOWN)).collect(),
            elsewhere: RwLock::default(),
            parts,
        }
    }
    /// What the snapshot is made of.
    #[must_use]
    pub const fn parts(&self) -> &SnapshotParts {
        &self.parts
    }
    /// The deployment of this name.
    #[must_use]
    pub fn deployment(&self, name: &str) -> Option<&Arc<ServedDeployment>> {
        let index = self.by_name.get(name)?;
        self.parts.deployments.get(*index as usize)
    }

    /// Whether `caller` may ask `deployment` for decisions. The first answer is kept.
    #[must_use]
    pub fn may_infer(&self, caller: &Caller, deployment: &ServedDeployment) -> bool {
        if caller.index == Caller::ELSEWHERE {
            return self.may_infer_from_elsewhere(caller, deployment);
        }
        let row = (caller.index as usize).saturating_mul(self.parts.deployments.len());
        let slot = self.verdicts.get(row.saturating_add(deployment.index as usize));
        match slot.map_or(UNKNOWN, |slot| slot.load(Ordering::Relaxed)) {
            PERMIT => true,
            DENY => false,
            _ => {
                let is_allowed = self.judge(caller, deployment);
                if let Some(slot) = slot {
                    slot.store(if is_allowed { PERMIT } else { DENY }, Ordering::Relaxed);
                }
                is_allowed
            }
        }
    }

    fn may_infer_from_elsewhere(&self, caller: &Caller, deployment: &ServedDeployment) -> bool {
        let key = (caller.id, caller.principal.roles, deployment.index);
        let kept = self.elsewhere.read().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        kept.unwrap_or_else(|| {
            let is_allowed = self.judge(caller, deployment);
            let mut kept = self.elsewhere.write().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= MAX_ELSEWHERE {
                kept.clear();
            }
            kept.insert(key, is_allowed);
            is_allowed
        })
    }

    fn judge(&self, caller: &Caller, deployment: &ServedDeployment) -> bool {
        let resource = Resource::Deployment(deployment.resource());
        self.parts.policies.authorize(&caller.principal, Action::Infer, &resource).allowed
    }
}

impl ServedDeployment {
    /// The deployment as policy sees it.
    #[must_use]
    pub fn resource(&self) -> Deployment {
        Deployment {
            name: self.name.clone(),
            environment: self.environment,
            owner: self.owner.clone(),
            tier: self.tier.clone(),
            tenant: self.tenant,
        }
    }
}
