//! The rule language: rules as text, checked when they are loaded, compiled to one pattern program.
//!
//! A [`RuleSet`] is parsed from `.rules` files (see `planner-rules/README.md` for the language). Each
//! [`Rule`] is a pattern, guards, and a right side. The pattern runs over anything that is a
//! [`Forest`]: over terms, where a relation is one node, and over the e-graph, where it is a class
//! of equal nodes. The right side is built in a [`Plant`].
//!
//! Guards and computed parts call functions of a [`Registry`]: each is named, documented, of checked
//! sorts, and reads proved facts alone, never estimates. An embedder adds its own.
//!
//! ```
//! use leafhold::rules::{Phase, RuleSet};
//!
//! let rules = RuleSet::builtin();
//! assert_eq!(rules.get("push-filter-into-preserved-side").unwrap().phase(), Phase::Normalize);
//! ```

mod attempt;
mod catalog;
mod code;
mod compile;
mod diagnostic;
mod error;
mod example;
mod example_functions;
mod expression;
mod files;
mod forest;
mod format;
mod format_diff;
mod functions;
mod keeps;
mod observer;
mod operator;
mod pattern;
mod phase;
mod refusals;
mod registry;
mod rule;
mod rule_set;
mod scalar_match;
mod scalar_operator;
mod template;
mod value;

pub use catalog::{function_catalog, function_groups};
pub use code::{codes, explain, title};
pub(crate) use diagnostic::snippet;
pub use diagnostic::{RuleError, RuleErrors};
pub use error::{Named, RuleErrorKind, UnknownRule};
pub(crate) use example::Replaced;
pub(crate) use example::replace;
pub use example::{ExampleError, print_alternative, print_physical, print_required};
pub use example_functions::ExampleFunctions;
pub use files::{read_rule_files, rule_text};
pub use forest::{Forest, Plant};
pub use format::format;
pub use format_diff::format_diff;
pub use keeps::Keeps;
pub use observer::{Cause, Found, Refusal, RuleObserver};
pub use operator::Operator;
pub use pattern::Bindings;
pub use phase::Phase;
pub use registry::{Args, Body, Function, Registry};
pub use rule::{Clause, Example, Rule};
pub use rule_set::RuleSet;
pub use scalar_operator::ScalarOperator;
pub(crate) use scalar_operator::Takes;
pub use value::{Given, Never, Sort, Value};
