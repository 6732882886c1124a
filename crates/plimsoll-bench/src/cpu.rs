//! CPU time of processes, from the kernel's `/proc/<pid>/stat` (proc_pid_stat(5)).
//! It must not know what the processes do.

use std::collections::BTreeMap;

/// Clock ticks per second in `/proc`: USER_HZ, which is 100 on every Linux this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is read of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time of all its threads, dead ones included, in ticks.
    ticks: u64,
    /// The same of its children that ended and were waited for.
    waited: u64,
}

/// CPU seconds, user and system, that `roots` and their descendants have used so far.
pub(crate) fn seconds(roots: &[u32]) -> f64 {
    if roots.is_empty() {
        return 0.0;
    }
    let all = processes();
    let ticks: u64 = all
        .iter()
        .filter(|(pid, _)| descends(&all, **pid, roots))
        .map(|(_, stat)| stat.ticks + stat.waited)
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "ticks of a run are far below 2^53")]
    let ticks = ticks as f64;
    ticks / TICKS_PER_SECOND
}

fn processes() -> BTreeMap<u32, Stat> {
    let Ok(entries) = fs_err::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        // A process may end between the two reads; it then is not counted.
        let text = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse(&text)?))
    })
    .collect()
}

fn descends(all: &BTreeMap<u32, Stat>, pid: u32, roots: &[u32]) -> bool {
    let mut pid = pid;
    // A chain of parents is never longer than the number of processes.
    for _ in 0..=all.len() {
        if roots.contains(&pid) {
            return true;
        }
        match all.get(&pid) {
            Some(stat) if stat.parent != 0 => pid = stat.parent,
            _ => return false,
        }
    }
    false
}

/// The name of the command is in parentheses and may hold spaces and parentheses, so fields are
/// counted from the last one.
fn parse(stat: &str) -> Option<Stat> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // proc_pid_stat(5) numbers fields from 1; the first one here is number 3.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(4)?).ok()?,
        ticks: number(14)? + number(15)?,
        waited: number(16)? + number(17)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_an_awkward_name() {
        let line = "42 (a) (b c)) S 7 42 42 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7";
        assert_eq!(parse(line), Some(Stat { parent: 7, ticks: 120, waited: 7 }));
        assert_eq!(parse("42 (cut"), None);
        assert_eq!(parse("42 (cut) S 1 2"), None);
    }

    #[test]
    fn descendants_count_and_strangers_do_not() {
        let stat = |parent| Stat { parent, ticks: 1, waited: 0 };
        let all =
            BTreeMap::from([(1, stat(0)), (2, stat(1)), (3, stat(2)), (4, stat(1)), (5, stat(5))]);
        let found: Vec<u32> =
            all.keys().copied().filter(|pid| descends(&all, *pid, &[2])).collect();
        assert_eq!(found, [2, 3]);
    }
}
