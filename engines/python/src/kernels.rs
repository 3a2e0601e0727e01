//! Fragments, run on a worker of somebody's cluster.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use arrow_array::RecordBatch;
use leafhold::expr::wire::ReadContext;
use leafhold::lower::Fragment;
use leafhold::run::{self, CancelFlag, SlotData, TaskContext};
use leafhold_datafusion::{DataFusionKernels, EngineFunctions};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::{arrow, error};

/// Fragments read so far: a stage has one for all of its tasks.
#[derive(Default)]
struct Cache {
    fragments: HashMap<Vec<u8>, Arc<Fragment>>,
    order: VecDeque<Vec<u8>>,
}

/// More stages than a worker meets at a time.
const CACHED: usize = 64;

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// Tells a fragment to stop, from any thread.
#[pyclass(frozen, module = "leafhold._leafhold")]
pub struct Stop(CancelFlag);

#[pymethods]
impl Stop {
    #[new]
    fn new() -> Self {
        Stop(CancelFlag::default())
    }

    /// The fragment is to stop before its next batch.
    fn set(&self) {
        self.0.set();
    }

    /// Whether somebody said so.
    fn is_set(&self) -> bool {
        self.0.is_set()
    }
}

/// The table of each port, the rows of each node of the fragment, where they were counted, and what its operators held
/// at most.
type Given<'py> = (Vec<Bound<'py, PyAny>>, Vec<Option<u64>>, Option<u64>);

/// Runs a fragment over the tables of its slots; gives the table of each of its ports, the rows of its nodes, and the
/// most bytes that its operators held at a time.
#[pyfunction]
#[pyo3(signature = (fragment, partition, inputs, started_ns, stop))]
pub fn run_fragment<'py>(
    py: Python<'py>,
    fragment: &[u8],
    partition: usize,
    inputs: Vec<Vec<Bound<'py, PyAny>>>,
    started_ns: Option<u64>,
    stop: &Bound<'py, Stop>,
) -> PyResult<Given<'py>> {
    let fragment = read(py, fragment)?;
    let mut slots: Vec<SlotData> = Vec::with_capacity(inputs.len());
    for tables in &inputs {
        let batches = tables.iter().map(|table| arrow::read(table).map(|(_, batches)| Arc::new(batches)));
        slots.push(batches.collect::<PyResult<_>>()?);
    }
    // Only fragments that ask for the time are told when their run started.
    let started = started_ns.map_or(SystemTime::UNIX_EPOCH, |ns| SystemTime::UNIX_EPOCH + Duration::from_nanos(ns));
    let context = TaskContext { partition, started, cancelled: stop.get().0.clone(), ..TaskContext::default() };
    let output = py.detach(|| run::run_fragment(&DataFusionKernels, &fragment, slots, &context));
    let output = output.map_err(|error| error::fragment(py, &fragment.label, error))?;
    let table = |batches: &Vec<RecordBatch>| match batches.first() {
        Some(first) => arrow::table(py, &first.schema(), batches),
        None => Err(error::panicked("a port without a batch")),
    };
    let tables = output.ports.iter().map(table).collect::<PyResult<_>>()?;
    Ok((tables, output.node_rows, output.peak_execution_memory))
}

fn read(py: Python<'_>, bytes: &[u8]) -> PyResult<Arc<Fragment>> {
    if let Some(known) = CACHE.lock().fragments.get(bytes) {
        return Ok(known.clone());
    }
    let read = Fragment::from_bytes(bytes, &ReadContext::new(&EngineFunctions));
    let fragment = Arc::new(read.map_err(|error| error::wire(py, &error))?);
    let mut cache = CACHE.lock();
    if cache.fragments.insert(bytes.to_vec(), fragment.clone()).is_none() {
        cache.order.push_back(bytes.to_vec());
    }
    if cache.order.len() > CACHED
        && let Some(oldest) = cache.order.pop_front()
    {
        cache.fragments.remove(&oldest);
    }
    Ok(fragment)
}
