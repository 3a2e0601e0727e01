//! `leafhold run`.

use std::sync::Arc;

use leafhold::explain::{PlanText, caps_hit, rules_fired};
use leafhold::leaf::{handle_counts, release};
use leafhold::optimize::Plan;
use leafhold::run::{Collected, LocalExecutor, RunFailure, collect};
use leafhold_datafusion::DataFusionKernels;

use crate::args::{ExecutionArgs, RunArgs};
use crate::error::CliError;
use crate::output::{Screen, result, write_stdout};
use crate::plan::prepare;
use crate::progress::Progress;

/// Plans a query, runs it, and tells what happened.
pub fn run(args: &RunArgs) -> Result<(), CliError> {
    let screen = Screen::beside(args.output);
    let outcome = plan_and_run(args, screen);
    // Everything that held futures is gone by now; their releases may still be on the way.
    release::drain();
    let counts = handle_counts();
    if outcome.is_ok() || counts.created > 0 {
        screen.say(format!("futures: {} created, {} released", counts.created, counts.released))?;
    }
    outcome
}

fn plan_and_run(args: &RunArgs, screen: Screen) -> Result<(), CliError> {
    let (plan, _) = prepare(&args.input)?.plan()?;
    screen.say(PlanText::new(&plan))?;
    screen.say(format!("\nrules fired: {}\ncaps hit: {}\n", rules_fired(&plan), caps_hit(&plan)))?;
    match execute(&plan, &args.execution) {
        Ok(collected) => {
            write_stdout(&result(&collected.schema, &collected.batches, args.output)?)?;
            screen.say(format!("\n{}", collected.report.to_text()))
        }
        Err(failure) => {
            if let Some(report) = failure.report() {
                screen.say(report.to_text())?;
            }
            Err(CliError::of(failure))
        }
    }
}

/// Runs a plan on this machine, with a progress bar.
pub fn execute(plan: &Plan, args: &ExecutionArgs) -> Result<Collected, RunFailure> {
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), args.threads());
    collect(plan, &executor.with_observer(Arc::new(Progress::new())))
}
