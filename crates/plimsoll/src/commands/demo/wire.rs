//! HTTP as a caller of models speaks it: inference, metrics, health. It knows no traffic.

use plimsoll_types::Phase;
use serde::Deserialize;
use std::time::Duration;
use ureq::Agent;

/// The largest answer that is read; the metrics page has some 30 KB.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
/// Longer than a deployment's deadline: the server always answers first.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What came of a request.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Outcome {
    /// The model's answer for the first row, given now or given again.
    Answered {
        /// The first output of the first row.
        value: f64,
        /// Whether it is a recorded answer given again.
        is_replayed: bool,
    },
    /// It was refused.
    Refused {
        /// Why.
        code: String,
        /// In which field.
        field: Option<String>,
        /// Whether it was resolved to a deployment, and so is a decision.
        is_resolved: bool,
    },
    /// There was no answer, or none that can be read.
    Broken(String),
}

/// An outcome and its decision.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Reply {
    /// The decision id.
    pub(super) id: String,
    /// What came of it.
    pub(super) outcome: Outcome,
}

/// Connections to the server, kept alive. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    agent: Agent,
    base: String,
}

impl Wire {
    /// To the server at `base`, for `callers` at once.
    pub(super) fn new(base: &str, callers: usize) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .max_idle_connections(callers)
            .max_idle_connections_per_host(callers)
            // Variables of the environment may name a proxy; this stays on the machine.
            .proxy(None)
            .build()
            .new_agent();
        Self { agent, base: base.to_owned() }
    }

    /// Whether the server takes requests.
    pub(super) fn is_ready(&self) -> bool {
        self.agent
            .get(format!("{}/readyz", self.base))
            .call()
            .is_ok_and(|response| response.status().is_success())
    }

    /// The metrics page.
    pub(super) fn metrics(&self) -> Result<String, ureq::Error> {
        let mut response = self.agent.get(format!("{}/metrics", self.base)).call()?;
        response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string()
    }

    /// Asks `deployment` for a decision.
    pub(super) fn infer(&self, deployment: &str, body: &str, key: Option<&str>) -> Reply {
        self.try_infer(deployment, body, key).unwrap_or_else(|error| Reply {
            id: String::new(),
            outcome: Outcome::Broken(error.to_string()),
        })
    }

    fn try_infer(
        &self,
        deployment: &str,
        body: &str,
        key: Option<&str>,
    ) -> Result<Reply, ureq::Error> {
        let mut request = self
            .agent
            .post(format!("{}/v2/models/{deployment}/infer", self.base))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let mut response = request.send(body)?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let id = header("plimsoll-decision-id");
        let is_replayed = header("idempotency-replayed") == "true";
        let is_success = response.status().is_success();
        let bytes = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
        let outcome = if is_success { answer(&bytes, is_replayed) } else { refusal(&bytes) };
        let broken = || Outcome::Broken("an answer that cannot be read".to_owned());
        Ok(Reply { id, outcome: outcome.unwrap_or_else(broken) })
    }
}

/// The part of an answer that is looked at.
#[derive(Deserialize)]
struct Answer {
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    data: Vec<f64>,
}

/// The part of a refusal that is looked at.
#[derive(Deserialize)]
struct Refusal {
    code: String,
    phase: String,
    field: Option<String>,
}

fn answer(bytes: &[u8], is_replayed: bool) -> Option<Outcome> {
    let answer: Answer = serde_json::from_slice(bytes).ok()?;
    let value = *answer.outputs.first()?.data.first()?;
    Some(Outcome::Answered { value, is_replayed })
}

fn refusal(bytes: &[u8]) -> Option<Outcome> {
    let Refusal { code, phase, field } = serde_json::from_slice(bytes).ok()?;
    let early = [Phase::Accept, Phase::Authenticate, Phase::Resolve];
    let is_resolved = !early.iter().any(|early| early.as_str() == phase);
    Some(Outcome::Refused { code, field, is_resolved })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_refusals_are_told_apart() {
        let body = br#"{"model_name":"m","outputs":[{"name":"p","shape":[1],"data":[0.25]}]}"#;
        let answered = Outcome::Answered { value: 0.25, is_replayed: false };
        assert_eq!(answer(body, false), Some(answered));
        assert_eq!(answer(br#"{"outputs":[]}"#, false), None);
        let refused = |phase: &str| {
            let text =
                format!(r#"{{"code":"out_of_range","phase":"{phase}","field":"age","row":null}}"#);
            match refusal(text.as_bytes()) {
                Some(Outcome::Refused { is_resolved, field, .. }) => (is_resolved, field),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused("validate"), (true, Some("age".to_owned())));
        assert!(!refused("authenticate").0);
    }
}
