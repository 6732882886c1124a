//! Nothing answers without what its tier demands: from every entrance, on record.

use crate::harness::{Connection, Server, demo, post, requests};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Rows of the evaluation set: as many as checks need, and few enough to be quick.
const ROWS: usize = 120;
/// How long the exception lasts that is to expire: longer than a gate, an approval and a look take
/// on a busy machine.
const SHORT: &str = "20s";

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// People, each with a key.
pub(crate) struct People {
    pub(crate) server: Server,
    pub(crate) ada: String,
    pub(crate) bob: String,
    pub(crate) rita: String,
    pub(crate) erin: String,
}

pub(crate) fn key_of(server: &Server, name: &str, roles: &[&str]) -> String {
    let mut create = vec!["principal", "create", name, "--kind", "user"];
    roles.iter().for_each(|role| create.extend(["--role", role]));
    server.cli(&create).ok();
    let made = server.cli(&["key", "create", name, "--principal", name, "--json"]).json();
    made["secret"].as_str().expect("a secret").to_owned()
}

/// Facts of a use at tier T2: suggestions inside the house that nobody accepts one by one.
pub(crate) fn facts() -> Value {
    json!({
        "setting": "production", "customer_traffic_seen": false, "live_outcome": true,
        "areas": ["workflow"], "interactions": {"part": 300, "whole": 10000}, "harms": [],
        "buyers": [], "vendor_review": false, "criticality": "critical",
        "personal_data": false, "profiling": false, "solely_automated": false,
        "prohibited": [], "annex1": false, "annex3": [], "transparency": [],
        "general_purpose_provider": false, "roles": ["provider", "deployer"],
        "operator_financial": false, "customer_financial": false, "public_body": false,
    })
}

/// A row of a request of the demo.
fn row(body: &str) -> Value {
    let body: Value = serde_json::from_str(body).expect("JSON");
    let inputs = body["inputs"].as_array().expect("inputs").iter();
    let named = inputs
        .map(|one| (one["name"].as_str().expect("a name").to_owned(), one["data"][0].clone()));
    Value::Object(named.collect())
}

pub(crate) fn evaluation() -> Value {
    let expected = std::fs::read_to_string(demo("credit/expected.json")).expect("committed");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    let golden = &expected["probabilities"].as_array().expect("a list")[..ROWS];
    let rows: Vec<Value> = requests()[..ROWS].iter().map(|body| row(body)).collect();
    let outcomes: Vec<bool> = golden.iter().map(|p| p.as_f64().expect("a number") > 0.05).collect();
    json!({"rows": rows, "outcomes": outcomes, "golden": {"1": golden, "2": golden, "3": golden, "4": golden}})
}

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().expect("runs");
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
}

