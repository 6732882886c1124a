//! What is told of decisions later lies in tables of its own, beside them: joined, erased, kept and
//! made anew as they are.

use super::*;
use crate::{Judge, TruthValue};
use plimsoll_types::OutcomeId;
use plimsoll_types::record::{OutcomeBody, OutcomeValue};

const HOUR: u64 = 3_600_000_000;
const LOOK: &str = "select decision_id, \"row\", name, label, number, relevance, annotator, corrects, principal \
                    from outcomes order by \"index\"";

fn body(id: u8, row: u32, value: OutcomeValue) -> OutcomeBody {
    OutcomeBody {
        id: OutcomeId::from_bytes([id; 16]),
        row,
        name: "outcome".into(),
        value,
        observed_at: None,
        source: "bank".into(),
        annotator: Some("canary-annotator".into()),
        principal: PrincipalId::from_bytes([9; 16]),
        key: None,
        caller_id: None,
        corrects: None,
        reason: Some("canary-reason".into()),
    }
}

fn tell(site: &Site, kind: RecordKind, decision: DecisionId, subject: &str, body: &OutcomeBody) {
    let time = decision.time();
    let holder = if subject.is_empty() {
        Holder::Day { deployment: DEPLOYMENT, time }
    } else {
        Holder::Subject { tenant: TENANT, subject }
    };
    let sealed = site.ledger().seal(&[holder], &body.encode()).expect("seal");
    // Told days after the decision.
    let now = Time::from_micros(time.as_micros() + 100 * HOUR);
    let mut draft = LeafDraft::new(kind, *decision.as_bytes(), TENANT, now, 1);
    draft.deployment = Some(DEPLOYMENT);
    site.ledger().append_blocking(draft, sealed, None).expect("append");
}

/// Two people and nobody in two hours, with an outcome each and an attribute of the first.
fn site() -> Site {
    let mut site = Site::new();
    site.record(&[
        Made::new(BEGIN, vec![row(1.0, 33, "x", "canary-ann")]),
        Made::new(
            BEGIN + HOUR,
            vec![row(2.0, 44, "y", "canary-bob"), row(3.0, 44, "y", "canary-bob")],
        ),
        Made::new(BEGIN + HOUR, vec![row(4.0, 55, "z", "")]),
    ]);
    let ids = site.ids.clone();
    tell(
        &site,
        RecordKind::Outcome,
        ids[0],
        "canary-ann",
        &body(1, 0, OutcomeValue::Label("canary-repaid".into())),
    );
    tell(&site, RecordKind::Outcome, ids[1], "canary-bob", &body(2, 1, OutcomeValue::Number(0.5)));
    tell(&site, RecordKind::Outcome, ids[2], "", &body(3, 0, OutcomeValue::Relevance(2.0)));
    let origin = OutcomeBody {
        name: "origin".into(),
        ..body(4, 0, OutcomeValue::Label("canary-origin".into()))
    };
    tell(&site, RecordKind::Attribute, ids[0], "canary-ann", &origin);
    site
}

fn judge() -> Judge {
    Judge {
        table: visible(DEPLOYMENT, "#answers", true),
        tenant: TENANT,
        output: "score".into(),
        columns: vec!["grade".into()],
        since: Time::from_micros(BEGIN),
        until: Time::from_micros(BEGIN + 2 * HOUR),
        rows: 100,
        timeout: Duration::from_secs(60),
    }
}

#[test]
fn they_are_there_at_once_in_files_and_anew() {
    let site = site();
    let lake = site.lake();
    let at_once = sql(&lake, LOOK);
    assert_eq!(at_once.len(), 3);
    assert_eq!(
        (&at_once[0]["label"], &at_once[1]["number"]),
        (&"canary-repaid".into(), &0.5.into())
    );
    assert_eq!((&at_once[1]["row"], &at_once[2]["relevance"]), (&1.into(), &2.0.into()));
    lake.catch_up(|_| {}).expect("write");
    assert_eq!(sql(&lake, LOOK), at_once, "in files");
    let folders = files(&site.data().join("lake"));
    assert!(folders.iter().any(|path| path.to_string_lossy().contains(".outcomes/2026-11-17T09")));
    for path in &folders {
        let bytes = std::fs::read(path).expect("read");
        assert!(!bytes.windows(7).any(|window| window == b"canary-"), "{}", path.display());
    }
    lake.rebuild(|_| {}).expect("rebuild");
    assert_eq!(sql(&lake, LOOK), at_once, "made anew");
    drop(lake);
    let lake = site.lake();
    assert_eq!(sql(&lake, LOOK), at_once, "opened again");
    let joined = "select count(*) as n from \"credit-default\" d join outcomes o \
                  on o.decision_id = d.decision_id and o.\"row\" = d.\"row\"";
    assert_eq!(sql(&lake, joined)[0]["n"], 3);
    let one = format!("select number from outcomes where decision_id = '{}'", site.ids[1]);
    assert_eq!(sql(&lake, &one).len(), 1, "by the decision's id");
}

