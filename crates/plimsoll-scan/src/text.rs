//! Texts beside models: YAML with Python in it, templates, requirements, notebooks, secrets.
//!
//! A secret is never shown: a finding says where it is, and what kind.

use crate::finding::Rule;
use crate::reader::find;
use crate::scan::{Place, Scan, shown};
use serde_json::Value;

/// Bytes of a text that are searched for secrets; larger ones are vocabularies and data.
const MAX_SEARCHED: usize = 1 << 20;
/// Bytes at the beginning that tell whether something is text.
const LOOKED_AT: usize = 64 << 10;

/// Whether this is text: UTF-8 without control characters but those of lines.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let is_plain = |byte: &u8| *byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t' | 0x0c | 0x1b);
    let begin = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    begin.iter().all(is_plain) && std::str::from_utf8(bytes).is_ok()
}

/// Looks at a text by what its name claims; secrets are looked for in all.
pub(crate) fn scan(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if bytes.starts_with(b"#!") {
        let why = "it is a script that a shell runs";
        scan.find(Rule::Executable, place, 0, why);
    }
    secrets(scan, place, bytes);
    let name = place.file_name();
    let is_yaml = name == "mlmodel" || place.has_ending(&[".yaml", ".yml"]);
    if is_yaml {
        yaml(scan, place, &text);
    }
    if is_yaml || name.starts_with("requirements") {
        requirements(scan, place, &text);
    }
    if place.has_ending(&[".jinja", ".jinja2", ".j2"]) {
        template(scan, place, 0, &text);
    }
}

/// Tags that PyYAML's unsafe loaders turn into objects, and MLflow's loaders of other packages.
fn yaml(scan: &mut Scan, place: &Place, text: &str) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let lower = line.to_ascii_lowercase();
        let has_tag = ["!!python/", "!python/", "yaml.org,2002:python/", "!!java", "!ruby/"]
            .iter()
            .any(|tag| lower.contains(tag));
        if has_tag
            || lower.contains("!<tag:yaml.org,2002:python")
            || lower.starts_with("%tag") && lower.contains("python")
        {
            scan.find(Rule::YamlObject, place, at, "a tag constructs an object of a program");
        }
        if let Some(module) = lower.trim().strip_prefix("loader_module:") {
            let module = module.trim().trim_matches(['"', '\'']);
            if !module.starts_with("mlflow.") && module != "mlflow" {
                let why = format!("its loader is the module `{}`", shown(module));
                scan.find(Rule::RemoteCode, place, at, why);
            }
        }
        at += line.len();
    }
}

/// Requirements that are not released packages of the default index.
fn requirements(scan: &mut Scan, place: &Place, text: &str) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let plain = line.trim().trim_start_matches("- ");
        let is_elsewhere =
            ["--index-url", "--extra-index-url", "-i ", "--find-links", "git+", "--trusted-host"]
                .iter()
                .any(|mark| plain.starts_with(mark))
                || plain.contains(" @ ")
                || plain.contains("git+")
                || plain.starts_with("http://")
                || plain.starts_with("https://");
        if is_elsewhere {
            let why = "a requirement comes from elsewhere than the default index";
            scan.find(Rule::RequirementSource, place, at, why);
        }
        at += line.len();
    }
}

/// Bytes of a template: those of models have some thousand.
const MAX_TEMPLATE: usize = 256 << 10;

/// What a template needs to leave its sandbox, in any spelling that Jinja reads.
pub(crate) fn template(scan: &mut Scan, place: &Place, at: usize, template: &str) {
    const REACHES: &[&str] = &[
        "__",
        "\\x5f",
        "\\u005f",
        "|attr",
        "| attr",
        "attr(",
        ".mro",
        "globals",
        "getattr",
        "import ",
        "popen",
        "subprocess",
        "os.system",
        "builtins",
        "eval(",
        "exec(",
        "lipsum",
        "cycler",
        "joiner",
        "self.",
        "request.",
        "config.",
        "{% include",
        "{%- include",
        "format_map",
        ".format(",
    ];
    if template.len() > MAX_TEMPLATE {
        return scan.find(Rule::Limit, place, at, "its template is longer than any");
    }
    let lower = template.to_ascii_lowercase();
    // Only what is within the marks is run.
    let code: String = code_of(&lower);
    if let Some(reach) = REACHES.iter().find(|reach| code.contains(**reach)) {
        let why = format!("its template uses `{}`", shown(reach.trim()));
        scan.find(Rule::TemplateInjection, place, at, why);
    }
}

