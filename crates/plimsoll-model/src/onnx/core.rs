//! Operators of the default domain, `ai.onnx`: arithmetic, layout and what networks are made of.
//! It must not know trees or categories.
//!
//! Semantics: the operator documents of ONNX; types are kept, and `f32` arithmetic is done in `f32`,
//! except that sums of products are gathered in `f64`.

use super::tensor::{Data, Tensor, Trouble, around, axis, count, matched};

type Made = Result<Tensor, Trouble>;

/// What two operands become.
#[derive(Clone, Copy, Debug)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// What an operand becomes, element by element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unary {
    Neg,
    Abs,
    Exp,
    Log,
    Sqrt,
    Sigmoid,
    Relu,
    Tanh,
    LeakyRelu(f32),
    Elu(f32),
    Softplus,
    Not,
    IsNan,
}

/// What a dimension is reduced to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reduce {
    Sum,
    Mean,
    Max,
    Min,
}

const TYPES: Trouble = Trouble::Misfit("two operands have different types");

/// Work of an operator in elements, which bounds its time.
pub(super) fn binary(operator: Binary, one: &Tensor, other: &Tensor) -> Made {
    let shape = matched(&one.shape, &other.shape)?;
    let (one, other) = (one.expanded(&shape)?, other.expanded(&shape)?);
    let data = match (&one.data, &other.data) {
        (Data::Single(a), Data::Single(b)) => floats(operator, a, b, Data::Single)?,
        (Data::Double(a), Data::Double(b)) => floats(operator, a, b, Data::Double)?,
        (Data::Integer(a), Data::Integer(b)) => integers(operator, a, b)?,
        (Data::Text(a), Data::Text(b)) if matches!(operator, Binary::Equal) => {
            Data::Truth(zip(a, b, |a, b| a == b && a >= 0))
        }
        (Data::Truth(a), Data::Truth(b)) => Data::Truth(match operator {
            Binary::And => zip(a, b, |a, b| a && b),
            Binary::Or => zip(a, b, |a, b| a || b),
            Binary::Equal => zip(a, b, |a, b| a == b),
            _ => return Err(Trouble::Misfit("truth values where numbers belong")),
        }),
        _ => return Err(TYPES),
    };
    Tensor::new(shape, data)
}

fn zip<T: Copy, R>(a: &[T], b: &[T], of: impl Fn(T, T) -> R) -> Vec<R> {
    a.iter().zip(b).map(|(a, b)| of(*a, *b)).collect()
}

/// What the two kinds of floating point numbers share.
trait Float:
    Copy
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    fn of(value: f32) -> Self;
    fn power(self, other: Self) -> Self;
    fn exponential(self) -> Self;
    fn logarithm(self) -> Self;
    fn root(self) -> Self;
    fn hyperbolic(self) -> Self;
    fn is_missing(self) -> bool;
}

macro_rules! float {
    ($type:ty) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            fn of(value: f32) -> Self {
                value.into()
            }
            fn power(self, other: Self) -> Self {
                self.powf(other)
            }
            fn exponential(self) -> Self {
                self.exp()
            }
            fn logarithm(self) -> Self {
                self.ln()
            }
            fn root(self) -> Self {
                self.sqrt()
            }
            fn hyperbolic(self) -> Self {
                self.tanh()
            }
            fn is_missing(self) -> bool {
                self.is_nan()
            }
        }
    };
}

float!(f32);
float!(f64);

