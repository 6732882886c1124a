//! Sinks: whose they are, what they are sent, and what they never show.

use super::bench::{Bench, name};
use super::code;
use super::decisions::{Scene, decide, scene};
use plimsoll_api as api;
use plimsoll_api::Role;
use plimsoll_types::record::{Kind, ResultClass};
use serde_json::Value;

const ADDRESS: &str = "https://hooks.example.org/t0ken-in-the-path";

fn sink(who: &str) -> api::CreateSink {
    api::CreateSink {
        name: name(who),
        url: ADDRESS.to_owned(),
        format: None,
        profile: None,
        include_body: false,
        kinds: Some(vec![Kind::Decision]),
        deployments: None,
        from: Some(0),
    }
}

fn create(
    bench: &Bench,
    ctx: &crate::RequestContext,
    wanted: &api::CreateSink,
) -> Result<api::SinkSecret, crate::ControlError> {
    bench.control.create_sink(ctx, wanted, "https://hooks.example.org")
}

fn events(bench: &Bench, id: plimsoll_types::SinkId) -> Vec<api::CloudEvent> {
    let (mut from, mut all) = (0, Vec::new());
    loop {
        let pull = bench.control.pull_sink(id, from).expect("pulled");
        all.extend(pull.events.into_iter().map(|(_, event)| event));
        from = pull.next;
        if pull.is_end {
            return all;
        }
    }
}

#[test]
fn a_sink_is_added_shown_changed_and_removed_and_its_secrets_are_not_in_any_file() {
    let bench = Bench::new();
    let admin = bench.admin();
    let made = create(&bench, &admin, &sink("one")).expect("made");
    assert!(made.secret.starts_with("whsec_") && made.secret.len() == 6 + 44, "{}", made.secret);
    assert_eq!(
        (made.sink.origin.as_str(), made.sink.state),
        ("https://hooks.example.org", api::SinkState::Active)
    );
    assert_eq!(made.sink.owner_name.as_deref(), Some("admin"));
    assert_eq!(code(create(&bench, &admin, &sink("one"))).0, 409);

    let targets = bench.control.sink_targets().expect("targets");
    assert_eq!(&**targets[0].address.0, ADDRESS.as_bytes());
    assert_eq!(targets[0].secret.0.len(), 32);
    let shown = format!("{:?} {made:?}", targets[0]);
    assert!(!shown.contains("whsec") && !shown.contains("t0ken"), "{shown}");

    let paused = bench.control.pause_sink(&admin, &name("one")).expect("paused");
    assert_eq!(paused.state, api::SinkState::Paused);
    // A worker that is told to stop says how far it got.
    bench.control.advance_sink(made.sink.id, 0, 3, 1).expect("moved");
    assert_eq!(bench.control.read_sink(&admin, &name("one")).expect("read").progress.next, 3);
    let wanted = api::ResumeSink { from: Some(2) };
    let resumed = bench.control.resume_sink(&admin, &name("one"), wanted).expect("resumed");
    assert_eq!((resumed.state, resumed.progress.next), (api::SinkState::Active, 2));
    // One that began before somebody moved the sink moves nothing.
    bench.control.advance_sink(made.sink.id, 0, 4, 1).expect("kept out");
    assert_eq!(bench.control.read_sink(&admin, &name("one")).expect("read").progress.next, 2);
    bench.control.advance_sink(made.sink.id, 1, 5, 1).expect("moved");
    let page = api::PageQuery { limit: Some(10), cursor: None };
    let listed = bench.control.list_sinks(&admin, &page).expect("listed").items;
    assert_eq!((listed[0].progress.next, listed[0].progress.delivered), (5, 2));
    let beyond = api::ResumeSink { from: Some(1 << 40) };
    assert_eq!(code(bench.control.resume_sink(&admin, &name("one"), beyond)).0, 422);

    let mut folders = vec![bench.folder.path().to_path_buf()];
    let secret = targets[0].secret.0.clone();
    let needles: [&[u8]; 3] = [b"t0ken-in-the-path", made.secret.as_bytes(), secret.as_slice()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("folder") {
            let entry = entry.expect("entry");
            if entry.file_type().expect("type").is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).expect("file");
            for needle in needles {
                assert!(!bytes.windows(needle.len()).any(|w| w == needle), "{:?}", entry.path());
            }
            files += 1;
        }
    }
    assert!(files > 3);

    // It outlives a crash, with its secret; a removed one does not.
    let erin = bench.person("erin", &[Role::Auditor]);
    let bench = bench.crash();
    let targets = bench.control.sink_targets().expect("targets");
    assert_eq!(targets[0].secret.0, secret);
    bench.control.remove_sink(&admin, &name("one")).expect("removed");
    assert!(bench.control.sink_targets().expect("targets").is_empty());
    assert_eq!(code(bench.control.remove_sink(&admin, &name("one"))).0, 404);
    let told: Vec<String> = bench
        .control
        .list_events(&erin, &api::EventFilter::default())
        .expect("events")
        .items
        .iter()
        .filter(|event| event.resource == "sink/one" && event.payload.get("facts").is_some())
        .map(|event| format!("{} {}", event.action, event.payload["facts"]))
        .collect();
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told.iter().all(|text| !text.contains("t0ken") && !text.contains("whsec")));
}

