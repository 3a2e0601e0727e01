//! Runs on threads while memory is full: what only makes rows waits for those who read some.

use std::sync::Arc;

use leafhold::leaf::Promise;
use leafhold::lower::Fragment;
use leafhold::optimize::Partitioning;
use leafhold::run::{
    Executor, ExecutorOptions, KernelError, Kernels, LocalExecutor, SlotData, TaskContext, TaskOutput,
};
use parking_lot::{Condvar, Mutex};

use crate::kernels::{Row, RowKernels, rows_of};
use crate::plans::{Builder, batch};
use crate::scene::Scene;

/// In the rows of sources, and of whoever reads what they give.
const SOURCE: i64 = 100;
/// In the row of a reader that fills the memory.
const FILLS: i64 = 7;
/// In the row of a reader that starts meanwhile.
const FOLLOWS: i64 = 8;

/// What kernels tell each other.
#[derive(Default)]
struct Told {
    /// Whether a reader works that has filled the memory.
    full: bool,
    /// Whether the other reader has started.
    followed: bool,
    /// Of each task that reads rows of sources: whether the memory was full when it started.
    sources: Vec<bool>,
    /// What the sources wait for, and the other reader.
    promises: Option<(Vec<Promise>, Promise)>,
}

/// Kernels of which one fills the memory, and works until another one has started.
#[derive(Default)]
struct Filling {
    rows: RowKernels,
    told: Mutex<Told>,
    changed: Condvar,
}

impl Filling {
    /// Lets all sources go, then the other reader. A thread that looks for work finds sources first, if it may take them.
    fn fill(&self, context: &TaskContext) {
        let limit = context.memory.limit().unwrap();
        context.memory.grow(limit);
        let (sources, reader) = {
            let mut told = self.told.lock();
            told.full = true;
            told.promises.take().unwrap()
        };
        for (promise, at) in sources.into_iter().zip(SOURCE..) {
            promise.fulfil(vec![batch(&[vec![at, SOURCE]])]);
        }
        reader.fulfil(vec![batch(&[vec![2, FOLLOWS]])]);
        let mut told = self.told.lock();
        self.changed.wait_while(&mut told, |told| !told.followed);
        told.full = false;
        drop(told);
        context.memory.shrink(limit);
    }
}

impl Kernels for Filling {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let read: Vec<Row> = inputs.iter().flatten().flat_map(|batches| rows_of(batches)).collect();
        let has = |word| read.iter().any(|row| row.contains(&word));
        if has(SOURCE) {
            let mut told = self.told.lock();
            let full = told.full;
            told.sources.push(full);
        } else if has(FILLS) {
            self.fill(context);
        } else if has(FOLLOWS) {
            self.told.lock().followed = true;
            self.changed.notify_all();
        }
        self.rows.run(fragment, inputs, context)
    }
}

/// Two readers of rows that are there at once, and six sources, the way from which to the result is longer: they go first.
fn scene(kernels: &Filling) -> Scene {
    let mut builder = Builder::default();
    let (read, promises) = builder.pending("readers", 2);
    let [first, second] = <[Promise; 2]>::try_from(promises).unwrap_or_else(|_| panic!("there are two"));
    first.fulfil(vec![batch(&[vec![1, FILLS]])]);
    let there = builder.values(&[vec![vec![1, 5]], vec![vec![2, 6]]]);
    let there = builder.exchange(&there, Partitioning::Replicated);
    let joined = builder.join(&read, &there);
    let (mut node, promises) = builder.pending("sources", 6);
    for _ in 0..2 {
        node = builder.project(&builder.hashed(&node), &[0, 1]);
        node = builder.project(&builder.exchange(&node, Partitioning::Single), &[0, 1]);
    }
    kernels.told.lock().promises = Some((promises, second));
    let root = builder.join(&builder.exchange(&joined, Partitioning::Single), &node);
    drop((read, there, joined, node));
    Scene::of(builder, &root)
}

#[test]
fn law_m1_no_source_starts_while_memory_is_full_and_a_reader_works() {
    for threads in 2..=4 {
        let kernels = Arc::new(Filling::default());
        let mut scene = scene(&kernels);
        let options = ExecutorOptions::default().with_memory_limit(1 << 30).with_observer(scene.heard.clone());
        let executor = LocalExecutor::new(kernels.clone(), threads).with_options(options);
        let report = executor.submit(scene.graph()).wait().unwrap().report;
        drop(executor);
        let sources = std::mem::take(&mut kernels.told.lock().sources);
        assert!(sources.len() > 6, "the sources, and who reads them: {sources:?}");
        assert!(!sources.contains(&true), "{threads} threads: {sources:?}");
        scene.assert_clean(&report);
    }
}
