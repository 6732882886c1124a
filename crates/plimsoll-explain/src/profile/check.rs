//! What can be wrong with an explain profile, each with the place where it is.

use super::document::{Change, ExplainProfile, FeatureProfile, PROFILE_VERSION, Texts};
use crate::words::has_words;
use plimsoll_contract::{Contract, Field, Kind};
use plimsoll_types::record::MAX_REASON_CODE;
use std::fmt;

/// Reasons of one row; a person reads four, an officer a few more.
const MAX_REASONS: u8 = 16;
/// Languages of one profile.
const MAX_LANGUAGES: usize = 32;
/// Bytes of one text.
const MAX_TEXT: usize = 1024;
/// What a sentence may name in braces.
const PLACES: [&str; 3] = ["label", "value", "unit"];

/// One thing that is wrong with a profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileProblem {
    /// Where: `features.income.step`.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for ProfileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl ExplainProfile {
    /// Everything that is wrong with the profile for a deployment with `contract`. Empty: it
    /// compiles.
    #[must_use]
    pub fn check(&self, contract: &Contract) -> Vec<ProfileProblem> {
        let mut check = Check { profile: self, contract, problems: Vec::new() };
        check.document();
        check.languages();
        for (name, feature) in &self.features {
            check.feature(name, feature);
        }
        check.problems
    }
}

struct Check<'a> {
    profile: &'a ExplainProfile,
    contract: &'a Contract,
    problems: Vec<ProfileProblem>,
}

impl Check<'_> {
    fn say(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(ProfileProblem { path: path.into(), message: message.into() });
    }

    fn document(&mut self) {
        if self.profile.version != PROFILE_VERSION {
            self.say("version", format!("must be {PROFILE_VERSION}"));
        }
        if !(1..=MAX_REASONS).contains(&self.profile.most_reasons) {
            self.say("most_reasons", format!("must be 1 to {MAX_REASONS}"));
        }
        if self.profile.decision.is_some_and(|rule| !rule.threshold.is_finite()) {
            self.say("decision.threshold", "must be a finite number");
        }
    }

    fn languages(&mut self) {
        let languages = &self.profile.languages;
        if languages.is_empty() || languages.len() > MAX_LANGUAGES {
            self.say("languages", format!("must be 1 to {MAX_LANGUAGES} language tags"));
        }
        for (place, tag) in languages.iter().enumerate() {
            if !is_tag(tag) {
                self.say(
                    format!("languages[{place}]"),
                    "must be a language tag such as `en`, `de` or `fr-CH`",
                );
            } else if !has_words(tag) {
                for (member, texts) in [
                    ("principles", &self.profile.principles),
                    ("adverse", &self.profile.adverse),
                    ("favourable", &self.profile.favourable),
                ] {
                    if !texts.contains_key(tag) {
                        self.say(
                            member,
                            format!(
                                "must have a text for `{tag}`, which has no words of its own here"
                            ),
                        );
                    }
                }
            }
        }
        self.texts("principles", &self.profile.principles, &[]);
        self.texts("adverse", &self.profile.adverse, &PLACES);
        self.texts("favourable", &self.profile.favourable, &PLACES);
    }

    fn feature(&mut self, name: &str, feature: &FeatureProfile) {
        let path = format!("features.{name}");
        let Some(field) = self.contract.features.iter().find(|field| field.name == name) else {
            self.say(path, "is not a feature of the contract");
            return;
        };
        if feature.code.as_ref().is_some_and(|code| !is_code(code)) {
            self.say(
                format!("{path}.code"),
                format!("must be 1 to {MAX_REASON_CODE} of letters, digits, `-`, `_` and `.`"),
            );
        }
        self.texts(&format!("{path}.label"), &feature.label, &[]);
        self.texts(&format!("{path}.adverse"), &feature.adverse, &PLACES);
        self.texts(&format!("{path}.favourable"), &feature.favourable, &PLACES);
        self.change(&path, field, feature);
    }

    fn change(&mut self, path: &str, field: &Field, feature: &FeatureProfile) {
        let numeric = matches!(field.kind, Kind::Number | Kind::Integer);
        let changeable = numeric || matches!(field.kind, Kind::Category | Kind::Boolean);
        if feature.change != Change::Fixed && !changeable {
            self.say(format!("{path}.change"), "only numbers, categories and booleans can change");
        }
        if matches!(feature.change, Change::Up | Change::Down) && !numeric {
            self.say(format!("{path}.change"), "only numbers go up or down; use `any`");
        }
        if let Some(step) = feature.step {
            if !numeric {
                self.say(format!("{path}.step"), "only numbers change in steps");
            } else if !step.is_finite() || step <= 0.0 {
                self.say(format!("{path}.step"), "must be a finite number greater than 0");
            } else if field.kind == Kind::Integer && step.fract() != 0.0 {
                self.say(format!("{path}.step"), "must be a whole number for an integer");
            }
        }
        for (place, value) in feature.values.iter().enumerate() {
            if !field.values.contains(value) {
                self.say(
                    format!("{path}.values[{place}]"),
                    "is not a value of the contract's category",
                );
            }
        }
    }

    fn texts(&mut self, path: &str, texts: &Texts, places: &[&str]) {
        for (tag, text) in texts {
            let path = format!("{path}.{tag}");
            if !self.profile.languages.contains(tag) {
                self.say(&path, "is not one of `languages`");
            }
            if text.trim().is_empty() || text.len() > MAX_TEXT {
                self.say(&path, format!("must be 1 to {MAX_TEXT} bytes of text"));
            }
            if let Some(unknown) = unknown_place(text, places) {
                let known: Vec<_> = places.iter().map(|place| format!("`{{{place}}}`")).collect();
                let may = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
                self.say(&path, format!("names `{{{unknown}}}`; it may name {may} in braces"));
            }
        }
    }
}

/// A name in braces that is not one of `places`.
fn unknown_place<'a>(text: &'a str, places: &[&str]) -> Option<&'a str> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        if !places.contains(&name) {
            return Some(name);
        }
        rest = tail;
    }
    None
}

fn is_tag(tag: &str) -> bool {
    tag.len() <= 35
        && tag.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
        && tag.split('-').next().is_some_and(|part| part.len() >= 2)
}

pub(super) fn is_code(code: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=MAX_REASON_CODE).contains(&code.len()) && code.bytes().all(plain)
}
