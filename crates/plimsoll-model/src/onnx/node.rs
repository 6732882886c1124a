//! One operator: what it needs to know, and how it runs on its operands.

use super::core::{self, Binary, Reduce, Unary};
use super::ml::{self, Keys, Labels, Norm, Post, Weights};
use super::tensor::{Data, Tensor, Trouble, around, axis};
use super::trees::Finish;
use crate::ensemble::Ensemble;

/// An operator with its attributes.
#[derive(Debug)]
pub(super) enum Operator {
    Identity,
    Cast(CastTo),
    Constant(Tensor),
    Binary(Binary),
    /// Any number of operands, one after the other.
    Fold(Binary),
    Unary(Unary),
    MatMul,
    Gemm {
        scales: [f32; 2],
        turns: [bool; 2],
    },
    Softmax {
        axis: i64,
        logarithm: bool,
        flattens: bool,
    },
    ArgMax {
        axis: i64,
        keeps: bool,
        last: bool,
    },
    /// Axes are an attribute or an operand.
    Reduce {
        operator: Reduce,
        axes: Option<Vec<i64>>,
        keeps: bool,
        none_if_empty: bool,
    },
    Concat {
        axis: i64,
    },
    Reshape {
        shape: Option<Vec<i64>>,
        allows_zero: bool,
    },
    Flatten {
        axis: i64,
    },
    Squeeze {
        axes: Option<Vec<i64>>,
    },
    Unsqueeze {
        axes: Option<Vec<i64>>,
    },
    Transpose {
        order: Option<Vec<i64>>,
    },
    Gather {
        axis: i64,
    },
    /// Starts, ends, axes and steps are operands.
    Slice,
    Split {
        axis: i64,
        sizes: Option<Vec<i64>>,
        parts: usize,
    },
    Where,
    /// Bounds are attributes or operands.
    Clip {
        low: Option<f32>,
        high: Option<f32>,
    },
    Shape,
    Expand,
    Scaler {
        offset: Vec<f32>,
        scale: Vec<f32>,
    },
    Imputer {
        replaced: f64,
        with: Vec<f64>,
    },
    Normalizer(Norm),
    OneHot {
        keys: Keys,
        width: usize,
        takes_unknown: bool,
    },
    /// The default is the last of `values`.
    Encode {
        keys: Keys,
        values: Tensor,
    },
    ArrayFeatureExtractor,
    FeatureVectorizer,
    Binarizer(f32),
    LinearClassifier {
        weights: Weights,
        labels: Labels,
        post: Post,
    },
    LinearRegressor {
        weights: Weights,
        targets: usize,
        post: Post,
    },
    Trees {
        ensemble: usize,
        finish: Finish,
    },
}

/// `Cast`'s goal.
#[derive(Clone, Copy, Debug)]
pub(super) enum CastTo {
    Single,
    Double,
    Integer,
    Truth,
    /// Texts stay texts.
    Text,
}

