//! `plimsoll contract draft`: a first contract from the signature that MLflow stored with a version.
//! A signature knows names and types; what it cannot know stands in the draft as a question to a
//! person, and a draft with open questions does not pass `plimsoll contract check`.

use super::Context;
use crate::cli::ContractDraft;
use crate::client::query_text;
use crate::failure::Failure;
use plimsoll_contract::{CONTRACT_VERSION, Contract, Field, Kind, Limits, Mapping};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The largest `MLmodel` that is read: MLflow's own are a few KB.
const MAX_MLMODEL: usize = 1 << 20;
/// Columns of one signature; a contract has at most as many fields.
const MAX_COLUMNS: usize = 4_096;

/// The file of a version.
#[derive(Serialize)]
struct Query<'a> {
    name: &'a str,
    version: u32,
    path: &'static str,
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

/// A contract with questions, by the index of their field.
struct Draft {
    contract: Contract,
    questions: Vec<Vec<&'static str>>,
}

/// Fetches the signature and prints or writes the draft.
pub(super) fn run(context: &Context, args: &ContractDraft) -> Result<(), Failure> {
    let query = Query { name: &args.model, version: args.version, path: "MLmodel" };
    let path = format!("/model-versions/get-artifact{}", query_text(&query)?);
    let bytes = context.client()?.bytes(&path).map_err(|failure| match failure.status() {
        Some(404) => Failure::user(format!(
            "version {} of `{}` has no `MLmodel` file here, so nothing is known of its inputs",
            args.version, args.model
        ))
        .hint("`plimsoll contract infer DATA` makes a contract from rows"),
        _ => failure,
    })?;
    let draft = draft(&bytes)?;
    let text = draft.to_yaml(&args.model, args.version)?;
    match &args.output {
        Some(path) => {
            fs_err::write(path, text)?;
            context.printer.note(&format!("wrote {}", path.display()));
        }
        None if context.printer.is_json() => context.printer.json(&draft.contract)?,
        None => context.printer.data(&text)?,
    }
    context.printer.hint("answer its questions, then see `plimsoll contract check`");
    Ok(())
}

/// The draft of a model file of MLflow's.
fn draft(mlmodel: &[u8]) -> Result<Draft, Failure> {
    let text = std::str::from_utf8(mlmodel).ok().filter(|text| text.len() <= MAX_MLMODEL);
    let text =
        text.ok_or_else(|| Failure::user("the version's `MLmodel` is too large or no text"))?;
    let model: MlModel = serde_saphyr::from_str(text)
        .map_err(|_| Failure::user("the version's `MLmodel` is not what MLflow writes"))?;
    let inputs = model.signature.and_then(|signature| signature.inputs).ok_or_else(|| {
        Failure::user("the version was logged without a signature")
            .hint("log it with `signature=` or `input_example=`, or use `plimsoll contract infer`")
    })?;
    let columns: Vec<Column> = match serde_json::from_str(&inputs) {
        Ok(columns) => columns,
        Err(_) => return Err(Failure::user("the version's signature is not what MLflow writes")),
    };
    if columns.is_empty() || columns.len() > MAX_COLUMNS {
        return Err(Failure::user(format!("the signature has not 1 to {MAX_COLUMNS} inputs")));
    }
    let mut seen = HashSet::new();
    let (mut features, mut questions) = (Vec::new(), Vec::new());
    for (at, column) in columns.iter().enumerate() {
        let (field, asked) = field(at + 1, column)?;
        if !seen.insert(field.name.clone()) {
            return Err(Failure::user(format!("input {} has the name of another one", at + 1)));
        }
        features.push(field);
        questions.push(asked);
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

fn field(number: usize, column: &Column) -> Result<(Field, Vec<&'static str>), Failure> {
    const RANGE: &str = "decide: the least and greatest value that makes sense (min, max)";
    let refuse = |why: &str| Err(Failure::user(format!("input {number} of the signature {why}")));
    let (kind, asked) = match column.kind.as_str() {
        "boolean" => (Kind::Boolean, None),
        "integer" | "long" => (Kind::Integer, Some(RANGE)),
        "float" | "double" => (Kind::Number, Some(RANGE)),
        "datetime" => (Kind::Timestamp, None),
        "string" => (
            Kind::Category,
            Some(
                "decide: the allowed texts, in the order that the model was trained with (values)",
            ),
        ),
        "tensor" => {
            return refuse(
                "is a tensor: it names no columns, so no rule can be about one; log the model with \
                 a signature of named columns (a data frame), or write the contract by hand",
            );
        }
        "binary" => return refuse("is binary: a contract cannot say what is in it"),
        "object" | "array" | "map" | "sparkml_vector" | "any" => {
            return refuse("has parts of its own: send each as a column with a name");
        }
        _ => return refuse("is of a type that no contract has"),
    };
    let Some(name) = column.name.as_deref().filter(|name| !name.is_empty()) else {
        return refuse("has no name, so nothing shows that columns come in order");
    };
    let mut field = Field::new(name, kind);
    field.nullable = !column.required;
    let mut questions: Vec<_> = asked.into_iter().collect();
    questions.push("decide: whether it is personal data (class)");
    Ok((field, questions))
}

impl Draft {
    /// The contract as YAML, each question before the field that it is about.
    fn to_yaml(&self, model: &str, version: u32) -> Result<String, Failure> {
        let contract = self.contract.to_yaml().map_err(|error| Failure::user(error.to_string()))?;
        // A name with a line break must not end the comment.
        let model: String = model.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut text = format!(
            "# An input contract, drafted from the signature of version {version} of `{model}`.\n\
             # A signature knows names and types only. Answer what is asked below, and map the\n\
             # subject (`map: subjects`), so that a person's data can be erased.\n"
        );
        let mut questions = self.questions.iter();
        for line in contract.lines() {
            let bare = line.trim_start();
            if bare.starts_with("- name:") {
                let indent = " ".repeat(line.len() - bare.len());
                for question in questions.next().into_iter().flatten() {
                    text.push_str(&format!("{indent}# {question}\n"));
                }
            }
            text.push_str(line);
            text.push('\n');
        }
        Ok(text)
    }
}

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
        let golden = include_str!("../../tests/golden/contract_draft.yaml");
        assert_eq!(draft.to_yaml("credit\n", 3).expect("written"), golden);
        // Nobody can use it before the questions are answered.
        assert!(!draft.contract.check().is_empty());
    }

    #[test]
    fn what_no_contract_can_say_is_refused_with_a_reason() {
        let said =
            |inputs: &str| draft(&mlmodel(inputs)).map(drop).expect_err("refused").to_string();
        let tensor =
            r#"[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}]"#;
        assert!(said(tensor).contains("input 1 of the signature is a tensor"), "{}", said(tensor));
        for inputs in [
            "[]",
            "{}",
            "nothing",
            r#"[{"type": "double"}]"#,
            r#"[{"type": "binary", "name": "a"}]"#,
            r#"[{"type": "array", "name": "a"}]"#,
            r#"[{"type": "long", "name": "a"}, {"type": "long", "name": "a"}]"#,
        ] {
            said(inputs);
        }
        assert!(draft(b"flavors: {}\n").is_err());
        assert!(draft(&[0xff]).is_err());
    }
}
