//! Tables and contracts: what a table suggests, and what of it a contract would refuse.

use super::Context;
use crate::failure::Failure;
use crate::printer::{self, Facts};
use plimsoll_api::Timestamp;
use plimsoll_contract::{
    ColumnKind, ColumnSample, CompiledContract, Inferred, Kind, Scratch, infer as infer_contract,
};
use plimsoll_table::{
    ColumnData, ColumnSummary, Limits, Table, TableError, TableReader, summarise,
};
use plimsoll_types::{RefusalCode, Time};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Infers a contract from the table at `path`, without the columns in `left_out`.
pub(super) fn infer(
    context: &Context,
    path: &Path,
    left_out: &[String],
) -> Result<Inferred, Failure> {
    let limits = Limits::default();
    let all = TableReader::open(path, &limits, None).map_err(failure)?;
    for name in left_out {
        if !all.schema().iter().any(|column| column.name == *name) {
            return Err(Failure::user(format!("`{}` has no column `{name}`", path.display())));
        }
    }
    let mut rows = 0_u64;
    let schema = all.schema().to_vec();
    let batches = all.inspect(|batch| {
        let batch = batch.as_ref().map_or(0, |batch| batch.rows);
        rows = rows.saturating_add(u64::try_from(batch).unwrap_or(u64::MAX));
        context.printer.progress(&format!("{rows} rows"));
    });
    let columns = summarise(&schema, batches).map_err(failure)?;
    context.printer.progress_done();
    let wanted = columns.into_iter().filter(|column| !left_out.contains(&column.name));
    Ok(infer_contract(&wanted.map(sample).collect::<Vec<_>>()))
}

fn sample(column: ColumnSummary) -> ColumnSample {
    use plimsoll_table::ColumnKind as Of;
    ColumnSample {
        name: column.name,
        kind: match column.kind {
            Of::Boolean => ColumnKind::Boolean,
            Of::Integer => ColumnKind::Integer,
            Of::Number => ColumnKind::Number,
            Of::Text => ColumnKind::Text,
            Of::Timestamp => ColumnKind::Timestamp,
        },
        rows: column.rows,
        nulls: column.nulls,
        min: column.min,
        max: column.max,
        distinct: column.distinct,
        max_length: column.max_length,
    }
}

/// What a contract makes of a table.
#[derive(Debug, Default, Serialize)]
pub(super) struct Checked {
    /// Rows looked at.
    pub(super) rows: u64,
    /// Rows that a gateway would refuse.
    pub(super) refused: u64,
    /// Rows that would pass with values flagged or clamped.
    pub(super) flagged: u64,
    /// By field and rule, in how many rows it was broken.
    pub(super) violations: Vec<Violation>,
}

/// A rule of a field that rows break.
#[derive(Debug, Serialize)]
pub(super) struct Violation {
    field: String,
    code: RefusalCode,
    rule: String,
    rows: u64,
}

impl Checked {
    /// The same for people.
    pub(super) fn text(&self) -> String {
        let mut text = Facts::default()
            .add("rows", self.rows)
            .add("refused", self.refused)
            .add("flagged", self.flagged)
            .to_string();
        if !self.violations.is_empty() {
            let mut table = printer::Table::new(&["field", "code", ">rows", "rule"]);
            for Violation { field, code, rule, rows } in &self.violations {
                table.row([field.clone(), code.to_string(), rows.to_string(), rule.clone()]);
            }
            text.push_str(&format!("\n{table}"));
        }
        text
    }
}

/// Validates every row of the table at `path` as a request of its own, as the gateway would.
pub(super) fn check(
    context: &Context,
    contract: &CompiledContract,
    path: &Path,
) -> Result<Checked, Failure> {
    let limits = Limits::default();
    let all = TableReader::open(path, &limits, None).map_err(failure)?;
    let known = all.schema().iter().filter(|column| contract.position(&column.name).is_some());
    let names: Vec<String> = known.map(|column| column.name.clone()).collect();
    drop(all);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut check = Check {
        contract,
        scratch: Scratch::default(),
        checked: Checked::default(),
        found: BTreeMap::new(),
    };
    for batch in TableReader::open(path, &limits, Some(&names)).map_err(failure)? {
        check.batch(&batch.map_err(failure)?)?;
        context.printer.progress(&format!("{} rows", check.checked.rows));
    }
    context.printer.progress_done();
    Ok(check.finish())
}