/// What stands between `{{` and `}}`, `{%` and `%}`.
fn code_of(template: &str) -> String {
    let mut code = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let Some(inner) = rest.get(at..) else { break };
        let close = if inner.starts_with("{{") { "}}" } else { "%}" };
        let end = inner.find(close).unwrap_or(inner.len());
        code.push_str(inner.get(..end).unwrap_or_default());
        code.push('\n');
        rest = inner.get(end..).unwrap_or_default();
    }
    code
}

/// Looks for secrets in the cells and outputs of a notebook.
pub(crate) fn notebook(scan: &mut Scan, place: &Place, notebook: &Value) {
    let cells = notebook.get("cells").and_then(Value::as_array).into_iter().flatten();
    for (number, cell) in cells.enumerate() {
        let mut text = String::new();
        strings(cell, &mut text);
        let inner = place.member(&format!("cell {}", number + 1));
        secrets(scan, &inner, text.as_bytes());
    }
}

fn strings(value: &Value, text: &mut String) {
    match value {
        Value::String(part) => text.push_str(part),
        Value::Array(items) => items.iter().for_each(|item| strings(item, text)),
        Value::Object(items) => {
            for item in items.values() {
                strings(item, text);
                text.push('\n');
            }
        }
        _ => {}
    }
}

/// What a token begins with, how many letters follow at least, and whose it is.
const TOKENS: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "a key of AWS"),
    ("ASIA", 16, "a key of AWS"),
    ("ghp_", 36, "a token of GitHub"),
    ("gho_", 36, "a token of GitHub"),
    ("ghs_", 36, "a token of GitHub"),
    ("github_pat_", 40, "a token of GitHub"),
    ("glpat-", 20, "a token of GitLab"),
    ("hf_", 30, "a token of Hugging Face"),
    ("sk-ant-", 40, "a key of Anthropic"),
    ("sk-proj-", 40, "a key of OpenAI"),
    ("xoxb-", 20, "a token of Slack"),
    ("xoxp-", 20, "a token of Slack"),
    ("AIza", 35, "a key of Google"),
    ("dapi", 32, "a token of Databricks"),
    ("npm_", 36, "a token of npm"),
    ("pypi-AgEI", 40, "a token of PyPI"),
];

/// Names that a secret is given to.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret_key",
    "secret_access_key",
    "api_key",
    "apikey",
    "access_token",
    "auth_token",
];

/// Looks for secrets in a text.
pub(crate) fn secrets(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let bytes = bytes.get(..MAX_SEARCHED).unwrap_or(bytes);
    for header in [
        &b"-----BEGIN PRIVATE KEY"[..],
        b"-----BEGIN RSA PRIVATE KEY",
        b"-----BEGIN EC PRIVATE KEY",
        b"-----BEGIN OPENSSH PRIVATE KEY",
    ] {
        if let Some(at) = find(bytes, header) {
            scan.find(Rule::Secret, place, at, "it holds a private key");
        }
    }
    for &(prefix, letters, words) in TOKENS {
        let mut from = 0;
        while let Some(step) = bytes.get(from..).and_then(|rest| find(rest, prefix.as_bytes())) {
            let at = from + step;
            from = at + prefix.len();
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let is_word = before.is_some_and(u8::is_ascii_alphanumeric);
            let run = bytes.get(from..).unwrap_or_default().iter();
            let run =
                run.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
            if !is_word && run >= letters {
                scan.find(Rule::Secret, place, at, format!("it holds {words}"));
            }
        }
    }
    assigned(scan, place, bytes);
}

/// `password = "…"` with a value that is no placeholder.
fn assigned(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let mut at = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let lower = text.to_ascii_lowercase();
        for name in NAMES {
            let Some(found) = lower.find(name) else { continue };
            let after = text.get(found + name.len()..).unwrap_or_default();
            let after = after.trim_start_matches(['"', '\'']).trim_start();
            let Some(value) = after.strip_prefix(['=', ':']) else { continue };
            let value = value.trim_start();
            let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
                continue;
            };
            let value =
                value.get(1..).and_then(|rest| rest.split(quote).next()).unwrap_or_default();
            let is_placeholder = value.len() < 8
                || value.contains(['<', '{', '$', ' ', '*'])
                || value.to_ascii_lowercase().contains("your")
                || value.to_ascii_lowercase().contains("example");
            if !is_placeholder {
                scan.find(Rule::Secret, place, at + found, format!("it gives a value to `{name}`"));
            }
        }
        at += line.len();
    }
}
