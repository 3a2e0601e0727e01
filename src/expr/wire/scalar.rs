use std::fmt;
use std::sync::Arc;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use super::super::{
    BinaryOp, DataTypeKey, ExprError, FunctionInfo, FunctionRef, Literal, OuterColumn, Scalar, ScalarOp, ScalarType,
    infer_op,
};
use super::literal::LiteralWire;
use super::{Reading, TypeWire, WireError};

/// How deep a scalar of a document may be: what walks scalars walks them on the stack.
pub(crate) const DEEPEST: usize = 500;

/// A scalar: its operators in post-order, each with the number of its operands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Steps<C>(Vec<(Step<C>, u32)>);

/// What one step of a scalar does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Step<C> {
    Column(C),
    Literal(LiteralWire),
    And,
    Or,
    /// By its symbol.
    Binary(String),
    Not,
    Negate,
    IsNull,
    IsNotNull,
    IsTrue,
    IsNotTrue,
    IsFalse,
    IsNotFalse,
    IsUnknown,
    IsNotUnknown,
    Cast {
        to: TypeWire,
        safe: bool,
    },
    Case {
        operand: bool,
        otherwise: bool,
    },
    InList {
        negated: bool,
    },
    Between {
        negated: bool,
    },
    Like {
        negated: bool,
        case_insensitive: bool,
        escape: Option<char>,
    },
    Call(FunctionName),
    /// A column of the left side of an `apply` around.
    Outer {
        name: String,
        #[serde(rename = "type")]
        data_type: TypeWire,
        nullable: bool,
    },
}

/// A function, by what makes it the same one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FunctionName {
    name: String,
    version: String,
}

impl FunctionName {
    pub(crate) fn of(function: &FunctionInfo) -> Self {
        FunctionName { name: function.name.to_string(), version: function.version.to_string() }
    }

    /// What the reader's engine knows under this name, if it is of this version.
    pub(crate) fn check(self, found: Option<FunctionInfo>, place: &str) -> Result<FunctionRef, WireError> {
        match found {
            Some(found) if *found.version == *self.version && *found.name == *self.name => Ok(Arc::new(found)),
            found => Err(WireError::Function {
                place: place.to_owned(),
                name: self.name,
                version: self.version,
                found: found.map(|found| found.version.to_string()),
            }),
        }
    }
}

impl<W> Steps<W> {
    /// The steps of a scalar, with every column as documents name it there.
    pub(crate) fn of<C>(
        scalar: &Scalar<C>,
        place: &str,
        column: &mut impl FnMut(&C) -> W,
    ) -> Result<Steps<W>, WireError> {
        let mut steps = Vec::new();
        let mut stack = vec![(scalar, false, 1)];
        while let Some((scalar, operands_done, depth)) = stack.pop() {
            if depth > DEEPEST {
                return Err(WireError::TooDeep { place: place.to_owned(), limit: DEEPEST });
            }
            if operands_done {
                steps.push((Step::of(&scalar.op, place, column)?, scalar.args.len() as u32));
            } else {
                stack.push((scalar, true, depth));
                stack.extend(scalar.args.iter().rev().map(|arg| (arg, false, depth + 1)));
            }
        }
        Ok(Steps(steps))
    }

    /// The steps of each argument of a call.
    pub(crate) fn of_args<C>(
        args: &[Scalar<C>],
        place: &str,
        column: &mut impl FnMut(&C) -> W,
    ) -> Result<Vec<Steps<W>>, WireError> {
        args.iter().map(|arg| Steps::of(arg, place, column)).collect()
    }
}

