//! What an experiment's records say: read from the ledger in its order, from where the experiment
//! began, a bounded part at a time. Nothing of it is stored: after a restart it is read again, and
//! gives the same, less whoever was erased.

use crate::artifact::sha256;
use crate::bootstrap::Control;
use crate::error::ControlError;
use crate::experiment_state::{definition_of, scoring_of, states_of, traffic_of};
use crate::experiment_trail::Trail;
use crate::performance::Positive;
use plimsoll_contract::{CompiledContract, Source as Place};
use plimsoll_lake::TruthValue;
use plimsoll_ledger::Entry;
use plimsoll_release::experiment::{Answer, Request, Source, Tally, Unit};
use plimsoll_serving::Scoring;
use plimsoll_serving::traffic::{Target, Traffic};
use plimsoll_store::SplitRow;
use plimsoll_types::record::{DecisionBody, Kind, OutcomeValue, ResultClass, Route};
use plimsoll_types::{Cell, Digest};
use std::collections::HashMap;
use std::sync::Arc;

/// How far an experiment's records were read, and what they say.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The first entry that was not read.
    pub(crate) next: u64,
    pub(crate) tally: Tally,
    /// Records whose arm is not the one that the key gives their unit.
    pub(crate) misassigned: u64,
    /// How the primary metric's intervals went.
    pub(crate) trail: Trail,
    /// Arms whose end was met in the ledger's order.
    stopped: Vec<bool>,
    traffic: Traffic,
    scoring: Scoring,
    contracts: HashMap<Digest, Arc<CompiledContract>>,
}

impl Reading {
    pub(crate) fn new(row: &SplitRow) -> Result<Self, ControlError> {
        let definition = definition_of(row)?;
        Ok(Self {
            next: row.first_index,
            stopped: vec![false; definition.arms.len()],
            tally: Tally::new(definition),
            misassigned: 0,
            trail: Trail::default(),
            traffic: traffic_of(row)?,
            scoring: scoring_of(row)?,
            contracts: HashMap::new(),
        })
    }
}

impl Control {
    /// Reads on, at most `most` entries; tells whether that were all.
    pub(crate) fn read_on(
        &self,
        row: &SplitRow,
        reading: &mut Reading,
        most: usize,
    ) -> Result<bool, ControlError> {
        let ends: Vec<Option<u64>> =
            states_of(row)?.iter().map(|s| s.stopped.as_ref().map(|end| end.at_us)).collect();
        for entry in self.ledger.entries(reading.next).take(most) {
            let entry = entry.map_err(ControlError::Unreadable)?;
            reading.next = entry.index + 1;
            let draft = &entry.leaf.draft;
            if draft.deployment != Some(row.deployment) {
                continue;
            }
            for (arm, end) in ends.iter().enumerate() {
                let is_over = end.is_some_and(|end| draft.time.as_micros() >= end);
                if let Some(stopped) = reading.stopped.get_mut(arm).filter(|s| is_over && !**s) {
                    *stopped = true;
                    reading.tally.stop(arm);
                }
            }
            let key = draft.extension.assignment_key;
            match draft.kind {
                Kind::Decision if key.is_some_and(|key| key.as_bytes() == row.id.as_bytes()) => {
                    self.read_assigned(reading, &entry)?;
                }
                Kind::Outcome if reading.tally.counts(&draft.id) => {
                    self.read_told(reading, &entry)?;
                }
                _ => continue,
            }
            reading.trail.saw(&reading.tally, draft.time);
        }
        Ok(reading.next >= self.ledger.durable())
    }

