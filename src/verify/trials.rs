//! The terms on which a rule is tried: those that it is written with, and shapes of its pattern.

use std::sync::Arc;

use super::bounds::Bounds;
use super::claims::CLAIMED;
use super::counterexample::VerifyError;
use super::coverage::Coverage;
use super::shape::{Shape, Shapes};
use crate::rules::{ExampleFunctions, Rule};
use crate::term::text::parse_into;
use crate::term::{TermId, Terms};

/// Tries a rule on its examples and `not`s, each made anew under every semantics. A `not` is left alone as a whole, but
/// not without the guard that it is there for.
///
/// # Errors
/// A text that is no term, or the first error of an attempt.
pub(super) fn written(
    rule: &Rule,
    mut attempt: impl FnMut(&mut Terms, TermId) -> Result<(), VerifyError>,
) -> Result<(), VerifyError> {
    let tables = rule.tables();
    let befores = rule.examples().iter().map(|example| &example.before).chain(rule.nots());
    for text in befores {
        for semantics in CLAIMED {
            let mut terms = Terms::new(Arc::new(ExampleFunctions)).with_semantics(semantics);
            let notation = |error| VerifyError::Notation { rule: rule.name().to_owned(), text: text.clone(), error };
            let root = parse_into(&mut terms, text, &tables).map_err(notation)?;
            attempt(&mut terms, root)?;
        }
    }
    Ok(())
}

/// Tries a rule on shapes until as much was compared as the bounds want, or so many shapes were made.
///
/// # Errors
/// The first error of an attempt.
pub(super) fn shaped(
    rule: &Rule,
    bounds: &Bounds,
    coverage: &mut Coverage,
    mut attempt: impl FnMut(Shape, &mut Coverage) -> Result<(), VerifyError>,
) -> Result<(), VerifyError> {
    let mut shapes = Shapes::of(rule, bounds.seed);
    for _ in 0..bounds.cases / 4 {
        if coverage.cases() >= bounds.cases {
            break;
        }
        if let Some(shape) = shapes.next() {
            attempt(shape, coverage)?;
        }
    }
    Ok(())
}
