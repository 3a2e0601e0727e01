//! SQL to expressions: what converts, what becomes a barrier, and what is said of bad SQL.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{Expr, Op};
use leafhold::leaf::{Leaf, Values};
use leafhold_datafusion::{Catalog, Session, tpch};

fn benchmark() -> Session {
    let mut catalog = Catalog::new();
    for table in tpch::TpchTable::ALL {
        catalog.add(table.name(), Leaf::Values(Values::empty(table.schema())));
    }
    Session::new(catalog)
}

fn barriers(expr: &Expr) -> Vec<(String, usize)> {
    let barrier = |node: &Expr| match node.op() {
        Op::Barrier(barrier) => Some((barrier.name().to_owned(), node.inputs().len())),
        _ => None,
    };
    expr.post_order().iter().filter_map(barrier).collect()
}

#[test]
fn every_query_of_the_benchmark_converts_without_a_barrier() {
    let session = benchmark();
    for (name, sql) in tpch::QUERIES {
        let frame = session.frame(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(barriers(frame.expr()), [], "{name}");
    }
}

#[test]
fn planning_time() {
    let session = benchmark();
    for round in 0..3 {
        let mut total = std::time::Duration::ZERO;
        for (name, sql) in tpch::QUERIES {
            let plan = session.bind(sql).unwrap();
            let start = std::time::Instant::now();
            session.to_expr(&plan).unwrap();
            let took = start.elapsed();
            if round == 2 {
                println!("{name} {took:?}");
            }
            total += took;
        }
        println!("total {total:?}");
    }
}
