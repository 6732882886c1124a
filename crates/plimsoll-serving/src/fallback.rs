//! What is declared to be answered when the model cannot: the version before, rules over the
//! contract's fields, the first that holds, and an answer for the rest. Pure: rows in, numbers out.

use crate::deployment::{ServedVersion, Serving};
use plimsoll_types::{Cell, Rows};
use std::sync::Arc;

/// What a record says where the answer for the rest was given.
pub const FOR_THE_REST: &str = "outputs";

/// What is answered when the model cannot. Nothing declared: the request fails.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fallback {
    /// Whether the version before is asked first: [`Serving::before`].
    pub previous: bool,
    /// Rules, of which the first that holds for a row answers it.
    pub rules: Vec<FallbackRule>,
    /// The answer of rows for which no rule holds: one number per output value. Empty refuses.
    pub outputs: Vec<f64>,
}

/// A rule, bound to the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct FallbackRule {
    /// The position of the field that it looks at: features first, then context.
    pub place: usize,
    /// What it asks of it.
    pub asks: Asks,
    /// Its answer: one number per output value.
    pub outputs: Vec<f64>,
    /// The rule as it was declared, for records.
    pub text: Box<str>,
}

/// What a rule asks of a field. It does not hold where there is no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Asks {
    /// How a number compares with this one.
    Number(Compare, f64),
    /// Whether a boolean or a category is (`true`) or is not this one.
    Value(Cell, bool),
    /// Whether a text is (`true`) or is not this one.
    Text(Box<str>, bool),
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Below.
    Less,
    /// Below or the same.
    AtMost,
    /// The same.
    Same,
    /// Another.
    Other,
    /// Above or the same.
    AtLeast,
    /// Above.
    More,
}

impl Compare {
    fn holds(self, value: f64, with: f64) -> bool {
        match self {
            Self::Less => value < with,
            Self::AtMost => value <= with,
            Self::Same => value.partial_cmp(&with).is_some_and(std::cmp::Ordering::is_eq),
            Self::Other => value.partial_cmp(&with).is_some_and(std::cmp::Ordering::is_ne),
            Self::AtLeast => value >= with,
            Self::More => value > with,
        }
    }
}

impl FallbackRule {
    fn holds(&self, rows: &Rows, row: usize) -> bool {
        let Some(cell) = rows.row(row).get(self.place).copied() else { return false };
        match (&self.asks, cell) {
            (_, Cell::Null) => false,
            (Asks::Number(how, with), Cell::Number(value)) => how.holds(value, *with),
            #[expect(clippy::cast_precision_loss, reason = "contracts keep it within 2^53")]
            (Asks::Number(how, with), Cell::Integer(value)) => how.holds(value as f64, *with),
            (Asks::Value(wanted, is_it), cell) => (cell == *wanted) == *is_it,
            (Asks::Text(wanted, is_it), cell) => {
                rows.text_of(cell).is_some_and(|text| (*text == **wanted) == *is_it)
            }
            (Asks::Number(..), _) => false,
        }
    }
}

impl Fallback {
    /// Whether nothing is declared.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.previous && self.rules.is_empty() && self.outputs.is_empty()
    }

    /// What is answered for a row, and what says so; `None` refuses.
    #[must_use]
    pub fn answer(&self, rows: &Rows, row: usize) -> Option<(&[f64], &str)> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.holds(rows, row)) {
            return Some((&rule.outputs, &rule.text));
        }
        (!self.outputs.is_empty()).then_some((&self.outputs, FOR_THE_REST))
    }
}

impl Serving {
    /// The version before one that failed, which is kept loaded where it is declared to stand in:
    /// for one that is tried, or that a rule chose, the version that answers everybody else; for
    /// that, the one that was released before it.
    #[must_use]
    pub fn before(&self, failed: &ServedVersion) -> Option<&ServedVersion> {
        let before = match failed.number == self.primary.number {
            true => self.previous.as_ref()?,
            false => &self.primary,
        };
        let is_alike = before.model.output().count == failed.model.output().count;
        is_alike.then(|| Arc::as_ref(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(place: usize, asks: Asks, answer: f64) -> FallbackRule {
        let text = format!("rule {answer}").into();
        FallbackRule { place, asks, outputs: vec![answer], text }
    }

    /// A number, a category, a text, and nothing.
    fn rows() -> Rows {
        Rows {
            width: 4,
            cells: vec![
                Cell::Number(250.0),
                Cell::Category(2),
                Cell::Text { start: 0, len: 3 },
                Cell::Null,
                Cell::Integer(-3),
                Cell::Boolean(true),
                Cell::Text { start: 3, len: 2 },
                Cell::Null,
            ],
            text: "ATMDE".to_owned(),
            numbers: Vec::new(),
        }
    }

    #[test]
    fn the_first_rule_that_holds_answers_and_else_the_rest() {
        let rules = vec![
            rule(3, Asks::Number(Compare::Other, 7.0), 0.1),
            rule(0, Asks::Number(Compare::More, 250.0), 0.2),
            rule(2, Asks::Text("ATM".into(), true), 0.3),
            rule(1, Asks::Value(Cell::Category(2), true), 0.4),
        ];
        let mut fallback = Fallback { rules, ..Fallback::default() };
        assert_eq!(fallback.answer(&rows(), 0), Some((&[0.3][..], "rule 0.3")));
        assert_eq!(fallback.answer(&rows(), 1), None, "no rule holds, so it is refused");
        fallback.outputs = vec![0.9];
        assert_eq!(fallback.answer(&rows(), 1), Some((&[0.9][..], FOR_THE_REST)));
        assert_eq!(fallback.answer(&rows(), 7), Some((&[0.9][..], FOR_THE_REST)), "no such row");
        assert!(!fallback.is_none() && Fallback::default().is_none());
    }

    #[test]
    fn rules_compare_as_they_say() {
        let holds = |place, asks, row| rule(place, asks, 1.0).holds(&rows(), row);
        for (how, expected) in [
            (Compare::Less, [false, true]),
            (Compare::AtMost, [true, true]),
            (Compare::Same, [true, false]),
            (Compare::Other, [false, true]),
            (Compare::AtLeast, [true, false]),
            (Compare::More, [false, false]),
        ] {
            let found = [0, 1].map(|row| holds(0, Asks::Number(how, 250.0), row));
            assert_eq!(found, expected, "{how:?}");
        }
        assert!(holds(1, Asks::Value(Cell::Boolean(true), true), 1));
        assert!(holds(1, Asks::Value(Cell::Category(1), false), 0));
        assert!(!holds(1, Asks::Value(Cell::Category(2), false), 0));
        assert!(holds(2, Asks::Text("ATM".into(), false), 1));
        assert!(!holds(0, Asks::Text("ATM".into(), false), 0), "a number is no text");
        assert!(!holds(3, Asks::Value(Cell::Boolean(true), false), 0), "nothing is not another");
    }
}
