//! Answers of a deployment and what turned out to be true about them, as plain values: what
//! performance and fairness are computed from. Statements are of our own making.

use crate::derive::correlation;
use crate::error::LakeError;
use crate::lake::Lake;
use crate::provider::Visible;
use crate::query::{ATTRIBUTES, Ask, OUTCOMES};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimestampMicrosecondType, UInt64Type};
use plimsoll_types::digest::hex;
use plimsoll_types::{DecisionId, TenantId, Time};
use std::collections::HashMap;
use std::time::Duration;

/// Ids in one question: a statement of 20 KB.
const IDS_AT_ONCE: usize = 500;
/// Time for one of them: a scan of one column.
const LOOKING: Duration = Duration::from_secs(60);
/// Between the time in a decision's id and that of its record lies no more than a request takes.
const APART: Duration = Duration::from_secs(120);

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Judge {
    /// The deployment's table. Whoever asks was allowed what comes of the values.
    pub table: Visible,
    /// The organisation.
    pub tenant: TenantId,
    /// The column of the output.
    pub output: String,
    /// Further columns, by which answers are grouped.
    pub columns: Vec<String>,
    /// Only decisions accepted at or after this time.
    pub since: Time,
    /// Only decisions accepted before this time.
    pub until: Time,
    /// Answers at most, the newest; and as many outcomes.
    pub rows: u64,
    /// Time for each of the questions.
    pub timeout: Duration,
}

/// An answer: one row of a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The decision.
    pub decision: DecisionId,
    /// The row of its request.
    pub row: u32,
    /// When it was accepted.
    pub time: Time,
    /// The version that answered.
    pub version: Option<u32>,
    /// The numbers of the output.
    pub output: Vec<f64>,
    /// The further columns, as texts.
    pub columns: Vec<Option<String>>,
}

/// What turned out to be true, or an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum TruthValue {
    /// A class.
    Label(String),
    /// A quantity.
    Number(f64),
    /// How relevant a ranked item was.
    Relevance(f64),
}

/// What was told about a row of a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The decision.
    pub decision: DecisionId,
    /// The row of its request.
    pub row: u32,
    /// Which outcome, or which attribute.
    pub name: String,
    /// What it was.
    pub value: TruthValue,
    /// Its entry in the ledger.
    pub index: u64,
    /// Its own id.
    pub id: String,
    /// The id of the one that it corrects.
    pub corrects: Option<String>,
    /// When it was recorded.
    pub recorded: Time,
}

/// Answers, and what was told of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    /// The answers, oldest first.
    pub answered: Vec<Answered>,
    /// What turned out to be true, in the order of the ledger.
    pub truths: Vec<Truth>,
    /// Whether there are more answers than were asked for: the oldest are left out.
    pub is_cut: bool,
}

impl Lake {
    /// The answers, with their outcomes. Blocks; must not be called from a task.
    ///
    /// # Errors
    /// [`LakeError`].
    pub fn judged(&self, judge: &Judge) -> Result<Judged, LakeError> {
        let (answered, is_cut) = self.answered(judge)?;
        let truths = self.told(judge, OUTCOMES)?;
        Ok(Judged { answered, truths, is_cut })
    }

    /// Attributes of the people that the answers are about.
    ///
    /// # Errors
    /// [`LakeError`].
    pub fn attributes(&self, judge: &Judge) -> Result<Vec<Truth>, LakeError> {
        self.told(judge, ATTRIBUTES)
    }

    /// The latest decision of each of these requests, by the callers' own ids of them. Ids that no
    /// request had are left out.
    ///
    /// # Errors
    /// [`LakeError`]; without keys nothing can be looked for.
    pub fn correlated(
        &self,
        table: &Visible,
        tenant: TenantId,
        ids: &[&str],
    ) -> Result<HashMap<String, DecisionId>, LakeError> {
        let Some(keys) = self.0.source.keys() else {
            return Err(LakeError::Statement("looking for a request needs the keys folder".into()));
        };
        let digests: HashMap<String, &str> =
            ids.iter().map(|id| (hex(&correlation(keys, tenant, id)), *id)).collect();
        let all: Vec<&String> = digests.keys().collect();
        let mut found = HashMap::new();
        for some in all.chunks(IDS_AT_ONCE) {
            let list: Vec<String> = some.iter().map(|digest| format!("'{digest}'")).collect();
            let sql = format!(
                "select correlation, decision_id from {} where correlation in ({}) order by \"index\"",
                quoted(&table.name),
                list.join(", ")
            );
            let (tables, rows) = (vec![table.clone()], u64::from(u32::MAX));
            let mut answer =
                self.query_trusted(Ask { sql, tables, tenant, rows, timeout: LOOKING })?;
            while let Some(batch) = answer.next_blocking() {
                let batch = batch?;
                let (texts, decisions) = (Texts::of(&batch, 0), Texts::of(&batch, 1));
                let (Some(texts), Some(decisions)) = (texts, decisions) else { continue };
                for row in 0..batch.num_rows() {
                    let id = texts.get(row).and_then(|text| digests.get(text));
                    let decision = decisions.get(row).and_then(|text| text.parse().ok());
                    // In the order of the ledger: the latest is kept.
                    found.extend(id.map(|id| (*id).to_owned()).zip(decision));
                }
            }
        }
        Ok(found)
    }

