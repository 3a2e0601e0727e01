use crate::leaf::PartitionData;
use crate::run::store::bytes_of;
use crate::run::{MemoryBudget, MemoryReservation};

/// Rows that a process keeps for tasks to come; they count as long as it does.
pub(super) struct CountedRows {
    pub(super) rows: PartitionData,
    _counted: MemoryReservation,
}

impl CountedRows {
    pub(super) fn new(rows: PartitionData, memory: &MemoryBudget) -> Self {
        // Whether there is room or not: the driver takes it from here on that they are here.
        let _counted = memory.reserve(bytes_of(&rows));
        CountedRows { rows, _counted }
    }
}
