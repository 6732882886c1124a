//! The governed decision: what is asked is answered as the model says, recorded, and found again.

use crate::harness::{Connection, Server, demo, requests};
use serde_json::Value;

#[test]
fn every_answer_is_the_models_and_every_decision_is_found_again() {
    let server = Server::dev().with_credit("durable");
    let expected: Value = serde_json::from_str(
        &std::fs::read_to_string(demo("credit/expected.json")).expect("committed"),
    )
    .expect("JSON");
    let probabilities = expected["probabilities"].as_array().expect("a list");
    let bodies = requests();
    assert_eq!(bodies.len(), probabilities.len());
    let mut connection = Connection::open(server.address()).expect("connects");
    let mut first = None;
    for (body, expected) in bodies.iter().zip(probabilities) {
        let (status, id, answer) = connection.infer(body, "").expect("answers");
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let given = answer["outputs"][0]["data"][0].as_f64().expect("a number");
        let expected = expected.as_f64().expect("a number");
        assert!((given - expected).abs() <= 1e-7, "{given} for {expected}");
        assert_eq!(answer["id"], id.as_str());
        assert_eq!(answer["model_version"], "1");
        first.get_or_insert((id, given));
    }
    let (id, given) = first.expect("there are requests");
    let shown = server.cli(&["decision", "show", &id, "--json"]).json();
    assert_eq!(shown["summary"]["result"], "answered");
    // The answer has the shortest text of the 32-bit float, the record its exact value.
    let kept = shown["body"]["outputs"][0]["values"][0].as_f64().expect("a number");
    assert!((kept - given).abs() < 1e-8, "kept {kept}, given {given}");
    let request: Value = serde_json::from_str(&bodies[0]).expect("JSON");
    for input in request["inputs"].as_array().expect("a list") {
        let (name, sent) = (input["name"].as_str().expect("a name"), &input["data"][0]);
        let kept = &shown["body"]["rows"][0][name];
        let same = match (sent.as_f64(), kept.as_f64()) {
            (Some(sent), Some(kept)) => sent == kept,
            // A timestamp is kept as an instant and shown in one form.
            _ => sent == kept || name == "submitted_at",
        };
        assert!(same, "{name}: sent {sent}, kept {kept}");
    }
    let listed = server.cli(&["decision", "list", "--limit", "1000", "--json"]).json();
    let items = listed["items"].as_array().or(listed.as_array()).expect("a list");
    assert_eq!(items.len(), bodies.len());
}

#[test]
fn an_idempotency_key_gives_the_recorded_answer_again_even_after_a_restart() {
    let server = Server::dev().with_credit("durable");
    let bodies = requests();
    let key = [("idempotency-key", "order-7")];
    let first = server.infer(&bodies[0], &key);
    let again = server.infer(&bodies[0], &key);
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = server.infer(&bodies[1], &key);
    assert_eq!(other.status, 422, "{}", other.body);
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let server = Server::start_in(folder, &["--dev"]);
    let later = server.infer(&bodies[0], &key);
    assert_eq!(later.body, first.body);
    assert_eq!(later.header("idempotency-replayed"), Some("true"));
}

#[test]
fn strict_mode_records_the_intent_before_and_links_the_completion() {
    let server = Server::dev().with_credit("strict");
    let answer = server.infer(&requests()[0], &[]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (folder, _) = server.stop();
    let reader =
        plimsoll_ledger::LedgerReader::open(&folder.path().join("data"), None).expect("opens");
    let id: plimsoll_types::DecisionId =
        answer.header("plimsoll-decision-id").expect("an id").parse().expect("an id");
    let found = reader.get(id.as_bytes()).expect("reads");
    let kinds: Vec<_> = found.iter().map(|entry| entry.leaf.draft.kind).collect();
    use plimsoll_types::record::Kind;
    assert_eq!(kinds, [Kind::Intent, Kind::Decision]);
    assert_eq!(found[1].leaf.draft.extension.intent, Some(found[0].leaf.seq));
}
