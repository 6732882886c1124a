//! Tokens that are remembered and forgotten, key sets that come, change, and grow old.

use super::*;
use plimsoll_identity::IdentityDocument;
use serde_json::Value;
use std::sync::LazyLock;

static CORPUS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../plimsoll-identity/tests/corpus.json")).expect("JSON")
});

#[derive(Debug, Default)]
struct Held {
    seconds: AtomicU64,
}

impl Clock for Held {
    fn now(&self) -> Time {
        let now = CORPUS["now"].as_u64().expect("a time") + self.seconds.load(Relaxed);
        Time::from_micros(now * 1_000_000)
    }
    fn monotonic(&self) -> u64 {
        self.seconds.load(Relaxed) * 1_000_000_000
    }
}

#[derive(Debug, Default)]
struct Book(Mutex<Vec<PrincipalId>>);

impl Meet for Book {
    fn has_met(&self, id: PrincipalId) -> Result<bool, Box<str>> {
        Ok(lock(&self.0).contains(&id))
    }
    fn meet(&self, who: &Identity) -> Result<(), Box<str>> {
        lock(&self.0).push(who.id);
        Ok(())
    }
}

struct Setup {
    trust: Trust,
    issuer: Arc<TrustedIssuer>,
    clock: Held,
    book: Arc<Book>,
}

fn setup() -> Setup {
    let document: IdentityDocument = serde_json::from_value(serde_json::json!({
        "issuer": [{
            "name": "corp", "url": "https://issuer.example.org", "kind": "service",
            "audiences": ["plimsoll"], "algorithms": ["RS256", "ES256"],
            "refresh_seconds": 100, "refetch_seconds": 10, "stale_seconds": 300,
            "roles": {"credit-callers": ["caller"]},
        }],
        "certificate": [{"subject": "dns:a.example", "kind": "service", "roles": ["caller"]}],
    }))
    .expect("a declaration");
    let tenant = TenantId::from_bytes([7; 16]);
    let (mut issuers, rules) = document.compile(tenant).expect("valid");
    let issuer = Arc::new(TrustedIssuer::new(issuers.remove(0)));
    let book = Arc::new(Book::default());
    let meet = Arc::clone(&book) as Arc<dyn Meet>;
    let trust = Trust::new(vec![Arc::clone(&issuer)], rules, tenant, meet);
    Setup { trust, issuer, clock: Held::default(), book }
}

impl Setup {
    fn publish(&self, name: &str) {
        let keys =
            KeySet::read(CORPUS[name].to_string().as_bytes(), &self.issuer.issuer.algorithms);
        self.issuer.took(keys.expect("a set"), &self.clock);
    }
    fn at(&self, seconds: u64) {
        self.clock.seconds.store(seconds, Relaxed);
    }
    /// Who is meant: an answer, a refusal, or a wish for other keys.
    fn ask(&self, case: &str) -> &'static str {
        let token = CORPUS["cases"][case].as_str().expect("a token");
        match self.trust.token(token, &self.clock) {
            Ok(_) => "known",
            Err(Unknown::Refused) => "refused",
            Err(Unknown::Keys(_)) => "keys",
        }
    }
    fn remembered(&self) -> usize {
        lock(&self.trust.believed).len()
    }
}

