//! Sorts of many rows, which are merged range by range, against DataFusion's own sort: keys of every kind, in every
//! direction, however they lie; on threads and on worker processes.

use std::process::Command;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray, TimestampNanosecondArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use leafhold::expr::wire::ReadContext;
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::{FragmentOutput, TaskGraph, lower};
use leafhold::optimize::{Plan, PlanNode, Planner};
use leafhold::run::process::{ProcessExecutor, ProcessWorkers, worker_process};
use leafhold::run::work::WorkObservers;
use leafhold::run::{Executor, LocalExecutor};
use leafhold_datafusion::{Catalog, DataFusionCodec, DataFusionKernels, EngineFunctions, Session};

const WORKER: &str = "LEAFHOLD_TEST_RANGE_SORT_WORKER";

/// Not a test, but the worker: it does nothing unless a driver has started it.
#[test]
fn worker_program() {
    if std::env::var_os(WORKER).is_some() {
        let context = ReadContext::new(&EngineFunctions).with_codec(&DataFusionCodec);
        let served = worker_process(&DataFusionKernels, &WorkObservers::none(), &context);
        std::process::exit(i32::from(served.is_err()));
    }
}

/// A column of a kind: each number is a value of its own, of which several may be equal to the sort; a few are null.
type Column = fn(&mut dyn Iterator<Item = Option<u32>>) -> ArrayRef;

/// Keys of every kind that sorts differently, with the values at which they do.
const KINDS: [(&str, Column); 14] = [
    ("int64", |values| {
        Arc::new(values.map(|at| at.map(pick(&[i64::MIN, -7, -1, 0, 1, 7, i64::MAX]))).collect::<Int64Array>())
    }),
    ("int8", |values| Arc::new(values.map(|at| at.map(pick(&[i8::MIN, -1, 0, 1, i8::MAX]))).collect::<Int8Array>())),
    ("uint64", |values| Arc::new(values.map(|at| at.map(pick(&[0, 1, 1 << 63, u64::MAX]))).collect::<UInt64Array>())),
    ("float64", |values| Arc::new(values.map(|at| at.map(pick(&FLOATS))).collect::<Float64Array>())),
    ("float32", |values| {
        Arc::new(values.map(|at| at.map(pick(&FLOATS)).map(|float| float as f32)).collect::<Float32Array>())
    }),
    ("boolean", |values| Arc::new(values.map(|at| at.map(|at| at % 2 == 1)).collect::<BooleanArray>())),
    ("date", |values| Arc::new(values.map(|at| at.map(|at| at as i32 - 20)).collect::<Date32Array>())),
    ("timestamp", |values| {
        let times = values.map(|at| at.map(|at| i64::from(at) * 1_000_000_007 - 9_000_000_000));
        Arc::new(times.collect::<TimestampNanosecondArray>().with_timezone("Europe/Berlin"))
    }),
    ("decimal", |values| {
        let decimals = values.map(|at| at.map(|at| i128::from(at) * 1_234_567_890_123 - 22_222_222_222_222));
        Arc::new(decimals.collect::<Decimal128Array>().with_precision_and_scale(25, 3).unwrap())
    }),
    ("string", |values| Arc::new(values.map(|at| at.map(pick(&STRINGS))).collect::<StringArray>())),
    ("large_string", |values| Arc::new(values.map(|at| at.map(pick(&STRINGS))).collect::<LargeStringArray>())),
    ("string_view", |values| Arc::new(values.map(|at| at.map(pick(&STRINGS))).collect::<StringViewArray>())),
    ("binary", |values| Arc::new(values.map(|at| at.map(pick(&STRINGS)).map(str::as_bytes)).collect::<BinaryArray>())),
    ("dense", |values| Arc::new(values.map(|at| at.map(i64::from)).collect::<Int64Array>())),
];

const FLOATS: [f64; 9] = [
    f64::NEG_INFINITY,
    -1.5,
    -0.0,
    0.0,
    f64::MIN_POSITIVE,
    1.5,
    f64::INFINITY,
    f64::NAN,
    // With its sign set.
    f64::from_bits(0xfff8_0000_0000_0001),
];

