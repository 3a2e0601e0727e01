use super::super::error::{Named, RuleErrorKind};
use super::super::expression::Expression;
use super::super::operator::Operator;
use super::super::pattern::Slot;
use super::super::template::{Inputs, OperatorOf, PhysicalInput, PhysicalOperator, PhysicalTemplate, Template, With};
use super::super::value::Sort;
use super::expressions::place_name;
use super::labelled;
use super::patterns::{common_payload, shape};
use super::scope::{Compiler, Labelled, ListOf, between_dots};
use crate::term::text::Datum;

/// What `requires` says of one input.
struct Requirement<'d> {
    name: &'d str,
    datum: &'d Datum,
    required: Expression,
    used: bool,
}

impl Compiler<'_> {
    /// The right side of a logical rule.
    pub fn template(&mut self, datum: &Datum) -> Option<Template> {
        if datum.word().is_some_and(|word| word.starts_with('?')) {
            return self.slot(datum, Sort::Rel).map(Template::Slot);
        }
        let Some((name, rest)) = datum.form() else {
            self.expected("a variable or `(operator ..)`", datum);
            return None;
        };
        let (of, operators) = self.template_operator(datum, name)?;
        let first = *operators.first()?;
        let payload = common_payload(&operators);
        if rest.len() != payload.len() + first.inputs().unwrap_or(1) {
            self.arity(datum.span, name, &shape(first), rest.len());
            return None;
        }
        let parts = match of {
            OperatorOf::This(_) => self.parts(rest, &payload),
            OperatorOf::Slot(operator) => self.parts_of_any(rest, &payload, operator, name),
        };
        let inputs = &rest[payload.len()..];
        let inputs = match first.inputs() {
            Some(_) => self.templates(inputs).map(Inputs::Fixed),
            None => self.inputs(&inputs[0]),
        };
        Some(Template::Node { operator: of, parts: parts?, inputs: inputs? })
    }

    /// The operator of a node, and those that it may be.
    fn template_operator(&mut self, datum: &Datum, name: &str) -> Option<(OperatorOf, Vec<Operator>)> {
        if !name.starts_with('?') {
            let operator = Operator::from_name(name);
            if operator.is_none() {
                self.unknown(datum.span, Named::Operator, name, Operator::ALL.map(Operator::name));
            }
            return operator.map(|operator| (OperatorOf::This(operator), vec![operator]));
        }
        let head = &datum.list('(')?[0];
        let (slot, sort) = self.bound(head)?;
        match sort {
            Some(Sort::Operator) => {
                let (_, operators) = self.operators_of.iter().find(|(known, _)| *known == slot)?;
                Some((OperatorOf::Slot(slot), operators.clone()))
            }
            Some(found) => {
                let kind = RuleErrorKind::Sort { what: head.describe(), expected: Sort::Operator, found };
                self.error(head.span, kind);
                None
            }
            None => None,
        }
    }

    /// What one of several operators is given: where they differ, just what the pattern found there.
    fn parts_of_any(
        &mut self,
        data: &[Datum],
        payload: &[Sort],
        operator: Slot,
        name: &str,
    ) -> Option<Vec<Expression>> {
        let mut parts = Vec::new();
        for (at, (part, sort)) in data.iter().zip(payload).enumerate() {
            let expression = self.expression(part, Some(*sort));
            if let (Sort::Payload, Some((Expression::Slot(slot), _))) = (sort, &expression)
                && !self.payloads.contains(&(*slot, operator, at))
            {
                self.expected(&format!("what the pattern has at this place of `{name}`"), part);
                return None;
            }
            parts.push(expression);
        }
        parts.into_iter().map(|part| Some(part?.0)).collect()
    }

    fn parts(&mut self, data: &[Datum], payload: &[Sort]) -> Option<Vec<Expression>> {
        let parts: Vec<_> = data.iter().zip(payload).map(|(part, sort)| self.expression(part, Some(*sort))).collect();
        parts.into_iter().map(|part| Some(part?.0)).collect()
    }

    fn templates(&mut self, data: &[Datum]) -> Option<Vec<Template>> {
        // Each is looked at, so that all errors are found.
        let templates: Vec<_> = data.iter().map(|datum| self.template(datum)).collect();
        templates.into_iter().collect()
    }

    fn slot(&mut self, datum: &Datum, expected: Sort) -> Option<Slot> {
        let (slot, sort) = self.bound(datum)?;
        match sort {
            Some(found) if found != expected => {
                self.error(datum.span, RuleErrorKind::Sort { what: datum.describe(), expected, found });
                None
            }
            _ => Some(slot),
        }
    }

    /// `?all`, `[a b]`, `[.. x ..]`, or `(each ?x ?all template)`.
    fn inputs(&mut self, datum: &Datum) -> Option<Inputs> {
        if let Some(("each", [item, list, body])) = datum.form() {
            let list = self.slot(list, Sort::Rels)?;
            let item_slot = self.declare(item, Some(Sort::Rel), None)?;
            let place = self.hidden(place_name(item.word()?), Sort::Count);
            let body = Box::new(self.template(body)?);
            return Some(Inputs::Each { item: item_slot, place, list, body });
        }
        if let Some(elements) = between_dots(datum) {
            let list = self.matched_list(datum, ListOf::Rels)?;
            let with = match elements.as_slice() {
                [] => With::Nothing,
                [Labelled { label: None, datum: only }] => match only.word().and_then(|word| self.find(word)) {
                    Some((slot, Some(Sort::Rels))) => {
                        self.reads(slot);
                        With::Spread(slot)
                    }
                    _ => With::One(Box::new(self.template(only)?)),
                },
                _ => {
                    self.expected("at most one relation between the dots", datum);
                    return None;
                }
            };
            return Some(Inputs::Around { list: list.list, place: list.places[0], with });
        }
        match datum.list('[') {
            Some(items) => self.templates(items).map(Inputs::Fixed),
            None => self.slot(datum, Sort::Rels).map(Inputs::All),
        }
    }

    /// The right side of an implementation rule.
    pub fn physical(&mut self, datum: &Datum, requires: &[Datum]) -> Option<PhysicalTemplate> {
        let mut requirements = Vec::new();
        for requirement in requires {
            match requirement.list('(') {
                Some([name, required]) if name.word().is_some_and(|word| word.starts_with('?')) => {
                    let Some((required, _)) = self.expression(required, Some(Sort::Required)) else { continue };
                    let name_text = name.word().unwrap_or_default();
                    requirements.push(Requirement { name: name_text, datum: name, required, used: false });
                }
                _ => self.expected("`(?input required)`", requirement),
            }
        }
        let template = self.physical_node(datum, &mut requirements);
        for requirement in requirements.iter().filter(|requirement| !requirement.used) {
            let expected = "an input of the right side";
            self.expected(expected, requirement.datum);
        }
        template
    }

    fn physical_node(&mut self, datum: &Datum, requirements: &mut Vec<Requirement<'_>>) -> Option<PhysicalTemplate> {
        let Some((name, rest)) = datum.form() else {
            self.expected("`(physical-operator ..)`", datum);
            return None;
        };
        let Some(operator) = PhysicalOperator::ALL.into_iter().find(|operator| operator.name() == name) else {
            self.unknown(datum.span, Named::PhysicalOperator, name, PhysicalOperator::ALL.map(PhysicalOperator::name));
            return None;
        };
        let parts = labelled(rest);
        let payload = operator.payload();
        if parts.len() != payload.len() + operator.inputs().unwrap_or(1) {
            let mut takes: Vec<String> = payload.iter().map(Sort::to_string).collect();
            match operator.inputs() {
                Some(inputs) => takes.extend(std::iter::repeat_n("Rel".to_owned(), inputs)),
                None => takes.push("Rels".to_owned()),
            }
            self.arity(datum.span, name, &takes.join(" "), parts.len());
            return None;
        }
        let values = self.parts(&rest[..payload.len()], payload);
        let sort = if operator.inputs().is_some() { Sort::Rel } else { Sort::Rels };
        let mut inputs = Vec::new();
        for part in &parts[payload.len()..] {
            let input = self.physical_input(*part, sort, requirements);
            let name = part.label.unwrap_or(part.datum);
            let text = name.word().unwrap_or_default().trim_end_matches(':').to_owned();
            match requirements.iter_mut().find(|requirement| requirement.name == text) {
                Some(requirement) => {
                    requirement.used = true;
                    inputs.push((input?, requirement.required.clone()));
                }
                None => {
                    self.error(name.span, RuleErrorKind::NoRequirement(text));
                    return None;
                }
            }
        }
        Some(PhysicalTemplate { operator, parts: values?, inputs })
    }

    fn physical_input(
        &mut self,
        part: Labelled<'_>,
        sort: Sort,
        requirements: &mut Vec<Requirement<'_>>,
    ) -> Option<PhysicalInput> {
        match part.label {
            Some(_) => self.physical_node(part.datum, requirements).map(PhysicalInput::Inline),
            None if part.datum.word().is_some() => self.slot(part.datum, sort).map(PhysicalInput::Slot),
            None => {
                self.expected("a variable, or a nested operator with a name: `?half:(hash-aggregate ..)`", part.datum);
                None
            }
        }
    }
}
