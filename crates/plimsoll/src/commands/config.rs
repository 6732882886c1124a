//! `plimsoll config`: what holds, and who said so.

use super::{Context, serve};
use crate::cli::Config;
use crate::failure::Failure;
use crate::printer::Table;
use crate::settings::Settings;
use serde::Serialize;

/// One setting, as `config show --json` prints it.
#[derive(Serialize)]
struct Shown {
    key: &'static str,
    value: String,
    origin: String,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: &Config) -> Result<(), Failure> {
    match verb {
        Config::Show(args) => show(context, &serve::settings(context, args)?),
        Config::Example => context.printer.data(&Settings::example()),
    }
}

fn show(context: &Context, settings: &Settings) -> Result<(), Failure> {
    let rows = settings.rows();
    let shown: Vec<Shown> = rows
        .into_iter()
        .map(|(key, value, origin)| Shown { key, value, origin: origin.to_string() })
        .collect();
    context.printer.show(&shown, |shown| {
        let mut table = Table::new(&["setting", "value", "from"]);
        for Shown { key, value, origin } in shown {
            table.row([(*key).to_owned(), value.clone(), origin.clone()]);
        }
        table.to_string()
    })
}
