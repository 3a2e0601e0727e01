//! Random expressions over every operator and scalar: a list of numbers decides.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::{
    AggregateCall, AggregateFunction, ApplyKind, BinaryOp, DataTypeKey, Expr, ExtensionTraits, FrameBound, FrameUnits,
    Functions, GroupingSets, JoinKind, Literal, Name, NullLists, OuterColumn, Repartitioning, Scalar, ScalarOp,
    SortKey, Window, WindowCall, WindowFrame, WindowFunction, col, grouping, lit,
};
use leafhold::leaf::{ColumnStatistics, FromDelayed, FutureHandle, Leaf, Scan, TableStatistics, Values};

use crate::arrays::arrays;
use crate::engine::{Engine, Opaque, Table, keep, remote};

/// Decisions, one after the other; when they are used up, the first of all choices.
pub struct Dice<'a>(&'a [u32]);

impl Dice<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first as usize % sides
            }
            None => 0,
        }
    }

    fn coin(&mut self) -> bool {
        self.roll(2) == 1
    }
}

pub fn batch() -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([
        ("i", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as ArrayRef, true),
        ("f", Arc::new(Float64Array::from(vec![Some(0.5), Some(f64::NAN), None])) as ArrayRef, true),
        ("s", Arc::new(StringArray::from(vec!["x", "", "y"])) as ArrayRef, false),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])) as ArrayRef, true),
        ("d", Arc::new(Date32Array::from(vec![Some(-1), None, Some(7)])) as ArrayRef, true),
    ])
    .unwrap()
}

fn schema() -> SchemaRef {
    batch().schema()
}

/// An expression, and the futures that were made for it.
pub fn expression(numbers: &[u32]) -> (Expr, Vec<FutureHandle>) {
    let mut builder = Builder { dice: Dice(numbers), futures: Vec::new() };
    let mut made = vec![builder.leaf()];
    for _ in 0..1 + builder.dice.roll(6) {
        let next = builder.step(&made);
        made.push(next);
    }
    (made.pop().unwrap(), builder.futures)
}

struct Builder<'a> {
    dice: Dice<'a>,
    futures: Vec<FutureHandle>,
}

