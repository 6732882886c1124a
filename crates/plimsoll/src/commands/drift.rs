//! `plimsoll drift`: two tables compared column by column, in memory that a few columns need
//! and not the tables.
//!
//! It reads files and hands columns to `plimsoll-stats`, which knows all that is measured.

use super::{Context, data};
use crate::failure::Failure;
use crate::printer::Table as Lines;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use fs_err as fs;
use plimsoll_stats::discovery::Correction;
use plimsoll_stats::drift::{
    Codes, ColumnReport, Convention, Measure, Missing, Pair, Report, Rule, Settings, Tables, Test,
    Values, Verdict, compare, multivariate_lines,
};
use plimsoll_stats::multivariate::{
    COLUMNS_MAX, Joint, Kind, Multivariate, ROWS_MAX as JOINT_ROWS_MAX, SEED, choose,
};
use plimsoll_stats::sample::Sample;
use plimsoll_table::{Coded, ColumnData, ColumnKind, ColumnSchema, Limits, TableReader};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Rows of a column that are looked at: 16 MiB of numbers. Of longer tables every second row is
/// taken, or every fourth, and so on, which no test can tell from all of them.
const ROWS_MAX: usize = 2 << 20;

/// Different texts of a column, beyond which it is an identifier or free text.
const CATEGORIES_MAX: usize = 10_000;

/// Rows of which repeated ones are counted, at 8 bytes each.
const HASHED_MAX: usize = 4 << 20;

/// Bytes of CSV whose columns are read in one go: as values they take about as much. A larger
/// file is read several times, a few columns each.
const CSV_AT_ONCE: u64 = 48 << 20;

/// Verbs of drift.
#[derive(Subcommand, Debug)]
pub(crate) enum Drift {
    /// Compare a table with a reference; exit code 2 if a column drifted
    ///
    /// Each column gets a verdict that allows for how many columns are tested. The default asks
    /// for an effect that matters and a p-value; the presets decide as Evidently and NannyML do.
    #[command(after_help = "\
Examples:
  plimsoll drift compare train.parquet today.parquet --html drift.html
  plimsoll drift compare train.csv today.csv --json > drift.json
  plimsoll drift compare a.parquet b.parquet --preset evidently --correction none
  plimsoll drift compare a.parquet b.parquet --test income=psi:0.2 --test region=chi2
  plimsoll drift compare train.parquet today.parquet --multivariate

Tests: ks, chi2, z, cvm, anderson (p-values); psi, js, kl, hellinger, wasserstein, energy, tvd,
l_infinity (distances).")]
    Compare(Compare),
}

/// Options of `drift compare`.
#[derive(Args, Debug)]
pub(crate) struct Compare {
    /// What is usual: CSV or Parquet, such as the training data
    reference: PathBuf,
    /// What is in question: CSV or Parquet with the same columns
    current: PathBuf,
    /// Whose tests and thresholds
    #[arg(long, value_name = "NAME", default_value = "plimsoll")]
    #[arg(value_parser = one_of(Convention::ALL, Convention::as_str))]
    preset: Convention,
    /// A test of its own for a column, and where drift begins
    #[arg(long = "test", value_name = "COLUMN=TEST[:THRESHOLD]", value_parser = test)]
    tests: Vec<(String, Test)>,
    /// The share of false alarms among columns said to drift that is put up with
    #[arg(long, value_name = "P", default_value_t = 0.05, value_parser = level)]
    alpha: f64,
    /// How p-values allow for the number of columns: Benjamini–Hochberg, Benjamini–Yekutieli
    #[arg(long, value_name = "HOW", default_value = "bh")]
    #[arg(value_parser = one_of(Correction::ALL, Correction::as_str))]
    correction: Correction,
    /// Compare the columns together, too, on a sample of rows: PCA reconstruction error, a
    /// classifier that tells the tables apart (and by which columns), maximum mean discrepancy
    #[arg(long)]
    multivariate: bool,
    /// Compare only this column; may be given several times
    #[arg(long = "column", value_name = "NAME")]
    columns: Vec<String>,
    /// Leave out this column; may be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "columns")]
    exclude: Vec<String>,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the result as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// One of these words.
fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|one| word(*one))).try_map(move |text| {
        all.iter().copied().find(|one| word(*one) == text).ok_or("no such choice")
    })
}

