//! Rules of a deployment: requests with a header or a context attribute go to one version, whatever
//! the split says. Pure: who asks gives the texts.

use crate::deployment::{ServedVersion, Serving};
use plimsoll_contract::CompiledSource;
use std::borrow::Cow;
use std::sync::Arc;

/// A rule, bound to the contract.
#[derive(Debug, Clone)]
pub struct ServedRoute {
    /// Where a request says what the rule asks for; read from its first row.
    pub source: CompiledSource,
    /// The values of which it has to have one.
    pub values: Vec<Box<str>>,
    /// Where such requests go.
    pub target: RouteTarget,
    /// The rule as it was declared, for records.
    pub text: Box<str>,
}

/// Where a rule sends requests.
#[derive(Debug, Clone)]
pub enum RouteTarget {
    /// The version that is tried. While none is, or it answers nobody, the rule is passed over.
    Candidate,
    /// The version that answers everybody else, also while another is tried.
    Incumbent,
    /// A version of its own.
    Version(Arc<ServedVersion>),
}

impl Serving {
    /// The first rule that a request with these texts follows now.
    pub fn ruled<'a>(
        &self,
        mut text: impl FnMut(&CompiledSource) -> Option<Cow<'a, str>>,
    ) -> Option<usize> {
        let is_exposed = || {
            let rollout = self.rollout.as_deref();
            rollout.is_some_and(|rollout| rollout.is_exposed && !rollout.live.is_back())
        };
        self.routes.iter().position(|route| {
            let is_there = !matches!(route.target, RouteTarget::Candidate) || is_exposed();
            is_there
                && text(&route.source)
                    .is_some_and(|text| route.values.iter().any(|value| **value == *text))
        })
    }
}
