//! The search for a counterexample to a rule of `implement`: what it proposes must give the rows of the term, also
//! when rows lie in any partitions that it does not forbid.

use super::bounds::Bounds;
use super::claims::matters;
use super::counterexample::{Counterexample, VerifyError, rows, shown_tables, under};
use super::coverage::Coverage;
use super::dice::Dice;
use super::draws::with_functions;
use super::fill::{Domain, Filling};
use super::partitions::{Machine, Operator};
use super::trials::{shaped, written};
use crate::expr::Semantics;
use crate::rules::{Rule, print_alternative};
use crate::term::interpret::{Equivalence, EvalError, Relation, Row, Tables, Verdict, interpret, is_sorted, preserves};
use crate::term::text::print_line;
use crate::term::{Alternative, RelOp, SortId, TermId, Terms, is_volatile};

/// Ways in which the rows of one filling are divided among partitions.
const DIVISIONS: usize = 3;

/// Exhaustive fillings of one shape, and samples.
const PER_SHAPE: (usize, usize) = (100, 20);

/// Looks for terms, tables and partitions on which a rule's operator gives other rows. Where it proposes the same as
/// `known`, a rule that holds, there is nothing to look for.
///
/// # Errors
/// A counterexample, or why nothing could be compared.
pub(super) fn search(
    rule: &Rule,
    known: Option<&Rule>,
    bounds: &Bounds,
    coverage: &mut Coverage,
) -> Result<(), VerifyError> {
    let mut dice = Dice::of(&("partitions", rule.name(), bounds.seed));
    written(rule, |terms, root| match matters(terms, [root, root]) {
        true => attempt(rule, known, terms, root, &mut dice, coverage),
        false => Ok(()),
    })?;
    shaped(rule, bounds, coverage, |mut shape, coverage| {
        attempt(rule, known, &mut shape.terms, shape.root, &mut dice, coverage)
    })
}

/// Compares a term and all operators that the rule proposes for it.
fn attempt(
    rule: &Rule,
    known: Option<&Rule>,
    terms: &mut Terms,
    root: TermId,
    dice: &mut Dice,
    coverage: &mut Coverage,
) -> Result<(), VerifyError> {
    // A coin that each partition tosses for itself has no one result to compare.
    if is_volatile(terms, root) {
        return Ok(());
    }
    let mut alternatives = rule.alternatives(terms, root);
    if let Some(known) = known.filter(|_| !alternatives.is_empty()) {
        let known = known.alternatives(terms, root);
        alternatives.retain(|alternative| !known.contains(alternative));
    }
    for alternative in alternatives {
        coverage.shapes += 1;
        let operator = match Operator::of(terms, &alternative) {
            Ok(operator) => operator,
            Err(reason) => {
                return Err(VerifyError::Unsound(Box::new(Counterexample {
                    rule: rule.name().to_owned(),
                    tables: String::new(),
                    before: print_line(terms, root),
                    after: print_alternative(terms, &alternative),
                    before_rows: "  rows\n".to_owned(),
                    after_rows: format!("  nothing: there is no such operator, as {reason}\n"),
                    under: under(terms.semantics()),
                })));
            }
        };
        let domain = Domain::of(terms, [root, root]);
        let (fillings, rows) = domain.all(PER_SHAPE.0);
        coverage.tried_all(rows, domain.width());
        for filling in fillings {
            coverage.exhaustive += 1;
            coverage.compared_under(terms.semantics());
            compare(rule, terms, root, &alternative, &operator, filling, dice)?;
        }
        // Sums of floats may be taken in any order: over the extremes of samples each order has another one.
        let samples = if sums_floats(terms, root) { 0 } else { PER_SHAPE.1 };
        for _ in 0..samples {
            coverage.samples += 1;
            coverage.compared_under(terms.semantics());
            compare(rule, terms, root, &alternative, &operator, domain.sample(dice), dice)?;
        }
    }
    Ok(())
}

