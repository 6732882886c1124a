//! What explains the decisions of a served model version, whatever its method.

use crate::background::BackgroundFile;
use crate::error::ExplainError;
use crate::explanation::{self, FeatureGroups, Method, Quality};
use crate::linear::LinearExplainer;
use crate::permutation::permutation;
use crate::profile::CompiledProfile;
use crate::shap::{Scratch, TreeExplainer, TreeOptions};
use aws_lc_rs::digest::{Context, SHA256};
use plimsoll_model::Model;
use plimsoll_types::Digest;
use plimsoll_types::record::{ExplainMethod, ExplainedRow, Explanation};
use std::fmt;
use std::sync::Arc;

/// Background rows that a model which can only be asked is held against: each coalition of
/// features costs as many calls.
const ASKED_BACKGROUND: usize = 32;
/// Orders of features, there and back, that such a model is walked through.
const ASKED_ORDERS: usize = 4;

/// Memory that one explanation after the other reuses.
#[derive(Debug)]
pub struct Room {
    trees: Scratch,
    other: explanation::Explanation,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            trees: Scratch::default(),
            other: explanation::Explanation::empty(Method::Linear, Quality::Exact),
        }
    }
}

/// A row to explain.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The model's inputs.
    pub inputs: &'a [f64],
    /// The model's answer for them.
    pub answer: &'a [f64],
    /// What chance depends on where there is any: the decision's id.
    pub seed: [u8; 16],
}

/// Explains the rows of one model version in the features of one contract.
pub struct Explainer {
    way: Way,
    digest: Digest,
}

enum Way {
    Trees(Box<TreeExplainer>),
    Linear(LinearExplainer),
    /// The model can only be asked.
    Asked {
        model: Arc<Model>,
        groups: FeatureGroups,
        background: Vec<Vec<f64>>,
    },
}

impl Explainer {
    /// Prepares to explain `model`, whose feature `i` is fed by feature `places[i]` of a
    /// contract with `features` features. With a background, absent features take its values;
    /// without, trees are explained by the training rows that reached each node.
    ///
    /// # Errors
    /// [`ExplainError`] if the model cannot be explained so.
    pub fn new(
        model: &Arc<Model>,
        places: &[usize],
        features: usize,
        background: Option<&BackgroundFile>,
    ) -> Result<Self, ExplainError> {
        let groups = FeatureGroups::new(places, features)?;
        let rows = background.map(|file| file.rows_of(model)).transpose()?;
        if model.trees().len() > 0 {
            let background = background.map(|file| file.background_of(model)).transpose()?;
            let options = TreeOptions {
                background: background.as_ref(),
                groups: Some(groups),
                ..TreeOptions::default()
            };
            let trees = TreeExplainer::new(Arc::clone(model), &options)?;
            let digest = trees.digest();
            return Ok(Self { way: Way::Trees(Box::new(trees)), digest });
        }
        let rows = rows.ok_or(ExplainError::NoBackground)?;
        let digest = digest(model, &groups, &rows);
        if model.linear().is_some() {
            let linear = LinearExplainer::new(Arc::clone(model), groups, &rows)?;
            return Ok(Self { way: Way::Linear(linear), digest });
        }
        let background = spread(rows);
        let way = Way::Asked { model: Arc::clone(model), groups, background };
        Ok(Self { way, digest })
    }

    /// What explanations are computed from, named by its contents.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// How explanations are computed.
    #[must_use]
    pub fn method(&self) -> ExplainMethod {
        match &self.way {
            Way::Trees(trees) => trees.method().into(),
            Way::Linear(_) => ExplainMethod::Linear,
            Way::Asked { .. } => ExplainMethod::Permutation,
        }
    }
    /// An explanation of no row yet.
    #[must_use]
    pub fn begin(&self, profile: Option<&CompiledProfile>) -> Explanation {
        Explanation {
            pack: Some(self.digest),
            profile: profile.map(CompiledProfile::digest),
            ..Explanation::new(self.method())
        }
    }

