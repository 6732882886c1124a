//! From validated rows to the numbers a model reads.

use crate::compile::CompiledContract;
use crate::contract::Kind;
use plimsoll_types::{Cell, Rows};
use std::collections::HashMap;

/// For each input of a model, the field that feeds it. The default feeds none: a model that
/// answers elsewhere is sent the rows themselves.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Binding {
    places: Box<[usize]>,
    /// How each place's values become numbers; empty if all are plain.
    feeds: Vec<Feed>,
}

/// How the values of a field become a model's numbers.
#[derive(Clone, PartialEq, Debug)]
enum Feed {
    /// As they are; a category as its index in the contract's list.
    Plain,
    /// A category: the code of each of the contract's values, and of texts let through as flagged.
    Category(Box<[f64]>, Codes),
    /// A string: the codes the model knows.
    Text(Codes),
    /// An integer: the codes the model knows, by the integer's text.
    Integer(Codes),
}

/// What a model makes of the texts of one of its inputs.
#[derive(Clone, PartialEq, Debug)]
pub struct Codes {
    /// The number for each text that the model was trained with.
    pub known: HashMap<Box<str>, f64>,
    /// The number for any other text; `None` if the model takes no other.
    pub unknown: Option<f64>,
}

/// Why a model cannot be fed from a contract.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BindError {
    /// The model wants a feature that the contract does not have.
    #[error("the model's feature `{0}` is not a feature of the contract")]
    Unknown(String),
    /// The model wants one number, the contract has a tensor.
    #[error("the feature `{0}` is a tensor, but the model takes one number for it")]
    NotScalar(String),
    /// The model names a feature twice.
    #[error("the model names the feature `{0}` twice")]
    Repeated(String),
    /// The contract has a feature that the model does not take.
    #[error("the feature `{0}` of the contract is not one of the model's; move it to `context`")]
    Unused(String),
    /// The model takes categories for it, the contract has another kind.
    #[error("the feature `{0}` must be a category with values the model was trained with")]
    NotCategory(String),
    /// The contract allows a text that the model was not trained with and has no place for.
    #[error("the value `{value}` of the feature `{feature}` is none the model was trained with")]
    UnknownValue {
        /// The feature.
        feature: String,
        /// The contract's value.
        value: String,
    },
    /// The model takes numbers for it, the contract has texts.
    #[error("the model takes numbers for the feature `{0}`, not texts; make it a category")]
    NotText(String),
    /// The model does not name its features, and wants another number of them.
    #[error("the model takes {model} numbers, the contract has {contract}")]
    Count {
        /// Numbers the model takes.
        model: usize,
        /// Numbers the contract's features give.
        contract: usize,
    },
}

impl CompiledContract {
    /// Binds a model that names its features. Every name must be a feature of the contract
    /// and the other way round; the order may differ.
    ///
    /// # Errors
    /// [`BindError`] if the two do not name the same features.
    pub fn bind<S: AsRef<str>>(&self, names: &[S]) -> Result<Binding, BindError> {
        let mut places = Vec::with_capacity(names.len());
        let mut used = vec![false; self.features];
        for name in names.iter().map(AsRef::as_ref) {
            let unknown = || BindError::Unknown(name.to_owned());
            let place = self.position(name).ok_or_else(unknown)?;
            let taken = used.get_mut(place).ok_or_else(unknown)?;
            if std::mem::replace(taken, true) {
                return Err(BindError::Repeated(name.to_owned()));
            }
            if self.rules.get(place).is_some_and(|rule| rule.kind == Kind::Tensor) {
                return Err(BindError::NotScalar(name.to_owned()));
            }
            places.push(place);
        }
        let unused = self.rules.iter().zip(&used).find(|(_, used)| !**used);
        match unused {
            Some((rule, _)) => Err(BindError::Unused(rule.name.to_string())),
            None => Ok(Binding { places: places.into(), feeds: Vec::new() }),
        }
    }

    /// Binds a model that does not name its `count` inputs: features in the contract's order,
    /// tensors flattened.
    ///
    /// # Errors
    /// [`BindError::Count`] if the contract's features give another number of inputs.
    pub fn bind_in_order(&self, count: usize) -> Result<Binding, BindError> {
        let contract = self.rules.iter().take(self.features).map(|rule| rule.elements).sum();
        if count != contract {
            return Err(BindError::Count { model: count, contract });
        }
        Ok(Binding { places: (0..self.features).collect(), feeds: Vec::new() })
    }

