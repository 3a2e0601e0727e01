//! Lints: what a rule set may not have although every rule of it loads, and does what its examples say.
//!
//! | code | lint | what it finds |
//! |---|---|---|
//! | R050 | overlap | two normalizing rules of one priority rewrite one term, and the results do not meet again |
//! | R051 | shadowed | an earlier rule always fires first |
//! | R052 | unreachable | no term has the shape that the pattern asks for when the rule is tried |
//! | R053 | unbounded-growth | normalization goes on for ever, with larger and larger terms |
//! | R054 | rule-cycle | rules make a term of itself |
//! | R055 | bare-commutativity | a rule only swaps inputs |
//! | R056 | bare-associativity | a rule only nests the same operator in another way |
//! | R057 | volatile | a volatile call is dropped, made twice, or made for other rows |
//! | R058 | changed-schema | the right side has other columns or types |
//! | R059 | idle-guard | a guard that never says no |
//! | R060 | blocking-guard | a guard that never says yes |
//!
//! All but two look at what the rules do: to the terms of their examples and `not`s, to terms that are made by
//! putting one into another where both have the same operator (which is where two rules can overlap), to terms
//! whose leaves are known to be empty, of one row or sorted, and to terms with volatile calls. Each rule is tried
//! once on each node of them. So a lint is no proof: what no generated term shows, it does not see.
//!
//! A bare wildcard over the kinds of join, and a rule without an `example` or a `not`, are errors of loading.
//!
//! ```
//! use leafhold::rules::RuleSet;
//! use leafhold::verify::lint::lint;
//!
//! assert_eq!(lint(&RuleSet::builtin()), []);
//! ```

mod bench;
mod endless;
mod finding;
mod graft;
mod guards;
mod named;
mod overlap;
mod payload;
mod reachable;
mod reordering;
mod schema;
mod source;
mod survey;
mod volatile;

pub use finding::{Finding, Lint};

use crate::rules::RuleSet;
use survey::Survey;

/// What is wrong with a rule set, in the order of its rules, and of the codes.
pub fn lint(rules: &RuleSet) -> Vec<Finding> {
    let mut survey = Survey::new(rules);
    let mut findings = Vec::new();
    for check in [
        overlap::check,
        reachable::check,
        endless::check,
        reordering::check,
        volatile::check,
        schema::check,
        guards::check,
    ] {
        check(&mut survey, &mut findings);
    }
    let place = |finding: &Finding| rules.rules().iter().position(|rule| rule.name() == finding.rule);
    findings.sort_by_cached_key(|finding| (place(finding), finding.lint, finding.line, finding.column));
    findings
}
