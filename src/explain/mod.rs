//! Expressions, plans and task graphs as people and programs read them.
//!
//! One stable text, without addresses, hash order, core counts, clocks or random ids: live futures
//! print as `future#0`, and a node that several others share prints once, as `@0 = ..`, and as `@0`
//! from then on. The operators are written like terms, one per line, inputs below, and what the
//! optimizer believed of a node trails as a comment:
//!
//! ```text
//! ; plan 8b2f60c5a1d7  rules 41c09e3ad5b2  caps none
//! hash-join inner (c_custkey = o_custkey) build left  ; rows 15,000  hashed(c_custkey)
//!   exchange hashed(c_custkey)  ; rows 1,500  hashed(c_custkey)
//!     read customer future#0..3 [c_custkey c_name]  ; rows 1,500  any
//! ```
//!
//! * [`PlanText`]: a plan as text, with actual rows once it ran ([`Actuals`]); [`PlanOutline`]: what
//!   is kept of it for a run's report;
//! * [`PlanJson`]: the same for programs;
//! * [`expr_text`]: what the user wrote;
//! * [`Why`], [`WhyNot`] and [`RuleStats`]: what the rules did, from the [trace](crate::optimize::trace) of a run, and
//!   [`Replay`], which takes its steps again on tiny tables;
//! * [`PlanDiff`]: the plans of a corpus under two rule sets, or by two versions;
//! * [`tasks_json`], [`TaskDiagram`] (DOT, Mermaid): what lowering made of a plan; its text is the task graph's own;
//! * [`VerificationText`], [`verification_json`]: what verification says of rules; [`MutationText`]: of their mutants.

mod actuals;
mod diff;
mod expr;
mod json;
mod line_diff;
mod mutation;
mod names;
mod number;
mod operator;
mod outline;
mod plan;
mod replay;
mod stats;
mod tasks;
mod traced;
mod tree;
mod verification;
mod why;
mod why_not;

pub use actuals::Actuals;
pub use diff::{PlanChange, PlanDiff, PlanRecord, PlanRecordError};
pub use expr::expr_text;
pub use json::PlanJson;
pub use line_diff::line_diff;
pub use mutation::{MutationText, mutation_json};
pub use number::grouped;
pub use outline::PlanOutline;
pub use plan::{PlanText, barriers_left, caps_hit, rules_fired};
pub use replay::{Outcome, Replay, ReplayedStep};
pub use stats::{RuleStats, RuleUse};
pub use tasks::{TaskDiagram, tasks_json};
pub use verification::{VerificationText, coverage_text, findings, verification_json};
pub use why::{FrontEndStep, Why};
pub use why_not::{Counts, Verdict, WhyNot};