#[test]
fn sinks_are_the_admins_and_wishes_that_cannot_hold_are_refused() {
    let Scene { bench, bob, erin, .. } = scene();
    let admin = bench.admin();
    for who in [&bob, &erin] {
        assert_eq!(code(create(&bench, who, &sink("one"))).0, 403);
        assert_eq!(code(bench.control.pause_sink(who, &name("one"))).0, 403);
        assert_eq!(code(bench.control.test_sink(who, &name("one"))).0, 403);
        assert_eq!(code(bench.control.remove_sink(who, &name("one"))).0, 403);
    }
    assert_eq!(code(bench.control.read_sink(&bob, &name("one"))).0, 403);
    assert_eq!(code(bench.control.read_sink(&erin, &name("one"))).0, 404);
    let refuse = |change: fn(&mut api::CreateSink)| {
        let mut wanted = sink("one");
        change(&mut wanted);
        code(create(&bench, &admin, &wanted)).0
    };
    assert_eq!(refuse(|w| w.kinds = Some(vec![])), 422);
    assert_eq!(refuse(|w| w.deployments = Some(vec![])), 422);
    assert_eq!(refuse(|w| w.from = Some(1 << 40)), 422);
    // An admin does not read bodies, so no sink of an admin's carries them.
    assert_eq!(refuse(|w| w.include_body = true), 422);
    assert_eq!(refuse(|w| w.profile = Some(api::SinkProfile::Kserve)), 422);
}

#[test]
fn what_is_sent_is_what_the_owner_may_read() {
    let Scene { bench, made, .. } = scene();
    let first = decide(&bench, &made, ResultClass::Answered);
    let second = decide(&bench, &made, ResultClass::Refused);
    let both = bench.person("dora", &[Role::Admin, Role::Dpo]);

    // Metadata alone, however much the owner may read.
    let plain = create(&bench, &both, &sink("plain")).expect("made").sink;
    let sent = events(&bench, plain.id);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].id, format!("{first}.decision"));
    assert_eq!(sent[0].kind, "io.plimsoll.decision.v1");
    assert_eq!(sent[0].subject, Some(first.to_string()));
    assert_eq!(sent[0].extensions["partitionkey"], "credit-default");
    assert!(sent[0].extensions["sequence"] < sent[1].extensions["sequence"]);
    assert_eq!(sent[1].data["summary"]["result"], "refused");
    assert_eq!(sent[1].id, format!("{second}.decision"));
    assert_eq!(sent[0].data["body"], Value::Null);
    assert!(!format!("{sent:?}").contains("customer-7"));
    // The same again is the same again.
    assert_eq!(events(&bench, plain.id), sent);

    let wanted = api::CreateSink { include_body: true, ..sink("full") };
    let full = create(&bench, &both, &wanted).expect("made").sink;
    let sent = events(&bench, full.id);
    assert_eq!(sent[0].data["body"]["rows"][0]["customer"], "customer-7");

    // An admin alone sees that control events happened, and no decisions at all.
    let wanted = api::CreateSink { kinds: None, ..sink("events") };
    let of_admin = create(&bench, &bench.admin(), &wanted).expect("made").sink;
    let sent = events(&bench, of_admin.id);
    assert!(!sent.is_empty() && sent.iter().all(|e| e.kind == "io.plimsoll.control_event.v1"));
    assert!(sent.iter().any(|e| e.data["action"] == "CreateSink"));

    let wanted = api::CreateSink { deployments: Some(vec![name("other")]), ..sink("other") };
    let other = create(&bench, &both, &wanted).expect("made").sink;
    assert!(events(&bench, other.id).is_empty());
}

