//! Tensors, and how their elements are picked and matched. It must not know operators.

/// Elements of one tensor, for all rows of a block: 32 MiB. A graph that wants more is not one for
/// tables.
const ELEMENTS_MAX: usize = 1 << 22;

/// Most dimensions of a tensor.
const RANK_MAX: usize = 8;

/// Why an operator could not do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Its operands do not fit.
    Misfit(&'static str),
    /// A value has no place among the categories.
    NoCategory,
}

/// Numbers, truth values or texts in a shape, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) data: Data,
}

/// The elements of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Single(Vec<f32>),
    Double(Vec<f64>),
    Integer(Vec<i64>),
    Truth(Vec<bool>),
    /// Texts, as their places in the model's list; -1 is any other text.
    Text(Vec<i64>),
}

impl Data {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Integer(values) | Self::Text(values) => values.len(),
            Self::Truth(values) => values.len(),
        }
    }
}

/// How many elements a shape has, if it is no larger than allowed.
pub(super) fn count(shape: &[usize]) -> Result<usize, Trouble> {
    if shape.len() > RANK_MAX {
        return Err(Trouble::Misfit("a tensor has more than 8 dimensions"));
    }
    let all = shape.iter().try_fold(1_usize, |all, size| all.checked_mul(*size));
    let all = all.filter(|all| *all <= ELEMENTS_MAX);
    all.ok_or(Trouble::Misfit("a tensor has more than 2^22 elements"))
}

impl Tensor {
    pub(super) fn new(shape: Vec<usize>, data: Data) -> Result<Self, Trouble> {
        if count(&shape)? != data.len() {
            return Err(Trouble::Misfit("a tensor has another number of elements than its shape"));
        }
        Ok(Self { shape, data })
    }

    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The elements as `f32`.
    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
    #[expect(clippy::cast_precision_loss, reason = "rounding is meant")]
    pub(super) fn singles(&self) -> Result<Vec<f32>, Trouble> {
        Ok(match &self.data {
            Data::Single(values) => values.clone(),
            Data::Double(values) => values.iter().map(|value| *value as f32).collect(),
            Data::Integer(values) => values.iter().map(|value| *value as f32).collect(),
            Data::Truth(values) => values.iter().map(|value| f32::from(u8::from(*value))).collect(),
            Data::Text(_) => return Err(Trouble::Misfit("texts where numbers belong")),
        })
    }

    /// The elements as `f64`.
    #[expect(clippy::cast_precision_loss, reason = "rounding is meant")]
    pub(super) fn doubles(&self) -> Result<Vec<f64>, Trouble> {
        Ok(match &self.data {
            Data::Single(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Data::Double(values) => values.clone(),
            Data::Integer(values) => values.iter().map(|value| *value as f64).collect(),
            Data::Truth(values) => values.iter().map(|value| f64::from(u8::from(*value))).collect(),
            Data::Text(_) => return Err(Trouble::Misfit("texts where numbers belong")),
        })
    }

    /// The elements as integers; a fraction is cut off.
    #[expect(clippy::cast_possible_truncation, reason = "cutting is meant")]
    pub(super) fn integers(&self) -> Result<Vec<i64>, Trouble> {
        Ok(match &self.data {
            Data::Single(values) => values.iter().map(|value| *value as i64).collect(),
            Data::Double(values) => values.iter().map(|value| *value as i64).collect(),
            Data::Integer(values) => values.clone(),
            Data::Truth(values) => values.iter().map(|value| i64::from(*value)).collect(),
            Data::Text(_) => return Err(Trouble::Misfit("texts where numbers belong")),
        })
    }

    /// The elements as truth values.
    pub(super) fn truths(&self) -> Result<&[bool], Trouble> {
        match &self.data {
            Data::Truth(values) => Ok(values),
            _ => Err(Trouble::Misfit("something else where truth values belong")),
        }
    }

    /// The elements at `indices`, in another shape.
    pub(super) fn pick(
        &self,
        shape: Vec<usize>,
        indices: impl Iterator<Item = usize>,
    ) -> Result<Self, Trouble> {
        fn each<T: Copy>(
            values: &[T],
            indices: impl Iterator<Item = usize>,
        ) -> Result<Vec<T>, Trouble> {
            let picked: Option<Vec<T>> = indices.map(|index| values.get(index).copied()).collect();
            picked.ok_or(Trouble::Misfit("an index is outside its tensor"))
        }
        count(&shape)?;
        let data = match &self.data {
            Data::Single(values) => Data::Single(each(values, indices)?),
            Data::Double(values) => Data::Double(each(values, indices)?),
            Data::Integer(values) => Data::Integer(each(values, indices)?),
            Data::Truth(values) => Data::Truth(each(values, indices)?),
            Data::Text(values) => Data::Text(each(values, indices)?),
        };
        Self::new(shape, data)
    }

    /// The same elements in another shape.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Result<Self, Trouble> {
        Self::new(shape, self.data.clone())
    }

