//! The tables as wholes, for a page, for Markdown and for a terminal.

use super::page::{escape, number, p_value, plain};
use crate::multivariate::Multivariate;
use std::fmt::Write as _;

/// Columns that are named; the others' parts are small.
const NAMED: usize = 8;

/// What was found, a line each: what, its value, what is usual, whether it is beyond.
#[must_use]
pub fn lines(found: &Multivariate) -> Vec<[String; 4]> {
    let beyond = |is: bool| if is { "beyond" } else { "within" }.to_owned();
    let mut lines = Vec::new();
    if let Some(errors) = &found.reconstruction {
        lines.push([
            format!("reconstruction error, {} components", errors.components),
            number(errors.value),
            format!("{} to {}", number(errors.lower), number(errors.upper)),
            beyond(errors.is_beyond()),
        ]);
    }
    if let Some(told) = &found.classifier {
        lines.push([
            "tables told apart, area under the curve".to_owned(),
            format!("{} ({} to {})", number(told.area), number(told.lower), number(told.upper)),
            "below 0.55".to_owned(),
            beyond(told.tells_apart()),
        ]);
    }
    if let Some(apart) = &found.discrepancy {
        lines.push([
            "maximum mean discrepancy".to_owned(),
            format!("{}, p {}", number(apart.squared), p_value(apart.p_value)),
            "p above alpha".to_owned(),
            // The verdict of the whole says which alpha.
            String::new(),
        ]);
    }
    lines
}

/// The verdict in one sentence, with the columns that tell the tables apart.
fn verdict(found: &Multivariate) -> String {
    if !found.is_drifted {
        return format!("No drift of {} columns together was found.", found.columns);
    }
    let by = found.classifier.iter().flat_map(|told| &told.by).take(NAMED);
    let by: Vec<String> =
        by.map(|part| format!("{} ({:.0} %)", part.column, part.share * 100.0)).collect();
    format!("{} columns together drifted; told apart by {}.", found.columns, by.join(", "))
}

pub(super) fn html(found: &Multivariate) -> String {
    let mut page = format!(
        "<section><h2>Columns together</h2><p>{}</p><div class=\"wide\"><table><thead><tr><th>measured</th>\
         <th class=\"n\">value</th><th class=\"n\">usual</th><th></th></tr></thead><tbody>",
        escape(&verdict(found))
    );
    for [what, value, usual, is] in lines(found) {
        // Into a string nothing fails.
        let _in_memory = write!(
            page,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{is}</td></tr>",
            escape(&what),
            escape(&value),
            escape(&usual)
        );
    }
    page.push_str("</tbody></table></div></section>");
    page
}

pub(super) fn markdown(found: &Multivariate) -> String {
    let mut text = format!(
        "\n## Columns together\n\n{}\n\n| measured | value | usual | |\n|---|---:|---:|---|\n",
        plain(&verdict(found))
    );
    for [what, value, usual, is] in lines(found) {
        let _in_memory =
            writeln!(text, "| {} | {} | {} | {is} |", plain(&what), plain(&value), plain(&usual));
    }
    text
}
