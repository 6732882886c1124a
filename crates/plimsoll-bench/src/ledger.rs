//! What a durable record costs, beside a bare loop of write and sync, each a run of its own, so that
//! whoever compares them can take turns. And what verification costs.

use crate::cpu;
use crate::latency::{Histogram, Summary};
use clap::{Args, Subcommand};
use plimsoll_ledger::{
    HeadError, Holder, Ledger, LedgerConfig, LedgerError, LedgerReader, PublishConfig, TreeHead,
    TreeHeads, Verification,
};
use plimsoll_types::record::{Kind, LeafDraft, ResultClass};
use plimsoll_types::{Clock, DecisionId, SystemClock, TenantId};
use serde::Serialize;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Bytes of the file that a bare loop goes through: those of a segment.
const FILE_BYTES: u64 = 64 << 20;
/// Different people that records are about, as in a service whose callers come back.
const SUBJECTS: u64 = 500;
/// Records that wait at once while a ledger is filled.
const FILL_AT_ONCE: u64 = 2_000;

#[derive(Args)]
pub(crate) struct LedgerArgs {
    /// An empty folder on the disk to measure.
    #[arg(long)]
    folder: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Seal and append records from some callers that wait for each.
    Append {
        #[arg(long, default_value_t = 1)]
        callers: u64,
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
        /// Bytes of a body before it is sealed.
        #[arg(long, default_value_t = 600)]
        body: usize,
    },
    /// Write and fdatasync, over and over.
    Bare {
        /// Bytes of each write.
        #[arg(long)]
        bytes: usize,
        /// Append to a file that grows. Without it: overwrite zeros that are there already.
        #[arg(long)]
        grow: bool,
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
    },
    /// Fill a ledger, publish it, and verify it.
    Verify {
        #[arg(long, default_value_t = 300_000)]
        entries: u64,
        #[arg(long, default_value_t = 600)]
        body: usize,
    },
}

/// What was measured.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Report {
    Writes(Writes),
    Verified(VerifiedReport),
}

/// Of writing.
#[derive(Serialize)]
pub(crate) struct Writes {
    records_per_second: f64,
    bytes_per_second: f64,
    /// Bytes of one record as it lies on the disk.
    record_bytes: f64,
    /// Of what is made durable at once.
    batch_records: f64,
    batch_bytes: f64,
    cpu_us_per_record: f64,
    /// From the beginning of a record to its acknowledgement.
    latency: Summary,
}

/// Of verifying.
#[derive(Serialize)]
pub(crate) struct VerifiedReport {
    entries: u64,
    /// Chain, leaves, tree, tiles, bundles; bodies' digests left out.
    tree_per_cpu_second: f64,
    /// The same with bodies' digests.
    all_per_cpu_second: f64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerBenchError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("the ledger stopped publishing")]
    NotPublished,
    #[error("nothing was written")]
    Nothing,
}

type Outcome<T> = Result<T, LedgerBenchError>;

pub(crate) fn run(args: &LedgerArgs) -> Outcome<Report> {
    let folder = &args.folder;
    fs_err::create_dir_all(folder)?;
    match args.what {
        What::Append { callers, seconds, body } => append(folder, callers, seconds, body),
        What::Bare { bytes, grow, seconds } => bare(folder, bytes, grow, seconds),
        What::Verify { entries, body } => verify(folder, entries, body),
    }
}

/// What several callers count together.
struct Tally {
    clock: SystemClock,
    until: u64,
    started: u64,
    cpu: f64,
    latency: Mutex<Histogram>,
}

