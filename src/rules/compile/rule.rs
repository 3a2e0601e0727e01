use super::super::error::{Named, RuleErrorKind};
use super::super::keeps::Keeps;
use super::super::operator::Operator;
use super::super::pattern::{NodeTest, Root, Step};
use super::super::phase::Phase;
use super::super::rule::{Replacement, Rule};
use super::super::value::Sort;
use super::clauses::{clauses, example, table};
use super::forms::Form;
use super::scope::Compiler;
use crate::term::text::{Datum, DatumKind};
use crate::token::{Token, Tokenizer};

/// One rule; `None` when something is wrong with it, which the compiler then has noted.
pub(super) fn rule(compiler: &mut Compiler<'_>, Form { datum, law, line }: &Form) -> Option<Rule> {
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
    if law.trim().is_empty() {
        compiler.error(name.span, RuleErrorKind::NoLaw(name_text.to_owned()));
    }
    let phase = match clauses.phase {
        Some(word) => compiler.choice(word, Named::Word("phase"), Phase::ALL.map(|phase| (phase.name(), phase))),
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
        (Some(word), _) => {
            compiler.choice(word, Named::Word("equivalence"), Keeps::ALL.map(|keeps| (keeps.name(), keeps)))
        }
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
    let errors = compiler.errors.len();
    match clauses.matched {
        Some(pattern) => {
            compiler.pattern(pattern);
            compiler.incomplete = compiler.errors.len() > errors;
            if let (true, Some(phase @ (Phase::Explore | Phase::Implement))) = (compiler.of_scalar, phase) {
                compiler.error(pattern.span, RuleErrorKind::ScalarRoot(phase.name()));
            }
        }
        None => missing(compiler, "match", "it is the pattern"),
    }
    if let (Some(keeps), Some(word)) = (keeps, clauses.keeps)
        && (keeps == Keeps::Value) != compiler.of_scalar
        && compiler.root.is_some()
    {
        let wanted = match compiler.of_scalar {
            true => "`value`: a rule rooted at a scalar keeps the value of that scalar",
            false => "`bag`, `ordered`, `set` or `one-of`: only a rule rooted at a scalar keeps a `value`",
        };
        compiler.expected(wanted, word);
    }
    let stages = compiler.stages(&clauses.stages);
    let replacement = match (clauses.replace, phase) {
        (Some(datum), Some(Phase::Implement)) => {
            compiler.physical(datum, clauses.requires.unwrap_or_default()).map(Replacement::Physical)
        }
        (Some(datum), _) if compiler.of_scalar => {
            let value = compiler.expression(datum, Some(Sort::Scalar));
            value.map(|(value, _)| Replacement::Scalar(value))
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
    // What reads a variable may stand in a part that is wrong.
    if compiler.errors.len() == errors && clauses.replace.is_some() && phase.is_some() {
        compiler.unused();
    }
    // An extension's content is the engine's: no text can show one, nor what has one below it.
    let extension = |node: &NodeTest| node.operators.iter().all(|operator| *operator == Operator::Extension);
    let below = |step: &Step| matches!(step, Step::Node(_, node) if extension(node));
    let writable =
        !matches!(&compiler.root, Some(Root::Node(root)) if extension(root)) && !compiler.steps.iter().any(below);
    if clauses.examples.is_empty() && writable {
        missing(compiler, "example", "it shows what the rule does, and is run as a test");
    }
    if clauses.nots.is_empty() {
        missing(compiler, "not", "it shows a term that the rule must leave alone");
    }
    let mut examples = Vec::new();
    for (part, content) in &clauses.examples {
        examples.extend(example(compiler, part, content));
    }
    let cites = clauses.cites.iter().filter_map(|text| compiler.quoted(text)).collect();
    let nots = clauses.nots.iter().filter_map(|text| compiler.quoted(text)).collect();
    let tables = clauses.tables.iter().filter_map(|datum| table(compiler, datum)).collect();
    let variables = compiler.variables();
    let pattern = compiler.finish()?;
    Some(Rule {
        name: name_text.into(),
        phase: phase?,
        keeps: keeps?,
        priority,
        doc: law.clone(),
        cites,
        file: compiler.file.into(),
        line: *line,
        token: token(datum),
        source: compiler.text[datum.span.start..datum.span.end].to_owned(),
        tables,
        examples,
        nots,
        variables,
        pattern,
        stages,
        replacement: replacement?,
    })
}

/// What a rule says, whatever its layout and its comments.
fn token(datum: &Datum) -> Token {
    fn put(tokenizer: &mut Tokenizer, datum: &Datum) {
        match &datum.kind {
            DatumKind::Word(word) => tokenizer.put_str(word),
            DatumKind::Quoted(text) => {
                tokenizer.put_str("\"");
                tokenizer.put_str(text);
            }
            DatumKind::Text(text) => {
                tokenizer.put_str("'");
                tokenizer.put_str(text);
            }
            DatumKind::List(open, items) => {
                tokenizer.put_str(open.encode_utf8(&mut [0; 4]));
                tokenizer.put_sequence(items.len());
                items.iter().for_each(|item| put(tokenizer, item));
            }
        }
    }
    let mut tokenizer = Tokenizer::new("rule");
    put(&mut tokenizer, datum);
    tokenizer.finish()
}
