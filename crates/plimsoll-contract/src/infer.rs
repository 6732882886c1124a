//! A first contract from data, for people to review.
//!
//! It must not know where the data came from: a column is a handful of facts.

use crate::check::{MAX_INTEGER_NUMBER, MAX_LENGTH, MAX_VALUE_BYTES};
use crate::contract::{
    CONTRACT_VERSION, Class, Contract, ContractError, Field, Kind, Limits, MapSource, Mapping,
};

/// Different texts up to which a text column is a category.
pub const MAX_DISTINCT: usize = 50;

/// Rows there must be for each different text, before they are taken for all there are.
const ROWS_PER_VALUE: u64 = 10;

/// The observed range is widened by a tenth of its width on either side: the data is a
/// sample, and its extremes are seldom the extremes of what is to come.
const MARGIN: f64 = 0.1;

/// What one column of a table looks like.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnSample {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// How many rows were seen.
    pub rows: u64,
    /// In how many of them it was null.
    pub nulls: u64,
    /// The least finite number; microseconds for a timestamp. `None` for other kinds.
    pub min: Option<f64>,
    /// The greatest finite number.
    pub max: Option<f64>,
    /// The different texts in order of first sight; `None` if there are more than
    /// [`MAX_DISTINCT`], or it is no text.
    pub distinct: Option<Vec<String>>,
    /// Characters of the longest text.
    pub max_length: u64,
}

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnKind {
    /// True or false.
    Boolean,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// Texts.
    Text,
    /// Points in time.
    Timestamp,
}

/// A contract inferred from data, and what to look at before using it.
#[derive(Clone, PartialEq, Debug)]
pub struct Inferred {
    /// The contract. It may still have problems, such as a column name that is not allowed.
    pub contract: Contract,
    /// What was guessed, one sentence each.
    pub notes: Vec<String>,
}

impl Inferred {
    /// The contract as YAML, the notes as comments before it.
    ///
    /// # Errors
    /// As [`Contract::to_yaml`].
    pub fn to_yaml(&self) -> Result<String, ContractError> {
        let mut text =
            "# An input contract, inferred from data. Review it before you use it:\n".to_owned();
        for note in &self.notes {
            text.push_str("# - ");
            // A name with a line break must not end the comment.
            text.extend(note.chars().map(|c| if c.is_control() { ' ' } else { c }));
            text.push('\n');
        }
        text.push_str(&self.contract.to_yaml()?);
        Ok(text)
    }
}

/// Infers a contract from `columns`. Leave the target column out of them.
#[must_use]
pub fn infer(columns: &[ColumnSample]) -> Inferred {
    let mut guess = Guess::default();
    for column in columns {
        guess.column(column);
    }
    guess.finish()
}

#[derive(Default)]
struct Guess {
    features: Vec<Field>,
    context: Vec<Field>,
    map: Mapping,
    notes: Vec<String>,
}

impl Guess {
    fn column(&mut self, column: &ColumnSample) {
        let field = field(column);
        let name = &column.name;
        let words = words(name);
        if field.class == Class::Personal {
            self.notes.push(format!("`{name}` looks personal by its name; confirm its class"));
        }
        if column.nulls == column.rows {
            self.notes.push(format!("`{name}` has no value in the data; its rules are guesses"));
        }
        let is_id =
            words.last().is_some_and(|word| matches!(word.as_str(), "id" | "uuid" | "guid"));
        if is_id {
            self.key(name, &words, field);
        } else if field.kind == Kind::Timestamp {
            self.time(name, field);
        } else if field.kind == Kind::String {
            self.notes.push(format!(
                "`{name}` is text that no list covers; it is not given to the model"
            ));
            self.context.push(field);
        } else {
            self.features.push(field);
        }
    }

