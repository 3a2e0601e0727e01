use std::collections::{BTreeMap, HashMap};

use rustc_hash::FxBuildHasher;

use crate::expr::{BinaryOp, ScalarOp};
use crate::optimize::estimate::Estimator;
use crate::optimize::simplify::implied;
use crate::term::{ColumnId, ColumnSet, ScalarId, Terms};

/// A set of relations of one join graph: bit `i` is relation `i`.
pub type RelationSet = u128;

/// At most so many relations are ordered together.
pub const MAX_RELATIONS: usize = 128;

/// One relation of a join graph.
#[derive(Clone, Debug)]
pub struct Relation {
    /// The columns that it gives.
    pub outputs: ColumnSet,
    /// Estimated rows.
    pub rows: f64,
}

/// Columns of different relations that the condition makes equal: one per relation.
type Equivalence = Vec<(usize, ColumnId)>;

/// The query graph of a join-set.
pub struct JoinGraph<'a> {
    relations: &'a [Relation],
    estimator: &'a Estimator,
    equivalences: Vec<Equivalence>,
    conjuncts: Vec<(ScalarId, RelationSet, f64)>,
    /// Pairs of relations that several equalities connect, with what independence underestimates.
    corrections: Vec<(RelationSet, f64)>,
    neighbours: Vec<RelationSet>,
    rows: HashMap<RelationSet, f64, FxBuildHasher>,
}

