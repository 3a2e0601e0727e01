use smallvec::SmallVec;

use crate::term::{Facts, PredicatesId, ProjectionId, RelNode, RelOp, TermId, Terms};

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

    /// A filter as a rule writes it; one without conjuncts is its input.
    fn plant_filter(&mut self, predicates: PredicatesId, input: Self::Id) -> Self::Id {
        match self.terms().predicates(predicates).is_empty() {
            true => input,
            false => self.add(RelNode::new(RelOp::Filter(predicates), [input])),
        }
    }

    /// A projection as a rule writes it; one that keeps all columns and computes none is its input.
    fn plant_project(&mut self, projection: ProjectionId, input: Self::Id) -> Self::Id {
        match self.terms().is_identity(projection, &self.facts(input).outputs) {
            true => input,
            false => self.add(RelNode::new(RelOp::Project(projection), [input])),
        }
    }

    /// A join-set as a rule writes it.
    fn plant_join_set(&mut self, predicates: PredicatesId, inputs: SmallVec<[Self::Id; 4]>) -> Self::Id {
        self.add(RelNode::new(RelOp::JoinSet(predicates), inputs))
    }

    /// A node as a rule writes it.
    fn plant(&mut self, op: RelOp, inputs: SmallVec<[Self::Id; 4]>) -> Self::Id {
        match (op, inputs.as_slice()) {
            (RelOp::Filter(predicates), [input]) => self.plant_filter(predicates, *input),
            (RelOp::Project(projection), [input]) => self.plant_project(projection, *input),
            (RelOp::JoinSet(predicates), _) => self.plant_join_set(predicates, inputs),
            (op, _) => self.add(RelNode::new(op, inputs)),
        }
    }
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

/// Terms have normal forms: their constructors flatten filters and join-sets.
impl Plant for Terms {
    fn terms_mut(&mut self) -> &mut Terms {
        self
    }

    fn add(&mut self, node: RelNode<TermId>) -> TermId {
        Terms::add(self, node)
    }

    fn plant_filter(&mut self, predicates: PredicatesId, input: TermId) -> TermId {
        let conjuncts = self.predicates(predicates).to_vec();
        self.filter(input, conjuncts)
    }

    fn plant_join_set(&mut self, predicates: PredicatesId, inputs: SmallVec<[TermId; 4]>) -> TermId {
        let conjuncts = self.predicates(predicates).to_vec();
        self.join_set(inputs, conjuncts)
    }
}
