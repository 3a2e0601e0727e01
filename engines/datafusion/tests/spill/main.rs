//! DataFusion's operators within little memory: what they cannot hold goes to the executor's temporary files, and nothing
//! of it is left, however the task ends.

mod account;
#[cfg(unix)]
#[path = "../common/aftermath.rs"]
mod aftermath;
mod disk;
mod faults;
mod operators;
#[cfg(unix)]
mod program;
#[cfg(unix)]
mod runs;
mod slices;
