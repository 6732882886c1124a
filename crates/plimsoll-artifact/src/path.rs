//! Paths of files, as MLflow's clients name them: keys of a table, never of a file system. What
//! a client would take for another place is refused all the same, because it unpacks these paths
//! into a folder of its own (CVE-2023-6977, CVE-2024-1483, CVE-2024-3848 and their kind).

use std::fmt;
use std::str::FromStr;

/// The longest path, in bytes.
const MAX_PATH: usize = 1024;
/// The longest part, in bytes, as on most file systems.
const MAX_PART: usize = 255;
/// The deepest path. MLflow's own have about six parts.
const MAX_PARTS: usize = 64;
/// Where MLflow's clients find artifacts that are proxied.
const ROUTES: [&str; 2] =
    ["/api/2.0/mlflow-artifacts/artifacts/", "/ajax-api/2.0/mlflow-artifacts/artifacts/"];

/// A path of parts separated by `/`, which stays within its root wherever it is unpacked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(Box<str>);

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing, or too much.
    #[error("a path has 1 to {MAX_PATH} bytes in at most {MAX_PARTS} parts of at most {MAX_PART}")]
    Length,
    /// `.`, `..` or nothing between two slashes.
    #[error("a path has no empty parts, `.` or `..`")]
    Part,
    /// A character that some system takes for more than itself.
    #[error(
        "a path has no backslash, `#`, `?`, control character or percent-encoded character, and no `:` in its first part"
    )]
    Character,
}

impl FilePath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
    /// The folders that the path is in, the outermost first.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
    /// The path of something in this folder.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn join(&self, path: &str) -> Result<Self, PathError> {
        format!("{self}/{path}").parse()
    }
    /// Whether one is the other, or is in it.
    #[must_use]
    pub fn touches(&self, other: &Self) -> bool {
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        within(&self.0, &other.0) || within(&other.0, &self.0)
    }

    /// The folder that the source of a model version names: `mlflow-artifacts:/…`, with or
    /// without a server, or the proxy's own address. `None` for any other scheme, and for what
    /// hides something behind `?` or `#`.
    #[must_use]
    pub fn from_source(source: &str) -> Option<Self> {
        if let Some(rest) = source.strip_prefix("mlflow-artifacts:") {
            let path = match rest.strip_prefix("//") {
                Some(rest) => rest.split_once('/')?.1,
                None => rest.strip_prefix('/')?,
            };
            return path.trim_end_matches('/').parse().ok();
        }
        let rest = source.strip_prefix("https://").or_else(|| source.strip_prefix("http://"))?;
        let (_, path) = rest.split_once('/').map(|(host, _)| rest.split_at(host.len()))?;
        let path = ROUTES.iter().find_map(|route| path.strip_prefix(route))?;
        path.trim_end_matches('/').parse().ok()
    }
}

impl FromStr for FilePath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() || text.len() > MAX_PATH || text.split('/').count() > MAX_PARTS {
            return Err(PathError::Length);
        }
        for part in text.split('/') {
            if matches!(part, "" | "." | "..") {
                return Err(PathError::Part);
            }
            if part.len() > MAX_PART {
                return Err(PathError::Length);
            }
        }
        let first = text.split('/').next().unwrap_or_default();
        if text.chars().any(is_refused) || has_escape(text) || first.contains(':') {
            return Err(PathError::Character);
        }
        Ok(Self(text.into()))
    }
}

fn is_refused(c: char) -> bool {
    // What separates lines or turns the direction of text, too: a path is shown to people.
    c.is_control()
        || matches!(c, '\\' | '#' | '?' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether decoding it once more would give another path.
fn has_escape(text: &str) -> bool {
    let mut windows = text.as_bytes().windows(3);
    windows.any(|w| w[0] == b'%' && w[1].is_ascii_hexdigit() && w[2].is_ascii_hexdigit())
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilePath({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_leads_elsewhere_is_no_path() {
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "a//b",
            "a/",
            "//proc/self/root",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/..",
            "a/./b",
            "a\\..\\b",
            "..\\..\\windows",
            "a\0b",
            "a\nb",
            "%2e%2e/a",
            "a%2fb",
            "a/%2E%2E/b",
            "%252e",
            "C:/windows",
            "file:/etc/passwd",
            "file:",
            "a#/../b",
            "a?/../../b",
            "a?x=1",
            "a\u{202e}b",
            "a\u{7f}b",
        ] {
            assert!(bad.parse::<FilePath>().is_err(), "{bad:?}");
        }
        assert!("a/".repeat(64).parse::<FilePath>().is_err());
        assert!("a".repeat(256).parse::<FilePath>().is_err());
        assert!(["a"; 65].join("/").parse::<FilePath>().is_err());
        for good in [
            "0/models/m-12/artifacts/MLmodel",
            "a b/ü.json",
            "...",
            "..a",
            "a..",
            "100%",
            "a:b",
            ".hidden",
            "x/metrics:1.json",
            "~",
        ] {
            let path = good.parse::<FilePath>();
            assert_eq!(path.is_ok(), good != "a:b", "{good:?}");
        }
    }

    #[test]
    fn a_source_names_a_folder() {
        let folder = |source| FilePath::from_source(source).map(|path| path.to_string());
        let expected = Some("1/models/m-2/artifacts".to_owned());
        assert_eq!(folder("mlflow-artifacts:/1/models/m-2/artifacts"), expected);
        assert_eq!(folder("mlflow-artifacts:/1/models/m-2/artifacts/"), expected);
        assert_eq!(folder("mlflow-artifacts://host:5000/1/models/m-2/artifacts"), expected);
        let proxy = "http://h:1/api/2.0/mlflow-artifacts/artifacts/1/models/m-2/artifacts";
        assert_eq!(folder(proxy), expected);
        for bad in [
            "mlflow-artifacts:1/models",
            "mlflow-artifacts:/../x",
            "mlflow-artifacts:/1#/../../etc",
            "mlflow-artifacts:/1?x=/../../etc",
            "file:///etc",
            "/etc/passwd",
            "http://h/1/models",
            "mlflow-artifacts:/%2e%2e/x",
            "s3://b/1",
            "http:///api/2.0/mlflow-artifacts/artifacts/../x",
            "dummy-source",
            "mlflow-artifacts:/",
        ] {
            assert_eq!(folder(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_in_a_folder_touches_it() {
        let path = |text: &str| text.parse::<FilePath>().expect("a path");
        assert!(path("a/b").touches(&path("a/b")));
        assert!(path("a/b/c").touches(&path("a/b")));
        assert!(path("a").touches(&path("a/b")));
        assert!(!path("a/bc").touches(&path("a/b")));
        assert!(!path("a/c").touches(&path("a/b")));
        assert_eq!(path("a/b/c").folders().collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(path("a/b/c").name(), "c");
        assert!(path("a").join("../b").is_err());
        assert_eq!(path("a").join("b"), Ok(path("a/b")));
    }

    proptest! {
        #[test]
        fn a_path_stays_where_it_is_however_it_is_joined(text in "[a./%:\\\\#?0-9~]{0,24}") {
            if let Ok(path) = text.parse::<FilePath>() {
                let joined = std::path::Path::new("/root").join(path.as_str());
                let plain = joined.components().all(|part| !matches!(
                    part,
                    std::path::Component::ParentDir | std::path::Component::CurDir
                ));
                prop_assert!(plain && joined.starts_with("/root"));
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
