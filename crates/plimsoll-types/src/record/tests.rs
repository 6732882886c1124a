//! Records: canonical bytes, golden vectors, and bytes that are no record.

use super::*;
use crate::digest::{hex, unhex};
use crate::*;
use proptest::prelude::*;

fn draft() -> LeafDraft {
    LeafDraft::new(
        Kind::Decision,
        [1; 16],
        TenantId::from_bytes([2; 16]),
        Time::from_micros(1_700_000_000_000_000),
        5,
    )
}

fn minimal() -> Leaf {
    Leaf { gateway: GatewayId::from_bytes([3; 16]), seq: 0, previous: Digest::ZERO, draft: draft() }
}

fn full() -> Leaf {
    let digest = |n: u8| Some(Digest::from_bytes([n; 32]));
    Leaf {
        gateway: GatewayId::from_bytes([0xff; 16]),
        seq: u64::MAX,
        previous: Digest::from_bytes([0xee; 32]),
        draft: LeafDraft {
            deployment: Some(DeploymentId::from_bytes([4; 16])),
            time: Time::from_micros(u64::MAX),
            monotonic: u64::MAX,
            model: digest(5),
            contract: digest(6),
            policy: digest(7),
            snapshot: digest(8),
            route: Some(Route::Canary),
            result: Some(ResultClass::Refused),
            refused_in: Some(Phase::Validate),
            sealed: Some(SealedRef {
                ciphertext: Digest::from_bytes([9; 32]),
                key_commitment: [10; 32],
                size_log2: 11,
            }),
            extension: Extension {
                interaction: Some([12; 16]),
                intent: Some(13),
                rollout: Some([14; 16]),
                step: Some(15),
                arm: Some(16),
                assignment_key: Some(KeyId::from_bytes([17; 16])),
                tier: Some(4),
                gate_result: digest(18),
                explainer_pack: digest(19),
                fallback_reason: Some(20),
                review: Some([21; 16]),
                replay_of: Some([22; 16]),
                // Younger than this vector; `observed` has it.
                origin: None,
            },
            ..draft()
        },
    }
}

/// A decision that was made elsewhere.
fn observed() -> Leaf {
    let mut leaf = minimal();
    leaf.draft.extension.origin = Some(Origin::Unverified);
    leaf
}

fn encoded(leaf: &Leaf) -> Vec<u8> {
    let mut out = Vec::new();
    leaf.encode(&mut out);
    out
}

/// The stored examples of format version 1 must read for ever.
#[test]
fn golden_leaves() {
    let text = include_str!("../../tests/golden/leaf_v1.txt");
    let mut seen = 0;
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let (name, bytes) = line.split_once(' ').expect("name and hex");
        let leaf = match name {
            "minimal" => minimal(),
            "full" => full(),
            "observed" => observed(),
            other => panic!("unknown vector {other}"),
        };
        assert_eq!(hex(&encoded(&leaf)), bytes, "{name}");
        let bytes: Vec<u8> = bytes
            .as_bytes()
            .chunks(2)
            .map(|c| unhex::<1>(std::str::from_utf8(c).expect("hex")).expect("hex")[0])
            .collect();
        assert_eq!(Leaf::decode(&bytes), Ok(leaf), "{name}");
        assert!(bytes.len() <= MAX_LEAF_LEN);
        seen += 1;
    }
    assert_eq!(seen, 3);
}

/// The stored examples of bodies must read for ever: those that were made before a body said by
/// which protocol its request came, and those made since.
#[test]
fn golden_bodies() {
    let refusal = Refusal::new(Phase::Validate, RefusalCode::OutOfRange).with_field("age");
    let rows = Rows { width: 1, cells: vec![Cell::Number(1.5)], ..Rows::default() };
    let outputs = [Output { name: "probability", width: 1, values: &[0.25] }];
    let explanation = explanation();
    let mut seen = 0;
    let text = include_str!("../../tests/golden/body_v1.txt");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, stored) = line.split_once(' ').expect("name and hex");
        let protocol = match name {
            "first" => None,
            other => Protocol::ALL.iter().copied().find(|protocol| protocol.as_str() == other),
        };
        let parts = DecisionParts { protocol, ..parts(&rows, &refusal, &outputs, &explanation) };
        let mut bytes = Vec::new();
        parts.encode(&mut bytes);
        assert_eq!(hex(&bytes), stored, "{name}");
        let body = DecisionBody::decode(&bytes).expect(name);
        assert_eq!((body.protocol, body.version), (protocol, 3), "{name}");
        assert_eq!(body.protocol.is_none(), name == "first", "{name}");
        for end in 0..bytes.len() {
            assert!(DecisionBody::decode(&bytes[..end]).is_err(), "{name}, {end} bytes");
        }
        seen += 1;
    }
    assert_eq!(seen, 1 + Protocol::ALL.len());
}

#[test]
fn every_flipped_byte_of_a_leaf_is_refused_or_another_leaf() {
    let bytes = encoded(&full());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(leaf) = Leaf::decode(&flipped) {
                assert_ne!(leaf, full());
                assert_eq!(encoded(&leaf), flipped);
            }
        }
    }
    for end in 0..bytes.len() {
        assert!(Leaf::decode(&bytes[..end]).is_err());
    }
}

