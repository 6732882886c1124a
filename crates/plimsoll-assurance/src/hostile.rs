//! Requests that break a contract, or nearly, made from one that keeps it: types, ranges, names,
//! shapes and lengths that do not fit. Whether they are refused is the caller's to see.

use crate::Random;
use serde_json::{Value, json};

/// Requests that one run makes.
pub const REQUESTS: usize = 10_000;
/// The longest text that is put in.
const LONG: usize = 10_000;

/// Hostile requests of the Open Inference Protocol from a valid one, for ever; take
/// [`REQUESTS`]. Each is the bytes of a body.
pub fn requests(valid: &Value, seed: u64) -> impl Iterator<Item = Vec<u8>> + use<> {
    let (valid, mut random) = (valid.clone(), Random::new(seed));
    std::iter::repeat_with(move || {
        let mut request = valid.clone();
        // Most break one thing, some several.
        for _ in 0..=random.below(3).saturating_sub(1) {
            mutate(&mut request, &mut random);
        }
        let mut bytes = request.to_string().into_bytes();
        if random.below(20) == 0 {
            damage(&mut bytes, &mut random);
        }
        bytes
    })
}

/// Breaks one thing.
fn mutate(request: &mut Value, random: &mut Random) {
    let Some(inputs) = request.get_mut("inputs").and_then(Value::as_array_mut) else { return };
    let place = random.below(inputs.len());
    match random.below(7) {
        0 => drop((place < inputs.len()).then(|| inputs.remove(place))),
        1 => inputs
            .push(json!({"name": "no-such-field", "shape": [1], "datatype": "FP64", "data": [1]})),
        2 => inputs.extend(inputs.get(place).cloned()),
        way => {
            let Some(input) = inputs.get_mut(place) else { return };
            match way {
                3 => input["datatype"] = pick(random, &TYPES),
                4 => input["shape"] = pick(random, &SHAPES),
                5 => input["name"] = json!(text(random)),
                _ => input["data"] = json!([value(random)]),
            }
        }
    }
}

const TYPES: [&str; 8] = ["BOOL", "INT64", "FP64", "FP32", "BYTES", "UINT8", "", "fp64"];
const SHAPES: [&str; 6] = ["[0]", "[2]", "[1,1]", "[-1]", "[4294967296,4294967296]", "[]"];

fn pick(random: &mut Random, from: &[&str]) -> Value {
    let word = from.get(random.below(from.len())).copied().unwrap_or_default();
    serde_json::from_str(word).unwrap_or_else(|_| json!(word))
}

fn value(random: &mut Random) -> Value {
    match random.below(12) {
        0 => Value::Null,
        1 => json!(1e308),
        2 => json!(-1e308),
        3 => json!(i64::MAX),
        4 => json!(u64::MAX),
        5 => json!(5e-324),
        6 => json!(true),
        7 => json!([[1]]),
        8 => json!({"a": 1}),
        9 => json!((random.unit() - 0.5) * 1e6),
        10 => json!(""),
        _ => json!(text(random)),
    }
}

fn text(random: &mut Random) -> String {
    match random.below(5) {
        0 => "x".repeat(random.below(LONG)),
        1 => "\u{0}\u{202e}".to_owned(),
        2 => "NaN".to_owned(),
        3 => "\u{1F600}".repeat(random.below(300)),
        _ => format!("v{}", random.below(1_000)),
    }
}

/// Cuts the bytes, or overwrites one.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let place = random.below(bytes.len());
    if random.below(2) == 0 {
        bytes.truncate(place);
    } else if let Some(byte) = bytes.get_mut(place) {
        *byte = u8::try_from(random.bits() & 0xFF).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_differ_repeat_by_seed_and_are_mostly_json() {
        let valid = json!({"inputs": [
            {"name": "age", "shape": [1], "datatype": "INT64", "data": [30]},
            {"name": "home", "shape": [1], "datatype": "BYTES", "data": ["own"]},
        ]});
        let made: Vec<_> = requests(&valid, 9).take(2_000).collect();
        assert_eq!(made, requests(&valid, 9).take(2_000).collect::<Vec<_>>());
        let json = made.iter().filter(|bytes| serde_json::from_slice::<Value>(bytes).is_ok());
        assert!(json.count() > 1_800);
        let mut other = made.clone();
        other.sort();
        other.dedup();
        assert!(other.len() > 300, "{}", other.len());
    }
}
