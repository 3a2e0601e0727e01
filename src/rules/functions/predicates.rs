use super::functions;
use crate::expr::Volatility;
use crate::rules::value::Value;
use crate::term::{ColumnSet, PredicatesId, ScalarId, Terms};

pub(super) fn stable(terms: &Terms, scalar: ScalarId) -> bool {
    terms.scalar_facts(scalar).volatility < Volatility::Volatile
}

/// Whether a truth value is the constant false or null.
pub(super) fn never(terms: &Terms, scalar: ScalarId) -> bool {
    terms.as_literal(scalar).is_some_and(|literal| literal.is_null() || literal.as_bool() == Some(false))
}

/// Whether a scalar may be evaluated for other rows, as often as one likes.
pub(super) fn movable(terms: &Terms, scalar: ScalarId) -> bool {
    !terms.stays(scalar)
}

/// Whether a conjunct can be evaluated over these columns alone, for whatever rows.
fn within(terms: &Terms, conjunct: ScalarId, columns: &ColumnSet) -> bool {
    movable(terms, conjunct) && terms.scalar_facts(conjunct).columns.is_subset(columns)
}

fn part(terms: &mut Terms, all: PredicatesId, keep: impl Fn(&Terms, ScalarId) -> bool) -> PredicatesId {
    let kept: Vec<_> = terms.predicates(all).iter().copied().filter(|conjunct| keep(terms, *conjunct)).collect();
    terms.intern_predicates(kept)
}

functions! {
    fact "trivial" (Predicates) -> Bool, "Whether there is no conjunct.",
        |terms, args| Some(Value::Bool(terms.predicates(args.predicates(0)?).is_empty()));
    fact "stable" (Predicates) -> Bool, "Whether no conjunct calls a volatile function.",
        |terms, args| {
            Some(Value::Bool(terms.predicates(args.predicates(0)?).iter().all(|conjunct| stable(terms, *conjunct))))
        };
    fact "movable" (Predicates) -> Bool,
        "Whether every conjunct may be evaluated for other rows: none is volatile or, under strict errors, can fail.",
        |terms, args| {
            Some(Value::Bool(terms.predicates(args.predicates(0)?).iter().all(|conjunct| movable(terms, *conjunct))))
        };
    fact "never" (Predicates) -> Bool, "Whether a conjunct is the constant false or null.",
        |terms, args| {
            let conjuncts = terms.predicates(args.predicates(0)?);
            Some(Value::Bool(conjuncts.iter().any(|conjunct| never(terms, *conjunct))))
        };
    make "within" (Predicates Columns) -> Predicates, "The movable conjuncts that read these columns alone.",
        |terms, args| {
            let columns = args.columns(1)?;
            Some(Value::Predicates(part(terms, args.predicates(0)?, |terms, one| within(terms, one, columns))))
        };
    make "beyond" (Predicates Columns) -> Predicates, "The conjuncts that `within` leaves.",
        |terms, args| {
            let columns = args.columns(1)?;
            Some(Value::Predicates(part(terms, args.predicates(0)?, |terms, one| !within(terms, one, columns))))
        };
    make "movable-conjuncts" (Predicates) -> Predicates, "The conjuncts that are `movable`.",
        |terms, args| Some(Value::Predicates(part(terms, args.predicates(0)?, movable)));
    make "fixed-conjuncts" (Predicates) -> Predicates, "The conjuncts that `movable-conjuncts` leaves: they stay where they are.",
        |terms, args| Some(Value::Predicates(part(terms, args.predicates(0)?, |terms, one| !movable(terms, one))));
    make "conjoin" (Predicates Predicates) -> Predicates, "The conjuncts of both.",
        |terms, args| {
            let mut both = terms.predicates(args.predicates(0)?).to_vec();
            both.extend(terms.predicates(args.predicates(1)?));
            Some(Value::Predicates(terms.intern_predicates(both)))
        };
    fact "rejects-nulls" (Predicates Columns) -> Bool,
        "Whether a conjunct is never true of a row in which all these columns are null.",
        |terms, args| {
            let columns = args.columns(1)?;
            let rejects = |conjunct: &ScalarId| terms.rejects_null(*conjunct).intersects(columns);
            Some(Value::Bool(terms.predicates(args.predicates(0)?).iter().any(rejects)))
        };
    fact "never-null" (Scalar Rel) -> Bool, "Whether a scalar over a relation is never null.",
        |terms, args| Some(Value::Bool(terms.never_null(args.scalar(0)?, &args.rel(1)?.not_null)));
}
