//! Where the things of a picture stand: in layers from upstream to downstream, after Sugiyama,
//! Tagawa and Toda (1981): longest path for the layers, stand-ins for steps over several layers,
//! and sweeps of barycentres against crossings.

use crate::graph::Graph;
use std::collections::{BTreeMap, VecDeque};

/// Sweeps against crossings. After four there is little to gain on graphs of this size.
const SWEEPS: usize = 4;
/// Stand-ins: a picture with more steps over more layers than that is none.
const MAX_STAND_INS: usize = 20_000;

/// Layer and place of every node, and the way of every edge.
pub(crate) struct Layout {
    /// By index of the node: layer, place in it.
    pub(crate) places: Vec<(usize, usize)>,
    /// By index of the edge: the places that it goes by, ends among them.
    pub(crate) ways: Vec<Vec<(usize, usize)>>,
    /// Layers.
    pub(crate) layers: usize,
    /// Places of the fullest layer.
    pub(crate) widest: usize,
}

pub(crate) fn layout(graph: &Graph) -> Layout {
    let index: BTreeMap<_, _> = graph.nodes.iter().enumerate().map(|(i, n)| (&n.id, i)).collect();
    let ends: Vec<Option<(usize, usize)>> = graph
        .edges
        .iter()
        .map(|edge| index.get(&edge.from).copied().zip(index.get(&edge.to).copied()))
        .collect();
    let steps: Vec<(usize, usize)> =
        ends.iter().flatten().copied().filter(|(a, b)| a != b).collect();
    let layer = layers(graph.nodes.len(), &steps);
    // Every node, then the stand-ins.
    let mut layer_of = layer;
    let mut chains: Vec<Vec<usize>> = Vec::with_capacity(ends.len());
    for end in &ends {
        let Some((from, to)) = *end else {
            chains.push(Vec::new());
            continue;
        };
        let (low, high) = (at(&layer_of, from), at(&layer_of, to));
        let mut chain = vec![from];
        for between in low.saturating_add(1)..high {
            if layer_of.len() < graph.nodes.len().saturating_add(MAX_STAND_INS) {
                chain.push(layer_of.len());
                layer_of.push(between);
            }
        }
        chain.push(to);
        chains.push(chain);
    }
    let order = order(&layer_of, &chains);
    let place = |i: usize| (at(&layer_of, i), at(&order, i));
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    layer_of.iter().for_each(|layer| *counts.entry(*layer).or_default() += 1);
    Layout {
        places: (0..graph.nodes.len()).map(place).collect(),
        ways: chains.iter().map(|chain| chain.iter().copied().map(place).collect()).collect(),
        layers: counts.len(),
        widest: counts.values().copied().max().unwrap_or(0),
    }
}

fn at(list: &[usize], index: usize) -> usize {
    list.get(index).copied().unwrap_or(0)
}

/// The longest way to each node from where nothing leads. What lies on a circle is taken out of
/// it where it was met first.
fn layers(count: usize, steps: &[(usize, usize)]) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut open = vec![0usize; count];
    for &(from, to) in steps {
        if let (Some(list), Some(n)) = (after.get_mut(from), open.get_mut(to)) {
            list.push(to);
            *n += 1;
        }
    }
    let mut layer = vec![0usize; count];
    let mut is_done = vec![false; count];
    let mut ready: VecDeque<usize> = (0..count).filter(|&i| at(&open, i) == 0).collect();
    for _ in 0..count {
        let next = ready.pop_front().or_else(|| is_done.iter().position(|done| !done));
        let Some(node) = next else { break };
        let Some(done) = is_done.get_mut(node) else { break };
        if std::mem::replace(done, true) {
            continue;
        }
        let below = at(&layer, node).saturating_add(1);
        for &to in after.get(node).map_or(&[][..], Vec::as_slice) {
            let is_open = !is_done.get(to).copied().unwrap_or(true);
            if let (true, Some(place), Some(n)) = (is_open, layer.get_mut(to), open.get_mut(to)) {
                *place = (*place).max(below);
                *n = n.saturating_sub(1);
                if *n == 0 {
                    ready.push_back(to);
                }
            }
        }
    }
    layer
}

/// The place of each in its layer.
fn order(layer_of: &[usize], chains: &[Vec<usize>]) -> Vec<usize> {
    let deepest = layer_of.iter().copied().max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); deepest.saturating_add(1)];
    for (node, &layer) in layer_of.iter().enumerate() {
        if let Some(row) = rows.get_mut(layer) {
            row.push(node);
        }
    }
    let mut beside: Vec<Vec<usize>> = vec![Vec::new(); layer_of.len()];
    for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
        if let &[a, b] = pair {
            [(a, b), (b, a)].into_iter().for_each(|(x, y)| {
                if let Some(list) = beside.get_mut(x) {
                    list.push(y);
                }
            });
        }
    }
    let mut place = vec![0usize; layer_of.len()];
    let number = |rows: &[Vec<usize>], place: &mut Vec<usize>| {
        for (at, &node) in rows.iter().flat_map(|row| row.iter().enumerate()) {
            if let Some(found) = place.get_mut(node) {
                *found = at;
            }
        }
    };
    number(&rows, &mut place);
    for sweep in 0..SWEEPS {
        let turns: Vec<usize> = if sweep % 2 == 0 {
            (0..rows.len()).collect()
        } else {
            (0..rows.len()).rev().collect()
        };
        for turn in turns {
            let Some(row) = rows.get_mut(turn) else { continue };
            let near = |layer: usize| {
                if sweep % 2 == 0 { layer.saturating_add(1) == turn } else { layer == turn + 1 }
            };
            // Twice the mean, so that it needs no fractions: places are small.
            let weigh = |node: usize| {
                let list = beside.get(node).map_or(&[][..], Vec::as_slice);
                let near: Vec<usize> = list
                    .iter()
                    .filter(|&&n| near(at(layer_of, n)))
                    .map(|&n| at(&place, n))
                    .collect();
                match near.len() {
                    0 => at(&place, node).saturating_mul(1_000),
                    n => near.iter().sum::<usize>().saturating_mul(1_000) / n,
                }
            };
            row.sort_by_key(|&node| weigh(node));
            for (at, &node) in row.iter().enumerate() {
                if let Some(found) = place.get_mut(node) {
                    *found = at;
                }
            }
        }
    }
    place
}
