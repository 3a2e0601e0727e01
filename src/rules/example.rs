use std::sync::Arc;

use super::example_functions::ExampleFunctions;
use super::phase::Phase;
use super::rule::Rule;
use crate::term::text::{
    NotationError, Tables, parse_into, print_aggregate, print_columns, print_conjunction, print_line, print_projection,
    print_scalar, print_sort, print_unnest, print_window, quoted,
};
use crate::term::{Alternative, AlternativeInput, AlternativeOp, RelNode, RelOp, Required, Side, TermId, Terms};

use super::Plant;

/// Why an example of a rule does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExampleError {
    /// A text that is no term.
    #[error("rule `{rule}`: in \"{text}\": {error}")]
    Notation {
        /// The rule.
        rule: String,
        /// The text.
        text: String,
        /// What is wrong with it.
        error: NotationError,
    },
    /// The rule makes something else of `before`.
    #[error("rule `{rule}` does not make\n{expected}\nof\n{before}\n{}", made(found))]
    Differs {
        /// The rule.
        rule: String,
        /// The term, as the parser took it.
        before: String,
        /// What `after` says.
        expected: String,
        /// What the rule makes.
        found: Vec<String>,
    },
    /// The rule fires where `not` says that it must not.
    #[error("rule `{rule}` must leave alone\n{before}\nbut makes\n{after}")]
    Fires {
        /// The rule.
        rule: String,
        /// The term.
        before: String,
        /// What the rule makes of it.
        after: String,
    },
}

fn made(found: &[String]) -> String {
    match found.is_empty() {
        true => "it does not fire".to_owned(),
        false => format!("but\n{}", found.join("\nor\n")),
    }
}

/// One application of a rule within a term.
pub(crate) struct Replaced {
    /// The way from the root: positions of inputs.
    pub path: Vec<usize>,
    /// The subterm there.
    pub before: TermId,
    /// What the rule puts in its place.
    pub after: TermId,
}

impl Rule {
    /// The tables that its examples may read: `t`, `u`, `v`, and those that the rule declares.
    pub fn tables(&self) -> Tables {
        let mut tables = Tables::examples().clone();
        for (name, columns) in &self.tables {
            tables.declare(name, columns.iter().map(|(name, kind, nullable)| (name.as_str(), kind.clone(), *nullable)));
        }
        tables
    }

    /// All terms that one application, anywhere in a term, gives.
    pub fn rewrites(&self, terms: &mut Terms, term: TermId) -> Vec<TermId> {
        let found = self.replacements(terms, term);
        found.into_iter().map(|replacement| replace(terms, term, &replacement.path, replacement.after)).collect()
    }

    /// All places of a term where the rule applies, and what it puts there.
    pub(crate) fn replacements(&self, terms: &mut Terms, term: TermId) -> Vec<Replaced> {
        let mut results = Vec::new();
        let mut places: Vec<(TermId, Vec<usize>)> = vec![(term, Vec::new())];
        while let Some((place, path)) = places.pop() {
            let node = terms.term(place).clone();
            for bindings in self.matches(terms, place, &node) {
                if let Some(after) = self.apply(terms, place, bindings) {
                    results.push(Replaced { path: path.clone(), before: place, after });
                }
            }
            places.extend(node.inputs.iter().enumerate().rev().map(|(at, input)| {
                let mut path = path.clone();
                path.push(at);
                (*input, path)
            }));
        }
        results
    }

    /// The physical operators that the rule proposes for a term.
    pub fn alternatives(&self, terms: &mut Terms, term: TermId) -> Vec<Alternative<TermId>> {
        let node = terms.term(term).clone();
        let matches = self.matches(terms, term, &node);
        matches.into_iter().filter_map(|bindings| self.implement(terms, term, bindings)).collect()
    }

    /// Runs the rule's examples and its `not`s; nothing is wrong when the list is empty.
    pub fn check_examples(&self) -> Vec<ExampleError> {
        let tables = self.tables();
        let mut errors = Vec::new();
        let parse = |terms: &mut Terms, text: &str| {
            parse_into(terms, text, &tables).map_err(|error| ExampleError::Notation {
                rule: self.name().to_owned(),
                text: text.to_owned(),
                error,
            })
        };
        let mut check = |result: Result<(), ExampleError>| errors.extend(result.err());
        for example in &self.examples {
            check((|| {
                let mut terms = Terms::new(Arc::new(ExampleFunctions));
                let before = parse(&mut terms, &example.before)?;
                let (expected, found): (String, Vec<String>) = if self.phase == Phase::Implement {
                    let found = self.alternatives(&mut terms, before);
                    let found = found.iter().map(|found| print_alternative(&terms, found));
                    (example.after.split_whitespace().collect::<Vec<_>>().join(" "), found.collect())
                } else {
                    // The rule runs first: the text of `after` may name columns that it derives.
                    let found = self.rewrites(&mut terms, before);
                    let after = parse(&mut terms, &example.after)?;
                    if found.contains(&after) {
                        return Ok(());
                    }
                    (print_line(&terms, after), found.iter().map(|found| print_line(&terms, *found)).collect())
                };
                match found.contains(&expected) && self.phase == Phase::Implement {
                    true => Ok(()),
                    false => {
                        let (rule, before) = (self.name().to_owned(), print_line(&terms, before));
                        Err(ExampleError::Differs { rule, before, expected, found })
                    }
                }
            })());
        }
        for text in &self.nots {
            check((|| {
                let mut terms = Terms::new(Arc::new(ExampleFunctions));
                let before = parse(&mut terms, text)?;
                let after = match self.phase {
                    Phase::Implement => {
                        self.alternatives(&mut terms, before).first().map(|found| print_alternative(&terms, found))
                    }
                    _ => self.rewrites(&mut terms, before).first().map(|found| print_line(&terms, *found)),
                };
                match after {
                    None => Ok(()),
                    Some(after) => {
                        let (rule, before) = (self.name().to_owned(), print_line(&terms, before));
                        Err(ExampleError::Fires { rule, before, after })
                    }
                }
            })());
        }
        errors
    }
}

