//! Whether rules are right: both sides compared on tiny tables, by the reference interpreter.
//!
//! A rule is tried on *shapes*: its own examples and `not`s, and terms made at random that its pattern fits,
//! small ones first. Each is filled with tables: all tiny ones (up to two rows over null, 0 and 1, up to the
//! order of rows where nothing sees it), then seeded samples of up to four rows with extreme values. What the
//! rule makes of a shape must give the same rows, as the rule's `keeps` says. A volatile function is a coin,
//! and results must have the same distribution over all its tosses.
//!
//! All of this is done under every semantics that planning knows: relaxed and strict errors, with integers that wrap and
//! with overflow as an error, and, where there are floats, with either equality of theirs. Under strict errors a rule may
//! remove an error and never add one; one of `explore` may do neither, since what it finds equal stands for each other.
//!
//! A rule of `implement` is compared in the same way: what it proposes is run partition by partition, with inputs that
//! stand as its `requires` says and in any partitions otherwise. The states of a partial aggregate are the engine's; here
//! they are the rows.
//!
//! Then each soundness guard (`if`) is dropped in turn: one that nothing refutes is reported.
//! Everything follows from the rule's name and a seed, so a counterexample comes again.
//!
//! ```
//! use leafhold::rules::RuleSet;
//! use leafhold::verify::{verify, Bounds};
//!
//! let rules = RuleSet::builtin();
//! let rule = rules.get("convert-left-join-to-inner").unwrap();
//! let verification = verify(rule, &Bounds::DEFAULT.with_cases(500));
//! assert!(verification.holds());
//! assert!(verification.coverage.cases() >= 500);
//! ```

mod bounds;
mod claims;
mod compare;
mod counterexample;
mod coverage;
mod dice;
mod draws;
mod fill;
pub mod lint;
mod mutate;
mod native;
mod partitions;
mod physical;
mod run;
mod search;
mod shape;
mod shrink;
mod soundness;
mod trials;

pub use bounds::Bounds;
pub use counterexample::{Counterexample, VerifyError};
pub use coverage::Coverage;
pub use mutate::{Fate, Mutant, mutate};
pub use native::verify_native;
pub use run::verify_all;
pub use soundness::{GuardCheck, Verification, verify};

use crate::rules::Keeps;
use crate::term::{TermId, Terms};

/// Compares two terms of one query over so many fillings of its tables, as any step of an optimizer may.
/// `what` names the step, and seeds the samples.
///
/// # Errors
/// A [`Counterexample`], or a term that the interpreter does not know.
pub fn same_results(
    what: &str,
    keeps: Keeps,
    terms: &Terms,
    before: TermId,
    after: TermId,
    samples: usize,
) -> Result<Coverage, VerifyError> {
    search::compare_terms(what, &compare::Pair::new(terms, before, after, keeps), samples)
}
