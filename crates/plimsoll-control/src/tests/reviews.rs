//! Reviews, contests, and answers that waited: who may, what is recorded, what is measured.

use super::bench::{Bench, name};
use super::code;
use super::decisions::{Scene, decide_with, decided, scene};
use crate::RequestContext;
use plimsoll_api as api;
use plimsoll_api::{ReviewState, ReviewWhy, Role};
use plimsoll_ledger::LedgerReader;
use plimsoll_types::record::{Kind, ResultClass, ReviewBody, Verdict};
use plimsoll_types::{Clock as _, DecisionId};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn accept() -> api::ReviewDecision {
    api::ReviewDecision { verdict: Verdict::Accepted, reason: None, outputs: None }
}

fn put(value: f64) -> api::ReviewDecision {
    api::ReviewDecision {
        verdict: Verdict::Overridden,
        reason: Some("income was mistyped".into()),
        outputs: Some(vec![value]),
    }
}

fn contest() -> api::ContestDecision {
    api::ContestDecision { reason: "I moved in March".into() }
}

fn waiting(bench: &Bench, ctx: &RequestContext) -> Vec<(DecisionId, ReviewWhy)> {
    let page = bench.control.list_reviews(ctx, &api::ReviewFilter::default()).expect("listed");
    page.items.iter().map(|case| (case.decision.id, case.why)).collect()
}

fn answer(bench: &Bench, ctx: &RequestContext, id: DecisionId) -> (bool, String, String) {
    let (answer, is_pending) = bench.control.read_answer(ctx, id).expect("an answer");
    let word = answer["parameters"]["review"].as_str().expect("a word").to_owned();
    (is_pending, word, answer["outputs"].to_string())
}

/// Holds every answer of the deployment.
fn hold(bench: &Bench, bob: &RequestContext) {
    let review = Some(api::Review { mode: api::ReviewMode::Held, share: None });
    let wanted = api::UpdateDeployment { review, ..Default::default() };
    let made = bench.control.update_deployment(bob, &name("credit-default"), &wanted);
    assert_eq!(made.expect("updated").review.mode, api::ReviewMode::Held);
}

#[test]
fn a_held_answer_is_given_when_a_person_has_looked_at_it() {
    let Scene { bench, made, bob, .. } = scene();
    hold(&bench, &bob);
    let rita = bench.person("rita", &[Role::Reviewer]);
    let shop = bench.person("shop", &[Role::Caller]);
    let other = bench.person("other", &[Role::Caller]);
    let first = decided(&bench, &made, ResultClass::Held, 0.25, shop.id);
    let second = decided(&bench, &made, ResultClass::Held, 0.5, shop.id);
    assert_eq!(waiting(&bench, &rita), [(first, ReviewWhy::Held), (second, ReviewWhy::Held)]);
    let (is_pending, word, outputs) = answer(&bench, &shop, first);
    assert_eq!((is_pending, word.as_str(), outputs.as_str()), (true, "pending", "[]"));
    // It is the asker's, and nobody else's.
    assert_eq!(code(bench.control.read_answer(&other, first)).0, 403);
    assert_eq!(code(bench.control.read_answer(&shop, DecisionId::from_bytes([7; 16]))).0, 403);

    let told = bench.control.review_decision(&rita, first, &accept()).expect("accepted");
    assert_eq!(told.case.state, ReviewState::Accepted);
    assert_eq!(told.case.reviewer_name.as_deref(), Some("rita"));
    let (is_pending, word, outputs) = answer(&bench, &shop, first);
    assert_eq!((is_pending, word.as_str()), (false, "accepted"));
    assert!(outputs.contains("0.25"), "{outputs}");

    let told = bench.control.review_decision(&rita, second, &put(0.75)).expect("overridden");
    let said = told.said.expect("what was said");
    assert_eq!((said.len(), said[0].verdict), (1, Verdict::Overridden));
    assert_eq!(
        (said[0].before.as_slice(), said[0].after.as_deref()),
        (&[0.5][..], Some(&[0.75][..]))
    );
    let (is_pending, word, outputs) = answer(&bench, &shop, second);
    assert_eq!((is_pending, word.as_str()), (false, "overridden"));
    assert!(outputs.contains("0.75") && !outputs.contains("0.5"), "{outputs}");
    assert!(waiting(&bench, &rita).is_empty());
    // One last word, until it is contested.
    assert_eq!(code(bench.control.review_decision(&rita, second, &accept())).0, 409);
    bench.control.contest_decision(&shop, second, &contest()).expect("contested");
    assert_eq!(waiting(&bench, &rita).len(), 1);
    let (is_pending, word, outputs) = answer(&bench, &shop, second);
    assert_eq!((is_pending, word.as_str()), (false, "waiting"), "what stood stands meanwhile");
    assert!(outputs.contains("0.75"), "{outputs}");
    bench.control.review_decision(&rita, second, &put(0.125)).expect("overridden again");
    let said = bench.control.read_review(&rita, second).expect("read").said.expect("said");
    let verdicts: Vec<Verdict> = said.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Verdict::Overridden, Verdict::Contested, Verdict::Overridden]);
    assert_eq!(said[2].before, [0.75], "before is what stood");
    // Whoever may not read the body reads that it was reviewed, and not what was said.
    let masked = bench.control.read_review(&bob, second).expect("read");
    assert_eq!((masked.said, masked.case.state), (None, ReviewState::Overridden));
}

