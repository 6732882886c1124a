//! Requests in, verdicts out: `requests.txt` holds both, one pair after the other, and is the
//! list to read to know what is accepted and what is refused, in which words.
//!
//! A request line may use two abbreviations, so that each shows only what it is about:
//! `~` stands for the tensors of a valid request that the line does not name itself, and
//! `(name datatype data)` for a tensor of one row; `[×n]` for `[` that many times.
//! Built with `UPDATE_REQUESTS` set, the test rewrites the verdicts instead of comparing them.

#![expect(clippy::expect_used, reason = "helpers of tests")]

use plimsoll_contract::{CompiledContract, Contract, ErrorDetail, Scratch, Violations};
use plimsoll_types::{Cell, Rows};
use std::fmt::Write;

fn contract(yaml: &str) -> CompiledContract {
    CompiledContract::compile(&Contract::from_yaml(yaml).expect("YAML")).expect("a contract")
}

fn credit() -> CompiledContract {
    contract(include_str!("credit.yaml"))
}

const VALID: [(&str, &str, &str, &str); 8] = [
    ("age", "[1]", "INT64", "[35]"),
    ("income", "[1]", "FP64", "[25000.5]"),
    ("owns_home", "[1]", "BOOL", "[true]"),
    ("purpose", "[1]", "BYTES", "[\"car\"]"),
    ("balance", "[1]", "FP32", "[10]"),
    ("region", "[1]", "BYTES", "[\"south\"]"),
    ("history", "[1,2,2]", "FP32", "[1,2,3,4]"),
    ("customer_id", "[1]", "BYTES", "[\"C17\"]"),
];

fn tensor(name: &str, shape: &str, datatype: &str, data: &str) -> String {
    format!("{{\"name\":\"{name}\",\"shape\":{shape},\"datatype\":\"{datatype}\",\"data\":{data}}}")
}

/// Writes the abbreviations out.
fn expand(line: &str) -> Vec<u8> {
    let mut text = line.replace("\\xFF", "\u{1}").replace("\\t", "\t");
    while let Some((before, rest)) = text.split_once('(') {
        let (inside, after) = rest.split_once(')').expect("a closing parenthesis");
        let mut parts = inside.splitn(3, ' ');
        let mut part = || parts.next().expect("name, datatype and data");
        let (name, datatype, data) = (part(), part(), part());
        let shape = VALID.iter().find(|valid| valid.0 == name).map_or("[1]", |valid| valid.1);
        text = format!("{before}{}{after}", tensor(name, shape, datatype, data));
    }
    if let Some((before, rest)) = text.clone().split_once("[×") {
        let (count, after) = rest.split_once(']').expect("a closing bracket");
        let count = count.parse().expect("a count");
        text = format!("{before}{}{after}", "[".repeat(count));
    }
    let unnamed = VALID.iter().filter(|valid| !text.contains(&format!("\"{}\"", valid.0)));
    let unnamed: Vec<String> =
        unnamed.map(|valid| tensor(valid.0, valid.1, valid.2, valid.3)).collect();
    let text = text.replace('~', &unnamed.join(","));
    text.bytes().map(|byte| if byte == 1 { 0xff } else { byte }).collect()
}

fn cell(rows: &Rows, cell: Cell) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Boolean(value) => value.to_string(),
        Cell::Integer(value) => value.to_string(),
        Cell::Number(value) => format!("{value:?}"),
        Cell::Category(value) => format!("#{value}"),
        Cell::Timestamp(value) => format!("@{value}"),
        Cell::Text { .. } => format!("{:?}", rows.text_of(cell).expect("a text")),
        Cell::Tensor { .. } => format!("{:?}", rows.tensor_of(cell).expect("a tensor")),
    }
}

/// What a request comes to, in a line.
fn verdict(contract: &CompiledContract, body: &[u8]) -> String {
    let mut scratch = Scratch::default();
    let envelope = match contract.validate_oip(body, &mut scratch) {
        Err(violations) => return format!("refused: {violations}"),
        Ok(envelope) => envelope,
    };
    let mut text = "accepted:".to_owned();
    for row in 0..scratch.rows.len() {
        let cells = scratch.rows.row(row).iter().map(|&one| cell(&scratch.rows, one));
        write!(text, " {}", cells.collect::<Vec<_>>().join(" ")).expect("a string");
    }
    assert_eq!(scratch.rows.len(), envelope.rows as usize);
    for flag in &scratch.flags {
        let name = &contract.field(usize::from(flag.field)).expect("a field").name;
        let how = if flag.clamped { "clamped" } else { "flagged" };
        write!(text, "; {how} {name}: {}", flag.code).expect("a string");
    }
    for (name, value) in
        [("id", envelope.id), ("model", envelope.model_name), ("version", envelope.model_version)]
    {
        if let Some(value) = value {
            write!(text, "; {name} {value}").expect("a string");
        }
    }
    if let Some(explain) = envelope.explain {
        write!(text, "; explain {explain}").expect("a string");
    }
    if !envelope.outputs.is_empty() {
        write!(text, "; outputs {}", envelope.outputs.join(" ")).expect("a string");
    }
    text
}

