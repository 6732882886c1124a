//! Principals whom others vouch for: made known once, so that their ids in records can be read.

use crate::bootstrap::{Control, SERVER};
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_identity::Identity;
use plimsoll_policy::PrincipalKind;
use plimsoll_store::{IdentityRow, PrincipalRow};
use plimsoll_types::{Name, PrincipalId};
use serde_json::{Value, json};

/// Of the name of an issuer, so much stands before the digits of a principal's name.
const ISSUER_LEN: usize = 30;

impl Control {
    /// Whether it is on record who a principal is whom others vouch for.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn has_introduced(&self, id: PrincipalId) -> Result<bool, ControlError> {
        Ok(self.store.read(|r| r.identity(id))?.is_some())
    }

    /// Records who a principal is that a token or certificate stood for, unless that was done
    /// before: a control event with issuer and subject, and a principal without roles of its own.
    /// Durable on return.
    ///
    /// # Errors
    /// [`ControlError::Ledger`] or [`ControlError::Store`]; the principal may not act then.
    pub fn introduce(&self, who: &Identity) -> Result<(), ControlError> {
        let mut turn = self.begin_turn()?;
        // Asked under the turn: two first requests make one principal.
        if self.has_introduced(who.id)? {
            return Ok(());
        }
        let name = name(who)?;
        let kind = match who.kind {
            PrincipalKind::User => api::PrincipalKind::User,
            PrincipalKind::Service | PrincipalKind::Anonymous => api::PrincipalKind::Service,
        };
        let identity = IdentityRow {
            principal: who.id,
            issuer: who.issuer.to_string(),
            url: who.url.to_string(),
            subject: who.subject.to_string(),
        };
        let facts = json!({"facts": {
            "id": who.id, "name": name, "kind": kind, "issuer": identity.issuer,
            "issuer_url": identity.url, "subject": identity.subject,
        }});
        let label = format!("principal/{}", who.id);
        let acts =
            crate::act::Who { principal: SERVER, action: "IntroducePrincipal", resource: &label };
        let change = |tx: &plimsoll_store::Write<'_>, now, _| {
            let row = PrincipalRow {
                id: who.id,
                name,
                kind: kind.to_string(),
                roles: Vec::new(),
                tenant: self.tenant,
                is_dev: false,
                created_at: now,
                disabled_at: None,
            };
            Ok(tx.insert_identity(&row, &identity)?)
        };
        // No snapshot is published: what is served does not depend on who is known.
        self.act(&mut turn, acts, facts, change, |()| Ok(Value::Null))
    }

    /// Issuer and subject of a principal whom others vouch for.
    pub(crate) fn elsewhere(
        &self,
        id: PrincipalId,
    ) -> Result<Option<api::ExternalIdentity>, ControlError> {
        let row = self.store.read(|r| r.identity(id))?;
        Ok(row.map(|row| api::ExternalIdentity {
            issuer: row.issuer,
            issuer_url: row.url,
            subject: row.subject,
        }))
    }
}

/// A name for lists and commands: the issuer's, and digits of the id. Subjects are no names.
fn name(who: &Identity) -> Result<Name, ControlError> {
    let issuer = who.issuer.get(..ISSUER_LEN).unwrap_or(&who.issuer);
    let digits: String = who.id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Name::new(&format!("{issuer}.{digits}")).map_err(|_| ControlError::Internal("not a name"))
}
