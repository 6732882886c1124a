//! What explains the decisions of a served model version, whatever its method.

use crate::background::BackgroundFile;
use crate::error::ExplainError;
use crate::explanation::FeatureGroups;
use crate::profile::CompiledProfile;
use crate::shap::{Scratch, TreeExplainer, TreeOptions};
use plimsoll_model::Model;
use plimsoll_types::Digest;
use plimsoll_types::record::{ExplainMethod, ExplainedRow, Explanation};
use std::fmt;
use std::sync::Arc;

/// Explains the rows of one model version in the features of one contract.
pub struct Explainer {
    trees: TreeExplainer,
    digest: Digest,
}

impl Explainer {
    /// Prepares to explain `model`, whose feature `i` is fed by feature `places[i]` of a
    /// contract with `features` features. With a background, absent features take its values;
    /// without, those of the training rows that reached each node.
    ///
    /// # Errors
    /// [`ExplainError`] if the model cannot be explained so.
    pub fn new(
        model: &Arc<Model>,
        places: &[usize],
        features: usize,
        background: Option<&BackgroundFile>,
    ) -> Result<Self, ExplainError> {
        let background = background.map(|file| file.rows_of(model)).transpose()?;
        let options = TreeOptions {
            background: background.as_ref(),
            groups: Some(FeatureGroups::new(places, features)?),
            ..TreeOptions::default()
        };
        let trees = TreeExplainer::new(Arc::clone(model), &options)?;
        let digest = trees.digest();
        Ok(Self { trees, digest })
    }

    /// What explanations are computed from, named by its contents.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// How explanations are computed.
    #[must_use]
    pub fn method(&self) -> ExplainMethod {
        self.trees.method().into()
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

    /// Explains the next row: appends contributions and reasons to `explanation`. `row` has
    /// the model's inputs, `answer` the model's answer for it. What is explained is the margin
    /// of the profile's output, or of the greatest number of the answer.
    ///
    /// # Errors
    /// [`ExplainError`] if the row cannot be explained; `explanation` is then as before.
    pub fn explain(
        &self,
        row: &[f32],
        answer: &[f64],
        profile: Option<&CompiledProfile>,
        scratch: &mut Scratch,
        explanation: &mut Explanation,
    ) -> Result<(), ExplainError> {
        let explained = self.trees.explain_row(row, scratch)?;
        let rule = profile.and_then(CompiledProfile::decision);
        let output = rule.map_or_else(|| greatest(answer), |rule| rule.output.into());
        // One margin may stand for several answers: that of the last of them.
        let margin = output.min(explained.outputs().saturating_sub(1));
        let place = u32::try_from(explanation.rows.len()).unwrap_or(u32::MAX);
        explanation.rows.push(ExplainedRow {
            output: u16::try_from(margin).unwrap_or(u16::MAX),
            base: explained.base.get(margin).copied().unwrap_or_default(),
            margin: explained.margins.get(margin).copied().unwrap_or_default(),
        });
        let contributions = explained.of(margin);
        explanation.contributions.extend_from_slice(contributions);
        if let Some(profile) = profile {
            let value = answer.get(output).copied().unwrap_or_default();
            profile.reasons(place, contributions, value, &mut explanation.reasons);
        }
        Ok(())
    }
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
