//! `plimsoll rollback`: the version before answers again.

use super::because::Because;
use super::{Context, deployment};
use crate::failure::Failure;
use clap::Args;
use plimsoll_types::Name;

/// Options of `rollback`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  plimsoll rollback credit-default
  plimsoll rollback credit-default --reason 'incident 4711'
  plimsoll rollback credit-default --json | jq .version

What is gone back to was approved when it was released, so nothing has to be approved again. Going
back once more goes further back. Who runs deployments (role ml-engineer) or approves releases may.")]
pub(crate) struct Rollback {
    /// Name of the deployment
    name: Name,
    #[command(flatten)]
    because: Because,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Rollback) -> Result<(), Failure> {
    let path = format!("/api/v1/deployments/{}/rollback", args.name);
    let back: plimsoll_api::Deployment = context.client()?.post(&path, &args.because.body())?;
    deployment::show(context, &back)
}
