use std::time::Duration;

use super::{Aftermath, Ran, Schedule};
use crate::run::lifecycle::{Message, Resource};
use crate::run::reuse::Reuse;
use crate::run::store::{Held, Rows};

impl Schedule {
    /// Ends the tasks whose rows somebody holds already. What only they read is not needed then.
    pub(super) fn find_again(&mut self, reuse: &Reuse, after: &mut Aftermath) {
        self.reusable = self.reusable_tasks();
        if reuse.is_empty() {
            return;
        }
        // Results first: what is below them need not be looked for.
        for task in (0..self.graph.len()).rev() {
            if !self.reusable[task] || self.life.phase(task).has_ended() {
                continue;
            }
            let ports = 0..self.graph[task].fragment.output.ports();
            let read = ports.filter(|port| self.life.reads_left(Resource::Port { task, port: *port }) > 0);
            let Some(found) = reuse.find(self.graph[task].token, read) else { continue };
            let rows = found.iter().map(|(_, rows)| rows.rows).sum();
            let bytes_out = found.iter().map(|(_, rows)| rows.bytes).sum();
            for (port, rows) in found {
                // Whoever holds them does so in any case.
                self.keep(task, port, Held::Rows(rows), &mut None);
            }
            let _ = self.life.receive(Message::Cached { task }, &mut self.effects);
            self.apply(Duration::ZERO, Some(Ran { rows, bytes_out, ..Ran::default() }), after);
        }
    }

    /// Which tasks give the same rows whenever their tokens are the same: those that call nothing volatile, and read
    /// nothing that does.
    fn reusable_tasks(&self) -> Vec<bool> {
        let mut by_stage: Vec<Option<bool>> = vec![None; self.report.stages.last().map_or(0, |last| last.stage + 1)];
        let mut reusable = Vec::with_capacity(self.graph.len());
        for id in self.graph.ids() {
            let task = self.graph.task(id);
            let own = *by_stage[task.stage].get_or_insert_with(|| task.fragment.is_deterministic());
            let below = self.graph.reads(id).all(|(producer, _)| reusable.get(producer.index()) == Some(&true));
            reusable.push(own && below);
        }
        reusable
    }

    /// Whether what a task gives may be reused.
    pub(super) fn is_reusable(&self, task: usize) -> bool {
        self.reusable.get(task).copied().unwrap_or(false)
    }
}

/// The ports that are in memory.
pub(in crate::run) fn in_memory(ports: &[Held]) -> impl Iterator<Item = (usize, &Rows)> {
    ports.iter().enumerate().filter_map(|(port, held)| match held {
        Held::Rows(rows) => Some((port, rows)),
        Held::Spilled(_) => None,
    })
}
