//! Signing in to the console at an issuer: an issuer of its own that checks what it is asked, and a
//! browser's part played by hand.

use crate::harness::{Http, Server, get, request};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// What an issuer was asked for, and what it does wrong when told to.
#[derive(Default)]
struct Asked {
    /// By code: the nonce and the challenge.
    codes: HashMap<String, (String, String)>,
    /// Claims in the place of the usual ones.
    change: Value,
    /// The groups of whoever signs in.
    groups: Vec<&'static str>,
}

struct Issuer {
    address: SocketAddr,
    asked: Arc<Mutex<Asked>>,
}

impl Issuer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Asked { groups: vec!["auditors"], ..Asked::default() }));
        let (pair, shared) = (Ed25519KeyPair::generate().expect("a key"), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                answer(stream, address, &pair, &shared);
            }
        });
        Self { address, asked }
    }
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Reads one request and answers it.
fn answer(mut stream: TcpStream, address: SocketAddr, pair: &Ed25519KeyPair, asked: &Mutex<Asked>) {
    let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let wanted = |line: &&String| line.to_lowercase().starts_with(&format!("{name}:"));
        let line = lines.iter().find(wanted);
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or("/").to_owned();
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let issuer = format!("http://{address}");
    let mut asked = asked.lock().expect("not poisoned");
    let (status, more, said) = match path {
        "/.well-known/openid-configuration" => {
            let document = json!({
                "issuer": issuer, "jwks_uri": format!("{issuer}/keys"),
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
            });
            ("200 OK", String::new(), document.to_string())
        }
        "/keys" => {
            let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
            let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "use": "sig", "x": x});
            ("200 OK", String::new(), json!({"keys": [key]}).to_string())
        }
        // Somebody signs in here, and is sent back.
        "/authorize" => {
            let form = form(query);
            assert_eq!(form["response_type"], "code");
            assert_eq!(form["client_id"], "plimsoll-console");
            assert_eq!(form["code_challenge_method"], "S256");
            assert!(form["scope"].split('+').any(|scope| scope == "openid"), "{}", form["scope"]);
            let code = format!("code-{}", asked.codes.len());
            asked
                .codes
                .insert(code.clone(), (form["nonce"].clone(), form["code_challenge"].clone()));
            let back = form["redirect_uri"].clone();
            let more = format!("location: {back}?code={code}&state={}\r\n", form["state"]);
            ("302 Found", more, String::new())
        }
        "/token" => {
            let form = form(std::str::from_utf8(&body).expect("a form"));
            let secret = format!("Basic {}", STANDARD.encode("plimsoll-console:s3cret%2F"));
            assert_eq!(header("authorization"), Some(secret));
            assert_eq!(form["grant_type"], "authorization_code");
            // A code is good once.
            let known = asked.codes.remove(&form["code"]);
            let proven = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
            match known.filter(|(_, challenge)| *challenge == proven) {
                None => (
                    "400 Bad Request",
                    String::new(),
                    json!({"error": "invalid_grant"}).to_string(),
                ),
                Some((nonce, _)) => {
                    let token = token(&issuer, pair, &nonce, &asked);
                    let reply = json!({"access_token": "opaque", "token_type": "Bearer", "id_token": token});
                    ("200 OK", String::new(), reply.to_string())
                }
            }
        }
        _ => ("404 Not Found", String::new(), String::new()),
    };
    let length = said.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{said}"
    );
    drop(stream.write_all(text.as_bytes()));
}

#[expect(clippy::disallowed_methods, reason = "the server judges tokens by the real time")]
fn token(issuer: &str, pair: &Ed25519KeyPair, nonce: &str, asked: &Asked) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut claims = json!({
        "iss": issuer, "aud": "plimsoll-console", "sub": "zoe", "nonce": nonce,
        "iat": now, "exp": now + 300, "groups": asked.groups,
    });
    if let Value::Object(change) = &asked.change {
        claims.as_object_mut().expect("an object").extend(change.clone());
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed =
        format!("{}.{}", part(&json!({"alg": "EdDSA", "kid": "k", "typ": "JWT"})), part(&claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()).as_ref()))
}

/// The members of a form, of which none holds more than two characters that are encoded.
fn form(text: &str) -> HashMap<String, String> {
    let decoded = |text: &str| text.replace("%3A", ":").replace("%2F", "/");
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

/// A server that believes the issuer, on ports it was told before.
fn server(issuer: &Issuer) -> Server {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("secret"), "s3cret/\n").expect("written");
    // The issuer is told where to send browsers back to; nobody but this test goes there.
    let declared = format!(
        "[[issuer]]\nname = 'corp'\nurl = '{}'\naudiences = ['plimsoll-console']\n\
         algorithms = ['EdDSA']\nkind = 'user'\nrefetch_seconds = 1\n\
         [issuer.roles]\nauditors = ['auditor']\ncallers = ['caller']\n\
         [issuer.console]\nclient_id = 'plimsoll-console'\nsecret_file = '{}'\n\
         url = 'http://plimsoll.example/console/'\n",
        issuer.url(),
        path("secret"),
    );
    std::fs::write(path("identity.toml"), declared).expect("written");
    let settings = [
        format!("identity.file={}", path("identity.toml")),
        "outbound.allow=127.0.0.0/8".to_owned(),
        "outbound.plain_http=true".to_owned(),
    ];
    let args: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    Server::start_in(Arc::clone(&folder), &args)
}

