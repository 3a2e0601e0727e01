use super::{Labelled, Maker, between_dots, labelled};
use crate::expr::JoinKind;
use crate::rules::{Operator, Plant, Sort, Value};
use crate::term::text::Datum;
use crate::term::{RelNode, RelOp, TermId};

impl Maker<'_> {
    /// A relation that a pattern of one node, and of what is below it, fits.
    pub fn node(&mut self, datum: &Datum) -> Option<TermId> {
        let (operator, rest) = self.operator_of(datum)?;
        let parts = labelled(rest);
        let payload = operator.payload();
        if parts.len() != payload.len() + operator.inputs().unwrap_or(1) {
            return None;
        }
        let below = &parts[payload.len()..];
        let inputs = match operator {
            Operator::JoinSet | Operator::Union | Operator::Extension => self.list(operator, below[0])?,
            Operator::Apply => {
                let left = self.input(below[0])?;
                let own: Vec<_> = self.terms.facts(left).outputs.iter().collect();
                self.outer.extend(own.iter().copied());
                let right = self.input(below[1]);
                self.outer.truncate(self.outer.len() - own.len());
                vec![left, right?]
            }
            Operator::Unnest if below[0].datum.word().is_some() => vec![self.with_list(below[0].datum)?],
            _ => below.iter().map(|part| self.input(*part)).collect::<Option<_>>()?,
        };
        let mut values = Vec::with_capacity(payload.len());
        for (at, sort) in payload.iter().enumerate() {
            let value = match *sort {
                Sort::Kind => self.kind(parts[at])?,
                Sort::Count => self.count(parts[at], at, operator)?,
                sort => self.part(operator, sort, parts[at], &inputs)?,
            };
            values.push(value);
        }
        Some(self.build(operator.build(&values)?, inputs))
    }

    /// The operator of a pattern, one of several in turn, and what stands behind it.
    fn operator_of<'d>(&mut self, datum: &'d Datum) -> Option<(Operator, &'d [Datum])> {
        let items = datum.list('(')?;
        let named = |label: &Datum| label.word().is_some_and(|word| word.starts_with('?') && word.ends_with(':'));
        let (label, names, rest) = match items {
            [names, rest @ ..] if names.list('{').is_some() => (None, names, rest),
            [label, names, rest @ ..] if named(label) && names.list('{').is_some() => (label.word(), names, rest),
            _ => {
                let (name, rest) = datum.form()?;
                return Some((Operator::from_name(name)?, rest));
            }
        };
        let among = names.list('{')?.iter().map(|name| Operator::from_name(name.word()?));
        let operator = *self.in_turn(&among.collect::<Option<Vec<_>>>()?)?;
        if let Some(label) = label {
            self.bind(label.trim_end_matches(':'), Value::Operator(operator));
        }
        Some((operator, rest))
    }

    /// One of some things: another one for each shape, so that each comes, and each with each.
    pub fn in_turn<'t, T>(&mut self, among: &'t [T]) -> Option<&'t T> {
        let at = self.turn.checked_rem(among.len())?;
        self.turn /= among.len();
        among.get(at)
    }

    /// A node in the normal form of its constructor.
    pub fn build(&mut self, op: RelOp, inputs: Vec<TermId>) -> TermId {
        match op {
            RelOp::Filter(predicates) => self.terms.plant_filter(predicates, inputs[0]),
            RelOp::Project(projection) => self.terms.plant_project(projection, inputs[0]),
            RelOp::JoinSet(predicates) => self.terms.plant_join_set(predicates, inputs.into_iter().collect()),
            op => self.terms.add(RelNode::new(op, inputs)),
        }
    }

    /// What an input of a pattern stands for.
    fn input(&mut self, part: Labelled<'_>) -> Option<TermId> {
        let made = match part.datum.word() {
            Some(word) => match self.bound(word) {
                Some(Value::Rel(known)) => known,
                Some(_) => return None,
                None => {
                    let relation = self.relation(self.size);
                    self.bind(word, Value::Rel(relation));
                    relation
                }
            },
            None => self.node(part.datum)?,
        };
        if let Some(label) = part.label {
            self.bind(label, Value::Rel(made));
        }
        Some(made)
    }

    /// The inputs of an operator of any number: `?all`, `[?a ?b]`, or `[.. ?x ..]`.
    fn list(&mut self, operator: Operator, part: Labelled<'_>) -> Option<Vec<TermId>> {
        let least: usize = if operator == Operator::JoinSet { 2 } else { 1 };
        let inputs: Vec<TermId> = if let Some(middle) = between_dots(part.datum) {
            let [only] = labelled(middle)[..] else { return None };
            let (before, after) = (self.dice.below(2), self.dice.below(2));
            let after = after.max(least.saturating_sub(before + 1));
            let mut inputs: Vec<TermId> = (0..before).map(|_| self.relation(0)).collect();
            inputs.push(self.input(only)?);
            inputs.extend((0..after).map(|_| self.relation(0)));
            inputs
        } else if let Some(items) = part.datum.list('[') {
            labelled(items).into_iter().map(|item| self.input(item)).collect::<Option<_>>()?
        } else {
            match self.bound(part.datum.word()?) {
                Some(Value::Rels(known)) => known,
                Some(_) => return None,
                None => {
                    let size = self.size;
                    let mut inputs: Vec<_> = (0..least + self.dice.below(2)).map(|_| self.relation(size)).collect();
                    // One relation may come twice in a union, where no column of it does.
                    if operator == Operator::Union && self.dice.once_in(4) {
                        inputs.push(inputs[0]);
                    }
                    self.bind(part.datum.word()?, Value::Rels(inputs.clone()));
                    inputs
                }
            }
        };
        if let Some(label) = part.label {
            self.bind(label, Value::Rels(inputs.clone()));
        }
        Some(inputs)
    }

    fn kind(&mut self, part: Labelled<'_>) -> Option<Value<TermId>> {
        if let Some(word) = part.datum.word() {
            return match JoinKind::from_name(word) {
                Some(kind) => Some(Value::Kind(kind)),
                None => self.bound(word),
            };
        }
        let names = part.datum.list('{')?;
        let kind = JoinKind::from_name(self.dice.pick(names)?.word()?)?;
        if let Some(label) = part.label {
            self.bind(label, Value::Kind(kind));
        }
        Some(Value::Kind(kind))
    }

    fn count(&mut self, part: Labelled<'_>, at: usize, operator: Operator) -> Option<Value<TermId>> {
        let word = part.datum.word()?;
        if let Ok(number) = word.parse() {
            return Some(Value::Count(Some(number)));
        }
        if word == "all" {
            return Some(Value::Count(None));
        }
        if let Some(known) = self.bound(word) {
            return Some(known);
        }
        let fetch = at + 1 == operator.payload().len();
        let all = fetch && operator == Operator::Limit && self.dice.once_in(4);
        let number = self.dice.below(if fetch { 4 } else { 3 }) as u64;
        let value = Value::Count((!all).then_some(number));
        self.bind(word, value.clone());
        Some(value)
    }

    pub fn bound(&self, word: &str) -> Option<Value<TermId>> {
        self.variables.get(word).cloned()
    }

    /// Remembers what a variable stands for; `_` is anything.
    pub fn bind(&mut self, word: &str, value: Value<TermId>) {
        if word != "_" {
            self.variables.insert(word.to_owned(), value);
        }
    }
}
