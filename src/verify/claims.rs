//! The semantics that every rule claims to hold under, and those that matter to a term.

use arrow_schema::DataType;

use crate::expr::{Errors, FloatEquality, Overflow, Semantics};
use crate::term::{TermId, Terms, can_fail_within};

/// What rules are verified under. Normal forms follow from the semantics, and guards read them, so a term is made under
/// each, and both sides are compared under those of their arena.
pub(super) const CLAIMED: [Semantics; 4] = [RELAXED, IEEE, STRICT, CHECKED];

/// The default: floats have a total order, and a rewrite may add errors.
pub(super) const RELAXED: Semantics = Semantics::DEFAULT;

/// Floats compare as IEEE 754 says.
pub(super) const IEEE: Semantics = Semantics { float_equality: FloatEquality::Ieee, ..Semantics::DEFAULT };

/// A rewrite may remove an error, never add one.
pub(super) const STRICT: Semantics = Semantics { errors: Errors::Strict, ..Semantics::DEFAULT };

/// The same, and integers do not wrap.
pub(super) const CHECKED: Semantics = Semantics { overflow: Overflow::Error, ..STRICT };

/// Whether there is anything to see under the semantics of an arena: where nothing can fail, errors are the same under
/// all, and where there is no float, so is equality.
pub(super) fn matters(terms: &Terms, roots: [TermId; 2]) -> bool {
    let semantics = terms.semantics();
    let float = |kind: &DataType| matches!(kind, DataType::Float32 | DataType::Float64);
    match (semantics.float_equality, semantics.errors) {
        (FloatEquality::Ieee, _) => terms.columns().iter().any(|column| float(&column.data_type)),
        (_, Errors::Strict) => roots.into_iter().any(|root| can_fail_within(terms, root)),
        _ => true,
    }
}
