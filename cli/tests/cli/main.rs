//! The binary, as a user meets it.

mod errors;
mod explain;
mod interrupt;
mod process;
mod report;
mod rules;
mod run;
mod walk;
mod why;
