//! The classic traps of SQL, pinned on the reference interpreter.

mod aggregates;
mod equivalences;
mod joins;
mod query;
mod rows;
mod scalars;
