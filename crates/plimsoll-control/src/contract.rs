//! Contracts: checked, compiled once to be sure, stored under the digest of their meaning.

use crate::artifact::sha256;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_contract::{CompiledContract, Contract, ContractError};
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{ContractRow, StoreError};
use plimsoll_types::Digest;
use serde_json::json;

/// How a contract's document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Control {
    /// Stores a contract. The same contract, however it is written, is stored once.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_contract(
        &self,
        ctx: &RequestContext,
        format: ContractFormat,
        document: &[u8],
    ) -> Result<api::ContractSummary, ControlError> {
        // Asked before the document is parsed: whoever may not store one costs nothing.
        let new = Resource::Contract {
            name: "new".into(),
            author: ctx.principal.id.clone(),
            tenant: ctx.tenant(),
        };
        let permit = self.permit(ctx, Action::CreateContract, &new)?;
        let contract = parse(format, document)?;
        CompiledContract::compile(&contract).map_err(refuse)?;
        let canonical = contract.canonical_json().map_err(refuse)?;
        let digest = sha256(&canonical);
        let document = String::from_utf8(canonical)
            .map_err(|_| ControlError::Internal("canonical JSON is not UTF-8"))?;
        let features = u64::try_from(contract.features.len()).unwrap_or(u64::MAX);
        let permit = permit.for_named(format!("contract/{digest}"));
        if self.store.read(|r| r.contract(digest))?.is_some() {
            return Ok(api::ContractSummary { digest, features, existed: true });
        }
        let facts = json!({"digest": digest, "features": features});
        self.carry_out(permit, facts, |tx, now| {
            Ok(tx.insert_contract(&ContractRow {
                digest,
                document,
                author: ctx.id,
                created_at: now,
            })?)
        })?;
        Ok(api::ContractSummary { digest, features, existed: false })
    }

    /// A stored contract.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_contract(
        &self,
        ctx: &RequestContext,
        digest: Digest,
    ) -> Result<api::Contract, ControlError> {
        let row = self.store.read(|r| r.contract(digest))?;
        let author = row.as_ref().map(|row| row.author.to_string()).unwrap_or_default();
        let resource = Resource::Contract {
            name: digest.to_string().into(),
            author: author.into(),
            tenant: ctx.tenant(),
        };
        self.may_read(ctx, Action::ReadContract, &resource)?;
        let row = row.ok_or_else(|| ControlError::not_found("contract", digest))?;
        Ok(api::Contract {
            digest,
            author: row.author,
            created_at: row.created_at.into(),
            contract: document_of(&row)?,
        })
    }
}

/// The document of a stored contract.
pub(crate) fn document_of(row: &ContractRow) -> Result<Contract, ControlError> {
    let damaged = |_| StoreError::Damaged("a contract is unreadable".into());
    Ok(Contract::from_json(row.document.as_bytes()).map_err(damaged)?)
}

fn parse(format: ContractFormat, document: &[u8]) -> Result<Contract, ControlError> {
    let contract = match format {
        ContractFormat::Json => Contract::from_json(document),
        ContractFormat::Yaml => match std::str::from_utf8(document) {
            Ok(text) => Contract::from_yaml(text),
            Err(_) => return Err(ControlError::invalid("body", "the contract is not UTF-8")),
        },
    };
    contract.map_err(refuse)
}

fn refuse(error: ContractError) -> ControlError {
    ControlError::invalid("body", error.to_string())
}
