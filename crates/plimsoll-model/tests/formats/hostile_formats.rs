//! Hostile and broken files of LightGBM, scikit-learn and ONNX are refused with a message that names
//! the place, and nothing that loads can panic. For XGBoost see `hostile.rs`.

use std::fmt::Write as _;

use plimsoll_model::{Limits, Model};
use proptest::prelude::*;

use crate::hostile::use_all;

const LIGHTGBM: &str = include_str!("../golden/small.txt");
const SKLEARN: &str = include_str!("../golden/small.sklearn.json");
const ONNX: &[u8] = include_bytes!("../golden/small.onnx");

fn predict(file: &[u8], row: &[f64]) -> Vec<f64> {
    let model = Model::load(file, &Limits::default()).unwrap();
    let mut out = vec![f64::NAN; model.output().count];
    model.predict(row, &mut out).unwrap();
    out
}

#[test]
fn the_small_models_are_evaluated_as_they_read() {
    let missing = f64::NAN;
    let trees = |row: [f64; 3]| predict(LIGHTGBM.as_bytes(), &row)[0];
    // Below 50.5 and `b`: the first leaf of both trees. A missing age goes left.
    assert_eq!(trees([50.0, 1.0, 0.0]), 1.7705302782785146 + 0.022204750167205932);
    assert_eq!(trees([missing, 1.0, 0.0]), trees([50.0, 1.0, 0.0]));
    assert_eq!(trees([51.0, 1.0, 0.0]), 1.873718830826929 + 0.11507444280689046);
    // Categories outside the set, missing or unknown ones go right.
    assert_eq!(trees([50.0, 0.0, 0.0]), trees([50.0, missing, 0.0]));
    assert_eq!(trees([50.0, 2.0, 0.0]), trees([50.0, -1.0, 0.0]));
    assert_ne!(trees([50.0, 1.0, 0.0]), trees([50.0, 2.0, 0.0]));

    let sigmoid = |margin: f64| 1.0 / (1.0 + (-margin).exp());
    let pipeline = |row: [f64; 2]| predict(SKLEARN.as_bytes(), &row)[0];
    // (52 - 50) / 10 is at most 0.25; `a` has the first column.
    assert_eq!(pipeline([52.0, 0.0]), sigmoid(0.5 - 0.5 - 0.125));
    // 53 is above; `c` is found at 0, in the set; its one-hot column is the second.
    assert_eq!(pipeline([53.0, 2.0]), sigmoid(0.5 + 0.75 + 0.125));
    // `b` is found at 2, in the set; an unknown text at -1, not in it; a missing one goes right.
    assert_eq!(pipeline([53.0, 1.0]), sigmoid(0.5 + 0.75 + 0.125));
    assert_eq!(pipeline([53.0, -1.0]), sigmoid(0.5 + 0.25 + 0.125));
    assert_eq!(pipeline([53.0, missing]), sigmoid(0.5 + 0.25 + 0.125));
    assert_eq!(pipeline([missing, 0.0]), sigmoid(0.5 - 0.5 - 0.125));

    // Below 50, and `b` has the third column: 0.25 - 0.5 + 0.25 is 0, both scores are a half.
    let close = |found: Vec<f64>, scores: [f64; 2]| {
        let powers = [2.0 * scores[0], 3.0 * scores[1]].map(f64::exp);
        found
            .iter()
            .zip(powers)
            .all(|(one, power)| (one - power / (powers[0] + powers[1])).abs() < 1e-6)
    };
    assert!(close(predict(ONNX, &[49.0, 1.0]), [0.5, 0.5]));
    let above = sigmoid(0.25 + 0.75 - 0.25);
    assert!(close(predict(ONNX, &[50.0, 0.0]), [1.0 - above, above]));
    let imputed = sigmoid(0.25 - 0.5 - 0.25);
    assert!(close(predict(ONNX, &[missing, -1.0]), [1.0 - imputed, imputed]));
}

