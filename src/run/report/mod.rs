//! What happened in a run, task by task: a result, which a run that fails gives as well.
//!
//! A [`RunReport`] has one [`TaskEvent`] per planned task, whether it ran or not: how it ended ([`TaskState`]), when,
//! where and at which try ([`TaskAttempt`] for the earlier ones), and what went wrong ([`TaskError`]). It says what the
//! run's [`Stage`]s are, which task waited for which ([`Flows`]), and which the end waited for. It is plain data: it
//! holds no rows and no futures, and reads back from its JSON.

mod attempt;
mod critical_path;
mod error;
mod event;
mod flows;
mod run_report;
mod stage;
mod state;
mod text;
mod times;

pub use attempt::TaskAttempt;
pub use critical_path::critical_path;
pub use error::TaskError;
pub use event::TaskEvent;
pub use flows::Flows;
pub use run_report::RunReport;
pub use stage::{Stage, stages_of};
pub use state::TaskState;
