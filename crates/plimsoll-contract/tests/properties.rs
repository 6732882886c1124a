//! Properties of validation: what is written in any permitted way is read back as it was, and
//! nothing makes it panic.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use plimsoll_contract::{
    Class, CompiledContract, Contract, Field, Kind, Limits, Mapping, Pattern, Scratch,
};
use plimsoll_types::Cell;
use proptest::prelude::*;
use serde_json::{Value, json};

const KINDS: [Kind; 5] = [Kind::Number, Kind::Integer, Kind::Boolean, Kind::Category, Kind::Tensor];
const WORDS: [&str; 4] = ["car", "", "naïve \"quote\"", "\u{1F600}\n"];

fn field(name: &str, kind: Kind) -> Field {
    let mut field = Field::new(name, kind);
    match kind {
        Kind::Category => field.values = WORDS.map(str::to_owned).to_vec(),
        Kind::Tensor => field.shape = vec![2, 3],
        Kind::Number | Kind::Integer | Kind::Boolean | Kind::String | Kind::Timestamp => {
            field.nullable = true;
        }
    }
    field
}

fn contract() -> CompiledContract {
    let features =
        KINDS.iter().enumerate().map(|(i, kind)| field(&format!("f {i}"), *kind)).collect();
    let context = vec![field("naïve", Kind::String), field("time", Kind::Timestamp)];
    let contract = Contract {
        version: 1,
        features,
        context,
        matrix: None,
        map: Mapping::default(),
        limits: Limits::default(),
    };
    CompiledContract::compile(&contract).expect("a contract")
}

/// One value as JSON, and the cell it should become.
#[derive(Clone, Debug)]
enum Sample {
    Cell(Value, Cell),
    Text(String),
    Tensor(Vec<f64>),
}

const SAFE: i64 = 1 << 53;

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1e9..1e9_f64,
        any::<f32>().prop_filter("finite", |v| v.is_finite()).prop_map(f64::from)
    ]
    .prop_filter("no integer that JSON readers lose", |v| {
        v.abs() < 9e15 || v.fract() != 0.0 || format!("{v:?}").contains('e')
    })
}

fn sample(field: &Field) -> BoxedStrategy<Sample> {
    let null = Just(Sample::Cell(Value::Null, Cell::Null));
    match field.kind {
        Kind::Number => prop_oneof![4 => finite().prop_map(|v| Sample::Cell(json!(v), Cell::Number(v))), 1 => null].boxed(),
        Kind::Integer => prop_oneof![4 => (-SAFE..=SAFE).prop_map(|v| Sample::Cell(json!(v), Cell::Integer(v))), 1 => null].boxed(),
        Kind::Boolean => prop_oneof![4 => any::<bool>().prop_map(|v| Sample::Cell(json!(v), Cell::Boolean(v))), 1 => null].boxed(),
        Kind::Timestamp => prop_oneof![4 => (-SAFE..=SAFE).prop_map(|v| Sample::Cell(json!(v), Cell::Timestamp(v))), 1 => null].boxed(),
        Kind::Category => (0..WORDS.len()).prop_map(|i| Sample::Cell(json!(WORDS[i]), Cell::Category(u32::try_from(i).unwrap()))).boxed(),
        Kind::String => prop_oneof![4 => ".{0,40}".prop_map(Sample::Text), 1 => null].boxed(),
        Kind::Tensor => prop::collection::vec(finite(), 6).prop_map(Sample::Tensor).boxed(),
    }
}

fn datatype(kind: Kind) -> &'static str {
    match kind {
        Kind::Number | Kind::Tensor => "FP64",
        Kind::Integer | Kind::Timestamp => "INT64",
        Kind::Boolean => "BOOL",
        Kind::Category | Kind::String => "BYTES",
    }
}

/// How a request is laid out; none of it may matter.
#[derive(Clone, Debug)]
struct Layout {
    order: Vec<usize>,
    members: Vec<Vec<&'static str>>,
    nested: Vec<bool>,
    column: Vec<bool>,
    pretty: bool,
}

fn layout(fields: usize) -> impl Strategy<Value = Layout> {
    let members = Just(vec!["name", "shape", "datatype", "data", "parameters"]).prop_shuffle();
    (
        Just((0..fields).collect::<Vec<_>>()).prop_shuffle(),
        prop::collection::vec(members, fields),
        prop::collection::vec(any::<bool>(), fields),
        prop::collection::vec(any::<bool>(), fields),
        any::<bool>(),
    )
        .prop_map(|(order, members, nested, column, pretty)| Layout {
            order,
            members,
            nested,
            column,
            pretty,
        })
}

fn body(contract: &CompiledContract, rows: &[Vec<Sample>], layout: &Layout) -> String {
    let inputs: Vec<Value> = layout
        .order
        .iter()
        .map(|&place| {
            let field = contract.field(place).unwrap();
            let nested = layout.nested[place];
            let column = layout.column[place];
            let mut shape = vec![rows.len()];
            let mut data = Vec::new();
            for row in rows {
                let value = match &row[place] {
                    Sample::Cell(value, _) => value.clone(),
                    Sample::Text(text) => json!(text),
                    Sample::Tensor(elements) if nested => {
                        data.push(json!([elements[..3], elements[3..]]));
                        continue;
                    }
                    Sample::Tensor(elements) => {
                        data.extend(elements.iter().map(|v| json!(v)));
                        continue;
                    }
                };
                data.push(if column && nested { json!([value]) } else { value });
            }
            if field.kind == Kind::Tensor {
                shape.extend([2, 3]);
            } else if column {
                shape.push(1);
            }
            let mut tensor = serde_json::Map::new();
            for member in &layout.members[place] {
                let value = match *member {
                    "name" => json!(field.name),
                    "shape" => json!(shape),
                    "datatype" => json!(datatype(field.kind)),
                    "data" => json!(data),
                    _ => json!({"content_type": "np"}),
                };
                tensor.insert((*member).to_owned(), value);
            }
            Value::Object(tensor)
        })
        .collect();
    let request = json!({"id": "x", "inputs": inputs});
    if layout.pretty {
        serde_json::to_string_pretty(&request).unwrap()
    } else {
        request.to_string()
    }
}

