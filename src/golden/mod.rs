//! Golden plans: files that say which plan a query gets, which rules made it, and that fail when
//! either changes.
//!
//! A file is a list of cases with blank lines between them; `#` starts a comment line.
//!
//! ```text
//! query
//! limit 5 offset 1 (limit 4 offset 2 t)
//! ----
//! expect: merge-limits
//! expect-not: eliminate-idle-limit
//! fired: implement-read, merge-limits, implement-limit
//! size: 2
//! limit 3 offset 3  ; rows 3  single
//!   exchange single  ; rows 1,000  single
//!     read t future#0..1 [a b c]  ; rows 1,000  any
//! ```
//!
//! A case looks at the whole optimizer (`query`), at what a query is after a stage (`stage normalized`), or at one
//! application of one rule (`rule push-filter-into-join-set`). [`TermPlanner`] does all three for terms in the notation
//! of plans.
//!
//! `expect` and `expect-not` are the author's: the rule must have fired *and mattered* (with the rule
//! disabled the plan differs), or must not have fired. So is `budget`, the most e-nodes that a case may take. `fired` (exactly these, in canonical order), `size`
//! and the plan are recorded: with `LEAFHOLD_UPDATE=1` the [`Runner`] rewrites them, and says how many
//! plans changed for which cause.
//!
//! ```
//! use leafhold::golden::{GoldenPlan, Options, Runner};
//!
//! let dir = std::env::temp_dir().join(format!("leafhold-golden-doc-{}", std::process::id()));
//! std::fs::create_dir_all(&dir)?;
//! std::fs::write(dir.join("t.golden"), "query\nselect 1\n----\nfired:\nsize: 1\nvalues\n")?;
//! let planner = |query: &str, _: &Options| match query {
//!     "select 1" => Ok(GoldenPlan { text: "values".into(), fired: vec![], size: 1 }),
//!     other => Err(format!("no such query: {other}")),
//! };
//! let summary = Runner::new().run(&dir, planner)?;
//! assert_eq!(summary.to_string(), "1 case in 1 file: no change");
//! # std::fs::remove_dir_all(&dir)?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod check;
mod coverage;
mod error;
mod file;
mod parse;
mod runner;
mod summary;
mod terms;

pub use coverage::{Coverage, Gap};
pub use error::{Failure, GoldenError};
pub use file::{Case, GoldenFile, GoldenPlan, Item, Level};
pub use runner::{Options, Runner};
pub use summary::Summary;
pub use terms::TermPlanner;
