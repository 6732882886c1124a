//! `plimsoll serve`: settles the settings, starts logs, hands over to the server.

use super::Context;
use crate::ahead::AheadClock;
use crate::cli::Serve;
use crate::failure::Failure;
use crate::logging;
use crate::printer::Printer;
use crate::settings::{Overrides, Settings};
use plimsoll_ledger::LedgerError;
use plimsoll_server::{ServerConfig, ServerError, Started};
use plimsoll_types::Clock;
use std::sync::Arc;

/// The settings that `args` and everything below them give.
pub(super) fn settings(context: &Context, args: &Serve) -> Result<Settings, Failure> {
    let mut layers = context.layers()?;
    for assignment in &args.set {
        layers.assign(assignment)?;
    }
    layers.set("data", args.data.clone(), "--data");
    layers.set("keys", args.keys.clone(), "--keys");
    layers.set("listen.grpc", args.grpc.clone(), "--grpc");
    let mut settings = Settings::resolve(&layers)?;
    settings.apply(&Overrides { port: args.port, host: args.host, dev: args.dev })?;
    for (name, near) in context.environment.misspelled() {
        context
            .printer
            .warn(&format!("`{name}` is not a setting and was ignored; did you mean `{near}`?"));
    }
    Ok(settings)
}

/// Runs the server until it is told to stop.
pub(super) fn run(context: &Context, args: &Serve) -> Result<(), Failure> {
    let settings = settings(context, args)?;
    let mut config = settings.server(args.dev)?;
    config.root = super::root::open(context, &settings)?;
    super::bucket::open(context, &settings, &mut config)?;
    let color = context.printer.is_colored();
    logging::start(settings.log_level.value, settings.log_format.value, color)?;
    warn_if_open(context, &config);
    let clock = clock(context, &settings, args.dev)?;
    start(context, config, clock)
}

/// The machine's clock, or, in a test, one that is ahead of it.
fn clock(context: &Context, settings: &Settings, dev: bool) -> Result<Arc<dyn Clock>, Failure> {
    let Some(file) = settings.clock_ahead.value.clone() else { return Ok(Arc::new(context.clock)) };
    if !dev {
        let text = "`clock.ahead_file` makes every record's time wrong, so it needs `--dev`";
        return Err(Failure::user(text));
    }
    context.printer.warn("the clock is ahead of the machine's: times in this ledger are made up");
    Ok(Arc::new(AheadClock::following(context.clock, file)))
}

/// Whoever can reach an address without TLS can read keys on their way.
fn warn_if_open(context: &Context, config: &ServerConfig) {
    let listen = [config.listen.data, config.listen.control].into_iter().chain(config.listen.grpc);
    let open = listen.into_iter().find(|address| !address.ip().is_loopback());
    if let (Some(address), None) = (open, &config.tls) {
        context.printer.warn(&format!(
            "`{address}` is open to other machines without TLS; set `tls.cert` and `tls.key`, \
             or put a proxy with TLS in front"
        ));
    }
}

/// Starts the server and waits for its end.
fn start(context: &Context, config: ServerConfig, clock: Arc<dyn Clock>) -> Result<(), Failure> {
    plimsoll_server::run(config, clock, |started| greet(&context.printer, started)).map_err(failure)
}

/// Says where the server answers, and what somebody must know now or never.
fn greet(printer: &Printer, started: &Started) {
    let Started { data, control, metrics, scheme, .. } = started;
    if started.dev {
        printer.warn(
            "this is --dev: no keys are asked for, everybody on this machine may do everything",
        );
        printer.note(&format!("plimsoll answers on {scheme}://{data}"));
        if let Some(grpc) = &started.grpc {
            printer.note(&format!("gRPC too on {grpc}"));
        }
        return;
    }
    printer.note(&format!("inference  {scheme}://{data}/v2"));
    if let Some(grpc) = &started.grpc {
        printer.note(&format!("gRPC       {grpc}"));
    }
    printer.note(&format!("api        {scheme}://{control}/api/v1"));
    printer.note(&format!("metrics    {scheme}://{metrics}/metrics"));
    if let Some(key) = &started.admin_key {
        printer.secret("admin key", key);
        printer.hint("keep the key now: it is shown this once, and only its keyed hash is stored");
    }
}

/// What the user can mend is the user's error, damage is a failed verification.
fn failure(error: ServerError) -> Failure {
    use ServerError as E;
    let text = error.to_string();
    let failure = match &error {
        E::Ledger(LedgerError::Damaged { .. }) => Failure::unverified(text),
        E::DevAddress(_) | E::Bind { .. } | E::Tls { .. } | E::Format { .. } | E::Folder { .. } => {
            Failure::user(text)
        }
        E::Bucket(_) | E::Ledger(_) | E::Store(_) | E::Lake(_) | E::Monitor(_) | E::Log { .. } => {
            Failure::user(text)
        }
        E::Control(_) | E::Runtime(_) | E::Traces(_) => Failure::ours(text),
    };
    match std::error::Error::source(&error) {
        Some(source) => failure.because(chain(source)),
        None => failure,
    }
}

/// An error and its causes on one line: the error itself cannot outlive its owner.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
