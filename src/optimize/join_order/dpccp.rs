use super::graph::{JoinGraph, RelationSet, bit, members};

/// All pairs of connected, disjoint, adjacent sets of relations, each once, with pairs of smaller
/// unions first; `None` when there are more than `budget`.
///
/// Moerkotte and Neumann, "Analysis of Two Existing and One New Dynamic Programming Algorithm for the
/// Generation of Optimal Bushy Join Trees without Cross Products", VLDB 2006.
pub fn csg_cmp_pairs(graph: &JoinGraph<'_>, budget: usize) -> Option<Vec<(RelationSet, RelationSet)>> {
    let mut search = Search { graph, budget, pairs: Vec::new() };
    for at in (0..graph.len()).rev() {
        let start = bit(at);
        search.complements(start)?;
        search.grow(start, below(at) | start, &mut |search, set| search.complements(set))?;
    }
    let mut pairs = search.pairs;
    pairs.sort_by_key(|(left, right)| ((left | right).count_ones(), left | right, *left));
    Some(pairs)
}

struct Search<'a, 'g> {
    graph: &'a JoinGraph<'g>,
    budget: usize,
    pairs: Vec<(RelationSet, RelationSet)>,
}

type Emit<'e, 'a, 'g> = &'e mut dyn FnMut(&mut Search<'a, 'g>, RelationSet) -> Option<()>;

impl<'a, 'g> Search<'a, 'g> {
    /// Emits every connected set that contains `set` and grows outside `excluded`.
    fn grow(&mut self, set: RelationSet, excluded: RelationSet, emit: Emit<'_, 'a, 'g>) -> Option<()> {
        let frontier = self.graph.neighbours(set) & !excluded;
        for more in subsets(frontier) {
            emit(self, set | more)?;
        }
        for more in subsets(frontier) {
            self.grow(set | more, excluded | frontier, emit)?;
        }
        Some(())
    }

    /// Pairs a connected set with every connected set beside it that starts later.
    fn complements(&mut self, set: RelationSet) -> Option<()> {
        let excluded = below(set.trailing_zeros() as usize) | set;
        let frontier = self.graph.neighbours(set) & !excluded;
        let mut starts: Vec<_> = members(frontier).collect();
        starts.reverse();
        for at in starts {
            self.pair(set, bit(at))?;
            let excluded = excluded | bit(at) | (below(at) & frontier);
            self.grow(bit(at), excluded, &mut |search, complement| search.pair(set, complement))?;
        }
        Some(())
    }

    fn pair(&mut self, left: RelationSet, right: RelationSet) -> Option<()> {
        self.pairs.push((left, right));
        (self.pairs.len() <= self.budget).then_some(())
    }
}

fn below(at: usize) -> RelationSet {
    bit(at) - 1
}

/// The subsets of a set but the empty one, ascending.
fn subsets(of: RelationSet) -> impl Iterator<Item = RelationSet> {
    let mut last: RelationSet = 0;
    std::iter::from_fn(move || {
        last = last.wrapping_sub(of) & of;
        (last != 0).then_some(last)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::expr::{CoreFunctions, ScalarOp};
    use crate::optimize::estimate::Estimator;
    use crate::optimize::join_order::graph::Relation;
    use crate::term::{ColumnSet, Terms};

    /// The pairs of a graph with `n` relations and these edges.
    fn pairs(n: usize, edges: &[(usize, usize)]) -> Vec<(RelationSet, RelationSet)> {
        let mut terms = Terms::new(Arc::new(CoreFunctions));
        let mut columns = vec![ColumnSet::new(); n];
        let mut conjuncts = Vec::new();
        for (left, right) in edges {
            let mut column = |at: usize| {
                let column = terms.add_column("c", arrow_schema::DataType::Int64, false);
                columns[at].insert(column);
                terms.column_scalar(column)
            };
            let (a, b) = (column(*left), column(*right));
            conjuncts.push(terms.scalar(ScalarOp::Binary(crate::expr::BinaryOp::Eq), [a, b]));
        }
        let relations: Vec<_> = columns.into_iter().map(|outputs| Relation { outputs, rows: 10.0 }).collect();
        let estimator = Estimator::new(&terms);
        let graph = JoinGraph::new(&mut terms, &estimator, &relations, &conjuncts);
        csg_cmp_pairs(&graph, usize::MAX).unwrap()
    }

    /// The counts of the paper's table 1, halved where it counts both orders.
    #[test]
    fn counts_of_chains_stars_and_cliques_are_those_of_the_paper() {
        for n in 2..9_usize {
            let chain: Vec<_> = (1..n).map(|at| (at - 1, at)).collect();
            assert_eq!(pairs(n, &chain).len(), (n * n * n - n) / 6, "chain of {n}");
            let star: Vec<_> = (1..n).map(|at| (0, at)).collect();
            assert_eq!(pairs(n, &star).len(), (n - 1) << (n - 2), "star of {n}");
            let clique: Vec<_> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
            let ordered = 3_usize.pow(n as u32) + 1 - (2 << n);
            assert_eq!(pairs(n, &clique).len(), ordered / 2, "clique of {n}");
        }
    }

    #[test]
    fn no_pair_comes_twice_and_every_pair_is_disjoint() {
        let cycle: Vec<_> = (0..7).map(|at| (at, (at + 1) % 7)).collect();
        let mut found = pairs(7, &cycle);
        let count = found.len();
        assert!(found.iter().all(|(left, right)| left & right == 0));
        found.iter_mut().for_each(|pair| *pair = (pair.0.min(pair.1), pair.0.max(pair.1)));
        found.sort();
        found.dedup();
        assert_eq!(found.len(), count);
    }

    #[test]
    fn relations_that_nothing_connects_meet_in_a_cross_product() {
        assert_eq!(pairs(3, &[]).len(), pairs(3, &[(0, 1), (1, 2), (0, 2)]).len());
    }
}
