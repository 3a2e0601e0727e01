//! Windows of SQL as operators.

use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use leafhold::optimize::{PhysicalOp, PlanOp};
use leafhold::run::{LocalExecutor, collect};
use leafhold_datafusion::{Catalog, DataFusionKernels, Session};

use crate::harness::{batch, compare, compare_operators, large, plan, rows, small_tables, tables};
use crate::random::Random;

#[test]
fn ranks_numbers_and_neighbours_are_those_of_datafusion() {
    let (session, context) = small_tables();
    let queries = [
        "select a, row_number() over (partition by b order by a, c, d) as n from t",
        "select row_number() over () as n from t where a = 3",
        "select a, rank() over w, dense_rank() over w, percent_rank() over w, cume_dist() over w from t \
         window w as (partition by b order by a desc nulls last)",
        "select a, rank() over (order by a), rank() over (order by a desc), rank() over (order by a nulls first), \
         rank() over (order by a desc nulls last) from t",
        "select a, rank() over () as r, dense_rank() over (partition by b) as d, percent_rank() over () as p, \
         cume_dist() over () as c from t",
        "select a, rank() over (order by 2) as r, count(*) over (partition by 7 order by 'x') as n from t",
        "select a, ntile(1) over w, ntile(2) over w, ntile(4) over w, ntile(100) over w from t \
         window w as (order by a, b, c, d)",
        "select lag(a) over w, lag(a, 2) over w, lag(a, 0) over w, lag(a, -1) over w, lag(a, null) over w, \
         lag(a, 9223372036854775807) over w from t window w as (order by a, b, c, d)",
        "select lag(a, 1 + 1) over w, lead(a) over w, lead(a, -2) over w, lead(b, 3) over w from t window w as (partition by b order by a, c, d)",
        "select lag(a, 2, 0) over w, lead(a, -2, 7) over w, lead(c, 1, 0) over w, lag(b, 1, 'none') over w, \
         lag(d, 1, date '2020-01-01') over w, lag(a, 1, null) over w, lag(a, 1, 1 + 1) over w, lag(x, 1, '4') over w \
         from (select *, cast(a as int) as x from t) window w as (partition by b order by a, c, d)",
        "select lag(a + 1, 1) over (order by a, b, c, d) + 1 as p, coalesce(lead(b) over (order by a, b, c, d), '-') from t",
    ];
    compare_operators(&session, &context, &queries);
}

#[test]
fn values_and_aggregates_of_frames_are_those_of_datafusion() {
    let (session, context) = small_tables();
    let queries = [
        "select sum(c) over (), count(*) over (), avg(a) over (partition by b), min(d) over (partition by b), \
         max(b) over (partition by a) from t",
        "select a, sum(c) over (order by a), count(*) over (order by a), count(c) over (partition by b order by a) from t",
        "select first_value(c) over w, last_value(c) over w, nth_value(c, 2) over w, nth_value(b, 100) over w from t \
         window w as (partition by b order by a, c, d)",
        "select first_value(a) over w, last_value(a) over w, nth_value(a, 2) over w, sum(a) over w, count(*) over w \
         from t window w as (order by a, b, c, d rows between 1 preceding and 1 following)",
        "select sum(a) over w, count(*) over w, min(b) over w, first_value(b) over w from t \
         window w as (order by a, b, c, d rows between 3 preceding and 2 preceding)",
        "select sum(a) over w, count(*) over w, last_value(b) over w from t \
         window w as (order by a, b, c, d rows between 2 following and 3 following)",
        "select sum(a) over (order by a, b, c, d rows current row), \
         sum(a) over (order by a, b, c, d rows between current row and unbounded following), \
         sum(a) over (order by a, b, c, d rows unbounded preceding), sum(a) over (order by a, b, c, d rows 2 preceding) from t",
        "select a, sum(c) over (order by a groups between 1 preceding and current row), \
         count(*) over (order by a groups between 1 following and 2 following), \
         count(*) over (order by a groups between unbounded preceding and 1 preceding), \
         sum(a) over (partition by b order by a desc groups between 1 preceding and 1 following) from t",
        "select a, sum(c) over (order by a range between unbounded preceding and unbounded following), \
         count(*) over (order by a, b range between current row and unbounded following), \
         count(*) over (order by a range current row), sum(a) over (range between unbounded preceding and current row), \
         count(*) over (partition by b range between current row and unbounded following) from t",
        "select a, sum(a) filter (where c > 0) over (partition by b), count(*) filter (where b = 'x') over (order by a) from t",
        "select mean(c) over (partition by b) as m, stddev(c) over (partition by b) as s, median(a) over () as d, \
         bool_and(a > 1) over (partition by b) as o, corr(a, c) over () as r, \
         count(a, b) over () as n from t",
        "select array_agg(a) over (partition by b order by a, c, d) as l, \
         string_agg(b, ',') over (order by a, b, c, d) as s from t",
        "select sum(x) over (), avg(x) over (partition by s), sum(cast(x as decimal(10, 2))) over (order by x) from u",
    ];
    compare_operators(&session, &context, &queries);
}