/// Every mutation and what is said about it: `golden/hostile_formats.txt`.
#[test]
fn broken_files_are_refused_with_their_place() {
    let mut found = String::new();
    for (format, whole, mutations) in
        [("lightgbm", LIGHTGBM, LIGHTGBM_MUTATIONS), ("sklearn", SKLEARN, SKLEARN_MUTATIONS)]
    {
        for (name, from, to) in mutations {
            assert!(whole.contains(from), "{format} {name} mutates nothing");
            let mutated = whole.replacen(from, to, 1);
            writeln!(found, "{format} {name}: {}", verdict(mutated.as_bytes())).unwrap();
        }
    }
    for (name, bytes) in onnx::files() {
        writeln!(found, "onnx {name}: {}", verdict(&bytes)).unwrap();
    }
    for (name, file) in
        [("lightgbm", LIGHTGBM.as_bytes()), ("sklearn", SKLEARN.as_bytes()), ("onnx", ONNX)]
    {
        for (what, limits) in tight_limits() {
            let error = Model::load(file, &limits).unwrap_err();
            writeln!(found, "{name} limit {what}: {error}").unwrap();
        }
    }
    assert_eq!(found, include_str!("../golden/hostile_formats.txt"), "new content:\n{found}");
}

fn verdict(bytes: &[u8]) -> String {
    match Model::load(bytes, &Limits::default()) {
        Ok(_) => "loads".into(),
        Err(error) => error.to_string(),
    }
}

