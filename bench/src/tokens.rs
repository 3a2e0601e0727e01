//! Tokens: how fast Arrow data is hashed, what a small value costs, and `tokenize` of Python objects beside
//! Dask's.

use std::sync::Arc;

use anyhow::Context;
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use leafhold::token::{Tokenizer, tokenize, tokenize_batch};

use crate::CoreArgs;
use crate::measure::{Minimum, timed};
use crate::python::{DASK, tokens};
use crate::report::{Report, Row};

const ROWS: usize = 4_000_000;
const COLUMNS: usize = 8;
const SMALL: usize = 100_000;

pub fn measure(args: &CoreArgs) -> anyhow::Result<Report> {
    let mut rows = hashing(args)?;
    rows.push(small_values(args)?);
    if let Some(peer) = tokens(args.repetitions.get()) {
        let ours = peer.leafhold_tokens;
        for (case, theirs, ours) in [
            ("python/frame", peer.dask_tokens.frame_ms, ours.map(|ours| ours.frame_ms)),
            ("python/list", peer.dask_tokens.list_ms, ours.map(|ours| ours.list_ms)),
        ] {
            match ours {
                Some(ours) => rows.push(Row::new(case.to_owned(), "tokenize_ms", ours, DASK, theirs)),
                None => eprintln!("{case}: the package `leafhold` is not in .venv; {DASK} takes {theirs:.1} ms"),
            }
        }
    }
    Ok(Report::new(rows))
}

/// 256 MB of numbers, on one thread and on two.
fn hashing(args: &CoreArgs) -> anyhow::Result<Vec<Row>> {
    let columns = (0..COLUMNS).map(|column| {
        let values = (0..ROWS).map(|row| (row * COLUMNS + column) as f64 * 0.5);
        (format!("c{column}"), Arc::new(values.collect::<Float64Array>()) as ArrayRef)
    });
    let batch = RecordBatch::try_from_iter(columns)?;
    let gigabytes = (ROWS * COLUMNS * 8) as f64 / 1e9;
    let mut rows = Vec::new();
    for threads in [1, 2] {
        let pool = rayon_core::ThreadPoolBuilder::new().num_threads(threads).build().context("a pool of threads")?;
        let mut time = Minimum::default();
        for _ in 0..args.repetitions.get() {
            let hash = || {
                let mut tokenizer = Tokenizer::new("bench");
                tokenize_batch(&batch, &mut tokenizer);
                tokenizer.finish()
            };
            time.add(timed(|| anyhow::Ok(pool.install(hash)))?.1);
        }
        let case = format!("arrow/{threads}-threads");
        rows.push(Row::alone(case, "gb_per_s", gigabytes / (time.get() / 1e3)));
    }
    Ok(rows)
}

/// Tuples of a number, a text and another number.
fn small_values(args: &CoreArgs) -> anyhow::Result<Row> {
    let values: Vec<_> = (0..SMALL).map(|at| (at as u64, format!("key-{at}"), at as f64 * 0.5)).collect();
    let mut time = Minimum::default();
    for _ in 0..args.repetitions.get() {
        let (_, once) = timed(|| {
            values.iter().for_each(|value| {
                std::hint::black_box(tokenize(value));
            });
            anyhow::Ok(())
        })?;
        time.add(once);
    }
    Ok(Row::alone("tuple".to_owned(), "tokenize_us", time.get() * 1e3 / SMALL as f64))
}
