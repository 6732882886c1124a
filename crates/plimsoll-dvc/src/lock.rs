//! `dvc.lock`: what each stage last ran with and made. `dvc.yaml`: the models it declares.

use crate::tracked::{MAX_OUTPUTS, Out, Output};
use crate::yaml::{DvcError, read, within};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Stages of one lock.
const MAX_STAGES: usize = 10_000;

/// What a stage last ran with and made.
#[derive(Debug, Clone, PartialEq)]
pub struct LockedStage {
    /// What was run; several lines for several commands.
    pub command: String,
    /// What it read.
    pub inputs: Vec<Output>,
    /// What it made.
    pub outputs: Vec<Output>,
    /// Parameters by file and dotted name.
    pub parameters: BTreeMap<String, Value>,
}

/// A `dvc.lock`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lock {
    /// The stages, by name; those of a loop are `stage@item`.
    pub stages: BTreeMap<String, LockedStage>,
}

/// A model that `dvc.yaml` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineModel {
    /// Its path, as seen from the root of the repository.
    pub path: String,
    /// What it is, as `model`.
    pub kind: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// A `dvc.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pipeline {
    /// The names of its stages, before loops are expanded.
    pub stages: Vec<String>,
    /// Declared artifacts, by name.
    pub models: BTreeMap<String, PipelineModel>,
}

#[derive(Deserialize)]
struct File {
    schema: String,
    #[serde(default)]
    stages: BTreeMap<String, Stage>,
}

#[derive(Deserialize)]
struct Stage {
    #[serde(default)]
    cmd: Command,
    #[serde(default)]
    deps: Vec<Out>,
    #[serde(default)]
    outs: Vec<Out>,
    #[serde(default)]
    params: BTreeMap<String, BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Command {
    One(String),
    Many(Vec<String>),
}

impl Default for Command {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Lock {
    /// Reads a `dvc.lock` that stands in `folder` (seen from the root, empty for the root).
    ///
    /// # Errors
    /// [`DvcError`].
    pub fn read(text: &str, folder: &str) -> Result<Self, DvcError> {
        let file: File = read(text, "dvc.lock")?;
        if file.schema != "2.0" {
            return Err(DvcError::Schema);
        }
        if file.stages.len() > MAX_STAGES {
            return Err(DvcError::TooMany(MAX_STAGES));
        }
        let stage = |(name, stage): (String, Stage)| Ok((name, stage.read(folder)?));
        let stages = file.stages.into_iter().map(stage).collect::<Result<_, DvcError>>()?;
        Ok(Self { stages })
    }
}

impl Stage {
    fn read(self, folder: &str) -> Result<LockedStage, DvcError> {
        if self.deps.len() > MAX_OUTPUTS || self.outs.len() > MAX_OUTPUTS {
            return Err(DvcError::TooMany(MAX_OUTPUTS));
        }
        let outputs = |outs: Vec<Out>| {
            outs.into_iter().map(|out| out.read(folder)).collect::<Result<Vec<_>, _>>()
        };
        let parameters = self.params.into_iter().flat_map(|(file, values)| {
            values.into_iter().map(move |(name, value)| (format!("{file}:{name}"), value))
        });
        Ok(LockedStage {
            command: match self.cmd {
                Command::One(one) => one,
                Command::Many(many) => many.join("\n"),
            },
            inputs: outputs(self.deps)?,
            outputs: outputs(self.outs)?,
            parameters: parameters.collect(),
        })
    }
}

#[derive(Deserialize)]
struct Declared {
    #[serde(default)]
    stages: BTreeMap<String, Value>,
    #[serde(default)]
    artifacts: BTreeMap<String, Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    path: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    desc: Option<String>,
}

impl Pipeline {
    /// Reads a `dvc.yaml` that stands in `folder`. Templates are not expanded: the lock has
    /// what came of them.
    ///
    /// # Errors
    /// [`DvcError`].
    pub fn read(text: &str, folder: &str) -> Result<Self, DvcError> {
        let file: Declared = read(text, "dvc.yaml")?;
        if file.stages.len() > MAX_STAGES || file.artifacts.len() > MAX_STAGES {
            return Err(DvcError::TooMany(MAX_STAGES));
        }
        let model = |(name, one): (String, Artifact)| {
            let path = within(folder, &one.path)?;
            Ok((name, PipelineModel { path, kind: one.kind, description: one.desc }))
        };
        let models = file.artifacts.into_iter().map(model).collect::<Result<_, DvcError>>()?;
        Ok(Self { stages: file.stages.into_keys().collect(), models })
    }
}
