use std::time::Duration;

/// A task as short as this is not worth two system calls.
const WORTH_MEASURING: Duration = Duration::from_millis(2);

/// The most memory that this process had resident since it was last asked, in bytes: what the operating
/// system counts, with everything that the process holds besides the task. `None` where the system does not
/// say (anything but Linux), and after tasks of less than 2 ms, whose peak then counts for the next that is
/// longer.
pub(super) fn peak_memory(ran: Duration) -> Option<u64> {
    if ran < WORTH_MEASURING {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    // Starts the count anew. A system that refuses has no peak per task.
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    peak_of(&status)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status_of_a_process() {
        assert_eq!(peak_of("Name:\tx\nVmHWM:\t   13576 kB\nVmRSS:\t 1 kB\n"), Some(13576 * 1024));
        assert_eq!(peak_of("VmHWM:\tmany\n"), None);
        assert_eq!(peak_of(""), None);
    }

    #[test]
    fn short_tasks_are_not_measured() {
        assert_eq!(peak_memory(Duration::from_micros(10)), None);
    }

    #[test]
    fn a_task_has_the_peak_of_its_own_time() {
        let long = Duration::from_secs(1);
        let Some(before) = peak_memory(long) else { return };
        let block = vec![1u8; 64 << 20];
        std::hint::black_box(&block);
        let with = peak_memory(long).expect("it was measured just now");
        assert!(with >= before.min(64 << 20) && with >= 64 << 20, "{with}");
    }
}
