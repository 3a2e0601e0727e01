//! Fragments and task graphs as documents: see [`crate::expr::wire`] for what documents share.
//!
//! A [`FragmentDocument`] is what a driver sends to its workers, one per stage; a [`TasksDocument`] is a
//! whole graph, each fragment in it once. Tasks refer to earlier tasks and to fragments by index. Task
//! tokens are computed again on reading and must be what the document says.

mod check;
mod fragment;
mod tasks;

pub use fragment::FragmentDocument;
pub use tasks::TasksDocument;