    fn answered(&self, judge: &Judge) -> Result<(Vec<Answered>, bool), LakeError> {
        let mut sql = "select decision_id, \"row\", \"time\", \"version\", ".to_owned();
        sql.push_str(&quoted(&judge.output));
        for name in &judge.columns {
            sql.push_str(&format!(", cast({} as varchar)", quoted(name)));
        }
        sql.push_str(&format!(
            " from {} where {} and result in ('answered', 'held') and coalesce(route, 'primary') <> 'shadow' \
             order by \"time\" desc, \"index\" desc, \"row\" desc",
            quoted(&judge.table.name),
            within("\"time\"", judge.since, judge.until)
        ));
        let (mut rows, is_cut) = self.all(judge, sql, answers)?;
        rows.reverse();
        Ok((rows, is_cut))
    }

    fn told(&self, judge: &Judge, table: &str) -> Result<Vec<Truth>, LakeError> {
        let sql = format!(
            "select decision_id, \"row\", name, label, number, relevance, \"index\", outcome_id, corrects, recorded_at \
             from {} where {} and outcome_id is not null order by \"index\"",
            quoted(table),
            within("decided_at", judge.since.minus(APART), judge.until.plus(APART))
        );
        Ok(self.all(judge, sql, truths)?.0)
    }

    fn all<T>(
        &self,
        judge: &Judge,
        sql: String,
        read: fn(&RecordBatch, &mut Vec<T>) -> Option<()>,
    ) -> Result<(Vec<T>, bool), LakeError> {
        let (tables, tenant) = (vec![judge.table.clone()], judge.tenant);
        let ask = Ask { sql, tables, tenant, rows: judge.rows, timeout: judge.timeout };
        let mut answer = self.query_trusted(ask)?;
        let mut all = Vec::new();
        while let Some(batch) = answer.next_blocking() {
            let unfit = || LakeError::Table("its columns are not what they should be".into());
            read(&batch?, &mut all).ok_or_else(unfit)?;
        }
        Ok((all, answer.is_cut()))
    }
}

fn within(column: &str, since: Time, until: Time) -> String {
    let (since, until) = (since.as_micros(), until.as_micros());
    format!("{column} >= to_timestamp_micros({since}) and {column} < to_timestamp_micros({until})")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column of texts, however they are kept.
struct Texts(ArrayRef);

impl Texts {
    fn of(batch: &RecordBatch, place: usize) -> Option<Self> {
        cast(batch.columns().get(place)?, &DataType::Utf8).ok().map(Self)
    }
    fn get(&self, row: usize) -> Option<&str> {
        let texts = self.0.as_string_opt::<i32>()?;
        texts.is_valid(row).then(|| texts.value(row))
    }
}

fn count(batch: &RecordBatch, place: usize, row: usize) -> Option<u64> {
    let values = batch.columns().get(place)?.as_primitive_opt::<UInt64Type>()?;
    values.is_valid(row).then(|| values.value(row))
}

fn number(batch: &RecordBatch, place: usize, row: usize) -> Option<f64> {
    let values = batch.columns().get(place)?.as_primitive_opt::<Float64Type>()?;
    values.is_valid(row).then(|| values.value(row))
}

fn time(batch: &RecordBatch, place: usize, row: usize) -> Option<Time> {
    let values = batch.columns().get(place)?.as_primitive_opt::<TimestampMicrosecondType>()?;
    let micros = values.is_valid(row).then(|| values.value(row))?;
    u64::try_from(micros).ok().map(Time::from_micros)
}

fn answers(batch: &RecordBatch, into: &mut Vec<Answered>) -> Option<()> {
    let ids = Texts::of(batch, 0)?;
    let output = batch.columns().get(4)?;
    let further: Vec<Texts> =
        (5..batch.num_columns()).map(|place| Texts::of(batch, place)).collect::<Option<_>>()?;
    for row in 0..batch.num_rows() {
        let values = if let Some(lists) = output.as_list_opt::<i32>() {
            let list = lists.is_valid(row).then(|| lists.value(row));
            list.and_then(|list| Some(list.as_primitive_opt::<Float64Type>()?.values().to_vec()))
        } else {
            number(batch, 4, row).map(|value| vec![value])
        };
        // Whose values are gone or are no numbers is no answer that could be right or wrong.
        let Some(output) = values.filter(|values| !values.is_empty()) else { continue };
        into.push(Answered {
            decision: ids.get(row)?.parse().ok()?,
            row: u32::try_from(count(batch, 1, row)?).ok()?,
            time: time(batch, 2, row)?,
            version: count(batch, 3, row).and_then(|version| u32::try_from(version).ok()),
            output,
            columns: further.iter().map(|texts| texts.get(row).map(str::to_owned)).collect(),
        });
    }
    Some(())
}

fn truths(batch: &RecordBatch, into: &mut Vec<Truth>) -> Option<()> {
    let texts: Vec<Texts> =
        [0, 2, 3, 7, 8].into_iter().map(|place| Texts::of(batch, place)).collect::<Option<_>>()?;
    let [decisions, names, labels, ids, corrects] = texts.as_slice() else { return None };
    for row in 0..batch.num_rows() {
        let value = if let Some(label) = labels.get(row) {
            TruthValue::Label(label.to_owned())
        } else if let Some(number) = number(batch, 4, row) {
            TruthValue::Number(number)
        } else if let Some(relevance) = number(batch, 5, row) {
            TruthValue::Relevance(relevance)
        } else {
            // Its keys went while it was read.
            continue;
        };
        into.push(Truth {
            decision: decisions.get(row)?.parse().ok()?,
            row: u32::try_from(count(batch, 1, row)?).ok()?,
            name: names.get(row)?.to_owned(),
            value,
            index: count(batch, 6, row)?,
            id: ids.get(row)?.to_owned(),
            corrects: corrects.get(row).map(str::to_owned),
            recorded: time(batch, 9, row)?,
        });
    }
    Some(())
}
