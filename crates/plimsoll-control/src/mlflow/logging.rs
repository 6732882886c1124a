//! What a run logs: metrics, parameters, tags, datasets, logged models.

use super::run::{NAME_TAG, active_run, check_tags, no_run, not_active};
use super::{Result, nothing};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_mlflow::{
    Args, Dataset, Error, MAX_BATCH, MAX_BATCH_METRICS, MAX_BATCH_PARAMS, MAX_BATCH_TAGS,
    MAX_PARAM, MAX_RUN_TAG, Metric, Pair, key_fits, run_id_fits, value_fits,
};
use plimsoll_store::{PairKind, Read, RunDatasetRow, Write};
use serde_json::Value;
use std::collections::HashSet;

/// The longest name and digest of a dataset, in characters.
const MAX_DATASET_NAME: usize = 500;
const MAX_DATASET_DIGEST: usize = 36;
/// The longest source, schema and profile of a dataset, in characters: MLflow's columns.
const MAX_DATASET_SOURCE: usize = 65_535;
const MAX_DATASET_SCHEMA: usize = 1_048_575;
const MAX_DATASET_PROFILE: usize = 16_777_215;
/// The most datasets or models of one request.
const MAX_INPUTS: usize = 1_000;

impl Control {
    /// `runs/log-metric`. Durable when it is answered.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_log_metric(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        let metric = metric(args)?;
        self.store.together::<_, ControlError>(move |tx| {
            let run = open_run(tx, &id)?;
            Ok(tx.log_metric(run, &metric)?)
        })?;
        Ok(nothing())
    }

    /// `runs/log-parameter`. A parameter never changes.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_log_param(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        let key = args.text("key")?.to_owned();
        let value = args.maybe_text("value")?.unwrap_or_default().to_owned();
        let param = Pair { key, value };
        check_param(&param)?;
        self.store.together::<_, ControlError>(move |tx| {
            let run = open_run(tx, &id)?;
            log_param(tx, run, &id, &param)
        })?;
        Ok(nothing())
    }

    /// `runs/log-batch`: all of it or nothing.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_log_batch(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        let metrics = metrics(args)?;
        let params = args.pairs("params")?;
        let tags = args.pairs("tags")?;
        check_batch(&metrics, &params, &tags)?;
        self.store.together::<_, ControlError>(move |tx| {
            let run = open_run(tx, &id)?;
            params.iter().try_for_each(|param| log_param(tx, run, &id, param))?;
            metrics.iter().try_for_each(|metric| tx.log_metric(run, metric))?;
            tags.iter().try_for_each(|tag| set_tag(tx, &id, run, tag))
        })?;
        Ok(nothing())
    }

    /// `runs/set-tag`.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_set_tag(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        let key = args.text("key")?.to_owned();
        let value = args.maybe_text("value")?.unwrap_or_default().to_owned();
        let tag = Pair { key, value };
        key_fits("key", &tag.key)?;
        value_fits("value", &tag.value, MAX_RUN_TAG)?;
        self.store.together::<_, ControlError>(move |tx| {
            let run = open_run(tx, &id)?;
            set_tag(tx, &id, run, &tag)
        })?;
        Ok(nothing())
    }

    /// `runs/delete-tag`.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_delete_tag(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        let key = args.text("key")?.to_owned();
        self.store.together::<_, ControlError>(move |tx| {
            let run = open_run(tx, &id)?;
            if !tx.remove_pair(PairKind::Run, run, &key)? {
                return Err(
                    Error::missing(format!("No tag with name: {key} in run with id {id}")).into()
                );
            }
            Ok(())
        })?;
        Ok(nothing())
    }

    /// `runs/log-inputs`: the datasets and logged models that a run read.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_log_inputs(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        let datasets: Vec<RunDatasetRow> =
            args.objects("datasets")?.iter().map(dataset).collect::<Result<_>>()?;
        let models = models(args)?;
        if datasets.len() > MAX_INPUTS {
            return Err(Error::invalid("there are too many datasets").into());
        }
        self.store.together::<_, ControlError>(move |tx| {
            let row = active_run(tx, &id)?;
            datasets.iter().try_for_each(|dataset| tx.log_dataset(&row, dataset))?;
            for (model, _) in &models {
                tx.log_run_model(row.row, "in", model, 0)?;
            }
            Ok(())
        })?;
        Ok(nothing())
    }

    /// `runs/outputs`: the logged models that a run made.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_log_outputs(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        let models = models(args)?;
        self.store.together::<_, ControlError>(move |tx| {
            let row = active_run(tx, &id)?;
            for (model, step) in &models {
                tx.log_run_model(row.row, "out", model, *step)?;
            }
            Ok(())
        })?;
        Ok(nothing())
    }

    /// `runs/log-model`: how clients before 3 tell of a model. It is kept as a tag.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_log_model(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        const HISTORY: &str = "mlflow.log-model.history";
        self.may_write_tracking(ctx)?;
        let id = args.run_id()?.to_owned();
        let text = args.text("model_json")?;
        value_fits("model_json", text, MAX_RUN_TAG)?;
        let model: Value = serde_json::from_str(text).map_err(|_| {
            Error::invalid("Malformed model info: 'model_json' is not a valid JSON.")
        })?;
        let missing: Vec<&str> = ["artifact_path", "flavors", "utc_time_created", "run_id"]
            .into_iter()
            .filter(|field| model.get(field).is_none())
            .collect();
        if !missing.is_empty() {
            return Err(Error::invalid(format!(
                "Model json is missing mandatory fields: {}",
                missing.join(", ")
            ))
            .into());
        }
        self.store.together::<_, ControlError>(move |tx| {
            let run = open_run(tx, &id)?;
            let before = tx.pair(PairKind::Run, run, HISTORY)?.unwrap_or_else(|| "[]".into());
            let mut history: Vec<Value> = serde_json::from_str(&before).unwrap_or_default();
            history.push(model);
            let value = Value::Array(history).to_string();
            value_fits("value", &value, MAX_DATASET_SCHEMA)?;
            Ok(tx.set_pair(PairKind::Run, run, HISTORY, &value)?)
        })?;
        Ok(nothing())
    }
}

