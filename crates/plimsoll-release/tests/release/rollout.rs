//! Rollouts: what ends them, what does not, and how soon.

use plimsoll_release::rollout::{
    Event, Exposure, Group, Guardrail, Phase, Plan, PlanError, Rollout, Seen, Step, Verdict,
    Weighted,
};
use plimsoll_release::simulate::upper_bound;
use plimsoll_release::simulate::{
    Behaviour, Draw, Outages, Rule, Run, Traffic, quantile, run, run_rule,
};
use plimsoll_types::Time;

const USUAL: Behaviour = Behaviour::USUAL;

/// Steps that need requests and no time.
fn step(exposure: Exposure, requests_min: u64) -> Step {
    Step { exposure, requests_min, seconds_min: 0, seconds_max: 1_000_000, outcomes_min: 0 }
}

fn canary_only() -> Plan {
    let steps = vec![step(Exposure::Share(100), 20_000)];
    Plan { steps, ..Plan::default() }
}

fn shadow_only() -> Plan {
    Plan { steps: vec![step(Exposure::Shadow, 20_000)], ..Plan::default() }
}

/// All steps; ten thousand requests reach the candidate.
fn whole() -> Plan {
    let steps = vec![
        step(Exposure::Shadow, 2000),
        step(Exposure::Share(100), 500),
        step(Exposure::Share(500), 1500),
        step(Exposure::Share(2500), 6000),
    ];
    Plan { steps, ..Plan::default() }
}

fn traffic(candidate: Behaviour, requests: u64) -> Traffic {
    Traffic { incumbent: USUAL, candidate, per_second: 100.0, requests, outages: None }
}

fn runs(plan: &Plan, candidate: Behaviour, requests: u64, runs: u64) -> Vec<Run> {
    let traffic = traffic(candidate, requests);
    (0..runs).map(|seed| run(plan, &traffic, seed).unwrap()).collect()
}

fn sorted(runs: &[Run], count: fn(&Run) -> u64) -> Vec<u64> {
    let mut counts: Vec<u64> = runs.iter().map(count).collect();
    counts.sort_unstable();
    counts
}

#[track_caller]
fn all_rolled_back(runs: &[Run], what: &str) {
    for run in runs {
        assert_eq!((run.phase, run.what.as_deref()), (Phase::RolledBack, Some(what)));
    }
}

/// At every step's exposure, however the incumbent's own failures fall between the candidate's.
fn hard_failures(outages: u64) {
    for share in [100, 500, 1_000, 2_500, 5_000] {
        let plan = Plan { steps: vec![step(Exposure::Share(share), 20_000)], ..Plan::default() };
        let runs = runs(&plan, Behaviour { errors: 1.0, ..USUAL }, 100_000, outages);
        all_rolled_back(&runs, "errors");
        let candidates = sorted(&runs, |run| run.candidates);
        let [median, most] = [50, 100].map(|percent| quantile(&candidates, percent));
        println!("{outages} outages at {share} in 10,000: median {median}, most {most}");
        assert!(most <= 5, "{share}: {most}");
    }
}

#[test]
fn every_answer_fails() {
    hard_failures(400);
}

#[test]
fn soak_every_answer_fails() {
    hard_failures(number("PLIMSOLL_OUTAGES", 3_000));
}

/// How many, from the environment of a soak.
#[expect(clippy::disallowed_methods, reason = "a test's size is its runner's business")]
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The steps before went well, and with the next one everything fails.
#[test]
fn a_version_that_breaks_with_a_step_is_rolled_back_within_five() {
    for seed in 0..50 {
        let plan = Plan {
            steps: [100, 500, 1_000, 2_500, 5_000]
                .map(|share| step(Exposure::Share(share), 300))
                .to_vec(),
            ..Plan::default()
        };
        let steps = plan.steps.len();
        let last = usize::try_from(seed).unwrap() % steps;
        let mut draw = Draw::new(seed);
        let mut rollout = Rollout::begin(plan, at(0)).unwrap();
        rollout.learn_errors(1_000, 10);
        while !rollout.is_over() {
            let Some(Exposure::Share(share)) = rollout.exposure() else {
                panic!("a step of traffic")
            };
            let is_broken = rollout.step() == last;
            if draw.happens(f64::from(share) / 10_000.0) {
                rollout.see(&Event::Candidate(answer(is_broken)));
            } else {
                rollout.see(&Event::Incumbent(answer(draw.happens(0.01))));
            }
            rollout.tick(at(1));
        }
        assert_eq!((rollout.phase(), rollout.step()), (Phase::RolledBack, last), "seed {seed}");
        assert!(rollout.in_step() <= 5, "seed {seed}: {}", rollout.in_step());
    }
}

