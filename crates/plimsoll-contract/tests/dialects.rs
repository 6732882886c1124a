//! The dialects beside the JSON of the Open Inference Protocol: the same values come to the same
//! rows in each of them, and what lies is refused.

#![expect(clippy::expect_used, clippy::cast_possible_truncation, reason = "helpers of tests")]

use plimsoll_contract::{CompiledContract, Contract, Scratch, Table, model_of};
use plimsoll_types::protobuf::Writer;
use plimsoll_types::{RefusalCode, Rows};
use proptest::prelude::*;

fn contract() -> CompiledContract {
    let contract = Contract::from_yaml(include_str!("credit.yaml")).expect("YAML");
    CompiledContract::compile(&contract).expect("a contract")
}

const FIELDS: [&str; 8] =
    ["age", "income", "owns_home", "purpose", "balance", "region", "history", "customer_id"];
const ROW: &str = r#"{"age":35,"income":25000.5,"owns_home":true,"purpose":"car","balance":10,
    "region":"south","history":[[1,2],[3,4]],"customer_id":"C17"}"#;

fn oip_rows() -> Rows {
    let body = r#"{"inputs":[
        {"name":"age","shape":[1],"datatype":"INT64","data":[35]},
        {"name":"income","shape":[1],"datatype":"FP64","data":[25000.5]},
        {"name":"owns_home","shape":[1],"datatype":"BOOL","data":[true]},
        {"name":"purpose","shape":[1],"datatype":"BYTES","data":["car"]},
        {"name":"balance","shape":[1],"datatype":"FP32","data":[10]},
        {"name":"region","shape":[1],"datatype":"BYTES","data":["south"]},
        {"name":"history","shape":[1,2,2],"datatype":"FP32","data":[1,2,3,4]},
        {"name":"customer_id","shape":[1],"datatype":"BYTES","data":["C17"]}]}"#;
    let mut scratch = Scratch::default();
    contract().validate_oip(body.as_bytes(), &mut scratch).expect("valid");
    scratch.rows
}

fn table(table: Table, body: &str) -> Result<Rows, RefusalCode> {
    let mut scratch = Scratch::default();
    match contract().validate_table(table, body.as_bytes(), &mut scratch) {
        Ok(envelope) => {
            assert_eq!(envelope.rows as usize, scratch.rows.len());
            Ok(scratch.rows)
        }
        Err(violations) => Err(violations.primary().code),
    }
}

