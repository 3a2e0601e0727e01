//! What building, planning and lowering of expressions costs, beside Dask's.

use std::sync::Arc;

use leafhold::expr::CoreFunctions;
use leafhold::lower::lower;
use leafhold::optimize::Planner;

use crate::CoreArgs;
use crate::expressions::{Nodes, Q5Tables, assignments, one_column, q5};
use crate::measure::{Minimum, timed};
use crate::python::{DASK, Expressions, expressions};
use crate::report::{Report, Row};

const CHAIN: usize = 10_000;
const PLANNED: usize = 1_000;
const LONGEST: usize = 1_000_000;

/// Expressions are built from nothing but their leaves, checked, typed, tokenized and interned.
pub fn measure(args: &CoreArgs) -> anyhow::Result<Report> {
    let peer = expressions(args.repetitions.get());
    let mut rows = chain(args, peer.as_ref())?;
    rows.extend(queries(args)?);
    rows.extend(planning(args, peer.as_ref())?);
    Ok(Report::new(rows))
}

fn chain(args: &CoreArgs, peer: Option<&Expressions>) -> anyhow::Result<Vec<Row>> {
    let table = one_column()?;
    let mut time = Minimum::default();
    for _ in 0..args.repetitions.get() {
        let (frame, once) = timed(|| assignments(&table, CHAIN))?;
        time.add(once);
        drop(frame);
    }
    let assignment = time.get() * 1e3 / CHAIN as f64;
    let nodes = Nodes::of(assignments(&table, CHAIN)?.expr());
    let node = assignment * CHAIN as f64 / nodes.all as f64;
    let theirs = peer.map(|peer| (peer.assignment_us, peer.assignment_us / peer.nodes_per_assignment));
    Ok(vec![
        Row::beside("chain".to_owned(), "assignment_us", assignment, DASK, theirs.map(|theirs| theirs.0)),
        Row::beside("chain".to_owned(), "node_us", node, DASK, theirs.map(|theirs| theirs.1)),
    ])
}

fn queries(args: &CoreArgs) -> anyhow::Result<Vec<Row>> {
    let tables = Q5Tables::new()?;
    let nodes = Nodes::of(q5(&tables)?.expr());
    let mut time = Minimum::default();
    // One query takes microseconds: the fastest of many.
    for _ in 0..args.repetitions.get() * 1_000 {
        let (frame, once) = timed(|| q5(&tables))?;
        time.add(once);
        drop(frame);
    }
    let whole = time.get() * 1e3;
    Ok(vec![
        Row::alone("tpch/q05".to_owned(), "build_us", whole),
        Row::alone("tpch/q05".to_owned(), "operator_us", whole / nodes.relational as f64),
        Row::alone("tpch/q05".to_owned(), "node_us", whole / nodes.all as f64),
    ])
}

fn planning(args: &CoreArgs, peer: Option<&Expressions>) -> anyhow::Result<Vec<Row>> {
    let table = one_column()?;
    let planner = Planner::new(Arc::new(CoreFunctions));
    let mut rows = Vec::new();
    for (length, repetitions) in [(150, args.repetitions.get()), (PLANNED, args.repetitions.get()), (LONGEST, 1)] {
        let (frame, build) = timed(|| assignments(&table, length))?;
        let mut time = Minimum::default();
        for _ in 0..repetitions {
            let (_, once) = timed(|| anyhow::Ok(lower(&planner.plan(frame.expr())?)?))?;
            time.add(once);
        }
        let case = format!("chain/{length}");
        // Beyond 200 Dask meets its limit of recursion.
        let theirs = peer.filter(|_| length == 150).map(|peer| peer.plan_150_ms);
        if length == LONGEST {
            rows.push(Row::alone(case.clone(), "build_ms", build));
            let (_, once) = timed(|| {
                drop(frame);
                anyhow::Ok(())
            })?;
            rows.push(Row::alone(case.clone(), "drop_ms", once));
        }
        rows.push(Row::beside(case, "plan_lower_ms", time.get(), DASK, theirs));
    }
    Ok(rows)
}
