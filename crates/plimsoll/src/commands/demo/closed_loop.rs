//! `plimsoll demo --loop`: the population that asks for loans changes, and the deployment heals
//! itself: alert, retraining (XGBoost, in Python), gate, shadow, canary, promoted. Told line by
//! line, with times; it ends when the new version answers.

use super::Stage;
use super::assets::CREDIT;
use super::script::{Part, Script};
use super::server::Server;
use super::signals::{Signals, Woken};
use super::traffic::Traffic;
use crate::cli::Demo;
use crate::client::{Client, query_text};
use crate::failure::Failure;
use plimsoll_api as api;
use plimsoll_types::Clock as _;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The trainer, as it stands in `demo/`.
const TRAINER: [(&str, &str); 5] = [
    ("retrain.py", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/retrain.py"))),
    ("train.py", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/train.py"))),
    ("generate.py", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/generate.py"))),
    ("artifacts.py", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/artifacts.py"))),
    ("refused.py", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/refused.py"))),
];
/// Where the file of the trainers stands, in the demo's folder.
const DECLARED: &str = "trainers.toml";
/// The month that the population has moved to, and the model is trained in.
const MONTH: &str = "9";
/// Pythons that are looked for, unless one is named.
const PYTHONS: [&str; 2] = [".venv/demo/bin/python", "python3"];
/// How often it is looked how far the loop is.
const LOOK: Duration = Duration::from_millis(250);
/// Decisions that a reference and a window are made of.
const REFERENCE: u64 = 400;
const WINDOW: u64 = 250;
/// The longest that all of it takes, unless told: a slow machine, and training.
const SECONDS: u32 = 600;

/// Writes the trainer into the demo's folder and gives the file that declares it.
pub(super) fn prepare(folder: &Path, python: Option<&Path>) -> Result<PathBuf, Failure> {
    let python = find(python)?;
    let trainer = folder.join("trainer");
    fs_err::create_dir_all(&trainer)?;
    for (name, text) in TRAINER {
        fs_err::write(trainer.join(name), text)?;
    }
    let script = fs_err::canonicalize(trainer.join("retrain.py"))?;
    let command = [&*python.to_string_lossy(), &*script.to_string_lossy(), "--month", MONTH];
    let text = format!("[demo]\ncommand = {command:?}\ntimeout_seconds = 300\n");
    let declared = folder.join(DECLARED);
    fs_err::write(&declared, text)?;
    Ok(declared)
}

/// A Python that has what the trainer imports.
fn find(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let looked: Vec<PathBuf> = match named {
        Some(named) => vec![named.to_path_buf()],
        None => PYTHONS.iter().map(PathBuf::from).collect(),
    };
    for python in &looked {
        let imports = ["-c", "import numpy, sklearn, xgboost"];
        let mut command = Command::new(python);
        command.args(imports).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) {
            // The trainer runs elsewhere. What is a link stays one: a venv is found by it.
            return std::path::absolute(python)
                .map_err(|error| {
                    Failure::user("the folder that this runs in cannot be found").because(error)
                })
                .map(|path| if python.components().count() == 1 { python.clone() } else { path });
        }
    }
    let looked: Vec<String> = looked.iter().map(|path| format!("`{}`", path.display())).collect();
    Err(Failure::user(format!("no Python with xgboost was found: {}", looked.join(", "))).hint(
        "make one with `python3 -m venv .venv/demo && .venv/demo/bin/pip install numpy \
         scikit-learn scipy xgboost-cpu`, or name one with `--python`",
    ))
}

/// What was told already.
#[derive(Default)]
struct Told {
    findings: BTreeSet<String>,
    steps: usize,
}

impl Stage<'_> {
    /// Plays the loop to its end; returns how long it took, and the first entry of the ledger
    /// that may be one of its decisions.
    pub(super) fn play_loop(
        &mut self,
        args: &Demo,
        server: &mut Server,
        signals: &mut Signals,
    ) -> Result<(Duration, u64), Failure> {
        self.scrape()?;
        let first = self.counters.entries;
        self.set_up()?;
        self.greet()?;
        let client = self.client()?;
        self.start = self.context.clock.monotonic();
        let seed = self.context.clock.now().as_micros();
        let begun = self.context.clock.now();
        self.tell("the population of January asks for loans")?;
        let traffic = self.traffic(seed, Part::Calm, args.rate)?;
        let end = Duration::from_secs(u64::from(args.seconds.unwrap_or(SECONDS)));
        let is_over = |stage: &Self| stage.up() > end;
        let mut go_on = self.wait(&traffic, server, signals, |stage| {
            Ok(stage.tally.requests >= REFERENCE || is_over(stage))
        })?;
        if go_on {
            self.watch(&client, begun)?;
            let until = self.tally.requests.saturating_add(WINDOW);
            go_on = self.wait(&traffic, server, signals, |stage| {
                Ok(stage.tally.requests >= until || is_over(stage))
            })?;
        }
        traffic.stop().for_each(|seen| self.tally.add(seen));
        if go_on {
            self.tell("the population shifts to that of autumn: other people, other risks")?;
            let traffic = self.traffic(seed, Part::Moved, args.rate)?;
            let mut told = Told::default();
            let shown = self.wait(&traffic, server, signals, |stage| {
                Ok(stage.tell_more(&client, &mut told)? || is_over(stage))
            });
            traffic.stop().for_each(|seen| self.tally.add(seen));
            if shown? && is_over(self) {
                let seconds = end.as_secs();
                return Err(Failure::ours(format!("the loop did not close in {seconds} s"))
                    .hint("look at `plimsoll retrain list`, or give it more with `--seconds`"));
            }
        }
        Ok((self.up(), first))
    }

    fn traffic(&self, seed: u64, part: Part, rate: u32) -> Result<Traffic, Failure> {
        let script = Script::new(seed)?.of(part);
        Ok(Traffic::start(&self.wire, script, rate, self.context.clock))
    }

    /// What is normal, and what happens when it no longer is.
    fn watch(&self, client: &Client, begun: plimsoll_types::Time) -> Result<(), Failure> {
        let query = api::ReferenceQuery {
            from: Some(begun.into()),
            until: Some(self.context.clock.now().into()),
            window_rows: Some(WINDOW),
            min_rows: Some(WINDOW / 2),
            ..api::ReferenceQuery::default()
        };
        let path = format!("/api/v1/deployments/{}", CREDIT.deployment);
        let path_of = format!("{path}/reference{}", query_text(&query)?);
        let made: api::MonitoringReference = client.put_bytes(&path_of, &[])?;
        self.tell(&format!("reference: {} decisions; {WINDOW} make a window", made.rows))?;
        let step = |percent, requests_min, seconds_min| api::RolloutStep {
            outcomes_min: 0,
            percent,
            requests_min,
            seconds_min,
            seconds_max: 3_600,
        };
        let rollout = api::RetrainRollout {
            steps: Some(vec![step(0.0, 100, 5), step(10.0, 20, 5), step(50.0, 100, 5)]),
            ..api::RetrainRollout::default()
        };
        let trainer = "demo".parse().map_err(|_| Failure::ours("`demo` is not a name"))?;
        let policy = api::RetrainPolicy {
            trainer,
            kinds: vec![
                api::FindingKind::InputDrift,
                api::FindingKind::OutputDrift,
                api::FindingKind::Quality,
            ],
            severity: Some(api::FindingSeverity::Info),
            every_days: None,
            max_age_days: None,
            window_days: None,
            exclude: None,
            budget: None,
            cooldown_hours: Some(0),
            needs_approval: false,
            candidate_only: false,
            rollout: Some(rollout),
        };
        let _: api::RetrainPolicyShown = client.post(&format!("{path}/retrain"), &policy)?;
        self.tell(
            "policy: what has moved asks for a retraining; then gate, shadow, 10 %, 50 %, all",
        )
    }

    /// Lets time pass until something is so; `false` if somebody ends it.
    fn wait(
        &mut self,
        traffic: &Traffic,
        server: &mut Server,
        signals: &mut Signals,
        mut is_so: impl FnMut(&mut Self) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        loop {
            server.check()?;
            self.scrape()?;
            for seen in traffic.seen() {
                self.tally.add(seen);
            }
            if is_so(self)? {
                return Ok(true);
            }
            if signals.wait(LOOK) == Woken::Stop {
                return Ok(false);
            }
        }
    }

    /// Tells what is new: findings, and steps of the retraining. Whether the loop has closed.
    fn tell_more(&self, client: &Client, told: &mut Told) -> Result<bool, Failure> {
        let findings = client.list::<api::Finding>("/api/v1/findings", &(), 100)?;
        for one in findings.items.iter().rev() {
            if told.findings.insert(one.id.to_string()) {
                self.tell(&format!("alert: {} of {}: {}", one.kind, one.about, one.text))?;
            }
        }
        let retrains = client.list::<api::Retrain>("/api/v1/retrains", &(), 10)?;
        let Some(last) = retrains.items.last() else { return Ok(false) };
        let one: api::Retrain = client.get(&format!("/api/v1/retrains/{}", last.id), &())?;
        for step in one.story.iter().skip(told.steps) {
            let why = step.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            self.tell(&format!("{}{why}", step.state))?;
        }
        told.steps = one.story.len();
        let Some(trial) = one.trial.filter(|trial| trial.ended_at.is_some()) else {
            let is_bad = one.ended_at.is_some() && one.version.is_none();
            return if is_bad { Err(open(one.why)) } else { Ok(false) };
        };
        if trial.state != api::TrialState::Promoted {
            return Err(open(trial.why));
        }
        let version = one.version.unwrap_or_default();
        self.tell(&format!("version {version} answers everybody; nobody was asked"))?;
        Ok(true)
    }

    fn tell(&self, text: &str) -> Result<(), Failure> {
        self.say(&format!("{:>5} s  {text}\n", self.up().as_secs()))
    }
}

fn open(why: Option<String>) -> Failure {
    let why = why.unwrap_or_else(|| "the server says no more".to_owned());
    Failure::ours("the loop did not close").because(why)
}