impl Tally {
    fn new(seconds: f64) -> Self {
        let clock = SystemClock::new();
        let started = clock.monotonic();
        let nanos = u64::try_from(Duration::from_secs_f64(seconds).as_nanos()).unwrap_or(u64::MAX);
        let until = started.saturating_add(nanos);
        let latency = Mutex::new(Histogram::new());
        Self { clock, until, started, cpu: cpu::seconds(&[std::process::id()]), latency }
    }
    /// The time of a beginning, until the time is over.
    fn begin(&self) -> Option<u64> {
        Some(self.clock.monotonic()).filter(|&now| now < self.until)
    }
    fn end(&self, begun: u64) {
        let nanos = self.clock.monotonic().saturating_sub(begun);
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).add(nanos);
    }
    fn report(self, batches: u64, bytes: u64) -> Outcome<Report> {
        let elapsed = Duration::from_nanos(self.clock.monotonic() - self.started).as_secs_f64();
        let cpu = cpu::seconds(&[std::process::id()]) - self.cpu;
        let latency = self.latency.into_inner().unwrap_or_else(PoisonError::into_inner);
        if latency.total() == 0 {
            return Err(LedgerBenchError::Nothing);
        }
        let (records, batches, bytes) =
            (number(latency.total()), number(batches.max(1)), number(bytes));
        Ok(Report::Writes(Writes {
            records_per_second: records / elapsed,
            bytes_per_second: bytes / elapsed,
            record_bytes: bytes / records,
            batch_records: records / batches,
            batch_bytes: bytes / batches,
            cpu_us_per_record: cpu * 1e6 / records,
            latency: latency.summary(),
        }))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

fn tenant() -> TenantId {
    TenantId::from_bytes([1; 16])
}

fn draft(clock: &SystemClock) -> LeafDraft {
    let (now, monotonic) = (clock.now(), clock.monotonic());
    let id = *DecisionId::new(now).as_bytes();
    let mut draft = LeafDraft::new(Kind::Decision, id, tenant(), now, monotonic);
    draft.result = Some(ResultClass::Answered);
    draft
}

fn open(folder: &Path) -> Outcome<Ledger> {
    let config = LedgerConfig::new(folder.join("data"), folder.join("keys"), tenant());
    let (ledger, _) = Ledger::open(config, Arc::new(SystemClock::new()))?;
    Ok(ledger)
}

/// One task per caller on two workers, as the gateway has it; sealing included.
fn append(folder: &Path, callers: u64, seconds: f64, body: usize) -> Outcome<Report> {
    let ledger = open(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    // Until the keys are known and the next segment is made.
    runtime.block_on(callers_of(&ledger, &Arc::new(Tally::new(1.0)), callers, body))?;
    let first = ledger.stats();
    let tally = Arc::new(Tally::new(seconds));
    runtime.block_on(callers_of(&ledger, &tally, callers, body))?;
    let last = ledger.stats();
    let tally = Arc::try_unwrap(tally).map_err(|_| LedgerBenchError::Nothing)?;
    let report = tally.report(last.batches - first.batches, last.bytes - first.bytes);
    ledger.close()?;
    report
}

async fn callers_of(ledger: &Ledger, tally: &Arc<Tally>, callers: u64, body: usize) -> Outcome<()> {
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        tasks.spawn(caller(ledger.clone(), Arc::clone(tally), number, body));
    }
    for done in tasks.join_all().await {
        done?;
    }
    Ok(())
}

async fn caller(ledger: Ledger, tally: Arc<Tally>, number: u64, body: usize) -> Outcome<()> {
    let (clock, body, mut round) = (SystemClock::new(), vec![5; body], number);
    while let Some(begun) = tally.begin() {
        round += 1;
        let subject = format!("person {}", round % SUBJECTS);
        let holder = Holder::Subject { tenant: tenant(), subject: &subject };
        let sealed = ledger.seal(&[holder], &body)?;
        ledger.append(draft(&clock), sealed, None)?.await?;
        tally.end(begun);
    }
    Ok(())
}

fn bare(folder: &Path, bytes: usize, grow: bool, seconds: f64) -> Outcome<Report> {
    let path = folder.join("bare");
    let file = File::create(&path)?;
    if !grow {
        let zeros = vec![0; 1 << 20];
        for at in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, at)?;
        }
    }
    file.sync_all()?;
    let (data, length) = (vec![1; bytes], u64::try_from(bytes).unwrap_or(FILE_BYTES));
    let (tally, mut at, mut writes) = (Tally::new(seconds), 0, 0);
    while let Some(begun) = tally.begin() {
        file.write_all_at(&data, at)?;
        file.sync_data()?;
        tally.end(begun);
        writes += 1;
        at += length;
        if !grow && at + length > FILE_BYTES {
            at = 0;
        }
    }
    fs_err::remove_file(path)?;
    tally.report(writes, writes * length)
}

/// The head of the tree of a ledger that lives as long as the measurement.
#[derive(Debug, Default)]
struct Heads(Mutex<Option<TreeHead>>);

impl TreeHeads for Heads {
    fn load(&self) -> Result<Option<TreeHead>, HeadError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
    fn advance(&self, expected: Option<&TreeHead>, next: &TreeHead) -> Result<(), HeadError> {
        let mut head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if head.as_ref() != expected {
            return Err(HeadError::Conflict);
        }
        *head = Some(next.clone());
        Ok(())
    }
}

fn verify(folder: &Path, entries: u64, body: usize) -> Outcome<Report> {
    let heads = Arc::new(Heads::default());
    let (ledger, clock, body) = (open(folder)?, SystemClock::new(), vec![5; body]);
    let publishing = PublishConfig::new("example.com/bench".to_owned());
    ledger.publish(&publishing, Arc::clone(&heads) as Arc<dyn TreeHeads>, Vec::new())?;
    let mut done = 0;
    while done < entries {
        let count = FILL_AT_ONCE.min(entries - done);
        let mut waiting = Vec::new();
        for number in done..done + count {
            let subject = format!("person {}", number % SUBJECTS);
            let holder = Holder::Subject { tenant: tenant(), subject: &subject };
            let sealed = ledger.seal(&[holder], &body)?;
            waiting.push(ledger.append(draft(&clock), sealed, None)?);
        }
        waiting.into_iter().try_for_each(|record| record.wait().map(|_| ()))?;
        done += count;
    }
    ledger.close()?;
    let reader = LedgerReader::open(&folder.join("data"), None)?;
    let head = heads.load().ok().flatten();
    let rate = |skip_bodies| -> Outcome<f64> {
        let verification =
            Verification { head: head.clone(), skip_bodies, ..Verification::default() };
        let before = cpu::seconds(&[std::process::id()]);
        let found = reader.verify_with(&verification, |_| {})?;
        if found.entries != entries || found.published != entries {
            return Err(LedgerBenchError::NotPublished);
        }
        Ok(number(entries) / (cpu::seconds(&[std::process::id()]) - before))
    };
    Ok(Report::Verified(VerifiedReport {
        entries,
        tree_per_cpu_second: rate(true)?,
        all_per_cpu_second: rate(false)?,
    }))
}
