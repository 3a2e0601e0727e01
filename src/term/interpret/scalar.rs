//! Scalars of one row. AND, OR and CASE evaluate from left to right, and only what they need.

use std::collections::HashMap;
use std::convert::Infallible;

use arrow_schema::DataType;

use super::arithmetic::{self, Fault};
use super::arrow::{cast, literal_of, values_of};
use super::compare::compare;
use super::like::like;
use super::{EvalError, Tables, Value};
use crate::expr::{BinaryOp, FunctionInfo, ScalarOp, Semantics};
use crate::term::{ColumnId, ScalarId, Terms};

/// Where each column of a relation stands in its rows.
pub(super) type Positions = HashMap<ColumnId, usize>;

/// Where the columns of a relation stand.
pub(super) fn positions(columns: &[ColumnId]) -> Positions {
    columns.iter().enumerate().map(|(at, column)| (*column, at)).collect()
}

/// What evaluation needs beside the row.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub terms: &'a Terms,
    pub semantics: &'a Semantics,
    pub tables: &'a Tables,
    /// The left row of the `apply` around this, and where its columns stand.
    pub outer: Option<(&'a Positions, &'a [Value])>,
}

impl Context<'_> {
    /// The value of a conjunction where null is not false: false as soon as one conjunct is, else null if one is null.
    pub fn all(&self, conjuncts: &[ScalarId], at: &Positions, row: &[Value]) -> Result<Option<bool>, EvalError> {
        self.connective(true, conjuncts, at, row)
    }

    /// Whether all conjuncts are true: each is evaluated only where those before it are. So one conjunction is a
    /// sequence of filters, and a filter over a filter means what both in one mean.
    pub fn holds(&self, conjuncts: &[ScalarId], at: &Positions, row: &[Value]) -> Result<bool, EvalError> {
        for conjunct in conjuncts {
            if self.scalar(*conjunct, at, row)?.as_bool() != Some(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The value of a scalar.
    pub fn scalar(&self, scalar: ScalarId, at: &Positions, row: &[Value]) -> Result<Value, EvalError> {
        let node = self.terms.node(scalar);
        let args = node.args.as_slice();
        let arg = |which: usize| self.scalar(args[which], at, row);
        let truth = |value: Option<bool>| Value::from(value);
        Ok(match &node.op {
            ScalarOp::Column(column) => match at.get(column) {
                Some(at) => row[*at].clone(),
                None => match self.outer.and_then(|(at, row)| Some(row[*at.get(column)?].clone())) {
                    Some(value) => value,
                    None => return Err(EvalError::MissingColumn { place: "a scalar", column: *column }),
                },
            },
            ScalarOp::Literal(literal) => values_of(literal.array()).remove(0),
            ScalarOp::And => truth(self.connective(true, args, at, row)?),
            ScalarOp::Or => truth(self.connective(false, args, at, row)?),
            ScalarOp::Not => truth(arg(0)?.as_bool().map(|value| !value)),
            ScalarOp::IsNull => arg(0)?.is_null().into(),
            ScalarOp::IsNotNull => (!arg(0)?.is_null()).into(),
            ScalarOp::IsTrue => (arg(0)?.as_bool() == Some(true)).into(),
            ScalarOp::IsNotTrue => (arg(0)?.as_bool() != Some(true)).into(),
            ScalarOp::IsFalse => (arg(0)?.as_bool() == Some(false)).into(),
            ScalarOp::IsNotFalse => (arg(0)?.as_bool() != Some(false)).into(),
            ScalarOp::IsUnknown => arg(0)?.as_bool().is_none().into(),
            ScalarOp::IsNotUnknown => arg(0)?.as_bool().is_some().into(),
            ScalarOp::Outer(outer) => {
                let what = format!("the outer reference `{}`, which no `apply` binds,", outer.name);
                return Err(EvalError::Unsupported { what });
            }
            ScalarOp::Negate => {
                let value = arg(0)?;
                match value.is_null() {
                    true => value,
                    false => {
                        let negated = arithmetic::negate(&value, self.semantics);
                        negated.or_else(|fault| self.fault(fault, scalar, &[value]))?
                    }
                }
            }
            ScalarOp::Binary(op) => self.binary(*op, scalar, arg(0)?, arg(1)?)?,
            ScalarOp::Cast { to, safe } => cast(&arg(0)?, self.kind(args[0]), &to.0, *safe)?,
            ScalarOp::Case { operand, otherwise } => self.case(args, *operand, *otherwise, at, row)?,
            ScalarOp::InList { negated } => {
                let value = arg(0)?;
                let mut found = Some(false);
                for item in &args[1..] {
                    match self.compares(BinaryOp::Eq, &value, &self.scalar(*item, at, row)?)? {
                        Some(true) => found = Some(true),
                        None if found == Some(false) => found = None,
                        _ => {}
                    }
                }
                truth(found.map(|found| found != *negated))
            }
            ScalarOp::Between { negated } => {
                let value = arg(0)?;
                let low = self.compares(BinaryOp::GtEq, &value, &arg(1)?)?;
                let high = self.compares(BinaryOp::LtEq, &value, &arg(2)?)?;
                truth(and(low, high).map(|within| within != *negated))
            }
            ScalarOp::Like { negated, case_insensitive, escape } => match (arg(0)?, arg(1)?) {
                (Value::Text(text), Value::Text(pattern)) => {
                    (like(&text, &pattern, escape.unwrap_or('\\'), *case_insensitive) != *negated).into()
                }
                _ => Value::Null,
            },
            ScalarOp::Call(function) => {
                let values = args.iter().map(|arg| self.scalar(*arg, at, row)).collect::<Result<Vec<_>, _>>()?;
                self.call(function, scalar, &values)?
            }
        })
    }

    /// Conjunction (`and`) or disjunction: decided by the first operand that decides.
    fn connective(
        &self,
        and: bool,
        args: &[ScalarId],
        at: &Positions,
        row: &[Value],
    ) -> Result<Option<bool>, EvalError> {
        let mut result = Some(and);
        for arg in args {
            match self.scalar(*arg, at, row)?.as_bool() {
                Some(value) if value != and => return Ok(Some(!and)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    fn case(
        &self,
        args: &[ScalarId],
        operand: bool,
        otherwise: bool,
        at: &Positions,
        row: &[Value],
    ) -> Result<Value, EvalError> {
        let (first, arms) = args.split_at(usize::from(operand));
        let (arms, last) = arms.split_at(arms.len() - usize::from(otherwise));
        let value = first.first().map(|first| self.scalar(*first, at, row)).transpose()?;
        for arm in arms.chunks_exact(2) {
            let when = self.scalar(arm[0], at, row)?;
            let taken = match &value {
                Some(value) => self.compares(BinaryOp::Eq, value, &when)?,
                None => when.as_bool(),
            };
            if taken == Some(true) {
                return self.scalar(arm[1], at, row);
            }
        }
        last.first().map_or(Ok(Value::Null), |last| self.scalar(*last, at, row))
    }

    fn binary(&self, op: BinaryOp, scalar: ScalarId, left: Value, right: Value) -> Result<Value, EvalError> {
        match op {
            op if op.is_comparison() => Ok(self.compares(op, &left, &right)?.into()),
            _ if left.is_null() || right.is_null() => Ok(Value::Null),
            BinaryOp::Concat => match (&left, &right) {
                (Value::Text(a), Value::Text(b)) => Ok(Value::Text(format!("{a}{b}").into())),
                _ => self.fault(Fault::Unknown, scalar, &[left, right]),
            },
            _ => {
                let result = arithmetic::binary(op, &left, &right, self.kind(scalar), self.semantics);
                result.or_else(|fault| self.fault(fault, scalar, &[left, right]))
            }
        }
    }

    /// A comparison of two values: null where either is, except for the two that know nulls.
    pub fn compares(&self, op: BinaryOp, left: &Value, right: &Value) -> Result<Option<bool>, EvalError> {
        if let BinaryOp::IsDistinctFrom | BinaryOp::IsNotDistinctFrom = op {
            let same = match (left.is_null(), right.is_null()) {
                (false, false) => compare(left, right, self.semantics)?.is_some_and(|order| order.is_eq()),
                (left, right) => left && right,
            };
            return Ok(Some(same == (op == BinaryOp::IsNotDistinctFrom)));
        }
        if left.is_null() || right.is_null() {
            return Ok(None);
        }
        let order = compare(left, right, self.semantics)?;
        Ok(Some(match op {
            BinaryOp::NotEq => order.is_none_or(|order| order.is_ne()),
            BinaryOp::Lt => order.is_some_and(|order| order.is_lt()),
            BinaryOp::LtEq => order.is_some_and(|order| order.is_le()),
            BinaryOp::Gt => order.is_some_and(|order| order.is_gt()),
            BinaryOp::GtEq => order.is_some_and(|order| order.is_ge()),
            _ => order.is_some_and(|order| order.is_eq()),
        }))
    }

    fn call(&self, function: &FunctionInfo, scalar: ScalarId, values: &[Value]) -> Result<Value, EvalError> {
        if function.strict && values.iter().any(Value::is_null) {
            return Ok(Value::Null);
        }
        let Some(calls) = self.tables.calls() else { return self.ask(scalar, values) };
        let result = calls(function, &self.literals(scalar, values)?);
        let result = result.map_err(|reason| EvalError::Call { function: function.name.to_string(), reason })?;
        Ok(values_of(result.array()).remove(0))
    }

    /// What the engine says of an operation that the interpreter does not know.
    fn ask(&self, scalar: ScalarId, values: &[Value]) -> Result<Value, EvalError> {
        let op = match &self.terms.node(scalar).op {
            ScalarOp::Binary(op) => ScalarOp::Binary(*op),
            ScalarOp::Negate => ScalarOp::Negate,
            ScalarOp::Call(function) => ScalarOp::Call(function.clone()),
            _ => return Err(EvalError::Unsupported { what: format!("`{}`", self.text(scalar)) }),
        };
        match self.terms.functions().evaluate(&op, &self.literals(scalar, values)?) {
            Some(literal) => Ok(values_of(literal.array()).remove(0)),
            None => Err(EvalError::Unsupported { what: format!("`{}`", self.text(scalar)) }),
        }
    }

    fn literals(&self, scalar: ScalarId, values: &[Value]) -> Result<Vec<crate::expr::Literal>, EvalError> {
        let args = &self.terms.node(scalar).args;
        args.iter().zip(values).map(|(arg, value)| literal_of(value, self.kind(*arg))).collect()
    }

    fn fault(&self, fault: Fault, scalar: ScalarId, values: &[Value]) -> Result<Value, EvalError> {
        match fault {
            Fault::Zero => Err(EvalError::DivisionByZero { scalar: self.text(scalar) }),
            Fault::Overflow => {
                Err(EvalError::Overflow { scalar: self.text(scalar), data_type: self.kind(scalar).clone() })
            }
            Fault::Unknown => self.ask(scalar, values),
        }
    }

    fn kind(&self, scalar: ScalarId) -> &DataType {
        &self.terms.scalar_facts(scalar).data_type
    }

    /// A scalar as errors print it: columns by name.
    fn text(&self, scalar: ScalarId) -> String {
        let name = |column: &ColumnId| Ok::<_, Infallible>(self.terms.column(*column).name.clone());
        match self.terms.tree(scalar).try_map(&mut { name }) {
            Ok(tree) => tree.to_string(),
            Err(never) => match never {},
        }
    }
}

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}
