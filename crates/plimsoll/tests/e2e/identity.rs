//! Callers whom others vouch for: tokens of a local issuer whose keys rotate, client certificates
//! that openssl made, and limits on how much they ask.

use crate::batch;
use crate::harness::{BINARY, Http, Server, get, requests};
use crate::tls::{Secure, certificates, openssl, text};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// curl's exit codes when the server ends the connection: in the handshake, with an alert about
/// certificates, or, with TLS 1.3, after it.
const NO_CONNECTION: [i32; 4] = [35, 60, 55, 56];

/// A key of an issuer.
struct Key {
    kid: &'static str,
    pair: Ed25519KeyPair,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        Self { kid, pair: Ed25519KeyPair::generate().expect("a key") }
    }
    fn jwks(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "use": "sig", "x": x});
        json!({"keys": [key]}).to_string()
    }
    /// A token with these members in the place of the usual ones.
    fn token(&self, issuer: &str, change: Value) -> String {
        let now = now();
        let mut claims = json!({
            "iss": issuer, "aud": "plimsoll", "sub": "scorer", "iat": now, "exp": now + 300,
            "groups": ["credit-callers"],
        });
        let members = claims.as_object_mut().expect("an object");
        members.extend(change.as_object().expect("an object").clone());
        let header = json!({"alg": "EdDSA", "kid": self.kid, "typ": "at+jwt"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    }
}

#[expect(clippy::disallowed_methods, reason = "the server judges tokens by the real time")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// An issuer with a discovery document and a key set, by HTTP.
struct Issuer {
    address: SocketAddr,
    keys: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn start(key: &Key) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (keys, asked) = (Arc::new(Mutex::new(key.jwks())), Arc::new(AtomicUsize::new(0)));
        let (served, counted) = (Arc::clone(&keys), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
                let mut line = String::new();
                drop(reader.read_line(&mut line));
                let mut header = String::from("x");
                while !header.trim().is_empty() {
                    header.clear();
                    if reader.read_line(&mut header).unwrap_or(0) == 0 {
                        break;
                    }
                }
                let body = if line.contains("/.well-known/openid-configuration") {
                    let issuer = format!("http://{address}");
                    json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}).to_string()
                } else {
                    counted.fetch_add(1, Ordering::SeqCst);
                    served.lock().expect("not poisoned").clone()
                };
                let mut stream = stream;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { address, keys, asked }
    }
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
    fn publish(&self, keys: String) {
        *self.keys.lock().expect("not poisoned") = keys;
    }
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A declaration that believes one issuer.
fn declare(folder: &Path, url: &str, more: &str) -> String {
    let path = folder.join("identity.toml");
    let declared = format!(
        "[[issuer]]\nname = 'corp'\nurl = '{url}'\naudiences = ['plimsoll']\n\
         algorithms = ['EdDSA', 'RS256']\nkind = 'service'\nrefetch_seconds = 1\n{more}\n\
         [issuer.roles]\ncredit-callers = ['caller']\nauditors = ['auditor']\n"
    );
    std::fs::write(&path, declared).expect("written");
    format!("identity.file={}", text(&path))
}

fn with_issuer(issuer: &Issuer) -> Server {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let setting = declare(folder.path(), &issuer.url(), "");
    Server::start_in(folder, &["--dev", "--set", &setting]).with_credit("durable")
}

fn ask(server: &Server, token: &str) -> Http {
    server.infer(&requests()[0], &[("authorization", &format!("Bearer {token}"))])
}

