//! Commands that read a data folder's files: verify, show, backup, restore. The folder is in
//! use by a ledger while they do.

use crate::place::Place;
use plimsoll_ledger::{Holder, Ledger, LedgerConfig};
use plimsoll_store::{Change, ContractRow, PrincipalRow, Store};
use plimsoll_types::record::{DecisionParts, Kind, LeafDraft, Output, ResultClass, Route};
use plimsoll_types::{
    Cell, DecisionId, DeploymentId, Digest, EventId, Phase, PrincipalId, Rows, SystemClock,
    TenantId, Time,
};
use std::io::Write;
use std::sync::Arc;

/// 2026-07-01T08:30:00Z.
const NOW: Time = Time::from_micros(1_782_894_600_000_000);
const CONTRACT: &str = r#"{"features":[{"kind":"number","name":"income"},{"kind":"category","name":"region","values":["north","south"]}],"version":1}"#;

/// A data folder `data` with keys in `keys`, in use.
struct Running {
    place: Place,
    ledger: Ledger,
    tenant: TenantId,
    store: Store,
}

impl Running {
    fn start() -> Self {
        let place = Place::new();
        std::fs::create_dir_all(place.path("data/artifacts/sha256/ab")).expect("folder");
        std::fs::create_dir_all(place.path("data/artifacts/uploads")).expect("folder");
        place.write("data/format", "plimsoll-data 1\n");
        place.write("data/artifacts/sha256/ab/abcd", "a model");
        place.write("data/artifacts/uploads/1", "half of a model");
        let store = Store::open(&place.path("data/plimsoll.db"), NOW).expect("store");
        let tenant = TenantId::new(NOW);
        let mut config = LedgerConfig::new(place.path("data"), place.path("keys"), tenant);
        (config.segment_bytes, config.reserve_bytes) = (16 << 20, 0);
        let (ledger, _) = Ledger::open(config, Arc::new(SystemClock::new())).expect("ledger");
        let running = Self { place, ledger, tenant, store };
        running.store_contract();
        running
    }

    fn store_contract(&self) {
        let (event, author) = (EventId::new(NOW), PrincipalId::new(NOW));
        let change = Change {
            event,
            action: "CreateContract",
            resource: "contract",
            time: NOW,
            settled_to: 0,
        };
        let principal = PrincipalRow {
            id: author,
            name: "alice".parse().expect("a name"),
            kind: "user".into(),
            roles: vec!["admin".into()],
            tenant: self.tenant,
            is_dev: false,
            created_at: NOW,
            disabled_at: None,
        };
        let contract = ContractRow {
            digest: contract_digest(),
            document: CONTRACT.into(),
            author,
            created_at: NOW,
        };
        let written = self.store.write(&change, |write| {
            write.insert_principal(&principal)?;
            write.insert_contract(&contract)
        });
        written.expect("stored");
    }

    /// Records a decision.
    fn decide(&self, income: f64) -> DecisionId {
        let id = DecisionId::new(NOW);
        let deployment = DeploymentId::new(NOW);
        let rows = Rows {
            width: 2,
            cells: vec![Cell::Number(income), Cell::Category(1)],
            ..Rows::default()
        };
        let parts = DecisionParts {
            principal: PrincipalId::from_bytes([7; 16]),
            key: None,
            deployment: "credit-default",
            version: 3,
            caller_id: Some("application-17"),
            idempotency: None,
            request: None,
            request_len: 312,
            rows: &rows,
            mapped: &[],
            flags: &[],
            outputs: &[Output { name: "probability", width: 1, values: &[0.25] }],
            explanation: None,
            refusal: None,
            phases: &[(Phase::Validate, 1_500), (Phase::Predict, 2_250)],
            protocol: Some(plimsoll_types::Protocol::Oip),
        };
        let mut plain = Vec::new();
        parts.encode(&mut plain);
        let holder = Holder::Subject { tenant: self.tenant, subject: "customer-1" };
        let body = self.ledger.seal(&[holder], &plain).expect("sealed");
        let mut draft = LeafDraft::new(Kind::Decision, *id.as_bytes(), self.tenant, NOW, 0);
        draft.deployment = Some(deployment);
        draft.contract = Some(contract_digest());
        draft.route = Some(Route::Primary);
        draft.result = Some(ResultClass::Answered);
        self.ledger.append_blocking(draft, body, None).expect("recorded");
        id
    }

