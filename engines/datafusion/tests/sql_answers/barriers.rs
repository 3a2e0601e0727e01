//! What Leafhold has no operator for, and hands to DataFusion as it is.

use crate::harness::{barriers, compare, run_error, small_tables, tables};
use crate::unnest::lists;

/// Queries, and the barriers in their plans.
const BARRIERS: &[(&str, &[&str])] = &[
    (
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < 10) select n from r",
        &["recursivequery"],
    ),
    (
        "with recursive r(a) as (select min(a) from t union all select r.a + 1 from r join t on t.a = r.a) select * from r",
        &["recursivequery"],
    ),
    ("select t.a, u.x from t left join u on t.a = u.a and u.x > (select min(x) from u)", &["left"]),
    ("select array_agg(a order by a nulls last) from t", &["aggregate"]),
    ("select first_value(a order by c) from t where c is not null", &["aggregate"]),
    ("select distinct on (b) b, a from t where a is not null order by b, a desc", &["distincton"]),
    // Windows: distances of values, distinct values, nulls that are passed over, rows from the frame's end.
    ("select a, sum(a) over (order by c range between 1 preceding and 2 following) as s from t", &["window"]),
    (
        "select a, count(*) over (order by d range between interval '40 days' preceding and current row) as n from t",
        &["window"],
    ),
    ("select b, count(distinct a) over (partition by b) as n from t", &["window"]),
    ("select a, first_value(b) ignore nulls over (order by a, b, c, d) as f from t", &["window"]),
    ("select a, lag(b) ignore nulls over (order by a, b, c, d) as f from t", &["window"]),
    ("select a, nth_value(b, -1) over (order by a, b, c, d) as f from t", &["window"]),
    ("select a, nth_value(b, 0) over (order by a, b, c, d) as f from t", &["window"]),
    // One window of two: the other one is an operator.
    (
        "select a, rank() over (order by b) as r, sum(a) over (order by c range between 1 preceding and current row) as s \
         from t",
        &["window"],
    ),
    // Their inputs are operators, too, and so is what reads them.
    (
        "select n, count(*) from (select count(distinct a) over (partition by b) as n from \
         (select a, b, rank() over (order by a) as r from t) where r < 6) group by rollup(n)",
        &["window"],
    ),
    // An order of the elements of an aggregate.
    ("select b, array_agg(a order by a nulls last) from t group by rollup(b)", &["aggregate"]),
];

#[test]
fn barriers_give_what_datafusion_gives() {
    let (session, context) = small_tables();
    let queries: Vec<_> = BARRIERS.iter().map(|(sql, _)| *sql).collect();
    compare(&session, &context, &queries);
    for (sql, expected) in BARRIERS {
        assert_eq!(barriers(&session, sql), *expected, "{sql}");
    }
}

#[test]
fn lists_side_by_side_and_structs_are_unnested_by_datafusion() {
    let (session, context) = tables([("l", lists(), true)]);
    let queries = [
        "select id, unnest(xs) as x, unnest(ys) as y from l",
        "select id, unnest(unnest([xs, xs])) as x from l",
        "select id, unnest(struct(id, 7)) from l",
    ];
    compare(&session, &context, &queries);
    for sql in queries {
        assert_eq!(barriers(&session, sql), ["unnest"], "{sql}");
    }
}

#[test]
fn what_datafusion_refuses_is_refused_with_its_words() {
    let (session, _) = small_tables();
    let refused = [
        ("select ntile(0) over (order by a) from t", "NTILE requires a positive integer"),
        ("select ntile(-3) over (order by a) from t", "NTILE requires a positive integer"),
        ("select lag(a, x) over (order by t.a) from t cross join (select 1 as x) as n", "Literal"),
        ("select sum(a) over (order by a rows between current row and 1 preceding) from t", "cannot be larger"),
        ("select sum(a) over (groups between 1 preceding and current row) from t", "GROUPS requires an ORDER BY"),
        ("select grouping(b) from t group by rollup(a)", "not in grouping columns"),
    ];
    for (sql, words) in refused {
        let error = run_error(&session, sql);
        assert!(error.contains(words), "{sql}: {error}");
    }
}