impl<W> Step<W> {
    fn of<C>(op: &ScalarOp<C>, place: &str, column: &mut impl FnMut(&C) -> W) -> Result<Step<W>, WireError> {
        Ok(match op {
            ScalarOp::Column(name) => Step::Column(column(name)),
            ScalarOp::Literal(literal) => Step::Literal(
                LiteralWire::of(literal).map_err(|source| WireError::Data { place: place.to_owned(), source })?,
            ),
            ScalarOp::And => Step::And,
            ScalarOp::Or => Step::Or,
            ScalarOp::Binary(op) => Step::Binary(op.symbol().to_owned()),
            ScalarOp::Not => Step::Not,
            ScalarOp::Negate => Step::Negate,
            ScalarOp::IsNull => Step::IsNull,
            ScalarOp::IsNotNull => Step::IsNotNull,
            ScalarOp::IsTrue => Step::IsTrue,
            ScalarOp::IsNotTrue => Step::IsNotTrue,
            ScalarOp::IsFalse => Step::IsFalse,
            ScalarOp::IsNotFalse => Step::IsNotFalse,
            ScalarOp::IsUnknown => Step::IsUnknown,
            ScalarOp::IsNotUnknown => Step::IsNotUnknown,
            ScalarOp::Cast { to, safe } => Step::Cast { to: TypeWire::of(&to.0), safe: *safe },
            ScalarOp::Case { operand, otherwise } => Step::Case { operand: *operand, otherwise: *otherwise },
            ScalarOp::InList { negated } => Step::InList { negated: *negated },
            ScalarOp::Between { negated } => Step::Between { negated: *negated },
            ScalarOp::Like { negated, case_insensitive, escape } => {
                Step::Like { negated: *negated, case_insensitive: *case_insensitive, escape: *escape }
            }
            ScalarOp::Call(function) => Step::Call(FunctionName::of(function)),
            ScalarOp::Outer(OuterColumn { name, data_type, nullable }) => {
                Step::Outer { name: name.to_string(), data_type: TypeWire::of(&data_type.0), nullable: *nullable }
            }
        })
    }
}

/// Reads scalars, and finds their types on the way: functions are looked up by the types of their
/// arguments.
pub(crate) struct ScalarReader<'a> {
    pub(crate) reading: &'a Reading<'a>,
    /// Where the scalar stands, for errors.
    pub(crate) place: &'a str,
    /// Whether operands of the wrong type are errors. In plans they are not: rules may leave such scalars
    /// behind, and the engine has the last word.
    pub(crate) typed: bool,
    /// Whether there may be outer references: in expressions alone.
    pub(crate) outer: bool,
}

