//! Small changes to the text of a rule.

use crate::expr::JoinKind;
use crate::term::text::{Datum, Span, lex, read};

/// A changed source, and what was changed.
pub(super) struct Change {
    pub source: String,
    pub text: String,
}

/// All small changes to a rule, as written.
pub(super) fn changes(source: &str) -> Vec<Change> {
    let Some(rule) = parsed(source) else { return Vec::new() };
    let mut edits = Edits { source, all: Vec::new() };
    let clauses = rule.form().map(|(_, clauses)| clauses).unwrap_or_default();
    let variables = relations(clauses);
    let keeps_value = |clause: &Datum| matches!(clause.form(), Some(("keeps", [word])) if word.word() == Some("value"));
    let of_scalar = clauses.iter().any(keeps_value);
    for clause in clauses {
        let Some((name, content)) = clause.form() else { continue };
        if of_scalar && matches!(name, "match" | "replace") {
            edits.operators(clause);
        }
        match name {
            "if" => {
                edits.replace(clause.span, "");
                content.iter().for_each(|guard| edits.guard(guard));
                content.iter().for_each(|guard| edits.computed(guard, &variables));
            }
            "let" => content.iter().for_each(|value| edits.computed(value, &variables)),
            "match" => content.iter().for_each(|pattern| edits.pattern(pattern)),
            "replace" => {
                content.iter().for_each(|template| edits.template(template));
                content.iter().for_each(|template| edits.computed(template, &variables));
            }
            "requires" => content.iter().for_each(|input| edits.required(input)),
            _ => {}
        }
    }
    let mut seen: Vec<String> = vec![source.to_owned()];
    edits.all.retain(|change| {
        let fresh = !seen.contains(&change.source);
        seen.push(change.source.clone());
        fresh
    });
    edits.all
}

fn parsed(source: &str) -> Option<Datum> {
    let lexemes: Vec<_> = lex(source).ok()?.into_iter().filter(|lexeme| !lexeme.is_comment()).collect();
    read(&lexemes, &mut 0).ok()
}

/// The variables of which something asks for the outputs.
fn relations(clauses: &[Datum]) -> Vec<String> {
    let mut found = Vec::new();
    let mut stack: Vec<&Datum> = clauses.iter().collect();
    while let Some(datum) = stack.pop() {
        if let Some(("outputs", [variable])) = datum.form()
            && let Some(variable) = variable.word().filter(|word| *word != "?root")
        {
            found.push(variable.to_owned());
        }
        stack.extend(items(datum));
    }
    // The inputs of a join are relations, too.
    let matched = clauses.iter().filter_map(Datum::form).find(|(name, _)| *name == "match");
    let mut stack: Vec<&Datum> = matched.map(|(_, content)| content.iter().collect()).unwrap_or_default();
    while let Some(datum) = stack.pop() {
        if let Some(("join" | "mark-join", [.., left, right])) = datum.form() {
            found.extend([left, right].into_iter().filter_map(Datum::word).map(str::to_owned));
        }
        stack.extend(items(datum));
    }
    found.retain(|name| name != "_");
    found.sort();
    found.dedup();
    found
}

fn items(datum: &Datum) -> &[Datum] {
    ['(', '[', '{'].into_iter().find_map(|bracket| datum.list(bracket)).unwrap_or_default()
}

struct Edits<'a> {
    source: &'a str,
    all: Vec<Change>,
}