    /// An identifier: of a subject if its name says so, else of the interaction.
    fn key(&mut self, name: &str, words: &[String], mut field: Field) {
        const PERSONS: [&str; 14] = [
            "account",
            "applicant",
            "borrower",
            "client",
            "customer",
            "employee",
            "member",
            "party",
            "patient",
            "person",
            "policyholder",
            "student",
            "subject",
            "user",
        ];
        // A range or a list of identifiers would refuse the next customer.
        (field.min, field.max, field.values) = (None, None, Vec::new());
        if field.kind == Kind::Category {
            field.kind = Kind::String;
        }
        if words.iter().any(|word| PERSONS.contains(&word.as_str())) {
            field.class = Class::Personal;
            self.map.subjects.push(optional(name, field.nullable));
            self.notes
                .push(format!("`{name}` is taken for the subject: the person a decision is about"));
        } else if self.map.interaction.is_none() {
            self.map.interaction = Some(optional(name, field.nullable));
            self.notes.push(format!("`{name}` is taken for the interaction id"));
        }
        self.context.push(field);
    }

    fn time(&mut self, name: &str, field: Field) {
        if self.map.event_time.is_none() {
            self.map.event_time = Some(optional(name, field.nullable));
            self.notes.push(format!("`{name}` is taken for the event time"));
        }
        self.context.push(field);
    }

    fn finish(mut self) -> Inferred {
        let mut notes = vec![
            "ranges are those of the data, widened by a tenth of their width".to_owned(),
            "a field is nullable only if the data has nulls in it".to_owned(),
            "the order of `values` must be the one the model was trained with".to_owned(),
        ];
        if self.map.subjects.is_empty() {
            notes.push(
                "no subject was found; map one, so that a person's data can be erased".to_owned(),
            );
        }
        notes.append(&mut self.notes);
        let contract = Contract {
            version: CONTRACT_VERSION,
            features: self.features,
            context: self.context,
            matrix: None,
            map: self.map,
            limits: Limits::default(),
        };
        Inferred { contract, notes }
    }
}

fn field(column: &ColumnSample) -> Field {
    let kind = match column.kind {
        ColumnKind::Boolean => Kind::Boolean,
        ColumnKind::Integer => Kind::Integer,
        ColumnKind::Number => Kind::Number,
        ColumnKind::Timestamp => Kind::Timestamp,
        ColumnKind::Text if is_category(column) => Kind::Category,
        ColumnKind::Text => Kind::String,
    };
    let mut field = Field::new(column.name.as_str(), kind);
    field.nullable = column.nulls > 0;
    if looks_personal(&column.name) {
        field.class = Class::Personal;
    }
    match kind {
        Kind::Number | Kind::Integer => (field.min, field.max) = range(column, kind),
        Kind::Category => field.values = column.distinct.clone().unwrap_or_default(),
        Kind::String => {
            let twice = u32::try_from(column.max_length.saturating_mul(2)).unwrap_or(MAX_LENGTH);
            field.max_length = Some(twice.clamp(16, MAX_LENGTH));
        }
        Kind::Boolean | Kind::Timestamp | Kind::Tensor => {}
    }
    field
}

fn is_category(column: &ColumnSample) -> bool {
    column.distinct.as_ref().is_some_and(|values| {
        let needed = ROWS_PER_VALUE.saturating_mul(values.len() as u64);
        let short = values.iter().all(|value| value.len() <= MAX_VALUE_BYTES);
        (1..=MAX_DISTINCT).contains(&values.len()) && column.rows >= needed && short
    })
}

/// The observed range with its margin. What was never negative does not become so, and an
/// integer's range grows by whole numbers only, so that 0 and 1 stay 0 and 1.
fn range(column: &ColumnSample, kind: Kind) -> (Option<f64>, Option<f64>) {
    let (Some(min), Some(max)) = (column.min, column.max) else { return (None, None) };
    let margin = (max - min) * MARGIN;
    let margin = if kind == Kind::Integer { margin.floor() } else { margin };
    let floor = if min >= 0.0 { 0.0 } else { f64::MIN };
    let (low, high) = ((min - margin).max(floor), max + margin);
    if kind == Kind::Integer {
        let exact = |bound: f64| bound.clamp(-MAX_INTEGER_NUMBER, MAX_INTEGER_NUMBER);
        return (Some(exact(low)), Some(exact(high)));
    }
    let (low, high) = (tidy(low, f64::floor), tidy(high, f64::ceil));
    (Some(low).filter(|low| low.is_finite()), Some(high).filter(|high| high.is_finite()))
}

