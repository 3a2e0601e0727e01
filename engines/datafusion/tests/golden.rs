//! Golden plans of SQL. `LEAFHOLD_UPDATE=1` rewrites them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::golden::{GoldenFile, GoldenPlan, Options, Runner};
use leafhold::leaf::{FromDelayed, FutureHandle, Leaf, LocalFuture};
use leafhold::optimize::Planner;
use leafhold::rules::RuleSet;
use leafhold_datafusion::tpch::{self, TpchTable};
use leafhold_datafusion::{Catalog, EngineFunctions, Session};

/// The tables of the benchmark over futures that never come: planning needs their statistics alone.
fn session() -> Session {
    let mut catalog = Catalog::new();
    for table in TpchTable::ALL {
        let partitions = if table.statistics(0.1).rows < Some(100.0) { 1 } else { tpch::PARTITIONS };
        let handles: Vec<_> = (0..partitions)
            .map(|part| FutureHandle::new(LocalFuture::pending(format!("{}-{part}", table.name())).0))
            .collect();
        let leaf = FromDelayed::new(table.name(), table.schema(), handles).unwrap();
        catalog.add(table.name(), Leaf::FromDelayed(leaf.with_statistics(table.statistics(0.1))));
    }
    Session::new(catalog)
}

fn plan(query: &str, options: &Options) -> Result<GoldenPlan, String> {
    let sql = match query.strip_prefix("tpch/") {
        Some(name) => tpch::query(name).ok_or_else(|| format!("no query `{query}`"))?,
        None => query,
    };
    let rules = RuleSet::builtin().without(&options.disabled).map_err(|error| error.to_string())?;
    let frame = session().frame(sql).map_err(|error| error.to_string())?;
    let planner = Planner::new(Arc::new(EngineFunctions)).with_rules(Arc::new(rules));
    let plan = planner.plan(frame.expr()).map_err(|error| error.to_string())?;
    Ok(GoldenPlan {
        text: PlanText::new(&plan).body().to_string().trim_end().to_owned(),
        fired: plan.fired.keys().cloned().collect(),
        size: plan.size,
    })
}

/// Plans on so many threads at once, which must agree.
fn plan_on_threads(query: &str, options: &Options) -> Result<GoldenPlan, String> {
    let threads = options.repetition.max(1);
    let mut plans = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| plan(query, options))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(Err("panicked".into()))).collect::<Vec<_>>()
    });
    let first = plans.swap_remove(0)?;
    match plans.into_iter().all(|other| other.as_ref() == Ok(&first)) {
        true => Ok(first),
        false => Err(format!("{threads} threads at once plan differently")),
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn golden_plans() {
    match Runner::from_env().run(&folder(), plan_on_threads) {
        Ok(summary) => println!("{summary}"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_rule_fires_in_some_golden_plan() {
    let mut fired = BTreeSet::new();
    for name in ["tpch.golden", "rules.golden"] {
        let path = folder().join(name);
        let file = GoldenFile::parse(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        fired.extend(file.cases().filter_map(|case| case.recorded.clone()).flat_map(|plan| plan.fired));
    }
    let rules = RuleSet::builtin();
    let idle: Vec<_> = rules.rules().iter().map(|rule| rule.name()).filter(|name| !fired.contains(*name)).collect();
    assert!(idle.is_empty(), "no golden plan shows these rules: {}", idle.join(", "));
}
