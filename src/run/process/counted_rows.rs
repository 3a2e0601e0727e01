use crate::leaf::PartitionData;
use crate::run::MemoryBudget;
use crate::run::store::bytes_of;

/// Rows that a process keeps for tasks to come; they count as long as it does.
pub(super) struct CountedRows {
    pub(super) rows: PartitionData,
    bytes: u64,
    memory: MemoryBudget,
}

impl CountedRows {
    pub(super) fn new(rows: PartitionData, memory: &MemoryBudget) -> Self {
        let bytes = bytes_of(&rows);
        memory.grow(bytes);
        CountedRows { rows, bytes, memory: memory.clone() }
    }
}

impl Drop for CountedRows {
    fn drop(&mut self) {
        self.memory.shrink(self.bytes);
    }
}
