//! How good a deployment's answers were: read from its decision tables and the outcomes that were
//! told since, measured by window and slice. Nothing is kept: a window is measured anew with each
//! question, so that an outcome that comes late, or corrects another, counts in its own window.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::outcome::UNNAMED;
use crate::performance_estimated::estimate_classes;
use plimsoll_api as api;
use plimsoll_api::Task;
use plimsoll_lake::{Answered, Judge, Judged, Lake, LakeError, Truth, TruthValue, Visible};
use plimsoll_policy::{Action, Resource};
use plimsoll_stats::cbpe::{Cbpe, Known};
use plimsoll_stats::dle::{Dle, Quantities};
use plimsoll_stats::realized::{
    Chosen, Measured, Reliability, Said, Worth, binary, multiclass, ranking, regression,
};
use plimsoll_store::DeploymentRow;
use plimsoll_types::{DecisionId, Name, Severity, Signal, SignalKind, Time};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// Rows below which nothing is said of a window or slice: the figures would be luck, and those of
/// a slice could point to persons.
pub(crate) const LEAST: usize = 30;
/// Answers that are looked at, the newest. Each takes about 200 bytes: 200 MB.
pub(crate) const MAX_ANSWERS: u64 = 1_000_000;
/// Windows of one answer: a page of figures, not a data set.
const MAX_WINDOWS: usize = 1_000;
/// Values of a slice in one window.
const MAX_SLICES: usize = 100;
/// Classes of a model.
const MAX_CLASSES: usize = 1_000;
/// How far back is looked unless told.
const USUAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Time for reading the tables.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Outcomes of this share of a window's answers make it one that is known.
const MOSTLY: f64 = 0.9;
/// Rows of the known windows below which nothing is estimated from them.
pub(crate) const REFERENCE_MIN: usize = 100;
/// Rows of the known windows that are estimated from, the newest. Fitting takes them ten times.
pub(crate) const REFERENCE_MAX: usize = 50_000;
/// Inputs that a loss is estimated from.
const MAX_INPUTS: usize = 100;
/// Answers that are looked at with their inputs, the newest: 100 texts each are half a gigabyte.
const MAX_WITH_INPUTS: u64 = 50_000;
/// Texts of a column that get numbers of their own.
const MAX_ANSWERS_TEXTS: usize = 100_000;
/// Labels that are yes unless told otherwise.
const YES: [&str; 3] = ["1", "true", "yes"];

/// What a yes is.
#[derive(Debug, Clone)]
pub(crate) struct Positive(Option<String>);

impl Positive {
    pub(crate) fn new(told: Option<&String>) -> Self {
        Self(told.cloned())
    }

    pub(crate) fn is(&self, value: &TruthValue) -> bool {
        match (value, &self.0) {
            (TruthValue::Label(label), Some(yes)) => label == yes,
            (TruthValue::Label(label), None) => {
                YES.iter().any(|yes| label.eq_ignore_ascii_case(yes))
            }
            (TruthValue::Number(number) | TruthValue::Relevance(number), Some(yes)) => {
                yes.parse() == Ok(*number)
            }
            (TruthValue::Number(number) | TruthValue::Relevance(number), None) => *number >= 0.5,
        }
    }
}

/// How answers and outcomes are read.
pub(crate) struct Reading {
    pub(crate) task: Task,
    positive: Positive,
    threshold: f64,
    at: usize,
    classes: Vec<String>,
    worth: Option<Worth>,
    confidence: f64,
}

/// An answer and its outcome, if it is known.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) answer: &'a Answered,
    pub(crate) truth: Option<&'a Truth>,
}

/// The length of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Whole,
    Time(u64),
    Count(usize),
}

/// A deployment's answers, and which of them are looked at.
pub(crate) struct Looked {
    pub(crate) row: DeploymentRow,
    pub(crate) judge: Judge,
}

