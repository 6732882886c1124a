//! The size of every value of a graph, and the work of every operator, for a known number of rows
//! (ONNX, `docs/Operators.md`). A file of some hundred bytes can ask for any amount of memory
//! (an outer product, a wide padding, a broadcast); here it is refused before anything is allocated.
//!
//! It must not know who runs the graph. An operator that is not in the list is refused, so that
//! whatever runs is of a size that was computed.

use crate::attributes::{integer, integers, tensor, text};
use plimsoll_model::onnx_file::{Graph, Literal, Node};
use std::collections::HashMap;

/// Sizes of one value's shape.
const RANK_MAX: usize = 8;
/// Integers that are kept of a constant: shapes, axes and paddings have a handful.
const INTEGERS_MAX: usize = 64;

/// What a network may take for one run of 64 rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Most elements of one value.
    pub elements_max: u64,
    /// Most elements of all values.
    pub total_max: u64,
    /// Most multiplications, and elements made, of all operators.
    pub work_max: u64,
}

impl Default for NetworkLimits {
    /// 64 MiB for one value, 256 MiB for all; about a second of one core, a hundredth of it a row.
    fn default() -> Self {
        Self { elements_max: 16 << 20, total_max: 64 << 20, work_max: 4 << 30 }
    }
}

/// Why a graph was refused by size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The operator is not one whose result's size is known.
    #[error("graph.node[{node}]: the operator is not supported for networks")]
    Operator {
        /// Its place.
        node: usize,
    },
    /// Its operators are of another domain.
    #[error("graph.node[{node}]: an operator of another domain than ai.onnx")]
    Domain {
        /// Its place.
        node: usize,
    },
    /// The sizes of its inputs and attributes do not fit, or depend on values.
    #[error("graph.node[{node}]: the size of what it makes cannot be told")]
    Unknown {
        /// Its place.
        node: usize,
    },
    /// A value, all values, or the work is over the limit.
    #[error("graph.node[{node}]: {what} over the limit of {max}")]
    OverLimit {
        /// Its place.
        node: usize,
        /// What is counted.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// The output is made by no operator.
    #[error("graph.output: no operator makes it")]
    Missing,
}

type Shape = Vec<u64>;

/// What is known of the values so far.
struct Known<'a> {
    shapes: HashMap<&'a str, Shape>,
    /// The values of small constants of integers.
    integers: HashMap<&'a str, Vec<i64>>,
}

/// The shape of the value `answer`, if every value is within the limits.
pub(crate) fn check(
    graph: &Graph<'_>,
    input: &str,
    rows: [u64; 2],
    answer: &str,
    limits: &NetworkLimits,
) -> Result<Shape, ShapeError> {
    let mut known = Known { shapes: HashMap::new(), integers: HashMap::new() };
    known.shapes.insert(input, rows.to_vec());
    for (name, literal) in &graph.initializers {
        known.constant(name, literal).ok_or(ShapeError::Missing)?;
    }
    let (mut total, mut work) = (0_u64, 0_u64);
    for (place, node) in graph.nodes.iter().enumerate() {
        if !node.domain.is_empty() {
            return Err(ShapeError::Domain { node: place });
        }
        let Some(rule) = Rule::of(node.operator) else {
            return Err(ShapeError::Operator { node: place });
        };
        let unknown = ShapeError::Unknown { node: place };
        let (made, cost) = known.made(rule, node).ok_or_else(|| unknown.clone())?;
        work = work.saturating_add(cost);
        for (name, shape) in node.outputs.iter().zip(made) {
            let elements = elements(&shape).ok_or_else(|| unknown.clone())?;
            let over = |what, max| ShapeError::OverLimit { node: place, what, max };
            if elements > limits.elements_max {
                return Err(over("elements of a value", limits.elements_max));
            }
            total = total.saturating_add(elements);
            work = work.saturating_add(elements);
            if total > limits.total_max {
                return Err(over("elements of all values", limits.total_max));
            }
            // A name that is made twice would be one value here and another there.
            if !name.is_empty() && known.shapes.insert(name, shape).is_some() {
                return Err(unknown);
            }
        }
        if work > limits.work_max {
            let max = limits.work_max;
            return Err(ShapeError::OverLimit { node: place, what: "multiplications", max });
        }
    }
    known.shapes.remove(answer).ok_or(ShapeError::Missing)
}

