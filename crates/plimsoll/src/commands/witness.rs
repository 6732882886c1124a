//! `plimsoll witness`: the role that cosigns what others log.

use super::Context;
use crate::failure::Failure;
use crate::logging;
use clap::{Args, Subcommand};
use plimsoll_server::ServerError;
use plimsoll_server::witness::{WitnessConfig, WitnessError, load_key, run as serve_witness, vkey};
use plimsoll_tlog::Vkey;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the key is, in the data folder, unless it is said.
const KEY: &str = "witness.key";

/// Verbs of a witness.
#[derive(Subcommand, Debug)]
pub(crate) enum Witness {
    /// Cosign checkpoints of logs, each only if it extends the last
    ///
    /// A witness belongs on another machine, run by other people than the log: then nobody can
    /// show one history to some and another to others. It speaks plain HTTP; everything it says
    /// and hears is public and signed.
    #[command(after_help = "\
Examples:
  plimsoll witness serve --name audit.example/w1 --data ./witness --log \"$LOG_VKEY\"
  plimsoll witness serve --listen 0.0.0.0:8090 --data ./witness --signing-key /etc/witness.key --log \"$A\" --log \"$B\"")]
    Serve(Serve),
    /// Print the public key by which logs and auditors know a witness
    #[command(after_help = "Examples:\n  plimsoll witness vkey --data ./witness")]
    Vkey(Place),
}

/// Options of `witness serve`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    place: Place,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Name of a new key, by custom an address without a scheme; needed on the first start only
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Public key of a log to witness: `<origin>+<key id>+<key>`; once for each
    #[arg(long, value_name = "VKEY", required = true)]
    log: Vec<Vkey>,
}

/// Where a witness keeps what it has.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// Folder of what it has cosigned; a witness that loses it can be led back
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// File of its secret key, made on the first start [default: witness.key in --data]
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
}

impl Place {
    fn key(&self) -> PathBuf {
        self.signing_key.clone().unwrap_or_else(|| self.data.join(KEY))
    }
}

/// What `witness vkey --json` prints.
#[derive(Serialize)]
struct PublicKey {
    vkey: String,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Witness) -> Result<(), Failure> {
    match verb {
        Witness::Serve(args) => serve(context, args),
        Witness::Vkey(place) => show(context, &place.key()),
    }
}

fn serve(context: &Context, args: Serve) -> Result<(), Failure> {
    let settings = context.settings()?;
    let color = context.printer.is_colored();
    logging::start(settings.log_level.value, settings.log_format.value, color)?;
    let key = load_key(&args.place.key(), args.name.as_deref()).map_err(failure)?;
    let name = key.vkey().to_string();
    let config = WitnessConfig { listen: args.listen, data: args.place.data, key, logs: args.log };
    let greet = |address| {
        context.printer.note(&format!("witness  http://{address}/add-checkpoint"));
        context.printer.note(&format!("vkey     {name}"));
    };
    serve_witness(config, Arc::new(context.clock), greet).map_err(failure)
}

fn show(context: &Context, key: &Path) -> Result<(), Failure> {
    let vkey = vkey(key).map_err(failure)?.to_string();
    context.printer.show(&PublicKey { vkey }, |key| format!("{}\n", key.vkey))
}

/// What the user can mend is the user's error, damage is a failed verification.
fn failure(error: WitnessError) -> Failure {
    let text = error.to_string();
    let failure = match &error {
        WitnessError::Head { .. } => Failure::unverified(text)
            .hint("ask the log's other witnesses for its history before this one signs again"),
        WitnessError::NoKey(_) => {
            Failure::user(text).hint("give it one: `--name audit.example/w1`")
        }
        WitnessError::Server(ServerError::Runtime(_)) => Failure::ours(text),
        WitnessError::Key { .. }
        | WitnessError::Name { .. }
        | WitnessError::Log(_)
        | WitnessError::Locked(_)
        | WitnessError::Server(_) => Failure::user(text),
    };
    match std::error::Error::source(&error) {
        Some(source) => failure.because(source.to_string()),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::Cli;
    use clap::{Arg, Command, CommandFactory};

    /// Every option of the verbs below with the name of a global one and another type.
    fn clashes(command: &Command, globals: &Command, path: &str, found: &mut Vec<String>) {
        for verb in command.get_subcommands() {
            let path = format!("{path} {}", verb.get_name());
            for own in verb.get_arguments() {
                let mut global =
                    globals.get_arguments().filter(|other| other.get_id() == own.get_id());
                let types = |other: &Arg| other.get_value_parser().type_id();
                if global.any(|other| types(other) != types(own)) {
                    found.push(format!("{path}: {}", own.get_id()));
                }
            }
            clashes(verb, globals, &path, found);
        }
    }

    /// clap lets a command take the name of an option that every command has; if the type is
    /// another, giving it ends in a panic.
    #[test]
    fn no_command_gives_a_global_option_another_type() {
        let root = Cli::command();
        let mut found = Vec::new();
        clashes(&root, &root, "plimsoll", &mut found);
        assert_eq!(found, [""; 0]);
    }
}
