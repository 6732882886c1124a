//! Experiments.

use super::{Result, audience, listed, millis, nothing, search};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use plimsoll_mlflow::{
    Args, Error, Experiment, Grammar, MAX_EXPERIMENT_TAG, experiment_name_fits, key_fits,
    value_fits,
};
use plimsoll_store::{ExperimentRow, PairKind, Read, StoreError};
use serde_json::{Value, json};

/// The most tags of one request.
const MAX_TAGS: usize = 1_000;

impl Control {
    /// `experiments/create`.
    ///
    /// # Errors
    /// [`crate::ControlError`], as with every use case here.
    pub fn ml_create_experiment(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let name = args.text("name")?.to_owned();
        let location = args.maybe_text("artifact_location")?.filter(|l| !l.is_empty());
        // What is of another type than it must be is told before what does not fit.
        let tags = args.pairs("tags")?;
        let location = location.map(super::source::location_fits).transpose()?;
        experiment_name_fits(&name)?;
        if tags.len() > MAX_TAGS {
            return Err(Error::invalid("there are too many tags").into());
        }
        for tag in &tags {
            key_fits("key", &tag.key)?;
            value_fits("value", &tag.value, MAX_EXPERIMENT_TAG)?;
        }
        let now = millis(self.clock.now());
        let id = self.store.together::<_, crate::ControlError>(move |tx| {
            if let Some(found) = tx.experiment_named(&name)? {
                let deleted = if found.stage == "deleted" {
                    " in deleted state. You can restore the existing experiment, or permanently delete it to create a new one"
                } else {
                    ""
                };
                let text = format!("Experiment(name={name}) already exists{deleted}.");
                return Err(Error::exists(text).into());
            }
            let id = tx.insert_experiment(&name, location.as_deref(), now)?;
            tx.set_pairs(PairKind::Experiment, id, &tags)?;
            Ok(id)
        })?;
        Ok(json!({"experiment_id": id.to_string()}))
    }

    /// `experiments/get`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_get_experiment(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let id = args.text("experiment_id")?;
        self.store.read(|r| {
            let row = experiment(r, id)?;
            Ok(json!({"experiment": shown(r, &row)?}))
        })
    }

    /// `experiments/get-by-name`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_get_experiment_by_name(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let name = args.text("experiment_name")?;
        self.store.read(|r| {
            let row = r.experiment_named(name)?.ok_or_else(|| {
                Error::missing(format!("Could not find experiment with name '{name}'"))
            })?;
            Ok(json!({"experiment": shown(r, &row)?}))
        })
    }

    /// `experiments/search`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_search_experiments(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let search = search(Grammar::Experiments, args, 1_000, 50_000)?;
        let audience = audience(args, "view_type")?;
        self.store.read(|r| {
            let (rows, token) = search.page.cut(r.find_experiments(&search, audience)?);
            let items = rows.iter().map(|row| Ok(json!(shown(r, row)?)));
            Ok(listed("experiments", items.collect::<Result<_>>()?, token))
        })
    }

    /// `experiments/update`: another name.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_update_experiment(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.text("experiment_id")?.to_owned();
        let name = args.text("new_name")?.to_owned();
        experiment_name_fits(&name)?;
        let now = millis(self.clock.now());
        self.store.together::<_, crate::ControlError>(move |tx| {
            let row = experiment(tx, &id)?;
            if row.stage != "active" {
                return Err(not_active(&row).into());
            }
            match tx.rename_experiment(row.row, &name, now) {
                Err(StoreError::Exists(_)) => {
                    Err(Error::exists(format!("Experiment(name={name}) already exists.")).into())
                }
                other => Ok(other?),
            }
        })?;
        Ok(nothing())
    }

    /// `experiments/delete` and `experiments/restore`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_stage_experiment(
        &self,
        ctx: &RequestContext,
        args: &Args,
        stage: &'static str,
    ) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.text("experiment_id")?.to_owned();
        let now = millis(self.clock.now());
        self.store.together::<_, crate::ControlError>(move |tx| {
            let row = experiment(tx, &id)?;
            if row.stage == stage {
                return Err(Error::missing(format!("No Experiment with id={id} in this state exists")).into());
            }
            if row.row == 0 && stage == "deleted" {
                return Err(Error::invalid("Cannot delete the default experiment '0'. This is an internally reserved experiment.").into());
            }
            Ok(tx.stage_experiment(row.row, stage, now)?)
        })?;
        Ok(nothing())
    }

    /// `experiments/set-experiment-tag`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_set_experiment_tag(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.text("experiment_id")?.to_owned();
        let key = args.text("key")?.to_owned();
        let value = args.maybe_text("value")?.unwrap_or_default().to_owned();
        key_fits("key", &key)?;
        value_fits("value", &value, MAX_EXPERIMENT_TAG)?;
        self.store.together::<_, crate::ControlError>(move |tx| {
            let row = active_experiment(tx, &id)?;
            Ok(tx.set_pair(PairKind::Experiment, row.row, &key, &value)?)
        })?;
        Ok(nothing())
    }

    /// `experiments/delete-experiment-tag`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_delete_experiment_tag(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.text("experiment_id")?.to_owned();
        let key = args.text("key")?.to_owned();
        self.store.together::<_, crate::ControlError>(move |tx| {
            let row = active_experiment(tx, &id)?;
            if !tx.remove_pair(PairKind::Experiment, row.row, &key)? {
                return Err(Error::missing(format!(
                    "No tag with name: {key} in experiment with id {id}"
                ))
                .into());
            }
            Ok(())
        })?;
        Ok(nothing())
    }
}

/// The experiment with this id.
pub(super) fn experiment(read: &Read<'_>, id: &str) -> Result<ExperimentRow> {
    let number = id.parse().ok();
    let found = number.map(|number| read.experiment(number)).transpose()?.flatten();
    Ok(found.ok_or_else(|| Error::missing(format!("No Experiment with id={id} exists")))?)
}

/// The same, which must not be deleted.
pub(super) fn active_experiment(read: &Read<'_>, id: &str) -> Result<ExperimentRow> {
    let row = experiment(read, id)?;
    if row.stage == "active" { Ok(row) } else { Err(not_active(&row).into()) }
}

fn not_active(row: &ExperimentRow) -> Error {
    Error::invalid(format!(
        "The experiment {} must be in the 'active' state. Current state is {}.",
        row.row, row.stage
    ))
}

fn shown(read: &Read<'_>, row: &ExperimentRow) -> Result<Experiment> {
    Ok(Experiment {
        experiment_id: row.row.to_string(),
        name: row.name.clone(),
        artifact_location: row.location.clone(),
        lifecycle_stage: row.stage.clone(),
        last_update_time: row.updated_at,
        creation_time: row.created_at,
        tags: read.pairs(PairKind::Experiment, row.row)?,
    })
}
