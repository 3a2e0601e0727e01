use crate::term::{Facts, RelNode, TermId, Terms};

/// Where rules look for relations: terms, where an id is one node, or the e-graph, where an id is a
/// class of equal nodes. One pattern program runs over both.
pub trait Forest {
    /// How a relation is named here.
    type Id: Copy + Eq + Ord + std::fmt::Debug;

    /// The arena of columns, scalars and payloads.
    fn terms(&self) -> &Terms;

    /// The equal nodes behind an id.
    fn nodes(&self, id: Self::Id) -> &[RelNode<Self::Id>];

    /// What is proved of them.
    fn facts(&self, id: Self::Id) -> &Facts;
}

/// A forest in which the right side of a rule can be built.
pub trait Plant: Forest {
    /// The arena, to intern payloads.
    fn terms_mut(&mut self) -> &mut Terms;

    /// Adds a node as it is.
    fn add(&mut self, node: RelNode<Self::Id>) -> Self::Id;
}

impl Forest for Terms {
    type Id = TermId;

    fn terms(&self) -> &Terms {
        self
    }

    fn nodes(&self, id: TermId) -> &[RelNode<TermId>] {
        std::slice::from_ref(self.term(id))
    }

    fn facts(&self, id: TermId) -> &Facts {
        Terms::facts(self, id)
    }
}

impl Plant for Terms {
    fn terms_mut(&mut self) -> &mut Terms {
        self
    }

    fn add(&mut self, node: RelNode<TermId>) -> TermId {
        Terms::add(self, node)
    }
}
