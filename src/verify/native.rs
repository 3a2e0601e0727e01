//! What the optimizer does without a rule, verified as rules are: normal forms of constructors, simplification,
//! derived filters, join trees, and decorrelation.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::claims::{CLAIMED, matters};
use super::counterexample::VerifyError;
use super::coverage::Coverage;
use super::same_results;
use super::soundness::Verification;
use crate::expr::Semantics;
use crate::optimize::Planner;
use crate::optimize::trace::By;
use crate::rules::{ExampleFunctions, Keeps, RuleSet};
use crate::term::Terms;
use crate::term::text::{Tables, parse_into};

/// Fillings of each step's tables.
const SAMPLES: usize = 200;

/// Right sides that depend on the left row: by conditions, below aggregates and distinct, in each form.
const APPLIES: [&str; 14] = [
    "apply semi true t (filter (a = x) u)",
    "apply semi (b = y) t (filter (x < a) u)",
    "apply anti true t (filter (and (a = x) (y > 0)) u)",
    "apply mark m (a = x) t (filter (b = y) u)",
    "apply mark m (a = x) t u",
    "apply scalar [v := n] true t (aggregate [] [n := (max y)] (filter (a = x) u))",
    "apply scalar [v := n] true t (aggregate [] [n := (count y)] (filter (a = x) u))",
    "apply scalar [v := k] true t (project [k := (n + 1)] (aggregate [] [n := (count)] (filter (a = x) u)))",
    "apply scalar [v := n] true t (filter (a = x) (aggregate [x] [n := (sum y)] u))",
    "apply inner true t (filter (x < a) u)",
    "apply inner true t (aggregate [] [n := (sum y)] (filter (a = x) u))",
    "apply left (b = y) t (filter (x < a) u)",
    "apply left true t (aggregate [] [n := (count)] (filter (a = x) u))",
    "apply semi true t (sort [y] (distinct (project [y] (filter (a = x) u))))",
];

/// Terms that no rule needs as an example: constants to fold, disjunctions with common conjuncts, and disjunctions over a
/// join which say something of one relation.
const TERMS: [&str; 6] = [
    "filter (a = (1 + 1)) t",
    "project [k := (case (is-null 1) a (b + (2 * 3)))] t",
    "filter (or (and (a = 1) (b = 2)) (and (a = 1) (c = 3))) t",
    "join-set (or (and (a = 1) (x = 0)) (and (a = 0) (x = 1))) [t u]",
    "join-set (and (b = y) (or (and (a = 1) (x > 0)) (is-null a))) [t u]",
    "join-set (and (a = x) (x = d) (or (and (b = 1) (y = 0)) (and (b = 0) (e = 1)))) [t u v]",
];

/// Terms of which parts can fail: below joins, beside what protects them, under applies whose left side is empty.
const FALLIBLE: [&str; 16] = [
    "filter (and (a <> 0) ((1 / a) = 1)) t",
    "filter ((1 / a) = 1) (filter (a <> 0) t)",
    "filter ((1 / a) = 1) (filter ((1 / b) = 1) (filter (c > 0) t))",
    "filter (or (and (a <> 0) (b = 1) ((1 / a) = 1)) (and (a <> 0) (c = 1))) t",
    "filter (or (and ((1 / b) = 1) ((1 / a) = 1)) (and (c = 1) ((1 / a) = 1))) t",
    "join-set (and (a = x) ((1 / a) = 1)) [t u]",
    "join-set (and (a = x) ((1 / (a - x)) = 1)) [t u]",
    "join-set (b = d) [(join-set (and (a = x) ((1 / (a - y)) = 1)) [t u]) v]",
    "join-set (and (b = d) ((1 / (b - d)) = 1)) [(join-set (and (a = x) ((1 / (a - y)) = 1)) [t u]) v]",
    "join-set (and (a = x) (or (and ((1 / a) = 1) (x = 0)) (and (a = 0) (x = 1)))) [t u]",
    "join-set (b = d) [(filter ((1 / a) = 1) (join-set (a = x) [t u])) v]",
    "apply semi true t (filter (and (a = x) ((1 / y) = 1)) u)",
    "apply semi ((1 / y) = b) t (filter (x < a) u)",
    "apply scalar [v := n] true t (aggregate [] [n := (sum (1 / y))] (filter (a = x) u))",
    "apply scalar [v := x] true t u",
    "apply left ((1 / y) = 1) t u",
];

/// Verifies the native steps, each wherever it happens to the examples and `not`s of some rules and to a few terms more:
/// a result for each step, by name. It has no guards.
pub fn verify_native(rules: &Arc<RuleSet>) -> Vec<Verification> {
    let mut steps = BTreeMap::new();
    let planner = Planner::new(Arc::new(ExampleFunctions)).with_rules(rules.clone());
    let mut run = |text: &str, tables: &Tables, semantics: Semantics| {
        let mut terms = Terms::new(Arc::new(ExampleFunctions)).with_semantics(semantics);
        // What is no term is said of the rule.
        let Ok(root) = parse_into(&mut terms, text, tables) else { return };
        if !matters(&terms, [root, root]) {
            return;
        }
        let (_, mut trace) = planner.plan_term_traced(terms, root);
        for at in 0..trace.steps().len() {
            let step = trace.steps()[at].clone();
            let By::Native(native) = step.by else { continue };
            let (before, after) = trace.sides(at);
            note(&mut steps, native.name(), same_results(text, Keeps::Bag, trace.terms(), before, after, SAMPLES));
        }
    };
    for rule in rules.rules() {
        let tables = rule.tables();
        let texts = rule.examples().iter().map(|example| &example.before).chain(rule.nots());
        texts.for_each(|text| CLAIMED.into_iter().for_each(|semantics| run(text, &tables, semantics)));
    }
    for text in TERMS.iter().chain(&APPLIES).chain(&FALLIBLE) {
        CLAIMED.into_iter().for_each(|semantics| run(text, Tables::examples(), semantics));
    }
    steps.into_values().collect()
}

/// Adds what one comparison says to what is known of a step; the first counterexample stays.
fn note(steps: &mut BTreeMap<String, Verification>, name: &str, result: Result<Coverage, VerifyError>) {
    let verification = steps.entry(name.to_owned()).or_insert_with(|| Verification {
        rule: name.to_owned(),
        compared: true,
        coverage: Coverage::default(),
        error: None,
        guards: Vec::new(),
    });
    match result {
        Ok(coverage) => verification.coverage = verification.coverage.and(coverage),
        // An engine's operator in an example has no meaning here.
        Err(VerifyError::Unknown { .. }) => {}
        Err(error) => {
            verification.error.get_or_insert(error);
        }
    }
}
