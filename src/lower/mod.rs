//! From a plan to a graph of tasks.

mod fragment;
mod graph;

pub use fragment::{Fragment, FragmentNode, FragmentOp, FragmentOutput};
pub use graph::{PortUse, Task, TaskGraph, TaskId, TaskInput};
