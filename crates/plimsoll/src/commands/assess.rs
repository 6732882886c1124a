//! `plimsoll assess`: what is owed for a use of a model, from a file of facts or from answers.
//!
//! It reads and asks; every rule is in `plimsoll-release`.

use super::Context;
use crate::failure::Failure;
use clap::Args;
use fs_err as fs;
use plimsoll_api::{MeasuredShare, PostInteractions, PutAssessment, StoredAssessment};
use plimsoll_release::assess::{Controls, Stage, Status};
use plimsoll_release::questions::{Answer, QUESTIONS, Question};
use plimsoll_release::{Assessment, Day, Facts, Tier, assess};
use plimsoll_types::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

/// The largest file of facts; one with every fact and reason is some 4 KiB.
const FILE_MAX: u64 = 1 << 20;
/// How often one question is asked again before the answers are taken for none.
const TRIES: usize = 3;

/// Options of `assess`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  plimsoll assess                                  ask, in a terminal
  plimsoll assess --save credit.toml               ask, and keep the answers
  plimsoll assess credit.toml
  plimsoll assess credit.toml --as-of 2027-12-02   which duties bind then?
  plimsoll assess credit.toml --json | jq .tier
  plimsoll assess credit.toml --deployment credit-default   keep it with a deployment
  plimsoll assess --deployment credit-default               what is owed there now
  plimsoll assess --deployment credit-default --interactions 250000

A file of facts is TOML or JSON; what is not in it is unknown, which never counts as no:
  [facts]
  setting = \"production\"
  interactions = { part = 1001, whole = 10000 }
  harms = []
  [controls]
  passing = [\"MON-01\", \"RBK-01\"]

Exit code 2: facts are not known, or the use is prohibited. Not legal advice.")]
pub(crate) struct Assess {
    /// File of facts, TOML or JSON; without it, a terminal is asked
    file: Option<PathBuf>,
    /// As of this day [default: today]
    #[arg(long, value_name = "DAY")]
    as_of: Option<Day>,
    /// Write the answers to this file, to be assessed again
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    save: Option<PathBuf>,
    /// Keep the facts with this deployment, whose tier is then what they lead to; without a file,
    /// show what is owed there now
    #[arg(long, value_name = "NAME", conflicts_with_all = ["save", "as_of"])]
    deployment: Option<Name>,
    /// Say how many interactions with customers there were in the last 30 days, in all; the
    /// deployment's share is then measured
    #[arg(long, value_name = "N", requires = "deployment", conflicts_with = "file")]
    interactions: Option<u64>,
}

/// What a file of facts holds.
#[derive(Serialize, Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, default)]
struct Sheet {
    facts: Facts,
    controls: Controls,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Assess) -> Result<(), Failure> {
    if let Some(name) = &args.deployment {
        return stored(context, args, name);
    }
    let sheet = match &args.file {
        Some(path) => read(path)?,
        None => interview(context)?,
    };
    if let Some(path) = &args.save {
        let text =
            toml::to_string(&sheet).map_err(|e| Failure::ours("facts as TOML").because(e))?;
        fs::write(path, text)?;
        context.printer.note(&format!("wrote {}", path.display()));
    }
    let as_of = match args.as_of {
        Some(day) => day,
        None => today(context)?,
    };
    let assessment = assess(&sheet.facts, &sheet.controls, as_of);
    context.printer.show(&assessment, lines)?;
    verdict(&assessment)
}

/// Whether anything may be promoted at all.
fn verdict(assessment: &Assessment) -> Result<(), Failure> {
    if assessment.tier == Tier::T4 {
        Err(Failure::no("the use is prohibited"))
    } else if assessment.status == Status::FactsIncomplete {
        let unknown = assessment.unknown.join(", ");
        Err(Failure::no(format!("facts are not known: {unknown}"))
            .hint("nothing is promoted until they are; state them in the file"))
    } else {
        Ok(())
    }
}

/// The facts of a deployment's use, stated or only shown.
fn stored(context: &Context, args: &Assess, name: &Name) -> Result<(), Failure> {
    let client = context.client()?;
    let path = format!("/api/v1/deployments/{name}/assessment");
    if let Some(whole) = args.interactions {
        let path = format!("/api/v1/deployments/{name}/interactions");
        let share: MeasuredShare = client.post(&path, &PostInteractions { whole })?;
        let part = share.part.map_or_else(|| "all".to_owned(), |part| part.to_string());
        context.printer.note(&format!("measured {part} of {}", share.whole));
    }
    let found: StoredAssessment = match &args.file {
        Some(file) => {
            let sheet = read(file)?;
            let body =
                PutAssessment { facts: json!(sheet.facts), controls: Some(json!(sheet.controls)) };
            client.put(&path, &body)?
        }
        None => client.get(&path, &())?,
    };
    let assessment: Assessment = serde_json::from_value(found.assessment.clone())
        .map_err(|e| Failure::ours("the server's assessment is none").because(e))?;
    context.printer.show(&found, |_| lines(&assessment))?;
    verdict(&assessment)
}

fn read(path: &PathBuf) -> Result<Sheet, Failure> {
    let name = path.display();
    if fs::metadata(path)?.len() > FILE_MAX {
        return Err(Failure::user(format!("`{name}` is larger than any file of facts")));
    }
    let text = fs::read_to_string(path)?;
    let what = || Failure::user(format!("`{name}` holds no facts"));
    if path.extension().is_some_and(|extension| extension == "json") {
        serde_json::from_str(&text).map_err(|e| what().because(e))
    } else {
        toml::from_str(&text).map_err(|e| what().because(e))
    }
}

/// Today, in UTC.
fn today(context: &Context) -> Result<Day, Failure> {
    use plimsoll_types::Clock as _;
    let seconds = i64::try_from(context.clock.now().as_secs()).unwrap_or(i64::MAX);
    let ours = || Failure::ours("the clock shows no day");
    let stamp = jiff::Timestamp::from_second(seconds).map_err(|e| ours().because(e))?;
    let text: String = stamp.to_string().chars().take(10).collect();
    text.parse().map_err(|e: plimsoll_release::DayError| ours().because(e))
}

/// Asks every question, if somebody is there.
fn interview(context: &Context) -> Result<Sheet, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::user("there is nobody to ask: the input is no terminal")
            .hint("give a file of facts: `plimsoll assess FILE`"));
    }
    context.printer.note("Questions on a use of a model. Enter alone: not known.");
    let facts = ask_all(&mut stdin.lock(), &mut |text| context.printer.note(text))?;
    Ok(Sheet { facts, controls: Controls::default() })
}

