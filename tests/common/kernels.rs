//! Kernels over rows of integers: enough for the shapes that plans take. Each test program uses a part.
#![allow(dead_code)]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{BinaryOp, Scalar, ScalarOp};
use leafhold::lower::{Fragment, FragmentOp, FragmentOutput};
use leafhold::optimize::PhysicalOp;
use leafhold::run::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};
use parking_lot::Mutex;

pub type Row = Vec<i64>;

pub fn rows_of(batches: &[RecordBatch]) -> Vec<Row> {
    let row = |batch: &RecordBatch, at: usize| {
        batch.columns().iter().map(|column| column.as_primitive::<Int64Type>().value(at)).collect()
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

pub fn batch_of(schema: &Arc<Schema>, rows: &[Row]) -> RecordBatch {
    let column = |at: usize| Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row[at]))) as ArrayRef;
    let columns = (0..schema.fields().len()).map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).unwrap()
}

/// What the test kernels saw.
#[derive(Default)]
pub struct RowKernels {
    pub runs: AtomicUsize,
    /// How often each label ran.
    pub by_label: Mutex<HashMap<String, usize>>,
}

fn position(scalar: &Scalar<usize>) -> usize {
    match &scalar.op {
        ScalarOp::Column(position) => *position,
        _ => panic!("the test kernels know columns only"),
    }
}

/// Columns, constants, sums and comparisons; true is 1.
fn compute(scalar: &Scalar<usize>, row: &Row) -> i64 {
    let operand = |at: usize| compute(&scalar.args[at], row);
    match &scalar.op {
        ScalarOp::Column(position) => row[*position],
        ScalarOp::Literal(literal) => literal.array().as_primitive::<Int64Type>().value(0),
        ScalarOp::Binary(BinaryOp::Plus) => operand(0) + operand(1),
        ScalarOp::Binary(BinaryOp::Gt) => i64::from(operand(0) > operand(1)),
        ScalarOp::Binary(BinaryOp::Lt) => i64::from(operand(0) < operand(1)),
        ScalarOp::And => i64::from(scalar.args.iter().all(|operand| compute(operand, row) != 0)),
        _ => panic!("the test kernels do not know {scalar}"),
    }
}

impl RowKernels {
    fn compute(op: &PhysicalOp<usize>, mut inputs: Vec<Vec<Row>>) -> Result<Vec<Row>, KernelError> {
        Ok(match op {
            PhysicalOp::Project { columns } => {
                inputs[0].iter().map(|row| columns.iter().map(|column| compute(column, row)).collect()).collect()
            }
            PhysicalOp::Filter { predicate } => {
                inputs.remove(0).into_iter().filter(|row| compute(predicate, row) != 0).collect()
            }
            PhysicalOp::Union => inputs.concat(),
            PhysicalOp::Sort { keys, fetch } => {
                let mut rows = inputs.remove(0);
                rows.sort_by_key(|row| keys.iter().map(|key| row[position(&key.scalar)]).collect::<Vec<_>>());
                rows.truncate(fetch.map_or(usize::MAX, |fetch| fetch as usize));
                rows
            }
            PhysicalOp::Limit { offset, fetch } => {
                let fetch = fetch.map_or(usize::MAX, |fetch| fetch as usize);
                inputs.remove(0).into_iter().skip(*offset as usize).take(fetch).collect()
            }
            PhysicalOp::HashJoin { keys, .. } => {
                let keys: Vec<_> = keys.iter().map(|(left, right)| (position(left), position(right))).collect();
                let matches = |a: &Row, b: &Row| keys.iter().all(|(left, right)| a[*left] == b[*right]);
                let pairs = inputs[0].iter().flat_map(|a| inputs[1].iter().map(move |b| (a, b)));
                pairs.filter(|(a, b)| matches(a, b)).map(|(a, b)| [a.clone(), b.clone()].concat()).collect()
            }
            // Sums; a state is the sum so far.
            PhysicalOp::Aggregate { phase, group, aggregates } => {
                let mut groups: BTreeMap<Row, Row> = BTreeMap::new();
                for row in inputs.remove(0) {
                    let sums = groups.entry(group.iter().map(|at| row[*at]).collect()).or_default();
                    sums.resize(aggregates.len(), 0);
                    for (at, call) in aggregates.iter().enumerate() {
                        sums[at] += match phase.reads_states() {
                            true => row[group.len() + at],
                            false => compute(&call.args[0], &row),
                        };
                    }
                }
                groups.into_iter().map(|(keys, sums)| [keys, sums].concat()).collect()
            }
            op => return Err(KernelError::Unsupported { operator: op.name().into(), reason: "a test".into() }),
        })
    }
}

impl Kernels for RowKernels {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        *self.by_label.lock().entry(fragment.label.clone()).or_default() += 1;
        let mut results: Vec<Vec<Row>> = Vec::new();
        for node in &fragment.nodes {
            if context.is_cancelled() {
                return Err(KernelError::Cancelled);
            }
            let rows = match &node.op {
                FragmentOp::Input { slot, columns } => {
                    let rows = inputs[*slot].iter().flat_map(|source| rows_of(source));
                    rows.map(|row| match columns {
                        None => row,
                        Some(columns) => columns.iter().map(|at| row[*at]).collect(),
                    })
                    .collect()
                }
                FragmentOp::MergeInput { slot, keys, fetch } => {
                    // Each source must have come sorted.
                    for source in &inputs[*slot] {
                        let keys: Vec<i64> = rows_of(source).iter().map(|row| row[position(&keys[0].scalar)]).collect();
                        assert!(keys.is_sorted());
                    }
                    let rows = inputs[*slot].iter().flat_map(|source| rows_of(source)).collect();
                    RowKernels::compute(&PhysicalOp::Sort { keys: keys.clone(), fetch: *fetch }, vec![rows])?
                }
                FragmentOp::Empty => Vec::new(),
                FragmentOp::Scan { .. } => {
                    return Err(KernelError::Read { source_name: "scan".into(), message: "a test".into() });
                }
                FragmentOp::Compute { op, .. } => {
                    RowKernels::compute(op, node.inputs.iter().map(|input| results[*input].clone()).collect())?
                }
            };
            results.push(rows);
        }
        let node_rows = results.iter().map(|rows| Some(rows.len() as u64)).collect();
        let (schema, rows) = (&fragment.nodes.last().unwrap().schema, results.pop().unwrap());
        // States are columns beyond those that the fragment knows.
        let state = |at: usize| Field::new(format!("c{at}"), DataType::Int64, true);
        let known = schema.fields().iter().map(|field| field.as_ref().clone());
        let width = rows.first().map_or(0, Vec::len);
        let schema = &Arc::new(Schema::new(known.chain((schema.fields().len()..width).map(state)).collect::<Vec<_>>()));
        let ports = match &fragment.output {
            FragmentOutput::Whole
            | FragmentOutput::Ranged { .. }
            | FragmentOutput::Even { .. }
            | FragmentOutput::Sampled { .. } => vec![rows],
            FragmentOutput::Hashed { columns, ports, .. } => {
                let mut split = vec![Vec::new(); *ports];
                for row in rows {
                    let hash: i64 = columns.iter().map(|at| row[*at].wrapping_mul(31)).sum();
                    split[hash.rem_euclid(*ports as i64) as usize].push(row);
                }
                split
            }
        };
        Ok(TaskOutput {
            ports: ports.iter().map(|rows| vec![batch_of(schema, rows)]).collect(),
            node_rows,
            ..TaskOutput::default()
        })
    }

    fn hash_function(&self) -> Option<&str> {
        Some("rows")
    }
}
