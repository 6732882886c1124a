//! `plimsoll lake`, and the tables of a data folder without a server.

use super::{Context, ledger};
use crate::cli_query::Lake as Verb;
use crate::failure::Failure;
use crate::printer::Facts;
use plimsoll_contract::Contract;
use plimsoll_lake::{Catalog, Lake, LakeConfig, LakeError, Source, Visible};
use plimsoll_store::{DeploymentRow, Store};
use plimsoll_types::{Clock, DeploymentId, Digest, TenantId, Time};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// What `lake rebuild --json` prints.
#[derive(Serialize)]
struct Report {
    entries: u64,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: &Verb) -> Result<(), Failure> {
    let Verb::Rebuild { data, keys } = verb;
    let (store, _) = state(context, data)?;
    let lake = open_as(context, data, Some(keys), store, true)?.map_err(failure)?;
    let printer = &context.printer;
    let done = lake.rebuild(|progress| {
        printer.progress(&format!("{} of {} entries", progress.entries, progress.durable));
    });
    printer.progress_done();
    let done = done.map_err(failure)?;
    while lake.compact().map_err(failure)? {}
    printer.show(&Report { entries: done.entries }, |report| {
        Facts::default().add("entries", report.entries).to_string()
    })
}

/// Contracts and retention from the control state.
#[derive(Debug)]
struct Stored {
    store: Store,
    now: Time,
}

impl Catalog for Stored {
    fn contract(&self, digest: Digest) -> Option<Contract> {
        let row = self.store.read(|read| read.contract(digest)).ok()??;
        Contract::from_json(row.document.as_bytes()).ok()
    }
    fn kept_from(&self, deployment: DeploymentId) -> Option<Time> {
        plimsoll_control::kept_from(&self.store, deployment, self.now).ok()?
    }
}

/// The tables of a data folder, all that there are, and the organisation they are of. What is
/// not in files yet is read from the ledger; it is written too if no server does.
pub(super) fn open(
    context: &Context,
    data: &Path,
    keys: Option<&Path>,
) -> Result<(Lake, Vec<Visible>, TenantId), Failure> {
    let (store, tenant) = state(context, data)?;
    let rows = store.read(|read| read.all_deployments()).map_err(unreadable)?;
    let tables = rows.iter().map(visible).collect();
    let lake = match open_as(context, data, keys, store, true)? {
        Err(LakeError::InUse(_)) => {
            let (store, _) = state(context, data)?;
            open_as(context, data, keys, store, false)?
        }
        lake => lake,
    };
    Ok((lake.map_err(failure)?, tables, tenant))
}

fn state(context: &Context, data: &Path) -> Result<(Store, TenantId), Failure> {
    let path = data.join("plimsoll.db");
    if !path.is_file() {
        return Err(Failure::user(format!("`{}` has no control state", data.display()))
            .hint("the names of deployments and fields are in `plimsoll.db` of the data folder"));
    }
    let store = Store::open(&path, context.clock.now()).map_err(unreadable)?;
    let tenant = store.read(|read| read.meta()).map_err(unreadable)?.tenant;
    Ok((store, tenant))
}

fn unreadable(error: plimsoll_store::StoreError) -> Failure {
    Failure::user("the control state is not readable").because(error)
}

fn open_as(
    context: &Context,
    data: &Path,
    keys: Option<&Path>,
    store: Store,
    writable: bool,
) -> Result<Result<Lake, LakeError>, Failure> {
    let reader = ledger::open(data, keys)?;
    let config = LakeConfig {
        data: data.to_path_buf(),
        source: Source::Reader(Arc::new(reader)),
        catalog: Arc::new(Stored { store, now: context.clock.now() }),
        clock: Arc::new(context.clock),
        writable,
    };
    Ok(Lake::open(config))
}

fn visible(row: &DeploymentRow) -> Visible {
    let name = match row.archived_at {
        None => row.name.to_string(),
        Some(_) => {
            let id = row.id.to_string();
            format!("{}@{}", row.name, id.rsplit('-').next().unwrap_or_default())
        }
    };
    Visible { deployment: row.id, name, may_open: true }
}

/// What the user can mend is the user's error; a table that is not readable is damage.
pub(super) fn failure(error: LakeError) -> Failure {
    match error {
        LakeError::Ledger(error) => ledger::failure(error),
        LakeError::Table(_) => Failure::unverified(error.to_string())
            .hint("make the tables anew with `plimsoll lake rebuild`"),
        error => {
            let failure = Failure::user(error.to_string());
            match std::error::Error::source(&error) {
                Some(source) => failure.because(source.to_string()),
                None => failure,
            }
        }
    }
}
