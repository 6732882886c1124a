//! Every interleaving, by `shuttle`, of callers that seal and append with one that erases.
//! The keys, their cache, the queue and what the writer does before each batch are the
//! ledger's own code; only the segment is left out.
//!
//! `cargo nextest run -p plimsoll-ledger --features model`

use crate::disk::{RealDisk, Volume};
use crate::keys::Keys;
use crate::ledger::Receipt;
use crate::seal::{Holder, holder_ids, seal};
use crate::sync::Mutex;
use crate::writer::{Item, Queue, settle_keys};
use plimsoll_types::record::{Kind, LeafDraft};
use plimsoll_types::{SystemClock, TenantId, Time};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
/// Interleavings tried.
const RUNS: usize = 3_000;

/// What happened, in its order.
#[derive(Debug, PartialEq, Eq)]
enum Happened {
    /// A record became durable, with this body's key.
    Recorded([u8; 16]),
    /// A record became durable without its body.
    Bare,
    Erased([u8; 16]),
}

struct World {
    keys: Keys,
    volume: Volume,
    queue: Queue,
    log: Mutex<Vec<Happened>>,
}

impl World {
    /// The writer's loop without the segment; with `careless`, what it does before each
    /// batch is left out, which the model must notice.
    fn write(&self, careless: bool) {
        let (mut batch, mut flushes) = (VecDeque::new(), Vec::new());
        while self.queue.take(&mut batch, &mut flushes) {
            let mut ignored = VecDeque::new();
            let checked = if careless { &mut ignored } else { &mut batch };
            let waiting = std::mem::take(&mut flushes);
            settle_keys(&self.keys, &self.volume, checked, &mut flushes).expect("keys");
            for flush in waiting {
                let key = self.keys.erased(0).expect("erased").keys;
                let mut log = self.log.lock().expect("lock");
                log.extend(key.last().map(|key| Happened::Erased(*key.id.as_bytes())));
                drop(flush.send(Ok(())));
            }
            // Here the segment is written and synced; anything may happen meanwhile.
            shuttle::thread::yield_now();
            for item in batch.drain(..) {
                let key = holder_ids(&item.sealed).next();
                let happened = key.map_or(Happened::Bare, Happened::Recorded);
                self.log.lock().expect("lock").push(happened);
                drop(item.done.send(Ok(Receipt { index: 0, seq: 0 })));
            }
        }
    }

    fn append(&self) {
        let holder = Holder::Subject { tenant: TENANT, subject: "ann" };
        let sealed = seal(&self.keys, &[holder], b"about ann").expect("seal");
        let draft = LeafDraft::new(Kind::Decision, [0; 16], TENANT, Time::EPOCH, 0);
        let draft = LeafDraft { sealed: sealed.reference(), ..draft };
        let (done, _) = oneshot::channel();
        let item = Item { draft, sealed: sealed.into_bytes(), tag: None, done };
        if self.queue.put(item).expect("room") {
            self.queue.wake();
        }
    }

    fn erase(&self) {
        let Some(key) = self.keys.find_subject(TENANT, "ann").expect("find") else { return };
        assert!(self.keys.bury(key.as_bytes()).expect("bury"));
        let (done, _) = oneshot::channel();
        self.queue.flush(done).expect("room");
    }
}

fn world(careless: bool, rotate: bool) {
    let folder = tempfile::tempdir().expect("folder");
    let volume = Volume(Arc::new(Unsynced));
    let (keys, _) =
        Keys::open(folder.path(), &volume, Arc::new(SystemClock::new()), None).expect("keys");
    let world = Arc::new(World {
        keys,
        volume,
        queue: Queue::new(16, 1 << 20),
        log: Mutex::new(Vec::new()),
    });
    let run = |work: fn(&World)| {
        let world = Arc::clone(&world);
        shuttle::thread::spawn(move || work(&world))
    };
    let mut threads = vec![
        run(|world| {
            world.append();
            world.append();
        }),
        run(World::append),
        run(World::erase),
    ];
    if rotate {
        threads.push(run(|world| {
            world.keys.rotate(&world.volume).expect("rotate");
        }));
    }
    let writer = {
        let world = Arc::clone(&world);
        shuttle::thread::spawn(move || world.write(careless))
    };
    for thread in threads {
        thread.join().expect("thread");
    }
    world.queue.close();
    writer.join().expect("writer");
    let log = world.log.lock().expect("lock");
    let records = log.iter().filter(|one| !matches!(one, Happened::Erased(_))).count();
    assert_eq!(records, 3, "every record is there once");
    if let Some(at) = log.iter().position(|one| matches!(one, Happened::Erased(_))) {
        let (_, after) = log.split_at(at);
        let Some((Happened::Erased(key), after)) = after.split_first() else { return };
        assert!(
            !after.contains(&Happened::Recorded(*key)),
            "a record under an erased key: {log:?}"
        );
    }
    // What was recorded under a key that is there opens; keys of records are in the journal.
    for one in log.iter() {
        let Happened::Recorded(key) = one else { continue };
        let erased = log.contains(&Happened::Erased(*key));
        assert_eq!(world.keys.by_id(key).expect("read").is_none(), erased, "{log:?}");
    }
}

/// The machine's disk without its syncs: the model is about threads.
#[derive(Debug)]
struct Unsynced;

impl crate::disk::Disk for Unsynced {
    fn create(&self, path: &std::path::Path) -> std::io::Result<std::fs::File> {
        RealDisk.create(path)
    }
    fn allocate(&self, file: &std::fs::File, len: u64) -> std::io::Result<()> {
        file.set_len(len)
    }
    fn write(&self, file: &std::fs::File, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        // A write takes time, in which other threads run.
        shuttle::thread::yield_now();
        RealDisk.write(file, bytes, offset)
    }
    fn truncate(&self, file: &std::fs::File) -> std::io::Result<()> {
        RealDisk.truncate(file)
    }
    fn sync(&self, _: &std::fs::File) -> std::io::Result<()> {
        shuttle::thread::yield_now();
        Ok(())
    }
    fn rename(&self, from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &std::path::Path) -> std::io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_folder(&self, _: &std::path::Path) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_an_erasure_is_durable_no_record_under_its_key_is() {
    shuttle::check_random(|| world(false, false), RUNS);
    shuttle::check_pct(|| world(false, false), RUNS, 3);
}

#[test]
fn a_rotation_beside_them_loses_no_key_and_brings_none_back() {
    shuttle::check_random(|| world(false, true), RUNS);
}

#[test]
#[should_panic(expected = "a record under an erased key")]
fn the_model_notices_a_writer_that_does_not_look() {
    shuttle::check_random(|| world(true, false), RUNS);
}
