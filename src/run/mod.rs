//! Running task graphs, and telling the truth about it.

mod kernels;

pub use kernels::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};
