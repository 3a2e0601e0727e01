//! Joins, and conditions over several inputs.

use arrow_schema::DataType;
use leafhold::expr::{AggregateCall, AggregateFunction, BinaryOp, JoinKind, Scalar, ScalarOp};
use leafhold::term::interpret::{EvalError, Value};
use leafhold::term::{RelNode, RelOp, ScalarId, TermId};

use crate::query::*;

#[test]
fn every_join_kind_over_nulls_and_duplicates() {
    let expected: [(JoinKind, &[&str]); 7] = [
        (JoinKind::Inner, &["1 1", "1 1"]),
        (JoinKind::Left, &["1 1", "1 1", "2 null", "null null"]),
        (JoinKind::Right, &["1 1", "1 1", "null 3", "null null"]),
        (JoinKind::Full, &["1 1", "1 1", "2 null", "null 3", "null null", "null null"]),
        (JoinKind::Semi, &["1"]),
        (JoinKind::Anti, &["2", "null"]),
        (JoinKind::NullAwareAnti, &[]),
    ];
    for (kind, rows) in expected {
        let mut query = Query::new();
        let (t, [a]) = query.ints(["a"], [[Some(1)], [Some(2)], [None]]);
        let (u, [x]) = query.ints(["x"], [[Some(1)], [Some(1)], [Some(3)], [None]]);
        let join = query.join(kind, t, u, eq(a, x));
        assert_eq!(query.bag(join), rows, "{kind}");
    }
}

#[test]
fn not_in_keeps_nothing_beside_a_null_and_everything_beside_nothing() {
    let not_in = |values: Vec<[Option<i64>; 1]>| {
        let mut query = Query::new();
        let (t, [a]) = query.ints(["a"], [[Some(1)], [Some(2)], [None]]);
        let (u, [x]) = query.ints(["x"], values);
        let join = query.join(JoinKind::NullAwareAnti, t, u, eq(a, x));
        query.bag(join)
    };
    assert_eq!(not_in(vec![]), ["1", "2", "null"], "over nothing, even null is not in");
    assert_eq!(not_in(vec![[Some(1)]]), ["2"], "null is not sure");
    assert_eq!(not_in(vec![[None]]), [""; 0]);
    assert_eq!(not_in(vec![[Some(1)], [None]]), [""; 0]);
}

#[test]
fn not_in_list_follows_the_same_three_values() {
    let value = |first: Tree, list: Vec<Tree>, negated| {
        let args: Vec<_> = std::iter::once(first).chain(list).collect();
        Query::new().value(Scalar::new(ScalarOp::InList { negated }, args)).unwrap()
    };
    let nothing = || null(DataType::Int64);
    assert_eq!(value(int(1), vec![int(1), nothing()], false), Value::from(true));
    assert_eq!(value(int(1), vec![int(1), nothing()], true), Value::from(false));
    assert_eq!(value(int(1), vec![int(2), nothing()], false), Value::Null);
    assert_eq!(value(int(1), vec![int(2), nothing()], true), Value::Null);
    assert_eq!(value(int(1), vec![int(2)], true), Value::from(true));
    assert_eq!(value(nothing(), vec![int(2)], true), Value::Null);
}

#[test]
fn a_join_set_is_the_filtered_product() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(1)], [Some(2)], [None]]);
    let (u, [x]) = query.ints(["x"], [[Some(1)], [Some(2)]]);
    let (v, [d]) = query.ints(["d"], [[Some(2)], [Some(2)], [None]]);
    let on: Vec<_> = [eq(a, x), eq(x, d)].iter().map(|on| query.intern(on)).collect();
    let set = query.terms.join_set([t, u, v], on);
    assert_eq!(query.bag(set), ["2 2 2", "2 2 2"]);
    let product = query.terms.join_set([t, u], []);
    assert_eq!(query.run(product).unwrap().rows.len(), 6);
}

#[test]
fn a_conjunct_that_can_fail_reads_only_rows_that_are_there() {
    // 1 / x fails for x = 0, but no row with that x survives the rest of the join.
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(1)]]);
    let (u, [x]) = query.ints(["x"], [[Some(0)], [Some(1)]]);
    let (nothing, [_d]) = query.ints(["d"], []);
    let quotient = binary(BinaryOp::Divide, int(1), Scalar::column(x));
    let fails = binary(BinaryOp::Eq, quotient, Scalar::column(a));
    let both: Vec<_> = [fails.clone(), eq(a, x)].iter().map(|on| query.intern(on)).collect();
    let fails = query.intern(&fails);
    let mut join_set = |on: Vec<ScalarId>, inputs: &[TermId]| {
        let on = query.terms.intern_predicates(on);
        let set = query.terms.add(RelNode::new(RelOp::JoinSet(on), inputs.iter().copied()));
        query.run(set).map(|relation| relation.rows.len())
    };
    assert_eq!(join_set(both, &[t, u]), Ok(1));
    assert_eq!(join_set(vec![fails], &[t, u, nothing]), Ok(0));
    assert!(matches!(join_set(vec![fails], &[t, u]), Err(EvalError::DivisionByZero { .. })));
}

// ---- aggregates ----------------------------------------------------------------------------

#[test]
fn count_over_the_null_row_of_an_outer_join() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(1)], [Some(2)]]);
    let (u, [x]) = query.ints(["x"], [[Some(1)], [Some(1)]]);
    let join = query.join(JoinKind::Left, t, u, eq(a, x));
    let calls = vec![call(AggregateFunction::Count, x), AggregateCall::new(AggregateFunction::Count, [])];
    let counts = query.aggregate(join, vec![a], calls);
    // Of the row without a match, count(x) is 0 and count(*) is 1.
    assert_eq!(query.bag(counts), ["1 2 2", "2 0 1"]);
}
