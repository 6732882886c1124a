//! Logs: to stderr, for people or as JSON, one line per event.

use crate::failure::Failure;
use crate::settings::{LogFormat, LogLevel};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

/// Starts logging, in colour if that is wanted. May be called once.
pub(crate) fn start(level: LogLevel, format: LogFormat, color: bool) -> Result<(), Failure> {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let log = fmt().with_max_level(level).with_ansi(color).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Human => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(true).try_init(),
    };
    started.map_err(|error| Failure::ours("logging could not be started").because(error))
}
