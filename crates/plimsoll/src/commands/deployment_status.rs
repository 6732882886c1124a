//! `plimsoll deployment status`: what answers, and how it stands with its gate, once or again and
//! again.

use super::{Context, deployment, when};
use crate::failure::Failure;
use crate::printer::Facts;
use plimsoll_api as api;
use plimsoll_types::Name;
use serde::Serialize;
use std::time::Duration;

/// The shortest time between two looks: a server is asked three times for each.
const EVERY_LEAST: Duration = Duration::from_millis(500);
/// Moves to the top left, and clears from there on.
const CLEAR: &str = "\x1b[H\x1b[J";

/// What is shown.
#[derive(Serialize)]
struct Status {
    deployment: api::Deployment,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<api::ReleaseStanding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_gate: Option<api::GateRun>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, name: &Name, every: Option<&str>) -> Result<(), Failure> {
    let Some(every) = every else {
        let status = look(context, name)?;
        context.printer.show(&status, |status| text(context, status))?;
        return verdict(&status);
    };
    let every = when::duration(every)?.max(EVERY_LEAST);
    loop {
        let status = look(context, name)?;
        if context.printer.is_json() {
            context.printer.json_line(&status)?;
        } else {
            let clear = if context.printer.is_colored() { CLEAR } else { "" };
            context.printer.data(&format!("{clear}{}", text(context, &status)))?;
        }
        std::thread::sleep(every);
    }
}

fn verdict(status: &Status) -> Result<(), Failure> {
    match status.deployment.is_ready {
        true => Ok(()),
        false => Err(Failure::no("the deployment does not answer")),
    }
}

fn look(context: &Context, name: &Name) -> Result<Status, Failure> {
    let client = context.client()?;
    let path = format!("/api/v1/deployments/{name}");
    let deployment: api::Deployment = client.get(&path, &())?;
    let standing = match &deployment.released {
        Some(released) => {
            let number = released.number;
            Some(super::gate_server::standing(&client, name, number)?)
        }
        None => None,
    };
    let gates = client.list::<api::GateRun>(&format!("{path}/gates"), &(), 1)?;
    Ok(Status { deployment, standing, last_gate: gates.items.into_iter().next() })
}

fn text(context: &Context, status: &Status) -> String {
    let one = &status.deployment;
    let released = one
        .released
        .as_ref()
        .map(|released| format!("{} ({})", released.number, context.time(released.released_at)));
    let gate = status.last_gate.as_ref().map(|gate| {
        let passed = if gate.is_passed { "passed" } else { "not passed" };
        format!("version {}, {passed} ({})", gate.version, context.time(gate.at))
    });
    let asked = status.standing.as_ref().filter(|standing| standing.gate_asked);
    let again = asked.map(|standing| match standing.is_allowed {
        true => "yes".to_owned(),
        false => format!("no: {}", standing.reasons.join("; ")),
    });
    Facts::default()
        .add("deployment", &one.name)
        .add("state", deployment::state(one))
        .add("environment", one.environment)
        .add("tier", one.tier)
        .maybe("version", released)
        .maybe("last gate", gate)
        .maybe("could be released now", again)
        .add("owner", &one.owner)
        .to_string()
}
