use crate::lower::{TaskDag, TaskId};
use crate::run::StageState;

/// What the tasks of each stage share, for as long as one of them has not ended.
pub(super) struct StageStates(Vec<Stage>);

#[derive(Default)]
struct Stage {
    first: Option<TaskId>,
    /// How many of its tasks have not ended.
    left: usize,
    /// The slots that its tasks read alike; none, while there is one task.
    replicated: Vec<usize>,
    /// Once a task has asked.
    state: Option<StageState>,
}

impl StageStates {
    /// O(tasks + edges); of a stage whose tasks read different rows only the first source of each task is looked at.
    pub(super) fn new(dag: &TaskDag) -> Self {
        let mut stages: Vec<Stage> = Vec::new();
        for id in dag.ids() {
            let stage = dag[id].stage;
            if stages.len() <= stage {
                stages.resize_with(stage + 1, Stage::default);
            }
            stages[stage].add(dag, id);
        }
        StageStates(stages)
    }

    /// The state of a stage.
    pub(super) fn get(&mut self, stage: usize) -> StageState {
        let stage = &mut self.0[stage];
        stage.state.get_or_insert_with(|| StageState::new(stage.replicated.iter().copied())).clone()
    }

    /// A task of a stage has ended: with the last one the state comes back, to be dropped.
    pub(super) fn end(&mut self, stage: usize) -> Option<StageState> {
        let stage = &mut self.0[stage];
        stage.left = stage.left.saturating_sub(1);
        if stage.left == 0 { stage.state.take() } else { None }
    }

    /// Nothing runs any more.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = StageState> {
        std::mem::take(&mut self.0).into_iter().filter_map(|stage| stage.state)
    }
}

impl Stage {
    fn add(&mut self, dag: &TaskDag, task: TaskId) {
        self.left += 1;
        let Some(first) = self.first else {
            self.first = Some(task);
            return;
        };
        if self.left > 2 && self.replicated.is_empty() {
            return;
        }
        let slots = dag.inputs(first).zip(dag.inputs(task)).enumerate();
        let alike = slots.filter(|(_, (theirs, own))| theirs.clone().eq(own.clone())).map(|(slot, _)| slot);
        match self.left {
            2 => self.replicated = alike.collect(),
            _ => {
                let alike: Vec<usize> = alike.collect();
                self.replicated.retain(|slot| alike.contains(slot));
            }
        }
    }
}
