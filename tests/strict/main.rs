//! Strict errors: the planner may remove an error, never add one.
//!
//! Random terms with parts that can fail are planned, and the whole plan is run by the reference interpreter: it must
//! give what the term gives as it is written, and may fail only where that fails. Integers wrap in one half of the
//! runs, and overflow is an error in the other.

mod meaning;
mod random;
mod terms;

use std::sync::Arc;

use arrow_schema::Schema;
use leafhold::explain::PlanText;
use leafhold::expr::wire::{NoCodec, ReadContext};
use leafhold::expr::{CoreFunctions, Errors, FloatSums, Frame, Overflow, RowOrder, Semantics};
use leafhold::optimize::{Plan, PlanError, Planner};
use leafhold::term::Terms;
use leafhold::term::interpret::{Equivalence, Tables, Verdict, interpret, preserves};
use leafhold::term::text::{self, parse_into, print_line};

/// Seeds of terms. For a longer hunt set `LEAFHOLD_STRICT_SEEDS` to another range, as in `5000..90000`.
const SEEDS: std::ops::Range<u64> = 0..2000;

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

/// The plan of a term under some semantics, as a term.
fn planned(text: &str, semantics: Semantics) -> String {
    let mut terms = Terms::new(Arc::new(CoreFunctions)).with_semantics(semantics);
    let root = parse_into(&mut terms, text, text::Tables::examples()).unwrap();
    let plan = Planner::new(Arc::new(CoreFunctions)).plan_term(terms, root).unwrap();
    PlanText::new(&plan).body().to_string().lines().next().unwrap().split("  ;").next().unwrap().to_owned()
}

#[test]
fn law_e1_a_condition_meets_what_those_before_it_keep() {
    let mut terms = Terms::new(Arc::new(CoreFunctions)).with_semantics(STRICT);
    let parse = |terms: &mut Terms, text: &str| parse_into(terms, text, text::Tables::examples()).unwrap();
    // What cannot fail comes first; the rest keeps the order in which it is written, whatever its content.
    for (first, second) in [("a", "b"), ("b", "a")] {
        let text = format!("filter (and ((1 / {first}) = 1) ((1 / {second}) = 1) (c = 1)) t");
        let root = parse(&mut terms, &text);
        assert_eq!(
            print_line(&terms, root),
            format!("filter (and (c = 1) ((1 / {first}) = 1) ((1 / {second}) = 1)) t"),
        );
    }
    // A filter over a filter is one, with the lower one's conjuncts first.
    let root = parse(&mut terms, "filter ((1 / a) = 1) (filter ((1 / b) = 1) t)");
    assert_eq!(print_line(&terms, root), "filter (and ((1 / b) = 1) ((1 / a) = 1)) t");
}

#[test]
fn law_e1_what_protects_a_condition_stands_before_it_in_a_case() {
    let text = "filter (and (a <> 0) ((1 / a) = 1)) t";
    assert_eq!(planned(text, STRICT), "filter (case (a <> 0) ((1 / a) = 1) false)");
    assert_eq!(planned(text, Semantics::DEFAULT), "filter (and (a <> 0) ((1 / a) = 1))");
    assert_eq!(planned("filter ((1 / a) = 1) t", STRICT), "filter ((1 / a) = 1)");
    // Where overflow is no error, a sum does not fail.
    let text = "filter (and (a <> 0) ((a + b) = 1)) t";
    assert_eq!(planned(text, STRICT), "filter (and ((a + b) = 1) (a <> 0))");
    assert_eq!(planned(text, CHECKED), "filter (case (a <> 0) ((a + b) = 1) false)");
}

#[test]
fn semantics_that_no_rule_keeps_are_refused_by_name() {
    let semantics = Semantics { order: RowOrder::Ordered, float_sums: FloatSums::Exact, ..STRICT };
    let mut terms = Terms::new(Arc::new(CoreFunctions)).with_semantics(semantics);
    let root = parse_into(&mut terms, "t", text::Tables::examples()).unwrap();
    let error = Planner::new(Arc::new(CoreFunctions)).plan_term(terms, root).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot plan under strict errors, ordered rows, exact float sums: plans keep neither the order of rows outside \
         sorts nor the rounding of float sums; leave `order` and `float_sums` at their defaults"
    );
}

#[test]
fn a_plan_says_what_it_means_when_that_is_not_the_default() {
    let frame = Frame::from_batches("t", Arc::new(Schema::empty()), vec![]).unwrap();
    let plan =
        |semantics| Planner::new(frame.functions().clone()).with_semantics(semantics).plan(frame.expr()).unwrap();
    let (relaxed, checked) = (plan(Semantics::DEFAULT), plan(CHECKED));
    assert!(!PlanText::new(&relaxed).to_string().contains("semantics"));
    assert!(PlanText::new(&checked).to_string().contains("\n; semantics strict errors, overflow is an error\n"));
    // It travels with the plan; a document of the default does not speak of it.
    let written = checked.to_json(&NoCodec).unwrap();
    assert!(!relaxed.to_json(&NoCodec).unwrap().contains("semantics"));
    assert_eq!(Plan::from_json(&written, &ReadContext::new(&CoreFunctions)).unwrap().semantics, CHECKED);
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
