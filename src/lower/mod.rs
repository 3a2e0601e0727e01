//! From a plan to a graph of tasks.
//!
//! [`lower`] cuts a [`Plan`](crate::optimize::Plan) at its exchanges. What lies between two cuts is one
//! [`Fragment`], shared by the tasks of a stage, one per partition. A [`TaskGraph`] owns strong handles
//! to the futures that its tasks read, so it runs when plan and expression are long gone (law L1).
//!
//! What holds of every graph:
//!
//! * G1: tasks come after those that they read, and every port that is read exists;
//! * G2: identical work is one task, whichever branch of the plan asked for it;
//! * G3: there is no task that the result does not need, and none is left out that may have rows which it needs:
//!   pruned partitions have none, and a limit counts its sources from the first on.

mod alias;
mod builder;
mod dag;
mod determinism;
mod error;
mod exchange;
mod fragment;
mod graph;
mod hash_functions;
mod leaf_input;
mod lowering;
mod piece;
mod positions;
mod priority;
mod prune;
mod ranges;
mod sources;
mod stages;
mod summary;
mod task;
mod text;
mod tokens;
pub mod wire;

pub use alias::Alias;
pub use dag::{Input, SlotInputs, TaskDag};
pub use error::LowerError;
pub use fragment::{Fragment, FragmentNode, FragmentOp, FragmentOutput, RangeKey, sample_positions};
pub use graph::TaskGraph;
pub use hash_functions::HashFunctions;
pub use leaf_input::{DataInput, FutureInput, FutureLeaf, LeafInput, Source};
pub(crate) use lowering::lower_for;
pub use lowering::{layout_of, lower, partial_input};
pub use positions::{Positions, positional};
pub use summary::{StageRead, StageSource, StageSummary, TaskMovement};
pub use task::{PortUse, Task, TaskId};
