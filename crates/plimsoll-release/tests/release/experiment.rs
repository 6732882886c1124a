//! Experiments as decisions: what a definition is, what is kept of units, what may be said.

use plimsoll_release::experiment::{
    Advice, Answer, Arm, Definition, DefinitionError, Goal, Metric, Request, Role, Says, Source,
    Tally, Unit,
};
use plimsoll_release::rollout::{Guardrail, Weighted};
use plimsoll_types::Time;
use std::borrow::Cow;

const NOW: Time = Time::from_micros(1_700_000_000_000_000);

fn arm(name: &str, version: u32, share: u16) -> Arm {
    Arm { name: name.into(), version, share }
}

fn metric(name: &str, source: Source, role: Role) -> Metric {
    Metric {
        name: name.into(),
        source,
        role,
        goal: Goal::Increase,
        covariate: None,
        bounds: None,
        settles_after_s: 0,
        margin: 0.0,
    }
}

fn definition() -> Definition {
    let outcome = Source::Outcome { name: "bought".into(), positive: None };
    Definition {
        arms: vec![arm("control", 1, 4_000), arm("b", 2, 3_000), arm("c", 3, 3_000)],
        unit: Unit::Subject,
        metrics: vec![
            metric("bought", outcome, Role::Primary),
            metric("revenue", Source::Value, Role::Secondary),
            metric("score", Source::Score, Role::Secondary),
        ],
        slices: vec!["region".into()],
        alpha: 0.05,
        minimum_effect: Some(0.02),
        units_planned: 3_000,
        guardrails: Definition::usual_guardrails(),
        false_stop: 0.01,
    }
}

fn id(number: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id
}

fn request(unit: u64, arm: usize, decision: u64) -> Request<'static> {
    let region = if unit.is_multiple_of(3) { "north" } else { "south" };
    let answer = Answer {
        score: 0.5,
        is_positive: true,
        covariates: vec![(unit % 10) as f64, f64::NAN, f64::NAN],
        slices: vec![Some(Cow::Borrowed(region))],
    };
    Request { unit: id(unit), arm, decision: id(decision), time: NOW, answer: Some(answer) }
}

/// SplitMix64, spread over the units.
fn draw(number: u64) -> f64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ z >> 31) >> 11) as f64 / (1_u64 << 53) as f64
}

fn arm_of(unit: u64) -> usize {
    match draw(unit + 1_000_000) {
        drawn if drawn < 0.4 => 0,
        drawn if drawn < 0.7 => 1,
        _ => 2,
    }
}

/// Units that buy at these rates, by arm.
fn run(definition: Definition, units: u64, rates: [f64; 3]) -> Tally {
    let mut tally = Tally::new(definition);
    for unit in 0..units {
        let arm = arm_of(unit);
        tally.request(&request(unit, arm, unit));
        let bought = f64::from(u8::from(draw(unit) < rates[arm]));
        tally.tell(&id(unit), 0, bought);
    }
    tally
}

#[test]
fn a_definition_that_is_none_is_refused() {
    definition().check().unwrap();
    let with = |change: fn(&mut Definition)| {
        let mut changed = definition();
        change(&mut changed);
        changed.check().unwrap_err()
    };
    assert_eq!(with(|d| d.arms.truncate(1)), DefinitionError::Arms);
    assert_eq!(with(|d| d.arms[1].version = 1), DefinitionError::Arms);
    assert_eq!(with(|d| d.arms[1].name = "control".into()), DefinitionError::Arms);
    assert_eq!(with(|d| d.arms[1].share = 0), DefinitionError::Shares);
    assert_eq!(with(|d| d.arms[1].share = 9_000), DefinitionError::Shares);
    assert_eq!(with(|d| d.metrics.clear()), DefinitionError::Metrics);
    assert_eq!(with(|d| d.metrics[1].role = Role::Primary), DefinitionError::Metrics);
    assert_eq!(with(|d| d.metrics[2].bounds = Some((1.0, 1.0))), DefinitionError::Metric(2));
    assert_eq!(with(|d| d.slices.push("region".into())), DefinitionError::Slices);
    assert_eq!(with(|d| d.alpha = f64::NAN), DefinitionError::Number);
    assert_eq!(with(|d| d.minimum_effect = Some(0.0)), DefinitionError::Number);
    let score = Guardrail::Score { margin: 0.1, spread: None };
    let mut scored = definition();
    scored.guardrails.push(Weighted { guardrail: score, weight: 1.0 });
    assert_eq!(scored.check(), Err(DefinitionError::Score));
    assert!(matches!(with(|d| d.guardrails.clear()), DefinitionError::Guardrails(_)));
}