impl Control {
    /// Measures a deployment's answers against the outcomes that are known. Blocks.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_performance(
        &self,
        ctx: &RequestContext,
        lake: &Lake,
        name: &Name,
        query: &api::PerformanceQuery,
    ) -> Result<api::Performance, ControlError> {
        let row = self.judged_by(ctx, Action::ReadPerformance, name)?;
        self.performance_of(lake, &row, query)
    }

    /// The same of a deployment that whoever asks may see.
    pub(crate) fn performance_of(
        &self,
        lake: &Lake,
        row: &DeploymentRow,
        query: &api::PerformanceQuery,
    ) -> Result<api::Performance, ControlError> {
        let range = (query.since, query.until);
        let mut looked = self.looked_at(lake, row, query.output.as_deref(), range)?;
        let length = length(query.window.as_deref())?;
        if let Some(slice) = &query.slice {
            self.check_slice(&looked.row, slice)?;
            looked.judge.columns.push(slice.clone());
        }
        // What a loss is estimated from; only where it is asked for, as it is much to read.
        let first_input = looked.judge.columns.len();
        if query.task == Some(Task::Regression) && length != Length::Whole {
            let columns = lake.columns(&looked.judge.table).map_err(unread)?;
            let inputs = columns.into_iter().filter(|column| column.role == "feature");
            let inputs = inputs.filter(|column| !column.kind.starts_with("List"));
            looked.judge.columns.extend(inputs.map(|column| column.name).take(MAX_INPUTS));
            looked.judge.rows = MAX_WITH_INPUTS;
        }
        let judged = lake.judged(&looked.judge).map_err(unread)?;
        let outcome = query.outcome.as_deref().unwrap_or(UNNAMED);
        let pairs = paired(&judged, outcome);
        let reading = reading(query, &pairs)?;
        let windows = windows(&pairs, length, (looked.judge.since, looked.judge.until))?;
        let mut shown = Vec::new();
        for window in &windows {
            shown.push(reading.window(window, None));
            if query.slice.is_some() {
                shown.extend(reading.slices(window));
            }
        }
        let not_estimated = match reading.task {
            Task::Regression => estimate_losses(&windows, first_input, &mut shown),
            Task::Multiclass => estimate_classes(&reading, &windows, &mut shown),
            Task::Binary | Task::Ranking => reading.estimate(&windows, &mut shown),
        };
        Ok(api::Performance {
            deployment: row.name.to_string(),
            task: reading.task,
            output: looked.judge.output,
            outcome: outcome.to_owned(),
            least: LEAST as u64,
            is_cut: judged.is_cut,
            windows: shown,
            reliability: reading.reliability(&pairs),
            not_estimated,
        })
    }

    /// The deployment, if the caller may do `action` to it.
    pub(crate) fn judged_by(
        &self,
        ctx: &RequestContext,
        action: Action,
        name: &Name,
    ) -> Result<DeploymentRow, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, action, &Resource::Deployment(resource))?;
        row.ok_or_else(|| ControlError::not_found("deployment", name))
    }

    /// The deployment's table and output.
    pub(crate) fn looked_at(
        &self,
        lake: &Lake,
        row: &DeploymentRow,
        output: Option<&str>,
        (since, until): (Option<api::Timestamp>, Option<api::Timestamp>),
    ) -> Result<Looked, ControlError> {
        let table = table_of(row);
        let outputs = lake.columns(&table).map_err(unread)?;
        let outputs = outputs.into_iter().filter(|column| column.role == "output");
        let outputs: Vec<String> = outputs.map(|column| column.name).collect();
        let output = match (output, outputs.as_slice()) {
            (Some(wanted), all) if all.iter().any(|name| name == wanted) => wanted.to_owned(),
            (None, [only]) => only.clone(),
            (None, []) => {
                return Err(ControlError::conflict("the deployment has answered nothing yet"));
            }
            (_, all) => {
                let detail = format!("must be one of the deployment's: {}", all.join(", "));
                return Err(ControlError::invalid("output", detail));
            }
        };
        let now = self.clock.now();
        let until = until.map_or_else(|| Time::from_micros(now.as_micros() + 1), |time| time.0);
        let since = since.map_or_else(|| now.minus(USUAL), |time| time.0);
        if since >= until {
            return Err(ControlError::invalid("since", "must be before `until`"));
        }
        let judge = Judge {
            table,
            tenant: self.tenant,
            output,
            columns: Vec::new(),
            since,
            until,
            rows: MAX_ANSWERS,
            timeout: TIMEOUT,
        };
        Ok(Looked { row: row.clone(), judge })
    }

    /// The slice keys that the deployment's contract declares.
    pub(crate) fn slice_keys(&self, row: &DeploymentRow) -> Result<Vec<String>, ControlError> {
        let contract = self.compiled(row.contract)?;
        Ok(contract.mapping().slices.iter().map(|slice| slice.name.to_string()).collect())
    }

    pub(crate) fn check_slice(&self, row: &DeploymentRow, slice: &str) -> Result<(), ControlError> {
        let keys = self.slice_keys(row)?;
        if slice == "version" || keys.iter().any(|key| key == slice) {
            return Ok(());
        }
        let detail = format!(
            "must be `version` or a slice key of the contract{}{}",
            if keys.is_empty() { "" } else { ": " },
            keys.join(", ")
        );
        Err(ControlError::invalid("slice", detail))
    }
}

/// The deployment's table under a name that no deployment can have.
pub(crate) fn table_of(row: &DeploymentRow) -> Visible {
    Visible { deployment: row.id, name: "#answers".to_owned(), may_open: true }
}

pub(crate) fn unread(error: LakeError) -> ControlError {
    match error {
        LakeError::Limit(_) | LakeError::Erased => ControlError::conflict(error.to_string()),
        error => {
            tracing::error!(%error, "decision tables cannot be read");
            ControlError::Internal("the decision tables cannot be read now")
        }
    }
}

/// Each answer with the outcome that stands: the latest that no other corrects.
pub(crate) fn paired<'a>(judged: &'a Judged, name: &str) -> Vec<Pair<'a>> {
    let standing = standing(&judged.truths, name);
    let pair = |answer: &'a Answered| Pair {
        answer,
        truth: standing.get(&(answer.decision, answer.row)).copied(),
    };
    judged.answered.iter().map(pair).collect()
}