#[test]
fn a_token_is_judged_once_and_forgotten_with_its_key_its_end_and_its_set() {
    let setup = setup();
    assert_eq!(setup.ask("valid RS256"), "keys", "there is no set yet");
    setup.publish("before");
    for _ in 0..3 {
        assert_eq!(setup.ask("valid RS256"), "known");
    }
    assert_eq!(setup.remembered(), 1);
    // A refused token is not remembered: others could fill memory with them.
    assert_eq!(setup.ask("key of a stranger"), "refused");
    assert_eq!(setup.remembered(), 1);

    // The same set again changes nothing; another ends tokens whose key it lacks.
    setup.publish("before");
    assert_eq!(setup.ask("valid RS256"), "known");
    setup.publish("after");
    assert_eq!(setup.ask("valid RS256"), "keys");
    assert_eq!(setup.ask("valid ES256"), "known");
    setup.publish("before");
    assert_eq!(setup.ask("valid RS256"), "known");

    setup.at(301);
    assert_eq!(setup.ask("valid RS256"), "keys", "the set is too old to be believed");
    setup.publish("before");
    setup.at(600 + 29);
    setup.publish("before");
    assert_eq!(setup.ask("valid RS256"), "known", "within the leeway");
    setup.at(600 + 30);
    assert_eq!(setup.ask("valid RS256"), "refused", "remembered or not, it has expired");

    let (accepted, refused) = setup.trust.tokens();
    let refused: Vec<_> = refused.filter(|(_, count)| *count > 0).collect();
    assert_eq!(accepted, 7);
    assert_eq!(refused, [("unknown_key", 1), ("no_keys", 2), ("signature", 1), ("expired", 1)]);
}

#[tokio::test]
async fn an_unknown_key_asks_for_another_set_only_so_often() {
    let setup = setup();
    // At the start a fetch is under way, so a request waits for it.
    let waits = setup.issuer.next_try(&setup.clock);
    let comes = async {
        tokio::task::yield_now().await;
        setup.publish("before");
    };
    assert!(tokio::join!(waits, comes).0);
    assert_eq!(setup.ask("unknown kid"), "keys");
    assert!(!setup.issuer.next_try(&setup.clock).await, "the last fetch was just now");
    setup.at(10);
    let waits = setup.issuer.next_try(&setup.clock);
    let comes = async {
        setup.issuer.due(&setup.clock).await;
        setup.issuer.failed(&setup.clock);
    };
    assert!(tokio::join!(waits, comes).0, "a try that failed is a try");
    assert_eq!(setup.ask("valid RS256"), "known", "the last good set stays");
    assert!(!setup.issuer.next_try(&setup.clock).await);
    let stats = setup.trust.issuers(setup.clock.monotonic());
    assert_eq!((stats[0].keys, stats[0].failures), (2, 1));
}

#[tokio::test]
async fn a_new_principal_is_met_once_and_not_too_many_are() {
    let setup = setup();
    let names =
        CertificateNames::new(std::iter::empty(), ["b.example", "a.example"].into_iter(), &[]);
    let known = setup.trust.certificate(&names).expect("a rule covers it");
    assert!(known.caller.principal.roles.contains(plimsoll_policy::Role::Caller));
    let identity = known.identity.expect("from elsewhere");
    assert_eq!(&*identity.subject, "dns:a.example");
    assert!(!setup.trust.has_met(identity.id));
    setup.trust.meet(Arc::clone(&identity), setup.clock.now()).await.expect("met");
    assert!(setup.trust.has_met(identity.id));
    assert_eq!(*lock(&setup.book.0), [identity.id]);

    let stranger = CertificateNames::new(["spiffe://x"].into_iter(), std::iter::empty(), &[]);
    let known = setup.trust.certificate(&stranger).expect("known, and may do nothing");
    assert_eq!(known.caller.principal.roles, RoleSet::NONE);

    for number in 1..MAX_NEW_PER_MINUTE {
        let id = principal_id("x", &number.to_string());
        let who = Arc::new(Identity { id, ..(*identity).clone() });
        setup.trust.meet(who, setup.clock.now()).await.expect("met");
    }
    let another = Arc::new(Identity { id: principal_id("x", "another"), ..(*identity).clone() });
    let refused = setup.trust.meet(Arc::clone(&another), setup.clock.now()).await;
    assert_eq!(refused.expect_err("too many").code, RefusalCode::Overloaded);
    // Who is on record already is not new, though this process has forgotten.
    lock(&setup.trust.meetings).met.clear();
    assert!(setup.trust.meet(identity, setup.clock.now()).await.is_ok());
    setup.at(60);
    assert!(setup.trust.meet(another, setup.clock.now()).await.is_ok());
}
