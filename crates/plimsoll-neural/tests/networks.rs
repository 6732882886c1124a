//! Networks against onnxruntime, and files that are refused before anything runs them.

#![cfg(test)]

use plimsoll_model::{Limits, Model, OutputKind, PredictError};
use plimsoll_neural::{NetworkError, NetworkLimits, ShapeError, load, load_network};
use plimsoll_types::protobuf::Writer;
use std::path::PathBuf;

const ROWS: usize = 10_000;
const WIDTH: usize = 24;

fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read(path).expect("committed")
}

/// The rows of tests/golden/make.py.
#[expect(clippy::cast_possible_truncation, reason = "as the script does")]
fn rows(count: usize) -> Vec<f64> {
    let value = |place: u64| {
        let whole = (place * 2_654_435_761 + 12_345) % (1 << 32);
        f64::from(
            (f64::from(u32::try_from(whole).expect("32 bits")) / 4_294_967_296.0 * 6.0 - 3.0)
                as f32,
        )
    };
    (0..(count * WIDTH) as u64).map(value).collect()
}

fn network(bytes: &[u8]) -> Result<Model, NetworkError> {
    load_network(bytes, &Limits::default(), &NetworkLimits::default())
}

fn answers(model: &Model, rows: &[f64]) -> Vec<f64> {
    let count = rows.len() / WIDTH;
    let mut out = vec![0.0; count * model.output().count];
    model.predict_batch(rows, count, &mut out).expect("runs");
    out
}

#[test]
fn ten_thousand_rows_are_answered_as_onnxruntime_does() {
    let rows = rows(ROWS);
    for name in [
        "mlp",
        "softmax",
        "batch-norm",
        "gelu",
        "layer-norm",
        "embedding",
        "convolution",
        "lstm",
        "gru",
        "attention",
    ] {
        let model = network(&golden(&format!("{name}.onnx"))).expect(name);
        let width = model.output().count;
        assert_eq!((model.feature_count(), width), (WIDTH, if name == "softmax" { 5 } else { 1 }));
        let kind = if width > 1 { OutputKind::ClassProbabilities } else { OutputKind::Probability };
        assert_eq!(model.output().kind, kind, "{name}");
        let want: Vec<f64> = golden(&format!("{name}.f32"))
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four")).into())
            .collect();
        let got = answers(&model, &rows);
        assert_eq!((got.len(), got.len()), (want.len(), ROWS * width));
        let worst = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        println!("{name}: {worst:e}");
        assert!(worst <= 1e-6, "{name}: {worst:e}");
        let label = |row: &[f64]| match row {
            [one] => usize::from(*one >= 0.5),
            many => (0..many.len()).max_by(|a, b| many[*a].total_cmp(&many[*b])).expect("some"),
        };
        let flips = got.chunks(width).zip(want.chunks(width)).filter(|(a, b)| label(a) != label(b));
        assert_eq!(flips.count(), 0, "{name}");
        // One row alone, and the same row among others.
        for (place, row) in rows.chunks(WIDTH).take(20).enumerate() {
            let mut one = vec![0.0; width];
            model.predict(row, &mut one).expect("runs");
            for (a, b) in one.iter().zip(&got[place * width..]) {
                assert!((a - b).abs() <= 1e-6, "{name}, row {place}");
            }
        }
    }
}

#[test]
fn what_tables_need_is_left_to_our_own_runner() {
    let limits = Limits::default();
    let own = load(&golden("mlp.onnx"), &limits).expect("a small network");
    assert!(own.objective() != "network");
    let other = load(&golden("lstm.onnx"), &limits).expect("a recurrent one");
    assert_eq!(other.objective(), "network");
    let mut out = [0.0];
    assert!(matches!(other.predict(&[0.0; 3], &mut out), Err(PredictError::RowLength { .. })));
    assert!(matches!(load(b"no model", &limits), Err(NetworkError::File(_))));
    let rows = rows(50);
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6);
    let again = network(&golden("mlp.onnx")).expect("loads");
    assert!(close(&answers(&own, &rows), &answers(&again, &rows)));
}

