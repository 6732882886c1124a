//! One file per noun: each turns its part of the command line into calls and prints what
//! comes back.
//!
//! They know no HTTP (`client.rs`), no environment (`settings/`), no terminal (`printer.rs`).

mod access;
pub(crate) mod alert;
pub(crate) mod apply;
pub(crate) mod approval;
mod archive;
pub(crate) mod assess;
mod backup;
pub(crate) mod batch;
pub(crate) mod because;
mod bucket;
mod config;
mod contract;
mod contract_draft;
mod data;
pub(crate) mod dataset;
mod dataset_dvc;
mod decision;
pub(crate) mod decision_explain;
mod demo;
mod deployment;
mod deployment_status;
mod document;
pub(crate) mod drift;
pub(crate) mod drill;
mod event;
pub(crate) mod experiment;
mod experiment_plan;
mod explain;
mod explain_counterfactual;
pub(crate) mod explain_profile;
pub(crate) mod finding;
pub(crate) mod forensics;
pub(crate) mod gate;
mod gate_attest;
mod gate_plugin;
mod gate_server;
pub(crate) mod identity;
mod key;
mod lake;
mod ledger;
mod ledger_keys;
pub(crate) mod limit;
pub(crate) mod lineage;
mod model;
pub(crate) mod model_card;
pub(crate) mod model_sign;
pub(crate) mod monitor;
mod monitor_explain;
mod monitor_limits;
mod monitor_performance;
pub(crate) mod observe;
mod offline;
mod offline_replay;
pub(crate) mod outcome;
mod predict;
mod principal;
mod query;
mod restore;
pub(crate) mod retrain;
pub(crate) mod review;
pub(crate) mod rollback;
pub(crate) mod rollout;
mod root;
mod rows;
pub(crate) mod run;
mod run_dvc;
pub(crate) mod scan;
mod serve;
pub(crate) mod sink;
mod status;
pub(crate) mod subject;
pub(crate) mod upstream;
mod verify;
mod when;
pub(crate) mod witness;

pub(crate) use explain::Explain;

use crate::cli::{Cli, Command, Global};
use crate::cli_ledger::Ledger;
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::{Printer, Table, Words};
use crate::settings::{Environment, Layers, Settings};
use plimsoll_api::{Page, Timestamp};
use plimsoll_types::SystemClock;
use serde::Serialize;

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) printer: Printer,
    pub(crate) clock: SystemClock,
    environment: Environment,
    global: Global,
}

impl Context {
    /// The context of these options.
    pub(crate) fn new(global: Global, environment: Environment) -> Self {
        let words = match (global.quiet, global.verbose) {
            (true, _) => Words::Quiet,
            (_, true) => Words::Verbose,
            _ => Words::Normal,
        };
        let printer = Printer::new(global.json, words, global.color, environment.no_color);
        Self { printer, clock: SystemClock::new(), environment, global }
    }

    /// Where settings come from, with the options that every command has.
    fn layers(&self) -> Result<Layers, Failure> {
        let mut layers = Layers::read(&self.environment, self.global.config.as_deref())?;
        layers.set("client.url", self.global.url.clone(), "--url");
        layers.set("client.key", self.global.key.clone(), "--key");
        layers.set("client.key_file", self.global.key_file.clone(), "--key-file");
        if self.global.verbose {
            layers.set("log.level", Some("debug".into()), "--verbose");
        }
        Ok(layers)
    }

    /// The server to talk to.
    fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.settings()?)
    }

    fn settings(&self) -> Result<Settings, Failure> {
        Settings::resolve(&self.layers()?)
    }

    /// Prints a list: as a table for people, whole as JSON.
    fn show_page<T: Serialize>(
        &self,
        page: &Page<T>,
        heads: &[&'static str],
        row: impl Fn(&mut Table, &T),
    ) -> Result<(), Failure> {
        self.printer.show(page, |page| {
            let mut table = Table::new(heads);
            page.items.iter().for_each(|item| row(&mut table, item));
            table.to_string()
        })?;
        if page.next_cursor.is_some() {
            self.printer.note("there are more; raise `--limit` to see them");
        }
        Ok(())
    }

    /// A time for people: in the local zone, or in UTC.
    fn time(&self, time: Timestamp) -> String {
        when::show(time, self.global.utc)
    }
}

/// Runs the command.
pub(crate) fn run(cli: Cli, environment: Environment) -> (Printer, Result<(), Failure>) {
    let mut global = cli.global;
    // There `--key` is the log's public key, and none to this server.
    if matches!(cli.command, Command::Verify(_) | Command::Ledger(Ledger::Verify { .. })) {
        global.key = None;
    }
    let context = Context::new(global, environment);
    let result = dispatch(&context, cli.command);
    (context.printer, result)
}

fn dispatch(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(context, &args),
        Command::Demo(args) => demo::run(context, &args),
        Command::Config(verb) => config::run(context, &verb),
        Command::Model(verb) => model::run(context, verb),
        Command::Contract(verb) => contract::run(context, verb),
        Command::Deployment(verb) => deployment::run(context, verb),
        Command::ExplainProfile(verb) => explain_profile::run(context, verb),
        Command::Principal(verb) => principal::run(context, verb),
        Command::Key(verb) => key::run(context, verb),
        Command::Decision(verb) => decision::run(context, verb),
        Command::Event(verb) => event::run(context, verb),
        Command::Access(verb) => access::run(context, verb),
        Command::Assess(args) => assess::run(context, &args),
        Command::Gate(verb) => gate::run(context, verb),
        Command::Approval(verb) => approval::run(context, &verb),
        Command::Apply(args) => apply::run(context, &args),
        Command::Rollback(args) => rollback::run(context, &args),
        Command::Rollout(verb) => rollout::run(context, verb),
        Command::Experiment(verb) => experiment::run(context, verb),
        Command::Drill(drill) => drill::run(context, &drill),
        Command::Ledger(verb) => ledger::run(context, &verb),
        Command::Verify(verb) => verify::run(context, &verb),
        Command::Subject(verb) => subject::run(context, verb),
        Command::Review(verb) => review::run(context, verb),
        Command::Sink(verb) => sink::run(context, verb),
        Command::Finding(verb) => finding::run(context, verb),
        Command::Alert(verb) => alert::run(context, verb),
        Command::Retrain(verb) => retrain::run(context, verb),
        Command::Lineage(args) => lineage::run(context, &args),
        Command::Run(verb) => run::run(context, verb),
        Command::Dataset(verb) => dataset::run(context, verb),
        Command::Batch(verb) => batch::run(context, verb),
        Command::Observe(verb) => observe::run(context, verb),
        Command::Outcome(verb) => outcome::run(context, verb),
        Command::Identity(verb) => identity::run(context, &verb),
        Command::Limit(verb) => limit::run(context, verb),
        Command::Monitor(verb) => monitor::run(context, verb),
        Command::Backup(args) => backup::run(context, &args),
        Command::Restore(args) => restore::run(context, &args),
        Command::Query(args) => query::run(context, &args),
        Command::Lake(verb) => lake::run(context, &verb),
        Command::Status => status::run(context),
        Command::Openapi => document::openapi(context),
        Command::Version => document::version(context),
        Command::Witness(verb) => witness::run(context, verb),
        Command::Explain(verb) => explain::run(context, verb),
        Command::Drift(verb) => drift::run(context, verb),
        Command::Scan(args) => scan::run(context, &args),
        Command::HelpMarkdown => document::help_markdown(context),
    }
}