/// What stands about each row: the latest of this name that no other corrects.
pub(crate) fn standing<'a>(
    truths: &'a [Truth],
    name: &str,
) -> HashMap<(DecisionId, u32), &'a Truth> {
    let corrected: HashSet<&str> =
        truths.iter().filter_map(|truth| truth.corrects.as_deref()).collect();
    let stands = |truth: &&Truth| truth.name == name && !corrected.contains(truth.id.as_str());
    // In the order of the ledger, so that the latest is kept.
    truths.iter().filter(stands).map(|truth| ((truth.decision, truth.row), truth)).collect()
}

pub(crate) fn reading(
    query: &api::PerformanceQuery,
    pairs: &[Pair<'_>],
) -> Result<Reading, ControlError> {
    let classes: Vec<String> = match &query.classes {
        Some(text) => text.split(',').map(|label| label.trim().to_owned()).collect(),
        None => Vec::new(),
    };
    if classes.len() > MAX_CLASSES {
        return Err(ControlError::invalid("classes", format!("are at most {MAX_CLASSES}")));
    }
    Ok(Reading {
        task: query.task.unwrap_or_else(|| task(pairs)),
        positive: Positive::new(query.positive.as_ref()),
        threshold: query.threshold.unwrap_or(0.5),
        at: usize::try_from(query.at.unwrap_or(10).clamp(1, 10_000)).unwrap_or(10),
        classes,
        worth: query.worth.as_deref().map(worth).transpose()?,
        confidence: confidence(query.confidence)?,
    })
}

pub(crate) fn confidence(told: Option<f64>) -> Result<f64, ControlError> {
    let confidence = told.unwrap_or(0.95);
    if confidence > 0.0 && confidence < 1.0 {
        return Ok(confidence);
    }
    Err(ControlError::invalid("confidence", "must be between 0 and 1"))
}

fn worth(text: &str) -> Result<Worth, ControlError> {
    let numbers: Vec<f64> =
        text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match numbers.as_slice() {
        [tp, fp, fnn, tn] if numbers.iter().all(|number| number.is_finite()) => Ok(Worth {
            true_positive: *tp,
            false_positive: *fp,
            false_negative: *fnn,
            true_negative: *tn,
        }),
        _ => Err(ControlError::invalid(
            "worth",
            "must be four numbers: of yes rightly, yes wrongly, no wrongly, no rightly",
        )),
    }
}

/// What answers are, as answers and outcomes tell.
fn task(pairs: &[Pair<'_>]) -> Task {
    let mut truths = pairs.iter().filter_map(|pair| pair.truth).take(1_000);
    let width = pairs.first().map_or(1, |pair| pair.answer.output.len());
    if width > 2 {
        return Task::Multiclass;
    }
    let mut is_quantity = false;
    for truth in truths.by_ref() {
        match &truth.value {
            TruthValue::Relevance(_) => return Task::Ranking,
            TruthValue::Number(number) => is_quantity |= *number != 0.0 && *number != 1.0,
            TruthValue::Label(_) => {}
        }
    }
    if is_quantity { Task::Regression } else { Task::Binary }
}

pub(crate) fn length(text: Option<&str>) -> Result<Length, ControlError> {
    let Some(text) = text else { return Ok(Length::Whole) };
    let wrong = || {
        ControlError::invalid(
            "window",
            "must be a time such as `1d` or `6h`, or a number of answers",
        )
    };
    if let Ok(count) = text.parse::<usize>() {
        return if count >= LEAST { Ok(Length::Count(count)) } else { Err(wrong()) };
    }
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).and_then(|n| n.parse::<u64>().ok()).filter(|n| *n > 0);
    let micros = number.and_then(|n| n.checked_mul(seconds)?.checked_mul(1_000_000));
    micros.map(Length::Time).ok_or_else(wrong)
}

/// A window and its answers.
pub(crate) struct Window<'a> {
    pub(crate) from: Time,
    pub(crate) to: Time,
    pub(crate) pairs: Vec<Pair<'a>>,
}

impl Window<'_> {
    /// The share of its outcomes that are known.
    pub(crate) fn known(&self) -> f64 {
        let known = self.pairs.iter().filter(|pair| pair.truth.is_some()).count();
        share(known, self.pairs.len())
    }
    /// Whether nearly all of its outcomes are known.
    pub(crate) fn is_known(&self) -> bool {
        self.known() >= MOSTLY
    }
}

pub(crate) fn windows<'a>(
    pairs: &[Pair<'a>],
    length: Length,
    (since, until): (Time, Time),
) -> Result<Vec<Window<'a>>, ControlError> {
    let mut windows: Vec<Window<'a>> = match length {
        Length::Whole => vec![Window { from: since, to: until, pairs: pairs.to_vec() }],
        Length::Count(count) => pairs
            .chunks(count)
            .filter_map(|part| {
                let (first, last) = (part.first()?, part.last()?);
                let to = Time::from_micros(last.answer.time.as_micros() + 1);
                Some(Window { from: first.answer.time, to, pairs: part.to_vec() })
            })
            .collect(),
        Length::Time(micros) => {
            let mut by_place: BTreeMap<u64, Vec<Pair<'a>>> = BTreeMap::new();
            for pair in pairs {
                // Windows lie on multiples of their length, so that asking later moves none.
                let place = pair.answer.time.as_micros() / micros;
                by_place.entry(place).or_default().push(*pair);
            }
            let window = |(place, pairs): (u64, Vec<Pair<'a>>)| {
                let from = place.saturating_mul(micros);
                let to = Time::from_micros(from.saturating_add(micros));
                Window { from: Time::from_micros(from), to, pairs }
            };
            by_place.into_iter().map(window).collect()
        }
    };
    if windows.len() > MAX_WINDOWS {
        let detail = format!("gives more than {MAX_WINDOWS} windows; make it longer");
        return Err(ControlError::invalid("window", detail));
    }
    windows.sort_by_key(|window| window.from);
    Ok(windows)
}

