//! What the demo brings along: two models, their contracts and their requests, embedded so that
//! the binary alone can show itself. How they were made is in `demo/README.md`.

use plimsoll_api::{Explain, FileRole};
use plimsoll_types::record::Mode;

/// A file of `demo/`.
macro_rules! file {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/", $path))
    };
}

/// A file of a model version.
#[derive(Debug)]
pub(super) struct Embedded {
    pub(super) path: &'static str,
    pub(super) role: FileRole,
    pub(super) text: &'static str,
}

/// A model with all that it takes to serve it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) model: &'static str,
    pub(super) description: &'static str,
    pub(super) deployment: &'static str,
    pub(super) mode: Mode,
    pub(super) files: [Embedded; 3],
    /// The input contract, YAML.
    pub(super) contract: &'static str,
    /// When its answers are explained.
    pub(super) explain: Explain,
    /// What persons are told, YAML.
    pub(super) profile: Option<&'static str>,
    /// Bodies of good requests, one per line.
    pub(super) requests: &'static str,
}

/// Credit applications: the data is generated, the population moves from line to line.
pub(super) const CREDIT: Case = Case {
    model: "credit",
    description: "probability that a loan defaults within a year",
    deployment: "credit-default",
    mode: Mode::Durable,
    files: [
        Embedded { path: "model.json", role: FileRole::Model, text: file!("credit/model.json") },
        Embedded {
            path: "contract.yaml",
            role: FileRole::Contract,
            text: file!("credit/contract.yaml"),
        },
        Embedded {
            path: "provenance.json",
            role: FileRole::Metadata,
            text: file!("credit/provenance.json"),
        },
    ],
    contract: file!("credit/contract.yaml"),
    explain: Explain::Inline,
    profile: Some(file!("credit/explain-profile.yaml")),
    requests: file!("credit/requests.jsonl"),
};

/// Breast cancer: the data is scikit-learn's, nobody here made it.
pub(super) const CANCER: Case = Case {
    model: "cancer",
    description: "probability that a sample of breast tissue is malignant",
    deployment: "breast-cancer",
    mode: Mode::Strict,
    files: [
        Embedded { path: "model.json", role: FileRole::Model, text: file!("cancer/model.json") },
        Embedded {
            path: "contract.yaml",
            role: FileRole::Contract,
            text: file!("cancer/contract.yaml"),
        },
        Embedded {
            path: "provenance.json",
            role: FileRole::Metadata,
            text: file!("cancer/provenance.json"),
        },
    ],
    contract: file!("cancer/contract.yaml"),
    explain: Explain::Deferred,
    profile: None,
    requests: file!("cancer/requests.jsonl"),
};

/// What must be refused, one JSON object per line, its `body` a text.
pub(super) const REFUSED: &str = file!("credit/refused.jsonl");
