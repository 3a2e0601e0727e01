use super::functions;
use super::predicates::movable;
use crate::expr::{BinaryOp, ScalarOp};
use crate::rules::value::Value;
use crate::term::{ColumnId, ColumnSet, Facts, JoinKey, KeysId, ScalarId, Side, Terms};

/// A conjunct `left = right` whose sides are of one type, as a pair of left and right.
fn equi_key(terms: &Terms, conjunct: ScalarId, left: &Facts, right: &Facts) -> Option<JoinKey> {
    let node = terms.node(conjunct);
    let (ScalarOp::Binary(BinaryOp::Eq), [a, b]) = (&node.op, node.args.as_slice()) else { return None };
    let (first, second) = (terms.scalar_facts(*a), terms.scalar_facts(*b));
    // Values of two types would hash to two places; keys are computed for every row of each side.
    if !movable(terms, conjunct) || first.data_type != second.data_type {
        return None;
    }
    let reads = |columns: &ColumnSet, facts: &Facts| !columns.is_empty() && columns.is_subset(&facts.outputs);
    match () {
        () if reads(&first.columns, left) && reads(&second.columns, right) => Some((*a, *b)),
        () if reads(&first.columns, right) && reads(&second.columns, left) => Some((*b, *a)),
        () => None,
    }
}

/// The columns of one side of the pairs that compare two plain columns.
fn plain(terms: &mut Terms, keys: KeysId, side: Side) -> Vec<ColumnId> {
    let pairs = terms.keys(keys).iter();
    let columns = pairs.filter_map(|(left, right)| Some((terms.as_column(*left)?, terms.as_column(*right)?)));
    columns.map(|(left, right)| if side == Side::Left { left } else { right }).collect()
}

functions! {
    make "equi-keys" (Predicates Rel Rel) -> Keys,
        "The movable conjuncts that equate a scalar of the first relation and one of the second, of one type.",
        |terms, args| {
            let (left, right) = (args.rel(1)?, args.rel(2)?);
            let conjuncts = terms.predicates(args.predicates(0)?);
            let keys: Vec<_> = conjuncts.iter().filter_map(|one| equi_key(terms, *one, left, right)).collect();
            Some(Value::Keys(terms.intern_keys(keys)))
        };
    make "residual" (Predicates Rel Rel) -> Predicates, "The conjuncts that `equi-keys` leaves.",
        |terms, args| {
            let (left, right) = (args.rel(1)?, args.rel(2)?);
            let conjuncts = terms.predicates(args.predicates(0)?).iter().copied();
            let rest: Vec<_> = conjuncts.filter(|one| equi_key(terms, *one, left, right).is_none()).collect();
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
            let keys = conjuncts.filter_map(|one| equi_key(terms, *one, left, right));
            Some(Value::Columns(keys.filter_map(|(own, _)| terms.as_column(own)).collect()))
        };
}
