//! Checks that ask the model: on the rows of the deployment's evaluation set, through the same
//! contract, binding and prediction as a caller's request.

use crate::bootstrap::Control;
use crate::compile::{fit, settings_of};
use crate::error::ControlError;
use crate::gate_checks::{Found, Look, fail, not_evaluable, pass};
use plimsoll_api as api;
use plimsoll_assurance::robustness::{self, Feature, NOISE_MAX, SINGLE_MAX};
use plimsoll_assurance::{hostile, repeat};
use plimsoll_contract::{Binding, CompiledContract, Field, Kind, Scratch, Value};
use plimsoll_model::Model;
use plimsoll_release::gate::Verdict;
use plimsoll_serving::recompute;
use plimsoll_stats::bootstrap::{Bootstrapped, RESAMPLES, auroc_difference};
use plimsoll_stats::fairness::{GROUP_MIN, fairness, groups};
use plimsoll_stats::performance;
use plimsoll_store::DeploymentRow;
use plimsoll_types::{Cell, Digest, Rows};
use serde_json::{Map, json};
use std::sync::Arc;

/// Confidence of every interval that a check tells.
const CONFIDENCE: f64 = 0.95;
/// A two-sided interval of this confidence has its upper end at 95 % one-sided.
const ONE_SIDED: f64 = 0.90;
/// How far golden answers may be apart where a framework computes in 32 bits.
const GOLDEN_APART: f64 = 1e-5;
/// Predictions that latency is measured over, at least.
const PREDICTIONS: usize = 1_000;
/// How long the sweep over single features may take, in nanoseconds: the whole gate stays below
/// a minute, and what was not swept fails it.
const SWEEP_NANOS: u64 = 20_000_000_000;
/// The fewest rows whose outcomes say anything.
const LEAST_ROWS: usize = 30;
/// What perturbations and hostile requests follow from. Fixed, so that a run can be repeated.
const SEED: u64 = 0x706C_696D;

/// An evaluation set, read through the contract.
pub(crate) struct Sheet {
    digest: Digest,
    set: api::PutEvaluation,
    rows: Vec<Rows>,
    contract: Arc<CompiledContract>,
    binding: Binding,
    model: Arc<Model>,
}

impl Sheet {
    /// The newest evaluation set, or in words why there is none that can be used.
    pub(crate) fn read(
        control: &Control,
        row: &DeploymentRow,
        model: &Arc<Model>,
    ) -> Result<Result<Self, String>, ControlError> {
        let Some((digest, set)) = control.evaluation_of(row)? else {
            return Ok(Err("the deployment has no evaluation set".to_owned()));
        };
        let contract = control.compiled(row.contract)?;
        let binding = match fit(&contract, model, &settings_of(row)?) {
            Ok(binding) => binding,
            Err(why) => return Ok(Err(why.into())),
        };
        let mut rows = Vec::with_capacity(set.rows.len());
        for (place, row) in set.rows.iter().enumerate() {
            match typed(&contract, row) {
                Ok(typed) => rows.push(typed),
                Err(why) => return Ok(Err(format!("row {place} of the evaluation set: {why}"))),
            }
        }
        let model = Arc::clone(model);
        Ok(Ok(Self { digest, set, rows, contract, binding, model }))
    }

    /// The first row as a request.
    pub(crate) fn request(&self) -> Option<serde_json::Value> {
        self.set.rows.first().map(|first| request_of(&self.contract, first))
    }

    fn answer(&self, model: &Model, binding: &Binding, rows: &Rows) -> Option<Vec<f64>> {
        recompute(model, binding, rows)
    }

    /// The first output of every row.
    fn scores(&self, model: &Model, binding: &Binding) -> Option<Vec<f64>> {
        let first = |rows: &Rows| self.answer(model, binding, rows)?.first().copied();
        self.rows.iter().map(first).collect()
    }

