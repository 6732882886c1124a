//! What a model goes by over many rows, as data.

use plimsoll_explain::global::{FeatureReport, Report};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a report of a version is to be about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportQuery {
    /// Which output of a model with several, from 0; the first unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u32>,
}

/// A global explanation of one output of a model. Contributions and margins are in units of the
/// margin.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ModelReport {
    /// The model, for people.
    pub title: String,
    /// How contributions were found.
    pub method: String,
    /// The explainer pack.
    pub explainer_pack: String,
    /// Which output is explained, from 0.
    pub output: u64,
    /// How many outputs the model has.
    pub outputs: u64,
    /// Rows that were explained.
    pub rows: u64,
    /// Rows of the sample that single contributions and dependence are of.
    pub sampled: u64,
    /// The expected margin.
    pub base_value: f64,
    /// Every feature, the most important first.
    pub importance: Vec<Importance>,
    /// The most important features in detail.
    pub features: Vec<ReportedFeature>,
}

/// How much a feature matters.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Importance {
    /// The feature.
    pub name: String,
    /// Mean size of its contributions over all rows.
    pub mean_abs: f64,
}

/// A feature in detail. `values` and `contributions` go together and stand in the order of the
/// values, so that they do not tell which values one row has.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportedFeature {
    /// The feature.
    pub name: String,
    /// Mean size of its contributions over all rows.
    pub mean_abs: f64,
    /// Mean change of the margin when its values are dealt out to the rows anew.
    pub permutation: f64,
    /// Its value in each row of the sample; null where it is missing.
    pub values: Vec<Option<f64>>,
    /// Its contribution there.
    pub contributions: Vec<f64>,
    /// The margin, if every row had the same value.
    pub partial_dependence: PartialDependence,
}

/// Partial dependence (Friedman 2001), and the single rows that it is the mean of (Goldstein
/// and others 2015).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PartialDependence {
    /// Values of the feature.
    pub values: Vec<f64>,
    /// The mean margin of the sample at each.
    pub margins: Vec<f64>,
    /// The margins of some rows at each.
    pub single_rows: Vec<Vec<f64>>,
}

impl From<Report> for ModelReport {
    fn from(report: Report) -> Self {
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let important = |(name, mean_abs)| Importance { name, mean_abs };
        Self {
            title: report.title,
            method: report.method.to_owned(),
            explainer_pack: report.pack,
            output: wide(report.output),
            outputs: wide(report.outputs),
            rows: report.rows,
            sampled: wide(report.sampled),
            base_value: report.base,
            importance: report.importance.into_iter().map(important).collect(),
            features: report.features.into_iter().map(ReportedFeature::from).collect(),
        }
    }
}

impl From<FeatureReport> for ReportedFeature {
    fn from(feature: FeatureReport) -> Self {
        let mut points = feature.points;
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let present = |value: f64| Some(value).filter(|value| !value.is_nan());
        let (values, margins) = feature.dependence.into_iter().unzip();
        Self {
            name: feature.name,
            mean_abs: feature.mean_abs,
            permutation: feature.permutation,
            values: points.iter().map(|point| present(point.0)).collect(),
            contributions: points.iter().map(|point| point.1).collect(),
            partial_dependence: PartialDependence {
                values,
                margins,
                single_rows: feature.single_rows,
            },
        }
    }
}
