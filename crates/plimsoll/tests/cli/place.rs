//! A folder of its own to run commands in, without the environment of whoever runs the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder and the environment of its commands.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    env: Vec<(&'static str, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("temp"), env: vec![("TZ", "UTC".to_owned())] }
    }
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(name, content);
        self
    }
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).expect("write");
    }
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("read")
    }

    /// Runs the command; words are split at spaces.
    pub(crate) fn output(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("the binary runs")
    }

    /// Runs the command and tells all that came of it.
    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.output(line);
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
            text.replace(&self.folder.path().display().to_string(), "FOLDER")
        };
        let mut transcript = format!("$ plimsoll {line}\n");
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                transcript.push_str(&format!("--- {name}\n{}", text(bytes)));
            }
        }
        let code = output.status.code().expect("not killed");
        transcript.push_str(&format!("--- exit {code}\n"));
        transcript
    }

    /// Runs several commands, one after the other.
    pub(crate) fn session(&self, lines: &[&str]) -> String {
        lines.iter().map(|line| self.run(line)).collect::<Vec<_>>().join("\n")
    }
}

/// A file of this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
