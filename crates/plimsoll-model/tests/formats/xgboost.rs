//! Margins equal XGBoost's to the bit, for every golden model, row, syntax and path.
//!
//! The goldens are made by `golden/make_goldens.py`, one folder per XGBoost release.

use std::fmt::Write as _;

use plimsoll_model::{Categories, FeatureType, Format, Limits, Model, Node, OutputKind, TreeRange};

use crate::common::{FEATURES, ROWS, assert_same_bits, golden, singles as reals, walk_trees};

/// The rows as the golden model saw them: a code without a named category was missing there.
fn rows_of(model: &Model, rows: &[f64]) -> Vec<f64> {
    let names_blue = model.feature_names().is_some();
    let end = |feature| match model.categories(feature) {
        Some(all) => all.len() as f64,
        None if names_blue && feature == 20 => 3.0,
        None => f64::INFINITY,
    };
    let ends: Vec<f64> = (0..FEATURES).map(end).collect();
    let known = |(value, end): (&f64, &f64)| if value < end { *value } else { f64::NAN };
    rows.iter().zip(ends.iter().cycle()).map(known).collect()
}

/// One line of `goldens.txt`.
struct Golden {
    folder: String,
    range: TreeRange,
    margins: usize,
    outputs: usize,
}

fn goldens() -> Vec<Golden> {
    let list = include_str!("../golden/goldens.txt");
    let parse = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [release, name, range, margins, outputs] = words[..] else { panic!("{line}") };
        Golden {
            folder: format!("{release}/{name}"),
            range: if range == "best" { TreeRange::BestIteration } else { TreeRange::All },
            margins: margins.parse().unwrap(),
            outputs: outputs.parse().unwrap(),
        }
    };
    list.lines().map(parse).collect()
}

fn load(folder: &str, syntax: &str, range: TreeRange) -> Model {
    let bytes = golden(&format!("{folder}.{syntax}.gz"));
    Model::load_range(&bytes, &Limits::default(), range)
        .unwrap_or_else(|error| panic!("{folder}.{syntax}: {error}"))
}

#[test]
fn margins_are_bitwise_equal() {
    let rows = reals("rows.f32.gz");
    assert_eq!(rows.len(), ROWS * FEATURES);
    for Golden { folder, range, margins, .. } in goldens() {
        let expected = reals(&format!("{folder}.margin.gz"));
        for syntax in ["json", "ubj"] {
            let model = load(&folder, syntax, range);
            assert_eq!((model.feature_count(), model.margin_count()), (FEATURES, margins));
            let rows = rows_of(&model, &rows);
            let mut found = vec![f64::NAN; ROWS * margins];
            for (row, out) in rows.chunks(FEATURES).zip(found.chunks_mut(margins)) {
                model.margins(row, out).unwrap();
            }
            assert_same_bits(&format!("{folder}.{syntax} single"), margins, &found, &expected);
            found.fill(f64::NAN);
            model.margins_batch(&rows, ROWS, &mut found).unwrap();
            assert_same_bits(&format!("{folder}.{syntax} batch"), margins, &found, &expected);
        }
    }
}

#[test]
fn batches_of_every_small_size_equal_single_rows() {
    let rows = reals("rows.f32.gz");
    for folder in ["3.2/softprob", "3.2/categorical", "2.1/vector_leaf"] {
        let model = load(folder, "ubj", TreeRange::All);
        let expected = reals(&format!("{folder}.margin.gz"));
        let width = model.margin_count();
        for count in (0..=17).chain([63, 64, 65, 127, 128, 129]) {
            let mut found = vec![f64::NAN; count * width];
            model.margins_batch(&rows[..count * FEATURES], count, &mut found).unwrap();
            assert_same_bits(folder, width, &found, &expected[..count * width]);
        }
    }
}

