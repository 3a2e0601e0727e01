use std::collections::VecDeque;
use std::str::FromStr;

use arrow_schema::DataType;
use smallvec::{SmallVec, smallvec};

use super::super::error::{Named, RuleErrorKind};
use super::super::operator::Operator;
use super::super::pattern::{Root, Slot, Step, Test};
use super::super::scalar_match::{Between, Constant, OperatorTest, ScalarTest, Segment};
use super::super::scalar_operator::{ScalarOperator, Takes};
use super::super::value::{Sort, Value};
use super::labelled;
use super::patterns::is_variable;
use super::scalar_lists::Operands;
use super::scope::{Compiler, Labelled, ListOf, MatchedList, between_dots};
use crate::expr::{DataTypeKey, Literal};
use crate::term::text::{Datum, DatumKind, Span};

/// A list of which a pattern chooses elements: where it is bound, and what is asked of each.
pub(super) struct Choice<'d> {
    pub of: ListOf,
    pub list: Slot,
    pub segment: Segment,
    pub elements: Vec<Labelled<'d>>,
}

impl Compiler<'_> {
    /// Whether a pattern is one of a scalar, by the operator that it begins with.
    pub fn is_scalar_root(&self, datum: &Datum) -> bool {
        let scalar = |word: &str| {
            let known = ScalarOperator::from_name(word).is_some() || ScalarOperator::normal_form(word).is_some();
            known && Operator::from_name(word).is_none()
        };
        let alternatives = |part: &Labelled<'_>| {
            let names = part.datum.list('{').unwrap_or_default();
            names.iter().filter_map(Datum::word).any(scalar)
        };
        let head = |part: &Labelled<'_>| part.label.is_none() && part.datum.word().is_some_and(scalar);
        let class = |part: &Labelled<'_>| part.datum.word().is_some_and(|word| word.contains(':'));
        match labelled(datum.list('(').unwrap_or_default()).as_slice() {
            [first, ..] if head(first) || alternatives(first) => true,
            [_, operator, _] => head(operator) || alternatives(operator) || class(operator),
            _ => false,
        }
    }

    /// The left side of a rule that is rooted at a scalar.
    pub fn scalar_root(&mut self, datum: &Datum) {
        self.root_is_scalar();
        let mut within = Vec::new();
        let text = self.source(datum);
        if let Some(test) = self.scalar(Labelled { label: None, datum }, &mut within) {
            self.root = Some(Root::Scalar { operators: test.operators(), test, text });
        }
        self.choices(within);
    }

    /// Emits a step for each element, then for the lists within them. A variable is bound by the step in whose
    /// pattern it stands first, so steps run in the order in which they are written here.
    pub fn choices(&mut self, choices: Vec<Choice<'_>>) {
        let mut choices: VecDeque<Choice<'_>> = choices.into();
        while let Some(Choice { of, list, segment, elements }) = choices.pop_front() {
            let mut places: SmallVec<[Slot; 2]> = SmallVec::new();
            let mut within = Vec::new();
            for element in elements {
                let place = self.hidden(String::new(), Sort::Count);
                let text = self.source(element.datum);
                if let Some(tests) = self.element(element, segment.width, &mut within) {
                    let (tests, taken) = (tests.into(), places.clone());
                    self.steps.push(Step::Conjunct { list, segment, place, taken, tests, text });
                }
                places.push(place);
            }
            self.lists.push(MatchedList { of, list, segment, places });
            choices.extend(within);
        }
    }

    /// A scalar's pattern: `?x`, a constant, `(?x = ?y)`, `(is-null ?x)`, or `(or [.. ?x ..])`.
    pub fn scalar<'d>(&mut self, part: Labelled<'d>, within: &mut Vec<Choice<'d>>) -> Option<ScalarTest> {
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
        match items.as_slice() {
            [left, operator, right] if !self.is_prefix(left) => {
                let left = self.scalar(*left, within);
                let (left, operator) = (left?, self.infix_test(*operator)?);
                let right = self.scalar(*right, within)?;
                let constants = [&left, &right].map(|side| matches!(side, ScalarTest::Constant(_)));
                if constants == [true, false] && operator.compares() {
                    let name = "constant left of a comparison".to_owned();
                    self.error(datum.span, RuleErrorKind::NeverMatches { name, form: "the constant on the right" });
                    return None;
                }
                Some(ScalarTest::Op { operator, first: vec![left, right], between: Between::Nothing, last: Vec::new() })
            }
            [head, rest @ ..] if head.datum.word().is_some() || self.is_prefix(head) => {
                self.prefixed(datum, *head, rest, within)
            }
            _ => {
                self.expected("a scalar pattern such as `(?x = ?y)`", datum);
                None
            }
        }
    }

    /// Whether a part is an operator that stands before its operands.
    fn is_prefix(&self, part: &Labelled<'_>) -> bool {
        let word = part.datum.word().unwrap_or_default();
        let bound = || matches!(self.find(word), Some((_, Some(Sort::ScalarOperator))));
        part.datum.list('{').is_some() || ScalarOperator::prefix(word).is_some() || bound()
    }

    /// An operator and what it is given.
    fn prefixed<'d>(
        &mut self,
        datum: &'d Datum,
        head: Labelled<'d>,
        rest: &[Labelled<'d>],
        within: &mut Vec<Choice<'d>>,
    ) -> Option<ScalarTest> {
        let name = head.datum.word().unwrap_or("this operator");
        if let Some(ScalarOperator::Cast { safe }) = ScalarOperator::prefix(name) {
            return self.cast_test(datum, safe, rest, within);
        }
        if ScalarOperator::prefix(name) == Some(ScalarOperator::Call) {
            return self.call_test(datum, rest, within);
        }
        let (operator, first) = self.operator_test(head, None)?;
        let of = ListOf::operands(first);
        let none = Operands { first: Vec::new(), between: Between::Nothing };
        let (operands, last) = match (first.takes(), rest) {
            (Takes::Operands(number), operands) if operands.len() == number => {
                let tests: Vec<_> = operands.iter().map(|operand| self.scalar(*operand, within)).collect();
                (Operands { first: tests.into_iter().collect::<Option<_>>()?, ..none }, None)
            }
            (Takes::Set, [Labelled { label: None, datum: list }])
                if between_dots(list).is_some_and(|elements| !elements.is_empty()) =>
            {
                (self.operand_list(list, of, (Vec::new(), 0), 1, within)?, None)
            }
            (Takes::Set, _) => {
                self.expected(&format!("`({first} [.. ?x ..])`: its operands have no order"), datum);
                return None;
            }
            (Takes::List, [operand, Labelled { label: None, datum: list }]) => {
                let operand = self.scalar(*operand, within)?;
                (self.operand_list(list, of, (vec![operand], 0), 1, within)?, None)
            }
            (Takes::Arms { operand, otherwise }, parts)
                if parts.len() == 1 + usize::from(operand) + usize::from(otherwise) =>
            {
                let (before, arms) = parts.split_at(usize::from(operand));
                let mut first = Vec::new();
                for operand in before {
                    first.push(self.scalar(*operand, within)?);
                }
                let arms_list = self.operand_list(arms[0].datum, of, (first, arms.len() - 1), 2, within)?;
                (arms_list, arms.get(1).copied())
            }
            (takes, parts) => {
                self.arity(datum.span, name, &takes.describe(), parts.len());
                return None;
            }
        };
        let last = match last {
            Some(last) => vec![self.scalar(last, within)?],
            None => Vec::new(),
        };
        Some(ScalarTest::Op { operator, first: operands.first, between: operands.between, last })
    }

    /// `(cast ?x Int64)`, `(cast ?x ?type)`, `(cast ?x _)`
    fn cast_test<'d>(
        &mut self,
        datum: &'d Datum,
        safe: bool,
        rest: &[Labelled<'d>],
        within: &mut Vec<Choice<'d>>,
    ) -> Option<ScalarTest> {
        let [operand, to @ ..] = rest else {
            self.arity(datum.span, "cast", &Takes::Typed.describe(), rest.len());
            return None;
        };
        let operand = Box::new(self.scalar(*operand, within)?);
        let to = match to {
            [only] if is_variable(only.datum) => self.test(only.datum, Sort::Type)?,
            to => Test::Is(Value::Type(self.data_type(datum, to.iter().map(|part| part.datum))?)),
        };
        Some(ScalarTest::Cast { safe, to, operand })
    }

    /// `(call lower ?x)`, `(call coalesce [.. ?x ..])`, `(call _ ?x)`
    fn call_test<'d>(
        &mut self,
        datum: &'d Datum,
        rest: &[Labelled<'d>],
        within: &mut Vec<Choice<'d>>,
    ) -> Option<ScalarTest> {
        let (function, args) = match rest {
            [Labelled { label: None, datum: name }, args @ ..] if name.word().is_some_and(|w| !w.starts_with('?')) => {
                (name.word().filter(|name| *name != "_").map(str::to_owned), args)
            }
            _ => {
                self.arity(datum.span, "call", &Takes::Named.describe(), rest.len());
                return None;
            }
        };
        let of = ListOf::operands(ScalarOperator::Call);
        let Operands { first, between } = match args {
            [Labelled { label: None, datum: list }] if list.list('[').is_some() => {
                self.operand_list(list, of, (Vec::new(), 0), 1, within)?
            }
            args => {
                let tests: Vec<_> = args.iter().map(|arg| self.scalar(*arg, within)).collect();
                Operands { first: tests.into_iter().collect::<Option<_>>()?, between: Between::Nothing }
            }
        };
        Some(ScalarTest::Op { operator: OperatorTest::Function(function), first, between, last: Vec::new() })
    }

    /// A type as it is written: `Int64`, `Decimal128(10, 2)`.
    pub fn data_type<'d>(
        &mut self,
        within: &Datum,
        mut words: impl DoubleEndedIterator<Item = &'d Datum>,
    ) -> Option<DataTypeKey> {
        let first = words.next();
        let span = match (first, words.next_back().or(first)) {
            (Some(first), Some(last)) => Span { start: first.span.start, end: last.span.end },
            _ => {
                self.arity(within.span, "cast", &Takes::Typed.describe(), 1);
                return None;
            }
        };
        let name = self.text[span.start..span.end].to_owned();
        let known = DataType::from_str(&name).ok().map(DataTypeKey);
        if known.is_none() {
            self.unknown(span, Named::Word("type"), &name, ["Boolean", "Int64", "Float64", "Utf8", "Date32"]);
        }
        known
    }

    /// An operator between two operands: `=`, `{= <>}`, `?op:comparison`, or `?op` once it is bound.
    fn infix_test(&mut self, part: Labelled<'_>) -> Option<OperatorTest> {
        let (test, first) = self.operator_test(part, Some(Takes::Operands(2)))?;
        if !matches!(first, ScalarOperator::Binary(_)) {
            self.expected("an operator that stands between its operands, such as `=`", part.datum);
            return None;
        }
        Some(test)
    }

    /// One of some operators that take the same, and the first of them: `=`, `{= <>}`, `?op:{= <>}`, `?op:comparison`,
    /// or `?op` once it is bound.
    fn operator_test(&mut self, part: Labelled<'_>, takes: Option<Takes>) -> Option<(OperatorTest, ScalarOperator)> {
        if let Some(names) = part.datum.list('{') {
            let mut operators: SmallVec<[ScalarOperator; 1]> = SmallVec::new();
            for name in names {
                let operator = self.scalar_operator(name, takes)?;
                if let Some(first) = operators.first().filter(|first| first.takes() != operator.takes()) {
                    let (takes, found) = (first.takes().describe(), operator.takes().describe());
                    let (first, other) = (first.name(), operator.name());
                    self.error(name.span, RuleErrorKind::Alternatives { first, takes, other, found });
                    return None;
                }
                operators.push(operator);
            }
            let Some(first) = operators.first().copied() else {
                self.expected("operators, such as `{= <>}`", part.datum);
                return None;
            };
            let slot = match part.label {
                Some(label) => {
                    let slot = self.label(label, part.datum, Sort::ScalarOperator)?;
                    self.scalar_operators_of.push((slot, first));
                    Some(slot)
                }
                None => None,
            };
            return Some((OperatorTest::OneOf(operators, slot), first));
        }
        let word = part.datum.word().unwrap_or_default();
        if let Some((name, class)) = word.split_once(':').filter(|(name, _)| name.starts_with('?') || *name == "_") {
            let Some(operators) = ScalarOperator::class(class) else {
                let classes = ScalarOperator::classes();
                self.unknown(part.datum.span, Named::Word("class of operators"), class, classes);
                return None;
            };
            let operators: SmallVec<[ScalarOperator; 1]> = operators.collect();
            let first = operators[0];
            let slot = match name {
                "_" => None,
                _ => Some(self.declare_as(name, part.datum.span, Some(Sort::ScalarOperator), Some(UNREAD_OPERATOR))?),
            };
            self.scalar_operators_of.extend(slot.map(|slot| (slot, first)));
            return Some((OperatorTest::OneOf(operators, slot), first));
        }
        if word.starts_with('?') {
            let found = self.find(word).filter(|(_, sort)| *sort == Some(Sort::ScalarOperator));
            let known = found.and_then(|(slot, _)| self.scalar_operators_of.iter().find(|(known, _)| *known == slot));
            let Some((slot, first)) = known.copied() else {
                self.expected("an operator, `{= <>}`, or a class such as `?op:comparison`", part.datum);
                return None;
            };
            self.reads(slot);
            return Some((OperatorTest::Same(slot), first));
        }
        let operator = self.scalar_operator(part.datum, takes)?;
        Some((OperatorTest::OneOf(smallvec![operator], None), operator))
    }

    fn scalar_operator(&mut self, datum: &Datum, takes: Option<Takes>) -> Option<ScalarOperator> {
        let name = datum.word().unwrap_or_default();
        let Some(operator) = ScalarOperator::from_name(name) else {
            match datum.word() {
                Some(name) => self.unknown_operator(datum, name),
                None => self.expected("an operator of scalars", datum),
            }
            return None;
        };
        match takes {
            Some(Takes::Operands(operands)) if operator.operands() != Some(operands) => {
                self.arity(datum.span, name, &operator.takes().describe(), operands);
                None
            }
            None if matches!(operator.takes(), Takes::Typed | Takes::Named) => {
                self.expected("one operator: those that take a type or a function have no alternatives", datum);
                None
            }
            _ => Some(operator),
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