impl People {
    pub(crate) fn new() -> Self {
        // Heads of the log are kept outside of the data folder, as T2 demands.
        let folder = Arc::new(tempfile::tempdir().expect("temp"));
        let outside = folder.path().join("outside");
        std::fs::create_dir(&outside).expect("a folder");
        let outside = format!("ledger.checkpoint_folder={}", text(&outside));
        Self::over(Server::start_in(folder, &["--set", &outside]))
    }
    /// The same over a server that was started otherwise.
    pub(crate) fn over(server: Server) -> Self {
        let ada = key_of(&server, "ada", &["ml-engineer", "approver"]);
        let bob = key_of(&server, "bob", &["approver"]);
        let rita = key_of(&server, "rita", &["risk"]);
        let erin = key_of(&server, "erin", &["auditor"]);
        Self { server, ada, bob, rita, erin }
    }
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.server.folder.path().join(name)
    }
    pub(crate) fn write(&self, name: &str, value: &Value) -> String {
        let path = self.file(name);
        std::fs::write(&path, value.to_string()).expect("written");
        text(&path)
    }
    pub(crate) fn ada(&self, args: &[&str]) -> crate::harness::Said {
        self.server.cli_as(Some(&self.ada), args)
    }
    pub(crate) fn bob(&self, args: &[&str]) -> crate::harness::Said {
        self.server.cli_as(Some(&self.bob), args)
    }

    /// A signed version of the credit model; `note` makes it another artifact.
    pub(crate) fn version(&self, key: &Path, note: &str) {
        let folder = self.file(note);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::copy(demo("credit/model.json"), folder.join("model.json")).expect("copied");
        let provenance = json!({"code": "demo/train.py", "data": "applications.csv", "note": note});
        std::fs::write(folder.join("provenance.json"), provenance.to_string()).expect("written");
        self.ada(&["model", "sign", &text(&folder), "--signing-key", &text(key)]).ok();
        let other = |name: &str, role: &str| format!("{role}={}", text(&folder.join(name)));
        self.ada(&[
            "model",
            "add",
            "credit",
            &text(&folder.join("model.json")),
            "--file",
            &other("provenance.json", "metadata"),
            "--file",
            &other("model.sig", "other"),
        ])
        .ok();
    }

    /// A model with two versions, and a deployment in production.
    pub(crate) fn furnish(&self) {
        let (key, public) = (self.file("key.pem"), self.file("key.pub"));
        run(
            "openssl",
            &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &text(&key)],
        );
        run("openssl", &["ec", "-in", &text(&key), "-pubout", "-out", &text(&public)]);
        self.version(&key, "first");
        self.version(&key, "second");
        let signer = format!("builders={}", text(&public));
        let contract = text(&demo("credit/contract.yaml"));
        self.ada(&[
            "deployment",
            "create",
            "credit-default",
            "--model",
            "credit",
            "--contract",
            &contract,
            "--environment",
            "production",
            "--signer",
            &signer,
            "--fallback",
            "0.5",
        ])
        .ok();
    }

    /// Facts, rows, a plan, and everything that the build looks at by itself; people state what
    /// only they can know, but for the documents.
    pub(crate) fn declare(&self) {
        self.declare_as(&facts(), "T2");
    }

    /// The same of another use, which gives this tier.
    pub(crate) fn declare_as(&self, facts: &Value, tier: &str) {
        let facts = self.write("facts.json", &json!({"facts": facts}));
        let owed = self.ada(&["assess", &facts, "--deployment", "credit-default", "--json"]).json();
        assert_eq!(owed["assessment"]["tier"], tier, "{owed}");
        let rows = self.write("rows.json", &evaluation());
        self.ada(&["gate", "evaluation", "credit-default", &rows]).ok();
        self.plan(86_400);
        self.watch();
        self.lineage();
        self.state("1");
        self.state("2");
    }

    /// What is said of a version, and of the deployment, that demands of T2 wait for.
    pub(crate) fn state(&self, version: &str) {
        self.attest(&self.ada, "DAT-01", &["--version", version]).ok();
        self.attest(&self.bob, "CHG-01", &["--version", version, "--not-significant"]).ok();
        self.attest(&self.rita, "RSK-01", &[]).ok();
    }

    /// A statement of somebody's, for a month, that rests on a document.
    pub(crate) fn attest(&self, key: &str, demand: &str, more: &[&str]) -> crate::harness::Said {
        let document = self.file("document.txt");
        std::fs::write(&document, "what it rests on").expect("written");
        let sign = self.key_file(key);
        let says = format!("{demand} seen to");
        let args = ["gate", "attest", "credit-default", demand, "--says", &says];
        let document = text(&document);
        let rests = ["--evidence", &document, "--for", "30d", "--sign-with", &sign];
        self.server.cli_as(Some(key), &[&args[..], &rests, more].concat())
    }

    /// The file of somebody's secret key, made and registered once.
    fn key_file(&self, key: &str) -> String {
        let name = match key {
            _ if key == self.ada => "ada.key",
            _ if key == self.bob => "bob.key",
            _ if key == self.rita => "rita.key",
            _ => "erin.key",
        };
        let file = text(&self.file(name));
        if !Path::new(&file).exists() {
            self.server.cli_as(Some(key), &["approval", "key", "new", &file]).ok();
        }
        file
    }

    /// References before the versions answer, somebody who is told, and heads of the log outside.
    pub(crate) fn watch(&self) {
        let rows = text(&demo("credit/applications.csv"));
        for version in ["1", "2"] {
            let set =
                ["monitor", "reference", "set", "credit-default", &rows, "--version", version];
            self.ada(&set).ok();
        }
        let hook = "https://93.184.215.14/hook";
        self.server.cli(&["alert", "route", "add", "duty", "webhook", hook]).ok();
        let taken = || {
            let status = self.server.cli(&["status", "--json"]).json();
            let sinks = status["ledger"]["log"]["sinks"].as_array().cloned().unwrap_or_default();
            sinks.iter().any(|sink| !sink["taken_at"].is_null())
        };
        for attempt in 0.. {
            if taken() {
                return;
            }
            assert!(attempt < 1_000, "no head of the log was kept outside");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A run that made the model file, of a dataset that is described.
    pub(crate) fn lineage(&self) {
        let table = self.file("loans.csv");
        std::fs::write(&table, "income\n1\n2\n").expect("written");
        let register = ["dataset", "register", "loans", &text(&table), "--licence", "CC0-1.0"];
        self.ada(&register).ok();
        let shown = self.ada(&["model", "show", "credit", "--version", "1", "--json"]).json();
        let files = shown["files"].as_array().expect("files").iter();
        let model = files.clone().find(|file| file["role"] == "model").expect("a model");
        let made = format!("sha256:{}", model["digest"].as_str().expect("a digest"));
        let facet = |mut facet: Value| {
            facet["_producer"] = json!("https://example.org/train");
            facet["_schemaURL"] = json!("https://example.org/train#facets");
            facet
        };
        let event = json!({
            "eventType": "COMPLETE", "eventTime": "2026-11-20T00:00:00Z",
            "producer": "https://example.org/train",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": "0190b5a1-6c2f-7d3e-8f4a-5b6c7d8e9f01", "facets": {
                "plimsoll_parameters": facet(json!({"depth": 4})),
                "processing_engine": facet(json!({"version": "3.2", "name": "xgboost"})),
            }},
            "job": {"namespace": "train", "name": "credit", "facets": {
                "sourceCodeLocation": facet(json!({"type": "git", "version": "c0ffee"})),
            }},
            "inputs": [{"namespace": "plimsoll", "name": "dataset/loans/1"}],
            "outputs": [{"namespace": "s3://lake", "name": "model.json", "facets": {
                "version": facet(json!({"datasetVersion": made})),
            }}],
        });
        let bearer = format!("Bearer {}", self.ada);
        let auth = [("authorization", bearer.as_str())];
        let body = event.to_string();
        let told = post(self.server.control(), "/api/v1/lineage", body.as_bytes(), &auth);
        assert!((200..300).contains(&told.status), "{}", told.body);
    }

    /// Declares the plan; results of the audit, a plug-in, count for so many seconds.
    pub(crate) fn plan(&self, audit: u64) {
        let answer = json!({"verdict": "pass", "says": "no component is known to be vulnerable"});
        self.plan_with(&json!({
            "plugins": [{
                "name": "team.audit", "version": 1, "proves": "VUL-01", "max_age_s": audit,
                "command": ["echo", answer.to_string()],
            }],
        }));
    }

    /// Declares a plan with more in it.
    pub(crate) fn plan_with(&self, more: &Value) {
        let mut plan = json!({
            "purpose": "suggestions for clerks", "on_call": "ml-oncall", "auroc_floor": 0.7,
            "mutable": ["amount", "term"], "max_age_days": 365,
            "on_breach": "the team retrains and releases anew",
            "outcomes": {"source": "the ledger of payments", "delay_days": 90},
        });
        for (name, value) in more.as_object().expect("an object") {
            plan[name] = value.clone();
        }
        let plan = self.write("plan.json", &plan);
        self.ada(&["gate", "plan", "credit-default", &plan]).ok();
    }

    pub(crate) fn except(&self, lasts: &str) {
        self.except_of("DOC-01", lasts);
    }

    pub(crate) fn except_of(&self, check: &str, lasts: &str) {
        let asked = self.ada(&[
            "gate",
            "exception",
            "ask",
            "credit-default",
            check,
            "--owner",
            "ada",
            "--compensating",
            "LIN-01",
            "--for",
            lasts,
            "--reason",
            "the card is translated",
            "--json",
        ]);
        let id = asked.json()["id"].as_str().expect("an id").to_owned();
        let allow = ["gate", "exception", "allow", "credit-default", &id];
        let own = self.ada(&allow);
        assert_eq!(own.code, 1, "who asked allowed it: {}", own.stdout);
        self.server.cli_as(Some(&self.rita), &allow).ok();
    }

    pub(crate) fn gate(&self, version: &str) -> crate::harness::Said {
        self.ada(&["gate", "run", "credit-default", "--version", version])
    }
    pub(crate) fn release(&self, version: &str) -> crate::harness::Said {
        self.bob(&["deployment", "release", "credit-default", "--version", version])
    }
    pub(crate) fn approve(&self, key: &str, version: &str) -> crate::harness::Said {
        let file = self.key_file(key);
        let approve = ["gate", "approve", "credit-default", "--version", version];
        self.server.cli_as(Some(key), &[&approve[..], &["--sign-with", &file]].concat())
    }

    /// Refused, with this among the reasons, and on record with the numbers.
    pub(crate) fn refused(&self, said: &crate::harness::Said, why: &str) {
        assert_eq!(said.code, 2, "{}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(why), "`{why}` is not in: {}", said.stderr);
    }
    pub(crate) fn denials(&self) -> Vec<Value> {
        let list = ["event", "list", "--limit", "1000", "--json"];
        let events = self.server.cli_as(Some(&self.erin), &list).json();
        let events = events["items"].as_array().expect("a list").clone();
        let is_one =
            |event: &Value| event["stage"] == "denied" && !event["payload"]["governance"].is_null();
        events.into_iter().filter(|event| is_one(event)).collect()
    }
}

