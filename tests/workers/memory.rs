//! What bounds the memory of a worker process.

use std::path::Path;
use std::sync::Arc;

use leafhold::leaf::PartitionData;
use leafhold::run::process::ProcessExecutor;
use leafhold::run::{
    Attempt, ExecutorOptions, MemoryBudget, RunClock, SpillTarget, TaskContext, TemporaryFolder, Worker, Workers,
};

use crate::attempts::fragment;
use crate::behaviour::BOUNDS;
use crate::kernels::Row;
use crate::plans::batch;
use crate::program::Census;
use crate::scene::{Scene, partitions};

/// Runs a task, and gives what it says of its bounds. Sources that are shared are kept by the process.
fn bounds(
    worker: &mut dyn Worker,
    rows: &[&PartitionData],
    limit: Option<u64>,
    spill: impl SpillTarget,
) -> Option<String> {
    let fragment = fragment();
    let ask = Arc::new(vec![batch(&[vec![BOUNDS, 0]])]);
    let ran = worker.run(Attempt {
        task: 0,
        number: 1,
        stage: 0,
        token: fragment.token,
        observers: &[],
        fragment: &fragment,
        inputs: vec![rows.iter().map(|rows| Arc::clone(rows)).chain([ask]).collect()],
        bytes_in: 0,
        shared: (0..rows.len()).map(|source| (0, source)).collect(),
        context: TaskContext {
            memory: limit.map_or_else(MemoryBudget::default, MemoryBudget::limited),
            spill: Arc::new(spill),
            ..TaskContext::default()
        },
        clock: RunClock::start(),
    });
    Some(ran.ok()?.result.unwrap_err().to_string())
}

#[test]
fn each_process_has_its_share_of_the_limit() {
    for (processes, share) in [(1, 1_000), (3, 333)] {
        let census = Census::new();
        let workers = census.workers("honest", processes);
        let mut worker = workers.worker(0);
        let mut told = |limit, spill| bounds(&mut *worker, &[], limit, spill).unwrap();
        // Runs of several limits have one process.
        for _ in 0..2 {
            let own = TemporaryFolder::within("/of/the/run");
            let words = format!("0 of Some({share}) in use, files in Some(\"/of/the/run\")");
            assert_eq!(told(Some(1_000), own), words);
            let system = TemporaryFolder::default();
            assert_eq!(told(Some(1_000), system), format!("0 of Some({share}) in use, files in None"));
            assert_eq!(told(None, TemporaryFolder::default()), "0 of None in use, files in None");
        }
        drop(worker);
        assert_eq!(census.started().len(), 1);
        census.assert_nobody_left();
    }
}

#[test]
fn rows_that_a_process_keeps_count_against_its_share() {
    let census = Census::new();
    let workers = census.workers("honest", 2);
    let mut worker = workers.worker(0);
    let rows = |row: Row| Arc::new(vec![batch(&[row])]);
    let (one, two) = (rows(vec![1, 2]), rows(vec![3, 4]));
    let mut used = |rows: &[&PartitionData]| {
        let told = bounds(&mut *worker, rows, Some(200), TemporaryFolder::default()).unwrap();
        told.split(" of Some(100)").next().unwrap().to_owned()
    };
    assert_eq!(used(&[&one]), "16");
    assert_eq!(used(&[&one, &two]), "32");
    // Those that nobody will read go before the next task.
    drop(one);
    assert_eq!(used(&[]), "16");
    drop(two);
    assert_eq!(used(&[]), "0");
    drop(worker);
    census.assert_nobody_left();
}

#[test]
fn a_run_tells_each_process_its_share_and_the_folder() {
    let folder = std::env::temp_dir();
    let mut partitions = partitions();
    partitions[1].push(vec![BOUNDS, 0]);
    let mut scene = Scene::shuffle(&partitions);
    let options = ExecutorOptions::default().with_memory_limit(1 << 20);
    let options = options.with_spill_target(TemporaryFolder::within(&folder));
    let executor = ProcessExecutor::new(scene.census.workers("honest", 2)).with_options(options);
    let error = scene.run_as_it_is(executor).unwrap_err();
    let words = format!("of Some({}) in use, files in {:?}", 1 << 19, Some(Path::new(&folder)));
    assert!(error.to_string().contains(&words), "{error}");
    scene.assert_clean(&error.report);
}
