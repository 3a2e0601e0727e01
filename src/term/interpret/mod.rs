//! The meaning of plans: a reference interpreter over terms, row at a time.
//!
//! This is the definition that everything else leans on. Rules are verified against it, engines are
//! compared with it, and where a text and this code disagree, one of them is a bug. It is written to
//! be read, not to be fast: joins try every pair of rows.
//!
//! * [`Semantics`](crate::expr::Semantics) says what differs between engines: float equality, overflow, errors, order.
//! * [`Value`] is one value; its `==` is identity. [`compare`] is SQL's comparison, in three values:
//!   what compares with null is null, and [`order`] is the total order of sorts.
//! * Grouping, `distinct` and `is not distinct from` take nulls as equal; joins and `=` do not.
//! * A global aggregate over nothing yields a row; a grouped one does not.
//! * `NOT IN` (the null-aware anti join) keeps a row only if every comparison is false: over nothing
//!   that is true, and one null among the compared leaves nobody sure.
//! * AND, OR and CASE evaluate from left to right and stop when they know: an arm that is not taken
//!   raises no error.
//! * An `apply` computes its right side anew for every left row, and once if it reads nothing of it.
//! * The conjuncts of a condition are a sequence of filters, except where null and false differ (`NOT IN`, marks): one
//!   is evaluated for the rows of which those before it are true.
//! * A [`Relation`] is a bag. [`Equivalence`] says what two results must share, and [`preserves`]
//!   takes errors into account.

mod aggregate;
mod apply;
mod arithmetic;
mod arrow;
mod compare;
mod equivalence;
mod error;
mod join;
mod like;
mod plan;
mod relation;
mod scalar;
mod tables;
mod unnest;
mod value;
mod window;

pub use arrow::{array_of, literal_of, values_of};
pub use compare::{compare, order};
pub use equivalence::{Equivalence, Verdict, preserves};
pub use error::EvalError;
pub(crate) use plan::run_operator;
pub use plan::{interpret, is_sorted};
pub use relation::{Relation, Row, table};
pub use tables::{AggregateCalls, Calls, Tables};
pub use value::Value;
