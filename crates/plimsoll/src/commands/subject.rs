//! `plimsoll subject`: what people may ask for about themselves.
//!
//! The subject's name goes into the body of a request. On the command line others on this
//! machine could see it, so `-` reads it from stdin.

use super::Context;
use crate::failure::Failure;
use crate::printer::{Facts, counted};
use clap::Subcommand;
use plimsoll_api::{
    Decision, DecisionBody, DeploymentQuestion, EraseSubject, Erasure, ExportSubject, Hold,
    HoldDeployment, HoldSubject, PageQuery, SubjectExport, SubjectQuestion, SubjectStatus,
    Timestamp,
};
use plimsoll_types::{Clock, Name};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::PathBuf;

const PATH: &str = "/api/v1/subjects";
/// The longest subject, in bytes.
const MAX_SUBJECT: u64 = 4096;

/// Verbs of subjects.
#[derive(Subcommand, Debug)]
pub(crate) enum Subject {
    /// Whether anything is held about a subject, its hold, and how far its erasures are
    #[command(after_help = "\
Examples:
  plimsoll subject status customer-4711
  plimsoll subject status - < name.txt")]
    Status {
        /// The subject as requests name it; `-` reads it from stdin
        subject: String,
    },
    /// Write everything held about a subject to one document, opened
    ///
    /// JSON unless --csv. Receipts are not part of it: each decision's is fetched by its id.
    #[command(after_help = "\
Examples:
  plimsoll subject export customer-4711 -o customer-4711.json
  plimsoll subject export customer-4711 --csv > customer-4711.csv")]
    Export {
        /// The subject as requests name it; `-` reads it from stdin
        subject: String,
        /// Comma-separated values: a line for each value of each decision
        #[arg(long)]
        csv: bool,
        /// The file to write [default: stdout]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Erase a subject: destroy its key, so that nothing recorded about it opens any more
    ///
    /// Records stay, and with them every proof. The erasure is final when the keys' epoch was
    /// destroyed and no backup of the keys folder is older; `subject status` tells.
    #[command(after_help = "\
Examples:
  plimsoll subject erase customer-4711 --reason 'request of 2026-07-01, art. 17'
  plimsoll subject erase - --reason 'ticket 812' --now < name.txt")]
    Erase {
        /// The subject as requests name it; `-` reads it from stdin
        subject: String,
        /// Why, in words that do not name the subject
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Destroy the keys' epoch at once, instead of within the published window
        #[arg(long)]
        now: bool,
    },
    /// Place a legal hold on a subject, or with --deployment on a deployment
    #[command(after_help = "\
Examples:
  plimsoll subject hold customer-4711 --reason 'case 4 O 12/26'
  plimsoll subject hold --deployment credit-default --reason 'case 4 O 12/26'")]
    Hold {
        /// The subject as requests name it; `-` reads it from stdin
        #[arg(required_unless_present = "deployment", conflicts_with = "deployment")]
        subject: Option<String>,
        /// Hold a deployment's records against the end of their retention
        #[arg(long, value_name = "NAME")]
        deployment: Option<Name>,
        /// Why, in words that do not name the subject
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Release a legal hold
    #[command(after_help = "\
Examples:
  plimsoll subject release customer-4711
  plimsoll subject release --deployment credit-default")]
    Release {
        /// The subject as requests name it; `-` reads it from stdin
        #[arg(required_unless_present = "deployment", conflicts_with = "deployment")]
        subject: Option<String>,
        /// The deployment
        #[arg(long, value_name = "NAME")]
        deployment: Option<Name>,
    },
    /// List erasures, without whom they were about
    #[command(after_help = "Examples:\n  plimsoll subject erasures")]
    Erasures(crate::cli::Paged),
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Subject) -> Result<(), Failure> {
    let client = || context.client();
    match verb {
        Subject::Status { subject } => {
            let question = SubjectQuestion { subject: named(subject)? };
            let status: SubjectStatus = client()?.post(&format!("{PATH}/status"), &question)?;
            context.printer.show(&status, |status| status_text(context, status))
        }
        Subject::Export { subject, csv, output } => {
            export(context, &named(subject)?, csv, output.as_deref())
        }
        Subject::Erase { subject, reason, now } => {
            let body = EraseSubject { subject: named(subject)?, reason, rotate_now: now };
            let erasure: Erasure = client()?.post(&format!("{PATH}/erase"), &body)?;
            context.printer.show(&erasure, |erasure| erasure_text(context, erasure))
        }
        Subject::Hold { subject: Some(subject), reason, .. } => {
            let body = HoldSubject { subject: named(subject)?, reason };
            hold(context, &client()?.post(&format!("{PATH}/hold"), &body)?)
        }
        Subject::Hold { deployment: Some(deployment), reason, .. } => {
            let body = HoldDeployment { deployment, reason };
            hold(context, &client()?.post("/api/v1/holds/deployment", &body)?)
        }
        Subject::Release { subject: Some(subject), .. } => {
            let body = SubjectQuestion { subject: named(subject)? };
            released(context, &client()?.post(&format!("{PATH}/release"), &body)?)
        }
        Subject::Release { deployment: Some(deployment), .. } => {
            let body = DeploymentQuestion { deployment };
            released(context, &client()?.post("/api/v1/holds/deployment/release", &body)?)
        }
        Subject::Hold { .. } | Subject::Release { .. } => {
            Err(Failure::user("name a subject, or a deployment with `--deployment`"))
        }
        Subject::Erasures(paged) => list(context, paged.limit),
    }
}

/// The subject, from the command line or from stdin without its line end.
fn named(subject: String) -> Result<String, Failure> {
    if subject != "-" {
        return Ok(subject);
    }
    let mut text = String::new();
    std::io::stdin().take(MAX_SUBJECT).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn status_text(context: &Context, status: &SubjectStatus) -> String {
    let held = if status.is_known { "something may be held" } else { "nothing is held" };
    let mut facts = Facts::default().add("subject", held);
    if let Some(hold) = &status.hold {
        facts =
            facts.add("on hold since", context.time(hold.placed_at)).add("because", &hold.reason);
    }
    let mut parts = vec![facts.to_string()];
    parts.extend(status.erasures.iter().map(|erasure| erasure_text(context, erasure)));
    parts.join("\n")
}

fn erasure_text(context: &Context, erasure: &Erasure) -> String {
    let time = |time: Option<Timestamp>| time.map(|time| context.time(time));
    Facts::default()
        .add("erasure", erasure.id)
        .add("state", erasure.state)
        .add("asked", context.time(erasure.asked_at))
        .maybe("opens nothing since", time(erasure.erased_at))
        .maybe("epoch destroyed", time(erasure.rotated_at))
        .maybe("epoch destroyed by", time(erasure.rotates_by))
        .maybe("final since", time(erasure.final_at))
        .maybe("final by", time(erasure.final_by))
        .to_string()
}

fn hold(context: &Context, hold: &Hold) -> Result<(), Failure> {
    context.printer.show(hold, |hold| {
        Facts::default()
            .add("hold", hold.id)
            .add("since", context.time(hold.placed_at))
            .add("because", &hold.reason)
            .to_string()
    })
}

fn released(context: &Context, hold: &Hold) -> Result<(), Failure> {
    if context.printer.is_json() {
        return context.printer.json(hold);
    }
    context.printer.note(&format!("released hold {}", hold.id));
    Ok(())
}

fn list(context: &Context, limit: u32) -> Result<(), Failure> {
    let page =
        context.client()?.list::<Erasure>("/api/v1/erasures", &PageQuery::default(), limit)?;
    context.show_page(&page, &["erasure", "asked", "state", "final", "reason"], |table, one| {
        let until = one.final_at.or(one.final_by).map_or_else(String::new, |at| context.time(at));
        table.row([
            one.id.to_string(),
            context.time(one.asked_at),
            one.state.to_string(),
            until,
            one.reason.clone(),
        ]);
    })
}

/// Fetches part after part and writes each as it comes.
fn export(
    context: &Context,
    subject: &str,
    csv: bool,
    output: Option<&std::path::Path>,
) -> Result<(), Failure> {
    let client = context.client()?;
    let mut body = ExportSubject { subject: subject.to_owned(), from: None };
    let mut part: SubjectExport = client.post(&format!("{PATH}/export"), &body)?;
    // Only now: a refusal leaves no file behind.
    let out: Box<dyn Write> = match output {
        Some(path) => Box::new(std::io::BufWriter::new(fs_err::File::create(path)?)),
        None => context.printer.stream(),
    };
    let mut document = Document::begin(out, csv, context.clock.now().into())?;
    loop {
        document.part(&part)?;
        let Some(next) = part.next else { break };
        body.from = Some(next);
        part = client.post(&format!("{PATH}/export"), &body)?;
    }
    let written = document.end()?;
    context.printer.note(&format!("wrote {}", counted(written, "record")));
    Ok(())
}

/// The document, written as its parts come: JSON of format `plimsoll-subject 1`, or CSV with
/// a line for each value.
struct Document {
    out: Box<dyn Write>,
    csv: bool,
    records: usize,
}

impl Document {
    fn begin(mut out: Box<dyn Write>, csv: bool, now: Timestamp) -> Result<Self, Failure> {
        if csv {
            out.write_all(b"decision,index,time,deployment,version,result,part,row,name,value\n")?;
        } else {
            write!(
                out,
                "{{\"format\":\"plimsoll-subject 1\",\"exported_at\":{},\"records\":[",
                json!(now)
            )?;
        }
        Ok(Self { out, csv, records: 0 })
    }

    fn part(&mut self, part: &SubjectExport) -> Result<(), Failure> {
        for decision in &part.decisions {
            if self.csv {
                self.lines(decision)?;
            } else {
                self.record("decision", &json!(decision))?;
            }
            self.records += 1;
        }
        for other in &part.others {
            if self.csv {
                let time = json!(other.time);
                let fields = [
                    "",
                    &other.index.to_string(),
                    text(&time),
                    "",
                    "",
                    "",
                    &other.kind.to_string(),
                    "",
                    "body",
                    &other.body,
                ];
                self.line(&fields)?;
            } else {
                self.record("other", &json!(other))?;
            }
            self.records += 1;
        }
        Ok(())
    }

    fn record(&mut self, what: &str, record: &Value) -> Result<(), Failure> {
        let comma = if self.records > 0 { "," } else { "" };
        write!(self.out, "{comma}\n{{\"{what}\":{record}}}")?;
        Ok(())
    }

    /// A line for each value of a decision.
    fn lines(&mut self, decision: &Decision) -> Result<(), Failure> {
        let summary = &decision.summary;
        let time = json!(summary.time);
        let head = [
            summary.id.to_string(),
            summary.index.to_string(),
            text(&time).to_owned(),
            summary.deployment.clone(),
            summary.version.map_or_else(String::new, |version| version.to_string()),
            summary.result.to_string(),
        ];
        let values = decision.body.as_ref().map(values).unwrap_or_default();
        for [part, row, name, value] in &values {
            let fields = head.iter().chain([part, row, name, value]).map(String::as_str);
            self.line(&fields.collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn line(&mut self, fields: &[&str]) -> Result<(), Failure> {
        let quoted: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
        writeln!(self.out, "{}", quoted.join(","))?;
        Ok(())
    }

    fn end(mut self) -> Result<usize, Failure> {
        if !self.csv {
            self.out.write_all(b"\n]}\n")?;
        }
        self.out.flush()?;
        Ok(self.records)
    }
}

/// Part, row, name and value of everything in a body.
fn values(body: &DecisionBody) -> Vec<[String; 4]> {
    let mut found = Vec::new();
    for (row, fields) in body.rows.iter().enumerate() {
        for (name, value) in fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            found.push(["input".to_owned(), row.to_string(), name.clone(), value]);
        }
    }
    for mapped in &body.mapped {
        found.push(["header".into(), String::new(), mapped.role.clone(), mapped.value.clone()]);
    }
    for output in &body.outputs {
        let width = usize::try_from(output.width).unwrap_or(1).max(1);
        for (at, value) in output.values.iter().enumerate() {
            let row = (at / width).to_string();
            found.push(["output".into(), row, output.name.clone(), value.to_string()]);
        }
    }
    if let Some(refusal) = &body.refusal {
        found.push(["refusal".into(), String::new(), "code".into(), refusal.code.to_string()]);
    }
    found
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A field of RFC 4180. A leading sign that a spreadsheet would run as a formula is kept from
/// it by an apostrophe, unless the field is a number.
fn quoted(field: &str) -> String {
    let is_formula =
        field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err();
    let field = if is_formula { format!("'{field}") } else { field.to_owned() };
    if field.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_are_no_formulas() {
        for (field, wanted) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("-1.5", "-1.5"),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
        ] {
            assert_eq!(quoted(field), wanted);
        }
    }
}
