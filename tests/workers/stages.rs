//! What the tasks of a stage share in a worker process.

use std::sync::Arc;

use leafhold::run::{Attempt, RunClock, StageState, TaskContext, Worker, Workers};

use crate::attempts::fragment;
use crate::behaviour::{EXITS, SHARES};
use crate::plans::batch;
use crate::program::Census;

/// Runs a task of a stage, and gives what it says.
fn run(worker: &mut dyn Worker, stage: &StageState, ask: i64) -> Option<String> {
    let fragment = fragment();
    let ran = worker.run(Attempt {
        task: 0,
        number: 1,
        stage: 0,
        token: fragment.token,
        observers: &[],
        fragment: &fragment,
        inputs: vec![vec![Arc::new(vec![batch(&[vec![ask, 0]])])]],
        bytes_in: 0,
        shared: Vec::new(),
        context: TaskContext { stage: stage.clone(), ..TaskContext::default() },
        clock: RunClock::start(),
    });
    Some(ran.ok()?.result.unwrap_err().to_string())
}

#[test]
fn law_s1_worker_processes_tasks_of_a_stage_share_where_they_run_and_others_do_not() {
    let census = Census::new();
    let workers = census.workers("honest", 2);
    let (mut worker, mut other) = (workers.worker(0), workers.worker(1));
    let (one, two) = (StageState::new([0]), StageState::new([0]));
    for before in 0..3 {
        // Each that was alone.
        let gone = before;
        for stage in [&one, &two] {
            assert_eq!(
                run(&mut *worker, stage, SHARES).unwrap(),
                format!("{before} before it, 1 slots alike, {gone} stages gone")
            );
        }
        // Who reads nothing alike is alone, of whatever stage it is.
        let alone = run(&mut *worker, &StageState::new([]), SHARES);
        assert_eq!(alone.unwrap(), format!("0 before it, 0 slots alike, {gone} stages gone"));
    }
    // Each process has its own, and a new one begins anew.
    assert_eq!(run(&mut *other, &one, SHARES).unwrap(), "0 before it, 1 slots alike, 0 stages gone");
    assert_eq!(run(&mut *worker, &one, EXITS), None);
    for before in 0..2 {
        assert_eq!(
            run(&mut *worker, &one, SHARES).unwrap(),
            format!("{before} before it, 1 slots alike, 0 stages gone")
        );
    }
    drop((worker, other));
    census.assert_nobody_left();
}

#[test]
fn law_l2_worker_processes_what_a_stage_shares_goes_with_the_drivers() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let kept = StageState::new([0]);
    assert_eq!(run(&mut *worker, &kept, SHARES).unwrap(), "0 before it, 1 slots alike, 0 stages gone");
    for at in 0..10 {
        // Wherever the next one lies in memory, it is not taken for the last one.
        let stage = StageState::new([0]);
        for before in 0..2 {
            assert_eq!(
                run(&mut *worker, &stage, SHARES).unwrap(),
                format!("{before} before it, 1 slots alike, {at} stages gone")
            );
        }
        drop(stage);
        if at % 2 == 0 {
            worker.rest();
        }
    }
    assert_eq!(run(&mut *worker, &kept, SHARES).unwrap(), "1 before it, 1 slots alike, 10 stages gone");
    drop(worker);
    census.assert_nobody_left();
}
