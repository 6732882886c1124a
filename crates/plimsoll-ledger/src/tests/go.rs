//! What the ledger publishes, before a verifier that is not ours: `tools/gocheck`, over the
//! packages with which Go verifies its own checksum database. `make tools-go` builds it, and
//! `make test` does so first; without it this test fails.

use super::publish::{Heads, public, record, settled, start_publishing};
use super::tenant;
use crate::{Ledger, LedgerConfig};
use plimsoll_types::SystemClock;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// What the verifier says of a published log that grew from an earlier checkpoint.
fn verdict(log: &Path, vkey: &str, older: Option<&Path>) -> Result<(), String> {
    let test = std::env::current_exe().expect("this test");
    let target = test.ancestors().nth(3).expect("target/release/deps/test");
    let checker = target.join("go/gocheck");
    let output = Command::new(&checker).arg("log").arg(log).arg(vkey).args(older).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{} does not run ({error}): `make tools-go` builds it", checker.display())
    });
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(words) }
}

#[test]
fn ledgers_of_all_sizes_are_accepted() {
    let folder = tempfile::tempdir().expect("folder");
    let (data, keys) = (folder.path().join("data"), folder.path().join("keys"));
    let config = LedgerConfig { reserve_bytes: 0, ..LedgerConfig::new(data, keys, tenant()) };
    let (ledger, _) = Ledger::open(config, Arc::new(SystemClock::new())).expect("ledger");
    start_publishing(&ledger, &Arc::new(Heads::default()), Vec::new()).expect("publishes");
    let (log, older) = (public(folder.path()), folder.path().join("older"));
    let mut size = 0;
    for wanted in [1, 255, 256, 257, 70_000] {
        while size < wanted {
            // No more at once than the queue takes.
            let more = (wanted - size).min(1000);
            record(&ledger, more);
            size += more;
        }
        let state = settled(&ledger);
        assert_eq!((state.stopped, state.published), (None, wanted as u64));
        let before = older.exists().then_some(older.as_path());
        assert_eq!(verdict(&log, &state.vkey, before), Ok(()), "{wanted}");
        std::fs::copy(log.join("checkpoint"), &older).expect("copy");
    }
    // And it does look: a byte of a tile of inner nodes.
    let tile = log.join("tile/1/000");
    let mut bytes = std::fs::read(&tile).expect("tile");
    bytes[100] ^= 1;
    std::fs::write(&tile, bytes).expect("tile");
    let vkey = ledger.publishing().vkey;
    assert!(verdict(&log, &vkey, None).is_err());
    ledger.close().expect("close");
}
