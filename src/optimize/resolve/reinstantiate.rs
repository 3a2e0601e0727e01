//! A relation once more, with columns of its own: what a self-join needs.

use std::collections::HashMap;

use crate::term::{
    ApplyForm, ColumnId, PredicatesId, RelNode, RelOp, ScalarId, SortId, TermId, TermSortKey, Terms, UnnestSpec,
};

/// Clones a term with fresh ids for every column that is made inside it. O(terms), no recursion.
pub(super) fn reinstantiate(terms: &mut Terms, root: TermId) -> (TermId, HashMap<ColumnId, ColumnId>) {
    let mut renamed: HashMap<ColumnId, ColumnId> = HashMap::new();
    let mut done: HashMap<TermId, TermId> = HashMap::new();
    let mut stack = vec![(root, false)];
    while let Some((id, inputs_done)) = stack.pop() {
        if done.contains_key(&id) {
            continue;
        }
        let node = terms.term(id).clone();
        if !inputs_done {
            stack.push((id, true));
            stack.extend(node.inputs.iter().rev().map(|input| (*input, false)));
            continue;
        }
        let inputs: Vec<TermId> = node.inputs.iter().map(|input| done[input]).collect();
        let op = rename_op(terms, node.op, &mut renamed);
        done.insert(id, terms.add(RelNode::new(op, inputs)));
    }
    (done[&root], renamed)
}

fn rename_op(terms: &mut Terms, op: RelOp, renamed: &mut HashMap<ColumnId, ColumnId>) -> RelOp {
    fn fresh(terms: &mut Terms, renamed: &mut HashMap<ColumnId, ColumnId>, column: ColumnId) -> ColumnId {
        if let Some(known) = renamed.get(&column) {
            return *known;
        }
        let info = terms.column(column).clone();
        let base = info.name.split(':').next().unwrap_or(&info.name).to_owned();
        let new = terms.add_column(&base, info.data_type, info.nullable);
        renamed.insert(column, new);
        new
    }
    match op {
        RelOp::Get(get) => {
            let mut spec = terms.get_spec(get).clone();
            spec.columns = spec.columns.iter().map(|column| fresh(terms, renamed, *column)).collect();
            RelOp::Get(terms.add_get(spec))
        }
        RelOp::Empty(columns) => {
            let columns = terms.columns_of(columns).to_vec();
            let columns = columns.into_iter().map(|column| fresh(terms, renamed, column)).collect();
            RelOp::Empty(terms.intern_columns(columns))
        }
        RelOp::Project(projection) => {
            let columns = terms.projection(projection).to_vec();
            let columns = columns.into_iter().map(|(column, computed)| {
                let computed = rename_scalar(terms, renamed, computed);
                (fresh(terms, renamed, column), computed)
            });
            let columns = columns.collect();
            RelOp::Project(terms.intern_projection(columns))
        }
        RelOp::Filter(predicates) => RelOp::Filter(rename_predicates(terms, renamed, predicates)),
        RelOp::Join(kind, predicates) => RelOp::Join(kind, rename_predicates(terms, renamed, predicates)),
        RelOp::JoinSet(predicates) => RelOp::JoinSet(rename_predicates(terms, renamed, predicates)),
        RelOp::Aggregate(aggregate) => {
            let mut spec = terms.aggregate(aggregate).clone();
            spec.group = spec.group.iter().map(|column| fresh(terms, renamed, *column)).collect();
            for (column, call) in &mut spec.aggregates {
                for arg in call.args.iter_mut().chain(&mut call.filter) {
                    *arg = rename_scalar(terms, renamed, *arg);
                }
                *column = fresh(terms, renamed, *column);
            }
            RelOp::Aggregate(terms.intern_aggregate(spec))
        }
        RelOp::MarkJoin(mark, on) => {
            RelOp::MarkJoin(fresh(terms, renamed, mark), rename_predicates(terms, renamed, on))
        }
        RelOp::Apply(form, on) => {
            let known = |column: ColumnId| renamed.get(&column).copied().unwrap_or(column);
            let form = match form {
                ApplyForm::Mark(mark) => ApplyForm::Mark(fresh(terms, renamed, mark)),
                ApplyForm::Scalar { value, output } => {
                    let value = known(value);
                    ApplyForm::Scalar { value, output: fresh(terms, renamed, output) }
                }
                other => other,
            };
            RelOp::Apply(form, rename_predicates(terms, renamed, on))
        }
        RelOp::Window(window) => {
            let mut spec = terms.window(window).clone();
            spec.partition_by = spec.partition_by.iter().map(|column| fresh(terms, renamed, *column)).collect();
            spec.order_by.iter_mut().for_each(|key| key.scalar = rename_scalar(terms, renamed, key.scalar));
            for (column, call) in &mut spec.calls {
                for arg in call.args.iter_mut().chain(&mut call.filter) {
                    *arg = rename_scalar(terms, renamed, *arg);
                }
                *column = fresh(terms, renamed, *column);
            }
            RelOp::Window(terms.intern_window(spec))
        }
        RelOp::Unnest(UnnestSpec { list, element, nulls }) => {
            let list = fresh(terms, renamed, list);
            RelOp::Unnest(UnnestSpec { list, element: fresh(terms, renamed, element), nulls })
        }
        RelOp::Sort(sort) => RelOp::Sort(rename_sort(terms, renamed, sort)),
        RelOp::TopK { keys, offset, fetch } => RelOp::TopK { keys: rename_sort(terms, renamed, keys), offset, fetch },
        RelOp::Union(union) => {
            let mut spec = terms.union_spec(union).clone();
            spec.output = spec.output.iter().map(|column| fresh(terms, renamed, *column)).collect();
            for input in &mut spec.inputs {
                *input = input.iter().map(|column| renamed.get(column).copied().unwrap_or(*column)).collect();
            }
            RelOp::Union(terms.intern_union(spec))
        }
        RelOp::Extension(extension) => {
            let mut spec = terms.extension(extension).clone();
            spec.output = spec.output.iter().map(|column| fresh(terms, renamed, *column)).collect();
            for input in &mut spec.inputs {
                *input = input.iter().map(|column| renamed.get(column).copied().unwrap_or(*column)).collect();
            }
            RelOp::Extension(terms.add_extension(spec))
        }
        op @ (RelOp::Distinct | RelOp::Limit { .. }) => op,
    }
}

fn rename_predicates(
    terms: &mut Terms,
    renamed: &HashMap<ColumnId, ColumnId>,
    predicates: PredicatesId,
) -> PredicatesId {
    let conjuncts = terms.predicates(predicates).to_vec();
    let conjuncts: Vec<_> = conjuncts.into_iter().map(|conjunct| rename_scalar(terms, renamed, conjunct)).collect();
    terms.intern_predicates(conjuncts)
}

fn rename_sort(terms: &mut Terms, renamed: &HashMap<ColumnId, ColumnId>, sort: SortId) -> SortId {
    let keys = terms.sort_keys(sort).to_vec();
    let keys = keys.into_iter().map(|key| TermSortKey { scalar: rename_scalar(terms, renamed, key.scalar), ..key });
    let keys = keys.collect();
    terms.intern_sort(keys)
}

fn rename_scalar(terms: &mut Terms, renamed: &HashMap<ColumnId, ColumnId>, id: ScalarId) -> ScalarId {
    let columns = terms.scalar_facts(id).columns.clone();
    let with: HashMap<ColumnId, ScalarId> =
        columns.iter().filter_map(|column| Some((column, terms.column_scalar(*renamed.get(&column)?)))).collect();
    terms.substitute(id, &|column| with.get(&column).copied())
}
