//! The scalars that relational operators are given.

use smallvec::SmallVec;

use super::{AggregateSpec, ProjectionId, RelOp, ScalarId, SortId, TermSortKey, Terms};

/// Makes one scalar of another.
type Change<'a> = &'a mut dyn FnMut(&mut Terms, ScalarId) -> ScalarId;

impl Terms {
    /// The scalars that a node of this operator evaluates for rows of its inputs, in their order: conditions,
    /// computed columns, arguments and filters of calls, sort keys.
    pub fn scalars_of(&self, op: RelOp) -> SmallVec<[ScalarId; 8]> {
        let keys = |keys: &[TermSortKey]| keys.iter().map(|key| key.scalar).collect::<SmallVec<_>>();
        match op {
            RelOp::Filter(on)
            | RelOp::JoinSet(on)
            | RelOp::Join(_, on)
            | RelOp::MarkJoin(_, on)
            | RelOp::Apply(_, on) => SmallVec::from_slice(self.predicates(on)),
            RelOp::Project(projection) => self.projection(projection).iter().map(|(_, scalar)| *scalar).collect(),
            RelOp::Aggregate(aggregate) => {
                self.aggregate(aggregate).aggregates.iter().flat_map(|(_, call)| call.scalars()).collect()
            }
            RelOp::Window(window) => {
                let spec = self.window(window);
                let mut all = keys(&spec.order_by);
                all.extend(spec.calls.iter().flat_map(|(_, call)| call.scalars()));
                all
            }
            RelOp::Sort(sort) | RelOp::TopK { keys: sort, .. } => keys(self.sort_keys(sort)),
            _ => SmallVec::new(),
        }
    }

    /// The operator with each of these scalars changed. A conjunction comes into its normal form again.
    pub fn map_scalars(&mut self, op: RelOp, change: Change<'_>) -> RelOp {
        match op {
            RelOp::Filter(on) => RelOp::Filter(self.map_predicates(on, change)),
            RelOp::JoinSet(on) => RelOp::JoinSet(self.map_predicates(on, change)),
            RelOp::Join(kind, on) => RelOp::Join(kind, self.map_predicates(on, change)),
            RelOp::MarkJoin(mark, on) => RelOp::MarkJoin(mark, self.map_predicates(on, change)),
            RelOp::Apply(form, on) => RelOp::Apply(form, self.map_predicates(on, change)),
            RelOp::Project(projection) => RelOp::Project(self.map_projection(projection, change)),
            RelOp::Aggregate(aggregate) => {
                let AggregateSpec { group, mut aggregates } = self.aggregate(aggregate).clone();
                let scalars = aggregates.iter_mut().flat_map(|(_, call)| call.args.iter_mut().chain(&mut call.filter));
                scalars.for_each(|scalar| *scalar = change(self, *scalar));
                RelOp::Aggregate(self.intern_aggregate(AggregateSpec { group, aggregates }))
            }
            RelOp::Window(window) => {
                let mut spec = self.window(window).clone();
                spec.order_by.iter_mut().for_each(|key| key.scalar = change(self, key.scalar));
                for (_, call) in &mut spec.calls {
                    call.args.iter_mut().chain(&mut call.filter).for_each(|arg| *arg = change(self, *arg));
                }
                RelOp::Window(self.intern_window(spec))
            }
            RelOp::Sort(keys) => RelOp::Sort(self.map_sort(keys, change)),
            RelOp::TopK { keys, offset, fetch } => RelOp::TopK { keys: self.map_sort(keys, change), offset, fetch },
            other => other,
        }
    }

    /// The operator with one scalar in the place of another, wherever that stands.
    pub fn replace_scalar(&mut self, op: RelOp, from: ScalarId, to: ScalarId) -> RelOp {
        self.map_scalars(op, &mut |terms, scalar| terms.replace_within(scalar, from, to))
    }

    fn replace_within(&mut self, scalar: ScalarId, from: ScalarId, to: ScalarId) -> ScalarId {
        if scalar == from {
            return to;
        }
        // What is within a scalar was interned before it.
        if scalar < from || self.node(scalar).args.is_empty() {
            return scalar;
        }
        let node = self.node(scalar).clone();
        let args: SmallVec<[ScalarId; 3]> = node.args.iter().map(|arg| self.replace_within(*arg, from, to)).collect();
        if args == node.args { scalar } else { self.scalar(node.op, args) }
    }

    fn map_predicates(&mut self, on: super::PredicatesId, change: Change<'_>) -> super::PredicatesId {
        let conjuncts = self.predicates(on).to_vec();
        let changed: Vec<_> = conjuncts.iter().map(|conjunct| change(self, *conjunct)).collect();
        if changed == conjuncts { on } else { self.intern_predicates(changed) }
    }

    fn map_projection(&mut self, projection: ProjectionId, change: Change<'_>) -> ProjectionId {
        let mut columns = self.projection(projection).to_vec();
        columns.iter_mut().for_each(|(_, scalar)| *scalar = change(self, *scalar));
        self.intern_projection(columns)
    }

    fn map_sort(&mut self, keys: SortId, change: Change<'_>) -> SortId {
        let keys = self.sort_keys(keys).to_vec();
        let keys = keys.into_iter().map(|key| TermSortKey { scalar: change(self, key.scalar), ..key });
        let keys = keys.collect();
        self.intern_sort(keys)
    }
}
