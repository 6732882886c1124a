//! Who may ask decision tables what, and the record that they asked. Reading is an event like
//! any other: recorded before it happens, with its end after. The statement itself is not
//! recorded, because it may hold names of people; a keyed digest of it is, so that the same
//! statement is recognised.

use crate::act::Event;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::contract::document_of;
use crate::decision::Known;
use crate::deployment::resource_of;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_contract::Contract;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::DeploymentRow;
use plimsoll_types::digest::hex;
use plimsoll_types::record::Stage;
use plimsoll_types::{DecisionId, DeploymentId, Digest, EventId, PrincipalId, TenantId};
use serde_json::json;

/// A deployment whose decisions a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The name of its table.
    pub name: String,
    /// Whether the caller may read values.
    pub may_open: bool,
}

/// Leave to ask, once its record is durable.
#[derive(Debug)]
#[must_use]
pub struct QueryPermit {
    /// What may be asked.
    pub tables: Vec<Readable>,
    /// The organisation whose subjects may be asked for.
    pub tenant: TenantId,
    principal: PrincipalId,
    intent: EventId,
}

/// How a query ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryEnd<'a> {
    /// Rows were given, of these tables; or some of them, if the caller went.
    Answered {
        /// Rows given.
        rows: u64,
        /// Tables that were named.
        tables: &'a [String],
        /// Whether the caller has all that it asked for.
        is_whole: bool,
    },
    /// It was not answered.
    Failed(&'static str),
}

impl Control {
    /// Leave to ask the tables of every deployment that the caller may see. `statement` is
    /// what is asked; its record is durable when this returns.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn begin_query(
        &self,
        ctx: &RequestContext,
        statement: &str,
    ) -> Result<QueryPermit, ControlError> {
        let tables = self.readable(ctx)?;
        let digest = self.ledger.keys().pseudonym(ctx.tenant(), statement);
        let open = tables.iter().filter(|table| table.may_open).count();
        let facts = json!({
            "statement": hex(&digest), "deployments": tables.len(), "with_values": open,
        });
        let event = Event {
            stage: Stage::Intent,
            action: Action::QueryDecisions.as_str(),
            principal: ctx.id,
            resource: "server",
            intent: None,
            payload: json!({"request": ctx.request_id, "facts": facts}),
        };
        let (intent, _) = self.record(&event).map_err(ControlError::Ledger)?;
        Ok(QueryPermit { tables, tenant: ctx.tenant(), principal: ctx.id, intent })
    }

    /// Records how the query ended, without waiting for the disk. What could not be recorded is
    /// told in the log: the intent says that the rows may have been read.
    pub fn end_query(&self, permit: &QueryPermit, end: &QueryEnd<'_>) {
        let (stage, payload) = match end {
            QueryEnd::Answered { rows, tables, is_whole } => {
                (Stage::Completed, json!({"rows": rows, "tables": tables, "whole": is_whole}))
            }
            QueryEnd::Failed(why) => (Stage::Failed, json!({"reason": why})),
        };
        let event = Event {
            stage,
            action: Action::QueryDecisions.as_str(),
            principal: permit.principal,
            resource: "server",
            intent: Some(permit.intent),
            payload,
        };
        if let Err(error) = self.append(&event, EventId::new(self.clock.now())) {
            tracing::warn!(%error, "the end of a query could not be recorded");
        }
    }

    /// The deployments whose decisions the caller may see, by the names of their tables. A
    /// deployment that is archived has its table still.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn readable(&self, ctx: &RequestContext) -> Result<Vec<Readable>, ControlError> {
        self.may_read(ctx, Action::QueryDecisions, &self.server())?;
        let mut found = Vec::new();
        for row in self.store.read(|r| r.all_deployments())? {
            let resource = any_decision_of(&row)?;
            if !self.allows(ctx, Action::ReadDecision, &resource) {
                continue;
            }
            let may_open = self.allows(ctx, Action::ReadDecisionBody, &resource);
            found.push(Readable { deployment: row.id, name: table_name(&row), may_open });
        }
        Ok(found)
    }

    /// What lists show of these decisions, in this order, as far as the caller may see them.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn summaries(
        &self,
        ctx: &RequestContext,
        ids: &[DecisionId],
    ) -> Result<Vec<api::DecisionSummary>, ControlError> {
        let mut known = Known::default();
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(entry) = self.decision_entry(*id)? {
                found.extend(self.summary(ctx, &mut known, &entry, None)?);
            }
        }
        Ok(found)
    }

    /// A stored contract's document, for whoever derives tables. No caller is asked about.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn contract_document(&self, digest: Digest) -> Result<Option<Contract>, ControlError> {
        let row = self.store.read(|r| r.contract(digest))?;
        row.as_ref().map(document_of).transpose()
    }
}

/// Policy looks at nothing of a decision but its deployment.
fn any_decision_of(row: &DeploymentRow) -> Result<Resource, ControlError> {
    let facts = resource_of(row)?;
    Ok(Resource::Decision {
        id: DecisionId::from_bytes([0; 16]),
        deployment: facts.name,
        environment: facts.environment,
        asker: None,
        tenant: facts.tenant,
    })
}

/// The deployment's name; of an archived one, whose name may be another's by now, with the end
/// of its id.
fn table_name(row: &DeploymentRow) -> String {
    match row.archived_at {
        None => row.name.to_string(),
        Some(_) => {
            let id = row.id.to_string();
            format!("{}@{}", row.name, id.rsplit('-').next().unwrap_or_default())
        }
    }
}
