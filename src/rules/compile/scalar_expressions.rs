use super::super::expression::{Expression, ScalarOperatorOf};
use super::super::scalar_operator::ScalarOperator;
use super::super::value::Sort;
use super::scalar_patterns::constant;
use super::scope::{Compiler, Labelled, ListOf, MatchedList, between_dots};
use crate::term::text::{Datum, DatumKind};

impl Compiler<'_> {
    /// What can only be a scalar: a text, `(?x = ?y)`, `(?x ?cmp ?y)`, `(is-null ?x)`, `(?op ?x)`. The outer `None`
    /// says that it may be something else.
    pub fn scalar_expression(&mut self, datum: &Datum) -> Option<Option<Expression>> {
        if let DatumKind::Text(_) = datum.kind {
            return Some(constant(datum).map(|constant| Expression::Literal(constant.literal())));
        }
        match datum.list('(')? {
            [left, operator, right] => {
                let found = self.operator_of(operator, 2)?;
                let (left, right) = (self.operand(left), self.operand(right));
                Some(left.zip(right).map(|(left, right)| Expression::Scalar(found, vec![left, right])))
            }
            [operator, operand] if operator.word() != Some("not") => {
                let found = self.operator_of(operator, 1)?;
                Some(self.operand(operand).map(|operand| Expression::Scalar(found, vec![operand])))
            }
            _ => None,
        }
    }

    /// The operator of so many operands that a word or a variable stands for.
    fn operator_of(&mut self, datum: &Datum, operands: usize) -> Option<ScalarOperatorOf> {
        let word = datum.word()?;
        if let Some((slot, Some(Sort::ScalarOperator))) = self.find(word) {
            self.reads(slot);
            return Some(ScalarOperatorOf::Slot(slot));
        }
        let operator = ScalarOperator::from_name(word).filter(|operator| operator.operands() == Some(operands));
        operator.map(ScalarOperatorOf::This)
    }

    /// Whether `and`, `or` and `not` connect scalars here, not guards.
    pub fn is_scalar(&self, expected: Option<Sort>, parts: &[Datum]) -> bool {
        match expected {
            Some(expected) => expected == Sort::Scalar,
            None => parts.iter().any(|part| match (part.word(), part.list('(')) {
                (Some(word), _) => matches!(self.find(word), Some((_, Some(Sort::Scalar)))),
                (None, Some([_, operator, _])) if operator.word().and_then(ScalarOperator::from_name).is_some() => true,
                (None, Some([head, rest @ ..])) => match head.word() {
                    Some("and" | "or" | "not") => self.is_scalar(None, rest),
                    Some(word) => ScalarOperator::from_name(word).is_some(),
                    None => false,
                },
                _ => between_dots(part).is_some(),
            }),
        }
    }

    /// `(not x)`, `(and x y ..)`, or `(or [.. x ..])`.
    pub fn connective(&mut self, datum: &Datum, name: &str, parts: &[Datum]) -> Option<Expression> {
        let operator = ScalarOperator::from_name(name)?;
        if operator == ScalarOperator::Not {
            let [part] = parts else {
                self.arity(datum.span, name, "one operand", parts.len());
                return None;
            };
            return Some(Expression::Scalar(ScalarOperatorOf::This(operator), vec![self.operand(part)?]));
        }
        if let [only] = parts
            && let Some(elements) = between_dots(only)
        {
            let list = self.matched_list(only, ListOf::Operands(operator))?;
            return self.around(list, &elements);
        }
        let operands: Vec<_> = parts.iter().map(|part| self.operand(part)).collect();
        let operands = operands.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Expression::Scalar(ScalarOperatorOf::This(operator), operands))
    }

    /// A matched list with scalars in the place of what was matched.
    pub fn around(&mut self, list: MatchedList, elements: &[Labelled<'_>]) -> Option<Expression> {
        let mut with = Vec::new();
        for Labelled { label, datum } in elements {
            if let Some(label) = label {
                self.expected("a scalar without a name", label);
                return None;
            }
            with.push(self.operand(datum)?);
        }
        Some(Expression::Around { list: list.list, places: list.places, with })
    }

    fn operand(&mut self, datum: &Datum) -> Option<Expression> {
        self.expression(datum, Some(Sort::Scalar)).map(|(expression, _)| expression)
    }
}
