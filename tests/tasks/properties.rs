//! Laws over random small plans, on one to four threads, with kernels that fail at random.

use std::sync::Arc;

use leafhold::lower::{Fragment, LeafInput, TaskGraph, lower};
use leafhold::optimize::{Partitioning, PhysicalOp, Plan, PlanNode, PlanOp};
use leafhold::run::{
    Executor, KernelError, Kernels, LocalExecutor, Observer, RunReport, SlotData, Submitted, TaskContext, TaskEvent,
    TaskOutput, TaskState, collect,
};
use parking_lot::Mutex;
use proptest::prelude::*;

use crate::kernels::{Row, RowKernels, rows_of};
use crate::plans::{Builder, Node, numbers};

/// One step of a plan; inputs are picked from the steps before.
#[derive(Clone, Debug)]
pub enum Step {
    Values(usize),
    Delayed(usize),
    Project(usize),
    Hashed(usize),
    Single(usize),
    Sorted(usize),
    Sums(usize),
    UnionAny(usize, usize),
    UnionHashed(usize, usize),
    JoinHashed(usize, usize),
    JoinReplicated(usize, usize),
}

pub fn step() -> impl Strategy<Value = Step> {
    let pair = || (0..100usize, 0..100usize);
    prop_oneof![
        (1..4usize).prop_map(Step::Values),
        (1..4usize).prop_map(Step::Delayed),
        (0..100usize).prop_map(Step::Project),
        (0..100usize).prop_map(Step::Hashed),
        (0..100usize).prop_map(Step::Single),
        (0..100usize).prop_map(Step::Sorted),
        (0..100usize).prop_map(Step::Sums),
        pair().prop_map(|(a, b)| Step::UnionAny(a, b)),
        pair().prop_map(|(a, b)| Step::UnionHashed(a, b)),
        pair().prop_map(|(a, b)| Step::JoinHashed(a, b)),
        pair().prop_map(|(a, b)| Step::JoinReplicated(a, b)),
    ]
}

/// Builds a plan, and beside it the rows that it must give.
fn build(steps: &[Step]) -> (Builder, Node, Vec<Row>) {
    build_in(Builder::default(), steps)
}

/// The same in a builder at hand.
pub fn build_in(mut builder: Builder, steps: &[Step]) -> (Builder, Node, Vec<Row>) {
    const MOST_ROWS: usize = 400;
    let first = builder.delayed(&[numbers(0..3), numbers(3..5)]);
    let mut made: Vec<(Node, Vec<Row>)> = vec![(first, numbers(0..5))];
    for step in steps {
        let pick = |at: usize| made[at % made.len()].clone();
        let partitions = |count: usize| (0..count as i64).map(|at| numbers(at * 2..at * 2 + 3)).collect::<Vec<_>>();
        let join = |left: &[Row], right: &[Row]| {
            let pairs = left.iter().flat_map(|a| right.iter().filter(move |b| a[0] == b[0]).map(move |b| (a, b)));
            pairs.map(|(a, b)| vec![a[0], b[1]]).collect::<Vec<Row>>()
        };
        let next = match *step {
            Step::Values(count) => (builder.values(&partitions(count)), partitions(count).concat()),
            Step::Delayed(count) => (builder.delayed(&partitions(count)), partitions(count).concat()),
            Step::Project(at) => {
                let (node, rows) = pick(at);
                (builder.project(&node, &[1, 0]), rows.into_iter().map(|row| vec![row[1], row[0]]).collect())
            }
            Step::Hashed(at) => (builder.hashed(&pick(at).0), pick(at).1),
            Step::Single(at) => (builder.exchange(&pick(at).0, Partitioning::Single), pick(at).1),
            Step::Sorted(at) => (builder.sorted(&pick(at).0, None), pick(at).1),
            Step::Sums(at) => {
                let (node, rows) = pick(at);
                let mut sums = std::collections::BTreeMap::<i64, i64>::new();
                rows.iter().for_each(|row| *sums.entry(row[0]).or_default() += row[1]);
                (builder.sums(&node), sums.into_iter().map(|(key, sum)| vec![key, sum]).collect())
            }
            Step::UnionAny(a, b) => {
                let ((a, left), (b, right)) = (pick(a), pick(b));
                (builder.union(&[&a, &b], Partitioning::Any), [left, right].concat())
            }
            Step::UnionHashed(a, b) => {
                let ((a, left), (b, right)) = (pick(a), pick(b));
                let (a, b) = (builder.hashed(&a), builder.hashed(&b));
                (builder.union(&[&a, &b], Partitioning::Hashed(Vec::new())), [left, right].concat())
            }
            Step::JoinHashed(a, b) => {
                let ((a, left), (b, right)) = (pick(a), pick(b));
                // A join with itself needs columns of its own.
                let b = builder.project(&b, &[0, 1]);
                (builder.join(&builder.hashed(&a), &builder.hashed(&b)), join(&left, &right))
            }
            Step::JoinReplicated(a, b) => {
                let ((a, left), (b, right)) = (pick(a), pick(b));
                let b = builder.project(&b, &[0, 1]);
                (builder.join(&a, &builder.exchange(&b, Partitioning::Replicated)), join(&left, &right))
            }
        };
        if next.1.len() <= MOST_ROWS {
            made.push(next);
        }
    }
    let (root, rows) = made.pop().unwrap();
    (builder, root, rows)
}

