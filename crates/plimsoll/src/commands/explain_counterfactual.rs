//! `plimsoll explain counterfactual`: for recorded or sample requests, the smallest changes
//! that would flip their decisions.

use super::{Context, contract, explain_profile};
use crate::failure::Failure;
use crate::printer::counted;
use clap::Args;
use plimsoll_contract::{CompiledContract, Field, Scratch};
use plimsoll_explain::CompiledProfile;
use plimsoll_explain::counterfactual::{Budget, Counterfactual, Decided, Search, counterfactual};
use plimsoll_types::{Cell, Clock, Digest};
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

/// The longest line of a file of requests: the largest body a contract may allow.
const MAX_LINE: usize = 64 << 20;

/// Options of `explain counterfactual`.
#[derive(Args, Debug)]
pub(crate) struct Counter {
    /// The model file
    model: PathBuf,
    /// Requests: bodies of the Open Inference Protocol, one a line
    requests: PathBuf,
    /// The input contract
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// The explain profile: which answers are adverse, and what can change
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// Only decisions that are adverse
    #[arg(long)]
    adverse: bool,
    /// How much a search may cost, in visits of tree nodes
    #[arg(long, value_name = "N", default_value_t = Budget::default().0)]
    budget: u64,
}

/// What the searches came to.
#[derive(Default)]
struct Tally {
    searched: u64,
    found: u64,
    minimal: u64,
}

/// Searches for every row of every request; prints one JSON object a line.
pub(super) fn run(context: &Context, args: &Counter) -> Result<(), Failure> {
    let model = contract::load(&args.model)?;
    let document = contract::read(&args.contract)?;
    let profile = explain_profile::read(&args.profile)?;
    let profile = CompiledProfile::compile(profile, Digest::ZERO, &document)
        .map_err(|error| Failure::user(error.to_string()))?;
    let compiled =
        CompiledContract::compile(&document).map_err(|error| Failure::user(error.to_string()))?;
    let binding = plimsoll_serving::fit(&compiled, &model)
        .map_err(|error| Failure::user(error.to_string()))?;
    let rule = profile.decision().ok_or_else(|| {
        Failure::user("the explain profile has no `decision`, so no answer is adverse")
    })?;
    let file = BufReader::new(fs_err::File::open(&args.requests)?);
    let (mut out, mut tally) = (context.printer.stream(), Tally::default());
    let (mut scratch, mut inputs) = (Scratch::default(), Vec::new());
    for (line, body) in file.lines().enumerate() {
        let body = body?;
        if body.len() > MAX_LINE {
            return Err(Failure::user(format!(
                "line {} is longer than {MAX_LINE} bytes",
                line + 1
            )));
        }
        compiled.validate_oip(body.as_bytes(), &mut scratch).map_err(|broken| {
            let refusal = broken.primary();
            Failure::user(format!("line {}: {} breaks the contract", line + 1, refusal.code))
        })?;
        for row in 0..scratch.rows.len() {
            inputs.clear();
            binding.model_row(&scratch.rows, row, &mut inputs);
            let mut answer = vec![0.0; model.output().count];
            model
                .predict(&inputs, &mut answer)
                .map_err(|error| Failure::ours("the model does not answer").because(error))?;
            let value = answer.get(usize::from(rule.output)).copied().unwrap_or_default();
            if args.adverse && !rule.is_adverse(value) {
                continue;
            }
            let decided = Decided {
                model: &model,
                binding: &binding,
                contract: &document,
                profile: &profile,
                rows: &scratch.rows,
                row,
            };
            let started = context.clock.monotonic();
            let search = counterfactual(decided, Budget(args.budget));
            let nanos = context.clock.monotonic().saturating_sub(started);
            tally.count(&search);
            let told = json!({
                "line": line + 1, "row": row, "value": value, "micros": nanos / 1000,
                "search": told(&search, &document.features),
            });
            writeln!(out, "{told}").map_err(Failure::output)?;
        }
        context.printer.progress(&format!("{} searched", tally.searched));
    }
    out.flush().map_err(Failure::output)?;
    context.printer.progress_done();
    context.printer.note(&format!(
        "{} searched, {} found, {} of them known to be the smallest",
        counted(tally.searched, "decision"),
        tally.found,
        tally.minimal
    ));
    Ok(())
}

impl Tally {
    fn count(&mut self, search: &Search) {
        self.searched += 1;
        if let Search::Found(found) = search {
            self.found += 1;
            self.minimal += u64::from(found.is_minimal);
        }
    }
}

fn told(search: &Search, fields: &[Field]) -> Value {
    match search {
        Search::Found(found) => json!({
            "changes": changes(found, fields), "value": found.value, "cost": found.cost,
            "is_minimal": found.is_minimal,
        }),
        Search::None => "none".into(),
        Search::BudgetSpent => "budget_spent".into(),
        Search::NotDeclared => "not_declared".into(),
    }
}

fn changes(found: &Counterfactual, fields: &[Field]) -> Map<String, Value> {
    let changed = found.changes.iter().filter_map(|(place, cell)| {
        let field = fields.get(*place)?;
        let value = match cell {
            Cell::Boolean(value) => (*value).into(),
            Cell::Integer(value) => (*value).into(),
            Cell::Number(value) => (*value).into(),
            Cell::Category(code) => {
                let text = usize::try_from(*code).ok().and_then(|code| field.values.get(code));
                text.map_or(Value::Null, |text| text.as_str().into())
            }
            _ => Value::Null,
        };
        Some((field.name.clone(), value))
    });
    changed.collect()
}
