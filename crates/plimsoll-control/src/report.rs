//! What a model version goes by over its background rows: a global explanation, for whoever
//! looks at a version before it is released.

use crate::bootstrap::Control;
use crate::compile::Files;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_explain::ExplainError;
use plimsoll_explain::global::{Report, Reporter};
use plimsoll_explain::shap::{Background, Scratch, TreeExplainer, TreeOptions};
use plimsoll_policy::Action;
use plimsoll_types::{Digest, Name};
use std::sync::Arc;

/// Rows explained at once: contributions of so many stay far below a MiB per output.
const BATCH_ROWS: usize = 512;

/// The report made last. Making one takes a core for up to some seconds, so one is made at a
/// time, and whoever asks for the same again is not made to wait.
pub(crate) type LastReport = Option<(Digest, usize, Arc<api::ModelReport>)>;

impl Control {
    /// What a version goes by over its background rows.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A version without a background, or of a
    /// model that is no ensemble of trees, has no report.
    pub fn report_version(
        &self,
        ctx: &RequestContext,
        model: &Name,
        number: u32,
        query: &api::ReportQuery,
    ) -> Result<Arc<api::ModelReport>, ControlError> {
        let (found, resource) = self.version_resource(ctx, model, number)?;
        self.may_read(ctx, Action::ReadVersion, &resource)?;
        let (_, version) = found
            .ok_or_else(|| ControlError::not_found("model version", format!("{model}/{number}")))?;
        let output = usize::try_from(query.output.unwrap_or_default()).unwrap_or(usize::MAX);
        let mut last = crate::act::lock(&self.last_report);
        if let Some((digest, of, report)) = &*last
            && (*digest, *of) == (version.digest, output)
        {
            return Ok(Arc::clone(report));
        }
        let files = self.store.read(|r| r.files(version.model, version.number))?;
        let loaded = self.compiler.model(&self.artifacts, &version, &files);
        let loaded = loaded.map_err(ControlError::conflict)?;
        let files = Files { artifacts: &self.artifacts, version: &version, files: &files };
        let background = files.background().map_err(ControlError::conflict)?;
        let rows = background.ok_or_else(|| unexplained(&ExplainError::NoBackground))?;
        let rows = rows.rows_of(&loaded).map_err(|error| unexplained(&error))?;
        let title = format!("{model}/{number}");
        let report = report(&loaded, &rows, output, &title).map_err(|error| match error {
            ExplainError::OverLimit { what: "output", .. } => {
                ControlError::invalid("output", error.to_string())
            }
            error => unexplained(&error),
        })?;
        let report = Arc::new(api::ModelReport::from(report));
        *last = Some((version.digest, output, Arc::clone(&report)));
        Ok(report)
    }
}

fn unexplained(error: &ExplainError) -> ControlError {
    ControlError::conflict(format!("the version has no report: {error}"))
}

fn report(
    model: &Arc<plimsoll_model::Model>,
    rows: &[Vec<f64>],
    output: usize,
    title: &str,
) -> Result<Report, ExplainError> {
    let background = Background::new(rows.concat(), model.feature_count())?;
    let options = TreeOptions { background: Some(&background), ..TreeOptions::default() };
    let explainer = Arc::new(TreeExplainer::new(Arc::clone(model), &options)?);
    let mut reporter = Reporter::new(Arc::clone(&explainer), output)?;
    let (mut values, mut margins, scratch) = (Vec::new(), Vec::new(), &mut Scratch::default());
    for batch in rows.chunks(BATCH_ROWS) {
        let inputs = batch.concat();
        values.resize(inputs.len() * explainer.outputs(), 0.0);
        margins.resize(batch.len() * explainer.outputs(), 0.0);
        explainer.explain_rows(&inputs, scratch, &mut values, &mut margins)?;
        reporter.add(&inputs, &values)?;
    }
    let named = model.feature_names().unwrap_or_default();
    let names: Vec<String> = named.iter().map(|name| name.to_string()).collect();
    reporter.finish(&names, title)
}