#[test]
fn a_release_waits_for_gate_and_approvals_whatever_the_entrance() {
    let people = People::new();
    people.furnish();
    people.refused(&people.release("1"), "nobody assessed");
    people.declare();
    people.refused(&people.release("1"), "the gate is not passed");
    people.except("1h");
    let gate = people.gate("1");
    assert_eq!(gate.code, 0, "{}{}", gate.stdout, gate.stderr);

    // Without an approval; with the author's own; with one by who is somebody else.
    people.refused(&people.release("1"), "1 more people have to approve");
    let own = people.approve(&people.ada, "1");
    people.refused(&own, "does not approve it");
    let before = people.denials().len();
    assert!(before >= 3, "{before} denials on record");

    // The other entrances: the API, an alias of MLflow, a file.
    let bearer = format!("Bearer {}", people.bob);
    let auth = [("authorization", bearer.as_str())];
    let path = "/api/v1/deployments/credit-default/release";
    let answer = post(people.server.control(), path, br#"{"version":1}"#, &auth);
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("ungoverned")));
    let alias = br#"{"name":"credit","alias":"production","version":"1"}"#;
    let path = "/api/2.0/mlflow/registered-models/alias";
    let answer = post(people.server.control(), path, alias, &auth);
    assert_eq!(answer.status, 403, "{}", answer.body);
    let file = people.file("release.yaml");
    std::fs::write(&file, "release: 1\ndeployment: credit-default\nversion: 1\n").expect("written");
    let applied = people.bob(&["apply", "-f", &text(&file)]);
    people.refused(&applied, "1 more people have to approve");
    assert!(applied.stdout.contains("version: null -> 1"), "{}", applied.stdout);
    let denials = people.denials();
    assert_eq!(denials.len(), before + 3);
    for denial in &denials {
        let told = &denial["payload"]["governance"];
        assert!(told["reasons"].as_array().is_some_and(|why| !why.is_empty()), "{denial}");
    }
    assert_eq!(denials[0]["payload"]["governance"]["passed"], true);

    people.approve(&people.bob, "1").ok();
    let show = people.bob(&["gate", "show", "credit-default", "--version", "1"]).ok();
    assert!(show.contains("bob") && show.contains("yes"), "{show}");
    people.bob(&["apply", "-f", &text(&file)]).ok();
    let now = people.bob(&["deployment", "show", "credit-default", "--json"]).json();
    assert_eq!((&now["released"]["number"], &now["tier"]), (&json!(1), &json!("T2")));

    // Another artifact has neither the gate nor the approval of the first.
    people.refused(&people.release("2"), "the gate is not passed");
    let tried = people.bob(&["rollout", "start", "credit-default", "--version", "2"]);
    people.refused(&tried, "the gate is not passed");
    let answer = post(
        people.server.control(),
        path,
        br#"{"name":"credit","alias":"production","version":"1"}"#,
        &auth,
    );
    assert_eq!(answer.status, 200, "what answers already may be pointed to: {}", answer.body);
}

