//! Queries whose answers are known, nearly all of which DataFusion 55 answers otherwise, or not at all.

use std::sync::Arc;

use datafusion::physical_plan::displayable;
use leafhold::optimize::Planner;
use leafhold::run::LocalExecutor;
use leafhold_datafusion::{DataFusionKernels, EngineFunctions, Session, to_execution_plan};

use super::tables::{Cell, frame, run, session};

const NULL: Cell = None;

/// `t(a, b)`, `u(x)` with a null, `v(x, y)`, and `w(n, m)` without nulls.
fn small() -> Session {
    let t = [[Some(1), Some(1)], [Some(2), Some(2)], [NULL, Some(3)], [Some(5), NULL]];
    let u = [[Some(1), NULL], [NULL, NULL]];
    let v = [[Some(1), Some(1)], [NULL, Some(2)], [Some(1), Some(1)]];
    let w = [[Some(1), Some(7)], [Some(2), Some(8)], [Some(3), Some(9)]];
    session(&[("t", ["a", "b"], &t), ("u", ["x", "w"], &u), ("v", ["x", "y"], &v), ("w", ["n", "m"], &w)], 2)
}

fn gives(sql: &str, expected: &[&str]) {
    let session = small();
    let frame = frame(&session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let found = run(&frame).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(found, expected, "{sql}");
}

#[test]
fn a_list_with_a_null_is_unknown_of_what_it_has_not() {
    gives("select b from t where a not in (select x from u) or b = 1", &["1"]);
    gives("select b from t where (a in (select x from u)) is null", &["2", "3", "null"]);
    gives("select b, a in (select x from u) as found from t", &["1 true", "2 null", "3 null", "null null"]);
    gives("select a from t where b in (select y from v where v.x = 1) is false", &["2", "null"]);
    gives("select a from t where not (a in (select x from u) or b = 7)", &[]);
    // What is compared is null, though no column is.
    gives("select n from w where nullif(n, 1) not in (select m from w where m > 7)", &["2", "3"]);
}

#[test]
fn a_list_for_each_row_has_its_own_nulls() {
    // No row of `v` belongs to the last two: nothing is in an empty list, not even null.
    gives("select a from t where a not in (select x from v where v.y = t.b)", &["5", "null"]);
    gives("select a, a in (select x from v where v.y = t.b) from t", &["1 true", "2 null", "5 false", "null false"]);
}

#[test]
fn an_aggregate_over_no_row_is_a_row() {
    gives("select a from t where exists (select count(*) from u where x = a)", &["1", "2", "5", "null"]);
    gives("select a from t where not exists (select max(x) from u where x = a)", &[]);
    gives("select a from t where a not in (select max(x) from u where x = b)", &[]);
    gives("select a from t where a in (select count(*) from v where y = b) or b = 2", &["2"]);
    gives("select a from t where exists (select sum(x) from u where x = a having sum(x) > 0)", &["1"]);
    gives("select a, (select count(*) from u where x = a) + 1 from t", &["1 2", "2 1", "5 1", "null 1"]);
}

#[test]
fn comparisons_with_all_and_any_have_three_values() {
    gives("select a from t where a > all (select x from u)", &[]);
    gives("select a from t where a >= any (select x from u)", &["1", "2", "5"]);
    gives("select a, a > all (select y from v) from t", &["1 false", "2 false", "5 true", "null null"]);
    gives("select a from t where a <> all (select x from v where y = b)", &["5", "null"]);
    gives("select a from t where a = any (select y from v where v.y = 9)", &[]);
    gives("select a from t where a = all (select y from v where v.y = 9)", &["1", "2", "5", "null"]);
}

#[test]
fn subqueries_stand_wherever_a_value_does() {
    gives("select a, exists (select 1 from u where x = a) from t", &["1 true", "2 false", "5 false", "null false"]);
    gives(
        "select a, case when exists (select 1 from u where x = a) then 'yes' end from t where b > 1",
        &["2 null", "null null"],
    );
    gives("select sum(a) filter (where exists (select 1 from v where y = b)) from t", &["3"]);
    gives("select exists (select 1 from v where y = b) as e, count(*) from t group by e", &["false 2", "true 2"]);
    gives("select a from t order by a = (select max(x) from v) desc nulls last limit 1", &["1"]);
    gives("select a from t join v on y = b and exists (select 1 from u where u.x = t.a)", &["1", "1"]);
    gives("select a, count(*) from t group by a having exists (select 1 from u where x = a)", &["1 1"]);
    gives("select a from t where b = (select max(y) from v)", &["2"]);
}

#[test]
fn groups_and_first_rows_of_a_subquery_are_those_of_the_row() {
    gives("select a from t where exists (select x from v where y = b group by x having count(*) > 1)", &["1"]);
    gives("select a from t where 2 in (select count(*) from v where y = b group by x)", &["1"]);
    gives("select a from t where exists (select 1 from u where x < b limit 1)", &["2", "null"]);
    gives("select a from t where exists (select 1 from u where x < b limit 0)", &[]);
    gives(
        "select a, l.n from t, lateral (select count(*) as n from v where y = b) as l",
        &["1 2", "2 1", "5 0", "null 0"],
    );
    gives(
        "select a, l.x from t left join lateral (select distinct x from v where y = b) as l on true",
        &["1 1", "2 null", "5 null", "null null"],
    );
}

#[test]
fn names_within_and_without_are_told_apart() {
    gives("select a from t where exists (select 1 from t as s where s.a = t.b)", &["1", "2"]);
    gives("select a from t where a in (select t.a from t) or b = 3", &["1", "2", "5", "null"]);
    gives("select t.a from t, t as s where t.a in (select r.b from t as r where r.a = s.a)", &["1", "2"]);
    gives(
        "select a from t where exists (select 1 from t as s where s.b = t.a and exists (select 1 from t as r where r.a = s.b))",
        &["1", "2"],
    );
}

#[test]
fn subqueries_read_the_row_wherever_they_do() {
    let first = "select a, (select x from v where y < b order by x limit 1) from t";
    gives(first, &["1 null", "2 1", "5 null", "null 1"]);
    let within = "select 1 from v where v.x = u.x and v.y = t.b";
    gives(&format!("select a from t where exists (select 1 from u where exists ({within}))"), &["1"]);
    let either = "select 1 from u where x = a union all select 1 from v where y = b";
    gives(&format!("select a from t where exists ({either})"), &["1", "2"]);
    gives("select a, (select max(x) from u where x < a) from t", &["1 null", "2 1", "5 1", "null null"]);
    gives("select a, (select count(*) from v where y < b) from t", &["1 0", "2 2", "5 0", "null 3"]);
    // The keys are of two types, and one of them is computed.
    gives("select a, (select count(*) from v where cast(y as int) = b) from t", &["1 2", "2 1", "5 0", "null 0"]);
}

#[test]
fn marks_of_equalities_are_looked_up() {
    let session = small();
    for sql in [
        "select b from t where b = 1 or exists (select 1 from v where v.x = t.a)",
        "select b from t where b = 1 or a in (select x from v where v.y = t.b)",
    ] {
        let plan = Planner::new(Arc::new(EngineFunctions)).plan(frame(&session, sql).unwrap().expr()).unwrap();
        let operators = displayable(&*to_execution_plan(&plan).unwrap()).indent(false).to_string();
        let joins: Vec<&str> = operators.lines().filter(|line| line.contains("Join")).map(str::trim_start).collect();
        assert!(joins[joins.len() - 1].starts_with("HashJoinExec"), "{sql}\n{operators}");
    }
    gives("select b from t where b = 1 or exists (select 1 from v where v.x = t.a)", &["1"]);
    gives(
        "select a, exists (select 1 from u where x = a) or b = 9 from t",
        &["1 true", "2 false", "5 null", "null false"],
    );
}

#[test]
fn lateral_tables_have_their_first_rows() {
    let first = "lateral (select x from v where y <= b order by x limit 1) s";
    gives(&format!("select a, s.x from t, {first}"), &["1 1", "2 1", "null 1"]);
    gives(&format!("select a, s.x from t left join {first} on true"), &["1 1", "2 1", "5 null", "null 1"]);
    let counted = "lateral (select count(*) as n from v where y < b) s";
    gives(&format!("select a, n from t cross join {counted}"), &["1 0", "2 2", "5 0", "null 3"]);
}

#[test]
fn several_rows_of_a_scalar_are_an_error_of_the_row_that_has_them() {
    let session = small();
    let sql = |bound: i64| format!("select a, (select x from v where y < b) from t where b <= {bound}");
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), 2);
    let planner = Planner::new(Arc::new(EngineFunctions));
    let error = frame(&session, &sql(3)).unwrap().collect(&planner, &executor).unwrap_err().to_string();
    assert!(error.contains("more than one row"), "{error}");
    gives(&sql(1), &["1 null"]);
}

#[test]
fn what_has_no_plan_says_so_before_it_runs() {
    let session = small();
    let sql = "select a from t where exists (select 1 from u where x + random() < a)";
    let error = run(&session.frame(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))).unwrap_err().to_string();
    assert!(error.starts_with("no plan for `apply`") && error.ends_with("write it as a join"), "{sql}: {error}");
    let sql = "select * from t left join v on exists (select 1 from u where x = a)";
    let error = session.frame(sql).err().unwrap().to_string();
    assert!(error.starts_with("a subquery in a `"), "{error}");
}
