//! Runs on threads whose rows do not fit into memory.

use std::io;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use leafhold::lower::Fragment;
use leafhold::run::{
    Executor, ExecutorOptions, KernelError, Kernels, LocalExecutor, MemoryBudget, Outcome, RunError, SlotData,
    SpillFile, SpillTarget, TaskContext, TaskOutput, TemporaryFolder,
};
use parking_lot::Mutex;

use crate::behaviour::{FAILS, WAITS};
use crate::kernels::{Row, RowKernels, rows_of};
use crate::retries::Unlucky;
use crate::scene::{Scene, partitions_with};
use crate::spilling::{Parent, entries, full_disk, many, missing_folder, rows_go_to_files, unreadable_rows};

fn run(partitions: &[Vec<Row>], threads: usize, options: ExecutorOptions) -> Result<Outcome, Box<RunError>> {
    let mut scene = Scene::shuffle(partitions);
    let result = scene.run(threads, options);
    let report = result.as_ref().map_or_else(|error| &error.report, |outcome| &outcome.report);
    scene.assert_clean(report);
    result
}

#[test]
fn rows_beyond_the_limit_go_to_files_and_come_back() {
    rows_go_to_files(&run);
}

#[test]
fn a_full_disk_is_a_named_error_and_leaves_nothing() {
    full_disk(&run);
}

#[test]
fn a_folder_that_is_not_there_is_a_named_error() {
    missing_folder(&run);
}

#[test]
fn rows_that_cannot_be_read_back_are_a_named_error() {
    unreadable_rows(&run);
}

#[test]
fn what_is_kept_stays_below_the_limit() {
    // With one thread, at most what one task gives is held beside it.
    let limit = 6_000;
    let options = ExecutorOptions::default().with_memory_limit(limit);
    let mut scene = Scene::shuffle(&many());
    let outcome = scene.run(1, options).unwrap();
    let result: u64 = outcome.report.tasks.last().unwrap().bytes_out;
    let (peak, of_result) = (outcome.report.peak_bytes.unwrap(), outcome.report.peak_result_bytes);
    assert!(peak - of_result <= limit, "{peak} {of_result}");
    // All of it was there at once, and is beyond the limit: whoever reads of the peak reads why.
    assert!(of_result == result && result > limit, "{of_result} {result}");
    let text = outcome.report.to_text();
    assert!(text.contains(" are the result and count towards no limit\n"), "{text}");
    scene.assert_clean(&outcome.report);
}

/// Kernels that look how much memory is in use while a task runs, beside the bytes of its inputs; and say that they held as much
/// as these.
#[derive(Default)]
struct Looking {
    rows: RowKernels,
    seen: Mutex<Vec<(u64, u64)>>,
    memory: Mutex<MemoryBudget>,
}

impl Kernels for Looking {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let read = inputs.iter().flatten().flat_map(|batches| rows_of(batches));
        let bytes = read.map(|row| 8 * row.len() as u64).sum();
        self.seen.lock().push((bytes, context.memory.used()));
        *self.memory.lock() = context.memory.clone();
        let output = self.rows.run(fragment, inputs, context)?;
        Ok(TaskOutput { peak_execution_memory: (bytes > 0).then_some(bytes), ..output })
    }
}

#[test]
fn law_m2_threads_what_is_read_back_counts_while_its_task_runs() {
    // There is no room at all: whatever is kept goes to files, and what is in use was read back.
    let kernels = Arc::new(Looking::default());
    let mut scene = Scene::shuffle(&many());
    let options = ExecutorOptions::default().with_memory_limit(1).with_observer(scene.heard.clone());
    let executor = LocalExecutor::new(kernels.clone(), 1).with_options(options);
    let report = executor.submit(scene.graph()).wait().unwrap().report;
    drop(executor);
    let seen = std::mem::take(&mut *kernels.seen.lock());
    // Twelve tasks read futures, which belong to whoever made them; the others read files.
    let (sources, readers): (Vec<_>, Vec<_>) = seen.iter().partition(|(_, used)| *used == 0);
    assert_eq!(sources.len(), 12, "{seen:?}");
    assert!(readers.len() >= 4 && readers.iter().all(|(bytes, used)| bytes == used && *bytes > 1_000), "{seen:?}");
    assert_eq!(kernels.memory.lock().used(), 0, "it is given back");
    let mut held: Vec<_> = report.tasks.iter().map(|event| event.peak_execution_memory.unwrap_or(0)).collect();
    let mut said: Vec<_> = seen.iter().map(|(bytes, _)| *bytes).collect();
    held.sort_unstable();
    said.sort_unstable();
    assert_eq!(held, said, "what kernels say they held is in the report");
    scene.assert_clean(&report);
}