    fn read_assigned(&self, reading: &mut Reading, entry: &Entry) -> Result<(), ControlError> {
        let draft = &entry.leaf.draft;
        let Some(arm) = draft.extension.arm else { return Ok(()) };
        // Whoever was erased is no unit any more.
        let Some(body) = self.kept_body(entry)? else { return Ok(()) };
        let Some(digest) = draft.contract else { return Ok(()) };
        let contract = match reading.contracts.get(&digest) {
            Some(contract) => Arc::clone(contract),
            None => {
                let contract = self.compiled(digest)?;
                reading.contracts.insert(digest, Arc::clone(&contract));
                contract
            }
        };
        let key = match reading.tally.definition().unit {
            Unit::Subject => first_subject(&contract, &body).map(String::into_bytes),
            Unit::Interaction => draft.extension.interaction.map(|pseudonym| pseudonym.to_vec()),
            Unit::Decision => None,
        };
        let key = key.unwrap_or_else(|| draft.id.to_vec());
        let assigned = reading.traffic.plan(&key).target;
        if !matches!(assigned, Target::Arm(number) if u16::from(number) == arm) {
            reading.misassigned += 1;
            return Ok(());
        }
        let is_answered = draft.route == Some(Route::Arm)
            && matches!(draft.result, Some(ResultClass::Answered | ResultClass::Held));
        let answer = answer(reading, &contract, &body).filter(|_| is_answered);
        let [unit @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *sha256(&key).as_bytes();
        let request =
            Request { unit, arm: arm.into(), decision: draft.id, time: draft.time, answer };
        reading.tally.request(&request);
        Ok(())
    }

    fn read_told(&self, reading: &mut Reading, entry: &Entry) -> Result<(), ControlError> {
        let Some(body) = self.outcome_body(entry)?.filter(|body| body.row == 0) else {
            return Ok(());
        };
        let value = match &body.value {
            OutcomeValue::Label(label) => TruthValue::Label(label.to_string()),
            OutcomeValue::Number(number) => TruthValue::Number(*number),
            OutcomeValue::Relevance(number) => TruthValue::Relevance(*number),
        };
        let numbers: Vec<(usize, f64)> = reading
            .tally
            .definition()
            .metrics
            .iter()
            .enumerate()
            .filter_map(|(place, metric)| match &metric.source {
                Source::Outcome { name, positive } if **name == *body.name => {
                    Some((place, number(&value, positive.as_ref())))
                }
                Source::Value if *metric.name == *body.name => Some((place, number(&value, None))),
                _ => None,
            })
            .collect();
        for (metric, number) in numbers {
            reading.tally.tell(&entry.leaf.draft.id, metric, number);
        }
        Ok(())
    }
}

/// Whom the gateway assigned it by: the first that the contract's sources name, in their order.
fn first_subject(contract: &CompiledContract, body: &DecisionBody) -> Option<String> {
    let first = contract.mapping().subjects.first()?;
    let header = body.mapped.iter().find(|(role, _)| &**role == "subject");
    match (first.source, header) {
        (Place::Header, Some((_, text))) => Some(text.to_string()),
        _ => contract.subjects(&body.rows, &body.mapped).into_iter().next(),
    }
}

/// A number as it is; a class as 1 or 0.
fn number(value: &TruthValue, positive: Option<&String>) -> f64 {
    match (value, positive) {
        (TruthValue::Number(number) | TruthValue::Relevance(number), None) => *number,
        _ => f64::from(u8::from(Positive::new(positive).is(value))),
    }
}

/// What the first row was answered, with what is told apart by.
fn answer<'a>(
    reading: &Reading,
    contract: &'a CompiledContract,
    body: &'a DecisionBody,
) -> Option<Answer<'a>> {
    let (_, width, values) = body.outputs.first()?;
    let row = values.get(..usize::try_from(*width).ok()?)?;
    let score = *row.get(reading.scoring.output)?;
    let definition = reading.tally.definition();
    let covariate = |name: &Option<String>| {
        let place = name.as_deref().and_then(|name| contract.position(name));
        let cell = place.and_then(|place| body.rows.row(0).get(place));
        cell.map_or(f64::NAN, |cell| number_of(*cell))
    };
    let slice = |key: &String| {
        let sources = contract.mapping().slices.iter();
        let source = sources.clone().find(|source| *source.name == **key)?;
        match source.source {
            Place::Field(_) => contract.mapped_text(&body.rows, 0, source),
            Place::Header => {
                let (_, text) = body.mapped.iter().find(|(role, _)| &**role == "slice")?;
                Some((&**text).into())
            }
        }
    };
    Some(Answer {
        score,
        is_positive: score >= reading.scoring.positive_from,
        covariates: definition.metrics.iter().map(|metric| covariate(&metric.covariate)).collect(),
        slices: definition.slices.iter().map(slice).collect(),
    })
}

/// A cell as a number; NaN if it is none.
fn number_of(cell: Cell) -> f64 {
    match cell {
        Cell::Number(number) => number,
        #[expect(clippy::cast_precision_loss, reason = "a covariate, compared to a few digits")]
        Cell::Integer(number) => number as f64,
        Cell::Boolean(truth) => f64::from(u8::from(truth)),
        _ => f64::NAN,
    }
}
