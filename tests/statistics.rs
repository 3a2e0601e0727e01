//! What is known of data at hand: exact where it can be, sketched and stable where it cannot.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, StringViewArray, TimestampMillisecondArray,
};
use leafhold::leaf::{ColumnStatistics, TableStatistics, collect_statistics};

fn collect(batches: &[RecordBatch]) -> TableStatistics {
    collect_statistics(&batches[0].schema(), batches.iter())
}

fn batch(array: impl arrow_array::Array + 'static) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", Arc::new(array) as ArrayRef, true)]).unwrap()
}

fn column(array: impl arrow_array::Array + 'static) -> ColumnStatistics {
    collect(&[batch(array)]).column(0)
}

#[test]
fn rows_and_bytes_are_exact_over_all_batches() {
    let batches = [batch(Int64Array::from(vec![1, 2])), batch(Int64Array::from(vec![3]))];
    let statistics = collect(&batches);
    assert_eq!(statistics.rows, Some(3.0));
    assert_eq!(statistics.bytes, Some(batches.iter().map(|batch| batch.get_array_memory_size() as u64).sum()));
    assert_eq!(statistics.column(0).max, Some(3.0));
    assert_eq!(statistics.column(9), ColumnStatistics::default(), "of no such column nothing is known");
}

#[test]
fn null_fractions_are_exact_and_nulls_are_no_distinct_value() {
    let statistics = column(Int64Array::from(vec![Some(1), None, Some(1), None]));
    assert_eq!(statistics.null_fraction, Some(0.5));
    assert_eq!(statistics.distinct, Some(1.0));
    let nothing = column(Int64Array::from(vec![None, None]));
    assert_eq!((nothing.distinct, nothing.min, nothing.null_fraction), (Some(0.0), None, Some(1.0)));
    let empty = column(Int64Array::from(Vec::<i64>::new()));
    assert_eq!((empty.distinct, empty.max, empty.null_fraction), (Some(0.0), None, Some(0.0)));
}

#[test]
fn ranges_lie_on_one_axis() {
    let range = |statistics: ColumnStatistics| statistics.min.zip(statistics.max);
    assert_eq!(range(column(Int32Array::from(vec![Some(5), None, Some(-7)]))), Some((-7.0, 5.0)));
    let prices = Decimal128Array::from(vec![150, -25]).with_precision_and_scale(9, 2).unwrap();
    assert_eq!(range(column(prices)), Some((-0.25, 1.5)));
    assert_eq!(range(column(Date32Array::from(vec![10, -1]))), Some((-1.0, 10.0)));
    assert_eq!(range(column(TimestampMillisecondArray::from(vec![1_500, 0]))), Some((0.0, 1.5)));
    assert_eq!(range(column(Float64Array::from(vec![f64::NAN, 2.0, 1.0]))), Some((1.0, 2.0)));
    assert_eq!(range(column(Float64Array::from(vec![f64::NAN]))), None, "NaN lies nowhere");
    assert_eq!(range(column(StringArray::from(vec!["a"]))), None);
    assert_eq!(range(column(BooleanArray::from(vec![true]))), None);
}

#[test]
fn only_the_rows_of_a_slice_count() {
    let whole = Int64Array::from(vec![Some(100), Some(1), None, Some(2), Some(-100)]);
    let statistics = column(whole.slice(1, 3));
    assert_eq!((statistics.min, statistics.max, statistics.distinct), (Some(1.0), Some(2.0), Some(2.0)));
    assert_eq!(statistics.null_fraction, Some(1.0 / 3.0));
}

/// Columns of known numbers of distinct values: dense, sparse and patterned numbers, and texts.
fn columns() -> Vec<(&'static str, usize, ArrayRef)> {
    let mut columns: Vec<(&'static str, usize, ArrayRef)> = Vec::new();
    for distinct in [1usize, 100, 3_000, 50_000] {
        let rows = (0..2 * distinct).map(|row| (row % distinct) as i64);
        let texts = || rows.clone().map(|row| format!("Customer#{row:09}"));
        columns.push(("dense", distinct, Arc::new(Int64Array::from_iter_values(rows.clone()))));
        columns.push(("shifted", distinct, Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row << 40)))));
        columns.push((
            "int32",
            distinct,
            Arc::new(Int32Array::from_iter_values(rows.clone().map(|row| row as i32 * 4))),
        ));
        columns.push((
            "float",
            distinct,
            Arc::new(Float64Array::from_iter_values(rows.clone().map(|row| row as f64 / 8.0))),
        ));
        columns.push(("decimal", distinct, Arc::new(Decimal128Array::from_iter_values(rows.clone().map(i128::from)))));
        columns.push(("text", distinct, Arc::new(StringArray::from_iter_values(texts()))));
        columns.push(("view", distinct, Arc::new(StringViewArray::from_iter_values(texts()))));
    }
    columns
}

#[test]
fn distinct_counts_are_within_five_percent() {
    for (name, distinct, array) in columns() {
        let estimate = column(array).distinct.unwrap();
        let error = (estimate / distinct as f64 - 1.0).abs();
        assert!(error <= 0.05, "{name}: {estimate} for {distinct}");
    }
}

#[test]
fn encodings_of_one_text_estimate_the_same() {
    let by_name = |wanted: &str| {
        let columns = columns().into_iter().filter(move |(name, _, _)| *name == wanted);
        columns.map(|(_, _, array)| column(array).distinct.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(by_name("text"), by_name("view"));
}

/// An estimate may decide a plan, so it is the same in every process, on every machine and with every
/// compiler: these numbers are a part of the golden plans.
#[test]
fn sketches_are_pinned() {
    let estimates: Vec<f64> = columns()
        .into_iter()
        .filter(|(_, rows, _)| *rows >= 3_000)
        .map(|(_, _, array)| column(array).distinct.unwrap())
        .collect();
    assert_eq!(estimates, PINNED);
}

const PINNED: [f64; 14] = [
    2969.0, 2990.0, 2992.0, 2984.0, 3009.0, 2998.0, 2998.0, 49713.0, 49794.0, 49153.0, 49913.0, 49900.0, 50863.0,
    50863.0,
];

#[test]
fn the_order_and_the_batches_of_rows_do_not_matter() {
    let rows: Vec<i64> = (0..5_000).map(|row| row * row % 7_919).collect();
    let one = collect(&[batch(Int64Array::from(rows.clone()))]);
    let reversed: Vec<_> = rows.chunks(333).rev().map(|rows| batch(Int64Array::from(rows.to_vec()))).collect();
    assert_eq!(one.column(0), collect(&reversed).column(0));
}