/// Kernels that fail, panic or break their contract on some tasks: always the same ones for one seed.
struct Faulty {
    kernels: RowKernels,
    seed: u64,
}

impl Kernels for Faulty {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let mixed = (fragment.token.low_u64() ^ self.seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        match (mixed >> 32).wrapping_add(context.partition as u64 * 7) % 24 {
            0 => Err(KernelError::Compute("a fault".into())),
            1 => std::panic::resume_unwind(Box::new("a panic")),
            2 => Ok(TaskOutput { ports: Vec::new(), node_rows: Vec::new(), ..TaskOutput::default() }),
            _ => self.kernels.run(fragment, inputs, context),
        }
    }
}

#[derive(Default)]
struct Watch {
    submitted: Mutex<Vec<Submitted>>,
    events: Mutex<Vec<(usize, TaskState)>>,
    finished: Mutex<usize>,
}

impl Observer for Watch {
    fn on_submit(&self, submitted: &Submitted) {
        self.submitted.lock().push(submitted.clone());
    }
    fn on_event(&self, event: &TaskEvent) {
        self.events.lock().push((event.task, event.state));
    }
    fn on_finish(&self, _: &RunReport) {
        *self.finished.lock() += 1;
        // A panic without the noise of the hook.
        std::panic::resume_unwind(Box::new("an observer's panic harms nobody"));
    }
}

/// T1 and what its states mean.
fn check_events(graph: &TaskGraph, report: &RunReport, watch: &Watch, threads: usize) {
    assert_eq!(report.tasks.iter().map(|event| event.task).collect::<Vec<_>>(), (0..graph.len()).collect::<Vec<_>>());
    let mut seen = watch.events.lock().clone();
    seen.sort();
    assert_eq!(seen, report.tasks.iter().map(|event| (event.task, event.state)).collect::<Vec<_>>());
    assert_eq!((watch.submitted.lock()[0].tasks, *watch.finished.lock()), (graph.len(), 1));
    for (event, task) in report.tasks.iter().zip(graph.ids()) {
        let below: Vec<TaskState> =
            graph.producers(task).into_iter().map(|task| report.tasks[task.index()].state).collect();
        if event.started.is_some() {
            assert!(below.iter().all(|state| *state == TaskState::Ok), "it started, so its inputs were there");
            assert!(event.worker.is_some() && event.attempt == 1);
        }
        assert_eq!(event.state == TaskState::UpstreamFailed, below.iter().any(|state| state.is_failure()));
        assert_eq!(event.state == TaskState::Failed, event.error.is_some());
        assert!(event.ended <= report.wall);
    }
    let workers: std::collections::BTreeSet<_> = report.tasks.iter().filter_map(|event| event.worker.clone()).collect();
    assert!(workers.len() <= threads);
}