fn level(text: &str) -> Result<f64, String> {
    let level = text.parse().map_err(|_| "not a number".to_owned())?;
    if 0.0 < level && level < 1.0 { Ok(level) } else { Err("must be between 0 and 1".to_owned()) }
}

/// `COLUMN=TEST` or `COLUMN=TEST:THRESHOLD`. A column's name may hold `=` itself.
fn test(text: &str) -> Result<(String, Test), String> {
    let (column, rule) = text.rsplit_once('=').ok_or("write COLUMN=TEST")?;
    let (word, threshold) = match rule.split_once(':') {
        Some((word, threshold)) => (word, Some(threshold)),
        None => (rule, None),
    };
    let measure = Measure::ALL.iter().copied().find(|measure| measure.as_str() == word);
    let all = || Measure::ALL.iter().map(|measure| measure.as_str()).collect::<Vec<_>>().join(", ");
    let mut test =
        Test::usual(measure.ok_or_else(|| format!("no such test; there are {}", all()))?);
    if let Some(threshold) = threshold {
        let threshold: f64 =
            threshold.parse().map_err(|_| "the threshold is not a number".to_owned())?;
        if !(threshold > 0.0 && threshold.is_finite()) {
            return Err("the threshold must be above 0".to_owned());
        }
        test.threshold = threshold;
    }
    Ok((column.to_owned(), test))
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Drift) -> Result<(), Failure> {
    match verb {
        Drift::Compare(args) => run_compare(context, args),
    }
}