impl<'a> JoinGraph<'a> {
    /// The graph of relations under the conjuncts of a condition.
    pub fn new(
        terms: &mut Terms,
        estimator: &'a Estimator,
        relations: &'a [Relation],
        conjuncts: &[ScalarId],
    ) -> JoinGraph<'a> {
        let mut graph = JoinGraph {
            relations,
            estimator,
            equivalences: Vec::new(),
            conjuncts: Vec::new(),
            corrections: Vec::new(),
            neighbours: vec![0; relations.len()],
            rows: HashMap::default(),
        };
        let equalities = graph.sort_conjuncts(terms, conjuncts);
        graph.close(terms, equalities);
        graph.correct();
        graph.connect();
        graph
    }

    /// How many relations there are.
    pub fn len(&self) -> usize {
        self.relations.len()
    }

    /// All relations.
    pub fn all(&self) -> RelationSet {
        if self.len() == MAX_RELATIONS { RelationSet::MAX } else { (1 << self.len()) - 1 }
    }

    /// The relations that something connects to a set, outside it.
    pub fn neighbours(&self, set: RelationSet) -> RelationSet {
        members(set).fold(0, |all, at| all | self.neighbours[at]) & !set
    }

    /// The conjuncts that a join of two disjoint sets applies. O(conjuncts).
    pub fn between(&self, terms: &mut Terms, left: RelationSet, right: RelationSet) -> Vec<ScalarId> {
        let mut applied = Vec::new();
        for equivalence in &self.equivalences {
            let first =
                |set: RelationSet| equivalence.iter().find(|(at, _)| set & bit(*at) != 0).map(|(_, column)| *column);
            if let (Some(a), Some(b)) = (first(left), first(right)) {
                let (a, b) = (terms.column_scalar(a), terms.column_scalar(b));
                applied.push(terms.scalar(ScalarOp::Binary(BinaryOp::Eq), [a, b]));
            }
        }
        let both = left | right;
        let newly = |set: RelationSet| set & !both == 0 && set & !left != 0 && set & !right != 0;
        applied.extend(self.conjuncts.iter().filter(|(_, set, _)| newly(*set)).map(|(conjunct, _, _)| *conjunct));
        applied
    }

    /// Estimated rows of the join of a set of relations, whatever the order.
    pub fn rows(&mut self, set: RelationSet) -> f64 {
        if let Some(rows) = self.rows.get(&set) {
            return *rows;
        }
        let mut rows: f64 = members(set).map(|at| self.relations[at].rows).product();
        for equivalence in &self.equivalences {
            let inside = equivalence.iter().filter(|(at, _)| set & bit(*at) != 0);
            let distinct: Vec<f64> = inside.map(|(at, column)| self.distinct(*at, *column)).collect();
            if distinct.len() > 1 {
                let least = distinct.iter().copied().fold(f64::INFINITY, f64::min);
                rows = rows * least / distinct.iter().product::<f64>();
            }
        }
        for (pair, factor) in &self.corrections {
            if pair & !set == 0 {
                rows *= factor;
            }
        }
        for (_, needs, selectivity) in &self.conjuncts {
            if needs & !set == 0 {
                rows *= selectivity;
            }
        }
        self.rows.insert(set, rows);
        rows
    }

    fn distinct(&self, relation: usize, column: ColumnId) -> f64 {
        self.estimator.key_values(column, self.relations[relation].rows)
    }

    /// Splits the condition into equalities of columns of two relations, which it returns, and the rest.
    fn sort_conjuncts(&mut self, terms: &mut Terms, conjuncts: &[ScalarId]) -> Vec<(ColumnId, ColumnId, ScalarId)> {
        let mut equalities = Vec::new();
        for conjunct in conjuncts {
            let facts = terms.scalar_facts(*conjunct);
            let mut set = self.relations_of(&facts.columns);
            // Without relations of its own, or evaluated once per row of the whole: at the top.
            if set == 0 || terms.stays(*conjunct) {
                set = self.all();
            }
            let pair = terms.equi_columns(*conjunct);
            match pair.filter(|(a, b)| terms.column(*a).data_type == terms.column(*b).data_type) {
                Some((a, b)) if set.count_ones() == 2 => equalities.push((a, b, *conjunct)),
                _ => {
                    let selectivity = self.rest_selectivity(terms, *conjunct, set);
                    self.conjuncts.push((*conjunct, set, selectivity));
                }
            }
        }
        equalities
    }

    /// What a conjunct still filters after what it implies for single relations has filtered there.
    fn rest_selectivity(&self, terms: &mut Terms, conjunct: ScalarId, set: RelationSet) -> f64 {
        let mut selectivity = self.estimator.selectivity(terms, conjunct);
        if terms.node(conjunct).op == ScalarOp::Or {
            for at in members(set) {
                if let Some(own) = implied(terms, conjunct, &self.relations[at].outputs) {
                    selectivity /= self.estimator.selectivity(terms, own);
                }
            }
        }
        selectivity.min(1.0)
    }

    /// Transitive closure of the equalities. A class with two columns of one relation stays as written:
    /// closing it would need a filter on that relation.
    fn close(&mut self, terms: &Terms, equalities: Vec<(ColumnId, ColumnId, ScalarId)>) {
        let mut class: BTreeMap<ColumnId, ColumnId> = BTreeMap::new();
        fn root(class: &BTreeMap<ColumnId, ColumnId>, mut column: ColumnId) -> ColumnId {
            while let Some(parent) = class.get(&column).filter(|parent| **parent != column) {
                column = *parent;
            }
            column
        }
        for (a, b, _) in &equalities {
            class.entry(*a).or_insert(*a);
            class.entry(*b).or_insert(*b);
            let (a, b) = (root(&class, *a), root(&class, *b));
            class.insert(a.max(b), a.min(b));
        }
        let mut classes: BTreeMap<ColumnId, Equivalence> = BTreeMap::new();
        for column in class.keys() {
            if let Some(at) = self.relation_of(*column) {
                classes.entry(root(&class, *column)).or_default().push((at, *column));
            }
        }
        for (id, members) in classes {
            let mut seen: RelationSet = 0;
            let plain = members.iter().any(|(at, _)| {
                let repeated = seen & bit(*at) != 0;
                seen |= bit(*at);
                repeated
            });
            if !plain {
                self.equivalences.push(members);
                continue;
            }
            for (a, _, conjunct) in equalities.iter().filter(|(a, _, _)| root(&class, *a) == id) {
                let _ = a;
                let set = self.relations_of(&terms.scalar_facts(*conjunct).columns);
                let selectivity = self.estimator.selectivity(terms, *conjunct);
                self.conjuncts.push((*conjunct, set, selectivity));
            }
        }
    }

    fn correct(&mut self) {
        let mut shared: BTreeMap<(usize, usize), Vec<(ColumnId, ColumnId)>> = BTreeMap::new();
        for equivalence in &self.equivalences {
            for (at, (left, a)) in equivalence.iter().enumerate() {
                for (right, b) in &equivalence[at + 1..] {
                    let (key, pair) =
                        if left < right { ((*left, *right), (*a, *b)) } else { ((*right, *left), (*b, *a)) };
                    shared.entry(key).or_default().push(pair);
                }
            }
        }
        for ((left, right), pairs) in shared {
            if pairs.len() > 1 {
                let values = |(a, b): &(ColumnId, ColumnId)| self.distinct(left, *a).max(self.distinct(right, *b));
                let independent: f64 = pairs.iter().map(values).product();
                self.corrections.push((bit(left) | bit(right), independent * self.estimator.equi_selectivity(&pairs)));
            }
        }
    }

    /// Edges: equalities, then other conjuncts of two relations, and where the graph still falls apart,
    /// cross products between the smallest relations of its parts.
    fn connect(&mut self) {
        for equivalence in &self.equivalences {
            let set = equivalence.iter().fold(0, |set, (at, _)| set | bit(*at));
            for (at, _) in equivalence {
                self.neighbours[*at] |= set & !bit(*at);
            }
        }
        let pairs: Vec<_> = self.conjuncts.iter().map(|(_, set, _)| *set).filter(|set| set.count_ones() == 2).collect();
        for set in pairs {
            for at in members(set) {
                self.neighbours[at] |= set & !bit(at);
            }
        }
        let mut representatives: RelationSet = 0;
        let mut rest = self.all();
        while rest != 0 {
            let part = self.reachable(rest.trailing_zeros() as usize);
            let smallest = members(part).min_by(|a, b| self.relations[*a].rows.total_cmp(&self.relations[*b].rows));
            representatives |= smallest.map_or(0, bit);
            rest &= !part;
        }
        if representatives.count_ones() > 1 {
            for at in members(representatives) {
                self.neighbours[at] |= representatives & !bit(at);
            }
        }
    }

    fn reachable(&self, from: usize) -> RelationSet {
        let mut set = bit(from);
        loop {
            let more = self.neighbours(set);
            if more == 0 {
                return set;
            }
            set |= more;
        }
    }

    fn relation_of(&self, column: ColumnId) -> Option<usize> {
        self.relations.iter().position(|relation| relation.outputs.contains(column))
    }

    fn relations_of(&self, columns: &ColumnSet) -> RelationSet {
        let touched = self.relations.iter().enumerate().filter(|(_, relation)| relation.outputs.intersects(columns));
        touched.fold(0, |set, (at, _)| set | bit(at))
    }
}

/// The set of one relation.
pub fn bit(at: usize) -> RelationSet {
    1 << at
}

/// The relations of a set, ascending.
pub fn members(set: RelationSet) -> impl Iterator<Item = usize> {
    let mut rest = set;
    std::iter::from_fn(move || {
        (rest != 0).then(|| {
            let at = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            at
        })
    })
}
