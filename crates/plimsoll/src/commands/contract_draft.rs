//! `plimsoll contract draft`: a first contract from the signature that MLflow stored with a version.
//! What the signature does not know stands in the draft as a question to a person, and a draft with
//! open questions does not pass `plimsoll contract check`.

use super::Context;
use crate::cli::ContractDraft;
use crate::client::escape;
use crate::failure::Failure;

/// Asks the server for the draft and prints or writes it.
pub(super) fn run(context: &Context, args: &ContractDraft) -> Result<(), Failure> {
    // A model of the catalogue may have any name.
    let model = escape(&args.model);
    let path = format!("/api/v1/models/{model}/versions/{}/contract-draft", args.version);
    let draft: plimsoll_api::ContractDraft =
        context.client()?.get(&path, &()).map_err(|failure| match failure.status() {
            Some(404 | 422) => failure.hint("`plimsoll contract infer DATA` makes one from rows"),
            _ => failure,
        })?;
    match &args.output {
        Some(path) => {
            fs_err::write(path, draft.yaml)?;
            context.printer.note(&format!("wrote {}", path.display()));
        }
        None if context.printer.is_json() => context.printer.json(&draft.contract)?,
        None => context.printer.data(&draft.yaml)?,
    }
    context.printer.hint("answer its questions, then see `plimsoll contract check`");
    Ok(())
}
