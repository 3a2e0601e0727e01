use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::{FragmentError, KernelError, TaskOutput};
use crate::token::Token;

/// Which attempt of which task an observer is at. Plain data: it goes to other processes, and into logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkContext {
    /// The identity of the task: the same for the same work in any run.
    pub task: Token,
    /// What it does, in a few words.
    pub label: Arc<str>,
    /// Its stage.
    pub stage: usize,
    /// Its partition in the stage.
    pub partition: usize,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Who runs it.
    pub worker: Arc<str>,
    /// The machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// What the run gave this observer: see [`ObserverRequest`](super::ObserverRequest).
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub given: Arc<Value>,
}

/// How an attempt ended, where it ran.
#[derive(Clone, Copy, Debug)]
pub enum WorkOutcome<'a> {
    /// It gave rows.
    Ok(&'a TaskOutput),
    /// It raised an error, or panicked.
    Failed(&'a FragmentError),
    /// It stopped between two batches, because it was told to.
    Cancelled,
}

impl<'a> WorkOutcome<'a> {
    /// What a result amounts to.
    pub fn of(result: &'a Result<TaskOutput, FragmentError>) -> Self {
        match result {
            Ok(output) => WorkOutcome::Ok(output),
            Err(FragmentError::Kernel(KernelError::Cancelled)) => WorkOutcome::Cancelled,
            Err(error) => WorkOutcome::Failed(error),
        }
    }
}
