//! Operators of the domain `ai.onnx.ml` but for trees: what stands before and around a model.
//!
//! Semantics: `onnx/defs/traditionalml/defs.cc` and, where that is vague, ONNX Runtime's
//! `core/providers/cpu/ml`.

use std::collections::HashMap;

use super::core::{concat, gather, narrow};
use super::tensor::{Data, Tensor, Trouble, around, count};

type Made = Result<Tensor, Trouble>;

/// `post_transform`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Post {
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            _ => return None,
        })
    }

    /// Transforms the scores of one row in place.
    pub(super) fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            Self::Softmax | Self::SoftmaxZero => softmax(scores, self == Self::SoftmaxZero),
        }
    }
}

/// From the side that does not overflow.
pub(super) fn logistic(score: f32) -> f32 {
    let above = 1.0 / (1.0 + (-score.abs()).exp());
    if score < 0.0 { 1.0 - above } else { above }
}

/// `√2 erf⁻¹(2p - 1)`, with ONNX Runtime's approximation of the inverse.
pub(super) fn probit(p: f32) -> f32 {
    #[expect(clippy::approx_constant, reason = "ONNX Runtime's own digits")]
    let pi = 3.14159_f32;
    let x = 2.0 * p - 1.0;
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = ((1.0 - x) * (1.0 + x)).ln();
    let v = 2.0 / (pi * 0.147) + 0.5 * log;
    let v2 = 1.0 / 0.147_f32 * log;
    std::f32::consts::SQRT_2 * (sign * (-v + (v * v - v2).sqrt()).sqrt())
}

/// With `keeps_zero`, what is 0 counts as such and not as `e^0`.
fn softmax(scores: &mut [f32], keeps_zero: bool) {
    let highest = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if keeps_zero && score.abs() <= 0.000_000_1 {
            *score *= (-highest).exp();
        } else {
            *score = (*score - highest).exp();
            sum += *score;
        }
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// The rows of a matrix; a vector is one row.
pub(super) fn rows(tensor: &Tensor) -> Result<(usize, usize), Trouble> {
    match *tensor.shape.as_slice() {
        [width] => Ok((1, width)),
        [rows, width] => Ok((rows, width)),
        _ => Err(Trouble::Misfit("a matrix is needed")),
    }
}

/// `(x - offset) scale`.
pub(super) fn scaler(tensor: &Tensor, offset: &[f32], scale: &[f32]) -> Made {
    let width = tensor.shape.last().copied().unwrap_or(1);
    if offset.len() != scale.len() || (offset.len() != 1 && offset.len() != width) {
        return Err(Trouble::Misfit("Scaler has another number of columns"));
    }
    let both = offset.iter().zip(scale).cycle();
    let scaled = tensor.singles()?.into_iter().zip(both).map(|(x, (o, s))| (x - o) * s).collect();
    Tensor::new(tensor.shape.clone(), Data::Single(scaled))
}

/// Replaces a value by another, per column or for all.
pub(super) fn imputer(tensor: &Tensor, replaced: f64, with: &[f64]) -> Made {
    let width = tensor.shape.last().copied().unwrap_or(1);
    if with.len() != 1 && with.len() != width {
        return Err(Trouble::Misfit("Imputer has another number of columns"));
    }
    #[expect(clippy::float_cmp, reason = "as the operator compares")]
    let is_replaced = |x: f64| x == replaced || (replaced.is_nan() && x.is_nan());
    let both = tensor.doubles()?.into_iter().zip(with.iter().cycle());
    let filled: Vec<f64> = both.map(|(x, with)| if is_replaced(x) { *with } else { x }).collect();
    #[expect(clippy::cast_possible_truncation, reason = "they are integers")]
    let data = match &tensor.data {
        Data::Integer(_) => Data::Integer(filled.iter().map(|one| *one as i64).collect()),
        Data::Double(_) => Data::Double(filled),
        _ => Data::Single(narrow(&filled)),
    };
    Tensor::new(tensor.shape.clone(), data)
}

/// What a row is divided by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Norm {
    Max,
    L1,
    L2,
}

