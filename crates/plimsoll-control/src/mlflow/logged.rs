//! Logged models: what a run made before anybody registers it.

use super::run::experiment_ids;
use super::source::no_logged;
use super::tracking::active_experiment;
use super::{Result, listed, millis, new_id, nothing, search};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_mlflow::{
    Args, Error, Grammar, LoggedStatus, MAX_PARAM, MAX_RUN_TAG, Order, Pair, key_fits,
    model_name_fits, run_id_fits, value_fits,
};
use plimsoll_store::{LoggedRow, PairKind, Read};
use serde_json::{Value, json};

/// The most tags or parameters of one request.
const MAX_PAIRS: usize = 1_000;
/// The most datasets of one search: each is two parameters of each condition on a metric.
const MAX_DATASETS: usize = 50;

impl Control {
    /// `logged-models` (POST).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_create_logged(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let experiment = args.text("experiment_id")?.to_owned();
        let told = |name| {
            Ok::<_, Error>(args.maybe_text(name)?.filter(|t| !t.is_empty()).map(str::to_owned))
        };
        let (name, kind, run) = (told("name")?, told("model_type")?, told("source_run_id")?);
        if let Some(name) = &name {
            model_name_fits(name)?;
        }
        if run.as_deref().is_some_and(|run| !run_id_fits(run)) {
            return Err(
                Error::invalid("Invalid value for parameter 'source_run_id' supplied").into()
            );
        }
        value_fits("model_type", kind.as_deref().unwrap_or_default(), MAX_PARAM)?;
        let params = pairs(args, "params", MAX_PARAM)?;
        let tags = pairs(args, "tags", MAX_RUN_TAG)?;
        let now = self.clock.now();
        let id = format!("m-{}", new_id(now));
        self.store.together::<_, ControlError>(move |tx| {
            let experiment = active_experiment(tx, &experiment)?;
            let mut row = LoggedRow {
                row: 0,
                location: format!("{}/models/{id}/artifacts", experiment.location),
                name: name.unwrap_or_else(|| format!("model-{}", id.get(26..).unwrap_or(&id))),
                id,
                experiment: experiment.row,
                kind,
                run,
                status: LoggedStatus::Pending.as_str().into(),
                created_at: millis(now),
                updated_at: millis(now),
            };
            row.row = tx.insert_logged(&row)?;
            tx.set_pairs(PairKind::LoggedParam, row.row, &params)?;
            tx.set_pairs(PairKind::Logged, row.row, &tags)?;
            Ok(json!({"model": tx.whole_logged(&row)?}))
        })
    }

    /// `logged-models/{model_id}` (GET).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_get_logged(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let id = args.text("model_id")?;
        self.store.read(|r| {
            let row = logged(r, id)?;
            Ok(json!({"model": r.whole_logged(&row)?}))
        })
    }

    /// `logged-models/{model_id}` (PATCH): its files are there, or never came.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_finalize_logged(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.text("model_id")?.to_owned();
        let by_number = |n| match n {
            1 => Some(LoggedStatus::Pending),
            2 => Some(LoggedStatus::Ready),
            3 => Some(LoggedStatus::Failed),
            _ => None,
        };
        let status = match args.maybe_int("status") {
            Ok(Some(number)) => by_number(number),
            Ok(None) | Err(_) => LoggedStatus::of(args.text("status")?),
        };
        let status = status
            .ok_or_else(|| Error::invalid("Invalid value for parameter 'status' supplied"))?;
        let now = millis(self.clock.now());
        self.store.together::<_, ControlError>(move |tx| {
            let row = logged(tx, &id)?;
            tx.status_logged(row.row, status.as_str(), now)?;
            Ok(json!({"model": tx.whole_logged(&logged(tx, &id)?)?}))
        })
    }

    /// `logged-models/{model_id}` (DELETE).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_delete_logged(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.text("model_id")?.to_owned();
        let now = millis(self.clock.now());
        self.store.together::<_, ControlError>(move |tx| {
            let row = logged(tx, &id)?;
            if let Some((name, number)) = tx.version_of_logged(&id)? {
                return Err(Error::conflict(format!(
                    "The logged model is version {number} of the registered model '{name}' and \
                     cannot be deleted"
                ))
                .into());
            }
            Ok(tx.delete_logged(row.row, now)?)
        })?;
        Ok(nothing())
    }

    /// `logged-models/{model_id}/tags` (PATCH) and `…/params` (POST).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_tell_logged(
        &self,
        ctx: &RequestContext,
        args: &Args,
        kind: PairKind,
    ) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.text("model_id")?.to_owned();
        let told = match kind {
            PairKind::LoggedParam => pairs(args, "params", MAX_PARAM)?,
            _ => pairs(args, "tags", MAX_RUN_TAG)?,
        };
        self.store.together::<_, ControlError>(move |tx| {
            let row = logged(tx, &id)?;
            if kind == PairKind::LoggedParam {
                for pair in &told {
                    let before = tx.pair(kind, row.row, &pair.key)?;
                    if before.is_some_and(|before| before != pair.value) {
                        return Err(Error::invalid("Changing param values is not allowed.").into());
                    }
                }
            }
            tx.set_pairs(kind, row.row, &told)?;
            Ok(json!({"model": tx.whole_logged(&row)?}))
        })
    }

    /// `logged-models/{model_id}/tags/{tag_key}` (DELETE).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_delete_logged_tag(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_write_tracking(ctx)?;
        let id = args.text("model_id")?.to_owned();
        let key = args.text("tag_key")?.to_owned();
        self.store.together::<_, ControlError>(move |tx| {
            let row = logged(tx, &id)?;
            if !tx.remove_pair(PairKind::Logged, row.row, &key)? {
                return Err(Error::missing(format!(
                    "No tag with key '{key}' found for model with ID '{id}'."
                ))
                .into());
            }
            Ok(())
        })?;
        Ok(nothing())
    }

    /// `logged-models/search`.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_search_logged(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read_tracking(ctx)?;
        let experiments = experiment_ids(args)?;
        let without = OrderedArgs::of(args)?;
        let mut search = search(Grammar::Logged, &without.rest, 100, 1_000)?;
        search.orders = without.orders;
        search.datasets = datasets(args)?;
        self.store.read(|r| {
            let (rows, token) = search.page.cut(r.find_logged(&experiments, &search)?);
            let items = rows.iter().map(|row| Ok(json!(r.whole_logged(row)?)));
            Ok(listed("models", items.collect::<Result<_>>()?, token))
        })
    }

    /// Where a logged model's artifacts are: what listing them begins with.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_logged_location(&self, ctx: &RequestContext, args: &Args) -> Result<String> {
        self.may_read_tracking(ctx)?;
        let id = args.text("model_id")?;
        Ok(self.store.read(|r| logged(r, id))?.location)
    }
}

