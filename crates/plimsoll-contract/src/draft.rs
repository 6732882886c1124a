//! A first contract from the signature that MLflow stores with a model.
//!
//! A signature knows names and types; what it cannot know stands in the draft as a question to a
//! person, and a draft with open questions does not pass [`Contract::check`]. This file must not
//! know where the model file came from.

use crate::contract::{
    CONTRACT_VERSION, Contract, ContractError, Field, Kind, Limits, MAX_DOCUMENT_BYTES, Mapping,
};
use serde::Deserialize;
use std::collections::HashSet;

/// The largest model file that is read, in bytes: MLflow's own are a few KB.
pub const MAX_MLMODEL_BYTES: usize = 1 << 20;
/// Columns of one signature. A contract has at most as many fields.
const MAX_COLUMNS: usize = 4_096;

/// A contract with open questions.
#[derive(Clone, PartialEq, Debug)]
pub struct Draft {
    /// The contract, as far as the signature says it.
    pub contract: Contract,
    /// What a person must decide, in the order of the features.
    pub questions: Vec<Question>,
}

/// What a signature does not know of a feature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// The index of the feature, from 0.
    pub feature: usize,
    /// What to decide, and which member of the field says it.
    pub asks: &'static str,
}

/// Why there is no draft.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DraftError {
    /// The file is none of MLflow's.
    #[error("the version's `MLmodel` is not what MLflow writes")]
    Malformed,
    /// The model says nothing of its inputs.
    #[error(
        "the version was logged without a signature; log it with `signature=` or `input_example=`, \
         or infer a contract from rows"
    )]
    NoSignature,
    /// The signature is not of a kind that is understood.
    #[error("the version's signature is not what MLflow writes")]
    Signature,
    /// Too many inputs, or none.
    #[error("the signature has not 1 to {MAX_COLUMNS} inputs")]
    Count,
    /// An input that no contract can say.
    #[error("input {number} of the signature {why}")]
    Input {
        /// Its number, from 1.
        number: usize,
        /// What is with it.
        why: &'static str,
    },
}

/// What is read of `MLmodel`.
#[derive(Deserialize)]
struct MlModel {
    #[serde(default)]
    signature: Option<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    #[serde(default)]
    inputs: Option<String>,
}

/// One column, as MLflow writes its schemas (`mlflow.types.schema.ColSpec`).
#[derive(Deserialize)]
struct Column {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default = "yes")]
    required: bool,
}

const fn yes() -> bool {
    true
}

/// Drafts a contract from the bytes of MLflow's `MLmodel` file.
///
/// # Errors
/// [`DraftError`], with what keeps the signature from being a contract.
pub fn draft(mlmodel: &[u8]) -> Result<Draft, DraftError> {
    let text = std::str::from_utf8(mlmodel).map_err(|_| DraftError::Malformed)?;
    if text.len() > MAX_MLMODEL_BYTES {
        return Err(DraftError::Malformed);
    }
    let model: MlModel = serde_saphyr::from_str(text).map_err(|_| DraftError::Malformed)?;
    let inputs = model.signature.and_then(|signature| signature.inputs);
    let inputs = inputs.ok_or(DraftError::NoSignature)?;
    let columns: Vec<Column> = serde_json::from_str(&inputs).map_err(|_| DraftError::Signature)?;
    if columns.is_empty() || columns.len() > MAX_COLUMNS {
        return Err(DraftError::Count);
    }
    let mut seen = HashSet::new();
    let (mut features, mut questions) = (Vec::new(), Vec::new());
    for (at, column) in columns.iter().enumerate() {
        let number = at + 1;
        let (field, asked) = field(column).map_err(|why| DraftError::Input { number, why })?;
        if !seen.insert(field.name.clone()) {
            return Err(DraftError::Input { number, why: "has the name of another one" });
        }
        features.push(field);
        questions.extend(asked.into_iter().map(|asks| Question { feature: at, asks }));
    }
    let contract = Contract {
        version: CONTRACT_VERSION,
        features,
        context: Vec::new(),
        matrix: None,
        map: Mapping::default(),
        limits: Limits::default(),
    };
    Ok(Draft { contract, questions })
}