/// Outputs pass through `expf`, which C libraries may round differently by processor.
#[test]
fn outputs_are_within_one_ulp() {
    let rows = reals("rows.f32.gz");
    for Golden { folder, range, outputs, .. } in goldens() {
        let expected = reals(&format!("{folder}.prediction.gz"));
        let count = expected.len() / outputs;
        let model = load(&folder, "json", range);
        assert_eq!(model.output().count, outputs, "{folder}");
        let rows = rows_of(&model, &rows);
        let mut single = vec![f64::NAN; outputs];
        let mut batch = vec![f64::NAN; expected.len()];
        model.predict_batch(&rows[..count * FEATURES], count, &mut batch).unwrap();
        for (index, expected) in expected.chunks(outputs).enumerate() {
            model.predict(&rows[index * FEATURES..][..FEATURES], &mut single).unwrap();
            assert_same_bits(&folder, outputs, &single, &batch[index * outputs..][..outputs]);
            for (found, expected) in single.iter().zip(expected) {
                let ulps = (*found as f32).to_bits().abs_diff((*expected as f32).to_bits());
                assert!(ulps <= 1, "{folder}, row {index}: {found:?}, golden {expected:?}");
            }
        }
    }
}

#[test]
fn both_syntaxes_make_the_same_model() {
    for Golden { folder, range, .. } in goldens() {
        let (json, ubjson) = (load(&folder, "json", range), load(&folder, "ubj", range));
        assert_eq!((json.format(), ubjson.format()), (Format::XgboostJson, Format::XgboostUbjson));
        assert_eq!(describe(&json), describe(&ubjson), "{folder}");
    }
}

/// A walk over the public view of the trees finds the leaf that evaluation adds.
#[test]
fn the_tree_view_explains_the_margin() {
    let rows = reals("rows.f32.gz");
    for folder in ["1.7/categorical", "3.2/categorical", "3.2/dart", "3.2/vector_leaf"] {
        let model = load(folder, "json", TreeRange::All);
        // As XGBoost adds: in `f32`.
        let add = |sum: &mut f64, value: f64| *sum = (*sum as f32 + value as f32).into();
        walk_trees(&model, &rows, &rows[..500 * FEATURES], add);
    }
}

#[test]
fn every_golden_is_described_as_recorded() {
    let mut found = String::new();
    for Golden { folder, range, .. } in goldens() {
        let model = load(&folder, "json", range);
        writeln!(found, "{folder} {}", describe(&model)).unwrap();
    }
    assert_eq!(found, include_str!("../golden/described.txt"), "new content:\n{found}");
}

fn describe(model: &Model) -> String {
    let (output, trees) = (model.output(), model.trees_used());
    let nodes: usize = model.trees().map(|tree| tree.len()).sum();
    let depth = model.trees().map(|tree| tree.depth()).max().unwrap_or(0);
    let roots = model.trees().filter_map(|tree| match tree.node(0)? {
        Node::Leaf { cover, .. } | Node::Split { cover, .. } => cover,
    });
    let cover: f64 = roots.sum();
    let base: Vec<f32> = model.base_margins().iter().map(|base| *base as f32).collect();
    format!(
        "{} {}x{} trees {}/{} best {:?} nodes {nodes} depth {depth} base {base:?} cover {cover:.2}",
        model.objective(),
        output.name,
        output.count,
        trees.used,
        trees.total,
        trees.best_iteration,
    )
}

#[test]
fn names_types_and_categories_are_read() {
    let model = load("3.2/named_categories", "json", TreeRange::All);
    let ubjson = load("3.2/named_categories", "ubj", TreeRange::All);
    let names = model.feature_names().unwrap();
    assert_eq!((names.len(), &*names[0], &*names[24]), (25, "f 0", "f 24"));
    let types = model.feature_types().unwrap();
    assert_eq!((types[0], types[20]), (FeatureType::Quantitative, FeatureType::Categorical));
    assert_eq!(model.categories(0), None);
    // The file cuts `blue`, `green`, `röd` wrongly, so no names are given.
    assert_eq!(model.categories(20), None);
    let texts = (0..12).map(|index| format!("c1-{index}").into()).collect();
    assert_eq!(model.categories(21), Some(&Categories::Texts(texts)));
    let integers = (100..1_800).step_by(20).collect();
    assert_eq!(model.categories(24), Some(&Categories::Integers(integers)));
    assert!((0..25).all(|feature| model.categories(feature) == ubjson.categories(feature)));

    let unnamed = load("3.2/logistic", "json", TreeRange::All);
    assert_eq!((unnamed.feature_names(), unnamed.feature_types()), (None, None));
    assert_eq!(unnamed.output().kind, OutputKind::Probability);
}
