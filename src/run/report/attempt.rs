use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{TaskError, times};
use crate::run::work::Observed;

/// An attempt of a task that did not count. It was *retried*, if another one followed it; else it was *given up*: the run ended
/// before, or nobody needed the task any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskAttempt {
    /// Which attempt, from 1.
    pub number: u32,
    /// Who ran it.
    pub worker: Option<Arc<str>>,
    /// The machine that the worker ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// When it started, if anybody heard that it did.
    #[serde(rename = "started_us", with = "times::optional")]
    pub started: Option<Duration>,
    /// When it ended, or was given up.
    #[serde(rename = "ended_us", with = "times")]
    pub ended: Duration,
    /// Why it did not count: what it raised, with its trace; that its worker is gone (`worker-lost`), or has taken along the
    /// rows that it had given (`rows-lost`); or that it was stopped (`stopped`) or followed by another one (`replaced`)
    /// with nothing wrong.
    pub error: Arc<TaskError>,
    /// What [work-side observers](crate::run::work) say of it; nothing, if its worker died.
    #[serde(default, skip_serializing_if = "Observed::is_empty")]
    pub observed: Observed,
}

impl TaskAttempt {
    /// What became of it in a word, where `last` is the last attempt of its task.
    pub(super) fn outcome(&self, last: u32) -> &'static str {
        if self.number < last { "retried" } else { "given-up" }
    }

    /// How long it ran; nothing for what never started.
    pub fn duration(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| self.ended.saturating_sub(started))
    }
}
