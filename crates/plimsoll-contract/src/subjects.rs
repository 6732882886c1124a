//! Whom a recorded request was about.

use crate::compile::{CompiledContract, Source};
use plimsoll_types::Rows;

impl CompiledContract {
    /// The persons that recorded rows are about, each once: from the fields that the contract
    /// maps, and from `mapped`, the recorded texts of headers (role and text).
    #[must_use]
    pub fn subjects(&self, rows: &Rows, mapped: &[(Box<str>, Box<str>)]) -> Vec<String> {
        let mut subjects: Vec<String> = Vec::new();
        let mut add = |text: &str| {
            if !subjects.iter().any(|known| known == text) {
                subjects.push(text.to_owned());
            }
        };
        for source in &self.mapping().subjects {
            if matches!(source.source, Source::Field(_)) {
                for row in 0..rows.len() {
                    if let Some(text) = self.mapped_text(rows, row, source) {
                        add(&text);
                    }
                }
            }
        }
        mapped.iter().filter(|(role, _)| &**role == "subject").for_each(|(_, text)| add(text));
        subjects
    }
}

#[cfg(test)]
mod tests {
    use crate::{CompiledContract, Contract};
    use plimsoll_types::{Cell, Rows};

    #[test]
    fn subjects_come_from_fields_and_headers_each_once() {
        let contract = Contract::from_yaml(
            "{version: 1, features: [{name: age, kind: integer}], context: [{name: customer, kind: string}],
              map: {subjects: [{field: customer}, {header: X-Person}]}}",
        )
        .expect("reads");
        let contract = CompiledContract::compile(&contract).expect("compiles");
        let text = |start, len| Cell::Text { start, len };
        let cells = vec![
            Cell::Integer(1),
            text(0, 1),
            Cell::Integer(2),
            text(0, 1),
            Cell::Integer(3),
            text(1, 1),
        ];
        let rows = Rows { width: 2, cells, text: "ab".into(), numbers: Vec::new() };
        let mapped = [
            ("slice".into(), "x".into()),
            ("subject".into(), "b".into()),
            ("subject".into(), "c".into()),
        ];
        assert_eq!(contract.subjects(&rows, &mapped), ["a", "b", "c"]);
    }
}
