//! The semantics that every rule claims to hold under, and those that matter to a term.

use arrow_schema::DataType;

use crate::term::interpret::{Errors, FloatEquality, Overflow, Semantics};
use crate::term::{TermId, Terms, can_fail_within};

/// What rules are verified under, beside the two ways to compare floats: errors that rewrites may add, errors that they
/// may not, and these where overflow is one, too. Guards read them, so a term is made under each.
pub(super) const CLAIMED: [Semantics; 3] = [RELAXED, STRICT, CHECKED];

/// The default: a rewrite may add errors.
pub(super) const RELAXED: Semantics = Semantics::DEFAULT;

/// A rewrite may remove an error, never add one.
pub(super) const STRICT: Semantics = Semantics { errors: Errors::Strict, ..Semantics::DEFAULT };

/// The same, and integers do not wrap.
pub(super) const CHECKED: Semantics = Semantics { overflow: Overflow::Error, ..STRICT };

/// Whether there is anything to see under some semantics: where nothing can fail, errors are the same under all.
pub(super) fn matters(terms: &Terms, roots: [TermId; 2]) -> bool {
    !terms.semantics().is_strict() || roots.into_iter().any(|root| can_fail_within(terms, root))
}

/// The semantics under which terms are compared: those of their arena, with each way to compare floats if there are any.
pub(super) fn modes(terms: &Terms) -> Vec<Semantics> {
    let mut modes = vec![*terms.semantics()];
    if terms.columns().iter().any(|column| matches!(column.data_type, DataType::Float32 | DataType::Float64)) {
        modes.push(Semantics { float_equality: FloatEquality::Ieee, ..modes[0] });
    }
    modes
}
