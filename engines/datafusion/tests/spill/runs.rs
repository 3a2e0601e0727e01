//! Whole runs whose operators have no room, on threads and on worker processes.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use leafhold::expr::{Expr, Frame, col, sum};
use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::Planner;
use leafhold::run::process::{ProcessExecutor, ProcessWorkers};
use leafhold::run::{
    Executor, ExecutorOptions, LocalExecutor, Outcome, RunCause, RunError, RunReport, TaskState, TemporaryFolder,
};
use leafhold_datafusion::{DataFusionCodec, EngineFunctions};

use crate::aftermath::{Census, Witness};
use crate::operators::ROWS;
use crate::program::{Telling, Told, command, command_that_dies, told};

/// Folders of some runs: what its kernels say, what the executor names for files, and what the processes' system does.
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

    /// Asserts that no file is left, and of the processes, of which there were so many at least, none.
    #[track_caller]
    fn assert_nothing_left(&self, processes: usize) {
        Census::within(self.0.path()).assert_nobody_left(processes);
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
fn graph(witness: &Arc<Witness>) -> TaskGraph {
    let numbers = Int64Array::from_iter_values((0..2 * ROWS).map(|at| (at * 7_919) % ROWS));
    let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
    let leaf = witness.leaf("numbers", vec![vec![batch]]);
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
    // Wherever it ran, it is told what operators held: at least what each may hold in any case.
    for event in report.tasks.iter().filter(|event| event.spilled_bytes > 0) {
        assert!(event.peak_execution_memory.is_some_and(|peak| peak > 16 << 20) && event.host.is_some(), "{event:?}");
    }
}

/// Runs the query on an executor within these options; of its plan nothing is kept.
fn run(executor: &dyn Fn(ExecutorOptions) -> Box<dyn Executor>, options: ExecutorOptions) -> Ran {
    let witness = Arc::new(Witness::default());
    let result = executor(options.with_observer(witness.clone())).submit(graph(&witness)).wait();
    Ran { witness, result }
}

/// How a run ended, and who saw it.
struct Ran {
    witness: Arc<Witness>,
    result: Result<Outcome, Box<RunError>>,
}

impl Ran {
    /// The report of a run that gave the right rows.
    #[track_caller]
    fn right(self) -> RunReport {
        let outcome = self.result.unwrap();
        assert_right(&outcome);
        let report = outcome.report;
        self.witness.assert_clean(&report);
        report
    }

    /// The error of one that gave none.
    #[track_caller]
    fn wrong(self) -> Box<RunError> {
        let error = self.result.unwrap_err();
        self.witness.assert_clean(&error.report);
        error
    }
}

#[test]
fn operators_use_the_files_of_the_executor_on_threads() {
    let folders = Folders::new();
    let executor = folders.threads();
    let run = |options| run(&|options| Box::new(executor.clone().with_options(options)), options);
    run(options(&folders.path("executor"))).right();
    assert!(folders.told().iter().all(|told| (told.limit, told.written) == (None, 0)), "{:?}", folders.told());
    let report = run(options(&folders.path("executor")).with_memory_limit(1_000)).right();
    let told = folders.told();
    assert!(told.iter().all(|told| told.limit == Some(1_000) && told.files == 0), "{told:?}");
    assert!(told.iter().any(|told| told.written > 8 * ROWS as u64), "{told:?}");
    assert_counted(&report, &told);
    drop(executor);
    folders.assert_nothing_left(0);
}

#[test]
fn operators_of_a_worker_process_have_its_share_of_the_limit_and_use_files() {
    for (processes, share) in [(1, 1_000), (2, 500)] {
        let folders = Folders::new();
        let executor = folders.processes(processes, command);
        // Rows of the driver go to the folder that is named, and those of its workers, too.
        let limited = options(&folders.path("executor")).with_memory_limit(1_000);
        let report = run(&|options| Box::new(executor.clone().with_options(options)), limited).right();
        let told = folders.told();
        assert_counted(&report, &told);
        assert!(told.iter().all(|told| told.process != std::process::id()), "{told:?}");
        assert!(told.iter().all(|told| told.limit == Some(share) && told.files == 0), "{told:?}");
        assert!(told.iter().any(|told| told.written > 8 * ROWS as u64), "{told:?}");
        drop(executor);
        folders.assert_nothing_left(1);
    }
}

#[test]
fn law_l2_worker_processes_files_of_operators_go_with_their_process() {
    let folders = Folders::new();
    // Those of the folder that the executor names, and those of the system's.
    for options in [options(&folders.path("executor")), ExecutorOptions::default()] {
        let executor = folders.processes(1, command_that_dies);
        let limited = options.with_memory_limit(1_000);
        let error = run(&|options| Box::new(executor.clone().with_options(options)), limited).wrong();
        assert!(matches!(error.cause, RunCause::Lost { .. }), "{error}");
        assert!(error.to_string().contains("bytes are in a file"), "it died with rows in a file: {error}");
        let count = |state| error.report.count(state);
        assert_eq!((count(TaskState::Lost), count(TaskState::Failed)), (1, 0), "{:?}", error.report.tasks);
        drop(executor);
        folders.assert_nothing_left(1);
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
        let error = run(&executor, tight).wrong();
        for words in ["cannot be kept in temporary files", "missing", "choose a spill folder"] {
            assert!(error.to_string().contains(words), "{error} should say {words:?}");
        }
        let failed: Vec<_> = error.report.tasks.iter().filter(|event| event.state == TaskState::Failed).collect();
        assert_eq!((failed.len(), error.report.count(TaskState::Lost)), (1, 0), "{:?}", error.report.tasks);
        assert_eq!(failed[0].error.as_ref().unwrap().kind, "spill");
        // Whoever worked does the next run.
        run(&executor, options).right();
        drop(executor);
        folders.assert_nothing_left(processes.min(1));
    }
}
