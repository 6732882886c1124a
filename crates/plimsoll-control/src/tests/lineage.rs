//! Lineage, cards, scans that block, and versions of the catalogue that deployments may use.

use super::bench::{Bench, MODEL, deployment, name};
use super::code;
use crate::{ControlError, RequestContext};
use plimsoll_api as api;
use plimsoll_api::{Direction, Graph, NodeId, Role};
use plimsoll_artifact::FilePath;
use plimsoll_mlflow::Args;
use plimsoll_types::Clock as _;
use plimsoll_types::record::Stage;
use serde_json::{Value, json};
use std::time::Duration;

const RUN: &str = "0190b5a1-6c2f-7d3e-8f4a-5b6c7d8e9f01";

fn id(text: &str) -> NodeId {
    text.parse().expect("an id")
}

fn graph(
    bench: &Bench,
    ctx: &RequestContext,
    root: &str,
    direction: Direction,
) -> Result<Graph, ControlError> {
    let query = api::LineageQuery { direction: Some(direction), ..Default::default() };
    bench.control.lineage(ctx, &id(root), &query)
}

fn steps(graph: &Graph) -> Vec<String> {
    graph.edges.iter().map(|e| format!("{} {} {}", e.from, e.kind.as_str(), e.to)).collect()
}

fn dataset(bench: &Bench, ctx: &RequestContext, called: &str, text: &[u8]) -> api::DatasetVersion {
    let stored = bench.upload(ctx, text);
    let file = api::DatasetFile {
        path: "a.csv".into(),
        digest: stored.digest,
        size: stored.size,
        md5: None,
    };
    let manifest = api::DatasetManifest {
        files: vec![file],
        columns: Vec::new(),
        rows: None,
        source: api::DatasetSource { kind: "files".into(), ..Default::default() },
        licence: None,
        personal: Vec::new(),
        purposes: vec!["scoring".into()],
        retention_days: None,
        description: None,
    };
    let wanted = api::CreateDataset { owner: None, manifest };
    bench.control.create_dataset(ctx, &name(called), &wanted).expect("a dataset")
}

fn told(inputs: &Value, outputs: &Value, state: &str) -> Value {
    json!({
        "eventTime": "2026-11-01T10:00:00Z", "producer": "https://example.org/p",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "eventType": state, "run": {"runId": RUN}, "job": {"namespace": "airflow", "name": "train"},
        "inputs": inputs, "outputs": outputs,
    })
}

fn version_facet(digest: &str) -> Value {
    json!({"version": {"_producer": "a:b", "_schemaURL": "a:c",
                       "datasetVersion": format!("sha256:{digest}")}})
}

fn args(of: &Value) -> Args {
    Args::of_body(of.to_string().as_bytes()).expect("arguments")
}

fn put(bench: &Bench, ctx: &RequestContext, at: &str, text: &[u8]) {
    let path: FilePath = at.parse().expect("a path");
    let mut upload = bench.control.begin_file(ctx, &path, 1 << 20).expect("begun");
    upload.write(text).expect("written");
    bench.control.end_file(ctx, &path, upload).expect("put");
}

fn catalogued(bench: &Bench, ctx: &RequestContext, model: &str, folder: &str) -> Value {
    let made = bench.control.ml_create_model(ctx, &args(&json!({"name": model})));
    drop(made);
    let source = format!("mlflow-artifacts:/{folder}");
    let wanted = args(&json!({"name": model, "source": source}));
    bench.control.ml_create_version(ctx, &wanted).expect("registered")["model_version"].clone()
}

