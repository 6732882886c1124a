//! `plimsoll explain`: explanations offline, of tables of any length in memory that does not
//! grow with them.

use super::{Context, contract, data, rows};
use crate::failure::Failure;
use crate::printer::counted;
use clap::{Args, Subcommand, ValueEnum};
use fs_err as fs;
use plimsoll_api as api;
use plimsoll_contract::{CompiledContract, Contract, Kind};
use plimsoll_explain::ExplainError;
use plimsoll_explain::global::{Report, Reporter};
use plimsoll_explain::shap::{
    Background, InteractionExplainer, Scratch, TreeExplainer, TreeOptions,
};
use plimsoll_model::{Categories, Model};
use plimsoll_table::{
    Column, ColumnData, ColumnKind, ColumnSchema, Table, TableReader, TableWriter,
};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Contributions that are computed before they are written: 64 MiB of them.
const VALUES_MAX: usize = 8 << 20;

/// Columns of a table of interaction values: those of 64 features.
const PAIRS_MAX: usize = 64 * 65 / 2;

/// Verbs of explanations.
#[derive(Subcommand, Debug)]
pub(crate) enum Explain {
    /// Exact SHAP values of every row of a table
    ///
    /// One column per feature: what it adds to the margin of the row. Together with
    /// `base_value` they make up `margin`, which is checked for every row.
    #[command(after_help = "\
Examples:
  plimsoll explain batch model.json rows.parquet -o shap.parquet
  plimsoll explain batch model.ubj rows.csv --background approved.csv -o shap.csv
  plimsoll explain batch model.json rows.csv --contract contract.yaml --interactions -o pairs.parquet")]
    Batch(Batch),
    /// What a model goes by, over all rows of a table
    #[command(subcommand)]
    Report(ReportVerb),
    /// The smallest changes that would flip decisions, as JSON lines
    #[command(after_help = "\
Examples:
  plimsoll explain counterfactual model.json requests.jsonl --contract contract.yaml \\
      --profile explain-profile.yaml --adverse > changes.jsonl")]
    Counterfactual(super::explain_counterfactual::Counter),
}

/// Verbs of reports.
#[derive(Subcommand, Debug)]
pub(crate) enum ReportVerb {
    /// Importance, contributions, permutation and partial dependence, as one page of plots
    #[command(after_help = "\
Examples:
  plimsoll explain report model model.json rows.parquet -o report.html
  plimsoll explain report model model.json rows.csv --contract contract.yaml --format json
  plimsoll explain report model model.ubj rows.csv --output-index 2 --format svg -o report.svg")]
    Model(ReportModel),
}

/// What is explained, and against what.
#[derive(Args, Debug)]
struct Inputs {
    /// The model file
    model: PathBuf,
    /// The rows: CSV or Parquet, with a column per feature
    data: PathBuf,
    /// Rows to average absent features over; without them, training shares are used
    #[arg(long, value_name = "FILE")]
    background: Option<PathBuf>,
    /// The contract, for the codes of categories that the model file does not name
    #[arg(long, value_name = "FILE")]
    contract: Option<PathBuf>,
}

/// Options of `explain batch`.
#[derive(Args, Debug)]
pub(crate) struct Batch {
    #[command(flatten)]
    inputs: Inputs,
    /// Values of pairs of features as well; slow
    #[arg(long)]
    interactions: bool,
    /// Threads to use [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Where to: CSV or Parquet by its ending
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Options of `explain report model`.
#[derive(Args, Debug)]
pub(crate) struct ReportModel {
    #[command(flatten)]
    inputs: Inputs,
    /// Which output of a model with several, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    output_index: usize,
    /// The form of the report; `--json` is the same as `--format json`
    #[arg(long, value_enum, default_value = "html")]
    format: Form,
    /// Where to [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The form of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Form {
    /// A page that needs no other file
    Html,
    /// The plots of the whole model as one image
    Svg,
    /// The numbers
    Json,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Explain) -> Result<(), Failure> {
    match verb {
        Explain::Batch(args) => batch(context, &args),
        Explain::Counterfactual(args) => super::explain_counterfactual::run(context, &args),
        Explain::Report(ReportVerb::Model(args)) => report(context, &args),
    }
}

/// A model, and how tables become its rows.
struct Source {
    model: Arc<Model>,
    names: Vec<String>,
    /// The categories of each feature, from the model or the contract.
    categories: Vec<Option<Categories>>,
    /// Whether columns are found by name.
    is_named: bool,
}

impl Source {
    fn new(inputs: &Inputs) -> Result<Self, Failure> {
        let model = Arc::new(contract::load(&inputs.model)?);
        let count = model.feature_count();
        let document = inputs.contract.as_deref().map(contract::read).transpose()?;
        let own = model.feature_names().map(|names| names.iter().map(|n| n.to_string()).collect());
        let from_contract = document.as_ref().map(|document| names_of(document, &model));
        let named: Option<Vec<String>> = match (own, from_contract) {
            (Some(names), _) => Some(names),
            (None, Some(names)) => Some(names?),
            (None, None) => None,
        };
        let is_named = named.is_some();
        let names =
            named.unwrap_or_else(|| (0..count).map(|place| format!("feature_{place}")).collect());
        let field = |name: &str| document.as_ref()?.features.iter().find(|f| f.name == *name);
        let categories = (0..count)
            .map(|feature| match contract::categories(&model, feature) {
                Some(known) => Some(known.clone()),
                None => {
                    let field = field(names.get(feature)?)?;
                    let texts = field.values.iter().map(|text| text.as_str().into()).collect();
                    (field.kind == Kind::Category).then_some(Categories::Texts(texts))
                }
            })
            .collect();
        Ok(Self { model, names, categories, is_named })
    }