fn elements(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1_u64, |all, size| all.checked_mul(*size))
}

/// How the size of what an operator makes follows from what it reads.
#[derive(Clone, Copy)]
enum Rule {
    /// That of its first input.
    Same,
    /// All its inputs, stretched to each other.
    Broadcast,
    Gemm,
    MatMul,
    Concat,
    Reshape,
    Flatten,
    Squeeze,
    Unsqueeze,
    Transpose,
    Gather,
    Split,
    Slice,
    Reduce,
    Conv,
    Pool,
    GlobalPool,
    /// So many gates.
    Recurrent(u64),
    Constant,
}

impl Rule {
    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "Relu"
            | "Sigmoid"
            | "Tanh"
            | "Elu"
            | "Selu"
            | "LeakyRelu"
            | "Softplus"
            | "HardSigmoid"
            | "HardSwish"
            | "Gelu"
            | "Erf"
            | "Exp"
            | "Log"
            | "Sqrt"
            | "Abs"
            | "Neg"
            | "Reciprocal"
            | "Sign"
            | "Clip"
            | "Softmax"
            | "LogSoftmax"
            | "BatchNormalization"
            | "LayerNormalization"
            | "InstanceNormalization"
            | "Identity"
            | "Dropout"
            | "Cast"
            | "Not"
            | "IsNaN"
            | "Floor"
            | "Ceil"
            | "Round" => Self::Same,
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Min" | "Max" | "Sum" | "Mean" | "Where"
            | "Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" | "And" | "Or"
            | "PRelu" => Self::Broadcast,
            "Gemm" => Self::Gemm,
            "MatMul" => Self::MatMul,
            "Concat" => Self::Concat,
            "Reshape" => Self::Reshape,
            "Flatten" => Self::Flatten,
            "Squeeze" => Self::Squeeze,
            "Unsqueeze" => Self::Unsqueeze,
            "Transpose" => Self::Transpose,
            "Gather" => Self::Gather,
            "Split" => Self::Split,
            "Slice" => Self::Slice,
            "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL2" => Self::Reduce,
            "Conv" => Self::Conv,
            "MaxPool" | "AveragePool" => Self::Pool,
            "GlobalAveragePool" | "GlobalMaxPool" => Self::GlobalPool,
            "LSTM" => Self::Recurrent(4),
            "GRU" => Self::Recurrent(3),
            "Constant" => Self::Constant,
            _ => return None,
        })
    }
}

