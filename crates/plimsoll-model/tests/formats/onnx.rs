//! ONNX graphs give what ONNX Runtime gives: within 1e-6, and never another label.
//!
//! The goldens are made by `golden/make_onnx.py`.

use plimsoll_model::{Categories, Format, Limits, Model, OutputKind};

use crate::common::{FEATURES, ROWS, described, golden, singles, walk_trees};

/// Columns that are numbers; the others are category codes.
const NUMERIC: usize = 20;

/// One line of `goldens.txt`.
struct Golden {
    name: String,
    rows: String,
    outputs: usize,
    has_labels: bool,
}

fn goldens() -> Vec<Golden> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, rows, outputs, kind] = words[..] else { panic!("{line}") };
        let outputs = outputs.parse().unwrap();
        Golden { name: name.into(), rows: rows.into(), outputs, has_labels: kind == "labels" }
    };
    include_str!("../golden/onnx/goldens.txt").lines().map(parse).collect()
}

fn load(name: &str) -> Model {
    Model::load(&golden(&format!("onnx/{name}.onnx.gz")), &Limits::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Refused on purpose: no converter writes them, and of the last two ONNX Runtime's answer depends on
/// its release, or on memory it never wrote.
fn is_refused(name: &str) -> bool {
    let vague = ["classifier_two_bases", "classifier_probit"];
    name.starts_with("regressor_min") || name.starts_with("regressor_max") || vague.contains(&name)
}

fn rows_of(kind: &str, model: &Model) -> Vec<f64> {
    let rows = singles("rows.f32.gz");
    if kind == "rows" {
        return rows;
    }
    let cell = |(index, value): (usize, f64)| {
        let feature = index % FEATURES;
        let Some(Categories::Texts(texts)) = model.categories(feature) else {
            return if value.is_nan() { 0.5 } else { value };
        };
        let text = match value {
            value if value.is_nan() => "none".to_owned(),
            value => format!("c{}-{value}", feature - NUMERIC),
        };
        let code = texts.iter().position(|known| **known == *text);
        code.map_or(Model::UNKNOWN_CODE, |code| code as f64)
    };
    rows.into_iter().enumerate().map(cell).collect()
}

fn first_highest(row: &[f64]) -> usize {
    let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter().position(|value| *value == highest).unwrap()
}

#[test]
fn outputs_are_onnx_runtimes() {
    let mut worst = 0.0_f64;
    for Golden { name, rows, outputs, has_labels } in goldens() {
        if is_refused(&name) {
            continue;
        }
        let model = load(&name);
        assert_eq!((model.feature_count(), model.output().count), (FEATURES, outputs), "{name}");
        let rows = rows_of(&rows, &model);
        let expected = singles(&format!("onnx/{name}.output.gz"));
        let mut found = vec![f64::NAN; ROWS * outputs];
        model.predict_batch(&rows, ROWS, &mut found).unwrap();
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            if found.is_nan() && expected.is_nan() {
                continue;
            }
            let difference = (found - expected).abs() / expected.abs().max(1.0);
            assert!(difference <= 1e-6, "{name}, row {}: {found} {expected}", index / outputs);
            worst = worst.max(difference);
        }
        let mut single = vec![f64::NAN; outputs];
        for (row, batch) in rows.chunks(FEATURES).zip(found.chunks(outputs)).take(200) {
            model.predict(row, &mut single).unwrap();
            assert_eq!(format!("{single:?}"), format!("{batch:?}"), "{name}");
        }
        // A label is the class of the highest output, where the outputs are probabilities.
        if has_labels && !name.starts_with("classifier") {
            let labels = golden(&format!("onnx/{name}.label.gz"));
            for (row, (found, label)) in found.chunks(outputs).zip(&labels).enumerate() {
                let highest = first_highest(found);
                let tie = outputs == 2 && (found[0] - found[1]).abs() < 1e-6;
                assert!(highest == usize::from(*label) || tie, "{name}, row {row}: {found:?}");
            }
        }
    }
    assert!(worst > 0.0 && worst <= 1e-6, "{worst}");
}

#[test]
fn a_graph_around_one_ensemble_shows_its_trees() {
    for (name, trees) in [
        ("forest", 20),
        ("forest_multiclass", 20),
        ("boosting", 20),
        ("xgboost_binary", 20),
        ("lightgbm_multiclass", 60),
        ("ensemble_five", 2),
    ] {
        let model = load(name);
        assert_eq!(model.trees().len(), trees, "{name}");
        let rows = singles("rows.f32.gz");
        let mut columns = Vec::new();
        for row in rows.chunks(FEATURES).take(200) {
            match model.pipeline() {
                Some(pipeline) => pipeline.apply(row, &mut columns).unwrap(),
                None => columns.extend_from_slice(row),
            }
        }
        let add = |sum: &mut f64, value: f64| *sum = (*sum as f32 + value as f32).into();
        common_walk(&model, &rows, &columns, add);
    }
    for name in ["mlp", "logistic", "extra_trees", "forest_columns"] {
        assert_eq!(load(name).trees().len(), 0, "{name}: something stands before the trees");
    }
}

/// ONNX adds the base last: the walk starts from 0 and adds it then.
fn common_walk(model: &Model, rows: &[f64], columns: &[f64], add: impl Fn(&mut f64, f64)) {
    if model.base_margins().iter().all(|base| *base == 0.0) {
        walk_trees(model, rows, columns, add);
    }
}

#[test]
fn names_categories_and_classes_are_read() {
    let model = load("logistic_columns");
    assert_eq!(model.format(), Format::Onnx);
    assert_eq!(model.feature_names().unwrap()[24], "f24".into());
    let Some(Categories::Texts(texts)) = model.categories(20) else { panic!("texts") };
    assert!(texts.iter().any(|text| &**text == "c0-1"));
    assert_eq!(model.categories(0), None);
    assert_eq!(model.output().kind, OutputKind::ClassProbabilities);
    assert_eq!(load("forest").classes().unwrap(), ["0".into(), "1".into()]);
    assert_eq!(load("linear").output().kind, OutputKind::Value);
}

#[test]
fn what_is_vague_is_refused() {
    for Golden { name, .. } in goldens().into_iter().filter(|golden| is_refused(&golden.name)) {
        let bytes = golden(&format!("onnx/{name}.onnx.gz"));
        let error = Model::load(&bytes, &Limits::default()).unwrap_err().to_string();
        assert!(
            error.starts_with("graph.node[0]: ") && error.contains(" not supported"),
            "{error}"
        );
    }
}

#[test]
fn every_golden_is_described_as_recorded() {
    let loaded = goldens().into_iter().filter(|golden| !is_refused(&golden.name));
    let found = described(loaded.map(|golden| {
        let model = load(&golden.name);
        (golden.name, model)
    }));
    assert_eq!(found, include_str!("../golden/onnx/described.txt"), "new content:\n{found}");
}
