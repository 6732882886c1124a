//! Reports as SARIF 2.1.0 (OASIS), which code hosts show beside the files.

use crate::finding::{Finding, Report, Rule, Severity};
use serde_json::{Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report as a SARIF log of one run, by the tool's `version`.
#[must_use]
pub fn sarif(report: &Report, version: &str) -> Value {
    let rules: Vec<Value> = Rule::ALL.iter().map(|rule| described(*rule)).collect();
    let results: Vec<Value> = report.findings.iter().map(result).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "plimsoll", "version": version, "rules": rules}},
            "results": results,
        }],
    })
}

fn described(rule: Rule) -> Value {
    json!({
        "id": rule.id(),
        "help": {"text": rule.help()},
        "defaultConfiguration": {"level": level(rule.severity())},
        "properties": {"security-severity": score(rule.severity())},
    })
}

fn result(finding: &Finding) -> Value {
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.path)},
            "region": {"byteOffset": finding.offset},
        },
    });
    if !finding.members.is_empty() {
        let name = finding.members.join("!");
        location["logicalLocations"] = json!([{"fullyQualifiedName": name, "kind": "member"}]);
    }
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": Rule::ALL.iter().position(|rule| *rule == finding.rule),
        "level": level(finding.severity),
        "message": {"text": format!("{}: {}", finding.place(), finding.why)},
        "locations": [location],
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// The scale that code hosts sort by.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.0",
        Severity::Low => "2.0",
    }
}

/// A path as a reference of RFC 3986.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
