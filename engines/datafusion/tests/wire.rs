//! Documents over DataFusion's functions and tables.

use std::fs;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use leafhold::explain::PlanText;
use leafhold::expr::Expr;
use leafhold::expr::wire::{NoCodec, ReadContext, WireError};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::{Fragment, TaskGraph, lower};
use leafhold::optimize::{Plan, Planner};
use leafhold::run::{Executor, LocalExecutor, TaskContext, run_fragment};
use leafhold_datafusion::{Catalog, DataFusionCodec, DataFusionKernels, EngineFunctions, Session, files, tpch};

fn context() -> ReadContext<'static> {
    ReadContext::new(&EngineFunctions).with_codec(&DataFusionCodec)
}

fn expr(session: &Session, sql: &str) -> Expr {
    session.to_expr(&session.bind(sql).unwrap()).unwrap()
}

/// Everything on the way from an expression to its fragments comes back as it was.
fn round_trip(expr: &Expr) -> TaskGraph {
    let json = expr.to_json(&DataFusionCodec).unwrap();
    assert_eq!(&Expr::from_json(&json, &context()).unwrap(), expr);

    let plan = Planner::new(Arc::new(EngineFunctions)).plan(expr).unwrap();
    let json = plan.to_json(&DataFusionCodec).unwrap();
    let read = Plan::from_json(&json, &context()).unwrap();
    assert_eq!(PlanText::new(&read).body().to_string(), PlanText::new(&plan).body().to_string());
    assert_eq!((&read.fired, &read.schema, read.ruleset), (&plan.fired, &plan.schema, plan.ruleset));

    let graph = lower(&plan).unwrap();
    let tokens = |graph: &TaskGraph| graph.tasks().map(|task| task.token).collect::<Vec<_>>();
    assert_eq!(tokens(&lower(&read).unwrap()), tokens(&graph));
    let json = graph.to_json(&DataFusionCodec).unwrap();
    let read = TaskGraph::from_json(&json, &context()).unwrap();
    assert_eq!((tokens(&read), read.to_text()), (tokens(&graph), graph.to_text()));
    read
}

#[test]
fn the_22_queries_survive_a_round_trip() {
    let mut catalog = Catalog::new();
    for (name, leaf) in tpch::tables(0.01, 2).unwrap() {
        // Futures of this process cannot be written; what matters here are the queries.
        catalog.add(name, Leaf::Values(Values::new(name, leaf.schema().clone(), vec![])));
    }
    let session = Session::new(catalog);
    for (_, sql) in tpch::QUERIES {
        round_trip(&expr(&session, sql));
    }
}

