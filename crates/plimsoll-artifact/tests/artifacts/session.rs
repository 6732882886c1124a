//! Uploads that are broken off and gone on with.

use crate::bench::{Bench, MAX, NOW, Random, bench, bytes, open, sha256, spec};
use plimsoll_artifact::{ArtifactError, ArtifactStore, MAX_SESSIONS, SESSION_TTL, SessionId};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

fn send(store: &Arc<ArtifactStore>, id: SessionId, offset: u64, text: &[u8]) -> u64 {
    let mut appender = store.append(id, offset, NOW).expect("goes on");
    for piece in text.chunks(29) {
        appender.write(piece).expect("written");
    }
    appender.pause().expect("paused")
}

#[test]
fn it_goes_on_where_it_was_across_restarts() {
    let Bench { folder, store } = bench(6);
    let text = bytes(1, 1000);
    let id = store.begin_session(&spec(Some(1000)), NOW).expect("begun").id;
    assert_eq!(send(&store, id, 0, &text[..100]), 100);
    // A restart, between every two requests.
    drop(store);
    let mut at = 100;
    let mut random = Random(5);
    while at < text.len() {
        let store = open(folder.path(), 6);
        let session = store.session(id, NOW).expect("is there");
        assert_eq!((session.offset, session.size), (at as u64, Some(1000)));
        assert_eq!(session.owner, "ann");
        let next = (at + random.below(150)).min(text.len());
        send(&store, id, at as u64, &text[at..next]);
        at = next;
    }
    let store = open(folder.path(), 6);
    let appender = store.append(id, 1000, NOW).expect("goes on");
    let stored = appender.finish(Some(sha256(&text))).expect("ends");
    assert_eq!(store.read(stored.digest, MAX).expect("read"), text);
    assert!(matches!(store.session(id, NOW), Err(ArtifactError::NoSession)));
    assert_eq!(fs::read_dir(folder.path().join("sessions")).expect("a folder").count(), 0);
}

#[test]
fn a_broken_connection_keeps_what_came() {
    let Bench { folder: _folder, store } = bench(6);
    let text = bytes(1, 300);
    let id = store.begin_session(&spec(None), NOW).expect("begun").id;
    let mut appender = store.append(id, 0, NOW).expect("goes on");
    appender.write(&text[..150]).expect("written");
    assert!(matches!(store.append(id, 0, NOW), Err(ArtifactError::Busy)));
    assert!(matches!(store.abort_session(id), Err(ArtifactError::Busy)));
    drop(appender);
    let wrong = store.append(id, 100, NOW).map(drop).expect_err("not where it is");
    assert!(matches!(wrong, ArtifactError::Offset { at: 150 }), "{wrong}");
    send(&store, id, 150, &text[150..]);
    let stored = store.append(id, 300, NOW).expect("goes on").finish(None).expect("ends");
    assert_eq!(stored.digest, sha256(&text));
}

#[test]
fn what_was_announced_must_come_and_no_more() {
    let Bench { folder: _folder, store } = bench(6);
    let id = store.begin_session(&spec(Some(10)), NOW).expect("begun").id;
    send(&store, id, 0, b"12345");
    let short = store.append(id, 5, NOW).expect("goes on").finish(None).expect_err("incomplete");
    assert!(matches!(short, ArtifactError::Incomplete { announced: 10, got: 5 }), "{short}");
    let mut appender = store.append(id, 5, NOW).expect("still there");
    assert!(matches!(appender.write(b"678901"), Err(ArtifactError::TooLarge { limit: 10, .. })));
    appender.write(b"67890").expect("fits");
    let other = appender.finish(Some(sha256(b"other"))).expect_err("is not that");
    assert!(matches!(other, ArtifactError::OtherDigest(_)), "{other}");
    assert!(matches!(store.session(id, NOW), Err(ArtifactError::NoSession)), "it is over");
}

#[test]
fn it_expires_and_their_number_is_bounded() {
    let Bench { folder: _folder, store } = bench(6);
    let id = store.begin_session(&spec(None), NOW).expect("begun").id;
    for _ in 1..MAX_SESSIONS {
        store.begin_session(&spec(None), NOW).expect("begun");
    }
    let many = store.begin_session(&spec(None), NOW).expect_err("too many");
    assert!(matches!(many, ArtifactError::TooManySessions(MAX_SESSIONS)), "{many}");
    let later = NOW.plus(Duration::from_secs(SESSION_TTL));
    assert!(matches!(store.session(id, later), Err(ArtifactError::NoSession)));
    store.begin_session(&spec(None), later).expect("the others are gone");
    assert_eq!(store.reconcile([], later).expect("looked").expired, 0);
    assert!("../../etc".parse::<SessionId>().is_err());
}

#[test]
fn what_was_touched_on_disk_is_not_gone_on_with() {
    let Bench { folder, store } = bench(6);
    let text = bytes(1, 1000);
    let id = store.begin_session(&spec(None), NOW).expect("begun").id;
    send(&store, id, 0, &text);
    drop(store);
    let path = folder.path().join("sessions").join(id.to_string()).join("data");
    let whole = fs::read(&path).expect("on disk");
    let chunk = 64 + 16;
    for at in 0..whole.len() {
        let mut other = whole.clone();
        other[at] ^= 1;
        fs::write(&path, &other).expect("written");
        let store = open(folder.path(), 6);
        let offset = store.session(id, NOW).map(|session| session.offset);
        let last = (whole.len() - 100) / chunk - 1;
        if at < 100 {
            assert!(matches!(offset, Err(ArtifactError::DamagedUpload(_))), "byte {at}");
        } else if (at - 100) / chunk < last {
            let offset = offset.expect("told from the end");
            let error = store.append(id, offset, NOW).map(drop).expect_err("is read back");
            let named = format!("the upload is damaged: chunk {} was", (at - 100) / chunk);
            assert!(error.to_string().starts_with(&named), "byte {at}: {error}");
        } else {
            assert_eq!(offset.expect("goes back"), (last * 64) as u64, "byte {at}");
        }
    }
}
