//! The e-graph: egg behind one module.
//!
//! E-nodes are relational only; scalars and predicate lists are interned ids. Each class carries
//! proven [`Facts`] and one estimate of its rows. Every union goes through [`Graph::unite`], which
//! holds the tripwires: two classes with different columns are never one.

use egg::{Analysis, DidMerge, EGraph, Id, Language};
use smallvec::SmallVec;

use super::estimate::Estimator;
use crate::expr::JoinKind;
use crate::rules::{Forest, Plant};
use crate::term::{Facts, RelNode, RelOp, Terms};

/// A class of equal relations.
pub type ClassId = Id;

impl Language for RelNode<Id> {
    type Discriminant = std::mem::Discriminant<RelOp>;

    fn discriminant(&self) -> Self::Discriminant {
        std::mem::discriminant(&self.op)
    }

    fn matches(&self, other: &Self) -> bool {
        self.op == other.op && self.inputs.len() == other.inputs.len()
    }

    fn children(&self) -> &[Id] {
        &self.inputs
    }

    fn children_mut(&mut self) -> &mut [Id] {
        &mut self.inputs
    }
}

/// What a class knows.
#[derive(Clone, Debug)]
pub struct ClassData {
    /// What is proved of the relation.
    pub facts: Facts,
    /// Estimated rows: the least of what its members are estimated at.
    pub rows: f64,
}

/// The arena and the beliefs that class data are made of.
pub struct Knowledge {
    pub(super) terms: Terms,
    pub(super) estimator: Estimator,
    violation: Option<String>,
}

impl Analysis<RelNode<Id>> for Knowledge {
    type Data = ClassData;

    fn make(egraph: &mut EGraph<RelNode<Id>, Self>, node: &RelNode<Id>, _: Id) -> ClassData {
        if let RelOp::Project(projection) = node.op {
            let knowledge = &mut egraph.analysis;
            let columns = knowledge.terms.projection(projection);
            knowledge.estimator.learn(&knowledge.terms, columns);
        }
        let inputs: SmallVec<[&ClassData; 4]> = node.inputs.iter().map(|input| &egraph[*input].data).collect();
        let facts: SmallVec<[&Facts; 4]> = inputs.iter().map(|input| &input.facts).collect();
        let rows: SmallVec<[f64; 4]> = inputs.iter().map(|input| input.rows).collect();
        let Knowledge { terms, estimator, .. } = &egraph.analysis;
        ClassData { facts: terms.facts_of(node, &facts), rows: estimator.rows(terms, node, &rows) }
    }

    fn remake(egraph: &mut EGraph<RelNode<Id>, Self>, _: &RelNode<Id>, id: Id) -> ClassData {
        // Facts and estimates are taken when a node is added: sharper ones later would make the
        // result depend on the order of rebuilding. Estimates settle when exploration is done.
        egraph[egraph.find(id)].data.clone()
    }

    fn merge(&mut self, to: &mut ClassData, from: ClassData) -> DidMerge {
        if to.facts.outputs != from.facts.outputs && self.violation.is_none() {
            self.violation = Some(format!(
                "a rule or congruence united relations with the columns {} and {}",
                names(&self.terms, &to.facts),
                names(&self.terms, &from.facts)
            ));
        }
        // Equal relations: what is proved of one holds for the other.
        to.facts.not_null.extend(&from.facts.not_null);
        for key in from.facts.keys {
            if !to.facts.keys.contains(&key) && to.facts.keys.len() < crate::term::MAX_KEYS {
                to.facts.keys.push(key);
            }
        }
        to.facts.max_rows = to.facts.max_rows.into_iter().chain(from.facts.max_rows).min();
        to.rows = to.rows.min(from.rows);
        // Nothing above is computed again (see `remake`), so no parent needs to be visited.
        DidMerge(false, false)
    }
}

fn names(terms: &Terms, facts: &Facts) -> String {
    let names: Vec<_> = facts.outputs.iter().map(|column| terms.column(column).name.to_string()).collect();
    format!("[{}]", names.join(", "))
}

/// The e-graph of one query.
pub struct Graph {
    pub(super) egraph: EGraph<RelNode<Id>, Knowledge>,
}

