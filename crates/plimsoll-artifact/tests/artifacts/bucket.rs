//! The same over an object store.

use crate::bench::{MAX, NOW, bytes, key, put, sha256, spec};
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use plimsoll_artifact::{ArtifactError, ArtifactStore, Bucket, Part};
use std::sync::Arc;

#[test]
fn a_bucket_keeps_what_a_folder_keeps() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let bucket = Arc::new(Bucket::new(Arc::clone(&memory)).expect("a bucket"));
    let (store, _) = ArtifactStore::open_bucket(folder.path(), bucket, key(7)).expect("opens");
    let store = Arc::new(store);
    // Two parts and a bit.
    let text = bytes(1, (17 << 20) + 5);
    let stored = put(&store, &text);
    assert_eq!(store.size(stored.digest).expect("read"), Some(text.len() as u64));
    assert!(store.read(stored.digest, MAX).expect("read") == text);
    let reader = store.reader(stored.digest).expect("opens");
    let mut reader = reader.range(3 << 20, (3 << 20) + 10).expect("within");
    assert_eq!(reader.next_bytes().expect("read").as_deref(), text.get(3 << 20..(3 << 20) + 10));

    let id = store.begin_session(&spec(None), NOW).expect("begun").id;
    let mut appender = store.append(id, 0, NOW).expect("goes on");
    appender.write(b"small").expect("written");
    assert_eq!(appender.finish(None).expect("ends").digest, sha256(b"small"));
    assert_eq!(store.read(sha256(b"small"), MAX).expect("read"), b"small");

    let name = stored.digest.to_string();
    let place = Key::from(format!("sha256/{}/{name}", &name[..2]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let whole = runtime.block_on(async { memory.get(&place).await?.bytes().await });
    let mut other = whole.expect("is there").to_vec();
    other[100 + (1 << 20) + 20] ^= 1;
    runtime.block_on(memory.put(&place, PutPayload::from(other))).expect("put");
    let error = store.read(stored.digest, MAX).expect_err("was altered");
    assert!(matches!(error, ArtifactError::Damaged { part: Part::Chunk(1), .. }), "{error}");

    assert_eq!(store.reconcile([stored.digest], NOW).expect("looked").dangling, []);
    assert!(store.remove(stored.digest).expect("removed"));
    assert_eq!(store.reconcile([stored.digest], NOW).expect("looked").dangling, [stored.digest]);
}

#[test]
fn what_stood_in_the_folder_moves_to_the_bucket() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = bytes(2, 3_000_000);
    let stored = {
        let (store, _) = ArtifactStore::open(folder.path(), key(7)).expect("opens");
        put(&Arc::new(store), &text)
    };
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for (number, moved) in [(0, 1), (1, 0)] {
        let bucket = Arc::new(Bucket::new(Arc::clone(&memory)).expect("a bucket"));
        let (store, opened) =
            ArtifactStore::open_bucket(folder.path(), bucket, key(7)).expect("opens");
        assert_eq!(opened.moved, moved, "start {number}");
        assert!(store.read(stored.digest, MAX).expect("read") == text);
    }
}