/// Divides every row by its norm; a row of norm 0 stays.
pub(super) fn normalizer(tensor: &Tensor, norm: Norm) -> Made {
    let (_, width) = rows(tensor)?;
    let mut values = tensor.singles()?;
    for row in values.chunks_mut(width.max(1)) {
        match norm {
            Norm::Max => divide(row, row.iter().copied().fold(f32::MIN, f32::max)),
            Norm::L1 => divide(row, row.iter().map(|value| value.abs()).sum()),
            Norm::L2 => {
                let sum: f32 = row.iter().map(|value| value * value).sum();
                if sum != 0.0 {
                    row.iter_mut().for_each(|x| *x = (*x * *x / sum).sqrt().copysign(*x));
                }
            }
        }
    }
    Tensor::new(tensor.shape.clone(), Data::Single(values))
}

fn divide(row: &mut [f32], by: f32) {
    if by != 0.0 {
        row.iter_mut().for_each(|value| *value /= by);
    }
}

/// Keys of an encoder. Texts are places in the model's list, numbers are compared exactly.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    places: HashMap<i64, usize>,
    /// Whether the keys are texts, whole numbers, or the bits of `f64`.
    kind: KeyKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Text,
    Integer,
    Real,
}

impl Keys {
    /// The first of equal keys counts.
    pub(super) fn new(kind: KeyKind, keys: impl Iterator<Item = i64>) -> Self {
        let mut places = HashMap::new();
        for (place, key) in keys.enumerate() {
            places.entry(key).or_insert(place);
        }
        Self { places, kind }
    }

    /// The bits of a number as a key: -0 is 0, and there is one NaN.
    pub(super) fn real(value: f64) -> i64 {
        let one = if value.is_nan() { f64::NAN } else { value + 0.0 };
        one.to_bits().cast_signed()
    }

    /// The place of every element among the keys.
    pub(super) fn find(&self, tensor: &Tensor) -> Result<Vec<Option<usize>>, Trouble> {
        let place = |key: i64| self.places.get(&key).copied();
        Ok(match (self.kind, &tensor.data) {
            (KeyKind::Text, Data::Text(values)) => values.iter().map(|key| place(*key)).collect(),
            (KeyKind::Text, _) => return Err(Trouble::Misfit("numbers where texts belong")),
            (KeyKind::Integer, _) => tensor.integers()?.into_iter().map(place).collect(),
            (KeyKind::Real, _) => {
                tensor.doubles()?.into_iter().map(|value| place(Self::real(value))).collect()
            }
        })
    }
}

/// A column per category, in a dimension of its own at the end.
pub(super) fn one_hot(tensor: &Tensor, keys: &Keys, width: usize, takes_unknown: bool) -> Made {
    let shape: Vec<usize> = tensor.shape.iter().copied().chain([width]).collect();
    let mut hot = vec![0.0_f32; count(&shape)?];
    let found = keys.find(tensor)?;
    for (row, place) in hot.chunks_mut(width.max(1)).zip(found) {
        match place.and_then(|place| row.get_mut(place)) {
            Some(slot) => *slot = 1.0,
            None if takes_unknown => {}
            None => return Err(Trouble::NoCategory),
        }
    }
    Tensor::new(shape, Data::Single(hot))
}

/// A value for every key; `values` has the default at its end.
pub(super) fn label_encoder(tensor: &Tensor, keys: &Keys, values: &Tensor) -> Made {
    let default = values.data.len().saturating_sub(1);
    let found = keys.find(tensor)?;
    values.pick(tensor.shape.clone(), found.into_iter().map(|place| place.unwrap_or(default)))
}

/// Columns side by side, as numbers.
pub(super) fn feature_vectorizer(tensors: &[&Tensor]) -> Made {
    let matrices: Result<Vec<Tensor>, Trouble> = tensors
        .iter()
        .map(|tensor| {
            let (rows, width) = rows(tensor)?;
            Tensor::new(vec![rows, width], Data::Single(tensor.singles()?))
        })
        .collect();
    let matrices = matrices?;
    concat(&matrices.iter().collect::<Vec<_>>(), 1)
}

/// Chosen columns.
pub(super) fn array_feature_extractor(tensor: &Tensor, chosen: &Tensor) -> Made {
    let flat = chosen.reshaped(vec![chosen.data.len()])?;
    if tensor.rank() == 1 {
        let width = tensor.data.len();
        return gather(&tensor.reshaped(vec![1, width])?, &flat, -1);
    }
    gather(tensor, &flat, -1)
}

