//! From a plan to a graph of tasks.
//!
//! [`lower`] cuts a [`Plan`](crate::optimize::Plan) at its exchanges. What lies between two cuts is one
//! [`Fragment`], shared by the tasks of a stage, one per partition. A [`TaskGraph`] owns strong handles
//! to the futures that its tasks read, so it runs when plan and expression are long gone (law L1).

mod error;
mod fragment;
mod graph;
mod lowering;
mod piece;
mod positions;
mod priority;
mod stages;
mod text;
mod tokens;
pub mod wire;

pub use error::LowerError;
pub use fragment::{Fragment, FragmentNode, FragmentOp, FragmentOutput};
pub use graph::{PortUse, Task, TaskGraph, TaskId, TaskInput};
pub use lowering::{layout_of, lower, partial_input};
pub use positions::{Positions, positional};
