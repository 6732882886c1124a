//! Contract documents: what is read, what is refused, and the bytes that are signed.

use plimsoll_contract::{CompiledContract, Contract};

/// The problems of a contract, one per line.
fn problems(yaml: &str) -> String {
    match Contract::from_yaml(yaml) {
        Ok(contract) => contract.check().iter().map(|problem| format!("{problem}\n")).collect(),
        Err(error) => format!("{error}\n"),
    }
}

#[test]
fn every_problem_names_its_place() {
    let features = "version: 1\nfeatures:\n";
    let mut said = String::new();
    for yaml in [
        "version: 2\nfeatures: []",
        &format!("{features}- {{name: a, kind: number}}\n- {{name: a, kind: integer}}"),
        &format!("{features}- {{name: ' a\"', kind: number}}"),
        &format!("{features}- {{name: a, kind: string}}\n- {{name: b, kind: timestamp}}"),
        &format!("{features}- {{name: a, kind: number, min: 2, max: 1}}"),
        &format!("{features}- {{name: a, kind: number, min: 1, exclusive_max: 1}}"),
        &format!("{features}- {{name: a, kind: number, min: 1, exclusive_min: 1}}"),
        &format!("{features}- {{name: a, kind: number, min: .nan}}"),
        &format!("{features}- {{name: a, kind: integer, min: 0.5, max: 1e17}}"),
        &format!(
            "{features}- {{name: a, kind: boolean, min: 0, values: [x], shape: [1], max_length: 3, pattern: a}}"
        ),
        &format!(
            "{features}- {{name: a, kind: category}}\n- {{name: b, kind: category, values: [x, x]}}"
        ),
        &format!("{features}- {{name: a, kind: category, values: [x], on_violation: clamp}}"),
        &format!("{features}- {{name: a, kind: number, exclusive_min: 0, on_violation: clamp}}"),
        &format!("{features}- {{name: a, kind: number, on_violation: clamp}}"),
        &format!(
            "{features}- {{name: a, kind: tensor}}\n- {{name: b, kind: tensor, shape: [2, 0]}}"
        ),
        &format!(
            "{features}- {{name: a, kind: tensor, shape: [65536, 65536, 65536, 65536, 65536], nullable: true}}"
        ),
        &format!(
            "{features}- {{name: a, kind: number}}\ncontext: [{{name: b, kind: string, pattern: '(x', max_length: 0}}]"
        ),
        &format!("{features}- {{name: a, kind: category, values: [x]}}\nmatrix: a"),
        &format!(
            "{features}- {{name: a, kind: tensor, shape: [2]}}\nmap: {{subjects: [{{field: a}}, {{field: b}}, {{header: 'x y'}}, {{}}, {{field: a, header: b}}]}}"
        ),
        &format!(
            "{features}- {{name: a, kind: number}}\nmap: {{event_time: {{field: a}}, slices: [{{field: a}}, {{field: a}}]}}"
        ),
        &format!(
            "{features}- {{name: a, kind: number}}\nlimits: {{max_rows: 0, max_body_bytes: 4000000000}}"
        ),
        &format!("{features}- {{name: a, kind: number, colour: red}}"),
        &format!("{features}- {{name: a, kind: money}}"),
        &format!("{features}- {{name: a, name: b, kind: number}}"),
        "version: 1",
        "[",
        "- 1",
    ] {
        said.push_str(yaml.strip_prefix(features).unwrap_or(yaml));
        said.push_str("\n=> ");
        said.push_str(&problems(yaml).trim_end().replace('\n', "\n=> "));
        said.push_str("\n\n");
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_large_document_is_refused_unread() {
    let text = " ".repeat((4 << 20) + 1);
    assert_eq!(
        Contract::from_yaml(&text).unwrap_err().to_string(),
        "the contract is larger than 4194304 bytes"
    );
    assert_eq!(
        Contract::from_json(text.as_bytes()).unwrap_err().to_string(),
        "the contract is larger than 4194304 bytes"
    );
}

#[test]
fn equal_contracts_have_equal_bytes() {
    let one =
        Contract::from_yaml("version: 1\nfeatures:\n- {name: a, kind: number, min: 1}\n").unwrap();
    let other = br#"{"limits":{"max_rows":256,"max_body_bytes":1048576},"features":[{"min":1.0,"kind":"number","nullable":false,"name":"a","class":"none","unit":null}],"version":1,"map":{"subjects":[]},"context":[]}"#;
    let bytes = one.canonical_json().unwrap();
    assert_eq!(bytes, Contract::from_json(other).unwrap().canonical_json().unwrap());
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        r#"{"features":[{"kind":"number","min":1,"name":"a"}],"limits":{"error_detail":"full","max_body_bytes":1048576,"max_rows":256},"version":1}"#,
    );
}

#[test]
fn words_that_yaml_1_1_took_for_booleans_are_texts() {
    let yaml =
        "version: 1\nfeatures:\n- {name: no, kind: category, values: [yes, no, on, off, y, n]}\n";
    let contract = Contract::from_yaml(yaml).unwrap();
    assert_eq!(contract.features[0].values, ["yes", "no", "on", "off", "y", "n"]);
    assert_eq!(Contract::from_yaml(&contract.to_yaml().unwrap()).unwrap(), contract);
    assert!(CompiledContract::compile(&contract).is_ok());
}
