//! Whole runs: TPC-H queries whose plans replicate sides of joins.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use arrow_array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use leafhold::lower::{Fragment, TaskGraph, lower};
use leafhold::optimize::Planner;
use leafhold::run::{
    Canceller, Executor, ExecutorOptions, KernelError, Kernels, LocalExecutor, MemoryBudget, Observer, SlotData,
    StageState, TaskContext, TaskEvent, TaskOutput,
};
use leafhold::token::Token;
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session, tpch};
use parking_lot::Mutex;

use crate::builds::Builds;

/// Those that replicate sides: inner joins, semi and anti joins.
const QUERIES: [&str; 6] = ["q03", "q05", "q07", "q08", "q09", "q21"];

static SESSION: LazyLock<Session> = LazyLock::new(|| {
    let mut catalog = Catalog::new();
    tpch::register(&mut catalog, 0.02, 4).unwrap();
    Session::new(catalog)
});

fn graph(query: &str) -> TaskGraph {
    let (_, sql) = tpch::QUERIES.iter().find(|(name, _)| *name == query).unwrap();
    let expr = SESSION.to_expr(&SESSION.bind(sql).unwrap()).unwrap();
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(4);
    lower(&planner.plan(&expr).unwrap()).unwrap()
}

/// The kernels, which say what they used and do as they are told.
#[derive(Default)]
struct Watched {
    /// Every task is alone.
    alone: bool,
    /// So many tasks fail before their kernels begin, and as many after they have ended.
    failures: AtomicUsize,
    memory: Mutex<Option<MemoryBudget>>,
}

impl Watched {
    fn fails(&self) -> Result<(), KernelError> {
        let left = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_or(Ok(()), |_| Err(KernelError::Compute("as it was told".into())))
    }

    /// What is held, once the run is over.
    fn used(&self) -> u64 {
        self.memory.lock().as_ref().map_or(0, MemoryBudget::used)
    }
}

impl Kernels for Watched {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        self.memory.lock().get_or_insert_with(|| context.memory.clone());
        let stage = if self.alone { StageState::default() } else { context.stage.clone() };
        let output = DataFusionKernels.run(fragment, inputs, &TaskContext { stage, ..context.clone() })?;
        let joins = fragment.label.contains("join");
        if joins { self.fails().map(|()| output) } else { Ok(output) }
    }
}

fn rows(partitions: &[Arc<Vec<RecordBatch>>]) -> Vec<String> {
    let batches = partitions.iter().flat_map(|partition| partition.iter());
    let rows = batches.flat_map(|batch| {
        let options = FormatOptions::default();
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        let row = |at: usize| columns.iter().map(|column| column.value(at).to_string()).collect::<Vec<_>>().join("|");
        (0..batch.num_rows()).map(row).collect::<Vec<_>>()
    });
    rows.collect()
}

/// One test at a time counts the builds of a query.
static COUNTING: Mutex<()> = Mutex::new(());

/// The fragments of a graph that have a join, and in how many stages of several tasks each of them runs.
fn joins(graph: &TaskGraph) -> BTreeMap<Token, usize> {
    let mut stages: BTreeMap<(Token, usize), usize> = BTreeMap::new();
    for task in graph.tasks().filter(|task| task.fragment.label.contains("join")) {
        *stages.entry((task.fragment.token, task.stage)).or_default() += 1;
    }
    let mut fragments = BTreeMap::new();
    for (fragment, _) in stages.into_iter().filter_map(|(stage, tasks)| (tasks > 1).then_some(stage)) {
        *fragments.entry(fragment).or_default() += 1;
    }
    fragments
}

#[test]
fn law_s1_threads_replicated_sides_are_built_once_and_the_rows_are_the_same() {
    let _counting = COUNTING.lock();
    for query in QUERIES {
        let graph = graph(query);
        let fragments = joins(&graph);
        let alone = Arc::new(Watched { alone: true, ..Watched::default() });
        let expected = LocalExecutor::new(alone, 2).submit(graph).wait().unwrap();
        for threads in [1, 2, 4] {
            let builds: Vec<_> = fragments.iter().map(|(fragment, stages)| (Builds::of(*fragment), *stages)).collect();
            let graph = self::graph(query);
            let outcome = LocalExecutor::new(Arc::new(Watched::default()), threads).submit(graph).wait().unwrap();
            assert_eq!(rows(&outcome.partitions), rows(&expected.partitions), "{query}");
            assert_eq!(outcome.report.node_rows, expected.report.node_rows, "{query}: rows by node");
            assert_eq!(outcome.report.c_out, expected.report.c_out, "{query}");
            assert!(builds.iter().any(|(builds, _)| !builds.counts().is_empty()), "{query} replicates nothing");
            for (builds, stages) in &builds {
                let counts = builds.counts();
                assert!(counts.iter().all(|(_, count)| count == stages), "{query}, {threads} threads: {counts:?}");
            }
        }
    }
}

#[test]
fn law_l2_threads_nothing_that_was_built_outlives_its_run() {
    let _counting = COUNTING.lock();
    let limits = [u64::MAX, 1];
    for (query, limit) in QUERIES.iter().flat_map(|query| limits.map(|limit| (*query, limit))) {
        let options = ExecutorOptions::default().with_memory_limit(limit).with_failures_retried();
        let run = |kernels: &Arc<Watched>, options: ExecutorOptions| {
            LocalExecutor::new(kernels.clone(), 2).with_options(options).submit(graph(query)).wait()
        };
        let kernels = Arc::new(Watched::default());
        let outcome = run(&kernels, options.clone()).unwrap();
        assert_eq!(kernels.used(), 0, "{query} within {limit} bytes");
        // Attempts that follow others probe what these have built, or build it.
        let kernels = Arc::new(Watched { failures: AtomicUsize::new(3), ..Watched::default() });
        let again = run(&kernels, options.clone().with_retries(3)).unwrap();
        assert_eq!(rows(&again.partitions), rows(&outcome.partitions), "{query}, tried again");
        assert_eq!(kernels.used(), 0, "{query}, tried again");
        let kernels = Arc::new(Watched { failures: AtomicUsize::new(1), ..Watched::default() });
        run(&kernels, options).unwrap_err();
        assert_eq!(kernels.used(), 0, "{query}, failed");
    }
}

/// Cancels its run when so many tasks have ended.
struct Cancels(AtomicUsize, Mutex<Option<Canceller>>);

impl Observer for Cancels {
    fn on_event(&self, _: &TaskEvent) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1
            && let Some(canceller) = &*self.1.lock()
        {
            canceller.cancel();
        }
    }
}

#[test]
fn law_l2_threads_a_cancelled_run_leaves_nothing_that_was_built() {
    let _counting = COUNTING.lock();
    let tasks = graph("q05").len();
    for after in 1..=tasks {
        let (kernels, observer) = (Arc::new(Watched::default()), Arc::new(Cancels(after.into(), Mutex::default())));
        let options = ExecutorOptions::default().with_memory_limit(u64::MAX).with_observer(observer.clone());
        let executor = LocalExecutor::new(kernels.clone(), 2).with_options(options);
        let mut canceller = observer.1.lock();
        let run = executor.submit(graph("q05"));
        *canceller = Some(run.canceller());
        drop(canceller);
        // It may be over before it hears of it.
        drop(run.wait());
        assert_eq!(kernels.used(), 0, "cancelled after {after} of {tasks} tasks");
    }
}