#[test]
fn who_asked_does_not_review_and_others_do_not_contest() {
    let Scene { bench, made, bob, erin } = scene();
    let both = bench.person("both", &[Role::Caller, Role::Reviewer]);
    let rita = bench.person("rita", &[Role::Reviewer]);
    let shop = bench.person("shop", &[Role::Caller]);
    let dora = bench.person("dora", &[Role::Dpo]);
    let own = decided(&bench, &made, ResultClass::Answered, 0.25, both.id);
    let (status, text) = code(bench.control.review_decision(&both, own, &accept()));
    assert_eq!(status, 403, "{text}");
    for who in [&bob, &erin, &shop, &dora] {
        assert_eq!(code(bench.control.review_decision(who, own, &accept())).0, 403);
    }
    for who in [&bob, &erin, &shop] {
        assert_eq!(code(bench.control.contest_decision(who, own, &contest())).0, 403);
    }
    for who in [&bob, &shop] {
        let filter = api::ReviewFilter::default();
        assert_eq!(code(bench.control.list_reviews(who, &filter)).0, 403);
    }
    bench.control.contest_decision(&dora, own, &contest()).expect("for the subject");
    bench.control.contest_decision(&both, own, &contest()).expect("by who asked");
    bench.control.review_decision(&rita, own, &accept()).expect("by another");
    // What was denied is on record.
    let denied = bench.events(&erin);
    let denied = denied.iter().filter(|event| event.action == "ReviewDecision");
    assert_eq!(denied.count(), 5);
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    let Scene { bench, made, .. } = scene();
    let rita = bench.person("rita", &[Role::Reviewer]);
    let id = decided(&bench, &made, ResultClass::Answered, 0.25, bench.admin().id);
    let refused = decided(&bench, &made, ResultClass::Refused, 0.25, bench.admin().id);
    let say = |wanted: api::ReviewDecision| code(bench.control.review_decision(&rita, id, &wanted));
    assert_eq!(say(api::ReviewDecision { verdict: Verdict::Contested, ..accept() }).0, 422);
    assert_eq!(say(api::ReviewDecision { outputs: Some(vec![1.0]), ..accept() }).0, 422);
    assert_eq!(say(api::ReviewDecision { outputs: None, ..put(1.0) }).0, 422);
    assert_eq!(say(api::ReviewDecision { outputs: Some(vec![1.0, 2.0]), ..put(1.0) }).0, 422);
    assert_eq!(say(put(f64::NAN)).0, 422);
    assert_eq!(say(api::ReviewDecision { reason: None, ..put(1.0) }).0, 422);
    assert_eq!(say(api::ReviewDecision { reason: Some(" ".into()), ..put(1.0) }).0, 422);
    let long = Some("x".repeat(4_097));
    assert_eq!(say(api::ReviewDecision { reason: long, ..accept() }).0, 422);
    assert_eq!(code(bench.control.review_decision(&rita, refused, &accept())).0, 409);
    let unknown = DecisionId::from_bytes([7; 16]);
    assert_eq!(code(bench.control.review_decision(&rita, unknown, &accept())).0, 404);
    let blank = api::ContestDecision { reason: String::new() };
    assert_eq!(code(bench.control.contest_decision(&rita, id, &blank)).0, 422);
    for share in [None, Some(0.0), Some(1.5), Some(f64::NAN)] {
        let review = Some(api::Review { mode: api::ReviewMode::Sampled, share });
        let wanted = api::UpdateDeployment { review, ..Default::default() };
        let bob =
            bench.person(&format!("bob-{}", share.unwrap_or(9.0).to_bits()), &[Role::MlEngineer]);
        assert_eq!(code(bench.control.update_deployment(&bob, &made.name, &wanted)).0, 422);
    }
}

