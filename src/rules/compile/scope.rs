use smallvec::SmallVec;

use super::super::diagnostic::RuleError;
use super::super::error::{Named, RuleErrorKind};
use super::super::operator::Operator;
use super::super::pattern::{INPUTS, Pattern, ROOT, Root, Slot, Step, Test};
use super::super::registry::Registry;
use super::super::scalar_match::Segment;
use super::super::scalar_operator::ScalarOperator;
use super::super::value::Sort;
use super::labelled;
use super::lets::mentions;
use crate::expr::nearest;
use crate::term::text::{Datum, DatumKind, Span};

/// A part of a pattern or a right side, with the variable that names it.
#[derive(Clone, Copy)]
pub(super) struct Labelled<'d> {
    pub label: Option<&'d Datum>,
    pub datum: &'d Datum,
}

/// What a `[.. x ..]` is a list of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListOf {
    Rels,
    Predicates,
    /// The operands of a scalar that has this operator, or one that takes the same.
    Operands(ScalarOperator),
}

impl ListOf {
    /// The list among the operands of a scalar: `in` and `not-in` have one notation for it.
    pub fn operands(operator: ScalarOperator) -> ListOf {
        ListOf::Operands(if operator == ScalarOperator::NotIn { ScalarOperator::In } else { operator })
    }
}

/// A `[.. x ..]` of the pattern: where the list and the positions of its chosen elements are bound.
#[derive(Clone)]
pub(super) struct MatchedList {
    pub of: ListOf,
    pub list: Slot,
    /// Where its elements stand, if it is one of scalars.
    pub segment: Segment,
    pub places: SmallVec<[Slot; 2]>,
}

/// What is known of a variable.
struct Variable {
    name: String,
    /// `None` is the sort of one whose definition is wrong.
    sort: Option<Sort>,
    /// Where it is bound, and what to do when nothing reads it.
    unread: Option<(Span, &'static str)>,
}

/// How to mend a variable of a pattern that nothing reads.
const UNREAD_PLACE: &str = "write `_` in its place";
const UNREAD_LABEL: &str = "leave the name away, and keep what it names";

/// The state of compiling one rule.
pub(super) struct Compiler<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub registry: &'a Registry,
    pub errors: Vec<RuleError>,
    /// The variables, by slot.
    variables: Vec<Variable>,
    /// Whether the pattern has errors: then variables may be missing because of them.
    pub incomplete: bool,
    pub root: Option<Root>,
    /// Whether the pattern is one of a scalar.
    pub of_scalar: bool,
    pub steps: Vec<Step>,
    pub lists: Vec<MatchedList>,
    /// The operators that a variable may be bound to.
    pub operators_of: Vec<(Slot, Vec<Operator>)>,
    /// The scalar operators that a variable may be bound to: the first one.
    pub scalar_operators_of: Vec<(Slot, ScalarOperator)>,
    /// Variables for what one of several operators is given: the operator's variable, and the place.
    pub payloads: Vec<(Slot, Slot, usize)>,
}

impl<'a> Compiler<'a> {
    pub fn new(file: &'a str, text: &'a str, registry: &'a Registry) -> Self {
        debug_assert_eq!(ROOT, 0, "the first variable");
        let variables = vec![Variable { name: "?root".to_owned(), sort: Some(Sort::Rel), unread: None }];
        Compiler {
            file,
            text,
            registry,
            errors: Vec::new(),
            variables,
            incomplete: false,
            root: None,
            of_scalar: false,
            steps: Vec::new(),
            lists: Vec::new(),
            operators_of: Vec::new(),
            scalar_operators_of: Vec::new(),
            payloads: Vec::new(),
        }
    }

    pub fn finish(&mut self) -> Option<Pattern> {
        let root = self.root.take()?;
        Some(Pattern { root, steps: std::mem::take(&mut self.steps), slots: self.variables.len() })
    }

