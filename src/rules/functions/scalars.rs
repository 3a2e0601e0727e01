use super::functions;
use arrow_schema::DataType;

use super::predicates::{movable, never, stable};
use crate::expr::{Literal, ScalarOp};
use crate::rules::ScalarOperator;
use crate::rules::value::Value;
use crate::term::ColumnSet;

/// Whether each number of an integer type is one of another.
fn widens(from: &DataType, to: &DataType) -> bool {
    let bits = |kind: &DataType| kind.primitive_width().filter(|_| kind.is_integer());
    match (bits(from), bits(to)) {
        (Some(from_bits), Some(to_bits)) if from.is_signed_integer() == to.is_signed_integer() => from_bits <= to_bits,
        (Some(from_bits), Some(to_bits)) => from.is_unsigned_integer() && from_bits < to_bits,
        _ => false,
    }
}

functions! {
    fact "stable" (Scalar) -> Bool, "Whether a scalar calls no volatile function.",
        |terms, args| Some(Value::Bool(stable(terms, args.scalar(0)?)));
    fact "movable" (Scalar) -> Bool, "Whether a scalar may be evaluated for other rows.",
        |terms, args| Some(Value::Bool(movable(terms, args.scalar(0)?)));
    fact "safe" (Scalar) -> Bool, "Whether evaluating a scalar can never raise an error.",
        |terms, args| Some(Value::Bool(!terms.scalar_facts(args.scalar(0)?).can_fail));
    fact "constant" (Scalar) -> Bool, "Whether a scalar is a constant, null included.",
        |terms, args| Some(Value::Bool(terms.as_literal(args.scalar(0)?).is_some()));
    fact "never" (Scalar) -> Bool, "Whether a scalar is the constant false or null.",
        |terms, args| Some(Value::Bool(never(terms, args.scalar(0)?)));
    fact "never-null" (Scalar Rels) -> Bool, "Whether a scalar over some relations is never null.",
        |terms, args| {
            let not_null = args.rels(1)?.iter().fold(ColumnSet::new(), |all, facts| all.union(&facts.not_null));
            Some(Value::Bool(terms.never_null(args.scalar(0)?, &not_null)))
        };
    fact "exact" (Scalar) -> Bool,
        "Whether a scalar's type holds no floats: each of its values equals itself, under any semantics.",
        |terms, args| {
            let kind = &terms.scalar_facts(args.scalar(0)?).data_type;
            Some(Value::Bool(!kind.is_floating() && !kind.is_nested()))
        };
    fact "widens" (Scalar Scalar) -> Bool,
        "Whether both are whole numbers, and the type of the second holds each of the first as it is.",
        |terms, args| {
            let [from, to] = [0, 1].map(|at| Some(&terms.scalar_facts(args.scalar(at)?).data_type));
            Some(Value::Bool(widens(from?, to?)))
        };
    fact "wildcard-free" (Scalar) -> Bool, "Whether a scalar is a constant pattern that one text alone is like.",
        |terms, args| {
            let pattern = terms.as_literal(args.scalar(0)?).and_then(Literal::as_str);
            Some(Value::Bool(pattern.is_some_and(|pattern| !pattern.contains(['%', '_', '\\']))))
        };
    fact "strict" (Scalar) -> Bool, "Whether a scalar is a call that is null where an argument is.",
        |terms, args| match &terms.node(args.scalar(0)?).op {
            ScalarOp::Call(function) => Some(Value::Bool(function.strict)),
            _ => Some(Value::Bool(false)),
        };
    fact "same-type" (Scalar Scalar) -> Bool, "Whether two scalars are of one type.",
        |terms, args| {
            let (a, b) = (terms.scalar_facts(args.scalar(0)?), terms.scalar_facts(args.scalar(1)?));
            Some(Value::Bool(a.data_type == b.data_type))
        };
    fact "negated" (ScalarOperator) -> ScalarOperator,
        "The comparison that is true exactly where this one is false, and null where this one is.",
        |_, args| match args.scalar_operator(0)? {
            ScalarOperator::Binary(op) => Some(Value::ScalarOperator(ScalarOperator::Binary(op.negated()?))),
            _ => None,
        };
    fact "commuted" (ScalarOperator) -> ScalarOperator, "The comparison that says the same of swapped operands.",
        |_, args| match args.scalar_operator(0)? {
            ScalarOperator::Binary(op) => Some(Value::ScalarOperator(ScalarOperator::Binary(op.commuted()?))),
            _ => None,
        };
}
