//! How outcomes are told: JSON, JSON lines, CSV, Parquet. Pure.

use crate::routes::Fail;
use bytes::Bytes;
use plimsoll_api as api;
use plimsoll_control::MAX_OUTCOMES;
use plimsoll_table::{Column, ColumnData, Format, Limits, Table, TableError, TableReader, Typing};
use serde_json::{Map, Value};
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

/// What a column may be called, and whether it holds texts whatever they look like.
const COLUMNS: [(&str, bool); 13] = [
    ("decision", true),
    ("correlation", true),
    ("deployment", true),
    ("row", false),
    ("name", true),
    ("value", false),
    ("relevance", false),
    ("observed_at", false),
    ("source", true),
    ("annotator", true),
    ("id", true),
    ("corrects", true),
    ("reason", true),
];

type Told = Vec<Result<api::RecordOutcome, String>>;

/// What a body tells, and whether it is one told alone.
pub(crate) fn told(media: &str, body: &Bytes) -> Result<(Told, bool), Fail> {
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/json" | "" => json(body),
        "application/x-ndjson" | "application/jsonl" => lines(body).map(|told| (told, false)),
        "text/csv" => table(body, Format::Csv).map(|told| (told, false)),
        "application/vnd.apache.parquet" => table(body, Format::Parquet).map(|told| (told, false)),
        _ => {
            let detail = "send application/json, application/x-ndjson, text/csv or \
                          application/vnd.apache.parquet";
            Err(Fail::problem(415, "unsupported_media_type", detail))
        }
    }
}

fn json(body: &[u8]) -> Result<(Told, bool), Fail> {
    let malformed = |why: String| Fail::bad("malformed_body", why);
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("the body is not JSON: {}", place(&error))))?;
    match value {
        Value::Object(mut object) if object.contains_key("outcomes") => {
            let Some(Value::Array(all)) = object.remove("outcomes") else {
                return Err(malformed("`outcomes` must be a list".into()));
            };
            if !object.is_empty() {
                return Err(malformed("beside `outcomes` there is nothing to say".into()));
            }
            bounded(all.len())?;
            Ok((all.into_iter().map(outcome).collect(), false))
        }
        value => Ok((vec![outcome(value)], true)),
    }
}

fn lines(body: &[u8]) -> Result<Told, Fail> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    bounded(lines.len())?;
    let one = |line: &[u8]| {
        let value = serde_json::from_slice(line);
        outcome(value.map_err(|error| format!("the line is not JSON: {}", place(&error)))?)
    };
    Ok(lines.into_iter().map(one).collect())
}

fn bounded(count: usize) -> Result<(), Fail> {
    if count <= MAX_OUTCOMES {
        return Ok(());
    }
    let detail = format!("a request holds at most {MAX_OUTCOMES} outcomes");
    Err(Fail::problem(413, "body_too_large", detail))
}

/// Where JSON broke, without the words of the parser: those may repeat a value.
fn place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// One outcome. Why it is none names members, never their values.
fn outcome(value: Value) -> Result<api::RecordOutcome, String> {
    let Value::Object(object) = &value else { return Err("an outcome is an object".into()) };
    if object.keys().any(|key| !COLUMNS.iter().any(|(name, _)| name == key)) {
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        return Err(format!("an outcome has the members {}", names.join(", ")));
    }
    for (name, is_text) in COLUMNS {
        let fits = match object.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => match name {
                "decision" | "corrects" => text.parse::<plimsoll_types::DecisionId>().is_ok(),
                "observed_at" => text.parse::<api::Timestamp>().is_ok(),
                _ => is_text || name == "value",
            },
            Some(Value::Number(number)) => match name {
                "row" => number.as_u64().is_some_and(|row| u32::try_from(row).is_ok()),
                _ => name == "value" || name == "relevance",
            },
            Some(Value::Bool(_)) => name == "value",
            Some(Value::Array(_) | Value::Object(_)) => false,
        };
        if !fits {
            return Err(format!("`{name}` is not what it should be"));
        }
    }
    serde_json::from_value(value).map_err(|_| "it is no outcome".to_owned())
}

