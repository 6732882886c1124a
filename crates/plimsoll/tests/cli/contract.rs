//! Contracts: inferred, checked alone, against a model, against data.

use crate::place::Place;

const MODEL: &[u8] = include_bytes!("model.json");

/// The contract of the small model.
const CONTRACT: &str = "\
version: 1
features:
  - {name: age, kind: integer, min: 18, max: 120}
  - {name: income, kind: number, min: 0, nullable: true}
  - {name: region, kind: category, values: [a, b, c, d]}
context:
  - {name: customer_id, kind: string, max_length: 12, class: personal}
map:
  subjects: [{field: customer_id}]
";

const APPLICATIONS: &str = "\
customer_id,age,income,region,defaulted
C-001,34,52000.5,a,0
C-002,71,,b,1
C-003,45,31000,c,0
C-004,29,18500,d,0
";

#[test]
fn inferred_from_data() {
    let rows = (0..60)
        .map(|i| format!("C-{i:03},{},{}.5,{},{}\n", 20 + i, 1000 * i, ["a", "b"][i % 2], i % 2));
    let table = format!("customer_id,age,income,region,defaulted\n{}", rows.collect::<String>());
    let place = Place::new().file("data.csv", table);
    insta::assert_snapshot!(place.session(&[
        "contract infer data.csv --exclude defaulted",
        "contract infer data.csv --exclude defaulted --quiet -o contract.yaml",
        "contract check contract.yaml --data data.csv",
        "contract infer data.csv --exclude absent",
    ]));
}

#[test]
fn checked() {
    let place = Place::new()
        .file("contract.yaml", CONTRACT)
        .file("model.json", MODEL)
        .file("good.csv", APPLICATIONS)
        .file(
            "bad.csv",
            format!("{APPLICATIONS}C-005,7,1,a,0\nC-006,8,-1,zz,0\nC-00000000007,30,1,a,0\n"),
        );
    insta::assert_snapshot!(place.session(&[
        "contract check contract.yaml",
        "contract check contract.yaml --model model.json --data good.csv",
        "contract check contract.yaml --model model.json --data good.csv --json",
        "contract check contract.yaml --data bad.csv",
    ]));
}

/// The values that break a rule are never shown.
#[test]
fn no_value_is_echoed() {
    let place = Place::new().file("contract.yaml", CONTRACT).file(
        "bad.csv",
        "customer_id,age,income,region\nSECRETNAME-12345,990099,-77.25,moonbase\n",
    );
    let transcript = place.run("contract check contract.yaml --data bad.csv");
    assert!(transcript.contains("--- exit 2"), "{transcript}");
    for value in ["SECRETNAME", "990099", "77.25", "moonbase"] {
        assert!(!transcript.contains(value), "{transcript}");
    }
}

#[test]
fn problems_are_a_no() {
    let place = Place::new()
        .file("empty.yaml", "version: 1\nfeatures: []\n")
        .file("range.yaml", "version: 1\nfeatures: [{name: a, kind: number, min: 2, max: 1}]\n")
        .file("order.yaml", CONTRACT.replace("[a, b, c, d]", "[b, a, c, d]"))
        .file(
            "short.yaml",
            CONTRACT.replace("  - {name: age, kind: integer, min: 18, max: 120}\n", ""),
        )
        .file("typo.yaml", "version: 1\nfeatures: [{name: a, knid: number}]\n")
        .file("nojson.json", "{\"version\": 1, ")
        .file("model.json", MODEL);
    insta::assert_snapshot!(place.session(&[
        "contract check empty.yaml",
        "contract check range.yaml",
        "contract check range.yaml --json",
        "contract check order.yaml --model model.json",
        "contract check short.yaml --model model.json",
        "contract check typo.yaml",
        "contract check nojson.json",
        "contract add range.yaml",
    ]));
}