const STRINGS: [&str; 7] =
    ["", "a", "A", "ä", "a\0", "longer than the twelve bytes of a view", "longer than the twelve bytes of a viex"];

fn pick<T: Copy>(values: &[T]) -> impl Fn(u32) -> T {
    move |at| values[at as usize % values.len()]
}

/// How the keys lie.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// Anyhow.
    Mixed,
    /// Nearly all are one.
    Skewed,
    /// All are one.
    Constant,
    /// All are null.
    Null,
    /// Each partition has a region of its own, the last one first.
    Apart,
}

/// Row counts of the partitions: several are empty, one is larger than a batch of the engine's.
const PARTITIONS: [&[usize]; 4] = [&[40, 0, 57, 1, 33], &[0, 0, 9], &[9_000, 3], &[1, 1, 1, 1, 1, 1, 1]];

fn mixed(seed: u64) -> u64 {
    // SplitMix64: the same numbers everywhere.
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn column(column: usize, partition: usize, rows: usize, lie: Lie) -> impl Iterator<Item = Option<u32>> {
    (0..rows as u64).map(move |row| {
        let dice = mixed(row ^ (partition as u64) << 32 ^ (column as u64) << 48);
        let value = (dice >> 8) as u32 % 40;
        match lie {
            Lie::Mixed if dice.is_multiple_of(9) => None,
            Lie::Mixed => Some(value),
            Lie::Skewed if dice.is_multiple_of(20) => Some(value).filter(|value| *value > 3),
            Lie::Skewed | Lie::Constant => Some(5),
            Lie::Null => None,
            Lie::Apart => Some(1_000 * (9 - partition as u32) + value),
        }
    })
}

/// Columns `k0`, `k1`, .. of some kinds, and the number of the row.
fn table(kinds: &[usize], sizes: &[usize], lie: Lie) -> (SchemaRef, Vec<Vec<RecordBatch>>) {
    let mut number = 0;
    let mut partitions = Vec::new();
    for (partition, rows) in sizes.iter().enumerate() {
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (at, kind) in kinds.iter().enumerate() {
            columns.push((format!("k{at}"), KINDS[*kind].1(&mut column(at, partition, *rows, lie))));
        }
        let numbers: Int64Array = (number..number + *rows as i64).collect();
        number += *rows as i64;
        columns.push(("number".into(), Arc::new(numbers)));
        let nullable = |(name, array): &(String, ArrayRef)| Field::new(name, array.data_type().clone(), true);
        let schema = Arc::new(Schema::new(columns.iter().map(nullable).collect::<Vec<_>>()));
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        partitions.push(vec![RecordBatch::try_new(schema, arrays).unwrap()]);
    }
    (partitions[0][0].schema(), partitions)
}

/// The plan of a query over the table `t`, as over so many rows that ranges pay: by the optimizer's word, which may be
/// wrong.
fn plan(sql: &str, schema: &SchemaRef, partitions: &[Vec<RecordBatch>]) -> Plan {
    fn large(node: &Arc<PlanNode>) -> Arc<PlanNode> {
        let mut node = PlanNode::clone(node);
        node.inputs = node.inputs.iter().map(large).collect();
        node.rows = 1e7;
        Arc::new(node)
    }
    let mut catalog = Catalog::new();
    catalog.add("t", Leaf::Values(Values::new("t", schema.clone(), partitions.to_vec())));
    let frame = Session::new(catalog).frame(sql).unwrap();
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(3);
    let plan = planner.plan(frame.expr()).unwrap();
    Plan { root: large(&plan.root), ..plan }
}

fn graph(sql: &str, schema: &SchemaRef, partitions: &[Vec<RecordBatch>]) -> TaskGraph {
    let graph = lower(&plan(sql, schema, partitions)).unwrap();
    let ranged = graph.tasks().any(|task| matches!(task.fragment.output, FragmentOutput::Ranged { .. }));
    assert!(ranged || partitions.len() < 2, "{sql}\n{}", graph.to_text());
    graph
}

/// What DataFusion says itself.
fn peer(sql: &str, schema: &SchemaRef, partitions: &[Vec<RecordBatch>]) -> Vec<RecordBatch> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let table = MemTable::try_new(schema.clone(), partitions.to_vec()).unwrap();
        context.register_table("t", Arc::new(table)).unwrap();
        context.sql(sql).await.unwrap().collect().await.unwrap()
    })
}

