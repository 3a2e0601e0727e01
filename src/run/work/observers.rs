use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Observation, ObserverRequest, WorkContext, WorkObserver, WorkOutcome};
use crate::leaf::panic_text;
use crate::run::panics::panic_trace;
use crate::run::{FragmentError, TaskOutput};

/// What work-side observers say of an attempt, by their names. Empty, it holds no memory.
pub type Observed = BTreeMap<Arc<str>, Value>;

/// A run wants an observer that the program which runs its tasks does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{place} knows no observer of work `{name}`{}; register it with `WorkObservers::with`, in the program of worker \
     processes, too",
    known_text(.known)
)]
pub struct UnknownObserver {
    /// The name.
    pub name: Arc<str>,
    /// Who does not know it: `this executor`, or a worker's name.
    pub place: String,
    /// The names of those that it knows.
    pub known: Vec<Arc<str>>,
}

fn known_text(known: &[Arc<str>]) -> String {
    match known {
        [] => ", and no other".to_owned(),
        known => format!(", only {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// The work-side observers that a program knows, by name. The default are those that ship: `cpu` ([`CpuTime`](super::CpuTime)).
#[derive(Clone)]
pub struct WorkObservers(BTreeMap<Arc<str>, Arc<dyn WorkObserver>>);

impl Default for WorkObservers {
    fn default() -> Self {
        let shipped = WorkObservers::none();
        #[cfg(any(unix, windows))]
        let shipped = shipped.with("cpu", super::CpuTime);
        shipped
    }
}

impl WorkObservers {
    /// None at all.
    pub const fn none() -> Self {
        WorkObservers(BTreeMap::new())
    }

    /// Adds an observer, in the place of any other of that name.
    pub fn with(mut self, name: impl Into<Arc<str>>, observer: impl WorkObserver) -> Self {
        self.0.insert(name.into(), Arc::new(observer));
        self
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }

    /// Whether all of these are known, by `place`.
    ///
    /// # Errors
    /// The first that is not, with those that are.
    pub fn check(&self, requests: &[ObserverRequest], place: &str) -> Result<(), UnknownObserver> {
        match requests.iter().find(|request| !self.0.contains_key(&request.name)) {
            Some(ObserverRequest { name, .. }) => Err(self.unknown(name, place)),
            None => Ok(()),
        }
    }

    fn unknown(&self, name: &Arc<str>, place: &str) -> UnknownObserver {
        UnknownObserver { name: name.clone(), place: place.to_owned(), known: self.names().cloned().collect() }
    }

    /// Does the work of an attempt, and has observers watch it from immediately before to immediately after. Gives what
    /// they say of it, too. Without a request this is the work, and nothing else.
    pub fn around(
        &self,
        requests: &[ObserverRequest],
        context: impl FnOnce() -> WorkContext,
        work: impl FnOnce() -> Result<TaskOutput, FragmentError>,
    ) -> (Result<TaskOutput, FragmentError>, Observed) {
        if requests.is_empty() {
            return (work(), Observed::new());
        }
        let context = context();
        let with_given = |request: &ObserverRequest| WorkContext { given: request.given.clone(), ..context.clone() };
        let contexts: Vec<WorkContext> = requests.iter().map(with_given).collect();
        let started = requests.iter().zip(&contexts).map(|(request, context)| {
            let observer = self.0.get(&request.name);
            // Whoever runs tasks has checked that; should it not have, the report says so.
            let observer = observer.ok_or_else(|| self.unknown(&request.name, &context.worker).to_string())?;
            contained(|| observer.on_start(context))
        });
        let started: Vec<Result<Box<dyn Observation + '_>, String>> = started.collect();
        let result = work();
        let outcome = WorkOutcome::of(&result);
        let mut observed = Observed::new();
        for (request, observation) in requests.iter().zip(started) {
            let said = observation.and_then(|observation| contained(|| observation.on_end(&outcome)));
            if let Some(said) = said.unwrap_or_else(|error| Some(json!({ "error": error }))) {
                observed.insert(request.name.clone(), said);
            }
        }
        (result, observed)
    }
}

/// What an observer does harms nobody but itself.
fn contained<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        // Its trace is none of the task's.
        let _ = panic_trace();
        format!("it panicked: {}", panic_text(&*panic))
    })
}

impl fmt::Debug for WorkObservers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
