//! What is fuzzed: each target takes any bytes, and must answer without a panic. `fuzz/` runs them under cargo-fuzz,
//! `tests/fuzz` on a bounded number of inputs.

use std::path::Path;
use std::sync::Arc;

use leafhold::expr::CoreFunctions;
use leafhold::golden::GoldenFile;
use leafhold::rules::{Registry, RuleSet, Sort};
use leafhold::term::Terms;
use leafhold::term::text::parse_into;

/// The parser of rules: whatever is wrong has a place inside the file. What loads may be run.
pub fn rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match RuleSet::parse(&[("fuzz.rules", &text)]) {
        Ok(set) => set.rules().iter().for_each(|rule| drop(rule.check_examples())),
        Err(errors) => {
            assert!(!errors.0.is_empty(), "an error without an error");
            let lines = text.lines().count().max(1);
            errors.0.iter().for_each(|error| assert!((1..=lines + 1).contains(&error.line), "{error}"));
            assert!(!errors.to_string().is_empty());
        }
    }
}

/// The parser of golden files: what it takes is written back to what it takes again.
pub fn golden(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(file) = GoldenFile::parse(Path::new("fuzz.golden"), &text) {
        let written = file.to_string();
        let again = GoldenFile::parse(Path::new("fuzz.golden"), &written);
        assert_eq!(again.map(|file| file.to_string()).map_err(|error| error.to_string()), Ok(written));
    }
}

/// Left sides of rules with their variables, a right side that always differs, and terms to try them on.
const PATTERNS: [(&str, &[(&str, Sort)]); 10] = [
    ("(filter ?p ?r)", &[("?p", Sort::Predicates), ("?r", Sort::Rel)]),
    (
        "(join ?kind:{left right full semi anti null-aware-anti} ?on ?l ?r)",
        &[("?kind", Sort::Kind), ("?on", Sort::Predicates), ("?l", Sort::Rel), ("?r", Sort::Rel)],
    ),
    ("(join-set ?on ?all)", &[("?on", Sort::Predicates), ("?all", Sort::Rels)]),
    ("(aggregate ?g ?r)", &[("?g", Sort::Aggregates), ("?r", Sort::Rel)]),
    ("(project ?c ?r)", &[("?c", Sort::Projection), ("?r", Sort::Rel)]),
    ("(sort ?k ?r)", &[("?k", Sort::SortKeys), ("?r", Sort::Rel)]),
    ("(limit ?o ?f ?r)", &[("?o", Sort::Count), ("?f", Sort::Count), ("?r", Sort::Rel)]),
    ("(union ?u ?all)", &[("?u", Sort::Union), ("?all", Sort::Rels)]),
    ("(window ?w ?r)", &[("?w", Sort::Window), ("?r", Sort::Rel)]),
    ("(unnest ?u ?r)", &[("?u", Sort::Unnest), ("?r", Sort::Rel)]),
];

/// The guards: an expression of right sorts over any functions, on any term, has a value or none. The first byte
/// chooses the pattern, the others the expression. Gives how often the guard was asked.
pub fn guards(data: &[u8]) -> usize {
    let mut dice = Dice(data);
    let (pattern, variables) = PATTERNS[dice.below(PATTERNS.len())];
    let registry = Registry::core();
    let Some(guard) = expression(&registry, variables, Sort::Bool, &mut dice, 4) else { return 0 };
    // A variable that nothing reads is not to be named.
    let mut pattern = pattern.to_owned();
    for (name, sort) in variables {
        let read = guard.split([' ', '(', ')']).any(|word| word == *name);
        if !read && *sort != Sort::Kind {
            let words = pattern.split(' ').map(|word| match word.trim_end_matches(')') == *name {
                true => word.replace(name, "_"),
                false => word.to_owned(),
            });
            pattern = words.collect::<Vec<_>>().join(" ");
        }
    }
    let text = format!(
        ";; Any guard.\n(rule push-anything\n  (phase normalize)\n  (keeps bag)\n  (match {pattern})\n  (if {guard})\n  \
         (replace (limit 0 7 ?root))\n  (example (before \"t\") (after \"t\"))\n  (not \"t\"))\n"
    );
    let Ok(set) = RuleSet::parse(&[("fuzz.rules", &text)]) else { return 0 };
    let mut asked = 0;
    for shipped in RuleSet::builtin().rules() {
        let tables = shipped.tables();
        let texts = shipped.examples().iter().map(|example| &example.before).chain(shipped.nots());
        for term in texts {
            let mut terms = Terms::new(Arc::new(CoreFunctions));
            let Ok(root) = parse_into(&mut terms, term, &tables) else { continue };
            for rule in set.rules() {
                asked += 1;
                rule.rewrites(&mut terms, root);
            }
        }
    }
    asked
}

/// Any expression of a sort: a variable, or a call of any function that gives it.
fn expression(
    registry: &Registry,
    variables: &[(&str, Sort)],
    sort: Sort,
    dice: &mut Dice<'_>,
    depth: usize,
) -> Option<String> {
    let known: Vec<_> = variables.iter().filter(|(_, known)| *known == sort).collect();
    if sort == Sort::Bool && depth > 1 && dice.below(4) == 0 {
        let word = ["and", "or", "not"][dice.below(3)];
        let count = if word == "not" { 1 } else { 2 };
        let parts: Option<Vec<_>> =
            (0..count).map(|_| expression(registry, variables, sort, dice, depth - 1)).collect();
        return Some(format!("({word} {})", parts?.join(" ")));
    }
    if sort == Sort::Count && (known.is_empty() || dice.below(3) == 0) {
        return Some(["0", "1", "2", "all"][dice.below(4)].to_owned());
    }
    if !known.is_empty() && (depth == 0 || dice.below(2) == 0) {
        return Some(known[dice.below(known.len())].0.to_owned());
    }
    let functions: Vec<_> = registry.functions().filter(|function| function.gives == sort).collect();
    if depth == 0 || functions.is_empty() {
        return None;
    }
    // A function whose arguments cannot be had is passed over for the next.
    let first = dice.below(functions.len());
    (0..functions.len()).find_map(|at| {
        let function = functions[(first + at) % functions.len()];
        let args = function.args.iter();
        let args: Option<Vec<_>> = args.map(|arg| expression(registry, variables, *arg, dice, depth - 1)).collect();
        Some(format!("({} {})", function.name, args?.join(" ")))
    })
}

/// Choices that bytes make; zeroes when they are used up.
struct Dice<'a>(&'a [u8]);

impl Dice<'_> {
    fn below(&mut self, limit: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % limit
    }
}
