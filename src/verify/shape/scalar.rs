use arrow_schema::DataType;

use super::{Flavour, Maker};
use crate::expr::{BinaryOp, FunctionInfo, Functions, Literal, ScalarOp};
use crate::rules::ExampleFunctions;
use crate::term::{ColumnId, PredicatesId, ScalarId, TermId};

const COMPARISONS: [BinaryOp; 4] = [BinaryOp::Eq, BinaryOp::NotEq, BinaryOp::Lt, BinaryOp::GtEq];

impl Maker<'_> {
    /// One to three conjuncts over the columns of some relations.
    pub fn conjunction(&mut self, inputs: &[TermId]) -> PredicatesId {
        let count = 1 + self.dice.below(1 + self.size.min(2));
        let conjuncts: Vec<_> = (0..count).map(|_| self.condition(inputs)).collect();
        self.terms.intern_predicates(conjuncts)
    }

    /// The condition of a join: mostly with an equality of both sides.
    pub fn condition_of_join(&mut self, left: TermId, right: TermId) -> PredicatesId {
        let mut conjuncts = Vec::new();
        if !self.dice.once_in(4) {
            conjuncts.extend(self.equality(left, right));
        }
        if conjuncts.is_empty() || self.dice.once_in(3) {
            conjuncts.push(self.condition(&[left, right]));
        }
        self.terms.intern_predicates(conjuncts)
    }

    /// `a = x` for a column of each side, of one type.
    fn equality(&mut self, left: TermId, right: TermId) -> Option<ScalarId> {
        let lefts = self.scope(&[left]);
        let a = *self.dice.pick(&lefts)?;
        let kind = self.terms.column(a).data_type.clone();
        let rights: Vec<ColumnId> = self.scope(&[right]);
        let rights: Vec<ColumnId> =
            rights.into_iter().filter(|column| self.terms.column(*column).data_type == kind).collect();
        let b = *self.dice.pick(&rights)?;
        let (a, b) = (self.terms.column_scalar(a), self.terms.column_scalar(b));
        Some(self.terms.scalar(ScalarOp::Binary(BinaryOp::Eq), [a, b]))
    }

    /// A truth value over the columns of some relations.
    pub fn condition(&mut self, inputs: &[TermId]) -> ScalarId {
        let scope = self.scope(inputs);
        match self.flavour {
            Flavour::Volatile if self.dice.once_in(2) => {
                let (drawn, one) = (self.call_of("random"), self.terms.literal(1i64));
                return self.terms.scalar(ScalarOp::Binary(BinaryOp::Eq), [drawn, one]);
            }
            Flavour::Failing if self.dice.once_in(2) => {
                if let Some(column) = self.of_type(&scope, &DataType::Int64) {
                    let (one, column) = (self.terms.literal(1i64), self.terms.column_scalar(column));
                    let quotient = self.terms.scalar(ScalarOp::Binary(BinaryOp::Divide), [one, column]);
                    return self.terms.scalar(ScalarOp::Binary(BinaryOp::Eq), [quotient, one]);
                }
            }
            _ => {}
        }
        self.truth(&scope, self.size.min(2))
    }

    /// A truth value over columns.
    pub fn truth(&mut self, scope: &[ColumnId], depth: usize) -> ScalarId {
        let choice = self.dice.below(if depth == 0 { 9 } else { 15 });
        let Some(column) = self.dice.pick(scope).copied() else { return self.terms.literal(choice.is_multiple_of(2)) };
        let kind = self.terms.column(column).data_type.clone();
        let operand = self.terms.column_scalar(column);
        match choice {
            0 | 1 => self.terms.scalar(ScalarOp::IsNull, [operand]),
            2 => self.terms.scalar(ScalarOp::IsNotNull, [operand]),
            3 if self.dice.once_in(2) => match self.dice.below(3) {
                0 => self.terms.literal(true),
                1 => self.terms.literal(false),
                _ => self.terms.literal(Literal::null(&DataType::Boolean)),
            },
            9 | 10 => {
                let args = [self.truth(scope, depth - 1), self.truth(scope, depth - 1)];
                self.terms.scalar(if choice == 9 { ScalarOp::And } else { ScalarOp::Or }, args)
            }
            11 => {
                let arg = self.truth(scope, depth - 1);
                self.terms.scalar(ScalarOp::Not, [arg])
            }
            12 => {
                let arg = self.truth(scope, depth - 1);
                self.terms.scalar(ScalarOp::IsTrue, [arg])
            }
            13 => {
                let other = self.value(scope, &kind, depth - 1);
                self.terms.scalar(ScalarOp::Binary(BinaryOp::IsNotDistinctFrom), [operand, other])
            }
            14 => {
                let (one, other) = (self.value(scope, &kind, 0), self.value(scope, &kind, 0));
                self.terms.scalar(ScalarOp::InList { negated: self.dice.once_in(2) }, [operand, one, other])
            }
            _ if kind == DataType::Boolean => operand,
            _ => {
                let comparison = COMPARISONS[self.dice.below(COMPARISONS.len())];
                let other = self.value(scope, &kind, depth.saturating_sub(1));
                self.terms.scalar(ScalarOp::Binary(comparison), [operand, other])
            }
        }
    }

    /// A value of a type over columns.
    pub fn value(&mut self, scope: &[ColumnId], kind: &DataType, depth: usize) -> ScalarId {
        let numeric = matches!(kind, DataType::Int64 | DataType::Float64);
        match self.dice.below(if depth == 0 { 4 } else { 7 }) {
            0 | 1 => self.constant(kind),
            4 | 5 if numeric => {
                let args = [self.value(scope, kind, depth - 1), self.value(scope, kind, depth - 1)];
                let op = if self.dice.once_in(2) { BinaryOp::Plus } else { BinaryOp::Minus };
                self.terms.scalar(ScalarOp::Binary(op), args)
            }
            6 => {
                let args = [self.truth(scope, 0), self.value(scope, kind, 0), self.value(scope, kind, 0)];
                self.terms.scalar(ScalarOp::Case { operand: false, otherwise: true }, args)
            }
            _ => match self.of_type(scope, kind) {
                Some(column) => self.terms.column_scalar(column),
                None => self.constant(kind),
            },
        }
    }

    fn constant(&mut self, kind: &DataType) -> ScalarId {
        let number = self.dice.below(2);
        match kind {
            DataType::Int64 => self.terms.literal(number as i64),
            DataType::Float64 => self.terms.literal(number as f64),
            DataType::Boolean => self.terms.literal(number == 0),
            DataType::Utf8 => self.terms.literal(Literal::from(["a", "b"][number])),
            kind => self.terms.literal(Literal::null(kind)),
        }
    }

    /// A column of a type.
    pub fn of_type(&mut self, scope: &[ColumnId], kind: &DataType) -> Option<ColumnId> {
        let fitting: Vec<ColumnId> =
            scope.iter().copied().filter(|column| self.terms.column(*column).data_type == *kind).collect();
        self.dice.pick(&fitting).copied()
    }

    /// A call of an example function without arguments.
    pub fn call_of(&mut self, name: &str) -> ScalarId {
        let info: Option<FunctionInfo> = ExampleFunctions.function(name, &[]);
        match info {
            Some(info) => self.terms.scalar(ScalarOp::Call(info.into()), []),
            None => self.terms.literal(0i64),
        }
    }

    /// A computed column's value: over the columns of some relations, or volatile, or failing.
    pub fn computed(&mut self, scope: &[ColumnId]) -> ScalarId {
        match self.flavour {
            Flavour::Volatile if self.dice.once_in(2) => return self.call_of("random"),
            Flavour::Volatile if self.dice.once_in(3) => return self.call_of("today"),
            Flavour::Failing if self.dice.once_in(2) => {
                if let Some(column) = self.of_type(scope, &DataType::Int64) {
                    let (one, column) = (self.terms.literal(1i64), self.terms.column_scalar(column));
                    return self.terms.scalar(ScalarOp::Binary(BinaryOp::Divide), [one, column]);
                }
            }
            _ => {}
        }
        let kind = self.dice.pick(scope).map(|column| self.terms.column(*column).data_type.clone());
        self.value(scope, &kind.unwrap_or(DataType::Int64), 1)
    }
}
