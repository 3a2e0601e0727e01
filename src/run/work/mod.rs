//! Observers on the worker's side (law T4): called on the thread, and in the process, where an attempt runs.
//!
//! | | where it runs | what it hears |
//! |---|---|---|
//! | [`Observer`](super::Observer) | the driver | of each task once, when it has ended |
//! | [`WorkObserver`] | where the attempt runs | of each attempt, immediately before and after its kernel |
//!
//! A [`WorkObserver`] is known by a name to the program that runs tasks ([`WorkObservers`]); a run says which of them it
//! wants ([`ObserverRequest`]), and gives each some JSON of its own. What an observer says comes back with
//! the result, also that of an attempt which failed: [`TaskEvent::observed`](super::TaskEvent::observed).
//! An attempt whose worker died says nothing.
//!
//! What observers say is JSON of any kind. The forms of a report for people show the fields of an object one by one, as
//! `cpu.time_us`, and take numbers whose name ends with `_us` for microseconds, and `_bytes` for bytes.

mod context;
#[cfg(any(unix, windows))]
mod cpu;
mod observer;
mod observers;
mod request;

pub use context::{WorkContext, WorkOutcome};
#[cfg(any(unix, windows))]
pub use cpu::CpuTime;
pub use observer::{Observation, WorkObserver};
pub use observers::{Observed, UnknownObserver, WorkObservers};
pub use request::ObserverRequest;