/// The answer's score of yes: its only number, or the second of two shares.
pub(crate) fn score(answer: &Answered) -> Option<f64> {
    answer.output.last().copied().filter(|score| score.is_finite())
}

impl Reading {
    pub(crate) fn said(&self, pair: &Pair<'_>) -> Option<Said> {
        let score = score(pair.answer)?;
        let outcome = self.positive.is(&pair.truth?.value);
        Some(Said { score, answer: score >= self.threshold, outcome })
    }

    pub(crate) fn chosen(&self, pair: &Pair<'_>) -> Option<Chosen> {
        let outcome = match &pair.truth?.value {
            TruthValue::Label(label) => match self.classes.iter().position(|one| one == label) {
                Some(place) => place,
                None => label.parse().ok()?,
            },
            TruthValue::Number(number) | TruthValue::Relevance(number) => {
                let place = format!("{number}").parse::<usize>().ok()?;
                Some(place).filter(|place| *place < MAX_CLASSES)?
            }
        };
        let scores = pair.answer.output.clone();
        let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
        let answer = match scores.as_slice() {
            // A class that was answered as it is.
            [class] => format!("{class}").parse().ok()?,
            _ => best?.0,
        };
        let scores = if scores.len() > 1 { scores } else { Vec::new() };
        Some(Chosen { scores, answer, outcome })
    }

    pub(crate) fn quantity(pair: &Pair<'_>) -> Option<(f64, f64)> {
        let TruthValue::Number(outcome) = pair.truth?.value else { return None };
        score(pair.answer).map(|answer| (answer, outcome))
    }