impl Builder<'_> {
    /// All of them have the columns `i`, `f`, `s`, `b`, `d`.
    fn leaf(&mut self) -> Expr {
        let leaf = match self.dice.roll(4) {
            0 => {
                let parts = (0..self.dice.roll(3)).map(|at| vec![batch().slice(at, 1), batch()]);
                Leaf::Values(Values::new("values", schema(), parts.collect()))
            }
            1 => Leaf::Scan(Scan::new("scan", Arc::new(Table::new("t.csv", schema())))),
            sides => {
                let handles: Vec<_> = (0..1 + self.dice.roll(3)).map(|at| remote(&format!("part-{at}"))).collect();
                self.futures.extend(handles.iter().cloned());
                let leaf = FromDelayed::new("delayed", schema(), handles).unwrap();
                Leaf::FromDelayed(if sides == 2 { leaf } else { leaf.with_statistics(statistics()) })
            }
        };
        Expr::leaf(leaf).unwrap()
    }

    /// An operator over what was made before; what it gives has the columns of a leaf.
    fn step(&mut self, made: &[Expr]) -> Expr {
        let input = made[self.dice.roll(made.len())].clone();
        match self.dice.roll(17) {
            0 => self.leaf(),
            1 => input.filter(self.boolean(3), &Engine).unwrap(),
            2 => {
                let columns = [
                    ("i", self.integer(3)),
                    ("f", self.float(2)),
                    ("s", self.text(2)),
                    ("b", self.boolean(2)),
                    ("d", self.date(2)),
                ];
                input.project(columns.map(|(name, scalar)| (Name::from(name), scalar)), &Engine).unwrap()
            }
            3 => self.join(input, made[self.dice.0.len() % made.len()].clone()),
            4 => self.aggregate(input),
            5 => {
                let keys = (0..1 + self.dice.roll(2)).map(|_| SortKey {
                    scalar: self.integer(2),
                    descending: self.dice.coin(),
                    nulls_first: self.dice.coin(),
                });
                input.sort(keys.collect(), &Engine).unwrap()
            }
            6 => input.limit(self.dice.roll(100) as u64, self.dice.coin().then_some(u64::MAX)),
            7 => input.distinct(),
            8 => Expr::union(made.to_vec()).unwrap(),
            9 => Expr::extension(Arc::new(Opaque::new("opaque", schema())), vec![input]).unwrap(),
            10 => {
                let opaque = Opaque::new("opaque", schema()).with_traits(self.traits());
                Expr::extension(Arc::new(opaque), vec![input]).unwrap()
            }
            11 => input.map_partitions(keep(schema()).with_traits(self.traits())).unwrap(),
            12 => {
                let on = vec![col("i").eq(col("i2")), self.boolean(2)];
                let other = renamed(made[self.dice.0.len() % made.len()].clone());
                same(input.mark_join(other, "m", on, &Engine).unwrap(), "b", "m")
            }
            13 => self.window(input),
            14 => {
                let columns = ["i", "f", "s", "b", "d"].map(|name| schema().field_with_name(name).unwrap().clone());
                let list = Field::new("l", DataType::new_list(DataType::Int64, self.dice.coin()), self.dice.coin());
                let lists = Schema::new(columns.into_iter().chain([list]).collect::<Vec<_>>());
                let rows = Expr::extension(Arc::new(Opaque::new("lists", Arc::new(lists))), vec![input]).unwrap();
                let nulls = if self.dice.coin() { NullLists::Drop } else { NullLists::Preserve };
                same(rows.unnest("l", nulls).unwrap(), "i", "l")
            }
            15 => {
                let partitions = 1 + self.dice.roll(9);
                let to = match self.dice.coin() {
                    true => Repartitioning::Hash(vec!["i".into(), "s".into()], partitions),
                    false => Repartitioning::RoundRobin(partitions),
                };
                input.repartition(to).unwrap()
            }
            _ => self.apply(input, made[self.dice.0.len() % made.len()].clone()),
        }
    }

    fn traits(&mut self) -> ExtensionTraits {
        let row_wise = self.dice.coin();
        ExtensionTraits {
            row_wise,
            partition_wise: self.dice.coin(),
            column_preserving: row_wise && self.dice.coin(),
            volatile: self.dice.coin(),
        }
    }

    fn apply(&mut self, left: Expr, right: Expr) -> Expr {
        let data_type = DataTypeKey(DataType::Int64);
        let outer = Scalar::new(ScalarOp::Outer(OuterColumn { name: "i".into(), data_type, nullable: true }), []);
        let right = renamed(right.filter(self.integer(1).eq(outer), &Engine).unwrap());
        let on = if self.dice.coin() { vec![col("f").lt(col("f2"))] } else { vec![] };
        let kinds = [
            ApplyKind::Inner,
            ApplyKind::Left,
            ApplyKind::Semi,
            ApplyKind::Anti,
            ApplyKind::Mark("m".into()),
            ApplyKind::Scalar("v".into()),
        ];
        match &kinds[self.dice.roll(kinds.len())] {
            kind @ ApplyKind::Mark(_) => same(left.apply(right, kind.clone(), on, &Engine).unwrap(), "b", "m"),
            kind @ ApplyKind::Scalar(_) => {
                let largest = AggregateCall::new(AggregateFunction::Max, [col("i2")]);
                let right = right.aggregate([], [(Name::from("i2"), largest)], &Engine).unwrap();
                same(left.apply(right, kind.clone(), vec![], &Engine).unwrap(), "i", "v")
            }
            kind => same(left.apply(right, kind.clone(), on, &Engine).unwrap(), "i", "i"),
        }
    }

    fn window(&mut self, input: Expr) -> Expr {
        let key = SortKey { scalar: self.integer(1), descending: self.dice.coin(), nulls_first: self.dice.coin() };
        let window = Window::partition_by([self.boolean(1)]).order_by([key]);
        let integer = match self.dice.roll(12) {
            0 => WindowCall::new(WindowFunction::RowNumber, []),
            1 => WindowCall::new(WindowFunction::Rank, []),
            2 => WindowCall::new(WindowFunction::DenseRank, []),
            3 => WindowCall::new(WindowFunction::Lag(self.dice.roll(3) as u64), [self.integer(1), lit(7i64)]),
            4 => WindowCall::new(WindowFunction::Lead(u64::MAX), [self.integer(1)]),
            5 => WindowCall::new(WindowFunction::FirstValue, [self.integer(1)]).over(self.frame()),
            6 => WindowCall::new(WindowFunction::LastValue, [self.integer(1)]).over(self.frame()),
            7 => WindowCall::new(WindowFunction::NthValue(2), [self.integer(1)]).over(self.frame()),
            8 => WindowCall::new(WindowFunction::PercentRank, []),
            9 => WindowCall::new(WindowFunction::CumeDist, []),
            10 => WindowCall::new(WindowFunction::Ntile(u64::MAX), []),
            _ => {
                let sum = WindowFunction::Aggregate(AggregateFunction::Sum);
                WindowCall::new(sum, [self.integer(1)]).over(self.frame()).filter(self.boolean(1))
            }
        };
        let median = WindowFunction::Aggregate(AggregateFunction::Other(Arc::new(Engine::median())));
        let calls = [("n", integer), ("m", WindowCall::new(median, [self.float(1)]))];
        let rows = input.window(window, calls.map(|(name, call)| (Name::from(name), call)), &Engine).unwrap();
        let cast = ScalarOp::Cast { to: DataTypeKey(DataType::Int64), safe: false };
        let columns =
            [("i", Scalar::new(cast, [col("n")])), ("f", col("m")), ("s", col("s")), ("b", col("b")), ("d", col("d"))];
        rows.project(columns.map(|(name, scalar)| (Name::from(name), scalar)), &Engine).unwrap()
    }

    fn frame(&mut self) -> WindowFrame {
        let (start, end) = match self.dice.roll(4) {
            0 => (FrameBound::UnboundedPreceding, FrameBound::Preceding(2)),
            1 => (FrameBound::Preceding(u64::MAX), FrameBound::CurrentRow),
            2 => (FrameBound::CurrentRow, FrameBound::Following(1)),
            _ => return WindowFrame { units: FrameUnits::Range, ..WindowFrame::ALL },
        };
        let units = if self.dice.coin() { FrameUnits::Rows } else { FrameUnits::Groups };
        WindowFrame { units, start, end }
    }

    fn join(&mut self, left: Expr, right: Expr) -> Expr {
        let names = ["i", "f", "s", "b", "d"];
        let right = renamed(right);
        let kind = JoinKind::ALL[self.dice.roll(JoinKind::ALL.len())];
        let on = match self.dice.roll(3) {
            0 => vec![],
            1 => vec![col("i").eq(col("i2"))],
            _ => vec![col("i").eq(col("i2")), self.boolean(2)],
        };
        let joined = left.join(right, kind, on, &Engine).unwrap();
        joined.project(names.map(|name| (Name::from(name), col(name))), &Engine).unwrap()
    }

    fn aggregate(&mut self, input: Expr) -> Expr {
        let integer = match self.dice.roll(4) {
            0 => AggregateCall::new(AggregateFunction::Count, []),
            1 => AggregateCall::new(AggregateFunction::Count, [self.integer(2)]).distinct(),
            2 => AggregateCall::new(AggregateFunction::Sum, [self.integer(2)]).filter(self.boolean(1)),
            _ => AggregateCall::new(AggregateFunction::Max, [self.integer(2)]),
        };
        let float = match self.dice.roll(2) {
            0 => AggregateCall::new(AggregateFunction::Avg, [self.float(2)]),
            _ => AggregateCall::new(AggregateFunction::Other(Arc::new(Engine::median())), [self.float(2)]),
        };
        let text = AggregateCall::new(AggregateFunction::Min, [self.text(1)]);
        let group = [("b", self.boolean(2)), ("d", self.date(1))].map(|(name, scalar)| (Name::from(name), scalar));
        let calls = [("i", integer), ("f", float), ("s", text)].map(|(name, call)| (Name::from(name), call));
        let rows = match self.dice.roll(3) {
            0 | 1 => input.aggregate(group, calls, &Engine).unwrap(),
            _ => {
                let sets = GroupingSets::new([vec![0, 1], vec![1], vec![]]);
                let level = (Name::from("level"), grouping([group[0].1.clone()]));
                input.aggregate_sets(group, sets, calls.into_iter().chain([level]), &Engine).unwrap()
            }
        };
        rows.project(["i", "f", "s", "b", "d"].map(|name| (Name::from(name), col(name))), &Engine).unwrap()
    }

    fn boolean(&mut self, depth: usize) -> Scalar {
        if depth == 0 {
            return if self.dice.coin() { col("b") } else { lit(self.dice.coin()) };
        }
        let below = depth - 1;
        match self.dice.roll(14) {
            0 => Scalar::new(ScalarOp::And, [self.boolean(below), self.boolean(below), self.boolean(0)]),
            1 => Scalar::new(ScalarOp::Or, [self.boolean(below), self.boolean(below)]),
            2 => !self.boolean(below),
            3 => self.text(below).is_null(),
            4 => self.integer(below).is_not_null(),
            5 => {
                let tests = [
                    ScalarOp::IsTrue,
                    ScalarOp::IsNotTrue,
                    ScalarOp::IsFalse,
                    ScalarOp::IsNotFalse,
                    ScalarOp::IsUnknown,
                    ScalarOp::IsNotUnknown,
                ];
                Scalar::new(tests[self.dice.roll(tests.len())].clone(), [self.boolean(below)])
            }
            6 | 7 => {
                let comparisons: Vec<_> = BinaryOp::ALL.into_iter().filter(|op| op.is_comparison()).collect();
                let op = comparisons[self.dice.roll(comparisons.len())];
                Scalar::binary(op, self.integer(below), self.integer(below))
            }
            8 => self.integer(below).in_list([self.integer(below), lit(2i64)]),
            9 => Scalar::new(ScalarOp::InList { negated: true }, [self.text(below), lit("a"), lit("it's")]),
            10 => self.float(below).between(self.float(below), lit(1.5)),
            11 => Scalar::new(ScalarOp::Between { negated: true }, [self.date(below), self.date(0), self.date(0)]),
            12 => {
                let (negated, case_insensitive) = (self.dice.coin(), self.dice.coin());
                let escape = self.dice.coin().then_some('\u{1F600}');
                Scalar::new(ScalarOp::Like { negated, case_insensitive, escape }, [self.text(below), lit("%x_")])
            }
            // A literal of any type at all.
            _ => {
                let arrays = arrays();
                let array = &arrays[self.dice.roll(arrays.len())];
                Scalar::literal(Literal::new(array.slice(self.dice.roll(array.len()), 1))).is_null()
            }
        }
    }

    fn integer(&mut self, depth: usize) -> Scalar {
        if depth == 0 {
            return if self.dice.coin() { col("i") } else { lit(self.dice.roll(9) as i64 - 4) };
        }
        let below = depth - 1;
        match self.dice.roll(5) {
            0 | 1 => {
                let ops = [BinaryOp::Plus, BinaryOp::Minus, BinaryOp::Multiply, BinaryOp::Divide, BinaryOp::Modulo];
                Scalar::binary(ops[self.dice.roll(ops.len())], self.integer(below), self.integer(below))
            }
            2 => -self.integer(below),
            3 => {
                let (operand, otherwise) = (self.dice.coin(), self.dice.coin());
                let mut args = Vec::new();
                if operand {
                    args.push(self.integer(below));
                }
                let when = if operand { self.integer(below) } else { self.boolean(below) };
                args.extend([when, self.integer(below)]);
                if otherwise {
                    args.push(self.integer(below));
                }
                Scalar::new(ScalarOp::Case { operand, otherwise }, args)
            }
            _ => {
                let twice = Engine.function("twice", &[DataType::Int64]).unwrap();
                Scalar::new(ScalarOp::Call(Arc::new(twice)), [self.integer(below)])
            }
        }
    }

    fn float(&mut self, depth: usize) -> Scalar {
        match self.dice.roll(if depth == 0 { 3 } else { 5 }) {
            0 => col("f"),
            1 => lit([0.0, -0.0, 0.1, f64::INFINITY, f64::MIN_POSITIVE][self.dice.roll(5)]),
            2 => lit(f64::from_bits(0x7FF8_0000_0000_0000 + self.dice.roll(99) as u64)),
            _ => {
                let (to, safe) = (DataTypeKey(DataType::Float64), self.dice.coin());
                Scalar::new(ScalarOp::Cast { to, safe }, [self.integer(depth - 1)])
            }
        }
    }

    fn text(&mut self, depth: usize) -> Scalar {
        match self.dice.roll(if depth == 0 { 2 } else { 3 }) {
            0 => col("s"),
            1 => lit(["", "a\"b", "\u{0}\u{FFFF}"][self.dice.roll(3)]),
            _ => Scalar::binary(BinaryOp::Concat, self.text(depth - 1), self.text(depth - 1)),
        }
    }

    fn date(&mut self, depth: usize) -> Scalar {
        match self.dice.roll(if depth == 0 { 2 } else { 3 }) {
            0 => col("d"),
            1 => Scalar::literal(Literal::date(self.dice.roll(99) as i32)),
            _ => Scalar::literal(Literal::null(&DataType::Date32)),
        }
    }
}

/// The same rows under other names.
fn renamed(expr: Expr) -> Expr {
    let names = ["i", "f", "s", "b", "d"].map(|name| (Name::from(format!("{name}2")), col(name)));
    expr.project(names, &Engine).unwrap()
}

/// The columns of a leaf, one of which is another column.
fn same(expr: Expr, one: &str, other: &str) -> Expr {
    let column = |name: &str| (Name::from(name), col(if name == one { other } else { name }));
    expr.project(["i", "f", "s", "b", "d"].map(column), &Engine).unwrap()
}

fn statistics() -> TableStatistics {
    let column = ColumnStatistics {
        distinct: Some(0.1 + 0.2),
        min: Some(f64::NEG_INFINITY),
        max: None,
        null_fraction: Some(1.0 / 3.0),
    };
    TableStatistics { rows: Some(1e300), bytes: Some(u64::MAX), columns: vec![column] }
}
