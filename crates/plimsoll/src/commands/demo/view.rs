//! The demo's live view as text. Pure: facts and a size in, lines out.

use super::counters::Counters;
use super::hints::Hint;
use super::tally::Tally;
use super::traffic::Seen;
use super::wire::Outcome;
use crate::commands::when;
use crate::printer::printable;
use plimsoll_api::Timestamp;
use std::time::Duration;

/// Columns of the names on the left.
const NAME: usize = 11;

/// Everything the view shows.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) base: &'a str,
    pub(super) up: Duration,
    pub(super) rate: f64,
    pub(super) tally: &'a Tally,
    pub(super) counters: &'a Counters,
    pub(super) hints: &'a [Hint],
    pub(super) utc: bool,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// How a piece of text looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    Plain,
    Strong,
    Dim,
    Good,
    Bad,
}

impl Style {
    /// The parameters of its ANSI sequence (ECMA-48, SGR).
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Dim => Some("2"),
            Self::Good => Some("32"),
            Self::Bad => Some("33"),
        }
    }
}

/// A line in pieces.
#[derive(Default, Debug)]
struct Line {
    pieces: Vec<(Style, String)>,
    /// Whether it goes on in the next row when it is too long: what is to be copied must be
    /// there whole.
    wraps: bool,
}

impl Line {
    fn add(mut self, style: Style, text: impl Into<String>) -> Self {
        self.pieces.push((style, printable(&text.into())));
        self
    }
    fn named(name: &str) -> Self {
        Self::default().add(Style::Dim, format!("{name:<NAME$}"))
    }
    fn len(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text.chars().count()).sum()
    }
    /// Rows it takes. The last column stays free, also of a line that wraps: on some terminals
    /// clearing the rest of a full row clears its last character.
    fn rows(&self, columns: usize) -> usize {
        if self.wraps { self.len() / columns.max(1) + 1 } else { 1 }
    }
    fn text(&self, columns: usize, color: bool) -> String {
        let mut left = if self.wraps { usize::MAX } else { columns.saturating_sub(1) };
        let mut out = String::new();
        for (style, text) in &self.pieces {
            let text: String = text.chars().take(left).collect();
            left = left.saturating_sub(text.chars().count());
            match style.code().filter(|_| color) {
                Some(code) => out.push_str(&format!("\x1b[{code}m{text}\x1b[0m")),
                None => out.push_str(&text),
            }
        }
        if self.wraps && self.len().is_multiple_of(columns.max(1)) {
            out.push(' ');
        }
        out
    }
}

/// The view's lines, as many as fit: where there is little room, old decisions go first, then
/// the hints.
pub(super) fn render(view: &View<'_>, size: Size, color: bool) -> Vec<String> {
    let head = head(view);
    let hints: Vec<Line> = view.hints.iter().map(hint).collect();
    let rows = |lines: &[Line]| lines.iter().map(|line| line.rows(size.columns)).sum::<usize>();
    // Around the decisions stand a heading and an empty line.
    let taken = rows(&head) + rows(&hints) + 2;
    let room = size.rows.saturating_sub(taken).max(MIN_DECISIONS);
    let mut lines = head;
    lines
        .push(Line::default().add(Style::Dim, columns("time", "decision", "deployment", "result")));
    lines.extend(view.tally.last.iter().take(room).map(|seen| decision(seen, view.utc)));
    lines.push(Line::default());
    lines.extend(hints);
    let mut left = size.rows;
    let fits = |line: &&Line| {
        let rows = line.rows(size.columns);
        let fits = rows <= left;
        left = left.saturating_sub(rows);
        fits
    };
    lines.iter().take_while(fits).map(|line| line.text(size.columns, color)).collect()
}

/// Decisions that are shown however little room there is for hints.
const MIN_DECISIONS: usize = 3;