#[test]
fn files_go_however_the_run_ends() {
    let parent = Parent::new("ends");
    for row in [FAILS, WAITS] {
        let mut partitions = partitions_with([row, 0]);
        partitions.extend(many());
        let mut scene = Scene::shuffle(&partitions);
        let target = TemporaryFolder::within(&parent.0);
        let executor = scene.executor(1, ExecutorOptions::default().with_memory_limit(1).with_spill_target(target));
        let run = leafhold::run::Executor::submit(&executor, scene.graph());
        match row {
            WAITS => drop(run),
            _ => drop(run.wait().unwrap_err()),
        }
        drop(executor);
        assert_eq!(entries(&parent.0), 0);
        scene.assert_heard();
        scene.assert_nothing_left();
    }
}

const DRIVER: &str = "LEAFHOLD_TEST_SPILLING_DRIVER";

/// Says when it has rows in a file.
struct Telling(TemporaryFolder);

impl SpillTarget for Telling {
    fn create(&self) -> io::Result<Box<dyn SpillFile>> {
        Ok(Box::new(Told(self.0.create()?)))
    }
}

struct Told(Box<dyn SpillFile>);

impl SpillFile for Told {
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        self.0.write_at(bytes, place)?;
        println!("spilled {} bytes", bytes.len());
        Ok(())
    }
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        self.0.read_at(buffer, place)
    }
}

/// Not a test, but a driver that is killed: it does nothing unless another test has started it.
#[test]
fn spilling_driver() {
    let Some(folder) = std::env::var_os(DRIVER) else { return };
    let target = Telling(TemporaryFolder::within(folder));
    let options = ExecutorOptions::default().with_memory_limit(1).with_spill_target(target);
    // The last of its tasks waits, with the rows of all others in files.
    let mut partitions = many();
    partitions.push(vec![vec![WAITS, 0]]);
    let _ = Scene::shuffle(&partitions).run(1, options);
}

#[test]
fn a_driver_that_is_killed_leaves_no_file() {
    let parent = Parent::new("killed");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["spill::spilling_driver", "--exact", "--nocapture", "--test-threads=1"]);
    let mut driver = command.env(DRIVER, &parent.0).stdout(Stdio::piped()).spawn().unwrap();
    let mut words = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(words.any(|line| line.contains("spilled")), "the driver ended, and no rows were beyond its limit");
    driver.kill().unwrap();
    driver.wait().unwrap();
    assert_eq!(entries(&parent.0), 0);
}

/// Kernels that write 2,000 bytes to a file, and fail the first time of each task.
struct Writes(Unlucky);

impl Kernels for Writes {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let file = context.spill.create().map_err(|error| KernelError::Spill { reason: error.to_string() })?;
        for place in [0, 1_000] {
            file.write_at(&[7; 1_000], place).map_err(|error| KernelError::Spill { reason: error.to_string() })?;
        }
        self.0.run(fragment, inputs, context)
    }
}

#[test]
fn what_kernels_write_to_files_is_in_the_report_attempts_that_do_not_count_in_its_sum() {
    for (limit, of_each_attempt) in [(Some(1 << 30), 2_000), (None, 0)] {
        let mut options = ExecutorOptions::default().with_retries(1).with_failures_retried();
        if let Some(limit) = limit {
            options = options.with_memory_limit(limit);
        }
        let executor = LocalExecutor::new(Arc::new(Writes(Unlucky::new(1))), 2).with_options(options);
        let report = executor.submit(Scene::shuffle(&many()).graph()).wait().unwrap().report;
        let ran: Vec<_> = report.tasks.iter().filter(|event| event.started.is_some()).collect();
        assert!(ran.len() > 12);
        assert!(ran.iter().all(|event| event.spilled_bytes == of_each_attempt));
        // Nobody has said how much it held.
        assert!(ran.iter().all(|event| event.peak_memory.is_none() && event.peak_execution_memory.is_none()));
        assert_eq!(report.spilled_bytes, 2 * of_each_attempt * ran.len() as u64);
    }
}
