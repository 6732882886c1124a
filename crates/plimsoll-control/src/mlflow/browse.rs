//! What web pages and clients of other languages ask beside: the files of a run or of a logged
//! model, a metric of several runs, the datasets of experiments.

use super::logged::logged;
use super::run::{MAX_HISTORY, experiment_ids, run};
use super::{Result, listed};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::file::FileEntry;
use plimsoll_artifact::FilePath;
use plimsoll_mlflow::{Args, Error, Metric};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The most runs of one request (MLflow's number).
const MAX_RUNS: usize = 100;
/// The most experiments whose datasets are listed at once (MLflow's number).
const MAX_EXPERIMENTS: usize = 20;
/// The most datasets of one answer (MLflow's number).
const MAX_DATASETS: u32 = 1_000;
/// The most sampled values of a run (MLflow's number).
const MAX_SAMPLES: i64 = 2_500;
/// How many there are when nobody says (MLflow's number).
const SAMPLES: i64 = 320;

impl Control {
    /// `artifacts/list`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_list_run_files(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let id = args.run_id()?;
        let path = plain_path(args.maybe_text("path")?)?;
        let root = self.store.read(|r| Ok::<_, crate::ControlError>(run(r, id)?.location))?;
        self.ml_files(ctx, &root, path.as_ref())
    }

    /// `logged-models/{model_id}/artifacts/directories`.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_list_logged_files(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let id = args.text("model_id")?;
        let path = plain_path(args.maybe_text("artifact_directory_path")?)?;
        let root = self.store.read(|r| Ok::<_, crate::ControlError>(logged(r, id)?.location))?;
        self.ml_files(ctx, &root, path.as_ref())
    }

    /// The folder of a logged model's files.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn logged_folder(&self, ctx: &RequestContext, id: &str) -> Result<FilePath> {
        self.may_read_tracking(ctx)?;
        let root = self.store.read(|r| Ok::<_, crate::ControlError>(logged(r, id)?.location))?;
        Ok(FilePath::from_source(&root).ok_or_else(elsewhere)?)
    }

    /// The folder that a run's files go to, whether or not it has any yet.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn logging_folder(&self, ctx: &RequestContext, id: &str) -> Result<FilePath> {
        self.may_write_tracking(ctx)?;
        let root = self.store.read(|r| Ok::<_, crate::ControlError>(run(r, id)?.location))?;
        Ok(FilePath::from_source(&root).ok_or_else(elsewhere)?)
    }

    /// What is in a folder below a root; paths are told as from the root.
    fn ml_files(&self, ctx: &RequestContext, root: &str, path: Option<&FilePath>) -> Result<Value> {
        let within = FilePath::from_source(root).ok_or_else(elsewhere)?;
        let folder = match path {
            None => within,
            Some(path) => within.join(path.as_str()).map_err(|_| invalid_path())?,
        };
        let told = |entry: FileEntry| {
            let name = match path {
                None => entry.name,
                Some(path) => format!("{path}/{}", entry.name),
            };
            match entry.size {
                None => json!({"path": name, "is_dir": true}),
                Some(size) => json!({"path": name, "is_dir": false, "file_size": size}),
            }
        };
        let files = self.list_files(ctx, Some(&folder))?.into_iter().map(told).collect();
        let mut answer = listed("files", files, None);
        answer["root_uri"] = root.into();
        Ok(answer)
    }

    /// `metrics/get-history-bulk`: one metric of several runs. A run that is not there has none.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_history_bulk(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let mut runs = args.texts("run_id")?;
        if runs.is_empty() {
            let what = "GetMetricHistoryBulk request must specify at least one run_id.";
            return Err(Error::invalid(what).into());
        }
        if runs.len() > MAX_RUNS {
            return Err(Error::invalid(format!(
                "GetMetricHistoryBulk request cannot specify more than {MAX_RUNS} run_ids."
            ))
            .into());
        }
        let key =
            args.maybe_text("metric_key")?.filter(|key| !key.is_empty()).ok_or_else(|| {
                Error::invalid("GetMetricHistoryBulk request must specify a metric_key.")
            })?;
        let limit = args.maybe_int("max_results")?.unwrap_or(MAX_HISTORY.into());
        let mut left = u32::try_from(limit).unwrap_or(MAX_HISTORY).min(MAX_HISTORY);
        runs.sort();
        runs.dedup();
        let mut found = Vec::new();
        for id in &runs {
            let values = self.ml_history(id, key, left)?;
            left = left.saturating_sub(u32::try_from(values.len()).unwrap_or(u32::MAX));
            found.extend(values);
        }
        Ok(json!({"metrics": found}))
    }

    /// `metrics/get-history-bulk-interval`: the same at about so many steps of each run, the first
    /// and the last among them.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_history_sampled(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let runs = args.texts("run_ids")?;
        if runs.is_empty() {
            return Err(plimsoll_mlflow::missing("run_ids").into());
        }
        if runs.len() > MAX_RUNS {
            return Err(Error::invalid(format!(
                "GetMetricHistoryBulkInterval request must specify at most {MAX_RUNS} run_ids."
            ))
            .into());
        }
        let key = args.text("metric_key")?;
        let most = args.maybe_int("max_results")?.unwrap_or(SAMPLES);
        if !(1..=MAX_SAMPLES).contains(&most) {
            let what = format!("max_results must be between 1 and {MAX_SAMPLES}.");
            return Err(Error::invalid(what).into());
        }
        let wanted = match (args.maybe_int("start_step")?, args.maybe_int("end_step")?) {
            (Some(first), Some(last)) if first > last => {
                return Err(Error::invalid("end_step must be greater than start_step. ").into());
            }
            (Some(first), Some(last)) => Some((first, last)),
            (None, None) => None,
            _ => {
                let what = "If either start step or end step are specified, both must be \
                            specified.";
                return Err(Error::invalid(what).into());
            }
        };
        let histories = runs.iter().map(|id| self.ml_history(id, key, MAX_HISTORY));
        let histories = histories.collect::<Result<Vec<_>>>()?;
        let steps = sampled(&histories, usize::try_from(most).unwrap_or(1), wanted);
        let mut metrics: Vec<&Metric> = Vec::new();
        for history in &histories {
            let begin = metrics.len();
            metrics.extend(history.iter().filter(|value| steps.contains(&value.step)));
            let of_run = metrics.get_mut(begin..).unwrap_or_default();
            of_run.sort_by_key(|value| (value.step, value.timestamp));
        }
        Ok(json!({"metrics": metrics}))
    }

    /// The values of a metric of a run, as lists of several runs show them.
    fn ml_history(&self, id: &str, key: &str, limit: u32) -> Result<Vec<Metric>> {
        self.store.read(|r| {
            let Some((row, _)) = r.run_number(id)? else { return Ok(Vec::new()) };
            let values = r.metric_history(row, key, 0, limit)?;
            let shown = |value: Metric| Metric {
                model_id: None,
                dataset_name: None,
                dataset_digest: None,
                run_id: Some(id.to_owned()),
                ..value
            };
            Ok(values.into_iter().map(shown).collect())
        })
    }

    /// `experiments/search-datasets`: the datasets that runs of experiments read.
    ///
    /// # Errors
    /// [`crate::ControlError`].
    pub fn ml_search_datasets(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let count = args.list("experiment_ids")?.len();
        if count == 0 {
            let what = "SearchDatasets request must specify at least one experiment_id.";
            return Err(Error::invalid(what).into());
        }
        if count > MAX_EXPERIMENTS {
            return Err(Error::invalid(format!(
                "SearchDatasets request cannot specify more than {MAX_EXPERIMENTS} experiment_ids. \
                 Received {count} experiment_ids."
            ))
            .into());
        }
        let experiments = experiment_ids(args)?;
        let found = self.store.read(|r| r.datasets_of(&experiments, MAX_DATASETS))?;
        let told = found.into_iter().map(|(experiment, name, digest, context)| {
            let mut one =
                json!({"experiment_id": experiment.to_string(), "name": name, "digest": digest});
            if let Some(context) = context {
                one["context"] = context.into();
            }
            one
        });
        Ok(listed("dataset_summaries", told.collect(), None))
    }
}