#[test]
fn the_better_arm_is_found_and_the_others_are_told_apart() {
    let tally = run(definition(), 6_000, [0.2, 0.32, 0.2]);
    let report = tally.report(&[false; 3], NOW);
    assert_eq!((report.advice, report.leader), (Advice::Ship, Some(1)));
    let primary = &report.metrics[0];
    assert_eq!(primary.contrasts[0].says, Says::Better);
    assert_ne!(primary.contrasts[1].says, Says::Better);
    assert!(report.splits.iter().all(|split| !split.is_wrong), "{:?}", report.splits);
    // An arm that was stopped is shown and not advised.
    let report = tally.report(&[false, true, false], NOW);
    assert_ne!(report.leader, Some(1));
    assert_eq!(report.metrics[0].contrasts[0].says, Says::Better);
}

#[test]
fn arms_that_are_the_same_are_said_to_be() {
    let mut wide = definition();
    wide.minimum_effect = Some(0.2);
    let report = run(wide, 6_000, [0.2, 0.2, 0.2]).report(&[false; 3], NOW);
    assert_eq!((report.advice, report.leader), (Advice::Keep, Some(0)));
    assert!(report.metrics[0].contrasts.iter().all(|one| one.says == Says::Same));
}

#[test]
fn a_unit_counts_once_with_its_first_answer() {
    let mut tally = Tally::new(definition());
    for decision in 0..300 {
        // One hundred customers who come three times.
        tally.request(&request(decision % 100, 0, decision));
        tally.tell(&id(decision), 0, 1.0);
    }
    let report = tally.report(&[false; 3], NOW);
    assert_eq!((report.requests[0], report.metrics[0].means[0].units), (300, 100));
    assert_eq!(report.splits[0].counts, [100, 0, 0]);
    assert!(tally.counts(&id(5)) && !tally.counts(&id(105)));
    // What is told later takes the place of what was told before.
    tally.tell(&id(5), 0, 0.0);
    assert_eq!(tally.report(&[false; 3], NOW).metrics[0].means[0].mean, 0.99);
}

#[test]
fn outcomes_that_go_missing_in_one_arm_are_a_wrong_split() {
    let mut tally = Tally::new(definition());
    for unit in 0..4_000 {
        let arm = arm_of(unit);
        tally.request(&request(unit, arm, unit));
        if arm != 2 || draw(unit + 7) < 0.5 {
            tally.tell(&id(unit), 0, f64::from(u8::from(draw(unit) < 0.3)));
        }
    }
    let report = tally.report(&[false; 3], NOW);
    let wrong: Vec<_> =
        report.splits.iter().map(|split| (split.what.as_str(), split.is_wrong)).collect();
    assert_eq!(
        wrong,
        [("assigned", false), ("answered", false), ("bought", true), ("revenue", false)]
    );
    assert_eq!(report.advice, Advice::Look);
}

#[test]
fn answers_that_one_arm_drops_are_a_wrong_split() {
    let mut tally = Tally::new(definition());
    for unit in 0..4_000 {
        let arm = arm_of(unit);
        let mut request = request(unit, arm, unit);
        if arm == 1 && draw(unit + 7) < 0.3 {
            request.answer = None;
        }
        tally.request(&request);
    }
    let report = tally.report(&[false; 3], NOW);
    assert!(!report.splits[0].is_wrong && report.splits[1].is_wrong, "{:?}", report.splits);
}

#[test]
fn an_arm_that_was_stopped_leaves_the_split_of_the_others_sound() {
    let mut tally = Tally::new(definition());
    for unit in 0..4_000 {
        if unit == 1_000 {
            tally.stop(2);
        }
        let arm = arm_of(unit);
        // Its units get the control then, as no part of the experiment.
        if unit < 1_000 || arm != 2 {
            tally.request(&request(unit, arm, unit));
        }
    }
    let report = tally.report(&[false, false, true], NOW);
    assert!(report.splits.iter().all(|split| !split.is_wrong), "{:?}", report.splits);
}

