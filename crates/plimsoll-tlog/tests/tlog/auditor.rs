//! Before the auditor's own verifier: `tools/verify.py`, written from the specifications alone.

use crate::kit::{Log, cosigner, entry, flip, signer, written};
use plimsoll_tlog::proof::TlogProof;
use plimsoll_tlog::tile::{BundleId, Resource, TileId};
use std::path::Path;
use std::process::Command;

/// What the verifier says: nothing, or why it refuses.
fn verdict(arguments: &[&str]) -> Result<(), String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify.py");
    let output = Command::new("python3").arg(program).args(arguments).output();
    let output = output.expect("python3 runs");
    let words = String::from_utf8(output.stderr).expect("text");
    match output.status.code() {
        Some(0) => Ok(()),
        Some(3) => Err(words),
        other => panic!("verify.py ended with {other:?}: {words}"),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

fn of_log(folder: &Path, older: Option<&Path>) -> Result<(), String> {
    let vkey = signer().vkey().to_string();
    let mut arguments = vec!["log", text(folder), "--opaque", "--key", &vkey];
    arguments.extend(older.into_iter().flat_map(|path| ["--older", text(path)]));
    verdict(&arguments)
}

#[track_caller]
fn refused(verdict: Result<(), String>, step: &str, place: &str) {
    let why = verdict.expect_err(place);
    assert!(why.contains(&format!("`{step}`")) && why.contains(place), "{place}: {why}");
}

#[test]
fn logs_of_all_shapes_are_accepted() {
    let older = written(&Log::of(1, 1));
    let older = older.path().join("checkpoint");
    for size in [1, 2, 255, 256, 257, 511, 512, 513, 70_000] {
        let folder = written(&Log::of(size, 1));
        assert_eq!(of_log(folder.path(), Some(&older)), Ok(()), "{size}");
    }
}

/// CVE-2026-56865 again, and every other kind of tile.
#[test]
fn a_forged_interior_tile_is_refused() {
    let folder = written(&Log::of(70_000, 1));
    for tile in [(0, 100, 256), (0, 0, 256), (1, 0, 256), (0, 273, 112), (2, 0, 1)] {
        let tile = TileId::new(tile.0, tile.1, tile.2).expect("a tile");
        flip(folder.path(), Resource::Tile(tile), 5);
        refused(of_log(folder.path(), None), "tiles", &tile.to_string());
        flip(folder.path(), Resource::Tile(tile), 5);
    }
    // A forger who alters a whole subtree is caught where it meets the rest.
    let other = written(&Log::of(70_000, 2));
    let forge = |tile: TileId| {
        let path = tile.path();
        std::fs::copy(other.path().join(&path), folder.path().join(&path)).expect("copied");
        refused(of_log(folder.path(), None), "tiles", &tile.to_string());
    };
    forge(TileId::new(0, 100, 256).expect("a tile"));
    forge(TileId::new(1, 0, 256).expect("a tile"));
    forge(TileId::new(2, 0, 1).expect("a tile"));
}

#[test]
fn altered_entries_and_sizes_are_refused() {
    let log = Log::of(257, 1);
    let folder = written(&log);
    for (index, width, byte, place) in
        [(0, 256, 5, "entry 0 "), (0, 256, 0, "tile/entries/000"), (1, 1, 3, "entry 256 ")]
    {
        let bundle = Resource::Bundle(BundleId::new(index, width).expect("a bundle"));
        flip(folder.path(), bundle, byte);
        refused(of_log(folder.path(), None), "entries", place);
        flip(folder.path(), bundle, byte);
    }
    assert_eq!(of_log(folder.path(), None), Ok(()));
    // The log signs another size, or another root, than it has.
    let path = folder.path().join("checkpoint");
    for (size, root) in [(256, log.root()), (258, log.root()), (257, Log::of(257, 2).root())] {
        let mut checkpoint = log.checkpoint();
        (checkpoint.size, checkpoint.root) = (size, root);
        std::fs::write(&path, checkpoint.sign(&signer()).expect("signed").to_string())
            .expect("written");
        refused(of_log(folder.path(), None), "tiles", "tile/");
    }
    // Somebody else signs, under the same name.
    let stranger = plimsoll_tlog::note::Signer::from_seed(signer().vkey().name(), &[1; 32]);
    let note = log.checkpoint().sign(&stranger.expect("a name")).expect("signed").to_string();
    std::fs::write(&path, note).expect("written");
    refused(of_log(folder.path(), None), "checkpoint", "not signed by the log");
}

#[test]
fn a_checkpoint_with_a_flipped_bit_is_refused() {
    let log = Log::of(3, 1);
    let folder = written(&log);
    let path = folder.path().join("checkpoint");
    let note = log.signed().to_string();
    // Some of them: each starts a Python.
    for (at, flipped) in crate::kit::with_a_bit_flipped(note.as_bytes()).enumerate() {
        if at % 101 == 0 {
            std::fs::write(&path, flipped).expect("written");
            assert!(of_log(folder.path(), None).is_err(), "bit {at}");
        }
    }
}

#[test]
fn growth_is_believed_only_along_the_tree() {
    let folder = written(&Log::of(700, 1));
    let vkey = signer().vkey().to_string();
    let new = folder.path().join("checkpoint");
    for (older, grown) in
        [(Log::of(300, 2), false), (Log::of(300, 1), true), (Log::of(256, 1), true)]
    {
        let size = older.size();
        let older = written(&older);
        let old = older.path().join("checkpoint");
        let both = [
            of_log(folder.path(), Some(&old)),
            verdict(&[
                "consistency",
                text(&old),
                text(&new),
                "--key",
                &vkey,
                "--log",
                text(folder.path()),
            ]),
        ];
        for verdict in both {
            if grown {
                assert_eq!(verdict, Ok(()), "{size}");
            } else {
                refused(verdict, "consistency", "300");
            }
        }
    }
}

#[test]
fn proofs_of_growth_are_checked() {
    let (old, new) = (Log::of(300, 1), Log::of(700, 1));
    let (before, after) = (written(&old), written(&new));
    let proof = new.open().consistency(300, 700).expect("in the log");
    let vkey = signer().vkey().to_string();
    let file = after.path().join("proof.json");
    let try_with = |hashes: &[String]| {
        let hashes = hashes.iter().map(|hash| format!("\"{hash}\"")).collect::<Vec<_>>().join(",");
        std::fs::write(&file, format!("{{\"hashes\":[{hashes}]}}")).expect("written");
        let (old, new) = (before.path().join("checkpoint"), after.path().join("checkpoint"));
        verdict(&["consistency", text(&old), text(&new), "--key", &vkey, "--proof", text(&file)])
    };
    let lines = proof.hashes.iter().map(base64).collect::<Vec<_>>();
    assert_eq!(try_with(&lines), Ok(()));
    for at in 0..lines.len() {
        let mut altered = lines.clone();
        altered[at] = base64(&old.root());
        refused(try_with(&altered), "consistency", "300");
        altered.remove(at);
        refused(try_with(&altered), "consistency", "300");
    }
}

fn base64(digest: &plimsoll_types::Digest) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(digest.as_bytes())
}

