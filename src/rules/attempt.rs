use super::forest::Plant;
use super::pattern::{Bindings, ROOT};
use super::rule::{Replacement, Rule, Stage};
use super::value::Value;

/// What became of one match of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt<I> {
    /// How many guards said yes, in written order.
    pub passed: usize,
    /// Whether the next one said no.
    pub refused: bool,
    /// The right side, if it is one and another relation.
    pub made: Option<I>,
}

impl Rule {
    /// As [`Rule::apply`], and which guards spoke. Of a rule of `implement` only the guards are tried.
    pub(crate) fn attempt<P: Plant>(
        &self,
        plant: &mut P,
        root: P::Id,
        mut bindings: Bindings<P::Id>,
    ) -> Attempt<P::Id> {
        let mut attempt = Attempt { passed: 0, refused: false, made: None };
        bindings.values[ROOT] = Value::Rel(root);
        for stage in &self.stages {
            match stage {
                Stage::Let(slot, value) => match value.evaluate(plant, &bindings) {
                    Some(value) => bindings.values[*slot] = value,
                    None => return attempt,
                },
                Stage::Guard { condition, .. } => match condition.evaluate(plant, &bindings) {
                    Some(Value::Bool(true)) => attempt.passed += 1,
                    _ => return Attempt { refused: true, ..attempt },
                },
            }
        }
        if let Replacement::Logical(template) = &self.replacement {
            attempt.made = template.build(plant, &mut bindings).filter(|built| *built != root);
        }
        attempt
    }
}
