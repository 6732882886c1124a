//! How a model version was made, as an in-toto statement v1 with SLSA's provenance v1
//! (<https://slsa.dev/spec/v1.0/provenance>). Signing it is another's business.

use plimsoll_types::Digest;
use serde_json::{Map, Value, json};

/// The type of an in-toto statement.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The type of SLSA's predicate.
pub const SLSA_PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// How versions are made here: by a run that somebody tracked, registered with its files.
const BUILD_TYPE: &str =
    "https://github.com/plimsoll/plimsoll/blob/main/docs/lineage.md#provenance";

/// Something a version was made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Material {
    /// Which: an address.
    pub uri: String,
    /// Name of the digest, and its text: `sha256`, `gitCommit`, `md5`.
    pub digest: Vec<(&'static str, String)>,
}

/// What is known of how a version was made.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Provenance {
    /// The files of the version: path and SHA-256.
    pub files: Vec<(String, Digest)>,
    /// Who registered it: an address of this installation.
    pub builder: String,
    /// The run that made it, if one is known.
    pub run: Option<String>,
    /// When it began and ended, in RFC 3339.
    pub started: Option<String>,
    /// See `started`.
    pub ended: Option<String>,
    /// What somebody chose: parameters, the command, the commit asked for.
    pub external: Map<String, Value>,
    /// What the place where it ran brought: machine, environment.
    pub internal: Map<String, Value>,
    /// What it was made from.
    pub materials: Vec<Material>,
}

/// The statement. The same facts give the same bytes.
#[must_use]
pub fn statement(of: &Provenance) -> Value {
    let subject: Vec<Value> = of
        .files
        .iter()
        .map(|(name, digest)| json!({"name": name, "digest": {"sha256": digest}}))
        .collect();
    let material = |material: &Material| {
        let digest: Map<String, Value> = material
            .digest
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_str().into()))
            .collect();
        json!({"uri": material.uri, "digest": digest})
    };
    let mut metadata = Map::new();
    let mut put = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            metadata.insert(name.into(), value.as_str().into());
        }
    };
    put("invocationId", &of.run);
    put("startedOn", &of.started);
    put("finishedOn", &of.ended);
    json!({
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": SLSA_PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": of.external,
                "internalParameters": of.internal,
                "resolvedDependencies": of.materials.iter().map(material).collect::<Vec<_>>(),
            },
            "runDetails": {"builder": {"id": of.builder}, "metadata": metadata},
        },
    })
}
