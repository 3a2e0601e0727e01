//! No rule is essential to a right answer: each off in turn.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use leafhold::expr::Expr;
use leafhold::optimize::{Plan, PlanError, Planner};
use leafhold::rules::{Phase, Rule, RuleSet};
use leafhold::run::{LocalExecutor, collect};
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session, tpch};

use super::rows::{Row, rows, same, sort};
use super::witness::Database;

/// A plan that costs so much more than the whole set's is a cross product: it runs on the few rows of a witness.
const MOST_TIMES_THE_COST: f64 = 20.0;

/// Rows of a cross product that a test can wait for.
const MOST_ROWS: f64 = 1e8;

/// What one query should give over some tables.
struct Case {
    expr: Expr,
    plan: Plan,
    answer: Vec<Row>,
}

impl Case {
    fn new(sql: &str, catalog: Catalog) -> Case {
        let session = Session::new(catalog);
        let expr = session.to_expr(&session.bind(sql).unwrap()).unwrap();
        let plan = planner(RuleSet::builtin()).plan(&expr).unwrap();
        let answer = answer(&plan).unwrap();
        Case { expr, plan, answer }
    }

    /// Whether it gives a row with something in it.
    fn says_something(&self) -> bool {
        self.answer.iter().flatten().any(|value| !value.is_null())
    }
}

fn planner(rules: Arc<RuleSet>) -> Planner {
    Planner::new(Arc::new(EngineFunctions)).with_rules(rules)
}

fn answer(plan: &Plan) -> Result<Vec<Row>, String> {
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), 2);
    let mut rows = rows(&collect(plan, &executor).map_err(|error| error.to_string())?.batches);
    sort(&mut rows);
    Ok(rows)
}

/// The plan without a rule; `None` where an operator has no other way to be run, and the error says so.
fn without(rule: &Rule, expr: &Expr) -> Result<Option<Plan>, String> {
    let rules = RuleSet::builtin().without(&[rule.name()]).unwrap();
    match planner(Arc::new(rules)).plan(expr) {
        Ok(plan) => Ok(Some(plan)),
        Err(PlanError::NotImplemented { operator }) if rule.phase() == Phase::Implement && operator != "a cycle" => {
            Ok(None)
        }
        Err(error) => Err(error.to_string()),
    }
}

fn compare(plan: &Plan, expected: &[Row]) -> Result<(), String> {
    let found = answer(plan)?;
    match found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| same(a, b)) {
        true => Ok(()),
        false => Err(format!("{} rows instead of {}, or others", found.len(), expected.len())),
    }
}

/// Only plans that differ from the whole set's are run, and each of them once: over a thousandth of the benchmark's
/// data, or, where that is a cross product, over a few rows that the query selects.
#[test]
fn any_single_rule_may_be_disabled() {
    let tables = tpch::tables(0.001, 4).unwrap();
    // So much that almost every query selects something.
    let all = Database::of(&tpch::tables(0.01, 1).unwrap());
    let catalog = || {
        let mut catalog = Catalog::new();
        tables.iter().for_each(|(name, leaf)| catalog.add(*name, leaf.clone()));
        catalog
    };
    let cases: Vec<_> = tpch::QUERIES.iter().map(|(name, sql)| (*name, *sql, Case::new(sql, catalog()))).collect();
    let mut few: BTreeMap<&str, Case> = BTreeMap::new();
    let (mut wrong, mut too_large, mut crossed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut changed, mut refused) = (0, 0);
    let mut run = HashSet::new();
    for rule in RuleSet::builtin().rules() {
        for (name, sql, case) in &cases {
            let mut note = |result: Result<(), String>| {
                if let Err(error) = result {
                    wrong.push(format!("{name} without {}: {error}", rule.name()));
                }
            };
            let plan = match without(rule, &case.expr) {
                Ok(Some(plan)) => plan,
                Ok(None) => {
                    refused += 1;
                    continue;
                }
                Err(error) => {
                    note(Err(error));
                    continue;
                }
            };
            if plan.shape == case.plan.shape || !run.insert((*name, plan.shape)) {
                continue;
            }
            changed += 1;
            let times = plan.root.cost / case.plan.root.cost;
            if times <= MOST_TIMES_THE_COST {
                note(compare(&plan, &case.answer));
                continue;
            }
            crossed.push(format!("{name} without {} ({times:.0} times the cost)", rule.name()));
            let case = few.entry(name).or_insert_with(|| {
                let witness = all.witness(|tables| Case::new(sql, tables.catalog()).says_something());
                assert!(witness.largest_product() <= MOST_ROWS, "{name}: {} rows", witness.largest_product());
                Case::new(sql, witness.catalog())
            });
            match without(rule, &case.expr) {
                Ok(Some(plan)) if plan.root.cost > MOST_ROWS => {
                    too_large.push(format!("{name} without {}", rule.name()))
                }
                Ok(Some(plan)) => note(compare(&plan, &case.answer)),
                Ok(None) => note(Err("there is a plan for many rows, and none for few".to_owned())),
                Err(error) => note(Err(error)),
            }
        }
    }
    let silent: Vec<&str> = few.iter().filter(|(_, case)| !case.says_something()).map(|(name, _)| *name).collect();
    println!("{changed} other plans, {refused} queries without a way to be run");
    println!("{} over a few rows:\n{}", crossed.len(), crossed.join("\n"));
    println!("without an answer on little data: {silent:?}; too large to run: {too_large:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(too_large.is_empty(), "every plan runs: {too_large:?}");
    // A part of which somebody orders far less than the average is rarer than that.
    assert!(silent.iter().all(|name| *name == "q17"), "nothing is compared but emptiness: {silent:?}");
    assert!(changed > 0 && refused > 0, "{changed}, {refused}");
}
