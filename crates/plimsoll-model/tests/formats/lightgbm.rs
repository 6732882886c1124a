//! Margins and predictions equal LightGBM's to the bit, for every golden model, row and path.
//!
//! The goldens are made by `golden/make_lightgbm.py`, one folder per LightGBM release.

use crate::common::{
    FEATURES, ROWS, assert_same_bits, described, doubles, golden, singles, walk_trees,
};
use plimsoll_model::{
    Categories, FeatureType, Format, Limits, Model, Node, OutputKind, UnknownCategory,
};

/// Columns that are numbers; the others are category codes.
const NUMERIC: usize = 20;

/// What the script multiplied numbers by.
const SCALE: f64 = 1.000000001;

fn rows() -> Vec<f64> {
    let scaled = |(index, value): (usize, f64)| {
        if index % FEATURES < NUMERIC { value * SCALE } else { value }
    };
    singles("rows.f32.gz").into_iter().enumerate().map(scaled).collect()
}

/// As pandas coded the golden rows: a code without a category is missing.
fn rows_of(model: &Model, rows: &[f64]) -> Vec<f64> {
    let known = |(index, value): (usize, &f64)| match model.categories(index % FEATURES) {
        Some(categories) if *value >= categories.len() as f64 => f64::NAN,
        _ => *value,
    };
    rows.iter().enumerate().map(known).collect()
}

/// One line of `goldens.txt`.
struct Golden {
    folder: String,
    margins: usize,
    divisor: f64,
}

fn goldens() -> Vec<Golden> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [release, name, margins, divisor] = words[..] else { panic!("{line}") };
        Golden {
            folder: format!("lightgbm/{release}/{name}"),
            margins: margins.parse().unwrap(),
            divisor: divisor.parse().unwrap(),
        }
    };
    include_str!("../golden/lightgbm/goldens.txt").lines().map(parse).collect()
}

fn load(folder: &str) -> Model {
    Model::load(&golden(&format!("{folder}.txt.gz")), &Limits::default())
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
}

#[test]
fn margins_are_bitwise_equal() {
    let rows = rows();
    for Golden { folder, margins, divisor } in goldens() {
        let model = load(&folder);
        assert_eq!((model.feature_count(), model.margin_count()), (FEATURES, margins), "{folder}");
        assert_eq!(model.tree_divisor(), divisor, "{folder}");
        let rows = rows_of(&model, &rows);
        // LightGBM's raw score of averaged trees is their sum, which it divides for the output.
        let raw = doubles(&format!("{folder}.raw.gz"));
        let expected: Vec<f64> = raw.into_iter().map(|raw| raw / divisor).collect();
        let mut found = vec![f64::NAN; ROWS * margins];
        for (row, out) in rows.chunks(FEATURES).zip(found.chunks_mut(margins)) {
            model.margins(row, out).unwrap();
        }
        assert_same_bits(&format!("{folder} single"), margins, &found, &expected);
        found.fill(f64::NAN);
        model.margins_batch(&rows, ROWS, &mut found).unwrap();
        assert_same_bits(&format!("{folder} batch"), margins, &found, &expected);
    }
}

/// Outputs pass through `exp`, which C libraries may round differently by processor; where they
/// do not, all bits are equal.
#[test]
fn outputs_are_within_two_ulp() {
    let rows = rows();
    let mut differing = 0;
    for Golden { folder, .. } in goldens() {
        let model = load(&folder);
        let outputs = model.output().count;
        let expected = doubles(&format!("{folder}.prediction.gz"));
        let rows = rows_of(&model, &rows);
        let count = expected.len() / outputs;
        let mut found = vec![f64::NAN; expected.len()];
        model.predict_batch(&rows[..count * FEATURES], count, &mut found).unwrap();
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let ulps = found.to_bits().abs_diff(expected.to_bits());
            assert!(ulps <= 2, "{folder}, {index}: {found:?}, golden {expected:?}");
            differing += usize::from(ulps > 0);
        }
    }
    assert!(differing <= 100, "{differing} outputs differ in their last bit");
}

/// A walk over the public view of the trees finds the leaf that evaluation adds.
#[test]
fn the_tree_view_explains_the_margin() {
    let rows = rows();
    for folder in ["3.3/categorical", "4.7/nan", "4.7/zero_as_missing", "4.7/multiclass", "4.7/rf"]
    {
        let model = load(&format!("lightgbm/{folder}"));
        walk_trees(&model, &rows, &rows[..500 * FEATURES], |sum, value| *sum += value);
    }
}

#[test]
fn covers_are_row_counts() {
    let model = load("lightgbm/4.7/nan");
    for tree in model.trees() {
        let (Some(Node::Split { cover, .. }), Some(leaves)) =
            (tree.node(0), Some(leaf_covers(&tree)))
        else {
            panic!("a stump")
        };
        assert_eq!((cover, leaves), (Some(4_000.0), 4_000.0));
    }
}

fn leaf_covers(tree: &plimsoll_model::Tree<'_>) -> f64 {
    (0..tree.len())
        .filter_map(|index| match tree.node(index)? {
            Node::Leaf { cover, .. } => cover,
            Node::Split { .. } => None,
        })
        .sum()
}

#[test]
fn every_golden_is_described_as_recorded() {
    let found = described(goldens().into_iter().map(|golden| {
        let model = load(&golden.folder);
        (golden.folder, model)
    }));
    assert_eq!(found, include_str!("../golden/lightgbm/described.txt"), "new content:\n{found}");
}

#[test]
fn names_types_and_categories_are_read() {
    let model = load("lightgbm/4.7/named_categories");
    assert_eq!(model.format(), Format::LightgbmText);
    assert_eq!(model.feature_names().unwrap()[24], "f24".into());
    assert_eq!(model.feature_types().unwrap()[20], FeatureType::Categorical);
    assert_eq!(model.unknown_category(20), UnknownCategory::Missing);
    let texts = ["blue", "green", "röd"].map(Into::into).into();
    assert_eq!(model.categories(20), Some(&Categories::Texts(texts)));
    assert_eq!(model.categories(24).map(Categories::len), Some(140));
    assert_eq!(model.categories(0), None);
    assert_eq!(load("lightgbm/4.7/custom").output().kind, OutputKind::Margin);
}
