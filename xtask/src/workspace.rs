//! What the tasks share: where the repository is, its files, its packages, and running cargo.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The repository this xtask was built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Its root folder.
    pub(crate) root: PathBuf,
}

/// Why a task could not run. What a task finds wrong is a finding, not an error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XtaskError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// A program could not be started.
    #[error("cannot run `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program failed; it has said why.
    #[error("`{0}` failed")]
    Failed(String),
    /// Output of cargo or git that could not be read.
    #[error("cannot read the output of `{program}`: {reason}")]
    Output {
        /// The program.
        program: &'static str,
        /// Why.
        reason: String,
    },
    /// A settings file that could not be read.
    #[error("cannot read {file}: {reason}")]
    Settings {
        /// The file.
        file: &'static str,
        /// Why.
        reason: String,
    },
}

/// What is used of `cargo metadata`.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// All packages of the lock file that this platform may need.
    pub(crate) packages: Vec<Package>,
    /// Ids of our own packages.
    pub(crate) workspace_members: Vec<String>,
    /// Who depends on whom.
    pub(crate) resolve: Resolve,
    /// Where cargo builds.
    pub(crate) target_directory: PathBuf,
}

/// One package.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Its id in this output.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its licence, as an SPDX expression.
    pub(crate) license: Option<String>,
}

/// The resolved graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolve {
    /// One node per package.
    pub(crate) nodes: Vec<Node>,
}

/// A package in the graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    /// Its id.
    pub(crate) id: String,
    /// What it depends on.
    pub(crate) deps: Vec<Dep>,
}

/// An edge of the graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Dep {
    /// The id of what is depended on.
    pub(crate) pkg: String,
    /// In which ways.
    pub(crate) dep_kinds: Vec<DepKind>,
}

/// One way of depending.
#[derive(Debug, Deserialize)]
pub(crate) struct DepKind {
    /// `dev`, `build`, or none for a normal dependency.
    pub(crate) kind: Option<String>,
}

impl Workspace {
    /// The repository this xtask was built from.
    pub(crate) fn here() -> Self {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { root: own.parent().unwrap_or(own).to_path_buf() }
    }

    /// A file's text.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(&self, path: &str) -> Result<String, XtaskError> {
        Ok(fs_err::read_to_string(self.root.join(path))?)
    }

    /// Every file that is, or would be, in the repository, sorted.
    ///
    /// # Errors
    /// If git cannot list them.
    pub(crate) fn files(&self) -> Result<Vec<String>, XtaskError> {
        let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let output = self.run("git", &args, Stdio::piped())?;
        let text = utf8("git", output.stdout)?;
        let mut files: Vec<String> = text
            .split('\0')
            // A file may be deleted and not yet committed so.
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The packages and their graph, with the features CI builds.
    ///
    /// # Errors
    /// If cargo fails, or answers in another shape.
    pub(crate) fn metadata(&self) -> Result<Metadata, XtaskError> {
        let platform = "x86_64-unknown-linux-gnu";
        let args = ["metadata", "--format-version", "1", "--locked", "--filter-platform", platform];
        let output = self.run("cargo", &args, Stdio::piped())?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| XtaskError::Output { program: "cargo", reason: error.to_string() })
    }

    /// Runs cargo, which speaks for itself.
    ///
    /// # Errors
    /// If it fails.
    pub(crate) fn cargo(&self, args: &[&str]) -> Result<(), XtaskError> {
        self.run("cargo", args, Stdio::inherit()).map(drop)
    }

    /// What a program prints.
    ///
    /// # Errors
    /// If it fails, or prints something other than UTF-8.
    pub(crate) fn output(&self, program: &Path, args: &[&str]) -> Result<String, XtaskError> {
        let program = program.to_string_lossy();
        utf8("a program", self.run(&program, args, Stdio::piped())?.stdout)
    }

    fn run(&self, program: &str, args: &[&str], stdout: Stdio) -> Result<Output, XtaskError> {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root).stdout(stdout).stderr(Stdio::inherit());
        let output = command
            .output()
            .map_err(|source| XtaskError::Start { program: program.to_owned(), source })?;
        if !output.status.success() {
            return Err(XtaskError::Failed(format!("{program} {}", args.join(" "))));
        }
        Ok(output)
    }
}

fn utf8(program: &'static str, bytes: Vec<u8>) -> Result<String, XtaskError> {
    String::from_utf8(bytes)
        .map_err(|error| XtaskError::Output { program, reason: error.to_string() })
}
