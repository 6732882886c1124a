//! Tensors of the Open Inference Protocol, however their values are carried: which field one is,
//! whether its shape and datatype fit, and where each of its values goes.
//!
//! It must not know how a tensor is written.

use crate::check::MAX_TENSOR_DIMS;
use crate::compile::CompiledContract;
use crate::contract::Kind;
use crate::writer::{Fault, FieldWriter, Value, refuse};
use plimsoll_types::RefusalCode as Code;

/// The row, and the dimensions of a tensor.
pub(crate) const MAX_DIMS: usize = MAX_TENSOR_DIMS + 1;

/// What a tensor is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Field(usize),
    Matrix,
    /// Already refused; what is left is to get past it.
    Refused,
}

/// Sizes, the first of which is the rows.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shape {
    pub(crate) sizes: [u64; MAX_DIMS],
    pub(crate) rank: usize,
}

/// The datatypes. One byte, because it is passed around for every field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Datatype {
    Bool,
    Bytes,
    /// Only as raw bytes: neither JSON nor the typed lists of gRPC can carry the two.
    Fp16,
    Bf16,
    Fp32,
    Fp64,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
}

/// What to do with each element of a tensor's data.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) target: Target,
    pub(crate) datatype: Datatype,
    /// Elements in one row.
    per_row: usize,
}

impl Shape {
    pub(crate) fn sizes(&self) -> &[u64] {
        self.sizes.get(..self.rank).unwrap_or_default()
    }

    /// How many values there are.
    pub(crate) fn elements(&self) -> Result<u64, Fault> {
        let elements = self.sizes().iter().try_fold(1_u64, |all, &size| all.checked_mul(size));
        elements.ok_or_else(|| shape_fault("the product of the sizes is too large"))
    }
}

impl Datatype {
    /// The datatype of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "BOOL" => Self::Bool,
            "BYTES" => Self::Bytes,
            "FP16" => Self::Fp16,
            "BF16" => Self::Bf16,
            "FP32" => Self::Fp32,
            "FP64" => Self::Fp64,
            "INT8" => Self::Int8,
            "INT16" => Self::Int16,
            "INT32" => Self::Int32,
            "INT64" => Self::Int64,
            "UINT8" => Self::Uint8,
            "UINT16" => Self::Uint16,
            "UINT32" => Self::Uint32,
            "UINT64" => Self::Uint64,
            _ => return None,
        })
    }

    /// Whether values of it exist as raw bytes only.
    pub(crate) fn is_raw_only(self) -> bool {
        matches!(self, Self::Fp16 | Self::Bf16)
    }

    /// The least and the greatest integer of it that is read; `None` for other types.
    #[inline]
    pub(crate) fn range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::Bool | Self::Bytes | Self::Fp16 | Self::Bf16 | Self::Fp32 | Self::Fp64 => {
                return None;
            }
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN, i64::MAX),
            Self::Uint8 => (0, u8::MAX.into()),
            Self::Uint16 => (0, u16::MAX.into()),
            Self::Uint32 => (0, u32::MAX.into()),
            Self::Uint64 => (0, i64::MAX),
        })
    }
}

/// Whether values of `kind` may be sent as `datatype`.
#[inline]
pub(crate) fn accepts(kind: Kind, datatype: Datatype) -> bool {
    match kind {
        Kind::Number | Kind::Tensor => !matches!(datatype, Datatype::Bool | Datatype::Bytes),
        Kind::Integer => datatype.range().is_some(),
        Kind::Boolean => datatype == Datatype::Bool,
        Kind::Category | Kind::String => datatype == Datatype::Bytes,
        Kind::Timestamp => matches!(datatype, Datatype::Bytes | Datatype::Int64),
    }
}

/// What the tensor called `name` is, not yet claimed.
pub(crate) fn find(contract: &CompiledContract, name: &str) -> Option<Target> {
    if let Some(field) = contract.index.find(name) {
        return Some(Target::Field(field));
    }
    let matrix = contract.contract().matrix.as_deref();
    (matrix == Some(name)).then_some(Target::Matrix)
}

