use super::Leaf;
use crate::leaf::{FutureHandle, PartitionReader};
use crate::run::store::{Held, Rows};
use crate::run::{StageState, TaskEvent};

/// What is left to do when the lock is free: foreign code may run when data or futures go, and when observers hear.
#[derive(Default)]
pub(in crate::run) struct Aftermath {
    pub(in crate::run) held: Vec<Held>,
    pub(in crate::run) rows: Vec<Rows>,
    pub(in crate::run) futures: Vec<FutureHandle>,
    pub(in crate::run) readers: Vec<PartitionReader>,
    pub(in crate::run) stages: Vec<StageState>,
    pub(in crate::run) leaves: Vec<Leaf>,
    /// What observers are to hear of.
    pub(in crate::run) events: Vec<TaskEvent>,
    /// Whoever runs a task should stop.
    pub(in crate::run) stop: bool,
}
