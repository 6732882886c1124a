//! What rows came to, as a table: its columns, its parts, and the one file at the end.

use crate::error::BatchError;
use crate::job::Job;
use crate::vault::{Opened, Vault};
use plimsoll_gateway::Outcome;
use plimsoll_table::{
    Bytes, Column, ColumnData, ColumnKind, ColumnSchema, Format, Limits, Table, TableReader,
    TableWriter, Typing,
};
use plimsoll_types::Digest;
use std::path::Path;
use std::sync::Arc;

/// What errors call the file.
const NAME: &str = "the output";
/// The columns before the outputs.
const FIRST: [(&str, ColumnKind); 7] = [
    ("row", ColumnKind::Integer),
    ("decision_id", ColumnKind::Text),
    ("result", ColumnKind::Text),
    ("code", ColumnKind::Text),
    ("field", ColumnKind::Text),
    ("rule", ColumnKind::Text),
    ("version", ColumnKind::Integer),
];
const IS_FALLBACK: &str = "is_fallback";
const REASONS: &str = "reasons";

/// The shape of a job's output.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    kept: Vec<ColumnSchema>,
    outputs: Vec<String>,
}

impl Shape {
    /// The columns that are kept, and those of an output of `width` numbers called `name`.
    pub(crate) fn new(
        kept: Vec<ColumnSchema>,
        (name, width): (&str, usize),
    ) -> Result<Self, BatchError> {
        let outputs = match width {
            1 => vec![name.to_owned()],
            _ => (0..width).map(|place| format!("{name}_{place}")).collect(),
        };
        let own = FIRST.iter().map(|(name, _)| *name).chain([IS_FALLBACK, REASONS]);
        let own = own.chain(outputs.iter().map(String::as_str));
        let twice = { own }.find(|name| kept.iter().any(|column| column.name == *name));
        if let Some(name) = twice.map(str::to_owned) {
            let why = format!("column `{name}` cannot be kept: the output has one of this name");
            return Err(BatchError::Columns(why));
        }
        Ok(Self { kept, outputs })
    }

    pub(crate) fn kept(&self) -> &[ColumnSchema] {
        &self.kept
    }

    /// The table of these outcomes, of rows from `first` on.
    pub(crate) fn table(
        &self,
        kept: Vec<Column>,
        first: u64,
        outcomes: &[Outcome],
    ) -> Result<Table, BatchError> {
        let width = self.outputs.len();
        if outcomes.iter().any(|one| !one.outputs.is_empty() && one.outputs.len() != width) {
            let why = "the outputs have another shape than when the job began; begin it anew";
            return Err(BatchError::Columns(why.to_owned()));
        }
        let mut columns = kept;
        let mut add = |name: &str, data| columns.push(Column { name: name.to_owned(), data });
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let [row, id, result, code, field, rule, version] = FIRST.map(|(name, _)| name);
        add(
            row,
            ColumnData::Integer((first..).zip(outcomes).map(|(n, _)| Some(number(n))).collect()),
        );
        add(id, texts(outcomes, |one| Some(one.id.to_string())));
        add(result, texts(outcomes, |one| Some(one.result.to_string())));
        add(code, texts(outcomes, |one| one.refusal.as_ref().map(|r| r.code.to_string())));
        add(field, texts(outcomes, |one| one.refusal.as_ref()?.field.as_deref().map(String::from)));
        add(rule, texts(outcomes, |one| one.refusal.as_ref()?.rule.as_deref().map(String::from)));
        let versions = outcomes.iter().map(|one| (one.version > 0).then_some(one.version.into()));
        add(version, ColumnData::Integer(versions.collect()));
        let fallbacks = outcomes.iter().map(|one| Some(one.is_fallback)).collect();
        add(IS_FALLBACK, ColumnData::Boolean(fallbacks));
        for (place, name) in self.outputs.iter().enumerate() {
            let values = outcomes.iter().map(|one| one.outputs.get(place).copied());
            add(name, ColumnData::Number(values.map(|n| n.unwrap_or(f64::NAN)).collect()));
        }
        add(
            REASONS,
            texts(outcomes, |one| (!one.reasons.is_empty()).then(|| one.reasons.join(";"))),
        );
        Ok(Table { columns, rows: outcomes.len() })
    }
}

fn texts(outcomes: &[Outcome], text: impl Fn(&Outcome) -> Option<String>) -> ColumnData {
    ColumnData::Text(outcomes.iter().map(|one| text(one).map(String::into_boxed_str)).collect())
}

/// Writes a part: it is durable under its number when this returns.
pub(crate) fn write_part(
    vault: &Vault,
    job: &Job,
    number: u64,
    table: &Table,
) -> Result<(), BatchError> {
    let sink = vault.create_part(job.id, number)?;
    let schema: Vec<ColumnSchema> = table.schema().collect();
    let (name, sealed) = (Path::new(NAME), Box::new(sink.clone()));
    let mut writer = TableWriter::to(sealed, name, Format::Parquet, &schema)?;
    writer.write(table)?;
    writer.finish()?;
    sink.finish()?;
    Ok(vault.settle(job.id)?)
}

/// Brings the parts together in the format that was asked for. Gives digest and length.
pub(crate) fn write_result(
    vault: &Vault,
    job: &Job,
    shape: &Shape,
    parts: u64,
) -> Result<(Digest, u64), BatchError> {
    let name = Path::new(NAME);
    let empty = shape.table(
        shape
            .kept
            .iter()
            .map(|c| Column { name: c.name.clone(), data: ColumnData::empty(c.kind) })
            .collect(),
        0,
        &[],
    )?;
    let schema: Vec<ColumnSchema> = empty.schema().collect();
    let sink = vault.create_result(job.id)?;
    let mut writer = TableWriter::to(Box::new(sink.clone()), name, job.output, &schema)?;
    for number in 0..parts {
        let part: Arc<dyn Bytes> = Arc::new(Opened(vault.open_part(job.id, number)?));
        let limits = Limits::default();
        for batch in TableReader::of_bytes(&part, name, Format::Parquet, Typing::Texts, &limits)? {
            writer.write(&batch?)?;
        }
    }
    writer.finish()?;
    let made = sink.finish()?;
    vault.settle(job.id)?;
    Ok(made)
}