#[test]
fn from_data_by_a_run_to_a_version_and_its_deployment() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let carol = bench.person("carol", &[Role::Approver]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let contract = bench.registry(&alice);
    let loans = dataset(&bench, &alice, "loans", b"a\n1\n");
    let version = bench.control.read_version(&alice, &name("credit"), 1).expect("there");
    let file = version.files[0].digest.to_string();

    let inputs = json!([
        {"namespace": "s3://lake", "name": "loans",
         "facets": version_facet(&loans.manifest.files[0].digest.to_string())},
        {"namespace": "s3://lake", "name": "regions"},
    ]);
    let outputs = json!([{"namespace": "s3://lake", "name": "m", "facets": version_facet(&file)}]);
    let accept =
        |who, event: &Value| bench.control.accept_lineage(who, event.to_string().as_bytes());
    assert_eq!(code(accept(&erin, &told(&inputs, &outputs, "START"))).0, 403);
    accept(&alice, &told(&inputs, &json!([]), "START")).expect("taken");
    accept(&alice, &told(&json!([]), &outputs, "COMPLETE")).expect("taken");
    let (status, text) = code(accept(&alice, &json!({"run": {}})));
    assert_eq!((status, text.contains("`run` and `job`")), (422, true), "{text}");

    bench
        .control
        .create_deployment(&bob, &deployment(contract, api::Environment::Staging))
        .expect("deployment");
    let release = api::ReleaseVersion { version: 1 };
    bench.control.release_version(&carol, &name("credit-default"), release).expect("released");

    let run = format!("run:{RUN}");
    let up = graph(&bench, &bob, "deployment:credit-default", Direction::Up).expect("found");
    let expected = [
        "source:s3://lake#regions read ".to_owned() + &run,
        "dataset:loans/1 read ".to_owned() + &run,
        run.clone() + " made model:credit/1",
        "model:credit/1 released deployment:credit-default".to_owned(),
    ];
    assert_eq!(steps(&up), expected);
    assert!(!up.is_cut && up.withheld == 0);
    let down = graph(&bench, &bob, "source:s3://lake#regions", Direction::Down).expect("found");
    assert_eq!(down.edges.len(), 3, "{:?}", steps(&down));
    let both = graph(&bench, &bob, &format!("artifact:{file}"), Direction::Both).expect("found");
    assert!(steps(&both).contains(&format!("artifact:{file} part model:credit/1")));
    assert!(steps(&both).contains(&format!("{run} made artifact:{file}")));
    let node = up.node(&id(&run)).expect("the run");
    assert_eq!((node.label.as_str(), &node.facts["state"]), ("airflow/train", &"COMPLETE".into()));

    // The end of a run leaves a digest; whoever may not see a thing does not.
    let events = bench.events(&erin);
    let end = events.iter().find(|event| event.action == "EndRun").expect("recorded");
    assert_eq!(end.payload["facts"]["read"], 2);
    let dpo = bench.person("dan", &[Role::Dpo]);
    let seen = graph(&bench, &dpo, "dataset:loans/1", Direction::Down).expect("found");
    assert!(seen.withheld > 0 || seen.edges.is_empty(), "{:?}", steps(&seen));
    assert_eq!(code(graph(&bench, &alice, "dataset:loans/2", Direction::Up)).0, 404);
    let deep = api::LineageQuery { depth: Some(1), ..Default::default() };
    let near = bench.control.lineage(&bob, &id("deployment:credit-default"), &deep).expect("found");
    assert!(near.is_cut && near.edges.len() == 1);
    let wrong = api::LineageQuery { depth: Some(33), ..Default::default() };
    assert_eq!(code(bench.control.lineage(&bob, &id("run:x"), &wrong)).0, 422);
}