/// The record of a review is sealed for the subject, and the leaf tells only that there is one.
#[test]
fn reviews_are_records_that_the_subjects_key_opens() {
    let Scene { bench, made, .. } = scene();
    let rita = bench.person("rita", &[Role::Reviewer]);
    let id = decided(&bench, &made, ResultClass::Answered, 0.25, bench.admin().id);
    bench.control.review_decision(&rita, id, &put(0.75)).expect("overridden");
    let ledger = bench.control.ledger();
    let entries = ledger.entries(0).map(|entry| entry.expect("read"));
    let reviews: Vec<_> = entries.filter(|e| e.leaf.draft.kind == Kind::Review).collect();
    let [entry] = &reviews[..] else { panic!("{} reviews", reviews.len()) };
    assert_eq!(entry.leaf.draft.extension.review, Some(*id.as_bytes()));
    assert_eq!(entry.leaf.draft.deployment, Some(made.id));
    let body = ReviewBody::decode(&ledger.open_body(entry).expect("opened")).expect("a review");
    assert_eq!((body.decision, body.principal), (id, rita.id));
    assert_eq!(&*body.reason, "income was mistyped");
    let decision = ledger.get(id.as_bytes()).expect("read").remove(0);
    // The first key id of a sealed body follows its four-byte head: the same subject's.
    assert_eq!(entry.sealed[4..20], decision.sealed[4..20]);
    let folder = std::sync::Arc::clone(&bench.folder);
    let (data, keys) = (folder.path().join("data"), folder.path().join("keys"));
    drop(bench);
    let reader = LedgerReader::open(&data, Some(&keys)).expect("opened");
    reader.verify().expect("every record is whole");
}

#[test]
fn the_queue_survives_a_crash_and_is_the_same_when_derived_anew() {
    let Scene { bench, made, bob, .. } = scene();
    hold(&bench, &bob);
    let rita = bench.person("rita", &[Role::Reviewer]);
    let ids: Vec<DecisionId> =
        (0..10).map(|_| decided(&bench, &made, ResultClass::Held, 0.25, bob.id)).collect();
    bench.control.review_decision(&rita, ids[0], &accept()).expect("accepted");
    bench.control.review_decision(&rita, ids[1], &put(0.5)).expect("overridden");
    let before = waiting(&bench, &rita);
    assert_eq!(before.len(), 8);
    let late = decided(&bench, &made, ResultClass::Held, 0.25, bob.id);
    let bench = bench.crash();
    let after = waiting(&bench, &rita);
    assert_eq!((&after[..8], after[8].0), (&before[..], late));

    // From nothing but the ledger.
    let path = bench.folder.path().join("data/control.sqlite");
    forget(&path);
    let bench = bench.crash();
    assert_eq!(waiting(&bench, &rita), after);
}

