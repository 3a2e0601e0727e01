use crate::rules::{Operator, Rule};
use crate::term::text::{Datum, Span, lex, read};

/// A rule as it is written, for lints that look at its text.
pub(super) struct Source(Datum);

/// An operator of a pattern or of a right side.
pub(super) struct Node<'a> {
    pub operator: Operator,
    /// What it is given: the variable's name and the form behind it, or only one of them.
    pub parts: Vec<Part<'a>>,
    /// Its inputs; one for a list.
    pub inputs: Vec<Part<'a>>,
    pub span: Span,
}

/// A part with the variable that names it: `?kind:{left semi}`.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub label: Option<&'a str>,
    pub datum: &'a Datum,
}

impl Part<'_> {
    /// The variable that stands here or names what does.
    pub fn variable(&self) -> Option<&str> {
        self.label.or_else(|| self.datum.word().filter(|word| word.starts_with('?')))
    }

    /// The node, if it is one.
    pub fn node(&self) -> Option<Node<'_>> {
        Node::of(self.datum)
    }
}

impl Source {
    /// The text of a rule; `None` only where it is not what a loaded rule looks like.
    pub fn of(rule: &Rule) -> Option<Source> {
        let lexemes = lex(rule.source()).ok()?;
        read(&lexemes, &mut 0).ok().map(Source)
    }

    /// Where the name stands.
    pub fn name(&self) -> Option<Span> {
        self.0.form()?.1.first().map(|name| name.span)
    }

    /// The contents of all clauses of a name, in order.
    fn clauses<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Datum> {
        let parts = self.0.form().map(|(_, parts)| parts).unwrap_or_default();
        parts.iter().filter(move |part| part.form().is_some_and(|(clause, _)| clause == name))
    }

    /// The left side.
    pub fn pattern(&self) -> Option<Node<'_>> {
        Node::of(self.clauses("match").next()?.form()?.1.first()?)
    }

    /// The right side, if it is not just a variable.
    pub fn replacement(&self) -> Option<Node<'_>> {
        Node::of(self.clauses("replace").next()?.form()?.1.first()?)
    }

    /// Whether there is a guard of profit or termination.
    pub fn has_when(&self) -> bool {
        self.clauses("when").next().is_some()
    }

    /// Where each guard stands, in order.
    pub fn guards(&self) -> Vec<Span> {
        let parts = self.0.form().map(|(_, parts)| parts).unwrap_or_default();
        let guards = parts.iter().filter_map(|part| match part.form()? {
            ("if" | "when", [condition]) => Some(condition.span),
            _ => None,
        });
        guards.collect()
    }
}

impl<'a> Node<'a> {
    fn of(datum: &'a Datum) -> Option<Node<'a>> {
        let (name, rest) = datum.form()?;
        let operator = Operator::from_name(name)?;
        let mut parts = Vec::new();
        let mut items = rest.iter();
        while let Some(item) = items.next() {
            let label = item.word().and_then(|word| word.strip_suffix(':')).filter(|word| word.starts_with('?'));
            match label {
                Some(_) => parts.push(Part { label, datum: items.next()? }),
                None => parts.push(Part { label: None, datum: item }),
            }
        }
        let inputs = parts.split_off(operator.payload().len().min(parts.len()));
        Some(Node { operator, parts, inputs, span: datum.span })
    }

    /// The inputs as they stand in a list `[a b]`, or as they are.
    pub fn listed(&self) -> Vec<Part<'a>> {
        match self.inputs.as_slice() {
            [only] if only.datum.list('[').is_some() => {
                let items = only.datum.list('[').unwrap_or_default().iter();
                let items = items.filter(|item| item.word() != Some(".."));
                items.map(|datum| Part { label: None, datum }).collect()
            }
            inputs => inputs.to_vec(),
        }
    }

    /// The kinds of join that a pattern lists or names.
    pub fn kinds(&self) -> Vec<(&'a str, Span)> {
        let Some(kind) = self.parts.first().filter(|_| self.operator == Operator::Join) else { return Vec::new() };
        let items = kind.datum.list('{').unwrap_or(std::slice::from_ref(kind.datum));
        items.iter().filter_map(|item| Some((item.word()?, item.span))).collect()
    }
}
