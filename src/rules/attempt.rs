use super::forest::Plant;
use super::observer::Refusal;
use super::pattern::Bindings;
use super::phase::Phase;
use super::rule::{Clause, Rule};

/// What became of one match of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt<I> {
    /// How many guards said yes, in written order.
    pub passed: usize,
    /// Whether the next one said no.
    pub refused: bool,
    /// The right side, if it is a relation, and another one.
    pub made: Option<I>,
}

impl Rule {
    /// As [`Rule::apply`] or [`Rule::implement`], and which guards spoke.
    pub(crate) fn attempt<P: Plant>(
        &self,
        plant: &mut P,
        root: P::Id,
        mut bindings: Bindings<P::Id>,
    ) -> Attempt<P::Id> {
        let result = match self.phase() {
            Phase::Implement => self.implement_observed(plant, root, &mut bindings, &mut ()).map(|_| None),
            _ => self.apply_observed(plant, root, &mut bindings, &mut ()).map(Some),
        };
        match result {
            Ok(made) => Attempt { passed: self.guards().count(), refused: false, made },
            Err(Refusal::Guard(at)) => Attempt { passed: at, refused: true, made: None },
            Err(Refusal::Let(at)) => {
                let before = self.clauses().take(at).filter(|clause| matches!(clause, Clause::Guard { .. }));
                Attempt { passed: before.count(), refused: false, made: None }
            }
            Err(_) => Attempt { passed: self.guards().count(), refused: false, made: None },
        }
    }
}
