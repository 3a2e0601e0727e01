use std::sync::Arc;
use std::sync::atomic::Ordering;

use leafhold::lower::{Fragment, lower};
use leafhold::optimize::Partitioning;
use leafhold::run::{
    Executor, KernelError, Kernels, LocalExecutor, RunCause, RunFailure, SlotData, TaskContext, TaskOutput, TaskState,
    collect,
};

use crate::kernels::{Row, RowKernels, rows_of};
use crate::plans::{Builder, numbers};

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

fn run(builder: Builder, root: &crate::plans::Node) -> (leafhold::run::Collected, Arc<RowKernels>) {
    let kernels = Arc::new(RowKernels::default());
    let executor = LocalExecutor::new(kernels.clone(), 2);
    (collect(&builder.plan(root), &executor).unwrap(), kernels)
}

#[test]
fn hashed_exchange_brings_every_row_exactly_once() {
    let mut builder = Builder::default();
    let read = builder.delayed(&[numbers(0..10), numbers(10..30), numbers(30..31), Vec::new()]);
    let hashed = builder.hashed(&read);
    let (collected, _) = run(builder, &hashed);
    assert_eq!(sorted(rows_of(&collected.batches)), numbers(0..31));
    assert_eq!(collected.report.node_rows.get(&0), Some(&31));
    assert_eq!(collected.report.node_rows.get(&1), Some(&31), "an exchange gives what came in");
    assert_eq!(collected.schema.field(1).name(), "r1");
}

#[test]
fn broadcast_reaches_every_partition() {
    for exchange in [true, false] {
        let mut builder = Builder::default();
        let left = builder.delayed(&[numbers(0..4), numbers(4..8), numbers(8..12)]);
        let mut right = builder.delayed(&[numbers(2..10)]);
        if exchange {
            right = builder.exchange(&right, Partitioning::Replicated);
        }
        let join = builder.join(&left, &right);
        let (collected, _) = run(builder, &join);
        assert_eq!(sorted(rows_of(&collected.batches)), numbers(2..10));
        assert_eq!(collected.report.c_out, Some(8));
        assert_eq!(collected.report.node_rows.get(&1), Some(&8), "rows read once count once");
    }
}

#[test]
fn unions_keep_every_row() {
    for partitioning in [Partitioning::Any, Partitioning::Hashed(Vec::new()), Partitioning::Single] {
        let mut builder = Builder::default();
        let mut inputs = vec![builder.values(&[numbers(0..4), numbers(4..8)]), builder.delayed(&[numbers(8..12)])];
        if partitioning != Partitioning::Any {
            let to = |input: &crate::plans::Node| match partitioning {
                Partitioning::Single => builder.exchange(input, Partitioning::Single),
                _ => builder.hashed(input),
            };
            inputs = inputs.iter().map(to).collect();
        }
        let union = builder.union(&[&inputs[0], &inputs[1], &inputs[0]], partitioning);
        let (collected, _) = run(builder, &union);
        let expected = [numbers(0..12), numbers(0..8)].concat();
        assert_eq!(sorted(rows_of(&collected.batches)), sorted(expected));
    }
}

#[test]
fn a_node_that_shares_some_of_its_tasks_knows_all_of_its_rows() {
    let mut builder = Builder::default();
    let (delayed, values) = (builder.delayed(&[numbers(0..3), numbers(3..5)]), builder.values(&[numbers(0..3)]));
    let inner = builder.union(&[&values, &delayed], Partitioning::Any);
    // Its first partition is the task that the inner union has for the same rows.
    let outer = builder.union(&[&values, &inner], Partitioning::Any);
    let single = builder.exchange(&outer, Partitioning::Single);
    let (collected, _) = run(builder, &single);
    assert_eq!(collected.rows(), 11);
    assert_eq!(collected.report.node_rows.values().copied().collect::<Vec<_>>(), [3, 5, 8, 11, 11]);
}

