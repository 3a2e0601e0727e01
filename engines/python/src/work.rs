//! Python objects that watch attempts where they run, on threads of this process.

use leafhold::run::work::{
    Observation, Observed, ObserverRequest, WorkContext, WorkObserver, WorkObservers, WorkOutcome,
};
use pyo3::prelude::*;
use serde_json::Value;

use crate::future::is_closed;

/// A `leafhold._work.Watched`: it speaks JSON, and raises nothing.
pub struct PyWorkObserver(Option<Py<PyAny>>);

/// The observers of a run by name, and its wishes for them.
pub fn observers(watched: Vec<(String, Py<PyAny>)>) -> (WorkObservers, Vec<ObserverRequest>) {
    let requests = watched.iter().map(|(name, _)| ObserverRequest::new(&**name)).collect();
    let known = watched
        .into_iter()
        .fold(WorkObservers::none(), |known, (name, object)| known.with(name, PyWorkObserver(Some(object))));
    (known, requests)
}

/// What observers say, by name, as JSON; nothing, if it is none.
pub fn observed(json: &str) -> Observed {
    serde_json::from_str(json).unwrap_or_default()
}

impl PyWorkObserver {
    /// Calls Python, while there is one.
    fn call(&self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<Option<String>>) -> Option<Value> {
        let object = self.0.as_ref().filter(|_| !is_closed())?;
        let said = Python::try_attach(|py| {
            call(object.bind(py)).unwrap_or_else(|error| {
                error.write_unraisable(py, Some(object.bind(py)));
                None
            })
        });
        serde_json::from_str(&said??).ok()
    }
}

impl WorkObserver for PyWorkObserver {
    fn on_start<'a>(&'a self, context: &'a WorkContext) -> Box<dyn Observation + 'a> {
        let context = serde_json::to_string(context).unwrap_or_default();
        let wrong = self.call(|object| object.call_method1("on_start", (&context,))?.extract());
        Box::new(move |outcome: &WorkOutcome<'_>| {
            if wrong.is_some() {
                return wrong;
            }
            let (state, rows, error) = match outcome {
                WorkOutcome::Ok(output) => {
                    let rows: usize = output.ports.iter().flatten().map(|batch| batch.num_rows()).sum();
                    ("ok", Some(rows), None)
                }
                WorkOutcome::Failed(error) => ("failed", None, Some(error.to_string())),
                WorkOutcome::Cancelled => ("cancelled", None, None),
            };
            self.call(|object| object.call_method1("on_end", (&context, state, rows, error))?.extract())
        })
    }
}

impl Drop for PyWorkObserver {
    /// Perhaps on a thread of the executor's, and after the interpreter.
    fn drop(&mut self) {
        let mut held = self.0.take();
        if !is_closed() {
            Python::try_attach(|_| drop(held.take()));
        }
        std::mem::forget(held);
    }
}
