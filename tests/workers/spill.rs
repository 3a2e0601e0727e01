//! Runs on worker processes whose rows do not fit into memory, their driver's or their own.

use leafhold::run::process::ProcessExecutor;
use leafhold::run::{ExecutorOptions, KernelError, Outcome, RunCause, RunError, TaskState, TemporaryFolder};

use crate::behaviour::{EXITS, SPILLS};
use crate::kernels::Row;
use crate::scene::{Scene, partitions_with};
use crate::spilling::{full_disk, missing_folder, rows_go_to_files, unreadable_rows};

fn run(partitions: &[Vec<Row>], processes: usize, options: ExecutorOptions) -> Result<Outcome, Box<RunError>> {
    let mut scene = Scene::shuffle(partitions);
    let executor = ProcessExecutor::new(scene.census.workers("honest", processes));
    let result = scene.run_as_it_is(executor.with_options(options));
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
fn a_process_whose_folder_is_not_there_says_so_and_goes_on() {
    let mut scene = Scene::shuffle(&partitions_with([SPILLS, 1_000]));
    let census = scene.census.clone();
    let executor = ProcessExecutor::new(census.workers("honest", 1));
    // The driver has room for all rows; only the task wants a file.
    let options = ExecutorOptions::default().with_memory_limit(1 << 30);
    let missing = options.clone().with_spill_target(TemporaryFolder::within("/nonexistent/leafhold"));
    let error = scene.run_as_it_is(executor.clone().with_options(missing)).unwrap_err();
    let RunCause::Kernel { source: KernelError::Spill { reason }, .. } = &error.cause else { panic!("{error}") };
    assert!(reason.starts_with("/nonexistent/leafhold: "), "{reason}");
    assert!(error.to_string().contains("choose a spill folder with more room"), "{error}");
    let failed = error.report.tasks.iter().find(|event| event.state == TaskState::Failed).unwrap();
    assert_eq!(failed.error.as_ref().unwrap().kind, "spill");
    let mut again = Scene::shuffle(&partitions_with([SPILLS, 1_000]));
    let outcome = again.run_as_it_is(executor.with_options(options)).unwrap();
    assert_eq!(census.started().len(), 1, "the process goes on");
    again.assert_clean(&outcome.report);
    scene.assert_clean(&error.report);
}

#[test]
fn a_process_that_dies_with_a_temporary_file_leaves_none() {
    let mut partitions = partitions_with([SPILLS, 1_000]);
    partitions[2].push(vec![EXITS, 0]);
    for limit in [None, Some(1)] {
        let mut scene = Scene::shuffle(&partitions);
        let options = ExecutorOptions { memory_limit: limit, ..ExecutorOptions::default() };
        let executor = ProcessExecutor::new(scene.census.workers("honest", 2));
        let error = scene.run(executor.with_options(options)).unwrap_err();
        assert!(matches!(error.cause, RunCause::Lost { .. }), "{error}");
        scene.assert_clean(&error.report);
    }
}
