use super::functions;
use super::predicates::stable;
use crate::rules::ScalarOperator;
use crate::rules::value::Value;

functions! {
    fact "stable" (Scalar) -> Bool, "Whether a scalar calls no volatile function.",
        |terms, args| Some(Value::Bool(stable(terms, args.scalar(0)?)));
    fact "safe" (Scalar) -> Bool, "Whether evaluating a scalar can never raise an error.",
        |terms, args| Some(Value::Bool(!terms.scalar_facts(args.scalar(0)?).can_fail));
    fact "constant" (Scalar) -> Bool, "Whether a scalar is a constant, null included.",
        |terms, args| Some(Value::Bool(terms.as_literal(args.scalar(0)?).is_some()));
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