impl<'a> Known<'a> {
    fn constant(&mut self, name: &'a str, literal: &Literal<'_>) -> Option<()> {
        let shape: Option<Shape> =
            literal.dimensions.iter().map(|size| u64::try_from(*size).ok()).collect();
        let shape = shape.filter(|shape| shape.len() <= RANK_MAX)?;
        let few = elements(&shape)? <= INTEGERS_MAX as u64;
        // INT64, which shapes and axes are.
        if literal.kind == 7 && few {
            let raw = literal.raw.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok());
            let values = literal.integers.iter().copied().chain(raw.map(i64::from_le_bytes));
            self.integers.insert(name, values.collect());
        }
        self.shapes.insert(name, shape).is_none().then_some(())
    }

    fn input(&self, node: &Node<'a>, place: usize) -> Option<&Shape> {
        self.shapes.get(*node.inputs.get(place)?)
    }

    /// The integers of an input, or of the attribute that older operators had instead.
    fn list(&self, node: &'_ Node<'a>, place: usize, name: &str) -> Option<Vec<i64>> {
        match node.inputs.get(place).filter(|input| !input.is_empty()) {
            Some(input) => self.integers.get(input).cloned(),
            None => integers(node, name).map(<[i64]>::to_vec),
        }
    }

    /// The shapes of what a node makes, and the multiplications that takes.
    fn made(&mut self, rule: Rule, node: &Node<'a>) -> Option<(Vec<Shape>, u64)> {
        if let Rule::Constant = rule {
            let name = *node.outputs.first()?;
            self.constant(name, tensor(node, "value")?)?;
            // It is known already; nothing more is made.
            return Some((Vec::new(), 0));
        }
        let x = self.input(node, 0)?.clone();
        let one = |shape: Shape| Some((vec![shape], 0));
        match rule {
            Rule::Same => Some((vec![x; node.outputs.len()], 0)),
            Rule::Broadcast => one(self.broadcast_all(node)?),
            Rule::Gemm => self.gemm(node, &x),
            Rule::MatMul => matmul(&x, self.input(node, 1)?),
            Rule::Concat => one(self.concat(node, &x)?),
            Rule::Reshape => {
                one(reshape(&x, &self.list(node, 1, "shape")?, integer(node, "allowzero", 0))?)
            }
            Rule::Flatten => {
                let axis = axis_of(integer(node, "axis", 1), x.len() + 1)?;
                let (head, tail) = x.split_at_checked(axis)?;
                one(vec![elements(head)?, elements(tail)?])
            }
            Rule::Squeeze => one(squeeze(&x, &self.list(node, 1, "axes")?)?),
            Rule::Unsqueeze => one(unsqueeze(&x, &self.list(node, 1, "axes")?)?),
            Rule::Transpose => one(transpose(&x, integers(node, "perm"))?),
            Rule::Gather => {
                let axis = axis_of(integer(node, "axis", 0), x.len())?;
                let mut shape = x;
                shape.splice(axis..=axis, self.input(node, 1)?.iter().copied());
                one(shape)
            }
            Rule::Split => Some((self.split(node, &x)?, 0)),
            Rule::Slice => one(self.slice(node, &x)?),
            Rule::Reduce => one(self.reduce(node, x)?),
            Rule::Conv => self.conv(node, &x),
            Rule::Pool if node.outputs.len() == 1 => {
                let kernel = positive(integers(node, "kernel_shape")?)?;
                let space = windows(node, x.get(2..)?, &kernel)?;
                let shape = [x.get(..2)?, &space].concat();
                let work = elements(&shape)?.checked_mul(elements(&kernel)?)?;
                Some((vec![shape], work))
            }
            Rule::Pool => None,
            Rule::GlobalPool => {
                let space = vec![1; x.len().checked_sub(2)?];
                one([x.get(..2)?, &space].concat())
            }
            Rule::Recurrent(gates) => self.recurrent(node, &x, gates),
            Rule::Constant => None,
        }
    }

    fn broadcast_all(&self, node: &Node<'a>) -> Option<Shape> {
        (0..node.inputs.len()).try_fold(Vec::new(), |all, n| broadcast(&all, self.input(node, n)?))
    }

    fn gemm(&self, node: &Node<'a>, a: &[u64]) -> Option<(Vec<Shape>, u64)> {
        let turned = |shape: &[u64], name| match (shape, integer(node, name, 0)) {
            ([rows, columns], 0) => Some([*rows, *columns]),
            ([columns, rows], _) => Some([*rows, *columns]),
            _ => None,
        };
        let [rows, inner] = turned(a, "transA")?;
        let [same, columns] = turned(self.input(node, 1)?, "transB")?;
        let work = rows.checked_mul(inner)?.checked_mul(columns)?;
        (inner == same).then(|| (vec![vec![rows, columns]], work))
    }

    fn concat(&self, node: &Node<'a>, first: &[u64]) -> Option<Shape> {
        let axis = axis_of(integer(node, "axis", 0), first.len())?;
        let mut shape = first.to_vec();
        for place in 1..node.inputs.len() {
            let next = self.input(node, place)?;
            let fits = |n: usize| n == axis || next.get(n) == first.get(n);
            if next.len() != first.len() || !(0..first.len()).all(fits) {
                return None;
            }
            let size = shape.get_mut(axis)?;
            *size = size.checked_add(*next.get(axis)?)?;
        }
        Some(shape)
    }

    fn split(&self, node: &Node<'a>, x: &[u64]) -> Option<Vec<Shape>> {
        let axis = axis_of(integer(node, "axis", 0), x.len())?;
        let (whole, count) = (*x.get(axis)?, node.outputs.len() as u64);
        let sizes = match self.list(node, 1, "split") {
            Some(sizes) => nonnegative(&sizes)?,
            None if node.inputs.len() < 2 && count > 0 && whole % count == 0 => {
                vec![whole / count; node.outputs.len()]
            }
            None => return None,
        };
        let part = |size: &u64| {
            let mut shape = x.to_vec();
            *shape.get_mut(axis)? = *size;
            Some(shape)
        };
        let sum = sizes.iter().try_fold(0_u64, |sum, size| sum.checked_add(*size));
        if sum != Some(whole) || sizes.len() != node.outputs.len() {
            return None;
        }
        sizes.iter().map(part).collect()
    }

    fn slice(&self, node: &Node<'a>, x: &[u64]) -> Option<Shape> {
        let (starts, ends) = (self.list(node, 1, "starts")?, self.list(node, 2, "ends")?);
        let all = || (0..i64::try_from(starts.len()).unwrap_or(0)).collect();
        let axes = if node.inputs.len() > 3 { self.list(node, 3, "axes")? } else { all() };
        if node.inputs.len() > 4 && !self.list(node, 4, "steps")?.iter().all(|step| *step == 1) {
            return None;
        }
        let mut shape = x.to_vec();
        for ((start, end), axis) in starts.iter().zip(&ends).zip(&axes) {
            let size = shape.get_mut(axis_of(*axis, x.len())?)?;
            let whole = i64::try_from(*size).ok()?;
            let at = |place: i64| {
                (if place < 0 { place.saturating_add(whole) } else { place }).clamp(0, whole)
            };
            *size = u64::try_from(at(*end).saturating_sub(at(*start))).unwrap_or(0);
        }
        (starts.len() == ends.len() && ends.len() == axes.len()).then_some(shape)
    }

    fn reduce(&self, node: &Node<'a>, x: Shape) -> Option<Shape> {
        let all = || (0..i64::try_from(x.len()).unwrap_or(0)).collect();
        let has_axes = node.inputs.len() > 1 || integers(node, "axes").is_some();
        let axes: Vec<i64> = if has_axes { self.list(node, 1, "axes")? } else { all() };
        let axes: Option<Vec<usize>> = axes.iter().map(|axis| axis_of(*axis, x.len())).collect();
        let (axes, keeps) = (axes?, integer(node, "keepdims", 1) != 0);
        let sizes = x.iter().enumerate();
        let kept = sizes.filter_map(|(n, size)| match axes.contains(&n) {
            true => keeps.then_some(1),
            false => Some(*size),
        });
        Some(kept.collect())
    }

    fn conv(&self, node: &Node<'a>, x: &[u64]) -> Option<(Vec<Shape>, u64)> {
        let weight = self.input(node, 1)?;
        let (batch, maps) = (*x.first()?, *weight.first()?);
        let kernel = weight.get(2..)?;
        if kernel.len() + 2 != x.len() || kernel.contains(&0) {
            return None;
        }
        let space = windows(node, x.get(2..)?, kernel)?;
        let shape = [&[batch, maps], space.as_slice()].concat();
        let work = elements(&shape)?.checked_mul(elements(weight.get(1..)?)?)?;
        Some((vec![shape], work))
    }

    fn recurrent(&self, node: &Node<'a>, x: &[u64], gates: u64) -> Option<(Vec<Shape>, u64)> {
        let &[steps, batch, inputs] = x else { return None };
        let hidden = u64::try_from(integer(node, "hidden_size", 0)).ok()?;
        let directions = if text(node, "direction") == Some("bidirectional") { 2 } else { 1 };
        let state = vec![directions, batch, hidden];
        let each = gates.checked_mul(hidden)?.checked_mul(hidden.checked_add(inputs)?)?;
        let work = steps.checked_mul(batch)?.checked_mul(directions)?.checked_mul(each)?;
        let mut made = vec![vec![steps, directions, batch, hidden], state.clone(), state];
        made.truncate(node.outputs.len());
        (integer(node, "layout", 0) == 0).then_some((made, work))
    }
}