    /// Makes `?root` a scalar, and `?inputs` the relations over whose rows it is evaluated. Before any other variable.
    pub fn root_is_scalar(&mut self) {
        self.of_scalar = true;
        self.variables[ROOT].sort = Some(Sort::Scalar);
        let inputs = Variable { name: "?inputs".to_owned(), sort: Some(Sort::Rels), unread: None };
        self.variables.push(inputs);
        debug_assert_eq!(self.variables.len() - 1, INPUTS);
    }

    /// The names of the variables, by slot; those that no rule can write are empty.
    pub fn variables(&self) -> Vec<String> {
        let written = |name: &String| name.starts_with('?') && !name.contains(' ');
        self.variables.iter().map(|one| if written(&one.name) { one.name.clone() } else { String::new() }).collect()
    }

    /// A part of the rule as it is written, on one line.
    pub fn source(&self, datum: &Datum) -> String {
        self.text[datum.span.start..datum.span.end].split_whitespace().collect::<Vec<_>>().join(" ")
    }

    // ---- errors ----------------------------------------------------------------------------

    pub fn error(&mut self, span: Span, kind: RuleErrorKind) {
        self.errors.push(RuleError::new(self.file, self.text, span, kind));
    }

    pub fn expected(&mut self, expected: &str, found: &Datum) {
        let kind = RuleErrorKind::Expected { expected: expected.to_owned(), found: found.describe() };
        self.error(found.span, kind);
    }

    pub fn arity(&mut self, span: Span, what: &str, expected: &str, found: usize) {
        self.error(span, RuleErrorKind::Arity { what: what.to_owned(), expected: expected.to_owned(), found });
    }

