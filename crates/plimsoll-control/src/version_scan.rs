//! What is uploaded is scanned before it becomes a version: a finding blocks it, on record, until
//! somebody else lets it pass.

use crate::act::Permit;
use crate::artifact::MAX_ARTIFACT_BYTES;
use crate::bootstrap::Control;
use crate::error::ControlError;
use crate::scan_override::let_pass;
use plimsoll_api::{FileRole, ManifestFile, ScanFacts};
use plimsoll_artifact::FilePath;
use plimsoll_scan::{Finding, Limits, Report, Rule, Scanner};
use plimsoll_store::{BlockRow, PathRow, Write};
use plimsoll_types::record::Stage;
use plimsoll_types::{Digest, PrincipalId, Time};
use plimsoll_upstream::Declaration;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Findings that a refusal and its record tell; the count says how many there are.
const MAX_TOLD: usize = 10;
/// Files of one folder of MLflow's: a model and what is beside it.
const MAX_FOLDER: u32 = 1_000;
/// The largest file that the scanner looks into; see its bounds.
const MAX_SCANNED: u64 = 1 << 30;
/// What is said of a larger one.
const TOO_LARGE: &str = "too-large";

/// The files below a folder as they were scanned, and what blocks which of them.
pub(crate) struct FolderScan {
    folder: FilePath,
    files: Vec<PathRow>,
    /// Rules by file: path within the folder and digest.
    blocked: BTreeMap<(String, Digest), BTreeSet<String>>,
}

impl FolderScan {
    /// What is wrong, for people; empty if nothing is.
    pub(crate) fn words(&self) -> String {
        let told = self.blocked.iter().take(MAX_TOLD);
        let told = told.map(|((path, _), rules)| {
            format!("{} in `{path}`", rules.iter().cloned().collect::<Vec<_>>().join(", "))
        });
        let told: Vec<String> = told.collect();
        if told.is_empty() { String::new() } else { format!("the scan found {}", told.join("; ")) }
    }

    /// Notes what blocks the version `about`. The files must still be those that were scanned.
    pub(crate) fn note(
        &self,
        tx: &Write<'_>,
        about: &str,
        author: PrincipalId,
        now: Time,
    ) -> Result<(), ControlError> {
        if tx.files_below(self.folder.as_str(), MAX_FOLDER)? != self.files {
            let detail = "files of the model were changed while they were scanned; try again";
            return Err(ControlError::conflict(detail));
        }
        for ((path, digest), rules) in &self.blocked {
            tx.put_block(&BlockRow {
                digest: *digest,
                author,
                about: about.into(),
                path: path.clone(),
                rules: json!(rules).to_string(),
                created_at: now,
            })?;
        }
        Ok(())
    }
}

impl Control {
    /// Scans the files of a version that is to be, by `author`. The model file was loaded before, so that a
    /// format which the scanner does not know is no finding there.
    pub(crate) fn scan_files(
        &self,
        permit: &Permit<'_>,
        author: PrincipalId,
        files: &[ManifestFile],
    ) -> Result<ScanFacts, ControlError> {
        let limit = usize::try_from(MAX_ARTIFACT_BYTES).unwrap_or(usize::MAX);
        let mut scanner = Scanner::new(Limits::default());
        for file in files {
            scanner.file(&file.path, &self.artifacts.read(file.digest, limit)?);
        }
        let report = scanner.finish();
        let found: Vec<&Finding> =
            report.findings.iter().filter(|finding| !is_known(finding, files)).collect();
        let (blocking, passed) = self.apart(author, files, &found)?;
        if blocking.is_empty() {
            return Ok(facts(&report, passed));
        }
        self.keep_blocks(permit, author, files, &blocking)?;
        self.note(permit.who(), Stage::Failed, permit.payload(told(&blocking)))?;
        Err(ControlError::invalid("files", words(&blocking)))
    }

