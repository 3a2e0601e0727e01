//! SQL on small tables with nulls, duplicates and no rows at all, and on files: every answer is
//! DataFusion's, both of the kernels and of the plan as DataFusion's operators.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use datafusion::arrow::compute::cast;
use datafusion::arrow::csv::Writer;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::physical_plan;
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionConfig, SessionContext};
use leafhold::leaf::{FromDelayed, FutureHandle, Leaf, LocalFuture, Values, value};
use leafhold::lower::{FragmentOp, Task, lower};
use leafhold::optimize::{PhysicalOp, Plan, PlanOp, Planner};
use leafhold::run::{LocalExecutor, collect};
use leafhold_datafusion::files::{self, FileError};
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session, to_execution_plan};

type Row = Vec<ScalarValue>;

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// `t(a, b, c, d)`: nulls and duplicates everywhere, in two partitions.
fn t() -> Vec<Vec<RecordBatch>> {
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
fn u() -> Vec<Vec<RecordBatch>> {
    let part = batch([
        ("a", Arc::new(Int64Array::from(vec![Some(2), Some(2), None, Some(4), Some(9)]))),
        ("x", Arc::new(Int32Array::from(vec![Some(7), None, Some(7), Some(-3), Some(12)]))),
        ("s", Arc::new(StringArray::from(vec![Some("y"), Some("x"), None, Some("x"), Some("w")]))),
    ]);
    vec![vec![part]]
}

/// `e(a, b)`: no rows.
fn e() -> Vec<Vec<RecordBatch>> {
    let none = batch([
        ("a", Arc::new(Int64Array::from(Vec::<i64>::new()))),
        ("b", Arc::new(StringArray::from(Vec::<&str>::new()))),
    ]);
    vec![vec![none]]
}

/// `t` is live, the others are values.
fn small_tables() -> (Session, SessionContext) {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    let mut catalog = Catalog::new();
    for (name, partitions) in [("t", t()), ("u", u()), ("e", e())] {
        let schema = partitions[0][0].schema();
        let leaf = match name {
            "t" => {
                let handles: Vec<_> = partitions.iter().map(|part| value("part", part.clone())).collect();
                Leaf::FromDelayed(FromDelayed::new(name, schema.clone(), handles).unwrap())
            }
            _ => Leaf::Values(Values::new(name, schema.clone(), partitions.clone())),
        };
        catalog.add(name, leaf);
        context.register_table(name, Arc::new(MemTable::try_new(schema, partitions).unwrap())).unwrap();
    }
    (Session::new(catalog), context)
}

/// Rows as values, text of every encoding as plain text.
fn rows(batches: &[RecordBatch]) -> Vec<Row> {
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

fn same(ours: &[Row], theirs: &[Row]) -> bool {
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
fn ordered(mut rows: Vec<Row>, sql: &str) -> Vec<Row> {
    if !sql.contains("order by 1") {
        rows.sort_by_cached_key(|row| row.iter().map(|value| format!("{value:.6?}")).collect::<Vec<_>>());
    }
    rows
}

fn plan(session: &Session, sql: &str) -> Result<Plan, String> {
    let frame = session.frame(sql).map_err(|error| error.to_string())?;
    Planner::new(Arc::new(EngineFunctions)).plan(frame.expr()).map_err(|error| error.to_string())
}

/// What is wrong with our answers to a query, if anything is.
async fn difference(session: &Session, context: &SessionContext, sql: &str) -> Result<(), String> {
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

fn compare(session: &Session, context: &SessionContext, queries: &[&str]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut wrong = Vec::new();
    for sql in queries {
        if let Err(reason) = runtime.block_on(difference(session, context, sql)) {
            wrong.push(format!("{sql}\n  {reason}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

const QUERIES: &[&str] = &[
    "select 1",
    "select 1 + 1 as two, 'a' || 'b' as ab, null as nothing",
    "values (1, 'a'), (2, null), (null, 'c')",
    "select * from (values (1, 'a'), (2, 'b')) as v(n, s) where n > 1",
    "select * from t",
    "select a, a as again, a + 1 from t",
    "select a from t union all select a from u",
    "select a from t union select a from u",
    "select a, x from u union all select a, a + 1 from t",
    "select distinct a, b from t",
    "select a from t intersect select a from u",
    "select a from t except select a from u",
    "select * from t limit 0",
    "select a, b, c from t order by 1 desc nulls last, 2, 3 limit 3 offset 2",
    "select b from t order by 1 nulls first",
    "select * from e",
    "select count(*), sum(a), min(b) from e",
    "select a, count(*) from e group by a",
    "select t.a, u.x from t left join e on t.a = e.a left join u on t.a = u.a",
    "select t.a, u.x from t join u on t.a = u.a",
    "select t.a, t.b, u.x from t left join u on t.a = u.a and u.x > 0",
    "select t.a, u.a, u.x from t right join u on t.a = u.a",
    "select t.a, u.a, u.x, t.c from t full join u on t.a = u.a and t.b = u.s",
    "select t.a, u.x from t join u on t.a < u.x",
    "select t.a, u.x from t full join u on t.a < u.x",
    "select t.a, u.a from t join u on t.a is not distinct from u.a",
    "select t.a, u.x from t cross join u",
    "select l.a, r.c from t l join t r on l.a = r.a where l.b = 'x'",
    "select a from t where a in (select a from u)",
    "select a from t where a not in (select a from u where a is not null)",
    "select a from t where a not in (select a from u)",
    "select a from t where exists (select 1 from u where u.a = t.a and u.s = t.b)",
    "select a from t where not exists (select 1 from u where u.a = t.a)",
    "select a, b from t where a = (select max(a) - 5 from u)",
    "select a, (select count(*) from u where u.a = t.a) as n from t",
    "select count(distinct a), count(distinct b), count(a), count(*) from t",
    "select b, count(distinct a), sum(distinct a), sum(a) from t group by b",
    "select b, sum(a), avg(c), min(d), max(d) from t group by b having count(*) > 1",
    "select sum(a) filter (where b = 'x'), count(*) filter (where c > 1) from t",
    "select stddev(c), var_pop(c), median(a), bool_or(a > 3) from t",
    "select case when a > 2 then 'big' when a is null then 'none' else b end from t",
    "select case a when 1 then 'one' when 2 then 'two' end from t",
    "select coalesce(a, 0), coalesce(b, 'none'), nullif(a, 2) from t",
    "select a from t where b like 'y%' or b like '%\\%'",
    "select b from t where b not like '_' and b ilike 'Z%'",
    "select b ~ '^[xy]', b !~* 'Z' from t",
    "select a from t where b ~ '^y'",
    "select a & 1, a | 4, a ^ 3, a << 2, a >> 1 from t",
    "select a from t where a between 2 and 4 and c not between 0 and 1",
    "select a from t where a in (1, 3, null)",
    "select a from t where a not in (1, 3)",
    "select a is null, a > 1 is true, not (a > 1), a > 1 is not false from t",
    "select upper(b), length(b), substr(b, 2), b || '!' from t",
    "select extract(year from d), date_trunc('month', d), d + interval '1 month' from t",
    "select try_cast(b as int), cast(a as varchar), cast(c as int) from t where c < 100",
    "select a / 2, a % 2, -a, abs(-a), c * a from t",
    "select count(*) from t where random() >= 0",
    "select count(*) from (select a from t where c > 0 limit 2)",
    "select now() = now(), now() > timestamp '2020-01-01T00:00:00', current_date() = cast(now() as date)",
    "select count(distinct n) from (select now() as n from t union all select now() from u)",
    "select count(*) from t where now() > d",
    "with l as (select a, count(*) as n from t group by a) select l.a, r.n from l join l r on l.n = r.n and l.a <> r.a",
];

#[test]
fn answers_are_those_of_datafusion() {
    let (session, context) = small_tables();
    compare(&session, &context, QUERIES);
}

#[test]
fn a_scalar_subquery_of_several_rows_is_an_error_and_no_join() {
    let (session, context) = small_tables();
    let one_row_at_most = [
        "select a, (select x from u where a = 9) as x from t",
        "select a, (select x from u where a > 100) as x from t",
        "select a from t where a > (select a from u where x = -3)",
        "select (select max(x) from u) + (select a from u where s = 'w') as s",
        "select a, (select s from u order by s limit 1) as s from t",
    ];
    compare(&session, &context, &one_row_at_most);
    let several = [
        "select a, (select x from u where a = 2) as x from t",
        "select a from t where a = (select a from u)",
        // A null is a row like any other.
        "select (select x from u where a is null or a = 9) as x",
        "select (select a from t where b = 'x') as a",
    ];
    for sql in several {
        let plan = plan(&session, sql).unwrap();
        let run = collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 2));
        let error = run.map(|result| result.batches).unwrap_err().to_string();
        assert!(error.contains("a scalar subquery gave more than one row"), "{sql}: {error}");
    }
}

#[test]
fn distinct_floats_are_told_apart_as_groups_are() {
    let floats = Float64Array::from(vec![Some(0.0), Some(-0.0), Some(1.5), None, Some(1.5), Some(-0.0)]);
    let mut catalog = Catalog::new();
    let part = vec![batch([("f", Arc::new(floats))])];
    catalog.add("z", Leaf::Values(Values::new("z", part[0].schema(), vec![part.clone(), part])));
    let session = Session::new(catalog);
    let queries = [
        "select count(distinct f) as n from z",
        "select count(distinct f) as n, sum(distinct f) as s from z",
        "select count(f) as n from (select distinct f from z)",
        "select count(*) as n from (select f from z where f is not null group by f)",
    ];
    for sql in queries {
        let plan = plan(&session, sql).unwrap();
        let result = collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 2)).unwrap();
        assert_eq!(rows(&result.batches)[0][0], ScalarValue::Int64(Some(2)), "{sql}");
    }
}

#[test]
fn what_datafusion_reads_past_or_misreads_is_refused_with_its_place() {
    let (session, _) = small_tables();
    let refused = [
        ("select * from t tablesample system (10)", "TABLESAMPLE"),
        ("select * from (select a from t) tablesample bernoulli (10)", "TABLESAMPLE"),
        ("select a from t for update", "FOR UPDATE"),
        ("select a from t except all select a from u", "EXCEPT ALL"),
        ("(select a from t union all select a from t) intersect all select a from u", "INTERSECT ALL"),
        ("select * from t where a in (select a from u except all select a from u)", "EXCEPT ALL"),
        ("select a from t where b similar to 'x|y'", "SIMILAR TO"),
    ];
    for (sql, what) in refused {
        let error = session.bind(sql).map(drop).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{what}` is not supported; ")) && error.contains("line 1"),
            "{sql}: {error}"
        );
    }
    let fine = ["select a from t except select a from u", "select a from t union all select a from u"];
    for sql in fine {
        session.bind(sql).unwrap();
    }
}

/// What Leafhold hands to DataFusion as it is.
const BARRIERS: &[&str] = &[
    "select a, row_number() over (partition by b order by a, c) from t",
    "select t.a, u.x, sum(u.x) over (partition by t.a) as s, rank() over (order by u.x) from t join u on t.a = u.a",
    "select a, lag(a) over (order by a, c, d) from t where c is not null",
    "with recursive r(n) as (select 1 union all select n + 1 from r where n < 10) select n from r",
    "with recursive r(a) as (select min(a) from t union all select r.a + 1 from r join t on t.a = r.a) select * from r",
    "select a, b, sum(c) from t group by rollup(a, b)",
    "select b, a, count(*), grouping(a) from t group by cube(a, b)",
    "select t.b, u.s, count(*) from t join u on t.a = u.a group by grouping sets ((t.b), (u.s), ())",
    "select t.a, u.x from t left join u on t.a = u.a and u.x > (select min(x) from u)",
    "select sum(a) filter (where a > (select min(x) from u)) from t",
    "select array_agg(a order by a nulls last) from t",
    "select first_value(a order by c) from t where c is not null",
    "select unnest([1, 2, 3]) as n",
    "select now() = max(n) from (select now() as n, row_number() over () as k from t)",
    "select distinct on (b) b, a from t where a is not null order by b, a desc",
];

#[test]
fn barriers_give_what_datafusion_gives() {
    let (session, context) = small_tables();
    compare(&session, &context, BARRIERS);
    // At least these are barriers, or the queries above test something else.
    for sql in [BARRIERS[0], BARRIERS[3], BARRIERS[5], BARRIERS[8]] {
        let plan = plan(&session, sql).unwrap();
        let barrier = |op: &PlanOp| matches!(op, PlanOp::Compute(PhysicalOp::Extension { .. }));
        assert!(plan.post_order().iter().any(|node| barrier(&node.op)), "{sql}");
    }
}

#[test]
fn operators_wait_for_futures_that_are_still_pending() {
    let (future, promise) = LocalFuture::pending("later");
    let data = t().remove(0);
    let leaf = FromDelayed::new("t", data[0].schema(), vec![FutureHandle::new(future)]).unwrap();
    let mut catalog = Catalog::new();
    catalog.add("t", Leaf::FromDelayed(leaf));
    let plan = plan(&Session::new(catalog), "select sum(a) from t where b = 'x'").unwrap();
    let operators = to_execution_plan(&plan).unwrap();
    drop(plan);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let late = std::thread::spawn(move || promise.fulfil(data));
    let answer = runtime.block_on(physical_plan::collect(operators, SessionContext::new().task_ctx())).unwrap();
    late.join().unwrap();
    assert_eq!(rows(&answer), [[ScalarValue::Int64(Some(2))]]);
}

/// 1,000 rows: `k` counts, `v` is null for every fourth, `s` repeats.
fn numbers() -> RecordBatch {
    batch([
        ("k", Arc::new((0..1000).collect::<Int64Array>())),
        ("v", Arc::new((0..1000).map(|k| (k % 4 != 0).then_some(f64::from(k) / 2.0)).collect::<Float64Array>())),
        ("s", Arc::new((0..1000).map(|k| Some(["red", "green", "blue"][k % 3])).collect::<StringArray>())),
    ])
}

fn write_parquet(path: &Path, batch: &RecordBatch) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(150)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn write_csv(path: &Path, batch: &RecordBatch) {
    Writer::new(File::create(path).unwrap()).write(batch).unwrap();
}

#[test]
fn files_answer_as_they_do_for_datafusion() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = (folder.path().join("p.parquet"), folder.path().join("c.csv"));
    write_parquet(&parquet, &numbers());
    write_csv(&csv, &numbers());
    let mut catalog = Catalog::new();
    catalog.add("p", files::table("p", &parquet).unwrap());
    catalog.add("c", files::table("c", &csv).unwrap());
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        context.register_parquet("p", parquet.to_str().unwrap(), ParquetReadOptions::new()).await.unwrap();
        context.register_csv("c", csv.to_str().unwrap(), CsvReadOptions::new()).await.unwrap();
    });
    let queries = [
        "select * from p",
        "select * from c",
        "select s, k from p where k between 140 and 160",
        "select count(*), count(v), sum(v), min(k), max(k) from p",
        "select s, count(*), avg(v) from c group by s",
        "select p.k, c.s from p join c on p.k = c.k * 3 where p.v > 100",
        "select p.s, sum(c.v) from p join c on p.k = c.k group by p.s",
        "select k from p where v is null order by 1 desc limit 7",
        "select count(*) from c where s like 'b%'",
    ];
    compare(&Session::new(catalog), &context, &queries);
}

#[test]
fn statistics_of_files_are_exact_where_the_file_tells() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = (folder.path().join("p.parquet"), folder.path().join("c.csv"));
    write_parquet(&parquet, &numbers());
    write_csv(&csv, &numbers());
    for path in [&parquet, &csv] {
        let leaf = files::table("n", path).unwrap();
        let statistics = leaf.statistics();
        assert_eq!(statistics.rows, Some(1000.0), "{path:?}");
        let (k, v, s) = (statistics.column(0), statistics.column(1), statistics.column(2));
        assert_eq!((k.min, k.max, k.null_fraction), (Some(0.0), Some(999.0), Some(0.0)), "{path:?}");
        assert_eq!((v.min, v.max, v.null_fraction), (Some(0.5), Some(499.5), Some(0.25)), "{path:?}");
        assert_eq!(s.distinct.map(f64::round), Some(3.0), "{path:?}");
        assert!(k.distinct.is_some_and(|distinct| (900.0..=1000.0).contains(&distinct)), "{path:?}: {k:?}");
    }
    assert_eq!(files::table("n", &parquet).unwrap().partitions(), 7);
    assert_eq!(files::table("n", &csv).unwrap().partitions(), 1);
}

#[test]
fn row_groups_that_a_filter_excludes_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let parquet = folder.path().join("p.parquet");
    write_parquet(&parquet, &numbers());
    let mut catalog = Catalog::new();
    catalog.add("p", files::table("p", &parquet).unwrap());
    let session = Session::new(catalog);
    // Seven row groups of 150 rows. Of floats and text nothing is certain.
    let filters = [("k between 140 and 160", 2), ("k >= 900", 1), ("k < 0", 0), ("v > 450.0", 7), ("s = 'red'", 7)];
    for (filter, read) in filters {
        let graph = lower(&plan(&session, &format!("select s from p where {filter}")).unwrap()).unwrap();
        let scans = |task: &&Task| task.fragment.nodes.iter().any(|node| matches!(node.op, FragmentOp::Scan { .. }));
        assert_eq!(graph.tasks().filter(scans).count(), read, "{filter}");
    }
}

/// The error of a run, as text.
fn run_error(leaf: Leaf, sql: &str) -> String {
    let mut catalog = Catalog::new();
    catalog.add("f", leaf);
    let plan = plan(&Session::new(catalog), sql).unwrap();
    collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 2)).unwrap_err().to_string()
}

#[test]
fn broken_files_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let error = |name: &str| -> FileError {
        let error = files::table("f", at(name)).unwrap_err();
        assert!(error.to_string().starts_with(at(name).to_str().unwrap()), "{error}");
        error
    };
    assert!(matches!(error("missing.parquet"), FileError::Open { .. }));
    assert!(matches!(error("missing.csv"), FileError::Open { .. }));
    std::fs::create_dir(at("folder.csv")).unwrap();
    assert!(matches!(error("folder.csv"), FileError::Open { .. }));
    std::fs::write(at("empty.parquet"), "").unwrap();
    assert!(matches!(error("empty.parquet"), FileError::Corrupt { .. }));
    std::fs::write(at("empty.csv"), "").unwrap();
    assert!(matches!(error("empty.csv"), FileError::NoColumns { .. }));
    std::fs::write(at("text.parquet"), "k,v\n1,2\n").unwrap();
    assert!(matches!(error("text.parquet"), FileError::Corrupt { .. }));

    write_parquet(&at("whole.parquet"), &numbers());
    let whole = std::fs::read(at("whole.parquet")).unwrap();
    for length in [3, 8, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        std::fs::write(at("half.parquet"), &whole[..length]).unwrap();
        assert!(matches!(error("half.parquet"), FileError::Corrupt { .. }), "{length}");
    }
    // A footer that promises pages which are not there.
    let mut holes = whole.clone();
    holes[4..whole.len() / 2].fill(0xff);
    std::fs::write(at("holes.parquet"), holes).unwrap();
    assert!(matches!(error("holes.parquet"), FileError::Corrupt { .. }));
}

#[test]
fn files_that_break_later_fail_the_run_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_parquet(&at("gone.parquet"), &numbers());
    let leaf = files::table("f", at("gone.parquet")).unwrap();
    std::fs::remove_file(at("gone.parquet")).unwrap();
    let error = run_error(leaf, "select sum(k) from f");
    assert!(error.contains("gone.parquet") && error.contains("no such file"), "{error}");

    write_parquet(&at("cut.parquet"), &numbers());
    let leaf = files::table("f", at("cut.parquet")).unwrap();
    let whole = std::fs::read(at("cut.parquet")).unwrap();
    std::fs::write(at("cut.parquet"), &whole[..whole.len() / 2]).unwrap();
    let error = run_error(leaf, "select sum(k), sum(v), max(s) from f");
    assert!(error.contains("cut.parquet"), "{error}");

    // The last line ends in the middle.
    write_csv(&at("cut.csv"), &numbers());
    let whole = std::fs::read(at("cut.csv")).unwrap();
    let end = whole.iter().rposition(|byte| *byte == b',').unwrap();
    std::fs::write(at("cut.csv"), &whole[..end]).unwrap();
    let failed = match files::table("f", at("cut.csv")) {
        Ok(leaf) => run_error(leaf, "select count(*), max(s) from f"),
        Err(error) => error.to_string(),
    };
    assert!(failed.contains("cut.csv"), "{failed}");

    std::fs::write(at("mixed.csv"), format!("k\n{}text\n", "1\n".repeat(20_000))).unwrap();
    let error = run_error(files::table("f", at("mixed.csv")).unwrap(), "select sum(k) from f");
    assert!(error.contains("mixed.csv") && error.contains("text"), "{error}");
}

#[test]
fn a_file_without_rows_is_a_table_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = (folder.path().join("none.parquet"), folder.path().join("none.csv"));
    write_parquet(&parquet, &numbers().slice(0, 0));
    std::fs::write(&csv, "k,v,s\n").unwrap();
    for path in [parquet, csv] {
        let mut catalog = Catalog::new();
        catalog.add("f", files::table("f", &path).unwrap());
        let plan = plan(&Session::new(catalog), "select count(*) as n from f").unwrap();
        let answer = collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 1)).unwrap();
        assert_eq!(rows(&answer.batches), [[ScalarValue::Int64(Some(0))]], "{path:?}");
    }
}