/// Nodes of a file: operator, inputs, outputs, integers of attributes.
type Node<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [(&'a str, &'a [i64])]);

/// An initializer: name, sizes, integers if it is one of shapes.
type Weight<'a> = (&'a str, &'a [i64], Option<&'a [i64]>);

/// A file with these nodes and initializers.
fn file(nodes: &[Node<'_>], weights: &[Weight<'_>], domain: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut w = Writer(&mut bytes);
    let declared = |w: &mut Writer<'_>, field, name: &str, sizes: &[Option<u64>]| {
        w.message(field, |w| {
            w.text(1, name);
            w.message(2, |w| {
                w.message(1, |w| {
                    w.integer(1, 1);
                    w.message(2, |w| {
                        for size in sizes {
                            w.message(1, |w| match size {
                                Some(size) => w.integer(1, *size),
                                None => w.text(2, "rows"),
                            });
                        }
                    });
                });
            });
        });
    };
    w.integer(1, 8);
    w.message(7, |w| {
        for (operator, inputs, outputs, attributes) in nodes {
            w.message(1, |w| {
                inputs.iter().for_each(|name| w.bytes(1, name.as_bytes()));
                outputs.iter().for_each(|name| w.bytes(2, name.as_bytes()));
                w.text(4, operator);
                for (name, values) in *attributes {
                    w.message(5, |w| {
                        w.text(1, name);
                        match values {
                            [one] => {
                                w.integer(3, one.cast_unsigned());
                                w.integer(20, 2);
                            }
                            values => {
                                w.integers(8, values.iter().copied());
                                w.integer(20, 7);
                            }
                        }
                    });
                }
                w.text(7, domain);
            });
        }
        for (name, sizes, integers) in weights {
            w.message(5, |w| {
                w.integers(1, sizes.iter().copied());
                w.integer(2, if integers.is_some() { 7 } else { 1 });
                w.text(8, name);
                let raw: Vec<u8> = match integers {
                    Some(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
                    None => {
                        vec![0; usize::try_from(sizes.iter().product::<i64>() * 4).expect("small")]
                    }
                };
                w.bytes(9, &raw);
            });
        }
        declared(w, 11, "x", &[None, Some(WIDTH as u64)]);
        declared(w, 12, "y", &[None, Some(1)]);
    });
    w.message(8, |w| {
        w.text(1, domain);
        w.integer(2, 17);
    });
    bytes
}