#[test]
fn a_covariate_takes_out_what_it_explains() {
    let mut explained = definition();
    explained.metrics[0].covariate = Some("before".into());
    let plain = definition();
    let fill = |definition: Definition| {
        let mut tally = Tally::new(definition);
        for unit in 0..3_000 {
            let arm = arm_of(unit);
            tally.request(&request(unit, arm, unit));
            let effect = if arm == 1 { 0.3 } else { 0.0 };
            tally.tell(&id(unit), 0, (unit % 10) as f64 + effect + draw(unit));
        }
        let report = tally.report(&[false; 3], NOW);
        report.metrics[0].contrasts[0]
    };
    let (with, without) = (fill(explained), fill(plain));
    let width = |one: plimsoll_release::experiment::Contrast| {
        one.interval.map(|(lower, upper)| upper - lower).unwrap()
    };
    assert!(width(with) < 0.2 * width(without), "{with:?} {without:?}");
    assert!(with.variance_left.unwrap() < 0.05 && without.variance_left.is_none());
    let (lower, upper) = with.interval.unwrap();
    assert!(lower < 0.3 && 0.3 < upper && lower > 0.0);
}

#[test]
fn slices_are_corrected_for_how_many_are_looked_at() {
    let report = run(definition(), 6_000, [0.2, 0.32, 0.2]).report(&[false; 3], NOW);
    let slices = &report.metrics[0].slices;
    assert_eq!(slices.len(), 4, "two regions, two arms");
    for slice in slices {
        assert!((slice.contrast.confidence - (1.0 - 0.05 / 4.0)).abs() < 1e-12);
        assert!(slice.p_adjusted >= slice.contrast.p_value.unwrap());
    }
    let south = slices.iter().find(|one| one.value == "south" && one.contrast.arm == 1).unwrap();
    assert!(south.is_different, "{south:?}");
    assert!(slices.iter().filter(|one| one.contrast.arm == 2).all(|one| !one.is_different));
}

#[test]
fn what_has_not_settled_does_not_count_and_few_units_say_nothing() {
    let mut later = definition();
    later.metrics[0].settles_after_s = 3_600;
    let tally = run(later, 1_000, [0.2, 0.3, 0.2]);
    assert_eq!(tally.report(&[false; 3], NOW).metrics[0].means[0].units, 0);
    let after = Time::from_micros(NOW.as_micros() + 3_600_000_000);
    assert!(tally.report(&[false; 3], after).metrics[0].means[0].units > 300);
    let few = run(definition(), 150, [0.0, 1.0, 0.0]).report(&[false; 3], NOW);
    assert_eq!(few.advice, Advice::GoOn);
    assert!(few.metrics[0].contrasts.iter().all(|one| one.interval.is_none()));
}

#[test]
fn a_guardrail_metric_tells_harm_beyond_its_margin() {
    let mut guarded = definition();
    let complaints = Source::Outcome { name: "complained".into(), positive: None };
    guarded.metrics.push(Metric {
        goal: Goal::Decrease,
        margin: 0.02,
        ..metric("complaints", complaints, Role::Guardrail)
    });
    let mut tally = Tally::new(guarded);
    for unit in 0..4_000 {
        let arm = arm_of(unit);
        tally.request(&request(unit, arm, unit));
        let rate = if arm == 1 { 0.25 } else { 0.05 };
        tally.tell(&id(unit), 3, f64::from(u8::from(draw(unit) < rate)));
        tally.tell(
            &id(unit),
            0,
            f64::from(u8::from(draw(unit + 3) < if arm == 1 { 0.9 } else { 0.5 })),
        );
    }
    let report = tally.report(&[false; 3], NOW);
    let guardrail = &report.metrics[3];
    assert!(guardrail.contrasts[0].is_harm && !guardrail.contrasts[1].is_harm, "{guardrail:?}");
    // An arm that does harm is not advised, however much better it is.
    assert_eq!(report.metrics[0].contrasts[0].says, Says::Better);
    assert_ne!(report.leader, Some(1));
}

#[test]
fn a_watch_of_each_arm_outlives_being_written_down() {
    let watches = definition().watches(NOW).unwrap();
    assert!(watches[0].is_none(), "the control is what arms are held against");
    for watched in watches.into_iter().skip(1) {
        let watched = watched.unwrap();
        assert_eq!(watched.rollout.plan().false_rollback, 0.005);
        let kept = serde_json::to_string(&watched).unwrap();
        assert_eq!(
            serde_json::from_str::<plimsoll_release::watched::Watched>(&kept).unwrap(),
            watched
        );
    }
}