impl Graph {
    /// An empty graph over an arena.
    pub fn new(terms: Terms, estimator: Estimator) -> Self {
        Graph { egraph: EGraph::new(Knowledge { terms, estimator, violation: None }) }
    }

    /// The arena.
    pub fn terms(&self) -> &Terms {
        &self.egraph.analysis.terms
    }

    /// What a class knows.
    pub fn data(&self, class: ClassId) -> &ClassData {
        &self.egraph[class].data
    }

    /// The class of a node that the rules of this graph may extend.
    pub fn add_node(&mut self, node: RelNode<Id>) -> ClassId {
        self.egraph.add(node)
    }

    /// Declares two classes equal. True when that is news.
    pub fn unite(&mut self, to: ClassId, from: ClassId) -> bool {
        self.egraph.union(to, from)
    }

    /// Restores congruence after unions.
    pub fn rebuild(&mut self) {
        self.egraph.rebuild();
    }

    /// The current id of a class.
    pub fn find(&self, class: ClassId) -> ClassId {
        self.egraph.find(class)
    }

    /// All classes, ascending.
    pub fn classes(&self) -> Vec<ClassId> {
        let mut classes: Vec<_> = self.egraph.classes().map(|class| class.id).collect();
        classes.sort();
        classes
    }

    /// E-nodes in all.
    pub fn size(&self) -> usize {
        self.egraph.total_number_of_nodes()
    }

    /// How many e-nodes were ever made: each has the number under which it came, which is also an id of its
    /// class.
    pub fn made(&self) -> usize {
        self.egraph.nodes().len()
    }

    /// The e-node of a number, over the ids that it was made with, which are smaller.
    pub fn made_as(&self, id: ClassId) -> &RelNode<ClassId> {
        self.egraph.id_to_node(id)
    }

    /// The first union that broke a tripwire, in words.
    pub fn violation(&self) -> Option<&str> {
        self.egraph.analysis.violation.as_deref()
    }

    /// Makes the estimate of a class what a better-informed estimator says (the join enumerator
    /// knows a relation as a whole, a single join node does not).
    pub fn set_rows(&mut self, class: ClassId, rows: f64) {
        let class = self.egraph.find(class);
        self.egraph[class].data.rows = rows;
    }
}

/// How often estimates are taken again: more rounds than one matter only where an input has a higher id than a user.
const MOST_ROUNDS: usize = 4;

impl Graph {
    /// Estimates again what stands above classes whose estimate fell after it was added. What an inner join gives, the
    /// enumerator knows better. O(e-nodes).
    pub fn settle_rows(&mut self) {
        let classes = self.classes();
        for _ in 0..MOST_ROUNDS {
            let mut settled = true;
            for class in &classes {
                let Knowledge { terms, estimator, .. } = &self.egraph.analysis;
                let nodes = self.egraph[*class].nodes.iter();
                let rows = nodes.filter(|node| !matches!(node.op, RelOp::Join(JoinKind::Inner, _))).map(|node| {
                    let inputs: SmallVec<[f64; 4]> =
                        node.inputs.iter().map(|input| self.egraph[*input].data.rows).collect();
                    estimator.rows(terms, node, &inputs)
                });
                let least = rows.fold(f64::INFINITY, f64::min);
                if least < self.egraph[*class].data.rows {
                    self.egraph[*class].data.rows = least;
                    settled = false;
                }
            }
            if settled {
                return;
            }
        }
    }
}

impl Forest for Graph {
    type Id = Id;

    fn terms(&self) -> &Terms {
        &self.egraph.analysis.terms
    }

    fn nodes(&self, id: Id) -> &[RelNode<Id>] {
        &self.egraph[id].nodes
    }

    fn facts(&self, id: Id) -> &Facts {
        &self.egraph[id].data.facts
    }
}

impl Plant for Graph {
    fn terms_mut(&mut self) -> &mut Terms {
        &mut self.egraph.analysis.terms
    }

    fn add(&mut self, node: RelNode<Id>) -> Id {
        self.egraph.add(node)
    }
}
