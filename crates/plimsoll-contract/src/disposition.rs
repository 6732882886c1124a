//! What becomes of a field where decisions are kept for queries. Pure: a class in, a word out.
//!
//! The record of a decision in the ledger is sealed as a whole, whatever the classes say. This
//! is about copies that are easier to read: decision tables and exports for analysis.

use crate::contract::{Class, Field, Kind};

/// What becomes of a field in a decision table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// It stands there as it is: filters, statistics and bloom filters may use it.
    Clear,
    /// It is sealed cell by cell under its subjects' keys, and gone when they are.
    Seal,
    /// It is left out; the ledger still has it.
    Drop,
}

impl Disposition {
    /// Of a field of a contract. `identifies`: the contract's map takes a subject's or an
    /// interaction's name from it.
    ///
    /// | | class `none` | `personal` | `sensitive` |
    /// |---|---|---|---|
    /// | identifies somebody | seal | seal | seal |
    /// | tensor | clear | drop | drop |
    /// | any other kind | clear | seal | seal |
    ///
    /// A name is personal whatever its author wrote. A personal tensor (a face, a voice, a
    /// text's embedding) answers no query, and sealed it would be most of the table.
    #[must_use]
    pub const fn of(field: &Field, identifies: bool) -> Self {
        match (field.class, field.kind) {
            (Class::None, _) if !identifies => Self::Clear,
            (Class::Personal | Class::Sensitive, Kind::Tensor) => Self::Drop,
            _ => Self::Seal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_personal_is_clear() {
        for kind in [Kind::Number, Kind::Integer, Kind::Boolean, Kind::Category, Kind::String] {
            let mut field = Field::new("f", kind);
            assert_eq!(Disposition::of(&field, false), Disposition::Clear);
            assert_eq!(Disposition::of(&field, true), Disposition::Seal);
            for class in [Class::Personal, Class::Sensitive] {
                field.class = class;
                assert_eq!(Disposition::of(&field, false), Disposition::Seal);
                assert_eq!(Disposition::of(&field, true), Disposition::Seal);
            }
        }
        let mut tensor = Field::new("t", Kind::Tensor);
        assert_eq!(Disposition::of(&tensor, false), Disposition::Clear);
        tensor.class = Class::Sensitive;
        assert_eq!(Disposition::of(&tensor, false), Disposition::Drop);
    }
}
