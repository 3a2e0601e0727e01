//! The driver's book of a run on an engine that orders tasks itself: Dask, Ray.
//!
//! Such an engine is given all tasks at once, except below limits, whose first sources may have enough rows
//! ([`Ledger::take_sendable`]). It decides what runs when and where, tries again what died with a worker, and
//! uses what it has in memory already; the driver only hears of it, and not of all of it. A [`Ledger`] makes exactly
//! one terminal event per planned task of what is heard (law T1), whatever comes late, twice, or never. It keeps the
//! [protocol](super::lifecycle), so whoever feeds it, in whatever language, cannot break it.
//!
//! | what is heard | what the book makes of it |
//! |---|---|
//! | an execution of a task began, and it is none that is known | an attempt; what the task reads must be there. If there was an attempt under way, that one did not count |
//! | an execution ended well | ok, with what the worker measured |
//! | it raised an error | failed; while the engine has retries left, an attempt that does not count as soon as there is another one |
//! | it stopped because it was told to | cancelled, if the run is stopping; else the same |
//! | its worker is gone | the same; lost, once the engine gives the task up |
//! | a task must have its rows (it is an output that is there, or something that reads it began), and nobody ever ran it | cached; what only cached tasks read is skipped |
//! | the same, and an execution never said how it ended | ok, with what is known: its event died with its worker |
//! | a worker took rows along that somebody still reads, and an execution makes them again | the event that was told stands; in the report the task has the last execution, and the one whose rows were lost as an attempt |
//! | the same, that execution has not said how it ended, and something that reads the rows began | it gave them, if the reader began after it and after the loss; else what the reader read are the rows that were lost |
//! | the same, and that raises an error, or needs a future that is lost, too | what has yet to read the rows failed, or is lost: also what died or stopped and was to be run again, with that attempt as one that did not count |
//! | a future gives no data (law L5), or has lost them before it was read | what reads it failed, or is lost |
//! | the first sources of a limit have enough rows | the others are skipped, if nobody else reads them; also what began, with that attempt as one that did not count, once it stops, fails, or is given up |
//! | an output failed, and nobody says where | what had failed and waited for a retry failed; else the output |
//!
//! An attempt counts from the first word of it, so what an engine has taken but not begun is no attempt.

mod book;
mod execution;
mod hearing;
mod limit;
mod remaking;
mod sending;

pub use book::Ledger;
pub use execution::{Execution, ExecutionEnd, ExecutionResult, Given};
pub use sending::Sendable;
