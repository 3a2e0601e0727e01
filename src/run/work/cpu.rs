use std::time::Duration;

use cpu_time::ThreadTime;
use serde_json::json;

use super::{Observation, WorkContext, WorkObserver, WorkOutcome};

/// The time that a processor spent on an attempt, user and system together: `{"time_us": 1204.5}`.
///
/// What is missing to the attempt's own time went by while it waited: for a disk, for a lock, for a turn on a busy machine.
/// It is the time of the thread that runs the kernel; what a kernel has other threads do does not count.
/// It says nothing where the system does not count the time of threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime;

impl WorkObserver for CpuTime {
    fn on_start<'a>(&'a self, _: &'a WorkContext) -> Box<dyn Observation + 'a> {
        let started = ThreadTime::try_now().ok();
        Box::new(move |_: &WorkOutcome<'_>| {
            let took: Duration = started?.try_elapsed().ok()?;
            Some(json!({ "time_us": took.as_nanos() as f64 / 1e3 }))
        })
    }
}
