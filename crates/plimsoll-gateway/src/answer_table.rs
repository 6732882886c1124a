//! Answers of the protocols that carry tables: KServe v1, TensorFlow Serving, MLflow.

use crate::answer::{Answered, put, reasons, write_number};
use plimsoll_types::record::Explanation;

/// `{"predictions": [0.1, …]}`, a list for each row if the model has several outputs; with the
/// explanations if they were asked for, and what of the decision the caller should know.
pub(crate) fn write(answered: &Answered<'_>, member: &str, out: &mut Vec<u8>) {
    let a = answered;
    if a.is_held {
        // Without the member that clients read, none takes it for an answer.
        put(out, format_args!(r#"{{"decision_id":"{}","review":"pending"}}"#, a.id));
        return;
    }
    put(out, format_args!(r#"{{"{member}":["#));
    for row in 0..a.rows {
        comma(row, out);
        // A model has one output, of one number or several.
        let output = a.outputs.first();
        let width = output.map_or(0, |output| output.width as usize);
        let values = output.map_or(&[][..], |output| output.values);
        let start = row.saturating_mul(width);
        let values = values.get(start..start.saturating_add(width)).unwrap_or_default();
        if width > 1 {
            out.push(b'[');
        }
        for (place, value) in values.iter().enumerate() {
            comma(place, out);
            write_number(*value, a.is_double, out);
        }
        if width > 1 {
            out.push(b']');
        }
    }
    out.push(b']');
    if let Some(explanation) = a.explanation {
        write_explanations(a, explanation, out);
    }
    put(out, format_args!(r#","decision_id":"{}""#, a.id));
    if a.is_fallback {
        out.extend_from_slice(br#","fallback":true"#);
    }
    out.push(b'}');
}

/// `"explanations": [{"base": …, "contributions": {"age": …}, "reasons": ["R1"]}, …]`.
fn write_explanations(answered: &Answered<'_>, explanation: &Explanation, out: &mut Vec<u8>) {
    let rows = explanation.rows.len();
    let width = explanation.contributions.len().checked_div(rows).unwrap_or_default().max(1);
    let contributions = explanation.contributions.chunks(width);
    out.extend_from_slice(br#","explanations":["#);
    for (row, (head, contributions)) in explanation.rows.iter().zip(contributions).enumerate() {
        comma(row, out);
        out.extend_from_slice(br#"{"base":"#);
        write_number(head.base, true, out);
        out.extend_from_slice(br#","contributions":{"#);
        for (place, (field, value)) in answered.features.iter().zip(contributions).enumerate() {
            comma(place, out);
            put(out, format_args!("{}:", serde_json::Value::from(field.name.as_str())));
            write_number(*value, true, out);
        }
        out.extend_from_slice(br#"},"reasons":["#);
        for (place, code) in reasons(explanation, row).enumerate() {
            comma(place, out);
            put(out, format_args!("{}", serde_json::Value::from(code)));
        }
        out.extend_from_slice(b"]}");
    }
    out.push(b']');
}

fn comma(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

/// MLflow's word for an HTTP status (mlflow, `mlflow/protos/databricks.proto`).
pub(crate) const fn error_code(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "RESOURCE_DOES_NOT_EXIST",
        409 => "RESOURCE_CONFLICT",
        429 => "REQUEST_LIMIT_EXCEEDED",
        500 => "INTERNAL_ERROR",
        503 => "TEMPORARILY_UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "BAD_REQUEST",
    }
}
