//! Persisted results that lie hashed, joined and aggregated where they lie by DataFusion's kernels: the answers are those
//! of rows that lie anyhow, for keys of every kind that hashes differently.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    StringViewArray, TimestampNanosecondArray,
};
use arrow_schema::{Field, Schema};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use leafhold::explain::PlanText;
use leafhold::expr::{Frame, Name, Op, Repartitioning};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::lower;
use leafhold::optimize::{CostModel, DefaultCost, Movement, PlanNode, PlanOp, Planner, Sizes};
use leafhold::run::{Executor, Kernels, LocalExecutor};
use leafhold::term::AlternativeOp;
use leafhold_datafusion::{Catalog, DataFusionKernels, EngineFunctions, Session, to_execution_plan};

/// A column of a kind: of equal numbers, equal values; some are null.
type Column = fn(&[Option<u32>]) -> ArrayRef;

fn of<T>(numbers: &[Option<u32>], value: impl Fn(u32) -> T) -> impl Iterator<Item = Option<T>> {
    numbers.iter().map(move |number| number.map(&value))
}

const KINDS: [(&str, Column); 8] = [
    ("int64", |numbers| Arc::new(of(numbers, |at| i64::from(at) - 4).collect::<Int64Array>())),
    ("int32", |numbers| Arc::new(of(numbers, |at| at as i32 - 4).collect::<Int32Array>())),
    ("float64", |numbers| Arc::new(of(numbers, |at| FLOATS[at as usize % FLOATS.len()]).collect::<Float64Array>())),
    ("string", |numbers| Arc::new(of(numbers, text).collect::<StringArray>())),
    ("string_view", |numbers| Arc::new(of(numbers, text).collect::<StringViewArray>())),
    ("date", |numbers| Arc::new(of(numbers, |at| at as i32).collect::<Date32Array>())),
    ("timestamp", |numbers| Arc::new(of(numbers, |at| i64::from(at) * DAY).collect::<TimestampNanosecondArray>())),
    ("decimal", |numbers| {
        Arc::new(of(numbers, i128::from).collect::<Decimal128Array>().with_precision_and_scale(20, 2).unwrap())
    }),
];

/// In nanoseconds.
const DAY: i64 = 86_400_000_000_000;

const FLOATS: [f64; 6] = [-0.0, 0.0, 1.5, f64::NAN, f64::INFINITY, -1.5];

fn text(at: u32) -> String {
    format!("{at}{}", if at.is_multiple_of(2) { " is longer than the twelve bytes of a view" } else { "" })
}