#[test]
fn every_shape_of_a_table_comes_to_the_same_row() {
    let expected = oip_rows();
    let flat = "35,25000.5,1,\"car\",10,\"south\",[1,2,3,4],\"C17\"";
    let names: Vec<String> = FIELDS.iter().map(|name| format!("\"{name}\"")).collect();
    let names = names.join(",");
    let by_column = r#"{"age":[35.0],"income":[25000.5],"owns_home":[true],"purpose":["car"],
        "balance":[10],"region":["south"],"history":[[[1,2],[3,4]]],"customer_id":["C17"]}"#;
    for body in [
        format!(r#"{{"instances":[{ROW}]}}"#),
        format!(r#"{{"signature_name":"serving_default","instances":[{ROW}]}}"#),
        format!(r#"{{"instances":[[{flat},null]]}}"#),
        format!(r#"{{"inputs":{by_column}}}"#),
        format!(r#"{{"inputs":[{ROW}]}}"#),
        ROW.replace("35", "[35]").replacen('{', r#"{"instances":[{"#, 1) + "]}",
    ] {
        assert_eq!(table(Table::Predict, &body).as_ref(), Ok(&expected), "{body}");
    }
    for body in [
        format!(r#"{{"dataframe_records":[{ROW}]}}"#),
        format!(r#"{{"dataframe_split":{{"columns":[{names}],"index":[0],"data":[[{flat}]]}}}}"#),
        format!(r#"{{"dataframe_split":{{"data":[[{flat}]],"columns":[{names}]}}}}"#),
        format!(r#"{{"inputs":{by_column},"params":{{}}}}"#),
        format!(r#"{{"instances":[{ROW}]}}"#),
    ] {
        assert_eq!(table(Table::Invocations, &body).as_ref(), Ok(&expected), "{body}");
    }
}

#[test]
fn rows_are_counted_and_told_apart() {
    let two = table(Table::Predict, &format!(r#"{{"instances":[{ROW},{ROW}]}}"#)).expect("valid");
    assert_eq!((two.len(), two.row(0).len()), (2, 9));
    let missing = ROW.replace(r#""age":35,"#, "");
    let body = format!(r#"{{"instances":[{ROW},{missing},{ROW}]}}"#);
    let mut scratch = Scratch::default();
    let violations = contract()
        .validate_table(Table::Predict, body.as_bytes(), &mut scratch)
        .expect_err("a field is missing");
    let told: Vec<_> = violations.iter().map(|r| (r.code, r.field.as_deref(), r.row)).collect();
    assert_eq!(told, [(RefusalCode::MissingField, Some("age"), Some(1))]);
    let body = format!(r#"{{"instances":[{}]}}"#, ROW.replace("35", "7"));
    let violations = contract()
        .validate_table(Table::Predict, body.as_bytes(), &mut scratch)
        .expect_err("too young");
    assert_eq!(violations.primary().row, None, "a lone row needs no number");
}

#[test]
fn tables_that_break_a_rule_are_refused() {
    use RefusalCode as C;
    let rows = |rows: &str| format!(r#"{{"instances":{rows}}}"#);
    let five = [ROW; 5].join(",");
    for (body, code) in [
        (String::new(), C::MalformedJson),
        ("[]".into(), C::MalformedEnvelope),
        ("{}".into(), C::MalformedEnvelope),
        (r#"{"instances":[]}"#.into(), C::ShapeMismatch),
        (r#"{"instances":{}}"#.into(), C::MalformedEnvelope),
        (format!(r#"{{"instances":[{ROW}],"inputs":[{ROW}]}}"#), C::MalformedEnvelope),
        (format!(r#"{{"dataframe_records":[{ROW}]}}"#), C::MalformedEnvelope),
        (format!(r#"{{"instances":[{ROW}],"messages":[]}}"#), C::MalformedEnvelope),
        (format!(r#"{{"instances":[{ROW}],"signature_name":"other"}}"#), C::MalformedEnvelope),
        (format!(r#"{{"instances":[{ROW}],"parameters":{{"a":1}}}}"#), C::MalformedEnvelope),
        (rows(&format!("[{five}]")), C::TooManyRows),
        (rows("[[35,2]]"), C::ShapeMismatch),
        (rows("[[35,2,3,4,5,6,7,8,9,10,11]]"), C::WrongKind),
        (rows("[7]"), C::ShapeMismatch),
        (rows(&format!("[{}]", ROW.replace("age", "agee"))), C::UnknownField),
        (rows(&format!("[{}]", ROW.replace("income", "age"))), C::DuplicateField),
        (rows(&format!("[{}]", ROW.replace("35", "35.5"))), C::WrongKind),
        (rows(&format!("[{}]", ROW.replace("35", "NaN"))), C::BareNan),
        (rows(&format!("[{}]", ROW.replace("35", "9007199254740993"))), C::IntegerUnsafe),
        (rows(&format!("[{}]", ROW.replace("35", "{}"))), C::WrongKind),
        (rows(&format!("[{}]", ROW.replace("35", "[35,36]"))), C::ShapeMismatch),
        (rows(&format!("[{}]", ROW.replace("35", "[]"))), C::ShapeMismatch),
        (rows(&format!("[{}]", ROW.replace("35", "[[35]]"))), C::ShapeMismatch),
        (rows(&format!("[{}]", ROW.replace("[3,4]", "[3]"))), C::ShapeMismatch),
        (rows(&format!("[{}]", ROW.replace("[3,4]", "[3,4,5]"))), C::ShapeMismatch),
        (rows(&format!("{}{}", "[".repeat(120), "]".repeat(120))), C::ShapeMismatch),
        (format!(r#"{{"x":{}{}}}"#, "[".repeat(120), "]".repeat(120)), C::NestingTooDeep),
        (r#"{"inputs":{"age":[35,36],"income":[1]}}"#.into(), C::ShapeMismatch),
        (r#"{"inputs":{"age":[]}}"#.into(), C::ShapeMismatch),
        (r#"{"inputs":{"age":35}}"#.into(), C::MalformedEnvelope),
        (r#"{"inputs":7}"#.into(), C::MalformedEnvelope),
    ] {
        assert_eq!(table(Table::Predict, &body), Err(code), "{body}");
    }
    for (split, code) in [
        (r#"[]"#, C::MalformedEnvelope),
        (r#"{}"#, C::MalformedEnvelope),
        (r#"{"columns":["age"]}"#, C::MalformedEnvelope),
        (r#"{"columns":["age"],"data":[]}"#, C::ShapeMismatch),
        (r#"{"columns":[1],"data":[[1]]}"#, C::MalformedEnvelope),
        (r#"{"columns":["age"],"data":[[35,36]]}"#, C::ShapeMismatch),
        (r#"{"columns":["age","income"],"data":[[35]]}"#, C::ShapeMismatch),
        (r#"{"columns":["age","age"],"data":[[35,35]]}"#, C::DuplicateField),
        (r#"{"columns":["age"],"columns":["age"],"data":[[35]]}"#, C::DuplicateKey),
        (r#"{"columns":["age"],"data":[[35]],"name":1}"#, C::MalformedEnvelope),
        (r#"{"columns":["age"],"data":[[35]]}"#, C::MissingField),
    ] {
        let body = format!(r#"{{"dataframe_split":{split}}}"#);
        assert_eq!(table(Table::Invocations, &body), Err(code), "{body}");
    }
}

/// The words that MLflow's clients look for.
#[test]
fn mlflow_hears_its_own_words() {
    for (body, words) in [
        ("{}", "The input must be a JSON dictionary with exactly one of the input fields"),
        (r#"{"dataframe_split":[1]}"#, "Dataframe split format must be a dictionary. Got list"),
        (
            r#"{"dataframe_records":{}}"#,
            "Dataframe records format must be a list of records. Got dictionary.",
        ),
    ] {
        let refused = contract()
            .validate_table(Table::Invocations, body.as_bytes(), &mut Scratch::default())
            .expect_err("refused");
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

/// A tensor as its raw bytes: name, datatype, shape, bytes.
type Raw = (&'static str, &'static str, Vec<i64>, Vec<u8>);

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn raws() -> Vec<Raw> {
    let history: Vec<u8> = [1_f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    vec![
        ("age", "INT64", vec![1], 35_i64.to_le_bytes().to_vec()),
        ("income", "FP64", vec![1], 25_000.5_f64.to_le_bytes().to_vec()),
        ("owns_home", "BOOL", vec![1], vec![1]),
        ("purpose", "BYTES", vec![1, 1], text("car")),
        ("balance", "FP32", vec![1], 10_f32.to_le_bytes().to_vec()),
        ("region", "BYTES", vec![1], text("south")),
        ("history", "FP32", vec![1, 2, 2], history),
        ("customer_id", "BYTES", vec![1], text("C17")),
    ]
}

fn binary(raws: &[Raw]) -> (String, Vec<u8>) {
    let tensors: Vec<String> = raws
        .iter()
        .map(|(name, datatype, shape, bytes)| {
            format!(
                r#"{{"name":"{name}","datatype":"{datatype}","shape":{shape:?},"parameters":{{"binary_data_size":{}}}}}"#,
                bytes.len()
            )
        })
        .collect();
    let bytes = raws.iter().flat_map(|raw| raw.3.clone()).collect();
    (format!(r#"{{"inputs":[{}]}}"#, tensors.join(",")), bytes)
}

fn refused_binary(json: &str, bytes: &[u8]) -> RefusalCode {
    let refused = contract().validate_binary(json.as_bytes(), bytes, &mut Scratch::default());
    refused.expect_err("refused").primary().code
}

#[test]
fn raw_tensors_come_to_the_same_row() {
    let (json, bytes) = binary(&raws());
    let mut scratch = Scratch::default();
    contract().validate_binary(json.as_bytes(), &bytes, &mut scratch).expect("valid");
    assert_eq!(scratch.rows, oip_rows());
    let wants = json.replacen('{', r#"{"parameters":{"binary_data_output":true},"#, 1);
    let wants =
        contract().validate_binary(wants.as_bytes(), &bytes, &mut scratch).map(|e| e.binary);
    assert_eq!(wants, Ok(true));
    let one = json.replacen(
        '{',
        r#"{"outputs":[{"name":"a","parameters":{"binary_data":false}}],"parameters":{"binary_data_output":true},"#,
        1,
    );
    let one = contract().validate_binary(one.as_bytes(), &bytes, &mut scratch).map(|e| e.binary);
    assert_eq!(one, Ok(false));
}

#[test]
fn raw_tensors_that_lie_are_refused() {
    use RefusalCode as C;
    let (json, bytes) = binary(&raws());
    assert_eq!(refused_binary(&json, &bytes[..bytes.len() - 1]), C::MalformedEnvelope);
    assert_eq!(refused_binary(&json, &[&bytes[..], b"x"].concat()), C::MalformedEnvelope);
    assert_eq!(refused_binary(&json, b""), C::MalformedEnvelope);
    let size = r#""binary_data_size":8"#;
    for other in ["-1", "1e3", "9007199254740992", "\"8\"", "null", "9"] {
        let json = json.replacen(size, &format!(r#""binary_data_size":{other}"#), 1);
        let code = refused_binary(&json, &bytes);
        assert!(matches!(code, C::MalformedEnvelope | C::ShapeMismatch), "{other}: {code}");
    }
    for (place, change, code) in [
        (0, ("age", "INT64", vec![2], 35_i64.to_le_bytes().to_vec()), C::ShapeMismatch),
        (0, ("age", "INT64", vec![1], i64::MAX.to_le_bytes().to_vec()), C::IntegerUnsafe),
        (0, ("age", "UINT64", vec![1], u64::MAX.to_le_bytes().to_vec()), C::IntegerUnsafe),
        (0, ("age", "FP64", vec![1], 35_f64.to_le_bytes().to_vec()), C::DatatypeMismatch),
        (0, ("age", "INT7", vec![1], vec![1]), C::DatatypeMismatch),
        (0, ("age", "INT64", vec![1 << 40, 1 << 40], vec![0; 8]), C::ShapeMismatch),
        (0, ("age", "INT64", vec![-1], vec![0; 8]), C::ShapeMismatch),
        (0, ("nobody", "INT64", vec![1], vec![0; 8]), C::UnknownField),
        (2, ("owns_home", "BOOL", vec![1], vec![2]), C::WrongKind),
        (3, ("purpose", "BYTES", vec![1], b"\xff\xff\xff\xffcar".to_vec()), C::ShapeMismatch),
        (3, ("purpose", "BYTES", vec![1], b"\x03\0\0\0carx".to_vec()), C::ShapeMismatch),
        (3, ("purpose", "BYTES", vec![1], b"\x01\0\0\0\xff".to_vec()), C::InvalidUtf8),
        (3, ("purpose", "BYTES", vec![1], vec![]), C::ShapeMismatch),
        (3, ("purpose", "BYTES", vec![1], vec![1, 0, 0]), C::ShapeMismatch),
        (4, ("balance", "FP32", vec![1], f32::NAN.to_le_bytes().to_vec()), C::NullNotAllowed),
        (4, ("balance", "FP32", vec![1], f32::INFINITY.to_le_bytes().to_vec()), C::OutOfRange),
    ] {
        let mut raws = raws();
        raws[place] = change;
        let (json, bytes) = binary(&raws);
        assert_eq!(refused_binary(&json, &bytes), code, "{:?}", raws[place]);
        // The same over gRPC.
        if raws[place].1 != "INT7" {
            assert_eq!(refused_grpc(&grpc(&raws, true)), code, "{:?}", raws[place]);
        }
    }
    // NaN is null where the contract allows it.
    let mut raws = raws();
    raws[1].3 = f64::NAN.to_le_bytes().to_vec();
    let (json, bytes) = binary(&raws);
    assert!(contract().validate_binary(json.as_bytes(), &bytes, &mut Scratch::default()).is_ok());
}

/// A `ModelInferRequest` with the tensors in raw or typed contents.
fn grpc(raws: &[Raw], is_raw: bool) -> Vec<u8> {
    let mut message = Vec::new();
    let mut w = Writer(&mut message);
    w.text(1, "credit");
    w.text(3, "mine");
    for (name, datatype, shape, bytes) in raws {
        w.message(5, |tensor| {
            tensor.text(1, name);
            tensor.text(2, datatype);
            tensor.integers(3, shape.iter().copied());
            if !is_raw {
                tensor.message(5, |contents| match *datatype {
                    "INT64" => contents.integers(
                        3,
                        bytes.chunks(8).map(|b| i64::from_le_bytes(b.try_into().expect("8"))),
                    ),
                    "FP64" => contents.bytes(7, bytes),
                    "FP32" => contents.bytes(6, bytes),
                    "BOOL" => contents.integers(1, bytes.iter().map(|&b| b.into())),
                    _ => contents.bytes(8, &bytes[4..]),
                });
            }
        });
    }
    if is_raw {
        raws.iter().for_each(|raw| w.bytes(7, &raw.3));
    }
    message
}

fn refused_grpc(message: &[u8]) -> RefusalCode {
    let refused = contract().validate_grpc(message, &mut Scratch::default());
    refused.expect_err("refused").primary().code
}

#[test]
fn grpc_comes_to_the_same_row() {
    for is_raw in [true, false] {
        let message = grpc(&raws(), is_raw);
        assert_eq!(model_of(&message), Ok(("credit", None)));
        let mut scratch = Scratch::default();
        let contract = contract();
        let envelope = contract.validate_grpc(&message, &mut scratch).expect("valid");
        assert_eq!((envelope.id, envelope.rows, envelope.binary), (Some("mine"), 1, is_raw));
        assert_eq!(scratch.rows, oip_rows());
    }
}

#[test]
fn grpc_messages_that_lie_are_refused() {
    use RefusalCode as C;
    let good = grpc(&raws(), true);
    let with = |write: &dyn Fn(&mut Writer<'_>)| {
        let mut message = good.clone();
        write(&mut Writer(&mut message));
        message
    };
    for (what, message, code) in [
        ("nothing", vec![], C::MalformedEnvelope),
        ("half of it", good[..good.len() - 1].to_vec(), C::MalformedEnvelope),
        ("a raw tensor too many", with(&|w| w.bytes(7, b"")), C::MalformedEnvelope),
        ("another id", with(&|w| w.text(3, "other")), C::DuplicateKey),
        ("an unknown member", with(&|w| w.text(9, "x")), C::MalformedEnvelope),
        ("an output without a name", with(&|w| w.message(6, |_| {})), C::MalformedEnvelope),
        ("a name twice", grpc(&[raws(), raws()].concat(), true), C::DuplicateField),
    ] {
        assert_eq!(refused_grpc(&message), code, "{what}");
    }
    // Raw and typed contents at once.
    let mut both = grpc(&raws(), false);
    raws().iter().for_each(|raw| Writer(&mut both).bytes(7, &raw.3));
    assert_eq!(refused_grpc(&both), C::MalformedEnvelope);
    let explain = with(&|w| {
        w.message(4, |entry| {
            entry.text(1, "explain");
            entry.message(2, |value| value.integer(1, 1));
        });
    });
    let contract = contract();
    let envelope = contract.validate_grpc(&explain, &mut Scratch::default()).map(|e| e.explain);
    assert_eq!(envelope, Ok(Some(true)));
}

proptest! {
    #[test]
    fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let contract = contract();
        let mut scratch = Scratch::default();
        drop(contract.validate_grpc(&bytes, &mut scratch));
        drop(contract.validate_table(Table::Predict, &bytes, &mut scratch));
        drop(contract.validate_table(Table::Invocations, &bytes, &mut scratch));
        drop(contract.validate_binary(&bytes, &bytes, &mut scratch));
    }

    #[test]
    fn a_broken_message_is_never_a_whole_one(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let contract = contract();
        let mut message = grpc(&raws(), true);
        let place = at.index(message.len());
        message[place] = byte;
        let mut scratch = Scratch::default();
        if contract.validate_grpc(&message, &mut scratch).is_ok() {
            prop_assert_eq!(scratch.rows.cells.len(), scratch.rows.len() * contract.width());
        }
    }
}