    /// Every row as numbers of the contract's features, for perturbation.
    fn numbers(&self) -> Vec<Vec<f64>> {
        let features = self.contract.features();
        let number = |cell: &Cell| match *cell {
            Cell::Number(number) => number,
            // Contracts allow integers within 2^53, which convert exactly.
            #[expect(clippy::cast_precision_loss, reason = "within 2^53")]
            Cell::Integer(number) | Cell::Timestamp(number) => number as f64,
            Cell::Boolean(yes) => f64::from(u8::from(yes)),
            Cell::Category(index) => f64::from(index),
            Cell::Null | Cell::Text { .. } | Cell::Tensor { .. } => f64::NAN,
        };
        self.rows
            .iter()
            .map(|rows| rows.row(0).iter().take(features).map(number).collect())
            .collect()
    }

    /// What each feature of the contract may hold.
    fn features(&self, mutable: &[String]) -> Vec<Feature> {
        let features = (0..self.contract.features()).filter_map(|at| self.contract.field(at));
        let feature = |field: &Field| Feature {
            name: field.name.clone(),
            kind: held(field),
            is_mutable: mutable.is_empty() || mutable.contains(&field.name),
        };
        features.map(feature).collect()
    }

    /// The score of changed numbers: the row they came from, with its cells changed.
    fn score(&self, scratch: &mut Rows, changed: &[f64]) -> Option<f64> {
        let features = changed.iter().enumerate();
        for (cell, (at, value)) in scratch.cells.iter_mut().zip(features) {
            let Some(field) = self.contract.field(at) else { continue };
            *cell = cell_of(field, *value, *cell);
        }
        self.answer(&self.model, &self.binding, scratch)?.first().copied()
    }
}

/// What resamples follow from: the same of the same digests.
fn seed_of(digests: &[Digest]) -> u64 {
    let bytes: Vec<u8> = digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
    let digest = crate::artifact::sha256(&bytes);
    digest.as_bytes().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// A row of the evaluation set as the contract types it.
fn typed(
    contract: &CompiledContract,
    row: &Map<String, serde_json::Value>,
) -> Result<Rows, String> {
    let mut values = Vec::with_capacity(row.len());
    for (name, value) in row {
        let place = contract.position(name);
        let place = place.ok_or("it has a field that the contract does not name")?;
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(yes) => Value::Boolean(*yes),
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Value::Integer(whole),
                (None, Some(number)) => Value::Number(number),
                (None, None) => return Err("it has a number out of range".to_owned()),
            },
            _ => return Err("tensors are not taken in evaluation sets".to_owned()),
        };
        values.push((place, value));
    }
    let mut scratch = Scratch::default();
    contract
        .validate_row(values.into_iter(), &mut scratch)
        .map_err(|violations| violations.primary().to_string())?;
    Ok(scratch.rows)
}

/// What a field may hold, as perturbation needs it.
fn held(field: &Field) -> robustness::Kind {
    let least = field.min.or(field.exclusive_min).unwrap_or(f64::MIN);
    let most = field.max.or(field.exclusive_max).unwrap_or(f64::MAX);
    match field.kind {
        Kind::Number => robustness::Kind::Number { least, most, whole: false },
        Kind::Integer => robustness::Kind::Number { least, most, whole: true },
        Kind::Boolean => robustness::Kind::Choice(2),
        Kind::Category => {
            robustness::Kind::Choice(u32::try_from(field.values.len()).unwrap_or(u32::MAX))
        }
        Kind::String | Kind::Timestamp | Kind::Tensor => robustness::Kind::Fixed,
    }
}

/// A changed number as a cell. Texts and tensors have no number: they stay those of the first
/// row, for every row alike.
fn cell_of(field: &Field, value: f64, before: Cell) -> Cell {
    match field.kind {
        Kind::String | Kind::Tensor => before,
        _ if value.is_nan() => Cell::Null,
        Kind::Number => Cell::Number(value),
        #[expect(clippy::cast_possible_truncation, reason = "within the contract's 2^53")]
        Kind::Integer => Cell::Integer(value.round() as i64),
        Kind::Boolean => Cell::Boolean(value >= 0.5),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of the contract's list"
        )]
        Kind::Category => Cell::Category(value.max(0.0) as u32),
        #[expect(clippy::cast_possible_truncation, reason = "it came from microseconds")]
        Kind::Timestamp => Cell::Timestamp(value as i64),
    }
}

