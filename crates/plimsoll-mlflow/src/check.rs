//! MLflow's limits on names, keys and values (`mlflow/utils/validation.py`).

use crate::error::{Code, Error, shown};

/// The most metrics of one batch.
pub const MAX_BATCH_METRICS: usize = 1_000;
/// The most parameters of one batch.
pub const MAX_BATCH_PARAMS: usize = 100;
/// The most tags of one batch.
pub const MAX_BATCH_TAGS: usize = 100;
/// The most things of one batch.
pub const MAX_BATCH: usize = 1_000;
/// The longest value of a parameter, in characters.
pub const MAX_PARAM: usize = 6_000;
/// The longest value of a run's tag, in characters.
pub const MAX_RUN_TAG: usize = 8_000;
/// The longest value of an experiment's tag, in characters.
pub const MAX_EXPERIMENT_TAG: usize = 20_000;
/// The longest value of a tag in the registry, in characters.
pub const MAX_REGISTRY_TAG: usize = 100_000;
/// The longest description, in characters. MLflow has no limit in its code, its databases do.
pub const MAX_DESCRIPTION: usize = 100_000;
/// The longest key, in characters.
const MAX_KEY: usize = 250;
/// The longest name of an experiment, in characters.
const MAX_EXPERIMENT: usize = 500;
/// The longest name of a registered model, in characters: MLflow's column.
const MAX_MODEL: usize = 256;
/// The longest alias, in characters.
const MAX_ALIAS: usize = 255;
/// The longest id of a run.
const MAX_RUN_ID: usize = 256;

/// Aliases that point to production. Moving one is a promotion.
const PRODUCTION: &[&str] = &["champion", "production", "prod", "live"];

type Result<T> = std::result::Result<T, Error>;

/// Whether moving `alias` changes what is in production.
#[must_use]
pub fn is_production_alias(alias: &str) -> bool {
    PRODUCTION.iter().any(|word| alias.eq_ignore_ascii_case(word))
}

/// Whether a text can be the id of a run or logged model.
#[must_use]
pub fn run_id_fits(id: &str) -> bool {
    let mut bytes = id.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && id.len() <= MAX_RUN_ID
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The key of a metric, parameter or tag.
///
/// # Errors
/// [`Error`] if it is empty, too long, has other characters, or is no plain relative path.
pub fn key_fits(what: &str, key: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || "/._- :".contains(c);
    if key.is_empty() || !key.chars().all(plain) {
        return Err(Error::invalid(format!(
            "Invalid value \"{}\" for parameter '{what}' supplied: Names may only contain \
             alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and \
             slashes (/).",
            shown(key)
        )));
    }
    let normal = !key.starts_with('/')
        && key.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !normal {
        return Err(Error::invalid(format!(
            "Invalid value \"{}\" for parameter '{what}' supplied: Names may be treated as files \
             in certain cases, and must not resolve to other names when treated as such.",
            shown(key)
        )));
    }
    if key.chars().count() > MAX_KEY {
        return Err(long(what, key, MAX_KEY));
    }
    Ok(())
}

/// A value of at most `max` characters.
///
/// # Errors
/// [`Error`] if it is longer.
pub fn value_fits(what: &str, value: &str, max: usize) -> Result<()> {
    // Bytes are at least characters, so this is cheap for all that fit.
    if value.len() > max && value.chars().count() > max {
        Err(long(what, value, max))
    } else {
        Ok(())
    }
}

fn long(what: &str, value: &str, max: usize) -> Error {
    Error::invalid(format!(
        "'{what}' exceeds the maximum length of {max} characters (it has {})",
        value.chars().count()
    ))
}

/// The name of an experiment.
///
/// # Errors
/// [`Error`] if it is empty or too long.
pub fn experiment_name_fits(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid("Invalid experiment name: ''"));
    }
    value_fits("name", name, MAX_EXPERIMENT)
}

/// The name of a registered model.
///
/// # Errors
/// [`Error`] if it is empty, too long, or could not stand in a `models:/` URI.
pub fn model_name_fits(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid("Registered model name cannot be empty."));
    }
    if name.contains(['/', ':']) || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "Invalid name for registered model: it cannot contain any of ['/', ':'] or control \
             characters. Registered model name cannot be empty.",
        ));
    }
    value_fits("name", name, MAX_MODEL)
}

/// An alias.
///
/// # Errors
/// [`Error`] if it is empty, too long, reserved, or has other characters.
pub fn alias_fits(alias: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if alias.is_empty() {
        return Err(Error::invalid("Registered model alias name cannot be empty."));
    }
    if !alias.chars().all(plain) {
        return Err(Error::invalid(
            "Invalid alias name: it may only contain alphanumerics, underscores (_), and dashes \
             (-).",
        ));
    }
    value_fits("alias", alias, MAX_ALIAS)?;
    let lower = alias.to_ascii_lowercase();
    if lower == "latest" {
        return Err(Error::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    if lower
        .strip_prefix('v')
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(Error::invalid(format!("Version alias name '{alias}' is reserved.")));
    }
    Ok(())
}

/// The stage that a word means, whatever its case.
///
/// # Errors
/// [`Error`] if there is no such stage.
pub fn stage_of(word: &str) -> Result<&'static str> {
    const STAGES: &[&str] = &["None", "Staging", "Production", "Archived"];
    let found = STAGES.iter().copied().find(|stage| stage.eq_ignore_ascii_case(word));
    found.ok_or_else(|| {
        Error::new(
            Code::InvalidParameterValue,
            format!(
                "Invalid Model Version stage: {}. Value must be one of None, Staging, Production, \
                 Archived.",
                shown(word)
            ),
        )
    })
}
