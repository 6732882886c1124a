//! Why something is done: told with the call, recorded with its event.

use clap::Args;
use plimsoll_api as api;

/// The option of every command that undoes, holds or switches something.
#[derive(Args, Debug)]
pub(crate) struct Because {
    /// Why, for those who read the event
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Because {
    /// The body of the call.
    pub(crate) fn body(&self) -> api::Because {
        api::Because { reason: self.reason.clone() }
    }
}