/// At 100 % there is no incumbent to compare with.
#[test]
fn a_version_that_answers_everybody_and_fails_is_rolled_back() {
    let plan = Plan { steps: vec![step(Exposure::Share(10_000), 20_000)], ..Plan::default() };
    let runs = runs(&plan, Behaviour { errors: 1.0, ..USUAL }, 1_000, 20);
    all_rolled_back(&runs, "errors");
    assert!(sorted(&runs, |run| run.candidates)[19] <= 5);
}

/// Both fail for seconds, again and again: that is nothing against the candidate.
#[test]
fn outages_of_both_are_not_held_against_the_candidate() {
    // What is known only in part may be held against it: see ADR 32.
    for (errors, most) in [(1.0, 0), (0.5, 8)] {
        let outages = Some(Outages { every: 5_000, length: 300, errors });
        let traffic = Traffic { outages, ..traffic(USUAL, 400_000) };
        let is_back =
            |seed: &u64| run(&whole(), &traffic, 50 * seed).unwrap().phase == Phase::RolledBack;
        let back = (0..100).filter(is_back).count();
        assert!(back <= most, "{back} of 100 rolled back at {errors}");
    }
}

/// An incumbent that fails more often than the ceiling of a healthy version, and one that is new.
#[test]
fn a_version_that_fails_as_often_as_a_poor_incumbent_is_not_rolled_back() {
    let poor = Behaviour { errors: 0.08, ..USUAL };
    let traffic = Traffic { incumbent: poor, candidate: poor, ..traffic(poor, 400_000) };
    let back =
        (0..100).filter(|seed| run(&whole(), &traffic, *seed).unwrap().phase == Phase::RolledBack);
    let back = back.count();
    assert!(back < 5, "{back} of 100 rolled back");
}

#[test]
fn errors_from_one_to_five_percent() {
    let runs = runs(&canary_only(), Behaviour { errors: 0.05, ..USUAL }, 500_000, 101);
    all_rolled_back(&runs, "errors");
    let candidates = sorted(&runs, |run| run.candidates);
    assert!(candidates[50] <= 200, "{} at the median", candidates[50]);
}

#[test]
fn scores_shifted_by_half_a_spread() {
    for shift in [0.5, -0.5] {
        let runs = runs(&shadow_only(), Behaviour { shift, ..USUAL }, 5000, 101);
        all_rolled_back(&runs, "score");
        let pairs = sorted(&runs, |run| run.pairs);
        assert!(pairs[50] <= 200, "{} pairs at the median", pairs[50]);
        assert!(runs.iter().all(|run| run.candidates == 0));
    }
}

/// The story of the field: 40 % of good payments flagged, unnoticed for 18 hours.
#[test]
fn a_fraud_model_that_flags_good_payments() {
    let bad = Behaviour { flags: 0.4, ..USUAL };
    let shadowed = runs(&shadow_only(), bad, 5000, 51);
    all_rolled_back(&shadowed, "mix");
    assert!(quantile(&sorted(&shadowed, |run| run.pairs), 99) <= 80);
    let canary = runs(&canary_only(), bad, 500_000, 51);
    all_rolled_back(&canary, "mix");
    assert!(quantile(&sorted(&canary, |run| run.candidates), 99) <= 80);
}

/// Ten thousand requests of a candidate that is no worse, looked at after each.
fn null(rollouts: u64) -> (u64, u64) {
    let runs = runs(&whole(), USUAL, 400_000, rollouts);
    let back = runs.iter().filter(|run| run.phase == Phase::RolledBack).count();
    let promoted = runs.iter().filter(|run| run.phase == Phase::Promoted).count();
    // One in a thousand is held as the split of traffic seems wrong: a person looks at it.
    let held = runs.len() - back - promoted;
    assert!(100 * held <= runs.len(), "{held} held");
    let enough = |run: &&Run| run.phase == Phase::Promoted;
    assert!(runs.iter().filter(enough).all(|run| run.candidates + run.pairs >= 10_000));
    (u64::try_from(back).unwrap(), rollouts)
}

#[test]
fn a_version_that_is_no_worse_is_promoted() {
    let (back, all) = null(100);
    // Of a hundred at 1 %, five or more have a chance of 1 in 300.
    assert!(back < 5, "{back} of {all} rolled back");
}

#[test]
fn soak_false_rollbacks_stay_below_one_percent() {
    let (back, all) = null(number("PLIMSOLL_ROLLOUTS", 5_000));
    let bound = upper_bound(back, all, 0.95);
    println!("{back} of {all} rolled back; at most {:.2} % at 95 % confidence", 100.0 * bound);
    assert!(bound <= 0.01, "{back} of {all}: up to {bound}");
}