    pub fn unknown<'n>(&mut self, span: Span, what: Named, name: &str, known: impl IntoIterator<Item = &'n str>) {
        let hint = hint(name, known.into_iter().collect());
        self.error(span, RuleErrorKind::Unknown { what, name: name.to_owned(), hint });
    }

    /// One of some words.
    pub fn choice<T: Copy, const N: usize>(
        &mut self,
        datum: &Datum,
        what: Named,
        choices: [(&'static str, T); N],
    ) -> Option<T> {
        let Some(word) = datum.word() else {
            self.expected(&what.to_string(), datum);
            return None;
        };
        let chosen = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        if chosen.is_none() {
            self.unknown(datum.span, what, word, choices.map(|(name, _)| name));
        }
        chosen
    }

    pub fn quoted(&mut self, datum: &Datum) -> Option<String> {
        match &datum.kind {
            DatumKind::Quoted(text) => Some(text.clone()),
            _ => {
                self.expected("a text in double quotes", datum);
                None
            }
        }
    }

    // ---- variables -------------------------------------------------------------------------

    /// A variable without a name, or with one that no rule can write.
    pub fn hidden(&mut self, name: String, sort: Sort) -> Slot {
        self.variables.push(Variable { name, sort: Some(sort), unread: None });
        self.variables.len() - 1
    }

    pub fn find(&self, name: &str) -> Option<(Slot, Option<Sort>)> {
        let slot = self.variables.iter().rposition(|known| known.name == name)?;
        Some((slot, self.variables[slot].sort))
    }

    /// Notes that something reads a variable.
    pub fn reads(&mut self, slot: Slot) {
        self.variables[slot].unread = None;
    }

    /// A new variable. `unread` tells how to do without it, where nothing reads it.
    pub fn declare(&mut self, datum: &Datum, sort: Option<Sort>, unread: Option<&'static str>) -> Option<Slot> {
        let name = match datum.word() {
            Some(word) if word.len() > 1 && word.starts_with('?') => word,
            _ => {
                self.expected("a variable such as `?x`", datum);
                return None;
            }
        };
        self.declare_as(name.trim_end_matches(':'), datum.span, sort, unread)
    }

    /// A new variable of a name.
    pub fn declare_as(
        &mut self,
        name: &str,
        span: Span,
        sort: Option<Sort>,
        unread: Option<&'static str>,
    ) -> Option<Slot> {
        let name = name.to_owned();
        if self.find(&name).is_some() {
            self.error(span, RuleErrorKind::DuplicateVariable(name));
            return None;
        }
        self.variables.push(Variable { name, sort, unread: unread.map(|mend| (span, mend)) });
        Some(self.variables.len() - 1)
    }

    /// The variable that names a nested pattern, which must not hold itself.
    pub fn label(&mut self, label: &Datum, of: &Datum, sort: Sort) -> Option<Slot> {
        let name = label.word().unwrap_or_default().trim_end_matches(':');
        if mentions(of, name) {
            self.error(of.span, RuleErrorKind::Recursive(name.to_owned()));
            return None;
        }
        self.declare(label, Some(sort), Some(UNREAD_LABEL))
    }

    /// A variable or `_` in the pattern: its first occurrence binds, later ones compare.
    pub fn test(&mut self, datum: &Datum, sort: Sort) -> Option<Test> {
        if datum.word() == Some("_") {
            return Some(Test::Any);
        }
        match datum.word().and_then(|name| self.find(name)) {
            Some((slot, known)) => {
                if let Some(known) = known.filter(|known| *known != sort) {
                    let what = datum.describe();
                    self.error(datum.span, RuleErrorKind::Sort { what, expected: sort, found: known });
                    return None;
                }
                self.reads(slot);
                Some(Test::Same(slot))
            }
            None => self.declare(datum, Some(sort), Some(UNREAD_PLACE)).map(Test::Bind),
        }
    }

    /// A variable that is bound, of a sort.
    pub fn bound(&mut self, datum: &Datum) -> Option<(Slot, Option<Sort>)> {
        let Some(name) = datum.word() else {
            self.expected("a variable such as `?x`", datum);
            return None;
        };
        let found = self.find(name);
        match found {
            Some((slot, _)) => self.reads(slot),
            None if self.incomplete => {}
            None => {
                let known = self.variables.iter().map(|variable| variable.name.as_str());
                let hint = hint(name, known.filter(|name| name.starts_with('?') && !name.contains(' ')).collect());
                self.error(datum.span, RuleErrorKind::Unbound { name: name.to_owned(), hint });
            }
        }
        found
    }

    /// Notes the variables that nothing reads.
    pub fn unused(&mut self) {
        let unread: Vec<_> = self.variables.iter().filter_map(|one| Some((one.name.clone(), one.unread?))).collect();
        for (name, (span, mend)) in unread {
            self.error(span, RuleErrorKind::Unused { name, mend });
        }
    }

    /// The one matched list of a kind, for a `[.. x ..]` on the right side.
    pub fn matched_list(&mut self, datum: &Datum, of: ListOf) -> Option<MatchedList> {
        let mut lists = self.lists.iter().filter(|list| list.of == of);
        match (lists.next(), lists.next()) {
            (Some(only), None) => Some(only.clone()),
            (first, _) => {
                let has = if first.is_none() { "none" } else { "several" };
                self.error(datum.span, RuleErrorKind::NoList("[.. ..]".to_owned(), has));
                None
            }
        }
    }
}

/// The name that was meant, or the names that there are.
fn hint(name: &str, mut known: Vec<&str>) -> String {
    known.dedup();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() || known.len() > 20 => String::new(),
        None => format!("; there are {}", known.join(", ")),
    }
}

/// What stands between the dots of `[.. x ..]`, or of `[.. x .. y ..]`.
pub(super) fn between_dots(datum: &Datum) -> Option<Vec<Labelled<'_>>> {
    let (first, rest) = datum.list('[')?.split_first()?;
    let is_dots = |part: &Labelled<'_>| part.label.is_none() && part.datum.word() == Some("..");
    let parts = labelled(rest);
    // Each element is followed by dots, and what ends the list are dots.
    let elements = match is_dots(parts.last()?) {
        true => &parts[..parts.len() - 1],
        false => return None,
    };
    let alternate = elements.iter().enumerate().all(|(at, part)| is_dots(part) == (at % 2 == 1));
    let whole = elements.is_empty() || elements.len() % 2 == 1;
    let dotted = first.word() == Some("..") && alternate && whole;
    dotted.then(|| elements.iter().copied().step_by(2).collect())
}
