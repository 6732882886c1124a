//! `plimsoll access`.

use super::Context;
use crate::cli::Access;
use crate::failure::Failure;
use crate::printer::{Table, printable};
use plimsoll_api::{AccessCell, AccessMatrix, AccessQuestion, AccessVerdict};

/// How many principals stand side by side; more follow in a block below.
const PRINCIPALS_PER_BLOCK: usize = 8;

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Access) -> Result<(), Failure> {
    match verb {
        Access::Matrix { principals } => matrix(context, &principals),
        Access::Why { principal, action, resource } => {
            why(context, &AccessQuestion { principal, action, resource })
        }
    }
}

fn matrix(context: &Context, principals: &[String]) -> Result<(), Failure> {
    let mut matrix: AccessMatrix = context.client()?.get("/api/v1/access/matrix", &())?;
    if !principals.is_empty() {
        matrix = only(matrix, principals)?;
    }
    context.printer.show(&matrix, blocks)?;
    if matrix.is_truncated {
        context.printer.warn("there are too many resources to show them all");
    }
    Ok(())
}

/// The columns of `principals` alone.
fn only(matrix: AccessMatrix, principals: &[String]) -> Result<AccessMatrix, Failure> {
    let place = |name: &String| {
        matrix.principals.iter().position(|known| known == name).ok_or_else(|| {
            Failure::user(format!("no principal `{name}`"))
                .hint("list them with `plimsoll principal list`")
        })
    };
    let places: Vec<usize> = principals.iter().map(place).collect::<Result<_, _>>()?;
    let pick = |row: AccessCell| AccessCell {
        marks: places.iter().filter_map(|&place| row.marks.get(place).cloned()).collect(),
        ..row
    };
    Ok(AccessMatrix {
        principals: principals.to_vec(),
        rows: matrix.rows.into_iter().map(pick).collect(),
        is_truncated: matrix.is_truncated,
    })
}

fn blocks(matrix: &AccessMatrix) -> String {
    let blocks = matrix.principals.chunks(PRINCIPALS_PER_BLOCK).enumerate();
    let tables = blocks.map(|(block, principals)| {
        let mut table = Table::new(&["action", "resource"]);
        for principal in principals {
            table.head(principal);
        }
        for row in &matrix.rows {
            let marks = row.marks.iter().skip(block * PRINCIPALS_PER_BLOCK).take(principals.len());
            let lead = [row.action.clone(), row.resource.clone()];
            table.cells(lead.into_iter().chain(marks.map(|mark| cell(mark).to_owned())));
        }
        table.to_string()
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// What nothing permits is the background; what a policy forbids must stand out.
fn cell(mark: &str) -> &str {
    match mark {
        "default" => ".",
        "forbid" => "FORBID",
        "error" => "ERROR",
        other => other,
    }
}

fn why(context: &Context, question: &AccessQuestion) -> Result<(), Failure> {
    let verdict: AccessVerdict = context.client()?.get("/api/v1/access/why", question)?;
    context
        .printer
        .show(&verdict, |verdict| format!("{}\n", printable(verdict.text.trim_end())))?;
    if verdict.is_allowed {
        return Ok(());
    }
    let AccessQuestion { principal, action, resource } = question;
    Err(Failure::no(format!("`{principal}` may not `{action}` on `{resource}`")))
}