fn axis_of(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis.checked_add(rank)? } else { axis };
    usize::try_from(axis).ok().filter(|_| axis < rank)
}

fn nonnegative(values: &[i64]) -> Option<Vec<u64>> {
    values.iter().map(|value| u64::try_from(*value).ok()).collect()
}

fn positive(values: &[i64]) -> Option<Vec<u64>> {
    nonnegative(values).filter(|values| !values.contains(&0))
}

/// NumPy's rule: from the last size on, equal or 1.
fn broadcast(a: &[u64], b: &[u64]) -> Option<Shape> {
    let rank = a.len().max(b.len());
    let size = |shape: &[u64], n: usize| {
        (n + shape.len()).checked_sub(rank).and_then(|n| shape.get(n).copied()).unwrap_or(1)
    };
    let both = |n| match (size(a, n), size(b, n)) {
        (x, y) if x == y => Some(x),
        (1, y) => Some(y),
        (x, 1) => Some(x),
        _ => None,
    };
    (0..rank).map(both).collect::<Option<Shape>>().filter(|shape| shape.len() <= RANK_MAX)
}

fn matmul(a: &[u64], b: &[u64]) -> Option<(Vec<Shape>, u64)> {
    let ([heads @ .., rows, inner], [others @ .., same, columns]) = (a, b) else { return None };
    if inner != same {
        return None;
    }
    let mut shape = broadcast(heads, others)?;
    shape.extend([*rows, *columns]);
    let work = elements(&shape)?.checked_mul(*inner)?;
    Some((vec![shape], work))
}

