//! What users build: immutable relational expressions over named columns.
//!
//! An [`Expr`] is a shared, hash-consed node. Its [`token`](Node::token) is its identity: two live
//! expressions are the same node exactly when their tokens are equal (laws I1 to I4 in
//! `weak_table.rs`). Constructors check and infer the schema at once, so a wrong column is an error at
//! the call that made it. Nothing here recurses on the depth of the relational graph.
//!
//! [`Frame`] is the fluent form of the same thing.

mod aggregate;
mod apply;
mod binary_op;
mod build;
mod data_type_key;
mod deterministic;
mod error;
mod extension;
mod fallible;
mod frame;
mod functions;
mod grouping;
mod infer;
mod interner;
mod literal;
mod map_partitions;
mod node;
mod op;
mod outline;
mod places;
mod repartition;
mod scalar;
mod scalar_methods;
mod scalar_op;
mod semantics;
mod sync;
mod union;
mod unnest;
mod weak_table;
mod window;
mod window_calls;
mod window_frame;
mod window_function;
pub mod wire;

pub use aggregate::{AggregateCall, AggregateFunction, avg, count, count_all, max, min, sum};
pub use apply::{ApplyKind, OuterColumn};
pub use binary_op::BinaryOp;
pub use data_type_key::DataTypeKey;
pub use deterministic::ensure_deterministic;
pub use error::ExprError;
pub(crate) use error::nearest;
pub use extension::{Extension, ExtensionTraits};
pub use fallible::{aggregate_can_fail, can_fail};
pub use frame::{Frame, GroupedFrame};
pub use functions::{CoreFunctions, FunctionInfo, FunctionRef, Functions, Volatility};
pub use grouping::{GroupingSets, grouping};
pub(crate) use grouping::{grouping_bits, grouping_keys};
pub use infer::{ScalarType, infer, infer_op};
pub use interner::interned_nodes;
pub use literal::Literal;
pub use map_partitions::{MapPartitions, PartitionFunction};
pub use node::{Expr, Node};
pub use op::{JoinKind, Op, SortKey};
pub use outline::{Difference, Outline};
pub(crate) use places::Places;
pub use repartition::Repartitioning;
pub use scalar::{Name, Scalar, case, col, lit};
pub use scalar_methods::case_of;
pub use scalar_op::ScalarOp;
pub use semantics::{Errors, FloatEquality, FloatSums, Overflow, RowOrder, Semantics};
pub use unnest::NullLists;
pub(crate) use unnest::element;
pub(crate) use window::window_type;
pub use window::{Window, WindowCall};
pub use window_calls::{
    cume_dist, dense_rank, first_value, lag, last_value, lead, nth_value, ntile, percent_rank, rank, row_number,
};
pub use window_frame::{FrameBound, FrameUnits, WindowFrame};
pub use window_function::WindowFunction;