#[test]
fn runs_of_mlflow_name_their_data_and_their_versions() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let loans = dataset(&bench, &alice, "loans", b"a\n1\n");
    let other = dataset(&bench, &alice, "others", b"b\n1\n");
    let run =
        bench.control.ml_create_run(&alice, &args(&json!({"experiment_id": "0"}))).expect("a run")
            ["run"]["info"]["run_id"]
            .as_str()
            .expect("an id")
            .to_owned();
    let prefix = &loans.digest.to_string()[..36];
    let datasets = json!([
        {"dataset": {"name": "x", "digest": prefix, "source_type": "local", "source": "{}"}},
        {"dataset": {"name": "y", "digest": "1234abcd", "source_type": "http",
                     "source": "{\"uri\": \"plimsoll:/datasets/others/1\"}"}},
        {"dataset": {"name": "z", "digest": "0f0f0f0f", "source_type": "local", "source": "{}"}},
    ]);
    let inputs = json!({"run_id": run, "datasets": datasets});
    bench.control.ml_log_inputs(&alice, &args(&inputs)).expect("logged");
    let batch = json!({"run_id": run,
        "params": [{"key": "seed", "value": "7"}, {"key": "depth", "value": "3"}],
        "tags": [{"key": "mlflow.source.git.commit", "value": "c0ffee"},
                 {"key": "plimsoll.machine", "value": "m5.large"}]});
    bench.control.ml_log_batch(&alice, &args(&batch)).expect("logged");
    let folder = format!("0/{run}/artifacts/model");
    put(&bench, &alice, &format!("{folder}/model.json"), MODEL);
    put(&bench, &alice, &format!("0/{run}/artifacts/conda.yaml"), b"name: x\n");
    drop(bench.control.ml_create_model(&alice, &args(&json!({"name": "credit"}))));
    let wanted = json!({"name": "credit", "source": format!("runs:/{run}/model"), "run_id": run});
    bench.control.ml_create_version(&alice, &args(&wanted)).expect("registered");

    let up = graph(&bench, &alice, "model:credit/1", Direction::Up).expect("found");
    assert_eq!(
        steps(&up),
        [
            format!("source:mlflow#z@0f0f0f0f read run:{run}"),
            format!("dataset:loans/1 read run:{run}"),
            format!("dataset:others/1 read run:{run}"),
            format!("run:{run} made model:credit/1"),
        ]
    );
    let facts = &up.node(&id(&format!("run:{run}"))).expect("the run").facts;
    assert_eq!((&facts["commit"], &facts["seed"]), (&"c0ffee".into(), &"7".into()));
    assert_eq!(
        (&facts["machine"], &facts["parameters"]["depth"]),
        (&"m5.large".into(), &"3".into())
    );
    assert_eq!(facts["environment"]["file"], "conda.yaml");
    for root in [format!("dataset:{}/1", other.dataset), "source:mlflow#z@0f0f0f0f".into()] {
        let down = graph(&bench, &alice, &root, Direction::Down).expect("found");
        assert_eq!(down.edges.len(), 2, "{root}: {:?}", steps(&down));
    }

    // Adopted, it has the same number, author and files, and a provenance that names all of it.
    let made = bench
        .control
        .adopt_version(&alice, &name("credit"), 1, &api::AdoptVersion::default())
        .expect("adopted");
    assert_eq!((made.number, made.author, made.files.len()), (1, alice.id, 1));
    assert_eq!(made.files[0].role, api::FileRole::Model);
    let again = bench.control.adopt_version(&alice, &name("credit"), 1, &Default::default());
    assert_eq!(code(again).0, 409);
    let slsa = bench.control.version_provenance(&alice, &name("credit"), 1).expect("made");
    assert_eq!(slsa["predicateType"], "https://slsa.dev/provenance/v1");
    assert_eq!(slsa["subject"][0]["digest"]["sha256"], made.files[0].digest.to_string());
    let build = &slsa["predicate"]["buildDefinition"];
    assert_eq!(build["externalParameters"]["seed"], "7");
    let uris: Vec<&str> = build["resolvedDependencies"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["uri"].as_str().expect("text"))
        .collect();
    assert!(uris.contains(&"plimsoll:dataset/loans/1") && uris.contains(&"file:conda.yaml"));
    assert_eq!(slsa["predicate"]["runDetails"]["metadata"]["invocationId"], format!("run:{run}"));
}