fn numbers() -> RecordBatch {
    let columns: [(&str, ArrayRef); 4] = [
        ("k", Arc::new(Int64Array::from_iter_values(0..100))),
        ("v", Arc::new(Float64Array::from_iter((0..100).map(|k| (k % 4 != 0).then_some(f64::from(k) / 2.0))))),
        ("s", Arc::new(StringArray::from_iter_values((0..100).map(|k| ["red", "green", "blue"][k % 3])))),
        ("t", Arc::new(TimestampMicrosecondArray::from_iter_values((0..100).map(|k| k * 86_400_000_000)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn session() -> Session {
    let mut catalog = Catalog::new();
    let halves = vec![vec![numbers().slice(0, 50)], vec![numbers().slice(50, 50)]];
    catalog.add("n", Leaf::Values(Values::new("n", numbers().schema(), halves)));
    Session::new(catalog)
}

#[test]
fn functions_and_aggregates_of_datafusion_are_found_again() {
    let session = session();
    for sql in [
        "select upper(s), substr(s, 2), round(v, 1), coalesce(v, k, 0), date_trunc('month', t) from n",
        "select extract(year from t), t + interval '3 days', cast(k as decimal(12, 2)) / 7, try_cast(s as int) from n",
        "select k from n where s like 'r%' or s ilike '%E_' escape 'x' or regexp_like(s, '^b') or k in (1, 2, null)",
        "select case s when 'red' then 1 when 'blue' then null else k % 7 end, nullif(k, 3), -v, not (k = 2) from n",
        "select s, median(v), stddev(v), approx_distinct(k), count(distinct k), bool_and(k > 2) from n group by s",
        "select s, sum(k) filter (where v > 3), avg(v), min(t), max(s), corr(k, v), covar_pop(k, v) from n group by s",
        "select a.k, b.v from n a left join n b on a.k = b.k * 2 and a.v < b.v + 1 where a.s is distinct from 'red'",
        "select k from n where k not in (select k from n where v > 10) union all select 1 order by 1 limit 3",
    ] {
        round_trip(&expr(&session, sql));
    }
}

#[test]
fn a_graph_that_was_read_gives_the_same_rows() {
    let sql = "select s, sum(k) as total, count(v) as known from n where k > 7 group by s order by total";
    let graph = round_trip(&expr(&session(), sql));
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), 2);
    let outcome = executor.submit(graph).wait().unwrap();
    let batches: Vec<RecordBatch> = outcome.partitions.iter().flat_map(|data| data.to_vec()).collect();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 3);
    let totals = batches.iter().flat_map(|batch| {
        let totals = batch.column(1).as_any().downcast_ref::<Int64Array>().unwrap();
        totals.values().to_vec()
    });
    let expected = |color: i64| (8..100).filter(|k| k % 3 == color).sum::<i64>();
    let mut wanted = vec![expected(0), expected(1), expected(2)];
    wanted.sort();
    assert_eq!(totals.collect::<Vec<_>>(), wanted);
}

#[test]
fn tables_travel_by_path_and_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.csv");
    fs::write(&path, "k,s\n1,a\n2,b\n").unwrap();
    let mut catalog = Catalog::new();
    let leaf = files::table("n", &path).unwrap();
    catalog.add("n", leaf.clone());
    let graph = round_trip(&expr(&Session::new(catalog), "select s from n where k = 2"));

    // A worker that has only the bytes.
    let scanning = graph.tasks().next().unwrap();
    let bytes = scanning.fragment.to_bytes(&DataFusionCodec).unwrap();
    let fragment = Fragment::from_bytes(&bytes, &context()).unwrap();
    let output = run_fragment(&DataFusionKernels, &fragment, vec![], &TaskContext::default()).unwrap();
    assert_eq!(output.ports[0].iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
    let beyond = TaskContext { partition: 1, ..TaskContext::default() };
    let error = run_fragment(&DataFusionKernels, &fragment, vec![], &beyond).unwrap_err().to_string();
    assert!(error.contains("partition 1 of a table of 1"), "{error}");

    // Statistics travel with it: nobody samples the file again.
    let json = Expr::leaf(leaf.clone()).unwrap().to_json(&DataFusionCodec).unwrap();
    let read = Expr::from_json(&json, &context()).unwrap();
    let leafhold::expr::Op::Leaf(read) = read.op() else { panic!("a leaf") };
    assert_eq!(read.statistics(), leaf.statistics());

    // Another file under the same path, and none at all.
    let path_text = path.to_string_lossy();
    fs::write(&path, "k,s\n1,a\n2,b\n3,c\n").unwrap();
    let error = Fragment::from_bytes(&bytes, &context()).unwrap_err();
    assert!(matches!(error, WireError::Codec { .. }));
    assert!(
        error.to_string().contains(&format!("{path_text}: the file is another one here, or was changed")),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    let error = Fragment::from_bytes(&bytes, &context()).unwrap_err();
    assert!(error.to_string().contains(&format!("{path_text}: no such file")), "{error}");
    let error = Fragment::from_bytes(&bytes, &ReadContext::new(&EngineFunctions)).unwrap_err();
    assert!(error.to_string().contains("a table cannot be sent: the engine has no codec for it"), "{error}");
}

#[test]
fn barriers_are_refused_by_name() {
    let expr = expr(&session(), "select k, sum(k) over (order by k range between 1 preceding and current row) from n");
    let error = expr.to_json(&DataFusionCodec).unwrap_err();
    assert!(error.to_string().contains("barrier `window` cannot be sent: it is a plan of DataFusion's own"), "{error}");
    let error = expr.to_json(&NoCodec).unwrap_err();
    assert!(error.to_string().contains("barrier `window` cannot be sent: the engine has no codec for it"), "{error}");
}
