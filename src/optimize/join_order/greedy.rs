use super::graph::{JoinGraph, RelationSet, bit};

/// The joins of one bushy tree, inner ones first: always the adjacent pair of least result, ties in
/// written order (greedy operator ordering; Fegaras, DEXA 1998). O(relations^3).
pub fn greedy(graph: &mut JoinGraph<'_>) -> Vec<(RelationSet, RelationSet)> {
    let mut parts: Vec<RelationSet> = (0..graph.len()).map(bit).collect();
    let mut joins = Vec::with_capacity(parts.len());
    while parts.len() > 1 {
        let mut best: Option<(f64, usize, usize)> = None;
        for left in 0..parts.len() {
            let neighbours = graph.neighbours(parts[left]);
            for right in left + 1..parts.len() {
                if neighbours & parts[right] == 0 {
                    continue;
                }
                let rows = graph.rows(parts[left] | parts[right]);
                if best.is_none_or(|(least, _, _)| rows < least) {
                    best = Some((rows, left, right));
                }
            }
        }
        // The graph is connected by construction; a cross product is the safe way on all the same.
        let (_, left, right) = best.unwrap_or((0.0, 0, 1));
        joins.push((parts[left], parts[right]));
        let joined = parts[left] | parts.remove(right);
        parts[left] = joined;
    }
    joins
}