/// The term with another one at the end of a path, in normal form on the way up.
pub(crate) fn replace(terms: &mut Terms, term: TermId, path: &[usize], with: TermId) -> TermId {
    let mut spine = vec![term];
    for at in path {
        let next = terms.term(spine[spine.len() - 1]).inputs[*at];
        spine.push(next);
    }
    let mut replaced = with;
    for (at, place) in path.iter().zip(&spine).rev() {
        let mut node = terms.term(*place).clone();
        node.inputs[*at] = replaced;
        replaced = match node.op {
            RelOp::Filter(predicates) => terms.plant_filter(predicates, replaced),
            RelOp::JoinSet(predicates) => terms.plant_join_set(predicates, node.inputs.iter().copied().collect()),
            op => terms.add(RelNode::new(op, node.inputs)),
        };
    }
    replaced
}

/// A physical operator on one line, with what it needs of each input:
/// `hash-join inner [(a = x)] true build-right (hashed [a] t) (hashed [x] u)`.
pub fn print_alternative(terms: &Terms, alternative: &Alternative<TermId>) -> String {
    let mut text = print_physical(terms, alternative.op);
    for (input, required) in &alternative.inputs {
        let required = print_required(terms, *required);
        let input = match input {
            AlternativeInput::Class(term) if terms.term(*term).inputs.is_empty() => print_line(terms, *term),
            AlternativeInput::Class(term) => format!("({})", print_line(terms, *term)),
            AlternativeInput::Inline(inner) => format!("({})", print_alternative(terms, inner)),
        };
        text.push_str(&format!(" ({required} {input})"));
    }
    text
}

/// What is required of partitions: `hashed [a]`.
pub fn print_required(terms: &Terms, required: Required) -> String {
    match required {
        Required::Any => "any".to_owned(),
        Required::Single => "single".to_owned(),
        Required::Replicated => "replicated".to_owned(),
        Required::Hashed(columns) => {
            format!("hashed {}", print_columns(terms, terms.columns_of(columns).iter().copied()))
        }
    }
}

/// A physical operator and what it is given, without inputs.
pub fn print_physical(terms: &Terms, op: AlternativeOp) -> String {
    let conjunction = |predicates| print_conjunction(terms, terms.predicates(predicates));
    match op {
        AlternativeOp::Read(get) => format!("read {}", quoted(terms.get_spec(get).leaf.name())),
        AlternativeOp::Empty(columns) => {
            format!("empty {}", print_columns(terms, terms.columns_of(columns).iter().copied()))
        }
        AlternativeOp::Filter(predicates) => format!("filter {}", conjunction(predicates)),
        AlternativeOp::Project(projection) => format!("project {}", print_projection(terms, projection)),
        AlternativeOp::HashJoin { kind, keys, residual, build } => {
            let keys = terms.keys(keys).iter();
            let keys = keys.map(|(a, b)| format!("({} = {})", print_scalar(terms, *a), print_scalar(terms, *b)));
            let keys = keys.collect::<Vec<_>>().join(" ");
            let build = if build == Side::Left { "left" } else { "right" };
            format!("hash-join {kind} [{keys}] {} build-{build}", conjunction(residual))
        }
        AlternativeOp::NestedLoopJoin { kind, on } => format!("nested-loop-join {kind} {}", conjunction(on)),
        AlternativeOp::HashAggregate { phase, spec } => {
            format!("hash-aggregate {phase} {}", print_aggregate(terms, spec))
        }
        AlternativeOp::Sort { keys, fetch: None } => format!("sort {}", print_sort(terms, keys)),
        AlternativeOp::Sort { keys, fetch: Some(fetch) } => format!("top-k {} {fetch}", print_sort(terms, keys)),
        AlternativeOp::Limit { offset, fetch } => {
            format!("limit {offset} {}", fetch.map_or("all".to_owned(), |fetch| fetch.to_string()))
        }
        AlternativeOp::Union(_) => "union".to_owned(),
        AlternativeOp::MarkJoin { mark, on } => {
            format!("mark-join {} {}", quoted(&terms.column(mark).name), conjunction(on))
        }
        AlternativeOp::Window(window) => format!("window {}", print_window(terms, window)),
        AlternativeOp::Unnest(spec) => format!("unnest {}", print_unnest(terms, spec)),
        AlternativeOp::Extension(extension) => {
            format!("extension {}", quoted(terms.extension(extension).extension.name()))
        }
    }
}
