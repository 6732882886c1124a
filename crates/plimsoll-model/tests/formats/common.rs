//! What the tests of every format share: golden files, and walks over the public tree view.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;

use plimsoll_model::{LeafValues, Model, Node};

pub(crate) const FEATURES: usize = 25;
pub(crate) const ROWS: usize = 10_000;

/// A golden file, unpacked.
pub(crate) fn golden(path: &str) -> Vec<u8> {
    let full = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&full).unwrap_or_else(|error| panic!("{path}: {error}"));
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A golden file of little-endian `f32`.
pub(crate) fn singles(path: &str) -> Vec<f64> {
    let bytes = golden(path);
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()).into()).collect()
}

/// A golden file of little-endian `f64`.
pub(crate) fn doubles(path: &str) -> Vec<f64> {
    let bytes = golden(path);
    bytes.chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect()
}

/// Names the first differing number by model, row and both bit patterns.
pub(crate) fn assert_same_bits(what: &str, width: usize, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let (row, found_bits, expected_bits) = (index / width, found.to_bits(), expected.to_bits());
        assert!(
            found_bits == expected_bits,
            "{what}, row {row}: {found:?} ({found_bits:#018x}), golden {expected:?} ({expected_bits:#018x})"
        );
    }
}

/// Sums the leaves that a walk over the public view finds and compares with the margins: for as
/// many rows as there are rows of `columns`, what the trees test.
pub(crate) fn walk_trees(
    model: &Model,
    rows: &[f64],
    columns: &[f64],
    add: impl Fn(&mut f64, f64),
) {
    let width = model.margin_count();
    let mut expected = vec![f64::NAN; width];
    let columns = columns.chunks(model.column_count());
    for (row, columns) in rows.chunks(model.feature_count()).zip(columns) {
        model.margins(row, &mut expected).unwrap();
        let averages = model.tree_divisor() != 1.0;
        let base = model.base_margins();
        let mut sum = if averages { vec![0.0; width] } else { base.to_vec() };
        for tree in model.trees() {
            let mut at = 0;
            let leaf = loop {
                match tree.node(at).unwrap() {
                    Node::Leaf { values, .. } => break values,
                    Node::Split { feature, left, right, .. } => {
                        at = if tree.goes_left(at, columns[feature]).unwrap() {
                            left
                        } else {
                            right
                        };
                    }
                }
            };
            match leaf {
                LeafValues::One(value) => add(&mut sum[tree.group()], value),
                LeafValues::PerMargin(values) => {
                    sum.iter_mut().zip(values).for_each(|(sum, value)| add(sum, *value));
                }
            }
        }
        if averages {
            sum.iter_mut()
                .zip(base)
                .for_each(|(sum, base)| *sum = *sum / model.tree_divisor() + base);
        }
        assert_same_bits("a walk", width, &sum, &expected);
    }
}

/// A line about every model.
pub(crate) fn described(models: impl Iterator<Item = (String, Model)>) -> String {
    let mut lines = String::new();
    for (name, model) in models {
        let output = model.output();
        let nodes: usize = model.trees().map(|tree| tree.len()).sum();
        let depth = model.trees().map(|tree| tree.depth()).max().unwrap_or(0);
        let roots = model.trees().filter_map(|tree| match tree.node(0)? {
            Node::Leaf { cover, .. } | Node::Split { cover, .. } => cover,
        });
        let cover: f64 = roots.fold(0.0, |sum, cover| sum + cover);
        writeln!(
            lines,
            "{name} {}: {} {}x{} trees {} nodes {nodes} depth {depth} cover {cover:.2}",
            model.format(),
            model.objective(),
            output.name,
            output.count,
            model.trees().len(),
        )
        .unwrap();
    }
    lines
}