fn run_compare(context: &Context, args: Compare) -> Result<(), Failure> {
    let Compare { reference, current, html, markdown, columns, exclude, .. } = args;
    let settings = Settings {
        convention: args.preset,
        alpha: args.alpha,
        correction: args.correction,
        tests: args.tests,
    };
    let before = Source::open(&reference, settings.convention)?;
    let now = Source::open(&current, settings.convention)?;
    let wanted = wanted(&before.schema, &columns, &exclude, &settings)?;
    let mut joint = args.multivariate.then(Together::default);
    let (reports, rows, duplicates) =
        read_and_compare(context, &before, &now, &wanted, &settings, joint.as_mut())?;
    let whole = joint.and_then(|joint| Multivariate::compare(&joint.columns, settings.alpha));
    let known: BTreeSet<&str> = before.schema.iter().map(|column| column.name.as_str()).collect();
    let new =
        now.schema.iter().map(|column| &column.name).filter(|name| !known.contains(name.as_str()));
    let tables = Tables {
        reference: name(&reference),
        current: name(&current),
        reference_rows: rows.0,
        current_rows: rows.1,
        reference_duplicates: duplicates.0,
        current_duplicates: duplicates.1,
        new_columns: if columns.is_empty() { new.cloned().collect() } else { Vec::new() },
    };
    let report = Report::decide(tables, settings, reports).with_multivariate(whole);
    if let Some(path) = &html {
        fs::write(path, report.html())?;
        context.printer.note(&format!("wrote {}", path.display()));
    }
    if let Some(path) = &markdown {
        fs::write(path, report.markdown())?;
        context.printer.note(&format!("wrote {}", path.display()));
    }
    context.printer.show(&report, lines)?;
    let drifted: Vec<&str> = report.drifted_names().take(5).collect();
    match report.drifted {
        0 if report.drifted_as_a_whole() => {
            Err(Failure::no("no column drifted by itself; all of them together did"))
        }
        0 if report.judged == 0 => Err(Failure::no("not enough data to judge any column")),
        0 => Ok(()),
        all => {
            let more = if all > drifted.len() { ", …" } else { "" };
            Err(Failure::no(format!("{}: {}{more}", report.headline(), drifted.join(", "))))
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| "table".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The answer for people: a line per column.
fn lines(report: &Report) -> String {
    let mut table =
        Lines::new(&["column", "verdict", "measured", ">value", ">p, corrected", "data"]);
    for column in &report.columns {
        // What decides alone, else how large the effect is.
        let first = column.scores.first();
        let score = match column.rule {
            Some(Rule::One(_)) => first,
            _ => column.scores.iter().find(|score| !score.measure.is_test()).or(first),
        };
        let verdict = match column.verdict {
            Verdict::NotCompared => format!("not compared: {}", column.kind),
            Verdict::Drifted if !column.is_compared => format!("drifted: {}", column.kind),
            verdict => verdict.as_str().to_owned(),
        };
        let checks: Vec<String> =
            column.checks.iter().map(|check| check.check.replace('_', " ")).collect();
        table.row([
            column.name.clone(),
            verdict,
            score.map_or_else(String::new, |score| score.measure.as_str().to_owned()),
            score.map_or_else(String::new, |score| format!("{:.4}", score.value)),
            column.p_adjusted.map_or_else(String::new, p_value),
            checks.join(", "),
        ]);
    }
    let Some(whole) = &report.multivariate else { return table.to_string() };
    let mut together = Lines::new(&["columns together", ">value", ">usual", ""]);
    multivariate_lines(whole).into_iter().for_each(|line| together.row(line));
    let by = whole.classifier.iter().flat_map(|told| &told.by).take(NAMED);
    let by: Vec<String> =
        by.map(|part| format!("{} {:.0} %", part.column, part.share * 100.0)).collect();
    format!("{table}\n{together}told apart by: {}\n", by.join(", "))
}

/// A p-value for people; one that no number can hold is smaller than any of them.
fn p_value(p: f64) -> String {
    match p {
        0.0 => "< 1e-300".to_owned(),
        p if p < 1e-3 => format!("{p:.1e}"),
        p => format!("{p:.3}"),
    }
}

/// The columns of the reference that are compared.
fn wanted(
    schema: &[ColumnSchema],
    columns: &[String],
    exclude: &[String],
    settings: &Settings,
) -> Result<Vec<ColumnSchema>, Failure> {
    let named =
        columns.iter().chain(exclude).chain(settings.tests.iter().map(|(column, _)| column));
    for name in named {
        if !schema.iter().any(|column| column.name == *name) {
            return Err(Failure::user(format!("the reference has no column `{name}`")));
        }
    }
    let is_wanted =
        |name: &String| (columns.is_empty() || columns.contains(name)) && !exclude.contains(name);
    Ok(schema.iter().filter(|column| is_wanted(&column.name)).cloned().collect())
}

/// Columns that are named as what tells two tables apart.
const NAMED: usize = 5;

/// Columns that are compared together, of as many rows as are looked at.
#[derive(Default)]
struct Together {
    columns: Vec<Joint>,
    /// The rows of each table, by how many it has.
    chosen: [(usize, Vec<usize>); 2],
}

impl Together {
    /// Keeps the chosen rows of a column that both tables have of one type.
    fn take(
        &mut self,
        name: &str,
        kinds: (Option<ColumnKind>, Option<ColumnKind>),
        (left, right): (&Side, &Side),
        dictionary: &Dictionary,
    ) {
        use ColumnKind::{Boolean, Integer, Number, Text};
        let kind = match kinds {
            (Some(Number | Integer), Some(Number | Integer)) => Kind::Number,
            (Some(Text), Some(Text)) | (Some(Boolean), Some(Boolean)) if !dictionary.is_full => {
                Kind::Category(dictionary.names.len())
            }
            _ => return,
        };
        if self.columns.len() > COLUMNS_MAX {
            return;
        }
        let [reference, current] = [(0, left), (1, right)].map(|(place, side)| {
            let all = side.numbers.len().max(side.codes.len());
            let Some((known, rows)) = self.chosen.get_mut(place) else { return Vec::new() };
            if *known != all {
                (*known, *rows) = (all, choose(all, JOINT_ROWS_MAX, SEED));
            }
            rows.iter().map(|row| side.joint(kind, *row)).collect()
        });
        self.columns.push(Joint { name: name.to_owned(), kind, reference, current });
    }
}

/// A table that is read a few columns at a time.
struct Source {
    path: PathBuf,
    schema: Vec<ColumnSchema>,
    /// Bytes of a CSV file; a Parquet file's columns can be read one by one.
    csv_bytes: u64,
    keeps_order: bool,
}

impl Source {
    fn open(path: &Path, convention: Convention) -> Result<Self, Failure> {
        let schema = TableReader::open(path, &Limits::default(), None)
            .map_err(data::failure)?
            .schema()
            .to_vec();
        let is_csv = path.extension().is_some_and(|extension| extension == "csv");
        let csv_bytes = if is_csv { fs::metadata(path)?.len() } else { 0 };
        let keeps_order = convention == Convention::NannyMl;
        Ok(Self { path: path.to_owned(), schema, csv_bytes, keeps_order })
    }

    fn kind(&self, name: &str) -> Option<ColumnKind> {
        self.schema.iter().find(|column| column.name == name).map(|column| column.kind)
    }

    /// Reads these columns.
    fn read(
        &self,
        names: &[&str],
        dictionaries: &mut [Dictionary],
        hashes: &mut Hashes,
    ) -> Result<Vec<Side>, Failure> {
        let mut sides: Vec<Side> = names.iter().map(|_| Side::default()).collect();
        let mut reader = TableReader::open_coded(&self.path, &Limits::default(), Some(names))
            .map_err(data::failure)?;
        let rows = reader.row_count().and_then(|rows| usize::try_from(rows).ok());
        let room = rows.unwrap_or(0).min(ROWS_MAX);
        let mut row = 0;
        while let Some(columns) = reader.next_coded().map_err(data::failure)? {
            let mut taken = 0;
            for ((side, column), dictionary) in
                sides.iter_mut().zip(columns).zip(&mut *dictionaries)
            {
                let before = side.missing.rows;
                side.take(column, dictionary, (row, room), hashes);
                taken = side.missing.rows - before;
            }
            row += usize::try_from(taken).unwrap_or(usize::MAX);
        }
        Ok(sides)
    }
}

/// Texts of a column and their codes, shared by both tables.
#[derive(Default)]
struct Dictionary {
    codes: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
    is_full: bool,
}

impl Dictionary {
    fn code(&mut self, text: &str) -> Option<u32> {
        if let Some(code) = self.codes.get(text) {
            return Some(*code);
        }
        if self.names.len() >= CATEGORIES_MAX {
            self.is_full = true;
            return None;
        }
        let code = u32::try_from(self.names.len()).ok()?;
        self.codes.insert(text.into(), code);
        self.names.push(text.into());
        Some(code)
    }

    /// The code of a text, of none, or of one that has no place here.
    fn code_of(&mut self, text: Option<&str>) -> u32 {
        text.map_or(NO_CODE, |text| self.code(text).unwrap_or(BEYOND))
    }

    /// The codes of texts that come by their place in another list. Each is looked up where it first
    /// comes, so that codes are in the order of rows and not of that list.
    fn recode(&mut self, texts: &[Box<str>], places: &[Option<u32>]) -> Vec<u32> {
        let mut known: Vec<Option<u32>> = vec![None; texts.len()];
        let code = |place: &Option<u32>| {
            let place = place.and_then(|place| usize::try_from(place).ok()).unwrap_or(usize::MAX);
            let (Some(text), Some(known)) = (texts.get(place), known.get_mut(place)) else {
                return NO_CODE;
            };
            *known.get_or_insert_with(|| self.code_of(Some(text)))
        };
        places.iter().map(code).collect()
    }
}

/// One table's values of a column, thinned evenly if there are too many.
#[derive(Default)]
struct Side {
    missing: Missing,
    numbers: Vec<f64>,
    codes: Vec<u32>,
    /// Of `1 << thinned` rows one is kept.
    thinned: u32,
}

impl Side {
    /// Takes the rows from `first` on, of about `room` in all.
    fn take(
        &mut self,
        column: Coded,
        dictionary: &mut Dictionary,
        (first, room): (usize, usize),
        hashes: &mut Hashes,
    ) {
        match column {
            Coded::Plain(ColumnData::Number(values)) => self.numbers(first, room, &values, hashes),
            Coded::Plain(ColumnData::Integer(values)) => {
                let whole = |value: &Option<i64>| value.map_or(f64::NAN, |whole| whole as f64);
                let values: Vec<f64> = values.iter().map(whole).collect();
                self.numbers(first, room, &values, hashes);
            }
            Coded::Plain(ColumnData::Boolean(values)) => {
                let texts =
                    values.iter().map(|value| value.map(|is| if is { "true" } else { "false" }));
                let codes = texts.map(|text| dictionary.code_of(text)).collect::<Vec<u32>>();
                self.codes(first, room, &codes, hashes);
            }
            Coded::Plain(ColumnData::Text(values)) => {
                let codes = values.iter().map(|value| dictionary.code_of(value.as_deref()));
                self.codes(first, room, &codes.collect::<Vec<u32>>(), hashes);
            }
            Coded::Texts { texts, places } => {
                self.codes(first, room, &dictionary.recode(&texts, &places), hashes);
            }
            Coded::Plain(ColumnData::Timestamp(values)) => {
                self.missing.rows += values.len() as u64;
                self.missing.missing +=
                    values.iter().filter(|value| value.is_none()).count() as u64;
                let bits = values.iter().map(|value| value.map_or(0, i64::cast_unsigned));
                hashes.add(first, bits);
            }
        }
    }

    fn numbers(&mut self, first: usize, room: usize, values: &[f64], hashes: &mut Hashes) {
        self.missing.rows += values.len() as u64;
        self.missing.missing += values.iter().filter(|value| value.is_nan()).count() as u64;
        self.missing.infinite += values.iter().filter(|value| value.is_infinite()).count() as u64;
        hashes.add(first, values.iter().map(|value| value.to_bits()));
        // What is missing keeps its place until the end, so that thinning stays even.
        keep(&mut self.numbers, &mut self.thinned, (first, room), values);
    }

    fn codes(&mut self, first: usize, room: usize, codes: &[u32], hashes: &mut Hashes) {
        self.missing.rows += codes.len() as u64;
        self.missing.missing += codes.iter().filter(|code| **code == NO_CODE).count() as u64;
        hashes.add(first, codes.iter().map(|code| u64::from(*code)));
        keep(&mut self.codes, &mut self.thinned, (first, room), codes);
    }

    fn is_empty(&self) -> bool {
        self.missing.missing == self.missing.rows
    }

    /// A kept row's value as a number: of a category its code, NaN of what is missing.
    fn joint(&self, kind: Kind, row: usize) -> f64 {
        let value = match kind {
            Kind::Number => self.numbers.get(row).copied(),
            Kind::Category(_) => {
                self.codes.get(row).filter(|code| **code != NO_CODE).map(|code| f64::from(*code))
            }
        };
        value.unwrap_or(f64::NAN)
    }
}

/// The code of what is missing.
const NO_CODE: u32 = u32::MAX;

/// The code of a text for which the dictionary has no place; then it is full, and the column is not
/// compared.
const BEYOND: u32 = NO_CODE - 1;

/// Keeps the rows from `first` on, of one in `1 << thinned`.
fn keep<T: Copy>(
    kept: &mut Vec<T>,
    thinned: &mut u32,
    (first, room): (usize, usize),
    values: &[T],
) {
    if kept.is_empty() {
        kept.reserve(room);
    }
    if *thinned == 0 && kept.len() + values.len() <= ROWS_MAX {
        kept.extend_from_slice(values);
        return;
    }
    for (row, value) in (first..).zip(values) {
        if kept.len() >= ROWS_MAX {
            *thinned += 1;
            halve(kept);
        }
        if row.trailing_zeros() >= *thinned {
            kept.push(*value);
        }
    }
}

fn halve<T: Copy>(values: &mut Vec<T>) {
    let mut row = 0_usize;
    values.retain(|_| {
        row += 1;
        row % 2 == 1
    });
}

/// A hash of every row so far, to count repeated rows. Rows are not told apart from those with
/// the same hash, of which a table of four million has one in a million.
#[derive(Default)]
struct Hashes {
    rows: Vec<u64>,
    is_given_up: bool,
}

impl Hashes {
    /// Adds what the rows from `first` on have in one column.
    fn add(&mut self, first: usize, values: impl ExactSizeIterator<Item = u64>) {
        if self.is_given_up {
            return;
        }
        let end = first.saturating_add(values.len());
        if end > HASHED_MAX {
            *self = Self { rows: Vec::new(), is_given_up: true };
            return;
        }
        if self.rows.len() < end {
            self.rows.resize(end, 0);
        }
        let Some(rows) = self.rows.get_mut(first..end) else { return };
        for (hash, value) in rows.iter_mut().zip(values) {
            // The finaliser of MurmurHash3 over what was there and what is new.
            let mut mixed = hash.rotate_left(23).wrapping_add(0x9e37_79b9_7f4a_7c15) ^ value;
            mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
            mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
            *hash = mixed ^ mixed >> 33;
        }
    }

    fn repeated(mut self) -> Option<u64> {
        if self.is_given_up {
            return None;
        }
        self.rows.sort_unstable();
        let all = self.rows.len();
        self.rows.dedup();
        Some((all - self.rows.len()) as u64)
    }
}

/// What comes of the reading: the columns, rows of both tables, repeated rows of both.
type Compared = (Vec<ColumnReport>, (u64, u64), (Option<u64>, Option<u64>));

fn read_and_compare(
    context: &Context,
    before: &Source,
    now: &Source,
    wanted: &[ColumnSchema],
    settings: &Settings,
    mut joint: Option<&mut Together>,
) -> Result<Compared, Failure> {
    let mut reports = Vec::new();
    let mut common: Vec<&str> = Vec::new();
    for column in wanted {
        match now.kind(&column.name) {
            None => reports.push(ColumnReport::not_compared(&column.name, "column is gone", true)),
            Some(_) => common.push(&column.name),
        }
    }
    let csv_bytes = before.csv_bytes + now.csv_bytes;
    let at_once = match (csv_bytes, u64::try_from(common.len()).unwrap_or(u64::MAX)) {
        (0, _) => 1,
        (bytes, columns) => {
            usize::try_from(CSV_AT_ONCE.saturating_mul(columns) / bytes).unwrap_or(usize::MAX)
        }
    };
    let (mut hashes_before, mut hashes_now) = (Hashes::default(), Hashes::default());
    let mut rows = (0, 0);
    let mut done = 0;
    for names in common.chunks(at_once.max(1)) {
        let mut dictionaries: Vec<Dictionary> =
            names.iter().map(|_| Dictionary::default()).collect();
        let left = before.read(names, &mut dictionaries, &mut hashes_before)?;
        let right = now.read(names, &mut dictionaries, &mut hashes_now)?;
        for (((name, left), right), dictionary) in
            names.iter().zip(left).zip(right).zip(dictionaries)
        {
            rows = (left.missing.rows, right.missing.rows);
            let kinds = (before.kind(name), now.kind(name));
            let keeps_order = before.keeps_order;
            if let Some(joint) = joint.as_deref_mut() {
                joint.take(name, kinds, (&left, &right), &dictionary);
            }
            reports.push(compare_column(
                name,
                kinds,
                left,
                right,
                dictionary,
                keeps_order,
                settings,
            ));
            done += 1;
            context.printer.progress(&format!("{done} of {} columns compared", common.len()));
        }
    }
    context.printer.progress_done();
    if rows.0 == 0 && !common.is_empty() {
        return Err(Failure::user(format!("`{}` has no rows", before.path.display())));
    }
    Ok((reports, rows, (hashes_before.repeated(), hashes_now.repeated())))
}

fn compare_column(
    name: &str,
    kinds: (Option<ColumnKind>, Option<ColumnKind>),
    left: Side,
    right: Side,
    dictionary: Dictionary,
    keeps_order: bool,
    settings: &Settings,
) -> ColumnReport {
    use ColumnKind::{Boolean, Integer, Number, Text, Timestamp};
    fn is_number(kind: Option<ColumnKind>) -> bool {
        matches!(kind, Some(Number | Integer))
    }
    fn is_text(kind: Option<ColumnKind>) -> bool {
        matches!(kind, Some(Text | Boolean))
    }
    // A column without a value has no type of its own.
    let fits = |kind, side: &Side, is: fn(Option<ColumnKind>) -> bool| is(kind) || side.is_empty();
    if dictionary.is_full {
        let why = format!("more than {CATEGORIES_MAX} different texts");
        return ColumnReport::not_compared(name, &why, false);
    }
    if matches!(kinds, (Some(Timestamp), Some(Timestamp))) {
        return ColumnReport::not_compared(name, "a time", false);
    }
    let thinned = left.thinned.max(right.thinned);
    let (reference, current) = (left.missing, right.missing);
    let pair = if fits(kinds.0, &left, is_number) && fits(kinds.1, &right, is_number) {
        let is_integer = matches!(kinds, (Some(Integer), Some(Integer)))
            && reference.missing == 0
            && current.missing == 0;
        Pair::Numbers {
            reference: Sample::new(left.numbers, keeps_order),
            current: Sample::new(right.numbers, keeps_order),
            is_integer,
        }
    } else if fits(kinds.0, &left, is_text) && fits(kinds.1, &right, is_text) && kinds.0 == kinds.1
        || left.is_empty()
        || right.is_empty()
    {
        let names = dictionary.names;
        let there = |mut codes: Vec<u32>| {
            codes.retain(|code| *code != NO_CODE);
            Codes::new(codes, names.len())
        };
        let (reference, current) = (there(left.codes), there(right.codes));
        Pair::Categories { names, reference, current }
    } else {
        return ColumnReport::not_compared(name, "its type is another", true);
    };
    let values = Values {
        name: name.to_owned(),
        pair,
        reference,
        current,
        one_in: 1_u64 << thinned.min(63),
    };
    compare(&values, settings)
}
