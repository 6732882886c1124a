//! What is uploaded is scanned before it becomes a version: a finding blocks it, on record.

use crate::act::Permit;
use crate::artifact::MAX_ARTIFACT_BYTES;
use crate::bootstrap::Control;
use crate::error::ControlError;
use plimsoll_api::{FileRole, ManifestFile, ScanFacts};
use plimsoll_scan::{Finding, Limits, Report, Rule, Scanner};
use plimsoll_types::record::Stage;
use serde_json::{Value, json};

/// Findings that a refusal and its record tell; the count says how many there are.
const MAX_TOLD: usize = 10;

impl Control {
    /// Scans the files of a version that is to be. The model file was loaded before, so that a
    /// format which the scanner does not know is no finding there.
    pub(crate) fn scan_files(
        &self,
        permit: &Permit<'_>,
        files: &[ManifestFile],
    ) -> Result<ScanFacts, ControlError> {
        let limit = usize::try_from(MAX_ARTIFACT_BYTES).unwrap_or(usize::MAX);
        let mut scanner = Scanner::new(Limits::default());
        for file in files {
            scanner.file(&file.path, &self.artifacts.read(file.digest, limit)?);
        }
        let report = scanner.finish();
        let blocking: Vec<&Finding> =
            report.findings.iter().filter(|finding| !is_known(finding, files)).collect();
        if blocking.is_empty() {
            return Ok(facts(&report));
        }
        self.note(permit.who(), Stage::Failed, permit.payload(told(&blocking)))?;
        Err(ControlError::invalid("files", words(&blocking)))
    }
}

fn is_known(finding: &Finding, files: &[ManifestFile]) -> bool {
    let is_model =
        files.iter().any(|file| file.role == FileRole::Model && file.path == finding.path);
    is_model && finding.members.is_empty() && finding.rule == Rule::UnknownContent
}

fn facts(report: &Report) -> ScanFacts {
    let scanner = env!("CARGO_PKG_VERSION").to_owned();
    ScanFacts { looked_at: report.looked_at, bytes: report.bytes, scanner }
}

fn told(findings: &[&Finding]) -> Value {
    let told = findings.iter().take(MAX_TOLD);
    let told: Vec<Value> =
        told.map(|finding| json!({"rule": finding.rule.id(), "file": finding.path})).collect();
    json!({"reason": "scan", "findings": findings.len(), "first": told})
}

fn words(findings: &[&Finding]) -> String {
    let told: Vec<String> = findings
        .iter()
        .take(MAX_TOLD)
        .map(|finding| format!("{} in `{}`", finding.rule, finding.path))
        .collect();
    let count = findings.len();
    let told = told.join(", ");
    format!("the scan has {count} findings: {told}; `plimsoll scan` on the files says more")
}
