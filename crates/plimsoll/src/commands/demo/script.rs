//! What the callers of the demo send, request by request. Pure: the same number, seed and time
//! give the same request.

use super::assets::{CANCER, CREDIT, REFUSED};
use crate::failure::Failure;
use plimsoll_types::Time;
use serde::Deserialize;

/// Customers there are. Some come back, most are new.
const CUSTOMERS: u64 = 200_000;
/// Requests for one step along the file, and how far around that step a caller may be: at 40
/// requests a second the population needs a minute for its year.
const PACE: u64 = 4;
const SPREAD: u64 = 16;

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Job {
    pub(super) deployment: &'static str,
    pub(super) body: String,
    /// With a key it is sent twice; the second must give the recorded answer again.
    pub(super) idempotency_key: Option<String>,
}

/// The part of the year whose population asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// All of it, there and back.
    Year,
    /// The first months, as the model knows them.
    Calm,
    /// Its end.
    Moved,
}

/// All that may be sent.
#[derive(Debug)]
pub(super) struct Script {
    credit: Vec<&'static str>,
    cancer: Vec<&'static str>,
    refused: Vec<String>,
    seed: u64,
    part: Part,
}

/// A line of `refused.jsonl`.
#[derive(Deserialize)]
struct Broken {
    body: String,
}

impl Script {
    /// The script; another `seed` gives other customers.
    pub(super) fn new(seed: u64) -> Result<Self, Failure> {
        let refused: Result<Vec<_>, _> = REFUSED
            .lines()
            .map(|line| serde_json::from_str(line).map(|broken: Broken| broken.body))
            .collect();
        let refused =
            refused.map_err(|error| Failure::ours("the demo's refused requests").because(error))?;
        let credit = CREDIT.requests.lines().collect();
        let cancer = CANCER.requests.lines().collect();
        Ok(Self { credit, cancer, refused, seed, part: Part::Year })
    }