    /// Explains the next row: appends contributions and reasons to `explanation`. What is
    /// explained is the margin of the profile's output, or of the greatest number of the
    /// answer.
    ///
    /// # Errors
    /// [`ExplainError`] if the row cannot be explained; `explanation` is then as before.
    pub fn explain(
        &self,
        row: Row<'_>,
        profile: Option<&CompiledProfile>,
        room: &mut Room,
        explanation: &mut Explanation,
    ) -> Result<(), ExplainError> {
        let rule = profile.and_then(CompiledProfile::decision);
        let output = rule.map_or_else(|| greatest(row.answer), |rule| rule.output.into());
        let found = self.find(row, output, room)?;
        // One margin may stand for several answers: that of the last of them.
        let margin = output.min(found.outputs().saturating_sub(1));
        let place = u32::try_from(explanation.rows.len()).unwrap_or(u32::MAX);
        explanation.rows.push(ExplainedRow {
            output: u16::try_from(margin).unwrap_or(u16::MAX),
            base: found.base.get(margin).copied().unwrap_or_default(),
            margin: found.margins.get(margin).copied().unwrap_or_default(),
        });
        let contributions = found.of(margin);
        explanation.contributions.extend_from_slice(contributions);
        if let Some(profile) = profile {
            let value = row.answer.get(output).copied().unwrap_or_default();
            profile.reasons(place, contributions, value, &mut explanation.reasons);
        }
        Ok(())
    }

    fn find<'r>(
        &self,
        row: Row<'_>,
        output: usize,
        room: &'r mut Room,
    ) -> Result<&'r explanation::Explanation, ExplainError> {
        match &self.way {
            Way::Trees(trees) => trees.explain_row(row.inputs, &mut room.trees),
            Way::Linear(linear) => {
                room.other = linear.explain_row(row.inputs)?;
                Ok(&room.other)
            }
            Way::Asked { model, groups, background } => {
                room.other = ask(model, groups, background, row, output)?;
                Ok(&room.other)
            }
        }
    }
}

/// Explains one margin of a model that can only be asked.
fn ask(
    model: &Model,
    groups: &FeatureGroups,
    background: &[Vec<f64>],
    row: Row<'_>,
    output: usize,
) -> Result<explanation::Explanation, ExplainError> {
    let outputs = model.margin_count();
    let margin = output.min(outputs.saturating_sub(1));
    let mut margins = Vec::new();
    let mut asked = |rows: &[f64], count: usize, out: &mut [f64]| {
        margins.clear();
        margins.resize(count * outputs, 0.0);
        model.margins_batch(rows, count, &mut margins)?;
        for (out, margins) in out.iter_mut().zip(margins.chunks_exact(outputs.max(1))) {
            *out = margins.get(margin).copied().unwrap_or_default();
        }
        Ok(())
    };
    let order = 2 * row.inputs.len().max(1) * background.len();
    let budget = 2 * background.len() + ASKED_ORDERS * order;
    let found = permutation(&mut asked, row.inputs, background, budget, row.seed)?;
    let mut values = vec![0.0; groups.count()];
    for (place, value) in groups.places().iter().zip(&found.values) {
        if let Some(slot) = values.get_mut(*place) {
            *slot += value;
        }
    }
    let found = explanation::Explanation { features: groups.count(), values, ..found };
    found.check(0)?;
    Ok(found)
}

/// Some rows of all, evenly spread, so that equal files give equal explanations.
fn spread(rows: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let step = rows.len().div_ceil(ASKED_BACKGROUND).max(1);
    rows.into_iter().step_by(step).collect()
}

/// Names what a model without tables is explained from.
fn digest(model: &Model, groups: &FeatureGroups, rows: &[Vec<f64>]) -> Digest {
    let mut hash = Context::new(&SHA256);
    hash.update(b"plimsoll explainer 1\0");
    hash.update(model.objective().as_bytes());
    for place in groups.places() {
        hash.update(&(*place as u64).to_le_bytes());
    }
    for margin in 0..model.margin_count() {
        let coefficients = model.linear().map(|linear| linear.coefficients(margin));
        for coefficient in coefficients.unwrap_or_default() {
            hash.update(&coefficient.to_le_bytes());
        }
    }
    for value in rows.iter().flatten() {
        hash.update(&value.to_le_bytes());
    }
    let bytes = hash.finish();
    Digest::from_bytes(bytes.as_ref().try_into().unwrap_or([0; 32]))
}

/// The place of the greatest number; the first of equal ones.
fn greatest(answer: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in answer.iter().enumerate() {
        if answer.get(best).is_some_and(|most| value > most) {
            best = place;
        }
    }
    best
}

impl fmt::Debug for Explainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explainer")
            .field("method", &self.method())
            .field("digest", &self.digest.short())
            .finish_non_exhaustive()
    }
}
