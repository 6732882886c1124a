//! The words that persons are told, in the languages that have words of their own, and how
//! values are written in each.
//!
//! Texts follow what is asked for: specific principal reasons (ECOA and Regulation B, 12 CFR
//! 1002.9(b)(2)); the inputs used, the principles applied and how other data would change the
//! result (GDPR art. 15(1)(h) and 22 as read in CJEU C-203/22, 27 February 2025); the role of
//! the system and the main elements of the decision (AI Act art. 86).

use crate::profile::ExplainProfile;
use plimsoll_contract::{Field, Kind};
use plimsoll_types::{Cell, Rows};

/// A language with words of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tongue {
    English,
    German,
}

/// What is said; a profile may say the first three in its own words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phrase {
    /// How such decisions are made.
    Principles,
    /// A feature weighed against the person.
    Adverse,
    /// A feature weighed in the person's favour.
    Favourable,
    /// The answer is adverse.
    OutcomeAdverse,
    /// The answer is favourable.
    OutcomeFavourable,
    /// Another value would have changed the result: `{changes}`.
    Change,
    /// One of those changes: `{label}`, `{from}`, `{to}`.
    ChangeOf,
    /// No change that the person can make would have changed the result.
    NoChange,
    /// What the person can do.
    Rights,
    /// Between the last two of a list.
    And,
    /// A value that was not given.
    Missing,
    /// True.
    Yes,
    /// False.
    No,
}

fn tongue(tag: &str) -> Option<Tongue> {
    match tag.split('-').next() {
        Some(primary) if primary.eq_ignore_ascii_case("en") => Some(Tongue::English),
        Some(primary) if primary.eq_ignore_ascii_case("de") => Some(Tongue::German),
        _ => None,
    }
}

/// Whether a language has words of its own here.
pub(crate) fn has_words(tag: &str) -> bool {
    tongue(tag).is_some()
}

/// A phrase in a language; in English where the language has no words.
pub(crate) fn phrase(tag: &str, phrase: Phrase) -> &'static str {
    match tongue(tag) {
        Some(Tongue::German) => german(phrase),
        _ => english(phrase),
    }
}

fn english(phrase: Phrase) -> &'static str {
    match phrase {
        Phrase::Principles => {
            "The result was computed by a statistical model. It compares the information listed here with what it learned from past cases: each piece of information raises or lowers a score, and the score decides on which side of a fixed limit the result falls."
        }
        Phrase::Adverse => "{label} ({value}) weighed against you.",
        Phrase::Favourable => "{label} ({value}) weighed in your favour.",
        Phrase::OutcomeAdverse => "The result of this decision is unfavourable to you.",
        Phrase::OutcomeFavourable => "The result of this decision is favourable to you.",
        Phrase::Change => {
            "The result would have been different with {changes}, everything else being the same."
        }
        Phrase::ChangeOf => "{label} of {to} instead of {from}",
        Phrase::NoChange => {
            "Among the things that you can change, no change was found that would have led to another result."
        }
        Phrase::Rights => {
            "You may ask for a person to look at this decision, say how you see it, and contest it. You may ask which of your data was used and have it corrected."
        }
        Phrase::And => "and",
        Phrase::Missing => "not given",
        Phrase::Yes => "yes",
        Phrase::No => "no",
    }
}

