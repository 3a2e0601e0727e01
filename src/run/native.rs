//! Functions on partitions run here, beside whatever kernels there are.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::{KernelError, SlotData, TaskOutput};
use crate::expr::MapPartitions;
use crate::lower::{Fragment, FragmentOp};
use crate::optimize::PhysicalOp;

/// The function that a fragment consists of, if it is one: lowering gives each a stage of its own.
pub fn partition_function(fragment: &Fragment) -> Option<&MapPartitions> {
    match &fragment.nodes.last()?.op {
        FragmentOp::Compute { op: PhysicalOp::Extension { extension }, .. } => MapPartitions::of(&**extension),
        _ => None,
    }
}

/// Runs a fragment that is a [`partition_function`] over its slots.
///
/// # Errors
/// What the function says, and a fragment that has more in it than the function and what it reads.
pub fn run_partition_function(
    fragment: &Fragment,
    function: &MapPartitions,
    inputs: &[SlotData],
) -> Result<TaskOutput, KernelError> {
    let more = || KernelError::Unsupported {
        operator: fragment.label.clone(),
        reason: "a function on partitions stands in a fragment with other operators".into(),
    };
    let [source, root] = fragment.nodes.as_slice() else { return Err(more()) };
    let FragmentOp::Input { slot, columns } = &source.op else { return Err(more()) };
    let slot = inputs.get(*slot).ok_or_else(more)?;
    let failed = |error: arrow_schema::ArrowError| KernelError::Compute(error.to_string());
    let mut batches = Vec::new();
    for batch in slot.iter().flat_map(|source| source.iter()) {
        batches.push(match columns {
            Some(columns) => batch.project(columns).map_err(failed)?,
            None => batch.clone(),
        });
    }
    let made = function.call(&batches).map_err(KernelError::Compute)?;
    let mut given = made.iter().map(|batch| renamed(batch, &root.schema)).collect::<Result<Vec<_>, _>>();
    if let Ok(given) = &mut given
        && given.is_empty()
    {
        given.push(RecordBatch::new_empty(root.schema.clone()));
    }
    let rows = |batches: &[RecordBatch]| Some(batches.iter().map(|batch| batch.num_rows() as u64).sum());
    let node_rows = vec![rows(&batches), rows(&made)];
    Ok(TaskOutput { ports: vec![given.map_err(failed)?], node_rows, ..TaskOutput::default() })
}

fn renamed(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)
}