    fn open(&self, path: &Path) -> Result<TableReader, Failure> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        rows::open(self.names.len(), self.is_named.then_some(&names), path)
    }

    fn fill(&self, inputs: &mut Vec<f64>, batch: &Table) -> Result<(), Failure> {
        rows::fill(inputs, batch, |feature| {
            let known = self.categories.get(feature).and_then(Option::as_ref);
            (known, self.model.unknown_category(feature))
        })
    }

    /// The rows of a background.
    fn background(&self, path: &Path) -> Result<Background, Failure> {
        let (mut all, mut rows) = (Vec::new(), Vec::new());
        for batch in self.open(path)? {
            self.fill(&mut rows, &batch.map_err(data::failure)?)?;
            all.extend_from_slice(&rows);
            if all.len() / self.names.len().max(1) > Background::ROWS_MAX {
                break;
            }
        }
        Background::new(all, self.names.len())
            .map_err(|error| failure(&error).within(&format!("`{}`", path.display())))
    }
}

/// The names of a model's features, from the contract it is bound to in order.
fn names_of(document: &Contract, model: &Model) -> Result<Vec<String>, Failure> {
    let compiled =
        CompiledContract::compile(document).map_err(|error| Failure::user(error.to_string()))?;
    compiled
        .bind_in_order(model.feature_count())
        .map_err(|error| Failure::user(error.to_string()))?;
    Ok(document.features.iter().map(|field| field.name.clone()).collect())
}

/// A violated check is not the user's error.
fn failure(error: &ExplainError) -> Failure {
    match error {
        ExplainError::NotAdditive { .. } => Failure::unverified(error.to_string()),
        _ => Failure::user(error.to_string()),
    }
}

fn batch(context: &Context, args: &Batch) -> Result<(), Failure> {
    let source = Source::new(&args.inputs)?;
    let background =
        args.inputs.background.as_deref().map(|path| source.background(path)).transpose()?;
    let options = TreeOptions { background: background.as_ref(), ..TreeOptions::default() };
    let model = Arc::clone(&source.model);
    let engine = if args.interactions {
        let explainer = InteractionExplainer::new(model, &options).map_err(|e| failure(&e))?;
        Engine::Pairs(explainer)
    } else {
        Engine::Single(TreeExplainer::new(model, &options).map_err(|e| failure(&e))?)
    };
    let names = engine.columns(&source.names)?;
    let reader = source.open(&args.inputs.data)?;
    let schema: Vec<ColumnSchema> = names
        .iter()
        .map(|name| ColumnSchema { name: name.clone(), kind: ColumnKind::Number })
        .collect();
    let writer = TableWriter::create(&args.output, &schema).map_err(data::failure)?;
    let cores = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let threads = args.threads.unwrap_or_else(cores).get();
    let written = explain_all(context, &source, &engine, reader, writer, &names, threads);
    context.printer.progress_done();
    if written.is_err() {
        // Half a file of contributions could be taken for a whole one.
        drop(fs::remove_file(&args.output));
    }
    let what = if args.interactions { "pairs" } else { "contributions" };
    let rows = counted(written?, "row");
    let how = engine.method().replace('_', " ");
    context.printer.note(&format!("{rows} explained, {what}, {how}; each adds up to its margin"));
    Ok(())
}

