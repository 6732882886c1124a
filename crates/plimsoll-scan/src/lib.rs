//! Judges model files without loading them: what a file would do to whoever loads it.
//!
//! Pickles are followed by a machine with a symbolic stack and judged by an allow-list;
//! containers are known by their bytes and not by their names, and looked into; what cannot be
//! read to its end, told apart or unpacked within bounds is a finding too.
//!
//! **Architecture invariant:** nothing here runs, unpickles or imports anything, opens a file or
//! a socket, or reads a clock. Memory and time are bounded by [`Limits`] and the input's length.

mod dispatch;
mod finding;
mod hdf5;
mod json;
mod numpy;
mod onnx;
mod packed;
mod pickle;
mod reader;
mod sarif;
mod scan;
mod tarball;
mod tensors;
mod text;
mod zip;

pub use finding::{Finding, Report, Rule, Severity};
pub use sarif::sarif;
pub use scan::Limits;

use scan::{Place, Scan};

/// A scan of files that belong together: a model and what is beside it.
#[derive(Debug)]
pub struct Scanner {
    scan: Scan,
}

impl Scanner {
    /// A scanner with these bounds.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { scan: Scan::new(limits) }
    }

    /// Looks at a file: `path` is how findings name it, and what its ending claims.
    pub fn file(&mut self, path: &str, bytes: &[u8]) {
        dispatch::content(&mut self.scan, &Place::file(path), bytes);
    }

    /// Reports what only a file system shows: a link at `path`, or a file that was not read.
    pub fn refuse(&mut self, rule: Rule, path: &str, why: &str) {
        self.scan.find(rule, &Place::file(path), 0, why);
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Report {
        let Scan { mut report, external, .. } = self.scan;
        // Raw tensors beside an ONNX model are known by that model alone.
        report.findings.retain(|finding| {
            finding.rule != Rule::UnknownContent
                || !finding.members.is_empty()
                || !external.contains(&finding.path)
        });
        report
    }
}

/// Scans one file.
#[must_use]
pub fn scan(path: &str, bytes: &[u8]) -> Report {
    let mut scanner = Scanner::new(Limits::default());
    scanner.file(path, bytes);
    scanner.finish()
}
