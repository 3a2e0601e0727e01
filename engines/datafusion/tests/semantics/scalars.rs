//! Random scalars of a type over some columns.

use arrow_schema::{DataType, Schema};
use leafhold::expr::{
    AggregateCall, AggregateFunction, BinaryOp, DataTypeKey, Functions, Literal, Scalar, ScalarOp, col, infer,
};
use leafhold::term::interpret::literal_of;
use leafhold_datafusion::EngineFunctions;

use crate::random::Random;
use crate::table::{KINDS, some_value};

/// A source of scalars over the columns of `schema`.
pub struct Scalars<'a> {
    pub random: &'a mut Random,
    pub schema: &'a Schema,
}

/// The type of a scalar.
pub fn kind_of(scalar: &Scalar, schema: &Schema) -> DataType {
    infer(scalar, schema, &EngineFunctions).unwrap_or_else(|error| panic!("{scalar}: {error}")).data_type
}

const COMPARISONS: [BinaryOp; 8] = [
    BinaryOp::Eq,
    BinaryOp::Eq,
    BinaryOp::NotEq,
    BinaryOp::Lt,
    BinaryOp::LtEq,
    BinaryOp::Gt,
    BinaryOp::GtEq,
    BinaryOp::IsNotDistinctFrom,
];

impl Scalars<'_> {
    fn column(&mut self, kind: &DataType) -> Option<Scalar> {
        let fields: Vec<_> = self.schema.fields().iter().filter(|field| field.data_type() == kind).collect();
        match fields.is_empty() {
            true => None,
            false => Some(col(self.random.pick(&fields).name().as_str())),
        }
    }

    /// A constant; now and then null.
    pub fn literal(&mut self, kind: &DataType) -> Scalar {
        match self.random.percent(6) {
            true => Scalar::literal(Literal::null(kind)),
            false => Scalar::literal(literal_of(&some_value(self.random, kind), kind).unwrap()),
        }
    }

    fn leaf(&mut self, kind: &DataType) -> Scalar {
        match self.column(kind) {
            Some(column) if self.random.percent(85) => column,
            _ => self.literal(kind),
        }
    }

    /// A type that some column has, mostly.
    pub fn kind(&mut self) -> DataType {
        match self.schema.fields().is_empty() || self.random.percent(10) {
            true => self.random.pick(&KINDS).clone(),
            false => self.random.pick(self.schema.fields()).data_type().clone(),
        }
    }

    /// A scalar of a type.
    pub fn value(&mut self, kind: &DataType, depth: usize) -> Scalar {
        if *kind == DataType::Boolean && depth > 0 && self.random.percent(70) {
            return self.predicate(depth);
        }
        if depth == 0 || self.random.percent(40) {
            return self.leaf(kind);
        }
        if self.random.percent(20) {
            return self.case(kind, depth);
        }
        let down = depth - 1;
        match kind {
            DataType::Int64 => match self.random.below(12) {
                0 => -self.value(kind, down),
                1 => self.value(&DataType::Boolean, down).cast(kind.clone()),
                2 => self.value(&DataType::Decimal128(10, 2), down).cast(kind.clone()),
                3 => self.try_cast(&DataType::Utf8, kind, down),
                4 => self.try_cast(&DataType::Float64, kind, down),
                5 if self.random.percent(30) => self.value(&DataType::Utf8, down).cast(kind.clone()),
                5 | 6 => {
                    let op = *self.random.pick(&[BinaryOp::Divide, BinaryOp::Modulo]);
                    let divisor = match self.random.percent(10) {
                        true => self.value(kind, 0),
                        false => Scalar::literal(*self.random.pick(&[-1i64, 2, 3])),
                    };
                    Scalar::binary(op, self.value(kind, down), divisor)
                }
                _ => self.arithmetic(&[BinaryOp::Plus, BinaryOp::Minus, BinaryOp::Multiply], kind, down),
            },
            DataType::Float64 => match self.random.below(10) {
                0 => -self.value(kind, down),
                1 => self.value(&DataType::Int64, down).cast(kind.clone()),
                2 => self.value(&DataType::Decimal128(10, 2), down).cast(kind.clone()),
                3 => self.value(kind, down) + self.value(&DataType::Int64, down),
                4 => self.arithmetic(&[BinaryOp::Divide, BinaryOp::Modulo], kind, down),
                _ => self.arithmetic(&[BinaryOp::Plus, BinaryOp::Minus, BinaryOp::Multiply], kind, down),
            },
            DataType::Utf8 => match self.random.below(4) {
                0 => self.value(&DataType::Int64, down).cast(kind.clone()),
                1 => self.value(&DataType::Date32, down).cast(kind.clone()),
                2 => self.upper(down),
                _ => self.arithmetic(&[BinaryOp::Concat], kind, down),
            },
            DataType::Decimal128(_, _) => match self.random.below(3) {
                0 => -self.value(kind, down),
                1 => self.try_cast(&DataType::Int64, kind, down),
                _ => self.leaf(kind),
            },
            DataType::Date32 => self.try_cast(&DataType::Utf8, kind, down),
            _ => self.leaf(kind),
        }
    }

    /// A scalar of whatever type: also decimals of more digits.
    pub fn any(&mut self, depth: usize) -> Scalar {
        let kind = self.kind();
        let value = self.value(&kind, depth);
        if !kind.is_decimal() || !self.random.percent(50) {
            return value;
        }
        let op = *self.random.pick(&[
            BinaryOp::Plus,
            BinaryOp::Minus,
            BinaryOp::Multiply,
            BinaryOp::Multiply,
            BinaryOp::Divide,
            BinaryOp::Modulo,
        ]);
        let other = match op {
            BinaryOp::Divide | BinaryOp::Modulo => {
                Scalar::literal(Literal::decimal(*self.random.pick(&[150, -300]), 10, 2).unwrap())
            }
            _ => self.value(&DataType::Decimal128(10, 2), 0),
        };
        let combined = Scalar::binary(op, value.clone(), other);
        // More digits are no more tests, and overflow is an error in either engine.
        match kind_of(&combined, self.schema) {
            DataType::Decimal128(precision, _) if precision <= 30 => combined,
            _ => value,
        }
    }

    fn arithmetic(&mut self, ops: &[BinaryOp], kind: &DataType, depth: usize) -> Scalar {
        let op = *self.random.pick(ops);
        let left = self.value(kind, depth);
        Scalar::binary(op, left, self.value(kind, depth))
    }

    fn try_cast(&mut self, from: &DataType, to: &DataType, depth: usize) -> Scalar {
        let op = ScalarOp::Cast { to: DataTypeKey(to.clone()), safe: true };
        Scalar::new(op, [self.value(from, depth)])
    }

    fn upper(&mut self, depth: usize) -> Scalar {
        let info = EngineFunctions.function("upper", &[DataType::Utf8]).unwrap();
        Scalar::new(ScalarOp::Call(info.into()), [self.value(&DataType::Utf8, depth)])
    }

    fn case(&mut self, kind: &DataType, depth: usize) -> Scalar {
        let (operand, otherwise) = (self.random.percent(30), self.random.percent(70));
        let when = if operand { self.kind() } else { DataType::Boolean };
        let mut args = Vec::new();
        if operand {
            args.push(self.value(&when, depth - 1));
        }
        for _ in 0..1 + self.random.below(2) {
            args.push(self.value(&when, depth - 1));
            args.push(self.value(kind, depth - 1));
        }
        if otherwise {
            args.push(self.value(kind, depth - 1));
        }
        Scalar::new(ScalarOp::Case { operand, otherwise }, args)
    }

    /// A boolean scalar.
    pub fn predicate(&mut self, depth: usize) -> Scalar {
        let down = depth.saturating_sub(1);
        match self.random.below(if depth > 0 { 13 } else { 7 }) {
            0..=3 => self.comparison(down),
            4 => {
                let op = if self.random.percent(50) { ScalarOp::IsNull } else { ScalarOp::IsNotNull };
                let kind = self.kind();
                Scalar::new(op, [self.value(&kind, down)])
            }
            5 => {
                let kind = self.kind();
                let mut args = vec![self.value(&kind, down)];
                (0..1 + self.random.below(3)).for_each(|_| args.push(self.literal(&kind)));
                Scalar::new(ScalarOp::InList { negated: self.random.percent(40) }, args)
            }
            6 => {
                let kind = self.kind();
                let args: Vec<_> = (0..3).map(|_| self.value(&kind, 0)).collect();
                Scalar::new(ScalarOp::Between { negated: self.random.percent(30) }, args)
            }
            7 => {
                let (negated, case_insensitive) = (self.random.percent(40), self.random.percent(30));
                let pattern = *self.random.pick(&["a%", "%b", "_", "%", "", "a\\%", "%A%"]);
                let op = ScalarOp::Like { negated, case_insensitive, escape: None };
                Scalar::new(op, [self.value(&DataType::Utf8, down), Scalar::literal(pattern)])
            }
            8 => !self.predicate(down),
            9 => Scalar::new(ScalarOp::IsTrue, [self.predicate(down)]),
            10 => self.leaf(&DataType::Boolean),
            which => {
                let args: Vec<_> = (0..2 + self.random.below(2)).map(|_| self.predicate(down)).collect();
                Scalar::new(if which == 11 { ScalarOp::And } else { ScalarOp::Or }, args)
            }
        }
    }

    fn comparison(&mut self, depth: usize) -> Scalar {
        let kind = self.kind();
        let other = match kind {
            DataType::Int64 if self.random.percent(15) => DataType::Float64,
            DataType::Decimal128(_, _) if self.random.percent(15) => DataType::Int64,
            _ => kind.clone(),
        };
        let op = *self.random.pick(&COMPARISONS);
        let left = self.value(&kind, depth);
        Scalar::binary(op, left, self.value(&other, depth))
    }

    /// An aggregate.
    pub fn aggregate(&mut self) -> AggregateCall {
        let arg = match self.random.percent(60) {
            true => {
                let kind = self.kind();
                self.leaf(&kind)
            }
            false => self.any(1),
        };
        let kind = kind_of(&arg, self.schema);
        let number = kind.is_numeric();
        let function = match self.random.below(if number { 8 } else { 5 }) {
            0 => return AggregateCall::new(AggregateFunction::Count, []),
            1 | 2 => AggregateFunction::Count,
            3 => AggregateFunction::Min,
            4 => AggregateFunction::Max,
            5 | 6 => AggregateFunction::Sum,
            _ => AggregateFunction::Avg,
        };
        let distinct = function != AggregateFunction::Avg && self.random.percent(25);
        let call = AggregateCall { distinct, ..AggregateCall::new(function, [arg]) };
        match self.random.percent(20) {
            true => call.filter(self.predicate(1)),
            false => call,
        }
    }
}
