//! What the policies mean, held as a table a reviewer can read and as the rules behind it.
//!
//! After an intended change of policy, write the table anew with
//! `cargo nextest run --release -p plimsoll-policy --run-ignored only` and read its diff.

use crate::entity::Vocabulary;
use crate::*;
use cedar_policy::{Entities, EntityTypeName, EntityUid, Schema};
use plimsoll_types::{ApiKeyId, DecisionId, Name, TenantId};
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/matrix.txt");
const HOME: TenantId = TenantId::from_bytes([1; 16]);
const FOREIGN: TenantId = TenantId::from_bytes([2; 16]);

// ---- Who and what -----------------------------------------------------------------------

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn user(id: &str, roles: RoleSet) -> Principal {
    Principal {
        kind: PrincipalKind::User,
        id: id.into(),
        roles,
        environment: None,
        scopes: None,
        tenant: HOME,
        dev: false,
    }
}

fn one(role: Role) -> Principal {
    user(role.as_str(), RoleSet::NONE.with(role))
}

fn all(id: &str) -> Principal {
    user(id, RoleSet::all())
}

fn limited_to(environment: Environment) -> Principal {
    let id = format!("{environment}-key");
    Principal { environment: Some(environment), ..all(&id) }
}

fn scoped(names: &[&str]) -> Principal {
    let names: Arc<[Name]> = names.iter().map(|text| name(text)).collect();
    Principal { scopes: Some(names), kind: PrincipalKind::Service, ..all("scoped-key") }
}

fn foreigner() -> Principal {
    Principal { tenant: FOREIGN, ..all("foreigner") }
}

fn deployment(text: &str, environment: Environment) -> Deployment {
    let (owner, tier) = ("risk-team".into(), "unassessed".into());
    Deployment { name: name(text), environment, owner, tier, tenant: HOME }
}

fn release(author: &str, environment: Environment) -> Resource {
    let into = deployment("credit", environment);
    let standing = Standing::default();
    let (model, author) = (name("credit-default"), author.into());
    Resource::Release { model, number: 7, author, into, standing }
}

/// A release whose gate is asked for.
fn governed(passed: bool, approved: bool, emergency: bool) -> Resource {
    let standing = Standing {
        gate_asked: true,
        gate_passed: passed,
        approvals: u32::from(approved),
        approved,
        emergency,
    };
    let (into, author) = (deployment("credit", Environment::Production), "author".into());
    Resource::Release { model: name("credit-default"), number: 7, author, into, standing }
}

fn decision(deployment: &str, environment: Environment) -> Resource {
    let id = DecisionId::from_bytes([3; 16]);
    Resource::Decision { id, deployment: name(deployment), environment, asker: None, tenant: HOME }
}

fn asked(by: &str, environment: Environment) -> Resource {
    let (id, deployment) = (DecisionId::from_bytes([3; 16]), name("credit"));
    Resource::Decision { id, deployment, environment, asker: Some(by.into()), tenant: HOME }
}

fn key(holder: &str, environment: Option<Environment>) -> Resource {
    let id = ApiKeyId::from_bytes([4; 16]);
    Resource::Key { id, holder: holder.into(), environment, tenant: HOME }
}

fn server(public_ledger: bool) -> Resource {
    Resource::Server { tenant: HOME, public_ledger }
}

