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

mod code;
mod compile;
mod error;
mod example;
mod example_functions;
mod expression;
mod forest;
mod functions;
mod operator;
mod pattern;
mod registry;
mod rule;
mod rule_set;
mod template;
mod value;

pub use code::{codes, explain};
pub use error::{RuleError, RuleErrorKind, RuleErrors, UnknownRule};
pub(crate) use example::replace;
pub use example::{ExampleError, print_alternative};
pub use example_functions::ExampleFunctions;
pub use forest::{Forest, Plant};
pub use operator::Operator;
pub use pattern::Bindings;
pub use registry::{Args, Body, Function, Registry};
pub use rule::{Example, Keeps, Phase, Rule};
pub use rule_set::RuleSet;
pub use value::{Given, Never, Sort, Value};