impl Operator {
    /// Runs it. `lenient`: see [`Graph::run`](super::graph::Graph::run).
    pub(super) fn run(
        &self,
        operands: &[Option<&Tensor>],
        ensembles: &[Ensemble],
        lenient: bool,
    ) -> Result<Vec<Tensor>, Trouble> {
        let optional = |place: usize| operands.get(place).copied().flatten();
        let missing = Trouble::Misfit("an operand is missing");
        let operand = |place: usize| optional(place).ok_or(missing);
        // Integers that are an attribute, or else an operand.
        let list = |attribute: &Option<Vec<i64>>, place: usize| match (attribute, optional(place)) {
            (Some(list), _) => Ok(Some(list.clone())),
            (None, Some(tensor)) => tensor.integers().map(Some),
            (None, None) => Ok(None),
        };
        let one = match self {
            Self::Trees { ensemble, finish } => {
                let ensemble = ensembles.get(*ensemble).ok_or(missing)?;
                return Self::run_trees(ensemble, finish, operand(0)?);
            }
            Self::LinearClassifier { weights, labels, post } => {
                return Ok(ml::linear_classifier(operand(0)?, weights, labels, *post)?.into());
            }
            Self::Split { axis, sizes, parts } => {
                return split(operand(0)?, *axis, list(sizes, 1)?, *parts);
            }
            Self::Identity => operand(0)?.clone(),
            Self::Constant(tensor) => tensor.clone(),
            Self::Cast(to) => cast(operand(0)?, *to)?,
            Self::Binary(operator) => core::binary(*operator, operand(0)?, operand(1)?)?,
            Self::Fold(operator) => {
                let mut all = operands.iter().copied().flatten();
                let first = all.next().ok_or(missing)?.clone();
                all.try_fold(first, |sum, next| core::binary(*operator, &sum, next))?
            }
            Self::Unary(operator) => core::unary(*operator, operand(0)?)?,
            Self::MatMul => core::multiply(operand(0)?, operand(1)?)?,
            Self::Gemm { scales, turns } => {
                let operands: Vec<&Tensor> = operands.iter().copied().flatten().collect();
                core::gemm(&operands, *scales, *turns)?
            }
            Self::Softmax { axis: along, logarithm, flattens } => {
                softmax(operand(0)?, *along, *logarithm, *flattens)?
            }
            Self::ArgMax { axis, keeps, last } => core::argmax(operand(0)?, *axis, *keeps, *last)?,
            Self::Reduce { operator, axes, keeps, none_if_empty } => {
                match list(axes, 1)?.unwrap_or_default() {
                    axes if axes.is_empty() && *none_if_empty => operand(0)?.clone(),
                    axes => core::reduce(*operator, operand(0)?, &axes, *keeps)?,
                }
            }
            Self::Concat { axis } => {
                let operands: Vec<&Tensor> = operands.iter().copied().flatten().collect();
                core::concat(&operands, *axis)?
            }
            Self::Reshape { shape, allows_zero } => {
                let shape = list(shape, 1)?.ok_or(missing)?;
                core::reshape(operand(0)?, &shape, *allows_zero)?
            }
            Self::Flatten { axis: along } => flatten(operand(0)?, *along)?,
            Self::Squeeze { axes } => {
                core::squeeze(operand(0)?, &list(axes, 1)?.unwrap_or_default())?
            }
            Self::Unsqueeze { axes } => {
                core::unsqueeze(operand(0)?, &list(axes, 1)?.ok_or(missing)?)?
            }
            Self::Transpose { order } => transpose(operand(0)?, order.as_deref())?,
            Self::Gather { axis } => core::gather(operand(0)?, operand(1)?, *axis)?,
            Self::Slice => slice(operands)?,
            Self::Where => core::choose(operand(0)?, operand(1)?, operand(2)?)?,
            Self::Clip { low, high } => {
                clip(operand(0)?, [*low, *high], [optional(1), optional(2)])?
            }
            Self::Shape => shape(operand(0)?)?,
            Self::Expand => expand(operand(0)?, &operand(1)?.integers()?)?,
            Self::Scaler { offset, scale } => ml::scaler(operand(0)?, offset, scale)?,
            Self::Imputer { replaced, with } => ml::imputer(operand(0)?, *replaced, with)?,
            Self::Normalizer(norm) => ml::normalizer(operand(0)?, *norm)?,
            Self::OneHot { keys, width, takes_unknown } => {
                ml::one_hot(operand(0)?, keys, *width, *takes_unknown || lenient)?
            }
            Self::Encode { keys, values } => ml::label_encoder(operand(0)?, keys, values)?,
            Self::ArrayFeatureExtractor => ml::array_feature_extractor(operand(0)?, operand(1)?)?,
            Self::FeatureVectorizer => {
                let operands: Vec<&Tensor> = operands.iter().copied().flatten().collect();
                ml::feature_vectorizer(&operands)?
            }
            Self::Binarizer(threshold) => ml::binarizer(operand(0)?, *threshold)?,
            Self::LinearRegressor { weights, targets, post } => {
                let tensor = operand(0)?;
                let mut scores = weights.scores(tensor, *targets)?;
                scores.chunks_mut((*targets).max(1)).for_each(|row| post.apply(row));
                Tensor::new(vec![ml::rows(tensor)?.0, *targets], Data::Single(scores))?
            }
        };
        Ok(vec![one])
    }

    /// Multiplications of a run beside those that every element made costs.
    pub(super) fn work(&self, operands: &[Option<&Tensor>], ensembles: &[Ensemble]) -> u64 {
        let len = |place: usize| {
            let tensor = operands.get(place).copied().flatten();
            tensor.map_or(0, |tensor| u64::try_from(tensor.data.len()).unwrap_or(u64::MAX))
        };
        let rows = operands.first().copied().flatten().and_then(|one| one.shape.first().copied());
        let rows = u64::try_from(rows.unwrap_or(1)).unwrap_or(u64::MAX);
        match self {
            Self::MatMul | Self::Gemm { .. } => rows.saturating_mul(len(1)),
            Self::LinearClassifier { weights, .. } | Self::LinearRegressor { weights, .. } => {
                let all = u64::try_from(weights.coefficients.len()).unwrap_or(u64::MAX);
                rows.saturating_mul(all)
            }
            Self::Trees { ensemble, .. } => {
                let trees = ensembles.get(*ensemble).map_or(&[][..], |one| &one.forest.trees);
                let depth: u64 = trees.iter().map(|tree| u64::from(tree.depth)).sum();
                rows.saturating_mul(depth)
            }
            _ => len(0),
        }
    }
}

