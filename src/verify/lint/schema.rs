use std::collections::BTreeSet;

use super::finding::{Finding, Lint};
use super::survey::Survey;
use crate::term::text::print_line;
use crate::term::{ColumnSet, RelOp, TermId, Terms};

/// R058: both sides of a rule give the same columns, of the same types. Whether a column can be null is proved, and
/// not declared: a null where there was none is another result, which verification finds.
pub(super) fn check(survey: &mut Survey, findings: &mut Vec<Finding>) {
    let mut reported: BTreeSet<usize> = BTreeSet::new();
    for rewritten in &survey.rewritten {
        let terms = survey.terms();
        if reported.contains(&rewritten.rule) {
            continue;
        }
        let (before, after) = (terms.facts(rewritten.before), terms.facts(rewritten.after));
        let names = |columns: &ColumnSet| {
            columns.iter().map(|column| format!("`{}`", terms.column(column).name)).collect::<Vec<_>>().join(", ")
        };
        let what = if !before.outputs.is_subset(&after.outputs) {
            format!("loses {}", names(&before.outputs.difference(&after.outputs)))
        } else if !after.outputs.is_subset(&before.outputs) {
            format!("adds {}", names(&after.outputs.difference(&before.outputs)))
        } else if let Some(wrong) = other_type(terms, rewritten.after) {
            format!("gives {wrong}")
        } else {
            continue;
        };
        reported.insert(rewritten.rule);
        let rule = &survey.rules[rewritten.rule];
        let notes = vec![
            format!("of: {}", print_line(terms, rewritten.before)),
            format!("it makes: {}", print_line(terms, rewritten.after)),
            "mend: a projection on top, as `(project (keep (outputs ?l)) ..)`".to_owned(),
        ];
        findings.push(Finding::new(Lint::ChangedSchema, rule, format!("`{}` {what}", rule.name()), notes));
    }
}

/// A column that is computed as another type than it has.
fn other_type(terms: &Terms, root: TermId) -> Option<String> {
    let mut stack = vec![root];
    while let Some(term) = stack.pop() {
        let node = terms.term(term);
        stack.extend(&node.inputs);
        if let RelOp::Project(projection) = node.op {
            for (column, scalar) in terms.projection(projection) {
                let (info, found) = (terms.column(*column), &terms.scalar_facts(*scalar).data_type);
                if info.data_type != *found {
                    return Some(format!("`{}` the type {found} instead of {}", info.name, info.data_type));
                }
            }
        }
    }
    None
}