fn table(body: &Bytes, format: Format) -> Result<Told, Fail> {
    let unreadable = |error: TableError| Fail::bad("malformed_body", error.to_string());
    let limits = Limits {
        max_bytes: body.len() as u64,
        max_rows: MAX_OUTCOMES as u64,
        max_columns: COLUMNS.len(),
    };
    let bytes: Arc<dyn plimsoll_table::Bytes> = Arc::new(Held(body.clone()));
    let name = Path::new("the body");
    let reader = TableReader::of_bytes(&bytes, name, format, Typing::Guessed, &limits);
    let mut told = Told::new();
    for batch in reader.map_err(unreadable)? {
        let batch = batch.map_err(unreadable)?;
        told.extend((0..batch.rows).map(|row| outcome(line(&batch, row))));
    }
    Ok(told)
}

/// A body as a table's bytes.
#[derive(Debug)]
struct Held(Bytes);

impl plimsoll_table::Bytes for Held {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn reader(&self, position: u64) -> Box<dyn Read + Send> {
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(self.0.len());
        Box::new(Cursor::new(self.0.slice(start..)))
    }
}

/// A row of a table as an outcome; what is empty is left out.
fn line(batch: &Table, row: usize) -> Value {
    let mut object = Map::new();
    for column in &batch.columns {
        let is_text = COLUMNS.iter().any(|(name, is_text)| *name == column.name && *is_text);
        let value = match cell(column, row) {
            Value::Null => continue,
            Value::String(text) => Value::String(text),
            other if is_text => Value::String(other.to_string()),
            other => other,
        };
        object.insert(column.name.clone(), value);
    }
    Value::Object(object)
}

fn cell(column: &Column, row: usize) -> Value {
    fn one<T: Clone + Into<Value>>(values: &[Option<T>], row: usize) -> Value {
        values.get(row).cloned().flatten().map_or(Value::Null, Into::into)
    }
    match &column.data {
        ColumnData::Number(values) => {
            values.get(row).filter(|n| n.is_finite()).map_or(Value::Null, |n| (*n).into())
        }
        ColumnData::Integer(values) => one(values, row),
        ColumnData::Boolean(values) => one(values, row),
        ColumnData::Text(values) => {
            values.get(row).cloned().flatten().map_or(Value::Null, |text| String::from(text).into())
        }
        ColumnData::Timestamp(values) => {
            let micros = values.get(row).copied().flatten().and_then(|m| u64::try_from(m).ok());
            let time = micros.map(plimsoll_types::Time::from_micros);
            time.map_or(Value::Null, |time| api::Timestamp(time).to_string().into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911";

    #[test]
    fn every_way_tells_the_same() {
        let one = format!(r#"{{"decision":"{ID}","value":1,"row":2,"id":"7"}}"#);
        let (alone, is_alone) = told("application/json", &one.clone().into()).expect("told");
        assert!(is_alone);
        let many = format!(r#"{{"outcomes":[{one}]}}"#);
        let csv = format!("decision,value,row,id\n{ID},1,2,7\n");
        for (media, body) in [
            ("application/json; charset=utf-8", many),
            ("application/x-ndjson", format!("\n{one}\n\n")),
            ("text/csv", csv),
        ] {
            let (found, is_alone) = told(media, &body.into()).expect("told");
            assert_eq!((found, is_alone), (alone.clone(), false), "{media}");
        }
        assert!(told("image/png", &Bytes::new()).is_err());
    }

    #[test]
    fn what_is_none_is_told_without_its_values() {
        for text in [
            r#"{"decision":"secret"}"#,
            r#"{"value":["secret"]}"#,
            r#"{"secret":1}"#,
            r#"{"row":-1}"#,
            r#"{"observed_at":"secret"}"#,
            r#"[]"#,
            "secret",
        ] {
            let (found, _) = told("application/x-ndjson", &text.into()).expect("told");
            let why = found[0].as_ref().expect_err(text);
            assert!(!why.contains("secret"), "{why}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_never_panic(
            body in prop::collection::vec(any::<u8>(), 0..300),
            media in prop::sample::select(vec!["application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.parquet"]),
        ) {
            drop(told(media, &body.into()));
        }
    }
}