    /// Every file under a folder, with its bytes.
    fn tree(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        fn walk(folder: &std::path::Path, above: &str, found: &mut Vec<(String, Vec<u8>)>) {
            for item in std::fs::read_dir(folder).expect("folder") {
                let item = item.expect("item");
                let path = format!("{above}/{}", item.file_name().to_string_lossy());
                if item.path().is_dir() {
                    walk(&item.path(), &path, found);
                } else {
                    found.push((path, std::fs::read(item.path()).expect("file")));
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.place.path(name), "", &mut found);
        found.sort();
        found
    }
}

fn contract_digest() -> Digest {
    Digest::from_bytes([5; 32])
}

#[test]
fn a_ledger_in_use_is_verified() {
    let running = Running::start();
    for income in 0..20 {
        running.decide(income.into());
    }
    let transcript = running.place.run("ledger verify --data data --json");
    assert!(transcript.contains(r#""segments": 1"#), "{transcript}");
    assert!(
        transcript
            .contains("--- stderr\nevery record is what it was when it was written\n--- exit 0"),
        "{transcript}"
    );
}

#[test]
fn damage_fails_the_verification() {
    let running = Running::start();
    for income in 0..20 {
        running.decide(income.into());
    }
    running.ledger.close().expect("closed");
    let (path, bytes) = running
        .tree("data")
        .into_iter()
        .find(|(path, _)| path.contains("/segments/"))
        .expect("a segment");
    let mut bytes = bytes;
    // Within the first records, whose successors show that they were durable.
    bytes[700] ^= 1;
    running.place.write(&format!("data{path}"), bytes);
    let transcript = running.place.run("ledger verify --data data");
    assert!(transcript.contains("--- exit 3"), "{transcript}");
    assert!(transcript.contains("is damaged at entry"), "{transcript}");
}

#[test]
fn a_decision_is_shown_without_a_server() {
    let running = Running::start();
    let id = running.decide(52_000.5);
    let mask = |text: String| {
        let text = text.replace(&id.to_string(), "DECISION");
        let mask = |line: &str| {
            let name = line.split("  ").next().unwrap_or_default().to_owned();
            let varies = [
                "gateway",
                "leaf hash",
                "previous",
                "ciphertext",
                "key commitment",
                "index",
                "sequence",
            ];
            if varies.contains(&name.as_str()) {
                format!("{name:<14}  …\n")
            } else {
                format!("{line}\n")
            }
        };
        text.lines().map(mask).collect::<String>()
    };
    let shown = running.place.run(&format!("decision show {id} --data data --keys keys --utc"));
    insta::assert_snapshot!("decision_with_keys", mask(shown));
    let sealed = running.place.run(&format!("decision show {id} --data data"));
    assert!(sealed.contains("it is sealed; name the keys folder with --keys"), "{sealed}");
    assert!(!sealed.contains("52000.5") && !sealed.contains("probability"), "{sealed}");
    let unknown =
        running.place.run("decision show 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --data data");
    insta::assert_snapshot!("decision_unknown", unknown);
}

#[test]
fn a_backup_of_a_folder_in_use_restores_to_the_same_decisions() {
    let running = Running::start();
    let before = running.decide(1000.0);
    let place = &running.place;
    let transcript = place.run("backup --data data -o backup.tar");
    assert!(
        transcript.contains("--- exit 0") && transcript.contains("keys are not in it"),
        "{transcript}"
    );
    let after = running.decide(2000.0);

    let size = std::fs::metadata(place.path("backup.tar")).expect("there").len();
    assert!(size < 1 << 20, "the zeros at the end of segments are left out: {size} bytes");
    let bytes = std::fs::read(place.path("backup.tar")).expect("read");
    for name in ["root.key", "half of a model", "ledger/lock"] {
        let found = bytes.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(!found, "{name} is in the backup");
    }
    assert!(!place.path("backup.tar.state").exists());

    let transcript = place.run("restore backup.tar --data new --json");
    assert!(transcript.contains("--- exit 0"), "{transcript}");
    assert!(place.run("ledger verify --data new").contains("--- exit 0"));
    let shown = place.run(&format!("decision show {before} --data new --keys keys"));
    assert!(shown.contains("income  1000") && shown.contains("south"), "{shown}");
    assert!(place.run(&format!("decision show {after} --data new")).contains("--- exit 1"));
    let of = |name| {
        let tree = running.tree(name);
        let kept = tree
            .into_iter()
            .filter(|(path, _)| path.contains("artifacts/sha256") || path == "/format");
        kept.collect::<Vec<_>>()
    };
    assert_eq!(of("new"), of("data"));

    // A restored folder starts as after a crash.
    let config = LedgerConfig {
        reserve_bytes: 0,
        ..LedgerConfig::new(place.path("new"), place.path("keys"), running.tenant)
    };
    running.ledger.close().expect("closed");
    let (restored, recovery) =
        Ledger::open(config, Arc::new(SystemClock::new())).expect("it opens");
    assert!(!recovery.clean && recovery.entries > 0);
    assert_eq!(restored.get(before.as_bytes()).expect("read").len(), 1);
}

#[test]
fn backups_and_restores_refuse_what_would_do_harm() {
    let running = Running::start();
    running.decide(1.0);
    let place = &running.place;
    place.write("taken.tar", "mine");
    let transcript = place.session(&[
        "backup --data data -o taken.tar",
        "backup --data data -o data/backup.tar",
        "backup --data . -o backup.tar",
        "backup --data data -o backup.tar --quiet --json",
        "restore backup.tar --data data",
        "restore taken.tar --data new",
    ]);
    let stable = |line: &&str| !line.contains("created_at") && !line.contains("bytes");
    insta::assert_snapshot!(transcript.lines().filter(stable).collect::<Vec<_>>().join("\n"));
    assert!(!place.path("new").exists() && !place.path("new.restoring").exists());
}

/// One bit anywhere in the backup, or a cut, and nothing is restored.
#[test]
fn a_damaged_backup_is_not_restored() {
    let running = Running::start();
    running.decide(1.0);
    let place = &running.place;
    place.run("backup --data data -o backup.tar");
    let whole = std::fs::read(place.path("backup.tar")).expect("read");
    let content = |needle: &[u8]| {
        whole.windows(needle.len()).position(|window| window == needle).expect("there")
    };
    let damaged = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bytes in [
        damaged(content(b"a model")),
        damaged(content(b"PLMSEG01") + 200),
        damaged(content(b"SQLite format 3") + 5000),
        damaged(content(b"\"digest\": \"") + 12),
        whole[..whole.len() / 2].to_vec(),
        whole[..content(b"manifest.json")].to_vec(),
    ] {
        place.write("damaged.tar", bytes);
        let transcript = place.run("restore damaged.tar --data new");
        assert!(transcript.contains("--- exit 3"), "{transcript}");
        assert!(!place.path("new").exists() && !place.path("new.restoring").exists());
    }
}

/// A tar file made by somebody else cannot write outside the new folder.
#[test]
fn a_hostile_backup_stays_in_its_folder() {
    let place = Place::new();
    for name in ["data/../../outside", "/outside", "outside", "data/a/../../../outside", "data/"] {
        let mut tar = tar_header(name, 4);
        tar.extend_from_slice(b"evil");
        tar.resize(2048, 0);
        std::fs::File::create(place.path("evil.tar"))
            .and_then(|mut file| file.write_all(&tar))
            .expect("write");
        let transcript = place.run("restore evil.tar --data sub/new");
        assert!(
            transcript.contains("--- exit 1") || transcript.contains("--- exit 3"),
            "{name}: {transcript}"
        );
        assert!(!place.path("outside").exists() && !place.path("sub/outside").exists(), "{name}");
    }
    std::fs::create_dir(place.path("sub")).expect("folder");
    let mut link = tar_header("data/link", 0);
    link[156] = b'2';
    checksum(&mut link);
    place.write("link.tar", link);
    assert!(
        place.run("restore link.tar --data sub/new").contains("holds something else than files")
    );
}

/// A header of the tar format (POSIX.1-1988), whatever the name.
fn tar_header(name: &str, size: usize) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000600");
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = b'0';
    header[257..263].copy_from_slice(b"ustar\0");
    header[263..265].copy_from_slice(b"00");
    checksum(&mut header);
    header
}

fn checksum(header: &mut [u8]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

/// Names are taken from the contract only while it is stored.
#[test]
fn without_the_contract_fields_are_numbered() {
    let running = Running::start();
    let id = running.decide(1000.0);
    std::fs::remove_file(running.place.path("data/plimsoll.db")).expect("removed");
    let shown = running.place.run(&format!("decision show {id} --data data --keys keys"));
    assert!(shown.contains("#0     1000") && shown.contains("#1     1"), "{shown}");
}
