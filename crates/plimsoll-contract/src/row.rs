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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Contract;
    use plimsoll_types::Cell;

    const CONTRACT: &str = "
version: 1
features:
  - { name: age, kind: integer, min: 18, max: 120 }
  - { name: income, kind: number, nullable: true, min: 0, max: 1000 }
  - { name: home, kind: category, values: [own, rent] }
  - { name: member, kind: boolean }
limits: { max_rows: 1 }
";

    fn read(values: &[(usize, Value<'_>)]) -> Result<Scratch, Vec<(Code, String)>> {
        let contract = Contract::from_yaml(CONTRACT).expect("reads");
        let contract = CompiledContract::compile(&contract).expect("compiles");
        let mut scratch = Scratch::default();
        let told = |violations: Violations| {
            let field = |field: &Option<Box<str>>| field.as_deref().unwrap_or_default().to_owned();
            violations.iter().map(|one| (one.code, field(&one.field))).collect::<Vec<_>>()
        };
        contract.validate_row(values.iter().copied(), &mut scratch).map_err(told)?;
        Ok(scratch)
    }

    #[test]
    fn a_typed_row_ends_in_the_same_cells_as_a_request() {
        let row = [
            (3, Value::Number(1.0)),
            (0, Value::Number(35.0)),
            (1, Value::Null),
            (2, Value::Text("rent")),
        ];
        let scratch = read(&row).expect("keeps the contract");
        let cells = [Cell::Integer(35), Cell::Null, Cell::Category(1), Cell::Boolean(true)];
        assert_eq!(scratch.rows.row(0), cells);
    }

    #[test]
    fn every_broken_rule_of_a_typed_row_is_told() {
        let row = [
            (0, Value::Integer(i64::MIN)),
            (1, Value::Number(f64::INFINITY)),
            (2, Value::Text("boat")),
            (2, Value::Text("own")),
        ];
        let told = read(&row).expect_err("breaks it");
        let of = |code, field: &str| (code, field.to_owned());
        let expected = [
            of(Code::IntegerUnsafe, "age"),
            of(Code::OutOfRange, "income"),
            of(Code::NotAllowedValue, "home"),
            of(Code::DuplicateField, "home"),
            of(Code::MissingField, "member"),
        ];
        assert_eq!(told, expected);
        let fraction = [(0, Value::Number(35.5))];
        assert_eq!(read(&fraction).expect_err("no integer")[0], of(Code::WrongKind, "age"));
    }
}
