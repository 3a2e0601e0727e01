//! The binary, as a user meets it.

mod aftermath;
mod errors;
mod explain;
#[cfg(target_os = "linux")]
mod held_file;
mod interrupt;
mod process;
mod report;
#[cfg(target_os = "linux")]
mod retries;
mod rules;
mod run;
mod walk;
mod why;
#[cfg(target_os = "linux")]
mod workers;
