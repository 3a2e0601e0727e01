//! What rules cost their authors: loading and checking the rule base, and tracing a query.

use std::sync::Arc;

use anyhow::{Context, ensure};
use leafhold::optimize::Planner;
use leafhold::rules::RuleSet;
use leafhold_datafusion::EngineFunctions;

use crate::SuiteArgs;
use crate::measure::{Minimum, timed};
use crate::report::{Report, Row};
use crate::tables::sessions;

/// The same queries without a trace.
const UNTRACED: &str = "untraced";

/// `check` is what `leafhold rules check` does with the rules that ship. Tracing is measured beside the same planning
/// without, in turn.
pub fn measure(args: &SuiteArgs) -> anyhow::Result<Report> {
    let mut rows = check(args)?;
    rows.extend(tracing(args)?);
    Ok(Report::new(rows))
}

fn check(args: &SuiteArgs) -> anyhow::Result<Vec<Row>> {
    let [mut load, mut examples] = [Minimum::default(); 2];
    for _ in 0..args.repetitions.get() {
        let (rules, once) = timed(|| RuleSet::parse(RuleSet::builtin_files()))?;
        load.add(once);
        let (wrong, once) =
            timed(|| anyhow::Ok(rules.rules().iter().map(|rule| rule.check_examples().len()).sum::<usize>()))?;
        ensure!(wrong == 0, "{wrong} examples do not hold");
        examples.add(once);
    }
    let row = |metric, time: Minimum| Row::alone("rules".to_owned(), metric, time.get());
    Ok(vec![row("load_ms", load), row("examples_ms", examples)])
}

fn tracing(args: &SuiteArgs) -> anyhow::Result<Vec<Row>> {
    let (session, _) = sessions(args.scale, args.threads.get())?;
    let planner = Planner::new(Arc::new(EngineFunctions));
    let mut rows = Vec::new();
    for (name, sql) in args.queries()? {
        let case = format!("tpch/{name}");
        let bound = session.bind(sql).with_context(|| case.clone())?;
        let expr = session.to_expr(&bound).with_context(|| case.clone())?;
        let [mut plain, mut traced] = [Minimum::default(); 2];
        for _ in 0..args.repetitions.get() {
            plain.add(timed(|| planner.plan(&expr)).with_context(|| case.clone())?.1);
            let run = || {
                let (plan, trace) = planner.plan_traced(&expr);
                plan.map(|plan| (plan, trace))
            };
            traced.add(timed(run).with_context(|| case.clone())?.1);
        }
        rows.push(Row::new(case, "traced_planning_ms", traced.get(), UNTRACED, plain.get()));
    }
    Ok(rows)
}
