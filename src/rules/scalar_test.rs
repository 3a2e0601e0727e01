use arrow_cast::cast;
use arrow_schema::DataType;
use smallvec::SmallVec;

use super::pattern::{Slot, Test};
use super::scalar_operator::ScalarOperator;
use super::value::Value;
use crate::expr::Literal;
use crate::term::{ScalarId, Terms};

/// What a pattern asks of a scalar.
#[derive(Clone, Debug)]
pub(super) enum ScalarTest {
    Var(Test),
    /// Is this constant, whatever its type.
    Constant(Constant),
    /// Has one of these operators, and such operands.
    Op(OperatorTest, Vec<ScalarTest>),
    /// Is an `and` or `or`, bound as a whole: later steps choose among its operands.
    Operands(ScalarOperator, Slot),
    /// Binds a variable, and is like this.
    Named(Slot, Box<ScalarTest>),
}

/// What a pattern asks of the operator of a scalar.
#[derive(Clone, Debug)]
pub(super) enum OperatorTest {
    /// Is one of these; may bind a variable.
    OneOf(SmallVec<[ScalarOperator; 1]>, Option<Slot>),
    /// Is the one that a variable is bound to.
    Same(Slot),
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
            ScalarTest::Op(operator, args) => {
                let node = terms.node(scalar);
                ScalarOperator::of(&node.op).is_some_and(|found| operator.accepts(found, values))
                    && node.args.len() == args.len()
                    && args.iter().zip(&node.args).all(|(test, arg)| test.accepts(terms, *arg, values))
            }
            ScalarTest::Operands(operator, slot) => {
                let fits = ScalarOperator::of(&terms.node(scalar).op) == Some(*operator);
                if fits {
                    values[*slot] = Value::Scalar(scalar);
                }
                fits
            }
            ScalarTest::Named(slot, test) => {
                values[*slot] = Value::Scalar(scalar);
                test.accepts(terms, scalar, values)
            }
        }
    }
}

impl OperatorTest {
    /// Whether it asks for comparisons alone.
    pub fn compares(&self) -> bool {
        let compares = |operator: &ScalarOperator| matches!(operator, ScalarOperator::Binary(op) if op.is_comparison());
        matches!(self, OperatorTest::OneOf(operators, _) if operators.iter().all(compares))
    }

    fn accepts<I: Copy + Eq>(&self, found: ScalarOperator, values: &mut [Value<I>]) -> bool {
        match self {
            OperatorTest::OneOf(operators, slot) => {
                let fits = operators.contains(&found);
                if let (true, Some(slot)) = (fits, slot) {
                    values[*slot] = Value::ScalarOperator(found);
                }
                fits
            }
            OperatorTest::Same(slot) => values[*slot] == Value::ScalarOperator(found),
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
                if !literal.data_type().is_numeric() || literal.is_null() {
                    return false;
                }
                let there = cast(number.array(), literal.data_type()).map(Literal::new);
                let back = cast(literal.array(), number.data_type()).map(Literal::new);
                there.is_ok_and(|there| there == *literal) && back.is_ok_and(|back| back == *number)
            }
        }
    }
}