/// Explains batch after batch; gives back how many rows there were.
fn explain_all(
    context: &Context,
    source: &Source,
    engine: &Engine,
    reader: TableReader,
    mut writer: TableWriter,
    names: &[String],
    threads: usize,
) -> Result<u64, Failure> {
    let width = source.names.len();
    let at_once = (VALUES_MAX / names.len().max(1)).max(1);
    let mut inputs = Vec::new();
    let mut scratches: Vec<Scratch> = (0..threads).map(|_| Scratch::default()).collect();
    let mut done = 0_u64;
    for batch in reader {
        source.fill(&mut inputs, &batch.map_err(data::failure)?)?;
        for rows in inputs.chunks(at_once * width) {
            let values = engine.explain(rows, width, names.len(), &mut scratches, done)?;
            writer.write(&table(&values, names)).map_err(data::failure)?;
            let count = rows.len() / width.max(1);
            done = done.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            context.printer.progress(&format!("{done} rows"));
        }
    }
    writer.finish().map_err(data::failure)?;
    Ok(done)
}

/// An error that names its row in the whole table.
trait After {
    fn after(self, rows: u64) -> Self;
}

impl After for ExplainError {
    fn after(mut self, rows: u64) -> Self {
        if let Self::NotAdditive { row, .. } = &mut self {
            *row = row.saturating_add(usize::try_from(rows).unwrap_or(usize::MAX));
        }
        self
    }
}

/// What explains a row.
enum Engine {
    Single(TreeExplainer),
    Pairs(InteractionExplainer),
}

impl Engine {
    fn method(&self) -> &'static str {
        match self {
            Self::Single(explainer) => explainer.method().as_str(),
            Self::Pairs(explainer) => explainer.method().as_str(),
        }
    }

    /// The columns of the result: for each output the contributions, `base_value` and `margin`.
    fn columns(&self, names: &[String]) -> Result<Vec<String>, Failure> {
        let (outputs, per_output): (usize, Vec<String>) = match self {
            Self::Single(explainer) => (explainer.outputs(), names.to_vec()),
            Self::Pairs(explainer) => {
                let pairs = pairs(names.len());
                if pairs.len() * explainer.outputs() > PAIRS_MAX {
                    return Err(Failure::user(format!(
                        "{} pairs of features and outputs, the limit is {PAIRS_MAX}",
                        pairs.len() * explainer.outputs()
                    ))
                    .hint("explain a model of fewer features"));
                }
                (explainer.outputs(), pairs.iter().map(|&(i, j)| pair(names, i, j)).collect())
            }
        };
        let last = ["base_value".to_owned(), "margin".to_owned()];
        let suffix =
            |output: usize| if outputs == 1 { String::new() } else { format!("_{output}") };
        let all = (0..outputs).flat_map(|output| {
            let names = per_output.iter().chain(&last);
            names.map(move |name| format!("{name}{}", suffix(output)))
        });
        Ok(all.collect())
    }

    /// Explains rows on all threads; the result is row-major in the order of the columns.
    /// `done` rows were explained before.
    fn explain(
        &self,
        rows: &[f64],
        width: usize,
        columns: usize,
        scratches: &mut [Scratch],
        done: u64,
    ) -> Result<Vec<f64>, Failure> {
        let count = rows.len() / width.max(1);
        let share = count.div_ceil(scratches.len().max(1)).max(1);
        let mut results = vec![0.0; count * columns];
        thread::scope(|scope| {
            let parts = rows.chunks(share * width).zip(results.chunks_mut(share * columns));
            let workers: Vec<_> = parts
                .zip(scratches)
                .map(|((rows, results), scratch)| {
                    scope.spawn(move || self.part(rows, width, columns, scratch, results))
                })
                .collect();
            let mut first = Ok(());
            for (worker, number) in workers.into_iter().zip(0_u64..) {
                let before = done + number * u64::try_from(share).unwrap_or(u64::MAX);
                let result = match worker.join() {
                    Ok(result) => result.map_err(|error| failure(&error.after(before))),
                    Err(_) => Err(Failure::ours("a thread that explains rows has died")),
                };
                first = first.and(result);
            }
            first
        })?;
        Ok(results)
    }

    fn part(
        &self,
        rows: &[f64],
        width: usize,
        columns: usize,
        scratch: &mut Scratch,
        results: &mut [f64],
    ) -> Result<(), ExplainError> {
        let count = rows.len() / width.max(1);
        match self {
            Self::Single(explainer) => {
                let (outputs, features) = (explainer.outputs(), explainer.features());
                let mut values = vec![0.0; count * outputs * features];
                let mut margins = vec![0.0; count * outputs];
                explainer.explain_rows(rows, scratch, &mut values, &mut margins)?;
                let rows =
                    values.chunks_exact(outputs * features).zip(margins.chunks_exact(outputs));
                for (result, (values, margins)) in results.chunks_exact_mut(columns).zip(rows) {
                    let outputs = values.chunks_exact(features).zip(margins).zip(explainer.base());
                    let cells = outputs.flat_map(|((values, margin), base)| {
                        values.iter().copied().chain([*base, *margin])
                    });
                    result.iter_mut().zip(cells).for_each(|(place, cell)| *place = cell);
                }
            }
            Self::Pairs(explainer) => {
                let features = explainer.features();
                let mut values = vec![0.0; explainer.outputs() * features * features];
                let mut margins = vec![0.0; explainer.outputs()];
                let pairs = pairs(features);
                let rows = rows.chunks_exact(width).zip(results.chunks_exact_mut(columns));
                for (row, (input, result)) in rows.enumerate() {
                    let before = u64::try_from(row).unwrap_or(u64::MAX);
                    explainer
                        .explain_row(input, &mut values, &mut margins)
                        .map_err(|error| error.after(before))?;
                    let matrices = values.chunks_exact(features * features);
                    let outputs = matrices.zip(&margins).zip(explainer.base());
                    let cells = outputs.flat_map(|((matrix, margin), base)| {
                        // Both halves of a pair, so that a row still adds up.
                        let cell = |&(i, j): &(usize, usize)| {
                            let value = matrix.get(i * features + j).copied().unwrap_or(0.0);
                            if i == j { value } else { 2.0 * value }
                        };
                        pairs.iter().map(cell).chain([*base, *margin])
                    });
                    result.iter_mut().zip(cells).for_each(|(place, cell)| *place = cell);
                }
            }
        }
        Ok(())
    }
}