#[test]
fn an_approval_does_not_outlive_what_it_was_given_for() {
    let people = People::new();
    people.furnish();
    people.declare();
    // The exception ends before the results do.
    people.except(SHORT);
    let gate = people.gate("1");
    assert_eq!(gate.code, 0, "{}{}", gate.stdout, gate.stderr);
    people.approve(&people.bob, "1").ok();
    let show = people.bob(&["gate", "show", "credit-default", "--version", "1"]);
    assert_eq!(show.code, 0, "{}", show.stdout);
    let list = || people.ada(&["gate", "exception", "list", "credit-default"]).ok();
    while !list().contains("it has expired") {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    let expired = people.release("1");
    people.refused(&expired, "the gate is not passed");
    people.refused(&expired, "the gate result changed since");
    // An expired exception also fails a gate that is run now, until somebody ends it.
    assert_eq!(people.gate("1").code, 2);
    let id = people.ada(&["gate", "exception", "list", "credit-default", "--json"]).json();
    let id = id["items"][0]["id"].as_str().expect("an id").to_owned();
    let end = ["gate", "exception", "end", "credit-default", &id];
    people.server.cli_as(Some(&people.rita), &end).ok();
    people.except("1h");
    assert_eq!(people.gate("1").code, 0);
    people.approve(&people.bob, "1").ok();
    // A result that is older than it counts voids it.
    people.plan(1);
    std::thread::sleep(std::time::Duration::from_secs(2));
    people.refused(&people.release("1"), "the gate is not passed");
    let why = people.ada(&["gate", "explain", "credit-default", "--version", "1"]);
    assert!(why.stdout.contains("stale"), "{}", why.stdout);

    // In an emergency the glass is broken: loud, on record, and to be reviewed by another.
    let glass = ["gate", "break-glass", "credit-default", "--for", "1h", "--reason", "outage 4711"];
    let id = people.bob(&[&glass[..], &["--json"]].concat()).json()["id"]
        .as_str()
        .expect("id")
        .to_owned();
    people.release("1").ok();
    let show = people.bob(&["gate", "show", "credit-default", "--version", "1"]).ok();
    assert!(show.contains("only by breaking the glass"), "{show}");
    assert_eq!(people.bob(&glass).code, 1, "one that was not reviewed");
    let review = ["gate", "break-glass", "credit-default", "--review", &id];
    assert_eq!(people.bob(&review).code, 1, "one's own");
    people.server.cli_as(Some(&people.rita), &review).ok();
    people.refused(&people.release("1"), "the gate is not passed");
}

/// The same request about another contact with a customer.
fn contact(body: &str, number: u32) -> String {
    let mut asked: Value = serde_json::from_str(body).expect("JSON");
    for input in asked["inputs"].as_array_mut().expect("inputs") {
        if input["name"] == "application_id" {
            let before = input["data"][0].as_str().expect("a text").to_owned();
            let kept = before.len() - 6;
            input["data"][0] = json!(format!("{}{number:06}", &before[..kept]));
        }
    }
    asked.to_string()
}

#[test]
fn exactly_a_tenth_of_interactions_is_not_above_it() {
    let server = Server::dev().with_credit("bounded");
    let facts = json!({"facts": facts()}).to_string();
    let file = server.folder.path().join("facts.json");
    std::fs::write(&file, facts).expect("written");
    server.cli(&["assess", &text(&file), "--deployment", "credit-default"]).ok();
    let mut connection = Connection::open(server.address()).expect("connects");
    let mut next = 0;
    // Contacts with customers, each asked about twice: the contract maps their id.
    let mut ask = |contacts: usize| {
        for _ in 0..contacts {
            next += 1;
            let body = contact(&requests()[0], next);
            for _ in 0..2 {
                let (status, _, answer) = connection.infer(&body, "").expect("answers");
                assert_eq!(status, 200, "{answer}");
            }
        }
    };
    let owes = |duty: &str| {
        let told = server.cli(&["assess", "--deployment", "credit-default", "--json"]).json();
        let duties = told["assessment"]["duties"].as_array().expect("duties").clone();
        let part = told["interactions"]["part"].as_u64().expect("measured");
        (part, duties.iter().any(|owed| owed["duty"] == duty))
    };
    let posted = ["assess", "--deployment", "credit-default", "--interactions", "10000"];
    server.cli(&posted).ok();
    ask(1_000);
    // Decisions that are not durable yet are not counted yet.
    for _ in 0..100 {
        if owes("MONROLL").0 == 1_000 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(owes("MONROLL"), (1_000, false), "10.00 %");
    ask(1);
    for _ in 0..100 {
        if owes("MONROLL").0 == 1_001 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(owes("MONROLL"), (1_001, true), "10.01 %");
}

#[test]
fn a_sandbox_asks_for_no_gate_and_no_production_key_reaches_it() {
    let people = People::new();
    let contract = text(&demo("credit/contract.yaml"));
    people.ada(&["model", "add", "credit", &text(&demo("credit/model.json"))]).ok();
    let create = |name: &str, place: &str| {
        people
            .ada(&[
                "deployment",
                "create",
                name,
                "--model",
                "credit",
                "--contract",
                &contract,
                "--environment",
                place,
            ])
            .ok();
    };
    create("credit-default", "staging");
    people.release("1").ok();
    let caller = |environment: &str| {
        let name = format!("shop-{environment}");
        people
            .server
            .cli(&["principal", "create", &name, "--kind", "service", "--role", "caller"])
            .ok();
        let key =
            ["key", "create", &name, "--principal", &name, "--environment", environment, "--json"];
        people.server.cli(&key).json()["secret"].as_str().expect("a secret").to_owned()
    };
    for (environment, status) in [("staging", 200), ("production", 403)] {
        let bearer = format!("Bearer {}", caller(environment));
        let answer = people.server.infer(&requests()[0], &[("authorization", &bearer)]);
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    // A sandbox does not stand in production.
    create("credit-live", "production");
    let mut sandbox = facts();
    sandbox["setting"] = json!("sandbox");
    sandbox["live_outcome"] = json!(false);
    let facts = people.write("sandbox.json", &json!({"facts": sandbox}));
    people.ada(&["assess", &facts, "--deployment", "credit-live"]).ok();
    let said = people.bob(&["deployment", "release", "credit-live", "--version", "1"]);
    people.refused(&said, "none stands in production");
}
