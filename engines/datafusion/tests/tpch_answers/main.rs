//! Every TPC-H answer equals DataFusion's on the same data: decimals exact, floats to 1e-9.

mod rows;
mod rules_off;
mod witness;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use leafhold::leaf::Leaf;
use leafhold::optimize::Planner;
use leafhold::run::{LocalExecutor, collect};
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session, to_execution_plan, tpch};
use rows::{rows, same, sort};

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
