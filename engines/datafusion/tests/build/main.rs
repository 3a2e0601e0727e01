//! Build sides of hash joins that the tasks of a stage share.

mod builds;
mod faults;
mod kinds;
mod runs;
mod stage;
