use serde::{Deserialize, Serialize};

/// What went wrong with a task.
///
/// ```
/// use leafhold::run::TaskError;
///
/// let error = TaskError::new("ZeroDivisionError", "division by zero").with_trace("File \"prices.py\", line 3");
/// assert_eq!(error.to_string(), "ZeroDivisionError: division by zero");
/// assert_eq!(error.trace.as_deref(), Some("File \"prices.py\", line 3"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct TaskError {
    /// What kind of error: the engine's name of it, as a Python exception's class, or one of Leafhold's (`compute`,
    /// `panic`, `future-failed`, `worker-lost`, ..).
    pub kind: String,
    /// The error in words.
    pub message: String,
    /// The stack where it was raised, as the worker's side prints it; several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl TaskError {
    /// An error without a trace.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        TaskError { kind: kind.into(), message: message.into(), trace: None }
    }

    /// Adds the stack where it was raised.
    pub fn with_trace(mut self, trace: impl Into<String>) -> Self {
        self.trace = Some(trace.into());
        self
    }
}
