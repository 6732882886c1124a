//! Answers for people: the access matrix, and why one verdict came out as it did.

use crate::action::Action;
use crate::principal::Principal;
use crate::resource::Resource;
use crate::set::{Effect, PolicyInfo, PolicySet, Verdict};
use std::fmt;

/// How many principals stand side by side in the printed matrix; more follow in a block below.
const PRINCIPALS_PER_BLOCK: usize = 10;

/// One cell of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// A policy permits and none forbids.
    Permit,
    /// A policy forbids.
    Forbid,
    /// No policy permits: the default.
    Default,
    /// Evaluating failed; denied.
    Error,
}

impl Mark {
    /// What is printed in the cell.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Forbid => "FORBID",
            Self::Default => ".",
            Self::Error => "ERROR",
        }
    }
}

impl From<&Verdict> for Mark {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict { errors, .. } if !errors.is_empty() => Self::Error,
            Verdict { allowed: true, .. } => Self::Permit,
            Verdict { policies, .. } if policies.is_empty() => Self::Default,
            Verdict { .. } => Self::Forbid,
        }
    }
}

/// One row: what each principal may do to one resource by one action.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The action.
    pub action: Action,
    /// The label of the resource.
    pub resource: Box<str>,
    /// One mark per principal, in the order of [`Matrix::principals`].
    pub marks: Vec<Mark>,
}

/// Principal × action × resource. `Display` is what `plimsoll access matrix` prints.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Matrix {
    /// The ids of the principals, in the order given.
    pub principals: Vec<Box<str>>,
    /// The rows, by action and then in the order of resources given.
    pub rows: Vec<Row>,
}

/// Why a verdict came out as it did. `Display` is what `plimsoll access why` prints.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// The verdict.
    pub verdict: Verdict,
    /// The policies that decided.
    pub deciding: Vec<PolicyInfo>,
    /// When nothing permits: the policies that permit the action to somebody else.
    pub candidates: Vec<PolicyInfo>,
}

impl PolicySet {
    /// Every action that applies to one of `resources`, asked for each of `principals`.
    #[must_use]
    pub fn matrix(&self, principals: &[Principal], resources: &[(&str, Resource)]) -> Matrix {
        let mut rows = Vec::new();
        for &action in Action::ALL {
            let fitting = resources.iter().filter(|(_, r)| r.kind() == action.resource_kind());
            for (label, resource) in fitting {
                let verdicts = principals.iter().map(|p| self.authorize(p, action, resource));
                let marks = verdicts.map(|verdict| Mark::from(&verdict)).collect();
                rows.push(Row { action, resource: (*label).into(), marks });
            }
        }
        Matrix { principals: principals.iter().map(|p| p.id.clone()).collect(), rows }
    }

    /// The verdict with the policies that decided it, in words.
    #[must_use]
    pub fn why(&self, principal: &Principal, action: Action, resource: &Resource) -> Explanation {
        let verdict = self.authorize(principal, action, resource);
        let deciding = verdict.policies.iter().filter_map(|id| self.policy(id)).cloned().collect();
        let candidates = if Mark::from(&verdict) == Mark::Default {
            self.slice(action).filter(|info| info.effect == Effect::Permit).cloned().collect()
        } else {
            Vec::new()
        };
        Explanation { verdict, deciding, candidates }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", if self.verdict.allowed { "allowed" } else { "denied" })?;
        for policy in &self.deciding {
            writeln!(f, "  {policy}")?;
        }
        for error in &self.verdict.errors {
            writeln!(f, "  error: {error}")?;
        }
        if Mark::from(&self.verdict) == Mark::Default {
            writeln!(f, "  no policy permits it, and what is not permitted is denied")?;
        }
        for policy in &self.candidates {
            writeln!(f, "  not met: {policy}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PolicyInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        };
        write!(f, "{effect} {} ({}): {}", self.id, self.file, self.why)
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = width(self.rows.iter().map(|row| row.action.as_str()), "action");
        let resource = width(self.rows.iter().map(|row| &*row.resource), "resource");
        for (block, principals) in self.principals.chunks(PRINCIPALS_PER_BLOCK).enumerate() {
            let first = block * PRINCIPALS_PER_BLOCK;
            if block > 0 {
                writeln!(f)?;
            }
            let lead = format!("{:action$}  {:resource$}", "action", "resource");
            line(f, lead, principals.iter().map(|id| (&**id, &**id)))?;
            for row in &self.rows {
                let lead = format!("{:action$}  {:resource$}", row.action.as_str(), row.resource);
                let marks = row.marks.iter().skip(first).map(|mark| mark.as_str());
                line(f, lead, principals.iter().map(|id| &**id).zip(marks))?;
            }
        }
        Ok(())
    }
}

/// The width of a column: its widest cell.
fn width<'a>(cells: impl Iterator<Item = &'a str>, head: &'a str) -> usize {
    cells.chain(std::iter::once(head)).map(|cell| cell.chars().count()).max().unwrap_or(0)
}

/// One line: `lead`, then each cell as wide as the head of its column, nothing trailing.
fn line<'a>(
    f: &mut fmt::Formatter<'_>,
    lead: String,
    cells: impl Iterator<Item = (&'a str, &'a str)>,
) -> fmt::Result {
    let mut text = lead;
    for (head, cell) in cells {
        let width = width(std::iter::once(head), Mark::Permit.as_str());
        text.push_str(&format!("  {cell:width$}"));
    }
    writeln!(f, "{}", text.trim_end())
}
