//! How a command ends when it does not succeed: what to say, what to try, which exit code.
//!
//! It knows no command and prints nothing; `printer.rs` shows it.

use std::error::Error;
use std::fmt;

/// The exit codes besides 0, part of the CLI's promise to scripts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// The reader of our output went away: nothing left to say, nothing wrong.
    Hangup = 0,
    /// The user's error, usage included.
    User = 1,
    /// The question was answered, and the answer is no.
    No = 2,
    /// What was verified is not what it claims to be.
    Unverified = 3,
    /// Our fault (`EX_SOFTWARE` of `sysexits.h`).
    Ours = 70,
}

/// A command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
    status: Option<u16>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, status: None, source: None }
    }
    /// The user's error.
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self::new(Exit::User, message)
    }
    /// The answer is no.
    pub(crate) fn no(message: impl Into<String>) -> Self {
        Self::new(Exit::No, message)
    }
    /// Verification failed.
    pub(crate) fn unverified(message: impl Into<String>) -> Self {
        Self::new(Exit::Unverified, message)
    }
    /// Our fault.
    pub(crate) fn ours(message: impl Into<String>) -> Self {
        Self::new(Exit::Ours, message)
    }
    /// The same failure with what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// The same failure with what caused it.
    #[must_use]
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
    /// The same failure with `hint` unless it has one.
    #[must_use]
    pub(crate) fn hint_or(mut self, hint: &str) -> Self {
        self.hint.get_or_insert_with(|| hint.to_owned());
        self
    }
    /// The same failure with the place where it happened before the message.
    #[must_use]
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }
    /// The same failure with the HTTP status that told it.
    #[must_use]
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }
    /// The HTTP status that told it.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
    /// What to do about it.
    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
    /// Writing our own output failed: fine if the reader went away, as in `… | head`.
    pub(crate) fn output(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Hangup, "the reader of the output went away");
        }
        Self::user("could not write the output").because(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// A file that could not be read or written: the path is already in the error.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::user(error.to_string())
    }
}
