//! Where a model version says its files are. The classes of attack that this parser closes are
//! those of MLflow's own CVEs: `..` in any encoding, NUL, a path hidden behind `#` or `?`,
//! local files, hosts.

use crate::error::Error;

/// The longest source, in bytes.
const MAX_SOURCE: usize = 2_000;

/// A source, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `models:/m-…`: a logged model, or a path in it.
    Logged(LoggedSource),
    /// `models:/name/version`: another version.
    Version {
        /// The registered model.
        name: String,
        /// Its version.
        number: u32,
    },
    /// `runs:/run/path`: a path among a run's artifacts.
    Run {
        /// The run.
        run: String,
        /// The path.
        path: String,
    },
    /// `mlflow-artifacts:/path`: a path in the artifact store.
    Artifact(String),
    /// `dbfs:`, `s3://` and the like: elsewhere, taken as said, never opened by this server.
    Elsewhere,
    /// A word that names no files, as prompts have.
    None,
}

/// A logged model as a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedSource {
    /// Its id.
    pub id: String,
    /// A path in it.
    pub path: String,
}

/// Schemes of other stores that a version may name. This server never opens one.
const ELSEWHERE: &[&str] = &["s3", "gs", "wasbs", "abfss", "dbfs", "hdfs", "r2", "https"];

/// Understands a source, or refuses it.
///
/// # Errors
/// [`Error`] if it is no source, or one that could reach something else than it shows.
pub fn source(text: &str) -> Result<Source, Error> {
    if text.is_empty() || text.len() > MAX_SOURCE || text.chars().any(char::is_control) {
        return Err(refused("it must be 1 to 2000 characters without control characters"));
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        // MLflow's prompts say `dummy-source`. Anything that could be a path is refused.
        let is_word = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        return if is_word { Ok(Source::None) } else { Err(local()) };
    };
    let scheme = scheme.to_ascii_lowercase();
    safe_path(rest)?;
    match scheme.as_str() {
        "models" => models(plain(rest)?),
        "runs" => {
            let (run, path) = plain(rest)?.split_once('/').unwrap_or((plain(rest)?, ""));
            if !crate::run_id_fits(run) {
                return Err(refused("a `runs:/` source is `runs:/<run id>/<path>`"));
            }
            Ok(Source::Run { run: run.to_owned(), path: path.to_owned() })
        }
        "mlflow-artifacts" => {
            let path = rest.trim_start_matches('/');
            Ok(Source::Artifact(path.trim_end_matches('/').to_owned()))
        }
        "file" => Err(local()),
        scheme if ELSEWHERE.contains(&scheme) && rest.starts_with('/') => Ok(Source::Elsewhere),
        _ => Err(refused(
            "its scheme is not one of models, runs, mlflow-artifacts or a remote store",
        )),
    }
}

/// A path after `scheme:`, without its slashes at the front: exactly one, as `//` names a host.
fn plain(rest: &str) -> Result<&str, Error> {
    match rest.strip_prefix('/') {
        Some(path) if !path.starts_with('/') => Ok(path.trim_end_matches('/')),
        _ => Err(refused("it must have the form `<scheme>:/<path>`")),
    }
}

fn models(path: &str) -> Result<Source, Error> {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    if first.starts_with("m-") && crate::run_id_fits(first) {
        return Ok(Source::Logged(LoggedSource { id: first.into(), path: rest.into() }));
    }
    match rest.parse() {
        Ok(number) if number >= 1 && !first.is_empty() => {
            Ok(Source::Version { name: first.to_owned(), number })
        }
        _ => Err(refused("a `models:/` source names a logged model or `<name>/<version>`")),
    }
}

/// No `..`, however it is written, and nothing behind `#` or `?`. Decoded as often as anything
/// behind this server could decode it.
fn safe_path(path: &str) -> Result<(), Error> {
    let mut text = path.to_owned();
    for _ in 0..4 {
        if text.contains(['#', '?', '\\', '\0']) {
            return Err(unsafe_path("`#`, `?`, `\\` or NUL"));
        }
        if text.split('/').any(|part| part.trim() == ".." || part == ".") {
            return Err(unsafe_path("`.` or `..` as a part"));
        }
        let decoded = unescaped(&text);
        if decoded == text {
            return Ok(());
        }
        text = decoded;
    }
    Err(refused("it is escaped too often"))
}

fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let value = hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match value.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) if byte == b'%' => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn refused(why: &str) -> Error {
    Error::invalid(format!("Invalid model version source: {why}."))
}

/// In MLflow's words, and what it is.
fn unsafe_path(what: &str) -> Error {
    refused(&format!(
        "If supplying a source as an http, https, local file path, ftp, objectstore, or \
         mlflow-artifacts uri, an absolute path must be provided without relative path references \
         present; it has {what}"
    ))
}

fn local() -> Error {
    refused(
        "To use a local path as a model version source, the run_id request parameter has to be \
         specified and the local path has to be contained within the artifact directory of the \
         run; this server takes no local path",
    )
}
