//! What happened in a run, task by task: a result, which a run that fails gives as well.
//!
//! A [`RunReport`] has one [`TaskEvent`] per planned task, whether it ran or not: how it ended ([`TaskState`]), when,
//! where and at which attempt ([`TaskAttempt`] for the earlier ones), and what went wrong ([`TaskError`]). It says what the
//! run's [`Stage`]s are, which task waited for which ([`Flows`]), and which the end waited for. It is plain data: it
//! holds no rows and no futures, and reads back from its JSON.
//!
//! A run writes a small record of each task; [`TaskEvents`] makes events of these for whoever looks at them.
//!
//! | form | for | by |
//! |---|---|---|
//! | text | people | [`RunReport::to_text`] |
//! | JSON lines, one event a line | programs; reads back | [`RunReport::write_json_lines`] |
//! | trace-event JSON | Perfetto, `chrome://tracing` | [`RunReport::write_chrome_trace`] |
//! | Perfetto's own trace, for large runs | Perfetto | [`RunReport::write_perfetto_trace`] |
//! | HTML page | a browser | [`RunReport::to_html`], [`RunPage`] |
//! | OpenTelemetry spans | a tracer, such as one for a collector | `RunReport::record_spans`, feature `otel` |

mod attempt;
mod chrome;
mod counters;
mod critical_path;
mod critical_tasks;
mod error;
mod event;
mod failures;
mod flows;
mod idle;
mod json_lines;
mod kind;
mod lanes;
mod observed;
mod page;
mod perfetto;
pub(super) mod record;
mod recorded_event;
pub(super) mod records;
mod run_report;
mod shares;
#[cfg(feature = "otel")]
mod spans;
mod stage;
mod state;
mod summary;
mod table;
mod task_events;
mod text;
mod times;
mod tracks;
mod units;
pub(super) mod worker_names;

pub use attempt::TaskAttempt;
pub use error::TaskError;
pub use event::TaskEvent;
pub use flows::Flows;
pub use json_lines::ReportReadError;
pub use lanes::{Lane, Slice};
pub use page::{PlanLine, RunPage};
pub use run_report::RunReport;
pub use stage::{Stage, stages_of};
pub use state::TaskState;
pub use summary::Summary;
pub use task_events::TaskEvents;