fn cast(tensor: &Tensor, to: CastTo) -> Result<Tensor, Trouble> {
    let data = match (to, &tensor.data) {
        (CastTo::Text, Data::Text(values)) => Data::Text(values.clone()),
        (CastTo::Text, _) => return Err(Trouble::Misfit("numbers are not made texts")),
        (CastTo::Single, _) => Data::Single(tensor.singles()?),
        (CastTo::Double, _) => Data::Double(tensor.doubles()?),
        (CastTo::Integer, _) => Data::Integer(tensor.integers()?),
        (CastTo::Truth, _) => {
            Data::Truth(tensor.doubles()?.into_iter().map(|one| one != 0.0).collect())
        }
    };
    Tensor::new(tensor.shape.clone(), data)
}

/// Before version 13 what follows the dimension belongs to it.
fn softmax(tensor: &Tensor, along: i64, log: bool, flattens: bool) -> Result<Tensor, Trouble> {
    if !flattens {
        return core::softmax(tensor, along, log);
    }
    core::softmax(&flatten(tensor, along)?, 1, log)?.reshaped(tensor.shape.clone())
}

fn flatten(tensor: &Tensor, along: i64) -> Result<Tensor, Trouble> {
    let rank = i64::try_from(tensor.rank()).unwrap_or(i64::MAX);
    if along == rank {
        return tensor.reshaped(vec![tensor.data.len(), 1]);
    }
    ml::flatten(tensor, axis(along, tensor.rank())?)
}

fn transpose(tensor: &Tensor, order: Option<&[i64]>) -> Result<Tensor, Trouble> {
    let order: Vec<usize> = match order {
        Some(order) => {
            order.iter().map(|one| axis(*one, tensor.rank())).collect::<Result<_, _>>()?
        }
        None => (0..tensor.rank()).rev().collect(),
    };
    core::transpose(tensor, &order)
}

fn split(
    tensor: &Tensor,
    along: i64,
    sizes: Option<Vec<i64>>,
    parts: usize,
) -> Result<Vec<Tensor>, Trouble> {
    let size = around(&tensor.shape, axis(along, tensor.rank())?).1;
    let even = || {
        let part = size.div_ceil(parts.max(1));
        let part_of = |place: usize| size.saturating_sub(place * part).min(part);
        (0..parts).map(|place| i64::try_from(part_of(place)).unwrap_or(0)).collect()
    };
    let sizes: Vec<i64> = sizes.unwrap_or_else(even);
    let mut start = 0_i64;
    let mut made = Vec::new();
    for size in sizes {
        let end = start.saturating_add(size);
        made.push(core::slice(tensor, &[start], &[end], &[along], &[1])?);
        start = end;
    }
    Ok(made)
}

fn slice(operands: &[Option<&Tensor>]) -> Result<Tensor, Trouble> {
    let missing = Trouble::Misfit("an operand is missing");
    let list =
        |place: usize| operands.get(place).copied().flatten().map(Tensor::integers).transpose();
    let tensor = operands.first().copied().flatten().ok_or(missing)?;
    let (starts, ends) = (list(1)?.ok_or(missing)?, list(2)?.ok_or(missing)?);
    let axes = match list(3)? {
        Some(axes) => axes,
        None => (0..).take(starts.len()).collect(),
    };
    core::slice(tensor, &starts, &ends, &axes, &list(4)?.unwrap_or_default())
}

fn clip(
    tensor: &Tensor,
    attributes: [Option<f32>; 2],
    operands: [Option<&Tensor>; 2],
) -> Result<Tensor, Trouble> {
    let mut clipped = tensor.clone();
    for ((attribute, operand), operator) in
        attributes.into_iter().zip(operands).zip([Binary::Max, Binary::Min])
    {
        let bound = match (attribute, operand) {
            (Some(bound), _) => Some(Tensor::new(Vec::new(), Data::Single(vec![bound]))?),
            (None, operand) => operand.cloned(),
        };
        if let Some(bound) = bound {
            clipped = core::binary(operator, &clipped, &bound)?;
        }
    }
    Ok(clipped)
}

fn shape(tensor: &Tensor) -> Result<Tensor, Trouble> {
    let sizes = tensor.shape.iter().map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect();
    Tensor::new(vec![tensor.rank()], Data::Integer(sizes))
}

fn expand(tensor: &Tensor, sizes: &[i64]) -> Result<Tensor, Trouble> {
    let sizes: Option<Vec<usize>> = sizes.iter().map(|size| usize::try_from(*size).ok()).collect();
    let sizes = sizes.ok_or(Trouble::Misfit("a size is negative"))?;
    tensor.expanded(&super::tensor::matched(&tensor.shape, &sizes)?)
}
