//! What an object store has to do, and what artifacts need of it.

use crate::moto::Moto;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};
use plimsoll_artifact::{ArtifactError, ArtifactKey, ArtifactStore, Bucket, Part, SessionSpec};
use plimsoll_s3::{Access, PIECE, S3};
use plimsoll_types::Time;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Bytes that do not repeat within a piece.
fn bytes(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(size + 8);
    while out.len() < size {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        out.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    out.truncate(size);
    out
}

#[test]
fn objects_are_put_read_listed_and_removed() {
    let moto = Moto::start();
    runtime().block_on(async {
        let s3 = moto.bucket("s3://models/a/b");
        s3.check().await.expect("the bucket can be used");
        whole_and_ranges(&s3).await;
        conditions(&s3).await;
        in_parts(&s3).await;
        lists(&s3).await;
        assert_eq!(
            moto.bucket("s3://models")
                .list(None)
                .try_collect::<Vec<_>>()
                .await
                .expect("lists")
                .len(),
            s3.list(None).try_collect::<Vec<_>>().await.expect("lists").len(),
            "everything stands under the prefix, and a check leaves nothing"
        );
    });
}

async fn whole_and_ranges(s3: &S3) {
    let path = Path::from("x/it's one & a (half) + more~");
    let text = bytes(1, 100_000);
    s3.put(&path, PutPayload::from(text.clone())).await.expect("put");
    let meta = s3.head(&path).await.expect("there");
    assert_eq!((meta.size, &meta.location), (100_000, &path));
    assert!(meta.e_tag.is_some());
    let whole = s3.get(&path).await.expect("there").bytes().await.expect("read");
    assert!(whole == text);
    for (start, end) in [(0, 1), (99_999, 100_000), (5, 5_000), (90_000, 200_000)] {
        let part = s3.get_range(&path, start..end).await.expect("read");
        let end = usize::try_from(end).expect("small").min(text.len());
        assert!(*part == text[usize::try_from(start).expect("small")..end], "{start}");
    }
    for (range, from) in [(GetRange::Suffix(10), 99_990), (GetRange::Offset(99_000), 99_000)] {
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        let got = s3.get_opts(&path, options).await.expect("read");
        assert_eq!(got.range, from..100_000);
        assert!(got.bytes().await.expect("read") == text[usize::try_from(from).expect("small")..]);
    }
    let empty = Path::from("empty");
    s3.put(&empty, PutPayload::new()).await.expect("put");
    assert!(s3.get(&empty).await.expect("there").bytes().await.expect("read").is_empty());
    let error = s3.get_range(&path, 100_000..100_001).await.expect_err("beyond the end");
    assert!(error.to_string().contains("416"), "{error}");
    let copy = Path::from("x/copy");
    s3.copy(&path, &copy).await.expect("copied");
    assert!(s3.get(&copy).await.expect("there").bytes().await.expect("read") == text);
    s3.delete(&copy).await.expect("removed");
    s3.delete(&copy).await.expect("what is not there is removed already");
    assert!(matches!(s3.head(&copy).await, Err(Error::NotFound { .. })));
    assert!(matches!(s3.get_range(&copy, 0..1).await, Err(Error::NotFound { .. })));
}

async fn conditions(s3: &S3) {
    let path = Path::from("once");
    let put = |text: &'static str, mode| {
        let options = PutOptions { mode, ..PutOptions::default() };
        s3.put_opts(&path, PutPayload::from_static(text.as_bytes()), options)
    };
    let first = put("first", PutMode::Create).await.expect("nothing is there");
    let again = put("second", PutMode::Create).await;
    assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
    let text = s3.get(&path).await.expect("there").bytes().await.expect("read");
    assert_eq!(text, Bytes::from_static(b"first"));
    let other = UpdateVersion { e_tag: Some("\"0\"".into()), version: None };
    let update = put("third", PutMode::Update(other)).await;
    assert!(matches!(update, Err(Error::Precondition { .. })), "{update:?}");
    put("third", PutMode::Update(first.into())).await.expect("it is as it was");
    let stale = GetOptions { if_match: Some("\"0\"".into()), ..GetOptions::default() };
    assert!(s3.get_opts(&path, stale).await.is_err());
    s3.delete(&path).await.expect("removed");
}

async fn in_parts(s3: &S3) {
    let path = Path::from("large");
    let size = usize::try_from(2 * PIECE).expect("small") + 77;
    let text = bytes(2, size);
    let mut upload = s3.put_multipart(&path).await.expect("begun");
    let parts: Vec<_> =
        text.chunks(6 << 20).map(|part| upload.put_part(PutPayload::from(part.to_vec()))).collect();
    assert!(matches!(s3.head(&path).await, Err(Error::NotFound { .. })), "not before its end");
    // In any order.
    for part in parts.into_iter().rev() {
        part.await.expect("taken");
    }
    upload.complete().await.expect("ended");
    let got = s3.get(&path).await.expect("there");
    assert_eq!(got.meta.size, size as u64);
    let mut pieces = got.into_stream();
    let (mut read, mut count) = (Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.expect("read");
        assert!(piece.len() as u64 <= PIECE);
        read.extend_from_slice(&piece);
        count += 1;
    }
    assert!(read == text && count == 3);

    let mut given_up = s3.put_multipart(&Path::from("never")).await.expect("begun");
    given_up.put_part(PutPayload::from(vec![1; 5 << 20])).await.expect("taken");
    given_up.abort().await.expect("given up");
    assert!(given_up.complete().await.is_err());
    assert!(matches!(s3.head(&Path::from("never")).await, Err(Error::NotFound { .. })));
}