/// The orders of a search for logged models, which are objects, and its other arguments.
struct OrderedArgs {
    orders: Vec<Order>,
    rest: Args,
}

impl OrderedArgs {
    fn of(args: &Args) -> Result<Self> {
        let mut orders = Vec::new();
        for wanted in args.objects("order_by")? {
            let name = wanted.text("field_name")?.to_owned();
            let mut found = plimsoll_mlflow::order(Grammar::Logged, &[name])?;
            for order in &mut found {
                order.ascending = wanted.maybe_bool("ascending")?.unwrap_or(true);
            }
            orders.extend(found);
        }
        Ok(Self { orders, rest: args.without("order_by") })
    }
}

/// The datasets that the metrics of a search are to be about.
fn datasets(args: &Args) -> Result<Vec<(String, Option<String>)>> {
    let wanted = args.objects("datasets")?;
    if wanted.len() > MAX_DATASETS {
        return Err(Error::invalid("there are too many datasets").into());
    }
    let one = |wanted: &Args| {
        let digest = wanted.maybe_text("dataset_digest")?.filter(|digest| !digest.is_empty());
        Ok((wanted.text("dataset_name")?.to_owned(), digest.map(str::to_owned)))
    };
    wanted.iter().map(one).collect()
}

/// The logged model with this id.
pub(super) fn logged(read: &Read<'_>, id: &str) -> Result<LoggedRow> {
    Ok(read.logged(id)?.ok_or_else(|| no_logged(id))?)
}

fn pairs(args: &Args, name: &str, max: usize) -> Result<Vec<Pair>> {
    let pairs = args.pairs(name)?;
    if pairs.len() > MAX_PAIRS {
        return Err(Error::invalid(format!("there are too many {name}")).into());
    }
    for pair in &pairs {
        key_fits("key", &pair.key)?;
        value_fits("value", &pair.value, max)?;
    }
    Ok(pairs)
}