#[test]
fn a_shared_subplan_runs_once() {
    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..4), numbers(4..8)]);
    let shared = builder.project(&read, &[1, 0]);
    let (left, right) = (builder.hashed(&shared), builder.exchange(&shared, Partitioning::Replicated));
    let renamed = builder.project(&right, &[0, 1]);
    let join = builder.join(&left, &renamed);
    let (collected, kernels) = run(builder, &join);
    assert_eq!(rows_of(&collected.batches).len(), 8);
    assert_eq!(collected.report.node_rows.get(&1), Some(&8));
    // Twice for its two partitions; the third is the one copy of the other side, renamed.
    let runs = kernels.by_label.lock();
    assert_eq!(runs.get("project"), Some(&3), "{runs:?}");
}

#[test]
fn identical_work_runs_once_and_counts_for_both() {
    let mut builder = Builder::default();
    let rows = [numbers(0..2), numbers(2..4)];
    let (a, b) = (builder.values(&rows), builder.values(&rows));
    let (a, b) = (builder.project(&a, &[1, 0]), builder.project(&b, &[1, 0]));
    let union = builder.union(&[&a, &b], Partitioning::Any);
    let (collected, kernels) = run(builder, &union);
    assert_eq!(collected.rows(), 8);
    assert_eq!(kernels.runs.load(Ordering::SeqCst), 2 + 4);
    assert_eq!(collected.report.node_rows.values().copied().collect::<Vec<_>>(), [4, 4, 4, 4, 8]);
}

#[test]
fn top_k_merges_in_order() {
    let mut builder = Builder::default();
    let read = builder.delayed(&[numbers(5..9), numbers(0..3), numbers(3..5)]);
    let top = builder.sorted(&read, Some(4));
    let (collected, _) = run(builder, &top);
    assert_eq!(rows_of(&collected.batches), numbers(0..4));
}

#[test]
fn live_outputs_are_bounded() {
    let mut builder = Builder::default();
    let sorts: Vec<_> = (0..40)
        .map(|at| {
            let read = builder.values(&[numbers(at..at + 2), numbers(at + 2..at + 4)]);
            builder.sorted(&read, None)
        })
        .collect();
    let union = builder.union(&sorts.iter().collect::<Vec<_>>(), Partitioning::Single);
    let limit = builder.sorted(&union, Some(1));
    let kernels = Arc::new(RowKernels::default());
    let report = collect(&builder.plan(&limit), &LocalExecutor::new(kernels, 1)).unwrap().report;
    // All sorted halves are read by the one task of the union. Elsewhere, ports go with their readers:
    let mut builder = Builder::default();
    let chains: Vec<_> = (0..40)
        .map(|at| {
            let read = builder.values(&[numbers(at..at + 2), numbers(at + 2..at + 4)]);
            let merged = builder.sorted(&read, Some(1));
            builder.exchange(&merged, Partitioning::Any)
        })
        .collect();
    let union = builder.union(&chains.iter().collect::<Vec<_>>(), Partitioning::Any);
    let bounded = collect(&builder.plan(&union), &LocalExecutor::new(Arc::new(RowKernels::default()), 1));
    let bounded = bounded.unwrap().report;
    assert!(report.peak_ports.unwrap() >= 80, "{:?}", report.peak_ports);
    // The 40 results stay for the caller; beside them never more than one chain.
    assert!(bounded.peak_ports.unwrap() <= 40 + 3, "{:?}", bounded.peak_ports);
}

struct Fault(fn() -> Result<TaskOutput, KernelError>, RowKernels);

impl Kernels for Fault {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        match fragment.label == "sort" && context.partition == 1 {
            true => (self.0)(),
            false => self.1.run(fragment, inputs, context),
        }
    }
}