fn answer(failed: bool) -> Seen {
    Seen { failed, latency_us: 1000.0, score: Some(0.5), positive: Some(true), ..Seen::default() }
}

fn incumbents(rollout: &mut Rollout, count: u32) {
    for _ in 0..count {
        rollout.see(&Event::Incumbent(answer(false)));
    }
}

fn at(seconds: u64) -> Time {
    Time::from_micros(seconds * 1_000_000)
}

/// A rollout in a canary step, with a split that is found wrong.
fn with_wrong_split() -> Rollout {
    let plan = Plan { steps: vec![step(Exposure::Share(100), 100)], ..Plan::default() };
    let mut rollout = Rollout::begin(plan, at(0)).unwrap();
    for place in 0..4000 {
        let seen = answer(false);
        let event = if place % 4 == 0 { Event::Candidate(seen) } else { Event::Incumbent(seen) };
        rollout.see(&event);
    }
    assert!(rollout.is_split_wrong());
    rollout
}

#[test]
fn a_wrong_split_holds_and_never_keeps_from_rolling_back() {
    let mut rollout = with_wrong_split();
    assert_eq!(rollout.tick(at(10)), Verdict::Hold);
    assert_eq!(rollout.step(), 0, "it has its requests and its time, and does not advance");
    let mut candidates = 0;
    while rollout.phase() != Phase::RolledBack && candidates < 100 {
        incumbents(&mut rollout, 3);
        rollout.see(&Event::Candidate(answer(true)));
        candidates += 1;
    }
    assert_eq!(rollout.reason().unwrap().what, "errors");
    assert!(candidates <= 10, "{candidates}");
}

#[test]
fn a_step_needs_requests_and_time() {
    let plan = Plan {
        steps: vec![
            Step {
                exposure: Exposure::Share(1000),
                requests_min: 5,
                seconds_min: 60,
                seconds_max: 600,
                outcomes_min: 0,
            },
            step(Exposure::Share(5000), 1),
        ],
        ..Plan::default()
    };
    let fill = |rollout: &mut Rollout, candidates: u32| {
        for _ in 0..candidates {
            incumbents(rollout, 9);
            rollout.see(&Event::Candidate(answer(false)));
        }
    };
    let mut rollout = Rollout::begin(plan.clone(), at(0)).unwrap();
    fill(&mut rollout, 4);
    assert_eq!((rollout.tick(at(61)), rollout.step()), (Verdict::Continue, 0));
    fill(&mut rollout, 1);
    assert_eq!((rollout.tick(at(59)), rollout.step()), (Verdict::Continue, 0));
    assert_eq!((rollout.tick(at(61)), rollout.step()), (Verdict::Continue, 1));
    assert_eq!(rollout.exposure(), Some(Exposure::Share(5000)));
    fill(&mut rollout, 1);
    rollout.tick(at(62));
    assert_eq!(
        (rollout.phase(), rollout.exposure()),
        (Phase::Promoted, Some(Exposure::Share(10_000)))
    );
    // Without traffic it is neither promoted nor rolled back.
    let mut quiet = Rollout::begin(plan, at(0)).unwrap();
    assert_eq!(quiet.tick(at(599)), Verdict::Continue);
    assert_eq!(quiet.tick(at(600)), Verdict::Inconclusive);
    assert_eq!(quiet.reason().unwrap().what, "requests");
    quiet.resume(at(700));
    assert_eq!((quiet.phase(), quiet.tick(at(701))), (Phase::Running, Verdict::Continue));
}

#[test]
fn a_person_holds_resumes_and_rolls_back_and_guardrails_watch_meanwhile() {
    let mut rollout = Rollout::begin(canary_only(), at(0)).unwrap();
    rollout.hold();
    assert_eq!(rollout.tick(at(1)), Verdict::Hold);
    let mut other = rollout.clone();
    rollout.resume(at(2));
    assert_eq!(rollout.phase(), Phase::Running);
    rollout.roll_back();
    assert_eq!((rollout.phase(), rollout.exposure()), (Phase::RolledBack, None));
    assert_eq!(rollout.reason().unwrap().what, "person");
    rollout.resume(at(3));
    rollout.hold();
    assert_eq!(rollout.phase(), Phase::RolledBack, "what is over stays over");
    for _ in 0..10 {
        incumbents(&mut other, 99);
        other.see(&Event::Candidate(answer(true)));
    }
    assert_eq!(other.reason().unwrap().what, "errors");
}