fn german(phrase: Phrase) -> &'static str {
    match phrase {
        Phrase::Principles => {
            "Das Ergebnis wurde von einem statistischen Modell berechnet. Es vergleicht die hier aufgeführten Angaben mit dem, was es aus früheren Fällen gelernt hat: Jede Angabe erhöht oder senkt einen Punktwert, und dieser entscheidet, auf welcher Seite einer festen Grenze das Ergebnis liegt."
        }
        Phrase::Adverse => "{label} ({value}): Diese Angabe sprach gegen Sie.",
        Phrase::Favourable => "{label} ({value}): Diese Angabe sprach für Sie.",
        Phrase::OutcomeAdverse => "Das Ergebnis dieser Entscheidung ist für Sie ungünstig.",
        Phrase::OutcomeFavourable => "Das Ergebnis dieser Entscheidung ist für Sie günstig.",
        Phrase::Change => {
            "Das Ergebnis wäre ein anderes gewesen mit {changes}, bei sonst gleichen Angaben."
        }
        Phrase::ChangeOf => "{label}: {to} statt {from}",
        Phrase::NoChange => {
            "Unter dem, was Sie ändern können, wurde keine Änderung gefunden, die zu einem anderen Ergebnis geführt hätte."
        }
        Phrase::Rights => {
            "Sie können verlangen, dass ein Mensch diese Entscheidung prüft, Ihren Standpunkt darlegen und die Entscheidung anfechten. Sie können Auskunft über Ihre verwendeten Daten und deren Berichtigung verlangen."
        }
        Phrase::And => "und",
        Phrase::Missing => "keine Angabe",
        Phrase::Yes => "ja",
        Phrase::No => "nein",
    }
}

/// What a feature is called: the profile's label, else the contract's description, else its
/// name.
pub(crate) fn label<'a>(profile: &'a ExplainProfile, field: &'a Field, tag: &str) -> &'a str {
    let told = profile.features.get(&field.name).and_then(|told| told.label.get(tag));
    told.or(field.description.as_ref()).unwrap_or(&field.name)
}

/// Fills the places of a sentence. The first letter is made upper-case, because a label may
/// begin it.
pub(crate) fn fill(sentence: &str, places: &[(&str, &str)]) -> String {
    let mut text = sentence.to_owned();
    for (name, value) in places {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => text,
    }
}

/// A cell as a person writes it, with the field's unit.
pub(crate) fn value_text(rows: &Rows, cell: Cell, field: &Field, tag: &str) -> String {
    let bare = match cell {
        Cell::Null => return phrase(tag, Phrase::Missing).to_owned(),
        Cell::Boolean(value) => {
            phrase(tag, if value { Phrase::Yes } else { Phrase::No }).to_owned()
        }
        Cell::Integer(value) => grouped(&value.to_string(), tag),
        Cell::Number(value) => grouped(&short(value), tag),
        Cell::Category(index) => {
            let text = usize::try_from(index).ok().and_then(|index| field.values.get(index));
            text.map_or_else(|| index.to_string(), |text| text.replace('_', " "))
        }
        Cell::Timestamp(micros) => match jiff::Timestamp::from_microsecond(micros) {
            Ok(time) => format!("{time:.0}").replace('T', " ").replace('Z', " UTC"),
            Err(_) => micros.to_string(),
        },
        Cell::Text { .. } => rows.text_of(cell).unwrap_or_default().to_owned(),
        Cell::Tensor { .. } => return format!("{:?}", field.shape),
    };
    match &field.unit {
        Some(unit) if matches!(field.kind, Kind::Number | Kind::Integer) => {
            format!("{bare} {unit}")
        }
        _ => bare,
    }
}

/// At most four digits after the point, none of them a trailing zero.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Thousands apart, and the point as the language has it.
fn grouped(number: &str, tag: &str) -> String {
    let (thousands, point) = match tongue(tag) {
        Some(Tongue::German) => ('.', ','),
        _ => (',', '.'),
    };
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut text = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(thousands);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push(point);
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_language_does() {
        let cases = [
            (1_234_567.5, "en", "1,234,567.5"),
            (1_234_567.5, "de-AT", "1.234.567,5"),
            (-999.0, "en", "-999"),
            (-1000.0, "de", "-1.000"),
            (0.000_01, "en", "0"),
            (0.333_333, "de", "0,3333"),
        ];
        for (value, tag, wanted) in cases {
            assert_eq!(grouped(&short(value), tag), wanted);
        }
    }

    #[test]
    fn a_sentence_begins_with_a_capital() {
        assert_eq!(fill("{label} ({value})", &[("label", "age"), ("value", "3")]), "Age (3)");
        assert_eq!(fill("", &[]), "");
    }
}