fn mixed(seed: u64) -> u64 {
    // SplitMix64: the same numbers everywhere.
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Two keys of some kinds, and the number of the row, in partitions of some sizes.
fn table(name: &str, kinds: [usize; 2], sizes: &[usize], seed: u64) -> Leaf {
    let mut number = 0;
    let partition = |rows: &usize| {
        let numbers: Vec<u64> = (0..*rows as u64).map(|row| mixed((seed << 32) | (number + row))).collect();
        number += *rows as u64;
        let key = |shift: u64| -> Vec<Option<u32>> {
            numbers.iter().map(|at| (at >> shift) as u32 % 13).map(|at| Some(at).filter(|at| *at > 0)).collect()
        };
        let rows: Int64Array = (0..*rows as i64).map(|row| row + number as i64 * 100).collect();
        let columns: [(&str, ArrayRef); 3] =
            [("k", KINDS[kinds[0]].1(&key(0))), ("l", KINDS[kinds[1]].1(&key(20))), ("n", Arc::new(rows))];
        let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new(schema, columns.into_iter().map(|(_, array)| array).collect()).unwrap()
    };
    let partitions: Vec<Vec<RecordBatch>> = sizes.iter().map(partition).map(|batch| vec![batch]).collect();
    Leaf::Values(Values::new(name, partitions[0][0].schema(), partitions))
}

/// Where only shuffles are affordable.
struct Shuffles;

impl CostModel for Shuffles {
    fn operator(&self, op: AlternativeOp, sizes: Sizes<'_>) -> f64 {
        DefaultCost.operator(op, sizes)
    }
    fn movement(&self, movement: Movement, rows: f64, partitions: f64) -> f64 {
        let price = if movement == Movement::Shuffle { 1.0 } else { 1e9 };
        price * DefaultCost.movement(movement, rows, partitions)
    }
}

fn planner() -> Planner {
    Planner::new(Arc::new(EngineFunctions)).with_cost(Arc::new(Shuffles))
}

fn executor() -> LocalExecutor {
    LocalExecutor::new(Arc::new(DataFusionKernels), 2)
}

/// The leaf of a persisted table, which lies by some columns in so many partitions.
fn persisted(table: &Leaf, columns: &[&str], count: usize) -> Leaf {
    let columns = columns.iter().map(|column| Name::from(*column)).collect();
    let frame = Frame::from_leaf(table.clone()).unwrap().repartition(Repartitioning::Hash(columns, count)).unwrap();
    match frame.persist(&planner(), &executor()).unwrap().expr().op() {
        Op::Leaf(leaf) => leaf.clone(),
        other => panic!("persisting gives a leaf, not {other:?}"),
    }
}

fn frame(sql: &str, t: &Leaf, u: &Leaf) -> Frame {
    let mut catalog = Catalog::new();
    catalog.add("t", t.clone());
    catalog.add("u", u.clone());
    Session::new(catalog).frame(sql).unwrap()
}

fn shuffles(frame: &Frame) -> usize {
    lower(&planner().plan(frame.expr()).unwrap()).unwrap().shuffles()
}

/// The rows as bytes, in their order: NaN and -0 included.
fn sorted(batches: &[RecordBatch]) -> Vec<OwnedRow> {
    let Some(first) = batches.first() else { return Vec::new() };
    let types = first.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(types).unwrap();
    let converted = batches.iter().map(|batch| converter.convert_columns(batch.columns()).unwrap());
    let mut rows: Vec<_> = converted.flat_map(|rows| rows.iter().map(|row| row.owned()).collect::<Vec<_>>()).collect();
    rows.sort();
    rows
}

fn answer(frame: &Frame) -> Vec<OwnedRow> {
    sorted(&frame.collect(&planner(), &executor()).unwrap().batches)
}

/// The same on DataFusion's own executor.
fn on_datafusion(frame: &Frame) -> Vec<OwnedRow> {
    let operators = to_execution_plan(&planner().plan(frame.expr()).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batches = runtime.block_on(datafusion::physical_plan::collect(operators, Arc::default())).unwrap();
    sorted(&batches)
}

const JOIN: &str = "select t.k, t.l, t.n, u.n as m from t join u on t.k = u.k";
const OUTER: &str = "select t.k, t.n, u.k as other, u.n as m from t full join u on t.k = u.k and t.n < u.n";
const GROUPS: &str = "select k, count(*) as c, sum(n) as s from t group by k";

#[test]
fn law_g5_keys_of_every_kind_lie_where_equal_ones_do() {
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        let (t, u) = (table("t", [kind, 0], &[40, 0, 57], 1), table("u", [kind, 1], &[33, 9, 1, 20], 2));
        let (left, right) = (persisted(&t, &["k"], 4), persisted(&u, &["k"], 4));
        for (sql, before) in [(JOIN, 2), (OUTER, 2), (GROUPS, 1)] {
            let (moved, stayed) = (frame(sql, &t, &u), frame(sql, &left, &right));
            assert_eq!((shuffles(&moved), shuffles(&stayed)), (before, 0), "{name}: {sql}");
            let expected = answer(&moved);
            assert!(!expected.is_empty());
            assert_eq!(answer(&stayed), expected, "{name}: {sql}");
            assert_eq!(on_datafusion(&stayed), expected, "{name}: {sql}");
            // One of them lies, the other moves there.
            let one = frame(sql, &left, &u);
            assert_eq!((shuffles(&one), answer(&one)), (before - 1, expected.clone()), "{name}: {sql}");
            assert_eq!(on_datafusion(&one), expected, "{name}: {sql}");
        }
    }
}

#[test]
fn law_g5_keys_of_two_types_do_not_lie_together() {
    for (left, right) in [(0, 1), (1, 0), (0, 2), (3, 4), (5, 6)] {
        let (t, u) = (table("t", [left, 0], &[40, 57], 3), table("u", [right, 0], &[33, 20], 4));
        let kept = frame(JOIN, &persisted(&t, &["k"], 4), &persisted(&u, &["k"], 4));
        let (left, right) = (KINDS[left].0, KINDS[right].0);
        let plan = planner().plan(kept.expr()).unwrap();
        let moves = |node: &Arc<PlanNode>| matches!(node.op, PlanOp::Exchange { .. });
        assert!(plan.post_order().iter().any(moves), "{left} = {right}: {}", PlanText::new(&plan));
        let expected = answer(&frame(JOIN, &t, &u));
        assert!(!expected.is_empty(), "{left} = {right}");
        assert_eq!(answer(&kept), expected, "{left} = {right}");
    }
}

#[test]
fn law_g5_several_keys_lie_by_all_of_them() {
    let sql = "select t.n, u.n as m from t join u on t.k = u.k and t.l = u.l";
    for kinds in [[0, 3], [2, 1], [4, 7]] {
        let (t, u) = (table("t", kinds, &[90, 57], 5), table("u", kinds, &[133, 20], 6));
        let by = |columns: &[&str], count| frame(sql, &persisted(&t, columns, count), &persisted(&u, columns, count));
        let expected = answer(&frame(sql, &t, &u));
        assert!(!expected.is_empty());
        for (columns, count, moves) in
            [(&["k", "l"][..], 4, 0), (&["k", "l"], 3, 2), (&["l", "k"], 4, 2), (&["k"], 4, 2)]
        {
            let kept = by(columns, count);
            assert_eq!((shuffles(&kept), answer(&kept)), (moves, expected.clone()), "{kinds:?} {columns:?} {count}");
        }
    }
}

#[test]
fn law_g5_the_hash_has_a_name() {
    let kernels = DataFusionKernels.hash_function().unwrap().to_owned();
    assert_eq!(executor().hash_function(), Some(&*kernels));
    let leaf = persisted(&table("t", [0, 0], &[4, 4], 7), &["k"], 4);
    assert_eq!(leaf.hash_partitioning().unwrap().function, kernels);
}
