//! The operators of the algebra on DataFusion's, against the reference interpreter: in one partition and in
//! several, over random tables.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::{
    ApplyKind, ExprError, ExtensionTraits, Frame, FrameBound, FrameUnits, GroupingSets, MapPartitions, NullLists,
    Semantics, Window, WindowCall, WindowFrame, avg, col, count, count_all, cume_dist, dense_rank, first_value,
    grouping, lag, last_value, lead, lit, max, min, nth_value, ntile, percent_rank, rank, row_number, sum,
};
use leafhold::leaf::{ColumnStatistics, FromDelayed, Leaf, TableStatistics, Values, value};
use leafhold::optimize::{Planner, resolve};
use leafhold::run::{LocalExecutor, RunCause, collect};
use leafhold::term::interpret::{EvalError, Relation, Tables, Value, interpret};
use leafhold::term::{ColumnId, Terms};
use leafhold_datafusion::{DataFusionKernels, EngineFunctions, to_execution_plan};

type Cell = Option<i64>;

/// Numbers that a seed fixes.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn cell(&mut self) -> Cell {
        (self.below(5) > 0).then(|| self.below(4) as i64)
    }
}

/// A batch of two integers, a number that tells the rows apart, and a list.
fn batch(schema: &SchemaRef, numbers: &mut Numbers, first: i64) -> RecordBatch {
    let rows = numbers.below(6) as i64;
    let column =
        |numbers: &mut Numbers| -> ArrayRef { Arc::new((0..rows).map(|_| numbers.cell()).collect::<Int64Array>()) };
    let (a, b) = (column(numbers), column(numbers));
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows));
    let list = (0..rows).map(|_| {
        let length = numbers.below(4);
        (length < 3).then(|| (0..length).map(|_| numbers.cell()).collect::<Vec<_>>())
    });
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(list.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows as usize));
    RecordBatch::try_new_with_options(schema.clone(), vec![a, b, n, list], &options).unwrap()
}

/// The same table thrice: for the interpreter, as a few rows and, as its statistics say, as many.
struct Table {
    values: Frame,
    few: Frame,
    many: Frame,
}

fn table(name: &str, columns: [&str; 4], numbers: &mut Numbers) -> Table {
    let list = DataType::new_list(DataType::Int64, true);
    let kinds = [DataType::Int64, DataType::Int64, DataType::Int64, list];
    let fields = columns.iter().zip(kinds).map(|(name, kind)| Field::new(*name, kind, true));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let parts: Vec<RecordBatch> = (0..3).map(|part| batch(&schema, numbers, 100 * part)).collect();
    let values = Leaf::Values(Values::new(name, schema.clone(), vec![parts.clone()]));
    let live = |rows: f64| {
        let futures: Vec<_> =
            parts.iter().enumerate().map(|(at, part)| value(format!("{name}-{at}"), vec![part.clone()])).collect();
        let half = ColumnStatistics { distinct: Some(rows / 2.0), ..ColumnStatistics::default() };
        let statistics = TableStatistics { rows: Some(rows), bytes: None, columns: vec![half; 4] };
        Leaf::FromDelayed(FromDelayed::new(name, schema.clone(), futures).unwrap().with_statistics(statistics))
    };
    let frame = |leaf| Frame::new(Frame::from_leaf(leaf).unwrap().expr().clone(), Arc::new(EngineFunctions));
    Table { values: frame(values), few: frame(live(10.0)), many: frame(live(1e6)) }
}

type Build = fn(&Frame, &Frame) -> Result<Frame, ExprError>;

fn doubling(traits: ExtensionTraits) -> MapPartitions {
    let schema: SchemaRef =
        Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("d", DataType::Int64, true)]));
    let made = schema.clone();
    let double = MapPartitions::new("double", "1", schema, move |batches| {
        let double = |batch: &RecordBatch| {
            let a = batch.column_by_name("a").ok_or("no column a")?.as_primitive::<Int64Type>();
            let doubled: Int64Array = a.unary(|a| 2 * a);
            RecordBatch::try_new(made.clone(), vec![Arc::new(a.clone()), Arc::new(doubled)]).map_err(|e| e.to_string())
        };
        batches.iter().map(double).collect()
    });
    double.with_traits(traits)
}

