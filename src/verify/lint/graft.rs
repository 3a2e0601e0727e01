//! Terms copied from one arena into another, by the names of their columns.

use crate::expr::AggregateFunction;
use crate::rules::Plant;
use crate::term::{
    ApplyForm, ColumnId, PredicatesId, RelNode, RelOp, ScalarId, SortId, TermId, TermSortKey, Terms, UnnestSpec,
};

/// How a copy differs from its original.
pub(super) trait Graft {
    /// The column of the copy; `None` when there is none, and then there is no copy.
    fn column(&mut self, from: &Terms, to: &mut Terms, column: ColumnId) -> Option<ColumnId>;

    /// The reading of a table, whose columns are translated already.
    fn get(&mut self, from: &Terms, to: &mut Terms, get: crate::term::GetId, columns: Vec<ColumnId>) -> RelOp;

    /// A conjunction of the copy.
    fn conjuncts(&mut self, _to: &mut Terms, conjuncts: Vec<ScalarId>) -> Vec<ScalarId> {
        conjuncts
    }

    /// The function of an aggregate of the copy, which gives a column of this type.
    fn aggregate(&mut self, _to: &Terms, _column: ColumnId, function: AggregateFunction) -> AggregateFunction {
        function
    }

    /// A computed scalar of the copy.
    fn computed(&mut self, _to: &mut Terms, scalar: ScalarId) -> ScalarId {
        scalar
    }
}

/// The copy of a term. Recurses on its depth, which for texts is bounded.
pub(super) fn graft(from: &Terms, to: &mut Terms, term: TermId, how: &mut impl Graft) -> Option<TermId> {
    let node = from.term(term);
    let inputs: Vec<TermId> = node.inputs.iter().map(|input| graft(from, to, *input, how)).collect::<Option<_>>()?;
    let op = graft_op(from, to, node.op, how)?;
    Some(plant(to, op, inputs))
}

/// A node in the normal form of its constructor.
pub(super) fn plant(terms: &mut Terms, op: RelOp, inputs: Vec<TermId>) -> TermId {
    match op {
        RelOp::Filter(predicates) => terms.plant_filter(predicates, inputs[0]),
        RelOp::JoinSet(predicates) => terms.plant_join_set(predicates, inputs.into_iter().collect()),
        op => terms.add(RelNode::new(op, inputs)),
    }
}

