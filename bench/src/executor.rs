//! What executors add to tasks that do nothing.

use crate::CoreArgs;
use crate::report::Report;
use crate::{processes, threads};

/// Microseconds per trivial task.
pub fn measure(args: &CoreArgs) -> anyhow::Result<Report> {
    let repetitions = args.repetitions.get();
    let mut rows = threads::rows(repetitions)?;
    rows.extend(processes::rows(repetitions)?);
    Ok(Report::new(rows))
}
