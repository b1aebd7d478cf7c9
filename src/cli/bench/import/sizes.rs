//! What this machine is, and how much memory this process has.

use std::fs;

/// Ticks of a second in `/proc`, the same on every Linux.
const TICKS: f64 = 100.0;

/// A field of `/proc/self/status`, bytes; `None` where there is none.
fn status(field: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// Resident memory now.
pub(super) fn resident() -> Option<u64> {
    status("VmRSS")
}

/// Resident memory at its peak.
pub(super) fn peak() -> Option<u64> {
    status("VmHWM")
}

/// CPU seconds of this process and of the children that have ended; `None` where nobody tells.
pub(super) fn cpu() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold blanks; user and system time, and those of children, are fields 14 to 17.
    let fields = text.rsplit(')').next()?.split_whitespace().skip(11).take(4);
    let ticks: Option<Vec<u32>> = fields.map(|field| field.parse().ok()).collect();
    Some(f64::from(ticks?.into_iter().sum::<u32>()) / TICKS)
}

/// Processors and system.
pub(super) fn machine() -> String {
    let first = |path: &str, field: &str| -> Option<String> {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(field))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let model = first("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = first("/proc/meminfo", "MemTotal").unwrap_or_default();
    format!("{count} x {model}, {} {}, {memory}", std::env::consts::OS, kernel.trim())
}
