//! What executors add to tasks that do nothing.

use crate::CoreArgs;
use crate::processes;
use crate::report::Report;

/// Microseconds per trivial task.
pub fn measure(args: &CoreArgs) -> anyhow::Result<Report> {
    Ok(Report::new(processes::rows(args.repetitions.get())?))
}
