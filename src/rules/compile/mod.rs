//! From the text of a rule file to compiled rules, with all errors of the file.

mod expressions;
mod patterns;
mod scope;
mod templates;

use std::str::FromStr;

use arrow_schema::DataType;

use super::error::{RuleError, RuleErrorKind};
use super::operator::Operator;
use super::registry::Registry;
use super::rule::{Example, ExampleTable, Keeps, Phase, Replacement, Rule, Stage};
use super::value::Sort;
use crate::term::text::{Datum, DatumError, DatumKind, Lexeme, LexemeKind, MAX_DEPTH, Span, lex, place, read};
use scope::{Compiler, Labelled};

/// The rules of a file that are right, each with its place; what is wrong is added to the errors.
pub(super) fn compile(file: &str, text: &str, registry: &Registry, errors: &mut Vec<RuleError>) -> Vec<(Rule, Span)> {
    let mut report = |span, kind| errors.push(RuleError::new(file, text, span, kind));
    let lexemes = match lex(text) {
        Ok(lexemes) => lexemes,
        Err((span, what)) => {
            report(span, RuleErrorKind::Unclosed(what));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    let mut at = 0;
    let mut law: Vec<&str> = Vec::new();
    let mut law_line = 0;
    while let Some(lexeme) = lexemes.get(at) {
        let line = place(text, lexeme.span.start).0;
        if let LexemeKind::Comment(comment) = &lexeme.kind {
            // A law is the block of comment lines right above its rule.
            if line != law_line + 1 {
                law.clear();
            }
            law.push(comment);
            law_line = line;
            at += 1;
            continue;
        }
        let doc = if line == law_line + 1 { law.join("\n") } else { String::new() };
        law.clear();
        // A rule ends, at the latest, before the next line that begins one: a bracket that is never
        // closed does not hide the rest of the file.
        let begins = |lexeme: &Lexeme| lexeme.kind == LexemeKind::Open('(') && lexeme.indent == Some(0);
        let end = (at + 1..lexemes.len()).find(|next| begins(&lexemes[*next])).unwrap_or(lexemes.len());
        match read(&lexemes[..end], &mut at) {
            Ok(datum) => {
                // A comment behind the rule is no law of the next one.
                law_line = 0;
                found.push((datum, doc));
            }
            Err(error) => {
                let (span, kind) = match error {
                    DatumError::Unexpected { span, expected, found } => {
                        let expected = expected.map_or("a rule".to_owned(), |close| format!("`{close}`"));
                        (span, RuleErrorKind::Expected { expected, found })
                    }
                    DatumError::Unclosed(span) => (span, RuleErrorKind::Unclosed("bracket")),
                    DatumError::TooDeep(span) => (span, RuleErrorKind::TooDeep(MAX_DEPTH)),
                    DatumError::End => break,
                };
                report(span, kind);
                at = end;
            }
        }
    }
    let mut rules = Vec::new();
    for (datum, doc) in found {
        let mut compiler = Compiler::new(file, text, registry);
        let rule = rule(&mut compiler, &datum, doc);
        let failed = !compiler.errors.is_empty();
        errors.append(&mut compiler.errors);
        if let (Some(rule), false) = (rule, failed) {
            rules.push((rule, datum.span));
        }
    }
    rules
}

const CLAUSES: [&str; 12] =
    ["phase", "keeps", "priority", "tables", "match", "let", "if", "when", "replace", "requires", "example", "not"];

#[derive(Default)]
struct Clauses<'d> {
    phase: Option<&'d Datum>,
    keeps: Option<&'d Datum>,
    priority: Option<&'d Datum>,
    matched: Option<&'d Datum>,
    replace: Option<&'d Datum>,
    requires: Option<&'d [Datum]>,
    /// `let`, `if` and `when`, in written order.
    stages: Vec<(&'d str, &'d Datum, &'d [Datum])>,
    tables: Vec<&'d Datum>,
    examples: Vec<(&'d Datum, &'d [Datum])>,
    nots: Vec<&'d Datum>,
}

fn clauses<'d>(compiler: &mut Compiler<'_>, parts: &'d [Datum]) -> Clauses<'d> {
    let mut clauses = Clauses::default();
    for part in parts {
        let Some((clause, content)) = part.form() else {
            compiler.expected("`(clause ..)`", part);
            continue;
        };
        let slot = match clause {
            "phase" => &mut clauses.phase,
            "keeps" => &mut clauses.keeps,
            "priority" => &mut clauses.priority,
            "match" => &mut clauses.matched,
            "replace" => &mut clauses.replace,
            "requires" => {
                if clauses.requires.replace(content).is_some() {
                    compiler.error(part.span, RuleErrorKind::Duplicate(clause.to_owned()));
                }
                continue;
            }
            "let" | "if" | "when" => {
                clauses.stages.push((clause, part, content));
                continue;
            }
            "tables" => {
                clauses.tables.extend(content);
                continue;
            }
            "example" => {
                clauses.examples.push((part, content));
                continue;
            }
            "not" => {
                clauses.nots.extend(content);
                continue;
            }
            unknown => {
                compiler.unknown(part.span, "clause", unknown, CLAUSES);
                continue;
            }
        };
        match content {
            [only] => {
                if slot.replace(only).is_some() {
                    compiler.error(part.span, RuleErrorKind::Duplicate(clause.to_owned()));
                }
            }
            _ => compiler.arity(part.span, clause, "one part", content.len()),
        }
    }
    clauses
}

fn rule(compiler: &mut Compiler<'_>, datum: &Datum, doc: String) -> Option<Rule> {
    let Some(("rule", [name, parts @ ..])) = datum.form() else {
        compiler.expected("`(rule name ..)`", datum);
        return None;
    };
    let Some(name_text) = name.word() else {
        compiler.expected("a rule's name", name);
        return None;
    };
    let clauses = clauses(compiler, parts);
    let missing = |compiler: &mut Compiler<'_>, clause, why| {
        compiler.error(name.span, RuleErrorKind::Missing { rule: name_text.to_owned(), clause, why });
    };
    if doc.trim().is_empty() {
        compiler.error(name.span, RuleErrorKind::NoLaw(name_text.to_owned()));
    }
    let phase = match clauses.phase {
        Some(word) => compiler.choice(word, "phase", Phase::ALL.map(|phase| (phase.name(), phase))),
        None => {
            missing(compiler, "phase", "it says when the rule is tried: normalize, explore or implement");
            None
        }
    };
    if let Some(phase) = phase {
        let verb =
            name_text.split_once('-').is_some_and(|(verb, rest)| phase.verbs().contains(&verb) && !rest.is_empty());
        if !verb {
            let verbs = phase.verbs().to_vec();
            compiler.error(name.span, RuleErrorKind::Verb { name: name_text.to_owned(), verbs });
        }
    }
    let keeps = match (clauses.keeps, phase) {
        (Some(word), _) => compiler.choice(word, "equivalence", Keeps::ALL.map(|keeps| (keeps.name(), keeps))),
        (None, Some(Phase::Implement)) => Some(Keeps::Bag),
        (None, _) => {
            missing(compiler, "keeps", "it says what stays equal: bag, ordered, set or one-of");
            None
        }
    };
    let priority = match clauses.priority {
        None => 0,
        Some(number) => number.word().and_then(|word| word.parse().ok()).unwrap_or_else(|| {
            compiler.expected("a whole number", number);
            0
        }),
    };
    match clauses.matched {
        Some(pattern) => {
            let errors = compiler.errors.len();
            compiler.pattern(pattern);
            compiler.incomplete = compiler.errors.len() > errors;
        }
        None => missing(compiler, "match", "it is the pattern"),
    }
    let mut stages = Vec::new();
    for (clause, part, content) in &clauses.stages {
        match (*clause, *content) {
            ("let", [variable, value]) => {
                let value = compiler.expression(value, None);
                let sort = value.as_ref().map(|(_, sort)| *sort);
                // A variable whose value is wrong is still known, so that its uses are not errors.
                let slot = compiler.declare(variable, sort);
                if let (Some(slot), Some((value, _))) = (slot, value) {
                    stages.push(Stage::Let(slot, value));
                }
            }
            ("if" | "when", [condition]) => {
                let text = compiler.text[condition.span.start..condition.span.end].to_owned();
                if let Some((condition, _)) = compiler.expression(condition, Some(Sort::Bool)) {
                    stages.push(Stage::Guard { condition, text, soundness: *clause == "if" });
                }
            }
            ("let", _) => compiler.arity(part.span, "let", "a variable and a value", content.len()),
            (clause, _) => compiler.arity(part.span, clause, "one condition", content.len()),
        }
    }
    let replacement = match (clauses.replace, phase) {
        (Some(datum), Some(Phase::Implement)) => {
            compiler.physical(datum, clauses.requires.unwrap_or_default()).map(Replacement::Physical)
        }
        (Some(datum), _) => compiler.template(datum).map(Replacement::Logical),
        (None, _) => {
            missing(compiler, "replace", "it is what the rule makes");
            None
        }
    };
    if let (Some([first, ..]), Some(Phase::Normalize | Phase::Explore)) = (clauses.requires, phase) {
        compiler.expected("no `requires`: only rules of `implement` have inputs with partitions", first);
    }
    // An extension's content is the engine's: no text can show one.
    let writable = compiler.root.as_ref().is_none_or(|root| root.operator != Operator::Extension);
    if clauses.examples.is_empty() && writable {
        missing(compiler, "example", "it shows what the rule does, and is run as a test");
    }
    if clauses.nots.is_empty() {
        missing(compiler, "not", "it shows a term that the rule must leave alone");
    }
    let mut examples = Vec::new();
    for (part, content) in &clauses.examples {
        let texts = match content {
            [before, after] => match (before.form(), after.form()) {
                (Some(("before", [before])), Some(("after", [after]))) => Some((before, after)),
                _ => None,
            },
            _ => None,
        };
        match texts {
            Some((before, after)) => {
                if let (Some(before), Some(after)) = (compiler.quoted(before), compiler.quoted(after)) {
                    examples.push(Example { before, after });
                }
            }
            None => compiler.expected("`(example (before \"..\") (after \"..\"))`", part),
        }
    }
    let nots = clauses.nots.iter().filter_map(|text| compiler.quoted(text)).collect();
    let tables = clauses.tables.iter().filter_map(|datum| table(compiler, datum)).collect();
    let variables = compiler.variables();
    let pattern = compiler.finish()?;
    Some(Rule {
        name: name_text.into(),
        phase: phase?,
        keeps: keeps?,
        priority,
        doc,
        file: compiler.file.into(),
        line: place(compiler.text, datum.span.start).0,
        source: compiler.text[datum.span.start..datum.span.end].to_owned(),
        tables,
        examples,
        nots,
        pattern,
        variables,
        stages,
        replacement: replacement?,
    })
}

/// `(name (column Type [not-null])*)`
fn table(compiler: &mut Compiler<'_>, datum: &Datum) -> Option<ExampleTable> {
    let Some((name, columns)) = datum.form() else {
        compiler.expected("`(table (column Type) ..)`", datum);
        return None;
    };
    let mut all = Vec::new();
    for column in columns {
        let Some((column_name, rest)) = column.form() else {
            compiler.expected("`(column Type)`", column);
            continue;
        };
        let (kind, nullable) = match rest {
            [kind @ .., last] if last.word() == Some("not-null") => (kind, false),
            kind => (kind, true),
        };
        let text = match (kind.first(), kind.last()) {
            (Some(first), Some(last)) => &compiler.text[first.span.start..last.span.end],
            _ => "",
        };
        match DataType::from_str(text) {
            Ok(data_type) => all.push((column_name.to_owned(), data_type, nullable)),
            Err(_) => compiler.expected("a type such as `Int64`, and perhaps `not-null`", column),
        }
    }
    Some((name.to_owned(), all))
}

/// Parts of a list, each with the variable that is written before it: `?x:(..)`.
fn labelled(items: &[Datum]) -> Vec<Labelled<'_>> {
    let mut parts = Vec::new();
    let mut rest = items;
    while let Some((first, more)) = rest.split_first() {
        let label = match &first.kind {
            DatumKind::Word(word) if word.starts_with('?') && word.ends_with(':') && word.len() > 2 => more.first(),
            _ => None,
        };
        match label {
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
