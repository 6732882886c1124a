//! `plimsoll scan`: looks through files and folders, and says what would harm who loads them.
//!
//! It walks and reads; what the bytes mean, `plimsoll-scan` knows.

use super::Context;
use crate::failure::Failure;
use crate::printer::{counted, printable};
use clap::Args;
use fs_err as fs;
use plimsoll_scan::{Limits, Report, Rule, Scanner, sarif};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Bytes of a file that is read into memory: what an artifact may have.
const MAX_FILE: u64 = 1 << 30;
/// Files of one scan.
const MAX_FILES: usize = 100_000;
/// Folders within folders.
const MAX_DEPTH: usize = 64;

/// Options of `scan`.
#[derive(Args, Debug)]
pub(crate) struct ScanArgs {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print SARIF 2.1.0, which code hosts show
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
    /// Write the report to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &ScanArgs) -> Result<(), Failure> {
    let mut walk = Walk { scanner: Scanner::new(Limits::default()), files: 0 };
    for path in &args.paths {
        // What is named is followed; what is found within is not.
        let root = fs::canonicalize(path)?;
        walk.look(&root, path, path, 0)?;
    }
    if walk.files == 0 {
        return Err(Failure::user("there is no file to look at"));
    }
    let report = walk.scanner.finish();
    let text = match (args.sarif, context.printer.is_json()) {
        (true, _) => format!("{:#}\n", sarif(&report, env!("CARGO_PKG_VERSION"))),
        (_, true) => json(&report)?,
        _ => text(&report),
    };
    match &args.output {
        Some(path) => fs::write(path, text)?,
        None => context.printer.data(&text)?,
    }
    match report.findings.len() {
        0 => Ok(()),
        findings => Err(Failure::no(counted(findings_u64(findings), "finding"))),
    }
}

fn findings_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

struct Walk {
    scanner: Scanner,
    files: usize,
}

impl Walk {
    fn look(
        &mut self,
        root: &Path,
        path: &Path,
        named: &Path,
        depth: usize,
    ) -> Result<(), Failure> {
        let shown = path.to_string_lossy().replace('\\', "/");
        let is_named = path == named;
        let found = if is_named { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
        if found.is_symlink() {
            // A link to what is looked at anyway, as caches of models have them, is no way out.
            let target = fs::canonicalize(path).ok();
            if target.is_none_or(|target| !target.starts_with(root)) {
                self.scanner.refuse(Rule::Link, &shown, "it is a link that leads out");
            }
            return Ok(());
        }
        if found.is_dir() {
            return self.folder(root, path, named, depth, &shown);
        }
        self.files += 1;
        if self.files > MAX_FILES {
            self.scanner.refuse(Rule::Limit, &shown, "there are more files than a scan looks at");
        } else if !found.is_file() {
            self.scanner.refuse(Rule::Unreadable, &shown, "it is no file that can be read");
        } else if found.len() > MAX_FILE {
            self.scanner.refuse(Rule::Limit, &shown, "it is larger than a scan reads");
        } else {
            let mut bytes = Vec::new();
            fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
            self.scanner.file(&shown, &bytes);
        }
        Ok(())
    }

    fn folder(
        &mut self,
        root: &Path,
        path: &Path,
        named: &Path,
        depth: usize,
        shown: &str,
    ) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            self.scanner.refuse(Rule::TooDeep, shown, "folders are nested too deep");
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            entries.push(entry?.path());
            if entries.len() > MAX_FILES {
                break;
            }
        }
        entries.sort();
        for entry in entries {
            self.look(root, &entry, named, depth + 1)?;
            if self.files > MAX_FILES {
                break;
            }
        }
        Ok(())
    }
}

fn json(report: &Report) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| Failure::ours("could not write JSON").because(error))?;
    Ok(text + "\n")
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let place = printable(&finding.place());
        text.push_str(&format!("{:8}  {}  {place}\n", finding.severity, finding.rule));
        text.push_str(&format!("          {}\n", printable(&finding.why)));
        text.push_str(&format!("          {}\n\n", finding.help));
    }
    let looked = format!("{} files and members, {} bytes", report.looked_at, report.bytes);
    match report.worst() {
        None => text.push_str(&format!("nothing found in {looked}\n")),
        Some(worst) => {
            let findings = counted(findings_u64(report.findings.len()), "finding");
            text.push_str(&format!("{findings} in {looked}; the worst is {worst}\n"));
        }
    }
    text
}