    /// Findings that block, and those that somebody else lets pass, in words.
    fn apart<'f>(
        &self,
        author: PrincipalId,
        files: &[ManifestFile],
        found: &[&'f Finding],
    ) -> Result<(Vec<&'f Finding>, Vec<String>), ControlError> {
        let now = self.clock.now();
        let (mut blocking, mut passed) = (Vec::new(), Vec::new());
        for &finding in found {
            let file = files.iter().find(|file| file.path == finding.path);
            let rules = match file {
                Some(file) => self.store.read(|r| let_pass(r, file.digest, author, now))?,
                None => BTreeSet::new(),
            };
            if rules.contains(finding.rule.id()) {
                passed.push(format!("{} in {}", finding.rule.id(), finding.path));
            } else {
                blocking.push(finding);
            }
        }
        Ok((blocking, passed))
    }

    fn keep_blocks(
        &self,
        permit: &Permit<'_>,
        author: PrincipalId,
        files: &[ManifestFile],
        blocking: &[&Finding],
    ) -> Result<(), ControlError> {
        let who = permit.who();
        let about = who.resource.split_once('/').map_or(who.resource, |(_, name)| name);
        let now = self.clock.now();
        Ok(self.store.amend(|tx| {
            for file in files {
                let of_file = blocking.iter().filter(|finding| finding.path == file.path);
                let rules: BTreeSet<&str> = of_file.map(|finding| finding.rule.id()).collect();
                if !rules.is_empty() {
                    tx.put_block(&BlockRow {
                        digest: file.digest,
                        author,
                        about: about.into(),
                        path: file.path.clone(),
                        rules: json!(rules).to_string(),
                        created_at: now,
                    })?;
                }
            }
            Ok(())
        })?)
    }

    /// Scans the folder that a version of the catalogue is to be registered from; `None` if its
    /// files are not kept here.
    pub(crate) fn scan_folder(
        &self,
        author: PrincipalId,
        location: &str,
    ) -> Result<Option<FolderScan>, ControlError> {
        let Some(folder) = FilePath::from_source(location) else { return Ok(None) };
        let files = self.store.read(|r| r.files_below(folder.as_str(), MAX_FOLDER))?;
        if files.is_empty() {
            return Ok(None);
        }
        let mut blocked: BTreeMap<(String, Digest), BTreeSet<String>> = BTreeMap::new();
        let mut names = BTreeMap::new();
        let mut scanner = Scanner::new(Limits::default());
        let limit = usize::try_from(MAX_SCANNED).unwrap_or(usize::MAX);
        for file in &files {
            let name = file.path.get(folder.as_str().len() + 1..).unwrap_or_default().to_owned();
            if file.size > MAX_SCANNED {
                blocked.insert((name, file.digest), BTreeSet::from([TOO_LARGE.to_owned()]));
                continue;
            }
            let bytes = self.artifacts.read(file.digest, limit)?;
            scanner.file(&name, &bytes);
            names.insert(name, (file.digest, self.is_model(&bytes)));
        }
        for finding in scanner.finish().findings {
            let Some((digest, is_model)) = names.get(&finding.path) else { continue };
            let is_known =
                *is_model && finding.members.is_empty() && finding.rule == Rule::UnknownContent;
            if !is_known {
                let rules = blocked.entry((finding.path.clone(), *digest)).or_default();
                rules.insert(finding.rule.id().to_owned());
            }
        }
        let now = self.clock.now();
        self.store.read(|r| {
            for ((_, digest), rules) in &mut blocked {
                let passed = let_pass(r, *digest, author, now)?;
                rules.retain(|rule| !passed.contains(rule));
            }
            Ok::<_, ControlError>(())
        })?;
        blocked.retain(|_, rules| !rules.is_empty());
        Ok(Some(FolderScan { folder, files, blocked }))
    }

    /// Whether a file is a model that we run ourselves. Upstream declarations are none.
    pub(crate) fn is_model(&self, bytes: &[u8]) -> bool {
        bytes.len() <= self.compiler.max_bytes()
            && !Declaration::is_meant(bytes)
            && self.compiler.load(bytes).is_ok()
    }
}

fn is_known(finding: &Finding, files: &[ManifestFile]) -> bool {
    let is_model =
        files.iter().any(|file| file.role == FileRole::Model && file.path == finding.path);
    is_model && finding.members.is_empty() && finding.rule == Rule::UnknownContent
}

fn facts(report: &Report, let_pass: Vec<String>) -> ScanFacts {
    let scanner = env!("CARGO_PKG_VERSION").to_owned();
    ScanFacts { looked_at: report.looked_at, bytes: report.bytes, scanner, let_pass }
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
