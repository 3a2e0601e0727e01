use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::dpccp::csg_cmp_pairs;
use super::graph::{JoinGraph, MAX_RELATIONS, Relation, RelationSet, bit};
use super::greedy::greedy;
use crate::expr::JoinKind;
use crate::optimize::graph::{ClassId, Graph};
use crate::optimize::observer::Observer;
use crate::term::{RelNode, RelOp, ScalarId};

/// Counted budgets of the enumerator, per join-set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinBudget {
    /// Pairs that are enumerated before the greedy order takes over.
    pub pairs: usize,
    /// Up to so many pairs all go into the e-graph; beyond, only the best tree does.
    pub planted: usize,
}

/// What the enumerator used of its budgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinUse {
    /// The most pairs that one join-set had.
    pub pairs: usize,
    /// Whether a join-set had more pairs than the budget.
    pub exceeded: bool,
}

/// Puts the trees of a join-set over these classes into the e-graph and gives the class of the whole.
pub fn plant<O: Observer>(
    graph: &mut Graph,
    inputs: &[ClassId],
    conjuncts: &[ScalarId],
    budget: JoinBudget,
    used: &mut JoinUse,
    observer: &mut O,
) -> ClassId {
    let (head, tail) = inputs.split_at(inputs.len().min(MAX_RELATIONS));
    if tail.is_empty() {
        return plant_some(graph, head, conjuncts, budget, used, observer);
    }
    // More relations than one graph holds: order the first ones with what concerns them alone, and go on
    // with their join as one relation.
    let mut columns = crate::term::ColumnSet::new();
    head.iter().for_each(|class| columns.extend(&graph.data(*class).facts.outputs));
    let inner = |conjunct: &&ScalarId| graph.terms().scalar_facts(**conjunct).columns.is_subset(&columns);
    let (own, rest): (Vec<_>, Vec<_>) = conjuncts.iter().partition(inner);
    let own: Vec<ScalarId> = own.into_iter().copied().collect();
    let rest: Vec<ScalarId> = rest.into_iter().copied().collect();
    used.exceeded = true;
    let joined = plant_some(graph, head, &own, budget, used, observer);
    let inputs: Vec<_> = std::iter::once(joined).chain(tail.iter().copied()).collect();
    plant(graph, &inputs, &rest, budget, used, observer)
}

fn plant_some<O: Observer>(
    graph: &mut Graph,
    inputs: &[ClassId],
    conjuncts: &[ScalarId],
    budget: JoinBudget,
    used: &mut JoinUse,
    observer: &mut O,
) -> ClassId {
    let relations: Vec<Relation> = inputs
        .iter()
        .map(|class| {
            let data = graph.data(*class);
            Relation { outputs: data.facts.outputs.clone(), rows: data.rows }
        })
        .collect();
    let knowledge = &mut graph.egraph.analysis;
    let mut joins = JoinGraph::new(&mut knowledge.terms, &knowledge.estimator, &relations, conjuncts);
    let chosen = match csg_cmp_pairs(&joins, budget.pairs) {
        Some(pairs) => {
            used.pairs = used.pairs.max(pairs.len());
            if pairs.len() <= budget.planted { pairs } else { best_tree(&mut joins, &pairs) }
        }
        None => {
            (used.pairs, used.exceeded) = (used.pairs.max(budget.pairs), true);
            greedy(&mut joins)
        }
    };
    // Everything that reads the beliefs comes first; the graph is extended afterwards.
    let all = joins.all();
    let planned: Vec<_> = chosen
        .into_iter()
        .map(|(left, right)| {
            // Written order decides which input is the left one; rules build either side.
            let (left, right) =
                if left.trailing_zeros() < right.trailing_zeros() { (left, right) } else { (right, left) };
            let conjuncts = joins.between(&mut knowledge.terms, left, right);
            (left, right, knowledge.terms.intern_predicates(conjuncts), joins.rows(left | right))
        })
        .collect();
    let mut classes: HashMap<RelationSet, ClassId, FxBuildHasher> =
        inputs.iter().enumerate().map(|(at, class)| (bit(at), *class)).collect();
    for (left, right, predicates, rows) in planned {
        let node = RelNode::new(RelOp::Join(JoinKind::Inner, predicates), [classes[&left], classes[&right]]);
        let class = graph.add_node(node);
        match classes.get(&(left | right)) {
            Some(known) => {
                observer.united(*known, class);
                graph.unite(*known, class);
            }
            None => {
                classes.insert(left | right, class);
            }
        }
        graph.set_rows(class, rows);
    }
    classes[&all]
}

/// The joins of the tree of least C_out, inner ones first. The pairs come with smaller unions first.
fn best_tree(joins: &mut JoinGraph<'_>, pairs: &[(RelationSet, RelationSet)]) -> Vec<(RelationSet, RelationSet)> {
    let mut best: HashMap<RelationSet, (f64, (RelationSet, RelationSet)), FxBuildHasher> = HashMap::default();
    for (left, right) in pairs {
        let below = |set: &RelationSet| best.get(set).map_or(0.0, |(cost, _)| *cost);
        let cost = below(left) + below(right) + joins.rows(left | right);
        if best.get(&(left | right)).is_none_or(|(least, _)| cost < *least) {
            best.insert(left | right, (cost, (*left, *right)));
        }
    }
    let mut tree = Vec::new();
    let mut rest = vec![joins.all()];
    while let Some(set) = rest.pop() {
        if let Some((_, (left, right))) = best.get(&set) {
            tree.push((*left, *right));
            rest.extend([*left, *right]);
        }
    }
    tree.sort_by_key(|(left, right)| (left | right).count_ones());
    tree
}
