use std::collections::VecDeque;

use smallvec::{SmallVec, smallvec};

use super::super::error::{Named, RuleErrorKind};
use super::super::pattern::{Slot, Step};
use super::super::scalar_operator::ScalarOperator;
use super::super::scalar_test::{Constant, OperatorTest, ScalarTest};
use super::super::value::Sort;
use super::labelled;
use super::patterns::is_variable;
use super::scope::{Compiler, Labelled, ListOf, MatchedList, between_dots};
use crate::expr::Literal;
use crate::term::text::{Datum, DatumKind};

/// A list of which a pattern chooses elements: where it is bound, and what is asked of each.
pub(super) struct Choice<'d> {
    pub of: ListOf,
    pub list: Slot,
    pub elements: Vec<Labelled<'d>>,
}

impl Compiler<'_> {
    /// Emits a step for each element, then for the lists within them. A variable is bound by the step in whose
    /// pattern it stands first, so steps run in the order in which they are written here.
    pub fn choices(&mut self, choices: Vec<Choice<'_>>) {
        let mut choices: VecDeque<Choice<'_>> = choices.into();
        while let Some(Choice { of, list, elements }) = choices.pop_front() {
            let mut places: SmallVec<[Slot; 2]> = SmallVec::new();
            let mut within = Vec::new();
            for element in elements {
                let place = self.hidden(String::new(), Sort::Count);
                let text = self.source(element.datum);
                if let Some(test) = self.scalar(element, &mut within) {
                    self.steps.push(Step::Conjunct { list, place, taken: places.clone(), test, text });
                }
                places.push(place);
            }
            self.lists.push(MatchedList { of, list, places });
            choices.extend(within);
        }
    }

    /// A scalar's pattern: `?x`, a constant, `(?x = ?y)`, `(is-null ?x)`, or `(or [.. ?x ..])`.
    fn scalar<'d>(&mut self, part: Labelled<'d>, within: &mut Vec<Choice<'d>>) -> Option<ScalarTest> {
        let Labelled { label, datum } = part;
        if let Some(label) = label {
            let slot = self.label(label, datum, Sort::Scalar)?;
            let test = self.scalar(Labelled { label: None, datum }, within)?;
            return Some(ScalarTest::Named(slot, Box::new(test)));
        }
        if is_variable(datum) {
            return self.test(datum, Sort::Scalar).map(ScalarTest::Var);
        }
        if let Some(constant) = constant(datum) {
            return Some(ScalarTest::Constant(constant));
        }
        let Some(items) = datum.list('(') else {
            self.expected("a scalar pattern such as `(?x = ?y)`", datum);
            return None;
        };
        let items = labelled(items);
        let prefix = |part: &Labelled<'_>| {
            let operator = part.datum.word().and_then(ScalarOperator::from_name);
            operator.filter(|operator| ScalarOperator::PREFIX.contains(operator))
        };
        match items.as_slice() {
            [head, rest @ ..] if matches!(prefix(head), Some(ScalarOperator::And | ScalarOperator::Or)) => {
                self.operands(prefix(head)?, datum, rest, within)
            }
            [head, operand] => {
                let operator = self.operator_test(*head, 1);
                let operand = self.scalar(*operand, within);
                Some(ScalarTest::Op(operator?, vec![operand?]))
            }
            [left, operator, right] if prefix(left).is_none() => {
                let (left, operator) = (self.scalar(*left, within), self.operator_test(*operator, 2));
                let (left, operator, right) = (left?, operator?, self.scalar(*right, within)?);
                let constants = [&left, &right].map(|side| matches!(side, ScalarTest::Constant(_)));
                if constants == [true, false] && operator.compares() {
                    let name = "constant left of a comparison".to_owned();
                    self.error(datum.span, RuleErrorKind::NeverMatches { name, form: "the constant on the right" });
                    return None;
                }
                Some(ScalarTest::Op(operator, vec![left, right]))
            }
            [head, rest @ ..] if head.datum.word().is_some() => {
                let name = head.datum.word().unwrap_or_default();
                match ScalarOperator::from_name(name) {
                    Some(_) => self.arity(datum.span, name, "one operand", rest.len()),
                    None => self.unknown_operator(head.datum, name),
                }
                None
            }
            _ => {
                self.expected("a scalar pattern such as `(?x = ?y)`", datum);
                None
            }
        }
    }

    /// `(or [.. ?x ..])`
    fn operands<'d>(
        &mut self,
        operator: ScalarOperator,
        datum: &'d Datum,
        parts: &[Labelled<'d>],
        within: &mut Vec<Choice<'d>>,
    ) -> Option<ScalarTest> {
        let elements = match parts {
            [Labelled { label: None, datum }] => between_dots(datum).filter(|elements| !elements.is_empty()),
            _ => None,
        };
        let Some(elements) = elements else {
            let expected = format!("`({operator} [.. ?x ..])`: its operands have no order");
            self.expected(&expected, datum);
            return None;
        };
        let whole = self.hidden(String::new(), Sort::Scalar);
        within.push(Choice { of: ListOf::Operands(operator), list: whole, elements });
        Some(ScalarTest::Operands(operator, whole))
    }

    /// An operator of so many operands: `=`, `{= <>}`, `?op:{= <>}`, `?op:comparison`, or `?op` once it is bound.
    fn operator_test(&mut self, part: Labelled<'_>, operands: usize) -> Option<OperatorTest> {
        if let Some(names) = part.datum.list('{') {
            let mut operators: SmallVec<[ScalarOperator; 1]> = SmallVec::new();
            for name in names {
                operators.push(self.scalar_operator(name, operands)?);
            }
            if operators.is_empty() {
                self.expected("operators, such as `{= <>}`", part.datum);
                return None;
            }
            let slot = match part.label {
                Some(label) => Some(self.label(label, part.datum, Sort::ScalarOperator)?),
                None => None,
            };
            return Some(OperatorTest::OneOf(operators, slot));
        }
        let word = part.datum.word().unwrap_or_default();
        if let Some((name, class)) = word.split_once(':').filter(|(name, _)| name.starts_with('?') || *name == "_") {
            let Some(operators) = ScalarOperator::class(class) else {
                let classes = ScalarOperator::classes();
                self.unknown(part.datum.span, Named::Word("class of operators"), class, classes);
                return None;
            };
            let operators: SmallVec<_> = operators.collect();
            let slot = match name {
                "_" => None,
                _ => Some(self.declare_as(name, part.datum.span, Some(Sort::ScalarOperator), Some(UNREAD_OPERATOR))?),
            };
            if operands != 2 {
                self.arity(part.datum.span, class, "two operands", operands);
            }
            return Some(OperatorTest::OneOf(operators, slot));
        }
        if word.starts_with('?') {
            return match self.find(word) {
                Some((slot, Some(Sort::ScalarOperator))) => {
                    self.reads(slot);
                    Some(OperatorTest::Same(slot))
                }
                _ => {
                    self.expected("an operator, `{= <>}`, or a class such as `?op:comparison`", part.datum);
                    None
                }
            };
        }
        self.scalar_operator(part.datum, operands).map(|operator| OperatorTest::OneOf(smallvec![operator], None))
    }

    fn scalar_operator(&mut self, datum: &Datum, operands: usize) -> Option<ScalarOperator> {
        let name = datum.word().unwrap_or_default();
        let Some(operator) = ScalarOperator::from_name(name) else {
            match datum.word() {
                Some(name) => self.unknown_operator(datum, name),
                None => self.expected("an operator of scalars", datum),
            }
            return None;
        };
        match operator.operands() {
            Some(own) if own == operands => Some(operator),
            own => {
                let takes = own.map_or("any number of operands".to_owned(), |own| format!("{own} operands"));
                self.arity(datum.span, name, &takes, operands);
                None
            }
        }
    }

    fn unknown_operator(&mut self, datum: &Datum, name: &str) {
        match ScalarOperator::normal_form(name) {
            Some(form) => self.error(datum.span, RuleErrorKind::NeverMatches { name: name.to_owned(), form }),
            None => {
                let known = ScalarOperator::PREFIX.map(ScalarOperator::name);
                let binary = crate::expr::BinaryOp::ALL.map(|operator| operator.symbol());
                self.unknown(datum.span, Named::ScalarOperator, name, known.into_iter().chain(binary));
            }
        }
    }
}

/// How to mend an operator's variable that nothing reads.
const UNREAD_OPERATOR: &str = "write `_` before the class: `_:comparison`";

/// A constant as rules write it: `null`, `true`, a number, or a text in single quotes.
pub(super) fn constant(datum: &Datum) -> Option<Constant> {
    let word = match &datum.kind {
        DatumKind::Word(word) => word.as_str(),
        DatumKind::Text(text) => return Some(Constant::Text(text.clone())),
        _ => return None,
    };
    match word {
        "null" => return Some(Constant::Null),
        "true" => return Some(Constant::Bool(true)),
        "false" => return Some(Constant::Bool(false)),
        _ => {}
    }
    // `inf` and `nan` are no numbers here.
    if !word.strip_prefix('-').unwrap_or(word).starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let whole = word.parse::<i64>().ok().map(Literal::from);
    whole.or_else(|| word.parse::<f64>().ok().map(Literal::from)).map(Constant::Number)
}
