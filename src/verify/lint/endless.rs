use std::collections::BTreeSet;
use std::sync::Arc;

use super::finding::{Finding, Lint};
use super::survey::{REWRITES, Survey};
use crate::optimize::{Cycle, Fired, RuleIndex, normalize};
use crate::rules::{Phase, Rule};
use crate::term::TermId;
use crate::term::text::print_line;

/// R053 and R054: normalization that does not end. A rule alone, or several together, make larger and larger
/// terms, or a term of itself.
pub(super) fn check(survey: &mut Survey, findings: &mut Vec<Finding>) {
    let rules: Vec<Arc<Rule>> = survey.rules.clone();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.phase() == Phase::Normalize) {
        let alone = RuleIndex::of_rules([rule.clone()]);
        for term in survey.bench.examples[at].clone() {
            let normalized = normalize(&mut survey.bench.terms, term, &alone, REWRITES, &mut Fired::default(), &mut ());
            if let Some(cycle) = normalized.cycles.first() {
                known.insert(rule.name().to_owned());
                findings.push(round(survey, rule, cycle));
            } else if normalized.exhausted {
                known.insert(rule.name().to_owned());
                findings.push(grows(survey, rule, term));
            } else {
                continue;
            }
            break;
        }
    }
    let examples: Vec<TermId> = survey.bench.examples.iter().flatten().copied().collect();
    for term in examples {
        survey.normal(term);
    }
    // What the rules do together; not again what one of them does alone.
    let mut seen: BTreeSet<Vec<String>> = BTreeSet::new();
    for cycle in survey.cycles.clone() {
        let mut names: Vec<String> = cycle.rules.iter().map(|rule| rule.to_string()).collect();
        names.sort();
        names.dedup();
        let last = rules.iter().rev().find(|rule| names.iter().any(|name| name == rule.name()));
        if let Some(last) = last.filter(|_| names.iter().all(|name| !known.contains(name)))
            && seen.insert(names)
        {
            findings.push(round(survey, last, &cycle));
        }
    }
    for term in survey.endless.clone() {
        let fired = survey.fired(term);
        let mut most = rules.iter().filter(|rule| rule.phase() == Phase::Normalize).map(|rule| (fired.of(rule), rule));
        let most = most.by_ref().reduce(|most, next| if next.0 > most.0 { next } else { most });
        if let Some((_, rule)) = most.filter(|(_, rule)| known.insert(rule.name().to_owned())) {
            findings.push(grows(survey, rule, term));
        }
    }
}

fn round(survey: &Survey, rule: &Rule, cycle: &Cycle) -> Finding {
    let names = cycle.rules.iter().map(|rule| format!("`{rule}`")).collect::<Vec<_>>().join(", then ");
    let message = match cycle.rules.len() {
        1 => format!("{names} makes of a term that very term, or one that contains it"),
        _ => format!("{names} make of a term that very term, or one that contains it"),
    };
    let notes = vec![
        format!("the term that comes again: {}", print_line(survey.terms(), cycle.term)),
        "mend: a `when` that is false of what the rules have made, or one direction less".to_owned(),
    ];
    Finding::new(Lint::RuleCycle, rule, message, notes)
}

fn grows(survey: &Survey, rule: &Rule, term: TermId) -> Finding {
    let message = format!("`{}` fires on what it made, without end", rule.name());
    let notes = vec![
        format!("more than {REWRITES} rewrites of: {}", print_line(survey.terms(), term)),
        "mend: a `when` that is false of what the rule has made".to_owned(),
    ];
    Finding::new(Lint::UnboundedGrowth, rule, message, notes)
}
