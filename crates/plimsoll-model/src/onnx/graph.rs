//! A graph as it is run: values by number, operators in order. It must not know messages.

use super::node::Operator;
use super::tensor::{Data, Tensor, Trouble};
use super::trees;
use crate::ensemble::Ensemble;
use crate::error::PredictError;

/// Elements made in one run, over all tensors: what one block of rows may take of memory.
const ELEMENTS_MAX: usize = 1 << 24;

/// Multiplications and elements of one row: some 50 ms, the longest a row may take.
const WORK_MAX: u64 = 1 << 26;

/// An operator and the values it takes and makes.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) operator: Operator,
    /// `None` where an optional operand is left out.
    pub(super) inputs: Vec<Option<usize>>,
    /// `None` where nothing uses what it makes.
    pub(super) outputs: Vec<Option<usize>>,
    /// Its place in the file, for messages.
    pub(super) place: usize,
}

/// An input of the graph: so many columns of one type.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) value: usize,
    pub(super) columns: usize,
    pub(super) kind: Kind,
    /// Whether it has one dimension only: as many elements as rows.
    pub(super) is_flat: bool,
}

/// The element type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    Double,
    Integer,
    Truth,
    Text,
}

/// A graph that was checked and tried.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(super) inputs: Vec<Input>,
    pub(super) steps: Vec<Step>,
    /// Values that stand in the file.
    pub(super) constants: Vec<Option<Tensor>>,
    pub(super) output: usize,
    /// Columns of the output.
    pub(super) width: usize,
    /// Rows of one run.
    pub(super) batch: usize,
    /// Columns of a row.
    pub(super) columns: usize,
    /// Ensembles that operators name by their place.
    pub(super) ensembles: Vec<Ensemble>,
    /// The ensemble whose sums are the margins, and the column that each of its columns is.
    pub(super) sole: Option<(usize, Vec<usize>)>,
}

/// Why a run ended: at which operator, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) place: usize,
    pub(super) trouble: Trouble,
}

impl Graph {
    /// Outputs of rows, row-major.
    pub(crate) fn predict(&self, rows: &[f64], out: &mut [f64]) -> Result<(), PredictError> {
        let width = self.width.max(1);
        let blocks = rows.chunks(self.columns.max(1) * self.batch);
        for (rows, out) in blocks.zip(out.chunks_mut(width * self.batch)) {
            let made = self.run(rows, rows.len() / self.columns.max(1), false, |_, _| {});
            let tensor = made.map_err(|stop| match stop.trouble {
                Trouble::NoCategory => PredictError::NoCategoryAt { operator: stop.place },
                Trouble::Misfit(problem) => {
                    PredictError::Operator { operator: stop.place, problem }
                }
            })?;
            let values = tensor.doubles().unwrap_or_default();
            if values.len() != out.len() {
                let problem = "the output has another size for these values";
                return Err(PredictError::Operator { operator: self.steps.len(), problem });
            }
            out.copy_from_slice(&values);
        }
        Ok(())
    }

    /// Values per row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The ensemble whose sums are the margins, if the graph has one and nothing but a choice of
    /// columns stands before it; and the feature that each of its columns is.
    pub(crate) fn sole(&self) -> Option<(&Ensemble, &[usize])> {
        let (place, columns) = self.sole.as_ref()?;
        Some((self.ensembles.get(*place)?, columns))
    }

    /// Runs `count` rows. With `lenient`, unknown categories are passed over: a try with made-up
    /// values. `visit` sees every operator before it runs.
    pub(super) fn run(
        &self,
        rows: &[f64],
        count: usize,
        lenient: bool,
        mut visit: impl FnMut(&Operator, &[Option<&Tensor>]),
    ) -> Result<Tensor, Stop> {
        let mut values: Vec<Option<Tensor>> = Vec::new();
        values.resize_with(self.constants.len(), || None);
        let mut first = 0;
        for input in &self.inputs {
            let tensor = input.feed(rows, first, self.columns, count);
            first += input.columns;
            let tensor = tensor.map_err(|trouble| Stop { place: 0, trouble })?;
            if let Some(slot) = values.get_mut(input.value) {
                *slot = Some(tensor);
            }
        }
        let (mut elements, mut work) = (0_usize, 0_u64);
        let work_max = WORK_MAX.saturating_mul(u64::try_from(count).unwrap_or(1));
        for step in &self.steps {
            let stop = |trouble| Stop { place: step.place, trouble };
            let operands: Vec<Option<&Tensor>> =
                step.inputs.iter().map(|input| self.value(&values, (*input)?)).collect();
            visit(&step.operator, &operands);
            work = work.saturating_add(step.operator.work(&operands, &self.ensembles));
            if work > work_max {
                return Err(stop(Trouble::Misfit("the graph takes more than 2^26 steps a row")));
            }
            let made = step.operator.run(&operands, &self.ensembles, lenient).map_err(stop)?;
            for (tensor, output) in made.into_iter().zip(&step.outputs) {
                elements = elements.saturating_add(tensor.data.len());
                if elements > ELEMENTS_MAX {
                    return Err(stop(Trouble::Misfit("the graph makes more than 2^24 elements")));
                }
                if let Some(slot) = output.and_then(|output| values.get_mut(output)) {
                    *slot = Some(tensor);
                }
            }
        }
        let output = self.value(&values, self.output).cloned();
        let missing = Stop { place: 0, trouble: Trouble::Misfit("the output is never made") };
        output.ok_or(missing)
    }

    fn value<'a>(&'a self, values: &'a [Option<Tensor>], at: usize) -> Option<&'a Tensor> {
        values.get(at)?.as_ref().or_else(|| self.constants.get(at)?.as_ref())
    }
}

impl Input {
    /// The input's columns of every row as a tensor.
    fn feed(
        &self,
        rows: &[f64],
        first: usize,
        width: usize,
        count: usize,
    ) -> Result<Tensor, Trouble> {
        let cells = rows
            .chunks(width.max(1))
            .flat_map(|row| row.get(first..first + self.columns).unwrap_or_default())
            .copied();
        let shape = if self.is_flat { vec![count] } else { vec![count, self.columns] };
        let missing = Trouble::Misfit("a value is missing where only whole numbers go");
        #[expect(clippy::cast_possible_truncation, reason = "rounding and cutting are meant")]
        let data = match self.kind {
            Kind::Single => Data::Single(cells.map(|value| value as f32).collect()),
            Kind::Double => Data::Double(cells.collect()),
            Kind::Truth => Data::Truth(cells.map(|value| value != 0.0).collect()),
            // A missing text is no known text.
            Kind::Text => {
                let code = |value: f64| if value.is_nan() { -1 } else { value as i64 };
                Data::Text(cells.map(code).collect())
            }
            Kind::Integer => {
                let whole = |value: f64| (!value.is_nan()).then_some(value as i64);
                Data::Integer(cells.map(whole).collect::<Option<_>>().ok_or(missing)?)
            }
        };
        Tensor::new(shape, data)
    }
}

impl Operator {
    /// Labels and scores of trees.
    pub(super) fn run_trees(
        ensemble: &Ensemble,
        finish: &trees::Finish,
        tensor: &Tensor,
    ) -> Result<Vec<Tensor>, Trouble> {
        let (label, scores) = trees::run(ensemble, finish, tensor)?;
        Ok(label.into_iter().chain([scores]).collect())
    }
}
