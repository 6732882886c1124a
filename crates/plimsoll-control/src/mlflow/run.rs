//! Runs: begun, ended, found.

use super::tracking::active_experiment;
use super::{Result, audience, listed, millis, new_id, nothing, search};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use plimsoll_mlflow::{Args, Code, Error, Grammar, MAX_RUN_TAG, Page, Pair, key_fits, value_fits};
use plimsoll_store::{PairKind, Read, RunRow};
use serde_json::{Value, json};

/// The tag that holds a run's name.
pub(super) const NAME_TAG: &str = "mlflow.runName";
/// What ends a run.
const ENDS: &[&str] = &["FINISHED", "FAILED", "KILLED"];
/// The longest name of a run or user, in characters: MLflow's columns.
const MAX_NAME: usize = 250;
/// The most experiments of one search.
const MAX_EXPERIMENTS: usize = 5_000;
/// The most values of one page of a metric's history.
pub(super) const MAX_HISTORY: u32 = 25_000;
/// The most tags of one request.
const MAX_TAGS: usize = 1_000;

impl Control {
    /// `runs/create`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_create_run(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let now = self.clock.now();
        let experiment = args.maybe_text("experiment_id")?.filter(|id| !id.is_empty());
        let experiment = experiment.unwrap_or("0").to_owned();
        let user = args.maybe_text("user_id")?.unwrap_or_default().to_owned();
        let start = args.maybe_int("start_time")?.unwrap_or_else(|| millis(now));
        let mut tags = args.pairs("tags")?;
        check_tags(&tags)?;
        let id = new_id(now);
        let name = name_of(args.maybe_text("run_name")?, &mut tags, &id)?;
        value_fits("run_name", &name, MAX_NAME)?;
        value_fits("user_id", &user, MAX_NAME)?;
        let author = *ctx.id.as_bytes();
        self.store.together::<_, crate::ControlError>(move |tx| {
            let experiment = active_experiment(tx, &experiment)?;
            let mut row = RunRow {
                row: 0,
                location: format!("{}/{id}/artifacts", experiment.location),
                id,
                experiment: experiment.row,
                name,
                user,
                status: "RUNNING".into(),
                stage: "active".into(),
                start_time: Some(start),
                end_time: None,
                author,
                sealed: None,
            };
            row.row = tx.insert_run(&row)?;
            tx.set_pairs(PairKind::Run, row.row, &tags)?;
            Ok(json!({"run": tx.whole_run(&row)?}))
        })
    }

    /// `runs/update`. The end of a run leaves its digest in the ledger.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_update_run(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        let status = status_of(args)?;
        let end = args.maybe_int("end_time")?;
        let name = args.maybe_text("run_name")?.filter(|name| !name.is_empty()).map(str::to_owned);
        if let Some(name) = &name {
            value_fits("run_name", name, MAX_NAME)?;
        }
        let row = self.store.together::<_, crate::ControlError>(move |tx| {
            let mut row = active_run(tx, &id)?;
            if let Some(status) = status {
                status.clone_into(&mut row.status);
            }
            row.end_time = end.or(row.end_time);
            if let Some(name) = name {
                tx.set_pair(PairKind::Run, row.row, NAME_TAG, &name)?;
                row.name = name;
            }
            tx.update_run(&row)?;
            Ok(row)
        })?;
        if status.is_some_and(|status| ENDS.contains(&status)) {
            self.seal_run(ctx, &row)?;
        }
        Ok(json!({"run_info": row.info()}))
    }

    /// `runs/get`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_get_run(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let id = args.run_id()?;
        self.store.read(|r| {
            let row = run(r, id)?;
            Ok(json!({"run": r.whole_run(&row)?}))
        })
    }

    /// `runs/delete` and `runs/restore`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_stage_run(
        &self,
        ctx: &RequestContext,
        args: &Args,
        stage: &'static str,
    ) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        self.store.together::<_, crate::ControlError>(move |tx| {
            let row = run(tx, &id)?;
            Ok(tx.stage_run(row.row, stage)?)
        })?;
        Ok(nothing())
    }

    /// `runs/search`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_search_runs(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let experiments = experiment_ids(args)?;
        let search = search(Grammar::Runs, args, 1_000, 50_000)?;
        let audience = audience(args, "run_view_type")?;
        self.store.read(|r| {
            let (rows, token) = search.page.cut(r.find_runs(&experiments, &search, audience)?);
            let items = rows.iter().map(|row| Ok(json!(r.whole_run(row)?)));
            Ok(listed("runs", items.collect::<Result<_>>()?, token))
        })
    }

    /// `metrics/get-history`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_metric_history(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let id = args.run_id()?;
        let key = args.text("metric_key")?;
        let page = match args.maybe_int("max_results")? {
            Some(0) => Page { limit: MAX_HISTORY, offset: 0 },
            _ => Page::of(args, MAX_HISTORY, MAX_HISTORY)?,
        };
        self.store.read(|r| {
            let row = run(r, id)?;
            let found = r.metric_history(row.row, key, page.offset, page.look())?;
            let (values, token) = page.cut(found);
            Ok(listed("metrics", values.iter().map(|value| json!(value)).collect(), token))
        })
    }
}