#[test]
fn every_request_gets_its_verdict() {
    let contract = credit();
    let file = include_str!("requests.txt");
    let mut ours = String::new();
    for line in file.lines() {
        if line.starts_with("  => ") {
            continue;
        }
        writeln!(ours, "{line}").expect("a string");
        if !line.is_empty() && !line.starts_with('#') {
            writeln!(ours, "  => {}", verdict(&contract, &expand(line))).expect("a string");
        }
    }
    if option_env!("UPDATE_REQUESTS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/requests.txt"), ours)
            .expect("written");
        return;
    }
    for (ours, theirs) in ours.lines().zip(file.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.lines().count(), file.lines().count());
}

#[test]
fn no_refusal_echoes_what_was_sent() {
    let contract = credit();
    // A marker in every place where a caller can put text of their own.
    for line in [
        "{\"inputs\":[~,(s3cret FP64 [1])]}",
        "{\"s3cret\":1,\"inputs\":[~]}",
        "{\"inputs\":[(purpose BYTES [\"s3cret\"]),~]}",
        "{\"inputs\":[(customer_id BYTES [\"s3cret-long-one\"]),~]}",
        "{\"inputs\":[(at BYTES [\"s3cret\"]),~]}",
        "{\"inputs\":[(age s3cret [1]),~]}",
        "{\"inputs\":[(age INT64 [s3cret]),~]}",
        "{\"id\":\"s3cret s3cret\",\"inputs\":[~]}",
        "{\"outputs\":[{\"s3cret\":1}],\"inputs\":[~]}",
        "{\"parameters\":{\"s3cret\":1,\"s3cret\":2},\"inputs\":[~]}",
        "{\"inputs\":[{\"s3cret\":1},~]}",
        "s3cret",
    ] {
        let said = verdict(&contract, &expand(line));
        assert!(said.starts_with("refused") && !said.contains("s3cret"), "{line}: {said}");
    }
}

#[test]
fn an_empty_body_is_refused() {
    for body in ["", " \n"] {
        let refused = verdict(&credit(), body.as_bytes());
        assert!(refused.starts_with("refused: malformed_json"), "{refused}");
    }
}

#[test]
fn at_most_sixteen_refusals() {
    let contract = credit();
    let unknown = vec!["(x FP64 [1])"; 100].join(",");
    let body = expand(&format!("{{\"inputs\":[{unknown}]}}"));
    let refused =
        contract.validate_oip(&body, &mut Scratch::default()).expect_err("unknown fields");
    assert_eq!(refused.iter().count(), 16);
}

#[test]
fn the_detail_a_caller_is_told() {
    let contract = credit();
    let body = expand("{\"inputs\":[~,(age INT64 [7])]}");
    let refused = contract.validate_oip(&body, &mut Scratch::default()).expect_err("too young");
    let told = |detail: ErrorDetail| detail.redact(refused.primary()).to_string();
    assert_eq!(told(ErrorDetail::Full), "out_of_range: field `age`: must be between 18 and 120");
    assert_eq!(told(ErrorDetail::Field), "out_of_range: field `age`");
    assert_eq!(told(ErrorDetail::Code), "out_of_range");
}

#[test]
fn a_scratch_is_as_good_as_new() {
    let contract = credit();
    let mut scratch = Scratch::default();
    for line in [
        "{\"inputs\":[(region BYTES [\"w\"]),~]}",
        "{\"inputs\":[(age INT64 [1])]}",
        "{\"inputs\":[~]}",
    ] {
        let body = expand(line);
        let mut fresh = Scratch::default();
        let reused = contract.validate_oip(&body, &mut scratch);
        assert_eq!(reused, contract.validate_oip(&body, &mut fresh));
        assert_eq!((&scratch.rows, &scratch.flags), (&fresh.rows, &fresh.flags));
    }
}

