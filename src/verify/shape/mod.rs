//! Shapes: terms that a rule's pattern fits, made at random from the pattern as it is written.
//!
//! What a variable stands for is generated in the scope of its place: relations are tables, and filtered,
//! projected, grouped or joined ones; conditions compare, test for null, compute, and may fail or be volatile.
//! Sizes grow from the smallest on, so the first shape that refutes a rule is small.

mod node;
mod operation;
mod payload;
mod place;
mod relation;
mod scalar;

use std::collections::HashMap;
use std::sync::Arc;

use super::claims::{CHECKED, IEEE, RELAXED, STRICT};
use super::dice::Dice;
use crate::expr::Semantics;
use crate::rules::{ExampleFunctions, Rule, ScalarOperator, Value};
use crate::term::text::{Datum, DatumKind, lex, read};
use crate::term::{ColumnId, TermId, Terms};

/// A term in an arena of its own.
pub(super) struct Shape {
    pub terms: Terms,
    pub root: TermId,
}

/// Which things a shape may hold beside plain ones: mixing all of them in one shape would hide each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Plain,
    /// Floats beside integers.
    Floats,
    /// Scalars that may fail.
    Failing,
    /// Volatile and stable calls.
    Volatile,
    /// Aggregates that depend on the order of rows.
    Ordered,
    /// Texts beside numbers.
    Texts,
}

impl Flavour {
    /// The flavour of the nth attempt: plain ones are most. Texts come only where a pattern asks for some.
    fn of(attempt: usize, texts: bool) -> Flavour {
        match attempt % 8 {
            0 | 1 | 2 | 4 | 6 if texts => Flavour::Texts,
            3 | 4 => Flavour::Failing,
            5 => Flavour::Volatile,
            6 => Flavour::Ordered,
            7 => Flavour::Floats,
            _ => Flavour::Plain,
        }
    }

    /// What the nth attempt means: most of what can fail does so under strict errors, most floats are
    /// those of IEEE 754.
    fn semantics(self, attempt: usize) -> Semantics {
        match (self, attempt % 32) {
            (Flavour::Failing, 4 | 20) => CHECKED,
            (Flavour::Failing, 12) => RELAXED,
            (Flavour::Failing, _) => STRICT,
            (Flavour::Floats, at) if at < 24 => IEEE,
            _ => RELAXED,
        }
    }
}

/// Makes the shapes of a rule, one after the other.
pub(super) struct Shapes {
    pattern: Option<Datum>,
    /// Whether the pattern is one of a scalar.
    of_scalar: bool,
    /// Whether it asks for texts.
    texts: bool,
    dice: Dice,
    attempt: usize,
}

impl Shapes {
    /// The shapes of a rule for a seed.
    pub fn of(rule: &Rule, seed: u64) -> Shapes {
        let dice = Dice::of(&(rule.name(), seed));
        let pattern = pattern(rule.source());
        let texts = pattern.as_ref().is_some_and(asks_for_texts);
        Shapes { pattern, of_scalar: rule.scalar_operators().is_some(), texts, dice, attempt: 0 }
    }

    /// The next one; `None` when this attempt made nothing of the pattern.
    pub fn next(&mut self) -> Option<Shape> {
        self.attempt += 1;
        let flavour = Flavour::of(self.attempt, self.texts);
        let semantics = flavour.semantics(self.attempt);
        let mut terms = Terms::new(Arc::new(ExampleFunctions)).with_semantics(semantics);
        let mut maker = Maker {
            terms: &mut terms,
            dice: &mut self.dice,
            size: (self.attempt / 40).min(4),
            flavour,
            // Another alternative for each shape of a flavour.
            turn: self.attempt + self.attempt / 8,
            variables: HashMap::new(),
            readings: 0,
            made: 0,
            outer: Vec::new(),
        };
        let pattern = self.pattern.as_ref()?;
        let root = if self.of_scalar { maker.around_scalar(pattern)? } else { maker.node(pattern)? };
        Some(Shape { terms, root })
    }
}

/// The pattern of a rule, from its source.
fn pattern(source: &str) -> Option<Datum> {
    let lexemes = lex(source).ok()?;
    let lexemes: Vec<_> = lexemes.into_iter().filter(|lexeme| !lexeme.is_comment()).collect();
    let rule = read(&lexemes, &mut 0).ok()?;
    let (_, clauses) = rule.form()?;
    let matched = clauses.iter().filter_map(Datum::form).find(|(clause, _)| *clause == "match");
    matched?.1.first().cloned()
}

/// Whether a pattern speaks of texts: constants, and `like` and its kin.
fn asks_for_texts(pattern: &Datum) -> bool {
    let like = |word: &str| matches!(ScalarOperator::from_name(word), Some(ScalarOperator::Like { .. }));
    match &pattern.kind {
        DatumKind::Text(_) => true,
        DatumKind::Word(word) => like(word),
        DatumKind::List(_, items) => items.iter().any(asks_for_texts),
        DatumKind::Quoted(_) => false,
    }
}

/// The state of making one shape.
struct Maker<'a> {
    terms: &'a mut Terms,
    dice: &'a mut Dice,
    /// From 0: how large what variables stand for may be.
    size: usize,
    flavour: Flavour,
    /// Which of the pattern's alternatives are next.
    turn: usize,
    variables: HashMap<String, Value<TermId>>,
    /// Tables read so far.
    readings: usize,
    /// Columns computed so far.
    made: usize,
    /// Columns of the left sides of applies around this place.
    outer: Vec<ColumnId>,
}

/// A part of a list and the variable written before it: `?x:(..)`.
#[derive(Clone, Copy)]
struct Labelled<'d> {
    label: Option<&'d str>,
    datum: &'d Datum,
}

fn labelled(items: &[Datum]) -> Vec<Labelled<'_>> {
    let mut parts = Vec::new();
    let mut rest = items;
    while let Some((first, more)) = rest.split_first() {
        let label = first.word().filter(|word| word.starts_with('?') && word.ends_with(':'));
        match (label, more.split_first()) {
            (Some(label), Some((datum, more))) => {
                parts.push(Labelled { label: Some(label.trim_end_matches(':')), datum });
                rest = more;
            }
            _ => {
                parts.push(Labelled { label: None, datum: first });
                rest = more;
            }
        }
    }
    parts
}

/// The items between the dots of `[.. x ..]`.
fn between_dots(datum: &Datum) -> Option<&[Datum]> {
    match datum.list('[')? {
        [first, middle @ .., last] if first.word() == Some("..") && last.word() == Some("..") => Some(middle),
        _ => None,
    }
}