/// Asks until the answer has this status: what the server fetches, it fetches beside requests.
fn until(server: &Server, token: &str, status: u16) -> Http {
    let mut answer = ask(server, token);
    for _ in 0..150 {
        if answer.status == status {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
        answer = ask(server, token);
    }
    panic!("{} and not {status}: {}", answer.status, answer.body);
}

fn items(value: &Value) -> Vec<Value> {
    value["items"].as_array().or(value.as_array()).expect("a list").clone()
}

#[test]
fn a_token_decides_and_its_issuer_and_subject_are_on_record() {
    let key = Key::new("one");
    let issuer = Issuer::start(&key);
    let server = with_issuer(&issuer);
    let answer = until(&server, &key.token(&issuer.url(), json!({})), 200);
    let id = answer.header("plimsoll-decision-id").expect("an id").to_owned();
    let shown = server.cli(&["decision", "show", &id, "--json"]).json();
    assert_eq!(shown["body"]["principal_name"], "scorer of corp", "{shown}");

    // The ledger says who it is, once, before its first decision.
    let introduced = |server: &Server| {
        let events = server.cli(&["event", "list", "--json"]).json();
        let is_one =
            |event: &Value| event["action"] == "IntroducePrincipal" && event["stage"] == "intent";
        items(&events).into_iter().filter(is_one).collect::<Vec<_>>()
    };
    let events = introduced(&server);
    assert_eq!(events.len(), 1);
    let facts = &events[0]["payload"]["facts"];
    assert_eq!((&facts["issuer_url"], &facts["subject"]), (&json!(issuer.url()), &json!("scorer")));
    assert_eq!(facts["id"], shown["body"]["principal"]);
    let listed = server.cli(&["principal", "list", "--json"]).json();
    let listed = items(&listed);
    let one = listed.iter().find(|one| one["id"] == facts["id"]).expect("listed");
    assert_eq!(one["identity"]["subject"], "scorer");
    assert_eq!(one["roles"], json!([]));

    // Another subject is another principal, of the same groups.
    let other = ask(&server, &key.token(&issuer.url(), json!({"sub": "nightly"})));
    assert_eq!(other.status, 200, "{}", other.body);
    assert_eq!(introduced(&server).len(), 2);

    // After a restart it is still known.
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let setting = declare(folder.path(), &issuer.url(), "");
    let server = Server::start_in(folder, &["--dev", "--set", &setting]);
    until(&server, &key.token(&issuer.url(), json!({})), 200);
    assert_eq!(introduced(&server).len(), 2);
    let page = get(server.metrics(), "/metrics", None).body;
    assert!(page.contains("plimsoll_issuer_keys{issuer=\"corp\"} 1"), "{page}");
}

/// A job outlives the token that it was begun with: its rows are asked with what that gave.
#[test]
fn a_job_is_begun_with_a_token_and_goes_on_when_that_ends() {
    let key = Key::new("one");
    let issuer = Issuer::start(&key);
    let server = with_issuer(&issuer);
    until(&server, &key.token(&issuer.url(), json!({})), 200);
    let (input, output) = (batch::path(&server, "in.csv"), batch::path(&server, "out.csv"));
    batch::csv(&input, 20_000, |_| false);
    let short = key.token(&issuer.url(), json!({"exp": now() + 60}));
    let begun =
        batch::score(&server, &input, &output, &["--keep", "loan", "--no-wait", "--key", &short]);
    let id = begun["id"].as_str().expect("an id").to_owned();

    // A restart forgets every token; the job goes on.
    let folder = server.kill();
    let setting = declare(folder.path(), &issuer.url(), "");
    let server = Server::start_in(folder, &["--dev", "--set", &setting]);
    let mut shown = Value::Null;
    for _ in 0..300 {
        shown = server.cli(&["batch", "show", &id, "--json"]).json();
        if shown["ended_at"].is_string() {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!((&shown["state"], &shown["rows"]), (&json!("done"), &json!(20_000)), "{shown}");
    let first = server.cli(&["decision", "list", "--limit", "1", "--json"]).json();
    let first = items(&first)[0]["id"].as_str().expect("an id").to_owned();
    let first = server.cli(&["decision", "show", &first, "--json"]).json();
    assert_eq!(first["body"]["principal_name"], "scorer of corp", "{first}");

    // Whoever may not ask may not begin a job either; said once the issuer's keys are there again.
    until(&server, &key.token(&issuer.url(), json!({})), 200);
    let other = key.token(&issuer.url(), json!({"groups": ["auditors"]}));
    let (input, output) = (input.to_str().expect("UTF-8"), output.to_str().expect("UTF-8"));
    let args = ["batch", "score", "-d", "credit-default", input, "-o", output, "--key", &other];
    assert_eq!(server.cli(&args).code, 2);
}

#[test]
fn a_token_without_a_mapped_group_is_denied_and_recorded() {
    let key = Key::new("one");
    let issuer = Issuer::start(&key);
    let server = with_issuer(&issuer);
    until(&server, &key.token(&issuer.url(), json!({})), 200);
    for groups in [json!(["everyone"]), json!([]), json!(["Credit-Callers"]), json!(["auditors"])] {
        let token = key.token(&issuer.url(), json!({"sub": "curious", "groups": groups}));
        let denied = ask(&server, &token);
        assert_eq!(denied.status, 403, "{groups}: {}", denied.body);
        let id = denied.header("plimsoll-decision-id").expect("an id").to_owned();
        let shown = server.cli(&["decision", "show", &id, "--json"]).json();
        assert_eq!(shown["summary"]["result"], "refused", "{shown}");
        assert_eq!(shown["body"]["principal_name"], "curious of corp");
    }
    // Groups count for the request that brings them, and for no other.
    for (groups, status) in [(json!(["credit-callers"]), 200), (json!([]), 403)] {
        let token = key.token(&issuer.url(), json!({"sub": "curious", "groups": groups}));
        assert_eq!(ask(&server, &token).status, status, "{groups}");
    }
    // On the control plane the same roles count, and a denial names who was denied.
    let auditor = key.token(&issuer.url(), json!({"sub": "rita", "groups": ["auditors"]}));
    let seen = server.cli_as(Some(&auditor), &["principal", "list", "--json"]);
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    let refused = server.cli_as(
        Some(&auditor),
        &["principal", "create", "friend", "--kind", "service", "--role", "admin"],
    );
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let events = server.cli(&["event", "list", "--json"]).json();
    let denied = items(&events);
    let denied = denied.iter().find(|e| e["stage"] == "denied").expect("on record");
    assert_eq!(denied["principal_name"], "rita of corp");
}

#[test]
fn tokens_that_are_wrong_are_not_known_and_never_reach_a_deployment() {
    let (key, stranger) = (Key::new("one"), Key::new("one"));
    let issuer = Issuer::start(&key);
    let server = with_issuer(&issuer);
    let url = issuer.url();
    until(&server, &key.token(&url, json!({})), 200);
    let before = items(&server.cli(&["decision", "list", "--json"]).json()).len();
    let good = key.token(&url, json!({}));
    let (head, rest) = good.split_once('.').expect("a token");
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let claims = rest.split_once('.').expect("a token").0;
    for (what, token) in [
        ("none", format!("{none}.{claims}.")),
        ("no signature", format!("{head}.{claims}.")),
        ("a stranger's key", stranger.token(&url, json!({}))),
        ("expired", key.token(&url, json!({"exp": now() - 31}))),
        ("not yet", key.token(&url, json!({"nbf": now() + 60}))),
        ("wrong audience", key.token(&url, json!({"aud": "others"}))),
        ("wrong issuer", key.token("http://127.0.0.1:1", json!({}))),
        ("mistyped", key.token(&url, json!({"exp": "tomorrow"}))),
        ("oversized", key.token(&url, json!({"padding": "x".repeat(17_000)}))),
    ] {
        let answer = ask(&server, &token);
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        assert!(!answer.body.contains(what), "the reason is not told: {}", answer.body);
    }
    let twice = [("authorization", "Bearer a.b.c"), ("authorization", &format!("Bearer {good}"))];
    assert_eq!(server.infer(&requests()[0], &twice).status, 401);
    let after = items(&server.cli(&["decision", "list", "--json"]).json()).len();
    assert_eq!(before, after, "nothing was resolved, so nothing but a count is recorded");
    let page = get(server.metrics(), "/metrics", None).body;
    for reason in ["signature", "expired", "audience", "issuer", "mistyped_claim", "algorithm"] {
        let line = format!("plimsoll_tokens_refused_total{{reason=\"{reason}\"}} 0");
        assert!(!page.contains(&line), "{reason} is counted");
    }
}

#[test]
fn keys_rotate_while_requests_go_on_and_a_flood_of_unknown_ones_asks_seldom() {
    let (first, second) = (Key::new("one"), Key::new("two"));
    let issuer = Issuer::start(&first);
    let server = with_issuer(&issuer);
    let (old, new) =
        (first.token(&issuer.url(), json!({})), second.token(&issuer.url(), json!({})));
    until(&server, &old, 200);
    assert_eq!(ask(&server, &new).status, 401, "its key is not published");

    issuer.publish(second.jwks());
    until(&server, &new, 200);
    // The first key is gone, and with it the token that was believed before.
    assert_eq!(ask(&server, &old).status, 401);

    // What is not a key set changes nothing, and neither does one without a usable key.
    for broken in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AA"}]}"#] {
        let asked = issuer.asked();
        issuer.publish(broken.to_owned());
        for _ in 0..150 {
            assert_eq!(ask(&server, &old).status, 401);
            if issuer.asked() > asked {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(issuer.asked() > asked, "it was asked for another set");
        assert_eq!(ask(&server, &new).status, 200, "the last good set stays");
    }

    // A hundred unknown keys do not ask a hundred times.
    let asked = issuer.asked();
    for _ in 0..100 {
        assert_eq!(ask(&server, &old).status, 401);
    }
    assert!(issuer.asked() - asked < 50, "asked {} times", issuer.asked() - asked);
}

/// openssl as a server of files over TLS.
struct Files(Child);

impl Drop for Files {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_key_set_comes_over_tls_and_an_address_that_is_not_allowed_stops_the_start() {
    let folder = tempfile::tempdir().expect("temp");
    let path = folder.path();
    certificates(path);
    let (first, second) = (Key::new("one"), Key::new("two"));
    std::fs::write(path.join("keys.json"), first.jwks()).expect("written");
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("one").port();
    let _files = Files(
        Command::new("openssl")
            .current_dir(path)
            .args(["s_server", "-accept", &port.to_string(), "-cert", "cert.pem"])
            .args(["-key", "key.pem", "-WWW", "-quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs"),
    );
    let url = "https://issuer.example.org";
    let keys = format!("jwks_url = 'https://localhost:{port}/keys.json'\nrefresh_seconds = 1");
    let data = Arc::new(tempfile::tempdir().expect("temp"));
    let setting = declare(data.path(), url, &keys);
    let ca = format!("outbound.ca_file={}", text(&path.join("ca.pem")));
    let server = Server::start_in(Arc::clone(&data), &["--dev", "--set", &setting, "--set", &ca])
        .with_credit("durable");
    until(&server, &first.token(url, json!({})), 200);
    std::fs::write(path.join("keys.json"), second.jwks()).expect("written");
    until(&server, &second.token(url, json!({})), 200);
    assert_eq!(ask(&server, &first.token(url, json!({}))).status, 401);
    drop(server);

    // Without leave this machine is not asked, and plain HTTP never.
    let start = |url: &str| {
        let setting = declare(path, url, "");
        let output = Command::new(BINARY)
            .args(["serve", "--port", "0", "--set", &setting, "--set", "ledger.reserve=0"])
            .arg("--data")
            .arg(path.join("other"))
            .arg("--keys")
            .arg(path.join("other-keys"))
            .output()
            .expect("runs");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = start("https://127.0.0.1:9/");
    assert!(said.contains("issuer `corp`") && said.contains("not on the allow list"), "{said}");
    let said = start("http://issuer.example.org");
    assert!(said.contains("must be reached by https"), "{said}");
}

#[test]
fn a_file_of_keys_is_read_again_and_the_command_line_judges_a_token_offline() {
    let (first, second) = (Key::new("one"), Key::new("two"));
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, first.jwks()).expect("written");
    let url = "https://issuer.example.org";
    let more = format!("jwks_file = '{}'\nrefresh_seconds = 1", text(&jwks));
    let setting = declare(folder.path(), url, &more);
    let server =
        Server::start_in(Arc::clone(&folder), &["--dev", "--set", &setting]).with_credit("durable");
    until(&server, &first.token(url, json!({})), 200);
    std::fs::write(&jwks, second.jwks()).expect("written");
    until(&server, &second.token(url, json!({})), 200);

    let (declared, token) = (folder.path().join("identity.toml"), folder.path().join("token"));
    let check = |change: Value| {
        std::fs::write(&token, second.token(url, change)).expect("written");
        let (declared, token, jwks) = (text(&declared), text(&token), text(&jwks));
        server.cli(&["identity", "check", &declared, "--token", &token, "--jwks", &jwks, "--json"])
    };
    let judged = check(json!({})).json();
    assert_eq!(judged["token"]["roles"], json!(["caller"]), "{judged}");
    assert_eq!(judged["token"]["subject"], "scorer");
    let refused = check(json!({"aud": "others"}));
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("the token is refused: audience"), "{}", refused.stderr);
}

/// Client certificates of the authority in `folder`, and of another.
fn clients(folder: &Path) {
    let config = "[ca]\ndefault_ca = own\n[own]\ndir = .\ndatabase = index\nserial = serial\n\
                  new_certs_dir = .\ndefault_md = sha256\npolicy = any\ndefault_days = 2\n\
                  default_crl_days = 2\ncopy_extensions = copy\nunique_subject = no\n\
                  crlnumber = serial\ncrl_extensions = list\nx509_extensions = leaf\n\
                  [leaf]\nbasicConstraints = CA:FALSE\n\
                  [list]\nauthorityKeyIdentifier = keyid\n\
                  [any]\ncommonName = supplied\n";
    std::fs::write(folder.join("ca.cnf"), config).expect("written");
    std::fs::write(folder.join("index"), "").expect("written");
    std::fs::write(folder.join("serial"), "1000\n").expect("written");
    let key = "-nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1";
    let issue = |name: &str, san: &str, more: &str| {
        let ask = format!(
            "req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={name}{}{san}",
            if san.is_empty() { "" } else { " -addext subjectAltName=" }
        );
        openssl(folder, &ask);
        let sign = "ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key";
        openssl(folder, &format!("{sign} -in {name}.csr -out {name}.pem{more}"));
    };
    issue("scorer", "URI:spiffe://corp/scorer", "");
    issue("host", "DNS:batch.corp.example", "");
    issue("plain", "", "");
    issue("stranger", "URI:spiffe://corp/other", "");
    issue(
        "expired",
        "URI:spiffe://corp/scorer",
        " -startdate 20200101000000Z -enddate 20200102000000Z",
    );
    issue("revoked", "URI:spiffe://corp/scorer", "");
    let ca = "ca -config ca.cnf -cert ca.pem -keyfile ca.key";
    openssl(folder, &format!("{ca} -revoke revoked.pem"));
    openssl(folder, &format!("{ca} -gencrl -out crl.pem"));
    // The same name by another authority.
    let new = format!("req -x509 {key} -days 2");
    openssl(folder, &format!("{new} -keyout evil.key -out evil.pem -subj /CN=evil"));
    openssl(
        folder,
        &format!(
            "{new} -keyout forged.key -out forged.pem -subj /CN=scorer -CA evil.pem -CAkey \
             evil.key -addext subjectAltName=URI:spiffe://corp/scorer -addext \
             basicConstraints=CA:FALSE"
        ),
    );
}

const RULES: &str = "[[certificate]]\nsubject = 'uri:spiffe://corp/scorer'\nkind = 'service'\n\
    roles = ['caller']\n\
    [[certificate]]\nsubject = 'dns:batch.corp.example'\nkind = 'service'\nroles = ['caller']\n\
    environment = 'production'\n\
    [[certificate]]\nsubject = 'cn:plain'\nkind = 'service'\nroles = ['caller']\n";

fn secure(more: &[&str]) -> Secure {
    let folder = tempfile::tempdir().expect("temp");
    certificates(folder.path());
    clients(folder.path());
    std::fs::write(folder.path().join("identity.toml"), RULES).expect("written");
    let at = |name: &str| text(&folder.path().join(name));
    let settings = [
        format!("tls.client_ca={}", at("ca.pem")),
        format!("tls.client_crl={}", at("crl.pem")),
        format!("identity.file={}", at("identity.toml")),
    ];
    let mut all: Vec<&str> = settings.iter().flat_map(|set| ["--set", set.as_str()]).collect();
    all.extend(more);
    Secure::start_in(folder, &all)
}

impl Secure {
    /// Status and body that a client with this certificate gets, or curl's exit code.
    fn with_certificate(&self, name: &str, version: &str) -> Result<(u16, String), i32> {
        let at = |end: &str| text(&self.folder.path().join(format!("{name}.{end}")));
        let (cert, key) = (at("pem"), at("key"));
        let args = ["--cert", &cert, "--key", &key, "--tls-max", version];
        let output = self.trusting_curl(if name.is_empty() { &args[4..] } else { &args });
        if !output.status.success() {
            return Err(output.status.code().unwrap_or(-1));
        }
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, last) = said.rsplit_once('\n').expect("a last line");
        Ok((last[..3].parse().expect("a status"), body.to_owned()))
    }
}

#[test]
fn a_client_certificate_stands_for_its_principal() {
    let server = secure(&[]).with_credit();
    for version in ["1.2", "1.3"] {
        let status = |name| server.with_certificate(name, version).map(|(status, _)| status);
        assert_eq!(status("scorer"), Ok(200), "TLS {version}");
        assert_eq!(status("plain"), Ok(200), "a common name where there is no other");
        assert_eq!(status("host"), Ok(403), "limited to production");
        assert_eq!(status("stranger"), Ok(403), "known, and nobody gave it a role");
        assert_eq!(status(""), Ok(200), "without one it is --dev's principal");
        for name in ["expired", "revoked", "forged"] {
            let refused = status(name).expect_err(name);
            assert!(NO_CONNECTION.contains(&refused), "{name}, TLS {version}: {refused}");
        }
    }
    let listed = Command::new(BINARY)
        .args(["decision", "list", "--json", "--url", &format!("https://{}", server.address)])
        .env("PLIMSOLL_CA_FILE", server.ca())
        .output()
        .expect("runs");
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    // Two versions of TLS, five requests each that reached the deployment.
    assert_eq!(items(&listed).len(), 10, "{listed}");
}

#[test]
fn where_a_certificate_is_required_the_command_line_can_show_one() {
    let server = secure(&["--set", "tls.client_required=true"]);
    let refused = server.with_certificate("", "1.3").expect_err("no certificate");
    assert!(NO_CONNECTION.contains(&refused), "{refused}");
    let (status, _) = server.with_certificate("scorer", "1.3").expect("a connection");
    assert_eq!(status, 404, "there is no deployment");
    let run = |args: &[&str]| {
        let mut command = Command::new(BINARY);
        let url = format!("https://{}", server.address);
        command.args(["status", "--url", &url]).env("PLIMSOLL_CA_FILE", server.ca());
        for (variable, name) in ["PLIMSOLL_CERT_FILE", "PLIMSOLL_CERT_KEY_FILE"].iter().zip(args) {
            command.env(variable, server.folder.path().join(name));
        }
        command.output().expect("runs").status.code()
    };
    // Connected and known: the answer to a caller that asks for more is no.
    assert_eq!(run(&["scorer.pem", "scorer.key"]), Some(2));
    assert_eq!(run(&[]), Some(1));
    assert_eq!(run(&["scorer.pem"]), Some(1), "a key belongs to it");
    assert_eq!(run(&["revoked.pem", "revoked.key"]), Some(1));
}

#[test]
fn limits_refuse_before_any_work_with_a_time_and_a_record() {
    let server = Server::dev().with_credit("durable");
    let body = &requests()[0];
    // One request in a thousand seconds, three at once: no clock of a test machine matters.
    let set = server
        .cli(&["limit", "set", "principal:dev", "--rate", "0.001", "--burst", "3", "--json"])
        .json();
    assert_eq!(set["limit"]["requests_per_second"], 0.001, "{set}");
    assert_eq!(set["of"], "principal:dev");
    for _ in 0..3 {
        assert_eq!(server.infer(body, &[]).status, 200);
    }
    // Not even its body is read: it is no JSON.
    let refused = server.infer("not JSON", &[]);
    assert_eq!(refused.status, 429, "{}", refused.body);
    let wait: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((900..=1000).contains(&wait), "{wait}");
    assert!(refused.body.contains("the principal's limit of requests per second"));
    let id = refused.header("plimsoll-decision-id").expect("an id").to_owned();
    let shown = server.cli(&["decision", "show", &id, "--json"]).json();
    assert_eq!(shown["summary"]["result"], "refused", "{shown}");
    let said = shown.to_string();
    assert!(said.contains("rate_limited") && said.contains("admit"), "{said}");

    // A limit of the deployment holds beside it, and one that is taken away no more.
    server.cli(&["limit", "remove", "principal:dev"]).ok();
    server.cli(&["limit", "set", "deployment:credit-default", "--requests-per-day", "2"]).ok();
    assert_eq!(server.infer(body, &[]).status, 200);
    assert_eq!(server.infer(body, &[]).status, 200);
    let refused = server.infer(body, &[]);
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.body.contains("the deployment's limit of requests per day"));
    let wait: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=86_400).contains(&wait), "{wait}");

    // Rows count once they are known: the request that passes the limit is still answered.
    server.cli(&["limit", "set", "deployment:credit-default", "--rows-per-day", "3"]).ok();
    let refused = server.infer(body, &[]);
    assert_eq!(refused.status, 200, "two rows of today are used: {}", refused.body);
    assert_eq!(server.infer(body, &[]).status, 429);

    let listed = items(&server.cli(&["limit", "list", "--json"]).json());
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["limit"], json!({"rows_per_day": 3}));
    let shown = server.cli(&["limit", "show", "deployment:credit-default", "--json"]).json();
    assert_eq!(shown["changed_by_name"], "dev");
    let page = get(server.metrics(), "/metrics", None).body;
    for line in [
        "plimsoll_limit_refusals_total{of=\"principal\",limit=\"rate\"} 1",
        "plimsoll_limit_refusals_total{of=\"deployment\",limit=\"requests_per_day\"} 1",
        "plimsoll_limit_refusals_total{of=\"deployment\",limit=\"rows_per_day\"} 1",
    ] {
        assert!(page.contains(line), "{line}");
    }
    for wrong in [
        vec!["limit", "set", "everyone"],
        vec!["limit", "set", "everyone", "--burst", "3"],
        vec!["limit", "set", "nobody", "--rate", "1"],
        vec!["limit", "set", "principal:nobody", "--rate", "1"],
        vec!["limit", "set", "everyone", "--rate", "0"],
        vec!["limit", "remove", "everyone"],
    ] {
        assert_eq!(server.cli(&wrong).code, 1, "{wrong:?}");
    }
}

