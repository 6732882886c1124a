//! What a durable record costs: appends per second and CPU per record at several numbers of
//! waiting callers, against a bare loop of write and fdatasync; and what sealing costs.
//!
//! `cargo run --release -p plimsoll-ledger --example bench_append [folder] [seconds]`
#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(clippy::disallowed_methods, reason = "measures time")]

use plimsoll_ledger::{Holder, Ledger, LedgerConfig};
use plimsoll_types::record::{Kind, LeafDraft};
use plimsoll_types::{Clock, DecisionId, SystemClock, TenantId};
use std::error::Error;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// User and system time of all threads of this process.
fn cpu() -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = fields.get(11).unwrap_or(&"0").parse::<u64>()?
        + fields.get(12).unwrap_or(&"0").parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Resident memory.
fn memory() -> Outcome<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    Ok(status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned())
}

fn bare(folder: &Path, time: Duration) -> Outcome {
    let file = std::fs::File::create(folder.join("bare"))?;
    file.write_all_at(&vec![0; 64 << 20], 0)?;
    file.sync_all()?;
    let (started, before, mut count) = (Instant::now(), cpu()?, 0_u32);
    while started.elapsed() < time {
        file.write_all_at(&[1; 1024], u64::from(count % 60_000) * 1024)?;
        file.sync_data()?;
        count += 1;
    }
    report(
        "bare write + fdatasync, one caller",
        count.into(),
        started.elapsed(),
        cpu()?.saturating_sub(before),
    );
    std::fs::remove_file(folder.join("bare"))?;
    Ok(())
}

fn report(what: &str, count: u64, elapsed: Duration, cpu: Duration) {
    let each = |time: Duration| time.as_secs_f64() * 1e6 / count.max(1) as f64;
    println!(
        "{what:44} {:>9.0}/s   {:>7.2} µs CPU each   {:>8.2} µs between",
        1e6 / each(elapsed),
        each(cpu),
        each(elapsed)
    );
}

fn sealing(ledger: &Ledger, tenant: TenantId) -> Outcome {
    const ROUNDS: u64 = 200_000;
    let body = [5; 600];
    let started = Instant::now();
    for i in 0..ROUNDS {
        let subject = format!("person {}", i % 500);
        ledger.seal(&[Holder::Subject { tenant, subject: &subject }], &body)?;
    }
    report("seal 600 bytes, known subject", ROUNDS, started.elapsed(), started.elapsed());
    let started = Instant::now();
    for i in 0..20_000 {
        let subject = format!("new person {i}");
        ledger.seal(&[Holder::Subject { tenant, subject: &subject }], &body)?;
    }
    report("seal 600 bytes, new subject", 20_000, started.elapsed(), started.elapsed());
    Ok(())
}

/// Makes a million keys, to see what they cost at the next start.
fn many_keys(ledger: &Ledger, tenant: TenantId) -> Outcome {
    let clock = SystemClock::new();
    for round in 0..20 {
        for i in 0..50_000 {
            let subject = format!("one of a million {round} {i}");
            ledger.seal(&[Holder::Subject { tenant, subject: &subject }], &[])?;
        }
        // A commit takes the new keys along.
        let now = clock.now();
        let draft = LeafDraft::new(
            Kind::Decision,
            *DecisionId::new(now).as_bytes(),
            tenant,
            now,
            clock.monotonic(),
        );
        ledger.append_blocking(draft, plimsoll_ledger::Sealed::none(), None)?;
    }
    Ok(())
}

/// One task per caller on two workers, as the gateway has it; sealing included.
fn appends(
    ledger: &Ledger,
    tenant: TenantId,
    callers: u64,
    fresh: bool,
    time: Duration,
) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let (started, before, first) = (Instant::now(), cpu()?, ledger.stats());
    runtime.block_on(async {
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    let clock = SystemClock::new();
                    let mut round = 0_u64;
                    while started.elapsed() < time {
                        round += 1;
                        let subject = if fresh {
                            format!("{callers} {caller} {round}")
                        } else {
                            format!("person {}", round % 500)
                        };
                        let now = clock.now();
                        let draft = LeafDraft::new(
                            Kind::Decision,
                            *DecisionId::new(now).as_bytes(),
                            tenant,
                            now,
                            clock.monotonic(),
                        );
                        let Ok(sealed) = ledger
                            .seal(&[Holder::Subject { tenant, subject: &subject }], &[5; 600])
                        else {
                            return;
                        };
                        let Ok(durable) = ledger.append(draft, sealed, None) else { return };
                        if durable.await.is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            if task.await.is_err() {
                println!("a caller failed");
            }
        }
    });
    let last = ledger.stats();
    let count = last.records - first.records;
    let batch = count as f64 / (last.batches - first.batches).max(1) as f64;
    let what =
        format!("{callers} callers{}, batch {batch:.1}", if fresh { ", new subjects" } else { "" });
    report(&what, count, started.elapsed(), cpu()?.saturating_sub(before));
    Ok(())
}

fn main() -> Outcome {
    let mut args = std::env::args().skip(1);
    let folder =
        args.next().map_or_else(std::env::temp_dir, Into::into).join("plimsoll-bench-append");
    let time = Duration::from_secs_f64(args.next().map_or(Ok(2.0), |s| s.parse())?);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let tenant = TenantId::from_bytes([1; 16]);
    let config = LedgerConfig::new(folder.join("data"), folder.join("keys"), tenant);
    let started = Instant::now();
    let (ledger, _) = Ledger::open(config.clone(), Arc::new(SystemClock::new()))?;
    println!("first start {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    sealing(&ledger, tenant)?;
    bare(&folder, time)?;
    for callers in [1, 16, 64, 256] {
        appends(&ledger, tenant, callers, false, time)?;
    }
    appends(&ledger, tenant, 64, true, time)?;
    many_keys(&ledger, tenant)?;
    println!("{:?}", ledger.stats());
    ledger.close()?;
    drop(ledger);
    let started = Instant::now();
    let idle = memory()?;
    let (ledger, recovery) = Ledger::open(config, Arc::new(SystemClock::new()))?;
    println!("start {:.1} ms: {recovery:?}", started.elapsed().as_secs_f64() * 1e3);
    println!("memory before {idle}, after {}", memory()?);
    ledger.close()?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
