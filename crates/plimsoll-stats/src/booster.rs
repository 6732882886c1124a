//! A small gradient-boosted regression on histograms, leaf by leaf as LightGBM grows trees (Ke et
//! al. 2017), with its usual settings: 100 trees of at most 31 leaves, learning rate 0.1, twenty
//! rows in a leaf at least, 255 bins. Deterministic; what is missing goes where it helps.

use crate::special::{Sum, float};

/// Trees.
const TREES: usize = 100;
/// Leaves of a tree.
const LEAVES: usize = 31;
/// Rows of a leaf at least.
const ROWS_MIN: usize = 20;
/// What a tree adds of what it found.
const RATE: f64 = 0.1;
/// Bins of a column; the next number stands for a missing value.
const BINS: usize = 255;
const MISSING: u8 = 255;
/// Columns at most: as many as a model has features that somebody can name.
const MAX_COLUMNS: usize = 1_000;

/// A fitted model.
#[derive(Clone, PartialEq, Debug)]
pub struct Booster {
    base: f64,
    trees: Vec<Vec<Node>>,
    /// What the splits by each column explained.
    gains: Vec<f64>,
}

/// A place in a tree; the first is its root.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Node {
    Leaf(f64),
    Split { column: usize, most: f64, missing_left: bool, left: usize, right: usize },
}

/// A leaf that may be split.
struct Leaf {
    node: usize,
    rows: Vec<u32>,
    best: Option<Split>,
}

/// The best split of a leaf.
#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    column: usize,
    /// Bins up to this one go left.
    bin: u8,
    missing_left: bool,
}

/// Columns in bins.
struct Binned {
    /// By column, then row.
    bins: Vec<Vec<u8>>,
    /// The largest value of each bin, by column.
    edges: Vec<Vec<f64>>,
}

impl Booster {
    /// Fits columns of numbers (NaN is missing) to a target. `None` if lengths differ, there are
    /// too few rows to split once, too many columns, or a target that is no number.
    #[must_use]
    pub fn fit(columns: &[Vec<f64>], target: &[f64]) -> Option<Self> {
        let rows = target.len();
        let fits = columns.iter().all(|column| column.len() == rows);
        let is_number = target.iter().all(|value| value.is_finite());
        if !fits || !is_number || rows < 2 * ROWS_MIN || columns.len() > MAX_COLUMNS {
            return None;
        }
        u32::try_from(rows).ok()?;
        let binned = Binned::of(columns);
        let base = Sum::of(target.iter().copied()) / float(rows);
        let mut residuals: Vec<f64> = target.iter().map(|value| value - base).collect();
        let (mut trees, mut gains) = (Vec::new(), vec![0.0; columns.len()]);
        for _ in 0..TREES {
            let (tree, leaves) = grow(&binned, &residuals, &mut gains);
            if tree.len() < 2 {
                break;
            }
            for leaf in leaves {
                let Some(Node::Leaf(value)) = tree.get(leaf.node) else { continue };
                for row in leaf.rows {
                    if let Some(residual) = residuals.get_mut(row as usize) {
                        *residual -= value;
                    }
                }
            }
            trees.push(tree);
        }
        Some(Self { base, trees, gains })
    }

    /// The prediction for each row of these columns; none if they are not as many as were fitted.
    #[must_use]
    pub fn predict(&self, columns: &[Vec<f64>]) -> Vec<f64> {
        let rows = columns.first().map_or(0, Vec::len);
        if columns.len() != self.gains.len() {
            return Vec::new();
        }
        let value = |row: usize| {
            let each = self.trees.iter().map(|tree| fall(tree, columns, row));
            self.base + Sum::of(each)
        };
        (0..rows).map(value).collect()
    }

    /// What the splits by each column explained of the target's squares, over all trees.
    #[must_use]
    pub fn gains(&self) -> &[f64] {
        &self.gains
    }
}

