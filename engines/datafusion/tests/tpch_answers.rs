//! Every TPC-H answer equals DataFusion's on the same data: decimals exact, floats to 1e-9.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use leafhold::leaf::Leaf;
use leafhold::optimize::{Plan, PlanError, Planner};
use leafhold::rules::{Phase, RuleSet};
use leafhold::run::{LocalExecutor, collect};
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session, to_execution_plan, tpch};

const SCALE: f64 = 0.1;

/// One set of live tables for both engines.
fn tables() -> Vec<(&'static str, Leaf)> {
    tpch::tables(SCALE, 4).unwrap()
}

fn peer(tables: &[(&'static str, Leaf)]) -> SessionContext {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    for (name, leaf) in tables {
        let partitions = leaf.futures().iter().map(|future| future.wait().unwrap().to_vec()).collect();
        let table = MemTable::try_new(leaf.schema().clone(), partitions).unwrap();
        context.register_table(*name, Arc::new(table)).unwrap();
    }
    context
}

type Row = Vec<ScalarValue>;

fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let value = |column: &ArrayRef, row: usize| ScalarValue::try_from_array(column, row).unwrap();
    let row = |batch: &RecordBatch, at: usize| batch.columns().iter().map(|column| value(column, at)).collect();
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

fn same(ours: &Row, theirs: &Row) -> bool {
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(a, b)| match (a, b) {
            (ScalarValue::Float64(Some(a)), ScalarValue::Float64(Some(b))) => {
                (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
            }
            (a, b) => a == b,
        })
}

fn sort(rows: &mut [Row]) {
    rows.sort_by_cached_key(|row| row.iter().map(|value| format!("{value:.6?}")).collect::<Vec<_>>());
}

#[test]
fn the_22_answers_are_those_of_datafusion() {
    let tables = tables();
    let context = peer(&tables);
    let mut catalog = Catalog::new();
    tables.iter().for_each(|(name, leaf)| catalog.add(*name, leaf.clone()));
    let session = Session::new(catalog);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut wrong: HashMap<&str, String> = HashMap::new();
    for (name, sql) in tpch::QUERIES {
        let theirs = runtime.block_on(async { context.sql(sql).await.unwrap().collect().await.unwrap() });
        let expr = session.to_expr(&session.bind(sql).unwrap()).unwrap();
        let plan = Planner::new(Arc::new(EngineFunctions)).plan(&expr).unwrap();
        for threads in [1, 2] {
            let executor = LocalExecutor::new(Arc::new(DataFusionKernels), threads);
            let ours = match collect(&plan, &executor) {
                Ok(collected) => rows(&collected.batches),
                Err(error) => {
                    wrong.insert(name, error.to_string());
                    continue;
                }
            };
            let theirs = rows(&theirs);
            let (mut a, mut b) = (ours.clone(), theirs.clone());
            // Rows that tie in the query's order may come in any order.
            sort(&mut a);
            sort(&mut b);
            if a.len() != b.len() || !a.iter().zip(&b).all(|(a, b)| same(a, b)) {
                let differ = a.iter().zip(&b).find(|(a, b)| !same(a, b));
                wrong.insert(name, format!("{} rows, theirs {}; first: {differ:?}", a.len(), b.len()));
            } else if !ours.iter().zip(&theirs).all(|(a, b)| same(a, b)) {
                wrong.insert(name, "another order".to_owned());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A plan that costs so much more than the whole set's is a cross product, which even little data makes large.
const MOST_TIMES_THE_COST: f64 = 20.0;

/// Each rule off in turn, on little data: the answers stay, and where an operator has no other way to be run, the
/// error names it. Only plans that differ from the whole set's are run, and each of them once.
#[test]
fn any_single_rule_may_be_disabled() {
    let mut catalog = Catalog::new();
    tpch::tables(0.001, 4).unwrap().into_iter().for_each(|(name, leaf)| catalog.add(name, leaf));
    let session = Session::new(catalog);
    let rules = RuleSet::builtin();
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), 2);
    let answer = |plan: &Plan| {
        let mut rows = rows(&collect(plan, &executor).map_err(|error| error.to_string())?.batches);
        sort(&mut rows);
        Ok::<_, String>(rows)
    };
    let planner = |rules| Planner::new(Arc::new(EngineFunctions)).with_rules(rules);
    let queries: Vec<_> = tpch::QUERIES
        .iter()
        .map(|(name, sql)| {
            let expr = session.to_expr(&session.bind(sql).unwrap()).unwrap();
            let plan = planner(rules.clone()).plan(&expr).unwrap();
            let expected = answer(&plan).unwrap();
            (*name, expr, plan.shape, plan.root.cost, expected)
        })
        .collect();
    let mut wrong = Vec::new();
    let (mut changed, mut refused, mut large) = (0, 0, 0);
    let mut run = HashSet::new();
    for rule in rules.rules() {
        let fewer = planner(Arc::new(rules.without(&[rule.name()]).unwrap()));
        for (name, expr, shape, cost, expected) in &queries {
            let plan = match fewer.plan(expr) {
                Ok(plan) => plan,
                Err(PlanError::NotImplemented { operator })
                    if rule.phase() == Phase::Implement && operator != "a cycle" =>
                {
                    refused += 1;
                    continue;
                }
                Err(error) => {
                    wrong.push(format!("{name} without {}: {error}", rule.name()));
                    continue;
                }
            };
            if plan.shape == *shape || !run.insert((*name, plan.shape)) {
                continue;
            }
            if plan.root.cost > MOST_TIMES_THE_COST * cost {
                large += 1;
                continue;
            }
            changed += 1;
            match answer(&plan) {
                Ok(found) if found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| same(a, b)) => {}
                Ok(found) => {
                    let counts = format!("{} rows instead of {}", found.len(), expected.len());
                    wrong.push(format!("{name} without {}: {counts}", rule.name()));
                }
                Err(error) => wrong.push(format!("{name} without {}: {error}", rule.name())),
            }
        }
    }
    println!("{changed} other plans, {large} too large to run, {refused} without a way to be run");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(changed > 0 && refused > 0, "{changed}, {large}, {refused}");
}

#[test]
fn plans_as_operators_of_datafusion_give_what_the_kernels_give() {
    let mut catalog = Catalog::new();
    tpch::tables(0.01, 4).unwrap().into_iter().for_each(|(name, leaf)| catalog.add(name, leaf));
    let session = Session::new(catalog);
    let planner = Planner::new(Arc::new(EngineFunctions));
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), 2);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut wrong: HashMap<&str, String> = HashMap::new();
    for (name, sql) in tpch::QUERIES {
        let plan = planner.plan(session.frame(sql).unwrap().expr()).unwrap();
        let operators = to_execution_plan(&plan).unwrap();
        let task = SessionContext::new().task_ctx();
        let answer = runtime.block_on(datafusion::physical_plan::collect(operators, task));
        let mut ours = rows(&collect(&plan, &executor).unwrap().batches);
        let mut theirs = match answer {
            Ok(batches) => rows(&batches),
            Err(error) => {
                wrong.insert(name, error.to_string());
                continue;
            }
        };
        sort(&mut ours);
        sort(&mut theirs);
        if ours.len() != theirs.len() || !ours.iter().zip(&theirs).all(|(a, b)| same(a, b)) {
            let differ = ours.iter().zip(&theirs).find(|(a, b)| !same(a, b));
            wrong.insert(name, format!("{} rows, {} of operators; first: {differ:?}", ours.len(), theirs.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
