//! Memory: what this machine has, and what the process took.

use sysinfo::System;

/// Bytes that can be had without swapping, within the limit of a container; none where the system does not say.
pub(crate) fn available_bytes() -> Option<usize> {
    let mut system = System::new();
    system.refresh_memory();
    let machine = system.available_memory();
    // What the container holds of files in its cache is given up when memory is short.
    let container = system.cgroup_limits().map(|c| c.total_memory.saturating_sub(c.rss));
    let bytes = container.map_or(machine, |container| container.min(machine));
    usize::try_from(bytes).ok().filter(|&bytes| bytes > 0)
}

/// The most bytes that this process has held, files mapped into memory included.
pub(crate) fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
