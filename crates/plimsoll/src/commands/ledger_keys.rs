//! `plimsoll ledger rotate-keys` and `rewrap-root`: the keys of the ledger.

use super::{Context, ledger, root};
use crate::failure::Failure;
use crate::printer::Facts;
use plimsoll_api::KeyRotation;
use plimsoll_ledger::rewrap_root;
use plimsoll_root::RootAddress;
use serde_json::json;
use std::path::Path;

/// Begins a new epoch on the running server.
pub(super) fn rotate(context: &Context) -> Result<(), Failure> {
    let done: KeyRotation = context.client()?.post("/api/v1/ledger/rotate-keys", &json!({}))?;
    context.printer.show(&done, |done| {
        Facts::default()
            .add("epoch", done.epoch)
            .add("keys", done.keys)
            .add("erasures", done.erasures)
            .to_string()
    })
}

/// Exchanges the root of a stopped server's keys.
pub(super) fn rewrap(
    context: &Context,
    keys: &Path,
    to: &RootAddress,
    secret_file: Option<&Path>,
    user: Option<&str>,
) -> Result<(), Failure> {
    let mut settings = context.settings()?;
    keys.clone_into(&mut settings.keys.value);
    let from = root::open(context, &settings)?;
    let new = root::other(context, to, user, secret_file, keys)?;
    rewrap_root(keys, from.as_ref(), new.as_ref()).map_err(ledger::failure)?;
    context.printer.note(&format!("the keys are wrapped by `{to}`"));
    context.printer.hint(&format!("set `ledger.root` to `{to}` before the next start"));
    Ok(())
}
