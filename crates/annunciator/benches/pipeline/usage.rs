//! A process into the CPU time and the memory that it used, by `/proc`.

use std::fs;
use std::process;

/// Where a process stood when the measurement began.
pub(crate) struct Usage {
    pid: u32,
    cpu_s: f64,
}

impl Usage {
    /// Begins for another process.
    pub(crate) fn begin(pid: u32) -> Self {
        Self { pid, cpu_s: cpu_s(pid) }
    }

    /// Begins for this process; the peak of its memory so far is forgotten.
    pub(crate) fn begin_own() -> Self {
        // Without it the peak is that of an earlier program: the figure is larger, not wrong.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self::begin(process::id())
    }

    /// CPU seconds for each thousand of `count` since the beginning.
    pub(crate) fn cpu_s_per_1000(&self, count: u32) -> f64 {
        (cpu_s(self.pid) - self.cpu_s) * 1_000.0 / f64::from(count)
    }

    /// Most memory so far. Unit: MiB.
    pub(crate) fn peak_rss_mib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.pid);
        let status = fs::read_to_string(path).expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        let kib: u32 = number.and_then(|text| text.parse().ok()).expect("the kernel says so");
        f64::from(kib) / 1_024.0
    }
}

/// User and system time so far, of all threads that live and have lived.
fn cpu_s(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    // The name before the last bracket may hold anything; fields 14 and 15 are the times.
    let (_, fields) = stat.rsplit_once(')').expect("the kernel writes it so");
    let ticks = |field: usize| -> u32 {
        let text = fields.split_whitespace().nth(field);
        text.and_then(|text| text.parse().ok()).expect("the kernel writes numbers")
    };
    let per_s = u32::try_from(rustix::param::clock_ticks_per_second()).expect("it is about 100");
    f64::from(ticks(11) + ticks(12)) / f64::from(per_s)
}
