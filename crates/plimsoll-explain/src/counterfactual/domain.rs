//! The values that a changeable feature can take, cheapest first.

use super::Decided;
use crate::profile::{Change, FeatureProfile};
use plimsoll_contract::{Field, Kind};
use plimsoll_model::{Model, Node, Test};
use plimsoll_types::{Cell, Rows};

/// Values of one feature: sets of them are the bits of one number.
pub(super) const MAX_VALUES: usize = 128;
/// Values of a number that no tree tells apart: as many steps away on either side.
const GRID: usize = 24;
/// 2^53: integers up to here are exact.
const MAX_INTEGER: f64 = 9_007_199_254_740_992.0;

/// What a feature can become.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    /// Its place in the contract.
    pub(super) field: usize,
    /// Its place in a row of the model.
    pub(super) input: usize,
    /// The values, as cells; the first is the present one.
    pub(super) cells: Vec<Cell>,
    /// The same as the model reads them.
    pub(super) values: Vec<f64>,
    /// What it costs to have each: 0 for the present one, ascending.
    pub(super) costs: Vec<f64>,
}

/// The domains of everything that can change, in the order of the model's inputs.
pub(super) fn domains(decided: &Decided<'_>, inputs: &[f64]) -> Vec<Domain> {
    let places = decided.binding.places().iter().enumerate();
    let changeable = places.filter_map(|(input, place)| {
        let field = decided.contract.features.get(*place)?;
        let told = decided.profile.document().features.get(&field.name)?;
        if told.change == Change::Fixed {
            return None;
        }
        let present = decided.rows.row(decided.row).get(*place).copied()?;
        let now = *inputs.get(input)?;
        let values = Values { decided, field, told, input, place: *place, present, now };
        let domain = values.domain();
        (domain.cells.len() > 1).then_some(domain)
    });
    changeable.collect()
}

struct Values<'a> {
    decided: &'a Decided<'a>,
    field: &'a Field,
    told: &'a FeatureProfile,
    input: usize,
    place: usize,
    present: Cell,
    now: f64,
}