impl Edits<'_> {
    fn text(&self, span: Span) -> String {
        self.source[span.start..span.end].split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn replace(&mut self, span: Span, with: &str) {
        let source = format!("{}{with}{}", &self.source[..span.start], &self.source[span.end..]);
        let text = match with {
            "" => format!("drop {}", self.text(span)),
            with => format!("write {} for {}", with.split_whitespace().collect::<Vec<_>>().join(" "), self.text(span)),
        };
        self.all.push(Change { source, text });
    }

    /// Guards without one of their parts.
    fn guard(&mut self, guard: &Datum) {
        if let Some(("and" | "or", parts)) = guard.form() {
            parts.iter().for_each(|part| self.replace(part.span, ""));
            parts.iter().for_each(|part| self.guard(part));
        }
    }

    /// Other kinds of join, and other tests of a conjunct.
    fn pattern(&mut self, pattern: &Datum) {
        let parts = items(pattern);
        for (at, part) in parts.iter().enumerate() {
            if let Some(kinds) = part.list('{').filter(|kinds| is_kinds(kinds)) {
                let known: Vec<&str> = kinds.iter().filter_map(Datum::word).collect();
                // With the variable that names them, which tells two lists of a rule apart.
                let label = at.checked_sub(1).map(|before| &parts[before]);
                let label = label.filter(|label| label.word().is_some_and(|word| word.ends_with(':')));
                let named = label.and_then(Datum::word).unwrap_or_default();
                let span = Span { start: label.map_or(part.span.start, |label| label.span.start), end: part.span.end };
                for kind in JoinKind::ALL.map(JoinKind::name).into_iter().filter(|kind| !known.contains(kind)) {
                    let wider = format!("{named}{{{} {kind}}}", known.join(" "));
                    self.replace(span, &wider);
                }
            } else if at == 1 && parts[0].word() == Some("join") {
                self.kinds(part);
            }
            match part.word() {
                Some("is-null") if at == 0 => self.replace(part.span, "is-not-null"),
                Some("is-not-null") if at == 0 => self.replace(part.span, "is-null"),
                _ => {}
            }
            self.pattern(part);
        }
    }

    /// Operators and constants of scalars: the opposite of each.
    fn operators(&mut self, within: &Datum) {
        const OPPOSITES: [(&str, &str); 6] = [
            ("true", "false"),
            ("=", "<>"),
            ("<", "<="),
            ("in", "not-in"),
            ("like", "not-like"),
            ("is-null", "is-not-null"),
        ];
        for part in items(within) {
            let opposite = OPPOSITES.into_iter().find_map(|(one, other)| match part.word()? {
                word if word == one => Some(other),
                word if word == other => Some(one),
                _ => None,
            });
            if let Some(opposite) = opposite {
                // With what is around it, which tells two places of a rule apart.
                let (before, behind) = (within.span.start..part.span.start, part.span.end..within.span.end);
                let changed = format!("{}{opposite}{}", &self.source[before], &self.source[behind]);
                self.replace(within.span, &changed);
            }
            self.operators(part);
        }
    }

    /// A kind of join that is written out becomes another.
    fn kinds(&mut self, part: &Datum) {
        let Some(kind) = part.word().and_then(JoinKind::from_name) else { return };
        for other in
            JoinKind::ALL.into_iter().filter(|other| *other != kind && other.gives_right() == kind.gives_right())
        {
            self.replace(part.span, other.name());
        }
    }

    /// Operators of the right side: other inputs, another kind, or none at all.
    fn template(&mut self, template: &Datum) {
        let parts = items(template);
        match template.form() {
            Some(("join" | "mark-join", [.., left, right])) => {
                let (left_text, right_text) = (self.text(left.span), self.text(right.span));
                let swapped = Span { start: left.span.start, end: right.span.end };
                self.replace(swapped, &format!("{right_text} {left_text}"));
            }
            Some(("filter" | "project" | "distinct" | "sort" | "limit" | "top-k", [.., input])) => {
                let input = self.text(input.span);
                self.replace(template.span, &input);
            }
            _ => {}
        }
        if let [head, kind, ..] = parts
            && head.word() == Some("join")
        {
            self.kinds(kind);
        }
        parts.iter().for_each(|part| self.template(part));
    }

    /// What is required of an input: less, or something else.
    fn required(&mut self, input: &Datum) {
        let [name, required] = items(input) else { return };
        let own = self.text(required.span);
        for other in ["any", "replicated"].into_iter().filter(|other| **other != own) {
            // With its input, which tells two requirements of a rule apart.
            let changed = format!("({} {other})", self.text(name.span));
            self.replace(input.span, &changed);
        }
    }

    /// Calls of functions: another function, one argument alone, swapped arguments, another relation.
    fn computed(&mut self, value: &Datum, relations: &[String]) {
        if let Some((name, args)) = value.form() {
            let other = match name {
                "within" => Some("beyond"),
                "beyond" => Some("within"),
                "movable-conjuncts" => Some("fixed-conjuncts"),
                "fixed-conjuncts" => Some("movable-conjuncts"),
                "add" => Some("minus"),
                "minus" => Some("add"),
                "subset" => Some("disjoint"),
                "not-null" => Some("outputs"),
                _ => None,
            };
            if let Some(other) = other {
                let args: Vec<String> = args.iter().map(|arg| self.text(arg.span)).collect();
                self.replace(value.span, &format!("({other} {})", args.join(" ")));
            }
            match (name, args) {
                ("conjoin" | "both" | "common" | "least" | "add" | "minus" | "extend", [left, right]) => {
                    for one in [left, right] {
                        let one = self.text(one.span);
                        self.replace(value.span, &one);
                    }
                }
                ("beyond" | "within" | "substitute" | "compose" | "through", [first, ..]) => {
                    let first = self.text(first.span);
                    self.replace(value.span, &first);
                }
                ("subset", [left, right]) => {
                    let swapped = format!("(subset {} {})", self.text(right.span), self.text(left.span));
                    self.replace(value.span, &swapped);
                }
                ("outputs" | "key" | "at-most", [variable, ..]) => {
                    let own = variable.word().unwrap_or_default().to_owned();
                    for other in
                        relations.iter().filter(|other| **other != own && own.starts_with('?') && own != "?root")
                    {
                        self.replace(variable.span, other);
                    }
                }
                ("limit" | "top-k", args) => {
                    for count in args.iter().filter(|arg| arg.word() == Some("0")) {
                        self.replace(count.span, "1");
                    }
                }
                _ => {}
            }
        }
        items(value).iter().for_each(|part| self.computed(part, relations));
    }
}

fn is_kinds(kinds: &[Datum]) -> bool {
    kinds.iter().all(|kind| kind.word().and_then(JoinKind::from_name).is_some())
}
