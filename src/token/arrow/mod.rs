//! Arrow types and data, hashed by *logical* content: slices, offsets, padding, shared buffers and what
//! lies in null slots do not matter. Dictionary encoding does, because it is a type.
//!
//! The encoding of an array is its type, its length and its rows; that of rows is their validity, and then
//! the *valid* rows alone: fixed-width values side by side, texts as all lengths and then all bytes, lists as
//! all lengths and then the rows of their items, dictionaries and run ends as the numbers of their distinct
//! values and then these, and so on. So whatever an array's layout, its rows are named by ranges into its
//! buffers (`Rows`), and long ranges are hashed where they lie.

mod bits;
mod bytes;
mod data_type;
mod distinct;
mod raw;
mod rows;
mod values;

use arrow_array::{Array, RecordBatch};

use self::rows::Rows;
use self::values::put_rows;
use super::{Tokenize, Tokenizer};

// Buffers are hashed as they lie in memory, and tokens are the same on every machine.
const _: () = assert!(cfg!(target_endian = "little"), "tokens of Arrow data are defined by little-endian buffers");

/// Writes the type, length and logical values of an array.
///
/// ```
/// use arrow_array::{Array, Int64Array};
/// use leafhold::token::tokenize;
///
/// let array = Int64Array::from(vec![1, 2, 3]);
/// assert_eq!(tokenize(&array.slice(1, 2) as &dyn Array), tokenize(&Int64Array::from(vec![2, 3]) as &dyn Array));
/// ```
pub fn tokenize_array(array: &dyn Array, tokenizer: &mut Tokenizer) {
    tokenizer.put_record("array");
    array.data_type().tokenize(tokenizer);
    tokenizer.put_u64(array.len() as u64);
    put_rows(array, &Rows::all(array.len()), tokenizer);
}

/// Writes the schema, row count and columns of a batch.
pub fn tokenize_batch(batch: &RecordBatch, tokenizer: &mut Tokenizer) {
    tokenizer.put_record("batch");
    batch.schema_ref().tokenize(tokenizer);
    tokenizer.put_u64(batch.num_rows() as u64);
    let rows = Rows::all(batch.num_rows());
    batch.columns().iter().for_each(|column| put_rows(column, &rows, tokenizer));
}

impl Tokenize for dyn Array + '_ {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenize_array(self, tokenizer);
    }
}

impl Tokenize for RecordBatch {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenize_batch(self, tokenizer);
    }
}
