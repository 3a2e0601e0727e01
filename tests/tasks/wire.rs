//! Task graphs and fragments as documents, and fragments run from bytes alone.

use std::collections::HashMap;
use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::expr::CoreFunctions;
use leafhold::expr::wire::{NoCodec, ReadContext, WireError};
use leafhold::leaf::{EngineId, FutureError, FutureErrorKind, FutureHandle, FutureResolver, PartitionData};
use leafhold::lower::{Fragment, FragmentOutput, Source, TaskGraph, lower};
use leafhold::optimize::Plan;
use leafhold::run::{
    Executor, FragmentError, KernelError, Kernels, LocalExecutor, SlotData, TaskContext, TaskOutput, run_fragment,
};
use proptest::prelude::*;

use crate::kernels::{Row, RowKernels, rows_of};
use crate::plans::{Builder, Counts, batch, future_of, numbers};
use crate::properties::{build_in, step};

fn cluster() -> EngineId {
    EngineId("cluster/1".into())
}

fn remote() -> Builder {
    Builder { engine: Some(cluster()), ..Builder::default() }
}

fn read(document: &str) -> Result<TaskGraph, WireError> {
    TaskGraph::from_json(document, &ReadContext::new(&CoreFunctions))
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

fn rows(graph: TaskGraph) -> Vec<Row> {
    let run = LocalExecutor::new(Arc::new(RowKernels::default()), 2).submit(graph);
    sorted(run.wait().unwrap().partitions.iter().flat_map(|data| rows_of(data)).collect())
}

fn tokens(graph: &TaskGraph) -> Vec<leafhold::token::Token> {
    graph.tasks().map(|task| task.token).collect()
}

/// Runs a graph the way a cluster does: every fragment from its bytes, every task alone.
fn run_alone(graph: &TaskGraph) -> Vec<Row> {
    let bytes = |fragment: &Fragment| fragment.to_bytes(&NoCodec).unwrap();
    let mut ports: Vec<Vec<PartitionData>> = Vec::new();
    for (id, task) in graph.ids().zip(graph.tasks()) {
        let fragment = Fragment::from_bytes(&bytes(&task.fragment), &ReadContext::new(&CoreFunctions)).unwrap();
        assert_eq!((fragment.token, &fragment.label), (task.fragment.token, &task.fragment.label));
        let source = |source: Source<'_>| match source {
            Source::Task { task, port } => ports[task.index()][port].clone(),
            Source::Future(future) => future.handle.wait().unwrap(),
            Source::Data(input) => input.data.clone(),
        };
        let inputs = graph.slots(id).map(|slot| slot.map(source).collect()).collect();
        let context = TaskContext { partition: task.partition, ..TaskContext::default() };
        let output = run_fragment(&RowKernels::default(), &fragment, inputs, &context).unwrap();
        ports.push(output.ports.into_iter().map(Arc::new).collect());
    }
    sorted(graph.outputs.iter().flat_map(|output| rows_of(&ports[output.index()][0])).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn graphs_survive_a_round_trip(steps in prop::collection::vec(step(), 0..9)) {
        let (builder, root, expected) = build_in(remote(), &steps);
        let counts = builder.counts.clone();
        let plan = builder.plan(&root);
        drop(root);
        let graph = lower(&plan).unwrap();
        let document = plan.to_json(&NoCodec).unwrap();
        let back = Plan::from_json(&document, &ReadContext::new(&CoreFunctions)).unwrap();
        prop_assert_eq!(PlanText::new(&back).body().to_string(), PlanText::new(&plan).body().to_string());
        prop_assert_eq!(back.to_json(&NoCodec).unwrap(), document);
        prop_assert_eq!(tokens(&lower(&back).unwrap()), tokens(&graph));
        drop((plan, back));
        let document = graph.to_json(&NoCodec).unwrap();
        let back = read(&document).unwrap();
        prop_assert_eq!(back.to_text(), graph.to_text());
        prop_assert_eq!(tokens(&back), tokens(&graph));
        prop_assert_eq!(back.aliases(), graph.aliases());
        prop_assert_eq!(back.to_json(&NoCodec).unwrap(), document);
        prop_assert_eq!(run_alone(&back), sorted(expected.clone()));
        // What was read owns its futures.
        drop(graph);
        prop_assert_eq!(rows(back), sorted(expected));
        prop_assert_eq!(counts.live(), 0);
    }
}

/// Futures that a resolver finds by name.
struct Directory(HashMap<String, FutureHandle>);

impl FutureResolver for Directory {
    fn resolve(&self, engine: &EngineId, key: &str) -> Result<FutureHandle, FutureError> {
        self.0.get(key).cloned().ok_or_else(|| FutureError {
            key: key.to_owned(),
            engine: engine.clone(),
            kind: FutureErrorKind::Lost,
            message: "nobody knows it".to_owned(),
        })
    }
}

fn directory(engine: EngineId, counts: &Arc<Counts>) -> Directory {
    let entry = |(at, rows): (usize, Vec<Row>)| {
        let key = format!("delayed-{at}");
        let (handle, promise) = future_of(engine.clone(), &key, counts);
        promise.fulfil(vec![batch(&rows)]);
        (key, handle)
    };
    Directory([numbers(0..3), numbers(3..5)].into_iter().enumerate().map(entry).collect())
}

/// The document of a graph over two futures that are gone when it is read.
fn orphaned() -> (String, Vec<leafhold::token::Token>) {
    let (builder, root, _) = build_in(remote(), &[]);
    let root = builder.hashed(&root);
    let graph = lower(&builder.plan(&root)).unwrap();
    (graph.to_json(&NoCodec).unwrap(), tokens(&graph))
}

#[test]
fn futures_of_other_processes_are_resolved() {
    let (document, before) = orphaned();
    let error = read(&document).unwrap_err();
    assert!(
        matches!(&error, WireError::NoResolver { leaf, partition: 0, key, .. } if leaf == "delayed" && key == "delayed-0")
    );

    let counts = Arc::new(Counts::default());
    let found = directory(cluster(), &counts);
    let graph = TaskGraph::from_json(&document, &ReadContext::new(&CoreFunctions).with_resolver(&found)).unwrap();
    drop(found);
    assert_eq!(counts.live(), 2, "the graph holds what was found");
    assert!(tokens(&graph).iter().zip(&before).all(|(now, before)| now != before), "other instances, other tokens");
    // Within this session it is the same graph from now on.
    let again = read(&graph.to_json(&NoCodec).unwrap()).unwrap();
    assert_eq!(tokens(&again), tokens(&graph));
    drop(again);
    assert_eq!(rows(graph), numbers(0..5));
    assert_eq!(counts.live(), 0);
}

#[test]
fn a_resolver_that_answers_with_something_else_is_an_error() {
    let (document, _) = orphaned();
    let counts = Arc::new(Counts::default());
    let foreign = directory(EngineId("cluster/2".into()), &counts);
    let error = TaskGraph::from_json(&document, &ReadContext::new(&CoreFunctions).with_resolver(&foreign)).unwrap_err();
    let message = "leaf `delayed`, partition 0: the document means future \"delayed-0\" of engine cluster/1, \
                   but found future \"delayed-0\" of engine cluster/2";
    assert_eq!(error.to_string(), message);

    let mut swapped = directory(cluster(), &counts);
    let other = swapped.0["delayed-1"].clone();
    swapped.0.insert("delayed-0".into(), other);
    let error = TaskGraph::from_json(&document, &ReadContext::new(&CoreFunctions).with_resolver(&swapped)).unwrap_err();
    assert!(matches!(error, WireError::WrongFuture { .. }), "{error}");

    let nobody = Directory(HashMap::new());
    let error = TaskGraph::from_json(&document, &ReadContext::new(&CoreFunctions).with_resolver(&nobody)).unwrap_err();
    assert!(error.to_string().contains("nobody knows it"), "{error}");
    drop((foreign, swapped));
    assert_eq!(counts.live(), 0);
}

#[test]
fn local_futures_are_refused_by_name() {
    let (builder, root, _) = build_in(Builder::default(), &[]);
    let error = lower(&builder.plan(&root)).unwrap().to_json(&NoCodec).unwrap_err();
    let expected = WireError::LocalFuture { leaf: "delayed".into(), partition: 0, key: "delayed-0".into() };
    assert_eq!(error, expected);
}

/// Kernels that do whatever a test wants.
struct Odd(fn() -> Result<TaskOutput, KernelError>);

impl Kernels for Odd {
    fn run(&self, _: &Fragment, _: Vec<SlotData>, _: &TaskContext) -> Result<TaskOutput, KernelError> {
        (self.0)()
    }
}

#[test]
fn a_fragment_run_alone_contains_what_kernels_do() {
    let (builder, root, _) = build_in(remote(), &[]);
    let graph = lower(&builder.plan(&root)).unwrap();
    let fragment = graph[0].fragment.clone();
    let run = |kernels: Odd, slots: usize| {
        let inputs = vec![vec![PartitionData::default()]; slots];
        run_fragment(&kernels, &fragment, inputs, &TaskContext::default())
    };
    let port = || Ok(TaskOutput { ports: vec![vec![]], node_rows: vec![], ..TaskOutput::default() });
    assert!(run(Odd(port), 1).is_ok());
    let panicked = run(Odd(|| std::panic::resume_unwind(Box::new("a panic"))), 1).unwrap_err();
    assert_eq!(panicked, FragmentError::Panic("a panic".into()));
    let failed = run(Odd(|| Err(KernelError::Compute("a fault".into()))), 1).unwrap_err();
    assert_eq!(failed, FragmentError::Kernel(KernelError::Compute("a fault".into())));
    let ports = run(Odd(|| Ok(TaskOutput::default())), 1).unwrap_err().to_string();
    assert!(ports.ends_with("it gave 0 ports instead of 1"), "{ports}");
    let slots = run(Odd(port), 2).unwrap_err().to_string();
    assert!(slots.ends_with("it was given 2 slots instead of 1"), "{slots}");
}

#[test]
fn what_panics_as_the_rows_of_a_fragment_are_divided_is_an_error() {
    let (builder, root, _) = build_in(remote(), &[]);
    let graph = lower(&builder.plan(&root)).unwrap();
    // Which nobody can read from a document.
    let fragment = Fragment { output: FragmentOutput::Even { ports: 0 }, ..(*graph[0].fragment).clone() };
    let inputs = vec![vec![Arc::new(vec![batch(&numbers(0..3))])]];
    let error = run_fragment(&RowKernels::default(), &fragment, inputs, &TaskContext::default()).unwrap_err();
    assert!(matches!(&error, FragmentError::Panic(message) if message.contains("divide by zero")), "{error}");
}

#[test]
fn the_number_of_a_stage_is_no_larger_than_that_of_its_tasks_allows() {
    let (builder, root, _) = build_in(remote(), &[]);
    let root = builder.hashed(&root);
    let graph = lower(&builder.plan(&root)).unwrap();
    let document = graph.to_json(&NoCodec).unwrap();
    let (tasks, last) = (graph.len(), graph.tasks().map(|task| task.stage).max().unwrap());
    let with_stage = |stage: usize| {
        let altered = document.replace(&format!("\"stage\":{last},"), &format!("\"stage\":{stage},"));
        assert!(stage == last || altered != document);
        read(&altered)
    };
    // Which task is of which stage is for its readers alone: any number will do that they can count to.
    assert_eq!(with_stage(tasks - 1).unwrap().len(), tasks);
    for stage in [tasks, 1_000_000_000_000, usize::MAX] {
        let error = with_stage(stage).unwrap_err();
        assert!(matches!(error, WireError::Invalid { .. }), "{error}");
        assert!(error.to_string().contains(&format!("there is no stage {stage} among {tasks} tasks")), "{error}");
    }
}
