//! Planning time: from the bound query to a physical plan.

use std::sync::Arc;

use anyhow::Context;
use leafhold::lower::lower;
use leafhold::optimize::Planner;
use leafhold_datafusion::{EngineFunctions, to_execution_plan};

use crate::SuiteArgs;
use crate::measure::{Minimum, timed};
use crate::report::{Report, Row};
use crate::tables::sessions;

/// The peer.
pub const DATAFUSION: &str = "DataFusion 55.2";

/// Ours is everything from the bound query to the plan, DataFusion's rules that run before it included;
/// theirs is `optimize` and physical planning. Repetitions are interleaved, so that a slow moment of the
/// machine meets both.
pub fn measure(args: &SuiteArgs) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (ours, theirs) = sessions(args.scale, args.threads.get())?;
    let planner = Planner::new(Arc::new(EngineFunctions));
    let state = theirs.state();
    let mut rows = Vec::new();
    for (name, sql) in args.queries()? {
        let case = format!("tpch/{name}");
        let bound = ours.bind(sql).with_context(|| case.clone())?;
        let peer_bound = runtime.block_on(state.create_logical_plan(sql)).with_context(|| case.clone())?;
        let [mut our_time, mut their_time, mut prepass, mut lowering, mut conversion] = [Minimum::default(); 5];
        for _ in 0..args.repetitions.get() {
            let (expr, expr_time) = timed(|| ours.to_expr(&bound)).with_context(|| case.clone())?;
            let (plan, plan_time) = timed(|| planner.plan(&expr)).with_context(|| case.clone())?;
            prepass.add(expr_time);
            our_time.add(expr_time + plan_time);
            lowering.add(timed(|| lower(&plan)).with_context(|| case.clone())?.1);
            conversion.add(timed(|| to_execution_plan(&plan)).with_context(|| case.clone())?.1);
            let physical = || {
                let optimized = state.optimize(&peer_bound)?;
                runtime.block_on(state.query_planner().create_physical_plan(&optimized, &state))
            };
            their_time.add(timed(physical).with_context(|| case.clone())?.1);
        }
        rows.push(Row::new(case.clone(), "planning_ms", our_time.get(), DATAFUSION, their_time.get()));
        rows.push(Row::alone(case.clone(), "prepass_ms", prepass.get()));
        rows.push(Row::alone(case.clone(), "lowering_ms", lowering.get()));
        rows.push(Row::alone(case, "conversion_ms", conversion.get()));
    }
    rows.sort_by_key(|row| row.metric != "planning_ms");
    Ok(Report::new(rows))
}
