//! The text as read: lines are of their kind, nothing else is checked.

use crate::error::LoadError;
use crate::limits::Limits;
use crate::model::Format;

/// Longest line of the header or of a tree that is read, in bytes: 65,535 feature names of a KiB.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Longest name of a feature, in bytes, as for other formats.
const NAME_BYTES_MAX: usize = 4_096;
/// Longest number, in bytes; LightGBM writes at most 24.
const NUMBER_BYTES_MAX: usize = 40;

/// A whole file.
#[derive(Default)]
pub(super) struct Document {
    pub(super) version: String,
    pub(super) num_class: Option<usize>,
    pub(super) num_tree_per_iteration: Option<usize>,
    pub(super) max_feature_idx: Option<usize>,
    pub(super) objective: Option<String>,
    pub(super) average_output: bool,
    pub(super) feature_names: Option<Vec<Box<str>>>,
    /// Of each feature: whether it was a category in training, if the file says so.
    pub(super) are_categories: Option<Vec<bool>>,
    pub(super) tree_count: Option<usize>,
    pub(super) trees: Vec<TextTree>,
    /// Features that were declared as categories.
    pub(super) categorical_features: Option<Vec<usize>>,
    /// The categories of the data frame's category columns, in their order.
    pub(super) pandas_categorical: Vec<Vec<serde_json::Value>>,
}

/// One `Tree=` block. Absent arrays are empty.
#[derive(Default)]
pub(super) struct TextTree {
    pub(super) num_leaves: Option<usize>,
    pub(super) num_cat: usize,
    pub(super) split_feature: Vec<u32>,
    pub(super) threshold: Vec<f64>,
    pub(super) decision_type: Vec<u32>,
    pub(super) left_child: Vec<i32>,
    pub(super) right_child: Vec<i32>,
    pub(super) leaf_value: Vec<f64>,
    pub(super) leaf_count: Vec<f64>,
    pub(super) internal_count: Vec<f64>,
    pub(super) cat_boundaries: Vec<u32>,
    pub(super) cat_threshold: Vec<u32>,
    pub(super) is_linear: bool,
}

/// Reads a whole file.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, LoadError> {
    let mut lines = Lines { rest: bytes, at: 0, start: 0 };
    lines.next()?; // `tree`, by which the format was recognised
    let mut document = Document::default();
    header(&mut lines, &mut document, limits)?;
    trees(&mut lines, &mut document, limits)?;
    footer(&mut lines, &mut document, limits)?;
    Ok(document)
}

/// Lines one after the other, with where they start.
struct Lines<'a> {
    rest: &'a [u8],
    at: usize,
    start: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<Option<&'a str>, LoadError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.start = self.at;
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let line = self.rest.get(..end).unwrap_or_default();
        self.rest = self.rest.get(end.saturating_add(1)..).unwrap_or_default();
        self.at = self.at.saturating_add(end).saturating_add(1);
        if line.len() > LINE_BYTES_MAX {
            return Err(self.fault("header", "a line is longer than 64 MiB"));
        }
        let text = std::str::from_utf8(line).map_err(|_| self.fault("header", "is not UTF-8"))?;
        Ok(Some(text.trim_end_matches('\r')))
    }

    fn fault(&self, path: impl Into<String>, problem: &'static str) -> LoadError {
        let (format, at) = (Format::LightgbmText, self.start);
        LoadError::Syntax { format, path: path.into(), at, problem }
    }

    /// The value of a `key=value` that is met for the first time.
    fn once<T>(&self, slot: &mut Option<T>, key: &str, value: T) -> Result<(), LoadError> {
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.fault(key, "appears twice")),
        }
    }
}

