//! From a plan to a graph of tasks.
//!
//! [`lower`] cuts a [`Plan`](crate::optimize::Plan) at its exchanges. What lies between two cuts is one
//! [`Fragment`], shared by the tasks of a stage, one per partition. A [`TaskGraph`] owns strong handles
//! to the futures that its tasks read, so it runs when plan and expression are long gone (law L1).

mod builder;
mod dag;
mod determinism;
mod error;
mod exchange;
mod fragment;
mod graph;
mod leaf_input;
mod lowering;
mod piece;
mod positions;
mod priority;
mod prune;
mod sources;
mod stages;
mod summary;
mod task;
mod text;
mod tokens;
pub mod wire;

pub use dag::{Input, SlotInputs, TaskDag};
pub use error::LowerError;
pub use fragment::{Fragment, FragmentNode, FragmentOp, FragmentOutput};
pub use graph::TaskGraph;
pub use leaf_input::{DataInput, FutureInput, FutureLeaf, LeafInput, Source};
pub use lowering::{layout_of, lower, partial_input};
pub use positions::{Positions, positional};
pub use summary::{StageRead, StageSource, StageSummary, TaskMovement};
pub use task::{PortUse, Task, TaskId};
