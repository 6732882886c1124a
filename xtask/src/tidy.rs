//! What no compiler checks: headers, words, manifests, lengths, links and licences.

use crate::licences;
use crate::workspace::{Workspace, XtaskError};
use std::path::Path;

/// The longest source file. Longer ones are fine when they are one list or one machine, and
/// then say so in a line of their head that begins with [`LONG`].
const MAX_LINES: usize = 1_200;
const LONG: &str = "//! Long because ";

/// Words that say "not done". Cut in two, so that this file has none of them.
const UNDONE: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
/// Beginnings of paths that exist only on one person's machine.
const HOMES: &[&str] = &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

/// Endings of the files whose text is ours.
const TEXTS: &[&str] = &[
    "rs",
    "toml",
    "md",
    "py",
    "lua",
    "sh",
    "yaml",
    "yml",
    "cedar",
    "cedarschema",
    "cddl",
    "sql",
    "service",
    "txt",
];
/// Texts that are not ours: golden files and what others wrote.
const NOT_OURS: &[&str] = &["LICENSE", "Cargo.lock", "tests/golden/", "fuzz/corpus/"];

/// Everything that is untidy.
///
/// # Errors
/// If files or cargo cannot be read.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>, XtaskError> {
    let mut findings = Vec::new();
    for path in workspace.files()?.iter().filter(|path| is_ours(path)) {
        let text = workspace.read(path)?;
        findings.extend(words(path, &text));
        if path.ends_with(".rs") {
            findings.extend(source(path, &text));
        } else if path.ends_with("Cargo.toml") && path != "Cargo.toml" && !is_a_workspace(&text) {
            findings.extend(manifest(path, &text));
        } else if path.ends_with(".md") {
            findings.extend(links(workspace, path, &text));
        }
    }
    findings.extend(licences::check(workspace, &workspace.metadata()?)?);
    Ok(findings)
}

/// Whether a manifest is of a workspace of its own: a yardstick that is built beside ours.
fn is_a_workspace(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[workspace]")
}

fn is_ours(path: &str) -> bool {
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
    let named = path.ends_with("Makefile") || path.ends_with("Containerfile") || path == ".ci/run";
    let text = named || ending.is_some_and(|ending| TEXTS.contains(&ending));
    text && !NOT_OURS.iter().any(|part| path.contains(part))
}

fn words(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{path}:{}", number + 1);
        let mut tokens = line.split(|c: char| !c.is_ascii_alphanumeric());
        if let Some(word) = tokens.find(|token| UNDONE.contains(token)) {
            findings.push(format!(
                "{place}: `{word}` is not a state to commit; do it or write an issue"
            ));
        }
        if let Some(home) = HOMES.iter().find(|home| line.contains(**home)) {
            findings.push(format!("{place}: a path under {home} exists on one machine only"));
        }
    }
    findings
}

fn source(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if !text.starts_with("//! ") {
        findings.push(format!("{path}: must begin with `//! ` and what the file is for"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !text.lines().any(|line| line.starts_with(LONG)) {
        findings.push(format!("{path}: has {lines} lines; cut it, or say `{LONG}…` in its head"));
    }
    findings
}

/// Lints and versions are the workspace's.
fn manifest(path: &str, text: &str) -> Vec<String> {
    let Ok(manifest) = text.parse::<toml::Table>() else {
        return vec![format!("{path}: is not TOML")];
    };
    let mut findings = Vec::new();
    let is_shared = |value: Option<&toml::Value>| {
        value.and_then(|value| value.get("workspace")) == Some(&toml::Value::Boolean(true))
    };
    if !is_shared(manifest.get("lints")) {
        findings.push(format!("{path}: must have `[lints] workspace = true`"));
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(deps) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
        for (name, _) in deps.iter().filter(|(_, value)| !is_shared(Some(value))) {
            findings.push(format!("{path}: `{name}` must be `{name}.workspace = true`"));
        }
    }
    findings
}

/// Links to files of the repository must lead somewhere.
fn links(workspace: &Workspace, path: &str, text: &str) -> Vec<String> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let leads = |target: &&str| workspace.root.join(folder).join(target).exists();
    targets(text)
        .filter(|target| !leads(target))
        .map(|target| format!("{path}: the link to `{target}` leads nowhere"))
        .collect()
}

/// Targets of inline links that are files: without scheme, anchor or code around them.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    let outside_code = move |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    };
    text.lines()
        .filter(outside_code)
        .flat_map(|line| {
            // Odd pieces stand between backticks.
            let plain = line.split('`').step_by(2);
            plain.flat_map(|piece| {
                let ends = piece.split("](").skip(1);
                ends.filter_map(|rest| rest.split_once([')', ' ']).map(|(target, _)| target))
            })
        })
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_not_done() {
        let text = format!("fine\n// {}: later\nlet a = \"{}me/x\";", UNDONE[0], HOMES[0]);
        let found = words("a.rs", &text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("a.rs:2") && found[1].starts_with("a.rs:3"), "{found:?}");
        assert_eq!(words("a.rs", "a mastodon and /homes"), [""; 0]);
    }

    #[test]
    fn sources_have_a_head_and_an_end() {
        assert_eq!(source("a.rs", "//! What it is for.\n"), [""; 0]);
        assert_eq!(source("a.rs", "use std::fmt;\n").len(), 1);
        let long = format!("//! A list.\n{}", "x\n".repeat(MAX_LINES));
        assert_eq!(source("a.rs", &long).len(), 1);
        assert_eq!(source("a.rs", &format!("//! A.\n{LONG}it is one list.\n{long}")), [""; 0]);
    }

    #[test]
    fn manifests_share_lints_and_versions() {
        let good = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";
        assert_eq!(manifest("Cargo.toml", good), [""; 0]);
        let bad = "[dependencies]\nserde = \"1\"\n";
        assert_eq!(manifest("Cargo.toml", bad).len(), 2);
        assert!(is_a_workspace("[package]\n[workspace]\n") && !is_a_workspace(good));
    }

    #[test]
    fn targets_are_files_only() {
        let text = "[a](b.md) and [c](d.md#e), [f](https://g), [h](#i), `[j](k)`\n\
                    ```\n[l](m)\n```\n![n](o.svg \"title\")";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["b.md", "d.md", "o.svg"]);
    }
}
