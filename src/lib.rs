//! Leafhold is an embeddable, cost-based query planner that never loses live data.
//!
//! An engine hands it an immutable expression whose leaves may be *live futures*; it answers with the
//! cheapest plan it finds among those that its rules prove equal, lowers that plan to a graph of tasks, and
//! keeps every live leaf alive until the last task that needs it is done.
//!
//! # The tour
//!
//! Data flows one way through the house:
//!
//! ```text
//! Frame (names) -> Expr graph -> Terms, e-graph -> Plan -> TaskGraph -> Run
//!                  [expr]        [term, rules,     [optimize] [lower]   [run]
//!                  [leaf]         optimize]
//! ```
//!
//! * [`token`]: what "the same" means, as 32 bytes;
//! * [`leaf`]: where data comes from, and who owns the futures behind it;
//! * [`expr`]: what users build: immutable, hash-consed, checked at once;
//! * [`term`]: what rules rewrite: dense column ids, normal forms, proven facts, and the reference
//!   interpreter, which says what everything means;
//! * [`rules`]: the language of `planner-rules/*.rules`, and one matcher for terms and e-classes;
//! * [`verify`]: rules, and what the optimizer does without any, compared with the interpreter on tiny tables;
//! * [`optimize`]: from an expression to a [`Plan`](optimize::Plan);
//! * [`lower`]: from a plan to tasks over partitions;
//! * [`run`]: executors, and reports with one terminal event per task;
//! * [`explain`] and [`golden`]: texts of all of it, and files that hold them still.
//!
//! There is no engine in here. `leafhold-datafusion` brings SQL and kernels; another engine implements
//! [`Functions`](expr::Functions), [`Kernels`](run::Kernels), for live data of its own
//! [`RemoteFuture`](leaf::RemoteFuture) and, if its prices differ, a [`CostModel`](optimize::CostModel).
//!
//! # An example
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow_array::{Int64Array, RecordBatch};
//! use leafhold::expr::{Frame, col, lit, sum};
//! use leafhold::leaf::value;
//! use leafhold::optimize::Planner;
//!
//! // Two partitions of live data: handles that somebody else would be computing.
//! let part = |values: Vec<i64>| {
//!     RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(values)) as _)]).unwrap()
//! };
//! let (first, second) = (part(vec![1, 2]), part(vec![3]));
//! let schema = first.schema();
//! let futures = vec![value("part-0", vec![first]), value("part-1", vec![second])];
//!
//! // The leaf owns its futures from here on: ours may go.
//! let frame = Frame::from_delayed("numbers", schema, futures)?
//!     .filter(col("a").gt(lit(1i64)))?
//!     .aggregate([], [("total", sum(col("a")))])?;
//!
//! let plan = Planner::new(frame.functions().clone()).plan(frame.expr())?;
//! assert_eq!(plan.schema.field(0).name(), "total");
//! assert_eq!(plan.leaves[0].futures().len(), 2);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::missing_errors_doc)]

pub mod explain;
pub mod expr;
pub mod golden;
pub mod leaf;
pub mod lower;
pub mod optimize;
pub mod rules;
pub mod run;
pub mod term;
pub mod token;
pub mod verify;
