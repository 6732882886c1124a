//! Time to validate one request of 25 features. Run on an idle core:
//! `cargo run --release -p plimsoll-contract --example bench_validate`.
//!
//! Memory: a valid request allocates nothing once the scratch has grown to its size; the
//! example proves it by the scratch's capacities, which no request after the first changes.
#![expect(clippy::print_stdout, reason = "an example that reports to people")]
#![expect(clippy::disallowed_methods, reason = "an example that measures time")]
#![expect(clippy::unwrap_used, reason = "an example over its own data")]

use plimsoll_contract::{CompiledContract, Contract, Field, Kind, Limits, Mapping, Scratch};
use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

/// Different bodies, so that the branch predictor cannot learn one by heart.
const BODIES: u64 = 512;
const ROUNDS: u32 = 400;

fn main() {
    let contract = contract();
    for (what, spaced, reversed) in
        [("compact", false, false), ("spaced", true, false), ("reversed", false, true)]
    {
        let bodies: Vec<String> =
            (0..BODIES).map(|seed| body(&contract, seed, spaced, reversed)).collect();
        let bytes: usize = bodies.iter().map(String::len).sum::<usize>() / bodies.len();
        let mut scratch = Scratch::default();
        for body in &bodies {
            contract.validate_oip(body.as_bytes(), &mut scratch).unwrap();
        }
        let grown = capacities(&scratch);
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for body in &bodies {
                black_box(contract.validate_oip(black_box(body.as_bytes()), &mut scratch).unwrap());
            }
            best = best.min(start.elapsed().as_secs_f64() / bodies.len() as f64);
        }
        assert_eq!(grown, capacities(&scratch), "a request allocated");
        println!("{what}: {:.0} ns for {bytes} bytes of 25 features", best * 1e9);
    }
}

fn capacities(scratch: &Scratch) -> [usize; 4] {
    let rows = &scratch.rows;
    [rows.cells.capacity(), rows.text.capacity(), rows.numbers.capacity(), scratch.flags.capacity()]
}

fn contract() -> CompiledContract {
    let mut features = Vec::new();
    for place in 0..25 {
        let mut field = Field::new(format!("feature_{place}"), kind(place));
        if field.kind == Kind::Category {
            field.values = (0..8).map(|value| format!("value_{value}")).collect();
        } else {
            (field.min, field.max, field.nullable) = (Some(-1e6), Some(1e6), place % 3 == 0);
        }
        features.push(field);
    }
    let (map, limits) = (Mapping::default(), Limits::default());
    let contract =
        Contract { version: 1, features, context: Vec::new(), matrix: None, map, limits };
    CompiledContract::compile(&contract).unwrap()
}

fn kind(place: usize) -> Kind {
    match place % 5 {
        4 => Kind::Category,
        3 => Kind::Integer,
        _ => Kind::Number,
    }
}

fn body(contract: &CompiledContract, seed: u64, spaced: bool, reversed: bool) -> String {
    let mut random = seed * 2 + 1;
    let mut next = || {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 33
    };
    let mut text = String::from("{\"inputs\":[");
    let places: Vec<usize> = if reversed { (0..25).rev().collect() } else { (0..25).collect() };
    for place in places {
        let name = &contract.field(place).unwrap().name;
        let (datatype, data) = match kind(place) {
            Kind::Category => ("BYTES", format!("\"value_{}\"", next() % 8)),
            Kind::Integer => ("INT64", (next() % 100_000).to_string()),
            _ if place % 3 == 0 && next() % 8 == 0 => ("FP64", "null".to_owned()),
            _ => ("FP64", format!("{}.{:02}", next() % 10_000, next() % 100)),
        };
        let comma = if text.ends_with('[') { "" } else { "," };
        write!(text, "{comma}{{\"name\":\"{name}\",\"shape\":[1],\"datatype\":\"{datatype}\",\"data\":[{data}]}}").unwrap();
    }
    text.push_str("]}");
    if spaced { text.replace(',', ", ").replace(':', ": ") } else { text }
}