/// Written down and read again after every record, a rollout decides the same at the same record.
#[test]
fn a_rollout_survives_being_stored() {
    let mut draw = Draw::new(5);
    let mut rollout = Rollout::begin(whole(), at(0)).unwrap();
    let mut copy = rollout.clone();
    for _ in 0..3000 {
        let shift = 0.1 * draw.normal();
        let before = Seen { score: Some(0.4 + shift), ..answer(draw.happens(0.01)) };
        let after = Seen { score: Some(0.5 + shift), ..answer(draw.happens(0.04)) };
        let event = Event::Pair(before, after);
        assert_eq!(rollout.see(&event), copy.see(&event));
        copy = serde_json::from_str(&serde_json::to_string(&copy).unwrap()).unwrap();
        assert_eq!(rollout, copy);
        if rollout.phase() == Phase::RolledBack {
            return;
        }
    }
    panic!("it was never rolled back");
}

#[test]
fn outcomes_groups_and_refusals_are_guardrails_too() {
    let weighted = |guardrail| Weighted { guardrail, weight: 1.0 };
    let plan = Plan {
        guardrails: vec![
            weighted(Guardrail::Errors),
            weighted(Guardrail::Refusals),
            weighted(outcomes()),
            weighted(Guardrail::Mix { margin: 0.1, group: Some(north()) }),
        ],
        ..canary_only()
    };
    let ends = |each: &dyn Fn(&mut Draw, bool) -> Event| {
        let mut draw = Draw::new(9);
        let mut rollout = Rollout::begin(plan.clone(), at(0)).unwrap();
        for _ in 0..20_000 {
            let is_candidate = draw.happens(0.1);
            rollout.see(&each(&mut draw, is_candidate));
        }
        rollout.reason().map(|reason| reason.what.clone())
    };
    let event = |seen, is_candidate| {
        if is_candidate { Event::Candidate(seen) } else { Event::Incumbent(seen) }
    };
    let refused = |draw: &mut Draw, is_candidate: bool| {
        let refused = draw.happens(if is_candidate { 0.2 } else { 0.01 });
        event(Seen { refused, ..answer(false) }, is_candidate)
    };
    assert_eq!(ends(&refused).as_deref(), Some("refusals"));
    let outcome = |draw: &mut Draw, is_candidate: bool| {
        Event::Outcome(is_candidate, draw.happens(if is_candidate { 0.15 } else { 0.05 }))
    };
    assert_eq!(ends(&outcome).as_deref(), Some("outcomes"));
    // The north is approved less often by the candidate; all others, more often.
    let grouped = |draw: &mut Draw, is_candidate: bool| {
        let is_north = draw.happens(0.2);
        let rate = match (is_north, is_candidate) {
            (true, true) => 0.3,
            (false, true) => 0.7,
            _ => 0.6,
        };
        let positive = Some(draw.happens(rate));
        // The guardrail of the group is the plan's fourth.
        let groups = if is_north { 0b1000 } else { 0 };
        event(Seen { positive, groups, ..answer(false) }, is_candidate)
    };
    assert_eq!(ends(&grouped).as_deref(), Some("mix of region=north"));
    let same =
        |draw: &mut Draw, is_candidate: bool| event(answer(draw.happens(0.02)), is_candidate);
    assert_eq!(ends(&same), None);
}

fn outcomes() -> Guardrail {
    Guardrail::Outcomes { name: "outcome".to_owned(), positive: None }
}

fn north() -> Group {
    Group { by: "region".to_owned(), is: "north".to_owned() }
}

/// Outcomes come late: a step that needs them waits, and says in the end that there were none.
#[test]
fn a_step_waits_for_the_outcomes_that_it_needs() {
    let late = Step { outcomes_min: 3, seconds_max: 100, ..step(Exposure::Share(1_000), 1) };
    let mut plan = Plan { steps: vec![late, step(Exposure::Share(5_000), 1)], ..Plan::default() };
    assert_eq!(Rollout::begin(plan.clone(), at(0)).err(), Some(PlanError::Outcomes));
    plan.guardrails.push(Weighted { guardrail: outcomes(), weight: 1.0 });
    let mut rollout = Rollout::begin(plan.clone(), at(0)).unwrap();
    incumbents(&mut rollout, 9);
    rollout.see(&Event::Candidate(answer(false)));
    rollout.see(&Event::Outcome(true, false));
    rollout.see(&Event::Outcome(true, true));
    (0..9).for_each(|_| {
        rollout.see(&Event::Outcome(false, false));
    });
    assert_eq!((rollout.tick(at(10)), rollout.step()), (Verdict::Continue, 0));
    let mut without = rollout.clone();
    rollout.see(&Event::Outcome(true, false));
    assert_eq!((rollout.tick(at(11)), rollout.step()), (Verdict::Continue, 1));
    assert_eq!(rollout.outcomes(), (9, 3));
    assert_eq!(without.tick(at(100)), Verdict::Inconclusive);
    assert_eq!(without.reason().unwrap().what, "outcomes");
    plan.guardrails.push(Weighted { guardrail: outcomes(), weight: 1.0 });
    assert_eq!(Rollout::begin(plan, at(0)).err(), Some(PlanError::Outcomes));
}

