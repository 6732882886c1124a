//! Where the files of versions and experiments are.

use super::Result;
use super::run::run;
use plimsoll_mlflow::{Error, Source, source};
use plimsoll_store::Read;

/// A source, resolved.
pub(super) struct Resolved {
    /// Where the files are.
    pub(super) location: String,
    /// The logged model that it is.
    pub(super) logged: Option<String>,
    /// The run that made it, as far as this server knows.
    pub(super) run: Option<String>,
}

/// Finds what a source means. One that names something of this server must name something
/// that is there, except a run: clients before 3.17 name runs of elsewhere.
pub(super) fn resolve(read: &Read<'_>, text: &str) -> Result<Resolved> {
    let as_said = || Resolved { location: text.to_owned(), logged: None, run: None };
    Ok(match source(text)? {
        Source::Logged(logged) => {
            let row = read.logged(&logged.id)?.ok_or_else(|| no_logged(&logged.id))?;
            let location = joined(&row.location, &logged.path);
            Resolved { location, logged: Some(row.id), run: row.run }
        }
        Source::Version { name, number } => {
            let row = read.catalogued_version(&name, number)?;
            let row = row.ok_or_else(|| super::version::no_version(&name, number))?;
            let run = Some(row.run).filter(|run| !run.is_empty());
            Resolved { location: row.location, logged: row.logged, run }
        }
        Source::Run { run: id, path } => match run(read, &id) {
            Ok(row) => {
                Resolved { location: joined(&row.location, &path), logged: None, run: Some(id) }
            }
            Err(_) => as_said(),
        },
        Source::Artifact(_) | Source::Elsewhere | Source::None => as_said(),
    })
}

pub(super) fn no_logged(id: &str) -> Error {
    Error::missing(format!("Logged model with ID '{id}' not found."))
}

/// A place that experiments' artifacts may be at: the same rules as for sources, so that no
/// path hides behind an escape, a question mark or a hash.
pub(super) fn location_fits(text: &str) -> Result<String> {
    match source(text) {
        Ok(Source::Artifact(_) | Source::Elsewhere) => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(Error::invalid(
            "Invalid value for parameter 'artifact_location' supplied: it must be an \
             `mlflow-artifacts:` URI or one of a remote store, without `..`, `#` or `?`",
        )
        .into()),
    }
}

fn joined(location: &str, path: &str) -> String {
    if path.is_empty() { location.to_owned() } else { format!("{location}/{path}") }
}