/// A node that must give as many rows as its inputs, and does not.
fn unequal_to_inputs(order: &[Arc<PlanNode>], report: &RunReport) -> Option<usize> {
    let rows =
        |node: &Arc<PlanNode>| report.node_rows[&order.iter().position(|known| Arc::ptr_eq(known, node)).unwrap()];
    order.iter().position(|node| {
        let keeps = match &node.op {
            PlanOp::Exchange { .. } => true,
            PlanOp::Compute(op) => matches!(op, PhysicalOp::Union | PhysicalOp::Project { .. }),
            PlanOp::Read { .. } | PlanOp::Empty => false,
        };
        keeps && rows(node) != node.inputs.iter().map(rows).sum::<u64>()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn plans_give_their_rows(steps in prop::collection::vec(step(), 0..9), threads in prop::sample::select(vec![1usize, 2, 4])) {
        let (builder, root, mut expected) = build(&steps);
        let counts = builder.counts.clone();
        let plan = Plan { fan_in: 2, ..builder.plan(&root) };
        drop(root);
        let collected = collect(&plan, &LocalExecutor::new(Arc::new(RowKernels::default()), threads)).unwrap();
        let mut found = rows_of(&collected.batches);
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
        // Every node of the plan knows its rows, and joins make C_out.
        let order = plan.post_order();
        prop_assert_eq!(collected.report.node_rows.len(), order.len());
        prop_assert_eq!(collected.report.node_rows[&(order.len() - 1)] as usize, collected.rows());
        prop_assert_eq!(unequal_to_inputs(&order, &collected.report), None);
        prop_assert!(collected.report.c_out.is_some());
        drop((plan, order));
        prop_assert_eq!(counts.live(), 0);
    }

    #[test]
    fn t1_one_terminal_event_per_task(
        steps in prop::collection::vec(step(), 0..9),
        seed in any::<u64>(),
        cancel in prop::bool::weighted(0.3),
        threads in prop::sample::select(vec![1usize, 2, 4]),
    ) {
        let (builder, root, mut expected) = build(&steps);
        let counts = builder.counts.clone();
        let graph = lower(&Plan { fan_in: 2, ..builder.plan(&root) }).unwrap();
        drop(root);
        let watch = Arc::new(Watch::default());
        let kernels = Arc::new(Faulty { kernels: RowKernels::default(), seed });
        let executor = LocalExecutor::new(kernels, threads).with_observer(watch.clone());
        let run = executor.submit(graph.clone());
        if cancel {
            run.cancel();
        }
        match run.wait() {
            Ok(outcome) => {
                check_events(&graph, &outcome.report, &watch, threads);
                prop_assert!(outcome.report.is_ok());
                let mut found: Vec<Row> = outcome.partitions.iter().flat_map(|data| rows_of(data)).collect();
                found.sort();
                expected.sort();
                prop_assert_eq!(found, expected);
            }
            Err(error) => {
                check_events(&graph, &error.report, &watch, threads);
                prop_assert!(cancel || error.report.count(TaskState::Failed) > 0);
            }
        }
        let read: std::collections::BTreeSet<_> = graph
            .leaf_inputs()
            .iter()
            .filter_map(|input| match input {
                LeafInput::Future(future) => Some(future.handle.generation()),
                LeafInput::Data(_) => None,
            })
            .collect();
        prop_assert_eq!(counts.live(), read.len(), "the graph holds what it reads, and nothing else");
        drop(graph);
        prop_assert_eq!(counts.live(), 0);
    }
}