fn explanation() -> Explanation {
    Explanation {
        pack: Some(Digest::from_bytes([7; 32])),
        rows: vec![ExplainedRow { output: 0, base: -1.25, margin: 0.5 }],
        contributions: vec![1.0, 0.75],
        reasons: vec![ReasonRef { row: 0, field: 1, code: "R02".into() }],
        ..Explanation::new(ExplainMethod::TreePath)
    }
}

#[test]
fn deferred_explanations_round_trip() {
    for made in [Ok(explanation()), Err("the input's keys are gone".into())] {
        let body = DeferredExplanation { decision: 9, made };
        let bytes = body.encode();
        assert_eq!(DeferredExplanation::decode(&bytes), Ok(body));
        for end in 0..bytes.len() {
            assert!(DeferredExplanation::decode(&bytes[..end]).is_err());
        }
    }
}

fn parts<'a>(
    rows: &'a Rows,
    refusal: &'a Refusal,
    outputs: &'a [Output<'a>],
    explanation: &'a Explanation,
) -> DecisionParts<'a> {
    DecisionParts {
        principal: PrincipalId::from_bytes([1; 16]),
        key: Some(ApiKeyId::from_bytes([2; 16])),
        deployment: "credit-default",
        version: 3,
        caller_id: Some("abc"),
        idempotency: Some([4; 16]),
        request: None,
        request_len: 1024,
        rows,
        mapped: &[Mapped { role: "subject", value: "customer-7" }],
        flags: &[Flag { field: 1, row: 0, code: RefusalCode::OutOfRange, clamped: true }],
        outputs,
        explanation: Some(explanation),
        refusal: Some(refusal),
        phases: &[(Phase::Validate, 1_000), (Phase::Predict, 2_000)],
        protocol: Some(Protocol::Grpc),
    }
}

proptest! {
    #[test]
    fn bodies_round_trip(numbers in prop::collection::vec(any::<f64>().prop_filter("not NaN", |v| !v.is_nan()), 0..20), text in ".*", integer in any::<i64>()) {
        let mut rows = Rows { width: 3, ..Rows::default() };
        rows.text.push_str(&text);
        rows.numbers.extend(&numbers);
        let len = |n: usize| u32::try_from(n).expect("short");
        rows.cells = vec![
            Cell::Null, Cell::Boolean(true), Cell::Integer(integer),
            Cell::Number(1.5), Cell::Category(9), Cell::Timestamp(integer),
            Cell::Text { start: 0, len: len(text.len()) }, Cell::Tensor { start: 0, len: len(numbers.len()) }, Cell::Null,
        ];
        let refusal = Refusal::new(Phase::Validate, RefusalCode::OutOfRange).with_field("age").with_rule("must be at least 18");
        let outputs = [Output { name: "probability", width: 1, values: &numbers }];
        let explanation = explanation();
        let parts = parts(&rows, &refusal, &outputs, &explanation);
        let mut bytes = Vec::new();
        parts.encode(&mut bytes);
        let body = DecisionBody::decode(&bytes).expect("decodes");
        prop_assert_eq!(&body.rows, &rows);
        prop_assert_eq!(&body.outputs[0].2, &numbers);
        prop_assert_eq!(body.explanation.as_ref(), Some(&explanation));
        prop_assert_eq!(body.refusal.as_ref(), Some(&refusal));
        prop_assert_eq!(body.flags.as_slice(), parts.flags);
        prop_assert_eq!(body.phases.as_slice(), parts.phases);
        prop_assert_eq!(body.protocol, parts.protocol);
        prop_assert_eq!(&*body.mapped[0].1, "customer-7");
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        drop(Leaf::decode(&bytes));
        drop(DecisionBody::decode(&bytes));
        drop(ControlEvent::decode(&bytes));
        drop(RefusalTally::decode(&bytes));
        drop(Gap::decode(&bytes));
        drop(Heartbeat::decode(&bytes));
        drop(DeferredExplanation::decode(&bytes));
    }
}

#[test]
fn events_round_trip() {
    let event = ControlEvent {
        stage: Stage::Completed,
        action: "CreateDeployment".into(),
        principal: PrincipalId::from_bytes([1; 16]),
        resource: "deployment/credit-default".into(),
        intent: Some(EventId::from_bytes([2; 16])),
        payload: "{}".into(),
    };
    assert_eq!(ControlEvent::decode(&event.encode()), Ok(event));
    let count = RefusalCount {
        listener: "data".into(),
        phase: Phase::Authenticate,
        code: RefusalCode::Unauthenticated,
        count: 9,
    };
    let tally =
        RefusalTally { from: Time::EPOCH, to: Time::from_micros(60_000_000), counts: vec![count] };
    assert_eq!(RefusalTally::decode(&tally.encode()), Ok(tally));
    let gap =
        Gap { from: Time::EPOCH, to: Time::EPOCH, reason: "crash recovery".into(), at_most: None };
    assert_eq!(Gap::decode(&gap.encode()), Ok(gap));
    let beat = Heartbeat { complete_to: Time::EPOCH, requests: 7, completions: 7 };
    assert_eq!(Heartbeat::decode(&beat.encode()), Ok(beat));
}
