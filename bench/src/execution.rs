//! Run time and memory of the same query on the same batches in memory, with the same number of threads.

use std::sync::Arc;

use anyhow::{Context, ensure};
use leafhold::optimize::Planner;
use leafhold::run::{ExecutorOptions, LocalExecutor, collect};
use leafhold_datafusion::{DataFusionKernels, EngineFunctions};

use crate::SuiteArgs;
use crate::allocations::peak_during;
use crate::measure::{Minimum, timed};
use crate::planning::DATAFUSION;
use crate::report::{Report, Row};
use crate::tables::sessions;

/// Ours is lowering and running a plan; theirs is running a physical plan, made anew each time since
/// some of their operators keep state. Repetitions are interleaved. Memory is what either asks of the allocator
/// beyond the tables, at most; then ours runs once more with half of that as its limit: how long that takes, and
/// how much it asks for, which the limit does not bind where a join or a small operator holds its rows in any case.
pub fn measure(args: &SuiteArgs) -> anyhow::Result<Report> {
    let threads = args.threads.get();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).build()?;
    let (session, theirs) = sessions(args.scale, threads)?;
    let planner = Planner::new(Arc::new(EngineFunctions));
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), threads);
    let state = theirs.state();
    let mut rows = Vec::new();
    for (name, sql) in args.queries()? {
        let case = format!("tpch/{name}");
        let frame = session.frame(sql).with_context(|| case.clone())?;
        let plan = planner.plan(frame.expr()).with_context(|| case.clone())?;
        let bound = runtime.block_on(state.create_logical_plan(sql)).with_context(|| case.clone())?;
        let (mut our_time, mut their_time) = (Minimum::default(), Minimum::default());
        let (mut our_peak, mut their_peak) = (Minimum::default(), Minimum::default());
        for _ in 0..args.repetitions.get() {
            let (ours, peak) = peak_during(|| timed(|| collect(&plan, &executor)));
            let (collected, time) = ours.with_context(|| case.clone())?;
            our_time.add(time);
            our_peak.add(megabytes(peak));
            let physical = runtime.block_on(state.create_physical_plan(&bound)).with_context(|| case.clone())?;
            let run = || runtime.block_on(datafusion::physical_plan::collect(physical, state.task_ctx()));
            let (theirs, peak) = peak_during(|| timed(run));
            let (batches, time) = theirs.with_context(|| case.clone())?;
            their_time.add(time);
            their_peak.add(megabytes(peak));
            let their_rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
            let our_rows = collected.rows();
            ensure!(our_rows == their_rows, "{case}: {our_rows} rows, but {their_rows} from {DATAFUSION}");
        }
        let half = (our_peak.get() * 1e6 / 2.0) as u64;
        let limited = executor.clone().with_options(ExecutorOptions::default().with_memory_limit(half));
        let (limited, limited_peak) = peak_during(|| timed(|| collect(&plan, &limited)));
        let (_, limited_time) = limited.with_context(|| format!("{case} in {half} bytes"))?;
        rows.push(Row::new(case.clone(), "execution_ms", our_time.get(), DATAFUSION, their_time.get()));
        rows.push(Row::new(case.clone(), "peak_mb", our_peak.get(), DATAFUSION, their_peak.get()));
        rows.push(Row::alone(case.clone(), "half_memory_ms", limited_time));
        rows.push(Row::alone(case, "half_memory_peak_mb", megabytes(limited_peak)));
    }
    Ok(Report::new(rows))
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
