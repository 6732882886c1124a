//! SHAP values are exact: against Shapley values from their definition, against XGBoost and
//! `shap`, and against each other on every processor's path.

use std::sync::Arc;

use crate::common::{Random, golden, golden_model, golden_rows, random_model};
use plimsoll_explain::shap::{
    Background, InteractionExplainer, Scratch, Simd, TreeExplainer, TreeOptions,
};
use plimsoll_explain::{ExplainError, FeatureGroups, Method};
use plimsoll_model::{LeafValues, Limits, Model, Node, Tree};
use proptest::prelude::*;

/// No tables: everything in `f64`.
const NO_TABLES: usize = 0;

fn explain(
    model: &Arc<Model>,
    rows: &[f64],
    options: &TreeOptions<'_>,
) -> (TreeExplainer, Vec<f64>) {
    let explainer = TreeExplainer::new(Arc::clone(model), options).unwrap();
    let count = rows.len() / model.feature_count();
    let mut values = vec![f64::NAN; count * explainer.outputs() * explainer.features()];
    let mut margins = vec![f64::NAN; count * explainer.outputs()];
    explainer.explain_rows(rows, &mut Scratch::default(), &mut values, &mut margins).unwrap();
    (explainer, values)
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Shapley values from their definition, over all coalitions of the model's features.
mod definition {
    use super::*;

    /// The expected value of a tree when only the features of `coalition` are known.
    fn conditional(
        tree: &Tree<'_>,
        node: usize,
        row: &[f64],
        coalition: usize,
        out: &mut [f64],
        share: f64,
    ) {
        match tree.node(node).unwrap() {
            Node::Leaf { values: LeafValues::One(value), .. } => {
                out[tree.group()] += share * value;
            }
            Node::Leaf { values: LeafValues::PerMargin(values), .. } => {
                out.iter_mut().zip(values).for_each(|(out, value)| *out += share * *value);
            }
            Node::Split { feature, left, right, cover, .. } => {
                if coalition >> feature & 1 == 1 {
                    let is_left = tree.goes_left(node, row[feature]).unwrap();
                    let next = if is_left { left } else { right };
                    return conditional(tree, next, row, coalition, out, share);
                }
                for child in [left, right] {
                    let (Node::Leaf { cover: below, .. } | Node::Split { cover: below, .. }) =
                        tree.node(child).unwrap();
                    let cover = cover.unwrap();
                    // XGBoost halves what no training row reached.
                    let part = if cover > 0.0 { below.unwrap() / cover } else { 0.5 };
                    conditional(tree, child, row, coalition, out, share * part);
                }
            }
        }
    }

    /// What the model says when only the features of `coalition` are known.
    fn game(
        model: &Model,
        row: &[f64],
        background: Option<&Background>,
        coalition: usize,
    ) -> Vec<f64> {
        let mut out: Vec<f64> = model.base_margins().to_vec();
        match background {
            None => {
                for tree in model.trees() {
                    conditional(&tree, 0, row, coalition, &mut out, 1.0);
                }
            }
            Some(background) => {
                let share = 1.0 / background.rows().len() as f64;
                for drawn in background.rows() {
                    let pick = |f: usize| if coalition >> f & 1 == 1 { row[f] } else { drawn[f] };
                    let mixed: Vec<f64> = (0..row.len()).map(pick).collect();
                    for tree in model.trees() {
                        conditional(&tree, 0, &mixed, usize::MAX, &mut out, share);
                    }
                }
            }
        }
        out
    }

    /// Half the Shapley interaction index of each pair, for output 0.
    pub(super) fn interactions(
        model: &Model,
        row: &[f64],
        background: Option<&Background>,
    ) -> Vec<f64> {
        let features = model.feature_count();
        let games: Vec<f64> = (0..1 << features)
            .map(|coalition| game(model, row, background, coalition)[0])
            .collect();
        let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
        let mut values = vec![0.0; features * features];
        for i in 0..features {
            for j in (0..features).filter(|j| *j != i) {
                let both = 1_usize << i | 1 << j;
                for coalition in (0_usize..1 << features).filter(|c| c & both == 0) {
                    let size = coalition.count_ones() as usize;
                    let weight =
                        factorial(size) * factorial(features - size - 2) / factorial(features - 1);
                    let gain = games[coalition | both]
                        - games[coalition | 1 << i]
                        - games[coalition | 1 << j]
                        + games[coalition];
                    values[i * features + j] += weight * gain / 2.0;
                }
            }
        }
        values
    }

    /// For each output, one value per feature; and the base values.
    pub(super) fn shapley(
        model: &Model,
        row: &[f64],
        background: Option<&Background>,
    ) -> (Vec<f64>, Vec<f64>) {
        let (features, outputs) = (model.feature_count(), model.margin_count());
        let games: Vec<Vec<f64>> =
            (0..1 << features).map(|coalition| game(model, row, background, coalition)).collect();
        let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
        let mut values = vec![0.0; features * outputs];
        for coalition in 0_usize..1 << features {
            let size = coalition.count_ones();
            for feature in (0..features).filter(|feature| coalition >> feature & 1 == 0) {
                let rest = u32::try_from(features).unwrap() - size - 1;
                let weight = factorial(size) * factorial(rest) / factorial(size + rest + 1);
                let with = &games[coalition | 1 << feature];
                for output in 0..outputs {
                    let gain = with[output] - games[coalition][output];
                    values[output * features + feature] += weight * gain;
                }
            }
        }
        (values, games[0].clone())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The float64 path is the definition; tables differ from it by the rounding of `f32`.
    #[test]
    fn random_models_are_explained_by_the_definition(seed: u64, with_background: bool) {
        let mut random = Random(seed);
        let model = Arc::new(random_model(&mut random));
        let features = model.feature_count();
        let rows: Vec<f64> = (0..70 * features).map(|_| random.value()).collect();
        let drawn: Vec<f64> = (0..(1 + random.below(9)) * features).map(|_| random.value()).collect();
        let drawn = Background::new(drawn, features).unwrap();
        let background = with_background.then_some(&drawn);
        let options = TreeOptions { background, ..TreeOptions::default() };
        let (tables, fast) = explain(&model, &rows, &options);
        prop_assert_eq!(tables.size().deep_trees, 0);
        let bare = TreeOptions { tree_bytes_max: NO_TABLES, ..options };
        let (deep, slow) = explain(&model, &rows, &bare);
        prop_assert_eq!(deep.size().trees, 0);
        let scale = fast.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
        prop_assert!(largest_difference(&fast, &slow) < 1e-6 * scale);
        for (base, other) in tables.base().iter().zip(deep.base()) {
            prop_assert!((base - other).abs() < 1e-12 * scale);
        }
        let width = features * model.margin_count();
        for (row, slow) in rows.chunks(features).zip(slow.chunks(width)).take(2) {
            let (exact, base) = definition::shapley(&model, row, background);
            prop_assert!(largest_difference(slow, &exact) < 1e-12 * scale);
            prop_assert!(largest_difference(deep.base(), &base) < 1e-12 * scale);
        }
    }

    /// One row alone, and blocks on each kind of processor, give the same bits.
    #[test]
    fn every_path_adds_in_the_same_order(seed: u64, with_background: bool) {
        let mut random = Random(seed);
        let model = Arc::new(random_model(&mut random));
        let features = model.feature_count();
        let rows: Vec<f64> = (0..130 * features).map(|_| random.value()).collect();
        let drawn = Background::new(rows[..5 * features].to_vec(), features).unwrap();
        let background = with_background.then_some(&drawn);
        let options = TreeOptions { background, ..TreeOptions::default() };
        let (explainer, best) = explain(&model, &rows, &options);
        for simd in [Simd::Portable, Simd::Avx2] {
            let (other, found) = explain(&model, &rows, &TreeOptions { simd, ..options.clone() });
            prop_assert_eq!(other.digest(), explainer.digest());
            prop_assert!(found.iter().map(|v| v.to_bits()).eq(best.iter().map(|v| v.to_bits())));
        }
        let mut scratch = Scratch::default();
        for (row, best) in rows.chunks(features).zip(best.chunks(features * model.margin_count())) {
            let found = explainer.explain_row(row, &mut scratch).unwrap();
            prop_assert!(found.values.iter().map(|v| v.to_bits()).eq(best.iter().map(|v| v.to_bits())));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    /// Pairs get half their interaction index, and rows of a matrix add up to SHAP values.
    #[test]
    fn interactions_follow_the_definition(seed: u64, with_background: bool) {
        let mut random = Random(seed);
        let model = Arc::new(random_model(&mut random));
        let features = model.feature_count();
        let row: Vec<f64> = (0..features).map(|_| random.value()).collect();
        let drawn: Vec<f64> = (0..4 * features).map(|_| random.value()).collect();
        let drawn = Background::new(drawn, features).unwrap();
        let background = with_background.then_some(&drawn);
        let options = TreeOptions { background, ..TreeOptions::default() };
        let explainer = InteractionExplainer::new(Arc::clone(&model), &options).unwrap();
        let mut values = vec![0.0; explainer.outputs() * features * features];
        let mut margins = vec![0.0; explainer.outputs()];
        explainer.explain_row(&row, &mut values, &mut margins).unwrap();
        let (single, base) = definition::shapley(&model, &row, background);
        prop_assert!(largest_difference(explainer.base(), &base) < 1e-12);
        let sums: Vec<f64> = values.chunks(features).map(|row| row.iter().sum()).collect();
        prop_assert!(largest_difference(&sums, &single) < 1e-12);
        let exact = definition::interactions(&model, &row, background);
        for (place, (found, exact)) in values.iter().zip(&exact).enumerate() {
            let is_pair = place / features != place % features;
            prop_assert!(!is_pair || (found - exact).abs() < 1e-12, "{place}: {found} {exact}");
        }
    }
}

/// Every kind of model that XGBoost makes: explanations of all golden rows are additive, with
/// and without tables.
#[test]
fn golden_models_are_explained_additively() {
    let rows = golden_rows();
    let some = &rows[..2_000 * 25];
    let drawn = Background::new(rows[5_000 * 25..5_100 * 25].to_vec(), 25).unwrap();
    for folder in [
        "1.7/categorical",
        "1.7/softprob",
        "2.1/dart",
        "2.1/two_targets",
        "3.2/bench",
        "3.2/categorical",
        "3.2/dart",
        "3.2/lossguide",
        "3.2/poisson",
        "3.2/softprob",
        "3.2/stopped",
        "3.2/vector_leaf",
        "3.2/base_score_negative",
        "2.1/vector_leaf",
    ] {
        let model = Arc::new(golden_model(folder));
        for background in [None, Some(&drawn)] {
            if background.is_none() && folder == "2.1/vector_leaf" {
                continue;
            }
            let options = TreeOptions { background, ..TreeOptions::default() };
            let (explainer, fast) = explain(&model, some, &options);
            assert_eq!(explainer.size().deep_trees, 0, "{folder}: {explainer:?}");
            let bare = TreeOptions { tree_bytes_max: NO_TABLES, ..options };
            let few = &some[..100 * 25];
            let (_, slow) = explain(&model, few, &bare);
            let scale = slow.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            let worst = largest_difference(&fast[..slow.len()], &slow);
            assert!(worst < 1e-6 * scale, "{folder}: {worst} of {scale}");
        }
    }
}

/// Other formats: LightGBM's text, which compares in 64 bits, and scikit-learn's forests and
/// boosting, with averages and pipelines.
#[test]
fn models_of_every_format_are_explained_additively() {
    let rows = golden_rows();
    let some = &rows[..500 * 25];
    let drawn = &rows[5_000 * 25..5_040 * 25];
    let lightgbm = ["plain", "nan", "zero_as_missing", "categorical", "multiclass", "rf", "deep"];
    let sklearn = ["forest", "forest_multiclass", "extra_trees", "boosting_multiclass", "hist"];
    let all = lightgbm.iter().map(|name| format!("lightgbm/4.7/{name}.txt.gz"));
    let all = all.chain(sklearn.iter().map(|name| format!("sklearn/{name}.json.gz")));
    for path in all {
        let model = Model::load(&golden(&path), &Limits::default()).unwrap();
        let model = Arc::new(model);
        let drawn = Background::new(drawn.to_vec(), model.feature_count()).unwrap();
        for background in [None, Some(&drawn)] {
            let options = TreeOptions { background, ..TreeOptions::default() };
            let (explainer, fast) = explain(&model, some, &options);
            println!("{path} {:?}", explainer.size());
            let bare = TreeOptions { tree_bytes_max: NO_TABLES, ..options };
            let few = &some[..20 * 25];
            let (_, slow) = explain(&model, few, &bare);
            let scale = slow.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            let worst = largest_difference(&fast[..slow.len()], &slow);
            assert!(worst < 1e-6 * scale, "{path}: {worst} of {scale}");
        }
    }
}

#[test]
fn contributions_of_one_hot_columns_are_added_up() {
    let rows = golden_rows();
    let rows = &rows[..300 * 25];
    let model = Arc::new(golden_model("3.2/softprob"));
    let (_, apart) = explain(&model, rows, &TreeOptions::default());
    // The first eight columns belong to contract feature 3, the others stand alone.
    let places: Vec<usize> = (0..25).map(|f| if f < 8 { 3 } else { f - 5 }).collect();
    for tree_bytes_max in [NO_TABLES, 1 << 20] {
        let groups = Some(FeatureGroups::new(places.clone(), 20).unwrap());
        let options = TreeOptions { groups, tree_bytes_max, ..TreeOptions::default() };
        let (_, together) = explain(&model, rows, &options);
        let mut expected = vec![0.0; together.len()];
        for (apart, expected) in apart.chunks(25).zip(expected.chunks_mut(20)) {
            apart.iter().zip(&places).for_each(|(value, place)| expected[*place] += value);
        }
        assert!(largest_difference(&together, &expected) < 1e-6);
    }
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let model = Arc::new(golden_model("3.2/logistic"));
    let new = |options: &TreeOptions<'_>| TreeExplainer::new(Arc::clone(&model), options);
    let narrow = Background::new(vec![0.0; 24], 24).unwrap();
    let options = TreeOptions { background: Some(&narrow), ..TreeOptions::default() };
    let expected = ExplainError::BackgroundColumns { found: 24, expected: 25 };
    assert_eq!(new(&options).unwrap_err(), expected);
    let groups = Some(FeatureGroups::identity(24));
    let options = TreeOptions { groups, ..TreeOptions::default() };
    assert_eq!(new(&options).unwrap_err(), ExplainError::Groups { found: 24, expected: 25 });
    assert!(matches!(Background::new(vec![], 3), Err(ExplainError::BackgroundRows { .. })));
    assert!(matches!(
        Background::new(vec![0.0; 4], 3),
        Err(ExplainError::BackgroundColumns { .. })
    ));
    let infinite = Background::new(vec![0.0, 1.0, f64::INFINITY, 0.0], 2);
    assert_eq!(infinite, Err(ExplainError::BackgroundNotFinite { row: 1 }));
    // XGBoost wrote leaves with several values without covers before 3.
    let vectors = Arc::new(golden_model("2.1/vector_leaf"));
    let refused = TreeExplainer::new(vectors, &TreeOptions::default()).unwrap_err();
    assert_eq!(refused, ExplainError::NoCover { tree: 0 });
    let explainer = new(&TreeOptions::default()).unwrap();
    assert_eq!(explainer.method(), Method::TreePathDependent);
    let mut scratch = Scratch::default();
    assert!(matches!(explainer.explain_row(&[0.0; 24], &mut scratch), Err(ExplainError::Shape(_))));
    let short = explainer.explain_rows(&[0.0; 50], &mut scratch, &mut [0.0; 49], &mut [0.0; 2]);
    assert!(matches!(short, Err(ExplainError::Shape(_))));
}

#[test]
fn tables_keep_to_their_cap_and_nothing_changes() {
    let rows = golden_rows();
    let rows = &rows[..200 * 25];
    let model = Arc::new(golden_model("3.2/bench"));
    let (whole, all) = explain(&model, rows, &TreeOptions::default());
    let bytes_max = whole.size().bytes / 2;
    let (half, some) = explain(&model, rows, &TreeOptions { bytes_max, ..TreeOptions::default() });
    assert!(half.size().bytes <= bytes_max && half.size().deep_trees > 0, "{half:?}");
    assert_eq!(half.size().deep_trees + half.size().trees, whole.size().trees);
    assert!(largest_difference(&all, &some) < 1e-6);
    assert_eq!(whole.digest(), half.digest());
}

#[test]
fn the_digest_names_model_background_and_groups() {
    let model = Arc::new(golden_model("3.2/softprob"));
    let other = Arc::new(golden_model("3.2/dart"));
    let rows = golden_rows();
    let one = Background::new(rows[..25].to_vec(), 25).unwrap();
    let two = Background::new(rows[..50].to_vec(), 25).unwrap();
    let digest = |model: &Arc<Model>, background, groups| {
        let options = TreeOptions { background, groups, ..TreeOptions::default() };
        TreeExplainer::new(Arc::clone(model), &options).unwrap().digest()
    };
    let merged = FeatureGroups::new(vec![0; 25], 1).unwrap();
    let all = [
        digest(&model, None, None),
        digest(&other, None, None),
        digest(&model, Some(&one), None),
        digest(&model, Some(&two), None),
        digest(&model, None, Some(merged)),
    ];
    for (index, first) in all.iter().enumerate() {
        assert!(all[index + 1..].iter().all(|second| first != second));
    }
    assert_eq!(all[0], digest(&model, None, Some(FeatureGroups::identity(25))));
}
