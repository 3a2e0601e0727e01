//! Fragments on DataFusion's operators.

mod aggregate;
mod barrier;
mod build_side;
mod compact;
mod concat;
mod fragment;
mod join;
mod mapped;
mod mark;
mod memory;
pub(crate) mod operators;
pub(crate) mod output;
mod probe;
mod runtime;
pub(crate) mod scalar;
pub(crate) mod shared;
mod shared_sides;
pub(crate) mod source;
mod spill;
mod trace;
mod unnest;
pub(crate) mod watch;
mod window;

use datafusion::common::DataFusionError;
use futures::StreamExt;
use leafhold::lower::Fragment;
use leafhold::run::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};

use self::fragment::Operators;
use self::spill::SpillFault;
use self::trace::trace;
use crate::files::FileError;

/// Runs fragments on DataFusion's operators, each on the thread that calls.
///
/// One value serves any number of threads. A fragment sees one partition and runs to its end before
/// [`run`](Kernels::run) returns; between batches, and within whatever takes longer than one, it looks whether the run
/// was cancelled. Under a limit of memory, its sorts and aggregates go on with temporary files where there is no room
/// ([`TaskContext::spill`]); a join holds its smaller side in any case. Where all tasks of a stage build a hash table from the same rows, one of them
/// does while the others wait, and all of them probe it. A thread that already drives a tokio runtime cannot call it.
#[derive(Clone, Copy, Debug, Default)]
pub struct DataFusionKernels;

impl Kernels for DataFusionKernels {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        if context.is_cancelled() {
            return Err(KernelError::Cancelled);
        }
        let told = |error: &DataFusionError, rows: &[Option<u64>]| match context.is_cancelled() {
            true => KernelError::Cancelled,
            false => kernel_error(error, fragment).with_trace(trace(error, fragment, rows)),
        };
        let setting = watch::Setting::of(context);
        let memory = memory::TaskMemory::of(context).map_err(|error| told(&error, &[]))?;
        let operators =
            Operators::new(fragment, inputs, context, &memory, &setting).map_err(|error| told(&error, &[]))?;
        compute(fragment, &operators, &memory, &setting).map_err(|error| told(&error, &operators.rows()))
    }

    fn hash_function(&self) -> Option<&str> {
        Some(&output::HASH_FUNCTION)
    }
}

/// Runs operators to their end.
fn compute(
    fragment: &Fragment,
    operators: &Operators,
    memory: &memory::TaskMemory,
    setting: &watch::Setting,
) -> Result<TaskOutput, DataFusionError> {
    let root = operators.root()?;
    let promised = fragment.nodes.last().map_or_else(|| root.schema(), |node| node.schema.clone());
    let schema = output::outgoing(&promised, &root.schema());
    let mut ports = output::Ports::new(&fragment.output, &schema)?;
    let (ports, rows) = runtime::block_on(async {
        let mut rows = 0u64;
        let mut stream = setting.watch.batches(root.clone()).execute(0, memory.task())?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            ports.push(output::renamed(batch, &schema)?)?;
        }
        Ok((ports.finish(&schema)?, rows))
    })?;
    let mut node_rows = operators.rows();
    if let Some(last) = node_rows.last_mut() {
        *last = Some(rows);
    }
    Ok(TaskOutput { ports, node_rows, peak_execution_memory: memory.peak() })
}

fn kernel_error(error: &DataFusionError, fragment: &Fragment) -> KernelError {
    if let Some(fault) = SpillFault::behind(error) {
        return KernelError::Spill { reason: fault.to_string() };
    }
    match error.find_root() {
        DataFusionError::External(inner) => match inner.downcast_ref::<FileError>() {
            Some(error) => KernelError::Read { source_name: error.path().to_owned(), message: error.reason() },
            None => KernelError::Compute(inner.to_string()),
        },
        DataFusionError::NotImplemented(reason) | DataFusionError::Internal(reason) => KernelError::Unsupported {
            operator: fragment.label.clone(),
            reason: reason.lines().next().unwrap_or_default().to_owned(),
        },
        DataFusionError::ArrowError(error, _) => KernelError::Compute(error.to_string()),
        DataFusionError::Execution(message) => KernelError::Compute(message.clone()),
        other => KernelError::Compute(other.strip_backtrace().lines().next().unwrap_or_default().to_owned()),
    }
}
