//! A relation once more, with other columns: columns of its own, as a self-join needs, or others in the place of those that
//! it reads from an `apply`.

use std::collections::HashMap;

use crate::term::{
    ApplyForm, ColumnId, PredicatesId, RelNode, RelOp, ScalarId, SortId, TermId, TermSortKey, Terms, UnnestSpec, reads,
};

/// Clones a term with fresh ids for every column that is made inside it. O(terms), no recursion.
pub(super) fn reinstantiate(terms: &mut Terms, root: TermId) -> (TermId, HashMap<ColumnId, ColumnId>) {
    let mut renaming = Renaming { terms, renamed: HashMap::new(), made: Made::Fresh };
    let root = renaming.term(root);
    (root, renaming.renamed)
}

/// The term, reading other columns than those that are free in it. O(terms), no recursion.
pub(super) fn rebind(terms: &mut Terms, root: TermId, bound: &HashMap<ColumnId, ColumnId>) -> TermId {
    Renaming { terms, renamed: bound.clone(), made: Made::Same }.term(root)
}

/// The same of an operator alone.
pub(super) fn rebind_op(terms: &mut Terms, op: RelOp, bound: &HashMap<ColumnId, ColumnId>) -> RelOp {
    Renaming { terms, renamed: bound.clone(), made: Made::Same }.op(op)
}

/// The same of conjuncts.
pub(super) fn rebind_predicates(
    terms: &mut Terms,
    predicates: PredicatesId,
    bound: &HashMap<ColumnId, ColumnId>,
) -> PredicatesId {
    Renaming { terms, renamed: bound.clone(), made: Made::Same }.predicates(predicates)
}

/// The same of an order.
pub(super) fn rebind_sort(terms: &mut Terms, sort: SortId, bound: &HashMap<ColumnId, ColumnId>) -> SortId {
    Renaming { terms, renamed: bound.clone(), made: Made::Same }.sort(sort)
}

/// What becomes of columns that a term makes itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Fresh,
    Same,
}

struct Renaming<'a> {
    terms: &'a mut Terms,
    renamed: HashMap<ColumnId, ColumnId>,
    made: Made,
}

