//! The only place that prints. Data goes to stdout, words to stderr.
//!
//! It knows nothing of commands: they hand it data, tables and words, and it decides on
//! colour, verbosity and JSON.

use crate::failure::Failure;
use serde::Serialize;
use std::error::Error;
use std::io::{IsTerminal, Write};

/// When to colour words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Color {
    /// If stderr is a terminal and `NO_COLOR` is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Every choice.
    pub(crate) const ALL: &'static [Self] = &[Self::Auto, Self::Always, Self::Never];
    /// The word for it on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// How much is said beside the data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Words {
    /// Errors alone.
    Quiet,
    /// What happened.
    Normal,
    /// Details as well.
    Verbose,
}

/// Prints, in the way the caller asked for.
#[derive(Debug)]
pub(crate) struct Printer {
    json: bool,
    words: Words,
    color: bool,
    live: bool,
}

impl Printer {
    /// A printer for these options. `plain`: the environment asks for no colour.
    pub(crate) fn new(json: bool, words: Words, color: Color, plain: bool) -> Self {
        let live = std::io::stderr().is_terminal();
        let color = match color {
            Color::Auto => live && !plain,
            Color::Always => true,
            Color::Never => false,
        };
        Self { json, words, color, live }
    }

    /// Whether data is wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether words are coloured.
    pub(crate) fn is_colored(&self) -> bool {
        self.color
    }

    /// Prints text as data, as it is.
    pub(crate) fn data(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Prints bytes as data, as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::output)
    }

    /// Stdout for data that comes in pieces.
    pub(crate) fn stream(&self) -> Box<dyn Write> {
        Box::new(std::io::BufWriter::new(std::io::stdout()))
    }

    /// Prints `value` as JSON if that is wanted, else the text that `human` makes of it.
    pub(crate) fn show<T: Serialize>(
        &self,
        value: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        if self.json { self.json(value) } else { self.data(&human(value)) }
    }

    /// Prints `value` as JSON, indented.
    pub(crate) fn json<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::ours("could not write JSON").because(error))?;
        text.push('\n');
        self.data(&text)
    }

    /// Prints `value` as JSON on one line.
    pub(crate) fn json_line<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let mut text = serde_json::to_string(value)
            .map_err(|error| Failure::ours("could not write JSON").because(error))?;
        text.push('\n');
        self.data(&text)
    }

    /// Says what happened.
    pub(crate) fn note(&self, text: &str) {
        if self.words >= Words::Normal {
            say(&format!("{text}\n"));
        }
    }

    /// Says a detail.
    pub(crate) fn detail(&self, text: &str) {
        if self.words >= Words::Verbose {
            say(&format!("{text}\n"));
        }
    }

    /// Says a secret that is shown this once, however little else is said.
    pub(crate) fn secret(&self, name: &str, secret: &str) {
        say(&format!("\n{} {secret}\n", self.paint("32;1", &format!("{name}:"))));
    }

    /// Warns.
    pub(crate) fn warn(&self, text: &str) {
        if self.words >= Words::Normal {
            say(&format!("{} {text}\n", self.paint("33;1", "warning:")));
        }
    }

    /// Says what to try next.
    pub(crate) fn hint(&self, text: &str) {
        if self.words >= Words::Normal {
            say(&format!("\n{} {text}\n", self.paint("36;1", "hint:")));
        }
    }

    /// Says how far a long job is: on a terminal over the line before, else not at all.
    pub(crate) fn progress(&self, text: &str) {
        if self.live && self.words >= Words::Normal {
            say(&format!("\r\x1b[2K{text}"));
        }
    }

    /// Clears the line of [`progress`](Self::progress).
    pub(crate) fn progress_done(&self) {
        if self.live && self.words >= Words::Normal {
            say("\r\x1b[2K");
        }
    }

    /// Says why a command did not succeed, with every cause, and what to do.
    pub(crate) fn failure(&self, failure: &Failure) {
        let message = printable(&failure.to_string());
        let mut text = format!("{} {message}\n", self.paint("31;1", "error:"));
        let mut cause = failure.source();
        while let Some(error) = cause {
            text.push_str(&format!("  caused by: {}\n", printable(&error.to_string())));
            cause = error.source();
        }
        if let Some(hint) = failure.hint_text() {
            let hint = printable(hint);
            text.push_str(&format!("\n{} {hint}\n", self.paint("36;1", "hint:")));
        }
        say(&text);
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Words are a courtesy: if nobody can read them, the command goes on.
fn say(text: &str) {
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

/// The text without control characters but line ends: what a caller once sent must not be
/// able to steer the terminal of whoever looks at it.
pub(crate) fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(plain).collect()
}

/// A number of things: `1 row`, `2 rows`.
pub(crate) fn counted(
    number: impl std::fmt::Display + PartialEq + From<u8>,
    thing: &str,
) -> String {
    let ending = if number == 1.into() { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// A table with aligned columns: numbers are right-aligned by their column.
#[derive(Debug)]
pub(crate) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads; a head that begins with `>` is right-aligned.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }
    /// Adds a column.
    pub(crate) fn head(&mut self, head: &str) {
        self.heads.push(printable(head));
    }
    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.cells(cells.into_iter());
    }
    /// Adds a row of any number of cells.
    pub(crate) fn cells(&mut self, cells: impl Iterator<Item = String>) {
        self.rows.push(cells.map(|cell| printable(&cell)).collect());
    }
}

/// Two spaces between columns, nothing trailing, as wide as the widest cell.
impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let heads: Vec<String> =
            self.heads.iter().map(|head| head.trim_start_matches('>').to_owned()).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.chain(heads.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, head), width) in row.iter().zip(&self.heads).zip(&widths) {
                if !line.is_empty() {
                    line.push_str("  ");
                }
                line.push_str(&match head.starts_with('>') {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:<width$}"),
                });
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Names and values, aligned, one per line; an absent value is left out.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<(&'static str, String)>);

impl Facts {
    /// Adds a fact.
    #[must_use]
    pub(crate) fn add(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push((name, printable(&value.to_string())));
        self
    }
    /// Adds a fact if there is one.
    #[must_use]
    pub(crate) fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.add(name, value),
            None => self,
        }
    }
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.0 {
            writeln!(f, "{name:width$}  {value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let mut table = Table::new(&["name", ">records", "state"]);
        table.row(["a".into(), "12".into(), String::new()]);
        table.row(["credit-default".into(), "1234567890".into(), "ready".into()]);
        let text = table.to_string();
        assert_eq!(
            text,
            "name               records  state\n\
             a                       12\n\
             credit-default  1234567890  ready\n"
        );
    }

    #[test]
    fn data_cannot_steer_the_terminal() {
        let mut table = Table::new(&["name"]);
        table.row(["a\x1b[2Jb\u{9b}c".into()]);
        assert_eq!(table.to_string(), "name\na\u{fffd}[2Jb\u{fffd}c\n");
        let facts = Facts::default().add("owner", "x\ry").maybe("none", None::<u8>);
        assert_eq!(facts.to_string(), "owner  x\u{fffd}y\n");
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let gone = Failure::output(std::io::ErrorKind::BrokenPipe.into());
        assert_eq!(gone.exit(), crate::failure::Exit::Hangup);
        let full = Failure::output(std::io::ErrorKind::StorageFull.into());
        assert_eq!(full.exit(), crate::failure::Exit::User);
    }
}
