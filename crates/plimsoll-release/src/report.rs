//! A gate result in the shapes that pipelines read: JUnit XML, SARIF 2.1.0, Markdown. Decides
//! nothing.

use crate::gate::{Answered, GateResult, State};
use serde_json::{Value, json};

fn words(state: State) -> String {
    state.as_str().replace('_', " ")
}

/// Everything that a demand rests on, in one line.
fn told(one: &Answered) -> String {
    let lines = one.lines.iter();
    let mut told: Vec<String> =
        lines.map(|line| format!("{}: {}: {}", line.check, words(line.state), line.says)).collect();
    told.extend(one.exception.iter().map(|text| format!("exception {text}")));
    told.join("; ")
}

fn is_open(one: &Answered) -> bool {
    !one.state.lets_pass()
}

/// Markdown for a pull request: the verdict, why, and a row per demand.
#[must_use]
pub fn markdown(result: &GateResult) -> String {
    // A bar would end a cell, and a line the row.
    let cell =
        |text: &str| text.replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ");
    let verdict = if result.is_passed { "passed" } else { "not passed" };
    let mut text = format!(
        "## Gate {verdict}: `{}`, tier {}\n\nArtifact `{}`, gate result `{}`.\n\n",
        result.deployment,
        result.tier,
        result.artifact.short(),
        result.digest().short()
    );
    for reason in &result.reasons {
        text.push_str(&format!("- {}\n", cell(reason)));
    }
    text.push_str("\n| check | state | blocks | what was found |\n|---|---|---|---|\n");
    for one in &result.demands {
        let blocks = if one.demand.blocks { "yes" } else { "no" };
        let (check, state) = (one.demand.check, words(one.state));
        text.push_str(&format!("| {check} | {state} | {blocks} | {} |\n", cell(&told(one))));
    }
    text
}

/// JUnit XML: a case per demand. What blocks and does not pass is a failure, what does not block
/// is skipped with its reason, as JUnit knows no warning.
#[must_use]
pub fn junit(result: &GateResult) -> String {
    let failed = |one: &&Answered| is_open(one) && one.demand.blocks;
    let skipped = |one: &&Answered| one.state != State::Pass && !failed(one);
    let (all, failures, skips) = (
        result.demands.len(),
        result.demands.iter().filter(failed).count(),
        result.demands.iter().filter(skipped).count(),
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"gate {}\" \
         tests=\"{}\" failures=\"{}\" skipped=\"{skips}\">\n",
        xml(&result.deployment),
        all + 1,
        failures + usize::from(!result.is_passed)
    );
    // The whole: a use that is prohibited or not known fails without any check failing.
    let reasons = xml(&result.reasons.join("; "));
    let whole = if result.is_passed {
        "/>".to_owned()
    } else {
        format!("><failure message=\"{reasons}\"/></testcase>")
    };
    text.push_str(&format!("    <testcase classname=\"gate\" name=\"passed\"{whole}\n"));
    for one in &result.demands {
        let message = xml(&format!("{}: {}", words(one.state), told(one)));
        let end = if failed(&one) {
            format!("><failure message=\"{message}\"/></testcase>")
        } else if skipped(&one) {
            format!("><skipped message=\"{message}\"/></testcase>")
        } else {
            "/>".to_owned()
        };
        let check = one.demand.check;
        text.push_str(&format!("    <testcase classname=\"gate\" name=\"{check}\"{end}\n"));
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// Text as the value of an attribute. Control characters, which XML cannot hold, become spaces.
fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                safe.push(' ');
            }
            letter => safe.push(letter),
        }
    }
    safe
}

/// SARIF 2.1.0: a rule per demand, a result for each that does not pass; one that blocks is an
/// error, another a warning.
#[must_use]
pub fn sarif(result: &GateResult) -> Value {
    let rule = |one: &Answered| {
        json!({
            "id": one.demand.check,
            "shortDescription": { "text": one.demand.check.check().question },
        })
    };
    let found = |one: &Answered| {
        json!({
            "ruleId": one.demand.check,
            "level": if one.demand.blocks { "error" } else { "warning" },
            "message": { "text": format!("{}: {}", words(one.state), told(one)) },
            "locations": [{ "logicalLocations": [{
                "fullyQualifiedName": format!("deployment/{}", result.deployment),
            }]}],
        })
    };
    let whole = |reason: &String| {
        json!({
            "ruleId": "gate",
            "level": "error",
            "message": { "text": reason },
            "locations": [{ "logicalLocations": [{
                "fullyQualifiedName": format!("deployment/{}", result.deployment),
            }]}],
        })
    };
    // What a demand says is told with the demand.
    let is_of_all = |reason: &&String| {
        !result.demands.iter().any(|one| reason.starts_with(one.demand.check.as_str()))
    };
    let open = result.demands.iter().filter(|one| is_open(one)).map(found);
    let results: Vec<Value> =
        result.reasons.iter().filter(is_of_all).map(whole).chain(open).collect();
    let mut rules: Vec<Value> = result.demands.iter().map(rule).collect();
    rules.push(json!({ "id": "gate", "shortDescription": { "text": "May this be promoted?" } }));
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "plimsoll", "rules": rules } },
            "results": results,
        }],
    })
}
