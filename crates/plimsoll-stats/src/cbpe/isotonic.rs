//! Isotonic regression as scikit-learn fits and applies it.

use crate::special::float;

/// A rising curve through blocks of pooled values; between blocks it is a line, not a step.
#[derive(Clone, PartialEq, Debug)]
pub struct Isotonic {
    x: Vec<f64>,
    y: Vec<f64>,
}

/// Values of x that differ by less are one (scikit-learn: the resolution of its type).
const RESOLUTION: f64 = 1e-15;

impl Isotonic {
    /// Fits a curve to points, which come in any order; `None` without any.
    pub fn fit(points: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let mut points: Vec<(f64, f64)> = points.into_iter().collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // Equal x first become one point: their mean, with their weight.
        let mut unique: Vec<(f64, f64, f64)> = Vec::new();
        for (x, y) in points {
            match unique.last_mut() {
                Some(last) if x - last.0 < RESOLUTION => {
                    last.1 += y;
                    last.2 += 1.0;
                }
                _ => unique.push((x, y, 1.0)),
            }
        }
        // Blocks that fall are pooled (sum, weight, number of points).
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        for (_, sum, weight) in &unique {
            let mut block = (*sum, *weight, 1);
            while let Some(last) = blocks.last().filter(|last| last.0 / last.1 >= block.0 / block.1)
            {
                block = (last.0 + block.0, last.1 + block.1, last.2 + block.2);
                blocks.pop();
            }
            blocks.push(block);
        }
        let y = blocks
            .iter()
            .flat_map(|(sum, weight, count)| std::iter::repeat_n(sum / weight, *count));
        let curve = Self { y: y.collect(), x: unique.iter().map(|point| point.0).collect() };
        (!curve.x.is_empty()).then_some(curve)
    }

    /// The curve at `x`; beyond its ends it stays level.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        let place = self.x.partition_point(|known| *known < x);
        let point = |place: usize| Some((*self.x.get(place)?, *self.y.get(place)?));
        match (place.checked_sub(1).and_then(point), point(place)) {
            (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) / (x1 - x0) * (x - x0),
            (Some((_, y)), None) | (None, Some((_, y))) => y,
            (None, None) => f64::NAN,
        }
    }
}

/// The expected calibration error of scores over ten bins of equally many, as NannyML's: the
/// last bin takes what is left over.
pub(super) fn calibration_error(mut pairs: Vec<(f64, f64)>) -> f64 {
    let count = pairs.len();
    let bins = if count <= 20 { (count / 2).max(1) } else { 10 };
    let width = (count / bins).max(1);
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    // numpy's range of edges, the last moved to the end.
    let mut edges: Vec<usize> = (0..=count).step_by(width).collect();
    if let Some(last) = edges.last_mut() {
        *last = count;
    }
    let error = |edge: &[usize]| {
        let bin = match edge {
            [from, to] => pairs.get(*from..*to).unwrap_or_default(),
            _ => &[],
        };
        if bin.is_empty() {
            return 0.0;
        }
        let gap: f64 = bin.iter().map(|(score, outcome)| score - outcome).sum();
        float(bin.len()) / float(count) * (gap / float(bin.len())).abs()
    };
    edges.windows(2).map(error).sum()
}