#[test]
fn kserve_gets_a_pair_for_every_answer() {
    let Scene { bench, made, .. } = scene();
    let id = decide(&bench, &made, ResultClass::Answered);
    decide(&bench, &made, ResultClass::Refused);
    let both = bench.person("dora", &[Role::Admin, Role::Dpo]);
    let wanted = api::CreateSink {
        profile: Some(api::SinkProfile::Kserve),
        include_body: true,
        kinds: None,
        ..sink("trustyai")
    };
    let sink = create(&bench, &both, &wanted).expect("made").sink;
    assert_eq!(sink.format, api::SinkFormat::Binary);
    let sent = events(&bench, sink.id);
    let [asked, answered] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((&asked.id, &answered.id), (&id.to_string(), &id.to_string()));
    assert_eq!(asked.kind, "org.kubeflow.serving.inference.request");
    assert_eq!(answered.kind, "org.kubeflow.serving.inference.response");
    assert_eq!(asked.extensions["inferenceservicename"], "credit-default");
    assert_eq!(asked.extensions["namespace"], "staging");
    assert_eq!(
        (asked.extensions["component"].as_str(), asked.extensions["endpoint"].as_str()),
        ("predictor", "default")
    );
    let inputs = asked.data["inputs"].as_array().expect("inputs");
    let input = |name: &str| inputs.iter().find(|input| input["name"] == name).expect("there");
    assert_eq!(
        *input("age"),
        serde_json::json!({"name": "age", "shape": [1], "datatype": "INT64", "data": [41]})
    );
    assert_eq!(input("region")["data"], serde_json::json!(["c"]));
    assert_eq!(
        (input("region")["datatype"].as_str(), input("income")["datatype"].as_str()),
        (Some("BYTES"), Some("FP64"))
    );
    assert_eq!(answered.data["outputs"][0]["data"], serde_json::json!([0.25]));
    assert_eq!(answered.data["model_name"], "credit-default");
}

#[test]
fn pulls_are_bounded_and_go_on_where_they_ended() {
    let Scene { bench, made, .. } = scene();
    for _ in 0..600 {
        decide(&bench, &made, ResultClass::Answered);
    }
    let both = bench.person("dora", &[Role::Admin, Role::Dpo]);
    let id = create(&bench, &both, &sink("one")).expect("made").sink.id;
    let (mut from, mut pulls, mut ids) = (0, 0, Vec::new());
    loop {
        let pull = bench.control.pull_sink(id, from).expect("pulled");
        assert!(pull.events.len() <= 256);
        ids.extend(pull.events.iter().map(|(_, event)| event.id.clone()));
        (from, pulls) = (pull.next, pulls + 1);
        if pull.is_end {
            break;
        }
    }
    assert!(pulls >= 3);
    assert_eq!(ids.len(), 600);
    ids.dedup();
    assert_eq!(ids.len(), 600);
    assert_eq!(
        code(bench.control.pull_sink(plimsoll_types::SinkId::from_bytes([9; 16]), 0)).0,
        404
    );
}
