//! What this process used: memory and processor time.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What a process used since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Processor time of all threads, user and system, in seconds.
    pub cpu_seconds: f64,
    /// The most memory that was resident at once, in bytes.
    pub peak_rss_bytes: u64,
}

impl Resources {
    /// What this process used until now; zeros where the system does not say.
    #[must_use]
    pub fn of_this_process() -> Self {
        let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
            return Self::default();
        };
        let seconds = |time: nix::sys::time::TimeVal| {
            let whole = Duration::from_secs(u64::try_from(time.tv_sec()).unwrap_or(0));
            (whole + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap_or(0))).as_secs_f64()
        };
        // Linux counts in kilobytes, macOS in bytes.
        let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
        let counted = u64::try_from(usage.max_rss()).unwrap_or(0).saturating_mul(unit);
        Self {
            cpu_seconds: seconds(usage.user_time()) + seconds(usage.system_time()),
            peak_rss_bytes: high_water_mark().unwrap_or(counted),
        }
    }
}

/// The high-water mark that Linux keeps of this program alone: getrusage also counts what stood in
/// memory before the process became this program.
fn high_water_mark() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_touched_is_counted() {
        let before = Resources::of_this_process();
        let block = vec![7_u8; 64 << 20];
        let after = Resources::of_this_process();
        assert!(block.iter().all(|&byte| byte == 7));
        assert!(after.peak_rss_bytes >= 64 << 20, "{after:?}");
        assert!(after.cpu_seconds >= before.cpu_seconds);
    }
}
