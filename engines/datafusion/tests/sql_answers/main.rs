//! SQL on small tables with nulls, duplicates and no rows at all, and on files: every answer is
//! DataFusion's, both of the kernels and of the plan as DataFusion's operators.

mod barriers;
mod files;
mod grouping;
mod harness;
mod isolated;
#[path = "../common/random.rs"]
mod random;
mod unnest;
mod windows;

use std::sync::Arc;

use arrow_array::Float64Array;
use datafusion::common::ScalarValue;
use datafusion::physical_plan;
use datafusion::prelude::SessionContext;
use leafhold::leaf::{FromDelayed, FutureHandle, Leaf, LocalFuture, Values};
use leafhold::run::{LocalExecutor, collect};
use leafhold_datafusion::{Catalog, DataFusionKernels, Session, to_execution_plan};

use harness::{batch, compare, plan, rows, small_tables, t};

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
    // One row of which nothing is read.
    "select 5 as five from (select count(*) as n, sum(a) as s from t)",
    "select t.a from t cross join (select max(a) as m from e) as nothing",
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
    // Types that depend on constants, which are cast.
    "select round(cast(a as decimal(10, 4)) / 3, 2), round(c, 1), trunc(cast(a as decimal(9, 3)), 1) from t",
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
        ("select a from t where (a = 1) is distinct from true or a = 1", "IS DISTINCT FROM .. AND, OR"),
        ("select a is not distinct from 1 and true from t", "IS DISTINCT FROM .. AND, OR"),
    ];
    for (sql, what) in refused {
        let error = session.bind(sql).map(drop).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{what}` is not supported; ")) && error.contains("line 1"),
            "{sql}: {error}"
        );
    }
    let fine = [
        "select a from t except select a from u",
        "select a from t union all select a from u",
        "select a from t where a = 1 or (a is distinct from 1) and true or a is distinct from (a + 1)",
    ];
    for sql in fine {
        session.bind(sql).unwrap();
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
