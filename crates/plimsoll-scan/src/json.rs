//! JSON beside and within models: Keras' descriptions, skops' schemas, settings that load code,
//! chat templates, notebooks.

use crate::finding::Rule;
use crate::pickle::{Verdict, judge};
use crate::reader::find;
use crate::scan::{Place, Scan, shown};
use crate::text;
use serde_json::{Map, Value};

/// Bytes of JSON that is read as a tree, which takes some ten times as much memory.
const MAX_TREE: usize = 32 << 20;
/// Words for which even a larger file must be read.
const TELLING: [&[u8]; 6] = [
    b"\"class_name\"",
    b"\"__module__\"",
    b"\"auto_map\"",
    b"chat_template",
    b"trust_remote_code",
    b"\"cells\"",
];

fn is_telling(bytes: &[u8]) -> bool {
    TELLING.iter().any(|word| find(bytes, word).is_some())
}

/// Looks at a JSON file.
pub(crate) fn scan(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    if bytes.len() > MAX_TREE {
        if is_telling(bytes) {
            scan.find(Rule::Limit, place, 0, "it is too large, and may describe code");
        }
        return;
    }
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        // XGBoost writes numbers that JSON does not know; only what may describe code matters.
        if place.has_ending(&[".ipynb"]) || is_telling(bytes) {
            scan.find(Rule::Unreadable, place, 0, "it is no JSON, and may describe code");
        }
        return text::scan(scan, place, bytes);
    };
    let is_notebook = value.get("cells").is_some_and(Value::is_array);
    if is_notebook || place.has_ending(&[".ipynb"]) {
        return text::notebook(scan, place, &value);
    }
    text::secrets(scan, place, bytes);
    if find(bytes, b"\"class_name\"").is_some() {
        keras(scan, place, 0, &value);
    }
    if find(bytes, b"\"__module__\"").is_some() {
        skops(scan, place, &value);
    }
    settings(scan, place, &value);
}

/// Calls `look` for every object within.
fn objects(value: &Value, look: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            look(object);
            object.values().for_each(|value| objects(value, look));
        }
        Value::Array(items) => items.iter().for_each(|value| objects(value, look)),
        _ => {}
    }
}

/// Keras' packages that hold nothing but layers and their parts.
const KERAS: &[&str] = &[
    "activations",
    "applications",
    "constraints",
    "dtype_policies",
    "engine",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "backend",
];
/// Functions that Keras names by a word.
const FUNCTIONS: &[&str] = &[
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "leaky_relu",
    "linear",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
    "log_softmax",
    "mse",
    "mae",
    "mape",
    "msle",
    "mean_squared_error",
    "mean_absolute_error",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_accuracy",
    "binary_accuracy",
    "sparse_categorical_accuracy",
    "accuracy",
    "huber",
    "hinge",
    "poisson",
    "kl_divergence",
    "cosine_similarity",
    "log_cosh",
    "squared_hinge",
];
/// Layers that run what is stored with them.
const CODE: &[&str] = &[
    "Lambda",
    "__lambda__",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "TFSMLayer",
    "TFOpLambda",
    "SlicingOpLambda",
];

/// Judges every type that a description names (`keras.saving.serialization_lib`).
pub(crate) fn keras(scan: &mut Scan, place: &Place, at: usize, value: &Value) {
    let mut found = Vec::new();
    objects(value, &mut |object| {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let Some(class) = text("class_name") else { return };
        let module = text("module");
        let registered = text("registered_name");
        if CODE.contains(&class) || registered.is_some_and(|name| CODE.contains(&name)) {
            found.push((Rule::KerasCode, format!("it holds the code of a `{}`", shown(class))));
        } else if class == "function" || class == "class" {
            let name = text("config").unwrap_or_default();
            if !FUNCTIONS.contains(&name) || !matches!(module, Some("builtins") | None) {
                let why = format!("it names the function `{}`", shown(name));
                found.push((Rule::KerasCode, why));
            }
        } else if class.contains('>') || module.is_some_and(|module| !is_keras(module)) {
            let why = format!("it names the type `{}` of elsewhere", shown(class));
            found.push((Rule::KerasUnknownType, why));
        }
    });
    for (rule, why) in found {
        scan.find(rule, place, at, why);
    }
}

fn is_keras(module: &str) -> bool {
    let mut parts = module.split('.');
    let root = parts.next().unwrap_or_default();
    let mut family = parts.next();
    if family == Some("src") {
        family = parts.next();
    }
    match root {
        "keras" | "tf_keras" => family.is_none_or(|family| KERAS.contains(&family)),
        // Tuples, slices and types of numbers.
        "builtins" => true,
        _ => false,
    }
}

/// Judges every type and function that a schema of skops names, as a pickle's imports.
fn skops(scan: &mut Scan, place: &Place, value: &Value) {
    let mut names = Vec::new();
    objects(value, &mut |object| {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        if object.contains_key("__module__") {
            names.push((text("__module__").to_owned(), text("__class__").to_owned()));
        }
        if object.contains_key("module_path") {
            names.push((text("module_path").to_owned(), text("function").to_owned()));
        }
    });
    for (module, name) in names {
        // What skops itself writes down of plain values.
        let is_plain = matches!(
            (module.as_str(), name.as_str()),
            ("builtins", "function" | "type" | "NoneType") | ("types", "FunctionType")
        );
        let rule = match judge(&module, &name) {
            _ if is_plain => continue,
            Verdict::Allowed => continue,
            Verdict::Unknown => Rule::PickleUnknownImport,
            Verdict::Dangerous => Rule::PickleDangerousImport,
        };
        let name = shown(&format!("{module}.{name}"));
        scan.find(rule, place, 0, format!("it names the type `{name}`"));
    }
}

/// Settings of model hubs that fetch or run code.
fn settings(scan: &mut Scan, place: &Place, value: &Value) {
    let mut remote = Vec::new();
    let mut templates = Vec::new();
    objects(value, &mut |object| {
        let is_on = |key: &str| object.get(key).is_some_and(|value| value != &Value::Bool(false));
        remote.extend(["auto_map", "trust_remote_code"].into_iter().filter(|key| is_on(key)));
        for key in ["chat_template", "template"] {
            match object.get(key) {
                Some(Value::String(template)) => templates.push(template.clone()),
                Some(list) => objects(list, &mut |object| {
                    let template = object.get("template").and_then(Value::as_str);
                    templates.extend(template.map(str::to_owned));
                }),
                None => {}
            }
        }
    });
    for key in remote {
        scan.find(Rule::RemoteCode, place, 0, format!("its setting `{key}` has code loaded"));
    }
    for template in templates {
        text::template(scan, place, 0, &template);
    }
}