#[test]
fn a_contract_is_drafted_for_whoever_may_read_the_version() {
    const MLMODEL: &str = "signature:\n  inputs: '[{\"type\": \"double\", \"name\": \"income\", \
                           \"required\": true}]'\n";
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let carl = bench.person("carl", &[Role::Caller]);
    put(&bench, &alice, "1/models/m-1/artifacts/model.json", MODEL);
    put(&bench, &alice, "1/models/m-1/artifacts/MLmodel", MLMODEL.as_bytes());
    put(&bench, &alice, "1/models/m-2/artifacts/model.json", b"{}");
    put(&bench, &alice, "1/models/m-3/artifacts/MLmodel", b"flavors: {}\n");
    for (name, folder) in [("credit", "m-1"), ("credit", "m-2"), ("other", "m-3"), ("a b", "m-1")] {
        let folder = format!("1/models/{folder}/artifacts");
        catalogued(&bench, &alice, name, &folder);
    }
    let draft = |who, name: &str, number| bench.control.contract_draft(who, name, number);

    // One of the catalogue, by any name, and the same when deployments may use it.
    let made = draft(&alice, "credit", 1).expect("drafted");
    assert_eq!(made.contract.features[0].name, "income");
    assert_eq!(made.questions.len(), 2);
    assert_eq!(made.questions[0].path, "features[0]");
    assert!(made.yaml.contains("# decide: the least"), "{}", made.yaml);
    assert_eq!(draft(&alice, "a b", 1).expect("drafted").contract, made.contract);
    let adopted =
        bench.control.adopt_version(&alice, &name("credit"), 1, &api::AdoptVersion::default());
    adopted.expect("adopted");
    assert_eq!(draft(&alice, "credit", 1).expect("drafted"), made);

    assert_eq!(code(draft(&alice, "credit", 2)).0, 404, "it has no `MLmodel`");
    assert_eq!(code(draft(&alice, "credit", 9)).0, 404);
    let (status, said) = code(draft(&alice, "other", 1));
    assert!(status == 422 && said.contains("without a signature"), "{said}");
    for (name, number) in [("credit", 1), ("a b", 1), ("nothing", 1)] {
        assert_eq!(code(draft(&carl, name, number)).0, 403, "{name}");
    }
}

#[test]
fn a_release_adopts_what_an_mlflow_client_registered() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let carol = bench.person("carol", &[Role::Approver]);
    put(&bench, &alice, "1/models/m-1/artifacts/model.json", MODEL);
    put(
        &bench,
        &alice,
        "1/models/m-1/artifacts/MLmodel",
        b"flavors:\n  xgboost:\n    data: model.json\n",
    );
    let made = catalogued(&bench, &alice, "credit", "1/models/m-1/artifacts");
    assert_eq!((&made["status"], &made["version"]), (&"READY".into(), &"1".into()));
    let contract = bench.contract(&alice, super::bench::CONTRACT).expect("contract").digest;
    let wanted = deployment(contract, api::Environment::Staging);
    bench.control.create_deployment(&bob, &wanted).expect("deployment");
    let release = |who| {
        let release = api::ReleaseVersion { version: 1 };
        bench.control.release_version(who, &name("credit-default"), release)
    };
    let released = release(&carol).expect("released");
    assert!(released.is_ready, "{:?}", released.not_ready_reason);
    let version = bench.control.read_version(&alice, &name("credit"), 1).expect("there");
    assert_eq!((version.author_name.as_str(), version.files.len()), ("alice", 2));
    // What answers, or is named by decisions, is not deleted through MLflow either.
    let delete = args(&json!({"name": "credit", "version": "1"}));
    let refused = bench.control.ml_delete_version(&bob, &delete);
    assert!(code(refused).1.contains("in use"));
    let next = bench.version(&alice, b"{}");
    assert!(next.is_err());
    let archive = api::ArchiveVersion { reason: "old".into() };
    let archived = bench.control.archive_version(&bob, &name("credit"), 1, &archive);
    assert_eq!(code(archived).0, 409, "it answers");
    bench.control.archive_deployment(&bob, &name("credit-default")).expect("archived");
    let shown =
        bench.control.archive_version(&bob, &name("credit"), 1, &archive).expect("archived");
    assert_eq!(
        (shown.archived.as_deref(), &*shown.deployments),
        (Some("old"), &["credit-default".to_owned()][..])
    );
    bench.control.create_deployment(&bob, &wanted).expect("deployment");
    assert!(code(release(&carol)).1.contains("archived"));
}

