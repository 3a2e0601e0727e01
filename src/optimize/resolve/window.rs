//! Windows and unnests: operators that add columns of their own.

use super::scope::lookup;
use super::{Resolved, Resolver};
use crate::expr::{Expr, Name, NullLists, Window, WindowCall};
use crate::term::{ColumnId, RelNode, RelOp, ScalarId, UnnestSpec, WindowSpec};

impl Resolver<'_> {
    pub(super) fn window(
        &mut self,
        expr: &Expr,
        window: &Window,
        calls: &[(Name, WindowCall)],
        input: Resolved,
    ) -> Resolved {
        // Keys of the partition are columns; what is computed for them has no name that anybody reads.
        let keys: Vec<(Name, ScalarId)> =
            window.partition_by.iter().map(|key| ("partition".into(), self.scalar(key, &input.output))).collect();
        let (root, partition_by) = self.compute_typed(input.root, &keys);
        let order_by = self.sort_keys(&window.order_by, &input.output);
        let mut output = input.output.clone();
        let mut made = Vec::with_capacity(calls.len());
        for (name, call) in calls {
            let Ok(mut call) = call.try_map(&mut lookup(&input.output));
            call.args.iter_mut().chain(&mut call.filter).for_each(|scalar| self.bind(scalar));
            let call = self.terms.intern_window_call(&call);
            let column = self.add_column(expr, name);
            made.push((column, call));
            output.push((name.clone(), column));
        }
        let spec = self.terms.intern_window(WindowSpec { partition_by, order_by, calls: made });
        let root = self.terms.add(RelNode::new(RelOp::Window(spec), [root]));
        Resolved { root, output }
    }

    pub(super) fn unnest(&mut self, expr: &Expr, column: &Name, nulls: NullLists, input: Resolved) -> Resolved {
        let Resolved { root, mut output } = input;
        let Ok(list) = lookup(&output)(column);
        let element = self.add_column(expr, column);
        let spec = UnnestSpec { list, element, nulls };
        let root = self.terms.add(RelNode::new(RelOp::Unnest(spec), [root]));
        output.iter_mut().filter(|(name, _)| name == column).for_each(|(_, column)| *column = element);
        // Another name of the same list would be gone.
        self.keep(Resolved { root, output }, list)
    }

    /// Renames a column below the root that other names still mean, so that the root need not give it.
    fn keep(&mut self, resolved: Resolved, list: ColumnId) -> Resolved {
        if !resolved.output.iter().any(|(_, column)| *column == list) {
            return resolved;
        }
        let RelOp::Unnest(spec) = self.terms.term(resolved.root).op else { return resolved };
        let input = self.terms.term(resolved.root).inputs[0];
        let info = self.terms.column(list).clone();
        let copy = self.terms.add_column(&info.name, info.data_type, info.nullable);
        let mut columns = vec![(copy, self.terms.column_scalar(list))];
        for column in self.terms.facts(input).outputs.clone().iter() {
            columns.push((column, self.terms.column_scalar(column)));
        }
        let projection = self.terms.intern_projection(columns);
        let input = self.terms.add(RelNode::new(RelOp::Project(projection), [input]));
        let root = self.terms.add(RelNode::new(RelOp::Unnest(spec), [input]));
        let output = resolved.output.into_iter();
        let output = output.map(|(name, column)| (name, if column == list { copy } else { column })).collect();
        Resolved { root, output }
    }
}
