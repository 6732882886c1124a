//! A large artifact goes in and out through little memory. Each test is a process of its own.

use crate::bench::{MAX, NOW, bench, spec};
use std::fs;

/// What the process ever held in memory, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
}

fn through(mib: u64, bound_kib: u64) {
    let bench = bench(20);
    let mut piece = vec![0_u8; 1 << 16];
    let before = peak();
    let id = bench.store.begin_session(&spec(Some(mib << 20)), NOW).expect("begun").id;
    let mut appender = bench.store.append(id, 0, NOW).expect("goes on");
    for number in 0..mib * 16 {
        piece[..8].copy_from_slice(&number.to_le_bytes());
        appender.write(&piece).expect("written");
    }
    let stored = appender.finish(None).expect("ends");
    let mut reader = bench.store.reader(stored.digest).expect("opens");
    let mut size = 0;
    while let Some(bytes) = reader.next_bytes().expect("read") {
        size += bytes.len() as u64;
    }
    assert_eq!((size, stored.size), (mib << 20, mib << 20));
    assert!(size <= MAX);
    let grown = peak() - before;
    println!("{mib} MiB in and out: {grown} KiB more memory at the peak");
    assert!(grown < bound_kib, "{grown} KiB for {mib} MiB");
}

#[test]
fn sixty_four_megabytes_go_through_sixteen() {
    through(64, 16 << 10);
}

#[test]
fn soak_a_gigabyte_goes_through_as_little() {
    through(1 << 10, 16 << 10);
}
