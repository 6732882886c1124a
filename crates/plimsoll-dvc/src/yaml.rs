//! YAML with bounds, and paths that stay in the repository.

use serde::de::DeserializeOwned;

/// The largest file that is read: a lock of 10,000 stages has about 10 MB.
const MAX_BYTES: usize = 32 << 20;
/// The longest path.
const MAX_PATH: usize = 4096;

/// Why a file of DVC's cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DvcError {
    /// More than is read.
    #[error("a file of DVC's has at most {MAX_BYTES} bytes")]
    TooLarge,
    /// Not YAML, or not of the shape.
    #[error("not a `{what}` that DVC writes: line {line}")]
    Malformed {
        /// Which file it should have been.
        what: &'static str,
        /// The first line that does not fit; 0 if that is not known.
        line: u64,
    },
    /// Another version of the format.
    #[error("`dvc.lock` has another schema than 2.0")]
    Schema,
    /// A path that leads out of the repository.
    #[error("a path leads out of the repository")]
    Path,
    /// A sum that is none.
    #[error("an MD5 sum has 32 lower-case hexadecimal digits, and `.dir` for a folder")]
    Sum,
    /// More of something than is read.
    #[error("more than {0} entries")]
    TooMany(usize),
}

/// YAML as `T`. The message of the parser may repeat what is in the file, so only its line is told.
pub(crate) fn read<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, DvcError> {
    if text.len() > MAX_BYTES {
        return Err(DvcError::TooLarge);
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| DvcError::Malformed {
        what,
        line: error.location().map_or(0, |place| place.line()),
    })
}

/// `path` as seen from the root of the repository, if it is named in `folder` (itself seen from
/// there, empty for the root) and does not leave the repository.
pub(crate) fn within(folder: &str, path: &str) -> Result<String, DvcError> {
    if path.len() > MAX_PATH
        || path.is_empty()
        || path.starts_with('/')
        || path.contains(['\\', '\0'])
        || path.split('/').next().is_some_and(|first| first.ends_with(':'))
    {
        return Err(DvcError::Path);
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or(DvcError::Path)?),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_repository() {
        assert_eq!(within("data/x", "../y.csv").ok().as_deref(), Some("data/y.csv"));
        assert_eq!(within("", "./a//b").ok().as_deref(), Some("a/b"));
        for bad in ["../x", "/etc/passwd", "a/../../x", "", "C:/x", "s3://b/x", "a\\b", "a\0"] {
            assert!(within("", bad).is_err(), "{bad:?}");
        }
    }
}
