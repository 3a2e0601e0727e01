//! What becomes of a fragment's rows beside the kernels: samples, and ranges of sorted rows.

use std::cmp::Ordering;

use arrow_array::RecordBatch;
use arrow_ord::ord::{DynComparator, make_comparator};
use arrow_schema::{ArrowError, SortOptions};
use arrow_select::concat::concat_batches;

use super::{KernelError, SlotData};
use crate::lower::{FragmentOutput, RangeKey, sample_positions};

/// Divides what kernels gave in one port as the output says. `boundaries` are the rows of the output's slot.
pub(super) fn divide(
    output: &FragmentOutput,
    batches: Vec<RecordBatch>,
    boundaries: Option<SlotData>,
) -> Result<Vec<Vec<RecordBatch>>, KernelError> {
    let failed = |error: ArrowError| KernelError::Compute(error.to_string());
    match output {
        FragmentOutput::Whole | FragmentOutput::Hashed { .. } => Ok(vec![batches]),
        FragmentOutput::Even { ports } => Ok(even(&batches, *ports)),
        FragmentOutput::Sampled { rows } => Ok(vec![sampled(batches, *rows).map_err(failed)?]),
        FragmentOutput::Ranged { keys, ports, .. } => {
            let boundaries: Vec<RecordBatch> =
                boundaries.unwrap_or_default().iter().flat_map(|source| source.iter().cloned()).collect();
            ranged(&batches, keys, &boundaries, *ports).map_err(failed)
        }
    }
}

/// So many rows at even distances, in one batch.
fn sampled(batches: Vec<RecordBatch>, rows: usize) -> Result<Vec<RecordBatch>, ArrowError> {
    let Some(first) = batches.first() else { return Ok(batches) };
    let total = batches.iter().map(RecordBatch::num_rows).sum();
    let (mut picked, mut at, mut before) = (Vec::new(), 0, 0);
    for position in sample_positions(total, rows) {
        while position >= before + batches[at].num_rows() {
            before += batches[at].num_rows();
            at += 1;
        }
        picked.push(batches[at].slice(position - before, 1));
    }
    Ok(vec![concat_batches(&first.schema(), &picked)?])
}

/// Parts of as many rows, give or take one, in order. Nothing is copied.
fn even(batches: &[RecordBatch], ports: usize) -> Vec<Vec<RecordBatch>> {
    let total: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let end = |port: usize| ((port as u128 + 1) * total as u128 / ports as u128) as usize;
    let mut parts = vec![Vec::new(); ports];
    let (mut port, mut before) = (0, 0);
    for batch in batches {
        let mut from = 0;
        while from < batch.num_rows() {
            let to = (end(port) - before).min(batch.num_rows());
            match to > from {
                true => parts[port].push(batch.slice(from, to - from)),
                false => port += 1,
            }
            from = to.max(from);
        }
        before += batch.num_rows();
    }
    with_schema(parts, batches)
}

/// The schema travels with the data: no port is without a batch.
fn with_schema(mut ports: Vec<Vec<RecordBatch>>, batches: &[RecordBatch]) -> Vec<Vec<RecordBatch>> {
    if let Some(first) = batches.first() {
        ports.iter_mut().filter(|port| port.is_empty()).for_each(|port| port.push(first.slice(0, 0)));
    }
    ports
}

/// Sorted rows, cut after the last one that is not behind a boundary. Nothing is copied.
fn ranged(
    batches: &[RecordBatch],
    keys: &[RangeKey],
    boundaries: &[RecordBatch],
    ports: usize,
) -> Result<Vec<Vec<RecordBatch>>, ArrowError> {
    let mut ranges = vec![Vec::new(); ports];
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        let mut from = 0;
        let mut port = 0;
        for bounds in boundaries {
            let comparators = keys.iter().map(|key| comparator(batch, bounds, key));
            let comparators = comparators.collect::<Result<Vec<_>, _>>()?;
            let compare = |row: usize, bound: usize| {
                comparators.iter().fold(Ordering::Equal, |order, compare| order.then_with(|| compare(row, bound)))
            };
            for bound in 0..bounds.num_rows() {
                if port + 1 >= ports {
                    return Err(ArrowError::InvalidArgumentError(format!("too many boundaries for {ports} ranges")));
                }
                let rest = batch.num_rows() - from;
                let to = from + partition_point(rest, |row| compare(from + row, bound) != Ordering::Greater);
                if to > from {
                    ranges[port].push(batch.slice(from, to - from));
                }
                (from, port) = (to, port + 1);
            }
        }
        if from < batch.num_rows() {
            ranges[port].push(batch.slice(from, batch.num_rows() - from));
        }
    }
    Ok(with_schema(ranges, batches))
}

fn comparator(batch: &RecordBatch, bounds: &RecordBatch, key: &RangeKey) -> Result<DynComparator, ArrowError> {
    let missing = || ArrowError::InvalidArgumentError(format!("no column {} to divide by", key.column));
    let column = |batch: &RecordBatch| batch.columns().get(key.column).cloned().ok_or_else(missing);
    let options = SortOptions { descending: key.descending, nulls_first: key.nulls_first };
    make_comparator(&column(batch)?, &column(bounds)?, options)
}

/// How many of the numbers below `count` come before the first of which something is not true, as of all after it.
fn partition_point(count: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}