/// The facts that the lines answer.
fn ask_all(lines: &mut impl BufRead, say: &mut dyn FnMut(&str)) -> Result<Facts, Failure> {
    let mut facts = Map::new();
    for question in QUESTIONS {
        say(&format!("\n{}\n  {}", question.asks, choices(question.answer)));
        for _ in 0..TRIES {
            let mut line = String::new();
            lines.read_line(&mut line)?;
            match parse(question, line.trim()) {
                Ok(Some(value)) => {
                    facts.insert(question.fact.to_owned(), value);
                }
                Ok(None) => {}
                Err(why) => {
                    say(&format!("  {why}"));
                    continue;
                }
            }
            break;
        }
    }
    serde_json::from_value(Value::Object(facts))
        .map_err(|e| Failure::ours("answers that are no facts").because(e))
}

fn choices(answer: Answer) -> String {
    match answer {
        Answer::YesNo => "yes / no".to_owned(),
        Answer::One(words) => words.join(" / "),
        Answer::Any(words) => format!("{}; several with spaces; none", words.join(" / ")),
        Answer::Share => "PART of WHOLE, such as 120 of 4000".to_owned(),
        Answer::Day => "a day, such as 2026-11-22".to_owned(),
    }
}

/// The fact that an answer states: `None` if it states none.
fn parse(question: &Question, text: &str) -> Result<Option<Value>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let word = |words: &[&str], text: &str| match words.contains(&text) {
        true => Ok(json!(text)),
        false => Err(format!("one of: {}", words.join(", "))),
    };
    let value = match question.answer {
        Answer::YesNo => match text {
            "yes" | "y" => json!(true),
            "no" | "n" => json!(false),
            _ => return Err("yes or no".to_owned()),
        },
        Answer::One(words) => word(words, text)?,
        Answer::Any(_) if text == "none" => json!([]),
        Answer::Any(words) => {
            let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| word(words, part)).collect::<Result<_, _>>()?)
        }
        Answer::Share => {
            let (part, whole) = text.split_once("of").ok_or("PART of WHOLE")?;
            let count = |text: &str| text.trim().parse::<u64>().map_err(|_| "PART of WHOLE");
            json!({ "part": count(part)?, "whole": count(whole)? })
        }
        Answer::Day => {
            let day: Day = text.parse().map_err(|e: plimsoll_release::DayError| e.to_string())?;
            json!(day)
        }
    };
    Ok(Some(value))
}

/// The answer for people.
fn lines(answer: &Assessment) -> String {
    let mut text = format!("tier      {} {}\n", answer.tier, answer.tier.name());
    let mut line = |name: &str, what: String| {
        if !what.is_empty() {
            text.push_str(&format!("{name:<9} {what}\n"));
        }
    };
    line("in a word", answer.word.to_string());
    line("missing", answer.missing.join(", "));
    line("unknown", answer.unknown.join(", "));
    let join = |items: Vec<String>| items.join(", ");
    line("findings", join(answer.findings.iter().map(ToString::to_string).collect()));
    line("documents", join(answer.documents.iter().map(ToString::to_string).collect()));
    for owed in &answer.duties {
        let from = owed.from.map_or_else(String::new, |day| format!(", binds from {day}"));
        let stage = if owed.stage == Stage::Prepare { ", prepare" } else { "" };
        line("owes", format!("{}{stage}{from} [{}]", owed.duty, owed.duty.duty().source));
    }
    let blocking = answer.checks.iter().filter(|demand| demand.blocks).count();
    line("checks", format!("{}, of which {blocking} block a promotion", answer.checks.len()));
    for fired in &answer.rules {
        line("because", format!("{} {} [{}]", fired.rule, fired.says, fired.source));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_facts_and_what_is_not_understood_is_asked_again() {
        let mut answers =
            String::from("sandbox\nmaybe\nno\nno\nworkflow, pricing\n12 of 400\nnone\n");
        // Nothing more is known.
        answers.push_str(&"\n".repeat(QUESTIONS.len()));
        let mut said = Vec::new();
        let facts = ask_all(&mut answers.as_bytes(), &mut |text| said.push(text.to_owned()));
        let facts = serde_json::to_value(facts.unwrap()).unwrap();
        assert_eq!(facts["setting"], "sandbox");
        assert_eq!(facts["customer_traffic_seen"], false);
        assert_eq!(facts["areas"], json!(["pricing", "workflow"]));
        assert_eq!(facts["interactions"], json!({"part": 12, "whole": 400}));
        assert_eq!(facts["harms"], json!([]));
        assert!(facts["roles"].is_null());
        assert!(said.contains(&"  yes or no".to_owned()));
    }
}