#[test]
fn what_a_scan_blocks_passes_by_a_second_person_for_a_time() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist, Role::Approver]);
    let carol = bench.person("carol", &[Role::Approver]);
    let erin = bench.person("erin", &[Role::Auditor]);
    put(&bench, &alice, "1/models/m-1/artifacts/model.json", MODEL);
    // A pickle that would run a command.
    put(
        &bench,
        &alice,
        "1/models/m-1/artifacts/extra.pkl",
        b"\x80\x02cos\nsystem\nq\x00X\x02\x00\x00\x00id\x85R.",
    );
    let made = catalogued(&bench, &alice, "credit", "1/models/m-1/artifacts");
    assert_eq!(made["status"], "FAILED_REGISTRATION");
    let said = made["status_message"].as_str().expect("text");
    assert!(said.contains("extra.pkl") && said.contains("pickle"), "{said}");
    let promote = args(&json!({"name": "credit", "version": "1", "alias": "champion"}));
    assert_eq!(code(bench.control.ml_set_alias(&carol, &promote)).0, 409);
    let adopt =
        || bench.control.adopt_version(&alice, &name("credit"), 1, &api::AdoptVersion::default());
    assert!(code(adopt()).1.contains("blocked"));

    let blocks = bench.control.list_blocks(&erin).expect("listed").items;
    assert_eq!(
        (blocks.len(), blocks[0].about.as_str(), blocks[0].author.as_str()),
        (1, "credit/1", "alice")
    );
    let end =
        |days: u64| api::Timestamp(bench.clock.now().plus(Duration::from_secs(days * 86_400)));
    let wanted = |days| api::CreateOverride {
        digest: blocks[0].digest,
        reason: "looked at by security".into(),
        expires_at: end(days),
    };
    assert_eq!(code(bench.control.create_override(&alice, &wanted(10))).0, 403, "her own file");
    assert_eq!(code(bench.control.create_override(&erin, &wanted(10))).0, 403);
    assert_eq!(code(bench.control.create_override(&carol, &wanted(91))).0, 422);
    let other = api::CreateOverride { digest: plimsoll_types::Digest::ZERO, ..wanted(1) };
    assert_eq!(code(bench.control.create_override(&carol, &other)).0, 404);
    bench.control.create_override(&carol, &wanted(10)).expect("let pass");
    let event = bench
        .events(&erin)
        .into_iter()
        .rev()
        .find(|e| e.action == "OverrideScan" && e.stage == Stage::Intent);
    assert_eq!(event.expect("recorded").payload["facts"]["reason"], "looked at by security");
    let made = adopt().expect("adopted");
    let passed = made.facts.scan.expect("scanned").let_pass;
    assert!(
        !passed.is_empty() && passed.iter().all(|one| one.ends_with("in extra.pkl")),
        "{passed:?}"
    );

    // When the leave ends, it is not released any more.
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let contract = bench.contract(&alice, super::bench::CONTRACT).expect("contract").digest;
    let deployed = deployment(contract, api::Environment::Staging);
    bench.control.create_deployment(&bob, &deployed).expect("deployment");
    let release = || {
        let release = api::ReleaseVersion { version: 1 };
        bench.control.release_version(&carol, &name("credit-default"), release)
    };
    release().expect("released");
    bench.clock.pass(Duration::from_secs(11 * 86_400));
    assert!(code(release()).1.contains("extra.pkl"));
}