    /// Makes the texts of input `input` the codes that its model has for them.
    ///
    /// # Errors
    /// [`BindError`] if the field that feeds it has no texts, or one the model has no place for.
    pub fn encode(
        &self,
        binding: &mut Binding,
        input: usize,
        codes: Codes,
    ) -> Result<(), BindError> {
        let place = binding.places.get(input).copied();
        let field = place.and_then(|place| self.field(place));
        let field = field.ok_or_else(|| BindError::Unknown(input.to_string()))?;
        let feed = match field.kind {
            Kind::Category => {
                let code = |value: &String| {
                    let known = codes.known.get(value.as_str()).copied().or(codes.unknown);
                    let (feature, value) = (field.name.clone(), value.clone());
                    known.ok_or(BindError::UnknownValue { feature, value })
                };
                Feed::Category(field.values.iter().map(code).collect::<Result<_, _>>()?, codes)
            }
            Kind::String if codes.unknown.is_some() => Feed::Text(codes),
            Kind::Integer if codes.unknown.is_some() => Feed::Integer(codes),
            _ => return Err(BindError::NotCategory(field.name.clone())),
        };
        binding.feeds.resize(binding.places.len(), Feed::Plain);
        if let Some(slot) = binding.feeds.get_mut(input) {
            *slot = feed;
        }
        Ok(())
    }

    /// Checks that no input is fed texts without [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`BindError::NotText`] names the first that is.
    pub fn check_texts(&self, binding: &Binding) -> Result<(), BindError> {
        let is_text =
            |place: &usize| self.rules.get(*place).is_some_and(|rule| rule.kind == Kind::String);
        let places = binding.places.iter().enumerate();
        let mut bare = places.filter(|(input, place)| {
            is_text(place) && matches!(binding.feeds.get(*input), None | Some(Feed::Plain))
        });
        match bare.next().and_then(|(_, place)| self.field(*place)) {
            Some(field) => Err(BindError::NotText(field.name.clone())),
            None => Ok(()),
        }
    }
}

impl Binding {
    /// Appends the inputs of row `row` to `out` in the model's order: booleans as 0 and 1,
    /// categories as the model's code, or else their index in the contract's list, null and
    /// flagged texts as NaN.
    pub fn model_row(&self, rows: &Rows, row: usize, out: &mut Vec<f64>) {
        let cells = rows.row(row);
        let cell = |place: usize| cells.get(place).copied().unwrap_or(Cell::Null);
        if self.feeds.is_empty() {
            self.places.iter().for_each(|place| push(rows, cell(*place), out));
            return;
        }
        for (place, feed) in self.places.iter().zip(&self.feeds) {
            match (feed, cell(*place)) {
                (Feed::Category(codes, _), Cell::Category(value)) => {
                    out.push(codes.get(value as usize).copied().unwrap_or(f64::NAN));
                }
                (Feed::Category(_, codes) | Feed::Text(codes), text @ Cell::Text { .. }) => {
                    out.push(codes.of(rows.text_of(text).unwrap_or_default()));
                }
                (Feed::Integer(codes), Cell::Integer(value)) => {
                    out.push(codes.of(&value.to_string()));
                }
                (_, cell) => push(rows, cell, out),
            }
        }
    }
    /// Position in a row of the field that feeds each input of the model.
    #[must_use]
    pub fn places(&self) -> &[usize] {
        &self.places
    }
}

impl Codes {
    fn of(&self, text: &str) -> f64 {
        self.known.get(text).copied().or(self.unknown).unwrap_or(f64::NAN)
    }
}

fn push(rows: &Rows, cell: Cell, out: &mut Vec<f64>) {
    match cell {
        Cell::Number(value) => out.push(value),
        Cell::Integer(value) => out.push(integer(value)),
        Cell::Category(value) => out.push(value.into()),
        Cell::Boolean(value) => out.push(f64::from(u8::from(value))),
        Cell::Null | Cell::Text { .. } | Cell::Timestamp(_) => out.push(f64::NAN),
        Cell::Tensor { .. } => {
            out.extend_from_slice(rows.tensor_of(cell).unwrap_or_default());
        }
    }
}

/// Contracts keep integers within 2^53, which `f64` holds exactly.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn integer(value: i64) -> f64 {
    value as f64
}
