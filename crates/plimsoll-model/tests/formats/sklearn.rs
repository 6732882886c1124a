//! Trees exported from scikit-learn give its numbers to the bit, weighted sums to the last few.
//!
//! The goldens are made by `golden/make_sklearn.py`.

use plimsoll_model::{
    FeatureType, Format, Limits, Model, OutputKind, PredictError, UnknownCategory,
};

use crate::common::{
    FEATURES, ROWS, assert_same_bits, described, doubles, golden, singles, walk_trees,
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

/// The rows as the model reads them: its columns, `f<column>`, and texts as the model's codes.
fn rows_of(model: &Model, rows: &[f64]) -> Vec<f64> {
    let count = model.feature_count();
    let column = |feature: usize| match model.feature_names() {
        Some(names) => names[feature].trim_start_matches('f').parse().unwrap(),
        None => feature,
    };
    let columns: Vec<usize> = (0..count).map(column).collect();
    let coded = |(feature, value): (usize, f64)| {
        let Some(plimsoll_model::Categories::Texts(texts)) = model.categories(feature) else {
            return value;
        };
        if value.is_nan() {
            return value;
        }
        let text = format!("c{}-{value}", columns[feature] - NUMERIC);
        let code = texts.iter().position(|known| **known == *text);
        code.map_or(Model::UNKNOWN_CODE, |code| code as f64)
    };
    let chosen = |row: &[f64]| columns.iter().map(|column| row[*column]).collect::<Vec<_>>();
    rows.chunks(FEATURES).flat_map(|row| chosen(row).into_iter().enumerate().map(coded)).collect()
}

/// One line of `goldens.txt`.
struct Golden {
    name: String,
    margins: usize,
    exact: bool,
}

fn goldens() -> Vec<Golden> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, _, margins, how] = words[..] else { panic!("{line}") };
        Golden { name: name.into(), margins: margins.parse().unwrap(), exact: how == "exact" }
    };
    include_str!("../golden/sklearn/goldens.txt").lines().map(parse).collect()
}

fn load(name: &str) -> Model {
    Model::load(&golden(&format!("sklearn/{name}.json.gz")), &Limits::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Weighted sums are added up in another order than a matrix library does.
fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(
            difference <= 1e-12 * expected.abs().max(1.0),
            "{what}, {index}: {found} {expected}"
        );
    }
}

#[test]
fn margins_are_scikit_learns() {
    let rows = rows();
    for Golden { name, margins, exact } in goldens() {
        let model = load(&name);
        assert_eq!(model.margin_count(), margins, "{name}");
        let rows = rows_of(&model, &rows);
        let expected = doubles(&format!("sklearn/{name}.margin.gz"));
        let mut single = vec![f64::NAN; ROWS * margins];
        for (row, out) in rows.chunks(model.feature_count()).zip(single.chunks_mut(margins)) {
            model.margins(row, out).unwrap();
        }
        let mut batch = vec![f64::NAN; ROWS * margins];
        model.margins_batch(&rows, ROWS, &mut batch).unwrap();
        assert_same_bits(&format!("{name}, single and batch"), margins, &single, &batch);
        if exact {
            assert_same_bits(&name, margins, &single, &expected);
        } else {
            assert_close(&name, &single, &expected);
        }
    }
}

#[test]
fn outputs_are_scikit_learns() {
    let rows = rows();
    for Golden { name, .. } in goldens() {
        let model = load(&name);
        let rows = rows_of(&model, &rows);
        let expected = doubles(&format!("sklearn/{name}.prediction.gz"));
        let count = expected.len() / model.output().count;
        let mut found = vec![f64::NAN; expected.len()];
        model.predict_batch(&rows[..count * model.feature_count()], count, &mut found).unwrap();
        assert_close(&name, &found, &expected);
    }
}

#[test]
fn the_tree_view_explains_the_margin() {
    let rows = rows();
    for name in ["forest", "forest_multiclass", "boosting_multiclass", "hist", "hist_none"] {
        let model = load(name);
        let rows = rows_of(&model, &rows);
        let mut columns = Vec::new();
        for row in rows.chunks(model.feature_count()).take(500) {
            match model.pipeline() {
                Some(pipeline) => pipeline.apply(row, &mut columns).unwrap(),
                None => columns.extend_from_slice(row),
            }
        }
        walk_trees(&model, &rows, &columns, |sum, value| *sum += value);
    }
}

/// What a linear model's columns contributed adds up to the margin, feature by feature.
#[test]
fn the_pipeline_maps_columns_back_to_features() {
    let model = load("logistic_pipeline");
    let (pipeline, linear) = (model.pipeline().unwrap(), model.linear().unwrap());
    assert_eq!(pipeline.column_count(), linear.coefficients(0).len());
    assert_eq!(model.feature_count(), 24, "nothing is made of the last column");
    let rows = rows_of(&model, &rows());
    for row in rows.chunks(model.feature_count()).take(100) {
        let (mut columns, mut margin) = (Vec::new(), [f64::NAN]);
        pipeline.apply(row, &mut columns).unwrap();
        model.margins(row, &mut margin).unwrap();
        let mut by_feature = [0.0; FEATURES];
        for (column, (value, weight)) in columns.iter().zip(linear.coefficients(0)).enumerate() {
            by_feature[pipeline.feature_of(column).unwrap()] += value * weight;
        }
        let sum: f64 = linear.intercepts()[0] + by_feature.iter().sum::<f64>();
        assert!((sum - margin[0]).abs() < 1e-12);
    }
}

#[test]
fn names_categories_and_classes_are_read() {
    let model = load("logistic_pipeline");
    assert_eq!(model.format(), Format::SklearnJson);
    assert_eq!(model.feature_names().unwrap()[23], "f23".into());
    assert_eq!(model.feature_types().unwrap()[20], FeatureType::Categorical);
    assert_eq!(model.unknown_category(20), UnknownCategory::Coded);
    assert_eq!(model.classes().unwrap(), ["no".into(), "yes".into()]);
    assert_eq!(model.output().kind, OutputKind::Probability);
    assert_eq!(load("forest_multiclass").classes().unwrap().len(), 3);
    assert_eq!(load("forest").feature_names(), None);
}

#[test]
fn what_an_encoder_refuses_is_refused() {
    let file = r#"{"format":"plimsoll-sklearn 1","inputs":[{"name":"x"}],
        "pipeline":[{"input":0,"one_hot":[1,2],"refuses_unknown":true}],
        "linear":{"coefficients":[10,20],"intercepts":[1]},"output":"value"}"#;
    let model = Model::load(file.as_bytes(), &Limits::default()).unwrap();
    let mut out = [f64::NAN];
    model.predict(&[2.0], &mut out).unwrap();
    assert_eq!(out, [21.0]);
    let refused = Err(PredictError::NoCategory { feature: 0 });
    assert_eq!(model.predict(&[3.0], &mut out), refused);
    assert_eq!(model.predict_batch(&[1.0, f64::NAN], 2, &mut [0.0; 2]), refused);
}

#[test]
fn every_golden_is_described_as_recorded() {
    let found = described(goldens().into_iter().map(|golden| {
        let model = load(&golden.name);
        (golden.name, model)
    }));
    assert_eq!(found, include_str!("../golden/sklearn/described.txt"), "new content:\n{found}");
}
