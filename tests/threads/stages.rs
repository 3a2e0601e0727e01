//! What the tasks of a stage share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Weak};

use leafhold::lower::{Fragment, FragmentOp, TaskGraph, lower};
use leafhold::optimize::Partitioning;
use leafhold::run::report::TaskState;
use leafhold::run::{
    Executor, ExecutorOptions, KernelError, Kernels, LocalExecutor, SlotData, StageState, TaskContext, TaskOutput,
};
use parking_lot::Mutex;

use crate::behaviour::{Behaving, FAILS, PANICS, WAITS};
use crate::kernels::{Row, rows_of};
use crate::plans::{Builder, numbers};

/// Six partitions joined with all rows of three others, and put in order.
fn broadcast(left: &[Vec<Row>]) -> TaskGraph {
    let mut builder = Builder::default();
    let left = builder.values(left);
    let right = builder.values(&[numbers(0..8), numbers(8..16), numbers(16..24)]);
    let join = builder.join(&left, &builder.exchange(&right, Partitioning::Replicated));
    let sorted = builder.sorted(&join, None);
    lower(&builder.plan(&sorted)).unwrap()
}

fn partitions() -> Vec<Vec<Row>> {
    (0..6).map(|at| numbers(at * 4..at * 4 + 4)).collect()
}

/// What the kernels make once per stage.
#[derive(Default)]
struct Made;

/// What the tasks of a stage saw.
struct Seen {
    /// Their values, each once.
    values: Vec<Weak<Made>>,
    /// The slots that they read alike.
    alike: Vec<usize>,
}

impl Seen {
    fn live(&self) -> usize {
        self.values.iter().filter(|value| value.strong_count() > 0).count()
    }
}

/// Kernels that ask for the value of their stage, and note whose is still there.
#[derive(Default)]
struct Asking {
    rows: Behaving,
    /// By label.
    seen: Mutex<BTreeMap<String, Seen>>,
    /// For each label, the labels whose values were there when its last task ran.
    beside: Mutex<BTreeMap<String, Vec<String>>>,
    made: AtomicUsize,
    /// Hears of each value that is asked for.
    bell: Option<Sender<()>>,
}

impl Asking {
    fn note(&self, fragment: &Fragment, stage: &StageState) {
        let made = stage.get_or_init(|| {
            self.made.fetch_add(1, Ordering::SeqCst);
            Made
        });
        let mut seen = self.seen.lock();
        let alike = (0..fragment.inputs).filter(|slot| stage.is_replicated(*slot)).collect::<Vec<_>>();
        let of_stage =
            seen.entry(fragment.label.clone()).or_insert_with(|| Seen { values: Vec::new(), alike: alike.clone() });
        assert_eq!(of_stage.alike, alike, "all tasks of a stage hear the same");
        if !of_stage.values.iter().any(|value| value.as_ptr() == Arc::as_ptr(&made)) {
            of_stage.values.push(Arc::downgrade(&made));
        }
        let there = seen.iter().filter(|(_, seen)| seen.live() > 0);
        let there = there.map(|(label, _)| label.clone()).collect();
        self.beside.lock().insert(fragment.label.clone(), there);
        if let Some(bell) = &self.bell {
            let _ = bell.send(());
        }
    }

    fn live(&self) -> usize {
        self.seen.lock().values().map(Seen::live).sum()
    }
}

impl Kernels for Asking {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        self.note(fragment, &context.stage);
        self.rows.run(fragment, inputs, context)
    }
}

/// The slot of the right side of the join.
fn build_slot(graph: &TaskGraph) -> (String, usize) {
    let fragments = graph.tasks().map(|task| &task.fragment);
    let mut found = fragments.filter_map(|fragment| {
        let join =
            fragment.nodes.iter().find(|node| matches!(&node.op, FragmentOp::Compute { op, .. } if op.is_join()))?;
        match fragment.nodes[join.inputs[1]].op {
            FragmentOp::Input { slot, .. } => Some((fragment.label.clone(), slot)),
            _ => None,
        }
    });
    found.next_back().unwrap()
}

#[test]
fn law_s1_threads_the_tasks_of_a_stage_share_one_value_and_know_what_they_read_alike() {
    for threads in [1, 2, 4] {
        let (kernels, graph) = (Arc::new(Asking::default()), broadcast(&partitions()));
        let (join, build) = build_slot(&graph);
        let outcome = LocalExecutor::new(kernels.clone(), threads).submit(graph).wait().unwrap();
        let rows: Vec<Row> = outcome.partitions.iter().flat_map(|partition| rows_of(partition)).collect();
        assert_eq!(rows, numbers(0..24));
        let seen = kernels.seen.lock();
        for (label, seen) in &*seen {
            assert_eq!(seen.values.len(), 1, "{label}: one value, with {threads} threads");
            let expected = if *label == join { vec![build] } else { Vec::new() };
            assert_eq!(seen.alike, expected, "{label}: slots that are read alike");
        }
        assert_eq!(kernels.made.load(Ordering::SeqCst), seen.len());
    }
}

#[test]
fn law_l2_threads_what_a_stage_shares_goes_with_its_last_task() {
    let (kernels, graph) = (Arc::new(Asking::default()), broadcast(&partitions()));
    let (join, _) = build_slot(&graph);
    LocalExecutor::new(kernels.clone(), 1).submit(graph).wait().unwrap();
    for (label, there) in &*kernels.beside.lock() {
        assert!(*label == join || !there.contains(&join), "{label} ran after all of `{join}`: {there:?}");
    }
    assert_eq!(kernels.live(), 0);
}

#[test]
fn law_l2_threads_what_a_stage_shares_goes_with_a_run_that_fails_or_is_cancelled() {
    for (row, retries) in [([FAILS, 1], 0), ([FAILS, 1], 2), ([PANICS, 1], 0), ([PANICS, 1], 2)] {
        for threads in [1, 2, 4] {
            let mut rows = partitions();
            rows[2].push(row.to_vec());
            let kernels = Arc::new(Asking::default());
            let options = ExecutorOptions::default().with_retries(retries).with_failures_retried();
            let executor = LocalExecutor::new(kernels.clone(), threads).with_options(options);
            executor.submit(broadcast(&rows)).wait().unwrap_err();
            assert_eq!(kernels.live(), 0, "{row:?}, {retries} retries, {threads} threads");
            // An attempt that follows another one has the same value.
            assert!(kernels.seen.lock().values().all(|seen| seen.values.len() == 1));
        }
    }
    for threads in [1, 2, 4] {
        // Without the end of the run, one of its tasks has none.
        let mut rows = partitions();
        rows[2].push(vec![WAITS, 0]);
        let (bell, rings) = channel();
        let kernels = Arc::new(Asking { bell: Some(bell), ..Asking::default() });
        let run = LocalExecutor::new(kernels.clone(), threads).submit(broadcast(&rows));
        rings.recv().unwrap();
        run.cancel();
        let error = run.wait().unwrap_err();
        assert!(error.report.count(TaskState::Cancelled) > 0, "{}", error.report.to_text());
        assert!(kernels.made.load(Ordering::SeqCst) > 0);
        assert_eq!(kernels.live(), 0, "{threads} threads");
    }
}

#[test]
fn a_task_that_is_alone_shares_with_nobody() {
    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..4)]);
    let project = builder.project(&read, &[1, 0]);
    let graph = lower(&builder.plan(&project)).unwrap();
    let kernels = Arc::new(Asking::default());
    LocalExecutor::new(kernels.clone(), 2).submit(graph).wait().unwrap();
    assert!(kernels.seen.lock().values().all(|seen| seen.alike.is_empty()));
}
