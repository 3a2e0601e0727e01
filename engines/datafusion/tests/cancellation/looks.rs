//! How often each operator looks whether it should stop, and that it does wherever it is told to. Nothing is timed:
//! a look per batch of 8,192 rows (or pairs) of an operator's own work is what keeps a cancelled task below 100 ms.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::{
    AggregateCall, AggregateFunction, BinaryOp, FrameBound, JoinKind, Scalar, SortKey, Window, WindowCall, WindowFrame,
    WindowFunction,
};
use leafhold::leaf::{FromDelayed, Leaf, value};
use leafhold::lower::{Fragment, FragmentNode, FragmentOp, FragmentOutput, lower};
use leafhold::optimize::{PhysicalOp, Planner};
use leafhold::run::{CancelFlag, KernelError, Kernels, SlotData, TaskContext};
use leafhold::term::{AggregatePhase, Side};
use leafhold::token::Tokenizer;
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session};

const BATCH: i64 = 8192;

fn schema(columns: usize) -> SchemaRef {
    let fields = (0..columns).map(|at| Field::new(format!("c{at}"), DataType::Int64, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Batches of two columns: numbers in no order, each once, and those modulo `groups`.
fn table(batches: i64, groups: i64) -> SlotData {
    let rows = batches * BATCH;
    let batch = |at: i64| {
        let numbers = (at * BATCH..(at + 1) * BATCH).map(|row| row * 7_919 % rows);
        let columns = [numbers.clone().collect::<Int64Array>(), numbers.map(|number| number % groups).collect()];
        RecordBatch::try_new(schema(2), columns.map(|column| Arc::new(column) as _).into()).unwrap()
    };
    vec![Arc::new((0..batches).map(batch).collect())]
}

fn column(at: usize) -> Scalar<usize> {
    Scalar::column(at)
}

fn key(at: usize) -> SortKey<usize> {
    SortKey { scalar: column(at), descending: false, nulls_first: false }
}

/// An operator over tables, and at least how often it has to look.
struct Case {
    name: &'static str,
    op: PhysicalOp<usize>,
    columns: usize,
    inputs: Vec<SlotData>,
    looks: u64,
}

impl Case {
    fn fragment(&self) -> Fragment {
        let node = |op, inputs, columns| FragmentNode { op, inputs, schema: schema(columns), plan_node: None };
        let input = |slot| node(FragmentOp::Input { slot, columns: None }, vec![], 2);
        let mut nodes: Vec<FragmentNode> = (0..self.inputs.len()).map(input).collect();
        let compute = FragmentOp::Compute { op: self.op.clone(), argument_schema: None };
        nodes.push(node(compute, (0..self.inputs.len()).collect(), self.columns));
        // Whoever reads the operator to its end gives no batch before; all the looks are below.
        let count = AggregateCall::new(AggregateFunction::Count, []);
        let count = PhysicalOp::Aggregate { phase: AggregatePhase::Single, group: vec![], aggregates: vec![count] };
        let count = FragmentOp::Compute { op: count, argument_schema: None };
        nodes.push(node(count, vec![self.inputs.len()], 1));
        let token = Tokenizer::new("test").finish();
        let inputs = self.inputs.len();
        Fragment { nodes, output: FragmentOutput::Whole, inputs, token, label: self.name.into() }
    }

    fn run(&self, fragment: &Fragment, cancelled: &CancelFlag) -> Result<(), KernelError> {
        let context = TaskContext { cancelled: cancelled.clone(), ..TaskContext::default() };
        DataFusionKernels.run(fragment, self.inputs.clone(), &context).map(drop)
    }
}

fn one_to_one(op: PhysicalOp<usize>, name: &'static str, columns: usize, looks: u64) -> Case {
    Case { name, op, columns, inputs: vec![table(64, 64)], looks }
}

/// All rows of one side have the key of all rows of the other: 8,192 pieces of 8,192 pairs for each batch that probes.
fn hash_join(name: &'static str, kind: JoinKind, build: Side, residual: Option<Scalar<usize>>) -> Case {
    let op = PhysicalOp::HashJoin { kind, keys: vec![(column(1), column(1))], residual, build };
    let columns = if kind.gives_right() { 4 } else { 2 };
    Case { name, op, columns, inputs: vec![table(1, 1), table(1, 1)], looks: 8192 }
}

/// 8,192 rows by two batches.
fn by_pairs(name: &'static str, kind: JoinKind, condition: Option<Scalar<usize>>) -> Case {
    let columns = if kind.gives_right() { 4 } else { 2 };
    let op = PhysicalOp::NestedLoopJoin { kind, condition };
    Case { name, op, columns, inputs: vec![table(1, 64), table(2, 64)], looks: 2 * 8192 }
}

fn window(name: &'static str, partition_by: Vec<Scalar<usize>>, call: WindowCall<usize>, looks: u64) -> Case {
    let window = Window { partition_by, order_by: vec![key(0)] };
    one_to_one(PhysicalOp::Window { window, calls: vec![call] }, name, 3, looks)
}

/// A window that came as SQL: an operator of ours, or of which DataFusion plans all, with its sort. Rows are in order as they
/// are merged, so there is more than the source's looks.
fn sql_window(name: &'static str, sql: &str, columns: usize, looks: u64) -> Case {
    let mut catalog = Catalog::new();
    let rows = table(1, 1).iter().flat_map(|source| source.iter().cloned()).collect();
    catalog.add("t", Leaf::FromDelayed(FromDelayed::new("t", schema(2), vec![value("rows", rows)]).unwrap()));
    let plan = Planner::new(Arc::new(EngineFunctions)).plan(Session::new(catalog).frame(sql).unwrap().expr()).unwrap();
    let graph = lower(&plan).unwrap();
    let nodes = graph.tasks().flat_map(|task| task.fragment.nodes.clone());
    let mut ops = nodes.filter_map(|node| match node.op {
        FragmentOp::Compute { op: op @ (PhysicalOp::Window { .. } | PhysicalOp::Extension { .. }), .. } => Some(op),
        _ => None,
    });
    one_to_one(ops.next().unwrap(), name, columns, looks)
}

fn cases() -> Vec<Case> {
    let never =
        Scalar::binary(BinaryOp::Lt, Scalar::binary(BinaryOp::Plus, column(0), column(2)), Scalar::literal(0i64));
    let some = Scalar::binary(BinaryOp::Lt, column(0), Scalar::literal(1000i64));
    let sum = |of| AggregateCall::new(AggregateFunction::Sum, [column(of)]);
    let group =
        |group: Vec<usize>| PhysicalOp::Aggregate { phase: AggregatePhase::Single, group, aggregates: vec![sum(1)] };
    let sort = |keys, fetch| PhysicalOp::Sort { keys, fetch };
    let last_four = WindowFrame::rows(FrameBound::Preceding(3), FrameBound::CurrentRow);
    let so_far = WindowFrame::rows(FrameBound::UnboundedPreceding, FrameBound::CurrentRow);
    let total = |frame| WindowCall::new(WindowFunction::Aggregate(AggregateFunction::Sum), [column(1)]).over(frame);
    let build_only = PhysicalOp::HashJoin {
        kind: JoinKind::Inner,
        keys: vec![(column(0), column(0))],
        residual: None,
        build: Side::Left,
    };
    // What a source gives is looked at once per batch, and once more where it is read whole.
    vec![
        one_to_one(PhysicalOp::Filter { predicate: some }, "filter", 2, 64),
        one_to_one(group(vec![1]), "aggregate", 2, 64),
        one_to_one(group(vec![0]), "aggregate of many groups", 2, 64),
        // One column: runs of eight batches are sorted, and merged batch by batch.
        one_to_one(sort(vec![key(0)], None), "sort", 2, 64 + 8 + 64),
        one_to_one(sort(vec![key(1), key(0)], None), "sort by two", 2, 64 + 64 + 64),
        one_to_one(sort(vec![key(0)], Some(10)), "top-k", 2, 64 + 64),
        Case {
            name: "hash join, build",
            op: build_only,
            columns: 4,
            inputs: vec![table(64, 64), table(1, 64)],
            looks: 64 + 64,
        },
        hash_join("hash join that gives nothing", JoinKind::Inner, Side::Left, Some(never.clone())),
        hash_join("hash join that gives much", JoinKind::Inner, Side::Left, None),
        hash_join("semi join, built from the left", JoinKind::Semi, Side::Left, None),
        hash_join("semi join, built from the right", JoinKind::Semi, Side::Right, None),
        hash_join("anti join", JoinKind::Anti, Side::Right, None),
        by_pairs("nested loop join that gives nothing", JoinKind::Inner, Some(never.clone())),
        by_pairs("left join by pairs that gives nothing", JoinKind::Left, Some(never.clone())),
        by_pairs("semi join by pairs", JoinKind::Semi, None),
        by_pairs("cross join", JoinKind::Inner, None),
        Case {
            name: "mark join",
            op: PhysicalOp::MarkJoin { condition: Some(never), nullable: true },
            columns: 3,
            inputs: vec![table(1, 64), table(1, 64)],
            looks: 2 * 8192,
        },
        // Each row once more, since each has a frame of its own.
        window("window of a sliding frame", vec![], total(last_four), 64 * 8192),
        window("window of a growing frame", vec![], total(so_far), 64 * 8192),
        window(
            "window that ranks partitions",
            vec![column(1)],
            WindowCall::new(WindowFunction::Rank, []),
            64 + 64 + 64,
        ),
        window(
            "window of first values",
            vec![],
            WindowCall::new(WindowFunction::FirstValue, [column(1)]).over(last_four),
            64 * 8192,
        ),
        sql_window("window of SQL", "select c0, c1, sum(c1) over (order by c0, c1) as s from t", 3, 64 * 8192),
        sql_window(
            "window of SQL that DataFusion plans",
            "select c0, c1, sum(c1) over (order by c0 range between 7 preceding and current row) as s from t",
            3,
            // Its rows are read whole, read again, and sorted.
            64 + 64 + 64,
        ),
    ]
}

#[test]
fn law_c1_every_operator_looks_at_each_batch_of_its_own_work() {
    for case in cases() {
        let never = CancelFlag::at_look(u64::MAX);
        case.run(&case.fragment(), &never).unwrap();
        assert!(never.looks() >= case.looks, "{}: {} looks instead of {}", case.name, never.looks(), case.looks);
    }
}

#[test]
fn law_c1_no_operator_goes_on_after_a_look_that_says_stop() {
    for case in cases() {
        let (fragment, never) = (case.fragment(), CancelFlag::at_look(u64::MAX));
        case.run(&fragment, &never).unwrap();
        let all = never.looks();
        // At the first, at the last, and in the midst of all that lies between.
        let places = [1, all / 7, all / 2, all - all / 5, all];
        for place in places.into_iter().filter(|place| *place > 0) {
            let flag = CancelFlag::at_look(place);
            assert_eq!(
                case.run(&fragment, &flag),
                Err(KernelError::Cancelled),
                "{} at look {place} of {all}",
                case.name
            );
            // One more tells an operator's error from a cancellation.
            assert!(
                flag.looks() <= place + 1,
                "{}: {} looks after the one at {place}",
                case.name,
                flag.looks() - place
            );
        }
    }
}
