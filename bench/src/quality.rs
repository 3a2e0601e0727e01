//! Plan quality as C_out: actual rows summed over the outputs of all joins. It tells how good the join
//! orders are, and nothing of the machine.

use std::sync::Arc;

use anyhow::{Context, ensure};
use leafhold::explain::Actuals;
use leafhold::optimize::Planner;
use leafhold::run::{LocalExecutor, collect};
use leafhold_datafusion::{DataFusionKernels, EngineFunctions};

use crate::SuiteArgs;
use crate::peers;
use crate::report::{Report, Row};
use crate::tables::sessions;

/// Plans and runs every query once, and counts.
pub fn measure(args: &SuiteArgs) -> anyhow::Result<Report> {
    ensure!(args.scale == peers::SCALE, "the peers were measured at --scale {}", peers::SCALE);
    let (session, _) = sessions(args.scale, args.threads.get())?;
    let planner = Planner::new(Arc::new(EngineFunctions));
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), args.threads.get());
    let peers = peers::c_out()?;
    let mut rows = Vec::new();
    for (name, sql) in args.queries()? {
        let case = format!("tpch/{name}");
        let frame = session.frame(sql).with_context(|| case.clone())?;
        let plan = planner.plan(frame.expr()).with_context(|| case.clone())?;
        let collected = collect(&plan, &executor).with_context(|| case.clone())?;
        let c_out = Actuals::new(collected.report.node_rows).c_out(&plan);
        let c_out = c_out.with_context(|| format!("{case}: the engine did not count the rows of a join"))? as f64;
        let peer = peers.get(name).with_context(|| format!("{case}: no peer was measured"))?;
        rows.push(Row::new(case.clone(), "c_out", c_out, "DataFusion 55.2", peer.datafusion));
        rows.push(Row::new(case.clone(), "c_out", c_out, "DuckDB 2.0", peer.duckdb));
        rows.push(Row::new(case, "c_out", c_out, "best of both", peer.datafusion.min(peer.duckdb)));
    }
    rows.sort_by_key(|row| row.peer);
    Ok(Report::new(rows))
}
