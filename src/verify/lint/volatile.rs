use std::collections::BTreeSet;

use super::bench::Bench;
use super::finding::{Finding, Lint};
use super::payload::scalars;
use super::survey::Survey;
use crate::rules::Operator;
use crate::term::text::print_line;
use crate::term::{RelOp, TermId, Terms};

/// R057: what gives another result at every call is neither dropped, nor made twice, nor made for other rows.
///
/// Three things are left: an order that nobody sees, as `eliminate-sort-under-aggregate` drops it; what is
/// computed for no row; and a result that is proved to have no row, for which no call could matter.
pub(super) fn check(survey: &mut Survey, findings: &mut Vec<Finding>) {
    let mut reported: BTreeSet<usize> = BTreeSet::new();
    for rewritten in &survey.rewritten {
        let terms = survey.terms();
        if terms.facts(rewritten.after).max_rows == Some(0) || reported.contains(&rewritten.rule) {
            continue;
        }
        let before = calls(terms, rewritten.before);
        if before.is_empty() {
            continue;
        }
        let after = calls(terms, rewritten.after);
        let what = match (after.len(), before.len()) {
            (after, before) if after < before => "drops a volatile call",
            (after, before) if after > before => "makes a volatile call twice",
            _ if after != before => "makes a volatile call for other rows",
            _ => continue,
        };
        reported.insert(rewritten.rule);
        let rule = &survey.rules[rewritten.rule];
        let notes = vec![
            format!("of: {}", print_line(terms, rewritten.before)),
            format!("it makes: {}", print_line(terms, rewritten.after)),
            "mend: a guard such as `(if (stable ..))`, or `within` and `beyond`, which leave volatile conjuncts"
                .to_owned(),
        ];
        findings.push(Finding::new(Lint::Volatile, rule, format!("`{}` {what}", rule.name()), notes));
    }
}

/// For each volatile call in a term that is made for some row, the rows it is made for: the tables and the
/// operators that change how many rows there are.
fn calls(terms: &Terms, root: TermId) -> Vec<Vec<u32>> {
    let mut found = Vec::new();
    let mut stack = vec![root];
    while let Some(term) = stack.pop() {
        let node = terms.term(term);
        stack.extend(&node.inputs);
        let count: usize = scalars(terms, node.op).into_iter().map(|scalar| Bench::calls(terms, scalar)).sum();
        let for_none = node.inputs.iter().any(|input| terms.facts(*input).max_rows == Some(0));
        if count > 0 && !for_none {
            let mut rows = Vec::new();
            node.inputs.iter().for_each(|input| sources(terms, *input, &mut rows));
            rows.sort();
            found.extend(std::iter::repeat_n(rows, count));
        }
    }
    found.sort();
    found
}

/// What makes the rows of a term: numbers of tables, and above them those of operators.
fn sources(terms: &Terms, term: TermId, found: &mut Vec<u32>) {
    let node = terms.term(term);
    let operators = u32::MAX - 64;
    match node.op {
        RelOp::Get(get) => found.push(get.0),
        RelOp::Filter(_) | RelOp::Project(_) | RelOp::Sort(_) | RelOp::Window(_) => {}
        // Of these the constructor and the rules make one another, over the same rows.
        RelOp::Join(kind, _) if kind.gives_right() => {}
        RelOp::Join(..) | RelOp::JoinSet(_) => {}
        op => found.push(operators + Operator::of(op) as u32),
    }
    node.inputs.iter().for_each(|input| sources(terms, *input, found));
}