fn by_a() -> Window {
    Window::partition_by([col("a")]).order_by([col("b").asc(), col("n").desc()])
}

fn with_ties() -> Window {
    Window::partition_by([col("a")]).order_by([col("b").desc()])
}

fn framed(call: WindowCall, units: FrameUnits, start: FrameBound, end: FrameBound) -> WindowCall {
    call.over(WindowFrame { units, start, end })
}

fn builds() -> Vec<(&'static str, Build)> {
    use FrameBound::*;
    use FrameUnits::*;
    vec![
        ("ranks", |t, _| t.clone().window(with_ties(), [("r", rank()), ("d", dense_rank())])),
        ("fractions", |t, _| t.clone().window(with_ties(), [("p", percent_rank()), ("c", cume_dist())])),
        ("buckets", |t, _| {
            t.clone().window(by_a(), [("two", ntile(2)), ("three", ntile(3)), ("many", ntile(u64::MAX))])
        }),
        ("numbers and neighbours", |t, _| {
            let mut defaulted = lag(col("n"), 1);
            defaulted.args.push(lit(-1i64));
            let calls = [("i", row_number()), ("p", defaulted), ("f", lead(col("b"), 2)), ("q", lag(col("b"), 1))];
            t.clone().window(by_a(), calls)
        }),
        ("values of frames", |t, _| {
            let calls = [
                ("f", framed(first_value(col("n")), Rows, Preceding(1), Following(1))),
                ("last", framed(last_value(col("n")), Rows, Preceding(1), Following(1))),
                ("x", framed(nth_value(col("n"), 2), Rows, UnboundedPreceding, UnboundedFollowing)),
                ("y", framed(first_value(col("b")), Rows, Following(1), Following(2))),
                ("z", last_value(col("b"))),
            ];
            t.clone().window(by_a(), calls)
        }),
        ("aggregates of frames", |t, _| {
            let of_rows = WindowFrame::rows(Preceding(1), CurrentRow);
            let of_groups = WindowFrame { units: Groups, start: Preceding(1), end: Following(1) };
            let rest = WindowFrame { units: Range, start: CurrentRow, end: UnboundedFollowing };
            let calls = [
                ("s", sum(col("n")).over(of_rows)?),
                ("c", count(col("b")).over(of_rows)?),
                ("m", min(col("n")).over(of_rows)?),
                ("g", sum(col("n")).over(of_groups)?),
                ("h", count_all().over(rest)?),
                ("k", max(col("b")).over(WindowFrame::ALL)?),
            ];
            t.clone().window(by_a(), calls)
        }),
        ("running totals with ties", |t, _| {
            let calls = [
                ("s", sum(col("n")).over(WindowFrame::UP_TO_PEERS)?),
                ("c", count_all().over(WindowFrame::UP_TO_PEERS)?),
            ];
            t.clone().window(with_ties(), calls)
        }),
        ("a window without an order", |t, _| {
            let odd = sum(col("n")).filter(col("b").gt(lit(1i64)));
            t.clone().window(Window::partition_by([col("a") + col("b")]), [("s", odd.over(WindowFrame::UP_TO_PEERS)?)])
        }),
        ("a window over everything", |t, _| {
            let calls = [("c", count_all().over(WindowFrame::ALL)?), ("m", avg(col("n")).over(WindowFrame::ALL)?)];
            t.clone().window(Window::default(), calls)
        }),
        ("a filter above a window", |t, _| {
            t.clone().window(by_a(), [("i", row_number())])?.filter(col("a").eq(lit(1i64)).and(col("i").lt(lit(3i64))))
        }),
        ("unnest", |t, _| t.clone().unnest("l", NullLists::Preserve)),
        ("unnest without nulls", |t, _| t.clone().unnest("l", NullLists::Drop)?.filter(col("l").gt_eq(col("a")))),
        ("mark", |t, u| t.clone().mark_join(u, "m", [col("a").eq(col("x"))])),
        ("mark of two", |t, u| t.clone().mark_join(u, "m", [col("a").eq(col("x")), col("b").lt(col("y"))])),
        ("sure mark", |t, u| t.clone().mark_join(u, "m", [col("a").is_not_distinct_from(col("x"))])),
        ("mark of nothing", |t, u| t.clone().mark_join(&u.clone().limit(0, 0), "m", [col("a").eq(col("x"))])),
        ("is-unknown", |t, _| {
            let less = || col("a").lt(col("b"));
            t.clone().project([
                ("n", col("n")),
                ("p", less().is_unknown()),
                ("q", less().is_not_false()),
                ("r", less().is_false()),
                ("s", less().is_not_true()),
                ("t", less().is_not_unknown()),
            ])
        }),
        ("rollup", |t, _| t.clone().rollup(["a", "b"], [("c", count_all()), ("s", sum(col("n")))])),
        ("cube", |t, _| {
            let calls =
                [("g", grouping([col("a"), col("b")])), ("m", max(col("n"))), ("d", count(col("b")).distinct())];
            t.clone().aggregate_sets([("a", col("a")), ("b", col("b"))], GroupingSets::cube(2), calls)
        }),
        ("cross", |t, u| t.clone().cross_join(u)),
        ("union", |t, u| {
            let ours = t.clone().select(["a", "b"])?;
            let theirs = u.clone().project([("b", col("y").cast(DataType::Float64)), ("a", col("x"))])?;
            ours.union_by_name(&theirs)
        }),
        ("row-wise function", |t, _| {
            let traits = ExtensionTraits { column_preserving: true, ..ExtensionTraits::ROW_WISE };
            t.clone().map_partitions(doubling(traits))?.filter(col("a").gt(lit(1i64)))
        }),
        ("function of all rows", |t, _| {
            t.clone()
                .map_partitions(doubling(ExtensionTraits::BARRIER))?
                .group_by(["a"])
                .aggregate([("s", sum(col("d")))])
        }),
        ("exists", |t, u| t.clone().exists(&u.clone().filter(col("x").eq(t.outer("a")?))?)),
        ("not exists", |t, u| {
            t.clone().not_exists(&u.clone().filter(col("x").eq(t.outer("a")?).and(col("y").lt(t.outer("b")?)))?)
        }),
        ("correlated in", |t, u| {
            let u = u.clone().filter(col("y").eq(t.outer("b")?))?.select(["x"])?;
            t.clone().apply(&u, ApplyKind::Mark("m".into()), [col("a").eq(col("x"))])
        }),
        ("correlated count", |t, u| {
            let counted = u.clone().filter(col("x").eq(t.outer("a")?))?.aggregate([], [("c", count(col("y")))])?;
            t.clone().with_scalar("v", &counted)
        }),
        ("scalar of one row", |t, u| {
            t.clone().with_scalar(
                "v",
                &u.clone().select(["z"])?.sort([col("z").asc()])?.limit(0, 1).aggregate([], [("m", max(col("z")))])?,
            )
        }),
        ("lateral", |t, u| t.clone().apply(&u.clone().filter(col("x").lt(t.outer("a")?))?, ApplyKind::Left, [])),
        ("a function by name", |t, _| {
            let absolute = t.call("abs", [col("a").negate()])?;
            t.clone().project([("n", col("n")), ("v", absolute)])
        }),
    ]
}