/// A field and what is asked about it, or why there is none.
fn field(column: &Column) -> Result<(Field, Vec<&'static str>), &'static str> {
    const RANGE: &str = "decide: the least and greatest value that makes sense (min, max)";
    const TEXTS: &str =
        "decide: the allowed texts, in the order that the model was trained with (values)";
    let (kind, asked) = match column.kind.as_str() {
        "boolean" => (Kind::Boolean, None),
        "integer" | "long" => (Kind::Integer, Some(RANGE)),
        "float" | "double" => (Kind::Number, Some(RANGE)),
        "datetime" => (Kind::Timestamp, None),
        "string" => (Kind::Category, Some(TEXTS)),
        "tensor" => {
            return Err(
                "is a tensor: it names no columns, so no rule can be about one; log the model with \
                 a signature of named columns (a data frame), or write the contract by hand",
            );
        }
        "binary" => return Err("is binary: a contract cannot say what is in it"),
        "object" | "array" | "map" | "sparkml_vector" | "any" => {
            return Err("has parts of its own: send each as a column with a name");
        }
        _ => return Err("is of a type that no contract has"),
    };
    let Some(name) = column.name.as_deref().filter(|name| !name.is_empty()) else {
        return Err("has no name, so nothing shows that columns come in order");
    };
    let mut field = Field::new(name, kind);
    field.nullable = !column.required;
    let mut questions: Vec<_> = asked.into_iter().collect();
    questions.push("decide: whether it is personal data (class)");
    Ok((field, questions))
}

impl Draft {
    /// The contract as YAML, each question before the field that it is about.
    ///
    /// # Errors
    /// As [`Contract::to_yaml`].
    pub fn to_yaml(&self, model: &str, version: u32) -> Result<String, ContractError> {
        let contract = self.contract.to_yaml()?;
        // A name with a line break must not end the comment.
        let model: String = model.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut text = format!(
            "# An input contract, drafted from the signature of version {version} of `{model}`.\n\
             # A signature knows names and types only. Answer what is asked below, and map the\n\
             # subject (`map: subjects`), so that a person's data can be erased.\n"
        );
        let mut feature = 0;
        for line in contract.lines() {
            let bare = line.trim_start();
            if bare.starts_with("- name:") {
                let indent = " ".repeat(line.len() - bare.len());
                for question in self.questions.iter().filter(|q| q.feature == feature) {
                    text.push_str(&format!("{indent}# {}\n", question.asks));
                }
                feature += 1;
            }
            text.push_str(line);
            text.push('\n');
        }
        Ok(text)
    }
}

const _: () = assert!(MAX_MLMODEL_BYTES <= MAX_DOCUMENT_BYTES, "a draft is stored as a contract");

#[cfg(test)]
mod tests {
    use super::*;

    fn mlmodel(inputs: &str) -> Vec<u8> {
        format!(
            "artifact_path: model\nflavors:\n  python_function: {{loader_module: mlflow.sklearn}}\n\
             signature:\n  inputs: '{inputs}'\n  outputs: '[]'\n  params: null\n"
        )
        .into_bytes()
    }

    #[test]
    fn a_draft_asks_what_a_signature_does_not_know() {
        let inputs = r#"[{"type": "double", "name": "income", "required": true},
            {"type": "long", "name": "age", "required": false},
            {"type": "string", "name": "home", "required": true},
            {"type": "boolean", "name": "existing", "required": true},
            {"type": "datetime", "name": "applied_at", "required": true}]"#;
        let draft = draft(&mlmodel(&inputs.replace('\n', ""))).expect("a draft");
        let golden = include_str!("../tests/golden/contract_draft.yaml");
        assert_eq!(draft.to_yaml("credit\n", 3).expect("written"), golden);
        let asked = |feature| draft.questions.iter().filter(|q| q.feature == feature).count();
        assert_eq!([0, 1, 2, 3, 4].map(asked), [2, 2, 2, 1, 1]);
        // Nobody can use it before the questions are answered.
        assert!(!draft.contract.check().is_empty());
    }

    #[test]
    fn what_no_contract_can_say_is_refused_with_a_reason() {
        let said = |inputs: &str| draft(&mlmodel(inputs)).expect_err("refused");
        let tensor =
            r#"[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}]"#;
        let text = said(tensor).to_string();
        assert!(text.contains("input 1 of the signature is a tensor"), "{text}");
        for (inputs, number) in [
            (r#"[{"type": "double"}]"#, 1),
            (r#"[{"type": "binary", "name": "a"}]"#, 1),
            (r#"[{"type": "array", "name": "a"}]"#, 1),
            (r#"[{"type": "long", "name": "a"}, {"type": "long", "name": "a"}]"#, 2),
        ] {
            let error = said(inputs);
            assert!(matches!(error, DraftError::Input { number: n, .. } if n == number), "{error}");
        }
        assert_eq!(said("[]"), DraftError::Count);
        assert_eq!(said("{}"), DraftError::Signature);
        assert_eq!(draft(b"flavors: {}\n"), Err(DraftError::NoSignature));
        assert_eq!(draft(&[0xff]), Err(DraftError::Malformed));
        assert_eq!(draft(&vec![b' '; MAX_MLMODEL_BYTES + 1]), Err(DraftError::Malformed));
    }
}
