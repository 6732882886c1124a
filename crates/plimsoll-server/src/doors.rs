//! What a caller without the right is told about a malformed request: nothing but that it has
//! no right. Otherwise messages about shapes would be open to everyone with a key.

use crate::app::App;
use crate::routes::Fail;
use plimsoll_control::ControlError;
use plimsoll_mlflow::Code;
use plimsoll_policy::{Action, Deployment, Environment, Resource, ResourceKind, Standing};
use plimsoll_serving::Caller;
use plimsoll_types::{ApiKeyId, DecisionId, Name};

/// `fail` as it may be told: a malformed request of a caller whom policy would deny the
/// action on its most favourable resource is a denial.
pub(crate) fn opens(app: &App, caller: &Caller, action: Action, fail: Fail) -> Fail {
    let is_malformed = match &fail {
        Fail::Problem(problem) => problem.status < 500,
        Fail::Control(ControlError::Mlflow(error)) => error.code == Code::InvalidParameterValue,
        Fail::Control(_) | Fail::Barred => false,
    };
    if !is_malformed || may_ever(app, caller, action) {
        return fail;
    }
    Fail::Barred
}

/// Whether policy permits `action` on a resource that stands as near to the caller as one can.
pub(crate) fn may_ever(app: &App, caller: &Caller, action: Action) -> bool {
    let snapshot = app.gateway.snapshot();
    match nearest(caller, action) {
        Some(resource) => {
            snapshot.parts().policies.authorize(&caller.principal, action, &resource).allowed
        }
        None => true,
    }
}

/// A resource in the caller's own tenant, environment and scope.
fn nearest(caller: &Caller, action: Action) -> Option<Resource> {
    let principal = &caller.principal;
    let tenant = principal.tenant;
    let environment = principal.environment.unwrap_or(Environment::Development);
    let any = || Name::new("any").ok();
    let name = principal.scopes.as_ref().and_then(|scopes| scopes.first().cloned()).or_else(any)?;
    let nobody: Box<str> = "nobody".into();
    let deployment = Deployment {
        name: name.clone(),
        environment,
        owner: nobody.clone(),
        tier: "unassessed".into(),
        tenant,
    };
    Some(match action.resource_kind() {
        ResourceKind::Server => Resource::Server { tenant, public_ledger: false },
        ResourceKind::Deployment => Resource::Deployment(deployment),
        ResourceKind::Release => {
            let standing = Standing::default();
            Resource::Release { model: name, number: 1, author: nobody, into: deployment, standing }
        }
        ResourceKind::Model => Resource::Model { name, owner: nobody, tenant },
        ResourceKind::Version => {
            Resource::Version { model: name, number: 1, author: nobody, tenant }
        }
        ResourceKind::Catalogued => Resource::Catalogued {
            name: name.as_str().into(),
            owner: nobody,
            author: "".into(),
            tenant,
        },
        ResourceKind::Dataset => Resource::Dataset {
            name,
            owner: principal.id.clone(),
            personal: false,
            granted: vec!["read", "train", "export"],
            tenant,
        },
        ResourceKind::Decision => Resource::Decision {
            id: DecisionId::from_bytes([0; 16]),
            deployment: name,
            environment,
            asker: None,
            tenant,
        },
        ResourceKind::Policy => Resource::Policy,
        ResourceKind::Principal => Resource::Principal { id: principal.id.clone(), tenant },
        ResourceKind::Key => Resource::Key {
            id: ApiKeyId::from_bytes([0; 16]),
            holder: principal.id.clone(),
            environment: principal.environment,
            tenant,
        },
        ResourceKind::Contract => {
            Resource::Contract { name: name.as_str().into(), author: nobody, tenant }
        }
    })
}
