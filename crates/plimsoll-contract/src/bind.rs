//! From validated rows to the numbers a model reads.

use crate::compile::CompiledContract;
use crate::contract::Kind;
use plimsoll_types::{Cell, Rows};

/// For each input of a model, the field that feeds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    places: Box<[usize]>,
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
            None => Ok(Binding { places: places.into() }),
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
        Ok(Binding { places: (0..self.features).collect() })
    }

    /// Appends the features of row `row` to `out` in the contract's order. See
    /// [`Binding::model_row`].
    pub fn model_row(&self, rows: &Rows, row: usize, out: &mut Vec<f32>) {
        for cell in rows.row(row).iter().take(self.features) {
            push(rows, *cell, out);
        }
    }
}

impl Binding {
    /// Appends the inputs of row `row` to `out` in the model's order: booleans as 0 and 1,
    /// categories as their index in the contract's list, null and flagged texts as NaN.
    pub fn model_row(&self, rows: &Rows, row: usize, out: &mut Vec<f32>) {
        let cells = rows.row(row);
        for &place in &self.places {
            push(rows, cells.get(place).copied().unwrap_or(Cell::Null), out);
        }
    }
    /// Position in a row of the field that feeds each input of the model.
    #[must_use]
    pub fn places(&self) -> &[usize] {
        &self.places
    }
}

fn push(rows: &Rows, cell: Cell, out: &mut Vec<f32>) {
    match cell {
        Cell::Number(value) => out.push(single(value)),
        Cell::Integer(value) => out.push(integer(value)),
        Cell::Category(value) => out.push(integer(value.into())),
        Cell::Boolean(value) => out.push(f32::from(u8::from(value))),
        Cell::Null | Cell::Text { .. } | Cell::Timestamp(_) => out.push(f32::NAN),
        Cell::Tensor { .. } => {
            let elements = rows.tensor_of(cell).unwrap_or_default();
            out.extend(elements.iter().map(|&value| single(value)));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to the model's precision is meant")]
fn single(value: f64) -> f32 {
    value as f32
}

fn integer(value: i64) -> f32 {
    value as f32
}
