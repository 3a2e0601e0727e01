//! What executors add to tasks that do nothing, and how soon they stop those that do much.

use crate::CoreArgs;
use crate::report::Report;
use crate::{cancellation, processes, threads};

/// Microseconds per trivial task; milliseconds from a cancellation to the end.
pub fn measure(args: &CoreArgs) -> anyhow::Result<Report> {
    let repetitions = args.repetitions.get();
    let mut rows = threads::rows(repetitions)?;
    rows.extend(processes::rows(repetitions)?);
    rows.extend(cancellation::rows()?);
    Ok(Report::new(rows))
}