/// A check in progress.
struct Check<'a> {
    contract: &'a CompiledContract,
    scratch: Scratch,
    checked: Checked,
    /// By place of the field, code and rule. Bounded: rules come from the contract.
    found: BTreeMap<(usize, RefusalCode, String, String), u64>,
}

impl Check<'_> {
    fn batch(&mut self, batch: &Table) -> Result<(), Failure> {
        for row in 0..batch.rows {
            let request = request(self.contract, batch, row);
            let body = serde_json::to_vec(&request)
                .map_err(|error| Failure::ours("could not write JSON").because(error))?;
            self.checked.rows += 1;
            match self.contract.validate_oip(&body, &mut self.scratch) {
                Ok(_) => self.checked.flagged += u64::from(!self.scratch.flags.is_empty()),
                Err(violations) => {
                    self.checked.refused += 1;
                    for refusal in violations.iter() {
                        let field = refusal.field.as_deref().unwrap_or("(request)").to_owned();
                        let place = self.contract.position(&field).unwrap_or(usize::MAX);
                        let rule = refusal.rule.as_deref().unwrap_or_default().to_owned();
                        *self.found.entry((place, refusal.code, field, rule)).or_default() += 1;
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Checked {
        self.checked.violations = self
            .found
            .into_iter()
            .map(|((_, code, field, rule), rows)| Violation { field, code, rule, rows })
            .collect();
        self.checked
    }
}

/// A row as a request of the Open Inference Protocol.
fn request(contract: &CompiledContract, batch: &Table, row: usize) -> Value {
    let tensors: Vec<Value> = batch
        .columns
        .iter()
        .map(|column| {
            let place = contract.position(&column.name);
            let kind = place.and_then(|place| contract.field(place)).map(|field| field.kind);
            let (datatype, value) = cell(&column.data, row, kind);
            json!({"name": column.name, "shape": [1], "datatype": datatype, "data": [value]})
        })
        .collect();
    json!({"inputs": tensors})
}

/// A value with the datatype it would be sent as. A CSV file's columns are typed by how they
/// look, so what the contract calls text is sent as text.
fn cell(data: &ColumnData, row: usize, kind: Option<Kind>) -> (&'static str, Value) {
    let (datatype, value) = match data {
        ColumnData::Number(values) => {
            let number = values.get(row).copied().filter(|number| !number.is_nan());
            ("FP64", number.map_or(Value::Null, number_value))
        }
        ColumnData::Integer(values) => ("INT64", one(values, row)),
        ColumnData::Boolean(values) => ("BOOL", one(values, row)),
        ColumnData::Text(values) => (
            "BYTES",
            values
                .get(row)
                .cloned()
                .flatten()
                .map_or(Value::Null, |text| text.into_string().into()),
        ),
        ColumnData::Timestamp(values) => {
            ("BYTES", values.get(row).copied().flatten().map_or(Value::Null, time))
        }
    };
    let is_text = matches!(kind, Some(Kind::Category | Kind::String));
    match value {
        Value::Null if is_text => ("BYTES", Value::Null),
        Value::Bool(_) | Value::Number(_) if is_text => ("BYTES", value.to_string().into()),
        value => (datatype, value),
    }
}

/// Infinity has no JSON; a number that no range allows stands for it.
fn number_value(number: f64) -> Value {
    let finite = if number.is_finite() { number } else { f64::MAX.copysign(number) };
    finite.into()
}

fn one<T: Copy + Into<Value>>(values: &[Option<T>], row: usize) -> Value {
    values.get(row).copied().flatten().map_or(Value::Null, Into::into)
}

fn time(micros: i64) -> Value {
    match u64::try_from(micros) {
        Ok(micros) => Timestamp(Time::from_micros(micros)).to_string().into(),
        Err(_) => micros.into(),
    }
}

/// A table that cannot be read or written is the user's to mend.
pub(super) fn failure(error: TableError) -> Failure {
    let message = error.to_string();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    match cause {
        Some(cause) => Failure::user(message).because(cause),
        None => Failure::user(message),
    }
}
