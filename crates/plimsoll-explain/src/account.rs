//! An explanation in words, for one reader: the person concerned, an officer, an engineer.
//!
//! Everything comes from the record, the contract and the explain profile, so the same
//! decision is told the same way years later.

use crate::profile::CompiledProfile;
use crate::words::{Phrase, fill, label, phrase, value_text};
use plimsoll_contract::{Contract, Field};
use plimsoll_types::record::{ExplainMethod, Explanation, ReasonRef};
use plimsoll_types::{Cell, Digest, Rows};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Who reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// The person the decision is about: reasons, inputs, what could change, rights.
    #[default]
    Subject,
    /// Who answers for the decision: as the subject, with weights and with what is kept from
    /// subjects.
    Officer,
    /// Who runs the model: every contribution, the method and its inputs.
    Engineer,
}

impl Audience {
    /// Every audience.
    pub const ALL: &'static [Self] = &[Self::Subject, Self::Officer, Self::Engineer];
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Officer => "officer",
            Self::Engineer => "engineer",
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Audience {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|audience| audience.as_str() == text);
        found.ok_or("one of: subject, officer, engineer")
    }
}

/// What an account is made from.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The deployment's profile.
    pub profile: &'a CompiledProfile,
    /// The contract the request was validated against.
    pub contract: &'a Contract,
    /// The recorded rows.
    pub rows: &'a Rows,
    /// Which row is told of.
    pub row: usize,
    /// The explanation of all rows.
    pub explanation: &'a Explanation,
    /// The number of the answer that decides, if the answer is recorded.
    pub value: Option<f64>,
    /// The smallest change that would have led to another result: field and new value. `None`
    /// if none was looked for, empty if none was found.
    pub changes: Option<&'a [(usize, Cell)]>,
}

/// An explanation in words.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Who reads it.
    pub audience: Audience,
    /// Its language, a tag of BCP 47.
    pub language: String,
    /// Whether the answer is adverse to the person; absent when the profile has no rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_adverse: Option<bool>,
    /// The result in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// How such decisions are made.
    pub principles: String,
    /// The reasons, weightiest first.
    pub reasons: Vec<Reason>,
    /// The information used.
    pub inputs: Vec<Input>,
    /// How other data would have changed the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// What the person can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<String>,
    /// The numbers behind it; not for subjects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

/// A reason.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Its code.
    pub code: String,
    /// It in a sentence.
    pub sentence: String,
    /// Its contribution in margin units; not for subjects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contribution: Option<f64>,
}

/// A piece of information that was used.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// The feature.
    pub feature: String,
    /// What it is called to this reader.
    pub label: String,
    /// Its value, as a person writes it.
    pub value: String,
    /// Its contribution in margin units; not for subjects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contribution: Option<f64>,
    /// Whether it is kept from subjects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_hidden: bool,
}

/// The numbers behind an explanation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// How the contributions were computed.
    pub method: ExplainMethod,
    /// Which margin is explained.
    pub output: u16,
    /// The expected margin.
    pub base: f64,
    /// The margin of this row.
    pub margin: f64,
    /// Margin minus base minus contributions: what rounding left.
    pub residual: f64,
    /// The explainer pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack: Option<Digest>,
    /// The explain profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Digest>,
}

/// The account of a row for `audience` in `language`, which must be one of the profile's.
/// `None` if the row has no explanation.
#[must_use]
pub fn account(told: &Told<'_>, audience: Audience, language: &str) -> Option<Account> {
    let explained = told.explanation.rows.get(told.row)?;
    let contributions = told.explanation.row(told.row);
    let is_adverse =
        told.profile.decision().zip(told.value).map(|(rule, value)| rule.is_adverse(value));
    let outcome = is_adverse.map(|adverse| {
        let said = if adverse { Phrase::OutcomeAdverse } else { Phrase::OutcomeFavourable };
        phrase(language, said).to_owned()
    });
    let document = told.profile.document();
    let own = document.principles.get(language).cloned();
    let teller = Teller { told, audience, language, is_adverse, contributions };
    let is_subject = audience == Audience::Subject;
    let sum: f64 = contributions.iter().sum();
    Some(Account {
        audience,
        language: language.to_owned(),
        is_adverse,
        outcome,
        principles: own.unwrap_or_else(|| phrase(language, Phrase::Principles).to_owned()),
        reasons: teller.reasons(),
        inputs: teller.inputs(),
        change: teller.change(),
        rights: is_subject.then(|| phrase(language, Phrase::Rights).to_owned()),
        figures: (!is_subject).then_some(Figures {
            method: told.explanation.method,
            output: explained.output,
            base: explained.base,
            margin: explained.margin,
            residual: explained.margin - explained.base - sum,
            pack: told.explanation.pack,
            profile: told.explanation.profile,
        }),
    })
}

