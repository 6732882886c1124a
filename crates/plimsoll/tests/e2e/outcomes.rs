//! Outcomes: told late, corrected, wrong and twice; what they make of performance and fairness;
//! what is left of them after an erasure and a crash.

use crate::harness::{BINARY, Http, Said, Server, demo, get, post, requests};
use serde_json::{Value, json};
use std::process::Command;

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

/// Asks `count` times; each decision's id and the probability that was answered.
fn asked(server: &Server, count: usize) -> Vec<(String, f64)> {
    let bodies = requests();
    let one = |body: &String| {
        let answer = server.infer(body, &[]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let id = answer.header("plimsoll-decision-id").expect("an id").to_owned();
        let output = answer.json()["outputs"][0]["data"][0].as_f64();
        (id, output.expect("a probability"))
    };
    bodies.iter().take(count).map(one).collect()
}

fn tell(server: &Server, path: &str, body: &str, headers: &[(&str, &str)]) -> Http {
    post(server.control(), path, body.as_bytes(), headers)
}

fn told(server: &Server, lines: &[Value]) -> Value {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let answer = tell(server, "/api/v1/outcomes", &body, &[LINES]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn performance(server: &Server, query: &str) -> Value {
    let path = format!("/api/v1/deployments/credit-default/performance{query}");
    let answer = get(server.control(), &path, None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn metric(window: &Value, name: &str) -> Option<f64> {
    let metrics = window["metrics"].as_array().expect("metrics");
    metrics.iter().find(|metric| metric["name"] == name)?["value"].as_f64()
}

fn sql(server: &Server, text: &str) -> Vec<Value> {
    let said = server.cli(&["query", text, "--json"]).ok();
    said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn offline(server: &std::path::Path, args: &[&str]) -> Said {
    let output = Command::new(BINARY)
        .args(args)
        .arg("--data")
        .arg(server.join("data"))
        .arg("--keys")
        .arg(server.join("keys"))
        .output()
        .expect("runs");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn customer(place: usize) -> String {
    let request: Value = serde_json::from_str(&requests()[place]).expect("JSON");
    let inputs = request["inputs"].as_array().expect("inputs");
    let input = inputs.iter().find(|input| input["name"] == "customer_id").expect("there");
    input["data"][0].as_str().expect("text").to_owned()
}

#[test]
fn outcomes_come_late_are_corrected_erased_and_survive_a_crash() {
    let server = Server::dev().with_credit("durable");
    let decisions = asked(&server, 120);
    let before = performance(&server, "");
    assert_eq!(
        (&before["windows"][0]["answers"], &before["windows"][0]["known"]),
        (&json!(120), &json!(0))
    );
    assert_eq!(before["windows"][0]["is_enough"], false, "not enough data is never fine");
    assert!(before["windows"][0]["metrics"].as_array().expect("metrics").is_empty());

    // The model was right about a hundred of them.
    let line = |(id, p): &(String, f64)| json!({"decision": id, "value": *p >= 0.5, "source": "bank", "observed_at": "2026-11-20T10:00:00Z"});
    let mut lines: Vec<Value> = decisions[..100].iter().map(line).collect();
    lines.push(json!({"decision": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911", "value": 1}));
    lines.push(json!({"decision": decisions[0].0, "value": 1, "row": 7}));
    lines.push(json!({"decision": decisions[0].0, "value": {"a": "secret"}}));
    let first = told(&server, &lines);
    assert_eq!((&first["recorded"], &first["refused"]), (&100.into(), &3.into()), "{first}");
    let items = first["items"].as_array().expect("items");
    let why = |place: usize| items[place]["why"].as_str().expect("said").to_owned();
    assert!(why(100).contains("no decision") && why(101).contains("1 rows"), "{first}");
    assert!(!first.to_string().contains("secret"));
    // Told again, they are known.
    let again = told(&server, &lines);
    assert_eq!((&again["recorded"], &again["known"]), (&0.into(), &100.into()), "{again}");
    assert_eq!(again["items"][5]["outcome"], items[5]["outcome"]);

    let now = performance(&server, "");
    let window = &now["windows"][0];
    assert_eq!((&now["task"], &window["known"]), (&json!("binary"), &json!(100)), "{now}");
    assert_eq!(metric(window, "accuracy"), Some(1.0));
    assert!(metric(window, "log_loss").expect("there") > 0.0);

    // Another value needs to say that it corrects, and why.
    let (id, p) = &decisions[0];
    let other = json!({"decision": id, "value": *p < 0.5, "source": "bank"});
    let refused = tell(&server, "/api/v1/outcomes", &other.to_string(), &[]);
    assert_eq!(refused.status, 409, "{}", refused.body);
    let outcome = items[0]["outcome"].clone();
    let mut fixed = other.clone();
    fixed["corrects"] = outcome.clone();
    assert_eq!(tell(&server, "/api/v1/outcomes", &fixed.to_string(), &[]).status, 422, "no reason");
    fixed["reason"] = "it was paid after all".into();
    let answer = tell(&server, "/api/v1/outcomes", &fixed.to_string(), &[]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let window = performance(&server, "")["windows"][0].clone();
    assert_eq!(metric(&window, "accuracy"), Some(0.99), "a correction takes its place");
    let list = server.cli(&["outcome", "list", id, "--json"]).json();
    assert_eq!((&list["count"], &list["outcomes"][0]["is_current"]), (&2.into(), &json!(false)));
    assert_eq!(list["outcomes"][1]["corrects"], outcome);
    assert!(list["outcomes"][1]["principal"].is_string(), "{list}");
    let missing = tell(
        &server,
        "/api/v1/outcomes",
        &json!({"decision": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911", "value": 1}).to_string(),
        &[],
    );
    assert_eq!(missing.status, 404, "{}", missing.body);

    // By slice, and in windows that a late outcome opens again.
    let sliced = performance(&server, "?slice=region");
    let slices = sliced["windows"].as_array().expect("windows");
    assert!(
        slices
            .iter()
            .filter(|one| one["slice"].is_string())
            .all(|one| one["answers"].as_u64() >= Some(30))
    );
    assert_eq!(
        get(server.control(), "/api/v1/deployments/credit-default/performance?slice=age", None)
            .status,
        422
    );
    let late = performance(&server, "?window=60");
    assert_eq!(
        (&late["windows"][1]["known"], late["windows"].as_array().map(Vec::len)),
        (&40.into(), Some(2))
    );
    told(&server, &decisions[100..].iter().map(line).collect::<Vec<_>>());
    assert_eq!(performance(&server, "?window=60")["windows"][1]["known"], 60);

    // With SQL, beside the decisions.
    let joined = "select count(*) as n from \"credit-default\" d join outcomes o \
                  on o.decision_id = d.decision_id and o.row = d.row where o.label is not null";
    assert_eq!(sql(&server, joined)[0]["n"], 121);

    // Whoever is erased takes their outcomes along.
    let name = customer(3);
    let theirs: Vec<usize> = (0..120).filter(|place| customer(*place) == name).collect();
    server.cli(&["subject", "erase", &name, "--reason", "art. 17"]).ok();
    let gone = server.cli(&["outcome", "list", &decisions[3].0, "--json"]).json();
    assert_eq!((&gone["count"], gone["outcomes"].as_array().map(Vec::len)), (&1.into(), Some(0)));
    assert!(gone["withheld"].as_str().expect("why").contains("erased"));
    let left = sql(&server, "select count(label) as n, count(*) as told from outcomes");
    assert_eq!(left[0]["n"], 121 - theirs.len(), "{left:?}");
    let after = tell(
        &server,
        "/api/v1/outcomes",
        &json!({"decision": decisions[3].0, "value": 1, "source": "x"}).to_string(),
        &[],
    );
    assert_eq!(after.status, 409, "{}", after.body);
    let kept = performance(&server, "")["windows"][0]["known"].clone();
    assert_eq!(kept, 120 - theirs.len());

    // A power cut loses nothing that was acknowledged, and a rebuild keeps it.
    let folder = server.kill();
    offline(folder.path(), &["lake", "rebuild"]).ok();
    let counted = offline(
        folder.path(),
        &["query", "select count(label) as n, count(*) as told from outcomes", "--json"],
    );
    let counted: Value = serde_json::from_str(counted.ok().trim()).expect("JSON");
    assert_eq!(counted, left[0]);
    let server = Server::start_in(folder, &["--dev"]);
    assert_eq!(performance(&server, "")["windows"][0]["known"], kept);
    offline_is_verified(&server);
}

fn offline_is_verified(server: &Server) {
    let said =
        server.cli(&["ledger", "verify", "--data", server.data_folder().to_str().expect("UTF-8")]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
}

#[test]
fn files_are_told_once_by_decision_or_by_the_callers_own_id() {
    let server = Server::dev().with_credit("durable");
    let mut lines = "request,paid\n".to_owned();
    for (n, body) in requests()[..40].iter().enumerate() {
        let mut request: Value = serde_json::from_str(body).expect("JSON");
        request["id"] = format!("loan-{n}").into();
        assert_eq!(server.infer(&request.to_string(), &[]).status, 200);
        lines.push_str(&format!("loan-{n},{}\n", n % 2));
    }
    lines.push_str("loan-unknown,1\n");
    let file = server.folder.path().join("paid.csv");
    std::fs::write(&file, lines).expect("written");
    let file = file.to_str().expect("UTF-8");
    let import = ["outcome", "import", file, "--correlation", "request", "--deployment"];
    let import =
        [&import[..], &["credit-default", "--value", "paid", "--source", "bank", "--json"]]
            .concat();
    let said = server.cli(&import);
    assert_eq!(said.code, 2, "{}", said.stderr);
    let total: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!((&total["recorded"], &total["refused"]), (&40.into(), &1.into()), "{total}");
    assert!(total["told"][0].as_str().expect("why").contains("row 40"), "{total}");
    let again: Value = serde_json::from_str(&server.cli(&import).stdout).expect("JSON");
    assert_eq!((&again["recorded"], &again["known"]), (&0.into(), &40.into()), "{again}");
    let table = server.cli(&["monitor", "performance", "credit-default", "--window", "1d"]).ok();
    assert!(table.contains("accuracy") && table.contains("auroc"), "{table}");
    // The id of the request is nowhere in clear.
    let found =
        sql(&server, "select correlation from \"credit-default\" where correlation is not null");
    assert!(found.len() == 40 && !found[0].to_string().contains("loan"), "{found:?}");
}

#[test]
fn attributes_serve_fairness_and_nothing_else() {
    let server = Server::dev().with_credit("durable");
    let decisions = asked(&server, 200);
    let group = |n: usize| {
        if n >= 190 {
            "few"
        } else if n.is_multiple_of(2) {
            "x"
        } else {
            "y"
        }
    };
    let attributes: String = decisions
        .iter()
        .enumerate()
        .map(|(n, (id, _))| {
            format!(
                "{}\n",
                json!({"decision": id, "name": "origin", "value": group(n), "source": "census"})
            )
        })
        .collect();
    let answer = tell(&server, "/api/v1/attributes", &attributes, &[LINES]);
    assert_eq!((answer.status, &answer.json()["recorded"]), (200, &200.into()), "{}", answer.body);
    let outcomes: Vec<Value> = decisions
        .iter()
        .enumerate()
        .map(|(n, (id, _))| json!({"decision": id, "value": n % 3 == 0}))
        .collect();
    told(&server, &outcomes);
    // No statement reaches them, and they are no outcomes.
    for table in ["attributes", "\"#attributes\"", "\"#answers\""] {
        let said = server.cli(&["query", &format!("select * from {table}")]);
        assert_eq!(said.code, 1, "{table}: {}", said.stdout);
    }
    assert_eq!(sql(&server, "select count(*) as n from outcomes where name = 'origin'")[0]["n"], 0);
    let median = 0.2;
    let path =
        format!("/api/v1/deployments/credit-default/fairness?by=origin,region&threshold={median}");
    let report = get(server.control(), &path, None);
    assert_eq!(report.status, 200, "{}", report.body);
    let report = report.json();
    let alone = &report["comparisons"][0];
    let groups = alone["groups"].as_array().expect("groups");
    let rate = |name: &str| {
        let members = decisions.iter().enumerate().filter(|(n, _)| group(*n) == name);
        let all: Vec<bool> = members.map(|(_, (_, p))| *p >= median).collect();
        let yes = all.iter().filter(|yes| **yes).count();
        yes as f64 / all.len() as f64
    };
    for name in ["x", "y"] {
        let shown = groups.iter().find(|group| group["name"] == name).expect("there");
        let value = shown["selection_rate"]["value"].as_f64().expect("a rate");
        assert!((value - rate(name)).abs() < 1e-12, "{shown}");
    }
    let few = groups.iter().find(|group| group["name"] == "few").expect("named");
    assert!(few["is_small"] == true && few.get("selection_rate").is_none(), "{few}");
    let parity = alone["metrics"].as_array().expect("metrics").iter();
    let parity =
        parity.clone().find(|m| m["name"] == "demographic_parity_difference").expect("there");
    let expected = (rate("x") - rate("y")).abs();
    assert!((parity["value"].as_f64().expect("a value") - expected).abs() < 1e-12, "{parity}");
    assert_eq!(
        report["comparisons"].as_array().map(Vec::len),
        Some(3),
        "each alone, then together"
    );
    let table = server.cli(&["monitor", "fairness", "credit-default", "--by", "origin"]).ok();
    assert!(table.contains("disparate_impact") && table.contains("few"), "{table}");
    let none = server.cli(&["monitor", "fairness", "credit-default", "--by", "nothing"]);
    assert_eq!(none.code, 1, "{}", none.stderr);
}

fn new_key(server: &Server, name: &str, role: &str, extra: &[&str]) -> String {
    server.cli(&["principal", "create", name, "--kind", "service", "--role", role]).ok();
    let mut args = vec!["key", "create", name, "--principal", name, "--json"];
    args.extend(extra);
    server.cli(&args).json()["secret"].as_str().expect("a secret").to_owned()
}

#[test]
fn who_asks_does_not_judge_and_who_judges_reads_nothing() {
    let server = Server::production();
    let author = new_key(&server, "ada", "ml-engineer", &[]);
    let approver = new_key(&server, "bob", "approver", &[]);
    let caller = new_key(&server, "shop", "caller", &[]);
    let labeler = new_key(&server, "bureau", "labeler", &[]);
    let text = |path: &str| demo(path).to_str().expect("UTF-8").to_owned();
    let (model, contract) = (text("credit/model.json"), text("credit/contract.yaml"));
    server.cli_as(Some(&author), &["model", "add", "credit", &model]).ok();
    let create = ["deployment", "create", "credit-default", "--model", "credit", "--contract"];
    let create = [&create[..], &[&contract, "--environment", "staging"]].concat();
    server.cli_as(Some(&author), &create).ok();
    let release = ["deployment", "release", "credit-default", "--version", "1"];
    server.cli_as(Some(&approver), &release).ok();
    let auth = format!("Bearer {caller}");
    let answer = server.infer(&requests()[0], &[("authorization", &auth)]);
    let id = answer.header("plimsoll-decision-id").expect("an id").to_owned();
    let record = ["outcome", "record", &id, "--label", "yes", "--source", "bureau"];
    for key in [&caller, &author, &approver] {
        assert_eq!(server.cli_as(Some(key), &record).code, 2);
    }
    server.cli_as(Some(&labeler), &record).ok();
    assert_eq!(server.cli_as(Some(&labeler), &["outcome", "list", &id]).code, 2);
    assert_eq!(server.cli_as(Some(&labeler), &["decision", "show", &id]).code, 2);
    let monitor = ["monitor", "performance", "credit-default"];
    assert_eq!(server.cli_as(Some(&caller), &monitor).code, 2);
    server.cli_as(Some(&author), &monitor).ok();
    let fairness = ["monitor", "fairness", "credit-default", "--by", "region"];
    assert_eq!(server.cli_as(Some(&author), &fairness).code, 2);
    server.cli_as(Some(&approver), &fairness).ok();
    // A key that reaches another deployment alone tells nothing here, nor which decisions there are.
    let scoped = new_key(&server, "branch", "labeler", &["--scope", "other"]);
    assert_eq!(server.cli_as(Some(&scoped), &record).code, 2);
}
