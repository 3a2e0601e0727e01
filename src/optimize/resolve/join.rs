//! Operators of two relations: joins, and applies, whose right sides mean something for each left row.

use super::{Resolved, Resolver};
use crate::expr::{ApplyKind, Expr, JoinKind, Name, Scalar};
use crate::optimize::rename::reinstantiate;
use crate::term::{ApplyForm, ColumnId, RelNode, RelOp};

impl Resolver<'_> {
    pub(super) fn join(&mut self, kind: JoinKind, on: &[Scalar], left: Resolved, right: Resolved) -> Resolved {
        let (right, both) = self.beside(&left, right);
        let on: Vec<_> = on.iter().map(|conjunct| self.scalar(conjunct, &both)).collect();
        let root = match kind {
            JoinKind::Inner => self.terms.join_set([left.root, right.root], on),
            kind => {
                let on = self.terms.intern_predicates(on);
                self.terms.add(RelNode::new(RelOp::Join(kind, on), [left.root, right.root]))
            }
        };
        Resolved { root, output: if kind.gives_right() { both } else { left.output } }
    }

    pub(super) fn mark_join(
        &mut self,
        expr: &Expr,
        mark: &Name,
        on: &[Scalar],
        left: Resolved,
        right: Resolved,
    ) -> Resolved {
        let (right, mut both) = self.beside(&left, right);
        let on: Vec<_> = on.iter().map(|conjunct| self.scalar(conjunct, &both)).collect();
        let on = self.terms.intern_predicates(on);
        let column = self.add_column(expr, mark);
        let root = self.terms.add(RelNode::new(RelOp::MarkJoin(column, on), [left.root, right.root]));
        both.truncate(left.output.len());
        both.push((mark.clone(), column));
        Resolved { root, output: both }
    }

    /// A right side that depends on the left one is not among the inputs: it is resolved here.
    pub(super) fn apply(
        &mut self,
        expr: &Expr,
        kind: &ApplyKind,
        on: &[Scalar],
        mut inputs: Vec<Resolved>,
    ) -> Resolved {
        let left = inputs.remove(0);
        let right = inputs.pop().unwrap_or_else(|| {
            self.outer.push(left.output.clone());
            let right = self.expression(&expr.inputs()[1]);
            self.outer.pop();
            right
        });
        let (right, both) = self.beside(&left, right);
        let on: Vec<_> = on.iter().map(|conjunct| self.scalar(conjunct, &both)).collect();
        let mut output = left.output;
        let mut adds = |resolver: &mut Self, name: &Name| {
            let column = resolver.add_column(expr, name);
            output.push((name.clone(), column));
            column
        };
        let form = match kind {
            ApplyKind::Inner => ApplyForm::Inner,
            ApplyKind::Left => ApplyForm::Left,
            ApplyKind::Semi => ApplyForm::Semi,
            ApplyKind::Anti => ApplyForm::Anti,
            ApplyKind::Mark(name) => ApplyForm::Mark(adds(self, name)),
            ApplyKind::Scalar(name) => {
                let value = right.output[0].1;
                ApplyForm::Scalar { value, output: adds(self, name) }
            }
        };
        if matches!(form, ApplyForm::Inner | ApplyForm::Left) {
            output = both;
        }
        let on = self.terms.intern_predicates(on);
        Resolved { root: self.terms.add(RelNode::new(RelOp::Apply(form, on), [left.root, right.root])), output }
    }

    /// The right side of a join with columns of its own, and the names of both.
    fn beside(&mut self, left: &Resolved, right: Resolved) -> (Resolved, Vec<(Name, ColumnId)>) {
        let shared = self.terms.facts(left.root).outputs.intersects(&self.terms.facts(right.root).outputs);
        let right = if shared { self.again(right) } else { right };
        let both = left.output.iter().chain(&right.output).cloned().collect();
        (right, both)
    }

    /// The same relation with fresh columns.
    fn again(&mut self, input: Resolved) -> Resolved {
        let (root, renamed) = reinstantiate(self.terms, input.root);
        let rename = |(name, column): (Name, ColumnId)| (name, renamed.get(&column).copied().unwrap_or(column));
        Resolved { root, output: input.output.into_iter().map(rename).collect() }
    }
}