/// The run with this id.
pub(super) fn run(read: &Read<'_>, id: &str) -> Result<RunRow> {
    Ok(read.run(id)?.ok_or_else(|| no_run(id))?)
}

/// The same, which must not be deleted.
pub(super) fn active_run(read: &Read<'_>, id: &str) -> Result<RunRow> {
    let row = run(read, id)?;
    if row.stage == "active" { Ok(row) } else { Err(not_active(id, &row.stage).into()) }
}

pub(super) fn no_run(id: &str) -> Error {
    Error::missing(format!("Run with id={id} not found"))
}

pub(super) fn not_active(id: &str, stage: &str) -> Error {
    Error::invalid(format!("The run {id} must be in the 'active' state. Current state is {stage}."))
}

pub(super) fn check_tags(tags: &[Pair]) -> Result<()> {
    if tags.len() > MAX_TAGS {
        return Err(Error::invalid("there are too many tags").into());
    }
    for tag in tags {
        key_fits("key", &tag.key)?;
        value_fits("value", &tag.value, MAX_RUN_TAG)?;
    }
    Ok(())
}

/// The experiments that a search is about.
pub(super) fn experiment_ids(args: &Args) -> Result<Vec<i64>> {
    let ids = args.texts("experiment_ids")?;
    if ids.len() > MAX_EXPERIMENTS {
        return Err(Error::invalid("there are too many experiment_ids").into());
    }
    // An id that is no number is one of no experiment.
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// A run's name: as told, as its tag says, or made of its id; the tag says it in the end.
fn name_of(told: Option<&str>, tags: &mut Vec<Pair>, id: &str) -> Result<String> {
    let tagged = tags.iter().find(|tag| tag.key == NAME_TAG).map(|tag| tag.value.clone());
    let told = told.filter(|name| !name.is_empty());
    match (told, tagged) {
        (Some(told), Some(tagged)) if told != tagged => Err(Error::invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different \
             values",
        )
        .into()),
        (_, Some(name)) => Ok(name),
        (told, None) => {
            let made = || format!("run-{}", id.get(20..).unwrap_or(id));
            let name = told.map_or_else(made, str::to_owned);
            tags.push(Pair { key: NAME_TAG.into(), value: name.clone() });
            Ok(name)
        }
    }
}

fn status_of(args: &Args) -> Result<Option<&'static str>> {
    const STATUSES: &[&str] = &["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];
    let by_word = |word: &str| STATUSES.iter().copied().find(|status| *status == word);
    let Some(word) = args.maybe_text("status")? else { return Ok(None) };
    let found = by_word(word).ok_or_else(|| {
        Error::new(Code::InvalidParameterValue, "Invalid value for parameter 'status' supplied")
    })?;
    Ok(Some(found))
}
