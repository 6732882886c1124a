//! Where values come from: command line over environment over file over default.
//!
//! It knows values only as text; what they mean is in `units.rs` and `mod.rs`.

use super::{KEYS, Key, units::Value};
use crate::failure::Failure;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest settings file, in bytes: a hundred times the documented example.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The settings file that is read if none is named.
const FILE: &str = "plimsoll.toml";

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// A flag of the command line.
    Cli(&'static str),
    /// A variable of the environment.
    Env(String),
    /// The settings file.
    File(PathBuf),
    /// Nobody said otherwise.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cli(flag) => write!(f, "cli {flag}"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sourced<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it came from.
    pub(crate) origin: Origin,
}

/// What Plimsoll looks at in the environment, read once.
#[derive(Clone, Default, Debug)]
pub(crate) struct Environment {
    /// Variables whose name begins with `PLIMSOLL_`; an empty one counts as absent.
    ours: BTreeMap<String, String>,
    /// Whether `NO_COLOR` asks for plain text (<https://no-color.org>).
    pub(crate) no_color: bool,
}

impl Environment {
    /// Reads it.
    pub(crate) fn read() -> Result<Self, Failure> {
        let mut found = Self::default();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            if value.is_empty() {
                continue;
            }
            found.no_color |= name == "NO_COLOR";
            if name.starts_with(PREFIX) {
                let text = value.into_string().map_err(|_| {
                    Failure::user(format!("environment variable `{name}` is not UTF-8"))
                })?;
                found.ours.insert(name.to_owned(), text);
            }
        }
        Ok(found)
    }

    /// A variable of ours that is no setting: a root names the one that holds its key.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.ours.get(name).map(String::as_str)
    }

    /// Variables that look like a setting spelled wrong, each with what was probably meant.
    /// Others are left alone: orchestrators add variables of their own (`PLIMSOLL_PORT`).
    pub(crate) fn misspelled(&self) -> Vec<(String, String)> {
        let known: Vec<String> = KEYS.iter().map(Key::env).chain([CONFIG_ENV.into()]).collect();
        let unknown = self.ours.keys().filter(|name| !known.contains(name));
        let meant = |name: &String| {
            let known = known.iter().filter_map(|name| name.strip_prefix(PREFIX));
            let near = nearest(name.strip_prefix(PREFIX)?, known)?;
            Some((name.clone(), format!("{PREFIX}{near}")))
        };
        unknown.filter_map(meant).collect()
    }
}

/// How our variables begin.
const PREFIX: &str = "PLIMSOLL_";

/// The variable that names the settings file.
const CONFIG_ENV: &str = "PLIMSOLL_CONFIG";

/// Every source of values, each already checked for unknown keys.
#[derive(Default, Debug)]
pub(crate) struct Layers {
    cli: BTreeMap<&'static str, (String, &'static str)>,
    env: BTreeMap<String, String>,
    file: BTreeMap<&'static str, String>,
    path: PathBuf,
}

impl Layers {
    /// The environment, and the file that `config`, the environment or the current folder names.
    pub(crate) fn read(environment: &Environment, config: Option<&Path>) -> Result<Self, Failure> {
        let named = config.map(Path::to_path_buf);
        let named = named.or_else(|| environment.ours.get(CONFIG_ENV).map(PathBuf::from));
        let mut layers = Self { env: environment.ours.clone(), ..Self::default() };
        if let Some(path) = named.or_else(|| Path::new(FILE).exists().then(|| FILE.into())) {
            layers.file = read_file(&path)?;
            layers.path = path;
        }
        Ok(layers)
    }

    /// Adds a value from the command line.
    pub(crate) fn set(&mut self, key: &'static str, value: Option<String>, flag: &'static str) {
        if let Some(value) = value {
            self.cli.insert(key, (value, flag));
        }
    }

    /// Adds `KEY=VALUE` from the command line.
    pub(crate) fn assign(&mut self, assignment: &str) -> Result<(), Failure> {
        let (path, value) = assignment.split_once('=').ok_or_else(|| {
            Failure::user("`--set` takes KEY=VALUE")
                .hint("for example `--set limits.body_timeout=5s`")
        })?;
        let key = find(path)
            .map_err(|failure| failure.hint_or("list them with `plimsoll config show`"))?;
        no_secret(key)?;
        self.set(key.path, Some(value.to_owned()), "--set");
        Ok(())
    }

    /// The value of `key` from the highest layer that has one.
    pub(super) fn get<T: Value>(&self, key: &Key) -> Result<Sourced<T>, Failure> {
        let (text, origin) = self.text(key);
        let value = T::parse(text).map_err(|wanted| {
            Failure::user(format!("setting `{}` is not {wanted}", key.path))
                .hint(format!("it comes from: {origin}"))
        })?;
        Ok(Sourced { value, origin })
    }