/// The number of a run that may be written to.
fn open_run(read: &Read<'_>, id: &str) -> Result<i64> {
    match read.run_number(id)? {
        None => Err(no_run(id).into()),
        Some((row, stage)) if stage == "active" => Ok(row),
        Some((_, stage)) => Err(not_active(id, &stage).into()),
    }
}

fn metric(args: &Args) -> Result<Metric> {
    let key = args.text("key")?.to_owned();
    key_fits("key", &key)?;
    let text =
        |name| Ok::<_, Error>(args.maybe_text(name)?.filter(|t| !t.is_empty()).map(str::to_owned));
    let metric = Metric {
        key,
        value: args.number("value")?,
        timestamp: args.int("timestamp")?,
        step: args.maybe_int("step")?.unwrap_or(0),
        model_id: text("model_id")?,
        dataset_name: text("dataset_name")?,
        dataset_digest: text("dataset_digest")?,
        run_id: None,
    };
    if metric.timestamp < 0 {
        return Err(Error::invalid(format!(
            "Invalid value {} for parameter 'timestamp' supplied: it must not be negative",
            metric.timestamp
        ))
        .into());
    }
    if metric.model_id.as_deref().is_some_and(|id| !run_id_fits(id)) {
        return Err(Error::invalid("Invalid value for parameter 'model_id' supplied").into());
    }
    value_fits(
        "dataset_name",
        metric.dataset_name.as_deref().unwrap_or_default(),
        MAX_DATASET_NAME,
    )?;
    let digest = metric.dataset_digest.as_deref().unwrap_or_default();
    value_fits("dataset_digest", digest, MAX_DATASET_DIGEST)?;
    Ok(metric)
}

/// The metrics of a batch; what is wrong is named with its place.
fn metrics(args: &Args) -> Result<Vec<Metric>> {
    let read = |(index, item): (usize, Args)| {
        for name in ["key", "value", "timestamp"] {
            if !item.has(name) {
                return Err(Error::invalid(format!(
                    "Missing value for required parameter 'metrics[{index}].{name}'. See the API \
                     docs for more information about request parameters."
                ))
                .into());
            }
        }
        metric(&item)
    };
    args.objects("metrics")?.into_iter().enumerate().map(read).collect()
}