fn floats<F: Float>(
    operator: Binary,
    a: &[F],
    b: &[F],
    wrap: fn(Vec<F>) -> Data,
) -> Result<Data, Trouble> {
    // NaN wins over any number.
    let least = |a: F, b: F| if a.is_missing() || a < b { a } else { b };
    let greatest = |a: F, b: F| if a.is_missing() || a > b { a } else { b };
    Ok(match operator {
        Binary::Add => wrap(zip(a, b, |a, b| a + b)),
        Binary::Sub => wrap(zip(a, b, |a, b| a - b)),
        Binary::Mul => wrap(zip(a, b, |a, b| a * b)),
        Binary::Div => wrap(zip(a, b, |a, b| a / b)),
        Binary::Pow => wrap(zip(a, b, F::power)),
        Binary::Min => wrap(zip(a, b, least)),
        Binary::Max => wrap(zip(a, b, greatest)),
        Binary::Equal => Data::Truth(zip(a, b, |a, b| a == b)),
        Binary::Less => Data::Truth(zip(a, b, |a, b| a < b)),
        Binary::LessOrEqual => Data::Truth(zip(a, b, |a, b| a <= b)),
        Binary::Greater => Data::Truth(zip(a, b, |a, b| a > b)),
        Binary::GreaterOrEqual => Data::Truth(zip(a, b, |a, b| a >= b)),
        Binary::And | Binary::Or => {
            return Err(Trouble::Misfit("numbers where truth values belong"));
        }
    })
}

fn integers(operator: Binary, a: &[i64], b: &[i64]) -> Result<Data, Trouble> {
    if matches!(operator, Binary::Div) && b.contains(&0) {
        return Err(Trouble::Misfit("an integer is divided by zero"));
    }
    Ok(match operator {
        Binary::Add => Data::Integer(zip(a, b, i64::wrapping_add)),
        Binary::Sub => Data::Integer(zip(a, b, i64::wrapping_sub)),
        Binary::Mul => Data::Integer(zip(a, b, i64::wrapping_mul)),
        Binary::Div => Data::Integer(zip(a, b, i64::wrapping_div)),
        Binary::Min => Data::Integer(zip(a, b, i64::min)),
        Binary::Max => Data::Integer(zip(a, b, i64::max)),
        Binary::Equal => Data::Truth(zip(a, b, |a, b| a == b)),
        Binary::Less => Data::Truth(zip(a, b, |a, b| a < b)),
        Binary::LessOrEqual => Data::Truth(zip(a, b, |a, b| a <= b)),
        Binary::Greater => Data::Truth(zip(a, b, |a, b| a > b)),
        Binary::GreaterOrEqual => Data::Truth(zip(a, b, |a, b| a >= b)),
        Binary::Pow | Binary::And | Binary::Or => {
            return Err(Trouble::Misfit("integers where other values belong"));
        }
    })
}

/// Applies an operator to every element.
pub(super) fn unary(operator: Unary, operand: &Tensor) -> Made {
    let data = match (operator, &operand.data) {
        (Unary::Not, Data::Truth(values)) => Data::Truth(values.iter().map(|one| !one).collect()),
        (Unary::IsNan, Data::Single(values)) => {
            Data::Truth(values.iter().map(|one| one.is_nan()).collect())
        }
        (Unary::IsNan, Data::Double(values)) => {
            Data::Truth(values.iter().map(|one| one.is_nan()).collect())
        }
        (Unary::Neg, Data::Integer(values)) => {
            Data::Integer(values.iter().map(|one| one.wrapping_neg()).collect())
        }
        (Unary::Abs, Data::Integer(values)) => {
            Data::Integer(values.iter().map(|one| one.wrapping_abs()).collect())
        }
        (_, Data::Single(values)) => Data::Single(each(operator, values)?),
        (_, Data::Double(values)) => Data::Double(each(operator, values)?),
        _ => return Err(Trouble::Misfit("something else where numbers belong")),
    };
    Tensor::new(operand.shape.clone(), data)
}

fn each<F: Float>(operator: Unary, values: &[F]) -> Result<Vec<F>, Trouble> {
    let positive = |one: F| one > F::ZERO;
    let of: Box<dyn Fn(F) -> F> =
        match operator {
            Unary::Neg => Box::new(|one| -one),
            Unary::Abs => Box::new(|one| if one < F::ZERO { -one } else { one }),
            Unary::Exp => Box::new(F::exponential),
            Unary::Log => Box::new(F::logarithm),
            Unary::Sqrt => Box::new(F::root),
            Unary::Sigmoid => Box::new(|one| F::ONE / (F::ONE + (-one).exponential())),
            Unary::Relu => Box::new(|one| if one < F::ZERO { F::ZERO } else { one }),
            Unary::Tanh => Box::new(F::hyperbolic),
            Unary::LeakyRelu(slope) => {
                Box::new(move |one| if one < F::ZERO { one * F::of(slope) } else { one })
            }
            Unary::Elu(scale) => Box::new(move |one| {
                if one < F::ZERO { F::of(scale) * (one.exponential() - F::ONE) } else { one }
            }),
            Unary::Softplus => Box::new(move |one| {
                let size = if positive(one) { -one } else { one };
                let above = (F::ONE + size.exponential()).logarithm();
                if positive(one) { one + above } else { above }
            }),
            Unary::Not | Unary::IsNan => {
                return Err(Trouble::Misfit("numbers where truth values belong"));
            }
        };
    Ok(values.iter().map(|one| of(*one)).collect())
}