fn text(rows: Vec<Vec<Value>>) -> Vec<String> {
    let mut rows: Vec<String> =
        rows.iter().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")).collect();
    rows.sort();
    rows
}

fn meaning(frame: &Frame) -> Result<Vec<String>, EvalError> {
    let mut terms = Terms::new(Arc::new(EngineFunctions));
    let resolved = resolve(frame.expr(), &mut terms);
    let columns: Vec<_> = resolved.output.iter().map(|(_, column)| *column).collect();
    let relation = interpret(&terms, resolved.root, &Semantics::default(), &Tables::new())?;
    Ok(text(relation.select(&columns)?.rows))
}

fn rows_of(schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<String> {
    let columns = (0..schema.fields().len() as u32).map(ColumnId).collect();
    text(Relation::from_batches(columns, batches).unwrap().rows)
}

#[test]
fn kernels_give_what_the_interpreter_says() {
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(3);
    let executor = LocalExecutor::new(Arc::new(DataFusionKernels), 2);
    for seed in 0..16 {
        let mut numbers = Numbers(seed);
        let t = table("t", ["a", "b", "n", "l"], &mut numbers);
        let u = table("u", ["x", "y", "z", "k"], &mut numbers);
        for (what, build) in builds() {
            let expected = build(&t.values, &u.values).unwrap_or_else(|error| panic!("{what}: {error}"));
            let expected = meaning(&expected).unwrap_or_else(|error| panic!("{what}: {error}"));
            for (t, u) in [(&t.few, &u.few), (&t.many, &u.many)] {
                let frame = build(t, u).unwrap();
                let plan = planner.plan(frame.expr()).unwrap_or_else(|error| panic!("{what}: {error}"));
                let found = collect(&plan, &executor).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(rows_of(&found.schema, &found.batches), expected, "{what}, seed {seed}");
                assert_eq!(&found.schema, frame.schema(), "{what}");
            }
        }
    }
}

#[test]
fn a_plan_of_datafusions_gives_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(3);
    for seed in 100..110 {
        let mut numbers = Numbers(seed);
        let t = table("t", ["a", "b", "n", "l"], &mut numbers);
        let u = table("u", ["x", "y", "z", "k"], &mut numbers);
        for (what, build) in builds() {
            let expected = meaning(&build(&t.values, &u.values).unwrap()).unwrap();
            let frame = build(&t.many, &u.many).unwrap();
            let plan = to_execution_plan(&planner.plan(frame.expr()).unwrap())
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let schema = plan.schema();
            let context = datafusion::prelude::SessionContext::new().task_ctx();
            let batches = runtime.block_on(datafusion::physical_plan::collect(plan, context));
            let batches = batches.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(rows_of(&schema, &batches), expected, "{what}, seed {seed}");
        }
    }
}