fn rows(contract: &CompiledContract) -> impl Strategy<Value = Vec<Vec<Sample>>> + use<> {
    let row: Vec<_> =
        (0..contract.width()).map(|place| sample(contract.field(place).unwrap())).collect();
    prop::collection::vec(row, 1..5)
}

fn request() -> impl Strategy<Value = (Vec<Vec<Sample>>, Layout)> {
    let contract = contract();
    (rows(&contract), layout(contract.width()))
}

/// A pattern without `!`, and a text that an independent reading of the pattern generates.
fn described() -> impl Strategy<Value = (String, String)> {
    "(([a-c]|\\[[a-c][0-5x-z]-?\\]|\\[\\^!a-c-\\])([?*+]|\\{2\\}|\\{1,3\\}|)){1,8}".prop_flat_map(
        |pattern| {
            let texts = proptest::string::string_regex(&pattern).unwrap();
            (Just(pattern), texts)
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read((rows, layout) in request()) {
        let contract = contract();
        let body = body(&contract, &rows, &layout);
        let mut scratch = Scratch::default();
        let envelope = contract.validate_oip(body.as_bytes(), &mut scratch).map_err(|error| TestCaseError::fail(format!("{error}: {body}")))?;
        prop_assert_eq!(envelope.rows as usize, rows.len());
        for (place, row) in rows.iter().enumerate() {
            for (cell, sample) in scratch.rows.row(place).iter().zip(row) {
                match sample {
                    Sample::Cell(_, Cell::Number(number)) => {
                        let Cell::Number(read) = cell else { return Err(TestCaseError::fail("not a number")) };
                        prop_assert_eq!(read.to_bits(), number.to_bits());
                    }
                    Sample::Cell(_, expected) => prop_assert_eq!(cell, expected),
                    Sample::Text(text) => prop_assert_eq!(scratch.rows.text_of(*cell), Some(text.as_str())),
                    Sample::Tensor(elements) => prop_assert_eq!(scratch.rows.tensor_of(*cell), Some(elements.as_slice())),
                }
            }
        }
    }

    #[test]
    fn damage_never_panics((rows, layout) in request(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6)) {
        let contract = contract();
        let mut body = body(&contract, &rows, &layout).into_bytes();
        for (place, byte, how) in damage {
            let place = place.index(body.len());
            match how {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                _ => body.truncate(place + 1),
            }
        }
        let accepted = contract.validate_oip(&body, &mut Scratch::default()).is_ok();
        // Whatever is accepted is JSON to others too.
        prop_assert!(!accepted || serde_json::from_slice::<Value>(&body).is_ok());
    }

    #[test]
    fn bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200), tokens in prop::collection::vec(prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"inputs\"", "\"name\"", "\"shape\"", "\"datatype\"", "\"data\"", "\"f 0\"", "1", "null", "\"FP64\"", "\"BYTES\"", "\"parameters\"", "\"outputs\"", "\"id\"", "-", "1e5", "\\", "true"]), 0..60)) {
        let contract = contract();
        prop_assert!(contract.validate_oip(&body, &mut Scratch::default()).is_err());
        let accepted = contract.validate_oip(tokens.concat().as_bytes(), &mut Scratch::default()).is_ok();
        prop_assert!(!accepted);
    }

    #[test]
    fn contract_texts_never_panic(text in any::<String>(), json in prop::collection::vec(any::<u8>(), 0..200), pattern in "[\\[\\]a-c^$\\\\dws{}0-9,?*+.()|-]{0,24}", subject in "[a-c0-9 _-]{0,40}") {
        drop(Contract::from_yaml(&text));
        drop(Contract::from_json(&json));
        if let Ok(pattern) = Pattern::new(&pattern) {
            // A matcher that panics would fail here; the answer itself is tested below.
            std::hint::black_box(pattern.matches(&subject));
        }
    }

    #[test]
    fn a_pattern_matches_what_it_describes((pattern, text) in described()) {
        let pattern = Pattern::new(&pattern).unwrap();
        prop_assert!(pattern.matches(&text));
        let longer = text + "!";
        prop_assert!(!pattern.matches(&longer));
    }

    #[test]
    fn documents_round_trip(names in prop::collection::btree_set("[a-z]{1,8}( [A-Z0-9]{1,3})?", 1..8), kinds in prop::collection::vec(prop::sample::select(KINDS.to_vec()), 8), bounds in (-1e6..0_f64, 0.0..1e6_f64), nullable in any::<bool>()) {
        let features = names.iter().zip(kinds).map(|(name, kind)| {
            let mut field = field(name, kind);
            if kind == Kind::Number {
                (field.min, field.max) = (Some(bounds.0), Some(bounds.1.round()));
                field.nullable = nullable;
                field.class = Class::Sensitive;
            }
            field
        }).collect();
        let contract = Contract { features, ..contract().contract().clone() };
        let yaml = contract.to_yaml().unwrap();
        prop_assert_eq!(&Contract::from_yaml(&yaml).unwrap(), &contract, "{}", yaml);
        let canonical = contract.canonical_json().unwrap();
        let again = Contract::from_json(&canonical).unwrap();
        prop_assert_eq!(&again, &contract);
        prop_assert_eq!(again.canonical_json().unwrap(), canonical);
    }
}
