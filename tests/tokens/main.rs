//! The promises of tokens: injective, deterministic, honest, and pinned.

mod arrays;
mod corpus;
mod derive;
mod deterministic;
mod layouts;
mod promises;
mod values;

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use leafhold::expr::Frame;
use leafhold::leaf::value;

/// Three rows of a number that can be null and a text.
fn batch() -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([
        ("a", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as ArrayRef, true),
        ("s", Arc::new(StringArray::from(vec!["x", "", "y"])) as ArrayRef, false),
    ])
    .unwrap()
}

/// The same table, as content.
fn content() -> Frame {
    Frame::from_batches("t", batch().schema(), vec![batch()]).unwrap()
}

/// The same table, behind live futures of these keys.
fn live(keys: &[&str]) -> Frame {
    let futures = keys.iter().map(|key| value(*key, vec![batch()])).collect::<Vec<_>>();
    Frame::from_delayed("t", batch().schema(), futures).unwrap()
}
