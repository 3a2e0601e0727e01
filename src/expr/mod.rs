//! What users build: immutable relational expressions over named columns.
//!
//! An [`Expr`] is a shared, hash-consed node. Its [`token`](Node::token) is its identity: two live
//! expressions are the same node exactly when their tokens are equal (laws I1 to I4 in
//! `weak_table.rs`). Constructors check and infer the schema at once, so a wrong column is an error at
//! the call that made it. Nothing here recurses on the depth of the relational graph.
//!
//! [`Frame`] is the fluent form of the same thing.

mod aggregate;
mod build;
mod deterministic;
mod error;
mod frame;
mod functions;
mod infer;
mod interner;
mod literal;
mod node;
mod op;
mod outline;
mod places;
mod scalar;
mod sync;
mod weak_table;
pub mod wire;

pub use aggregate::{AggregateCall, AggregateFunction};
pub use deterministic::ensure_deterministic;
pub use error::ExprError;
pub(crate) use error::nearest;
pub use frame::{Frame, GroupedFrame};
pub use functions::{CoreFunctions, FunctionInfo, FunctionRef, Functions, Volatility, can_fail};
pub use infer::{ScalarType, infer, infer_op};
pub use interner::interned_nodes;
pub use literal::Literal;
pub use node::{Expr, Node};
pub use op::{Barrier, JoinKind, Op, SortKey};
pub use outline::{Difference, Outline};
pub(crate) use places::Places;
pub use scalar::{BinaryOp, DataTypeKey, Name, Scalar, ScalarOp, avg, case, col, count, count_all, lit, max, min, sum};
