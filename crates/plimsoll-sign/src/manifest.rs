//! What is signed: the files of a model by name and digest, as an in-toto statement.

use crate::SignError;
use aws_lc_rs::digest::{SHA256, digest};
use plimsoll_types::Digest;
use plimsoll_types::digest::hex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const STATEMENT: &str = "https://in-toto.io/Statement/v1";
pub(crate) const PREDICATE: &str = "https://model_signing/signature/v1.0";

/// What is never part of a model, at the top of its folder.
pub const DEFAULT_IGNORED: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// Files or shards of one model: a thousand times what the largest published models have.
pub(crate) const MAX_RESOURCES: usize = 1 << 20;
/// Bytes of a name, as on most file systems.
const MAX_NAME: usize = 4096;

/// Whether the rules of a manifest leave `path` out: it is one of `ignored`, or below one.
#[must_use]
pub fn is_ignored<'a>(path: &str, ignored: impl IntoIterator<Item = &'a str>) -> bool {
    ignored.into_iter().any(|ignored| {
        path.strip_prefix(ignored).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// How files become digests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// One digest for each file.
    Files,
    /// One digest for every so many bytes, named `path:start:end`.
    Shards(u64),
}

/// The rules by which the files were listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Serialization {
    /// How files become digests.
    pub method: Method,
    /// Whether links were followed.
    pub allow_symlinks: bool,
    /// Paths that were left out, with all below them.
    pub ignore_paths: Vec<String>,
}

impl Default for Serialization {
    fn default() -> Self {
        let ignore_paths = DEFAULT_IGNORED.iter().map(|path| (*path).to_owned()).collect();
        Self { method: Method::Files, allow_symlinks: false, ignore_paths }
    }
}

/// A file or shard, and its SHA-256.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Resource {
    /// Its path within the model, with `/`.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

/// What is signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    pub(crate) name: String,
    pub(crate) serialization: Serialization,
    /// Sorted by name.
    pub(crate) resources: Vec<Resource>,
    pub(crate) root: Digest,
}

/// A difference between a manifest and the files at hand.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(tag = "what", content = "file", rename_all = "lowercase")]
pub enum Difference {
    /// A file has other bytes than were signed.
    Changed(String),
    /// A file that was signed is not there.
    Missing(String),
    /// A file is there that was not signed.
    Unsigned(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed(name) => write!(f, "`{name}` is not the file that was signed"),
            Self::Missing(name) => write!(f, "`{name}` was signed and is missing"),
            Self::Unsigned(name) => write!(f, "`{name}` is there and was not signed"),
        }
    }
}

impl Manifest {
    /// The manifest of a model called `name`.
    ///
    /// # Errors
    /// [`SignError`] if there is no file, a name is not plain, or one is there twice.
    pub fn new(
        name: &str,
        serialization: Serialization,
        mut resources: Vec<Resource>,
    ) -> Result<Self, SignError> {
        check(&resources)?;
        resources.sort();
        let root = root(&resources);
        Ok(Self { name: name.to_owned(), serialization, resources, root })
    }

    /// What the model was called when it was signed. Nothing binds it to that name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules by which its files were listed.
    #[must_use]
    pub fn serialization(&self) -> &Serialization {
        &self.serialization
    }

    /// Its files or shards, sorted by name.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The digest over the digests of all files.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root
    }

    /// Whether it leaves out no more than every manifest does: a signer who leaves out more can
    /// hide files from whoever verifies.
    #[must_use]
    pub fn leaves_out_only(&self, more: &[&str]) -> bool {
        let paths = &self.serialization.ignore_paths;
        paths
            .iter()
            .all(|path| DEFAULT_IGNORED.contains(&path.as_str()) || more.contains(&path.as_str()))
    }

    /// What differs from the files at hand, which were listed and hashed by the same rules.
    #[must_use]
    pub fn differences(&self, at_hand: &[Resource]) -> Vec<Difference> {
        let signed: BTreeMap<&str, Digest> =
            self.resources.iter().map(|r| (r.name.as_str(), r.digest)).collect();
        let here: BTreeMap<&str, Digest> =
            at_hand.iter().map(|r| (r.name.as_str(), r.digest)).collect();
        let names: BTreeSet<&str> = signed.keys().chain(here.keys()).copied().collect();
        let differs = |name: &str| match (signed.get(name), here.get(name)) {
            (Some(signed), Some(here)) if signed == here => None,
            (Some(_), Some(_)) => Some(Difference::Changed(name.to_owned())),
            (Some(_), None) => Some(Difference::Missing(name.to_owned())),
            (None, _) => Some(Difference::Unsigned(name.to_owned())),
        };
        names.into_iter().filter_map(differs).collect()
    }

    /// The bytes that are signed: an in-toto statement.
    pub(crate) fn statement(&self) -> Vec<u8> {
        let mut rules = Map::new();
        let method = match self.serialization.method {
            Method::Files => "files",
            Method::Shards(size) => {
                rules.insert("shard_size".into(), size.into());
                "shards"
            }
        };
        rules.insert("method".into(), method.into());
        rules.insert("hash_type".into(), "sha256".into());
        rules.insert("allow_symlinks".into(), self.serialization.allow_symlinks.into());
        rules.insert("ignore_paths".into(), self.serialization.ignore_paths.clone().into());
        let statement = Statement {
            kind: STATEMENT.into(),
            subject: vec![Subject {
                name: self.name.clone(),
                digest: BTreeMap::from([("sha256".into(), self.root.to_string())]),
            }],
            predicate_type: PREDICATE.into(),
            predicate: Predicate {
                serialization: Value::Object(rules),
                resources: self.resources.iter().map(Listed::of).collect(),
            },
        };
        serde_json::to_vec(&statement).unwrap_or_default()
    }

    /// Reads a statement.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, SignError> {
        let statement: Statement = serde_json::from_slice(payload)
            .map_err(|_| SignError::Bundle("the payload is no statement"))?;
        if statement.kind != STATEMENT {
            return Err(SignError::Bundle("the payload is another statement than in-toto's v1"));
        }
        if statement.predicate_type != PREDICATE {
            return Err(SignError::Bundle(
                "the statement says something else than model signing v1.0",
            ));
        }
        let [subject] = statement.subject.as_slice() else {
            return Err(SignError::Bundle("the statement is not about exactly one model"));
        };
        let serialization = rules(&statement.predicate.serialization)?;
        let resources: Vec<Resource> =
            statement.predicate.resources.iter().map(Listed::resource).collect::<Result<_, _>>()?;
        check(&resources)?;
        let stated = subject.digest.get("sha256").and_then(|text| text.parse::<Digest>().ok());
        let listed = root(&resources);
        let manifest = Self::new(&subject.name, serialization, resources)?;
        // The digest is over the resources in the order of their names, or as they are listed.
        if stated != Some(manifest.root) && stated != Some(listed) {
            return Err(SignError::Bundle("the statement's digest is not that of its files"));
        }
        Ok(Self { root: stated.unwrap_or(listed), ..manifest })
    }
}

