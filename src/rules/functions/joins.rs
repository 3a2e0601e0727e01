use smallvec::{SmallVec, smallvec};

use super::functions;
use super::predicates::movable;
use crate::expr::{BinaryOp, ScalarOp};
use crate::rules::value::Value;
use crate::term::{ColumnId, ColumnSet, Facts, JoinKey, KeysId, ScalarId, Side, Terms};

/// A conjunct `left = right`, or `left is not distinct from right`, whose sides are of one type, as a pair of left and right.
fn compared(terms: &Terms, conjunct: ScalarId, left: &Facts, right: &Facts) -> Option<(BinaryOp, JoinKey)> {
    let node = terms.node(conjunct);
    let (ScalarOp::Binary(op @ (BinaryOp::Eq | BinaryOp::IsNotDistinctFrom)), [a, b]) =
        (&node.op, node.args.as_slice())
    else {
        return None;
    };
    let (first, second) = (terms.scalar_facts(*a), terms.scalar_facts(*b));
    // Values of two types would hash to two places; keys are computed for every row of each side.
    if !movable(terms, conjunct) || first.data_type != second.data_type {
        return None;
    }
    let reads = |columns: &ColumnSet, facts: &Facts| !columns.is_empty() && columns.is_subset(&facts.outputs);
    match () {
        () if reads(&first.columns, left) && reads(&second.columns, right) => Some((*op, (*a, *b))),
        () if reads(&first.columns, right) && reads(&second.columns, left) => Some((*op, (*b, *a))),
        () => None,
    }
}

fn never_null(terms: &Terms, scalar: ScalarId, facts: &Facts) -> bool {
    let column = terms.as_column(scalar);
    !terms.scalar_facts(scalar).nullable || column.is_some_and(|column| facts.not_null.contains(column))
}

/// The pairs that a conjunct makes: those of an equality, and of `left is not distinct from right` the two that say so.
fn keys_of(terms: &mut Terms, conjunct: ScalarId, left: &Facts, right: &Facts) -> SmallVec<[JoinKey; 2]> {
    match compared(terms, conjunct, left, right) {
        Some((BinaryOp::Eq, key)) => smallvec![key],
        // No null is equal to what is never null.
        Some((_, key)) if never_null(terms, key.0, left) || never_null(terms, key.1, right) => smallvec![key],
        Some((_, (left, right))) => terms.null_safe_keys(left, right).into_iter().flatten().collect(),
        None => SmallVec::new(),
    }
}

/// The columns of one side of the pairs that compare two plain columns, and of those that take nulls of two as equal: rows
/// that agree lie together by them.
fn plain(terms: &mut Terms, keys: KeysId, side: Side) -> Vec<ColumnId> {
    let pairs = terms.keys(keys);
    let not_distinct = |key: &JoinKey| {
        let (left, right) = terms.null_safe_columns(*key)?;
        let missing = |terms: &Terms, scalar: ScalarId, of: ColumnId| {
            let node = terms.node(scalar);
            node.op == ScalarOp::IsNull && terms.as_column(node.args[0]) == Some(of)
        };
        // The values alone would take null for what stands in its place.
        pairs.iter().any(|(a, b)| missing(terms, *a, left) && missing(terms, *b, right)).then_some((left, right))
    };
    let columns = pairs.iter().filter_map(|key| {
        let equal = terms.as_column(key.0).zip(terms.as_column(key.1));
        equal.or_else(|| not_distinct(key))
    });
    columns.map(|(left, right)| if side == Side::Left { left } else { right }).collect()
}

functions! {
    make "equi-keys" (Predicates Rel Rel) -> Keys,
        "The movable conjuncts that equate a scalar of the first relation and one of the second, of one type; also those that take nulls as equal.",
        |terms, args| {
            let (left, right) = (args.rel(1)?, args.rel(2)?);
            let conjuncts = terms.predicates(args.predicates(0)?).to_vec();
            let keys: Vec<_> = conjuncts.into_iter().flat_map(|one| keys_of(terms, one, left, right)).collect();
            Some(Value::Keys(terms.intern_keys(keys)))
        };
    make "residual" (Predicates Rel Rel) -> Predicates, "The conjuncts that `equi-keys` leaves.",
        |terms, args| {
            let (left, right) = (args.rel(1)?, args.rel(2)?);
            let conjuncts = terms.predicates(args.predicates(0)?).to_vec();
            let rest = conjuncts.into_iter().filter(|one| keys_of(terms, *one, left, right).is_empty()).collect::<Vec<_>>();
            Some(Value::Predicates(terms.intern_predicates(rest)))
        };
    fact "empty" (Keys) -> Bool, "Whether there is no pair.",
        |terms, args| Some(Value::Bool(terms.keys(args.keys(0)?).is_empty()));
    fact "single-key" (Keys) -> Bool, "Whether there is exactly one pair.",
        |terms, args| Some(Value::Bool(terms.keys(args.keys(0)?).len() == 1));
    make "left-columns" (Keys) -> ColumnList, "The left columns of the pairs that compare two plain columns.",
        |terms, args| {
            let columns = plain(terms, args.keys(0)?, Side::Left);
            Some(Value::ColumnList(terms.intern_columns(columns)))
        };
    make "right-columns" (Keys) -> ColumnList, "The right columns of the pairs that compare two plain columns.",
        |terms, args| {
            let columns = plain(terms, args.keys(0)?, Side::Right);
            Some(Value::ColumnList(terms.intern_columns(columns)))
        };
    fact "equated" (Predicates Rel Rel) -> Columns,
        "The columns of the first relation that a conjunct equates with a scalar of the second.",
        |terms, args| {
            let (left, right) = (args.rel(1)?, args.rel(2)?);
            let conjuncts = terms.predicates(args.predicates(0)?).iter();
            let keys = conjuncts.filter_map(|one| compared(terms, *one, left, right));
            let equal = keys.filter(|(op, _)| *op == BinaryOp::Eq);
            Some(Value::Columns(equal.filter_map(|(_, (own, _))| terms.as_column(own)).collect()))
        };
}