struct Teller<'a> {
    told: &'a Told<'a>,
    audience: Audience,
    language: &'a str,
    is_adverse: Option<bool>,
    contributions: &'a [f64],
}

impl Teller<'_> {
    fn reasons(&self) -> Vec<Reason> {
        let here = |reason: &&ReasonRef| usize::try_from(reason.row) == Ok(self.told.row);
        let reasons = self.told.explanation.reasons.iter().filter(here);
        reasons.filter_map(|reason| self.reason(reason)).collect()
    }

    fn reason(&self, reason: &ReasonRef) -> Option<Reason> {
        let place = usize::from(reason.field);
        let field = self.told.contract.features.get(place)?;
        let value = self.value(place, field);
        let places = [
            ("label", label(self.told.profile.document(), field, self.language)),
            ("value", value.as_str()),
            ("unit", field.unit.as_deref().unwrap_or_default()),
        ];
        Some(Reason {
            code: reason.code.to_string(),
            sentence: fill(self.sentence(field), &places),
            contribution: self.shown(self.contribution_of(&reason.code)),
        })
    }

    /// The sentence for a reason: reasons speak for the side on which the answer is.
    fn sentence(&self, field: &Field) -> &str {
        let document = self.told.profile.document();
        let told = document.features.get(&field.name);
        let against = self.is_adverse.unwrap_or(true);
        let (own, common, default) = if against {
            (told.map(|t| &t.adverse), &document.adverse, Phrase::Adverse)
        } else {
            (told.map(|t| &t.favourable), &document.favourable, Phrase::Favourable)
        };
        let own = own.and_then(|texts| texts.get(self.language));
        own.or_else(|| common.get(self.language))
            .map_or_else(|| phrase(self.language, default), String::as_str)
    }

    /// All contributions of one code.
    fn contribution_of(&self, code: &str) -> f64 {
        let contributions = self.contributions.iter().enumerate();
        let ours = contributions.filter(|(field, _)| self.told.profile.code(*field) == Some(code));
        ours.map(|(_, contribution)| contribution).sum()
    }

    fn inputs(&self) -> Vec<Input> {
        let fields = self.told.contract.features.iter().enumerate();
        fields
            .filter_map(|(place, field)| {
                let document = self.told.profile.document();
                let is_hidden = document.features.get(&field.name).is_some_and(|told| told.hidden);
                if is_hidden && self.audience == Audience::Subject {
                    return None;
                }
                Some(Input {
                    feature: field.name.clone(),
                    label: label(document, field, self.language).to_owned(),
                    value: self.value(place, field),
                    contribution: self.contributions.get(place).and_then(|c| self.shown(*c)),
                    is_hidden,
                })
            })
            .collect()
    }

    fn change(&self) -> Option<String> {
        let changes = self.told.changes?;
        let told = changes.iter().filter_map(|(place, to)| {
            let field = self.told.contract.features.get(*place)?;
            let to = value_text(self.told.rows, *to, field, self.language);
            let from = self.value(*place, field);
            let name = label(self.told.profile.document(), field, self.language);
            let of = phrase(self.language, Phrase::ChangeOf);
            let text = of.replace("{label}", name).replace("{to}", &to).replace("{from}", &from);
            Some(text)
        });
        let told: Vec<String> = told.collect();
        let Some((last, before)) = told.split_last() else {
            return Some(phrase(self.language, Phrase::NoChange).to_owned());
        };
        let list = if before.is_empty() {
            last.clone()
        } else {
            format!("{} {} {last}", before.join(", "), phrase(self.language, Phrase::And))
        };
        Some(phrase(self.language, Phrase::Change).replace("{changes}", &list))
    }

    fn value(&self, place: usize, field: &Field) -> String {
        let cell = self.told.rows.row(self.told.row).get(place).copied().unwrap_or(Cell::Null);
        value_text(self.told.rows, cell, field, self.language)
    }

    fn shown(&self, contribution: f64) -> Option<f64> {
        (self.audience != Audience::Subject).then_some(contribution)
    }
}

#[cfg(test)]
mod tests;
