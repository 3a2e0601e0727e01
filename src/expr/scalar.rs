use std::fmt;
use std::sync::Arc;

use super::{BinaryOp, Literal, OuterColumn, ScalarOp};
use crate::token::{Tokenize, Tokenizer};

/// A column's name.
pub type Name = Arc<str>;

/// A scalar expression: an operator and its operands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar<C = Name> {
    /// What the node does.
    pub op: ScalarOp<C>,
    /// Its operands.
    pub args: Vec<Scalar<C>>,
}

impl<C> Scalar<C> {
    /// A node of an operator and operands.
    pub fn new(op: ScalarOp<C>, args: impl Into<Vec<Scalar<C>>>) -> Self {
        Scalar { op, args: args.into() }
    }

    /// A column.
    pub fn column(column: C) -> Self {
        Scalar::new(ScalarOp::Column(column), [])
    }

    /// A constant.
    pub fn literal(literal: impl Into<Literal>) -> Self {
        Scalar::new(ScalarOp::Literal(literal.into()), [])
    }

    /// An operator of two operands.
    pub fn binary(op: BinaryOp, left: Scalar<C>, right: Scalar<C>) -> Self {
        Scalar::new(ScalarOp::Binary(op), [left, right])
    }

    /// The conjunction of some scalars: `true` for none, the scalar itself for one.
    pub fn all(mut scalars: Vec<Scalar<C>>) -> Self {
        match scalars.len() {
            0 => Scalar::literal(true),
            1 => scalars.remove(0),
            _ => Scalar::new(ScalarOp::And, scalars),
        }
    }

    /// The same scalar with every column replaced, or the first error that replacing one gives.
    ///
    /// # Errors
    /// The first that replacing a column gives.
    pub fn try_map<D, E>(&self, column: &mut impl FnMut(&C) -> Result<D, E>) -> Result<Scalar<D>, E> {
        let op = self.op.try_map(column)?;
        let args = self.args.iter().map(|arg| arg.try_map(column)).collect::<Result<_, _>>()?;
        Ok(Scalar { op, args })
    }

    /// Calls `visit` for every column, in written order.
    pub fn for_each_column(&self, visit: &mut impl FnMut(&C)) {
        if let ScalarOp::Column(column) = &self.op {
            visit(column);
        }
        self.args.iter().for_each(|arg| arg.for_each_column(visit));
    }

    /// Calls `visit` for every outer reference, in written order.
    pub fn for_each_outer(&self, visit: &mut impl FnMut(&OuterColumn)) {
        if let ScalarOp::Outer(outer) = &self.op {
            visit(outer);
        }
        self.args.iter().for_each(|arg| arg.for_each_outer(visit));
    }

    /// The conjuncts of this scalar: itself, unless it is a conjunction.
    pub fn conjuncts(self) -> Vec<Scalar<C>> {
        match self.op {
            ScalarOp::And => self.args.into_iter().flat_map(Scalar::conjuncts).collect(),
            _ => vec![self],
        }
    }
}

impl<C: Tokenize> Tokenize for Scalar<C> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put(&self.op);
        tokenizer.put_sequence(self.args.len());
        self.args.iter().for_each(|arg| tokenizer.put(arg));
    }
}

impl<C: fmt::Display> fmt::Display for Scalar<C> {
    /// The notation of plans: `(a = 1)`, `(and (a = 1) (is-null b))`, `(cast a Int64)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.op, self.args.as_slice()) {
            (ScalarOp::Column(column), _) => write!(f, "{column}"),
            (ScalarOp::Literal(literal), _) => write!(f, "{literal}"),
            (ScalarOp::Outer(outer), _) => write!(f, "(outer {})", outer.name),
            (ScalarOp::Binary(op), [left, right]) => write!(f, "({left} {} {right})", op.symbol()),
            (op, args) => {
                write!(f, "({}", op.name())?;
                if let ScalarOp::Case { operand, otherwise } = op {
                    write!(f, "{}{}", if *operand { "-of" } else { "" }, if *otherwise { "" } else { "-no-else" })?;
                }
                args.iter().try_for_each(|arg| write!(f, " {arg}"))?;
                if let ScalarOp::Cast { to, .. } = op {
                    write!(f, " {}", to.0)?;
                }
                if let ScalarOp::Like { escape: Some(escape), .. } = op {
                    write!(f, " escape '{escape}'")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// A column by name.
///
/// ```
/// use leafhold::expr::{col, lit};
/// assert_eq!(col("price").gt(lit(1i64)).and(col("ok")).to_string(), "(and (price > 1) ok)");
/// ```
pub fn col(name: impl Into<Name>) -> Scalar {
    Scalar::column(name.into())
}

/// A constant.
pub fn lit(value: impl Into<Literal>) -> Scalar {
    Scalar::literal(value)
}

/// `CASE WHEN .. THEN .. [WHEN ..] ELSE .. END`.
pub fn case(arms: impl IntoIterator<Item = (Scalar, Scalar)>, otherwise: Scalar) -> Scalar {
    let mut args: Vec<_> = arms.into_iter().flat_map(|(when, then)| [when, then]).collect();
    args.push(otherwise);
    Scalar::new(ScalarOp::Case { operand: false, otherwise: true }, args)
}
