use super::super::pattern::Slot;
use super::super::scalar_match::{Between, ScalarTest, Segment};
use super::super::value::Sort;
use super::labelled;
use super::scalar_patterns::Choice;
use super::scope::{Compiler, Labelled, ListOf, between_dots};
use crate::term::text::Datum;

/// A list among the operands of a scalar, as a pattern writes it.
pub(super) enum Listed<'d> {
    /// `[?a ?b]`: just these.
    Exact(Vec<Labelled<'d>>),
    /// `[?a ..]`: these, then any others.
    Begins(Vec<Labelled<'d>>),
    /// `[.. ?a ..]`: these among others, wherever they stand.
    Chosen(Vec<Labelled<'d>>),
}

impl<'d> Listed<'d> {
    pub fn of(datum: &'d Datum) -> Option<Listed<'d>> {
        let items = datum.list('[')?;
        if let Some(elements) = between_dots(datum) {
            return (!elements.is_empty()).then_some(Listed::Chosen(elements));
        }
        let is_dots = |item: &Datum| item.word() == Some("..");
        match items {
            [first @ .., last] if is_dots(last) && !first.is_empty() && !first.iter().any(is_dots) => {
                Some(Listed::Begins(labelled(first)))
            }
            items => (!items.iter().any(is_dots)).then(|| Listed::Exact(labelled(items))),
        }
    }
}

/// The operands of a scalar as far as a pattern is compiled: those first, and what is asked behind them.
pub(super) struct Operands {
    pub first: Vec<ScalarTest>,
    pub between: Between,
}

impl Compiler<'_> {
    /// A list behind the operands that are compiled already, and before so many others.
    pub fn operand_list<'d>(
        &mut self,
        datum: &'d Datum,
        of: ListOf,
        (mut first, last): (Vec<ScalarTest>, usize),
        width: usize,
        within: &mut Vec<Choice<'d>>,
    ) -> Option<Operands> {
        let Some(listed) = Listed::of(datum) else {
            let element = if width == 2 { "(when ?c ?then)" } else { "?x" };
            self.expected(&format!("a list: `[{element}]`, `[{element} ..]` or `[.. {element} ..]`"), datum);
            return None;
        };
        let segment = Segment { first: first.len(), last, width };
        let (elements, between) = match listed {
            Listed::Exact(elements) => (elements, Between::Nothing),
            Listed::Begins(elements) => (elements, Between::Anything),
            Listed::Chosen(elements) => {
                let list: Slot = self.hidden(String::new(), Sort::Scalar);
                within.push(Choice { of, list, segment, elements });
                return Some(Operands { first, between: Between::Chosen(list) });
            }
        };
        for element in elements {
            first.extend(self.element(element, width, within)?);
        }
        Some(Operands { first, between })
    }

    /// What is asked of an element of a list: a scalar, or an arm `(when ?c ?then)` of a `case`.
    pub fn element<'d>(
        &mut self,
        element: Labelled<'d>,
        width: usize,
        within: &mut Vec<Choice<'d>>,
    ) -> Option<Vec<ScalarTest>> {
        if width == 1 {
            return self.scalar(element, within).map(|test| vec![test]);
        }
        let Some(parts) = arm(element) else {
            self.expected("an arm such as `(when ?c ?then)`", element.datum);
            return None;
        };
        let tests: Vec<_> = parts.into_iter().map(|part| self.scalar(part, within)).collect();
        tests.into_iter().collect()
    }
}

/// The two parts of `(when c t)`.
pub(super) fn arm(element: Labelled<'_>) -> Option<[Labelled<'_>; 2]> {
    let ("when", parts) = element.datum.form()? else { return None };
    match (element.label, labelled(parts).as_slice()) {
        (None, [when, then]) => Some([*when, *then]),
        _ => None,
    }
}