#[test]
fn share_and_effect_of_reviews_are_measured() {
    let Scene { bench, made, bob, erin } = scene();
    hold(&bench, &bob);
    let rita = bench.person("rita", &[Role::Reviewer]);
    let begin = bench.clock.now();
    let ids: Vec<DecisionId> = (0..8)
        .map(|n| {
            let result = if n < 4 { ResultClass::Held } else { ResultClass::Answered };
            decided(&bench, &made, result, 0.25, bob.id)
        })
        .collect();
    bench.clock.pass(Duration::from_secs(100));
    bench.control.review_decision(&rita, ids[0], &accept()).expect("accepted");
    bench.clock.pass(Duration::from_secs(100));
    bench.control.review_decision(&rita, ids[1], &put(0.5)).expect("overridden");
    let dora = bench.person("dora", &[Role::Dpo]);
    bench.control.contest_decision(&dora, ids[7], &contest()).expect("contested");
    bench.clock.pass(Duration::from_secs(50));
    bench.control.review_decision(&rita, ids[7], &put(0.5)).expect("overridden");
    let window = api::ReviewWindow::default();
    let summary = bench.control.summarize_reviews(&erin, &window).expect("summary");
    let [one] = &summary.deployments[..] else { panic!("{summary:?}") };
    assert_eq!(one.deployment, "credit-default");
    assert_eq!((one.decisions, one.asked, one.reviewed, one.waiting), (Some(8), 5, 3, 2));
    assert_eq!((one.accepted, one.overridden, one.contested), (1, 2, 1));
    assert_eq!(one.reviewed_share, Some(0.375));
    let third = 2.0 / 3.0;
    assert!((one.override_rate.expect("a rate") - third).abs() < 1e-12);
    // 100 s, 200 s, and 50 s after the contest.
    assert!((one.median_seconds.expect("a median") - 100.0).abs() < 1.0, "{one:?}");
    assert!((one.max_seconds.expect("a longest") - 200.0).abs() < 1.0, "{one:?}");
    assert!(one.oldest_waiting_seconds.expect("an age") >= 250.0);
    // Answers are counted by the hour.
    let earlier = begin.minus(Duration::from_secs(3_600));
    let earlier = api::ReviewWindow { until: Some(earlier.into()), ..window };
    let summary = bench.control.summarize_reviews(&erin, &earlier).expect("summary");
    assert_eq!((summary.deployments[0].asked, summary.deployments[0].reviewed_share), (0, None));
}

#[test]
fn an_unmarked_decision_can_be_looked_at_too_and_traces_tell_it() {
    let Scene { bench, made, erin, .. } = scene();
    let rita = bench.person("rita", &[Role::Reviewer]);
    let id = decide_with(&bench, &made, ResultClass::Answered, 0.25);
    let told = bench.control.review_decision(&rita, id, &accept()).expect("accepted");
    assert_eq!((told.case.why, told.case.state), (ReviewWhy::Chosen, ReviewState::Accepted));
    let trace = bench.control.trace_decision(&erin, id).expect("traced");
    let said: Vec<_> = trace.records.iter().filter_map(|record| record.says.as_deref()).collect();
    assert_eq!(said, ["accepted by rita"]);
    let summary = bench.control.summarize_reviews(&erin, &api::ReviewWindow::default());
    assert_eq!(summary.expect("summary").deployments[0].decisions, None, "nobody counted");
}

/// Empties the derived tables, by another hand than the store's.
fn forget(path: &Path) {
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                  [c.execute('DELETE FROM ' + t) for t in \
                  ('reviews', 'review_records', 'review_counts')]; \
                  c.execute('UPDATE review_cursor SET cursor = 0'); c.commit()";
    let status = Command::new("python3").arg("-c").arg(script).arg(path).status();
    assert!(status.expect("python3 runs").success());
}
