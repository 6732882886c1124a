//! What comes from elsewhere: declarations of services, which people write, and replies of
//! services, which may be anything.

use crate::signature::Signature;
use plimsoll_contract::{CompiledContract, Contract};
use plimsoll_upstream::{Declaration, Upstream};
use std::sync::LazyLock;

/// Words of both.
pub(crate) const WORDS: &[&str] = &[
    "upstream: 1\n",
    "kind: json-template\n",
    "oip-v2",
    "mlflow",
    "tf-serving",
    "{\"$rows\":",
    "\"{age}\"",
    "{{",
    "}}",
    "/*",
    "/0",
    "~1",
    "{\"RESULT\":{\"PD\":\"0.5\"}}",
    "{\"predictions\":[",
    "{\"outputs\":[{\"name\":\"p\",\"shape\":[2],\"datatype\":\"FP64\",\"data\":[",
    "NaN",
    "1e999",
    "-0",
    "null",
    "\\u0050",
    "[[[[[[[[",
];

const CONTRACT: &str = include_str!("../../demo/legacy/contract.yaml");
const LEGACY: &str = include_str!("../../demo/legacy/upstream.yaml");
const MLFLOW: &str = r#"{"upstream":1,"kind":"mlflow","endpoints":["https://m.example"],
    "inputs":["age","income","employed","region"],"answer":{"output":"class_probabilities","count":2}}"#;
const OIP: &str = r#"{"upstream":1,"kind":"oip-v2","endpoints":["https://m.example"],
    "model":{"name":"m"},"inputs":["age","income","employed","region"],
    "answer":{"output":"value","min":-10,"max":10}}"#;

const GRPC: &str = r#"{"upstream":1,"kind":"oip-v2-grpc","endpoints":["https://m.example"],
    "model":{"name":"m"},"inputs":["income"],"answer":{"output":"value","min":-10,"max":10,"name":"p"}}"#;
const INCOME: &str = "version: 1\nfeatures:\n  - {name: income, kind: number}\n";

static CONTRACT_OF_ALL: LazyLock<Option<CompiledContract>> =
    LazyLock::new(|| CompiledContract::compile(&Contract::from_yaml(CONTRACT).ok()?).ok());

/// A service of each shape of replies, and the range that its answers must be in.
static UPSTREAMS: LazyLock<Vec<(Upstream, usize, f64)>> = LazyLock::new(|| {
    let wire = |text: &str, width, most| {
        let declared = Declaration::read(text.as_bytes()).ok()?;
        Some((Upstream::wire(declared, CONTRACT_OF_ALL.as_ref()?).ok()?, width, most))
    };
    [wire(LEGACY, 1, 1.0), wire(MLFLOW, 2, 1.0), wire(OIP, 1, 10.0)].into_iter().flatten().collect()
});

static MESSAGES: LazyLock<Option<Upstream>> = LazyLock::new(|| {
    let contract = CompiledContract::compile(&Contract::from_yaml(INCOME).ok()?).ok()?;
    Upstream::wire(Declaration::read(GRPC.as_bytes()).ok()?, &contract).ok()
});

pub(crate) fn declaration(input: &[u8]) -> Signature {
    let read = Declaration::read(input);
    let Ok(declared) = &read else { return Signature::of(&read, |_| 0) };
    if let Ok(json) = serde_json::to_vec(declared) {
        assert_eq!(Declaration::read(&json).as_ref(), Ok(declared), "a declaration changes");
    }
    let model = declared.model();
    assert!(model.is_ok_and(|model| model.is_elsewhere()), "a declaration that is no model");
    let Some(contract) = CONTRACT_OF_ALL.as_ref() else { return Signature::START };
    let wired = Upstream::wire(declared.clone(), contract);
    Signature::of(&wired, |upstream| upstream.calls(3).count()).word(declared.kind.as_str())
}

pub(crate) fn declarations() -> Vec<Vec<u8>> {
    [LEGACY, MLFLOW, OIP, GRPC].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// The first byte chooses the service and the number of rows.
pub(crate) fn answer(input: &[u8]) -> Signature {
    assert_eq!(UPSTREAMS.len(), 3, "every service is declared rightly");
    let Some((&first, reply)) = input.split_first() else { return Signature::START };
    let Some((upstream, width, most)) = UPSTREAMS.get(usize::from(first % 3)) else {
        return Signature::START;
    };
    let asked = 1 + usize::from(first / 3 % 3);
    let Some(call) = upstream.calls(asked).next() else { return Signature::START };
    let rows = asked.div_ceil(upstream.calls(asked).count().max(1));
    let mut values = Vec::new();
    let read = upstream.read(reply, &call, &mut values);
    if read.is_ok() {
        assert_eq!(values.len(), rows * width, "not one answer per row");
        assert!(values.iter().all(|value| value.abs() <= *most), "an answer that is not believed");
    }
    Signature::of(&read, |()| values.len()).size(usize::from(first % 9))
}

pub(crate) fn answers() -> Vec<Vec<u8>> {
    let replies = [
        (0, r#"{"RESULT":{"PD":"0.0732","CLASS":"B"}}"#),
        (1, r#"{"predictions":[[0.25,0.75]]}"#),
        (4, r#"{"predictions":[[0.25,0.75],[1,0]]}"#),
        (
            2,
            r#"{"model_name":"m","outputs":[{"name":"p","shape":[1],"datatype":"FP64","data":[3.5]}]}"#,
        ),
        (5, r#"{"outputs":[{"data":[[3.5],[-1]],"name":"p","shape":[2,1],"datatype":"FP32"}]}"#),
    ];
    replies.iter().map(|(first, reply)| [&[*first], reply.as_bytes()].concat()).collect()
}

/// A message of gRPC, in its frame. The first byte chooses the number of rows.
pub(crate) fn message(input: &[u8]) -> Signature {
    assert!(MESSAGES.is_some(), "the service is declared rightly");
    let Some(upstream) = MESSAGES.as_ref() else { return Signature::START };
    let Some((&first, message)) = input.split_first() else { return Signature::START };
    let rows = 1 + usize::from(first % 3);
    let Some(call) = upstream.calls(rows).next() else { return Signature::START };
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let reply = [&[0], length.as_slice(), message].concat();
    let mut values = Vec::new();
    let read = upstream.read(&reply, &call, &mut values);
    if read.is_ok() {
        assert_eq!(values.len(), rows, "not one answer per row");
        assert!(values.iter().all(|value| value.abs() <= 10.0), "an answer that is not believed");
    }
    Signature::of(&read, |()| values.len()).size(usize::from(first % 3))
}
