use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use arrow_array::RecordBatch;
use leafhold::leaf::{FutureHandle, LocalFuture, Promise};
use parking_lot::Mutex;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow, SupplierArrow,
};

use super::TpchTable;
use crate::engine::BATCH_SIZE;

/// One partition of a table, to be generated.
struct Job {
    table: TpchTable,
    scale: f64,
    part: i32,
    parts: i32,
    promise: Promise,
}

#[derive(Default)]
struct Pool {
    waiting: VecDeque<Job>,
    working: usize,
}

static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(Mutex::default);

/// Generators at work at one time: they are all computation, and a query needs the other cores.
const MOST_WORKERS: usize = 4;

/// Asks for a partition; a background thread generates it when its turn comes.
pub(super) fn request(table: TpchTable, scale: f64, part: i32, parts: i32) -> FutureHandle {
    let (future, promise) = LocalFuture::pending(format!("{}[{}]", table.name(), part - 1));
    let handle = FutureHandle::new(future);
    let mut pool = POOL.lock();
    pool.waiting.push_back(Job { table, scale, part, parts, promise });
    let workers = std::thread::available_parallelism().map_or(1, usize::from).clamp(2, MOST_WORKERS);
    if pool.working < workers {
        let started = std::thread::Builder::new().name("tpch-generator".into()).spawn(work);
        // Without a thread now, one that is at work takes the job; without any, its promise is lost,
        // which the future says.
        match started {
            Ok(_) => pool.working += 1,
            Err(_) if pool.working == 0 => pool.waiting.clear(),
            Err(_) => {}
        }
    }
    handle
}

fn work() {
    loop {
        let job = {
            let mut pool = POOL.lock();
            match pool.waiting.pop_front() {
                Some(job) => job,
                None => {
                    pool.working -= 1;
                    return;
                }
            }
        };
        let Job { table, scale, part, parts, promise } = job;
        match catch_unwind(AssertUnwindSafe(|| generate(table, scale, part, parts))) {
            Ok(batches) => promise.fulfil(batches),
            Err(_) => promise.fail(format!("the generator of {} panicked at scale factor {scale}", table.name())),
        }
    }
}

/// A partition's batches; one without rows when it has none, so that the schema travels.
fn generate(table: TpchTable, scale: f64, part: i32, parts: i32) -> Vec<RecordBatch> {
    macro_rules! batches {
        ($arrow:ident, $generator:ident) => {
            $arrow::new($generator::new(scale, part, parts)).with_batch_size(BATCH_SIZE).collect()
        };
    }
    let batches: Vec<RecordBatch> = match table {
        TpchTable::Region => batches!(RegionArrow, RegionGenerator),
        TpchTable::Nation => batches!(NationArrow, NationGenerator),
        TpchTable::Part => batches!(PartArrow, PartGenerator),
        TpchTable::Supplier => batches!(SupplierArrow, SupplierGenerator),
        TpchTable::PartSupp => batches!(PartSuppArrow, PartSuppGenerator),
        TpchTable::Customer => batches!(CustomerArrow, CustomerGenerator),
        TpchTable::Orders => batches!(OrderArrow, OrderGenerator),
        TpchTable::LineItem => batches!(LineItemArrow, LineItemGenerator),
    };
    match batches.is_empty() {
        true => vec![RecordBatch::new_empty(table.schema())],
        false => batches,
    }
}
