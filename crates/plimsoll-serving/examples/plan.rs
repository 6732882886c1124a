//! What it costs to plan the route of a request, in nanoseconds, the median of nine rounds: with
//! nothing under way, with each thing that may be, and with all of it at once, which is more than a
//! deployment can have. `make bench-plan`, or
//! `cargo run --release -p plimsoll-serving --example plan`

use plimsoll_contract::{Binding, CompiledContract, CompiledSource, Contract, Source};
use plimsoll_model::{Limits, Model};
use plimsoll_release::experiment::Unit;
use plimsoll_release::rollout::{Plan, Rollout};
use plimsoll_release::watched::Watched;
use plimsoll_serving::traffic::{Split, Target, Traffic};
use plimsoll_serving::{
    LiveRollout, RouteTarget, Scoring, ServedArm, ServedExperiment, ServedRollout, ServedRoute,
    ServedVersion, Serving, route,
};
use plimsoll_types::{Digest, ExperimentId, Name, RolloutId, Time};
use std::borrow::Cow;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const PLANS: u32 = 200_000;
const SALT: [u8; 32] = [7; 32];
const MODEL: &str = include_str!("../../plimsoll-gateway/tests/overflow.json");
const CONTRACT: &str = "
version: 1
features: [{ name: amount, kind: number }]
";

fn main() -> Result<(), Box<dyn Error>> {
    let all = Split { canary: 500, arms: vec![1_000; 5], shadow: 2_000 };
    let canary = Split { arms: Vec::new(), ..all.clone() };
    let arms = Split { arms: all.arms.clone(), ..Split::default() };
    let nothing = serving()?;
    let tried = Serving { rollout: Some(Arc::new(rollout(&nothing, canary)?)), ..nothing.clone() };
    let experiment = experiment(&nothing, arms)?;
    let ruled = Serving { routes: rules(4), ..nothing.clone() };
    let traffic = Traffic::new(all, &SALT)?;
    // A header that is asked for and says something else.
    let header = |_: &CompiledSource| Some(Cow::Borrowed("no"));
    let is_answered = |target| matches!(target, Target::Primary);
    show("nothing under way", |key| route(&nothing, key).is_shadowed);
    show("a canary of 5 %, a shadow of 20 %", |key| route(&tried, key).is_shadowed);
    show("an experiment of 5 arms", |key| experiment.arm(key).is_some());
    show("4 rules, none of which fits", |_| ruled.ruled(header).is_some());
    show("5 arms, a canary and a shadow", |key| is_answered(traffic.plan(key).target));
    show("all of it, and 4 rules", |key| {
        ruled.ruled(header).is_some() || is_answered(traffic.plan(key).target)
    });
    Ok(())
}

/// Measures a plan by keys that all differ.
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement for a terminal")]
fn show(what: &str, plan: impl Fn(&[u8]) -> bool) {
    let mut rounds: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            for number in 0..PLANS {
                let mut subject = *b"customer-0000000000000000";
                subject[21..].copy_from_slice(&number.to_be_bytes());
                black_box(plan(black_box(&subject)));
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(PLANS)
        })
        .collect();
    rounds.sort_unstable_by(f64::total_cmp);
    let (median, least, most) = (rounds[4], rounds[0], rounds[8]);
    println!("{what:<36} {median:>6.0} ns ({least:.0} to {most:.0} in nine rounds)");
}

fn serving() -> Result<Serving, Box<dyn Error>> {
    let contract = CompiledContract::compile(&Contract::from_yaml(CONTRACT)?)?;
    let version = ServedVersion {
        model_name: Name::new("fraud")?,
        number: 1,
        manifest: Digest::ZERO,
        model: Arc::new(Model::load(MODEL.as_bytes(), &Limits::default())?),
        binding: Binding::default(),
        explainer: None,
        upstream: None,
    };
    Ok(Serving {
        contract: Arc::new(contract),
        contract_digest: Digest::ZERO,
        primary: Arc::new(version),
        previous: None,
        rollout: None,
        experiment: None,
        routes: Vec::new(),
    })
}

fn rollout(serving: &Serving, split: Split) -> Result<ServedRollout, Box<dyn Error>> {
    let watched = Watched::new(Rollout::begin(Plan::default(), Time::EPOCH)?);
    let id = RolloutId::from_bytes([1; 16]);
    Ok(ServedRollout {
        id,
        step: 1,
        candidate: Arc::clone(&serving.primary),
        is_exposed: true,
        traffic: Traffic::new(split, &SALT)?,
        groups: Vec::new(),
        live: Arc::new(LiveRollout::new(id, scoring(), watched)),
    })
}

fn experiment(serving: &Serving, split: Split) -> Result<ServedExperiment, Box<dyn Error>> {
    let arm = |_| ServedArm { version: Arc::clone(&serving.primary), live: None };
    Ok(ServedExperiment {
        id: ExperimentId::from_bytes([2; 16]),
        unit: Unit::Subject,
        arms: split.arms.iter().map(arm).collect(),
        traffic: Traffic::new(split, &SALT)?,
        scoring: scoring(),
    })
}

fn scoring() -> Scoring {
    Scoring { output: 0, positive_from: 0.5 }
}

fn rules(count: usize) -> Vec<ServedRoute> {
    let name: Box<str> = "x-cohort".into();
    let rule = ServedRoute {
        source: CompiledSource { name, source: Source::Header, required: false },
        values: vec!["beta".into(), "staff".into()],
        target: RouteTarget::Incumbent,
        text: "header:x-cohort=beta,staff -> incumbent".into(),
    };
    vec![rule; count]
}
