//! Worker processes: the second executor, which proves the protocol that all share.
//!
//! The driver's side is [`ProcessExecutor`] over [`ProcessWorkers`], the worker's side [`serve`], and
//! [`worker_process`] for a process of its own. It is a mode for isolation (what crashes takes only its own task down) and the stand-in for
//! distributed engines in tests; it is no cluster.
//!
//! # What they say to each other
//!
//! One connection per process, a pair of Unix sockets or the standard streams, in frames: one byte of kind,
//! eight of length (little-endian), and the body. Rows are Arrow IPC streams, everything else is JSON.
//!
//! ```text
//!   driver                                     worker
//!   Hello  versions, heartbeat     <-------->  Hello  versions, pid, host,    either another version: both say so, and part
//!                                              names of observers
//!   Ping                           --------->                                 five rounds: the shortest places the
//!                                  <---------  Pong   its clock               worker's clock on the driver's time line
//!   Fragment  token, document      --------->                                 once per process and token
//!   Task  attempt, token, inputs,  --------->
//!         stage, memory and
//!         observers, if any
//!   Data  a stream ..              --------->                                 one per source that is sent (none for no batch,
//!                                                                             more for batches of several schemas)
//!                                  <---------  Heartbeat                      while it runs
//!   Cancel  attempt                --------->                                 perhaps
//!                                  <---------  Answer  attempt, times, rows per node, or error with trace, or cancelled;
//!                                                      what was observed
//!                                  <---------  Data  a stream ..              one per port
//!   Drop  numbers                  --------->                                 of rows and stages that were to be kept
//!   Forget                         --------->                                 all fragments so far
//! ```
//!
//! Rows that other tasks will read, too, such as the small side of a broadcast join, are sent once per process, with a number
//! that later tasks name; the process keeps them until they are dropped. The driver drops a number as soon as its own rows are
//! gone: when the last reader has ended, or when they went to a file for want of memory, from which each reader's are sent
//! alone. So each process keeps at most what the driver keeps for readers, which a limit of memory binds. A process
//! that was started anew is sent everything again.
//!
//! What tasks of a stage share ([`StageState`](super::StageState)) has a number, too, where they read anything alike: the process
//! keeps one of its own until the driver's is gone.
//!
//! A run's limit of memory is told with each of its tasks, for a process serves all runs: an equal share of it for each process,
//! against which count what its kernels say that they hold and the rows that it keeps. What finds no room goes to files
//! of its own, in the folder that the task names.
//!
//! An attempt is numbered within its connection and answered once. The worker says when it ran, by its own clock: durations
//! are exact, and the place is estimated (law T2). The end of the stream ends a worker, whatever it does, so a
//! driver that dies leaves no process. A worker that dies, says nothing within [`ProcessOptions::silence`], answers twice
//! or with half a stream, or says anything else out of turn is killed and reaped, and its attempt is lost, with the
//! cause in words and the last of what it wrote to standard error.

mod child;
mod clock;
mod counted_rows;
mod error;
mod exchange;
mod executor;
mod frame;
mod inbox;
mod kept_stages;
mod link;
mod listener;
mod memory;
mod message;
mod options;
mod outbox;
mod parcel;
mod process_group;
mod serve;
mod stderr;
mod worker;
mod worker_process;
mod workers;

pub use error::ProtocolError;
pub use executor::ProcessExecutor;
pub use message::PROTOCOL;
pub use options::{ProcessOptions, Transport};
pub use serve::serve;
pub use worker_process::worker_process;
pub use workers::ProcessWorkers;
