use std::collections::HashMap;

use super::message::StageMessage;
use crate::run::{StageState, WeakStageState};

/// Stages of which a process keeps a state for later tasks, until the driver's own is gone: with the last of them.
#[derive(Default)]
pub(super) struct KeptStages {
    /// By where the driver's state is. The address stays its own as long as it is known weakly.
    kept: HashMap<usize, (u64, WeakStageState)>,
    last: u64,
}

impl KeptStages {
    /// What to say of a stage. Nothing, if its tasks read nothing alike: then each of them is alone.
    pub(super) fn message(&mut self, stage: &StageState) -> Option<StageMessage> {
        if stage.replicated().is_empty() {
            return None;
        }
        let weak = stage.downgrade();
        let number = match self.kept.get(&weak.address()) {
            Some((number, _)) => *number,
            None => {
                self.last += 1;
                self.kept.insert(weak.address(), (self.last, weak));
                self.last
            }
        };
        Some(StageMessage { number, replicated: stage.replicated().to_vec() })
    }

    /// Forgets the stages of which no task will run any more, and tells their numbers, in order.
    pub(super) fn gone(&mut self) -> Vec<u64> {
        let gone = self.kept.extract_if(|_, (_, stage)| stage.is_gone());
        let mut gone: Vec<u64> = gone.map(|(_, (number, _))| number).collect();
        gone.sort_unstable();
        gone
    }
}
