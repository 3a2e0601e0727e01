//! A work-side observer that tells what it was told, and misbehaves when it is asked to.

use std::time::Instant;

use leafhold::run::work::{Observation, WorkContext, WorkObserver, WorkObservers, WorkOutcome};
use serde_json::{Value, json};

/// What to give a witness that should panic.
pub const AT_START: &str = "panic at the start";
pub const AT_END: &str = "panic at the end";

struct Witness;

impl WorkObserver for Witness {
    fn on_start<'a>(&'a self, context: &'a WorkContext) -> Box<dyn Observation + 'a> {
        assert!(*context.given != AT_START, "a witness panics at the start");
        let (thread, started) = (std::thread::current().id(), Instant::now());
        Box::new(move |outcome: &WorkOutcome<'_>| {
            assert!(*context.given != AT_END, "a witness panics at the end");
            assert_eq!(thread, std::thread::current().id(), "one thread runs an attempt");
            let outcome = match outcome {
                WorkOutcome::Ok(output) => json!(output.ports.iter().flatten().map(|at| at.num_rows()).sum::<usize>()),
                WorkOutcome::Failed(error) => json!(error.to_string()),
                WorkOutcome::Cancelled => json!("cancelled"),
            };
            let (pid, watched_us) = (std::process::id(), started.elapsed().as_micros() as u64);
            Some(json!({ "context": context, "pid": pid, "watched_us": watched_us, "outcome": outcome }))
        })
    }
}

/// One that has nothing to say.
struct Silent;

impl WorkObserver for Silent {
    fn on_start<'a>(&'a self, _: &'a WorkContext) -> Box<dyn Observation + 'a> {
        Box::new(|_: &WorkOutcome<'_>| -> Option<Value> { None })
    }
}

/// Those that ship, a witness and a silent one.
pub fn observers() -> WorkObservers {
    WorkObservers::default().with("witness", Witness).with("silent", Silent)
}

/// What an event of a witness's task says, if it says anything.
pub fn testimony(observed: &leafhold::run::work::Observed) -> Option<(WorkContext, &Value)> {
    let said = observed.get("witness")?;
    Some((serde_json::from_value(said["context"].clone()).expect("a context reads back"), said))
}
