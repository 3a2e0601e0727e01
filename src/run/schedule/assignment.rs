use std::sync::Arc;

use super::{Leaf, Schedule};
use crate::leaf::PartitionData;
use crate::lower::{Fragment, Input, TaskId};
use crate::run::lifecycle::Resource;
use crate::run::store::{Held, SpilledRows, bytes_of};
use crate::run::{SlotData, SpillError, StageState};
use crate::token::Token;

/// One attempt of a task, with what it reads as far as it is in memory.
pub(in crate::run) struct Assignment {
    pub(in crate::run) task: usize,
    pub(in crate::run) token: Token,
    /// Whether its rows depend on its token alone.
    pub(in crate::run) reusable: bool,
    pub(in crate::run) number: u32,
    /// Whose it is.
    pub(in crate::run) slot: usize,
    pub(in crate::run) fragment: Arc<Fragment>,
    pub(in crate::run) stage: usize,
    pub(in crate::run) partition: usize,
    /// What it shares with the others of its stage.
    pub(in crate::run) shared: StageState,
    /// Whether the caller gets what it gives.
    pub(in crate::run) is_output: bool,
    pub(in crate::run) inputs: Vec<SlotData>,
    pub(in crate::run) bytes_in: u64,
    /// Data of the graph among the inputs, whose bytes nobody has counted: slot and source.
    pub(in crate::run) uncounted: Vec<(usize, usize)>,
    /// Rows in memory that others will read, too: slot and source.
    pub(in crate::run) read_again: Vec<(usize, usize)>,
    /// Rows to read back first: slot and source.
    pub(in crate::run) spilled: Vec<(usize, usize, Arc<SpilledRows>)>,
}

impl Assignment {
    /// Bytes of the inputs that are to be read back.
    pub(in crate::run) fn spilled_bytes(&self) -> u64 {
        self.spilled.iter().map(|(_, _, rows)| rows.bytes).sum()
    }

    /// Reads back what was spilled of the inputs. Gives the bytes of all of them.
    pub(in crate::run) fn read_inputs(&mut self) -> Result<u64, SpillError> {
        let mut bytes_in = self.bytes_in;
        for (slot, source) in &self.uncounted {
            bytes_in += bytes_of(&self.inputs[*slot][*source]);
        }
        for (slot, source, spilled) in self.spilled.drain(..) {
            let rows = spilled.read()?;
            bytes_in += rows.bytes;
            self.inputs[slot][source] = rows.data;
        }
        Ok(bytes_in)
    }
}

impl Schedule {
    pub(super) fn assignment(&mut self, task: usize, number: u32, slot: usize) -> Assignment {
        let id = TaskId::new(task);
        self.pin_inputs(task);
        let shared = self.stages.get(self.graph[id].stage);
        let node = self.graph.task(id);
        let (mut bytes_in, mut uncounted, mut read_again, mut spilled) = (0, Vec::new(), Vec::new(), Vec::new());
        let mut inputs: Vec<SlotData> = Vec::with_capacity(node.fragment.inputs);
        for (slot, sources) in self.graph.inputs(id).enumerate() {
            let mut data = Vec::with_capacity(sources.len());
            for source in sources {
                let rows = match source {
                    Input::Task { task, port } => {
                        match self.store.get(self.life.topology().port(task.index(), port)) {
                            Some(Held::Rows(rows)) => {
                                if self.life.reads_left(Resource::Port { task: task.index(), port }) > 1 {
                                    read_again.push((slot, data.len()));
                                }
                                Some(rows)
                            }
                            Some(Held::Spilled(rows)) => {
                                spilled.push((slot, data.len(), rows.clone()));
                                data.push(PartitionData::default());
                                None
                            }
                            // Its producer was skipped.
                            None => None,
                        }
                    }
                    Input::Leaf(at) => match &self.leaves[at] {
                        Leaf::Future(future) => {
                            if self.life.reads_left(Resource::Future(*future as usize)) > 1 {
                                read_again.push((slot, data.len()));
                            }
                            self.awaited[*future as usize].rows.as_ref()
                        }
                        Leaf::Data(batches) => {
                            uncounted.push((slot, data.len()));
                            data.push(batches.clone());
                            None
                        }
                        Leaf::Gone => None,
                    },
                };
                if let Some(rows) = rows {
                    bytes_in += rows.bytes;
                    data.push(rows.data.clone());
                }
            }
            inputs.push(data);
        }
        Assignment {
            task,
            token: node.token,
            reusable: self.is_reusable(task),
            number,
            slot,
            fragment: node.fragment.clone(),
            stage: node.stage,
            partition: node.partition,
            shared,
            is_output: self.life.is_output(task),
            inputs,
            bytes_in,
            uncounted,
            read_again,
            spilled,
        }
    }

    /// Rows that a running task reads are in memory, whatever becomes of them elsewhere.
    fn pin_inputs(&mut self, task: usize) {
        if self.memory.limit().is_some() {
            for (producer, read) in self.graph.reads(TaskId::new(task)) {
                self.store.pin(self.life.topology().port(producer.index(), read.port as usize));
            }
        }
    }

    pub(super) fn unpin_inputs(&mut self, task: usize) {
        if self.memory.limit().is_some() {
            for (producer, read) in self.graph.reads(TaskId::new(task)) {
                self.store.unpin(self.life.topology().port(producer.index(), read.port as usize));
            }
        }
    }
}
