//! Partitions of a table of which the filter above keeps no row are not read.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use leafhold::expr::{BinaryOp, Literal, Scalar, ScalarOp};
use leafhold::leaf::{ColumnBounds, Leaf, Scan, ScanSource, TableStatistics};
use leafhold::lower::{FragmentOp, LowerError, TaskGraph, lower};
use leafhold::optimize::{Partitioning, PhysicalOp, PlanNode, PlanOp};
use leafhold::term::ColumnId;
use proptest::prelude::*;

use crate::plans::{Builder, Node, numbers, two_columns};

type Values = Vec<Option<i64>>;

/// A table that knows the bounds of its first column, by partition.
#[derive(Debug)]
struct Table(Vec<Values>, TableStatistics);

impl ScanSource for Table {
    fn token(&self) -> leafhold::token::Token {
        leafhold::token::tokenize("a table with bounds")
    }
    fn schema(&self) -> SchemaRef {
        two_columns()
    }
    fn partitions(&self) -> usize {
        self.0.len()
    }
    fn statistics(&self) -> &TableStatistics {
        &self.1
    }
    fn bounds(&self, partition: usize, column: usize) -> ColumnBounds {
        if column != 0 {
            return ColumnBounds::default();
        }
        let known = || self.0[partition].iter().flatten().map(|value| *value as f64);
        let nulls = Some(self.0[partition].contains(&None));
        ColumnBounds { min: known().reduce(f64::min), max: known().reduce(f64::max), nulls }
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn scan(builder: &mut Builder, partitions: &[Values]) -> Node {
    let read = builder.values(&vec![numbers(0..1); partitions.len()]);
    let table = Table(partitions.to_vec(), TableStatistics::default());
    *builder.leaves.last_mut().unwrap() = Leaf::Scan(Scan::new("table", Arc::new(table)));
    read
}

fn filter(input: &Node, predicate: Scalar<ColumnId>) -> Node {
    Arc::new(PlanNode {
        op: PlanOp::Compute(PhysicalOp::Filter { predicate }),
        inputs: vec![input.clone()],
        output: input.output.clone(),
        partitioning: input.partitioning.clone(),
        rows: 1.0,
        cost: 1.0,
    })
}

fn compare(op: BinaryOp, left: Scalar<ColumnId>, right: Scalar<ColumnId>) -> Scalar<ColumnId> {
    Scalar::new(ScalarOp::Binary(op), [left, right])
}

fn constant(value: Option<i64>) -> Scalar<ColumnId> {
    let literal = value.map_or_else(|| Literal::null(&arrow_schema::DataType::Int64), Literal::from);
    Scalar::new(ScalarOp::Literal(literal), [])
}

fn read_partitions(graph: &TaskGraph) -> Vec<usize> {
    let scans = |task: &&leafhold::lower::Task| {
        task.fragment.nodes.iter().any(|node| matches!(node.op, FragmentOp::Scan { .. }))
    };
    graph.tasks().filter(scans).map(|task| task.partition).collect()
}

/// Partitions of 0 to 9, 10 to 19, ..
fn tens(count: i64) -> Vec<Values> {
    (0..count).map(|at| (at * 10..at * 10 + 10).map(Some).collect()).collect()
}

#[test]
fn tasks_are_made_for_partitions_that_may_have_rows() {
    let mut builder = Builder::default();
    let read = scan(&mut builder, &tens(5));
    let column = || Scalar::column(read.output[0]);
    let kept = filter(&read, compare(BinaryOp::Gt, column(), constant(Some(29))));
    let single = builder.exchange(&kept, Partitioning::Single);
    let graph = lower(&builder.plan(&single)).unwrap();
    assert_eq!((read_partitions(&graph), graph.len()), (vec![3, 4], 3));
    assert!(graph.to_text().contains("%0 = scan [c0 c1]  ; 2 of 5 partitions\n"), "{}", graph.to_text());
}

#[test]
fn where_no_partition_has_a_row_nothing_is_read() {
    let mut builder = Builder::default();
    let read = scan(&mut builder, &tens(5));
    let kept = filter(&read, compare(BinaryOp::Lt, Scalar::column(read.output[0]), constant(Some(0))));
    let graph = lower(&builder.plan(&kept)).unwrap();
    assert_eq!(graph.len(), 1);
    assert_eq!(graph[0].fragment.label, "empty > filter > project");
}

#[test]
fn partitions_that_are_left_are_not_paired_with_those_of_another_input() {
    let mut builder = Builder::default();
    let (read, other) = (scan(&mut builder, &tens(3)), builder.values(&vec![numbers(0..1); 2]));
    let kept = filter(&read, compare(BinaryOp::GtEq, Scalar::column(read.output[0]), constant(Some(10))));
    let join = builder.join(&kept, &other);
    let error = lower(&builder.plan(&join)).unwrap_err();
    assert_eq!(error, LowerError::Partitions { operator: "hash-join", node: 3, left: 2, right: 2 });
    // One partition is not paired, but read by all.
    let mut builder = Builder::default();
    let (read, other) = (scan(&mut builder, &tens(3)), builder.values(&[numbers(0..1)]));
    let kept = filter(&read, compare(BinaryOp::GtEq, Scalar::column(read.output[0]), constant(Some(10))));
    let join = builder.join(&kept, &other);
    assert_eq!(read_partitions(&lower(&builder.plan(&join)).unwrap()), [1, 2]);
}

/// The last of each of two tables may be read: by one task of each, which knows its number.
#[test]
fn partitions_that_are_left_of_two_tables_keep_their_numbers() {
    let last = |builder: &mut Builder, count: i64| {
        let read = scan(builder, &tens(count));
        let least = constant(Some((count - 1) * 10));
        filter(&read, compare(BinaryOp::GtEq, Scalar::column(read.output[0]), least))
    };
    // An unpruned table of one partition has number 0.
    for (left, right, expected) in [(4, 6, vec![3, 5]), (4, 1, vec![0, 3]), (1, 6, vec![0, 5]), (4, 4, vec![3])] {
        let mut builder = Builder::default();
        let sides = [last(&mut builder, left), last(&mut builder, right)];
        let [left, right] = sides.map(|side| builder.exchange(&side, Partitioning::Single));
        let join = builder.join(&left, &right);
        let mut found = read_partitions(&lower(&builder.plan(&join)).unwrap());
        found.sort_unstable();
        assert_eq!(found, expected);
    }
    // What is left of the one does not bind the many of the other.
    let mut builder = Builder::default();
    let (one, many) = (last(&mut builder, 4), scan(&mut builder, &tens(3)));
    let join = builder.join(&one, &many);
    assert_eq!(read_partitions(&lower(&builder.plan(&join)).unwrap()), [3, 0, 1, 2]);
}

/// A predicate over the first column, and what it is of a value.
#[derive(Clone, Debug)]
enum Predicate {
    Compare(BinaryOp, Option<i64>, bool),
    IsNull,
    Between(i64, i64),
    In(Vec<i64>),
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
}

/// Few, so that they meet. Those beyond 2^53 share places on the axis.
fn value() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![-2..3i64, (1i64 << 53)..((1i64 << 53) + 2)]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let op = prop::sample::select(vec![
        BinaryOp::Eq,
        BinaryOp::NotEq,
        BinaryOp::Lt,
        BinaryOp::LtEq,
        BinaryOp::Gt,
        BinaryOp::GtEq,
        BinaryOp::IsNotDistinctFrom,
    ]);
    let value = value();
    let leaf = prop_oneof![
        4 => (op, prop::option::weighted(0.9, value.clone()), any::<bool>())
            .prop_map(|(op, value, mirrored)| Predicate::Compare(op, value, mirrored)),
        1 => Just(Predicate::IsNull),
        1 => (value.clone(), value.clone()).prop_map(|(low, high)| Predicate::Between(low, high)),
        1 => prop::collection::vec(value, 1..3).prop_map(Predicate::In),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        let some = prop::collection::vec(inner, 1..3);
        prop_oneof![some.clone().prop_map(Predicate::And), some.prop_map(Predicate::Or)]
    })
}