/// Lines up to the first empty one.
fn header(
    lines: &mut Lines<'_>,
    document: &mut Document,
    limits: &Limits,
) -> Result<(), LoadError> {
    while let Some(line) = lines.next()?.filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let number = || count(value).ok_or_else(|| lines.fault(key, "expected an integer from 0"));
        match key {
            "version" => value.clone_into(&mut document.version),
            "num_class" => lines.once(&mut document.num_class, key, number()?)?,
            "num_tree_per_iteration" => {
                lines.once(&mut document.num_tree_per_iteration, key, number()?)?;
            }
            "max_feature_idx" => lines.once(&mut document.max_feature_idx, key, number()?)?,
            "objective" => lines.once(&mut document.objective, key, value.to_owned())?,
            "average_output" => document.average_output = true,
            "feature_names" => {
                let names = split(value, limits.features_max, "features", key)?;
                if names.iter().any(|name| name.len() > NAME_BYTES_MAX) {
                    return Err(lines.fault(key, "a name is longer than 4096 bytes"));
                }
                let names = names.into_iter().map(Into::into).collect();
                lines.once(&mut document.feature_names, key, names)?;
            }
            "feature_infos" => {
                let infos = split(value, limits.features_max, "features", key)?;
                let is_category = |info: &&str| *info != "none" && !info.starts_with('[');
                let are = infos.iter().map(is_category).collect();
                lines.once(&mut document.are_categories, key, are)?;
            }
            "tree_sizes" => {
                let sizes = split(value, limits.trees_max, "trees", key)?;
                lines.once(&mut document.tree_count, key, sizes.len())?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The `Tree=` blocks, up to `end of trees`.
fn trees(lines: &mut Lines<'_>, document: &mut Document, limits: &Limits) -> Result<(), LoadError> {
    let mut nodes = 0_usize;
    loop {
        let line = lines.next()?;
        match line {
            Some("") => {}
            Some("end of trees") => return Ok(()),
            Some(line) if line.starts_with("Tree=") => {
                let path = format!("Tree={}", document.trees.len());
                if line != path {
                    return Err(lines.fault(path, "trees must be numbered from 0"));
                }
                if document.trees.len() >= limits.trees_max {
                    let (what, max) = ("trees", limits.trees_max);
                    return Err(LoadError::OverLimit { path, what, max });
                }
                let tree = tree(lines, &path)?;
                nodes = nodes.saturating_add(tree.leaf_value.len().saturating_mul(2));
                if nodes > limits.nodes_max {
                    let (what, max) = ("nodes", limits.nodes_max);
                    return Err(LoadError::OverLimit { path, what, max });
                }
                document.trees.push(tree);
            }
            Some(_) => return Err(lines.fault("trees", "expected a tree or the end of trees")),
            None => return Err(lines.fault("trees", "the file ends too early")),
        }
    }
}

fn tree(lines: &mut Lines<'_>, path: &str) -> Result<TextTree, LoadError> {
    const KEYS: [&str; 13] = [
        "num_leaves",
        "num_cat",
        "split_feature",
        "threshold",
        "decision_type",
        "left_child",
        "right_child",
        "leaf_value",
        "leaf_count",
        "internal_count",
        "cat_boundaries",
        "cat_threshold",
        "is_linear",
    ];
    let mut tree = TextTree::default();
    let mut seen = [false; KEYS.len()];
    while let Some(line) = lines.next()?.filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let at = || format!("{path}.{key}");
        let known = KEYS.iter().position(|known| *known == key);
        if let Some(seen) = known.and_then(|index| seen.get_mut(index))
            && std::mem::replace(seen, true)
        {
            return Err(lines.fault(at(), "appears twice"));
        }
        let integer = "expected integers in the range of 32 bits";
        let real = "expected numbers";
        match key {
            "num_leaves" | "num_cat" => {
                let number = count(value);
                let number =
                    number.ok_or_else(|| lines.fault(at(), "expected an integer from 0"))?;
                match key {
                    "num_leaves" => tree.num_leaves = Some(number),
                    _ => tree.num_cat = number,
                }
            }
            "split_feature" => tree.split_feature = list(lines, at, value, integer, plain)?,
            "decision_type" => tree.decision_type = list(lines, at, value, integer, plain)?,
            "left_child" => tree.left_child = list(lines, at, value, integer, plain)?,
            "right_child" => tree.right_child = list(lines, at, value, integer, plain)?,
            "cat_boundaries" => tree.cat_boundaries = list(lines, at, value, integer, plain)?,
            "cat_threshold" => tree.cat_threshold = list(lines, at, value, integer, plain)?,
            // Infinity parts missing values from all others.
            "threshold" => tree.threshold = list(lines, at, value, real, threshold)?,
            "leaf_value" => tree.leaf_value = list(lines, at, value, real, decimal)?,
            "leaf_count" => tree.leaf_count = list(lines, at, value, real, decimal)?,
            "internal_count" => tree.internal_count = list(lines, at, value, real, decimal)?,
            "is_linear" => tree.is_linear = value != "0",
            _ => {}
        }
    }
    Ok(tree)
}

/// What follows the trees: importances and parameters, which are passed over but for the
/// declared categories.
fn footer(
    lines: &mut Lines<'_>,
    document: &mut Document,
    limits: &Limits,
) -> Result<(), LoadError> {
    let mut has_open_parameters = false;
    while let Some(line) = lines.next()? {
        if line == "parameters:" {
            has_open_parameters = true;
        } else if line == "end of parameters" {
            has_open_parameters = false;
        } else if let Some(list) = line.strip_prefix("[categorical_feature: ") {
            document.categorical_features = indices(list.trim_end_matches(']'));
        } else if let Some(json) = line.strip_prefix("pandas_categorical:") {
            let path = "pandas_categorical";
            let read: Option<Vec<Vec<serde_json::Value>>> = serde_json::from_str(json)
                .map_err(|_| lines.fault(path, "expected a list of lists, or null"))?;
            document.pandas_categorical = read.unwrap_or_default();
            let all: usize = document.pandas_categorical.iter().map(Vec::len).sum();
            if all > limits.categories_max {
                let (what, max) = ("categories", limits.categories_max);
                return Err(LoadError::OverLimit { path: path.into(), what, max });
            }
        }
    }
    if has_open_parameters {
        return Err(lines.fault("parameters", "the file ends too early"));
    }
    Ok(())
}

/// `1,2`, in any order; `None` for what is no list of indices, such as names.
fn indices(list: &str) -> Option<Vec<usize>> {
    let mut found: Vec<usize> = list.split(',').map(count).collect::<Option<_>>()?;
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// Words between single spaces.
fn split<'a>(
    value: &'a str,
    max: usize,
    what: &'static str,
    key: &str,
) -> Result<Vec<&'a str>, LoadError> {
    let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
    if words.len() > max {
        return Err(LoadError::OverLimit { path: key.into(), what, max });
    }
    Ok(words)
}

fn list<T>(
    lines: &Lines<'_>,
    path: impl Fn() -> String,
    value: &str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, LoadError> {
    let words = value.split(' ').filter(|word| !word.is_empty());
    let parsed: Option<Vec<T>> = words.map(parse).collect();
    parsed.ok_or_else(|| lines.fault(path(), expected))
}

fn plain<T: std::str::FromStr>(word: &str) -> Option<T> {
    if word.starts_with('+') { None } else { word.parse().ok() }
}

fn count(word: &str) -> Option<usize> {
    plain(word)
}

fn threshold(word: &str) -> Option<f64> {
    match word {
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        _ => decimal(word),
    }
}

/// A finite decimal, rounded once.
fn decimal(word: &str) -> Option<f64> {
    let plain = |byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    if word.len() > NUMBER_BYTES_MAX || !word.bytes().all(plain) {
        return None;
    }
    word.parse().ok().filter(|number: &f64| number.is_finite())
}
