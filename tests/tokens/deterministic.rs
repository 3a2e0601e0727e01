//! `ensure_deterministic` names every place that has identity.

use std::sync::Arc;

use arrow_schema::DataType;
use leafhold::expr::{
    CoreFunctions, DataTypeKey, Expr, FunctionInfo, JoinKind, Scalar, ScalarOp, Volatility, col, ensure_deterministic,
    lit, sum,
};
use leafhold::token::Determinism;

use crate::{content, live};

fn call(volatility: Volatility) -> Scalar {
    let random = FunctionInfo {
        name: "random".into(),
        version: "1".into(),
        volatility,
        return_type: DataTypeKey(DataType::Int64),
        nullable: false,
        strict: true,
        fallible: false,
    };
    Scalar::new(ScalarOp::Call(Arc::new(random)), [])
}

fn places(expr: &Expr) -> String {
    let found = match ensure_deterministic(expr) {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    };
    assert_eq!(found.is_empty(), expr.determinism() == Determinism::Content);
    found
}

#[test]
fn content_has_no_places() {
    let frame = content().filter(col("a").gt(lit(1i64))).unwrap().sort([col("a").asc()]).unwrap();
    assert_eq!(places(frame.expr()), "");
    let stable = content().expr().clone().filter(call(Volatility::Stable).gt(lit(1i64)), &CoreFunctions).unwrap();
    assert_eq!(places(&stable), "", "`now()` is bound once per run: its expression is content");
}

#[test]
fn futures_are_named_by_path_and_key() {
    let right = live(&["gen-4", "gen-5", "gen-6", "gen-7"]).project([("b", col("a")), ("z", col("s"))]).unwrap();
    let join = content().join(&right, JoinKind::Inner, [col("a").eq(col("b"))]).unwrap();
    let expected: Vec<_> = (0..4)
        .map(|at| format!("join.right.project.from_delayed[{at}]: future \"gen-{}\" has identity, not content", at + 4))
        .collect();
    assert_eq!(places(join.expr()), expected.join("\n"));
}

#[test]
fn inputs_of_unions_are_numbered_and_a_shared_node_is_named_once() {
    let shared = live(&["k"]);
    let union = content().union(&shared).unwrap().union(&shared.distinct()).unwrap();
    assert_eq!(places(union.expr()), "union[0].union[1].from_delayed[0]: future \"k\" has identity, not content");
}

#[test]
fn volatile_calls_are_named_where_they_stand() {
    let why = "function `random` is volatile: each call is its own";
    let base = content().expr().clone();
    let project =
        base.clone().project([("a".into(), col("a")), ("r".into(), call(Volatility::Volatile))], &CoreFunctions);
    assert_eq!(places(&project.unwrap()), format!("project.r: {why}"));
    let total = sum(call(Volatility::Volatile)).filter(call(Volatility::Volatile).gt(lit(1i64)));
    let aggregate = base.clone().aggregate([], [("total".into(), total)], &CoreFunctions).unwrap();
    assert_eq!(places(&aggregate), format!("aggregate.total: {why}\naggregate.total: {why}"));
    let filter = base.filter(call(Volatility::Volatile).gt(lit(1i64)), &CoreFunctions).unwrap();
    assert_eq!(places(&filter.distinct()), format!("distinct.filter: {why}"));
}

#[test]
fn many_places_are_counted_not_listed() {
    let keys: Vec<_> = (0..100).map(|at| format!("k{at}")).collect();
    let frame = live(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let error = ensure_deterministic(frame.expr()).unwrap_err();
    assert_eq!((error.places.len(), error.more), (32, 68));
    assert!(error.to_string().ends_with("future \"k31\" has identity, not content\n.. and 68 more"));
}

#[test]
fn a_chain_of_a_million_nodes_is_walked_on_a_small_stack() {
    let mut expr = live(&["deep"]).expr().clone();
    for offset in 0..1_000_000 {
        expr = expr.limit(offset, None);
    }
    let limits = ["limit"; 8].join(".");
    let expected = format!(
        "{limits}.(.. 999985 more ..).{}.from_delayed[0]: future \"deep\" has identity, not content",
        ["limit"; 7].join(".")
    );
    assert_eq!(places(&expr), expected);
}