/// The leaf that a row falls into.
fn fall(tree: &[Node], columns: &[Vec<f64>], row: usize) -> f64 {
    let mut place = 0;
    // A tree of so many leaves is no deeper.
    for _ in 0..=LEAVES {
        match tree.get(place) {
            Some(Node::Leaf(value)) => return *value,
            Some(Node::Split { column, most, missing_left, left, right }) => {
                let value = columns.get(*column).and_then(|column| column.get(row));
                let value = value.copied().unwrap_or(f64::NAN);
                let goes_left = if value.is_nan() { *missing_left } else { value <= *most };
                place = if goes_left { *left } else { *right };
            }
            None => return 0.0,
        }
    }
    0.0
}

impl Binned {
    fn of(columns: &[Vec<f64>]) -> Self {
        let edges: Vec<Vec<f64>> = columns.iter().map(|column| edges(column)).collect();
        let bin = |edges: &[f64], value: f64| {
            if value.is_nan() {
                return MISSING;
            }
            let place = edges.partition_point(|edge| *edge < value);
            u8::try_from(place.min(edges.len().saturating_sub(1))).unwrap_or(MISSING)
        };
        let bins = columns
            .iter()
            .zip(&edges)
            .map(|(column, edges)| column.iter().map(|value| bin(edges, *value)).collect())
            .collect();
        Self { bins, edges }
    }
}

/// The largest value of each bin: each value its own, or quantiles of all.
fn edges(column: &[f64]) -> Vec<f64> {
    let mut values: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let mut distinct = values.clone();
    distinct.dedup();
    if distinct.len() <= BINS {
        return distinct;
    }
    let at = |bin: usize| values.get((bin + 1) * values.len() / BINS - 1).copied();
    let mut edges: Vec<f64> = (0..BINS).filter_map(at).collect();
    edges.dedup();
    edges
}

/// A tree on residuals, with the rows of each of its leaves. What its splits explain is added to
/// `gains`, by column.
fn grow(binned: &Binned, residuals: &[f64], gains: &mut [f64]) -> (Vec<Node>, Vec<Leaf>) {
    let all: Vec<u32> = (0..residuals.len()).filter_map(|row| u32::try_from(row).ok()).collect();
    let mut tree = vec![Node::Leaf(RATE * mean(&all, residuals))];
    let best = best(binned, residuals, &all);
    let mut leaves = vec![Leaf { node: 0, rows: all, best }];
    while leaves.len() < LEAVES {
        let by_gain = |leaf: &(usize, &Leaf)| leaf.1.best.map_or(0.0, |split| split.gain);
        let wins = leaves.iter().enumerate().max_by(|a, b| by_gain(a).total_cmp(&by_gain(b)));
        let Some((place, split)) = wins.and_then(|(place, leaf)| Some((place, leaf.best?))) else {
            break;
        };
        let leaf = leaves.swap_remove(place);
        let Some(bins) = binned.bins.get(split.column) else { break };
        let goes_left = |row: &u32| match bins.get(*row as usize) {
            Some(&MISSING) | None => split.missing_left,
            Some(bin) => *bin <= split.bin,
        };
        let (left, right): (Vec<u32>, Vec<u32>) = leaf.rows.into_iter().partition(goes_left);
        if let Some(all) = gains.get_mut(split.column) {
            *all += split.gain;
        }
        let edges = binned.edges.get(split.column);
        let most = edges.and_then(|edges| edges.get(usize::from(split.bin)));
        let node = Node::Split {
            column: split.column,
            most: most.copied().unwrap_or(f64::INFINITY),
            missing_left: split.missing_left,
            left: tree.len(),
            right: tree.len() + 1,
        };
        if let Some(place) = tree.get_mut(leaf.node) {
            *place = node;
        }
        for rows in [left, right] {
            let node = tree.len();
            tree.push(Node::Leaf(RATE * mean(&rows, residuals)));
            let best = self::best(binned, residuals, &rows);
            leaves.push(Leaf { node, rows, best });
        }
    }
    (tree, leaves)
}