/// Rounds to four significant digits, outwards as `round` says: people read these.
fn tidy(value: f64, round: fn(f64) -> f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(3.0 - value.abs().log10().floor());
    let rounded = round(value * scale) / scale;
    if rounded.is_finite() { rounded } else { value }
}

fn optional(name: &str, nullable: bool) -> MapSource {
    MapSource { required: !nullable, ..MapSource::field(name) }
}

fn looks_personal(name: &str) -> bool {
    const WORDS: [&str; 26] = [
        "address",
        "birth",
        "birthday",
        "birthdate",
        "dob",
        "email",
        "firstname",
        "forename",
        "gender",
        "iban",
        "ip",
        "lastname",
        "mail",
        "mobile",
        "name",
        "nationality",
        "passport",
        "phone",
        "postcode",
        "sex",
        "ssn",
        "street",
        "surname",
        "telephone",
        "zip",
        "zipcode",
    ];
    words(name).iter().any(|word| WORDS.contains(&word.as_str()))
}

/// The words of a name, in lower case: `customerId`, `customer_id` and `Customer ID` are alike.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_is_lower = false;
    for c in name.chars() {
        let starts = !c.is_alphanumeric() || (c.is_uppercase() && before_is_lower);
        if starts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before_is_lower = c.is_lowercase() || c.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: ColumnKind) -> ColumnSample {
        ColumnSample {
            name: name.to_owned(),
            kind,
            rows: 1000,
            nulls: 0,
            min: None,
            max: None,
            distinct: None,
            max_length: 0,
        }
    }

    fn texts(name: &str, values: &[&str]) -> ColumnSample {
        let distinct = Some(values.iter().map(ToString::to_string).collect());
        ColumnSample { distinct, max_length: 12, ..column(name, ColumnKind::Text) }
    }

    fn ranged(name: &str, kind: ColumnKind, min: f64, max: f64) -> ColumnSample {
        ColumnSample { min: Some(min), max: Some(max), ..column(name, kind) }
    }

    #[test]
    fn a_credit_table() {
        let inferred = infer(&[
            column("applicationId", ColumnKind::Integer),
            column("customer_id", ColumnKind::Text),
            column("submitted_at", ColumnKind::Timestamp),
            ranged("age", ColumnKind::Integer, 18.0, 92.0),
            ColumnSample { nulls: 3, ..ranged("income", ColumnKind::Number, 0.0, 182_345.67) },
            ranged("balance", ColumnKind::Number, -1234.5, 99.25),
            ranged("has_card", ColumnKind::Integer, 0.0, 1.0),
            column("owns_home", ColumnKind::Boolean),
            texts("purpose", &["car", "home", "yes", "no", "1.5"]),
            texts("email", &["a@b.example"]),
            ColumnSample { distinct: None, max_length: 80, ..column("remark", ColumnKind::Text) },
        ]);
        let yaml = inferred.to_yaml().unwrap();
        insta::assert_snapshot!("credit", yaml);
        assert_eq!(inferred.contract.check(), []);
        assert_eq!(Contract::from_yaml(&yaml).unwrap(), inferred.contract);
    }

    #[test]
    fn few_rows_make_no_category() {
        let few = ColumnSample { rows: 19, ..texts("purpose", &["car", "home"]) };
        let contract = infer(&[few]).contract;
        assert_eq!((contract.features.len(), contract.context[0].kind), (0, Kind::String));
    }

    #[test]
    fn words_of_names() {
        assert_eq!(words("customerId"), ["customer", "id"]);
        assert_eq!(words("Customer ID"), ["customer", "id"]);
        assert_eq!(words("__x2Y"), ["x2", "y"]);
        assert!(looks_personal("applicant.e_mail") && !looks_personal("filename"));
    }
}
