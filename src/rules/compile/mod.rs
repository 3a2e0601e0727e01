//! From the text of a rule file to compiled rules, with all errors of the file.

mod clauses;
mod expressions;
mod forms;
mod lets;
mod patterns;
mod rule;
mod scalar_expressions;
mod scalar_lists;
mod scalar_patterns;
mod scope;
mod templates;

use super::diagnostic::{RuleError, RuleErrors};
use super::error::RuleErrorKind;
use super::files::MAX_BYTES;
use super::registry::Registry;
use super::rule::Rule;
use crate::term::text::{Datum, Span};
use scope::{Compiler, Labelled};

/// After so many errors in a file the rest is not looked at.
const MAX_ERRORS: usize = 100;

/// The rules of a file that are right, each with its place; what is wrong is added to the errors.
pub(super) fn compile(file: &str, text: &str, registry: &Registry, errors: &mut Vec<RuleError>) -> Vec<(Rule, Span)> {
    if text.len() > MAX_BYTES {
        errors.push(RuleError::of_file(file, RuleErrorKind::TooLarge { limit: MAX_BYTES }));
        return Vec::new();
    }
    let forms::Forms { forms, errors: mut found } = forms::forms(file, text, MAX_ERRORS);
    if forms.is_empty() && found.is_empty() {
        found.push(RuleError::of_file(file, RuleErrorKind::NoRule));
    }
    let mut rules = Vec::new();
    for form in forms {
        if found.len() >= MAX_ERRORS {
            break;
        }
        let mut compiler = Compiler::new(file, text, registry);
        let rule = rule::rule(&mut compiler, &form);
        match rule {
            Some(rule) if compiler.errors.is_empty() => rules.push((rule, form.datum.span)),
            // No rule is dropped without a word.
            None if compiler.errors.is_empty() => compiler.expected("a whole rule", &form.datum),
            _ => {}
        }
        found.append(&mut compiler.errors);
    }
    if found.len() >= MAX_ERRORS {
        found.truncate(MAX_ERRORS);
        found.push(RuleError::of_file(file, RuleErrorKind::TooMany(MAX_ERRORS)));
    }
    errors.append(&mut found);
    rules
}

/// Whether brackets and quotes of a file pair, and nothing stands outside of them.
pub(super) fn check_brackets(file: &str, text: &str) -> Result<(), RuleErrors> {
    if text.len() > MAX_BYTES {
        return Err(RuleErrors(vec![RuleError::of_file(file, RuleErrorKind::TooLarge { limit: MAX_BYTES })]));
    }
    let forms::Forms { errors, .. } = forms::forms(file, text, MAX_ERRORS);
    if errors.is_empty() { Ok(()) } else { Err(RuleErrors(errors)) }
}

/// Parts of a list, each with the variable that is written before it: `?x:(..)`.
fn labelled(items: &[Datum]) -> Vec<Labelled<'_>> {
    let mut parts = Vec::new();
    let mut rest = items;
    while let Some((first, more)) = rest.split_first() {
        match is_label(first).then(|| more.first()).flatten() {
            Some(labelled) => {
                parts.push(Labelled { label: Some(first), datum: labelled });
                rest = &more[1..];
            }
            None => {
                parts.push(Labelled { label: None, datum: first });
                rest = more;
            }
        }
    }
    parts
}

/// Whether a datum is a variable that names what follows: `?x:`.
fn is_label(datum: &Datum) -> bool {
    datum.word().is_some_and(|word| word.starts_with('?') && word.ends_with(':') && word.len() > 2)
}