fn dataset(owner: &str, personal: bool, granted: &[&'static str]) -> Resource {
    let (name, owner) = (name("loans"), owner.into());
    Resource::Dataset { name, owner, personal, granted: granted.to_vec(), tenant: HOME }
}

/// One of each kind, and more where the limits tell them apart.
fn resources() -> Vec<(&'static str, Resource)> {
    use Environment::{Development, Production, Staging};
    let owner: Box<str> = "risk-team".into();
    let author: Box<str> = "author".into();
    let model = name("credit-default");
    vec![
        ("server", server(false)),
        ("server, public ledger", server(true)),
        ("credit, production", Resource::Deployment(deployment("credit", Production))),
        ("credit, development", Resource::Deployment(deployment("credit", Development))),
        ("fraud, staging", Resource::Deployment(deployment("fraud", Staging))),
        ("author's, production", release("author", Production)),
        ("author's, development", release("author", Development)),
        ("dev's, development", release("dev", Development)),
        ("author's, gate not passed", governed(false, false, false)),
        ("author's, gate passed and approved", governed(true, true, false)),
        ("model", Resource::Model { name: model.clone(), owner: owner.clone(), tenant: HOME }),
        ("version", Resource::Version { model, number: 7, author: author.clone(), tenant: HOME }),
        (
            "author's catalogued version",
            Resource::Catalogued {
                name: "credit".into(),
                owner: owner.clone(),
                author: author.clone(),
                tenant: HOME,
            },
        ),
        (
            "catalogued",
            Resource::Catalogued { name: "credit".into(), owner, author: "".into(), tenant: HOME },
        ),
        ("dataset", dataset("risk-team", false, &[])),
        ("personal dataset", dataset("risk-team", true, &[])),
        ("personal dataset, granted for training", dataset("risk-team", true, &["train"])),
        ("personal dataset, granted", dataset("risk-team", true, &["read", "export"])),
        ("no-role's dataset", dataset("no-role", true, &[])),
        ("of credit, production", decision("credit", Production)),
        ("of fraud, staging", decision("fraud", Staging)),
        ("asked by author, production", asked("author", Production)),
        ("asked by dev, development", asked("dev", Development)),
        ("asked by caller, production", asked("caller", Production)),
        ("policies", Resource::Policy),
        ("author", Resource::Principal { id: "author".into(), tenant: HOME }),
        ("no-role", Resource::Principal { id: "no-role".into(), tenant: HOME }),
        ("author's, production", key("author", Some(Production))),
        ("author's, unlimited", key("author", None)),
        ("no-role's, unlimited", key("no-role", None)),
        ("contract", Resource::Contract { name: "credit-v1".into(), author, tenant: HOME }),
    ]
}

/// Each role alone.
fn by_role() -> Vec<Principal> {
    let mut principals = vec![Principal::anonymous(), user("no-role", RoleSet::NONE)];
    principals.extend(Role::ALL.iter().map(|&role| one(role)));
    principals
}

/// Every role at once, so that only the limits deny.
fn by_limit() -> Vec<Principal> {
    vec![
        all("everything"),
        all("author"),
        Principal::dev(HOME),
        limited_to(Environment::Development),
        limited_to(Environment::Production),
        scoped(&["credit"]),
        foreigner(),
    ]
}

fn builtin() -> PolicySet {
    PolicySet::builtin().expect("the shipped policies are valid")
}

fn allows(principal: &Principal, action: Action, resource: &Resource) -> bool {
    builtin().authorize(principal, action, resource).allowed
}

/// The verdict as one word and the policies behind it.
fn outcome(principal: &Principal, action: Action, resource: &Resource) -> String {
    let verdict = builtin().authorize(principal, action, resource);
    format!("{} {}", Mark::from(&verdict).as_str(), verdict.policies.join(" "))
}

// ---- The table --------------------------------------------------------------------------

/// The matrix, where the second server stands only for the action that tells it apart.
fn matrix(principals: &[Principal]) -> Matrix {
    let mut matrix = builtin().matrix(principals, &resources());
    let plain = |row: &Row| &*row.resource != "server, public ledger";
    matrix.rows.retain(|row| plain(row) || row.action == Action::ReadLedger);
    matrix
}

fn table() -> String {
    format!(
        "Who may do what, generated from the shipped policies.\n\
         permit: a policy permits · FORBID: a policy forbids · `.`: nothing permits, so denied\n\n\
         Each role alone\n\n{}\n\
         Every role at once, so that only the limits deny\n\n{}",
        matrix(&by_role()),
        matrix(&by_limit()),
    )
}

#[test]
fn the_shipped_policies_give_the_golden_table() {
    let golden = std::fs::read_to_string(GOLDEN).expect("the golden table");
    for (line, (is, was)) in table().lines().zip(golden.lines()).enumerate() {
        assert_eq!(is, was, "line {}", line + 1);
    }
    assert_eq!(table(), golden);
}

#[test]
#[ignore = "rewrites the golden table"]
fn rewrite_the_golden_table() {
    std::fs::write(GOLDEN, table()).expect("writable");
}

#[test]
fn every_policy_decides_a_cell_of_the_table() {
    let (set, mut decided) = (builtin(), BTreeSet::new());
    for principal in by_role().iter().chain(&by_limit()) {
        for (_, resource) in resources() {
            for &action in Action::ALL {
                if action.resource_kind() == resource.kind() {
                    let verdict = set.authorize(principal, action, &resource);
                    assert_eq!(verdict.errors, Vec::<Box<str>>::new());
                    decided.extend(verdict.policies);
                }
            }
        }
    }
    let all: BTreeSet<_> = set.policies().map(|info| info.id.clone()).collect();
    assert_eq!(decided, all);
}

#[test]
fn a_release_needs_both_gate_and_approvals_or_a_broken_glass() {
    let approver = one(Role::Approver);
    for (passed, approved, emergency, allowed) in [
        (false, false, false, false),
        (true, false, false, false),
        (false, true, false, false),
        (true, true, false, true),
        (false, false, true, true),
    ] {
        let release = governed(passed, approved, emergency);
        assert_eq!(allows(&approver, Action::Release, &release), allowed, "{release:?}");
        assert!(!allows(&all("author"), Action::Release, &release), "the author never");
        assert!(!allows(&one(Role::Risk), Action::Release, &release), "risk releases nothing");
    }
}

// ---- Default deny and the anonymous principal ---------------------------------------------

#[test]
fn nothing_is_allowed_by_an_empty_set() {
    let empty = PolicySet::parse(&[]).expect("valid");
    for (_, resource) in resources() {
        for &action in Action::ALL {
            let verdict = empty.authorize(&all("everything"), action, &resource);
            assert!(!verdict.allowed, "{action}");
            assert_eq!(verdict.errors.is_empty(), action.resource_kind() == resource.kind());
        }
    }
}

#[test]
fn anonymous_reads_health_an_opened_ledger_and_the_consoles_pages_only() {
    // Whatever the typed value claims, the entity of an anonymous principal has no attributes.
    let anonymous = Principal { roles: RoleSet::all(), tenant: HOME, ..Principal::anonymous() };
    let set = builtin();
    let mut allowed = Vec::new();
    for (label, resource) in resources() {
        for &action in Action::ALL {
            if set.authorize(&anonymous, action, &resource).allowed {
                allowed.push(format!("{action} {label}"));
            }
        }
    }
    assert_eq!(
        allowed,
        [
            "ReadHealth server",
            "OpenConsole server",
            "ReadHealth server, public ledger",
            "OpenConsole server, public ledger",
            "ReadLedger server, public ledger"
        ]
    );
}

#[test]
fn no_policy_can_open_another_door_to_anonymous() {
    let open = parse("@id(\"open\") @why(\"all\") permit (principal, action, resource);");
    let set = open.expect("valid");
    assert!(set.authorize(&user("u", RoleSet::NONE), Action::Backup, &resources()[0].1).allowed);
    let refused = Action::ALL.iter().filter(|&&action| {
        resources().iter().all(|(_, r)| !set.authorize(&Principal::anonymous(), action, r).allowed)
    });
    assert_eq!(refused.count(), Action::ALL.len() - 3);
}

#[test]
fn an_action_on_the_wrong_kind_of_resource_is_denied_with_an_error() {
    let verdict = builtin().authorize(&all("everything"), Action::Infer, &Resource::Policy);
    assert!(!verdict.allowed);
    assert_eq!(verdict.errors, ["`Infer` is done to a Deployment, not to a Policy".into()]);
}

// ---- Limits ---------------------------------------------------------------------------------

#[test]
fn nobody_releases_their_own_version() {
    let own = release("author", Environment::Production);
    assert_eq!(outcome(&all("author"), Action::Release, &own), "FORBID own-version-release");
    assert_eq!(outcome(&all("someone"), Action::Release, &own), "permit approver-releases");
    assert_eq!(outcome(&one(Role::Admin), Action::Release, &own), ". ");
    // Not even in development, unless it is the --dev principal.
    let own = release("author", Environment::Development);
    assert_eq!(outcome(&all("author"), Action::Release, &own), "FORBID own-version-release");
}

#[test]
fn the_dev_principal_releases_in_development_only() {
    let dev = Principal::dev(HOME);
    for author in ["dev", "author"] {
        assert!(allows(&dev, Action::Release, &release(author, Environment::Development)));
        for environment in [Environment::Staging, Environment::Production] {
            let verdict = outcome(&dev, Action::Release, &release(author, environment));
            assert!(verdict.starts_with("FORBID dev-principal-release"), "{verdict}");
        }
    }
}

#[test]
fn a_key_of_one_environment_does_not_reach_another() {
    use Environment::{Development, Production, Staging};
    for own in [Development, Staging, Production] {
        for other in [Development, Staging, Production] {
            let (principal, target) = (limited_to(own), deployment("credit", other));
            for (action, resource) in [
                (Action::Infer, Resource::Deployment(target)),
                (Action::Release, release("author", other)),
                (Action::ReadDecisionBody, decision("credit", other)),
                (Action::CreateKey, key("author", Some(other))),
                (Action::RotateKey, key("author", Some(other))),
            ] {
                assert_eq!(
                    allows(&principal, action, &resource),
                    own == other,
                    "{action} {own} {other}"
                );
            }
        }
        let unlimited = outcome(&limited_to(own), Action::CreateKey, &key("author", None));
        assert_eq!(unlimited, "FORBID other-environment-key");
    }
}

#[test]
fn scopes_limit_a_key_to_the_deployments_they_list() {
    let infer = |principal: &Principal, deployed: &str| {
        let target = deployment(deployed, Environment::Production);
        outcome(principal, Action::Infer, &Resource::Deployment(target))
    };
    assert_eq!(infer(&scoped(&["credit", "fraud"]), "fraud"), "permit caller-infers");
    assert_eq!(infer(&scoped(&["credit"]), "fraud"), "FORBID out-of-scope-deployment");
    assert_eq!(infer(&scoped(&[]), "fraud"), "FORBID out-of-scope-deployment");
    // A prefix is not a match.
    assert_eq!(infer(&scoped(&["fraud"]), "fraud-2"), "FORBID out-of-scope-deployment");
    let backup = outcome(&scoped(&["credit"]), Action::Backup, &resources()[0].1);
    assert_eq!(backup, "FORBID out-of-scope");
}

#[test]
fn more_scopes_than_the_bound_are_denied_with_an_error() {
    let names: Vec<String> = (0..=MAX_SCOPES).map(|i| format!("d{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let target = Resource::Deployment(deployment("d1", Environment::Production));
    assert!(allows(&scoped(&names[..MAX_SCOPES]), Action::Infer, &target));
    let verdict = builtin().authorize(&scoped(&names), Action::Infer, &target);
    assert!(!verdict.allowed && verdict.errors.len() == 1);
}

#[test]
fn what_belongs_to_another_tenant_is_out_of_reach() {
    use Action::*;
    // What every tenant of an installation may see, and the doors to lists of one's own things.
    let shared = |action| {
        let open = matches!(
            action,
            ReadHealth | OpenConsole | ReadOpenapi | ReadLedger | ReadPolicy | ReadAccess
        );
        open || action.as_str().starts_with("List")
            || matches!(action, TailDecisions | QueryDecisions)
    };
    let ledger = outcome(&foreigner(), ReadLedger, &server(false));
    assert_eq!(ledger, "FORBID other-tenant-ledger");
    let set = builtin();
    for (label, resource) in resources() {
        for &action in Action::ALL {
            if action.resource_kind() == resource.kind() && !shared(action) {
                let verdict = set.authorize(&foreigner(), action, &resource);
                assert!(!verdict.allowed, "{action} {label}");
                assert!(verdict.policies.contains(&"other-tenant".into()), "{action} {label}");
            }
        }
    }
}

#[test]
fn values_of_decisions_are_for_who_reviews_audits_and_protects() {
    let target = decision("credit", Environment::Production);
    let may = |action| -> Vec<&str> {
        let roles = Role::ALL.iter().filter(|&&role| allows(&one(role), action, &target));
        roles.map(|role| role.as_str()).collect()
    };
    assert_eq!(may(Action::ReadDecisionBody), ["reviewer", "auditor", "dpo"]);
    assert_eq!(may(Action::ReadDecision), ["ml-engineer", "reviewer", "auditor", "dpo"]);
}

#[test]
fn truth_attributes_and_their_figures_are_for_different_people() {
    let target = Resource::Deployment(deployment("credit", Environment::Production));
    let may = |action| -> Vec<&str> {
        let roles = Role::ALL.iter().filter(|&&role| allows(&one(role), action, &target));
        roles.map(|role| role.as_str()).collect()
    };
    assert_eq!(may(Action::RecordOutcomes), ["labeler"], "who asks does not judge");
    assert_eq!(may(Action::RecordAttributes), ["dpo"]);
    let readers = ["data-scientist", "ml-engineer", "approver", "auditor"];
    assert_eq!(may(Action::ReadPerformance), readers);
    assert_eq!(may(Action::ReadFairness), ["data-scientist", "approver", "auditor", "dpo"]);
}

// ---- Evaluation -----------------------------------------------------------------------------

fn parse(text: &str) -> Result<PolicySet, PolicyError> {
    PolicySet::parse(&[("test.cedar", text)])
}

const PERMIT_READ: &str = "@id(\"permit\") @why(\"a test\")
    permit (principal, action == Plimsoll::Action::\"ReadVersion\", resource);";

fn version() -> Resource {
    let model = name("credit-default");
    Resource::Version { model, number: 7, author: "author".into(), tenant: HOME }
}

#[test]
fn a_forbid_beats_a_permit() {
    let forbid = "@id(\"forbid\") @why(\"a test\") forbid (principal, action, resource);";
    let set = parse(&format!("{PERMIT_READ}{forbid}")).expect("valid");
    let verdict = set.authorize(&all("u"), Action::ReadVersion, &version());
    assert_eq!(
        verdict,
        Verdict { allowed: false, policies: vec!["forbid".into()], errors: Vec::new() }
    );
    assert!(
        parse(PERMIT_READ)
            .expect("valid")
            .authorize(&all("u"), Action::ReadVersion, &version())
            .allowed
    );
}

#[test]
fn an_error_denies_whatever_the_policy_would_have_done() {
    for effect in ["permit", "forbid"] {
        let failing = format!(
            "@id(\"failing\") @why(\"overflows\")
             {effect} (principal, action == Plimsoll::Action::\"ReadVersion\", resource)
             when {{ resource.number + 9223372036854775807 > 0 }};"
        );
        let set = parse(&format!("{PERMIT_READ}{failing}")).expect("valid");
        let verdict = set.authorize(&all("u"), Action::ReadVersion, &version());
        assert!(!verdict.allowed, "{effect}");
        assert!(verdict.policies.is_empty(), "{effect}");
        assert_eq!(verdict.errors.len(), 1, "{effect}");
        assert!(verdict.errors[0].contains("`failing`"), "{}", verdict.errors[0]);
        // Only the action it speaks of is affected.
        let other = set.authorize(&all("u"), Action::ReadPolicy, &Resource::Policy);
        assert!(other.errors.is_empty());
    }
}

#[test]
fn a_slice_answers_as_the_whole_set_does() {
    let set = builtin();
    let whole: String = builtin_sources().iter().map(|(_, text)| *text).collect();
    let whole = cedar_policy::PolicySet::from_str(&whole).expect("valid");
    let schema = Schema::from_str(builtin_schema()).expect("valid");
    let vocabulary = Vocabulary::new().expect("valid");
    for principal in by_role().iter().chain(&by_limit()) {
        for (label, resource) in resources() {
            // With the schema, Cedar also checks that our entities have the types it promises.
            let entities = [
                vocabulary.principal(principal).expect("an entity"),
                vocabulary.resource(&resource).expect("an entity"),
            ];
            let uids = entities.clone().map(|entity| entity.uid());
            let entities =
                Entities::from_entities(entities, Some(&schema)).expect("fit the schema");
            for &action in Action::ALL.iter().filter(|a| a.resource_kind() == resource.kind()) {
                let [p, r] = uids.clone();
                let a = vocabulary.action(action.as_str());
                let context = cedar_policy::Context::empty();
                let request = cedar_policy::Request::new(p, a, r, context, Some(&schema));
                let expected = request.is_ok_and(|request| {
                    let authorizer = cedar_policy::Authorizer::new();
                    let response = authorizer.is_authorized(&request, &whole, &entities);
                    response.decision() == cedar_policy::Decision::Allow
                });
                let is = set.authorize(principal, action, &resource).allowed;
                assert_eq!(is, expected, "{} {action} {label}", principal.id);
            }
        }
    }
}

#[test]
fn why_names_the_policies_and_their_reasons() {
    let set = builtin();
    let own = release("author", Environment::Production);
    assert_eq!(
        set.why(&all("author"), Action::Release, &own).to_string(),
        "denied\n  forbid own-version-release (limits.cedar): whoever made a version does not \
         let it answer: a second person looks at it\n"
    );
    assert_eq!(
        set.why(&one(Role::Admin), Action::Release, &own).to_string(),
        "denied\n  no policy permits it, and what is not permitted is denied\n  \
         not met: permit approver-releases (approver.cedar): a version answers callers only when \
         an approver lets it\n"
    );
    assert_eq!(
        set.why(&one(Role::Approver), Action::Release, &own).to_string(),
        "allowed\n  permit approver-releases (approver.cedar): a version answers callers only \
         when an approver lets it\n"
    );
}

// ---- Schema and words -------------------------------------------------------------------------

#[test]
fn the_schema_and_the_actions_name_each_other() {
    let schema = Schema::from_str(builtin_schema()).expect("valid");
    let groups: BTreeSet<_> = schema.action_groups().cloned().collect();
    let named: BTreeSet<String> = schema
        .actions()
        .filter(|uid| !groups.contains(*uid))
        .map(|uid| uid.id().unescaped().to_owned())
        .collect();
    assert_eq!(named, Action::ALL.iter().map(|action| action.to_string()).collect());

    let short = |name: &EntityTypeName| name.basename().to_owned();
    for &action in Action::ALL {
        let uid = EntityUid::from_str(&format!("Plimsoll::Action::\"{action}\"")).expect("a uid");
        let kinds = schema.resources_for_action(&uid).expect("an action");
        assert_eq!(kinds.map(short).collect::<Vec<_>>(), [action.resource_kind().as_str()]);
        let mut kinds: Vec<_> =
            schema.principals_for_action(&uid).expect("an action").map(short).collect();
        kinds.sort();
        let anonymous = kinds.first().is_some_and(|kind| kind == "Anonymous");
        assert_eq!(anonymous, action.is_open_to_anonymous(), "{action}");
        assert_eq!(kinds.len(), if anonymous { 3 } else { 2 }, "{action}");
    }
}

#[test]
fn words_are_read_as_they_are_written() {
    for &action in Action::ALL {
        assert_eq!(action.as_str().parse(), Ok(action));
    }
    for &role in Role::ALL {
        assert_eq!(role.as_str().parse(), Ok(role));
        assert_eq!(serde_json::to_string(&role).expect("json"), format!("\"{role}\""));
    }
    for &environment in Environment::ALL {
        assert_eq!(environment.as_str().parse(), Ok(environment));
    }
    assert!("Root".parse::<Action>().is_err() && "root".parse::<Role>().is_err());
    let some: RoleSet = [Role::Admin, Role::Caller].into_iter().collect();
    let json = serde_json::to_string(&some).expect("json");
    assert_eq!(json, r#"["caller","admin"]"#);
    assert_eq!(serde_json::from_str::<RoleSet>(&json).expect("roles"), some);
}

#[test]
fn source_bytes_tell_sets_apart_and_ignore_the_order_of_files() {
    let second = "@id(\"second\") @why(\"b\") permit (principal, action, resource);";
    let set = |files: &[(&str, &str)]| PolicySet::parse(files).expect("valid").source_bytes();
    let bytes = set(&[("a.cedar", PERMIT_READ), ("b.cedar", second)]);
    assert_eq!(bytes, set(&[("b.cedar", second), ("a.cedar", PERMIT_READ)]));
    assert_ne!(bytes, set(&[("a.cedar", second), ("b.cedar", PERMIT_READ)]));
    assert_ne!(bytes, set(&[("a.cedar", PERMIT_READ), ("b.cedar", &format!("{second} "))]));
    // A boundary between files cannot be moved unseen.
    assert_ne!(
        set(&[("a.cedar", ""), ("b.cedar", "//")]),
        set(&[("a.cedar", "//"), ("b.cedar", "")])
    );
}

// ---- Refused policies ---------------------------------------------------------------------------

#[test]
fn policies_that_do_not_fit_are_refused_with_a_reason() {
    let on = |action: &str, when: &str| {
        format!(
            "@id(\"p\") @why(\"a test\")\n\
             permit (principal, action == Plimsoll::Action::\"{action}\", resource) when {{ {when} }};"
        )
    };
    let plain = "permit (principal, action, resource);";
    for (text, wants) in [
        (on("Infer", "resource.enviroment == resource.environment"), "enviroment"),
        (on("Infer", "principal.rolez == 1"), "rolez"),
        (on("Infer", "principal in Plimsoll::Role::\"aprover\""), "aprover"),
        (on("Infer", "resource.environment == Plimsoll::Environment::\"prod\""), "prod"),
        (on("Infer", "principal.scopes.contains(\"x\")"), "scopes"),
        (on("Infer", "resource.tier == 1"), "types"),
        (on("Infer", "context.time > 0"), "time"),
        (on("Infr", "true"), "Infr"),
        (on("Infer", "false"), "impossible"),
        (on("Infer", "resource.tier == \"a\u{202e}b\""), "BIDI"),
        (
            "@id(\"p\") @why(\"w\") permit (principal == ?principal, action, resource);".into(),
            "template",
        ),
        (format!("@id(\"p\") {plain}"), "@why"),
        (format!("@why(\"p\") {plain}"), "@id"),
        (format!("@id(\"P 1\") @why(\"w\") {plain}"), "not a name"),
        (format!("@id(\"p\") @why(\"w\") @note(\"n\") {plain}"), "only annotations"),
        (format!("@id(\"p\") @why(\"a\\nb\") {plain}"), "one line"),
        (format!("@id(\"p\") @why(\"w\") {plain}\n@id(\"p\") @why(\"w\") {plain}"), "two policies"),
        ("\n\npermit principal".into(), "line 3"),
    ] {
        let error = parse(&text).expect_err(&text).to_string();
        assert!(error.contains(wants), "{text}\n{error}");
        assert!(error.chars().count() < 500 && !error.contains('\n'), "{error}");
    }
}

#[test]
fn texts_over_the_bounds_are_refused() {
    let long = " ".repeat(MAX_FILE_BYTES + 1);
    assert!(matches!(parse(&long), Err(PolicyError::FileTooLong { .. })));
    assert!(parse(&long[1..]).is_ok());

    let names: Vec<String> = (0..17).map(|i| format!("{i}.cedar")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|file| (file.as_str(), &long[1..])).collect();
    assert!(matches!(PolicySet::parse(&files), Err(PolicyError::SourceTooLong)));
    let twice = PolicySet::parse(&[("a", ""), ("a", "")]);
    assert_eq!(twice.expect_err("refused"), PolicyError::DuplicateFile { file: "a".into() });

    let many = |range: std::ops::Range<usize>| -> String {
        range
            .map(|i| format!("@id(\"p{i}\")@why(\"w\")permit(principal,action,resource);"))
            .collect()
    };
    let (first, second) = (many(0..200), many(200..MAX_POLICIES));
    assert!(PolicySet::parse(&[("a", &first), ("b", &second)]).is_ok());
    let third = many(MAX_POLICIES..MAX_POLICIES + 1);
    let files = [("a", first.as_str()), ("b", &second), ("c", &third)];
    assert_eq!(PolicySet::parse(&files).expect_err("refused"), PolicyError::TooMany);
}

/// A policy with `count` times `open` before and `close` after a number, which is no condition.
fn repeated(open: &str, close: &str, count: usize) -> String {
    let (open, close) = (open.repeat(count), close.repeat(count));
    format!(
        "@id(\"p\") @why(\"w\") permit (principal, action, resource) when {{ {open}1{close} }};"
    )
}

#[test]
fn a_policy_too_deep_to_check_is_refused_before_cedar_sees_it() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{a: ", "}"),
        ("if true then 1 else ", ""),
        ("true && ", ""),
        ("principal has scopes || ", ""),
        ("1 + ", ""),
        ("1 * ", ""),
        ("", ".a"),
        ("", "[\"a\"]"),
        ("", ".contains(1)"),
        ("true } when { ", ""),
        ("true } unless { ", ""),
        // A quote in a comment or a bracket in a string must not mislead the count.
        ("1 + // \"\n", ""),
        ("(\")\\\")\" == ", ")"),
    ] {
        let longest = MAX_FILE_BYTES / (open.len() + close.len() + 1);
        let error = parse(&repeated(open, close, longest)).expect_err(open);
        assert!(matches!(error, PolicyError::TooComplex { .. }), "{open} {close}: {error}");
        // At the bound, half a tokio worker's stack is enough to check it for what it is.
        let bounded = |&count: &usize| crate::shape::is_bounded(&repeated(open, close, count));
        let most = (0..longest).rev().find(bounded).expect("some are within the bounds");
        assert!(most >= 14, "{open} {close}: {most}");
        let text = repeated(open, close, most);
        let checked =
            std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || parse(&text));
        let error = checked.expect("a thread").join().expect("no panic").expect_err(open);
        let wrong = matches!(error, PolicyError::Invalid { .. } | PolicyError::Syntax { .. });
        assert!(wrong, "{open} {close}: {error}");
    }
}