fn head(view: &View<'_>) -> Vec<Line> {
    let View { base, up, rate, tally, counters, .. } = view;
    let title = Line::default()
        .add(Style::Strong, "Plimsoll demo")
        .add(Style::Plain, format!("   {base}   up {}   ", clock(*up)))
        .add(Style::Dim, "Ctrl-C ends it");
    let requests = Line::named("requests")
        .add(Style::Strong, number(tally.requests))
        .add(Style::Plain, format!("   {rate:.1}/s   answered {}", number(tally.answered)))
        .add(Style::Plain, format!("   replayed {}", number(tally.replayed)));
    let recorded = Line::named("decisions")
        .add(Style::Good, number(counters.completions))
        .add(Style::Plain, " durable   ledger ")
        .add(Style::Plain, format!("{} entries, ", number(counters.entries)))
        .add(Style::Plain, format!("{} written", bytes(counters.bytes)));
    let p = |percent| tally.percentile(percent).map_or_else(|| "-".to_owned(), duration);
    let latency = Line::named("latency")
        .add(Style::Plain, format!("p50 {}   p99 {}", p(50), p(99)))
        .add(Style::Dim, "   as the caller sees it");
    let mut lines = vec![title, Line::default(), requests, recorded, latency];
    lines.extend(phases(&counters.phases));
    lines.push(refusals(counters));
    if let Some(complaint) = &tally.complaint {
        let text = format!("{} without an answer: {complaint}", number(tally.broken));
        lines.push(Line::named("broken").add(Style::Bad, text));
    }
    lines.push(Line::default());
    lines
}

/// The phases in two lines, as twelve do not fit into one.
fn phases(phases: &[(&'static str, f64)]) -> Vec<Line> {
    let half = phases.len().div_ceil(2).max(1);
    let line = |(index, part): (usize, &[(&str, f64)])| {
        let name = if index == 0 { "phases µs" } else { "" };
        let times: Vec<String> =
            part.iter().map(|(name, mean)| format!("{name} {mean:.0}")).collect();
        Line::named(name).add(Style::Plain, times.join("   "))
    };
    phases.chunks(half).enumerate().map(line).collect()
}

fn refusals(counters: &Counters) -> Line {
    let reasons: Vec<String> = counters
        .refusals
        .iter()
        .map(|(code, count)| format!("{code} {}", number(*count)))
        .collect();
    let reasons =
        if reasons.is_empty() { String::new() } else { format!("   {}", reasons.join(", ")) };
    Line::named("refused").add(Style::Bad, number(counters.refused())).add(Style::Plain, reasons)
}

fn columns(time: &str, id: &str, deployment: &str, result: &str) -> String {
    format!("{time:<8}  {id:<36}  {deployment:<14}  {result}")
}

fn decision(seen: &Seen, utc: bool) -> Line {
    let (style, result) = result(&seen.reply.outcome);
    let time = when::show(Timestamp(seen.time), utc);
    // `2026-07-01 08:30:00.000` without its day and its fraction.
    let time = time.get(11..19).unwrap_or_default();
    Line::default()
        .add(Style::Plain, columns(time, &seen.reply.id, seen.deployment, ""))
        .add(style, result)
}

/// An outcome in words.
fn result(outcome: &Outcome) -> (Style, String) {
    match outcome {
        Outcome::Answered { value, is_replayed: false } => (Style::Good, format!("{value:.4}")),
        Outcome::Answered { value, is_replayed: true } => {
            (Style::Good, format!("{value:.4} again"))
        }
        Outcome::Refused { code, field: Some(field), .. } => {
            (Style::Bad, format!("refused: {code} in {field}"))
        }
        Outcome::Refused { code, field: None, .. } => (Style::Bad, format!("refused: {code}")),
        Outcome::Broken(_) => (Style::Bad, "no answer".to_owned()),
    }
}

fn hint(hint: &Hint) -> Line {
    let mut line = Line::named(hint.what).add(Style::Plain, hint.command.as_str());
    line.wraps = true;
    line
}

/// `1,234,567`
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Decimal units, one digit: `2.1 MB`
#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
pub(super) fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        _ if n < 1e6 => format!("{:.1} kB", n / 1e3),
        _ if n < 1e9 => format!("{:.1} MB", n / 1e6),
        _ => format!("{:.1} GB", n / 1e9),
    }
}

/// `820 µs`, `1.2 ms`, `3.40 s`
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

/// `0:07`, `12:34`, `1:02:03`
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests;
