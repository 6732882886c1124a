//! The command line of decision tables.

use crate::cli::one_of;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use plimsoll_types::Name;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most rows an answer may have.
const MAX_ROWS: u64 = 10_000_000;
/// The longest name of a subject, or statement, that is read from a file.
const MAX_TEXT: u64 = 16 << 10;

/// What `query --help` says at its end.
pub(crate) const EXAMPLES: &str = "\
Examples:
  plimsoll query 'select result, count(*) from decisions group by 1'
  plimsoll query 'select * from \"credit-default\" where time > now() - interval '\\''1 hour'\\''' --format csv
  plimsoll query - --format parquet -o scores.parquet < scores.sql
  plimsoll query \"select * from decisions where subject = subject('4711')\" --data DIR --keys DIR
  plimsoll query --schema";

/// What `decision export --help` says at its end.
pub(crate) const EXPORT_EXAMPLES: &str = "\
Examples:
  plimsoll decision export --deployment credit-default --since 1d -o day.csv
  plimsoll decision export --deployment credit-default --format parquet -o all.parquet
  plimsoll decision export --deployment credit-default --data DIR --keys DIR -o all.json";

/// The form of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// Aligned columns, for people.
    Table,
    /// A JSON object per line.
    Json,
    /// Comma-separated values.
    Csv,
    /// Parquet.
    Parquet,
}

impl Format {
    const ALL: &[Self] = &[Self::Table, Self::Json, Self::Csv, Self::Parquet];
    const FILES: &[Self] = &[Self::Csv, Self::Json, Self::Parquet];
    fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// Options of `query`.
#[derive(Args, Debug)]
pub(crate) struct Query {
    /// One SELECT; - reads it from stdin, which keeps it out of the shell's history
    #[arg(required_unless_present = "schema")]
    pub(crate) sql: Option<String>,
    /// Show the tables and their columns instead
    #[arg(long, conflicts_with_all = ["sql", "format", "output"])]
    pub(crate) schema: bool,
    /// Only the table of this deployment
    #[arg(long, value_name = "NAME")]
    pub(crate) deployment: Option<Name>,
    /// The form of the rows [default: table; json with --json]
    #[arg(long, value_parser = one_of(Format::ALL, Format::as_str))]
    pub(crate) format: Option<Format>,
    /// Write the rows to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// At most this many rows
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=MAX_ROWS))]
    pub(crate) limit: u64,
    /// At most this long: 1s to 10m
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub(crate) timeout: String,
    #[command(flatten)]
    pub(crate) offline: Offline,
}

/// Options of `decision export`.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The deployment
    #[arg(long, value_name = "NAME")]
    pub(crate) deployment: Name,
    /// Only decisions at or after: a time (RFC 3339) or a duration ago such as 10m
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only decisions before: a time (RFC 3339) or a duration ago
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// The form of the file [default: as the file's name ends, else csv]
    #[arg(long, value_parser = one_of(Format::FILES, Format::as_str))]
    pub(crate) format: Option<Format>,
    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// At most this many rows
    #[arg(long, value_name = "N", default_value_t = MAX_ROWS, value_parser = clap::value_parser!(u64).range(1..=MAX_ROWS))]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) offline: Offline,
}

/// Where to read without a server.
#[derive(Args, Debug)]
pub(crate) struct Offline {
    /// Read this data folder, without a server
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Open what is sealed with this keys folder
    #[arg(long, value_name = "DIR", requires = "data")]
    pub(crate) keys: Option<PathBuf>,
}

/// Whom decisions are about.
#[derive(Args, Debug)]
pub(crate) struct About {
    /// Only those about this person; others can list it, so prefer --subject-file
    #[arg(long, value_name = "NAME", conflicts_with_all = ["subject_file", "result"])]
    subject: Option<String>,
    /// Only those about the person whose name is in this file; - for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "result")]
    subject_file: Option<PathBuf>,
}

impl About {
    /// The person, if one was named.
    pub(crate) fn subject(&self) -> Result<Option<String>, Failure> {
        match (&self.subject, &self.subject_file) {
            (Some(subject), _) => Ok(Some(subject.clone())),
            (None, Some(file)) => text(file).map(|text| Some(text.trim_end().to_owned())),
            (None, None) => Ok(None),
        }
    }
}

/// A short text from a file, or from stdin for `-`.
pub(crate) fn text(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_TEXT + 1).read_to_string(&mut text)
    } else {
        fs_err::File::open(file)?.take(MAX_TEXT + 1).read_to_string(&mut text)
    };
    read?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_TEXT) {
        return Err(Failure::user(format!("the text has more than {MAX_TEXT} bytes")));
    }
    Ok(text)
}

/// Verbs of decision tables.
#[derive(Subcommand, Debug)]
pub(crate) enum Lake {
    /// Make all decision tables anew from the ledger; the server must not run
    #[command(after_help = "\
Examples:
  plimsoll lake rebuild --data ./plimsoll-data --keys ./plimsoll-keys")]
    Rebuild {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The keys folder
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
    },
}
