//! From contributions to reason codes. What the gateway runs for every explained row, so it
//! allocates nothing but the reasons themselves.

use super::check::is_code;
use super::document::{DecisionRule, ExplainProfile, ProfileError};
use plimsoll_contract::Contract;
use plimsoll_types::Digest;
use plimsoll_types::record::{MAX_REASON_CODE, ReasonRef};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An explain profile, compiled against its contract.
#[derive(Debug)]
pub struct CompiledProfile {
    document: ExplainProfile,
    digest: Digest,
    /// The codes; a feature's place is in `group_of`.
    groups: Box<[Group]>,
    /// For each feature of the contract, its group.
    group_of: Box<[usize]>,
}

#[derive(Debug)]
struct Group {
    code: Arc<str>,
    /// Whether persons may be told.
    disclosed: bool,
}

/// A reason that is being weighed: the group's contributions, and the feature with most.
#[derive(Clone, Copy, Debug)]
struct Weighed {
    group: usize,
    sum: f64,
    field: usize,
    most: f64,
}

impl CompiledProfile {
    /// Compiles a profile whose canonical bytes have `digest`.
    ///
    /// # Errors
    /// [`ProfileError::Problems`] with everything that is wrong.
    pub fn compile(
        document: ExplainProfile,
        digest: Digest,
        contract: &Contract,
    ) -> Result<Self, ProfileError> {
        let problems = document.check(contract);
        if !problems.is_empty() {
            return Err(ProfileError::Problems(problems));
        }
        let mut groups: Vec<Group> = Vec::new();
        let mut by_code: BTreeMap<String, usize> = BTreeMap::new();
        let group_of = contract.features.iter().enumerate().map(|(place, field)| {
            let told = document.features.get(&field.name);
            let code = told.and_then(|told| told.code.clone());
            let code = code.unwrap_or_else(|| default_code(&field.name, place));
            let disclosed = !told.is_some_and(|told| told.hidden);
            let group = *by_code.entry(code.clone()).or_insert_with(|| {
                groups.push(Group { code: code.into(), disclosed: true });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(group) {
                group.disclosed &= disclosed;
            }
            group
        });
        let group_of = group_of.collect();
        Ok(Self { document, digest, groups: groups.into(), group_of })
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> &ExplainProfile {
        &self.document
    }
    /// The digest of its canonical JSON.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// Which answers are adverse.
    #[must_use]
    pub fn decision(&self) -> Option<DecisionRule> {
        self.document.decision
    }
    /// Whether persons may be told of `code`.
    #[must_use]
    pub fn is_disclosed(&self, code: &str) -> bool {
        self.groups.iter().any(|group| &*group.code == code && group.disclosed)
    }
    /// The code of a feature of the contract.
    #[must_use]
    pub fn code(&self, field: usize) -> Option<&str> {
        self.groups.get(*self.group_of.get(field)?).map(|group| &*group.code)
    }

    /// Appends the reasons for a row's outcome to `out`, weightiest first.
    ///
    /// `contributions` are in margin units, one for each feature of the contract; a greater
    /// margin means a greater answer, as it does for every link a model may have. `value` is
    /// the number of the answer that decides: reasons speak for the side on which it is. They
    /// are those of codes that may be disclosed; equal weights keep the contract's order.
    pub fn reasons(&self, row: u32, contributions: &[f64], value: f64, out: &mut Vec<ReasonRef>) {
        let toward = self.document.decision.map(|rule| value >= rule.threshold);
        let mut found: Vec<Weighed> = Vec::with_capacity(self.groups.len());
        for (field, (&group, &contribution)) in self.group_of.iter().zip(contributions).enumerate()
        {
            let contribution = if toward == Some(false) { -contribution } else { contribution };
            match found.iter_mut().find(|weighed| weighed.group == group) {
                Some(weighed) => {
                    weighed.sum += contribution;
                    if contribution > weighed.most {
                        (weighed.field, weighed.most) = (field, contribution);
                    }
                }
                None => found.push(Weighed { group, sum: contribution, field, most: contribution }),
            }
        }
        let disclosed =
            |weighed: &Weighed| self.groups.get(weighed.group).is_some_and(|g| g.disclosed);
        let weight = |weighed: &Weighed| {
            if toward.is_some() { weighed.sum } else { weighed.sum.abs() }
        };
        found.retain(|weighed| disclosed(weighed) && weight(weighed) > 0.0);
        found.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        found.truncate(self.document.most_reasons.into());
        out.extend(found.iter().filter_map(|weighed| {
            let code = Arc::clone(&self.groups.get(weighed.group)?.code);
            Some(ReasonRef { row, field: u16::try_from(weighed.field).ok()?, code })
        }));
    }
}

/// The code of a feature that has none: its name, if that is a code.
fn default_code(name: &str, place: usize) -> String {
    if name.len() <= MAX_REASON_CODE && is_code(name) {
        name.to_owned()
    } else {
        format!("F{place:04}")
    }
}
