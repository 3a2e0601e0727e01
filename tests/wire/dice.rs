//! Random expressions over every operator and scalar: a list of numbers decides.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};
use leafhold::expr::{
    AggregateCall, AggregateFunction, BinaryOp, DataTypeKey, Expr, Functions, JoinKind, Literal, Name, Scalar,
    ScalarOp, SortKey, col, lit,
};
use leafhold::leaf::{ColumnStatistics, FromDelayed, FutureHandle, Leaf, Scan, TableStatistics, Values};

use crate::arrays::arrays;
use crate::engine::{Engine, Opaque, Table, remote};

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
        match self.dice.roll(10) {
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
            _ => Expr::barrier(Arc::new(Opaque::new("window", schema())), vec![input]).unwrap(),
        }
    }

    fn join(&mut self, left: Expr, right: Expr) -> Expr {
        let names = ["i", "f", "s", "b", "d"];
        let renamed = names.map(|name| (Name::from(format!("{name}2")), col(name)));
        let right = right.project(renamed, &Engine).unwrap();
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
        let rows = input.aggregate(group, calls, &Engine).unwrap();
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
            5 => Scalar::new(ScalarOp::IsTrue, [self.boolean(below)]),
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

fn statistics() -> TableStatistics {
    let column = ColumnStatistics {
        distinct: Some(0.1 + 0.2),
        min: Some(f64::NEG_INFINITY),
        max: None,
        null_fraction: Some(1.0 / 3.0),
    };
    TableStatistics { rows: Some(1e300), bytes: Some(u64::MAX), columns: vec![column] }
}
