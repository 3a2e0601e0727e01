//! Conditions of physical operators: conjuncts as one scalar.
//!
//! An engine evaluates the operands of an `and` as it likes, but only the arm of a `case` that is taken. Where errors are
//! strict, what can fail stands in an arm behind the conjuncts that come before it.

use crate::expr::{Scalar, ScalarOp};
use crate::term::{ColumnId, ScalarId, Terms};

/// A conjunction of which only a true value counts.
pub fn filters(terms: &Terms, conjuncts: &[ScalarId]) -> Scalar<ColumnId> {
    in_sequence(terms, conjuncts, |before, rest| [before, rest, Scalar::literal(false)])
}

/// A conjunction of which false and null differ.
pub fn decides(terms: &Terms, conjuncts: &[ScalarId]) -> Scalar<ColumnId> {
    in_sequence(terms, conjuncts, |before, rest| {
        let never = Scalar::new(ScalarOp::IsFalse, [before.clone()]);
        [never, Scalar::literal(false), Scalar::all(vec![before, rest])]
    })
}

fn in_sequence(
    terms: &Terms,
    conjuncts: &[ScalarId],
    arms: impl Fn(Scalar<ColumnId>, Scalar<ColumnId>) -> [Scalar<ColumnId>; 3] + Copy,
) -> Scalar<ColumnId> {
    let all = |conjuncts: &[ScalarId]| Scalar::all(conjuncts.iter().map(|conjunct| terms.tree(*conjunct)).collect());
    let fails = |conjunct: &ScalarId| terms.scalar_facts(*conjunct).can_fail;
    match conjuncts.iter().skip(1).position(fails) {
        Some(at) if terms.semantics().is_strict() => {
            let (before, rest) = conjuncts.split_at(at + 1);
            let case = ScalarOp::Case { operand: false, otherwise: true };
            Scalar::new(case, arms(all(before), in_sequence(terms, rest, arms)))
        }
        _ => all(conjuncts),
    }
}