fn tight_limits() -> [(&'static str, Limits); 5] {
    let wide = Limits::default();
    [
        ("bytes", Limits { bytes_max: 100, ..wide }),
        ("trees", Limits { trees_max: 1, ..wide }),
        ("nodes", Limits { nodes_max: 4, ..wide }),
        ("features", Limits { features_max: 1, ..wide }),
        ("categories", Limits { categories_max: 2, ..wide }),
    ]
}

/// Name, text of the small model, what replaces its first occurrence.
const LIGHTGBM_MUTATIONS: &[(&str, &str, &str)] = &[
    ("unchanged", "tree", "tree"),
    ("old version", "version=v4", "version=v2"),
    ("cycle", "left_child=1 -1 -2", "left_child=0 -1 -2"),
    ("two parents", "right_child=2 -3 -4", "right_child=2 -3 -3"),
    ("node past the end", "right_child=2 -3 -4", "right_child=9 -3 -4"),
    ("leaf past the end", "right_child=2 -3 -4", "right_child=2 -3 -9"),
    ("huge child", "left_child=1 -1 -2", "left_child=99999999999 -1 -2"),
    ("leaf of the least number", "left_child=1 -1 -2", "left_child=1 -1 -2147483648"),
    ("no leaves", "num_leaves=4", "num_leaves=0"),
    ("num_leaves lies", "num_leaves=4", "num_leaves=400000000000"),
    ("feature past the end", "split_feature=0 1 1", "split_feature=0 1 3"),
    ("NaN threshold", "threshold=50.500000000000007 0 1", "threshold=nan 0 1"),
    ("infinite threshold", "threshold=50.500000000000007 0 1", "threshold=inf 0 1"),
    ("category set past the end", "threshold=50.500000000000007 0 1", "threshold=50.5 0 2"),
    ("category set of a fraction", "threshold=50.500000000000007 0 1", "threshold=50.5 0 0.5"),
    ("category bounds fall", "cat_boundaries=0 1 2", "cat_boundaries=0 2 1"),
    ("category bounds end early", "cat_boundaries=0 1 2", "cat_boundaries=0 1 1"),
    ("too few category bounds", "cat_boundaries=0 1 2", "cat_boundaries=0 2"),
    ("huge num_cat", "num_cat=2", "num_cat=18446744073709551615"),
    ("odd decision type", "decision_type=10 1 1", "decision_type=16 1 1"),
    ("odd kind of missing", "decision_type=10 1 1", "decision_type=12 1 1"),
    ("infinite leaf", "leaf_value=1.7705302782785146", "leaf_value=inf"),
    ("word as leaf", "leaf_value=1.7705302782785146", "leaf_value=nan"),
    ("overflowing leaf", "leaf_value=1.7705302782785146", "leaf_value=1e999"),
    ("short leaf_count", "leaf_count=75 59 161 105", "leaf_count=75 59 161"),
    ("no leaf_count", "leaf_count=75 59 161 105", "leaf_counts=75"),
    ("member twice", "num_cat=2", "num_cat=2\nnum_cat=2"),
    ("linear leaves", "is_linear=0", "is_linear=1"),
    ("tree misnumbered", "Tree=1", "Tree=2"),
    ("tree_sizes lies", "tree_sizes=474 493", "tree_sizes=474"),
    ("no trees at all", "Tree=0", "end of trees\n\nTree=0"),
    ("no feature names", "feature_names=age kind sum", "names=age"),
    ("feature name twice", "feature_names=age kind sum", "feature_names=age kind age"),
    ("feature name missing", "feature_names=age kind sum", "feature_names=age kind"),
    ("absurd max_feature_idx", "max_feature_idx=2", "max_feature_idx=18446744073709551615"),
    ("negative max_feature_idx", "max_feature_idx=2", "max_feature_idx=-1"),
    ("absurd num_class", "num_class=1", "num_class=99999999"),
    ("classes without trees", "num_tree_per_iteration=1", "num_tree_per_iteration=3"),
    ("no trees per iteration", "num_tree_per_iteration=1", "num_tree_per_iteration=0"),
    ("unknown objective", "objective=regression", "objective=mine"),
    ("objective with a bad slope", "objective=regression", "objective=binary sigmoid:-1"),
    ("multi without classes", "objective=regression", "objective=multiclass num_class:3"),
    ("no objective", "objective=regression", "purpose=regression"),
    ("categories of too many columns", "[[\"a\", \"b\", \"c\"]]", "[[\"a\"], [\"b\"]]"),
    ("categories that are no lists", "[[\"a\", \"b\", \"c\"]]", "[\"a\"]"),
    ("category column past the end", "[categorical_feature: 1]", "[categorical_feature: 7]"),
    ("parameters never end", "end of parameters", ""),
    ("carriage returns", "tree\n", "tree\r\n"),
];

const SKLEARN_MUTATIONS: &[(&str, &str, &str)] = &[
    ("unchanged", "format", "format"),
    ("another version", "sklearn 1", "sklearn 9"),
    ("unknown member", "\"estimator\"", "\"pickle\""),
    ("cycle", "\"left\": [1, -1, 3, -1, -1]", "\"left\": [1, -1, 2, -1, -1]"),
    ("two parents", "\"right\": [2, -1, 4, -1, -1]", "\"right\": [2, -1, 3, -1, -1]"),
    ("node past the end", "\"right\": [2, -1, 4, -1, -1]", "\"right\": [2, -1, 5, -1, -1]"),
    ("no nodes", "\"left\": [1, -1, 3, -1, -1]", "\"left\": []"),
    ("short thresholds", "\"threshold\": [0.25, 0, 0, 0, 0]", "\"threshold\": [0.25]"),
    ("NaN threshold", "\"threshold\": [0.25, 0, 0, 0, 0]", "\"threshold\": [NaN, 0, 0, 0, 0]"),
    (
        "infinite threshold",
        "\"threshold\": [0.25, 0, 0, 0, 0]",
        "\"threshold\": [null, 0, 0, 0, 0]",
    ),
    ("NaN leaf", "\"value\": [0, -0.5, 0", "\"value\": [0, NaN, 0"),
    ("huge leaf", "\"value\": [0, -0.5, 0", "\"value\": [0, 1e999, 0"),
    ("feature past the end", "\"feature\": [0, 0, 3, 0, 0]", "\"feature\": [0, 0, 4, 0, 0]"),
    ("negative feature", "\"feature\": [0, 0, 3, 0, 0]", "\"feature\": [-1, 0, 3, 0, 0]"),
    ("NaN cover", "\"cover\": [10, 4", "\"cover\": [NaN, 4"),
    ("short cover", "\"cover\": [10, 4, 6, 5, 1]", "\"cover\": [10]"),
    ("no cover", "\"cover\": [10, 4, 6, 5, 1]", "\"cover\": []"),
    ("group past the end", "\"group\": 0", "\"group\": 1"),
    ("a group and none", "\"group\": 0, ", ""),
    ("set of no node", "\"node\": 2", "\"node\": 9"),
    ("set without codes", "\"codes\": [0, 2]", "\"code\": [0, 2]"),
    ("huge code", "\"codes\": [0, 2]", "\"codes\": [0, 16777216]"),
    ("negative code", "\"codes\": [0, 2]", "\"codes\": [0, -2]"),
    ("no base", "\"base\": [0.5]", "\"base\": []"),
    ("two bases", "\"base\": [0.5]", "\"base\": [0.5, 0.5]"),
    ("NaN base", "\"base\": [0.5]", "\"base\": [NaN]"),
    ("input past the end", "\"input\": 0", "\"input\": 2"),
    ("no input", "\"input\": 0, ", ""),
    ("no inputs", "\"inputs\": [{\"name\": \"age\"}, ", "\"inputs\": [], \"was\": [{}, "),
    ("inputs of one name", "{\"name\": \"age\"}", "{\"name\": \"kind\"}"),
    ("an input without a name", "{\"name\": \"age\"}", "{}"),
    ("category twice", "[\"a\", \"b\", \"c\"]", "[\"a\", \"b\", \"a\"]"),
    ("unknown step", "\"do\": \"fill\"", "\"do\": \"exec\""),
    ("step without numbers", "\"with\": [40]", "\"with\": []"),
    ("step with two numbers", "\"with\": [40]", "\"with\": [40, 41]"),
    ("step with a text", "\"with\": [40]", "\"with\": [\"40\"]"),
    ("missing number", "\"with\": [40]", "\"with\": [null]"),
    ("clip backwards", "\"with\": [-3, 3]", "\"with\": [3, -3]"),
    ("find twice the same", "\"with\": [2, 0, 1]", "\"with\": [2, 2, 1]"),
    ("one-hot twice the same", "\"one_hot\": [0, 2]", "\"one_hot\": [0, 0]"),
    ("one-hot and none", "\"without_column\": [1]", "\"without_column\": [2]"),
    ("no columns", "\"one_hot\": [0, 2]", "\"one_hot\": []"),
    ("unknown transform", "\"expit\"", "\"exec\""),
    ("unknown output", "\"output\": \"probability\"", "\"output\": \"risk\""),
    ("no output", "\"output\": \"probability\", ", ""),
    ("classes of another number", "[\"no\", \"yes\"]", "[\"no\"]"),
    ("trees and weights", "\"transform\"", "\"linear\": {}, \"transform\""),
    (
        "weights that do not fit",
        "\"trees\": {\"single\"",
        "\"linear\": {\"coefficients\": [1], \"intercepts\": [0]}, \"was\": {\"single\"",
    ),
    ("member twice", "\"transform\"", "\"output\": \"value\", \"transform\""),
    ("more after the end", "}\n", "} {}"),
];

/// ONNX files from parts.
mod onnx {
    fn varint(mut value: u64, out: &mut Vec<u8>) {
        while value >= 0x80 {
            out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        out.push(u8::try_from(value).unwrap());
    }

    fn number(field: u64, value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        varint(field << 3, &mut out);
        varint(value.cast_unsigned(), &mut out);
        out
    }

    fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        varint(field << 3 | 2, &mut out);
        varint(value.len() as u64, &mut out);
        out.extend(value);
        out
    }

    fn text(field: u64, value: &str) -> Vec<u8> {
        bytes(field, value.as_bytes())
    }

    fn ints(name: &str, values: &[i64]) -> Vec<u8> {
        let mut attribute = text(1, name);
        values.iter().for_each(|value| attribute.extend(number(8, *value)));
        bytes(5, &attribute)
    }

    fn int(name: &str, value: i64) -> Vec<u8> {
        bytes(5, &[text(1, name), number(3, value)].concat())
    }

    fn floats(name: &str, values: &[f32]) -> Vec<u8> {
        let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes(5, &[text(1, name), bytes(7, &packed)].concat())
    }

    fn texts(name: &str, values: &[&str]) -> Vec<u8> {
        let mut attribute = text(1, name);
        values.iter().for_each(|value| attribute.extend(text(9, value)));
        bytes(5, &attribute)
    }

    fn node(operator: &str, domain: &str, from: &[&str], to: &[&str], more: &[Vec<u8>]) -> Vec<u8> {
        let mut node = Vec::new();
        from.iter().for_each(|name| node.extend(text(1, name)));
        to.iter().for_each(|name| node.extend(text(2, name)));
        node.extend([text(4, operator), text(7, domain), more.concat()].concat());
        bytes(1, &node)
    }

    fn declared(field: u64, name: &str, kind: i64, columns: Option<i64>) -> Vec<u8> {
        let open = bytes(1, &[]);
        let columns = columns.map(|columns| bytes(1, &number(1, columns))).unwrap_or_default();
        let tensor = [number(1, kind), bytes(2, &[open, columns].concat())].concat();
        bytes(field, &[text(1, name), bytes(2, &bytes(1, &tensor))].concat())
    }

    fn initializer(name: &str, dims: &[i64], raw: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
        let mut tensor: Vec<u8> = dims.iter().flat_map(|size| number(1, *size)).collect();
        tensor.extend([number(2, 1), text(8, name), bytes(9, raw), more.concat()].concat());
        bytes(5, &tensor)
    }

    fn opset(domain: &str, version: i64) -> Vec<u8> {
        bytes(8, &[text(1, domain), number(2, version)].concat())
    }

    /// `x` of two columns to `y` of one or more.
    fn model(parts: &[Vec<u8>]) -> Vec<u8> {
        let graph =
            [parts.concat(), declared(11, "x", 1, Some(2)), declared(12, "y", 1, Some(1))].concat();
        [number(1, 9), bytes(7, &graph), opset("", 17), opset("ai.onnx.ml", 3)].concat()
    }

    fn identity() -> Vec<u8> {
        node("Identity", "", &["x"], &["y"], &[])
    }

    /// A tree of one split, with changes.
    fn tree(change: impl Fn(&mut Tree)) -> Vec<u8> {
        let mut tree = Tree {
            ids: vec![0, 1, 2],
            features: vec![0, 0, 0],
            modes: vec!["BRANCH_LEQ", "LEAF", "LEAF"],
            values: vec![0.5, 0.0, 0.0],
            yes: vec![1, 0, 0],
            no: vec![2, 0, 0],
            targets: vec![0, 0],
            weight_nodes: vec![1, 2],
            weights: vec![-1.0, 1.0],
            n_targets: 1,
        };
        change(&mut tree);
        let attributes = [
            ints("nodes_treeids", &[0, 0, 0]),
            ints("nodes_nodeids", &tree.ids),
            ints("nodes_featureids", &tree.features),
            texts("nodes_modes", &tree.modes),
            floats("nodes_values", &tree.values),
            ints("nodes_truenodeids", &tree.yes),
            ints("nodes_falsenodeids", &tree.no),
            ints("target_treeids", &[0, 0]),
            ints("target_nodeids", &tree.weight_nodes),
            ints("target_ids", &tree.targets),
            floats("target_weights", &tree.weights),
            int("n_targets", tree.n_targets),
        ];
        model(&[node("TreeEnsembleRegressor", "ai.onnx.ml", &["x"], &["y"], &attributes)])
    }

    struct Tree {
        ids: Vec<i64>,
        features: Vec<i64>,
        modes: Vec<&'static str>,
        values: Vec<f32>,
        yes: Vec<i64>,
        no: Vec<i64>,
        targets: Vec<i64>,
        weight_nodes: Vec<i64>,
        weights: Vec<f32>,
        n_targets: i64,
    }

    pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
        let one = 1_f32.to_le_bytes();
        let add = |more: &[Vec<u8>]| node("Add", "", &["x", "c"], &["y"], more);
        let with = |initializer: Vec<u8>| model(&[initializer, add(&[])]);
        let concat =
            |from: &str, to: &str| node("Concat", "", &[from, from], &[to], &[int("axis", 1)]);
        let mut doubling = vec![concat("x", "v0")];
        let names: Vec<String> = (0..40).map(|place| format!("v{place}")).collect();
        doubling.extend(names.windows(2).map(|pair| concat(&pair[0], &pair[1])));
        doubling.push(node("ReduceSum", "", &["v39"], &["y"], &[]));
        let many: Vec<Vec<u8>> =
            (0..5_000).map(|_| node("Identity", "", &["x"], &["z"], &[])).collect();
        let whole = model(&[identity()]);
        let end = 2 + u8::try_from(opset("", 17).len() + opset("ai.onnx.ml", 3).len()).unwrap();
        let no_opset = whole[..whole.len() - usize::from(end) + 2].to_vec();
        vec![
            ("unchanged", whole),
            ("a tree", tree(|_| {})),
            ("external data", with(initializer("c", &[1], &[], &[bytes(13, b"\x0a\x08location")]))),
            ("data location", with(initializer("c", &[1], &one, &[number(14, 1)]))),
            ("sparse initializer", model(&[bytes(15, &[]), identity()])),
            ("a function", [model(&[identity()]), bytes(25, &[])].concat()),
            ("training information", [model(&[identity()]), bytes(20, &[])].concat()),
            ("two graphs", [model(&[identity()]), bytes(7, &[])].concat()),
            ("a subgraph", model(&[node("If", "", &["x"], &["y"], &[bytes(5, &bytes(6, &[]))])])),
            ("custom domain", model(&[node("Run", "com.evil", &["x"], &["y"], &[])])),
            (
                "custom domain off the path",
                model(&[node("Run", "com.evil", &["x"], &["z"], &[]), identity()]),
            ),
            ("unknown operator", model(&[node("Loop", "", &["x"], &["y"], &[])])),
            (
                "unknown operator off the path",
                model(&[node("Loop", "", &["x"], &["z"], &[]), identity()]),
            ),
            (
                "a cycle",
                model(&[
                    node("Add", "", &["x", "b"], &["a"], &[]),
                    node("Add", "", &["x", "a"], &["b"], &[]),
                    node("Identity", "", &["b"], &["y"], &[]),
                ]),
            ),
            ("its own operand", model(&[node("Add", "", &["x", "y"], &["y"], &[])])),
            ("made twice", model(&[identity(), identity()])),
            ("never made", model(&[])),
            ("operand left out", model(&[node("Add", "", &["x"], &["y"], &[])])),
            ("shape lies", with(initializer("c", &[5], &one, &[]))),
            ("negative size", with(initializer("c", &[-1], &one, &[]))),
            ("huge shape", with(initializer("c", &[i64::MAX, i64::MAX], &one, &[]))),
            (
                "shapes that do not match",
                with(initializer("c", &[3], &[one, one, one].concat(), &[])),
            ),
            ("doubling", model(&doubling)),
            ("too many operators", model(&many)),
            ("version of the far future", [model(&[identity()]), opset("", 999)].concat()),
            ("no version", no_opset),
            ("cycle of nodes", tree(|tree| tree.yes[0] = 0)),
            ("two parents", tree(|tree| tree.yes[0] = 2)),
            ("no such node", tree(|tree| tree.no[0] = 7)),
            ("huge node", tree(|tree| tree.no[0] = i64::MAX)),
            ("node twice", tree(|tree| tree.ids[2] = 1)),
            ("no such mode", tree(|tree| tree.modes[0] = "BRANCH")),
            ("NaN threshold", tree(|tree| tree.values[0] = f32::NAN)),
            ("infinite threshold", tree(|tree| tree.values[0] = f32::INFINITY)),
            ("infinite leaf", tree(|tree| tree.weights[0] = f32::INFINITY)),
            ("negative feature", tree(|tree| tree.features[0] = -1)),
            ("feature past the columns", tree(|tree| tree.features[0] = 2)),
            ("huge feature", tree(|tree| tree.features[0] = i64::MAX)),
            ("weight for no node", tree(|tree| tree.weight_nodes[0] = 9)),
            ("weight for a split", tree(|tree| tree.weight_nodes[0] = 0)),
            ("weight for no target", tree(|tree| tree.targets[0] = 1)),
            ("huge n_targets", tree(|tree| tree.n_targets = i64::MAX)),
            ("no targets", tree(|tree| tree.n_targets = 0)),
            ("short arrays", tree(|tree| tree.features.truncate(2))),
        ]
    }
}