/// What an operator is given, copied.
pub(super) fn graft_op(from: &Terms, to: &mut Terms, op: RelOp, how: &mut impl Graft) -> Option<RelOp> {
    Some(match op {
        RelOp::Get(get) => {
            let columns = columns(from, to, &from.get_spec(get).columns, how)?;
            how.get(from, to, get, columns)
        }
        RelOp::Empty(list) => {
            let mut columns = columns(from, to, from.columns_of(list), how)?;
            columns.sort();
            RelOp::Empty(to.intern_columns(columns))
        }
        RelOp::Project(projection) => {
            let mut copy = Vec::new();
            for (column, value) in from.projection(projection) {
                let value = computed(from, to, *value, how)?;
                copy.push((how.column(from, to, *column)?, value));
            }
            RelOp::Project(to.intern_projection(copy))
        }
        RelOp::Filter(on) => RelOp::Filter(predicates(from, to, on, how)?),
        RelOp::JoinSet(on) => RelOp::JoinSet(predicates(from, to, on, how)?),
        RelOp::Join(kind, on) => RelOp::Join(kind, predicates(from, to, on, how)?),
        RelOp::MarkJoin(mark, on) => {
            let on = predicates(from, to, on, how)?;
            RelOp::MarkJoin(how.column(from, to, mark)?, on)
        }
        RelOp::Apply(form, on) => {
            let on = predicates(from, to, on, how)?;
            let form = match form {
                ApplyForm::Mark(mark) => ApplyForm::Mark(how.column(from, to, mark)?),
                ApplyForm::Scalar { value, output } => {
                    ApplyForm::Scalar { value: how.column(from, to, value)?, output: how.column(from, to, output)? }
                }
                other => other,
            };
            RelOp::Apply(form, on)
        }
        RelOp::Aggregate(aggregate) => {
            let mut spec = from.aggregate(aggregate).clone();
            spec.group = columns(from, to, &spec.group, how)?;
            for (column, call) in &mut spec.aggregates {
                for scalar in call.args.iter_mut().chain(&mut call.filter) {
                    *scalar = computed(from, to, *scalar, how)?;
                }
                *column = how.column(from, to, *column)?;
                call.function = how.aggregate(to, *column, call.function.clone());
            }
            RelOp::Aggregate(to.intern_aggregate(spec))
        }
        RelOp::Window(window) => {
            let mut spec = from.window(window).clone();
            spec.partition_by = columns(from, to, &spec.partition_by, how)?;
            for key in &mut spec.order_by {
                key.scalar = scalar(from, to, key.scalar, how)?;
            }
            for (column, call) in &mut spec.calls {
                for scalar in call.args.iter_mut().chain(&mut call.filter) {
                    *scalar = computed(from, to, *scalar, how)?;
                }
                *column = how.column(from, to, *column)?;
            }
            RelOp::Window(to.intern_window(spec))
        }
        RelOp::Unnest(UnnestSpec { list, element, nulls }) => {
            let list = how.column(from, to, list)?;
            RelOp::Unnest(UnnestSpec { list, element: how.column(from, to, element)?, nulls })
        }
        RelOp::Sort(keys) => RelOp::Sort(sort(from, to, keys, how)?),
        RelOp::TopK { keys, offset, fetch } => RelOp::TopK { keys: sort(from, to, keys, how)?, offset, fetch },
        RelOp::Union(union) => {
            let mut spec = from.union_spec(union).clone();
            spec.output = columns(from, to, &spec.output, how)?;
            for input in &mut spec.inputs {
                *input = columns(from, to, input, how)?;
            }
            RelOp::Union(to.intern_union(spec))
        }
        // No text has one.
        RelOp::Extension(_) => return None,
        op @ (RelOp::Distinct | RelOp::Limit { .. }) => op,
    })
}

fn columns(from: &Terms, to: &mut Terms, columns: &[ColumnId], how: &mut impl Graft) -> Option<Vec<ColumnId>> {
    columns.iter().map(|column| how.column(from, to, *column)).collect()
}

fn scalar(from: &Terms, to: &mut Terms, id: ScalarId, how: &mut impl Graft) -> Option<ScalarId> {
    let node = from.node(id);
    let op = node.op.try_map(&mut |column| how.column(from, to, *column).ok_or(())).ok()?;
    let args: Vec<ScalarId> = node.args.iter().map(|arg| scalar(from, to, *arg, how)).collect::<Option<_>>()?;
    Some(to.scalar(op, args))
}

fn computed(from: &Terms, to: &mut Terms, id: ScalarId, how: &mut impl Graft) -> Option<ScalarId> {
    let copy = scalar(from, to, id, how)?;
    Some(how.computed(to, copy))
}

fn predicates(from: &Terms, to: &mut Terms, id: PredicatesId, how: &mut impl Graft) -> Option<PredicatesId> {
    let conjuncts = from.predicates(id).iter().map(|conjunct| scalar(from, to, *conjunct, how));
    let conjuncts = conjuncts.collect::<Option<Vec<_>>>()?;
    let conjuncts = how.conjuncts(to, conjuncts);
    Some(to.intern_predicates(conjuncts))
}

fn sort(from: &Terms, to: &mut Terms, id: SortId, how: &mut impl Graft) -> Option<SortId> {
    let mut keys = Vec::new();
    for key in from.sort_keys(id) {
        keys.push(TermSortKey { scalar: scalar(from, to, key.scalar, how)?, ..*key });
    }
    Some(to.intern_sort(keys))
}
