use super::finding::{Finding, Lint};
use super::source::Source;
use super::survey::{Said, Survey};

/// R059 and R060: a guard that says yes, or no, wherever it is asked. The first is not needed, or lacks the `not`
/// that shows what it is for; the second keeps the rule from ever firing.
pub(super) fn check(survey: &mut Survey, findings: &mut Vec<Finding>) {
    for (rule, said) in survey.rules.iter().zip(&survey.guards) {
        let spans = Source::of(rule).map(|source| source.guards()).unwrap_or_default();
        for (at, (text, _)) in rule.guards().enumerate() {
            let (lint, what, note) = match said[at] {
                Said { yes: 0, no: 1.. } => {
                    (Lint::BlockingGuard, "no", "mend: the guard, or the guards before it that contradict it")
                }
                Said { yes: 1.., no: 0 } => {
                    let note = "mend: drop it, or add a `(not \"..\")` that nothing but this guard keeps the rule from";
                    (Lint::IdleGuard, "yes", note)
                }
                _ => continue,
            };
            let asked = said[at].yes + said[at].no;
            let message = format!("the guard {text} says {what} on all {asked} terms that get there");
            let span = spans.get(at).copied().unwrap_or_default();
            findings.push(Finding::at(lint, rule, span, message, vec![note.to_owned()]));
        }
    }
}