#[test]
fn every_prefix_is_refused() {
    let trees = LIGHTGBM.find("end of trees").unwrap();
    for (whole, end) in [
        (LIGHTGBM.as_bytes(), trees),
        (SKLEARN.trim_end().as_bytes(), SKLEARN.trim_end().len()),
        (ONNX, ONNX.len()),
    ] {
        for length in 0..end {
            assert!(Model::load(&whole[..length], &Limits::default()).is_err(), "{length} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_never_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for whole in [LIGHTGBM.as_bytes(), SKLEARN.as_bytes(), ONNX] {
            let mut bytes = whole.to_vec();
            for (index, byte) in &flips {
                let at = index.index(bytes.len());
                bytes[at] = *byte;
            }
            use_all(&bytes);
        }
    }

    /// Digits stay digits, so that most files parse and the checks behind parsing are reached.
    #[test]
    fn changed_digits_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), b'0'..=b'9'), 1..4)) {
        for whole in [LIGHTGBM, SKLEARN] {
            let mut bytes = whole.as_bytes().to_vec();
            let digits: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
            for (index, digit) in &changes {
                bytes[digits[index.index(digits.len())]] = *digit;
            }
            use_all(&bytes);
        }
    }

    #[test]
    fn spliced_files_never_panic(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), length in 0_usize..200) {
        for whole in [LIGHTGBM.as_bytes(), SKLEARN.as_bytes(), ONNX] {
            let mut bytes = whole.to_vec();
            let start = from.index(bytes.len());
            let piece: Vec<u8> = bytes[start..].iter().copied().take(length).collect();
            let at = to.index(bytes.len());
            bytes.splice(at..at, piece);
            use_all(&bytes);
        }
    }
}
