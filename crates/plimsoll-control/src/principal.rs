//! Principals: made and listed.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::page::{limit, page};
use crate::words::stored;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::PrincipalRow;
use plimsoll_types::PrincipalId;
use serde_json::json;

impl Control {
    /// Makes a principal.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_principal(
        &self,
        ctx: &RequestContext,
        wanted: &api::CreatePrincipal,
    ) -> Result<api::Principal, ControlError> {
        let id = PrincipalId::new(self.clock.now());
        let resource = Resource::Principal { id: id.to_string().into(), tenant: ctx.tenant() };
        let permit = self.permit(ctx, Action::CreatePrincipal, &resource)?;
        let mut roles: Vec<_> = wanted.roles.clone();
        roles.sort_unstable();
        roles.dedup();
        let mut row = PrincipalRow {
            id,
            name: wanted.name.clone(),
            kind: wanted.kind.to_string(),
            roles: roles.iter().map(ToString::to_string).collect(),
            tenant: ctx.tenant(),
            is_dev: false,
            created_at: self.clock.now(),
            disabled_at: None,
        };
        if row.name.as_str() == "anonymous" {
            return Err(ControlError::invalid("name", "`anonymous` is who shows no key"));
        }
        if self.store.read(|r| r.principal_named(row.name.as_str()))?.is_some() {
            return Err(ControlError::conflict(format!(
                "there is already a principal `{}`",
                row.name
            )));
        }
        let facts = json!({"name": row.name, "kind": row.kind, "roles": row.roles});
        row.created_at = self.carry_out(permit, facts, |tx, now| {
            tx.insert_principal(&PrincipalRow { created_at: now, ..row.clone() })?;
            Ok(now)
        })?;
        shown(row, None)
    }

    /// Principals that the caller may see, by name.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_principals(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::Principal>, ControlError> {
        self.may_read(ctx, Action::ListPrincipals, &self.server())?;
        let after = query.cursor.as_deref();
        let limit = limit(query.limit)?;
        let rows = self.store.read(|r| r.principals(after, limit))?;
        page(
            query,
            rows,
            |row| row.name.to_string(),
            |row| {
                let may = self.allows(ctx, Action::ReadPrincipal, &resource_of(&row));
                if !may {
                    return Ok(None);
                }
                let identity = self.elsewhere(row.id)?;
                shown(row, identity).map(Some)
            },
        )
    }
}

pub(crate) fn resource_of(row: &PrincipalRow) -> Resource {
    Resource::Principal { id: row.id.to_string().into(), tenant: row.tenant }
}

fn shown(
    row: PrincipalRow,
    identity: Option<api::ExternalIdentity>,
) -> Result<api::Principal, ControlError> {
    let roles = row.roles.iter().map(|role| stored(role, "role"));
    Ok(api::Principal {
        id: row.id,
        name: row.name,
        kind: stored(&row.kind, "kind of principal")?,
        roles: roles.collect::<Result<_, _>>()?,
        tenant: row.tenant,
        created_at: row.created_at.into(),
        identity,
    })
}
