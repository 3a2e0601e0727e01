//! Whole runs whose operators have no room, on threads and on worker processes.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{Expr, Frame, col, sum};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::Planner;
use leafhold::run::process::{ProcessExecutor, ProcessWorkers};
use leafhold::run::{
    Executor, ExecutorOptions, LocalExecutor, Outcome, RunCause, RunReport, TaskState, TemporaryFolder,
};
use leafhold_datafusion::{DataFusionCodec, EngineFunctions};

use crate::operators::ROWS;
use crate::program::{Telling, Told, command, command_that_dies, told};

/// Folders of one run: what its kernels say, what the executor names for files, and what the processes' system does.
struct Folders(tempfile::TempDir);

impl Folders {
    fn new() -> Self {
        let folders = Folders(tempfile::tempdir().unwrap());
        for name in ["words", "executor", "system"] {
            std::fs::create_dir(folders.path(name)).unwrap();
        }
        folders
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn told(&self) -> Vec<Told> {
        told(&self.path("words"))
    }

    fn assert_empty(&self) {
        for name in ["executor", "system"] {
            assert_eq!(std::fs::read_dir(self.path(name)).unwrap().count(), 0, "in the folder of the {name}");
        }
    }

    fn threads(&self) -> LocalExecutor {
        LocalExecutor::new(Arc::new(Telling(self.path("words"))), 2)
    }

    fn processes(&self, count: usize, command: fn(&Path, &Path) -> Command) -> ProcessExecutor {
        let (words, system) = (self.path("words"), self.path("system"));
        let kernels = Arc::new(Telling(words.clone()));
        let workers = ProcessWorkers::new(kernels, count, move || command(&words, &system));
        ProcessExecutor::new(workers.with_codec(Arc::new(DataFusionCodec)))
    }
}

fn options(folder: &Path) -> ExecutorOptions {
    ExecutorOptions::default().with_spill_target(TemporaryFolder::within(folder))
}

/// Sums by number, sorted by number: each twice, in no order.
fn graph() -> TaskGraph {
    let numbers = Int64Array::from_iter_values((0..2 * ROWS).map(|at| (at * 7_919) % ROWS));
    let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
    let leaf = Leaf::Values(Values::new("numbers", batch.schema(), vec![vec![batch]]));
    let frame = Frame::new(Expr::leaf(leaf).unwrap(), Arc::new(EngineFunctions));
    let frame = frame.group_by(["n"]).aggregate([("sum", sum(col("n")))]).unwrap().sort([col("n").asc()]).unwrap();
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(1);
    lower(&planner.plan(frame.expr()).unwrap()).unwrap()
}

fn assert_right(outcome: &Outcome) {
    let batches = outcome.partitions.iter().flat_map(|partition| partition.iter());
    let column = |batch: &RecordBatch, at: usize| batch.column(at).as_primitive::<Int64Type>().values().to_vec();
    let rows = batches.flat_map(|batch| column(batch, 0).into_iter().zip(column(batch, 1)));
    assert!(rows.eq((0..ROWS).map(|number| (number, 2 * number))));
}

/// The report tells what the operators of each task wrote to files, and has all of it in its sum.
fn assert_counted(report: &RunReport, told: &[Told]) {
    let (mut of_tasks, mut of_kernels): (Vec<u64>, Vec<u64>) = (
        report.tasks.iter().map(|event| event.spilled_bytes).collect(),
        told.iter().map(|told| told.written).collect(),
    );
    of_tasks.sort_unstable();
    of_kernels.sort_unstable();
    // Of tasks that kernels did not run, there is nothing.
    of_tasks.retain(|written| *written > 0);
    of_kernels.retain(|written| *written > 0);
    assert_eq!(of_tasks, of_kernels);
    assert!(report.spilled_bytes >= of_tasks.iter().sum());
}

fn assert_each_once(report: &RunReport, tasks: usize) {
    assert_eq!(report.tasks.iter().map(|event| event.task).collect::<Vec<_>>(), (0..tasks).collect::<Vec<_>>());
}

#[test]
fn operators_use_the_files_of_the_executor_on_threads() {
    let folders = Folders::new();
    let executor = folders.threads();
    let unlimited = executor.clone().with_options(options(&folders.path("executor")));
    assert_right(&unlimited.submit(graph()).wait().unwrap());
    assert!(folders.told().iter().all(|told| (told.limit, told.written) == (None, 0)), "{:?}", folders.told());
    let limited = executor.with_options(options(&folders.path("executor")).with_memory_limit(1_000));
    let outcome = limited.submit(graph()).wait().unwrap();
    assert_right(&outcome);
    let told = folders.told();
    assert!(told.iter().all(|told| told.limit == Some(1_000) && told.files == 0), "{told:?}");
    assert!(told.iter().any(|told| told.written > 8 * ROWS as u64), "{told:?}");
    assert_counted(&outcome.report, &told);
    drop((unlimited, limited));
    folders.assert_empty();
}

#[test]
fn operators_of_a_worker_process_have_its_share_of_the_limit_and_use_files() {
    for (processes, share) in [(1, 1_000), (2, 500)] {
        let folders = Folders::new();
        // Rows of the driver go to the folder that is named, and those of its workers, too.
        let limited = options(&folders.path("executor")).with_memory_limit(1_000);
        let executor = folders.processes(processes, command).with_options(limited);
        let outcome = executor.submit(graph()).wait().unwrap();
        assert_right(&outcome);
        let told = folders.told();
        assert_counted(&outcome.report, &told);
        assert!(told.iter().all(|told| told.process != std::process::id()), "{told:?}");
        assert!(told.iter().all(|told| told.limit == Some(share) && told.files == 0), "{told:?}");
        assert!(told.iter().any(|told| told.written > 8 * ROWS as u64), "{told:?}");
        drop(executor);
        folders.assert_empty();
    }
}

#[test]
fn law_l2_worker_processes_files_of_operators_go_with_their_process() {
    let folders = Folders::new();
    // Those of the folder that the executor names, and those of the system's.
    for options in [options(&folders.path("executor")), ExecutorOptions::default()] {
        let executor = folders.processes(1, command_that_dies).with_options(options.with_memory_limit(1_000));
        let error = executor.submit(graph()).wait().unwrap_err();
        assert!(matches!(error.cause, RunCause::Lost { .. }), "{error}");
        assert!(error.to_string().contains("bytes are in a file"), "it died with rows in a file: {error}");
        drop(executor);
        folders.assert_empty();
    }
}

#[test]
fn a_folder_that_is_not_there_fails_the_task_that_needs_it_and_nothing_else() {
    for processes in [0, 2] {
        let folders = Folders::new();
        let options = options(&folders.path("missing"));
        let tight = options.clone().with_memory_limit(1_000);
        let executor: Box<dyn Fn(ExecutorOptions) -> Box<dyn Executor>> = match processes {
            0 => {
                let executor = folders.threads();
                Box::new(move |options| Box::new(executor.clone().with_options(options)))
            }
            count => {
                let executor = folders.processes(count, command);
                Box::new(move |options| Box::new(executor.clone().with_options(options)))
            }
        };
        let (graph, again) = (graph(), graph());
        let tasks = graph.len();
        let error = executor(tight).submit(graph).wait().unwrap_err();
        for words in ["cannot be kept in temporary files", "missing", "choose a spill folder"] {
            assert!(error.to_string().contains(words), "{error} should say {words:?}");
        }
        let failed: Vec<_> = error.report.tasks.iter().filter(|event| event.state == TaskState::Failed).collect();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].error.as_ref().unwrap().kind, "spill");
        assert_each_once(&error.report, tasks);
        // Whoever worked does the next run.
        let outcome = executor(options).submit(again).wait().unwrap();
        assert_right(&outcome);
        assert_each_once(&outcome.report, tasks);
        drop(executor);
        folders.assert_empty();
    }
}
