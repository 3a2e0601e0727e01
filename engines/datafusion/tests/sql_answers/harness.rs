//! Tables, and how our answers are compared with DataFusion's.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema};
use datafusion::arrow::compute::cast;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::physical_plan;
use datafusion::prelude::{SessionConfig, SessionContext};
use leafhold::leaf::{FromDelayed, Leaf, TableStatistics, Values, value};
use leafhold::optimize::{PhysicalOp, Plan, PlanOp, Planner};
use leafhold::run::{LocalExecutor, collect};
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session, to_execution_plan};

pub type Row = Vec<ScalarValue>;

pub fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// `t(a, b, c, d)`: nulls and duplicates everywhere, in two partitions.
pub fn t() -> Vec<Vec<RecordBatch>> {
    let part = |a: Vec<Option<i64>>, b: Vec<Option<&str>>, c: Vec<Option<f64>>, d: Vec<Option<i32>>| {
        vec![batch([
            ("a", Arc::new(Int64Array::from(a))),
            ("b", Arc::new(StringArray::from(b))),
            ("c", Arc::new(Float64Array::from(c))),
            ("d", Arc::new(Date32Array::from(d))),
        ])]
    };
    vec![
        part(
            vec![Some(1), Some(2), None, Some(2), Some(1)],
            vec![Some("x"), Some("y"), Some("x"), None, Some("x")],
            vec![Some(1.5), Some(-0.5), Some(2.0), None, Some(1.5)],
            vec![Some(0), Some(10_000), None, Some(10_031), Some(0)],
        ),
        part(
            vec![Some(3), None, Some(4), Some(5)],
            vec![Some("zed"), None, Some("y%"), Some("")],
            vec![Some(8.25), Some(0.0), Some(1e9), None],
            vec![Some(12_345), Some(1), None, Some(20_000)],
        ),
    ]
}

/// `u(a, x, s)`: keys that `t` has, has twice and has not.
pub fn u() -> Vec<Vec<RecordBatch>> {
    let part = batch([
        ("a", Arc::new(Int64Array::from(vec![Some(2), Some(2), None, Some(4), Some(9)]))),
        ("x", Arc::new(Int32Array::from(vec![Some(7), None, Some(7), Some(-3), Some(12)]))),
        ("s", Arc::new(StringArray::from(vec![Some("y"), Some("x"), None, Some("x"), Some("w")]))),
    ]);
    vec![vec![part]]
}

/// `e(a, b)`: no rows.
pub fn e() -> Vec<Vec<RecordBatch>> {
    let none = batch([
        ("a", Arc::new(Int64Array::from(Vec::<i64>::new()))),
        ("b", Arc::new(StringArray::from(Vec::<&str>::new()))),
    ]);
    vec![vec![none]]
}

/// `t` is live, the others are values.
pub fn small_tables() -> (Session, SessionContext) {
    tables([("t", t(), true), ("u", u(), false), ("e", e(), false)])
}

/// Tables, some of them live and said to be so large that it pays to spread their rows.
pub fn tables<const N: usize>(tables: [(&str, Vec<Vec<RecordBatch>>, bool); N]) -> (Session, SessionContext) {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    let mut catalog = Catalog::new();
    for (name, partitions, live) in tables {
        let schema = partitions[0][0].schema();
        let leaf = match live {
            true => {
                let handles: Vec<_> = partitions.iter().map(|part| value("part", part.clone())).collect();
                Leaf::FromDelayed(FromDelayed::new(name, schema.clone(), handles).unwrap())
            }
            false => Leaf::Values(Values::new(name, schema.clone(), partitions.clone())),
        };
        catalog.add(name, leaf);
        context.register_table(name, Arc::new(MemTable::try_new(schema, partitions).unwrap())).unwrap();
    }
    (Session::new(catalog), context)
}

/// The same partitions behind live futures, of which somebody says that they have ten million rows.
pub fn large(name: &str, partitions: &[Vec<RecordBatch>]) -> Leaf {
    let handles: Vec<_> = partitions.iter().map(|part| value("part", part.clone())).collect();
    let leaf = FromDelayed::new(name, partitions[0][0].schema(), handles).unwrap();
    Leaf::FromDelayed(leaf.with_statistics(TableStatistics { rows: Some(1e7), ..TableStatistics::unknown() }))
}

/// The names and types of columns, text of every encoding as plain text.
fn columns_of(schema: &Schema) -> Vec<(String, DataType)> {
    let plain = |kind: &DataType| match kind {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        kind => kind.clone(),
    };
    schema.fields().iter().map(|field| (field.name().clone(), plain(field.data_type()))).collect()
}