/// Rows as bytes that differ whenever the rows do, NaN and -0 included.
fn rows(batches: &[RecordBatch], columns: std::ops::Range<usize>) -> Vec<OwnedRow> {
    let Some(first) = batches.first() else { return Vec::new() };
    let types = columns.clone().map(|at| SortField::new(first.column(at).data_type().clone()));
    let converter = RowConverter::new(types.collect()).unwrap();
    let mut rows = Vec::new();
    for batch in batches {
        let converted = converter.convert_columns(&batch.columns()[columns.clone()]).unwrap();
        rows.extend(converted.iter().map(|row| row.owned()));
    }
    rows
}

/// The keys come in the order of the peer's, and the rows are the peer's. Rows of equal keys may come in any order.
fn assert_same(found: &[RecordBatch], expected: &[RecordBatch], keys: usize, what: &str) {
    let types = |batches: &[RecordBatch]| -> Vec<DataType> {
        let schema = batches.first().map(RecordBatch::schema);
        schema.iter().flat_map(|schema| schema.fields().iter().map(|field| field.data_type().clone())).collect()
    };
    assert_eq!(types(found), types(expected), "{what}");
    assert_eq!(rows(found, 0..keys), rows(expected, 0..keys), "{what}");
    let all = |batches| {
        let mut all = rows(batches, 0..keys + 1);
        all.sort();
        all
    };
    assert_eq!(all(found), all(expected), "{what}");
}

fn on_threads(graph: TaskGraph, threads: usize) -> Vec<RecordBatch> {
    let outcome = LocalExecutor::new(Arc::new(DataFusionKernels), threads).submit(graph).wait().unwrap();
    assert!(outcome.report.is_ok());
    outcome.partitions.iter().flat_map(|partition| partition.iter().cloned()).collect()
}

fn orders(keys: usize) -> impl Iterator<Item = String> {
    // Every direction of the first key; the others turn with it.
    (0..4usize).map(move |turn| {
        let key = |at: usize| {
            let (down, last) = ((turn + at) % 2 == 1, (turn + at) / 2 % 2 == 1);
            format!("k{at} {} nulls {}", if down { "desc" } else { "asc" }, if last { "last" } else { "first" })
        };
        (0..keys).map(key).collect::<Vec<_>>().join(", ")
    })
}

#[test]
fn keys_of_every_kind_in_every_direction() {
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        for (turn, order) in orders(1).enumerate() {
            let (schema, partitions) = table(&[kind], PARTITIONS[0], Lie::Mixed);
            let sql = format!("select * from t order by {order}");
            let expected = peer(&sql, &schema, &partitions);
            let found = on_threads(graph(&sql, &schema, &partitions), [1, 2, 4, 2][turn]);
            assert_same(&found, &expected, 1, &format!("{name}: {sql}"));
        }
    }
}

/// Kinds with something computed of them.
const COMPUTED: [(usize, &str); 9] = [
    (13, "k0 % 7"),
    (13, "case when k0 > 20 then 40 - k0 else k0 end"),
    (3, "-k0"),
    (4, "k0 * 0"),
    (5, "not k0"),
    (7, "date_trunc('minute', k0)"),
    (8, "k0 / 3"),
    (9, "lower(k0)"),
    (11, "char_length(k0)"),
];

/// What is computed of each row, in their order.
fn computed(key: &str, schema: &SchemaRef, batches: Vec<RecordBatch>) -> Vec<OwnedRow> {
    rows(&peer(&format!("select {key} from t"), schema, &[batches]), 0..1)
}