fn mean(rows: &[u32], residuals: &[f64]) -> f64 {
    let values = rows.iter().filter_map(|row| residuals.get(*row as usize).copied());
    Sum::of(values) / float(rows.len().max(1))
}

/// The split of these rows that explains most; `None` if none explains anything.
fn best(binned: &Binned, residuals: &[f64], rows: &[u32]) -> Option<Split> {
    if rows.len() < 2 * ROWS_MIN {
        return None;
    }
    let total: f64 = rows.iter().filter_map(|row| residuals.get(*row as usize)).sum();
    let whole = total * total / float(rows.len());
    let mut best: Option<Split> = None;
    for (column, bins) in binned.bins.iter().enumerate() {
        let mut counts = [(0_usize, 0.0_f64); BINS + 1];
        for row in rows {
            let (Some(bin), Some(residual)) =
                (bins.get(*row as usize), residuals.get(*row as usize))
            else {
                continue;
            };
            if let Some((count, sum)) = counts.get_mut(usize::from(*bin)) {
                *count += 1;
                *sum += residual;
            }
        }
        let missing = counts.last().copied().unwrap_or_default();
        for missing_left in [false, true] {
            if missing_left && missing.0 == 0 {
                continue;
            }
            let (mut count, mut sum) = if missing_left { missing } else { (0, 0.0) };
            for (bin, (here, part)) in counts.iter().take(BINS).enumerate() {
                if *here == 0 {
                    continue;
                }
                (count, sum) = (count + here, sum + part);
                let rest = rows.len() - count;
                if count < ROWS_MIN || rest < ROWS_MIN {
                    continue;
                }
                let other = total - sum;
                let gain = sum * sum / float(count) + other * other / float(rest) - whole;
                let is_more = gain > best.map_or(1e-12, |best| best.gain);
                if let Some(bin) = u8::try_from(bin).ok().filter(|_| is_more) {
                    best = Some(Split { gain, column, bin, missing_left });
                }
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generator without a crate: xorshift64*, as numbers from 0 to 1.
    fn random(seed: u64, count: usize) -> Vec<f64> {
        let mut state = seed;
        let mut next = || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn it_finds_a_step_and_a_slope_and_what_is_missing() {
        let (x, mut y) = (random(1, 4_000), random(2, 4_000));
        y.iter_mut().step_by(5).for_each(|value| *value = f64::NAN);
        let truth: Vec<f64> = x
            .iter()
            .zip(&y)
            .map(|(x, y)| if *x > 0.3 { 2.0 } else { 0.0 } + if y.is_nan() { 5.0 } else { *y })
            .collect();
        let (fit, test) = (3_000, 1_000);
        let part = |from: usize, count: usize| {
            vec![x[from..from + count].to_vec(), y[from..from + count].to_vec()]
        };
        let booster = Booster::fit(&part(0, fit), &truth[..fit]).unwrap();
        let found = booster.predict(&part(fit, test));
        let error =
            found.iter().zip(&truth[fit..]).map(|(a, b)| (a - b).abs()).sum::<f64>() / test as f64;
        assert!(error < 0.05, "{error}");
        assert_eq!(booster, Booster::fit(&part(0, fit), &truth[..fit]).unwrap(), "deterministic");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        assert!(Booster::fit(&[vec![0.0; 10]], &[0.0; 10]).is_none());
        assert!(Booster::fit(&[vec![0.0; 99]], &[0.0; 100]).is_none());
        assert!(Booster::fit(&[vec![0.0; 100]], &[f64::NAN; 100]).is_none());
        let flat = Booster::fit(&[vec![f64::NAN; 100]], &[3.0; 100]).unwrap();
        assert_eq!(flat.predict(&[vec![1.0, f64::NAN]]), [3.0, 3.0]);
        assert!(flat.predict(&[]).is_empty());
    }
}
