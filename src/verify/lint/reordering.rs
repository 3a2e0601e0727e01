use super::finding::{Finding, Lint};
use super::source::{Node, Part, Source};
use super::survey::Survey;
use crate::rules::{Operator, Phase};

/// R055 and R056: a right side that is the left side with its inputs swapped or nested in another way. Inner joins
/// are one `join-set` without an order, which the join order enumerates; such a rule only makes work.
pub(super) fn check(survey: &mut Survey, findings: &mut Vec<Finding>) {
    for rule in survey.rules.iter().filter(|rule| rule.phase() != Phase::Implement) {
        let Some(source) = Source::of(rule) else { continue };
        let (Some(left), Some(right)) = (source.pattern(), source.replacement()) else { continue };
        // A guard of termination says when to stop.
        if source.has_when() {
            continue;
        }
        let (lint, what) = match (swaps(&left, &right), nests(&left, &right)) {
            (true, _) => (Lint::BareCommutativity, "only swaps the inputs"),
            (_, true) => (Lint::BareAssociativity, "only nests the same operator in another way"),
            _ => continue,
        };
        let message = format!("`{}` {what}", rule.name());
        let note = "mend: drop it; inner joins are reordered natively, and a physical rule can have a mirror image";
        findings.push(Finding::at(lint, rule, right.span, message, vec![note.to_owned()]));
    }
}

/// Operators of several inputs whose order does not matter.
fn is_symmetric(node: &Node<'_>) -> bool {
    match node.operator {
        Operator::JoinSet | Operator::Union => true,
        Operator::Join => kinds(node).is_some(),
        _ => false,
    }
}

/// The kinds of a join, as the variable that names them or the word that stands there.
fn kinds<'a>(node: &'a Node<'_>) -> Option<&'a str> {
    let kind = node.parts.first()?;
    kind.variable().or_else(|| kind.datum.word())
}

fn swaps(left: &Node<'_>, right: &Node<'_>) -> bool {
    if left.operator != right.operator || !is_symmetric(left) || kinds_differ(left, right) {
        return false;
    }
    let (before, after) = (left.listed(), right.listed());
    let variables = |parts: &[Part<'_>]| -> Option<Vec<String>> {
        parts.iter().map(|part| part.node().is_none().then(|| part.variable().map(str::to_owned))?).collect()
    };
    let (Some(before), Some(after)) = (variables(&before), variables(&after)) else { return false };
    permuted(before, after)
}

fn kinds_differ(left: &Node<'_>, right: &Node<'_>) -> bool {
    left.operator == Operator::Join && kinds(left) != kinds(right)
}

/// The same names in another order.
fn permuted(mut before: Vec<String>, mut after: Vec<String>) -> bool {
    let moved = before != after && before.len() > 1;
    before.sort();
    after.sort();
    moved && before == after
}

fn nests(left: &Node<'_>, right: &Node<'_>) -> bool {
    let mut sides = [Vec::new(), Vec::new()];
    let whole = leaves(left, left.operator, &mut sides[0]) && leaves(right, left.operator, &mut sides[1]);
    let nested = |node: &Node<'_>| node.listed().iter().any(|input| input.node().is_some());
    let [before, after] = sides;
    let moved = left
        .listed()
        .iter()
        .map(|input| input.node().is_some())
        .ne(right.listed().iter().map(|input| input.node().is_some()));
    let (mut a, mut b) = (before.clone(), after.clone());
    a.sort();
    b.sort();
    whole && nested(left) && nested(right) && (moved || before != after) && a == b
}

/// Collects the relations below nodes of one operator of inner joins or unions; false where there is another.
fn leaves(node: &Node<'_>, operator: Operator, found: &mut Vec<String>) -> bool {
    let inner = match node.operator {
        Operator::JoinSet | Operator::Union => true,
        Operator::Join => node.kinds().iter().all(|(kind, _)| *kind == "inner"),
        _ => false,
    };
    inner
        && node.operator == operator
        && node.listed().iter().all(|input| match input.node() {
            Some(below) => leaves(&below, operator, found),
            None => {
                found.extend(input.variable().map(str::to_owned));
                input.variable().is_some()
            }
        })
}
