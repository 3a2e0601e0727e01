//! What rules cost their authors: loading, checking and verifying the rule base, and tracing a query.

use std::sync::Arc;

use anyhow::{Context, ensure};
use leafhold::optimize::Planner;
use leafhold::rules::RuleSet;
use leafhold::verify::lint::lint;
use leafhold::verify::{Bounds, verify_all};
use leafhold_datafusion::EngineFunctions;

use crate::SuiteArgs;
use crate::measure::{Minimum, timed};
use crate::report::{Report, Row};
use crate::tables::sessions;

/// The same queries without a trace.
const UNTRACED: &str = "untraced";

/// `check` is what `leafhold rules check` does with the rules that ship, and `verify` what `leafhold rules verify` does,
/// on as many threads as asked for. Tracing is measured beside the same planning
/// without, in turn.
pub fn measure(args: &SuiteArgs) -> anyhow::Result<Report> {
    let mut rows = check(args)?;
    rows.extend(tracing(args)?);
    Ok(Report::new(rows))
}

fn check(args: &SuiteArgs) -> anyhow::Result<Vec<Row>> {
    let [mut load, mut check] = [Minimum::default(); 2];
    for _ in 0..args.repetitions.get() {
        let (rules, once) = timed(|| RuleSet::parse(RuleSet::builtin_files()))?;
        load.add(once);
        let (wrong, more) = timed(|| {
            let examples: usize = rules.rules().iter().map(|rule| rule.check_examples().len()).sum();
            anyhow::Ok(examples + lint(&rules).len())
        })?;
        ensure!(wrong == 0, "{wrong} findings");
        check.add(once + more);
    }
    // Once is enough: it takes seconds.
    let rules = RuleSet::builtin();
    let bounds = Bounds::default();
    let verify = |rules: &[_], threads| {
        let (_, once) = timed(|| anyhow::Ok(verify_all(rules, &bounds, threads, &|_| {})))?;
        anyhow::Ok(once)
    };
    let whole = verify(rules.rules(), args.threads.get())?;
    let mut slowest = 0.0f64;
    for rule in rules.rules() {
        slowest = slowest.max(verify(std::slice::from_ref(rule), 1)?);
    }
    let row = |metric, time| Row::alone("rules".to_owned(), metric, time);
    Ok(vec![
        row("load_ms", load.get()),
        row("check_ms", check.get()),
        row("verify_ms", whole),
        row("verify_slowest_rule_ms", slowest),
    ])
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
