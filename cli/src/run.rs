//! `leafhold run`.

use std::sync::Arc;

use leafhold::explain::{PlanText, caps_hit, rules_fired};
use leafhold::leaf::{handle_counts, release};
use leafhold::optimize::Plan;
use leafhold::run::process::ProcessExecutor;
use leafhold::run::{
    Collected, Executor, ExecutorOptions, LocalExecutor, RunFailure, SpillTarget, TemporaryFolder, collect,
};
use leafhold_datafusion::DataFusionKernels;

use crate::args::{ExecutionArgs, RunArgs};
use crate::error::CliError;
use crate::interrupt::{self, Interruptible};
use crate::output::{Screen, result, write_stdout};
use crate::plan::prepare;
use crate::progress::Progress;
use crate::report::{ReportArg, Reports};
use crate::worker::workers;

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
    interrupt::listen();
    let forms = match args.execution.reports.as_slice() {
        [] => &[ReportArg::Table],
        forms => forms,
    };
    let reports = Reports::prepare(forms, &args.input)?;
    let executor = executor(&args.execution)?;
    let (plan, _) = prepare(&args.input)?.plan()?;
    interrupt::planned();
    screen.say(PlanText::new(&plan))?;
    screen.say(format!("\nrules fired: {}\ncaps hit: {}\n", rules_fired(&plan), caps_hit(&plan)))?;
    match execute(&plan, &*executor) {
        Ok(collected) => {
            let printed =
                result(&collected.schema, &collected.batches, args.output).and_then(|rows| write_stdout(&rows));
            // Whoever has seen enough of the rows may still want the report.
            printed.and(reports.write(&plan, &collected.report, screen))
        }
        Err(failure) => Err(reports.failed(&plan, &failure, screen)),
    }
}

/// What runs plans on this machine, with a progress bar. Whatever it needs is there, or this is an error.
pub fn executor(args: &ExecutionArgs) -> Result<Box<dyn Executor>, CliError> {
    // One word for all that can be tried again: threads are never lost, and whoever asks for retries wants them anyhow.
    let retries = args.retries.unwrap_or(0);
    let mut options = ExecutorOptions::default().with_retries(retries).with_failures_retried();
    options = options.with_observer(Arc::new(Progress::new()));
    options.memory_limit = args.memory_limit;
    if let Some(folder) = &args.spill_folder {
        let target = TemporaryFolder::within(folder);
        // Nobody waits for a run whose rows then have no place.
        drop(target.create().map_err(|error| CliError::new(format!("--spill-folder {error}")))?);
        options = options.with_spill_target(target);
    }
    options = args.observers.iter().cloned().fold(options, ExecutorOptions::with_work_observer);
    Ok(match args.isolate {
        Some(processes) => Box::new(ProcessExecutor::new(workers(processes.get())).with_options(options)),
        None => Box::new(LocalExecutor::new(Arc::new(DataFusionKernels), args.threads()).with_options(options)),
    })
}

/// Runs a plan. A request to end, such as Ctrl-C, cancels the run, which then fails with its report.
pub fn execute(plan: &Plan, executor: &dyn Executor) -> Result<Collected, RunFailure> {
    collect(plan, &Interruptible(executor))
}
