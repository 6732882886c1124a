//! A decision computed again from the files of a data folder, without a server.

use super::{Context, decision, ledger};
use crate::failure::Failure;
use aws_lc_rs::digest::{SHA256, digest};
use plimsoll_api::{Replay, ReplayDifference, ReplayResult};
use plimsoll_artifact::{ArtifactError, ArtifactKey, ArtifactStore};
use plimsoll_contract::{CompiledContract, Contract};
use plimsoll_ledger::{Entry, LedgerReader};
use plimsoll_model::{Limits, Model};
use plimsoll_serving::{Difference, compare, fit, recompute};
use plimsoll_store::{Read, Store, StoreError};
use plimsoll_types::record::{DecisionBody, Kind, LeafDraft, ResultClass, Route};
use plimsoll_types::{Clock, DecisionId, Digest};
use std::path::Path;

/// Computes the decision `id` again: its body from the ledger, the version that answered from
/// the artifacts, each checked against its digest.
pub(super) fn replay(
    context: &Context,
    id: DecisionId,
    data: &Path,
    keys: &Path,
) -> Result<Replay, Failure> {
    let reader = ledger::open(data, Some(keys))?;
    let entries = reader.get(id.as_bytes()).map_err(ledger::failure)?;
    let is_decision = |entry: &&Entry| entry.leaf.draft.kind == Kind::Decision;
    let entry = entries.iter().find(is_decision).ok_or_else(|| decision::unknown(id))?;
    let draft = &entry.leaf.draft;
    let mut replay = Replay {
        decision: id,
        result: ReplayResult::NotAnswered,
        model: draft.model,
        artifact: None,
        values: 0,
        differing: 0,
        differences: Vec::new(),
    };
    let answered = matches!(draft.result, Some(ResultClass::Answered | ResultClass::Held));
    if !answered || draft.route == Some(Route::Fallback) {
        return Ok(replay);
    }
    let bytes = reader.open_body(entry).map_err(ledger::failure)?;
    let body = DecisionBody::decode(&bytes)
        .map_err(|error| Failure::unverified("the body is not a decision's").because(error))?;
    let (contract, artifact) = stored(context, data, draft)?;
    replay.artifact = Some(artifact);
    let model = model(&reader, data, artifact)?;
    let misfit =
        |error| Failure::unverified("the version does not fit the contract").because(error);
    let binding = fit(&contract, &model).map_err(misfit)?;
    let computed = recompute(&model, &binding, &body.rows)
        .ok_or_else(|| Failure::unverified("the model does not take the recorded rows"))?;
    let Some((_, width, recorded)) = body.outputs.first() else { return Ok(replay) };
    let found = compare(recorded, &computed, usize::try_from(*width).unwrap_or(1));
    let is_equal = found.differing == 0;
    replay.result = if is_equal { ReplayResult::BitEqual } else { ReplayResult::Different };
    (replay.values, replay.differing) = (found.values, found.differing);
    let shown = |one: Difference| ReplayDifference {
        row: one.row,
        recorded: one.recorded,
        computed: one.computed,
    };
    replay.differences = found.differences.into_iter().map(shown).collect();
    Ok(replay)
}

/// The contract of a decision, and the digest of the model file that answered it.
fn stored(
    context: &Context,
    data: &Path,
    draft: &LeafDraft,
) -> Result<(CompiledContract, Digest), Failure> {
    let path = data.join("plimsoll.db");
    if !path.is_file() {
        return Err(Failure::user(format!("`{}` has no control state", data.display())));
    }
    let store = Store::open(&path, context.clock.now()).map_err(unreadable)?;
    let gone = |what: &str| Failure::unverified(format!("the {what} of the decision is gone"));
    let found = store.read(|read| parts(read, draft)).map_err(unreadable)?;
    let Some((document, manifest, digest, artifact)) = found else {
        return Err(gone("version or contract"));
    };
    if sha256(manifest.as_bytes()) != digest {
        return Err(Failure::unverified("the manifest is not what its digest says"));
    }
    if Some(sha256(document.as_bytes())) != draft.contract {
        return Err(Failure::unverified("the contract is not what the decision commits to"));
    }
    let broken = |error| Failure::unverified("the contract does not compile").because(error);
    let contract = Contract::from_json(document.as_bytes()).map_err(broken)?;
    let contract = CompiledContract::compile(&contract).map_err(broken)?;
    Ok((contract, artifact))
}

type Parts = (String, String, Digest, Digest);

/// Contract, manifest, its digest, and the digest of the model file.
fn parts(read: &Read<'_>, draft: &LeafDraft) -> Result<Option<Parts>, StoreError> {
    let (Some(deployment), Some(contract), Some(manifest)) =
        (draft.deployment, draft.contract, draft.model)
    else {
        return Ok(None);
    };
    let Some(row) = read.deployment(deployment)? else { return Ok(None) };
    let contract = read.contract(contract)?;
    let version = read.version_with(row.model, manifest)?;
    let Some((contract, version)) = contract.zip(version) else { return Ok(None) };
    let files = read.files(version.model, version.number)?;
    let file = files.iter().find(|file| file.role == "model");
    Ok(file.map(|file| (contract.document, version.manifest, version.digest, file.digest)))
}

/// The model file, out of the sealed store or out of a folder that was not sealed yet.
fn model(reader: &LedgerReader, data: &Path, artifact: Digest) -> Result<Model, Failure> {
    let limits = Limits::default();
    let secret = reader.artifact_key().map_err(ledger::failure)?;
    let key = ArtifactKey::new(&secret).map_err(|error| Failure::user(error.to_string()))?;
    let store = ArtifactStore::open_existing(&data.join("artifacts"), key);
    let limit = u64::try_from(limits.bytes_max).unwrap_or(u64::MAX);
    let bytes = store.read(artifact, limit).map_err(|error| match error {
        ArtifactError::Damaged { .. } => Failure::unverified(error.to_string()),
        other => Failure::user(other.to_string()),
    })?;
    super::contract::parse(&bytes, &limits)
        .map_err(|error| Failure::unverified("the model file does not load").because(error))
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Digest::from_bytes(out)
}

fn unreadable(error: StoreError) -> Failure {
    Failure::user("the control state cannot be read").because(error)
}
