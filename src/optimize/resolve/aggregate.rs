//! Aggregates, and unions of them for grouping sets.

use super::{Resolved, Resolver, columns_of};
use crate::expr::{
    AggregateCall, AggregateFunction, Expr, GroupingSets, Literal, Name, Scalar, grouping_bits, grouping_keys,
};
use crate::term::{AggregateSpec, ColumnId, RelNode, RelOp, UnionSpec};

impl Resolver<'_> {
    pub(super) fn aggregate(
        &mut self,
        expr: &Expr,
        group: &[(Name, Scalar)],
        aggregates: &[(Name, AggregateCall)],
        input: Resolved,
    ) -> Resolved {
        let keys = group.iter().map(|(_, key)| self.scalar(key, &input.output)).collect();
        let visible = columns_of(&input).into_iter().collect();
        let (root, keys) = self.compute(expr.schema(), input.root, keys, &visible);
        let mut output: Vec<(Name, ColumnId)> =
            group.iter().map(|(name, _)| name.clone()).zip(keys.iter().copied()).collect();
        let mut calls = Vec::with_capacity(aggregates.len());
        for (name, call) in aggregates {
            let call = self.call(call, &input.output);
            let column = self.add_column(expr, name);
            calls.push((column, call));
            output.push((name.clone(), column));
        }
        let spec = self.terms.intern_aggregate(AggregateSpec { group: keys, aggregates: calls });
        let root = self.terms.add(RelNode::new(RelOp::Aggregate(spec), [root]));
        Resolved { root, output }
    }

    /// A union of one aggregate per set over one input, whose missing keys are null.
    pub(super) fn grouping_sets(
        &mut self,
        expr: &Expr,
        group: &[(Name, Scalar)],
        sets: &GroupingSets,
        aggregates: &[(Name, AggregateCall)],
        input: Resolved,
    ) -> Resolved {
        let keys = group.iter().map(|(_, key)| self.scalar(key, &input.output)).collect();
        let visible = columns_of(&input).into_iter().collect();
        let (root, keys) = self.compute(expr.schema(), input.root, keys, &visible);
        let mut spec = UnionSpec { output: Vec::new(), inputs: Vec::new() };
        let mut inputs = Vec::with_capacity(sets.sets().len());
        for set in sets.sets() {
            // Keys that are missing, and which those are, are constants of the set.
            let mut constants = Vec::new();
            let mut calls = Vec::new();
            let mut columns = Vec::new();
            for (at, (name, _)) in group.iter().enumerate() {
                if set.contains(&at) {
                    columns.push(keys[at]);
                    continue;
                }
                let column = self.add_column(expr, name);
                let null = self.terms.literal(Literal::null(&self.terms.column(column).data_type.clone()));
                constants.push((column, null));
                columns.push(column);
            }
            for (name, call) in aggregates {
                let column = self.add_column(expr, name);
                columns.push(column);
                match grouping_keys(call, group).filter(|_| call.function == AggregateFunction::Grouping) {
                    Some(asked) => constants.push((column, self.terms.literal(grouping_bits(&asked, set)))),
                    None => calls.push((column, self.call(call, &input.output))),
                }
            }
            let group = set.iter().map(|key| keys[*key]).collect();
            let aggregate = self.terms.intern_aggregate(AggregateSpec { group, aggregates: calls });
            let mut term = self.terms.add(RelNode::new(RelOp::Aggregate(aggregate), [root]));
            if !constants.is_empty() {
                for column in self.terms.facts(term).outputs.clone().iter() {
                    constants.push((column, self.terms.column_scalar(column)));
                }
                let projection = self.terms.intern_projection(constants);
                term = self.terms.add(RelNode::new(RelOp::Project(projection), [term]));
            }
            inputs.push(term);
            spec.inputs.push(columns);
        }
        let names = group.iter().map(|(name, _)| name).chain(aggregates.iter().map(|(name, _)| name));
        let output: Vec<(Name, ColumnId)> = names.map(|name| (name.clone(), self.add_column(expr, name))).collect();
        spec.output = output.iter().map(|(_, column)| *column).collect();
        let union = self.terms.intern_union(spec);
        Resolved { root: self.terms.add(RelNode::new(RelOp::Union(union), inputs)), output }
    }
}