/// A share in percent, for words.
fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

impl Look<'_> {
    /// The evaluation set, or that nothing can be said.
    fn sheet(&self) -> Result<&Sheet, (Verdict, String)> {
        self.sheet.as_ref().map_err(|why| (Verdict::NotEvaluable, why.clone()))
    }

    /// The time of one prediction at the 99th percentile.
    pub(crate) fn latency_within(&self) -> Found {
        let sheet = match self.sheet() {
            Ok(sheet) => sheet,
            Err(found) => return Ok(found),
        };
        let clock = &self.control.clock;
        let mut took = Vec::with_capacity(PREDICTIONS.max(sheet.rows.len()));
        for rows in sheet.rows.iter().cycle().take(PREDICTIONS.max(sheet.rows.len())) {
            let before = clock.monotonic();
            if sheet.answer(&sheet.model, &sheet.binding, rows).is_none() {
                return fail("the model gives no answer to a row of the evaluation set");
            }
            took.push(clock.monotonic().saturating_sub(before));
        }
        took.sort_unstable();
        let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or(u64::MAX) / 1_000;
        let budget = self.plan.latency_us.unwrap_or(u64::from(self.settings.deadline_ms) * 1_000);
        let says = format!("p99 of {} predictions within {budget} µs", took.len());
        if p99 <= budget { pass(says) } else { fail(format!("not {says}, but {p99} µs")) }
    }

    /// T3: five times the same row is five times the same bits.
    pub(crate) fn answers_repeat(&self) -> Found {
        let sheet = match self.sheet() {
            Ok(sheet) => sheet,
            Err(found) => return Ok(found),
        };
        let mut answer = |rows: &Rows| sheet.answer(&sheet.model, &sheet.binding, rows);
        match repeat::first_difference(&sheet.rows, &mut answer) {
            None => {
                pass(format!("{} rows, {} times, equal bits", sheet.rows.len(), repeat::REPEATS))
            }
            Some(place) => fail(format!("row {place} is answered differently from time to time")),
        }
    }

    /// T2: the answers that whoever trained it has.
    pub(crate) fn golden_reproduced(&self) -> Found {
        let sheet = match self.sheet() {
            Ok(sheet) => sheet,
            Err(found) => return Ok(found),
        };
        let golden = sheet.set.golden.get(&self.version.number).filter(|golden| !golden.is_empty());
        let Some(golden) = golden else {
            return not_evaluable("the evaluation set has no golden answers for this version");
        };
        let Some(scores) = sheet.scores(&sheet.model, &sheet.binding) else {
            return fail("the model gives no answer to a row of the evaluation set");
        };
        let apart = scores.iter().zip(golden).map(|(a, b)| (a - b).abs());
        let worst = apart
            .fold(0.0, |worst: f64, one| if one.is_nan() { f64::INFINITY } else { worst.max(one) });
        let says = format!("{} answers within {worst:.1e} of the golden ones", golden.len());
        if worst <= GOLDEN_APART {
            pass(says)
        } else {
            fail(format!("{says}, more than {GOLDEN_APART:.0e}"))
        }
    }

    /// Not worse than the version that answers now by more than a margin: the paired difference of
    /// right decisions (McNemar's table) with its one-sided 95 % bound. A first version has a
    /// floor in place of an incumbent: the lower end of DeLong's interval.
    pub(crate) fn performance_held(&self) -> Found {
        let sheet = match self.sheet() {
            Ok(sheet) => sheet,
            Err(found) => return Ok(found),
        };
        let outcomes = &sheet.set.outcomes;
        if outcomes.len() < LEAST_ROWS {
            return not_evaluable(format!("fewer than {LEAST_ROWS} rows with outcomes"));
        }
        let Some(scores) = sheet.scores(&sheet.model, &sheet.binding) else {
            return fail("the model gives no answer to a row of the evaluation set");
        };
        let number = self.version.number;
        let incumbent = self.row.released.map(|r| r.number).filter(|other| *other != number);
        match incumbent {
            Some(incumbent) => self.against(sheet, &scores, incumbent),
            None => self.above_floor(&scores, outcomes),
        }
    }

    fn above_floor(&self, scores: &[f64], outcomes: &[bool]) -> Found {
        let Some(floor) = self.plan.auroc_floor else {
            return not_evaluable("no version answers yet, and the plan has no `auroc_floor`");
        };
        let scored: Vec<(f64, bool)> =
            scores.iter().copied().zip(outcomes.iter().copied()).collect();
        let Some(area) = performance::auroc(&scored, CONFIDENCE) else {
            return not_evaluable("the outcomes are all alike");
        };
        let says = format!(
            "AUROC {:.4}, 95 % interval {:.4} to {:.4}, floor {floor}",
            area.value, area.lower, area.upper
        );
        if area.lower >= floor { pass(says) } else { fail(says) }
    }

    /// The artifact of another version, and its first outputs, or why there are none.
    #[expect(clippy::type_complexity, reason = "an error, or words, or what was asked for")]
    fn scores_of(
        &self,
        sheet: &Sheet,
        number: u32,
    ) -> Result<Result<(Digest, Vec<f64>), &'static str>, ControlError> {
        let control = self.control;
        let found = control.store.read(|r| {
            Ok::<_, ControlError>((
                r.version(self.row.model, number)?,
                r.files(self.row.model, number)?,
            ))
        })?;
        let (Some(version), files) = found else {
            return Ok(Err("the version that answers now is gone"));
        };
        let model = control.compiler.model(&control.artifacts, &version, &files);
        let scores = model.ok().filter(|model| !model.is_elsewhere()).and_then(|model| {
            let binding = fit(&sheet.contract, &model, &self.settings).ok()?;
            sheet.scores(&model, &binding)
        });
        let unasked = "the version that answers now cannot be asked";
        Ok(scores.map(|scores| (version.digest, scores)).ok_or(unasked))
    }

    /// Not a worse ranking than the version that answers now by more than a margin: the paired
    /// bootstrap of the difference of areas under the ROC curve, one-sided at 95 %. What is drawn
    /// follows from both artifacts and the rows, so that it can be repeated.
    pub(crate) fn performance_bootstrap(&self) -> Found {
        /// The margin unless the plan has another.
        const MARGIN: f64 = 0.01;
        let sheet = match self.sheet() {
            Ok(sheet) => sheet,
            Err(found) => return Ok(found),
        };
        let number = self.version.number;
        let incumbent = self.row.released.map(|r| r.number).filter(|other| *other != number);
        let Some(incumbent) = incumbent else {
            let says =
                "no other version answers to compare with: performance.held asks for the floor";
            return Ok((Verdict::NotApplicable, says.to_owned()));
        };
        let outcomes = &sheet.set.outcomes;
        if outcomes.len() < LEAST_ROWS {
            return not_evaluable(format!("fewer than {LEAST_ROWS} rows with outcomes"));
        }
        let Some(now) = sheet.scores(&sheet.model, &sheet.binding) else {
            return fail("the model gives no answer to a row of the evaluation set");
        };
        let (artifact, before) = match self.scores_of(sheet, incumbent)? {
            Ok(found) => found,
            Err(why) => return not_evaluable(why),
        };
        let seed = seed_of(&[artifact, self.version.digest, sheet.digest]);
        let lost = auroc_difference(&before, &now, outcomes, RESAMPLES, ONE_SIDED, seed);
        let Some(Bootstrapped { interval, is_corrected }) = lost else {
            return not_evaluable("outcomes are all alike, or nearly: there is no curve");
        };
        let margin = self.plan.margin.unwrap_or(MARGIN);
        let kind = if is_corrected { "BCa" } else { "percentile" };
        let says = format!(
            "AUROC lost against version {incumbent}: {:.4} on {} rows, at most {:.4} at 95 % (paired bootstrap, {kind}, {RESAMPLES} resamples), margin {margin}",
            interval.value,
            outcomes.len(),
            interval.upper
        );
        if interval.upper <= margin { pass(says) } else { fail(says) }
    }

    fn against(&self, sheet: &Sheet, scores: &[f64], incumbent: u32) -> Found {
        /// The margin unless the plan has another.
        const MARGIN: f64 = 0.01;
        let before = match self.scores_of(sheet, incumbent)? {
            Ok((_, before)) => before,
            Err(why) => return not_evaluable(why),
        };
        let at = self.threshold();
        let right = |score: f64, outcome: bool| f64::from(u8::from((score >= at) == outcome));
        let losses: Vec<f64> = scores
            .iter()
            .zip(&before)
            .zip(&sheet.set.outcomes)
            .map(|((now, before), outcome)| right(*before, *outcome) - right(*now, *outcome))
            .collect();
        let Some(loss) = performance::mean(&losses, ONE_SIDED) else {
            return not_evaluable("there are too few rows");
        };
        let margin = self.plan.margin.unwrap_or(MARGIN);
        let says = format!(
            "right decisions lost against version {incumbent}: {} on {} rows, at most {} at 95 %, margin {}",
            percent(loss.value),
            losses.len(),
            percent(loss.upper),
            percent(margin)
        );
        if loss.upper <= margin { pass(says) } else { fail(says) }
    }

    /// Are the declared groups treated alike?
    pub(crate) fn fairness_groups(&self) -> Found {
        /// The four-fifths rule (29 CFR 1607.4 D).
        const RATIO: f64 = 0.8;
        /// The difference of error rates unless the plan has another.
        const DIFFERENCE: f64 = 0.1;
        let sheet = match self.sheet() {
            Ok(sheet) => sheet,
            Err(found) => return Ok(found),
        };
        let set = &sheet.set;
        if set.groups.is_empty() || set.outcomes.is_empty() {
            return not_evaluable("the evaluation set has no groups, or no outcomes");
        }
        let Some(scores) = sheet.scores(&sheet.model, &sheet.binding) else {
            return fail("the model gives no answer to a row of the evaluation set");
        };
        let at = self.threshold();
        let rows = set.groups.iter().zip(&scores).zip(&set.outcomes);
        let rows = rows.map(|((group, score), outcome)| (group.as_str(), *score >= at, *outcome));
        let found = groups(rows, CONFIDENCE, GROUP_MIN);
        if found.iter().filter(|group| !group.is_small).count() < 2 {
            return not_evaluable(format!("there are not two groups of {GROUP_MIN} rows or more"));
        }
        let spread = fairness(&found);
        let (ratio, difference) = (
            self.plan.parity_ratio.unwrap_or(RATIO),
            self.plan.odds_difference.unwrap_or(DIFFERENCE),
        );
        let rates: Vec<String> = found
            .iter()
            .filter(|group| !group.is_small)
            .filter_map(|group| {
                let rate = group.selection_rate?;
                let (low, high) = (percent(rate.lower), percent(rate.upper));
                Some(format!("{} {} ({low} to {high})", group.name, percent(rate.value)))
            })
            .collect();
        let says = format!(
            "said yes to: {}; smallest over largest {:.3}, asked {ratio}; error rates differ by {:.3}, allowed {difference}",
            rates.join(", "),
            spread.demographic_parity_ratio,
            spread.equalized_odds_difference
        );
        let is_fair = spread.demographic_parity_ratio >= ratio
            && spread.equalized_odds_difference <= difference;
        if is_fair { pass(says) } else { fail(says) }
    }

    /// T5: small changes within the contract.
    pub(crate) fn robustness_noise(&self) -> Found {
        let sheet = match self.sheet() {
            Ok(sheet) => sheet,
            Err(found) => return Ok(found),
        };
        let (features, rows) = (sheet.features(&[]), sheet.numbers());
        let Some(template) = sheet.rows.first() else { return not_evaluable("there are no rows") };
        let mut scratch = template.clone();
        let mut score = |row: &[f64]| sheet.score(&mut scratch, row);
        let found = robustness::noise(&features, &rows, self.threshold(), SEED, &mut score);
        let Some(found) = found else { return not_evaluable("there are no rows") };
        let told: Vec<String> =
            found.changed.iter().map(|(way, share)| format!("{way} {}", percent(*share))).collect();
        let says = format!(
            "decided otherwise of {} rows: {}; allowed {}",
            found.rows,
            told.join(", "),
            percent(NOISE_MAX)
        );
        match found.worst() {
            Some((_, worst)) if worst < NOISE_MAX => pass(says),
            _ => fail(says),
        }
    }

    /// T8: one feature alone, over all its values.
    pub(crate) fn robustness_single(&self) -> Found {
        let sheet = match self.sheet() {
            Ok(sheet) => sheet,
            Err(found) => return Ok(found),
        };
        let (features, rows) = (sheet.features(&self.plan.mutable), sheet.numbers());
        let Some(template) = sheet.rows.first() else { return not_evaluable("there are no rows") };
        let mut scratch = template.clone();
        let clock = &self.control.clock;
        let end = clock.monotonic().saturating_add(SWEEP_NANOS);
        let found = robustness::single(
            &features,
            &rows,
            self.threshold(),
            &mut |row| sheet.score(&mut scratch, row),
            &mut || clock.monotonic() >= end,
        );
        let Some(found) = found else {
            return not_evaluable("every row is near the boundary, or there are none");
        };
        if found.is_cut_short {
            return not_evaluable("there was no time for every feature; use fewer rows");
        }
        let Some((worst, share)) = found.flips.first() else {
            return Ok((
                Verdict::NotApplicable,
                "no feature can be changed (plan, mutable)".to_owned(),
            ));
        };
        let says = format!(
            "of {} rows away from the boundary, `{worst}` alone flips {}; allowed {}",
            found.rows,
            percent(*share),
            percent(SINGLE_MAX)
        );
        if *share <= SINGLE_MAX { pass(says) } else { fail(says) }
    }

    /// T4: hostile requests are refused by type, or answered by a number.
    pub(crate) fn contract_fuzzed(&self) -> Found {
        let sheet = match self.sheet() {
            Ok(sheet) => sheet,
            Err(found) => return Ok(found),
        };
        let Some(first) = sheet.set.rows.first() else { return not_evaluable("there are no rows") };
        let valid = request_of(&sheet.contract, first);
        let mut scratch = Scratch::default();
        let (mut refused, mut answered) = (0_u32, 0_u32);
        let is_valid =
            sheet.contract.validate_oip(valid.to_string().as_bytes(), &mut scratch).is_ok();
        if !is_valid {
            return not_evaluable("the first row cannot be asked as a request of the protocol");
        }
        for body in hostile::requests(&valid, SEED).take(hostile::REQUESTS) {
            if sheet.contract.validate_oip(&body, &mut scratch).is_err() {
                refused += 1;
                continue;
            }
            let answer = sheet.answer(&sheet.model, &sheet.binding, &scratch.rows);
            if !answer.is_some_and(|answer| answer.iter().all(|value| value.is_finite())) {
                return fail("a request that keeps the contract got no finite answer");
            }
            answered += 1;
        }
        pass(format!(
            "of {} hostile requests {refused} were refused and {answered} keep the contract and were answered",
            hostile::REQUESTS
        ))
    }
}

/// A row as a request of the Open Inference Protocol.
fn request_of(
    contract: &CompiledContract,
    row: &Map<String, serde_json::Value>,
) -> serde_json::Value {
    let input = |(name, value): (&String, &serde_json::Value)| {
        let field = contract.position(name).and_then(|place| contract.field(place))?;
        let datatype = match field.kind {
            Kind::Number | Kind::Tensor => "FP64",
            Kind::Integer => "INT64",
            Kind::Boolean => "BOOL",
            Kind::Timestamp if value.is_number() => "INT64",
            Kind::Category | Kind::String | Kind::Timestamp => "BYTES",
        };
        // A null stands in no tensor of a request; the field is left out.
        (!value.is_null())
            .then(|| json!({"name": name, "shape": [1], "datatype": datatype, "data": [value]}))
    };
    json!({"inputs": row.iter().filter_map(input).collect::<Vec<_>>()})
}