#[test]
fn queries_around_windows() {
    let (session, context) = small_tables();
    let queries = [
        // Columns in another order than that of the windows.
        "select sum(c) over (partition by a), row_number() over (order by a, b, c, d), sum(a) over (partition by a), \
         count(*) over (partition by a order by b), max(c) over (order by a, b, c, d), a from t",
        "select t.a, u.x, sum(u.x) over (partition by t.a) as s, rank() over (order by u.x) from t join u on t.a = u.a",
        "select a, lag(a) over (order by a, c, d) from t where c is not null",
        "select b, sum(a) as s, rank() over (order by sum(a) desc) as r, sum(sum(a)) over () as total, \
         100 * sum(a) / sum(sum(a)) over () as part from t group by b",
        "select * from (select a, b, c, row_number() over (partition by b order by a, c, d) as n from t) where n <= 2",
        "select * from (select a, b, count(*) over (partition by b) as n from t) where b = 'x' and n > 1",
        "select a, b, row_number() over (partition by b order by a, c, d) as n from t qualify n = 1",
        "select a from t order by row_number() over (order by a desc, b, c, d)",
        "select distinct b, count(*) over (partition by b) as n from t",
        "select a, max(n) over (partition by b) as m from (select a, b, row_number() over (order by a, b, c, d) as n from t)",
        "select a, rank() over (order by a % 2, length(b)) as r, sum(a) over (partition by a % 2, b is null) as s from t",
        "select a from u where a in (select a from (select a, rank() over (order by a) as r from t) where r < 4)",
        "select a, (select max(n) from (select count(*) over (partition by s) as n from u)) as m from t",
        "select a, rank() over (order by a) from t union all select x, rank() over (order by x) from u",
        "select l.n, count(*) from (select count(*) over (partition by b) as n from t) l \
         join (select dense_rank() over (order by a) as n from t) r on l.n = r.n group by l.n",
        "select now() = max(n) from (select now() as n, row_number() over () as k from t)",
        "select a, count(*) over (partition by a) from e",
        "select a, rank() over (order by b), sum(a) over () from e",
        "select sum(a) over (partition by b), lag(a, 1, 0) over (order by b) from t where a > 100",
        "select a, sum(a) over (partition by a), sum(a) over (partition by a) as again from t",
        "select a, sum(c) over (partition by b order by a) as s from t order by 1 nulls first, 2 limit 3",
    ];
    compare_operators(&session, &context, &queries);
}

/// A table whose rows are told apart by `k`, in which the other columns tie and are null; and our table of it, of which the
/// planner believes that it is large.
fn ties(random: &mut Random) -> (Session, SessionContext) {
    let mut number = |chance: usize, from: &[i64]| (!random.percent(chance)).then(|| *random.pick(from));
    let partitions: Vec<Vec<RecordBatch>> = (0..3)
        .map(|part| {
            let rows = if part == 1 { 0..0 } else { part * 20..part * 20 + 20 };
            let g: Vec<_> = rows.clone().map(|_| number(20, &[1, 2, 3])).collect();
            let h = rows.clone().map(|_| number(20, &[0, 1]).map(|at| ["x", "yy"][at as usize]));
            let h = StringArray::from_iter(h.collect::<Vec<_>>());
            let v: Vec<_> = rows.clone().map(|_| number(25, &[-4, -1, 0, 2, 2, 5])).collect();
            let w: Vec<_> = rows.clone().map(|_| number(25, &[-9, 0, 1, 6]).map(|w| w as f64 / 4.0)).collect();
            vec![batch([
                ("k", Arc::new(Int64Array::from_iter_values(rows))),
                ("g", Arc::new(Int64Array::from(g))),
                ("h", Arc::new(h)),
                ("v", Arc::new(Int64Array::from(v))),
                ("w", Arc::new(Float64Array::from(w))),
            ])]
        })
        .collect();
    let mut catalog = Catalog::new();
    catalog.add("r", large("r", &partitions));
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    let table = MemTable::try_new(partitions[0][0].schema(), partitions).unwrap();
    context.register_table("r", Arc::new(table)).unwrap();
    (Session::new(catalog), context)
}