impl Values<'_> {
    fn domain(&self) -> Domain {
        let mut found: Vec<(f64, Cell, f64)> = match self.field.kind {
            Kind::Number | Kind::Integer => self.numbers(),
            Kind::Category => self.categories(),
            Kind::Boolean => [false, true]
                .into_iter()
                .map(|value| (2.0, Cell::Boolean(value)))
                .filter_map(|(cost, cell)| self.read(cost, cell))
                .collect(),
            Kind::String | Kind::Timestamp | Kind::Tensor => Vec::new(),
        };
        found.retain(|(_, cell, _)| *cell != self.present);
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.total_cmp(&b.2)));
        found.dedup_by(|a, b| a.1 == b.1);
        found.truncate(MAX_VALUES - 1);
        found.insert(0, (0.0, self.present, self.now));
        Domain {
            field: self.place,
            input: self.input,
            cells: found.iter().map(|one| one.1).collect(),
            values: found.iter().map(|one| one.2).collect(),
            costs: found.iter().map(|one| one.0).collect(),
        }
    }

    /// What the model reads for `cell`.
    fn read(&self, cost: f64, cell: Cell) -> Option<(f64, Cell, f64)> {
        let width = self.decided.rows.row(self.decided.row).len();
        let mut cells = vec![Cell::Null; width];
        *cells.get_mut(self.place)? = cell;
        let rows = Rows { width, cells, ..Rows::default() };
        let mut inputs = Vec::new();
        self.decided.binding.model_row(&rows, 0, &mut inputs);
        Some((cost, cell, *inputs.get(self.input)?))
    }

    fn categories(&self) -> Vec<(f64, Cell, f64)> {
        let allowed =
            self.field.values.iter().enumerate().filter(|(_, value)| {
                self.told.values.is_empty() || self.told.values.contains(value)
            });
        let cells = allowed.filter_map(|(place, _)| u32::try_from(place).ok().map(Cell::Category));
        cells.filter_map(|cell| self.read(2.0, cell)).collect()
    }

    fn numbers(&self) -> Vec<(f64, Cell, f64)> {
        let thresholds = thresholds(self.decided.model, self.input);
        let scale = self.scale(&thresholds);
        let step = self.step(scale);
        let mut wanted: Vec<f64> = Vec::new();
        if thresholds.is_empty() {
            let middle = if self.now.is_finite() { self.now } else { self.low().unwrap_or(0.0) };
            for steps in 1..=GRID {
                #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
                let away = steps as f64 * step;
                wanted.extend([middle - away, middle + away]);
            }
        }
        for threshold in thresholds {
            // The nearest of the grid on either side, and one more for a test of the other kind.
            let at = (threshold / step).floor();
            wanted.extend([at - 1.0, at, at + 1.0, at + 2.0].map(|steps| steps * step));
        }
        // The ends of the range, which the grid may not have.
        wanted.extend(self.low().into_iter().chain(self.high()));
        let now = self.now;
        let wanted = wanted.into_iter().map(tidy).filter(|value| self.allows(*value));
        let priced = wanted.filter_map(|value| {
            let away = if now.is_finite() { (value - now).abs() / scale } else { 1.0 };
            self.read(1.0 + away, self.cell(value))
        });
        priced.collect()
    }

    fn allows(&self, value: f64) -> bool {
        let field = self.field;
        let inside = field.min.is_none_or(|min| value >= min)
            && field.max.is_none_or(|max| value <= max)
            && field.exclusive_min.is_none_or(|min| value > min)
            && field.exclusive_max.is_none_or(|max| value < max)
            && value.abs() <= MAX_INTEGER;
        let whole = field.kind != Kind::Integer || value.fract() == 0.0;
        let direction = match self.told.change {
            _ if !self.now.is_finite() => true,
            Change::Any => true,
            Change::Up => value > self.now,
            Change::Down => value < self.now,
            Change::Fixed => false,
        };
        inside && whole && direction
    }

    #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53, so exact")]
    fn cell(&self, value: f64) -> Cell {
        if self.field.kind == Kind::Integer {
            Cell::Integer(value as i64)
        } else {
            Cell::Number(value)
        }
    }

    fn low(&self) -> Option<f64> {
        self.field.min
    }
    fn high(&self) -> Option<f64> {
        self.field.max
    }

    /// The unit of distances: the contract's range, else the span of the model's thresholds,
    /// else the value itself.
    fn scale(&self, thresholds: &[f64]) -> f64 {
        let range = self.high().zip(self.low()).map(|(high, low)| high - low);
        let span = thresholds.last().zip(thresholds.first()).map(|(last, first)| last - first);
        let scales = [range, span, Some(self.now.abs()), Some(1.0)];
        let usable = |scale: &f64| scale.is_finite() && *scale > 0.0;
        scales.into_iter().flatten().find(usable).unwrap_or(1.0)
    }

    /// The declared step; else a power of ten of about a thousandth of the scale.
    fn step(&self, scale: f64) -> f64 {
        let usual = 10_f64.powf((scale / 1000.0).log10().ceil());
        let usual = if self.field.kind == Kind::Integer { usual.max(1.0) } else { usual };
        self.told.step.unwrap_or(usual)
    }
}

/// A multiple of a step without the noise of its product: 0.15000000000000002 is 0.15.
fn tidy(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

/// The thresholds at which the model's trees tell values of an input apart, ascending.
fn thresholds(model: &Model, input: usize) -> Vec<f64> {
    let mut found = Vec::new();
    if model.pipeline().is_some() {
        return found;
    }
    for tree in model.trees() {
        for index in 0..tree.len() {
            let Some(Node::Split { feature, test, .. }) = tree.node(index) else { continue };
            if feature == input
                && let Test::Less(threshold) | Test::AtMost(threshold) | Test::Equal(threshold) =
                    test
            {
                found.push(threshold);
            }
        }
    }
    found.retain(|threshold| threshold.is_finite());
    found.sort_by(f64::total_cmp);
    found.dedup();
    found
}
