//! Cancelled runs stop soon, whatever DataFusion's operators are at.
//!
//! `looks.rs` counts: at every look a kernel could be stopped, and no work follows one that says stop. `runs.rs` cancels
//! whole runs, on threads and on worker processes.

#[cfg(unix)]
#[path = "../common/aftermath.rs"]
mod aftermath;
mod looks;
#[cfg(unix)]
mod program;
#[cfg(unix)]
mod runs;
