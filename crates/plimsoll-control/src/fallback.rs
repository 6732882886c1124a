//! What a deployment declares to be answered when its model cannot: the version before, rules over
//! the contract's fields as people write them (`amount > 5000 -> 1`), an answer for the rest.

use crate::bootstrap::Control;
use crate::deployment::Settings;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_contract::{CompiledContract, Field, Kind};
use plimsoll_serving::{Asks, Compare, Fallback, FallbackRule};
use plimsoll_store::DeploymentRow;
use plimsoll_types::{Cell, Digest};

/// Numbers of an answer: as many as the widest model answers.
const OUTPUTS_MAX: usize = 1_024;
/// The most rules: each is looked at for every row that the model does not answer.
const RULES_MAX: usize = 32;
/// The longest rule, in bytes: it is part of the records of what it answered.
const RULE_MAX: usize = 256;

/// How rules compare, the longer words first.
const WORDS: [(&str, Compare); 6] = [
    ("<=", Compare::AtMost),
    (">=", Compare::AtLeast),
    ("!=", Compare::Other),
    ("<", Compare::Less),
    (">", Compare::More),
    ("=", Compare::Same),
];

impl Settings {
    /// Takes a declared fallback, or takes it away.
    pub(crate) fn declare(&mut self, fallback: Option<api::Fallback>) -> Result<(), ControlError> {
        let is_declared = fallback.is_some();
        let api::Fallback { outputs, rules, previous } = fallback.unwrap_or_default();
        self.fallback = Some(outputs).filter(|outputs| !outputs.is_empty());
        self.fallback_rules = rules;
        self.fallback_previous = previous;
        if is_declared && !self.has_fallback() {
            let detail = "must be outputs, rules or the version before; null takes it away";
            return Err(ControlError::invalid("fallback", detail));
        }
        Ok(())
    }

    /// The fallback as it was declared.
    pub(crate) fn declared(&self) -> Option<api::Fallback> {
        self.has_fallback().then(|| api::Fallback {
            outputs: self.fallback.clone().unwrap_or_default(),
            rules: self.fallback_rules.clone(),
            previous: self.fallback_previous,
        })
    }

    /// Whether a fallback is declared.
    pub(crate) fn has_fallback(&self) -> bool {
        self.fallback.is_some() || self.answers_by_rule() || self.fallback_previous
    }

    /// Whether rules are declared.
    pub(crate) fn answers_by_rule(&self) -> bool {
        !self.fallback_rules.is_empty()
    }

    /// Whether the numbers of a fallback are some, and its rules not too many.
    pub(crate) fn check_fallback(&self) -> Result<(), ControlError> {
        let wrong = |why: String| Err(ControlError::invalid("fallback", why));
        if self.fallback.as_ref().is_some_and(|outputs| !are_outputs(outputs)) {
            return wrong(format!("must be 1 to {OUTPUTS_MAX} finite numbers"));
        }
        if self.fallback_rules.len() > RULES_MAX {
            return wrong(format!("a deployment has at most {RULES_MAX} rules"));
        }
        Ok(())
    }
}

fn are_outputs(outputs: &[f64]) -> bool {
    (1..=OUTPUTS_MAX).contains(&outputs.len()) && outputs.iter().all(|output| output.is_finite())
}

/// The fallback as gateways answer it: bound to the contract, each answer as wide as the model's.
/// `upstream` is that of a version which declares one itself; it stands where the deployment has none.
pub(crate) fn bound(
    settings: &Settings,
    contract: &CompiledContract,
    width: usize,
    upstream: Option<&[f64]>,
) -> Result<Fallback, Box<str>> {
    let rules = settings.fallback_rules.iter().map(|text| rule(text, contract));
    let rules = rules.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let own = settings.fallback.as_deref();
    let outputs = own.or(upstream.filter(|_| !settings.has_fallback())).unwrap_or_default();
    let widths = rules.iter().map(|rule| rule.outputs.len());
    let other = widths.chain([outputs.len()]).find(|given| ![0, width].contains(given));
    if let Some(given) = other {
        return Err(format!("the fallback has {given} numbers, the model's answer {width}").into());
    }
    Ok(Fallback { previous: settings.fallback_previous, rules, outputs: outputs.to_vec() })
}

/// Reads a rule and binds it to the contract.
pub(crate) fn rule(text: &str, contract: &CompiledContract) -> Result<FallbackRule, ControlError> {
    let wrong = |why: &str| ControlError::invalid("fallback", why);
    if text.len() > RULE_MAX {
        return Err(wrong(&format!("a rule has at most {RULE_MAX} bytes")));
    }
    let shape = "a rule is `FIELD OP VALUE -> ANSWER`, such as `amount > 5000 -> 1`; OP is one of \
                 = != < <= > >=, ANSWER a finite number for each output, separated by commas";
    let (when, answer) = text.rsplit_once("->").ok_or_else(|| wrong(shape))?;
    let at = when.find(['<', '>', '=', '!']).ok_or_else(|| wrong(shape))?;
    let (name, rest) = when.split_at(at);
    let read = |(word, how): &(&str, Compare)| Some((*how, rest.strip_prefix(word)?.trim()));
    let (how, value) = WORDS.iter().find_map(read).ok_or_else(|| wrong(shape))?;
    let number = |text: &str| text.trim().parse().ok().filter(|value: &f64| value.is_finite());
    let outputs: Option<Vec<f64>> = answer.split(',').map(number).collect();
    let outputs = outputs.filter(|outputs| are_outputs(outputs)).ok_or_else(|| wrong(shape))?;
    let unknown = "a rule looks at a feature or a context attribute of the contract";
    let place = contract.position(name.trim()).ok_or_else(|| wrong(unknown))?;
    let field = contract.field(place).ok_or_else(|| wrong(unknown))?;
    let asks = asks(field, how, value).map_err(wrong)?;
    Ok(FallbackRule { place, asks, outputs, text: text.into() })
}