#[test]
fn a_limit_of_everyone_holds_each_principal_apart() {
    let key = Key::new("one");
    let issuer = Issuer::start(&key);
    let server = with_issuer(&issuer);
    until(&server, &key.token(&issuer.url(), json!({})), 200);
    server.cli(&["limit", "set", "everyone", "--rate", "0.001", "--burst", "2"]).ok();
    for subject in ["ada", "bert"] {
        let token = key.token(&issuer.url(), json!({"sub": subject}));
        let statuses: Vec<u16> = (0..3).map(|_| ask(&server, &token).status).collect();
        assert_eq!(statuses, [200, 200, 429], "{subject}");
    }
    // Another token of the same subject is the same principal.
    let again = key.token(&issuer.url(), json!({"sub": "ada", "jti": "other"}));
    assert_eq!(ask(&server, &again).status, 429);
    // One with a limit of its own is not held by that of everyone.
    let shown = items(&server.cli(&["principal", "list", "--json"]).json());
    let ada = shown.iter().find(|one| one["identity"]["subject"] == "ada").expect("known");
    let of = format!("principal:{}", ada["name"].as_str().expect("a name"));
    server.cli(&["limit", "set", &of, "--in-flight", "8"]).ok();
    assert_eq!(ask(&server, &again).status, 200);
}
