//! Running task graphs, and telling the truth about it.
//!
//! An [`Executor`] turns a [`TaskGraph`](crate::lower::TaskGraph) into a [`Run`]; [`LocalExecutor`] is
//! the one that is always there: worker threads of this process over an engine's [`Kernels`].
//! [`collect`] does all of it for a plan, [`persist`] in the background, into new futures. Whatever happens, the [`RunReport`] has exactly one
//! [`TaskEvent`] per planned task, and a run that fails returns it inside its [`RunError`].

mod active;
mod attempt;
mod cancel_flag;
mod collect;
mod divide;
mod ended;
mod enough;
mod envelope;
mod error;
mod event_log;
mod execution;
mod executor;
mod fragment;
mod host;
mod kernels;
pub mod ledger;
pub mod lifecycle;
mod local;
mod memory_budget;
mod memory_reservation;
mod names;
mod native;
mod node_rows;
mod observer;
mod options;
mod panics;
mod persist;
mod pool;
mod pool_executor;
pub mod process;
mod recovery;
pub mod report;
mod reuse;
mod schedule;
mod stage_state;
mod store;
mod sync;
mod this_thread;
mod warning;
pub mod work;
mod workers;

pub use attempt::{Attempt, RunClock};
pub use cancel_flag::CancelFlag;
pub use collect::{CollectError, Collected, collect};
pub use envelope::{Envelope, Measured, WorkerLost};
pub use error::{RunCause, RunError, RunFailure};
pub use executor::{Canceller, Executor, Outcome, Run, Running};
pub use fragment::{FragmentError, run_fragment};
pub use kernels::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};
pub use local::{LocalExecutor, MAX_THREADS, Threads};
pub use memory_budget::MemoryBudget;
pub use memory_reservation::MemoryReservation;
pub use native::{partition_function, run_partition_function};
pub use observer::{Observer, Submitted};
pub use options::ExecutorOptions;
pub use persist::{PersistError, PersistOptions, PersistRun, Persisted, persist};
pub use pool_executor::PoolExecutor;
pub use report::{RunReport, TaskAttempt, TaskError, TaskEvent, TaskState};
pub use stage_state::StageState;
use stage_state::WeakStageState;
pub use store::{SpillError, SpillFile, SpillTarget, TemporaryFolder};
pub use warning::RunWarning;
pub use workers::{Worker, Workers};