#[test]
fn what_is_computed_of_the_rows_orders_them_range_by_range() {
    for (kind, key) in COMPUTED {
        for (turn, sizes) in PARTITIONS.into_iter().enumerate() {
            for order in ["asc nulls first", "desc nulls last", "asc nulls last, k0, number desc"] {
                let (schema, partitions) = table(&[kind], sizes, [Lie::Mixed, Lie::Skewed][turn % 2]);
                let sql = format!("select * from t order by {key} {order}");
                let graph = graph(&sql, &schema, &partitions);
                let merges: Vec<_> = graph.stages().iter().map(|stage| stage.tasks.len()).collect();
                assert_eq!(merges, [sizes.len(), sizes.len(), 1, sizes.len(), 3], "{}", graph.to_text());
                let found = on_threads(graph, [1, 2, 4][turn % 3]);
                let expected = peer(&sql, &schema, &partitions);
                let whole = |batches: &[RecordBatch]| {
                    let mut all = rows(batches, 0..2);
                    all.sort();
                    all
                };
                assert_eq!(found[0].num_columns(), 2, "the key is no column of the result");
                assert_eq!(whole(&found), whole(&expected), "{sql}");
                if order.contains("number") {
                    assert_eq!(rows(&found, 1..2), rows(&expected, 1..2), "{sql} {sizes:?}");
                }
                let keys = |batches| computed(key, &schema, batches);
                assert_eq!(keys(found), keys(expected), "{sql} {sizes:?}");
            }
        }
    }
}

#[test]
fn what_is_another_value_each_time_divides_no_rows() {
    let (schema, partitions) = table(&[13], PARTITIONS[0], Lie::Mixed);
    let plan = plan("select * from t order by random(), k0 + 1", &schema, &partitions);
    let graph = lower(&plan).unwrap();
    let ranged = graph.tasks().any(|task| matches!(task.fragment.output, FragmentOutput::Ranged { .. }));
    assert!(!ranged, "{}", graph.to_text());
    assert_eq!(on_threads(graph, 2).iter().map(RecordBatch::num_rows).sum::<usize>(), 131);
}

#[test]
fn several_keys() {
    for kinds in [[3, 9, 8], [5, 7, 0], [9, 3, 13], [12, 5, 4]] {
        for order in orders(kinds.len()) {
            for sizes in PARTITIONS {
                let (schema, partitions) = table(&kinds, sizes, Lie::Mixed);
                let sql = format!("select * from t order by {order}");
                let expected = peer(&sql, &schema, &partitions);
                let found = on_threads(graph(&sql, &schema, &partitions), 2);
                assert_same(&found, &expected, kinds.len(), &format!("{kinds:?} {sizes:?}: {sql}"));
            }
        }
    }
}

#[test]
fn however_the_keys_lie() {
    for lie in [Lie::Mixed, Lie::Skewed, Lie::Constant, Lie::Null, Lie::Apart] {
        for (at, sizes) in PARTITIONS.into_iter().enumerate() {
            for order in orders(1) {
                let (schema, partitions) = table(&[13], sizes, lie);
                let sql = format!("select * from t order by {order}");
                let expected = peer(&sql, &schema, &partitions);
                let found = on_threads(graph(&sql, &schema, &partitions), [1, 2, 4][at % 3]);
                assert_same(&found, &expected, 1, &format!("{lie:?} {sizes:?}: {sql}"));
            }
        }
    }
}

#[test]
fn ranges_of_worker_processes() {
    let command = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["worker_program", "--exact", "--nocapture", "--test-threads=1"]).env(WORKER, "1");
        command
    };
    let workers = ProcessWorkers::new(Arc::new(DataFusionKernels), 2, command).with_codec(Arc::new(DataFusionCodec));
    let executor = ProcessExecutor::new(workers);
    for (kinds, lie) in [([3, 9, 8], Lie::Mixed), ([7, 11, 5], Lie::Mixed), ([13, 13, 0], Lie::Skewed)] {
        for order in orders(kinds.len()) {
            let (schema, partitions) = table(&kinds, PARTITIONS[0], lie);
            let sql = format!("select * from t order by {order}");
            let outcome = executor.submit(graph(&sql, &schema, &partitions)).wait().unwrap();
            assert!(outcome.report.tasks.iter().all(|event| event.worker.as_deref() != Some("driver-0")));
            let found: Vec<_> = outcome.partitions.iter().flat_map(|partition| partition.iter().cloned()).collect();
            assert_same(&found, &peer(&sql, &schema, &partitions), kinds.len(), &format!("{kinds:?} {lie:?}: {sql}"));
        }
    }
}
