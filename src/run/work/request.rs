use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A run's wish for a [`WorkObserver`](super::WorkObserver): by the name that the program which runs the tasks knows it by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObserverRequest {
    /// The observer's name: what it says stands under that in the report.
    pub name: Arc<str>,
    /// What it finds in [`WorkContext::given`](super::WorkContext::given).
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub given: Arc<Value>,
}

impl ObserverRequest {
    /// The observer of this name, which gets nothing.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        ObserverRequest { name: name.into(), given: Arc::new(Value::Null) }
    }

    /// The same, and it gets this.
    pub fn with_given(mut self, given: impl Into<Value>) -> Self {
        self.given = Arc::new(given.into());
        self
    }
}
