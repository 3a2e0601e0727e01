//! Three futures make a frame. The frame is collected, its maker lets go of every handle, and it is
//! collected again: the leaf owns its futures. (In Dask this case once failed with "lost dependencies".)
//!
//! ```text
//! cargo run --release -p leafhold-datafusion --example from_delayed
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{Frame, col, count_all, lit, sum};
use leafhold::leaf::{FutureHandle, handle_counts, release, spawn};
use leafhold::optimize::Planner;
use leafhold::run::LocalExecutor;
use leafhold_datafusion::{DataFusionKernels, EngineFunctions};

/// One partition, computed on a background thread: the numbers from `10 * part` on.
fn partition(part: i64) -> Result<RecordBatch, arrow_schema::ArrowError> {
    std::thread::sleep(Duration::from_millis(20));
    let numbers: Vec<i64> = (10 * part..10 * part + 10).collect();
    let parity: Vec<i64> = numbers.iter().map(|number| number % 2).collect();
    RecordBatch::try_from_iter([
        ("number", Arc::new(Int64Array::from(numbers)) as _),
        ("parity", Arc::new(Int64Array::from(parity)) as _),
    ])
}

fn main() -> Result<(), Box<dyn Error>> {
    let schema = partition(0)?.schema();
    let futures: Vec<FutureHandle> =
        (0..3).map(|part| spawn(format!("numbers-{part}"), move || partition(part))).collect();

    let frame = Frame::from_delayed("numbers", schema, futures.clone())?
        .filter(col("number").gt_eq(lit(5i64)))?
        .group_by(["parity"])
        .aggregate([("rows", count_all()), ("total", sum(col("number")))])?
        .sort([col("parity").asc()])?;

    let planner = Planner::new(Arc::new(EngineFunctions));
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), 2);
    let first = frame.collect(&planner, &executor)?;

    drop(futures);
    release::drain();
    println!("the maker has let go; futures still alive: {}", handle_counts().live());

    let second = frame.collect(&planner, &executor)?;
    assert_eq!(first.batches, second.batches);
    for batch in &second.batches {
        let column = |at: usize| batch.column(at).as_any().downcast_ref::<Int64Array>().ok_or("an Int64 column");
        for row in 0..batch.num_rows() {
            println!(
                "parity {}: {} rows, total {}",
                column(0)?.value(row),
                column(1)?.value(row),
                column(2)?.value(row)
            );
        }
    }

    drop(frame);
    release::drain();
    let counts = handle_counts();
    println!("the frame is gone; futures: {} created, {} released", counts.created, counts.released);
    assert_eq!(counts.created, counts.released);
    Ok(())
}
