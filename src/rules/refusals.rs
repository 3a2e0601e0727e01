use super::observer::Refusal;
use super::phase::Phase;
use super::rule::Rule;
use crate::term::{TermId, Terms};

impl Rule {
    /// Why the rule leaves places of a term alone that its pattern fits: one for each such match, anywhere in the term.
    pub fn refusals(&self, terms: &mut Terms, term: TermId) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        let mut places = vec![term];
        while let Some(place) = places.pop() {
            let node = terms.term(place).clone();
            for mut bindings in self.matches(terms, place, &node) {
                let refusal = match self.phase() {
                    Phase::Implement => self.implement_observed(terms, place, &mut bindings, &mut ()).err(),
                    _ => self.apply_observed(terms, place, &mut bindings, &mut ()).err(),
                };
                refusals.extend(refusal);
            }
            places.extend(node.inputs.iter().rev());
        }
        refusals
    }
}
