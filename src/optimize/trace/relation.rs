use std::collections::HashMap;

use super::Trace;
use crate::optimize::graph::{ClassId, Graph};
use crate::optimize::observer::Place;
use crate::term::{RelNode, RelOp, TermId};

/// A relation that a step speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// A term.
    Term(TermId),
    /// A node over terms, before its constructor brought it into normal form.
    Node(RelNode<TermId>),
    /// A class, as the e-node was written that gave it this id.
    Made(ClassId),
    /// A class, as a rule matched it: the root first, then the nodes below.
    Matched {
        /// The class.
        class: ClassId,
        /// The nodes.
        nodes: Vec<RelNode<ClassId>>,
    },
    /// A class, as the chosen plan computes it.
    Chosen(ClassId),
}

impl From<Place> for Relation {
    fn from(place: Place) -> Self {
        match place {
            Place::Term(term) => Relation::Term(term),
            Place::Class(class) => Relation::Made(class),
        }
    }
}

/// A tree is not followed beyond so many nodes: texts say so.
const MOST_NODES: usize = 2_000;

impl Trace {
    /// The operators of a relation with their depths, users before inputs: what texts print. A shared input comes
    /// once per user. Ends after 2,000 nodes.
    pub fn operators(&self, relation: &Relation) -> Vec<(usize, RelOp)> {
        let mut operators = Vec::new();
        let mut stack = vec![(0, relation.clone())];
        while let Some((depth, relation)) = stack.pop() {
            let (op, inputs) = self.node(&relation);
            operators.push((depth, op));
            if operators.len() >= MOST_NODES {
                break;
            }
            stack.extend(inputs.into_iter().rev().map(|input| (depth + 1, input)));
        }
        operators
    }

    /// The operators of the e-graph's nodes, as they came.
    pub fn graph_operators(&self) -> Vec<RelOp> {
        (0..self.graph().made()).map(|number| self.graph().made_as(ClassId::from(number)).op).collect()
    }

    /// The root of a relation and what stands below it.
    fn node(&self, relation: &Relation) -> (RelOp, Vec<Relation>) {
        let over_terms = |node: &RelNode<TermId>| (node.op, node.inputs.iter().map(|id| Relation::Term(*id)).collect());
        match relation {
            Relation::Term(term) => over_terms(self.terms().term(*term)),
            Relation::Node(node) => over_terms(node),
            Relation::Made(class) => {
                let node = self.graph().made_as(*class);
                (node.op, node.inputs.iter().map(|id| Relation::Made(*id)).collect())
            }
            Relation::Matched { class, nodes } => match nodes.split_first() {
                None => self.node(&Relation::Made(*class)),
                Some((root, below)) => (root.op, root.inputs.iter().map(|id| self.matched_below(*id, below)).collect()),
            },
            Relation::Chosen(class) => match self.chosen_nodes().get(&self.graph().find(*class)) {
                None => self.node(&Relation::Made(*class)),
                Some(node) => (node.op, node.inputs.iter().map(|id| Relation::Chosen(*id)).collect()),
            },
        }
    }

    /// A class below a matched node: as the rule matched it, if it looked into it.
    fn matched_below(&self, class: ClassId, below: &[RelNode<ClassId>]) -> Relation {
        let found = below.iter().position(|node| self.graph().lookup(node) == Some(self.graph().find(class)));
        match found {
            Some(at) => Relation::Matched { class, nodes: below[at..].to_vec() },
            None => Relation::Made(class),
        }
    }

    /// The relation as a term: what it means can be computed. The run is over, so the arena may grow.
    pub fn term_of(&mut self, relation: &Relation) -> TermId {
        let mut made: HashMap<Key, TermId> = HashMap::new();
        let mut stack = vec![(relation.clone(), false)];
        while let Some((relation, inputs_done)) = stack.pop() {
            let relation = match relation {
                Relation::Chosen(class) => Relation::Made(class),
                other => other,
            };
            let key = Key::of(&relation);
            if made.contains_key(&key) {
                continue;
            }
            if let Relation::Term(term) = relation {
                made.insert(key, term);
                continue;
            }
            let (op, inputs) = self.node(&relation);
            if !inputs_done {
                stack.push((relation, true));
                stack.extend(inputs.into_iter().map(|input| (input, false)));
                continue;
            }
            let inputs: Vec<TermId> = inputs.iter().map(|input| made[&Key::of(input)]).collect();
            let term = self.run.graph.terms_mut_after_run().add(RelNode::new(op, inputs));
            made.insert(key, term);
        }
        made[&Key::of(relation)]
    }
}

/// What tells relations apart while one is built.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Term(TermId),
    Node(RelNode<TermId>),
    Made(ClassId),
    Matched(Vec<RelNode<ClassId>>),
}

impl Key {
    fn of(relation: &Relation) -> Key {
        match relation {
            Relation::Term(term) => Key::Term(*term),
            Relation::Node(node) => Key::Node(node.clone()),
            // What the plan chose may be its own input in another place; any form of a class is equal.
            Relation::Made(class) | Relation::Chosen(class) => Key::Made(*class),
            Relation::Matched { class, nodes } if nodes.is_empty() => Key::Made(*class),
            Relation::Matched { nodes, .. } => Key::Matched(nodes.clone()),
        }
    }
}

impl Graph {
    /// The class of an e-node, if the graph has it.
    pub fn lookup(&self, node: &RelNode<ClassId>) -> Option<ClassId> {
        self.egraph.lookup(node.clone())
    }

    /// The arena of a graph whose plan is made: what is added now influences nothing.
    pub(super) fn terms_mut_after_run(&mut self) -> &mut crate::term::Terms {
        &mut self.egraph.analysis.terms
    }
}
