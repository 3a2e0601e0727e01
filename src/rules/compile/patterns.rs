use super::super::error::{Named, RuleErrorKind};
use super::super::operator::Operator;
use super::super::pattern::{InputTests, NodeTest, ScalarTest, Source, Step, Test};
use super::super::value::{Sort, Value};
use super::labelled;
use super::scope::{Compiler, Labelled, MatchedList, between_dots};
use crate::expr::{BinaryOp, JoinKind, Literal, ScalarOp};
use crate::term::ColumnId;
use crate::term::text::{Datum, DatumKind};
use smallvec::SmallVec;

impl Compiler<'_> {
    /// The left side of a rule.
    pub fn pattern(&mut self, datum: &Datum) {
        self.node(datum, None);
    }

    /// A pattern of one node and everything below it, emitted as steps.
    fn node(&mut self, datum: &Datum, source: Option<Source>) {
        let Some((name, rest)) = datum.form() else {
            self.expected("a pattern such as `(filter ?p ?r)`", datum);
            return;
        };
        let Some(operator) = Operator::from_name(name) else {
            self.unknown(datum.span, Named::Operator, name, Operator::ALL.map(Operator::name));
            return;
        };
        let parts = labelled(rest);
        let payload = operator.payload();
        let wanted = payload.len() + operator.inputs().unwrap_or(1);
        if parts.len() != wanted {
            self.arity(datum.span, name, &shape(operator), parts.len());
            return;
        }
        let mut conjuncts = Vec::new();
        let mut tests = Vec::new();
        for (part, sort) in parts.iter().zip(payload) {
            tests.push(self.part(*part, *sort, &mut conjuncts).unwrap_or(Test::Any));
        }
        let mut nested = Vec::new();
        let mut element = None;
        let inputs = match operator.inputs() {
            Some(_) => {
                let inputs = parts[payload.len()..].iter().enumerate();
                InputTests::Fixed(inputs.map(|(at, part)| self.input(*part, at, &mut nested)).collect())
            }
            None => self.input_list(parts[payload.len()], &mut nested, &mut element),
        };
        let test = NodeTest { text: self.source(datum), operator, parts: tests, inputs };
        let node = self.steps.iter().filter(|step| matches!(step, Step::Node(..))).count();
        let node = match source {
            None => {
                self.root = Some(test);
                0
            }
            Some(source) => {
                self.steps.push(Step::Node(source, test));
                node + 1
            }
        };
        for (list, pattern) in conjuncts {
            let Some(test) = self.scalar(pattern) else { continue };
            let text = self.source(pattern);
            self.steps.push(Step::Conjunct { list: list.list, place: list.place, test, text });
        }
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

    fn part<'d>(
        &mut self,
        part: Labelled<'d>,
        sort: Sort,
        conjuncts: &mut Vec<(MatchedList, &'d Datum)>,
    ) -> Option<Test> {
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
                if let Some(middle) = between_dots(datum) {
                    let list = match part.label {
                        Some(label) => self.label(label, datum, sort)?,
                        None => self.hidden(String::new(), sort),
                    };
                    let list = MatchedList { sort, list, place: self.hidden(String::new(), Sort::Count) };
                    match middle {
                        [only] => {
                            self.lists.push(list);
                            conjuncts.push((list, only));
                        }
                        _ => self.expected("one conjunct between the dots: `[.. ?x ..]`", datum),
                    }
                    return Some(Test::Bind(list.list));
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
        if let Some(middle) = between_dots(datum) {
            let list = match part.label {
                Some(label) => self.label(label, datum, Sort::Rels),
                None => Some(self.hidden(String::new(), Sort::Rels)),
            };
            let Some(list) = list else { return InputTests::All(Test::Any) };
            let place = self.hidden(String::new(), Sort::Count);
            self.lists.push(MatchedList { sort: Sort::Rels, list, place });
            match middle {
                [only] => *element = Some((place, only)),
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

    /// A conjunct's pattern: `?x`, `(?x = ?y)`, `(is-null ?x)`, or a literal.
    fn scalar(&mut self, datum: &Datum) -> Option<ScalarTest> {
        if let Some(word) = datum.word() {
            let literal = match word {
                "true" => Some(Literal::from(true)),
                "false" => Some(Literal::from(false)),
                word => word.parse::<i64>().ok().map(Literal::from),
            };
            return match literal {
                Some(literal) => Some(ScalarTest::Op(ScalarOp::Literal(literal), Vec::new())),
                None => self.test(datum, Sort::Scalar).map(ScalarTest::Var),
            };
        }
        if let DatumKind::Text(text) = &datum.kind {
            return Some(ScalarTest::Op(ScalarOp::Literal(Literal::from(text.as_str())), Vec::new()));
        }
        if let Some([left, op, right]) = datum.list('(')
            && let Some(op) = op.word().and_then(BinaryOp::from_symbol)
        {
            let args = vec![self.scalar(left)?, self.scalar(right)?];
            return Some(ScalarTest::Op(ScalarOp::Binary(op), args));
        }
        let Some((name, args)) = datum.form() else {
            self.expected("a scalar pattern such as `(?x = ?y)`", datum);
            return None;
        };
        const UNARY: [(&str, ScalarOp<ColumnId>); 5] = [
            ("not", ScalarOp::Not),
            ("negate", ScalarOp::Negate),
            ("is-null", ScalarOp::IsNull),
            ("is-not-null", ScalarOp::IsNotNull),
            ("is-true", ScalarOp::IsTrue),
        ];
        let Some((_, op)) = UNARY.into_iter().find(|(known, _)| *known == name) else {
            self.unknown(datum.span, Named::ScalarOperator, name, UNARY.map(|(name, _)| name));
            return None;
        };
        let [arg] = args else {
            self.arity(datum.span, name, "one operand", args.len());
            return None;
        };
        Some(ScalarTest::Op(op, vec![self.scalar(arg)?]))
    }
}

fn is_variable(datum: &Datum) -> bool {
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