const START: &str = "/console/sign-in/oidc/start?issuer=corp";

fn cookies(of: &Http) -> Vec<(String, String)> {
    let set = of.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pair = set.filter_map(|(_, value)| value.split(';').next()?.split_once('='));
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn cookie(of: &Http, wanted: &str) -> Option<String> {
    let found = cookies(of).into_iter().find(|(name, value)| name == wanted && !value.is_empty());
    found.map(|(name, value)| format!("{name}={value}"))
}

/// The path with which the issuer sends a browser back.
fn signed_in_at(issuer: &Issuer, start: &Http) -> String {
    let to = start.header("location").expect("sent to the issuer");
    let path = to.strip_prefix(&issuer.url()).expect("to this issuer");
    let back = get(issuer.address, path, None);
    let back = back.header("location").expect("sent back").to_owned();
    back.strip_prefix("http://plimsoll.example").expect("to the console").to_owned()
}

#[test]
fn somebody_whom_an_issuer_vouches_for_signs_in_with_what_its_groups_give() {
    let issuer = Issuer::start();
    let server = server(&issuer);
    let control = server.control();
    assert_eq!(get(control, "/console/sign-in/oidc", None).json(), json!({"issuers": ["corp"]}));
    let start = get(control, START, None);
    assert_eq!(start.status, 303, "{}", start.body);
    let begun = cookie(&start, "plimsoll_sign_in").expect("a cookie");
    let set = start.header("set-cookie").expect("a cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
    let back = signed_in_at(&issuer, &start);
    let done = request(
        control,
        "GET",
        &back,
        b"",
        &[("cookie", &begun), ("sec-fetch-site", "cross-site")],
    );
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(done.body.contains("url=/console/\""), "{}", done.body);
    let session = cookie(&done, "plimsoll_session").expect("a session");
    let who = request(control, "GET", "/api/v1/session", b"", &[("cookie", &session)]).json();
    assert_eq!(who["roles"], json!(["auditor"]));
    assert!(who["name"].as_str().is_some_and(|name| name.contains("zoe")), "{who}");
    // What changes something needs the session's token, as for keys.
    let end = |more: &[(&str, &str)]| {
        let headers = [&[("cookie", session.as_str())][..], more].concat();
        request(control, "DELETE", "/api/v1/session", b"", &headers).status
    };
    assert_eq!(end(&[]), 403);
    assert_eq!(end(&[("plimsoll-csrf", who["csrf"].as_str().expect("a token"))]), 204);
    // The same answer a second time: the issuer gave its code once.
    let again = request(control, "GET", &back, b"", &[("cookie", &begun)]);
    assert!(again.body.contains("sign-in=stale") && cookie(&again, "plimsoll_session").is_none());
}

#[test]
fn an_answer_that_is_not_to_this_browsers_question_begins_nothing() {
    let issuer = Issuer::start();
    let server = server(&issuer);
    let control = server.control();
    let told = |path: &str, begun: Option<&str>| {
        let headers: Vec<(&str, &str)> = begun.map(|begun| ("cookie", begun)).into_iter().collect();
        let said = request(control, "GET", path, b"", &headers);
        assert!(cookie(&said, "plimsoll_session").is_none(), "{path}: {:?}", said.headers);
        let at = said.body.split("sign-in=").nth(1).unwrap_or_default();
        at.split('"').next().unwrap_or_default().to_owned()
    };
    let begin = || {
        let start = get(control, START, None);
        let begun = cookie(&start, "plimsoll_sign_in").expect("a cookie");
        (signed_in_at(&issuer, &start), begun)
    };
    let (back, begun) = begin();
    let (other, _) = begin();
    assert_eq!(told(&back, None), "stale", "no cookie: another browser");
    assert_eq!(told(&other, Some(&begun)), "stale", "the answer to another question");
    assert_eq!(told(&format!("{back}&iss=http://other"), Some(&begun)), "stale");
    let state = back.split("state=").nth(1).expect("a state").to_owned();
    let denied = format!("/console/sign-in/oidc/callback?error=access_denied&state={state}");
    assert_eq!(told(&denied, Some(&begun)), "declined");
    let guessed = format!("/console/sign-in/oidc/callback?code=guess&state={state}");
    assert_eq!(told(&guessed, Some(&begun)), "stale", "the issuer knows no such code");
    // Tokens that say something else.
    for (change, word) in [
        (json!({"nonce": "another"}), "stale"),
        (json!({"azp": "another-client"}), "stale"),
        (json!({"aud": "another-client"}), "unknown"),
        (json!({"exp": 1}), "unknown"),
    ] {
        issuer.asked.lock().expect("not poisoned").change = change.clone();
        let (back, begun) = begin();
        assert_eq!(told(&back, Some(&begun)), word, "{change}");
    }
    issuer.asked.lock().expect("not poisoned").change = Value::Null;
    // Groups that give nothing open nothing.
    issuer.asked.lock().expect("not poisoned").groups = vec!["gardeners"];
    let (back, begun) = begin();
    assert_eq!(told(&back, Some(&begun)), "unknown");
    assert_eq!(told("/console/sign-in/oidc/start?issuer=other", None), "unknown");
}