#[test]
fn small_files_that_ask_for_much_are_refused_before_they_run() {
    let over =
        |error: &NetworkError| matches!(error, NetworkError::Shape(ShapeError::OverLimit { .. }));
    let unknown =
        |error: &NetworkError| matches!(error, NetworkError::Shape(ShapeError::Unknown { .. }));
    let operator =
        |error: &NetworkError| matches!(error, NetworkError::Shape(ShapeError::Operator { .. }));
    let either = |error: &NetworkError| over(error) || unknown(error);
    let domain =
        |error: &NetworkError| matches!(error, NetworkError::Shape(ShapeError::Domain { .. }));
    type Check<'a> = &'a dyn Fn(&NetworkError) -> bool;
    let column: Weight<'_> = ("c", &[60_000, 1], None);
    let row: Weight<'_> = ("r", &[1, 60_000], None);
    let cases: Vec<(&str, Vec<u8>, Check<'_>)> = vec![
        (
            "an outer product",
            file(&[("MatMul", &["c", "r"], &["y"], &[])], &[column, row], ""),
            &over,
        ),
        ("a broadcast", file(&[("Add", &["c", "r"], &["y"], &[])], &[column, row], ""), &over),
        (
            "a wide padding",
            file(
                &[
                    ("Reshape", &["x", "s"], &["a"], &[]),
                    (
                        "Conv",
                        &["a", "k"],
                        &["y"],
                        &[("pads", &[1 << 40, 1 << 40]), ("strides", &[1, 1])],
                    ),
                ],
                &[("s", &[3], Some(&[-1, 1, 24])), ("k", &[1, 1, 3], None)],
                "",
            ),
            &either,
        ),
        (
            "gathered again and again",
            file(
                &[
                    ("Gather", &["x", "i"], &["a"], &[("axis", &[1])]),
                    ("Gather", &["a", "i"], &["b"], &[("axis", &[1])]),
                    ("Gather", &["b", "i"], &["d"], &[("axis", &[1])]),
                    ("Gather", &["d", "i"], &["y"], &[("axis", &[1])]),
                ],
                &[("i", &[60, 60], Some(&[0; 3600]))],
                "",
            ),
            &over,
        ),
        (
            "a random operator",
            file(&[("RandomNormalLike", &["x"], &["y"], &[])], &[], ""),
            &operator,
        ),
        ("a loop's operator", file(&[("Loop", &["x"], &["y"], &[])], &[], ""), &operator),
        (
            "a tile",
            file(&[("Tile", &["x", "s"], &["y"], &[])], &[("s", &[2], Some(&[1, 1 << 40]))], ""),
            &operator,
        ),
        (
            "a shape that depends on values",
            file(
                &[("Cast", &["x"], &["s"], &[("to", &[7])]), ("Reshape", &["x", "s"], &["y"], &[])],
                &[],
                "",
            ),
            &unknown,
        ),
        (
            "a value made twice",
            file(&[("Relu", &["x"], &["y"], &[]), ("Relu", &["x"], &["y"], &[])], &[], ""),
            &unknown,
        ),
        (
            "sizes that overflow",
            file(
                &[("Reshape", &["x", "s"], &["y"], &[])],
                &[("s", &[3], Some(&[i64::MAX, i64::MAX, i64::MAX]))],
                "",
            ),
            &unknown,
        ),
        ("a value that nobody makes", file(&[("Relu", &["z"], &["y"], &[])], &[], ""), &unknown),
        ("a custom operator", file(&[("Relu", &["x"], &["y"], &[])], &[], "com.example"), &domain),
    ];
    for (what, bytes, is_right) in &cases {
        let error = network(bytes).expect_err(what);
        assert!(is_right(&error), "{what}: {error}");
    }
    let tight = NetworkLimits { work_max: 1_000, ..NetworkLimits::default() };
    let error = load_network(&golden("mlp.onnx"), &Limits::default(), &tight).expect_err("work");
    assert!(over(&error), "{error}");
    let few = Limits { bytes_max: 100, ..Limits::default() };
    assert!(load_network(&golden("mlp.onnx"), &few, &NetworkLimits::default()).is_err());
}

#[test]
fn what_reaches_outside_the_file_or_has_another_form_is_refused() {
    let good = golden("mlp.onnx");
    // External data, by its enum in TensorProto (field 14), in an initializer of its own.
    let mut outside = Vec::new();
    let mut w = Writer(&mut outside);
    w.integer(1, 8);
    w.message(7, |w| w.message(5, |w| w.integer(14, 1)));
    let error = network(&outside).expect_err("external data");
    assert!(error.to_string().contains("outside"), "{error}");
    // A graph within an operator.
    let mut within = Vec::new();
    let mut w = Writer(&mut within);
    w.integer(1, 8);
    w.message(7, |w| w.message(1, |w| w.message(5, |w| w.bytes(6, b""))));
    let error = network(&within).expect_err("a graph within");
    assert!(error.to_string().contains("graph of its own"), "{error}");
    let relu: Node<'_> = ("Relu", &["x"], &["y"], &[]);
    let error = network(&file(&[relu], &[("x", &[2, 24], None)], "")).expect_err("no input");
    assert!(matches!(error, NetworkError::Form(_)), "{error}");
    // Nothing that is left of a good file, or a byte of it changed, panics or takes long.
    for end in (0..good.len()).step_by(211) {
        drop(network(&good[..end]));
        let mut changed = good.clone();
        changed[end] ^= 0x55;
        drop(network(&changed));
    }
}