/// Whether floats are added up anywhere in a term.
fn sums_floats(terms: &Terms, root: TermId) -> bool {
    let mut stack = vec![root];
    while let Some(term) = stack.pop() {
        let node = terms.term(term);
        let computed: Vec<_> = match node.op {
            RelOp::Aggregate(spec) => terms.aggregate(spec).aggregates.iter().map(|(column, _)| *column).collect(),
            RelOp::Window(window) => terms.window(window).calls.iter().map(|(column, _)| *column).collect(),
            _ => Vec::new(),
        };
        if computed.into_iter().any(|column| terms.column(column).data_type.is_floating()) {
            return true;
        }
        stack.extend(node.inputs.iter().copied());
    }
    false
}

fn compare(
    rule: &Rule,
    terms: &Terms,
    root: TermId,
    alternative: &Alternative<TermId>,
    operator: &Operator,
    filling: Filling,
    dice: &mut Dice,
) -> Result<(), VerifyError> {
    let tables = with_functions(filling.tables());
    let semantics = terms.semantics();
    let before = interpret(terms, root, semantics, &tables);
    // Rows that must meet lie apart in one of a few divisions.
    for _ in 0..DIVISIONS {
        let machine = Machine { terms, semantics, tables: &tables, salt: dice.below(usize::MAX) as u64 };
        judge(rule, root, alternative, &filling, &before, machine.run(operator), machine)?;
    }
    Ok(())
}

/// Whether an operator gives what its term gives.
fn judge(
    rule: &Rule,
    root: TermId,
    alternative: &Alternative<TermId>,
    filling: &Filling,
    before: &Result<Relation, EvalError>,
    after: Result<Relation, EvalError>,
    Machine { terms, semantics, tables, .. }: Machine<'_>,
) -> Result<(), VerifyError> {
    match verdict(terms, root, before, &after, semantics, tables) {
        Verdict::Same => Ok(()),
        Verdict::Unknown => match before.as_ref().err().or(after.as_ref().err()) {
            Some(error) => Err(VerifyError::unknown(rule.name(), print_line(terms, root), error)),
            None => Ok(()),
        },
        Verdict::Different => {
            let text = |result: &Result<Relation, EvalError>| match result {
                Ok(relation) => rows(terms, relation),
                Err(error) => format!("  error: {error}\n"),
            };
            Err(VerifyError::Unsound(Box::new(Counterexample {
                rule: rule.name().to_owned(),
                tables: shown_tables(terms, root, filling),
                before: print_line(terms, root),
                after: print_alternative(terms, alternative),
                before_rows: text(before),
                after_rows: text(&after),
                under: under(semantics),
            })))
        }
    }
}

/// Rows are compared as bags, those of a limit as one of its results. What orders rows must order them.
fn verdict(
    terms: &Terms,
    root: TermId,
    before: &Result<Relation, EvalError>,
    after: &Result<Relation, EvalError>,
    semantics: &Semantics,
    tables: &Tables,
) -> Verdict {
    let node = terms.term(root);
    let keys = match node.op {
        RelOp::Sort(keys) | RelOp::TopK { keys, .. } => Some(keys),
        _ => None,
    };
    if let (Some(keys), Ok(before), Ok(after)) = (keys, before, after) {
        let unordered = matches!(is_sorted(terms, after, keys, semantics, tables), Ok(false));
        if unordered || key_columns(terms, keys, before) != key_columns(terms, keys, after) {
            return Verdict::Different;
        }
    }
    match node.op {
        RelOp::Limit { .. } | RelOp::TopK { .. } => match interpret(terms, node.inputs[0], semantics, tables) {
            Ok(all) => preserves(before, after, Equivalence::OneOf(&all), semantics),
            Err(_) => Verdict::Same,
        },
        _ => preserves(before, after, Equivalence::Bag, semantics),
    }
}

/// The values of the columns that keys are, in the order of rows: ties change nothing here.
fn key_columns(terms: &Terms, keys: SortId, relation: &Relation) -> Option<Vec<Row>> {
    let columns: Option<Vec<_>> = terms.sort_keys(keys).iter().map(|key| terms.as_column(key.scalar)).collect();
    Some(relation.select(&columns?).ok()?.rows)
}
