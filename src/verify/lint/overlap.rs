use std::collections::BTreeMap;

use super::finding::{Finding, Lint};
use super::survey::Survey;
use crate::rules::Phase;
use crate::term::TermId;
use crate::term::text::print_line;

/// R050: two rules of one priority rewrite one term, and the two results have different normal forms. Which plan
/// comes out then depends on the order of the rules.
pub(super) fn check(survey: &mut Survey, findings: &mut Vec<Finding>) {
    let mut pairs: BTreeMap<(usize, usize), (usize, [TermId; 3])> = BTreeMap::new();
    let all: Vec<TermId> = survey.bench.all.iter().copied().collect();
    for term in all {
        let results = survey.anywhere(term);
        if results.len() < 2 {
            continue;
        }
        for (at, (first, one)) in results.iter().enumerate() {
            for (second, other) in &results[at + 1..] {
                let [a, b] = [first, second].map(|rule| &survey.rules[*rule]);
                // Scalars are simplified before relations move.
                let same_kind = a.scalar_operators().is_some() == b.scalar_operators().is_some();
                if one == other || !same_kind || a.priority() != b.priority() {
                    continue;
                }
                let (Some(one), Some(other)) = (survey.normal(*one), survey.normal(*other)) else { continue };
                if one == other {
                    continue;
                }
                let ((first, one), (second, other)) = match first <= second {
                    true => ((*first, one), (*second, other)),
                    false => ((*second, other), (*first, one)),
                };
                let size = print_line(survey.terms(), term).len();
                let found = (size, [term, one, other]);
                let smallest = pairs.entry((first, second)).or_insert(found);
                if found.0 < smallest.0 {
                    *smallest = found;
                }
            }
        }
    }
    for ((first, second), (_, [term, one, other])) in pairs {
        let (a, b) = (&survey.rules[first], &survey.rules[second]);
        let print = |term| print_line(survey.terms(), term);
        let (name, message) = match first == second {
            true => (a.name(), format!("`{}` rewrites one term in two ways that do not meet again", a.name())),
            false => {
                let both =
                    format!("`{}` and `{}` rewrite one term, and the results do not meet again", a.name(), b.name());
                (b.name(), both)
            }
        };
        let notes = vec![
            format!("both fire on: {}", print(term)),
            format!("after `{}` it becomes: {}", a.name(), print(one)),
            format!("after `{name}` it becomes: {}", print(other)),
            "mend: give one of them a higher `(priority n)`, or guards that keep them apart".to_owned(),
        ];
        debug_assert_eq!(a.phase(), Phase::Normalize);
        findings.push(Finding::new(Lint::Overlap, a, message, notes));
    }
}