#[test]
fn the_map_gives_keys() {
    let contract = credit();
    let map = contract.mapping();
    let mut scratch = Scratch::default();
    let body = expand("{\"inputs\":[~,(at BYTES [\"1970-01-01T00:00:01Z\"])]}");
    contract.validate_oip(&body, &mut scratch).expect("valid");
    let keys: Vec<_> = map
        .sources()
        .map(|source| {
            let text = contract.mapped_text(&scratch.rows, 0, source);
            format!("{}={}", source.name, text.as_deref().unwrap_or("-"))
        })
        .collect();
    assert_eq!(keys, ["customer_id=C17", "at=1000000", "region=south", "x-channel=-"]);
    assert_eq!(contract.event_time(&scratch.rows, 0), Some(1_000_000));
}

const MATRIX: &str = "
version: 1
features:
- {name: a, kind: number}
- {name: b, kind: integer, nullable: true}
- {name: c, kind: boolean}
context: [{name: k, kind: string}]
matrix: input-0
";

#[test]
fn a_matrix_is_taken_when_the_contract_names_it() {
    let contract = contract(MATRIX);
    let verdict = |text: &str| verdict(&contract, text.as_bytes());
    let matrix = |data: &str| {
        format!(
            r#"{{"inputs":[{{"name":"input-0","shape":[2,3],"datatype":"FP32","data":{data}}},{{"name":"k","shape":[2],"datatype":"BYTES","data":["x","y"]}}]}}"#,
        )
    };
    let good = r#"accepted: 1.5 2 true "x" -1.0 null false "y""#;
    assert_eq!(verdict(&matrix("[1.5,2.0,1,-1,null,0]")), good);
    assert_eq!(verdict(&matrix("[[1.5,2,1.0],[-1,null,0]]")), good);
    assert_eq!(
        verdict(&matrix("[1.5,2.5,1,-1,null,7]")),
        "refused: wrong_kind: field `b` in row 0: must be an integer; wrong_kind: field `c` in row 1: must be a boolean",
    );
    assert_eq!(
        verdict(&matrix("[1.5,2,1]")),
        "refused: shape_mismatch: field `shape`: the data must have as many values as the shape says",
    );
    let twice = r#"{"inputs":[{"name":"a","shape":[1],"datatype":"FP32","data":[1]},{"name":"input-0","shape":[1,3],"datatype":"FP32","data":[1,2,1]}]}"#;
    assert!(verdict(twice).starts_with("refused: duplicate_field: field `a`"));
}

#[test]
fn a_model_is_bound_by_name_or_by_order() {
    let contract = contract(MATRIX);
    let mut scratch = Scratch::default();
    let body = br#"{"inputs":[{"name":"input-0","shape":[1,3],"datatype":"FP64","data":[0.1,null,1]},{"name":"k","shape":[1],"datatype":"BYTES","data":["x"]}]}"#;
    contract.validate_oip(body, &mut scratch).expect("valid");
    let mut row = Vec::new();
    contract.bind(&["c", "a", "b"]).expect("bound").model_row(&scratch.rows, 0, &mut row);
    assert_eq!((row[0], row[1], row[2].is_nan()), (1.0, 0.1, true));
    row.clear();
    contract.bind_in_order(3).expect("bound").model_row(&scratch.rows, 0, &mut row);
    assert_eq!((row[0], row[1].is_nan(), row[2]), (0.1, true, 1.0));
    let why = |names: &[&str]| contract.bind(names).expect_err("not bound").to_string();
    assert_eq!(why(&["a", "b", "k"]), "the model's feature `k` is not a feature of the contract");
    assert_eq!(why(&["a", "a", "b"]), "the model names the feature `a` twice");
    assert_eq!(
        why(&["a", "b"]),
        "the feature `c` of the contract is not one of the model's; move it to `context`"
    );
    assert_eq!(
        credit().bind_in_order(7).expect_err("10").to_string(),
        "the model takes 7 numbers, the contract has 10"
    );
}

#[test]
fn rows_are_limited_by_memory_too() {
    let features: String =
        (0..4096).map(|i| format!("- {{name: f{i}, kind: number, nullable: true}}\n")).collect();
    let contract =
        contract(&format!("version: 1\nfeatures:\n{features}limits: {{max_rows: 65536}}"));
    let rows = |n: usize| {
        let data = vec!["1"; n].join(",");
        let body = format!(
            r#"{{"inputs":[{{"name":"f0","shape":[{n}],"datatype":"FP32","data":[{data}]}}]}}"#
        );
        contract
            .validate_oip(body.as_bytes(), &mut Scratch::default())
            .map(|envelope| envelope.rows)
    };
    assert_eq!(rows(256), Ok(256));
    let refused: Result<u32, Violations> = rows(257);
    assert_eq!(
        refused.expect_err("too many").primary().code,
        plimsoll_types::RefusalCode::TooManyRows
    );
}