    /// Each decision whose rows are an order of items of known relevance. An item that nothing was
    /// told of is not relevant.
    fn rankings(pairs: &[Pair<'_>]) -> Vec<Vec<(f64, f64)>> {
        let mut by_decision: BTreeMap<DecisionId, (bool, Vec<(f64, f64)>)> = BTreeMap::new();
        for pair in pairs {
            let ranking = by_decision.entry(pair.answer.decision).or_default();
            let relevance = match pair.truth.map(|truth| &truth.value) {
                Some(TruthValue::Relevance(value) | TruthValue::Number(value)) => Some(*value),
                _ => None,
            };
            ranking.0 |= relevance.is_some();
            ranking.1.extend(score(pair.answer).map(|score| (score, relevance.unwrap_or(0.0))));
        }
        by_decision
            .into_values()
            .filter(|(is_known, _)| *is_known)
            .map(|(_, items)| items)
            .collect()
    }

    /// How many outcomes there are, and what was measured with them.
    fn measured(&self, pairs: &[Pair<'_>]) -> (usize, Vec<Measured>) {
        match self.task {
            Task::Binary => {
                let rows: Vec<Said> = pairs.iter().filter_map(|pair| self.said(pair)).collect();
                (rows.len(), binary(&rows, self.worth.as_ref(), self.confidence))
            }
            Task::Multiclass => {
                let rows: Vec<Chosen> = pairs.iter().filter_map(|pair| self.chosen(pair)).collect();
                (rows.len(), multiclass(&rows, self.confidence))
            }
            Task::Regression => {
                let rows: Vec<_> = pairs.iter().filter_map(Self::quantity).collect();
                (rows.len(), regression(&rows, self.confidence))
            }
            Task::Ranking => {
                let rankings = Self::rankings(pairs);
                (rankings.len(), ranking(&rankings, self.at, self.confidence))
            }
        }
    }

    fn window(&self, window: &Window<'_>, slice: Option<String>) -> api::PerformanceWindow {
        let (known, measured) = self.measured(&window.pairs);
        let is_enough = known >= LEAST;
        let last = window.pairs.iter().filter_map(|pair| Some(pair.truth?.recorded)).max();
        let measured = measured.into_iter().filter(|one| is_enough && one.value.is_finite());
        api::PerformanceWindow {
            from: window.from.into(),
            to: window.to.into(),
            slice,
            answers: window.pairs.len() as u64,
            known: known as u64,
            last_outcome: last.map(Into::into),
            is_enough,
            metrics: measured.map(|one| shown(&one)).collect(),
            estimated: Vec::new(),
        }
    }

    /// The slices of a window that are not small.
    fn slices(&self, window: &Window<'_>) -> Vec<api::PerformanceWindow> {
        let mut by_value: BTreeMap<String, Vec<Pair<'_>>> = BTreeMap::new();
        for pair in &window.pairs {
            let value = pair.answer.columns.first().cloned().flatten();
            by_value.entry(value.unwrap_or_default()).or_default().push(*pair);
        }
        let mut slices: Vec<_> =
            by_value.into_iter().filter(|(_, pairs)| pairs.len() >= LEAST).collect();
        slices.sort_by_key(|(_, pairs)| std::cmp::Reverse(pairs.len()));
        slices.truncate(MAX_SLICES);
        let slice = |(value, pairs)| {
            self.window(&Window { from: window.from, to: window.to, pairs }, Some(value))
        };
        slices.into_iter().map(slice).collect()
    }

    fn reliability(&self, pairs: &[Pair<'_>]) -> Vec<api::ReliabilityBin> {
        let rows: Vec<(f64, bool)> = match self.task {
            Task::Binary => pairs
                .iter()
                .filter_map(|pair| self.said(pair))
                .map(|said| (said.score, said.outcome))
                .collect(),
            Task::Multiclass | Task::Regression | Task::Ranking => Vec::new(),
        };
        if rows.len() < LEAST || rows.iter().any(|(score, _)| !(0.0..=1.0).contains(score)) {
            return Vec::new();
        }
        let bin = |bin: &plimsoll_stats::realized::Bin| api::ReliabilityBin {
            from: bin.from,
            to: bin.to,
            rows: bin.rows as u64,
            score: bin.score,
            outcome: bin.outcome.value,
            lower: bin.outcome.lower,
            upper: bin.outcome.upper,
        };
        let bins = Reliability::of(&rows, self.confidence).bins;
        bins.iter().filter(|bin| bin.rows >= LEAST).map(bin).collect()
    }

    /// Estimates the windows whose outcomes are mostly not known yet from those that are. Says why
    /// not, if it cannot.
    fn estimate(
        &self,
        windows: &[Window<'_>],
        shown: &mut [api::PerformanceWindow],
    ) -> Option<String> {
        let is_known = Window::is_known;
        if self.task != Task::Binary || windows.iter().all(is_known) {
            return None;
        }
        let known: Vec<Said> = windows
            .iter()
            .filter(|window| is_known(window))
            .flat_map(|window| window.pairs.iter().filter_map(|pair| self.said(pair)))
            .collect();
        let reference = known.get(known.len().saturating_sub(REFERENCE_MAX)..).unwrap_or_default();
        if reference.len() < REFERENCE_MIN {
            return Some(format!(
                "windows with nearly all outcomes have {} answers; {REFERENCE_MIN} are needed",
                reference.len()
            ));
        }
        if reference.iter().any(|said| !(0.0..=1.0).contains(&said.score)) {
            return Some("scores are not probabilities".to_owned());
        }
        let scores: Vec<f64> = reference.iter().map(|said| said.score).collect();
        let answers: Vec<bool> = reference.iter().map(|said| said.answer).collect();
        let outcomes: Vec<bool> = reference.iter().map(|said| said.outcome).collect();
        let known = Known { scores: &scores, answers: &answers, outcomes: &outcomes };
        let Some(cbpe) = Cbpe::fit(known) else {
            return Some("the known windows cannot be estimated from".to_owned());
        };
        for window in windows.iter().filter(|window| !window.is_known()) {
            let scores: Vec<f64> =
                window.pairs.iter().filter_map(|pair| score(pair.answer)).collect();
            if scores.len() < LEAST {
                continue;
            }
            let answers: Vec<bool> = scores.iter().map(|score| *score >= self.threshold).collect();
            let place =
                shown.iter_mut().find(|one| one.slice.is_none() && one.from.0 == window.from);
            let Some(place) = place else { continue };
            let estimates = cbpe.estimate(&scores, &answers).into_iter();
            let estimate = |one: plimsoll_stats::cbpe::Estimate| api::EstimatedMetric {
                name: serde_json::to_value(one.metric)
                    .ok()
                    .and_then(|name| name.as_str().map(str::to_owned))
                    .unwrap_or_default(),
                value: one.value,
                sampling_error: one.sampling_error,
                lower_threshold: one.lower_threshold,
                upper_threshold: one.upper_threshold,
            };
            place.estimated = estimates.filter(|one| one.value.is_finite()).map(estimate).collect();
        }
        None
    }
}

/// Estimates the losses of windows whose outcomes are mostly not known yet from the inputs of those
/// whose are. Says why not, if it cannot.
fn estimate_losses(
    windows: &[Window<'_>],
    first_input: usize,
    shown: &mut [api::PerformanceWindow],
) -> Option<String> {
    if windows.iter().all(Window::is_known) {
        return None;
    }
    let known = windows.iter().filter(|window| window.is_known());
    let known: Vec<Pair<'_>> = known
        .flat_map(|window| window.pairs.iter().copied())
        .filter(|pair| Reading::quantity(pair).is_some())
        .collect();
    let reference = known.get(known.len().saturating_sub(REFERENCE_MAX)..).unwrap_or_default();
    let inputs = Inputs::of(windows, first_input);
    if inputs.codes.is_empty() {
        return Some("tell `task=regression` and a window, so that inputs are read".to_owned());
    }
    let quantities: Vec<(f64, f64)> = reference.iter().filter_map(Reading::quantity).collect();
    let (answers, outcomes): (Vec<f64>, Vec<f64>) = quantities.into_iter().unzip();
    let columns = inputs.columns(reference);
    let known = Quantities { columns: &columns, answers: &answers, outcomes: &outcomes };
    let Some(dle) = Dle::fit(known) else {
        return Some(format!(
            "windows with nearly all outcomes have {} answers; 200 are needed",
            reference.len()
        ));
    };
    for window in windows.iter().filter(|window| !window.is_known()) {
        let pairs: Vec<Pair<'_>> =
            window.pairs.iter().copied().filter(|pair| score(pair.answer).is_some()).collect();
        let place = shown.iter_mut().find(|one| one.slice.is_none() && one.from.0 == window.from);
        let Some(place) = place.filter(|_| pairs.len() >= LEAST) else { continue };
        let answers: Vec<f64> = pairs.iter().filter_map(|pair| score(pair.answer)).collect();
        let estimates = dle.estimate(&inputs.columns(&pairs), &answers).into_iter();
        place.estimated = estimates
            .map(|one| api::EstimatedMetric {
                name: one.measure.name().to_owned(),
                value: one.value,
                sampling_error: one.sampling_error,
                lower_threshold: one.lower_threshold,
                upper_threshold: one.upper_threshold,
            })
            .collect();
    }
    None
}

/// The inputs of answers as numbers: texts by their place among all texts of their column.
struct Inputs {
    first: usize,
    codes: Vec<HashMap<String, f64>>,
}

impl Inputs {
    fn of(windows: &[Window<'_>], first: usize) -> Self {
        let answers = || windows.iter().flat_map(|window| &window.pairs).map(|pair| pair.answer);
        let count = answers().next().map_or(0, |answer| answer.columns.len());
        let codes = (first..count).map(|place| {
            let texts = answers().filter_map(|answer| answer.columns.get(place)?.as_deref());
            let texts: std::collections::BTreeSet<&str> =
                texts.filter(|text| number_of(text).is_none()).take(MAX_ANSWERS_TEXTS).collect();
            texts.into_iter().map(str::to_owned).zip((0_u32..).map(f64::from)).collect()
        });
        Self { first, codes: codes.collect() }
    }

    fn columns(&self, pairs: &[Pair<'_>]) -> Vec<Vec<f64>> {
        let column = |(place, codes): (usize, &HashMap<String, f64>)| {
            let value = |pair: &Pair<'_>| {
                let text = pair.answer.columns.get(self.first + place)?.as_deref()?;
                number_of(text).or_else(|| codes.get(text).copied())
            };
            pairs.iter().map(|pair| value(pair).unwrap_or(f64::NAN)).collect()
        };
        self.codes.iter().enumerate().map(column).collect()
    }
}

fn number_of(text: &str) -> Option<f64> {
    match text {
        "true" => Some(1.0),
        "false" => Some(0.0),
        text => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share; counts are far below 2^53")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn shown(measured: &Measured) -> api::PerformanceMetric {
    api::PerformanceMetric {
        name: measured.measure.name().to_owned(),
        value: measured.value,
        lower: measured.interval.map(|(lower, _)| lower),
        upper: measured.interval.map(|(_, upper)| upper),
    }
}

/// What a deployment's owner does not accept.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceLimit {
    /// The name of a measure.
    pub metric: String,
    /// Its value must not be below this.
    pub least: Option<f64>,
    /// Nor above this.
    pub most: Option<f64>,
}

/// What the latest windows say against their limits. A measure with an interval speaks when all
/// of it lies beyond the limit: what may be luck is not told.
#[must_use]
pub fn performance_signals(
    deployment: plimsoll_types::DeploymentId,
    performance: &api::Performance,
    limits: &[PerformanceLimit],
) -> Vec<Signal> {
    let Some(last) = performance.windows.iter().map(|window| window.from).max() else {
        return Vec::new();
    };
    let mut signals = Vec::new();
    for window in performance.windows.iter().filter(|window| window.from == last) {
        for limit in limits {
            let metric = window.metrics.iter().find(|metric| metric.name == limit.metric);
            if let Some(metric) = metric {
                let (lower, upper) =
                    (metric.lower.unwrap_or(metric.value), metric.upper.unwrap_or(metric.value));
                let found = beyond(limit, (lower, upper));
                signals.extend(found.map(|wanted| Signal {
                    deployment,
                    version: None,
                    kind: SignalKind::Performance,
                    severity: Severity::Critical,
                    about: metric.name.clone(),
                    slice: window.slice.clone(),
                    since: window.from.0,
                    until: window.to.0,
                    text: format!(
                        "{} is {:.4} ({lower:.4} to {upper:.4}) over {} outcomes; {wanted}",
                        metric.name, metric.value, window.known
                    ),
                    numbers: vec![
                        (metric.name.clone(), metric.value),
                        ("lower".to_owned(), lower),
                        ("upper".to_owned(), upper),
                    ],
                }));
            }
            let estimate = window.estimated.iter().find(|metric| metric.name == limit.metric);
            if let Some(estimate) = estimate {
                // The band of CBPE is three sampling errors.
                let half = 3.0 * estimate.sampling_error;
                let band = (estimate.value - half, estimate.value + half);
                signals.extend(beyond(limit, band).map(|wanted| Signal {
                    deployment,
                    version: None,
                    kind: SignalKind::EstimatedPerformance,
                    severity: Severity::Warning,
                    about: estimate.name.clone(),
                    slice: window.slice.clone(),
                    since: window.from.0,
                    until: window.to.0,
                    text: format!(
                        "{} is estimated at {:.4} ({:.4} to {:.4}) over {} answers; {wanted}",
                        estimate.name, estimate.value, band.0, band.1, window.answers
                    ),
                    numbers: vec![
                        (estimate.name.clone(), estimate.value),
                        ("sampling_error".to_owned(), estimate.sampling_error),
                    ],
                }));
            }
        }
    }
    signals
}

/// In words how all of an interval lies beyond a limit.
fn beyond(limit: &PerformanceLimit, (lower, upper): (f64, f64)) -> Option<String> {
    if let Some(least) = limit.least.filter(|least| upper < *least) {
        return Some(format!("it must be {least} at least"));
    }
    limit.most.filter(|most| lower > *most).map(|most| format!("it must be {most} at most"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_types::DeploymentId;

    fn answered(id: u8, row: u32, micros: u64, score: f64) -> Answered {
        Answered {
            decision: DecisionId::from_bytes([id; 16]),
            row,
            time: Time::from_micros(micros),
            version: Some(1),
            output: vec![score],
            columns: vec![Some("a".into())],
        }
    }

    fn truth(id: u8, name: &str, number: f64, own: &str, corrects: Option<&str>) -> Truth {
        Truth {
            decision: DecisionId::from_bytes([id; 16]),
            row: 0,
            name: name.into(),
            value: TruthValue::Number(number),
            index: 0,
            id: own.into(),
            corrects: corrects.map(Into::into),
            recorded: Time::from_micros(9),
        }
    }

    #[test]
    fn a_correction_takes_the_place_and_other_names_do_not_count() {
        let judged = Judged {
            answered: vec![answered(1, 0, 1, 0.9), answered(2, 0, 2, 0.1)],
            truths: vec![
                truth(1, UNNAMED, 0.0, "x", None),
                truth(1, UNNAMED, 1.0, "y", Some("x")),
                truth(2, "other", 1.0, "z", None),
            ],
            is_cut: false,
        };
        let pairs = paired(&judged, UNNAMED);
        assert_eq!(pairs[0].truth.map(|truth| &truth.value), Some(&TruthValue::Number(1.0)));
        assert!(pairs[1].truth.is_none());
    }

    #[test]
    fn windows_stay_where_they_are_and_counts_make_equal_ones() {
        assert_eq!(length(Some("6h")).expect("a length"), Length::Time(6 * 3_600_000_000));
        assert_eq!(length(Some("500")).expect("a length"), Length::Count(500));
        for wrong in ["", "0d", "5x", "d", "-1d", "3", "99999999999999999999w"] {
            assert!(length(Some(wrong)).is_err(), "{wrong}");
        }
        let answers: Vec<_> = (0..10).map(|n| answered(n, 0, u64::from(n) * 10, 0.5)).collect();
        let pairs: Vec<_> = answers.iter().map(|answer| Pair { answer, truth: None }).collect();
        let range = (Time::from_micros(0), Time::from_micros(1_000));
        let by_time = windows(&pairs, Length::Time(40), range).expect("windows");
        let sizes: Vec<_> = by_time.iter().map(|window| window.pairs.len()).collect();
        assert_eq!(sizes, [4, 4, 2]);
        let later = windows(&pairs[1..], Length::Time(40), range).expect("windows");
        assert_eq!(later[1].from, by_time[1].from, "asking for less moves none");
        let by_count = windows(&pairs, Length::Count(3), range).expect("windows");
        assert_eq!(by_count.len(), 4);
    }

    #[test]
    fn losses_are_estimated_where_outcomes_are_not_known_yet() {
        let answers: Vec<Answered> = (0..600_u32)
            .map(|row| {
                let input = if row.is_multiple_of(2) { "calm" } else { "wild" };
                let columns = vec![Some(input.to_owned())];
                Answered { columns, ..answered(1, row, u64::from(row), 10.0) }
            })
            .collect();
        let off = |row: u32| if row.is_multiple_of(2) { 1.0 } else { 3.0 };
        let truths: Vec<Truth> =
            (0..600).map(|row| truth(1, UNNAMED, 10.0 + off(row), "x", None)).collect();
        let pairs: Vec<Pair<'_>> = answers
            .iter()
            .zip(&truths)
            .map(|(answer, truth)| Pair { answer, truth: (answer.row < 400).then_some(truth) })
            .collect();
        let range = (Time::from_micros(0), Time::from_micros(600));
        let windows = windows(&pairs, Length::Count(200), range).expect("windows");
        let query = api::PerformanceQuery {
            task: Some(Task::Regression),
            ..api::PerformanceQuery::default()
        };
        let reading = reading(&query, &pairs).expect("readable");
        let mut shown: Vec<_> = windows.iter().map(|window| reading.window(window, None)).collect();
        assert_eq!(estimate_losses(&windows, 0, &mut shown), None);
        assert!(shown[0].estimated.is_empty() && shown[0].is_enough);
        let mae = shown[2].estimated.iter().find(|one| one.name == "mae").expect("estimated");
        assert!((mae.value - 2.0).abs() < 0.05, "{mae:?}");
        assert!(estimate_losses(&windows, 1, &mut shown).is_some(), "without inputs it is said");
    }

    #[test]
    fn classes_are_estimated_where_outcomes_are_not_known_yet() {
        // A calibrated model of three classes; in the last window it is less sure.
        let mut state = 9_u64;
        let mut unit = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        let (mut answers, mut truths) = (Vec::new(), Vec::new());
        for row in 0..3_000_u32 {
            let sure = if row < 2_000 { 0.8 } else { 0.5 };
            let class = usize::try_from(row % 3).expect("small");
            let mut output = vec![(1.0 - sure) / 2.0; 3];
            output[class] = sure;
            let drawn = unit();
            let outcome = if drawn < sure {
                class
            } else {
                (class + 1 + usize::from(drawn > sure + (1.0 - sure) / 2.0)) % 3
            };
            answers.push(Answered { output, ..answered(1, row, u64::from(row), 0.0) });
            truths.push(truth(1, UNNAMED, outcome as f64, "x", None));
        }
        let pairs: Vec<Pair<'_>> = answers
            .iter()
            .zip(&truths)
            .map(|(answer, truth)| Pair { answer, truth: (answer.row < 2_000).then_some(truth) })
            .collect();
        let range = (Time::from_micros(0), Time::from_micros(3_000));
        let windows = windows(&pairs, Length::Count(1_000), range).expect("windows");
        let query = api::PerformanceQuery {
            task: Some(Task::Multiclass),
            ..api::PerformanceQuery::default()
        };
        let reading = reading(&query, &pairs).expect("readable");
        let mut shown: Vec<_> = windows.iter().map(|window| reading.window(window, None)).collect();
        assert_eq!(estimate_classes(&reading, &windows, &mut shown), None);
        assert!(shown[0].estimated.is_empty() && shown[0].is_enough);
        let of = |name: &str| {
            shown[2].estimated.iter().find(|one| one.name == name).expect("estimated").clone()
        };
        // What is right of what it is half sure of.
        let truly = truths[2_000..].iter().zip(&answers[2_000..]).filter(|(truth, answer)| {
            let TruthValue::Number(class) = truth.value else { return false };
            class == f64::from(answer.row % 3)
        });
        let truly = truly.count() as f64 / 1_000.0;
        let accuracy = of("accuracy");
        assert!((accuracy.value - truly).abs() < 0.06, "{accuracy:?} of {truly}");
        assert!((0.005..0.03).contains(&accuracy.sampling_error), "{accuracy:?}");
        assert!(accuracy.value < accuracy.lower_threshold, "{accuracy:?}");
        assert!(of("f1").sampling_error > 0.0);
        let few = &windows[1..];
        let mut shown: Vec<_> = few.iter().map(|window| reading.window(window, None)).collect();
        let few = super::windows(&pairs[1_950..], Length::Count(50), range).expect("windows");
        let why = estimate_classes(&reading, &few, &mut shown).expect("too few");
        assert!(why.contains("100 are needed"), "{why}");
    }

    #[test]
    fn what_is_yes_is_as_it_was_told() {
        let label = |text: &str| TruthValue::Label(text.into());
        let usual = Positive::new(None);
        assert!(usual.is(&label("True")) && !usual.is(&label("repaid")));
        let told = Positive::new(Some(&"repaid".to_owned()));
        assert!(told.is(&label("repaid")) && !told.is(&label("true")));
        assert!(usual.is(&TruthValue::Number(1.0)) && !usual.is(&TruthValue::Number(0.0)));
    }

    #[test]
    fn a_limit_speaks_when_all_of_the_interval_is_beyond_it() {
        let metric = |value, lower, upper| api::PerformanceMetric {
            name: "auroc".into(),
            value,
            lower: Some(lower),
            upper: Some(upper),
        };
        let window = |metric| api::PerformanceWindow {
            from: Time::from_micros(1).into(),
            to: Time::from_micros(2).into(),
            slice: None,
            answers: 100,
            known: 100,
            last_outcome: None,
            is_enough: true,
            metrics: vec![metric],
            estimated: Vec::new(),
        };
        let performance = |metric| api::Performance {
            deployment: "d".into(),
            task: Task::Binary,
            output: "p".into(),
            outcome: UNNAMED.into(),
            least: 30,
            is_cut: false,
            windows: vec![window(metric)],
            reliability: Vec::new(),
            not_estimated: None,
        };
        let limits = [PerformanceLimit { metric: "auroc".into(), least: Some(0.7), most: None }];
        let id = DeploymentId::from_bytes([1; 16]);
        let found = performance_signals(id, &performance(metric(0.6, 0.55, 0.65)), &limits);
        assert_eq!((found.len(), found[0].kind), (1, SignalKind::Performance));
        assert!(found[0].text.contains("0.6000"), "{}", found[0].text);
        let may_be_luck = performance(metric(0.68, 0.6, 0.76));
        assert!(performance_signals(id, &may_be_luck, &limits).is_empty());
    }
}
