//! The order of physical operators by content: what decides between plans of one cost.
//!
//! Ids of interned payloads follow the order in which a run met them. Nothing that anybody sees may, so here
//! operators are compared by what their ids stand for.

use std::cmp::Ordering;

use super::{
    AggregateId, AlternativeOp, Required, ScalarId, TermAggregate, TermSortKey, TermWindowCall, Terms, WindowId,
};

impl Terms {
    /// A total order of physical operators by content, the same in every process and for every order of rules.
    pub fn compare_operators(&self, a: AlternativeOp, b: AlternativeOp) -> Ordering {
        use AlternativeOp::{
            Empty, Filter, HashAggregate, HashJoin, MarkJoin, NestedLoopJoin, Project, Sort, Union, Window,
        };
        match (a, b) {
            _ if a == b => Ordering::Equal,
            (Empty(a), Empty(b)) => self.columns_of(a).cmp(self.columns_of(b)),
            (Filter(a), Filter(b)) => self.compare_lists(self.predicates(a), self.predicates(b)),
            (Project(a), Project(b)) => by(self.projection(a), self.projection(b), |a, b| {
                a.0.cmp(&b.0).then_with(|| self.compare_scalars(a.1, b.1))
            }),
            (
                HashJoin { kind, keys, residual, build },
                HashJoin { kind: kind_b, keys: keys_b, residual: residual_b, build: build_b },
            ) => kind
                .cmp(&kind_b)
                // The right side is the one that is usually built.
                .then(build_b.cmp(&build))
                .then_with(|| {
                    by(self.keys(keys), self.keys(keys_b), |a, b| {
                        self.compare_scalars(a.0, b.0).then_with(|| self.compare_scalars(a.1, b.1))
                    })
                })
                .then_with(|| self.compare_lists(self.predicates(residual), self.predicates(residual_b))),
            (NestedLoopJoin { kind, on }, NestedLoopJoin { kind: kind_b, on: on_b }) => {
                kind.cmp(&kind_b).then_with(|| self.compare_lists(self.predicates(on), self.predicates(on_b)))
            }
            (MarkJoin { mark, on }, MarkJoin { mark: mark_b, on: on_b }) => {
                mark.cmp(&mark_b).then_with(|| self.compare_lists(self.predicates(on), self.predicates(on_b)))
            }
            (Window(a), Window(b)) => self.compare_windows(a, b),
            (HashAggregate { phase, spec }, HashAggregate { phase: phase_b, spec: spec_b }) => {
                phase.cmp(&phase_b).then_with(|| self.compare_aggregates(spec, spec_b))
            }
            (Sort { keys, fetch }, Sort { keys: keys_b, fetch: fetch_b }) => {
                let keys = by(self.sort_keys(keys), self.sort_keys(keys_b), |a, b| self.compare_keys(a, b));
                keys.then(fetch.cmp(&fetch_b))
            }
            (Union(a), Union(b)) => self.union_spec(a).cmp(self.union_spec(b)),
            // Other operators, and those whose ids are places in the written query.
            (a, b) => a.cmp(&b),
        }
    }

    /// The same for what is required of an input's partitions.
    pub fn compare_required(&self, a: Required, b: Required) -> Ordering {
        match (a, b) {
            (Required::Hashed(a), Required::Hashed(b)) => self.columns_of(a).cmp(self.columns_of(b)),
            (a, b) => a.cmp(&b),
        }
    }

    fn compare_lists(&self, a: &[ScalarId], b: &[ScalarId]) -> Ordering {
        by(a, b, |a, b| self.compare_scalars(*a, *b))
    }

    fn compare_keys(&self, a: &TermSortKey, b: &TermSortKey) -> Ordering {
        let scalars = self.compare_scalars(a.scalar, b.scalar);
        scalars.then(a.descending.cmp(&b.descending)).then(a.nulls_first.cmp(&b.nulls_first))
    }

    fn compare_aggregates(&self, a: AggregateId, b: AggregateId) -> Ordering {
        let call = |a: &TermAggregate, b: &TermAggregate| {
            let named = a.function.cmp(&b.function).then(a.distinct.cmp(&b.distinct));
            let args = named.then_with(|| self.compare_lists(&a.args, &b.args));
            args.then_with(|| self.compare_lists(a.filter.as_slice(), b.filter.as_slice()))
        };
        let (a, b) = (self.aggregate(a), self.aggregate(b));
        let groups = a.group.cmp(&b.group);
        groups.then_with(|| by(&a.aggregates, &b.aggregates, |a, b| a.0.cmp(&b.0).then_with(|| call(&a.1, &b.1))))
    }

    fn compare_windows(&self, a: WindowId, b: WindowId) -> Ordering {
        let call = |a: &TermWindowCall, b: &TermWindowCall| {
            let named = a.function.cmp(&b.function).then(a.frame.cmp(&b.frame));
            let args = named.then_with(|| self.compare_lists(&a.args, &b.args));
            args.then_with(|| self.compare_lists(a.filter.as_slice(), b.filter.as_slice()))
        };
        let (a, b) = (self.window(a), self.window(b));
        let partitions = a.partition_by.cmp(&b.partition_by);
        partitions
            .then_with(|| by(&a.order_by, &b.order_by, |a, b| self.compare_keys(a, b)))
            .then_with(|| by(&a.calls, &b.calls, |a, b| a.0.cmp(&b.0).then_with(|| call(&a.1, &b.1))))
    }
}

/// Lists by their first difference; of two that have none, the shorter one first.
fn by<T>(a: &[T], b: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    let differences = a.iter().zip(b).map(|(a, b)| compare(a, b));
    differences.into_iter().find(|order| order.is_ne()).unwrap_or(a.len().cmp(&b.len()))
}
