//! `.dvc/config`: which remotes there are. Secrets stand in `config.local`, which is not read.

use crate::yaml::DvcError;
use std::collections::BTreeMap;

/// The largest file.
const MAX_BYTES: usize = 1 << 20;

/// Remotes, and which of them is meant where none is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The name of the usual remote.
    pub default: Option<String>,
    /// Addresses by name: URLs, or paths seen from the folder `.dvc`.
    pub remotes: BTreeMap<String, String>,
}

impl Config {
    /// Reads a configuration, an INI file as Python's `configparser` writes it. What it does not
    /// know is passed over.
    ///
    /// # Errors
    /// [`DvcError`].
    pub fn read(text: &str) -> Result<Self, DvcError> {
        if text.len() > MAX_BYTES {
            return Err(DvcError::TooLarge);
        }
        let mut config = Self::default();
        let mut section = String::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                let malformed = DvcError::Malformed { what: ".dvc/config", line: number };
                let name = rest.strip_suffix(']').ok_or(malformed)?;
                name.trim_matches('\'').clone_into(&mut section);
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let remote = section.strip_prefix("remote \"").and_then(|s| s.strip_suffix('"'));
            match (remote, key.trim()) {
                (Some(name), "url") => {
                    config.remotes.insert(name.to_owned(), value.trim().to_owned());
                }
                (None, "remote") if section == "core" => {
                    config.default = Some(value.trim().to_owned());
                }
                _ => {}
            }
        }
        Ok(config)
    }
}
