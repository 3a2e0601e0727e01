//! The protocol between a driver and whoever runs its tasks, as a type.
//!
//! A [`Lifecycle`] knows a graph as numbers only ([`Topology`]): no data, no threads, no clock. It is told what happened
//! ([`Message`], and [`Lifecycle::submit`] for what the driver does itself) and answers with what follows
//! ([`Effect`]). Every executor has one of these between its tasks and its workers, be they threads, processes or a
//! cluster, so that all keep the same laws, whatever the order, loss, lateness or repetition of messages:
//!
//! * every planned task ends exactly once (law T1);
//! * an attempt counts once, and only the current one of its task does;
//! * a task is tried at most once more than there are retries;
//! * nothing is submitted once the run stops;
//! * every future, and every port that was made, is released exactly once, or belongs to the result;
//! * the run is over, exactly once, when the last task has ended.
//!
//! A task goes through these phases (`-` is an [`Ignored`] message, which changes nothing):
//!
//! | message | waiting | ready | submitted, running | ended |
//! |---|---|---|---|---|
//! | [`submit`](Lifecycle::submit) | submitted (engines that order tasks themselves) | submitted, attempt + 1 | - | - |
//! | its last input is there | ready | | | |
//! | a future of its failed, or is lost | ended: failed, lost | | ended, if it was submitted early | - |
//! | the same, of data that were there; `RowsGone` of what it reads | ended: failed, lost | ended: failed, lost | - | - |
//! | `Started`, of the current attempt | - | - | running | - |
//! | `Answered` ok | - | - | ended: ok | - |
//! | `Answered` failed | - | - | ready again while retries are left and it says so, or ended: failed | - |
//! | `Answered` cancelled | - | - | ended: cancelled; failed, if nobody had asked | - |
//! | `Lost` | - | - | ready again while retries are left, or ended: lost | - |
//! | `Cached` | ended: cached | ended: cached | - | - |
//! | `Unneeded`, or its last reader has ended | ended: skipped | ended: skipped | - | - |
//! | `Cancel`; a task ended failed or lost | when nobody works any more, ended: upstream-failed below what failed, else cancelled | the same | asked to stop; the answer decides | - |
//!
//! The worker is the source of what it ran (ok, failed, cancelled between two batches); the driver says the rest, since
//! nobody else can: see [`Side`].

mod effect;
mod machine;
mod message;
mod phase;
mod topology;

pub use effect::{Effect, Resource, Side};
pub use machine::Lifecycle;
pub use message::{Answer, Ignored, Message};
pub use phase::Phase;
pub use topology::{Topology, TopologyBuilder, TopologyError};