    /// The same of a part of the year.
    pub(super) fn of(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// The request number `n`, as it is sent at `now`: one in 20 is to be refused, one in 40
    /// is about a sample of tissue, one in 50 comes twice, the others are applications.
    pub(super) fn job(&self, n: u64, now: Time) -> Job {
        let draw = mix(self.seed ^ mix(n));
        if n % 20 == 7 {
            let body = cyclic(&self.refused, n / 20).cloned().unwrap_or_default();
            return Job { deployment: CREDIT.deployment, body, idempotency_key: None };
        }
        if n % 40 == 11 {
            return self.sample(n / 40, draw, now);
        }
        Job {
            deployment: CREDIT.deployment,
            body: self.application(n, draw, now),
            idempotency_key: (n % 50 == 31).then(|| format!("demo-{draw:016x}")),
        }
    }

    /// A good request, as in the file.
    pub(super) fn good(&self) -> &str {
        self.credit.first().copied().unwrap_or_default()
    }

    /// One that is refused, as in the file.
    pub(super) fn bad(&self) -> &str {
        self.refused.first().map_or("", String::as_str)
    }

    /// An application of today. The population moves along the file and back again, so that
    /// it never jumps.
    fn application(&self, n: u64, draw: u64, now: Time) -> String {
        let place = match self.part {
            Part::Year => there_and_back(n / PACE + draw % SPREAD, self.credit.len()),
            // A sixth of the year each, every line as often as another.
            Part::Calm => within(n, self.credit.len() / 6),
            Part::Moved => self.credit.len() - 1 - within(n, self.credit.len() / 6),
        };
        let mut body = self.credit.get(place).copied().unwrap_or_default().to_owned();
        set(&mut body, "application_id", &format!("A{:09}", mix(draw) % 1_000_000_000));
        set(&mut body, "customer_id", &format!("C{:06}", mix(draw + 1) % CUSTOMERS));
        set(&mut body, "submitted_at", &rfc3339(now));
        body
    }

    fn sample(&self, n: u64, draw: u64, now: Time) -> Job {
        let mut body = cyclic(&self.cancer, n).copied().unwrap_or_default().to_owned();
        set(&mut body, "sample_id", &format!("S{:04}", mix(draw) % 10_000));
        set(&mut body, "taken_at", &rfc3339(now));
        Job { deployment: CANCER.deployment, body, idempotency_key: None }
    }
}

fn cyclic<T>(items: &[T], n: u64) -> Option<&T> {
    let count = u64::try_from(items.len()).ok().filter(|count| *count > 0)?;
    items.get(usize::try_from(n % count).ok()?)
}

/// 0, 1, …, count - 1, 0, 1, …
fn within(n: u64, count: usize) -> usize {
    usize::try_from(n).unwrap_or(0) % count.max(1)
}

/// 0, 1, …, count - 1, count - 1, …, 1, 0, 0, 1, …
fn there_and_back(n: u64, count: usize) -> usize {
    let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
    let place = n % (2 * count);
    usize::try_from(place.min(2 * count - 1 - place)).unwrap_or(0)
}

/// Replaces the text of the input `name` in a request's body.
fn set(body: &mut String, name: &str, value: &str) {
    let Some(input) = body.find(&format!("\"name\":\"{name}\"")) else { return };
    let opening = "\"data\":[\"";
    let rest = body.get(input..).unwrap_or_default();
    let Some(start) = rest.find(opening).map(|found| input + found + opening.len()) else { return };
    let Some(end) = body.get(start..).and_then(|rest| rest.find('"')) else { return };
    body.replace_range(start..start + end, value);
}

fn rfc3339(time: Time) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A number that looks nothing like `n`: the finalizer of SplitMix64 (Steele, Lea, Flood,
/// OOPSLA 2014).
fn mix(n: u64) -> u64 {
    let z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_contract::{CompiledContract, Contract};
    use serde_json::Value;

    const NOW: Time = Time::from_micros(1_800_000_000_000_000);

    fn input(body: &str, name: &str) -> String {
        let body: Value = serde_json::from_str(body).expect("JSON");
        let inputs = body["inputs"].as_array().expect("a list");
        let found = inputs.iter().find(|input| input["name"] == name).expect("there");
        found["data"][0].as_str().expect("a text").to_owned()
    }

    #[test]
    fn applications_are_todays_and_of_many_customers() {
        let script = Script::new(1).expect("embedded");
        let jobs: Vec<Job> = (0..200).map(|n| script.job(n, NOW)).collect();
        let good = |n: &usize| n % 20 != 7 && n % 40 != 11;
        let customers: std::collections::BTreeSet<String> = (0..200)
            .filter(good)
            .map(|n| {
                assert_eq!(jobs[n].deployment, "credit-default");
                assert_eq!(input(&jobs[n].body, "submitted_at"), "2027-01-15T08:00:00Z");
                input(&jobs[n].body, "customer_id")
            })
            .collect();
        assert!(customers.len() > 150, "{} customers", customers.len());
        assert_eq!(jobs[11].deployment, "breast-cancer");
        assert_eq!(jobs.iter().filter(|job| job.idempotency_key.is_some()).count(), 3);
        assert_eq!(jobs, (0..200).map(|n| script.job(n, NOW)).collect::<Vec<_>>());
        assert_ne!(Script::new(2).expect("embedded").job(0, NOW), jobs[0]);
    }

    /// What is set here must keep the contract, or the demo would refuse its own callers.
    #[test]
    fn what_is_set_fits_the_contracts_patterns() {
        for (case, n, ids) in [
            (&CREDIT, 0, ["application_id", "customer_id"]),
            (&CANCER, 11, ["sample_id", "patient_id"]),
        ] {
            let contract = Contract::from_yaml(case.contract).expect("a contract");
            CompiledContract::compile(&contract).expect("compiles");
            let job = Script::new(3).expect("embedded").job(n, NOW);
            assert_eq!(job.deployment, case.deployment);
            for id in ids {
                let field = contract.fields().find(|field| field.name == id).expect("there");
                let longest = usize::try_from(field.max_length.expect("bounded")).expect("small");
                assert_eq!(input(&job.body, id).len(), longest, "{id}");
            }
        }
    }

    #[test]
    fn the_population_goes_there_and_back() {
        let places: Vec<usize> = (0..8).map(|n| there_and_back(n, 3)).collect();
        assert_eq!(places, [0, 1, 2, 2, 1, 0, 0, 1]);
    }

    #[test]
    fn every_refused_request_has_its_turn() {
        let script = Script::new(1).expect("embedded");
        let sent: Vec<String> = (0..24).map(|n| script.job(20 * n + 7, NOW).body).collect();
        assert_eq!(sent, script.refused);
    }
}
