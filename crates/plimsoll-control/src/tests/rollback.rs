//! Going back: to which version, by whom, and until when.

use super::bench::{Bench, MODEL, deployment, name};
use super::code;
use crate::{ControlError, RequestContext};
use plimsoll_api as api;
use plimsoll_api::{Environment, Role};

/// Three versions, released one after the other, and who may do what.
struct Three {
    bench: Bench,
    engineer: RequestContext,
    approver: RequestContext,
}

impl Three {
    fn new(released: u32) -> Self {
        let bench = Bench::new();
        let engineer = bench.person("alice", &[Role::MlEngineer]);
        let approver = bench.person("carol", &[Role::Approver]);
        let contract = bench.registry(&engineer);
        let text = String::from_utf8(MODEL.to_vec()).expect("text");
        for base in ["6E-1", "7E-1"] {
            bench.version(&engineer, text.replace("5E-1", base).as_bytes()).expect("version");
        }
        let wanted = deployment(contract, Environment::Staging);
        bench.control.create_deployment(&engineer, &wanted).expect("deployment");
        let three = Self { bench, engineer, approver };
        (1..=released).for_each(|version| three.release(version));
        three
    }
    fn release(&self, version: u32) {
        let wanted = api::ReleaseVersion { version };
        let deployed = name("credit-default");
        self.bench.control.release_version(&self.approver, &deployed, wanted).expect("released");
    }
    fn back(&self, who: &RequestContext) -> Result<api::Deployment, ControlError> {
        self.bench.control.roll_back(who, &name("credit-default"))
    }
    /// The version that a gateway routes to.
    fn served(&self) -> u32 {
        let snapshot = self.bench.control.snapshots().load_full();
        let served = snapshot.deployment("credit-default").expect("served");
        served.serving.as_ref().expect("ready").primary.number
    }
}

#[test]
fn going_back_goes_further_back_each_time() {
    let three = Three::new(3);
    assert_eq!(three.served(), 3);
    for wanted in [2, 1] {
        three.back(&three.engineer).expect("back");
        assert_eq!(three.served(), wanted);
    }
    let (status, said) = code(three.back(&three.engineer));
    assert_eq!(status, 409);
    assert!(said.contains("no earlier version"), "{said}");
    // A version that was rolled back and released again can be gone back to again.
    three.release(3);
    three.release(2);
    three.back(&three.approver).expect("back");
    assert_eq!(three.served(), 3);
}

#[test]
fn without_an_earlier_version_there_is_nothing_to_go_back_to() {
    let never = Three::new(0);
    assert_eq!(code(never.back(&never.engineer)).0, 409);
    let first = Three::new(1);
    assert_eq!(code(first.back(&first.engineer)).0, 409);
    assert_eq!(first.served(), 1);
}

#[test]
fn going_back_is_for_those_who_run_or_approve_and_is_recorded() {
    let three = Three::new(2);
    let erin = three.bench.person("erin", &[Role::Auditor]);
    assert_eq!(code(three.back(&erin)).0, 403);
    assert_eq!(three.served(), 2);
    three.back(&three.engineer).expect("back");
    let events = three.bench.events(&erin);
    let told = |stage: &str| events.iter().any(|e| format!("{e:?}").contains(stage));
    assert!(told("RollBack"), "{events:?}");
    // It outlives the process.
    let bench = three.bench.crash();
    let snapshot = bench.control.snapshots().load_full();
    let served = snapshot.deployment("credit-default").expect("served");
    assert_eq!(served.serving.as_ref().expect("ready").primary.number, 1);
}
