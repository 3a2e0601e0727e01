use smallvec::{SmallVec, smallvec};

use super::super::error::{Named, RuleErrorKind};
use super::super::operator::Operator;
use super::super::pattern::{InputTests, NodeTest, Root, Slot, Source, Step, Test};
use super::super::scalar_match::Segment;
use super::super::value::{Sort, Value};
use super::scalar_patterns::Choice;
use super::scope::{Compiler, Labelled, ListOf, MatchedList, between_dots};
use super::{is_label, labelled};
use crate::expr::JoinKind;
use crate::term::text::Datum;

impl Compiler<'_> {
    /// The left side of a rule.
    pub fn pattern(&mut self, datum: &Datum) {
        match self.is_scalar_root(datum) {
            true => self.scalar_root(datum),
            false => self.node(datum, None),
        }
    }

    /// A pattern of one node and everything below it, emitted as steps.
    fn node(&mut self, datum: &Datum, source: Option<Source>) {
        let Some((operators, binds, rest)) = self.operators(datum) else { return };
        let Some(first) = operators.first().copied() else { return };
        let parts = labelled(rest);
        let payload = common_payload(&operators);
        let wanted = payload.len() + first.inputs().unwrap_or(1);
        if parts.len() != wanted {
            self.arity(datum.span, first.name(), &shape(first), parts.len());
            return;
        }
        let mut choices = Vec::new();
        let mut tests = Vec::new();
        for (at, (part, sort)) in parts.iter().zip(&payload).enumerate() {
            let test = match (sort, binds) {
                (Sort::Payload, _) => self.payload(part.datum, binds, at),
                _ => self.part(*part, *sort, &mut choices),
            };
            tests.push(test.unwrap_or(Test::Any));
        }
        let mut nested = Vec::new();
        let mut element = None;
        let inputs = match first.inputs() {
            Some(_) => {
                let inputs = parts[payload.len()..].iter().enumerate();
                InputTests::Fixed(inputs.map(|(at, part)| self.input(*part, at, &mut nested)).collect())
            }
            None => self.input_list(parts[payload.len()], &mut nested, &mut element),
        };
        let test = NodeTest { text: self.source(datum), operators, binds, parts: tests, inputs };
        let node = self.steps.iter().filter(|step| matches!(step, Step::Node(..))).count();
        let node = match source {
            None => {
                self.root = Some(Root::Node(test));
                0
            }
            Some(source) => {
                self.steps.push(Step::Node(source, test));
                node + 1
            }
        };
        self.choices(choices);
        if let Some((place, pattern)) = element {
            let (test, nested) = match is_variable(pattern) {
                true => (self.test(pattern, Sort::Rel).unwrap_or(Test::Any), None),
                false => (Test::Any, Some(pattern)),
            };
            let text = self.source(pattern);
            self.steps.push(Step::Element { node, place, test, text });
            if let Some(pattern) = nested {
                self.node(pattern, Some(Source::Place(node, place)));
            }
        }
        for (at, pattern) in nested {
            self.node(pattern, Some(Source::Input(node, at)));
        }
    }

    fn part<'d>(&mut self, part: Labelled<'d>, sort: Sort, choices: &mut Vec<Choice<'d>>) -> Option<Test> {
        let datum = part.datum;
        match sort {
            Sort::Kind => return self.kind(part),
            Sort::Count => {
                let word = datum.word();
                let number = word.and_then(|word| word.parse().ok()).map(Some);
                if let Some(count) = number.or((word == Some("all")).then_some(None)) {
                    return Some(Test::Is(Value::Count(count)));
                }
            }
            Sort::Predicates => {
                if let Some(elements) = between_dots(datum) {
                    let list = match part.label {
                        Some(label) => self.label(label, datum, sort)?,
                        None => self.hidden(String::new(), sort),
                    };
                    if elements.is_empty() {
                        self.expected("a conjunct between the dots: `[.. ?x ..]`", datum);
                    }
                    let segment = Segment::WHOLE;
                    choices.push(Choice { of: ListOf::Predicates, list, segment, elements });
                    return Some(Test::Bind(list));
                }
            }
            _ => {}
        }
        self.test(datum, sort)
    }

    fn kind(&mut self, part: Labelled<'_>) -> Option<Test> {
        if let Some(names) = part.datum.list('{') {
            let kinds = names.iter().filter_map(|name| {
                self.choice(name, Named::Word("kind of join"), JoinKind::ALL.map(|kind| (kind.name(), kind)))
            });
            let kinds: SmallVec<_> = kinds.collect();
            if names.is_empty() {
                self.expected("the kinds that the rule holds for: `{inner left}`", part.datum);
            }
            let slot = part.label.map(|label| self.label(label, part.datum, Sort::Kind));
            return Some(Test::OneOf(kinds, slot.flatten()));
        }
        if part.label.is_none() {
            let Some(word) = part.datum.word() else {
                self.expected("a kind of join, or `?kind:{inner left}`", part.datum);
                return None;
            };
            if let Some(kind) = JoinKind::from_name(word) {
                return Some(Test::Is(Value::Kind(kind)));
            }
            if word == "_" || (word.starts_with('?') && self.find(word).is_none()) {
                self.error(part.datum.span, RuleErrorKind::BareKind(word.to_owned()));
                return None;
            }
            if !word.starts_with('?') {
                self.unknown(part.datum.span, Named::Word("kind of join"), word, JoinKind::ALL.map(JoinKind::name));
                return None;
            }
            return self.test(part.datum, Sort::Kind);
        }
        self.expected("the kinds that the rule holds for: `{inner left}`", part.datum);
        None
    }

    fn input<'d>(&mut self, part: Labelled<'d>, at: usize, nested: &mut Vec<(usize, &'d Datum)>) -> Test {
        let test = match part.label {
            Some(label) => self.label(label, part.datum, Sort::Rel).map(Test::Bind),
            None if is_variable(part.datum) => return self.test(part.datum, Sort::Rel).unwrap_or(Test::Any),
            None => None,
        };
        nested.push((at, part.datum));
        test.unwrap_or(Test::Any)
    }

    /// The inputs of an operator of any number: `?all`, `[?a ?b]`, or `[.. ?x ..]`.
    fn input_list<'d>(
        &mut self,
        part: Labelled<'d>,
        nested: &mut Vec<(usize, &'d Datum)>,
        element: &mut Option<(usize, &'d Datum)>,
    ) -> InputTests {
        let datum = part.datum;
        if let Some(elements) = between_dots(datum) {
            let list = match part.label {
                Some(label) => self.label(label, datum, Sort::Rels),
                None => Some(self.hidden(String::new(), Sort::Rels)),
            };
            let Some(list) = list else { return InputTests::All(Test::Any) };
            let place = self.hidden(String::new(), Sort::Count);
            let places = smallvec![place];
            self.lists.push(MatchedList { of: ListOf::Rels, list, segment: Segment::WHOLE, places });
            match elements.as_slice() {
                [Labelled { label: None, datum: only }] => *element = Some((place, *only)),
                _ => self.expected("one relation between the dots: `[.. ?x ..]`", datum),
            }
            return InputTests::All(Test::Bind(list));
        }
        if let Some(items) = datum.list('[') {
            let items = labelled(items);
            let tests = items.iter().enumerate().map(|(at, item)| self.input(*item, at, nested)).collect();
            return InputTests::Fixed(tests);
        }
        InputTests::All(self.test(datum, Sort::Rels).unwrap_or(Test::Any))
    }

    /// The operators that a node may have: `(filter ..)`, `({filter sort} ..)`, or `(?op:{filter sort} ..)`, with
    /// the variable that is bound to the one found.
    fn operators<'d>(&mut self, datum: &'d Datum) -> Option<(Operators, Option<Slot>, &'d [Datum])> {
        let items = datum.list('(').unwrap_or_default();
        let (label, names, rest) = match items {
            [name, rest @ ..] if name.list('{').is_some() => (None, name, rest),
            [label, names, rest @ ..] if is_label(label) && names.list('{').is_some() => (Some(label), names, rest),
            _ => {
                let Some((name, rest)) = datum.form() else {
                    self.expected("a pattern such as `(filter ?p ?r)`", datum);
                    return None;
                };
                let operator = self.operator(datum, name)?;
                return Some((smallvec![operator], None, rest));
            }
        };
        let mut operators = Operators::new();
        for name in names.list('{').unwrap_or_default() {
            let operator = self.operator(name, name.word().unwrap_or_default())?;
            if let Some(first) = operators.first().filter(|first| !alike(**first, operator)) {
                let (takes, found) = (shape(*first), shape(operator));
                let kind = RuleErrorKind::Alternatives { first: first.name(), takes, other: operator.name(), found };
                self.error(name.span, kind);
                return None;
            }
            operators.push(operator);
        }
        if operators.is_empty() {
            self.expected("operators, such as `{filter sort}`", names);
            return None;
        }
        let binds = match label {
            Some(label) => {
                let slot = self.label(label, names, Sort::Operator)?;
                self.operators_of.push((slot, operators.to_vec()));
                Some(slot)
            }
            None => None,
        };
        Some((operators, binds, rest))
    }

    fn operator(&mut self, datum: &Datum, name: &str) -> Option<Operator> {
        let operator = Operator::from_name(name);
        if operator.is_none() {
            self.unknown(datum.span, Named::Operator, name, Operator::ALL.map(Operator::name));
        }
        operator
    }

    /// What one of several operators is given, where they are given different things.
    fn payload(&mut self, datum: &Datum, operator: Option<Slot>, at: usize) -> Option<Test> {
        if !is_variable(datum) {
            self.expected("a variable or `_`: these operators are given different things here", datum);
            return None;
        }
        let test = self.test(datum, Sort::Payload)?;
        if let (Test::Bind(slot), Some(operator)) = (&test, operator) {
            self.payloads.push((*slot, operator, at));
        }
        Some(test)
    }
}

