//! Golden plans of the 22 TPC-H queries. The plans need no data: the statistics follow from the
//! benchmark's specification.

use std::path::Path;
use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::golden::{GoldenPlan, Options, Runner};
use leafhold::optimize::{Plan, Planner};
use leafhold::rules::RuleSet;
use leafhold_datafusion::{Catalog, EngineFunctions, Session, tpch};

const SCALE: f64 = 0.1;
const PARTITIONS: usize = 4;

fn session() -> Session {
    let mut catalog = Catalog::new();
    tpch::register(&mut catalog, SCALE, PARTITIONS).unwrap();
    Session::new(catalog)
}

fn plan(query: &str, options: &Options) -> Result<Plan, String> {
    let name = query.strip_prefix("tpch/").ok_or("a case names a query: `tpch/q01`")?;
    let sql = tpch::query(name).ok_or_else(|| format!("no query `{query}`"))?;
    let disabled: Vec<&str> = options.disabled.iter().map(String::as_str).collect();
    let mut rules = RuleSet::builtin().without(&disabled).map_err(|error| error.to_string())?;
    if options.repetition > 0 {
        // Which rule of a priority is tried first must not matter either.
        rules = rules.shuffled(options.repetition as u64);
    }
    let planner = Planner::new(Arc::new(EngineFunctions)).with_rules(Arc::new(rules));
    let run = move || {
        let session = session();
        let expr = session
            .to_expr(&session.bind(sql).map_err(|error| error.to_string())?)
            .map_err(|error| error.to_string())?;
        planner.plan(&expr).map_err(|error| error.to_string())
    };
    // Other repetitions plan on another thread: the plan must not care.
    match options.repetition {
        0 => run(),
        _ => std::thread::spawn(run).join().map_err(|_| "the planner panicked".to_owned())?,
    }
}

#[test]
fn the_plans_of_the_22_queries_are_the_recorded_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tpch");
    let summary = Runner::from_env().run(&folder, |query, options| {
        let plan = plan(query, options)?;
        let fired = plan.fired.keys().cloned().collect();
        Ok(GoldenPlan { text: PlanText::new(&plan).body().to_string().trim_end().to_owned(), fired, size: plan.size })
    });
    match summary {
        Ok(summary) => assert_eq!(summary.cases(), 22),
        Err(error) => panic!("{error}"),
    }
}

/// The golden runner plans each query with two other orders of rules; these are more.
#[test]
fn the_order_of_rules_within_a_priority_decides_no_plan() {
    let session = session();
    for (name, sql) in tpch::QUERIES {
        let expr = session.to_expr(&session.bind(sql).unwrap()).unwrap();
        let plan = |rules| Planner::new(Arc::new(EngineFunctions)).with_rules(rules).plan(&expr).unwrap();
        let expected = plan(RuleSet::builtin());
        assert!(expected.caps.values().all(|cap| !cap.hit), "{name}: {:?}", expected.caps);
        for seed in 10..18 {
            let found = plan(Arc::new(RuleSet::builtin().shuffled(seed)));
            let text = |plan: &Plan| PlanText::new(plan).body().to_string();
            assert_eq!(text(&found), text(&expected), "{name}, order {seed}");
        }
    }
}

#[test]
fn no_query_needs_a_barrier() {
    for (name, sql) in tpch::QUERIES {
        let session = session();
        let expr = session.to_expr(&session.bind(sql).unwrap()).unwrap();
        let barrier = expr.post_order().into_iter().find(|node| node.op().name() == "barrier");
        assert!(barrier.is_none(), "{name} has a barrier");
    }
}
