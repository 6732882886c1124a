//! The peak of this process's memory, from the kernel (proc_pid_status(5)).

/// The highest resident memory any input may drive the fuzzer to, in KiB. Parsers here promise
/// at most some tens of MiB for the small inputs they get; the rest is the fuzzer's own.
pub(crate) const CEILING_KIB: u64 = 512 << 10;

/// The highest resident memory so far, in KiB; 0 where the kernel does not say.
pub(crate) fn peak_kib() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

/// Forgets the peak. Where the kernel does not allow it, the old peak stays.
pub(crate) fn reset_peak() {
    drop(fs_err::write("/proc/self/clear_refs", "5"));
}
