//! How a fragment's rows leave it.

use std::sync::{Arc, LazyLock};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::coalesce::BatchCoalescer;
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::metrics::Time;
use datafusion::physical_plan::repartition::BatchPartitioner;
use leafhold::leaf::compact_views;
use leafhold::lower::FragmentOutput;

use crate::engine::BATCH_SIZE;

/// The same columns under another schema; nothing is copied.
pub(super) fn renamed(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let (_, columns, _) = batch.into_parts();
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// The schema under which a fragment hands out its rows: the promised one, where it covers all columns
/// (that of a partial aggregate lists its keys only).
pub(super) fn outgoing(promised: &SchemaRef, actual: &SchemaRef) -> SchemaRef {
    if promised.fields().len() == actual.fields().len() {
        return promised.clone();
    }
    let fields = actual.fields().iter().enumerate().map(|(at, field)| {
        let name = promised.fields().get(at).map_or_else(|| format!("c{at}"), |field| field.name().clone());
        field.as_ref().clone().with_name(name).with_nullable(true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// What DataFusion's partitioner hashes by: with a fixed seed, one function per release and byte order of the machine.
pub(crate) static HASH_FUNCTION: LazyLock<String> = LazyLock::new(|| {
    let order = if cfg!(target_endian = "little") { "" } else { " big-endian" };
    format!("datafusion {}{order}", datafusion::DATAFUSION_VERSION)
});

/// Collects batches into ports.
#[allow(clippy::large_enum_variant, reason = "there is one per task")]
pub(super) enum Ports {
    Whole(Vec<RecordBatch>),
    Hashed { partitioner: BatchPartitioner, ports: Vec<BatchCoalescer> },
}

impl Ports {
    pub fn new(output: &FragmentOutput, schema: &SchemaRef) -> Result<Self> {
        Ok(match output {
            // Parts and samples are taken of the whole, beside the kernels.
            FragmentOutput::Whole
            | FragmentOutput::Ranged { .. }
            | FragmentOutput::Even { .. }
            | FragmentOutput::Sampled { .. } => Ports::Whole(Vec::new()),
            FragmentOutput::Hashed { columns, ports, .. } => {
                let keys = columns.iter().map(|column| {
                    let field = schema.fields().get(*column);
                    let name = field.map_or("?", |field| field.name());
                    Arc::new(Column::new(name, *column)) as Arc<dyn PhysicalExpr>
                });
                Ports::Hashed {
                    // DataFusion's hash with its fixed seed: `HASH_FUNCTION`.
                    partitioner: BatchPartitioner::new_hash_partitioner(keys.collect(), *ports, Time::new())?,
                    ports: (0..*ports).map(|_| BatchCoalescer::new(schema.clone(), BATCH_SIZE)).collect(),
                }
            }
        })
    }

    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        match self {
            // Each batch may be counted, kept or sent by itself.
            Ports::Whole(batches) => batches.push(compact_views(batch)?),
            Ports::Hashed { partitioner, ports } => {
                partitioner.partition(batch, |port, part| Ok(ports[port].push_batch(part)?))?;
            }
        }
        Ok(())
    }

    /// The batches of each port, at least one.
    pub fn finish(self, schema: &SchemaRef) -> Result<Vec<Vec<RecordBatch>>> {
        let mut ports = match self {
            Ports::Whole(batches) => vec![batches],
            Ports::Hashed { ports, .. } => ports
                .into_iter()
                .map(|mut port| {
                    port.finish_buffered_batch()?;
                    Ok(std::iter::from_fn(|| port.next_completed_batch()).collect())
                })
                .collect::<Result<_>>()?,
        };
        for port in &mut ports {
            if port.is_empty() {
                port.push(RecordBatch::new_empty(schema.clone()));
            }
        }
        Ok(ports)
    }
}
