use std::sync::Arc;

use super::Leaf;
use crate::leaf::{FutureHandle, PartitionReader};
use crate::run::StageState;
use crate::run::ended::Ended;
use crate::run::store::{Held, Rows};

/// What is left to do when the lock is free: foreign code may run when data or futures go, and when observers hear.
#[derive(Default)]
pub(in crate::run) struct Aftermath {
    /// Who is to do it.
    pub(in crate::run) slot: usize,
    pub(in crate::run) held: Vec<Held>,
    pub(in crate::run) rows: Vec<Rows>,
    pub(in crate::run) futures: Vec<FutureHandle>,
    pub(in crate::run) readers: Vec<PartitionReader>,
    pub(in crate::run) stages: Vec<StageState>,
    pub(in crate::run) leaves: Vec<Leaf>,
    /// The tasks that have ended, to be recorded; observers are to hear of them.
    pub(in crate::run) ended: Vec<Ended>,
    /// The label of the event that observers have heard last.
    pub(in crate::run) label: Option<Arc<str>>,
    /// Whoever runs a task should stop.
    pub(in crate::run) stop: bool,
}
