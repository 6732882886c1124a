//! The use cases behind MLflow's REST interface: tracking, and the catalogue of registered
//! models. Each takes the arguments as they came and gives the answer as it goes.
//!
//! Two kinds of change. *Tracking* (experiments, runs, metrics, logged models) is no control
//! event: it is permitted, written durably with whatever else waits, and a run's end leaves the
//! digest of the run in the ledger. A change of the *catalogue* is a control event like every
//! other, with its webhooks noted in the same transaction.

mod browse;
mod catalogue;
mod logged;
mod logging;
mod run;
mod seal;
mod source;
mod tracking;
mod version;
mod webhook;

pub use webhook::{WebhookDelivery, WebhookTarget};

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_mlflow::{Args, Error, Grammar, Page};
use plimsoll_policy::Action;
use plimsoll_store::{Audience, Search};
use plimsoll_types::{EventId, Time};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, ControlError>;

/// An empty answer.
fn nothing() -> Value {
    json!({})
}

/// A time as MLflow writes it.
fn millis(time: Time) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A new id: 32 hexadecimal digits, in the order of time.
fn new_id(now: Time) -> String {
    EventId::new(now).to_string().replace('-', "")
}

/// What a search asks, with its page.
fn search(grammar: Grammar, args: &Args, default: u32, max: u32) -> Result<Search> {
    let filter = args.maybe_text("filter")?.unwrap_or_default();
    Ok(Search {
        clauses: plimsoll_mlflow::filter(grammar, filter)?,
        orders: plimsoll_mlflow::order(grammar, &args.texts("order_by")?)?,
        page: Page::of(args, default, max)?,
        datasets: Vec::new(),
    })
}

/// A list with the token of the page after it, if there is one.
fn listed(name: &str, items: Vec<Value>, token: Option<String>) -> Value {
    let mut answer = nothing();
    if !items.is_empty() {
        answer[name] = Value::Array(items);
    }
    if let Some(token) = token {
        answer["next_page_token"] = token.into();
    }
    answer
}

/// Whether deleted things are asked for, by word or number.
fn audience(args: &Args, name: &str) -> Result<Audience> {
    let by_number = |n| match n {
        2 => Audience::Deleted,
        3 => Audience::All,
        _ => Audience::Active,
    };
    if let Ok(number) = args.maybe_int(name) {
        return Ok(by_number(number.unwrap_or(1)));
    }
    match args.maybe_text(name)? {
        None | Some("ACTIVE_ONLY") => Ok(Audience::Active),
        Some("DELETED_ONLY") => Ok(Audience::Deleted),
        Some("ALL") => Ok(Audience::All),
        Some(_) => {
            Err(Error::invalid(format!("Invalid value for parameter '{name}' supplied")).into())
        }
    }
}

impl Control {
    /// `server-info`: what a client may use beside the paths it knows.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_server_info(&self, ctx: &RequestContext) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        Ok(json!({
            "store_type": "SqlStore",
            "workspaces_enabled": false,
            "trace_archival_enabled": false,
            "multipart_uploads_enabled": true,
            "multipart_downloads_enabled": false,
            "features_enabled": {"gateway": false},
        }))
    }

    fn may_read_tracking(&self, ctx: &RequestContext) -> Result<()> {
        self.may_read(ctx, Action::ReadTracking, &self.server())
    }
    fn may_write_tracking(&self, ctx: &RequestContext) -> Result<()> {
        // No control event follows, so the permit has nothing to name.
        self.permit(ctx, Action::WriteTracking, &self.server()).map(drop)
    }
}
