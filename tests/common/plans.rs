//! Plans written by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::{AggregateCall, AggregateFunction, JoinKind, Scalar, SortKey};
use leafhold::leaf::{
    EngineId, FromDelayed, FutureError, FutureHandle, FutureStatus, InstanceId, Leaf, LocalFuture, PartitionData,
    Promise, RemoteFuture, Values,
};
use leafhold::optimize::{Partitioning, PhysicalOp, Plan, PlanColumn, PlanNode, PlanOp, plan_shape};
use leafhold::term::{AggregatePhase, ColumnId, Side};
use leafhold::token::tokenize;

use crate::kernels::{Row, batch_of};

/// How many futures of one test were made, and how many let go.
#[derive(Default)]
pub struct Counts {
    pub created: AtomicUsize,
    pub released: AtomicUsize,
}

impl Counts {
    pub fn live(&self) -> usize {
        leafhold::leaf::release::drain();
        self.created.load(Ordering::SeqCst) - self.released.load(Ordering::SeqCst)
    }
}

struct Counted(LocalFuture, Arc<Counts>, EngineId);

impl RemoteFuture for Counted {
    fn key(&self) -> &str {
        self.0.key()
    }
    fn status(&self) -> FutureStatus {
        self.0.status()
    }
    fn engine(&self) -> EngineId {
        self.2.clone()
    }
    fn instance(&self) -> Option<InstanceId> {
        None
    }
    fn on_done(&self, done: Box<dyn FnOnce() + Send>) {
        self.0.on_done(done);
    }
    fn data(&self) -> Result<PartitionData, FutureError> {
        self.0.data()
    }
    fn release(&self) {
        self.1.released.fetch_add(1, Ordering::SeqCst);
    }
}

/// A counted future of an engine, and the promise that keeps it.
pub fn future_of(engine: EngineId, key: &str, counts: &Arc<Counts>) -> (FutureHandle, Promise) {
    let (future, promise) = LocalFuture::pending(key);
    counts.created.fetch_add(1, Ordering::SeqCst);
    (FutureHandle::new(Counted(future, counts.clone(), engine)), promise)
}

/// A plan in the making.
#[derive(Default)]
pub struct Builder {
    pub leaves: Vec<Leaf>,
    pub columns: Vec<PlanColumn>,
    pub counts: Arc<Counts>,
    /// Whose futures it makes, if not this process's.
    pub engine: Option<EngineId>,
}

pub type Node = Arc<PlanNode>;

/// Two columns of integers, `a` and `b`.
pub fn two_columns() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Int64, true)]))
}

pub fn batch(rows: &[Row]) -> RecordBatch {
    batch_of(&two_columns(), rows)
}

impl Builder {
    pub fn fresh(&mut self, count: usize) -> Vec<ColumnId> {
        let from = self.columns.len() as u32;
        let column = |at: usize| PlanColumn { name: format!("x{at}").into(), data_type: DataType::Int64 };
        self.columns.extend((0..count).map(column));
        (from..from + count as u32).map(ColumnId).collect()
    }

    fn node(op: PlanOp, inputs: &[&Node], output: Vec<ColumnId>, partitioning: Partitioning<ColumnId>) -> Node {
        let inputs = inputs.iter().map(|input| (*input).clone()).collect();
        Arc::new(PlanNode { op, inputs, output, partitioning, rows: 1.0, cost: 1.0 })
    }

    fn read(&mut self, leaf: Leaf) -> Node {
        let partitioning = if leaf.partitions() == 1 { Partitioning::Single } else { Partitioning::Any };
        self.leaves.push(leaf);
        let output = self.fresh(2);
        let op = PlanOp::Read { leaf: self.leaves.len() - 1, columns: vec![0, 1] };
        Builder::node(op, &[], output, partitioning)
    }

    pub fn values(&mut self, partitions: &[Vec<Row>]) -> Node {
        let batches = partitions.iter().map(|rows| vec![batch(rows)]).collect();
        self.read(Leaf::Values(Values::new("values", two_columns(), batches)))
    }

    /// A read of futures that are done already.
    pub fn delayed(&mut self, partitions: &[Vec<Row>]) -> Node {
        let (node, promises) = self.pending("delayed", partitions.len());
        promises.into_iter().zip(partitions).for_each(|(promise, rows)| promise.fulfil(vec![batch(rows)]));
        node
    }

    /// A read of futures that somebody has yet to keep.
    pub fn pending(&mut self, name: &str, partitions: usize) -> (Node, Vec<Promise>) {
        let engine = self.engine.clone().unwrap_or_else(EngineId::local);
        let pairs = (0..partitions).map(|at| future_of(engine.clone(), &format!("{name}-{at}"), &self.counts));
        let (handles, promises): (Vec<_>, Vec<_>) = pairs.unzip();
        (self.read(Leaf::FromDelayed(FromDelayed::new(name, two_columns(), handles).unwrap())), promises)
    }