#[test]
fn several_rows_of_a_scalar_fail_the_run() {
    let mut numbers = Numbers(3);
    let (t, u) = (table("t", ["a", "b", "n", "l"], &mut numbers), table("u", ["x", "y", "z", "k"], &mut numbers));
    let frame = t.few.clone().with_scalar("v", &u.few.clone().select(["z"]).unwrap()).unwrap();
    let plan = Planner::new(Arc::new(EngineFunctions)).plan(frame.expr()).unwrap();
    let error = collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 2)).unwrap_err();
    let leafhold::run::RunFailure::Run(error) = error else { panic!("{error}") };
    assert!(matches!(error.cause, RunCause::Kernel { .. }), "{error}");
    assert!(error.to_string().contains("a scalar subquery gave"), "{error}");
}

#[test]
fn pairs_with_a_single_row_come_in_batches() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..50_000));
    let batch = RecordBatch::try_from_iter([("a", numbers)]).unwrap();
    let many = Frame::from_leaf(Leaf::Values(Values::new("many", batch.schema(), vec![vec![batch]]))).unwrap();
    let one = many.clone().aggregate([], [("m", max(col("a")))]).unwrap();
    for frame in [many.clone().cross_join(&one).unwrap(), one.cross_join(&many).unwrap()] {
        let plan = Planner::new(Arc::new(EngineFunctions)).plan(frame.expr()).unwrap();
        let collected = collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 1)).unwrap();
        assert_eq!(collected.batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 50_000);
        assert!(collected.batches.len() < 100, "{} batches", collected.batches.len());
    }
}
