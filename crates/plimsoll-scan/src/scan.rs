//! A scan under way: its bounds, its findings, and where it is. It must not know formats.

use crate::finding::{Finding, Report, Rule};
use std::collections::{BTreeSet, HashSet};
use std::io::Read;

/// How much a scan may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that all containers of a scan may unpack to.
    pub max_unpacked: u64,
    /// Bytes that one member may unpack to; it is held in memory.
    pub max_member: u64,
    /// Containers within containers.
    pub max_depth: u8,
    /// Members of all containers.
    pub max_members: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // As much as a day's uploads of one team; more is scanned part by part.
            max_unpacked: 16 << 30,
            // As large as an artifact may be.
            max_member: 1 << 30,
            // A model in a package in an archive in a compressed file, twice.
            max_depth: 8,
            // A sharded model in thousands of files, a hundred times.
            max_members: 100_000,
        }
    }
}

/// Findings of one scan: more say nothing new.
const MAX_FINDINGS: usize = 1000;
/// A highly regular file compresses a thousandfold and is small; what is large and compresses
/// so well is made to be unpacked.
const BOMB_RATIO: u64 = 200;
/// Below this nobody's memory is at stake.
const BOMB_FROM: u64 = 256 << 20;
/// Characters of a caller's name that a finding shows.
const MAX_SHOWN: usize = 120;

/// Where a scan is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) members: Vec<String>,
}

impl Place {
    pub(crate) fn file(path: &str) -> Self {
        Self { path: shown(path), members: Vec::new() }
    }
    pub(crate) fn member(&self, name: &str) -> Self {
        let mut members = self.members.clone();
        members.push(shown(name));
        Self { path: self.path.clone(), members }
    }
    /// The innermost name, in lower case: what the content claims to be.
    pub(crate) fn name(&self) -> String {
        self.members.last().unwrap_or(&self.path).to_ascii_lowercase()
    }
    pub(crate) fn has_ending(&self, endings: &[&str]) -> bool {
        let name = self.name();
        endings.iter().any(|ending| name.ends_with(ending))
    }
    /// The innermost file name without its folders.
    pub(crate) fn file_name(&self) -> String {
        let name = self.name();
        name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
    }
}

/// A name as a finding may show it: short, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = text.chars().map(plain).take(MAX_SHOWN).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// A scan under way.
#[derive(Debug)]
pub(crate) struct Scan {
    limits: Limits,
    pub(crate) report: Report,
    unpacked: u64,
    seen: HashSet<(Rule, String, String)>,
    /// Files that a model's tensors lie in, as `path` of a finding would name them.
    pub(crate) external: BTreeSet<String>,
}

impl Scan {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            report: Report::default(),
            unpacked: 0,
            seen: HashSet::new(),
            external: BTreeSet::new(),
        }
    }

    /// Adds a finding, unless the same was found there before.
    pub(crate) fn find(
        &mut self,
        rule: Rule,
        place: &Place,
        offset: usize,
        why: impl Into<String>,
    ) {
        let why = why.into();
        let key = (rule, [&place.path, "!", &place.members.join("!")].concat(), why.clone());
        if self.report.findings.len() > MAX_FINDINGS || !self.seen.insert(key) {
            return;
        }
        let last = self.report.findings.len() == MAX_FINDINGS;
        let (rule, why) = match last {
            true => (Rule::Limit, format!("more than {MAX_FINDINGS} findings")),
            false => (rule, why),
        };
        self.report.findings.push(Finding {
            rule,
            severity: rule.severity(),
            path: place.path.clone(),
            members: place.members.clone(),
            offset: u64::try_from(offset).unwrap_or(u64::MAX),
            why,
            help: rule.help(),
        });
    }

    /// Counts a file or member of `bytes`. False when no more may be looked at.
    pub(crate) fn enter(&mut self, place: &Place, bytes: usize) -> bool {
        if place.members.len() > usize::from(self.limits.max_depth) {
            self.find(Rule::TooDeep, place, 0, "containers are nested deeper than anything honest");
            return false;
        }
        if self.report.looked_at >= self.limits.max_members {
            self.find(Rule::Limit, place, 0, "there are more members than a scan looks at");
            return false;
        }
        self.report.looked_at += 1;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.report.bytes = self.report.bytes.saturating_add(bytes);
        true
    }

    /// Unpacks a member of `packed` bytes; what cannot be is a finding.
    pub(crate) fn unpack(
        &mut self,
        place: &Place,
        packed: usize,
        reader: impl Read,
    ) -> Option<Vec<u8>> {
        let packed = u64::try_from(packed).unwrap_or(u64::MAX).max(1);
        let budget = self.limits.max_unpacked.saturating_sub(self.unpacked);
        let ratio = packed.saturating_mul(BOMB_RATIO).max(BOMB_FROM);
        let bound = self.limits.max_member.min(budget).min(ratio);
        let mut bytes = Vec::new();
        let outcome = reader.take(bound.saturating_add(1)).read_to_end(&mut bytes);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.unpacked = self.unpacked.saturating_add(length);
        if length > bound {
            self.find(Rule::Bomb, place, 0, format!("it unpacks to more than {bound} bytes"));
            return None;
        }
        if outcome.is_err() {
            self.find(Rule::Unreadable, place, 0, "its compressed data is damaged");
            return None;
        }
        Some(bytes)
    }
}