impl Renaming<'_> {
    fn term(&mut self, root: TermId) -> TermId {
        let mut done: HashMap<TermId, TermId> = HashMap::new();
        let mut stack = vec![(root, false)];
        while let Some((id, inputs_done)) = stack.pop() {
            if done.contains_key(&id) {
                continue;
            }
            let node = self.terms.term(id).clone();
            if !inputs_done {
                stack.push((id, true));
                stack.extend(node.inputs.iter().rev().map(|input| (*input, false)));
                continue;
            }
            let inputs: Vec<TermId> = node.inputs.iter().map(|input| done[input]).collect();
            let op = self.op(node.op);
            done.insert(id, self.terms.add(RelNode::new(op, inputs)));
        }
        done[&root]
    }

    fn made(&mut self, column: ColumnId) -> ColumnId {
        if let Some(known) = self.renamed.get(&column) {
            return *known;
        }
        if self.made == Made::Same {
            return column;
        }
        let new = copy_of(self.terms, column);
        self.renamed.insert(column, new);
        new
    }

    fn known(&self, column: ColumnId) -> ColumnId {
        self.renamed.get(&column).copied().unwrap_or(column)
    }

    fn op(&mut self, op: RelOp) -> RelOp {
        if self.made == Made::Same && !reads(self.terms, op).iter().any(|column| self.renamed.contains_key(&column)) {
            return op;
        }
        match op {
            RelOp::Get(get) => {
                let mut spec = self.terms.get_spec(get).clone();
                spec.columns = spec.columns.iter().map(|column| self.made(*column)).collect();
                RelOp::Get(self.terms.add_get(spec))
            }
            RelOp::Empty(columns) => {
                let columns = self.terms.columns_of(columns).to_vec();
                let columns = columns.into_iter().map(|column| self.made(column)).collect();
                RelOp::Empty(self.terms.intern_columns(columns))
            }
            RelOp::Project(projection) => {
                let columns = self.terms.projection(projection).to_vec();
                let columns = columns.into_iter().map(|(column, computed)| {
                    let computed = self.scalar(computed);
                    (self.made(column), computed)
                });
                let columns = columns.collect();
                RelOp::Project(self.terms.intern_projection(columns))
            }
            RelOp::Filter(predicates) => RelOp::Filter(self.predicates(predicates)),
            RelOp::Join(kind, predicates) => RelOp::Join(kind, self.predicates(predicates)),
            RelOp::JoinSet(predicates) => RelOp::JoinSet(self.predicates(predicates)),
            RelOp::Aggregate(aggregate) => {
                let mut spec = self.terms.aggregate(aggregate).clone();
                spec.group = spec.group.iter().map(|column| self.made(*column)).collect();
                for (column, call) in &mut spec.aggregates {
                    for arg in call.args.iter_mut().chain(&mut call.filter) {
                        *arg = self.scalar(*arg);
                    }
                    *column = self.made(*column);
                }
                RelOp::Aggregate(self.terms.intern_aggregate(spec))
            }
            RelOp::MarkJoin(mark, on) => RelOp::MarkJoin(self.made(mark), self.predicates(on)),
            RelOp::Apply(form, on) => {
                let form = match form {
                    ApplyForm::Mark(mark) => ApplyForm::Mark(self.made(mark)),
                    ApplyForm::Scalar { value, output } => {
                        let value = self.known(value);
                        ApplyForm::Scalar { value, output: self.made(output) }
                    }
                    other => other,
                };
                RelOp::Apply(form, self.predicates(on))
            }
            RelOp::Window(window) => {
                let mut spec = self.terms.window(window).clone();
                spec.partition_by = spec.partition_by.iter().map(|column| self.made(*column)).collect();
                spec.order_by.iter_mut().for_each(|key| key.scalar = self.scalar(key.scalar));
                for (column, call) in &mut spec.calls {
                    for arg in call.args.iter_mut().chain(&mut call.filter) {
                        *arg = self.scalar(*arg);
                    }
                    *column = self.made(*column);
                }
                RelOp::Window(self.terms.intern_window(spec))
            }
            RelOp::Unnest(UnnestSpec { list, element, nulls }) => {
                let list = self.made(list);
                RelOp::Unnest(UnnestSpec { list, element: self.made(element), nulls })
            }
            RelOp::Sort(sort) => RelOp::Sort(self.sort(sort)),
            RelOp::TopK { keys, offset, fetch } => RelOp::TopK { keys: self.sort(keys), offset, fetch },
            RelOp::Union(union) => {
                let mut spec = self.terms.union_spec(union).clone();
                spec.output = spec.output.iter().map(|column| self.made(*column)).collect();
                for input in &mut spec.inputs {
                    *input = input.iter().map(|column| self.known(*column)).collect();
                }
                RelOp::Union(self.terms.intern_union(spec))
            }
            RelOp::Extension(extension) => {
                let mut spec = self.terms.extension(extension).clone();
                spec.output = spec.output.iter().map(|column| self.made(*column)).collect();
                for input in &mut spec.inputs {
                    *input = input.iter().map(|column| self.known(*column)).collect();
                }
                RelOp::Extension(self.terms.add_extension(spec))
            }
            op @ (RelOp::Distinct | RelOp::Limit { .. }) => op,
        }
    }

    fn predicates(&mut self, predicates: PredicatesId) -> PredicatesId {
        let conjuncts = self.terms.predicates(predicates).to_vec();
        let conjuncts: Vec<_> = conjuncts.into_iter().map(|conjunct| self.scalar(conjunct)).collect();
        self.terms.intern_predicates(conjuncts)
    }

    fn sort(&mut self, sort: SortId) -> SortId {
        let keys = self.terms.sort_keys(sort).to_vec();
        let keys = keys.into_iter().map(|key| TermSortKey { scalar: self.scalar(key.scalar), ..key }).collect();
        self.terms.intern_sort(keys)
    }

    fn scalar(&mut self, id: ScalarId) -> ScalarId {
        let columns = self.terms.scalar_facts(id).columns.clone();
        let with: HashMap<ColumnId, ScalarId> = columns
            .iter()
            .filter_map(|column| Some((column, self.terms.column_scalar(*self.renamed.get(&column)?))))
            .collect();
        self.terms.substitute(id, &|column| with.get(&column).copied())
    }
}

/// A new column, named and typed as one that there is.
pub(super) fn copy_of(terms: &mut Terms, column: ColumnId) -> ColumnId {
    let info = terms.column(column).clone();
    let base = info.name.split(':').next().unwrap_or(&info.name).to_owned();
    terms.add_column(&base, info.data_type, info.nullable)
}