/// What is wrong with the columns that we say a query has.
async fn other_columns(session: &Session, context: &SessionContext, sql: &str) -> Result<(), String> {
    let theirs = context.sql(sql).await.map_err(|error| error.to_string())?;
    let theirs = theirs.into_optimized_plan().map_err(|error| error.to_string())?;
    let theirs = columns_of(theirs.schema().as_arrow());
    let ours = columns_of(session.frame(sql).map_err(|error| error.to_string())?.schema());
    match ours == theirs {
        true => Ok(()),
        false => Err(format!("columns: {ours:?}\n  DataFusion: {theirs:?}")),
    }
}

/// The barriers in the plan of a query.
pub fn barriers(session: &Session, sql: &str) -> Vec<String> {
    let plan = plan(session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let barrier = |op: &PlanOp| match op {
        PlanOp::Compute(PhysicalOp::Extension { extension }) => Some(extension.name().to_owned()),
        _ => None,
    };
    plan.post_order().iter().filter_map(|node| barrier(&node.op)).collect()
}

/// Asserts that our answers are DataFusion's, that columns are called and typed as it does, and that no part of the plans is
/// its own.
#[track_caller]
pub fn compare_operators(session: &Session, context: &SessionContext, queries: &[&str]) {
    compare(session, context, queries);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for sql in queries {
        runtime.block_on(other_columns(session, context, sql)).unwrap_or_else(|reason| panic!("{sql}\n  {reason}"));
        assert_eq!(barriers(session, sql), Vec::<String>::new(), "{sql}");
    }
}

/// The error of a query that cannot be computed.
#[track_caller]
pub fn run_error(session: &Session, sql: &str) -> String {
    match plan(session, sql) {
        Ok(plan) => collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 2)).unwrap_err().to_string(),
        Err(error) => error,
    }
}

/// Rows as values, text of every encoding as plain text.
pub fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let plain = |column: &ArrayRef| match column.data_type() {
        DataType::Utf8View | DataType::LargeUtf8 => cast(column, &DataType::Utf8).unwrap(),
        _ => column.clone(),
    };
    let row = |columns: &[ArrayRef], at: usize| -> Row {
        columns.iter().map(|column| ScalarValue::try_from_array(column, at).unwrap()).collect()
    };
    let rows = batches.iter().flat_map(|batch| {
        let columns: Vec<ArrayRef> = batch.columns().iter().map(plain).collect();
        (0..batch.num_rows()).map(|at| row(&columns, at)).collect::<Vec<_>>()
    });
    rows.collect()
}

pub fn same(ours: &[Row], theirs: &[Row]) -> bool {
    let value = |(a, b): (&ScalarValue, &ScalarValue)| match (a, b) {
        (ScalarValue::Float64(Some(a)), ScalarValue::Float64(Some(b))) => {
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (a, b) => a == b,
    };
    let row = |(a, b): (&Row, &Row)| a.len() == b.len() && a.iter().zip(b).all(value);
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(row)
}

/// Rows in a fixed order, unless the query fixes one.
pub fn ordered(mut rows: Vec<Row>, sql: &str) -> Vec<Row> {
    if !sql.contains("order by 1") {
        rows.sort_by_cached_key(|row| row.iter().map(|value| format!("{value:.6?}")).collect::<Vec<_>>());
    }
    rows
}

pub fn plan(session: &Session, sql: &str) -> Result<Plan, String> {
    let frame = session.frame(sql).map_err(|error| error.to_string())?;
    Planner::new(Arc::new(EngineFunctions)).plan(frame.expr()).map_err(|error| error.to_string())
}

/// What is wrong with our answers to a query, if anything is.
pub async fn difference(session: &Session, context: &SessionContext, sql: &str) -> Result<(), String> {
    let theirs = context.sql(sql).await.map_err(|error| format!("DataFusion: {error}"))?;
    let theirs = theirs.collect().await.map_err(|error| format!("DataFusion: {error}"))?;
    let theirs = ordered(rows(&theirs), sql);
    let plan = plan(session, sql)?;
    // The kernels have runtimes of their own.
    let by_kernels = {
        let plan = plan.clone();
        let run = move || collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 2));
        tokio::task::spawn_blocking(run).await.unwrap().map_err(|error| error.to_string())?
    };
    let operators = to_execution_plan(&plan).map_err(|error| format!("conversion: {error}"))?;
    let by_operators = physical_plan::collect(operators, context.task_ctx());
    let by_operators = by_operators.await.map_err(|error| format!("operators: {error}"))?;
    for (who, batches) in [("kernels", by_kernels.batches), ("operators", by_operators)] {
        let ours = ordered(rows(&batches), sql);
        if !same(&ours, &theirs) {
            return Err(format!("{who}: {ours:?}\n  DataFusion: {theirs:?}"));
        }
    }
    Ok(())
}

#[track_caller]
pub fn compare(session: &Session, context: &SessionContext, queries: &[&str]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut wrong = Vec::new();
    for sql in queries {
        if let Err(reason) = runtime.block_on(difference(session, context, sql)) {
            wrong.push(format!("{sql}\n  {reason}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
