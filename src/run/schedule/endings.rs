use std::time::Duration;

use crate::run::TaskState;

/// Which tasks have ended. Of each, the first word counts (law T1).
pub(super) struct Endings {
    /// When the tasks had everything that they need.
    ready: Vec<Option<Duration>>,
    ended: Vec<bool>,
    /// How many ended without rows for those who read them.
    without_rows: usize,
}

impl Endings {
    /// Of so many tasks none has.
    pub(super) fn new(tasks: usize) -> Self {
        Endings { ready: vec![None; tasks], ended: vec![false; tasks], without_rows: 0 }
    }

    /// A task has everything that it needs.
    pub(super) fn ready(&mut self, task: usize, now: Duration) {
        if let Some(ready) = self.ready.get_mut(task) {
            *ready = Some(now);
        }
    }

    /// When a task was ready.
    pub(super) fn ready_at(&self, task: usize) -> Option<Duration> {
        self.ready.get(task).copied().flatten()
    }

    /// A task ends in a state. Gives whether that counts: there is such a task, which has not ended before.
    pub(super) fn end(&mut self, task: usize, state: TaskState) -> bool {
        let first = self.ended.get_mut(task).is_some_and(|ended| !std::mem::replace(ended, true));
        self.without_rows += usize::from(first && !state.has_rows());
        first
    }

    /// Whether no task has ended without rows.
    pub(super) fn all_have_rows(&self) -> bool {
        self.without_rows == 0
    }

    /// The tasks that have not ended.
    pub(super) fn missing(&self) -> Vec<usize> {
        (0..self.ended.len()).filter(|task| !self.ended[*task]).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn law_t1_of_each_task_the_first_word_counts(words in prop::collection::vec((0..45usize, any::<bool>()), 0..200)) {
            let mut endings = Endings::new(40);
            let mut first = [None; 40];
            for (task, well) in words {
                let state = if well { TaskState::Ok } else { TaskState::Failed };
                let counts = endings.end(task, state);
                prop_assert_eq!(counts, first.get(task).is_some_and(Option::is_none));
                if counts {
                    first[task] = Some(well);
                }
            }
            prop_assert_eq!(endings.missing(), (0..40).filter(|task| first[*task].is_none()).collect::<Vec<_>>());
            prop_assert_eq!(endings.all_have_rows(), !first.contains(&Some(false)));
        }
    }
}
