use super::finding::{Finding, Lint};
use super::source::{Node, Source};
use super::survey::Survey;
use crate::optimize::Fired;
use crate::rules::{Operator, Phase, Rule};
use crate::term::text::{Span, print_line};
use crate::term::{RelNode, TermId};

/// R051 and R052: a rule that never fires, because another one always comes first, on the same node or below it,
/// or because no term has the shape that it asks for.
pub(super) fn check(survey: &mut Survey, findings: &mut Vec<Finding>) {
    for at in 0..survey.rules.len() {
        let rule = survey.rules[at].clone();
        let shapes = Source::of(&rule).and_then(|source| {
            let mut found = None;
            walk(&source.pattern()?, rule.phase(), &mut found);
            found
        });
        if let Some((span, message, note)) = shapes {
            findings.push(Finding::at(Lint::Unreachable, &rule, span, message, vec![note]));
        } else if rule.phase() == Phase::Normalize {
            findings.extend(preempted(survey, at, &rule));
        }
    }
}

/// Shapes that no term has when the rules of a phase are tried.
fn walk(node: &Node<'_>, phase: Phase, found: &mut Option<(Span, String, String)>) {
    let mut report = |span, message: &str, note: &str| {
        found.get_or_insert((span, message.to_owned(), format!("mend: {note}")));
    };
    let below = |operator| {
        let inputs = node.listed();
        inputs
            .iter()
            .filter_map(|input| input.node().map(|node| (node.operator, node.span)))
            .find(|at| at.0 == operator)
    };
    match (phase, node.operator) {
        (Phase::Normalize, Operator::Join) => {
            if let Some((_, span)) = node.kinds().into_iter().find(|(kind, _)| *kind == "inner") {
                let note = "match a `join-set`, or leave `inner` out";
                report(span, "no term has a `join inner` in normalize: inner joins are one `join-set`", note);
            }
        }
        (Phase::Normalize, Operator::Filter) => {
            if let Some((_, span)) = below(Operator::Filter) {
                let note = "match one filter: its conjuncts are those of both";
                report(span, "no term has a filter over a filter: the constructor merges them", note);
            }
        }
        (Phase::Normalize, Operator::JoinSet) => {
            if let Some((_, span)) = below(Operator::JoinSet) {
                let note = "match one `join-set`: it has the inputs of both";
                report(
                    span,
                    "only a volatile condition keeps a `join-set` below a `join-set`: the constructor merges others",
                    note,
                );
            }
        }
        (Phase::Explore | Phase::Implement, Operator::JoinSet) => {
            let note = "match a `join inner`";
            let message =
                format!("there is no `join-set` in {phase}: the join order has made joins of two inputs of it");
            report(node.span, &message, note);
        }
        (Phase::Explore | Phase::Implement, Operator::Apply) => {
            let message = format!("there is no `apply` in {phase}: it has become joins before, or there is no plan");
            report(node.span, &message, "match what it becomes: a semi, anti, left or mark join");
        }
        _ => {}
    }
    node.listed()
        .iter()
        .filter_map(|input| input.datum.form().and(input.node()))
        .for_each(|input| walk(&input, phase, found));
}

/// Whether a rule of normalization that can fire never does when all rules are tried.
fn preempted(survey: &mut Survey, at: usize, rule: &Rule) -> Option<Finding> {
    let examples = survey.bench.examples[at].clone();
    let fires = |survey: &mut Survey, term| has_fired(&survey.fired(term), rule);
    if examples.is_empty() || examples.iter().any(|term| fires(survey, *term)) {
        return None;
    }
    let rewritten: Vec<_> = survey.rewritten.iter().filter(|rewritten| rewritten.rule == at).copied().collect();
    // Where it cannot fire at all, its examples fail, and say so.
    let first = rewritten.first()?.before;
    if rewritten.iter().any(|rewritten| fires(survey, rewritten.before)) {
        return None;
    }
    let shown = format!("on: {}", print_line(survey.terms(), first));
    let (lint, earlier) = match earlier_at(survey, at, first) {
        Some(earlier) => (Lint::Shadowed, vec![earlier]),
        None => {
            let inputs: Vec<TermId> = survey.terms().term(first).inputs.to_vec();
            let mut all = Vec::new();
            for input in inputs {
                let fired = survey.fired(input);
                all.extend(
                    survey.rules.iter().filter(|rule| has_fired(&fired, rule)).map(|rule| rule.name().to_owned()),
                );
            }
            (Lint::Unreachable, all)
        }
    };
    let names = earlier.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (message, note) = match lint {
        Lint::Shadowed => (
            format!("{names} always fires first, so `{}` never does", rule.name()),
            "mend: give it a higher `(priority n)`, an example where it alone fires, or drop it",
        ),
        _ if earlier.is_empty() => (
            format!("`{}` never fires: its terms have other normal forms", rule.name()),
            "mend: match the normal form that the constructor makes, or drop it",
        ),
        _ => (
            format!("`{}` never fires: {names} rewrites what it matches before it is tried", rule.name()),
            "mend: match what comes of it, or drop the rule",
        ),
    };
    Some(Finding::new(lint, rule, message, vec![shown, note.to_owned()]))
}

/// The rule that is tried first on a node and fires there, once its inputs are normal, where this one would, too.
fn earlier_at(survey: &mut Survey, at: usize, node: TermId) -> Option<String> {
    let RelNode { op, inputs } = survey.terms().term(node).clone();
    let inputs: Vec<TermId> = inputs.iter().map(|input| survey.normal(*input)).collect::<Option<_>>()?;
    let normal = super::graft::plant(&mut survey.bench.terms, op, inputs);
    let node = survey.terms().term(normal).clone();
    let rules = survey.index.in_order(op);
    let fires = |survey: &mut Survey, rule: &Rule| {
        let matches = rule.matches(survey.terms(), normal, &node);
        matches.into_iter().any(|bindings| rule.apply(&mut survey.bench.terms, normal, bindings).is_some())
    };
    let own = survey.rules[at].clone();
    if !fires(survey, &own) {
        return None;
    }
    let earlier = rules.iter().take_while(|rule| rule.name() != own.name());
    let earlier = earlier.into_iter().find(|rule| fires(survey, rule))?;
    Some(earlier.name().to_owned())
}

fn has_fired(fired: &Fired, rule: &Rule) -> bool {
    fired.of(rule) > 0
}
