use super::super::expression::{Around, Expression, Operand, ScalarOperatorOf};
use super::super::scalar_operator::{ScalarOperator, Takes};
use super::super::value::{Sort, Value};
use super::labelled;
use super::scalar_lists::arm;
use super::scalar_patterns::constant;
use super::scope::{Compiler, Labelled, ListOf, MatchedList, between_dots};
use crate::expr::BinaryOp;
use crate::term::text::{Datum, DatumKind};

impl Compiler<'_> {
    /// What can only be a scalar: a text, `(?x = ?y)`, `(?x ?cmp ?y)`, `(is-null ?x)`, `(?op ?x)`. The outer `None`
    /// says that it may be something else.
    pub fn scalar_expression(&mut self, datum: &Datum) -> Option<Option<Expression>> {
        if let DatumKind::Text(_) = datum.kind {
            return Some(constant(datum).map(|constant| Expression::Literal(constant.literal())));
        }
        let items = datum.list('(')?;
        let (head, rest) = items.split_first()?;
        if let Some((operator, first)) = self.operator_of(head)
            && !matches!(
                first,
                ScalarOperator::Binary(_) | ScalarOperator::And | ScalarOperator::Or | ScalarOperator::Not
            )
        {
            return Some(self.applied(datum, operator, first, rest));
        }
        match items {
            [left, operator, right] => {
                let (found, ScalarOperator::Binary(_)) = self.operator_of(operator)? else { return None };
                let (left, right) = (self.operand(left), self.operand(right));
                Some(left.zip(right).map(|(left, right)| Expression::Scalar(found, both(left, right))))
            }
            _ => None,
        }
    }

    /// An operator that stands before what it is given.
    fn applied(
        &mut self,
        datum: &Datum,
        operator: ScalarOperatorOf,
        first: ScalarOperator,
        parts: &[Datum],
    ) -> Option<Expression> {
        let of = ListOf::operands(first);
        let mut operands = Vec::new();
        match (first.takes(), parts) {
            (Takes::Operands(number), parts) if parts.len() == number => {
                for part in parts {
                    operands.push(Operand::One(self.operand(part)?));
                }
            }
            (Takes::List, [operand, list]) => {
                operands.push(Operand::One(self.operand(operand)?));
                operands.extend(self.operand_elements(list, of, 1)?);
            }
            (Takes::Arms { operand, otherwise }, parts)
                if parts.len() == 1 + usize::from(operand) + usize::from(otherwise) =>
            {
                let (before, arms) = parts.split_at(usize::from(operand));
                for operand in before {
                    operands.push(Operand::One(self.operand(operand)?));
                }
                operands.extend(self.operand_elements(&arms[0], of, 2)?);
                for otherwise in &arms[1..] {
                    operands.push(Operand::One(self.operand(otherwise)?));
                }
            }
            (Takes::Typed, [operand, to @ ..]) => {
                let operand = Box::new(self.operand(operand)?);
                let to = match to {
                    [only] if only.word().is_some_and(|word| word.starts_with('?')) => {
                        self.expression(only, Some(Sort::Type))?.0
                    }
                    to => Expression::Constant(Value::Type(self.data_type(datum, to.iter())?)),
                };
                let safe = first == ScalarOperator::Cast { safe: true };
                return Some(Expression::Cast { safe, to: Box::new(to), operand });
            }
            (Takes::Named, [name, args @ ..]) if name.word().is_some_and(|name| !name.starts_with(['?', '_'])) => {
                match args {
                    [list] if list.list('[').is_some() => operands.extend(self.operand_elements(list, of, 1)?),
                    args => {
                        for arg in args {
                            operands.push(Operand::One(self.operand(arg)?));
                        }
                    }
                }
                let function = name.word().unwrap_or_default().to_owned();
                return Some(Expression::Engine { function, args: operands });
            }
            (takes, parts) => {
                self.arity(datum.span, first.name(), &takes.describe(), parts.len());
                return None;
            }
        }
        Some(Expression::Scalar(operator, operands))
    }

    /// `[x y]`, or `[.. x ..]`: the matched list with others in the place of the matched elements.
    fn operand_elements(&mut self, list: &Datum, of: ListOf, width: usize) -> Option<Vec<Operand>> {
        let scalars = |compiler: &mut Self, elements: &[Labelled<'_>]| -> Option<Vec<Expression>> {
            let mut scalars = Vec::new();
            for element in elements {
                let parts = match (width, arm(*element)) {
                    (2, Some(parts)) => parts.to_vec(),
                    (2, None) => {
                        compiler.expected("an arm such as `(when ?c ?then)`", element.datum);
                        return None;
                    }
                    _ => vec![*element],
                };
                for part in parts {
                    if let Some(label) = part.label {
                        compiler.expected("a scalar without a name", label);
                        return None;
                    }
                    scalars.push(compiler.operand(part.datum)?);
                }
            }
            Some(scalars)
        };
        if let Some(elements) = between_dots(list) {
            let MatchedList { list, segment, places, .. } = self.matched_list(list, of)?;
            let with = scalars(self, &elements)?;
            return Some(vec![Operand::Matched(Around { list, segment, places, with })]);
        }
        let Some(elements) = list.list('[') else {
            self.expected("a list: `[?x]`, or `[.. ?x ..]`", list);
            return None;
        };
        Some(scalars(self, &labelled(elements))?.into_iter().map(Operand::One).collect())
    }

    /// The operator that a word or a variable stands for, and the first of those that it may be.
    fn operator_of(&mut self, datum: &Datum) -> Option<(ScalarOperatorOf, ScalarOperator)> {
        let word = datum.word()?;
        if let Some((slot, Some(Sort::ScalarOperator))) = self.find(word) {
            self.reads(slot);
            let known = self.scalar_operators_of.iter().find(|(known, _)| *known == slot);
            // One that a `let` computes is a comparison.
            let first = known.map_or(ScalarOperator::Binary(BinaryOp::Eq), |(_, first)| *first);
            return Some((ScalarOperatorOf::Slot(slot), first));
        }
        ScalarOperator::from_name(word).map(|operator| (ScalarOperatorOf::This(operator), operator))
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
            let operands = vec![Operand::One(self.operand(part)?)];
            return Some(Expression::Scalar(ScalarOperatorOf::This(operator), operands));
        }
        if let [only] = parts
            && let Some(elements) = between_dots(only)
        {
            let list = self.matched_list(only, ListOf::Operands(operator))?;
            let operands = vec![Operand::Matched(self.around(list, &elements)?)];
            return Some(Expression::Scalar(ScalarOperatorOf::This(operator), operands));
        }
        let operands: Vec<_> = parts.iter().map(|part| self.operand(part)).collect();
        let operands = operands.into_iter().map(|operand| operand.map(Operand::One)).collect::<Option<Vec<_>>>()?;
        Some(Expression::Scalar(ScalarOperatorOf::This(operator), operands))
    }

    /// A matched list with scalars in the place of what was matched.
    pub fn around(&mut self, list: MatchedList, elements: &[Labelled<'_>]) -> Option<Around> {
        let mut with = Vec::new();
        for Labelled { label, datum } in elements {
            if let Some(label) = label {
                self.expected("a scalar without a name", label);
                return None;
            }
            with.push(self.operand(datum)?);
        }
        let MatchedList { list, segment, places, .. } = list;
        Some(Around { list, segment, places, with })
    }

    fn operand(&mut self, datum: &Datum) -> Option<Expression> {
        self.expression(datum, Some(Sort::Scalar)).map(|(expression, _)| expression)
    }
}

fn both(left: Expression, right: Expression) -> Vec<Operand> {
    vec![Operand::One(left), Operand::One(right)]
}