    fn text(&self, key: &Key) -> (&str, Origin) {
        let env = key.env();
        if let Some((text, flag)) = self.cli.get(key.path) {
            (text, Origin::Cli(flag))
        } else if let Some(text) = self.env.get(&env) {
            (text, Origin::Env(env))
        } else if let Some(text) = self.file.get(key.path) {
            (text, Origin::File(self.path.clone()))
        } else {
            (key.default, Origin::Default)
        }
    }
}

/// Reads a settings file into texts by key.
fn read_file(path: &Path) -> Result<BTreeMap<&'static str, String>, Failure> {
    let text = read_bounded(path)?;
    read_text(&text).map_err(|failure| failure.within(&format!("`{}`", path.display())))
}

/// Reads a text file of bounded size.
pub(super) fn read_bounded(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = fs_err::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_FILE_BYTES) {
        let shown = path.display();
        return Err(Failure::user(format!("`{shown}` is larger than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

/// What is wrong with a text that is no TOML, and where.
pub(super) fn not_toml(text: &str, error: &toml::de::Error) -> Failure {
    // The error's own display quotes the line, which may hold a secret.
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Failure::user(format!("line {line}: {}", error.message().trim_end()))
}

/// Reads the text of a settings file.
pub(super) fn read_text(text: &str) -> Result<BTreeMap<&'static str, String>, Failure> {
    let table: toml::Table = toml::from_str(text).map_err(|error| not_toml(text, &error))?;
    let mut found = BTreeMap::new();
    flatten("", &table, &mut found)?;
    Ok(found)
}

fn flatten(
    above: &str,
    table: &toml::Table,
    found: &mut BTreeMap<&'static str, String>,
) -> Result<(), Failure> {
    for (name, value) in table {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let text = match value {
            // Keys have one dot at most, so the recursion ends at the second table.
            toml::Value::Table(table) if above.is_empty() && is_group(&path) => {
                flatten(&path, table, found)?;
                continue;
            }
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
                find(&path)?;
                return Err(Failure::user(format!("setting `{path}` must be one text or number")));
            }
        };
        let key = find(&path)?;
        no_secret(key)?;
        found.insert(key.path, text);
    }
    Ok(())
}

fn is_group(name: &str) -> bool {
    KEYS.iter().any(|key| key.path.split_once('.').is_some_and(|(group, _)| group == name))
}

/// The key of this path, or what was probably meant.
fn find(path: &str) -> Result<&'static Key, Failure> {
    let known = KEYS.iter().find(|key| key.path == path);
    known.ok_or_else(|| {
        let failure = Failure::user(format!("unknown setting `{path}`"));
        let groups = KEYS.iter().filter_map(|key| Some(key.path.split_once('.')?.0));
        match nearest(path, KEYS.iter().map(|key| key.path).chain(groups)) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure,
        }
    })
}

/// Secrets do not belong into files that are shared, or lines that others can list.
fn no_secret(key: &Key) -> Result<(), Failure> {
    if !key.is_secret() {
        return Ok(());
    }
    let (path, env) = (key.path, key.env());
    Err(Failure::user(format!("setting `{path}` is a secret and may not stand here"))
        .hint(format!("put it in a file of its own named by `{path}_file`, or in `{env}`")))
}

/// The text of `known` that is nearest to `text`, if any is near.
fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A third of a name wrong is still a typing error; more is another word.
    let near = text.len().div_ceil(3);
    let scored = known.map(|word| (distance(text, word), word));
    scored.min_by_key(|(far, _)| *far).filter(|(far, _)| *far <= near).map(|(_, word)| word)
}

/// How many bytes must be put in, left out or changed to get from `a` to `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (a, b, far) in [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
        assert_eq!(nearest("listn.data", ["listen.data", "data"].into_iter()), Some("listen.data"));
        assert_eq!(nearest("zzzzzz", ["listen.data", "data"].into_iter()), None);
    }

    #[test]
    fn unknown_groups_and_wrong_shapes_are_named() {
        for (text, message) in [
            ("[listn]\ndata = 1", "unknown setting `listn`"),
            ("[listen]\ndat = 1", "unknown setting `listen.dat`"),
            ("[listen.data]\nx = 1", "setting `listen.data` must be one text or number"),
            ("workers = [1]", "setting `workers` must be one text or number"),
            ("workers = 1\nworkers = 2", "line 2: duplicate key"),
            ("client.key = 'x'", "setting `client.key` is a secret and may not stand here"),
        ] {
            assert_eq!(read_text(text).expect_err(text).to_string(), message);
        }
    }

    #[test]
    fn near_misses_in_the_environment_are_found_and_others_left_alone() {
        let names = ["PLIMSOLL_LISTN_DATA", "PLIMSOLL_SERVICE_HOST_OF_ANOTHER", "PLIMSOLL_URL"];
        let ours = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        let found = Environment { ours, no_color: false }.misspelled();
        assert_eq!(found, [("PLIMSOLL_LISTN_DATA".into(), "PLIMSOLL_LISTEN_DATA".into())]);
    }
}