async fn lists(s3: &S3) {
    for number in 0..3 {
        for folder in ["l/a", "l/b"] {
            let path = Path::from(format!("{folder}/{number}"));
            s3.put(&path, PutPayload::from_static(b"x")).await.expect("put");
        }
    }
    s3.put(&Path::from("l/c"), PutPayload::from_static(b"x")).await.expect("put");
    let all: Vec<_> = s3.list(Some(&Path::from("l"))).try_collect().await.expect("lists");
    let names: Vec<_> = all.iter().map(|one| one.location.to_string()).collect();
    assert_eq!(names, ["l/a/0", "l/a/1", "l/a/2", "l/b/0", "l/b/1", "l/b/2", "l/c"]);
    assert!(all.iter().all(|one| one.size == 1 && one.e_tag.is_some()));
    let found = s3.list_with_delimiter(Some(&Path::from("l"))).await.expect("lists");
    assert_eq!(found.common_prefixes, [Path::from("l/a"), Path::from("l/b")]);
    assert_eq!(found.objects.len(), 1);
}

#[test]
fn what_cannot_be_used_says_why() {
    let moto = Moto::start();
    let said = |address: &str, access: Access| {
        let s3 = moto.bucket_as(address, access).expect("a client");
        runtime().block_on(s3.check()).expect_err("cannot be used").to_string()
    };
    let good = moto.access.clone();
    let text = said("s3://nothing-here/a", good.clone());
    assert!(text.contains("NoSuchBucket (there is no such bucket at this endpoint"), "{text}");
    let text = said("s3://models", Access { id: "AKIANOBODY0000000000".into(), ..good.clone() });
    assert!(text.contains("does not know the access key's id"), "{text}");
    let secret = Zeroizing::new("another".to_owned());
    let text = said("s3://models", Access { secret: secret.clone(), ..good.clone() });
    assert!(text.contains("the secret access key is another"), "{text}");
    assert!(!text.contains("AKIA") && !text.contains("another0"), "{text}");
    let error = moto.bucket_as("s3://models", Access { secret: Zeroizing::default(), ..good });
    let text = error.expect_err("no key").to_string();
    assert_eq!(
        text,
        "the bucket `s3://models` needs an access key: its id and its secret, each on one line"
    );
}

#[test]
fn artifacts_stand_in_the_bucket_sealed_resumed_and_verified() {
    let moto = Moto::start();
    let folder = tempfile::tempdir().expect("a folder");
    let s3 = moto.bucket("s3://models/artifacts");
    let open = || {
        let bucket = Bucket::new(Arc::new(s3.clone())).expect("a bucket");
        let key = ArtifactKey::new(&[7; 32]).expect("a key");
        let (store, _) =
            ArtifactStore::open_bucket(folder.path(), Arc::new(bucket), key).expect("opens");
        Arc::new(store)
    };
    let store = open();
    let now = Time::from_micros(1);
    // Three parts of the bucket, and chunks that end within one.
    let text = bytes(3, (17 << 20) + 5);
    let spec = SessionSpec { owner: "me".into(), size: None, max: 1 << 30 };
    let id = store.begin_session(&spec, now).expect("begun").id;
    let mut appender = store.append(id, 0, now).expect("goes on");
    appender.write(&text[..9_000_000]).expect("written");
    appender.pause().expect("paused");
    drop(store);

    // After a restart it goes on where it was, and only its end reaches the bucket.
    let store = open();
    let offset = store.session(id, now).expect("is there").offset;
    assert_eq!(offset, 9_000_000);
    let listed = || {
        runtime().block_on(async { s3.list(None).try_collect::<Vec<_>>().await.expect("lists") })
    };
    assert!(listed().is_empty());
    let mut appender = store.append(id, offset, now).expect("goes on");
    appender.write(&text[9_000_000..]).expect("written");
    let stored = appender.finish(None).expect("ends");
    assert!(store.read(stored.digest, 1 << 30).expect("read") == text);
    let reader = store.reader(stored.digest).expect("opens").range(3 << 20, (3 << 20) + 9);
    let part = reader.expect("within").next_bytes().expect("read").expect("bytes");
    assert!(part == text[3 << 20..(3 << 20) + 9]);

    // What lies in the bucket is sealed, and one changed byte of it is refused.
    let object = listed().remove(0);
    let whole = runtime().block_on(async { s3.get(&object.location).await?.bytes().await });
    let mut whole = whole.expect("read").to_vec();
    assert!(!whole.windows(16).any(|window| window == &text[..16]));
    whole[100 + (1 << 20) + 20] ^= 1;
    let put = s3.put(&object.location, PutPayload::from(whole));
    runtime().block_on(put).expect("put over");
    let error = open().read(stored.digest, 1 << 30).expect_err("was altered");
    assert!(matches!(error, ArtifactError::Damaged { part: Part::Chunk(1), .. }), "{error}");
    assert!(store.remove(stored.digest).expect("removed"));
    assert_eq!(store.reconcile([stored.digest], now).expect("looked").dangling, [stored.digest]);
}
