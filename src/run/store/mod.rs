//! What is kept of a run's rows, for whom, and where: in memory while there is room, in temporary files beyond.

mod log;
mod meter;
mod port;
mod rows;
mod target;

pub(super) use log::{SpillLog, SpilledRows};
pub(super) use meter::SpillMeter;
pub(super) use port::{Held, Store, Use, Victim};
pub(super) use rows::{Rows, bytes_of};
pub use target::{SpillError, SpillFile, SpillTarget, TemporaryFolder};