/// What a rule asks of a field: only what the field can be.
fn asks(field: &Field, how: Compare, value: &str) -> Result<Asks, &'static str> {
    let is_it = match how {
        Compare::Same => Some(true),
        Compare::Other => Some(false),
        _ => None,
    };
    let equal = || is_it.ok_or("what is no number is compared with = or !=");
    match field.kind {
        Kind::Number | Kind::Integer => {
            let number = value.parse().ok().filter(|value: &f64| value.is_finite());
            Ok(Asks::Number(how, number.ok_or("a number is compared with a finite number")?))
        }
        Kind::Boolean => {
            let wanted = value.parse().map_err(|_| "a boolean is `true` or `false`")?;
            Ok(Asks::Value(Cell::Boolean(wanted), equal()?))
        }
        Kind::Category => {
            let place = field.values.iter().position(|known| known == value);
            let place = place.and_then(|place| u32::try_from(place).ok());
            let place =
                place.ok_or("a category is compared with a value that the contract names")?;
            Ok(Asks::Value(Cell::Category(place), equal()?))
        }
        Kind::String if value.is_empty() => Err("a text is compared with a text"),
        Kind::String => Ok(Asks::Text(value.into(), equal()?)),
        Kind::Timestamp | Kind::Tensor => Err("a rule does not look at times and tensors"),
    }
}

impl Control {
    /// Whether the fallback that is declared fits a contract, whatever version answers by it.
    pub(crate) fn check_rules(
        &self,
        settings: &Settings,
        contract: Digest,
    ) -> Result<(), ControlError> {
        if !settings.answers_by_rule() {
            return Ok(());
        }
        let contract = self.compiled(contract)?;
        settings.fallback_rules.iter().try_for_each(|text| rule(text, &contract).map(drop))
    }

    /// The version that stands in for `number` once that answers, if there is one.
    pub(crate) fn stands_in(
        &self,
        row: &DeploymentRow,
        number: u32,
    ) -> Result<Option<u32>, ControlError> {
        let present = row.released.map(|release| release.number);
        match present.filter(|present| *present != number) {
            Some(present) => Ok(Some(present)),
            None => Ok(self.store.read(|r| r.released_before(row.id, number))?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_contract::Contract;
    use proptest::prelude::*;

    fn contract() -> CompiledContract {
        let text = "
version: 1
features:
  - { name: amount, kind: number, min: 0 }
  - { name: country, kind: category, values: [DE, AT] }
  - { name: is_new, kind: boolean }
context:
  - { name: channel, kind: string, nullable: true }
  - { name: seen, kind: timestamp, nullable: true }
";
        CompiledContract::compile(&Contract::from_yaml(text).expect("reads")).expect("compiles")
    }

    #[test]
    fn rules_are_read_as_they_are_written() {
        let contract = contract();
        let read = |text: &str| rule(text, &contract).expect(text);
        let more = read("amount > 5000 -> 1");
        assert_eq!((more.place, &more.outputs[..]), (0, &[1.0][..]));
        assert_eq!(more.asks, Asks::Number(Compare::More, 5000.0));
        assert_eq!(read("amount<=1e3->0.5,0.5").asks, Asks::Number(Compare::AtMost, 1000.0));
        assert_eq!(read("country = AT -> 0").asks, Asks::Value(Cell::Category(1), true));
        assert_eq!(read("is_new != true -> 0").asks, Asks::Value(Cell::Boolean(true), false));
        let text = read("channel = a -> b -> -1");
        assert_eq!((text.asks, text.outputs), (Asks::Text("a -> b".into(), true), vec![-1.0]));
        for text in [
            "",
            "amount > 5000",
            "amount -> 1",
            "amount > -> 1",
            "amount > inf -> 1",
            "amount > 1 -> many",
            "amount > 1 -> NaN",
            "amount > 1 ->",
            "weight > 1 -> 1",
            "country = FR -> 1",
            "country > DE -> 1",
            "is_new = yes -> 1",
            "channel < b -> 1",
            "channel = -> 1",
            "seen > 2026-01-01T00:00:00Z -> 1",
        ] {
            assert!(rule(text, &contract).is_err(), "{text}");
        }
        assert!(rule(&format!("channel = {} -> 1", "x".repeat(300)), &contract).is_err());
    }

    #[test]
    fn every_answer_is_as_wide_as_the_model() {
        let settings = |rules: &[&str], outputs: Option<Vec<f64>>| Settings {
            fallback: outputs,
            fallback_rules: rules.iter().map(|text| (*text).to_owned()).collect(),
            ..Settings::default()
        };
        let contract = contract();
        let one = settings(&["amount > 1 -> 1"], Some(vec![0.5]));
        assert_eq!(bound(&one, &contract, 1, None).expect("fits").rules.len(), 1);
        assert!(bound(&one, &contract, 2, None).is_err());
        assert!(bound(&settings(&["amount > 1 -> 1,2"], None), &contract, 1, None).is_err());
        // What an upstream declares stands only where the deployment declares nothing.
        let none = bound(&settings(&[], None), &contract, 1, Some(&[0.25])).expect("fits");
        assert_eq!(none.outputs, [0.25]);
        let own = bound(&settings(&["amount > 1 -> 1"], None), &contract, 1, Some(&[0.25]));
        assert!(own.expect("fits").outputs.is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(amount|country|is_new|channel)?.{0,300}") {
            drop(rule(&text, &contract()));
        }
    }
}