    /// Repeated along dimensions of size 1 to a shape, as ONNX broadcasts.
    pub(super) fn expanded(&self, shape: &[usize]) -> Result<Self, Trouble> {
        if self.shape == shape {
            return Ok(self.clone());
        }
        let all = count(shape)?;
        let mut indices = vec![0_usize; all];
        // From the last dimension: `inner` elements of the result lie within one step of it.
        let (mut inner, mut stride) = (1, 1);
        for (dimension, size) in shape.iter().enumerate().rev() {
            let own = (dimension + self.rank()).checked_sub(shape.len());
            let own = own.and_then(|own| self.shape.get(own)).copied().unwrap_or(1);
            if own != 1 && own != *size {
                return Err(Trouble::Misfit("two shapes cannot be matched"));
            }
            if own != 1 {
                for (place, index) in indices.iter_mut().enumerate() {
                    *index += place / inner % size * stride;
                }
            }
            inner *= (*size).max(1);
            stride *= own;
        }
        self.pick(shape.to_vec(), indices.into_iter())
    }
}

/// The shape that two shapes match to.
pub(super) fn matched(one: &[usize], other: &[usize]) -> Result<Vec<usize>, Trouble> {
    let rank = one.len().max(other.len());
    let size = |shape: &[usize], dimension: usize| {
        let own = (dimension + shape.len()).checked_sub(rank);
        own.and_then(|own| shape.get(own)).copied().unwrap_or(1)
    };
    let both = |dimension| match (size(one, dimension), size(other, dimension)) {
        (a, b) if a == b => Ok(a),
        (1, size) | (size, 1) => Ok(size),
        _ => Err(Trouble::Misfit("two shapes cannot be matched")),
    };
    (0..rank).map(both).collect()
}

/// A dimension that may be counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Trouble> {
    let signed = i64::try_from(rank).unwrap_or(i64::MAX);
    let from_start = if axis < 0 { axis.saturating_add(signed) } else { axis };
    let found = usize::try_from(from_start).ok().filter(|axis| *axis < rank);
    found.ok_or(Trouble::Misfit("there is no such dimension"))
}

/// A shape cut at a dimension: elements before it, its size, elements after it.
pub(super) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    let product = |part: Option<&[usize]>| part.unwrap_or_default().iter().product();
    let size = shape.get(axis).copied().unwrap_or(1);
    (product(shape.get(..axis)), size, product(shape.get(axis.saturating_add(1)..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], values: &[i64]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::Integer(values.to_vec())).expect("fits")
    }

    #[test]
    fn shapes_are_matched_from_the_end() {
        assert_eq!(matched(&[4, 1, 3], &[2, 1]), Ok(vec![4, 2, 3]));
        assert_eq!(matched(&[], &[2, 5]), Ok(vec![2, 5]));
        assert!(matched(&[2], &[3]).is_err());
    }

    #[test]
    fn tensors_are_repeated_along_missing_dimensions() {
        let row = tensor(&[2], &[7, 8]).expanded(&[3, 2]);
        assert_eq!(row, Ok(tensor(&[3, 2], &[7, 8, 7, 8, 7, 8])));
        let column = tensor(&[2, 1], &[7, 8]).expanded(&[2, 3]);
        assert_eq!(column, Ok(tensor(&[2, 3], &[7, 7, 7, 8, 8, 8])));
        let middle = tensor(&[2, 1, 2], &[1, 2, 3, 4]).expanded(&[2, 2, 2]);
        assert_eq!(middle, Ok(tensor(&[2, 2, 2], &[1, 2, 1, 2, 3, 4, 3, 4])));
        assert!(tensor(&[2], &[7, 8]).expanded(&[3]).is_err());
    }

    #[test]
    fn shapes_are_bounded() {
        assert!(count(&[usize::MAX, 2]).is_err());
        assert!(count(&[1; 9]).is_err());
        assert!(Tensor::new(vec![2, 2], Data::Integer(vec![1])).is_err());
    }
}