#[test]
fn proofs_of_entries_and_their_witnesses_are_checked() {
    let log = Log::of(700, 1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let witnesses = [cosigner(1), cosigner(2), cosigner(3)];
    let mut policy = format!("log {}\n", signer().vkey());
    for (number, witness) in witnesses.iter().enumerate() {
        policy += &format!("witness w{number} {}\n", witness.vkey());
    }
    policy += "group two 2 w0 w1 w2\nquorum two\n";
    std::fs::write(at("policy"), policy).expect("written");
    for index in [0, 256, 699] {
        std::fs::write(at("entry"), entry(index, 1)).expect("written");
        for signed in 0..=3_usize {
            let mut note = log.signed();
            for witness in &witnesses[..signed] {
                note.add(witness.cosign(note.text(), 1_700_000_000)).expect("room");
            }
            let hashes = log.open().inclusion(index, 700).expect("in the log").hashes;
            let proof = TlogProof { extra: None, index, hashes, checkpoint: note.to_string() };
            std::fs::write(at("proof"), proof.to_string()).expect("written");
            let (proof, entry, policy) = (at("proof"), at("entry"), at("policy"));
            let said = verdict(&[
                "proof",
                text(&proof),
                "--entry",
                text(&entry),
                "--policy",
                text(&policy),
            ]);
            if signed >= 2 {
                assert_eq!(said, Ok(()), "{index}");
            } else {
                refused(said, "checkpoint", "quorum");
            }
        }
        std::fs::write(at("entry"), entry(index, 2)).expect("written");
        let (proof, entry, policy) = (at("proof"), at("entry"), at("policy"));
        let said =
            verdict(&["proof", text(&proof), "--entry", text(&entry), "--policy", text(&policy)]);
        refused(said, "inclusion", "index");
    }
}
