use arrow_cast::cast;
use arrow_schema::DataType;
use smallvec::{SmallVec, smallvec};

use super::pattern::{Slot, Test};
use super::scalar_operator::ScalarOperator;
use super::value::Value;
use crate::expr::{Literal, ScalarOp};
use crate::term::{ColumnId, ScalarId, ScalarNode, Terms};

/// What a pattern asks of a scalar.
#[derive(Clone, Debug)]
pub(super) enum ScalarTest {
    Var(Test),
    /// Is this constant, whatever its type.
    Constant(Constant),
    /// Has one of these operators, and such operands first and last.
    Op {
        operator: OperatorTest,
        first: Vec<ScalarTest>,
        between: Between,
        last: Vec<ScalarTest>,
    },
    /// Is a conversion to such a type.
    Cast {
        safe: bool,
        to: Test,
        operand: Box<ScalarTest>,
    },
    /// Binds a variable, and is like this.
    Named(Slot, Box<ScalarTest>),
}

/// What a pattern asks of the operands between the first and the last ones.
#[derive(Clone, Copy, Debug)]
pub(super) enum Between {
    /// That there are none.
    Nothing,
    Anything,
    /// The scalar is bound as a whole: later steps choose among them.
    Chosen(Slot),
}

/// Where a list stands among the operands of a scalar: behind so many, before so many, in elements of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub first: usize,
    pub last: usize,
    pub width: usize,
}

impl Segment {
    /// All of them.
    pub const WHOLE: Segment = Segment { first: 0, last: 0, width: 1 };

    /// The elements of the list.
    pub fn elements<'a>(self, operands: &'a [ScalarId]) -> impl Iterator<Item = &'a [ScalarId]> + use<'a> {
        let end = operands.len().saturating_sub(self.last);
        operands.get(self.first..end).unwrap_or_default().chunks_exact(self.width)
    }
}

/// What a pattern asks of the operator of a scalar.
#[derive(Clone, Debug)]
pub(super) enum OperatorTest {
    /// Is one of these; may bind a variable.
    OneOf(SmallVec<[ScalarOperator; 1]>, Option<Slot>),
    /// Is the one that a variable is bound to.
    Same(Slot),
    /// Is a call of the function of this name, or of any.
    Function(Option<String>),
}

/// A constant as a rule writes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    /// A number, as an `Int64` or a `Float64`.
    Number(Literal),
    Text(String),
}

impl ScalarTest {
    pub fn accepts<I: Copy + Eq>(&self, terms: &Terms, scalar: ScalarId, values: &mut [Value<I>]) -> bool {
        match self {
            ScalarTest::Var(test) => test.accepts(Value::Scalar(scalar), values),
            ScalarTest::Constant(constant) => terms.as_literal(scalar).is_some_and(|literal| constant.is(literal)),
            ScalarTest::Op { operator, first, between, last } => {
                let ScalarNode { op, args } = terms.node(scalar);
                let Some(others) = args.len().checked_sub(first.len() + last.len()) else { return false };
                let behind = &args[first.len() + others..];
                let fits = (others == 0 || !matches!(between, Between::Nothing))
                    && operator.accepts(op, values)
                    && first.iter().zip(args).all(|(test, arg)| test.accepts(terms, *arg, values))
                    && last.iter().zip(behind).all(|(test, arg)| test.accepts(terms, *arg, values));
                if let (true, Between::Chosen(slot)) = (fits, between) {
                    values[*slot] = Value::Scalar(scalar);
                }
                fits
            }
            ScalarTest::Cast { safe, to, operand } => match &terms.node(scalar).op {
                ScalarOp::Cast { to: found, safe: found_safe } if safe == found_safe => {
                    let arg = terms.node(scalar).args[0];
                    operand.accepts(terms, arg, values) && to.accepts(Value::Type(found.clone()), values)
                }
                _ => false,
            },
            ScalarTest::Named(slot, test) => {
                values[*slot] = Value::Scalar(scalar);
                test.accepts(terms, scalar, values)
            }
        }
    }

    /// The operators of which a scalar must have one; none where any will do.
    pub fn operators(&self) -> SmallVec<[ScalarOperator; 1]> {
        match self {
            ScalarTest::Op { operator: OperatorTest::OneOf(operators, _), .. } => operators.clone(),
            ScalarTest::Op { operator: OperatorTest::Function(_), .. } => smallvec![ScalarOperator::Call],
            ScalarTest::Cast { safe, .. } => smallvec![ScalarOperator::Cast { safe: *safe }],
            ScalarTest::Named(_, test) => test.operators(),
            _ => SmallVec::new(),
        }
    }
}

impl OperatorTest {
    /// Whether it asks for comparisons alone.
    pub fn compares(&self) -> bool {
        let compares = |operator: &ScalarOperator| matches!(operator, ScalarOperator::Binary(op) if op.is_comparison());
        matches!(self, OperatorTest::OneOf(operators, _) if operators.iter().all(compares))
    }

    fn accepts<I: Copy + Eq>(&self, op: &ScalarOp<ColumnId>, values: &mut [Value<I>]) -> bool {
        if let OperatorTest::Function(wanted) = self {
            let named = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
            return matches!(op, ScalarOp::Call(function) if named(&function.name));
        }
        let Some(found) = ScalarOperator::of(op) else { return false };
        match self {
            OperatorTest::OneOf(operators, slot) => {
                let fits = operators.contains(&found);
                if let (true, Some(slot)) = (fits, slot) {
                    values[*slot] = Value::ScalarOperator(found);
                }
                fits
            }
            OperatorTest::Same(slot) => values[*slot] == Value::ScalarOperator(found),
            OperatorTest::Function(_) => false,
        }
    }
}

impl Constant {
    /// The literal that a right side makes of it.
    pub fn literal(self) -> Literal {
        match self {
            Constant::Null => Literal::null(&DataType::Null),
            Constant::Bool(value) => Literal::from(value),
            Constant::Number(number) => number,
            Constant::Text(text) => Literal::from(text.as_str()),
        }
    }

    /// Whether a literal has this value. Numbers are compared in the literal's type, where nothing is lost.
    fn is(&self, literal: &Literal) -> bool {
        match self {
            Constant::Null => literal.is_null(),
            Constant::Bool(value) => literal.as_bool() == Some(*value),
            Constant::Text(text) => literal.as_str() == Some(text),
            Constant::Number(number) => {
                let numeric = literal.data_type().is_numeric() && !literal.is_null();
                numeric && converted(number, literal.data_type()).is_some_and(|there| there == *literal)
            }
        }
    }
}

/// A constant in another type, where nothing is lost on the way there and back.
pub(super) fn converted(literal: &Literal, to: &DataType) -> Option<Literal> {
    if literal.is_null() {
        return Some(Literal::null(to));
    }
    let there = cast(literal.array(), to).map(Literal::new).ok()?;
    let back = cast(there.array(), literal.data_type()).map(Literal::new).ok()?;
    (back == *literal).then_some(there)
}