/// Who is sent by a rule is no sample: nothing is compared, and an outage is seen all the same.
#[test]
fn requests_that_rules_send_are_not_compared() {
    let mut rollout = Rollout::begin(canary_only(), at(0)).unwrap();
    for _ in 0..100 {
        incumbents(&mut rollout, 1);
        rollout.see(&Event::Routed(Seen { positive: Some(false), ..answer(false) }));
    }
    let seen = (rollout.phase(), rollout.counts(), rollout.in_step());
    assert_eq!(seen, (Phase::Running, (100, 0), 0));
    assert!(!rollout.is_split_wrong());
    for failures in 1.. {
        incumbents(&mut rollout, 1);
        if rollout.see(&Event::Routed(answer(true))) == Verdict::RollBack {
            assert!(failures <= 8, "{failures}");
            break;
        }
        assert!(failures < 10);
    }
    assert_eq!(rollout.reason().unwrap().what, "errors");
}

#[test]
fn a_plan_that_is_none_is_refused() {
    let begin = |change: &dyn Fn(&mut Plan)| {
        let mut plan = Plan::default();
        change(&mut plan);
        Rollout::begin(plan, at(0)).err()
    };
    assert_eq!(begin(&|_| {}), None);
    assert_eq!(begin(&|p| p.steps.clear()), Some(PlanError::Steps));
    assert_eq!(begin(&|p| p.steps.reverse()), Some(PlanError::Exposure));
    assert_eq!(
        begin(&|p| p.steps[3].exposure = Exposure::Share(10_001)),
        Some(PlanError::Exposure)
    );
    assert_eq!(begin(&|p| p.steps[0].requests_min = 0), Some(PlanError::Minimum));
    assert_eq!(begin(&|p| p.steps[0].seconds_max = 300), Some(PlanError::Minimum));
    assert_eq!(begin(&|p| p.guardrails.clear()), Some(PlanError::Guardrails));
    assert_eq!(begin(&|p| p.guardrails[1].weight = f64::NAN), Some(PlanError::Number(1)));
    let latency = |p: &mut Plan| {
        p.guardrails[2].guardrail = Guardrail::Latency { quantile: 1.5, tolerance: 1.0 };
    };
    assert_eq!(begin(&latency), Some(PlanError::Number(2)));
    let score = |p: &mut Plan| {
        p.guardrails[3].guardrail = Guardrail::Score { margin: 0.1, spread: Some(0.0) };
    };
    assert_eq!(begin(&score), Some(PlanError::Number(3)));
    assert_eq!(begin(&|p| p.false_rollback = 0.6), Some(PlanError::FalseRollback));
}

/// What is said of the rules of others rests on these.
#[test]
fn the_rules_of_others_find_what_is_plain() {
    let dead = Traffic {
        incumbent: Behaviour { errors: 0.005, ..USUAL },
        candidate: Behaviour { errors: 1.0, ..USUAL },
        per_second: 30.0,
        requests: 108_000,
        outages: None,
    };
    for rule in Rule::ALL {
        let run = run_rule(*rule, 1000, &dead, 1);
        assert_eq!(run.phase, Phase::RolledBack, "{}", rule.name());
        assert!(run.seconds >= 59.0 && run.candidates > 100, "{}: {run:?}", rule.name());
    }
    let none = Traffic { candidate: dead.incumbent, ..dead };
    let quiet = |rule| run_rule(rule, 1000, &none, 1).phase == Phase::Running;
    assert!(quiet(Rule::ArgoSample) && quiet(Rule::GrowthBook));
}

#[test]
fn the_upper_bound_is_clopper_and_pearsons() {
    // scipy.stats.beta.ppf(0.95, k + 1, n - k)
    for (events, all, bound) in
        [(0, 100, 0.029_513_0), (3, 100, 0.075_710_8), (30, 5000, 0.008_129_4)]
    {
        assert!((upper_bound(events, all, 0.95) - bound).abs() < 2e-6, "{events} of {all}");
    }
    assert!((upper_bound(5, 5, 0.95) - 1.0).abs() < 1e-12);
}