    pub fn project(&mut self, input: &Node, positions: &[usize]) -> Node {
        let columns = positions.iter().map(|at| Scalar::column(input.output[*at])).collect();
        let output = self.fresh(positions.len());
        let op = PlanOp::Compute(PhysicalOp::Project { columns });
        Builder::node(op, &[input], output, input.partitioning.clone())
    }

    pub fn exchange(&self, input: &Node, to: Partitioning<ColumnId>) -> Node {
        let op = PlanOp::Exchange { to: to.clone(), merge: Vec::new() };
        Builder::node(op, &[input], input.output.clone(), to)
    }

    pub fn hashed(&self, input: &Node) -> Node {
        self.exchange(input, Partitioning::Hashed(vec![input.output[0]]))
    }

    /// Sorts by the first column, and merges into one partition.
    pub fn sorted(&self, input: &Node, fetch: Option<u64>) -> Node {
        let key = SortKey { scalar: Scalar::column(input.output[0]), descending: false, nulls_first: false };
        let op = PlanOp::Compute(PhysicalOp::Sort { keys: vec![key.clone()], fetch });
        let sort = Builder::node(op, &[input], input.output.clone(), input.partitioning.clone());
        let op = PlanOp::Exchange { to: Partitioning::Single, merge: vec![key] };
        Builder::node(op, &[&sort], input.output.clone(), Partitioning::Single)
    }

    fn over(op: PhysicalOp<ColumnId>, input: &Node, output: Vec<ColumnId>) -> Node {
        Builder::node(PlanOp::Compute(op), &[input], output, input.partitioning.clone())
    }

    /// Some rows, in no order: from one partition.
    pub fn limit(&self, input: &Node, offset: u64, fetch: u64) -> Node {
        let single = self.exchange(input, Partitioning::Single);
        Builder::over(PhysicalOp::Limit { offset, fetch: Some(fetch) }, &single, input.output.clone())
    }

    /// The sum of the second column for each value of the first, in two phases, whole in one partition.
    pub fn sums(&mut self, input: &Node) -> Node {
        let (group, sum) = (vec![input.output[0]], self.fresh(1)[0]);
        let call = AggregateCall::new(AggregateFunction::Sum, [Scalar::column(input.output[1])]);
        let half = |phase| PhysicalOp::Aggregate { phase, group: group.clone(), aggregates: vec![call.clone()] };
        let output = vec![input.output[0], sum];
        let partial = Builder::over(half(AggregatePhase::Partial), input, output.clone());
        let single = self.exchange(&partial, Partitioning::Single);
        Builder::over(half(AggregatePhase::Final), &single, output)
    }

    /// Joins on the first columns; gives the left side's first and the right side's second column.
    pub fn join(&self, left: &Node, right: &Node) -> Node {
        let keys = vec![(Scalar::column(left.output[0]), Scalar::column(right.output[0]))];
        let op = PhysicalOp::HashJoin { kind: JoinKind::Inner, keys, residual: None, build: Side::Right };
        let output = vec![left.output[0], right.output[1]];
        Builder::node(PlanOp::Compute(op), &[left, right], output, left.partitioning.clone())
    }

    pub fn union(&mut self, inputs: &[&Node], partitioning: Partitioning<ColumnId>) -> Node {
        let output = self.fresh(2);
        let partitioning = match partitioning {
            Partitioning::Hashed(_) => Partitioning::Hashed(vec![output[0]]),
            other => other,
        };
        Builder::node(PlanOp::Compute(PhysicalOp::Union), inputs, output, partitioning)
    }

    /// The finished plan: all columns of the root, named `r0`, `r1`, ..
    pub fn plan(self, root: &Node) -> Plan {
        let names = (0..root.output.len()).map(|at| format!("r{at}"));
        let fields: Vec<_> = names.clone().map(|name| Field::new(name, DataType::Int64, true)).collect();
        let output: Vec<_> = names.map(Into::into).zip(root.output.iter().copied()).collect();
        Plan {
            shape: plan_shape(root, &output, &self.leaves),
            root: root.clone(),
            output,
            schema: Arc::new(Schema::new(fields)),
            columns: self.columns,
            leaves: self.leaves,
            target_partitions: 3,
            fan_in: 16,
            semantics: leafhold::expr::Semantics::DEFAULT,
            result: None,
            repartitions_left_out: 0,
            ruleset: tokenize("rules"),
            fired: Default::default(),
            caps: Default::default(),
            size: 0,
        }
    }
}

/// Rows `(from, from * 10)`, ..
pub fn numbers(range: std::ops::Range<i64>) -> Vec<Row> {
    range.map(|number| vec![number, number * 10]).collect()
}