fn check_batch(metrics: &[Metric], params: &[Pair], tags: &[Pair]) -> Result<()> {
    let many = |what: &str, count: usize, max: usize| {
        Err(Error::invalid(format!(
            "A batch logging request can contain at most {max} {what}. Got {count} {what}. Please \
             split up {what} across multiple requests and try again."
        ))
        .into())
    };
    let total = metrics.len() + params.len() + tags.len();
    if metrics.len() > MAX_BATCH_METRICS {
        return many("metrics", metrics.len(), MAX_BATCH_METRICS);
    }
    if params.len() > MAX_BATCH_PARAMS {
        return many("params", params.len(), MAX_BATCH_PARAMS);
    }
    if tags.len() > MAX_BATCH_TAGS {
        return many("tags", tags.len(), MAX_BATCH_TAGS);
    }
    if total > MAX_BATCH {
        return many("metrics, params, and tags", total, MAX_BATCH);
    }
    let keys: HashSet<&str> = params.iter().map(|param| param.key.as_str()).collect();
    if keys.len() != params.len() {
        return Err(Error::invalid("Duplicate parameter keys have been submitted").into());
    }
    params.iter().try_for_each(check_param)?;
    check_tags(tags)
}

fn check_param(param: &Pair) -> Result<()> {
    key_fits("key", &param.key)?;
    Ok(value_fits("value", &param.value, MAX_PARAM)?)
}

fn log_param(tx: &Write<'_>, run: i64, id: &str, param: &Pair) -> Result<()> {
    match tx.pair(PairKind::Param, run, &param.key)? {
        Some(value) if value == param.value => Ok(()),
        Some(_) => Err(Error::invalid(format!(
            "Changing param values is not allowed. Param with key='{}' was already logged with \
             another value for run ID='{id}'.",
            param.key
        ))
        .into()),
        None => Ok(tx.set_pair(PairKind::Param, run, &param.key, &param.value)?),
    }
}

/// Sets a tag; the tag with a run's name names the run.
fn set_tag(tx: &Write<'_>, id: &str, run: i64, tag: &Pair) -> Result<()> {
    tx.set_pair(PairKind::Run, run, &tag.key, &tag.value)?;
    if tag.key == NAME_TAG {
        let mut row = active_run(tx, id)?;
        row.name.clone_from(&tag.value);
        tx.update_run(&row)?;
    }
    Ok(())
}

fn dataset(args: &Args) -> Result<RunDatasetRow> {
    let tags = args.pairs("tags")?;
    check_tags(&tags)?;
    let of = args.object("dataset")?;
    let text = |name, max| {
        let text = of.maybe_text(name)?.unwrap_or_default().to_owned();
        value_fits(name, &text, max)?;
        Ok::<_, Error>(text)
    };
    let maybe = |name, max| Ok::<_, Error>(Some(text(name, max)?).filter(|text| !text.is_empty()));
    of.text("name")?;
    of.text("digest")?;
    Ok(RunDatasetRow {
        tags,
        dataset: Dataset {
            name: text("name", MAX_DATASET_NAME)?,
            digest: text("digest", MAX_DATASET_DIGEST)?,
            source_type: text("source_type", MAX_DATASET_NAME)?,
            source: text("source", MAX_DATASET_SOURCE)?,
            schema: maybe("schema", MAX_DATASET_SCHEMA)?,
            profile: maybe("profile", MAX_DATASET_PROFILE)?,
        },
    })
}

fn models(args: &Args) -> Result<Vec<(String, i64)>> {
    let models = args.objects("models")?;
    if models.len() > MAX_INPUTS {
        return Err(Error::invalid("there are too many models").into());
    }
    let read = |model: &Args| {
        let id = model.text("model_id")?;
        if !run_id_fits(id) {
            return Err(Error::invalid("Invalid value for parameter 'model_id' supplied").into());
        }
        Ok((id.to_owned(), model.maybe_int("step")?.unwrap_or(0)))
    };
    models.iter().map(read).collect()
}