/// A frame, and whether it counts rows, which tell ties apart.
fn frame(random: &mut Random, ordered: bool) -> (String, bool) {
    let bounds =
        ["unbounded preceding", "2 preceding", "1 preceding", "current row", "1 following", "unbounded following"];
    match random.below(4) {
        0 => (String::new(), false),
        1 => {
            let (start, end) = *random.pick(&[(0, 3), (0, 5), (3, 3), (3, 5)]);
            (format!("range between {} and {}", bounds[start], bounds[end]), false)
        }
        units => {
            let start = random.below(5);
            let end = start.max(1) + random.below(6 - start.max(1));
            let by_rows = units == 2 || !ordered;
            (
                format!("{} between {} and {}", if by_rows { "rows" } else { "groups" }, bounds[start], bounds[end]),
                by_rows,
            )
        }
    }
}

/// A call over a random window. What tells ties apart is over an order without any.
fn call(random: &mut Random) -> String {
    let functions = [
        ("row_number()", true),
        ("ntile(3)", true),
        ("lag(v)", true),
        ("lag(h, 2, 'z')", true),
        ("lead(v, -1, 9)", true),
        ("first_value(v)", true),
        ("last_value(w)", true),
        ("nth_value(h, 2)", true),
        ("rank()", false),
        ("dense_rank()", false),
        ("percent_rank()", false),
        ("cume_dist()", false),
        ("count(*)", false),
        ("count(v)", false),
        ("sum(v)", false),
        ("sum(w)", false),
        ("min(h)", false),
        ("max(w)", false),
        ("avg(v)", false),
        ("sum(v) filter (where w > 0)", false),
    ];
    let (function, ties) = *random.pick(&functions);
    let keys: Vec<_> = ["g", "h", "g % 2", "v > 0"].into_iter().filter(|_| random.percent(25)).collect();
    let mut order: Vec<String> = Vec::new();
    for column in ["g", "h", "v", "w", "v % 2"] {
        if random.percent(25) {
            let (direction, nulls) = (random.pick(&["asc", "desc"]), random.pick(&["", " nulls first", " nulls last"]));
            order.push(format!("{column} {direction}{nulls}"));
        }
    }
    let (frame, by_rows) = frame(random, !order.is_empty() || ties);
    if ties || by_rows {
        order.push("k".to_owned());
    }
    let by = |words: &str, list: String| if list.is_empty() { list } else { format!("{words} {list} ") };
    format!("{function} over ({}{}{frame})", by("partition by", keys.join(", ")), by("order by", order.join(", ")))
}

#[test]
fn random_windows_are_those_of_datafusion() {
    let mut random = Random::new(7);
    for _ in 0..4 {
        let (session, context) = ties(&mut random);
        let queries: Vec<String> = (0..40)
            .map(|_| {
                let calls: Vec<_> =
                    (0..1 + random.below(3)).map(|at| format!("{} as c{at}", call(&mut random))).collect();
                format!("select k, {} from r", calls.join(", "))
            })
            .collect();
        compare_operators(&session, &context, &queries.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn calls_that_see_the_same_rows_are_one_operator() {
    let (session, context) = small_tables();
    let sql = "select sum(c) over (partition by a), rank() over (order by a), max(c) over (partition by a), \
               count(*) over (partition by a order by b), min(d) over (partition by a) from t";
    compare(&session, &context, &[sql]);
    let plan = plan(&session, sql).unwrap();
    let mut calls: Vec<usize> = Vec::new();
    for node in plan.post_order() {
        if let PlanOp::Compute(PhysicalOp::Window { calls: made, .. }) = &node.op {
            calls.push(made.len());
        }
    }
    calls.sort_unstable();
    assert_eq!(calls, [1, 1, 3]);
}

#[test]
fn both_zeros_are_in_one_partition() {
    // DataFusion sorts them apart.
    let zeros = batch([("c", Arc::new(Float64Array::from(vec![0.0, -0.0, 1.0, 0.0])) as _)]);
    let (session, _) = tables([("z", vec![vec![zeros]], false)]);
    let plan = plan(&session, "select count(*) over (partition by c) as n from z order by n").unwrap();
    let found = collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 1)).unwrap();
    let wanted = [1, 3, 3, 3].map(|n| vec![ScalarValue::Int64(Some(n))]);
    assert_eq!(rows(&found.batches), wanted);
}