impl Predicate {
    fn scalar(&self, column: ColumnId) -> Scalar<ColumnId> {
        let own = || Scalar::column(column);
        let all = |parts: &[Predicate]| parts.iter().map(|part| part.scalar(column)).collect::<Vec<_>>();
        match self {
            Predicate::Compare(op, value, false) => compare(*op, own(), constant(*value)),
            Predicate::Compare(op, value, true) => compare(*op, constant(*value), own()),
            Predicate::IsNull => Scalar::new(ScalarOp::IsNull, [own()]),
            Predicate::Between(low, high) => {
                Scalar::new(ScalarOp::Between { negated: false }, [own(), constant(Some(*low)), constant(Some(*high))])
            }
            Predicate::In(list) => {
                let items = list.iter().map(|item| constant(Some(*item)));
                Scalar::new(
                    ScalarOp::InList { negated: false },
                    std::iter::once(own()).chain(items).collect::<Vec<_>>(),
                )
            }
            Predicate::And(parts) => Scalar::new(ScalarOp::And, all(parts)),
            Predicate::Or(parts) => Scalar::new(ScalarOp::Or, all(parts)),
        }
    }

    /// Whether it is true.
    fn holds(&self, value: Option<i64>) -> bool {
        match self {
            Predicate::Compare(BinaryOp::IsNotDistinctFrom, with, _) => value == *with,
            Predicate::Compare(op, with, mirrored) => value.zip(*with).is_some_and(|(value, with)| {
                let (left, right) = if *mirrored { (with, value) } else { (value, with) };
                match op {
                    BinaryOp::Eq => left == right,
                    BinaryOp::NotEq => left != right,
                    BinaryOp::Lt => left < right,
                    BinaryOp::LtEq => left <= right,
                    BinaryOp::Gt => left > right,
                    _ => left >= right,
                }
            }),
            Predicate::IsNull => value.is_none(),
            Predicate::Between(low, high) => value.is_some_and(|value| (*low..=*high).contains(&value)),
            Predicate::In(list) => value.is_some_and(|value| list.contains(&value)),
            Predicate::And(parts) => parts.iter().all(|part| part.holds(value)),
            Predicate::Or(parts) => parts.iter().any(|part| part.holds(value)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_partition_that_has_a_row_is_read(
        partitions in prop::collection::vec(
            prop::collection::vec(prop::option::weighted(0.8, value()), 0..3), 1..6),
        predicate in predicate(),
    ) {
        let mut builder = Builder::default();
        let read = scan(&mut builder, &partitions);
        let kept = filter(&read, predicate.scalar(read.output[0]));
        let found = read_partitions(&lower(&builder.plan(&kept)).unwrap());
        let has_rows = |at: &usize| partitions[*at].iter().any(|value| predicate.holds(*value));
        for at in (0..partitions.len()).filter(has_rows) {
            prop_assert!(found.contains(&at), "partition {} of {:?} is left out", at, partitions);
        }
    }
}