fn rules(value: &Value) -> Result<Serialization, SignError> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if text("hash_type") != Some("sha256") {
        return Err(SignError::Bundle("its files are hashed with another function than SHA-256"));
    }
    let method = match text("method") {
        Some("files") => Method::Files,
        Some("shards") => {
            let size = value.get("shard_size").and_then(Value::as_u64).filter(|&size| size > 0);
            Method::Shards(size.ok_or(SignError::Bundle("its shards have no size"))?)
        }
        _ => return Err(SignError::Bundle("its files are listed in an unknown way")),
    };
    let ignored = value.get("ignore_paths").and_then(Value::as_array).into_iter().flatten();
    let ignore_paths = ignored
        .map(|path| path.as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or(SignError::Bundle("a path that is left out is no text"))?;
    let allow_symlinks = value.get("allow_symlinks").and_then(Value::as_bool).unwrap_or(false);
    Ok(Serialization { method, allow_symlinks, ignore_paths })
}

fn check(resources: &[Resource]) -> Result<(), SignError> {
    if resources.is_empty() {
        return Err(SignError::Empty);
    }
    if resources.len() > MAX_RESOURCES {
        return Err(SignError::Files("the model has more files than are signed"));
    }
    if let Some(place) = resources.iter().position(|resource| !is_plain(&resource.name)) {
        return Err(SignError::Name(place));
    }
    let names: BTreeSet<&str> = resources.iter().map(|r| r.name.as_str()).collect();
    if names.len() != resources.len() {
        return Err(SignError::Files("a file is listed twice"));
    }
    Ok(())
}

/// Whether a name stays within the model. (A file that is a model by itself is called `.`.)
fn is_plain(name: &str) -> bool {
    let is_single = name == "." || name.starts_with(".:");
    is_single
        || name.len() <= MAX_NAME
            && !name.contains('\0')
            && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// SHA-256 over the digests, in the order given.
fn root(resources: &[Resource]) -> Digest {
    let mut context = aws_lc_rs::digest::Context::new(&SHA256);
    for resource in resources {
        context.update(resource.digest.as_bytes());
    }
    sha256_of(context.finish().as_ref())
}

pub(crate) fn sha256_of(bytes: &[u8]) -> Digest {
    let mut digest = [0; 32];
    let length = bytes.len().min(32);
    if let (Some(to), Some(from)) = (digest.get_mut(..length), bytes.get(..length)) {
        to.copy_from_slice(from);
    }
    Digest::from_bytes(digest)
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

#[derive(Serialize, Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    #[serde(default)]
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Predicate {
    serialization: Value,
    resources: Vec<Listed>,
}

#[derive(Serialize, Deserialize)]
struct Listed {
    name: String,
    algorithm: String,
    digest: String,
}

impl Listed {
    fn of(resource: &Resource) -> Self {
        let digest = resource.digest.to_string();
        Self { name: resource.name.clone(), algorithm: "sha256".into(), digest }
    }
    fn resource(&self) -> Result<Resource, SignError> {
        // Shards say in their algorithm how they were cut.
        if !self.algorithm.starts_with("sha256") {
            return Err(SignError::Bundle("a file is hashed with another function than SHA-256"));
        }
        let digest = self.digest.parse().map_err(|_| SignError::Bundle("a digest is none"))?;
        Ok(Resource { name: self.name.clone(), digest })
    }
}
