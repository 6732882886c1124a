//! One column while a table is made: a typed array that grows.

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder,
    ListBuilder, StringBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    /// Microseconds since 1970 in UTC.
    Time,
    /// Numbers in a fixed shape, flat.
    Tensor,
    /// A number that is never negative.
    Count,
    /// Sealed cells, key ids, salts.
    Bytes,
}

impl Kind {
    /// The Arrow type, as it is written and shown.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Tensor => {
                DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
            }
            Self::Count => DataType::UInt64,
            Self::Bytes => DataType::Binary,
        }
    }

    /// A kind that holds the values of both exactly.
    pub(crate) fn widest(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            // Integers of a contract are within ±2^53.
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            _ => Self::Text,
        }
    }
}

/// A growing column.
#[derive(Debug)]
pub(crate) enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Boolean(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    Tensor(ListBuilder<Float64Builder>),
    Count(UInt64Builder),
    Bytes(BinaryBuilder),
}

/// A value to append. What does not fit the column's kind becomes null.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Time(i64),
    Tensor(&'a [f64]),
    Count(u64),
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The bytes that it takes beside its slot.
    pub(crate) fn beside(self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Tensor(values) => size_of_val(values),
            Self::Integer(_)
            | Self::Number(_)
            | Self::Boolean(_)
            | Self::Time(_)
            | Self::Count(_) => 0,
        }
    }
}

impl Column {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Number => Self::Number(Float64Builder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Time => {
                Self::Time(TimestampMicrosecondBuilder::new().with_data_type(kind.data_type()))
            }
            Kind::Tensor => Self::Tensor(ListBuilder::new(Float64Builder::new())),
            Kind::Count => Self::Count(UInt64Builder::new()),
            Kind::Bytes => Self::Bytes(BinaryBuilder::new()),
        }
    }

    pub(crate) fn push(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Text(column), Value::Text(value)) => column.append_value(value),
            (Self::Integer(column), Value::Integer(value)) => column.append_value(value),
            (Self::Number(column), Value::Number(value)) => column.append_value(value),
            (Self::Boolean(column), Value::Boolean(value)) => column.append_value(value),
            (Self::Time(column), Value::Time(value)) => column.append_value(value),
            (Self::Count(column), Value::Count(value)) => column.append_value(value),
            (Self::Bytes(column), Value::Bytes(value)) => column.append_value(value),
            (Self::Tensor(column), Value::Tensor(values)) => {
                column.values().append_slice(values);
                column.append(true);
            }
            (column, _) => column.push_null(),
        }
    }

    pub(crate) fn push_null(&mut self) {
        match self {
            Self::Text(column) => column.append_null(),
            Self::Integer(column) => column.append_null(),
            Self::Number(column) => column.append_null(),
            Self::Boolean(column) => column.append_null(),
            Self::Time(column) => column.append_null(),
            Self::Tensor(column) => column.append(false),
            Self::Count(column) => column.append_null(),
            Self::Bytes(column) => column.append_null(),
        }
    }

    /// Nulls up to `len` values.
    pub(crate) fn fill(&mut self, len: usize) {
        while self.len() < len {
            self.push_null();
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(column) => column.len(),
            Self::Integer(column) => column.len(),
            Self::Number(column) => column.len(),
            Self::Boolean(column) => column.len(),
            Self::Time(column) => column.len(),
            Self::Tensor(column) => column.len(),
            Self::Count(column) => column.len(),
            Self::Bytes(column) => column.len(),
        }
    }

    /// The values so far.
    pub(crate) fn array(&self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish_cloned()),
            Self::Integer(column) => Arc::new(column.finish_cloned()),
            Self::Number(column) => Arc::new(column.finish_cloned()),
            Self::Boolean(column) => Arc::new(column.finish_cloned()),
            Self::Time(column) => Arc::new(column.finish_cloned()),
            Self::Tensor(column) => Arc::new(column.finish_cloned()),
            Self::Count(column) => Arc::new(column.finish_cloned()),
            Self::Bytes(column) => Arc::new(column.finish_cloned()),
        }
    }

    /// The values, where they are.
    pub(crate) fn into_array(self) -> ArrayRef {
        match self {
            Self::Text(mut column) => Arc::new(column.finish()),
            Self::Integer(mut column) => Arc::new(column.finish()),
            Self::Number(mut column) => Arc::new(column.finish()),
            Self::Boolean(mut column) => Arc::new(column.finish()),
            Self::Time(mut column) => Arc::new(column.finish()),
            Self::Tensor(mut column) => Arc::new(column.finish()),
            Self::Count(mut column) => Arc::new(column.finish()),
            Self::Bytes(mut column) => Arc::new(column.finish()),
        }
    }
}
