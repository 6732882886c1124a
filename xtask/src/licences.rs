//! Whether the licence of every package is one of those `deny.toml` allows, and no package is one
//! that it bans, so that the check needs neither a network nor another tool. It reads SPDX
//! expressions (SPDX 2.3, annex D).

use crate::workspace::{Metadata, Workspace, XtaskError};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

const SETTINGS: &str = "deny.toml";

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// Every package whose licence is not allowed, every allowed licence that nothing has, and every
/// banned package that is built.
///
/// # Errors
/// If `deny.toml` cannot be read, or cargo cannot say what is built.
pub(crate) fn check(workspace: &Workspace, metadata: &Metadata) -> Result<Vec<String>, XtaskError> {
    let text = workspace.read(SETTINGS)?;
    let deny: Deny = toml::from_str(&text)
        .map_err(|error| XtaskError::Settings { file: SETTINGS, reason: error.to_string() })?;
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let licence = package.license.as_deref().unwrap_or("none");
        if !is_allowed(licence, &deny.licenses.allow) {
            let (name, version) = (&package.name, &package.version);
            findings.push(format!(
                "{name} {version} has the licence `{licence}`, which {SETTINGS} does not allow"
            ));
        }
    }
    for licence in &deny.licenses.allow {
        let mut all = metadata.packages.iter().filter_map(|package| package.license.as_ref());
        if !all.any(|expression| expression.contains(licence.as_str())) {
            findings.push(format!("{SETTINGS} allows `{licence}`, which no package has"));
        }
    }
    findings.extend(banned(&deny.bans.deny, &built(workspace)?));
    Ok(findings)
}

/// The names of all packages that are built. The resolution in cargo's metadata is no answer: it
/// also has optional packages that a weak feature (`ring?/std`) only mentions.
fn built(workspace: &Workspace) -> Result<BTreeSet<String>, XtaskError> {
    let args = "tree --workspace --locked --edges normal,build --prefix none --format {p}";
    let text = workspace.output(Path::new("cargo"), &args.split(' ').collect::<Vec<_>>())?;
    Ok(text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

fn banned(bans: &[Ban], built: &BTreeSet<String>) -> Vec<String> {
    let bans = bans.iter().filter(|ban| built.contains(&ban.name));
    bans.map(|Ban { name, reason }| format!("{name} is built: {reason} ({SETTINGS})")).collect()
}

/// Whether an SPDX expression can be satisfied with `allowed` licences alone.
/// `WITH` binds closest, then `AND`, then `OR`; a `/` is an old way to write `OR`.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    any(&mut rest, allowed).is_some_and(|answer| answer && rest.is_empty())
}

fn any(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut answer = all(rest, allowed)?;
    while rest.first() == Some(&"OR") {
        *rest = rest.get(1..)?;
        answer |= all(rest, allowed)?;
    }
    Some(answer)
}

fn all(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut answer = one(rest, allowed)?;
    while rest.first() == Some(&"AND") {
        *rest = rest.get(1..)?;
        answer &= one(rest, allowed)?;
    }
    Some(answer)
}

fn one(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    if *first == "(" {
        let answer = any(rest, allowed)?;
        let (close, after) = rest.split_first()?;
        *rest = after;
        return (*close == ")").then_some(answer);
    }
    let mut name = (*first).to_owned();
    if let [with @ "WITH", exception, after @ ..] = *rest {
        name = format!("{name} {with} {exception}");
        *rest = after;
    }
    Some(allowed.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_package_is_found_by_its_whole_name() {
        let ban = |name: &str| Ban { name: name.to_owned(), reason: "no".to_owned() };
        let built = BTreeSet::from(["ring".to_owned(), "string".to_owned()]);
        assert_eq!(banned(&[ban("ring"), ban("str")], &built), ["ring is built: no (deny.toml)"]);
    }

    #[test]
    fn expressions() {
        let allowed =
            ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for yes in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "(MIT OR GPL-3.0) AND ISC",
            "Apache-2.0 WITH LLVM-exception OR BSD-3-Clause",
            "GPL-3.0 OR MIT AND ISC",
        ] {
            assert!(is_allowed(yes, &allowed), "{yes}");
        }
        for no in [
            "",
            "none",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR GPL-3.0) AND BSD-3-Clause",
            "MIT WITH LLVM-exception",
            "(MIT",
            "MIT )",
            "MIT OR",
        ] {
            assert!(!is_allowed(no, &allowed), "{no}");
        }
    }
}
