//! Who acts, and in which request: the first parameter of every use case.

use plimsoll_policy::{Environment, Principal};
use plimsoll_serving::Caller;
use plimsoll_types::{ApiKeyId, PrincipalId, TenantId};

/// Who acts, with which limits, in which request.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The principal as policy sees it, limited by its key.
    pub principal: Principal,
    /// The principal as records name it; zero for the anonymous caller and the server itself.
    pub id: PrincipalId,
    /// The key it came with.
    pub key: Option<ApiKeyId>,
    /// The id of the request, for logs and events.
    pub request_id: Box<str>,
}

impl RequestContext {
    /// The context of a caller that a snapshot knows.
    #[must_use]
    pub fn of(caller: &Caller, request_id: impl Into<Box<str>>) -> Self {
        Self {
            principal: caller.principal.clone(),
            id: caller.id,
            key: caller.key,
            request_id: request_id.into(),
        }
    }
    /// The context of a caller who showed no key.
    #[must_use]
    pub fn anonymous(request_id: impl Into<Box<str>>) -> Self {
        Self {
            principal: Principal::anonymous(),
            id: PrincipalId::from_bytes([0; 16]),
            key: None,
            request_id: request_id.into(),
        }
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.principal.tenant
    }
    /// Where something that is not there is taken to stand when policy is asked about it, so
    /// that a caller who may not ask learns nothing from the answer.
    pub(crate) fn environment(&self) -> Environment {
        self.principal.environment.unwrap_or(Environment::Development)
    }
}
