//! A row that is typed already: of a file, say. Its values come by position, and end in the same
//! rules as those of a request.

use crate::check::MAX_INTEGER;
use crate::compile::CompiledContract;
use crate::writer::{Fault, FieldWriter, Scratch, Value, Violations};
use plimsoll_types::RefusalCode as Code;

impl CompiledContract {
    /// Validates one row: `values` are fields by their position and what they hold, each field at
    /// most once. Fills `scratch` as a request of one row does. Numbers have one type here, as in
    /// a table: whole ones are integers, 0 and 1 are booleans, as the contract wants them.
    ///
    /// # Errors
    /// Every rule that the row breaks, up to 16.
    pub fn validate_row<'v>(
        &self,
        values: impl Iterator<Item = (usize, Value<'v>)>,
        scratch: &mut Scratch,
    ) -> Result<(), Violations> {
        let mut writer = FieldWriter::new(self, scratch);
        let read = fill(&mut writer, values);
        writer.finish(read)
    }
}

fn fill<'v>(
    writer: &mut FieldWriter<'_, '_>,
    values: impl Iterator<Item = (usize, Value<'v>)>,
) -> Result<(), Fault> {
    writer.set_rows(1)?;
    for (field, value) in values {
        if !writer.claim(field) {
            writer.violate(field, 0, Code::DuplicateField)?;
            continue;
        }
        writer.put_untyped(field, 0, held(value))?;
    }
    Ok(())
}

/// What the rules may be asked about: finite numbers, and integers that every reader keeps.
fn held(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Number(number) if !number.is_finite() => Value::Wrong(Code::OutOfRange, None),
        Value::Integer(integer) if integer.unsigned_abs() > MAX_INTEGER.unsigned_abs() => {
            Value::Wrong(Code::IntegerUnsafe, None)
        }
        value => value,
    }
}
