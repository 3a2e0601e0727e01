//! Grouping sets of SQL as aggregates.

use crate::harness::{barriers, compare, compare_operators, small_tables};

#[test]
fn subtotals_are_those_of_datafusion() {
    let (session, context) = small_tables();
    let queries = [
        "select a, b, sum(c) from t group by rollup(a, b)",
        "select b, a, count(*), grouping(a) from t group by cube(a, b)",
        "select t.b, u.s, count(*) from t join u on t.a = u.a group by grouping sets ((t.b), (u.s), ())",
        "select a, b from t group by rollup(a, b)",
        "select count(*) from t group by rollup(a)",
        "select a % 2 as m, upper(b) as u, count(*), avg(c), min(d) from t group by rollup(a % 2, upper(b))",
        "select a, count(distinct b), sum(c) filter (where c > 0), count(*) filter (where b = 'x') from t group by cube(a)",
        "select b, stddev(c), median(a) from t group by rollup(b)",
        "select b, d, sum(a) from t group by grouping sets ((b, d), (d))",
        // Where a key is null, and where it is left out.
        "select a, b, grouping(a), grouping(b), count(*) from t group by cube(a, b)",
        "select a, count(*) as n from t group by rollup(a) having a is null",
        // Equal sets give their groups again.
        "select a, count(*), grouping(a) from t group by grouping sets ((a), (a), ())",
        "select a, b, count(*), grouping(a, b) from t group by grouping sets ((a), (a, b), (), (a), ())",
        "select a, b, count(*) from t group by a, rollup(a, b)",
        "select a, b, d, count(*), grouping(a, d), grouping(b) from t group by rollup(a), cube(b, d)",
        "select a, b, count(*) from t group by grouping sets ((a, a), (b))",
        // Totals of everything.
        "select count(*), sum(a) from t group by grouping sets (())",
        "select count(*) from t group by grouping sets ((), ())",
    ];
    compare_operators(&session, &context, &queries);
}

#[test]
fn no_rows_have_the_subtotals_that_datafusion_says() {
    let (session, context) = small_tables();
    let queries = [
        "select a, count(*) from e group by grouping sets ((a))",
        "select a, b, count(*), grouping(a, b) from t where a > 100 group by grouping sets ((a, b), (b))",
        "select a, count(*), sum(a) from e group by rollup(a)",
        "select a, b, count(*), grouping(a, b) from t where a > 100 group by cube(a, b)",
        "select count(*) from e group by grouping sets (())",
    ];
    compare_operators(&session, &context, &queries);
}

#[test]
fn keys_that_are_left_out_are_told_by_grouping() {
    let (session, context) = small_tables();
    let queries = [
        "select grouping(a), grouping(b), grouping(a, b), grouping(b, a), grouping(a) + grouping(b) as level, count(*) \
         from t group by cube(a, b)",
        "select grouping(a, b, d), grouping(d, b, a), grouping(b, d), grouping(d, a), grouping(a, a), count(*) \
         from t group by cube(a, b, d)",
        "select a, sum(c) as s from t group by rollup(a) having grouping(a) = 0",
        "select a, b, count(*) as n from t group by rollup(a, b) having count(*) > 1 and grouping(b) = 1",
        "select case when grouping(a) = 1 then 'all' else cast(a as varchar) end as a, count(*) from t group by rollup(a)",
        "select a, b, count(*) as n from t group by rollup(a, b) order by grouping(a), grouping(b), a, b",
        "select grouping(a % 2), grouping(upper(b)), count(*) from t group by cube(a % 2, upper(b))",
        "select grouping(a), count(*) from t group by a",
        "select max(g) from (select grouping(a, b) as g from t group by cube(a, b))",
        // Of nine keys there are more bits than a byte has.
        "select grouping(a), grouping(a + 7, a + 8), grouping(a, a + 1, a + 2, a + 3, a + 4, a + 5, a + 6, a + 7, a + 8), \
         count(*) from t group by rollup(a, a + 1, a + 2, a + 3, a + 4, a + 5, a + 6, a + 7, a + 8)",
    ];
    compare_operators(&session, &context, &queries);
}

#[test]
fn queries_around_grouping_sets() {
    let (session, context) = small_tables();
    let queries = [
        "select * from (select a, b, sum(c) as s from t group by rollup(a, b)) where a = 1",
        "select * from (select a, b, sum(c) as s from t group by rollup(a, b)) where b is null",
        "select l.a, l.n, r.m from (select a, count(*) as n from t group by rollup(a)) l \
         join (select count(*) as m from t group by cube(b)) r on l.n = r.m",
        "select a from u where a in (select a from t group by rollup(a))",
        "select a, (select count(*) from (select x from u group by rollup(x))) as n from t",
        "select a, sum(n) from (select a, b, count(*) as n from t group by cube(a, b)) group by rollup(a)",
        // As the decision-support queries rank their subtotals.
        "select a, b, sum(c) as s, grouping(a) + grouping(b) as level, rank() over (partition by \
         grouping(a) + grouping(b), case when grouping(b) = 0 then a end order by sum(c) desc) as r \
         from t group by rollup(a, b)",
        "select a, count(*) from t group by rollup(a) union all select x, count(*) from u group by rollup(x)",
        "select distinct grouping(a) from t group by rollup(a, b)",
        "select a, count(*) from t group by rollup(a) order by 1 nulls first, 2 limit 2",
    ];
    compare_operators(&session, &context, &queries);
}

#[test]
fn keys_that_come_to_the_same_keep_their_bits() {
    let (session, context) = small_tables();
    let sql = "select grouping(a), grouping(coalesce(a)), count(*) from t group by rollup(a, coalesce(a))";
    compare(&session, &context, &[sql]);
}

#[test]
fn very_many_sets_are_left_to_datafusion() {
    let (session, context) = small_tables();
    let keys = |count: i64| (0..count).map(|at| format!("a + {at}")).collect::<Vec<_>>().join(", ");
    let sql = |count| format!("select count(*), grouping(a + 1) from t group by cube({})", keys(count));
    assert_eq!(barriers(&session, &sql(8)), Vec::<String>::new());
    assert_eq!(barriers(&session, &sql(9)), ["aggregate", "projection"]);
    compare(&session, &context, &[&sql(9)]);
}
