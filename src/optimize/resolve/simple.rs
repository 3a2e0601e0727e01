//! Leaves, and operators that change no column or only say which ones there are.

use std::sync::Arc;

use super::projection::State;
use super::{Resolved, Resolver, columns_of};
use crate::expr::{Expr, Extension, Name, Scalar, SortKey};
use crate::leaf::Leaf;
use crate::term::{ColumnId, ExtensionSpec, GetSpec, RelNode, RelOp, UnionSpec};

impl Resolver<'_> {
    pub(super) fn leaf(&mut self, leaf: &Leaf) -> Resolved {
        let schema = leaf.schema().clone();
        let add = |field: &Arc<arrow_schema::Field>| {
            let column = self.terms.add_column(field.name(), field.data_type().clone(), field.is_nullable());
            (Name::from(field.name().as_str()), column)
        };
        let output: Vec<_> = schema.fields().iter().map(add).collect();
        let columns = output.iter().map(|(_, column)| *column).collect();
        let get = self.terms.add_get(GetSpec { leaf: leaf.clone(), index: self.leaves, columns });
        self.leaves += 1;
        let root = self.terms.add(RelNode::new(RelOp::Get(get), []));
        Resolved { root, output }
    }

    pub(super) fn filter(&mut self, predicate: &Scalar, input: State) -> State {
        let (input, mut conjuncts) = match input {
            State::Filtered(input, conjuncts) => (input, conjuncts),
            other => (self.settled(other), Vec::new()),
        };
        conjuncts.push(self.scalar(predicate, &input.output));
        State::Filtered(input, conjuncts)
    }

    pub(super) fn sort(&mut self, keys: &[SortKey], input: Resolved) -> Resolved {
        let keys = self.sort_keys(keys, &input.output);
        let sort = self.terms.intern_sort(keys);
        let root = self.terms.add(RelNode::new(RelOp::Sort(sort), [input.root]));
        Resolved { root, ..input }
    }

    pub(super) fn limit(&mut self, offset: u64, fetch: Option<u64>, input: Resolved) -> Resolved {
        let root = self.terms.add(RelNode::new(RelOp::Limit { offset, fetch }, [input.root]));
        Resolved { root, ..input }
    }

    pub(super) fn distinct(&mut self, input: Resolved) -> Resolved {
        let root = self.exactly(&input);
        let root = self.terms.add(RelNode::new(RelOp::Distinct, [root]));
        Resolved { root, ..input }
    }

    pub(super) fn union(&mut self, expr: &Expr, inputs: &[Resolved]) -> Resolved {
        let fields = expr.schema().fields().clone();
        let output: Vec<(Name, ColumnId)> = fields
            .iter()
            .map(|field| {
                let name: Name = field.name().as_str().into();
                (name.clone(), self.add_column(expr, &name))
            })
            .collect();
        let spec = UnionSpec {
            output: output.iter().map(|(_, column)| *column).collect(),
            inputs: inputs.iter().map(columns_of).collect(),
        };
        let union = self.terms.intern_union(spec);
        let root = self.terms.add(RelNode::new(RelOp::Union(union), inputs.iter().map(|input| input.root)));
        Resolved { root, output }
    }

    pub(super) fn extension(&mut self, expr: &Expr, extension: &Arc<dyn Extension>, inputs: &[Resolved]) -> Resolved {
        let names = expr.schema().fields().iter().map(|field| Name::from(field.name().as_str()));
        // A preserved column is the input's column.
        let kept = |name: &Name| {
            let input = inputs.first().filter(|_| extension.traits().column_preserving)?;
            input.output.iter().find(|(known, _)| known == name).map(|(_, column)| *column)
        };
        let mut output: Vec<(Name, ColumnId)> = Vec::with_capacity(names.len());
        for name in names {
            let column = kept(&name).filter(|kept| !output.iter().any(|(_, known)| known == kept));
            let column = column.unwrap_or_else(|| self.add_column(expr, &name));
            output.push((name, column));
        }
        let spec = ExtensionSpec {
            extension: extension.clone(),
            output: output.iter().map(|(_, column)| *column).collect(),
            inputs: inputs.iter().map(columns_of).collect(),
        };
        let extension = self.terms.add_extension(spec);
        let root = self.terms.add(RelNode::new(RelOp::Extension(extension), inputs.iter().map(|input| input.root)));
        Resolved { root, output }
    }
}