/// 1 for values above a threshold, else 0.
pub(super) fn binarizer(tensor: &Tensor, threshold: f32) -> Made {
    let above = |value: f32| if value > threshold { 1.0 } else { 0.0 };
    let values = tensor.singles()?.into_iter().map(above).collect();
    Tensor::new(tensor.shape.clone(), Data::Single(values))
}

/// Weighted sums of columns: row-major coefficients, one row per score.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    pub(super) coefficients: Vec<f32>,
    pub(super) intercepts: Vec<f32>,
}

impl Weights {
    /// The scores of every row. Sums are gathered in `f64`.
    pub(super) fn scores(&self, tensor: &Tensor, targets: usize) -> Result<Vec<f32>, Trouble> {
        let (count_rows, width) = rows(tensor)?;
        let fits = targets.checked_mul(width) == Some(self.coefficients.len());
        if !fits || width == 0 || !(self.intercepts.is_empty() || self.intercepts.len() == targets)
        {
            return Err(Trouble::Misfit("the coefficients do not fit the columns"));
        }
        count(&[count_rows, targets])?;
        let values = tensor.singles()?;
        let mut scores = Vec::with_capacity(count_rows * targets);
        for row in values.chunks(width) {
            for (target, weights) in self.coefficients.chunks(width).enumerate() {
                let products = row.iter().zip(weights).map(|(x, w)| f64::from(*x) * f64::from(*w));
                let sum: f64 = products.sum();
                let intercept = self.intercepts.get(target).copied().unwrap_or(0.0);
                scores.push(sum + f64::from(intercept));
            }
        }
        Ok(narrow(&scores))
    }
}

/// Labels of classes: whole numbers, or places in the model's list of texts.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    pub(super) values: Vec<i64>,
    pub(super) are_texts: bool,
}

impl Labels {
    /// The labels at these places.
    pub(super) fn at(&self, places: impl Iterator<Item = usize>) -> Made {
        let picked = places.map(|place| self.values.get(place).copied().unwrap_or(-1)).collect();
        let picked: Vec<i64> = picked;
        let shape = vec![picked.len()];
        let data = if self.are_texts { Data::Text(picked) } else { Data::Integer(picked) };
        Tensor::new(shape, data)
    }
}

/// Labels and scores of a linear classifier.
pub(super) fn linear_classifier(
    tensor: &Tensor,
    weights: &Weights,
    labels: &Labels,
    post: Post,
) -> Result<[Tensor; 2], Trouble> {
    let targets = weights.intercepts.len();
    let scores = weights.scores(tensor, targets)?;
    let rows = rows(tensor)?.0;
    let highest = |row: &[f32]| match row {
        [only] => usize::from(*only > 0.0),
        _ => first_highest(row),
    };
    let label = labels.at(scores.chunks(targets.max(1)).map(highest))?;
    let adds_second = targets == 1 && labels.values.len() == 2;
    let width = if adds_second { 2 } else { targets };
    let mut out = Vec::with_capacity(rows * width);
    for row in scores.chunks(targets.max(1)) {
        let mut row = row.to_vec();
        if adds_second {
            let score = row.first().copied().unwrap_or(0.0);
            row = match post {
                Post::Logistic => vec![logistic(-score), logistic(score)],
                Post::Probit => vec![probit(1.0 - score), probit(score)],
                _ => vec![1.0 - score, score],
            };
        } else {
            post.apply(&mut row);
        }
        out.extend(row);
    }
    Ok([label, Tensor::new(vec![rows, width], Data::Single(out))?])
}

/// The first place of the highest score.
pub(super) fn first_highest(row: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (place, score) in row.iter().enumerate() {
        if *score > best.1 {
            best = (place, *score);
        }
    }
    best.0
}

/// The last dimension's elements one after the other, for every row.
pub(super) fn flatten(tensor: &Tensor, along: usize) -> Made {
    let (outer, size, inner) = around(&tensor.shape, along);
    tensor.reshaped(vec![outer, size.saturating_mul(inner)])
}
