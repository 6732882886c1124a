//! Documents that are generated from the binary: written, or compared with what is committed.

use crate::workspace::{Workspace, XtaskError};

/// The documents, and the hidden or plain command that prints each.
const GENERATED: &[(&str, &str)] =
    &[("docs/openapi.json", "openapi"), ("docs/cli.md", "help-markdown")];

/// Writes the generated documents; with `check`, finds those that differ.
///
/// # Errors
/// If the binary does not build or run, or a document cannot be written.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<Vec<String>, XtaskError> {
    let mut findings = Vec::new();
    // As the tests are built: of one package alone, cargo would choose other features of what it
    // depends on, and build that a second time.
    workspace.cargo(&["test", "--release", "--quiet", "--locked", "--workspace", "--no-run"])?;
    let binary = workspace.metadata()?.target_directory.join("release/plimsoll");
    for (path, command) in GENERATED {
        let mut text = workspace.output(&binary, &[command])?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        if !check {
            fs_err::write(workspace.root.join(path), text)?;
        } else if workspace.read(path).unwrap_or_default() != text {
            findings
                .push(format!("{path} is not what the binary prints: run `cargo xtask codegen`"));
        }
    }
    Ok(findings)
}
