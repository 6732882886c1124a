//! SHAP values agree with XGBoost's and with those of `shap`, on 10,000 rows of each set.
//!
//! The goldens are made by `golden/make_goldens.py`: the contributions of some rows in full, and
//! sums with fixed signs of all the others'.

use std::path::PathBuf;
use std::sync::Arc;

use crate::common::{Random, golden, unpack};
use plimsoll_explain::Method;
use plimsoll_explain::shap::{Background, Scratch, TreeExplainer, TreeOptions};
use plimsoll_model::{Limits, Model};

const ROWS: usize = 10_000;
const FULL: usize = 50;
const FOLDS: usize = 2;

/// What differences may be, of the largest margin: references compute in `f32`.
const TOLERANCE: f64 = 1e-4;

/// `SCALE` of plimsoll-model's `make_lightgbm.py`.
const LIGHTGBM_SCALE: f64 = 1.000000001;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn reals(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// One line of `goldens.txt`.
struct Golden {
    set: String,
    model: String,
    reference: String,
    outputs: usize,
    features: usize,
}

fn goldens() -> Vec<Golden> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [set, model, reference, outputs, features] = words[..] else { panic!("{line}") };
        Golden {
            set: set.into(),
            model: model.into(),
            reference: reference.into(),
            outputs: outputs.parse().unwrap(),
            features: features.parse().unwrap(),
        }
    };
    include_str!("../golden/goldens.txt").lines().map(parse).collect()
}

impl Golden {
    fn model(&self) -> Model {
        let bytes = match (&*self.set, &*self.model) {
            ("credit", _) => {
                let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/credit/model.json");
                std::fs::read(path).unwrap()
            }
            (set, "-") => unpack(&file(&format!("{set}.ubj.gz"))),
            (_, model) if model.starts_with("lightgbm/") => golden(&format!("{model}.txt.gz")),
            (_, model) => golden(&format!("{model}.ubj.gz")),
        };
        Model::load(&bytes, &Limits::default()).unwrap()
    }
    fn rows(&self) -> Vec<f64> {
        let rows = reals(&match &*self.model {
            "-" => unpack(&file(&format!("{}.rows.gz", self.set))),
            _ => golden("rows.f32.gz"),
        });
        let mut rows: Vec<f64> = rows.into_iter().map(f64::from).collect();
        if self.reference == "lightgbm" {
            // LightGBM's goldens compare in 64 bits: see make_lightgbm.py.
            for row in rows.chunks_mut(25) {
                row.iter_mut().take(20).for_each(|value| *value *= LIGHTGBM_SCALE);
            }
        }
        rows
    }
    /// Contributions in full, and the sums with signs.
    fn expected(&self) -> (Vec<f32>, Vec<f32>) {
        let mut all = reals(&unpack(&file(&format!("{}.{}.gz", self.set, self.reference))));
        let sums = all.split_off(FULL * self.outputs * self.features);
        assert_eq!(sums.len(), ROWS * self.outputs * FOLDS);
        (all, sums)
    }
}

fn sign(fold: usize, feature: usize) -> f64 {
    let odd = Random((fold * 65_536 + feature) as u64).next() & 1 == 1;
    if odd { 1.0 } else { -1.0 }
}

#[test]
fn values_agree_with_the_references() {
    for golden in goldens() {
        let (set, reference) = (&golden.set, &golden.reference);
        let model = Arc::new(golden.model());
        let rows = golden.rows();
        assert_eq!((model.feature_count(), rows.len()), (golden.features, ROWS * golden.features));
        let drawn = &rows[5_000 * golden.features..5_100 * golden.features];
        let drawn = Background::new(drawn.to_vec(), golden.features).unwrap();
        let background = (reference == "shap").then_some(&drawn);
        let options = TreeOptions { background, ..TreeOptions::default() };
        let explainer = TreeExplainer::new(model, &options).unwrap();
        let expected = match background {
            Some(_) => Method::TreeInterventional,
            None => Method::TreePathDependent,
        };
        assert_eq!(explainer.method(), expected);
        let mut values = vec![f64::NAN; ROWS * golden.outputs * golden.features];
        let mut margins = vec![f64::NAN; ROWS * golden.outputs];
        explainer.explain_rows(&rows, &mut Scratch::default(), &mut values, &mut margins).unwrap();
        let scale = margins.iter().fold(0.0_f64, |most, margin| most.max(margin.abs()));
        let (full, sums) = golden.expected();
        let in_full = values.iter().zip(&full).map(|(a, b)| (a - f64::from(*b)).abs());
        let worst = in_full.fold(0.0, f64::max);
        let folded = values.chunks(golden.features).flat_map(|values| {
            (0..FOLDS).map(|fold| {
                values.iter().enumerate().map(|(f, value)| value * sign(fold, f)).sum::<f64>()
            })
        });
        let worst_sum =
            folded.zip(&sums).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
        println!("{set} {reference}: {worst:.1e}, sums {worst_sum:.1e}, margins to {scale:.1}");
        assert!(worst <= TOLERANCE * scale, "{set} {reference}: {worst:e} of {scale}");
        assert!(worst_sum <= TOLERANCE * scale, "{set} {reference}: {worst_sum:e} of {scale}");
    }
}