/// The path below a root that is asked for; none is the root.
fn plain_path(path: Option<&str>) -> Result<Option<FilePath>> {
    match path.map(|path| path.trim_end_matches('/')) {
        None | Some("") => Ok(None),
        Some(path) => Ok(Some(path.parse().map_err(|_| invalid_path())?)),
    }
}

fn elsewhere() -> Error {
    Error::invalid("the artifacts are in another store, which this server does not list")
}

fn invalid_path() -> Error {
    Error::invalid("Invalid path")
}

/// The steps that are shown of these histories: `most` of all between the wanted ones, evenly by
/// their number, and the first and last of each run.
fn sampled(histories: &[Vec<Metric>], most: usize, wanted: Option<(i64, i64)>) -> BTreeSet<i64> {
    let of =
        |history: &Vec<Metric>| history.iter().map(|value| value.step).collect::<BTreeSet<_>>();
    let each: Vec<BTreeSet<i64>> = histories.iter().map(of).collect();
    let all: BTreeSet<i64> = each.iter().flatten().copied().collect();
    let (first, last) = wanted.unwrap_or((0, all.last().copied().unwrap_or(0)));
    if first > last {
        return BTreeSet::new();
    }
    let ends = each.iter().flat_map(|steps| [steps.first(), steps.last()]).flatten().copied();
    let mut shown: BTreeSet<i64> = ends.filter(|step| (first..=last).contains(step)).collect();
    let between: Vec<i64> = all.range(first..=last).copied().collect();
    if between.len() <= most {
        shown.extend(between);
        return shown;
    }
    shown.extend((0..most).filter_map(|n| between.get(n * between.len() / most)));
    shown.extend(between.last());
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(steps: impl IntoIterator<Item = i64>) -> Vec<Metric> {
        let one = |step| Metric {
            key: "m".into(),
            value: 1.0,
            timestamp: 1,
            step,
            model_id: None,
            dataset_name: None,
            dataset_digest: None,
            run_id: None,
        };
        steps.into_iter().map(one).collect()
    }

    #[test]
    fn steps_are_sampled_as_mlflow_does() {
        let shown = |histories: &[Vec<Metric>], most, wanted| {
            sampled(histories, most, wanted).into_iter().collect::<Vec<_>>()
        };
        let one = [steps(0..10)];
        assert_eq!(shown(&one, 5, None), [0, 2, 4, 6, 8, 9]);
        assert_eq!(shown(&one, 5, Some((0, 4))), [0, 1, 2, 3, 4]);
        let two = [steps(0..10), steps(0..20)];
        assert_eq!(shown(&two, 5, None), [0, 4, 8, 9, 12, 16, 19]);
        assert_eq!(shown(&[], 5, None), [0_i64; 0]);
        assert_eq!(shown(&[steps([-3, -2])], 5, None), [0_i64; 0]);
    }
}
