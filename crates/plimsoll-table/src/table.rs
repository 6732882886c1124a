//! A table in memory: named columns of one type each.

use std::path::PathBuf;

/// Columns of equal length.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// How many rows each has.
    pub rows: usize,
}

/// A named column.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// Its name, unique in the table.
    pub name: String,
    /// Its values.
    pub data: ColumnData,
}

/// The values of a column.
#[derive(Clone, PartialEq, Debug)]
pub enum ColumnData {
    /// Numbers; null is NaN, as models read it.
    Number(Vec<f64>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// True or false.
    Boolean(Vec<Option<bool>>),
    /// Texts.
    Text(Vec<Option<Box<str>>>),
    /// Microseconds since 1970 in UTC.
    Timestamp(Vec<Option<i64>>),
}

/// A column's values as [`TableReader::next_coded`](crate::TableReader::next_coded) gives them.
#[derive(Clone, PartialEq, Debug)]
pub enum Coded {
    /// As in a table.
    Plain(ColumnData),
    /// Texts, by their place in a list; not every text of the list need be there.
    Texts {
        /// The list, without repeats.
        texts: Vec<Box<str>>,
        /// Row by row.
        places: Vec<Option<u32>>,
    },
}

/// The type of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnKind {
    /// [`ColumnData::Number`].
    Number,
    /// [`ColumnData::Integer`].
    Integer,
    /// [`ColumnData::Boolean`].
    Boolean,
    /// [`ColumnData::Text`].
    Text,
    /// [`ColumnData::Timestamp`].
    Timestamp,
}

/// The name and type of a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnKind,
}

/// Why a table cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Neither `.csv` nor `.parquet`.
    #[error("`{}` is neither a .csv nor a .parquet file", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("cannot read or write `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// Beyond a limit.
    #[error("`{}` is too large: {what}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Which limit.
        what: String,
    },
    /// The header of a CSV file, or the schema of a Parquet file, is unusable.
    #[error("`{}` has an unusable header: {what}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// A column that was asked for is not there.
    #[error("`{}` has no column `{column}`", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A column's type has no place in a table.
    #[error("column `{column}` of `{}` has the type {data_type}, which is not supported; leave it out or convert it", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// A row of a CSV file cannot be read.
    #[error("line {line} of `{}` cannot be read: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why; never the line's text.
        what: String,
    },
    /// A column's values cannot be converted.
    #[error("column `{column}` of `{}` has a value that does not fit its type", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// The Parquet file is damaged, or cannot be written.
    #[error("`{}` is not readable or writable as Parquet", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the library says.
        source: parquet::errors::ParquetError,
    },
    /// The CSV file cannot be written.
    #[error("`{}` cannot be written as CSV", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the library says.
        source: csv::Error,
    },
    /// A batch does not have the columns of the file it is written to.
    #[error("the columns to be written to `{}` are not those it was created with", path.display())]
    OtherColumns {
        /// The file.
        path: PathBuf,
    },
}

impl Table {
    /// A table of these columns without rows.
    #[must_use]
    pub fn empty(schema: &[ColumnSchema]) -> Self {
        let column = |one: &ColumnSchema| Column {
            name: one.name.clone(),
            data: ColumnData::empty(one.kind),
        };
        Self { columns: schema.iter().map(column).collect(), rows: 0 }
    }
    /// The column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
    /// The names and types of the columns.
    pub fn schema(&self) -> impl Iterator<Item = ColumnSchema> {
        self.columns
            .iter()
            .map(|column| ColumnSchema { name: column.name.clone(), kind: column.data.kind() })
    }
    /// Appends the rows of `other`, which has the same columns.
    pub(crate) fn append(&mut self, other: Self) {
        for (column, more) in self.columns.iter_mut().zip(other.columns) {
            column.data.append(more.data);
        }
        self.rows += other.rows;
    }
}

impl ColumnData {
    /// No values of this type.
    #[must_use]
    pub fn empty(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Number => Self::Number(Vec::new()),
            ColumnKind::Integer => Self::Integer(Vec::new()),
            ColumnKind::Boolean => Self::Boolean(Vec::new()),
            ColumnKind::Text => Self::Text(Vec::new()),
            ColumnKind::Timestamp => Self::Timestamp(Vec::new()),
        }
    }
    /// The type.
    #[must_use]
    pub fn kind(&self) -> ColumnKind {
        match self {
            Self::Number(_) => ColumnKind::Number,
            Self::Integer(_) => ColumnKind::Integer,
            Self::Boolean(_) => ColumnKind::Boolean,
            Self::Text(_) => ColumnKind::Text,
            Self::Timestamp(_) => ColumnKind::Timestamp,
        }
    }
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Integer(values) | Self::Timestamp(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }
    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn append(&mut self, more: Self) {
        match (self, more) {
            (Self::Number(values), Self::Number(more)) => values.extend(more),
            (Self::Integer(values), Self::Integer(more)) => values.extend(more),
            (Self::Timestamp(values), Self::Timestamp(more)) => values.extend(more),
            (Self::Boolean(values), Self::Boolean(more)) => values.extend(more),
            (Self::Text(values), Self::Text(more)) => values.extend(more),
            // Batches of one reader have one schema.
            (_, _) => debug_assert!(false, "a batch with another schema"),
        }
    }
}