#[test]
fn a_sink_is_told_of_changes_as_runs() {
    let bench = Bench::new();
    let admin = bench.admin();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let carol = bench.person("carol", &[Role::Approver]);
    let wanted = |format| api::CreateSink {
        name: name("marquez"),
        url: "https://marquez.example.org/api/v1/lineage".into(),
        format,
        profile: Some(api::SinkProfile::Openlineage),
        include_body: false,
        kinds: None,
        deployments: None,
        from: Some(0),
    };
    let create = |wanted: &api::CreateSink| {
        bench.control.create_sink(&admin, wanted, "https://marquez.example.org")
    };
    assert_eq!(code(create(&wanted(Some(api::SinkFormat::Batch)))).0, 422);
    let made = create(&wanted(None)).expect("made");
    assert_eq!(made.sink.format, api::SinkFormat::Binary);
    let contract = bench.registry(&alice);
    dataset(&bench, &alice, "loans", b"a\n1\n");
    let card = api::VersionCard { datasets: vec!["loans/1".into()], ..Default::default() };
    bench.control.set_card(&alice, &name("credit"), 1, &card).expect("set");
    let wanted = deployment(contract, api::Environment::Staging);
    bench.control.create_deployment(&bob, &wanted).expect("deployment");
    let release = api::ReleaseVersion { version: 1 };
    bench.control.release_version(&carol, &name("credit-default"), release).expect("released");
    let pull = bench.control.pull_sink(made.sink.id, 0).expect("pulled");
    let told: Vec<String> = pull
        .events
        .iter()
        .map(|(_, event)| {
            let names = |of: &str| {
                let list = event.data[of].as_array().expect("a list").iter();
                list.map(|one| one["name"].as_str().expect("text")).collect::<Vec<_>>().join(" ")
            };
            let read = plimsoll_lineage::read_event(event.data.to_string().as_bytes());
            let read = read.expect("an event of OpenLineage's");
            format!("{}: {} -> {}", read.job, names("inputs"), names("outputs"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "CreateVersion: dataset/loans/1 -> model/credit/1",
            "CreateDataset:  -> dataset/loans/1",
            "DescribeVersion: dataset/loans/1 -> model/credit/1",
            "Release: model/credit/1 -> deployment/credit-default",
        ]
    );
}

#[test]
fn a_reconciler_says_what_is_missing() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let erin = bench.person("erin", &[Role::Auditor]);
    bench.registry(&alice);
    bench.control.reconcile_artifacts().expect("looked");
    let told = |bench: &Bench| {
        let events = bench.events(&erin);
        events.into_iter().find(|event| event.action == "ReconcileArtifacts")
    };
    assert!(told(&bench).is_none(), "nothing is missing");
    let version = bench.control.read_version(&alice, &name("credit"), 1).expect("there");
    let digest = version.files[0].digest.to_string();
    let path = bench.folder.path().join("data/artifacts/sha256").join(&digest[..2]);
    let mut gone = 0;
    for entry in std::fs::read_dir(path).expect("a folder") {
        std::fs::remove_file(entry.expect("an entry").path()).expect("removed");
        gone += 1;
    }
    assert!(gone > 0);
    bench.control.reconcile_artifacts().expect("looked");
    let event = told(&bench).expect("recorded");
    assert_eq!((event.stage, &event.payload["facts"]["first"][0]), (Stage::Failed, &digest.into()));
}

#[test]
fn a_card_gains_revisions_and_some_of_it_stays() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let erin = bench.person("erin", &[Role::Auditor]);
    bench.registry(&alice);
    let loans = dataset(&bench, &alice, "loans", b"a\n1\n");
    let set = |who: &RequestContext, card: Value| {
        let card = serde_json::from_value(card).expect("a card");
        bench.control.set_card(who, &name("credit"), 1, &card)
    };
    let shown = set(
        &alice,
        json!({"developer": "ann", "datasets": ["loans/1"],
        "placed_on_market": "2026-11-01", "limits": "not for firms"}),
    )
    .expect("set");
    assert_eq!((shown.revision, shown.changed_by.as_deref()), (1, Some("alice")));
    let shown = set(&alice, json!({"owner": "risk", "limits": "none"})).expect("set");
    assert_eq!((shown.revision, shown.card.developer.as_deref()), (2, Some("ann")));
    assert_eq!(shown.card.limits.as_deref(), Some("none"));
    for (card, status) in [
        (json!({"developer": "ben"}), 409),
        (json!({"datasets": ["loans/2"]}), 422),
        (json!({"training_run": "nowhere"}), 422),
        (json!({"parent": 1}), 422),
        (json!({"placed_on_market": "soon"}), 422),
        (json!({"owner": " "}), 422),
        (json!({}), 422),
    ] {
        assert_eq!(code(set(&alice, card.clone())).0, status, "{card}");
    }
    assert_eq!(code(set(&erin, json!({"owner": "x"}))).0, 403);
    let down = graph(&bench, &alice, "dataset:loans/1", Direction::Down).expect("found");
    assert_eq!(steps(&down), ["dataset:loans/1 read model:credit/1"]);
    let events = bench.events(&erin);
    let told = events.iter().filter(|e| e.action == "DescribeVersion" && e.stage == Stage::Intent);
    assert!(told.count() >= 2);
    assert_eq!(loans.number, 1);
    let model = api::CreateModel { name: name("x"), owner: None, description: None };
    bench.control.create_model(&alice, &model).expect("made");
    assert_eq!(code(bench.control.read_card(&alice, &name("x"), 1)).0, 404);
}
