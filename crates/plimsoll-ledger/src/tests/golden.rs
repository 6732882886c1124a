//! Bytes that a reader can compare: the formats must never change under a version's name.
//! `PLIMSOLL_BLESS=1` writes the files anew.

use crate::frame;
use crate::index::Live;
use crate::segment::{Cursor, Header};
use plimsoll_types::record::{Extension, Kind, Leaf, LeafDraft, ResultClass, Route, SealedRef};
use plimsoll_types::{DeploymentId, Digest, GatewayId, KeyId, Phase, TenantId, Time};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// Compares `bytes` with the golden file of that name: sixteen bytes a line, in hexadecimal.
#[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the product")]
pub(crate) fn golden(name: &str, bytes: &[u8]) {
    let mut text = String::new();
    for (row, line) in bytes.chunks(16).enumerate() {
        let hex: Vec<_> = line.iter().map(|b| format!("{b:02x}")).collect();
        writeln!(text, "{:04x}: {}", row * 16, hex.join(" ")).expect("text");
    }
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"));
    if std::env::var("PLIMSOLL_BLESS").is_ok() {
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(&path, &text).expect("write");
    }
    assert_eq!(std::fs::read_to_string(&path).expect("golden file"), text, "{name}");
}

fn minimal() -> Leaf {
    let tenant = TenantId::from_bytes([0x10; 16]);
    let draft = LeafDraft::new(Kind::Heartbeat, [0x11; 16], tenant, Time::from_micros(0x12), 0x13);
    Leaf { gateway: GatewayId::from_bytes([0x14; 16]), seq: 0, previous: Digest::ZERO, draft }
}

fn full() -> Leaf {
    let digest = |b| Some(Digest::from_bytes([b; 32]));
    Leaf {
        gateway: GatewayId::from_bytes([0x20; 16]),
        seq: u64::MAX,
        previous: Digest::from_bytes([0x21; 32]),
        draft: LeafDraft {
            kind: Kind::Decision,
            id: [0x22; 16],
            tenant: TenantId::from_bytes([0x23; 16]),
            deployment: Some(DeploymentId::from_bytes([0x24; 16])),
            time: Time::from_micros(u64::MAX),
            monotonic: u64::MAX,
            model: digest(0x25),
            contract: digest(0x26),
            policy: digest(0x27),
            snapshot: digest(0x28),
            route: Some(Route::Arm),
            result: Some(ResultClass::Replayed),
            refused_in: Some(Phase::Respond),
            sealed: Some(SealedRef {
                ciphertext: Digest::from_bytes([0x29; 32]),
                key_commitment: [0x2a; 32],
                size_log2: 24,
            }),
            extension: Extension {
                interaction: Some([0x30; 16]),
                intent: Some(u64::MAX),
                rollout: Some([0x31; 16]),
                step: Some(u16::MAX),
                arm: Some(u16::MAX),
                assignment_key: Some(KeyId::from_bytes([0x32; 16])),
                tier: Some(4),
                gate_result: digest(0x33),
                explainer_pack: digest(0x34),
                fallback_reason: Some(u8::MAX),
                review: Some([0x35; 16]),
                replay_of: Some([0x36; 16]),
                // Younger than these vectors; one of its own is in plimsoll-types.
                origin: None,
            },
        },
    }
}

#[test]
fn golden_leaves_and_frames() {
    for (name, leaf) in [("leaf-minimal", minimal()), ("leaf-full", full())] {
        let mut bytes = Vec::new();
        leaf.encode(&mut bytes);
        assert!(bytes.len() <= plimsoll_types::record::MAX_LEAF_LEN);
        assert_eq!(Leaf::decode(&bytes), Ok(leaf));
        golden(name, &bytes);
    }
    let mut bytes = Vec::new();
    frame::write(&mut bytes, &minimal(), None, &[], 0);
    frame::write(&mut bytes, &minimal(), Some(&[0x40; 16]), b"sealed bytes", 1);
    golden("frames", &bytes);
}

#[test]
fn golden_header_and_sidecar() {
    let header = Header {
        tenant: TenantId::from_bytes([0x50; 16]),
        gateway: GatewayId::from_bytes([0x51; 16]),
        first: 0x52,
        previous: Digest::from_bytes([0x53; 32]),
    };
    golden("segment-header", &header.encode());
    let mut live = Live::default();
    live.add(128, [2; 16], None, Time::from_micros(7));
    live.add(512, [1; 16], Some([9; 16]), Time::from_micros(8));
    live.add(896, [2; 16], None, Time::from_micros(6));
    let end = Cursor { offset: 1280, index: 0x55, previous: Digest::from_bytes([0x54; 32]) };
    golden("sidecar", &live.encode(0x52, &end, &BTreeSet::from([0x53])));
}