#[test]
fn a_fault_of_a_kernel_fails_its_task_and_the_run() {
    let faults: [(fn() -> _, &str); 4] = [
        (|| Err(KernelError::Compute("division by zero".into())), "sort (stage 0, partition 1): division by zero"),
        (|| panic!("oh no"), "sort (stage 0, partition 1): the engine panicked: oh no"),
        (|| Err(KernelError::Cancelled), "sort (stage 0, partition 1): cancelled"),
        (
            || Ok(TaskOutput::default()),
            "sort (stage 0, partition 1): the engine cannot run `sort`: it gave 0 ports instead of 1",
        ),
    ];
    for (fault, text) in faults {
        let mut builder = Builder::default();
        let read = builder.delayed(&[numbers(0..3), numbers(3..6)]);
        let sorted = builder.sorted(&read, None);
        let executor = LocalExecutor::new(Arc::new(Fault(fault, RowKernels::default())), 1);
        let error = collect(&builder.plan(&sorted), &executor).unwrap_err();
        assert_eq!(error.to_string(), text);
        let RunFailure::Run(error) = error else { panic!() };
        let states: Vec<_> = error.report.tasks.iter().map(|event| event.state).collect();
        assert_eq!(states[1..], [TaskState::Failed, TaskState::UpstreamFailed]);
        let (report, message) = (error.report.to_text(), text.rsplit(": ").next().unwrap());
        assert!(report.contains("stage 0 partition 1 on local-0: ") && report.contains(message), "{report}");
    }
}

#[test]
fn cancelling_ends_a_run_that_waits() {
    let mut builder = Builder::default();
    let (read, promises) = builder.pending("never", 2);
    let executor = LocalExecutor::new(Arc::new(RowKernels::default()), 2);
    let run = executor.submit(lower(&builder.plan(&read)).unwrap());
    let canceller = run.canceller();
    let thread = std::thread::spawn(move || canceller.cancel());
    let error = run.wait().unwrap_err();
    assert_eq!(error.cause, RunCause::Cancelled);
    assert_eq!(error.report.count(TaskState::Cancelled), 2);
    thread.join().unwrap();
    drop(promises);
}

#[test]
fn the_report_reads_as_a_table_and_as_json() {
    let mut builder = Builder::default();
    let read = builder.delayed(&[numbers(0..3), numbers(3..6)]);
    let sorted = builder.sorted(&read, None);
    let (collected, _) = run(builder, &sorted);
    let text = collected.report.to_text();
    assert!(text.starts_with("3 tasks (3 ok) in "), "{text}");
    assert!(text.contains("stage  tasks  states"), "{text}");
    assert!(text.contains("critical path"), "{text}");
    let json = serde_json::to_value(&collected.report).unwrap();
    assert_eq!(json["tasks"][2]["state"], "ok");
    assert!(json["tasks"][2]["started_us"].is_number());
    let [first, .., last] = collected.report.critical_path[..] else { panic!("{text}") };
    assert!(first < last && last == 2);
    for event in &collected.report.tasks {
        let (ready, started) = (event.ready.unwrap(), event.started.unwrap());
        assert!(event.submitted <= ready && ready <= started && started <= event.ended);
        assert!(event.ended <= collected.report.wall);
    }
}

/// A table of two partitions.
#[derive(Debug)]
struct Table(arrow_schema::SchemaRef, leafhold::leaf::TableStatistics);

impl leafhold::leaf::ScanSource for Table {
    fn token(&self) -> leafhold::token::Token {
        leafhold::token::tokenize("table")
    }
    fn schema(&self) -> arrow_schema::SchemaRef {
        self.0.clone()
    }
    fn partitions(&self) -> usize {
        2
    }
    fn statistics(&self) -> &leafhold::leaf::TableStatistics {
        &self.1
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[test]
fn scans_read_the_partition_of_their_task() {
    use leafhold::leaf::{Leaf, Scan};
    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..1), numbers(0..1)]);
    let source = Arc::new(Table(crate::plans::two_columns(), Default::default()));
    builder.leaves[0] = Leaf::Scan(Scan::new("table", source));
    // The other side has one partition and is no part of the scan's tasks.
    let other = builder.values(&[numbers(0..1)]);
    let join = builder.join(&read, &other);
    let graph = lower(&builder.plan(&join)).unwrap();
    let scans: Vec<_> = graph.tasks().filter(|task| task.fragment.label.starts_with("scan")).collect();
    assert_eq!(scans.iter().map(|task| task.partition).collect::<Vec<_>>(), [0, 1]);
    assert!(graph.outputs.iter().all(|output| graph.slots(*output).len() == 1));
}
