//! What plans cannot do, refused by name before anything is planned.

use super::plan_error::PlanError;
use crate::expr::{FloatSums, RowOrder, Semantics};
use crate::term::{RelOp, TermId, Terms, terms_in_order};

/// Refuses semantics that rules are not verified under.
pub(super) fn kept(semantics: &Semantics) -> Result<(), PlanError> {
    match (semantics.order, semantics.float_sums) {
        (RowOrder::Bag, FloatSums::Reassociated) => Ok(()),
        _ => Err(PlanError::Semantics { semantics: semantics.text() }),
    }
}

/// Refuses what only the reference interpreter knows.
pub(super) fn supported(terms: &Terms, root: TermId) -> Result<(), PlanError> {
    if let Some(outer) = terms.unbound() {
        let reason = format!("nothing binds `{}`; it belongs on the right side of an `apply`", outer.name);
        return Err(PlanError::Unsupported { operator: "outer", reason });
    }
    if !terms.has_applies() {
        return Ok(());
    }
    let applied = terms_in_order(terms, root).into_iter().find_map(|term| match terms.term(term).op {
        RelOp::Apply(form, _) => Some(form),
        _ => None,
    });
    match applied {
        Some(form) => {
            let strict = match terms.semantics().is_strict() {
                true => ", or it can fail, and errors are strict",
                false => "",
            };
            let reason = format!(
                "the right side of an `apply {}` reads the left row where no join can give it: beside volatile functions, \
                 below a full join, an engine's own operator or the list of a `not in`, or too deep{strict}; write it as a join",
                form.name()
            );
            Err(PlanError::Unsupported { operator: "apply", reason })
        }
        None => Ok(()),
    }
}