fn reshape(x: &[u64], to: &[i64], allow_zero: i64) -> Option<Shape> {
    let whole = elements(x)?;
    let mut shape = Vec::new();
    let mut open = None;
    for (n, size) in to.iter().enumerate() {
        shape.push(match size {
            -1 if open.replace(n).is_none() => 1,
            0 if allow_zero == 0 => *x.get(n)?,
            size => u64::try_from(*size).ok()?,
        });
    }
    let known = elements(&shape)?;
    if let Some(open) = open {
        let size =
            whole.checked_div(known).filter(|size| size.checked_mul(known) == Some(whole))?;
        *shape.get_mut(open)? = size;
    }
    (shape.len() <= RANK_MAX && elements(&shape)? == whole).then_some(shape)
}

fn squeeze(x: &[u64], axes: &[i64]) -> Option<Shape> {
    let axes: Option<Vec<usize>> = axes.iter().map(|axis| axis_of(*axis, x.len())).collect();
    let axes = axes?;
    let is_one = |axis: &usize| x.get(*axis) == Some(&1);
    let kept = x.iter().enumerate().filter(|(n, _)| !axes.contains(n)).map(|(_, size)| *size);
    axes.iter().all(is_one).then(|| kept.collect())
}

fn unsqueeze(x: &[u64], axes: &[i64]) -> Option<Shape> {
    let rank = x.len().checked_add(axes.len()).filter(|rank| *rank <= RANK_MAX)?;
    let axes: Option<Vec<usize>> = axes.iter().map(|axis| axis_of(*axis, rank)).collect();
    let (axes, mut sizes) = (axes?, x.iter());
    let size = |n| if axes.contains(&n) { Some(1) } else { sizes.next().copied() };
    (0..rank).map(size).collect()
}

fn transpose(x: &[u64], order: Option<&[i64]>) -> Option<Shape> {
    let Some(order) = order else { return Some(x.iter().rev().copied().collect()) };
    let mut order = nonnegative(order)?;
    let shape = order.iter().map(|n| x.get(usize::try_from(*n).ok()?).copied()).collect();
    order.sort_unstable();
    let is_order = order.into_iter().eq(0..x.len() as u64);
    if is_order { shape } else { None }
}

/// How many places a window has in each dimension of space.
fn windows(node: &Node<'_>, space: &[u64], kernel: &[u64]) -> Option<Shape> {
    let given = |name, default: u64, count| match integers(node, name) {
        Some(values) => nonnegative(values).filter(|values| values.len() == count),
        None => Some(vec![default; count]),
    };
    if !matches!(text(node, "auto_pad"), None | Some("NOTSET"))
        || integer(node, "ceil_mode", 0) != 0
    {
        return None;
    }
    let pads = given("pads", 0, space.len() * 2)?;
    let (strides, dilations) =
        (given("strides", 1, space.len())?, given("dilations", 1, space.len())?);
    let size = |n: usize| {
        let padded =
            space.get(n)?.checked_add(*pads.get(n)?)?.checked_add(*pads.get(n + space.len())?)?;
        let reach =
            kernel.get(n)?.checked_sub(1)?.checked_mul(*dilations.get(n)?)?.checked_add(1)?;
        padded.checked_sub(reach)?.checked_div(*strides.get(n)?)?.checked_add(1)
    };
    if kernel.len() != space.len() { None } else { (0..space.len()).map(size).collect() }
}
