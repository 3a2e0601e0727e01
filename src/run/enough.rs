use std::collections::HashMap;

use super::lifecycle::Message;
use super::schedule::{Leaf, Schedule};
use crate::lower::{Input, PortUse, TaskDag, TaskId};

/// After how many rows of a slot its further sources are not needed, by stage and slot; of most stages nothing.
pub(super) type Enough = HashMap<usize, Vec<(usize, u64)>>;

/// Asks each fragment once.
pub(super) fn enough_of(graph: &TaskDag) -> Enough {
    let mut seen = HashMap::new();
    for task in graph.tasks() {
        seen.entry(task.stage).or_insert_with(|| {
            let slots = 0..task.fragment.inputs;
            slots.filter_map(|slot| Some((slot, task.fragment.enough(slot)?))).collect::<Vec<_>>()
        });
    }
    seen.retain(|_, slots| !slots.is_empty());
    seen
}

impl Schedule {
    /// A task gave its rows: a limit that reads them may need no further source. Those that nobody else reads and
    /// nobody works on are skipped. Rows count from the first source on, without a gap, so the limit's answer
    /// is the same whichever task is done first.
    pub(super) fn skip_unneeded(&mut self, task: usize) {
        if self.enough.is_empty() {
            return;
        }
        let mut unneeded = Vec::new();
        for (reader, port_use) in self.graph.consumers(TaskId::new(task)) {
            let slots = self.enough.get(&self.graph[reader].stage);
            let slot = slots.and_then(|slots| slots.iter().find(|(slot, _)| *slot == port_use.slot as usize));
            if let Some((slot, rows)) = slot {
                self.beyond(reader, *slot, *rows, &mut unneeded);
            }
        }
        for task in unneeded {
            // Somebody works on it, or it has ended: then there is nothing to save.
            let _ = self.receive(Message::Unneeded { task });
        }
    }

    /// The tasks that a slot reads after those that give so many rows, and that are read nowhere else.
    fn beyond(&self, reader: TaskId, slot: usize, enough: u64, unneeded: &mut Vec<usize>) {
        let mut sources = self.graph.inputs(reader).nth(slot).into_iter().flatten();
        let mut rows = 0;
        while rows < enough {
            let Some(known) = sources.next().and_then(|source| self.rows_of(source)) else { return };
            rows += known;
        }
        for source in sources {
            // Another slot of the same task may need all of it.
            let here = |(consumer, port_use): (TaskId, PortUse)| consumer == reader && port_use.slot as usize == slot;
            if let Input::Task { task, .. } = source
                && self.graph.consumers(task).all(here)
            {
                unneeded.push(task.index());
            }
        }
    }

    /// How many rows a source has, once it has them.
    fn rows_of(&self, source: Input) -> Option<u64> {
        match source {
            Input::Task { task, port } => {
                self.store.get(self.life.topology().port(task.index(), port)).map(|held| held.rows())
            }
            Input::Leaf(at) => match &self.leaves[at] {
                Leaf::Future(future) => self.awaited[*future as usize].rows.as_ref().map(|rows| rows.rows),
                Leaf::Data(batches) => Some(batches.iter().map(|batch| batch.num_rows() as u64).sum()),
                Leaf::Gone => None,
            },
        }
    }
}