#[test]
fn without_the_right_nothing_but_that_something_was_told() {
    let site = site();
    let tables = vec![visible(DEPLOYMENT, "credit-default", false)];
    let found = rows_of(&site.lake(), Ask { tables, ..ask(LOOK) }).expect("answer");
    assert_eq!(found.len(), 3);
    for row in found {
        let row = row.as_object().expect("a row");
        assert!(
            row.iter().all(|(name, value)| name == "decision_id" || value.is_null()),
            "{row:?}"
        );
    }
    let none = rows_of(&site.lake(), Ask { tables: Vec::new(), ..ask(LOOK) }).expect("answer");
    assert!(none.is_empty());
}

#[test]
fn an_erasure_takes_them_and_a_rebuild_gives_the_same() {
    let site = site();
    let lake = site.lake();
    lake.catch_up(|_| {}).expect("write");
    let key =
        site.ledger().keys().find_subject(TENANT, "canary-ann").expect("read").expect("there");
    site.ledger().erase(&[key]).expect("erase");
    lake.erase().expect("erase");
    let after = sql(&lake, "select * from outcomes order by \"index\"");
    assert_eq!(after.len(), 3, "that something was told stays");
    assert!(after[0].get("outcome_id").is_none_or(Value::is_null) && after[1]["number"] == 0.5);
    lake.rebuild(|_| {}).expect("rebuild");
    assert_eq!(sql(&lake, "select * from outcomes order by \"index\""), after);
    assert!(lake.attributes(&judge()).expect("attributes").is_empty());
}

#[test]
fn they_are_kept_as_long_as_their_decision() {
    let site = site();
    let lake = site.lake();
    lake.catch_up(|_| {}).expect("write");
    *site.kept.lock().expect("kept") = Some(Time::from_micros(BEGIN + HOUR));
    assert_eq!(
        lake.end_retention().expect("end"),
        3,
        "decisions, outcomes and attributes of an hour"
    );
    assert_eq!(sql(&lake, LOOK).len(), 2);
    lake.rebuild(|_| {}).expect("rebuild");
    assert_eq!(sql(&lake, LOOK).len(), 2);
}

#[test]
fn answers_come_with_what_was_told_and_statements_reach_no_attribute() {
    let site = site();
    let lake = site.lake();
    let found = lake.judged(&judge()).expect("judged");
    assert_eq!((found.answered.len(), found.truths.len(), found.is_cut), (4, 3, false));
    assert_eq!(found.answered[0].output, [0.25]);
    assert_eq!(found.answered[0].columns, [Some("low".to_owned())]);
    assert_eq!((found.truths[1].row, &found.truths[1].value), (1, &TruthValue::Number(0.5)));
    let wide = lake.judged(&Judge { output: "both".into(), rows: 2, ..judge() }).expect("judged");
    assert_eq!((wide.answered.len(), wide.is_cut), (2, true));
    assert_eq!(wide.answered[0].output, [0.75, 0.25]);
    let early = Judge { until: Time::from_micros(BEGIN + 1), ..judge() };
    assert_eq!(lake.judged(&early).expect("judged").answered.len(), 1);
    let told = lake.attributes(&judge()).expect("attributes");
    assert_eq!((told.len(), told[0].name.as_str()), (1, "origin"));
    for name in ["attributes", "\"#attributes\"", "\"#answers\""] {
        assert!(lake.query(ask(&format!("select * from {name}"))).is_err(), "{name}");
    }
    let table = visible(DEPLOYMENT, "#answers", true);
    let found = lake.correlated(&table, TENANT, &["callers-own-id", "nobody's"]).expect("found");
    assert_eq!(found.get("callers-own-id"), Some(&site.ids[2]), "the latest of that id");
    assert_eq!(found.len(), 1);
}