/// Each pair of features once, and each feature with itself.
fn pairs(features: usize) -> Vec<(usize, usize)> {
    (0..features).flat_map(|i| (i..features).map(move |j| (i, j))).collect()
}

fn pair(names: &[String], i: usize, j: usize) -> String {
    let name = |place: usize| names.get(place).map(String::as_str).unwrap_or_default();
    if i == j { name(i).to_owned() } else { format!("{} × {}", name(i), name(j)) }
}

fn table(values: &[f64], names: &[String]) -> Table {
    let column = |(place, name): (usize, &String)| {
        let values = values.iter().skip(place).step_by(names.len().max(1)).copied();
        Column { name: name.clone(), data: ColumnData::Number(values.collect()) }
    };
    Table {
        columns: names.iter().enumerate().map(column).collect(),
        rows: values.len() / names.len().max(1),
    }
}

fn report(context: &Context, args: &ReportModel) -> Result<(), Failure> {
    let source = Source::new(&args.inputs)?;
    let background =
        args.inputs.background.as_deref().map(|path| source.background(path)).transpose()?;
    let options = TreeOptions { background: background.as_ref(), ..TreeOptions::default() };
    let explainer = TreeExplainer::new(Arc::clone(&source.model), &options);
    let explainer = Arc::new(explainer.map_err(|error| failure(&error))?);
    let mut reporter = Reporter::new(Arc::clone(&explainer), args.output_index)
        .map_err(|error| failure(&error))?;
    let (mut inputs, mut values, mut margins) = (Vec::new(), Vec::new(), Vec::new());
    let mut scratch = Scratch::default();
    let mut done = 0_u64;
    for batch in source.open(&args.inputs.data)? {
        let batch = batch.map_err(data::failure)?;
        source.fill(&mut inputs, &batch)?;
        values.resize(inputs.len() * explainer.outputs(), 0.0);
        margins.resize(batch.rows * explainer.outputs(), 0.0);
        explainer
            .explain_rows(&inputs, &mut scratch, &mut values, &mut margins)
            .and_then(|()| reporter.add(&inputs, &values))
            .map_err(|error| failure(&error.after(done)))?;
        done = done.saturating_add(u64::try_from(batch.rows).unwrap_or(u64::MAX));
        context.printer.progress(&format!("{done} rows"));
    }
    context.printer.progress_done();
    if done == 0 {
        return Err(Failure::user(format!("`{}` has no rows", args.inputs.data.display())));
    }
    let title = args
        .inputs
        .model
        .file_name()
        .map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned());
    let report = reporter.finish(&source.names, &title).map_err(|error| failure(&error))?;
    let form = if context.printer.is_json() { Form::Json } else { args.format };
    let rows = counted(report.rows, "row");
    let text = match form {
        Form::Html => report.html(),
        Form::Svg => report.svg(),
        Form::Json => as_json(report)?,
    };
    match &args.output {
        None => context.printer.data(&text),
        Some(path) => {
            fs::write(path, text)?;
            context.printer.note(&format!("{rows} explained; wrote {}", path.display()));
            Ok(())
        }
    }
}

/// The report as JSON.
fn as_json(report: Report) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(&api::ModelReport::from(report));
    text.map(|text| text + "\n")
        .map_err(|error| Failure::ours("a report is no JSON").because(error))
}
