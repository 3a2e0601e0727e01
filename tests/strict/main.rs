//! Strict errors: the planner may remove an error, never add one.
//!
//! Random terms with parts that can fail are planned, and the whole plan is run by the reference interpreter: it must
//! give what the term gives as it is written, and may fail only where that fails. Integers wrap in one half of the
//! runs, and overflow is an error in the other.

mod meaning;
mod random;
mod terms;

use std::sync::Arc;

use leafhold::expr::{CoreFunctions, Errors, Overflow, Semantics};
use leafhold::optimize::{PlanError, Planner};
use leafhold::term::Terms;
use leafhold::term::interpret::{Equivalence, Tables, Verdict, interpret, preserves};
use leafhold::term::text::print_line;

/// Seeds of terms. For a longer hunt set `LEAFHOLD_STRICT_SEEDS` to another range, as in `5000..90000`.
const SEEDS: std::ops::Range<u64> = 0..3000;

const STRICT: Semantics = Semantics { errors: Errors::Strict, ..Semantics::DEFAULT };
const CHECKED: Semantics = Semantics { overflow: Overflow::Error, ..STRICT };

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("LEAFHOLD_STRICT_SEEDS") else { return SEEDS };
    let (from, to) = text.split_once("..").expect("a range such as 5000..90000");
    from.parse().unwrap()..to.parse().unwrap()
}

/// What came of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Both gave the same rows.
    Same,
    /// The written term fails, so anything goes.
    Failed,
    /// An `apply` that is refused.
    Refused,
    /// The plan fails where the term does not, or gives other rows.
    Wrong,
}

fn outcome(seed: u64, semantics: Semantics) -> (Outcome, String) {
    let mut terms = Terms::new(Arc::new(CoreFunctions)).with_semantics(semantics);
    let root = terms::random(&mut terms, seed);
    let before = interpret(&terms, root, &semantics, &Tables::new());
    let written = print_line(&terms, root);
    let planned = Planner::new(Arc::new(CoreFunctions)).plan_term(terms, root);
    let plan = match planned {
        Ok(plan) => plan,
        Err(PlanError::Unsupported { operator: "apply", .. }) => return (Outcome::Refused, written),
        Err(error) => panic!("seed {seed}: {error}\n{written}"),
    };
    let (terms, root) = meaning::of(&plan, semantics);
    let after = interpret(&terms, root, &semantics, &Tables::new());
    let shown =
        format!("{written}\nas it is written: {before:?}\n{}\nas it is planned: {after:?}", print_line(&terms, root));
    let outcome = match (preserves(&before, &after, Equivalence::Bag, &semantics), before.is_ok()) {
        (Verdict::Same, true) => Outcome::Same,
        (Verdict::Same, false) => Outcome::Failed,
        _ => Outcome::Wrong,
    };
    (outcome, shown)
}

#[test]
fn law_e1_a_plan_adds_no_error_to_what_is_written() {
    let mut counts = [0; 4];
    for seed in seeds() {
        let semantics = if seed % 2 == 0 { STRICT } else { CHECKED };
        let (outcome, shown) = outcome(seed, semantics);
        assert_ne!(outcome, Outcome::Wrong, "seed {seed}:\n{shown}");
        counts[outcome as usize] += 1;
    }
    let [same, failed, refused, _] = counts;
    println!("{same} gave the same rows, {failed} fail as written, {refused} were refused");
    // It says something only where there are rows to compare and errors to add.
    let all = seeds().count();
    assert!(10 * same > 4 * all && 20 * failed > all && 4 * refused < all, "{same} {failed} {refused}");
}

#[test]
fn relaxed_plans_do_add_errors() {
    let added = seeds().take(1500).any(|seed| {
        let mut terms = Terms::new(Arc::new(CoreFunctions));
        let root = terms::random(&mut terms, seed);
        let before = interpret(&terms, root, &Semantics::DEFAULT, &Tables::new());
        let Ok(plan) = Planner::new(Arc::new(CoreFunctions)).plan_term(terms, root) else { return false };
        let (terms, root) = meaning::of(&plan, Semantics::DEFAULT);
        before.is_ok() && interpret(&terms, root, &Semantics::DEFAULT, &Tables::new()).is_err()
    });
    assert!(added, "the law would say nothing of these terms");
}