type Operators = SmallVec<[Operator; 1]>;

/// Whether a pattern can be written for both: as many parts, and the same inputs.
fn alike(a: Operator, b: Operator) -> bool {
    a.payload().len() == b.payload().len() && a.inputs() == b.inputs()
}

/// The sorts of what each of some operators is given; [`Sort::Payload`] where they differ.
pub(super) fn common_payload(operators: &[Operator]) -> Vec<Sort> {
    let Some((first, rest)) = operators.split_first() else { return Vec::new() };
    let mut payload = first.payload().to_vec();
    for operator in rest {
        for (sort, other) in payload.iter_mut().zip(operator.payload()) {
            if sort != other {
                *sort = Sort::Payload;
            }
        }
    }
    payload
}

pub(super) fn is_variable(datum: &Datum) -> bool {
    datum.word().is_some_and(|word| word == "_" || word.starts_with('?'))
}

/// What an operator takes, for messages.
pub(super) fn shape(operator: Operator) -> String {
    let mut parts: Vec<String> = operator.payload().iter().map(Sort::to_string).collect();
    match operator.inputs() {
        Some(inputs) => parts.extend(std::iter::repeat_n("Rel".to_owned(), inputs)),
        None => parts.push("[Rel ..]".to_owned()),
    }
    match parts.is_empty() {
        true => "nothing".to_owned(),
        false => parts.join(" "),
    }
}
