//! A decision read from the files of a data folder, without a server.

use super::{Context, decision, ledger};
use crate::failure::Failure;
use plimsoll_api::{
    Decision, DecisionBody, DecisionFlag, DecisionLeaf, DecisionOutput, DecisionRefusal,
    DecisionSummary, MappedText, PhaseTime, Timestamp,
};
use plimsoll_contract::Contract;
use plimsoll_ledger::{Entry, LedgerError, LedgerReader};
use plimsoll_store::Store;
use plimsoll_types::digest::hex;
use plimsoll_types::record::{self, Kind, ResultClass};
use plimsoll_types::{Cell, Clock, DecisionId, Digest, Rows, Time};
use serde_json::{Map, Value};
use std::path::Path;

/// The decision `id` of the ledger in `data`; its body too if `keys` opens it.
pub(super) fn decision(
    context: &Context,
    id: DecisionId,
    data: &Path,
    keys: Option<&Path>,
) -> Result<Decision, Failure> {
    let reader = ledger::open_sealed(context, data, keys)?;
    let entries = reader.get(id.as_bytes()).map_err(ledger::failure)?;
    let kind = |entry: &Entry| entry.leaf.draft.kind;
    // The completion if there is one, else the intent that nothing followed.
    let found = entries.iter().find(|entry| kind(entry) == Kind::Decision);
    let found = found.or_else(|| entries.iter().find(|entry| kind(entry) == Kind::Intent));
    let entry = found.ok_or_else(|| decision::unknown(id))?;

    let (body, body_withheld) = match keys {
        None => (None, Some("it is sealed; name the keys folder with --keys".to_owned())),
        Some(_) => open(&reader, entry)?,
    };
    let names = Names::read(context, data, entry.leaf.draft.contract);
    Ok(Decision {
        summary: summary(id, entry, body.as_ref()),
        leaf: leaf(entry),
        body: body.map(|body| shown(body, &names)),
        body_withheld,
    })
}

fn open(
    reader: &LedgerReader,
    entry: &Entry,
) -> Result<(Option<record::DecisionBody>, Option<String>), Failure> {
    match reader.open_body(entry) {
        Ok(bytes) => {
            let body = record::DecisionBody::decode(&bytes).map_err(|error| {
                Failure::unverified("the body is not a decision's").because(error)
            })?;
            Ok((Some(body), None))
        }
        Err(error @ LedgerError::KeyGone) => Ok((None, Some(error.to_string()))),
        Err(error) => Err(ledger::failure(error)),
    }
}

/// What the fields of a contract are called, where the contract is still stored.
struct Names(Option<Contract>);

impl Names {
    /// Whatever is wrong with the control state, the ledger's own data is worth showing.
    fn read(context: &Context, data: &Path, digest: Option<Digest>) -> Self {
        let path = data.join("plimsoll.db");
        let stored = digest.filter(|_| path.is_file()).and_then(|digest| {
            let store = Store::open(&path, context.clock.now()).ok()?;
            store.read(|read| read.contract(digest)).ok()?
        });
        Self(stored.and_then(|row| Contract::from_json(row.document.as_bytes()).ok()))
    }
    fn field(&self, place: usize) -> String {
        let field = self.0.as_ref().and_then(|contract| contract.fields().nth(place));
        field.map_or_else(|| format!("#{place}"), |field| field.name.clone())
    }
    fn category(&self, place: usize, code: u32) -> Value {
        let field = self.0.as_ref().and_then(|contract| contract.fields().nth(place));
        let text = field.zip(usize::try_from(code).ok()).and_then(|(f, code)| f.values.get(code));
        text.map_or_else(|| code.into(), |text| text.as_str().into())
    }
}

fn summary(id: DecisionId, entry: &Entry, body: Option<&record::DecisionBody>) -> DecisionSummary {
    let draft = &entry.leaf.draft;
    let deployment = body.map(|body| body.deployment.to_string());
    let deployment = deployment.or_else(|| draft.deployment.map(|id| id.to_string()));
    DecisionSummary {
        id,
        index: entry.index,
        time: Timestamp(draft.time),
        deployment: deployment.unwrap_or_default(),
        version: body.map(|body| body.version).filter(|version| *version > 0),
        route: draft.route,
        result: draft.result.unwrap_or(ResultClass::Abandoned),
        refused_in: draft.refused_in,
        origin: draft.extension.origin,
    }
}

fn leaf(entry: &Entry) -> DecisionLeaf {
    let (leaf, draft) = (&entry.leaf, &entry.leaf.draft);
    DecisionLeaf {
        kind: draft.kind,
        tenant: draft.tenant,
        gateway: leaf.gateway,
        seq: leaf.seq,
        previous: leaf.previous,
        leaf_hash: Some(entry.hash),
        deployment: draft.deployment,
        model: draft.model,
        contract: draft.contract,
        policy: draft.policy,
        snapshot: draft.snapshot,
        ciphertext: draft.sealed.map(|sealed| sealed.ciphertext),
        key_commitment: draft.sealed.map(|sealed| hex(&sealed.key_commitment)),
        replay_of: draft.extension.replay_of.map(DecisionId::from_bytes),
    }
}

/// A body whose contract is not at hand: fields are shown by their place.
pub(super) fn unnamed(body: record::DecisionBody) -> DecisionBody {
    shown(body, &Names(None))
}

fn shown(body: record::DecisionBody, names: &Names) -> DecisionBody {
    let rows = (0..body.rows.len()).map(|row| row_of(&body.rows, row, names)).collect();
    DecisionBody {
        principal: body.principal,
        principal_name: None,
        key: body.key,
        deployment: body.deployment.into(),
        version: body.version,
        caller_id: body.caller_id.map(String::from),
        request_len: body.request_len,
        rows,
        mapped: body
            .mapped
            .into_iter()
            .map(|(role, value)| MappedText { role: role.into(), value: value.into() })
            .collect(),
        flags: body
            .flags
            .iter()
            .map(|flag| DecisionFlag {
                field: names.field(flag.field.into()),
                row: flag.row,
                code: flag.code,
                is_clamped: flag.clamped,
            })
            .collect(),
        outputs: body
            .outputs
            .into_iter()
            .map(|(name, width, values)| DecisionOutput { name: name.into(), width, values })
            .collect(),
        refusal: body.refusal.map(|refusal| DecisionRefusal {
            phase: refusal.phase,
            code: refusal.code,
            field: refusal.field.map(String::from),
            row: refusal.row,
            rule: refusal.rule.map(String::from),
        }),
        phases: body.phases.into_iter().map(|(phase, nanos)| PhaseTime { phase, nanos }).collect(),
        protocol: body.protocol,
    }
}

fn row_of(rows: &Rows, row: usize, names: &Names) -> Map<String, Value> {
    let cells = rows.row(row).iter().enumerate();
    cells.map(|(place, &cell)| (names.field(place), value(rows, place, cell, names))).collect()
}

fn value(rows: &Rows, place: usize, cell: Cell, names: &Names) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Boolean(value) => value.into(),
        Cell::Integer(value) => value.into(),
        Cell::Number(value) => value.into(),
        Cell::Category(code) => names.category(place, code),
        Cell::Text { .. } => rows.text_of(cell).into(),
        Cell::Timestamp(micros) => match u64::try_from(micros) {
            Ok(micros) => Timestamp(Time::from_micros(micros)).to_string().into(),
            Err(_) => micros.into(),
        },
        Cell::Tensor { .. } => {
            rows.tensor_of(cell).map_or(Value::Null, |numbers| numbers.to_vec().into())
        }
    }
}