/// Claims what was `found` for the `place`-th tensor: no field may be there twice.
#[inline]
pub(crate) fn claim(
    contract: &CompiledContract,
    writer: &mut FieldWriter<'_, '_>,
    found: Option<Target>,
    place: usize,
) -> Result<Target, Fault> {
    match found {
        Some(Target::Field(field)) => {
            if writer.claim(field) {
                return Ok(Target::Field(field));
            }
            refuse_repeated(contract, writer, field)
        }
        Some(target) => {
            for field in 0..contract.features {
                if !writer.claim(field) {
                    return refuse_repeated(contract, writer, field);
                }
            }
            Ok(target)
        }
        None => {
            let rule = format!("input {place} is not a field of the contract");
            writer.gather(refuse(Code::UnknownField, rule))?;
            Ok(Target::Refused)
        }
    }
}

#[cold]
fn refuse_repeated(
    contract: &CompiledContract,
    writer: &mut FieldWriter<'_, '_>,
    field: usize,
) -> Result<Target, Fault> {
    let name = contract.index.get(field).unwrap_or_default();
    writer.gather(refuse(Code::DuplicateField, "must be there once").with_field(name))?;
    Ok(Target::Refused)
}

/// What to do with the data; nothing if the tensor is refused.
#[inline]
pub(crate) fn plan(
    contract: &CompiledContract,
    writer: &mut FieldWriter<'_, '_>,
    target: Target,
    shape: &Shape,
    datatype: Datatype,
) -> Result<Option<Plan>, Fault> {
    let (Some((&rows, sizes)), true) = (shape.sizes().split_first(), target != Target::Refused)
    else {
        return Ok(None);
    };
    let per_row = match target {
        Target::Field(field) => {
            let Some(rule) = contract.rules.get(field) else { return Ok(None) };
            if !accepts(rule.kind, datatype) {
                writer.violate(field, 0, Code::DatatypeMismatch)?;
                return Ok(None);
            }
            let fits = match rule.kind {
                Kind::Tensor => sizes == &*rule.shape,
                _ => matches!(sizes, [] | [1]),
            };
            if !fits {
                writer.violate(field, 0, Code::ShapeMismatch)?;
                return Ok(None);
            }
            rule.elements
        }
        Target::Matrix => {
            let features = contract.features;
            let fits = matches!(sizes, [width] if usize::try_from(*width) == Ok(features));
            if !fits || !accepts(Kind::Number, datatype) {
                let rule = format!(
                    "the matrix must be [rows, {features}] of FP32, FP64 or an integer datatype"
                );
                return Err(shape_fault(&rule));
            }
            features
        }
        Target::Refused => return Ok(None),
    };
    writer.set_rows(rows)?;
    Ok(Some(Plan { target, datatype, per_row }))
}

/// Puts the `index`-th value of a tensor where it belongs.
#[inline]
pub(crate) fn put(
    contract: &CompiledContract,
    writer: &mut FieldWriter<'_, '_>,
    plan: &Plan,
    index: usize,
    value: Value<'_>,
) -> Result<(), Fault> {
    let (row, place) =
        if plan.per_row == 1 { (index, 0) } else { (index / plan.per_row, index % plan.per_row) };
    match plan.target {
        Target::Field(field) => match contract.rules.get(field) {
            Some(rule) if rule.kind == Kind::Tensor => writer.put_element(field, row, place, value),
            _ => writer.put(field, row, value),
        },
        Target::Matrix => writer.put_untyped(place, row, value),
        Target::Refused => Ok(()),
    }
}

/// Refuses a tensor whose data and shape disagree.
#[cold]
pub(crate) fn refuse_uneven(writer: &mut FieldWriter<'_, '_>, plan: &Plan) -> Fault {
    let Target::Field(field) = plan.target else {
        return shape_fault("the data must have as many values as the shape says");
    };
    writer.violate(field, 0, Code::ShapeMismatch).err().unwrap_or(Fault::Enough)
}

#[cold]
pub(crate) fn shape_fault(rule: &str) -> Fault {
    refuse(Code::ShapeMismatch, rule).with_field("shape").into()
}