impl ScalarReader<'_> {
    /// The scalar of some steps, and its type. `column` gives the column of this layer, and its type.
    pub(crate) fn read<W, C: fmt::Display>(
        &self,
        steps: Steps<W>,
        column: &mut impl FnMut(W) -> Result<(C, ScalarType), WireError>,
    ) -> Result<(Scalar<C>, ScalarType), WireError> {
        let invalid = |message: &str| WireError::invalid(self.place, message);
        let mut stack: Vec<(Scalar<C>, ScalarType, usize)> = Vec::new();
        for (step, operands) in steps.0 {
            let from = stack.len().checked_sub(operands as usize);
            let from = from.ok_or_else(|| invalid("a scalar has operators without operands"))?;
            let (mut args, mut types, mut depth) = (Vec::with_capacity(stack.len() - from), Vec::new(), 1);
            for (arg, kind, below) in stack.drain(from..) {
                args.push(arg);
                types.push(kind);
                depth = depth.max(below + 1);
            }
            if depth > DEEPEST {
                return Err(WireError::TooDeep { place: self.place.to_owned(), limit: DEEPEST });
            }
            let (op, kind) = match step {
                Step::Column(name) if types.is_empty() => {
                    let (column, kind) = column(name)?;
                    (ScalarOp::Column(column), kind)
                }
                Step::Column(_) => return Err(invalid("a column has operands")),
                step => {
                    let op = self.op(step, &args, &types)?;
                    let kind = match infer_op(&op, &types, self.reading.functions()) {
                        Ok(kind) => kind,
                        Err(ExprError::Type { .. }) if !self.typed => ScalarType::new(DataType::Null, true),
                        Err(error) => return Err(invalid(&error.to_string())),
                    };
                    (op, kind)
                }
            };
            stack.push((Scalar { op, args }, kind, depth));
        }
        match (stack.pop(), stack.is_empty()) {
            (Some((scalar, kind, _)), true) => Ok((scalar, kind)),
            _ => Err(invalid("the steps of a scalar make none, or several")),
        }
    }

    /// The arguments of a call, and their types, by which its function is looked up.
    pub(crate) fn read_args<W, C: fmt::Display>(
        &self,
        args: Vec<Steps<W>>,
        column: &mut impl FnMut(W) -> Result<(C, ScalarType), WireError>,
    ) -> Result<(Vec<Scalar<C>>, Vec<DataType>), WireError> {
        let read = args.into_iter().map(|arg| self.read(arg, column).map(|(arg, kind)| (arg, kind.data_type)));
        read.collect()
    }

    fn op<W, C>(&self, step: Step<W>, args: &[Scalar<C>], types: &[ScalarType]) -> Result<ScalarOp<C>, WireError> {
        Ok(match step {
            Step::Column(_) => return Err(WireError::invalid(self.place, "a column is no operator")),
            Step::Literal(literal) => ScalarOp::Literal(literal.read(self.place)?),
            Step::And => ScalarOp::And,
            Step::Or => ScalarOp::Or,
            Step::Binary(symbol) => {
                let unknown = || WireError::invalid(self.place, format!("no binary operator is written {symbol:?}"));
                ScalarOp::Binary(BinaryOp::from_symbol(&symbol).ok_or_else(unknown)?)
            }
            Step::Not => ScalarOp::Not,
            Step::Negate => ScalarOp::Negate,
            Step::IsNull => ScalarOp::IsNull,
            Step::IsNotNull => ScalarOp::IsNotNull,
            Step::IsTrue => ScalarOp::IsTrue,
            Step::IsNotTrue => ScalarOp::IsNotTrue,
            Step::IsFalse => ScalarOp::IsFalse,
            Step::IsNotFalse => ScalarOp::IsNotFalse,
            Step::IsUnknown => ScalarOp::IsUnknown,
            Step::IsNotUnknown => ScalarOp::IsNotUnknown,
            Step::Cast { to, safe } => ScalarOp::Cast { to: DataTypeKey(to.read(self.place)?), safe },
            Step::Case { operand, otherwise } => ScalarOp::Case { operand, otherwise },
            Step::InList { negated } => ScalarOp::InList { negated },
            Step::Between { negated } => ScalarOp::Between { negated },
            Step::Like { negated, case_insensitive, escape } => ScalarOp::Like { negated, case_insensitive, escape },
            Step::Call(function) => {
                let types: Vec<DataType> = types.iter().map(|kind| kind.data_type.clone()).collect();
                let constants: Vec<_> = args.iter().map(constant).collect();
                let found = self.reading.functions().function_of(&function.name, &types, &constants);
                ScalarOp::Call(function.check(found, self.place)?)
            }
            Step::Outer { name, .. } if !self.outer => {
                let message = format!("column `{name}` of an apply around, and there are no applies in a plan");
                return Err(WireError::invalid(self.place, message));
            }
            Step::Outer { name, data_type, nullable } => {
                let data_type = DataTypeKey(data_type.read(self.place)?);
                ScalarOp::Outer(OuterColumn { name: name.into(), data_type, nullable })
            }
        })
    }

    /// An aggregate function of the engine, by name and version, at these argument types.
    pub(crate) fn aggregate(&self, function: FunctionName, types: &[DataType]) -> Result<FunctionRef, WireError> {
        let found = self.reading.functions().aggregate(&function.name, types);
        function.check(found, self.place)
    }
}

fn constant<C>(scalar: &Scalar<C>) -> Option<&Literal> {
    match &scalar.op {
        ScalarOp::Literal(literal) => Some(literal),
        _ => None,
    }
}