/// A matrix times a matrix: `[.., k]` by `[k, m]`; the first is taken as rows of `k`.
pub(super) fn multiply(one: &Tensor, other: &Tensor) -> Made {
    let (&[inner, width], Some((last, rows))) = (other.shape.as_slice(), one.shape.split_last())
    else {
        return Err(Trouble::Misfit("MatMul needs a matrix on its right"));
    };
    if *last != inner {
        return Err(Trouble::Misfit("two matrices do not fit"));
    }
    let shape: Vec<usize> = rows.iter().copied().chain([width]).collect();
    let (a, b) = (one.doubles()?, other.doubles()?);
    let mut sums = vec![0.0_f64; count(&shape)?];
    if inner > 0 && width > 0 {
        for (row, sums) in a.chunks(inner).zip(sums.chunks_mut(width)) {
            for (value, weights) in row.iter().zip(b.chunks(width)) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
    }
    let data = match (&one.data, &other.data) {
        (Data::Single(_), Data::Single(_)) => Data::Single(narrow(&sums)),
        (Data::Double(_), Data::Double(_)) => Data::Double(sums),
        _ => return Err(TYPES),
    };
    Tensor::new(shape, data)
}

/// Rounds to `f32`.
#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
pub(super) fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

/// `alpha A B + beta C`, with A and B turned around if asked.
pub(super) fn gemm(
    operands: &[&Tensor],
    [alpha, beta]: [f32; 2],
    [turn_a, turn_b]: [bool; 2],
) -> Made {
    let (Some(a), Some(b)) = (operands.first(), operands.get(1)) else {
        return Err(Trouble::Misfit("Gemm needs two matrices"));
    };
    let turned = |tensor: &Tensor, turn: bool| {
        if turn { transpose(tensor, &[1, 0]) } else { Ok(tensor.clone()) }
    };
    let scaled = |tensor: &Tensor, by: f32| match tensor.data {
        #[expect(clippy::float_cmp, reason = "1 is written, not computed")]
        _ if by == 1.0 => Ok(tensor.clone()),
        Data::Double(_) => binary(Binary::Mul, tensor, &scalar(Data::Double(vec![by.into()]))?),
        _ => binary(Binary::Mul, tensor, &scalar(Data::Single(vec![by]))?),
    };
    if a.rank() != 2 || b.rank() != 2 {
        return Err(Trouble::Misfit("Gemm needs two matrices"));
    }
    let product = scaled(&multiply(&turned(a, turn_a)?, &turned(b, turn_b)?)?, alpha)?;
    match operands.get(2) {
        Some(c) => binary(Binary::Add, &product, &scaled(c, beta)?),
        None => Ok(product),
    }
}

fn scalar(data: Data) -> Made {
    Tensor::new(Vec::new(), data)
}

/// Dimensions in another order.
pub(super) fn transpose(tensor: &Tensor, order: &[usize]) -> Made {
    let rank = tensor.rank();
    let mut seen = order.to_vec();
    seen.sort_unstable();
    if !seen.into_iter().eq(0..rank) {
        return Err(Trouble::Misfit("Transpose needs every dimension once"));
    }
    let mut strides = vec![1_usize; rank];
    let sizes = tensor.shape.iter().rev().scan(1_usize, |stride, size| {
        let own = *stride;
        *stride = stride.saturating_mul(*size);
        Some(own)
    });
    strides.iter_mut().rev().zip(sizes).for_each(|(slot, stride)| *slot = stride);
    let at = |list: &[usize], place: &usize| list.get(*place).copied().unwrap_or(1);
    let shape: Vec<usize> = order.iter().map(|place| at(&tensor.shape, place)).collect();
    let strides: Vec<usize> = order.iter().map(|place| at(&strides, place)).collect();
    let all = count(&shape)?;
    let index = |mut place: usize| {
        let mut index = 0;
        for (size, stride) in shape.iter().zip(&strides).rev() {
            index += place % size * stride;
            place /= size;
        }
        index
    };
    let indices: Vec<usize> = (0..all).map(index).collect();
    tensor.pick(shape, indices.into_iter())
}

/// Softmax along a dimension, or its logarithm.
pub(super) fn softmax(tensor: &Tensor, along: i64, logarithm: bool) -> Made {
    let along = axis(along, tensor.rank())?;
    let (_, size, inner) = around(&tensor.shape, along);
    let data = match &tensor.data {
        Data::Single(values) => Data::Single(soft(values, size, inner, logarithm)),
        Data::Double(values) => Data::Double(soft(values, size, inner, logarithm)),
        _ => return Err(Trouble::Misfit("something else where numbers belong")),
    };
    Tensor::new(tensor.shape.clone(), data)
}

fn soft<F: Float>(values: &[F], size: usize, inner: usize, logarithm: bool) -> Vec<F> {
    let mut out = values.to_vec();
    if size == 0 || inner == 0 {
        return out;
    }
    for part in out.chunks_mut(size * inner) {
        for lane in 0..inner {
            let lanes = || part.iter().skip(lane).step_by(inner).copied();
            let highest = lanes().fold(None, |high: Option<F>, one| match high {
                Some(high) if high > one => Some(high),
                _ => Some(one),
            });
            let highest = highest.unwrap_or(F::ZERO);
            let sum = lanes().fold(F::ZERO, |sum, one| sum + (one - highest).exponential());
            for one in part.iter_mut().skip(lane).step_by(inner) {
                let lowered = *one - highest;
                *one =
                    if logarithm { lowered - sum.logarithm() } else { lowered.exponential() / sum };
            }
        }
    }
    out
}

/// The place of the greatest value along a dimension; the first, or the last, of equal ones.
pub(super) fn argmax(tensor: &Tensor, along: i64, keeps: bool, last: bool) -> Made {
    let along = axis(along, tensor.rank())?;
    let (outer, size, inner) = around(&tensor.shape, along);
    let values = tensor.doubles()?;
    if size == 0 {
        return Err(Trouble::Misfit("ArgMax of nothing"));
    }
    let mut places = Vec::with_capacity(outer.saturating_mul(inner));
    for part in values.chunks(size * inner.max(1)) {
        for lane in 0..inner {
            let mut best = (0_i64, f64::NEG_INFINITY);
            for (place, value) in (0..).zip(part.iter().skip(lane).step_by(inner)) {
                if *value > best.1 || (last && *value >= best.1) {
                    best = (place, *value);
                }
            }
            places.push(best.0);
        }
    }
    Tensor::new(reduced(&tensor.shape, &[along], keeps), Data::Integer(places))
}

fn reduced(shape: &[usize], axes: &[usize], keeps: bool) -> Vec<usize> {
    let kept = |(place, size): (usize, &usize)| match axes.contains(&place) {
        true if keeps => Some(1),
        true => None,
        false => Some(*size),
    };
    shape.iter().enumerate().filter_map(kept).collect()
}

/// Reduces dimensions one after the other; all of them if none is named.
pub(super) fn reduce(operator: Reduce, tensor: &Tensor, axes: &[i64], keeps: bool) -> Made {
    let rank = tensor.rank();
    let named: Result<Vec<usize>, Trouble> = axes.iter().map(|one| axis(*one, rank)).collect();
    let axes = if axes.is_empty() { (0..rank).collect() } else { named? };
    let mut values = tensor.doubles()?;
    let mut shape = tensor.shape.clone();
    for along in &axes {
        let (_, size, inner) = around(&shape, *along);
        if size == 0 {
            return Err(Trouble::Misfit("a dimension of size 0 is reduced"));
        }
        let part = |part: &[f64], lane: usize| {
            let lanes = part.iter().skip(lane).step_by(inner).copied();
            match operator {
                Reduce::Sum => lanes.sum(),
                #[expect(clippy::cast_precision_loss, reason = "sizes are below 2^22")]
                Reduce::Mean => lanes.sum::<f64>() / size as f64,
                Reduce::Max => lanes.fold(f64::NEG_INFINITY, f64::max),
                Reduce::Min => lanes.fold(f64::INFINITY, f64::min),
            }
        };
        values = values
            .chunks(size * inner.max(1))
            .flat_map(|all| (0..inner).map(move |lane| part(all, lane)))
            .collect();
        shape = reduced(&shape, &[*along], true);
    }
    let data = match &tensor.data {
        Data::Single(_) => Data::Single(narrow(&values)),
        Data::Double(_) => Data::Double(values),
        _ => return Err(Trouble::Misfit("something else where numbers belong")),
    };
    Tensor::new(reduced(&tensor.shape, &axes, keeps), data)
}

/// Tensors one after the other along a dimension.
pub(super) fn concat(tensors: &[&Tensor], along: i64) -> Made {
    let first = tensors.first().ok_or(Trouble::Misfit("Concat of nothing"))?;
    let along = axis(along, first.rank())?;
    let mut shape = first.shape.clone();
    let mut size = 0_usize;
    for tensor in tensors {
        if reduced(&tensor.shape, &[along], false) != reduced(&shape, &[along], false) {
            return Err(Trouble::Misfit("two shapes cannot be put together"));
        }
        size = size.saturating_add(around(&tensor.shape, along).1);
    }
    if let Some(slot) = shape.get_mut(along) {
        *slot = size;
    }
    count(&shape)?;
    let data = match &first.data {
        Data::Single(_) => Data::Single(joined(tensors, along, |data| match data {
            Data::Single(values) => Some(values),
            _ => None,
        })?),
        Data::Double(_) => Data::Double(joined(tensors, along, |data| match data {
            Data::Double(values) => Some(values),
            _ => None,
        })?),
        Data::Integer(_) => Data::Integer(joined(tensors, along, |data| match data {
            Data::Integer(values) => Some(values),
            _ => None,
        })?),
        Data::Truth(_) => Data::Truth(joined(tensors, along, |data| match data {
            Data::Truth(values) => Some(values),
            _ => None,
        })?),
        Data::Text(_) => Data::Text(joined(tensors, along, |data| match data {
            Data::Text(values) => Some(values),
            _ => None,
        })?),
    };
    Tensor::new(shape, data)
}

fn joined<T: Copy>(
    tensors: &[&Tensor],
    along: usize,
    of: impl Fn(&Data) -> Option<&Vec<T>>,
) -> Result<Vec<T>, Trouble> {
    let mut out = Vec::new();
    let outer = tensors.first().map_or(0, |first| around(&first.shape, along).0);
    for part in 0..outer {
        for tensor in tensors {
            let (_, size, inner) = around(&tensor.shape, along);
            let values = of(&tensor.data).ok_or(TYPES)?;
            let start = part * size * inner;
            out.extend_from_slice(values.get(start..start + size * inner).unwrap_or_default());
        }
    }
    Ok(out)
}

/// The shape that Reshape asks for: 0 keeps a size, one -1 takes what is left.
pub(super) fn reshape(tensor: &Tensor, wanted: &[i64], allows_zero: bool) -> Made {
    let mut shape = Vec::with_capacity(wanted.len().min(16));
    let mut open = None;
    for (place, size) in wanted.iter().enumerate() {
        shape.push(match size {
            0 if !allows_zero => tensor.shape.get(place).copied().unwrap_or(0),
            -1 if open.is_none() => {
                open = Some(place);
                1
            }
            _ => usize::try_from(*size).map_err(|_| Trouble::Misfit("a size is negative"))?,
        });
    }
    if let Some(slot) = open.and_then(|place| shape.get_mut(place)) {
        *slot = 1;
        let rest = count(&shape)?;
        let left = tensor.data.len().checked_div(rest).unwrap_or(0);
        if let Some(slot) = open.and_then(|place| shape.get_mut(place)) {
            *slot = left;
        }
    }
    tensor.reshaped(shape)
}

/// Without dimensions of size 1: those named, or all.
pub(super) fn squeeze(tensor: &Tensor, axes: &[i64]) -> Made {
    let rank = tensor.rank();
    let named: Result<Vec<usize>, Trouble> = axes.iter().map(|one| axis(*one, rank)).collect();
    let axes = if axes.is_empty() {
        (0..rank).filter(|place| tensor.shape.get(*place) == Some(&1)).collect()
    } else {
        named?
    };
    tensor.reshaped(reduced(&tensor.shape, &axes, false))
}

/// With dimensions of size 1 where named.
pub(super) fn unsqueeze(tensor: &Tensor, axes: &[i64]) -> Made {
    let rank = tensor.rank().saturating_add(axes.len());
    let mut places: Vec<usize> =
        axes.iter().map(|one| axis(*one, rank)).collect::<Result<_, _>>()?;
    places.sort_unstable();
    let mut shape = tensor.shape.clone();
    for place in places {
        if place > shape.len() {
            return Err(Trouble::Misfit("there is no such dimension"));
        }
        shape.insert(place, 1);
    }
    tensor.reshaped(shape)
}

/// The parts of a dimension that indices name.
pub(super) fn gather(tensor: &Tensor, indices: &Tensor, along: i64) -> Made {
    let along = axis(along, tensor.rank())?;
    let (outer, size, inner) = around(&tensor.shape, along);
    let places: Result<Vec<usize>, Trouble> =
        indices.integers()?.into_iter().map(|index| axis(index, size)).collect();
    let places = places.map_err(|_| Trouble::Misfit("an index is outside its tensor"))?;
    let mut shape = tensor.shape.clone();
    shape.splice(along..=along, indices.shape.iter().copied());
    let all = count(&shape)?;
    let mut picked = Vec::with_capacity(all);
    for part in 0..outer {
        for place in &places {
            let start = (part * size + place) * inner;
            picked.extend(start..start + inner);
        }
    }
    tensor.pick(shape, picked.into_iter())
}

/// A part of a tensor: along each of `axes` from `starts` to before `ends`, forward.
pub(super) fn slice(
    tensor: &Tensor,
    starts: &[i64],
    ends: &[i64],
    axes: &[i64],
    steps: &[i64],
) -> Made {
    if starts.len() != ends.len() || starts.len() != axes.len() {
        return Err(Trouble::Misfit("Slice needs a start and an end for every dimension"));
    }
    if steps.iter().any(|step| *step < 1) {
        return Err(Trouble::Misfit("Slice goes backwards"));
    }
    let mut part = tensor.clone();
    for (place, ((start, end), along)) in starts.iter().zip(ends).zip(axes).enumerate() {
        let along = axis(*along, part.rank())?;
        let size = i64::try_from(around(&part.shape, along).1).unwrap_or(i64::MAX);
        let step = steps.get(place).copied().unwrap_or(1);
        let bound = |one: i64| if one < 0 { one.saturating_add(size) } else { one }.clamp(0, size);
        let kept = (bound(*start)..bound(*end)).step_by(usize::try_from(step).unwrap_or(1));
        let kept: Vec<i64> = kept.collect();
        let indices = Tensor::new(vec![kept.len()], Data::Integer(kept))?;
        part = gather(&part, &indices, i64::try_from(along).unwrap_or(0))?;
    }
    Ok(part)
}

/// One or the other, where truth values say.
pub(super) fn choose(which: &Tensor, one: &Tensor, other: &Tensor) -> Made {
    let shape = matched(&matched(&which.shape, &one.shape)?, &other.shape)?;
    let which = which.expanded(&shape)?;
    let both = concat(&[&flat(&one.expanded(&shape)?)?, &flat(&other.expanded(&shape)?)?], 0)?;
    let all = which.data.len();
    let truths = which.truths()?;
    let indices = truths.iter().enumerate().map(|(place, one)| place + usize::from(!one) * all);
    both.pick(shape, indices)
}

fn flat(tensor: &Tensor) -> Made {
    tensor.reshaped(vec![tensor.data.len()])
}
