//! Applies to joins, before anything else happens to a query.
//!
//! The right side of an `apply` reads columns of the left one: they are *free* in it. Conjuncts that read
//! them are pulled up to the join; an aggregate over all rows that are equal to a free column becomes a
//! grouped one. What does not fit stays an `apply`, which the reference interpreter knows and the planner
//! refuses by name.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::{Field, Schema};

use super::observer::Observer;
use super::trace::NativeStep;
use crate::expr::{AggregateFunction, BinaryOp, JoinKind, MapPartitions, ScalarOp, Volatility};
use crate::term::{
    AggregateSpec, ApplyForm, ColumnId, ColumnSet, ExtensionSpec, RelNode, RelOp, ScalarId, TermId, Terms,
    can_fail_within, free_columns, reads, terms_in_order,
};

/// The term without its applies, as far as they can be joins: a query that has none is itself. Inner ones come
/// first, and every other node stays as it is over its new inputs. O(terms), no recursion on depth.
pub fn decorrelate<O: Observer>(terms: &mut Terms, root: TermId, observer: &mut O) -> TermId {
    if !terms.has_applies() {
        return root;
    }
    let mut done: HashMap<TermId, TermId> = HashMap::new();
    for id in terms_in_order(terms, root) {
        let RelNode { op, inputs } = terms.term(id).clone();
        let inputs: Vec<TermId> = inputs.iter().map(|input| done[input]).collect();
        let mut kept = terms.add(RelNode::new(op, inputs.iter().copied()));
        if let RelOp::Apply(form, on) = op {
            let on = terms.predicates(on).to_vec();
            if let Some(joined) = joins(terms, form, on, inputs[0], inputs[1]) {
                // What moved up reads columns that nobody asked for.
                let joined = terms.exactly(joined, &terms.facts(kept).outputs.clone());
                observer.stepped(NativeStep::Decorrelate, kept, joined);
                kept = joined;
            }
        }
        done.insert(id, kept);
    }
    done[&root]
}

/// An `apply` as joins, which may give more columns.
fn joins(terms: &mut Terms, form: ApplyForm, on: Vec<ScalarId>, left: TermId, right: TermId) -> Option<TermId> {
    // A scalar's condition says which of the right rows there are.
    let (right, on) = match form {
        ApplyForm::Scalar { .. } => (terms.filter(right, on), Vec::new()),
        _ => (right, on),
    };
    let outer = free_columns(terms, right);
    match outer.is_empty() {
        true => Some(uncorrelated(terms, form, &on, left, right)),
        false => correlated(terms, form, &on, left, right, &outer),
    }
}

fn uncorrelated(terms: &mut Terms, form: ApplyForm, on: &[ScalarId], left: TermId, right: TermId) -> TermId {
    match form {
        ApplyForm::Scalar { value, output } => {
            let right = match terms.facts(right).max_rows.is_some_and(|rows| rows <= 1) {
                true => only(terms, right, value, output, &ColumnSet::new()),
                false => assert_single(terms, right, value, output),
            };
            join(terms, ApplyForm::Left, Vec::new(), left, right)
        }
        form => join(terms, form, on.to_vec(), left, right),
    }
}

/// The join that does what an `apply` over an independent right side does.
fn join(terms: &mut Terms, form: ApplyForm, on: Vec<ScalarId>, left: TermId, right: TermId) -> TermId {
    let kind = match form {
        ApplyForm::Inner => return terms.join_set([left, right], on),
        ApplyForm::Left | ApplyForm::Scalar { .. } => JoinKind::Left,
        ApplyForm::Semi => JoinKind::Semi,
        ApplyForm::Anti => JoinKind::Anti,
        ApplyForm::Mark(mark) => {
            let on = terms.intern_predicates(on);
            return terms.add(RelNode::new(RelOp::MarkJoin(mark, on), [left, right]));
        }
    };
    let on = terms.intern_predicates(on);
    terms.add(RelNode::new(RelOp::Join(kind, on), [left, right]))
}

fn correlated(
    terms: &mut Terms,
    form: ApplyForm,
    on: &[ScalarId],
    left: TermId,
    right: TermId,
    outer: &ColumnSet,
) -> Option<TermId> {
    if !outer.is_subset(&terms.facts(left).outputs) {
        // It reads an apply further out: that one must go first, and it does not.
        return None;
    }
    // As a join's input the right side is computed whole, also for what no left row asks for.
    if terms.semantics().is_strict() && can_fail_within(terms, right) {
        return None;
    }
    match form {
        ApplyForm::Semi | ApplyForm::Anti | ApplyForm::Mark(_) => {
            let (right, pulled) = pull(terms, right, outer, true)?;
            // Rows for which the pulled conjuncts are null are not there: that is false, not null.
            let pulled = match form {
                ApplyForm::Mark(_) => {
                    pulled.into_iter().map(|one| terms.scalar(ScalarOp::IsTrue, [one])).collect::<Vec<_>>()
                }
                _ => pulled,
            };
            Some(join(terms, form, pulled.into_iter().chain(on.iter().copied()).collect(), left, right))
        }
        ApplyForm::Inner | ApplyForm::Left => {
            if on.is_empty()
                && let Some(joined) = over_aggregate(terms, left, right, outer)
            {
                return Some(joined);
            }
            let (right, pulled) = pull(terms, right, outer, false)?;
            Some(join(terms, form, pulled.into_iter().chain(on.iter().copied()).collect(), left, right))
        }
        ApplyForm::Scalar { value, output } => {
            if let Some(joined) = over_aggregate(terms, left, right, outer) {
                let value = terms.column_scalar(value);
                return Some(keeping(terms, joined, left, vec![(output, value)]));
            }
            let (right, pulled) = pull(terms, right, outer, false)?;
            let keys = equal_keys(terms, &pulled, outer)?;
            // Only where no two right rows agree on what is compared, one left row cannot meet two.
            if !terms.facts(right).is_key(&keys.iter().copied().collect()) {
                return None;
            }
            let right = only(terms, right, value, output, &keys.into_iter().collect());
            Some(join(terms, ApplyForm::Left, pulled, left, right))
        }
    }
}

/// The relation without the conjuncts that read free columns, and those conjuncts; its other columns stay.
/// With `existence`, it only matters which rows there are, not how often. Recurses on the depth of what
/// stands between the root and the correlated filters, up to [`MAX_PULL`].
fn pull(terms: &mut Terms, term: TermId, outer: &ColumnSet, existence: bool) -> Option<(TermId, Vec<ScalarId>)> {
    pull_within(terms, term, outer, existence, MAX_PULL)
}

/// Deeper correlated filters stay where they are.
const MAX_PULL: usize = 64;

fn pull_within(
    terms: &mut Terms,
    term: TermId,
    outer: &ColumnSet,
    existence: bool,
    left: usize,
) -> Option<(TermId, Vec<ScalarId>)> {
    if free_columns(terms, term).is_empty() {
        return Some((term, Vec::new()));
    }
    let deeper = left.checked_sub(1)?;
    let node = terms.term(term).clone();
    let own_is_free = reads(terms, node.op).intersects(outer);
    let input = |terms: &mut Terms, at: usize| pull_within(terms, node.inputs[at], outer, existence, deeper);
    match node.op {
        RelOp::Filter(predicates) => {
            let (below, mut pulled) = input(terms, 0)?;
            let kept = split(terms, terms.predicates(predicates).to_vec(), outer, &mut pulled)?;
            Some((terms.filter(below, kept), pulled))
        }
        RelOp::JoinSet(predicates) => {
            let mut pulled = Vec::new();
            let mut inputs = Vec::with_capacity(node.inputs.len());
            for at in 0..node.inputs.len() {
                let (below, mut more) = input(terms, at)?;
                inputs.push(below);
                pulled.append(&mut more);
            }
            let kept = split(terms, terms.predicates(predicates).to_vec(), outer, &mut pulled)?;
            Some((terms.join_set(inputs, kept), pulled))
        }
        RelOp::Project(projection) if !own_is_free => {
            let (below, pulled) = input(terms, 0)?;
            let mut columns = terms.projection(projection).to_vec();
            let given = terms.facts(below).outputs.clone();
            let mut wanted = ColumnSet::new();
            pulled.iter().for_each(|one| wanted.extend(&terms.scalar_facts(*one).columns));
            let made: ColumnSet = columns.iter().map(|(to, _)| *to).collect();
            for column in wanted.intersection(&given).difference(&made).iter() {
                columns.push((column, terms.column_scalar(column)));
            }
            let projection = terms.intern_projection(columns);
            Some((terms.add(RelNode::new(RelOp::Project(projection), [below])), pulled))
        }
        // A filter on left rows commutes with what only looks for their partners.
        RelOp::Join(JoinKind::Left | JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti, _)
        | RelOp::MarkJoin(_, _)
            if !own_is_free && free_columns(terms, node.inputs[1]).is_empty() =>
        {
            let (below, pulled) = input(terms, 0)?;
            Some((terms.add(RelNode::new(node.op, [below, node.inputs[1]])), pulled))
        }
        // The order of rows that a join reads means nothing.
        RelOp::Sort(_) if !own_is_free => input(terms, 0),
        RelOp::Distinct if existence => input(terms, 0),
        _ => None,
    }
}

/// The conjuncts that read no free column; the others go to `pulled`.
fn split(
    terms: &Terms,
    conjuncts: Vec<ScalarId>,
    outer: &ColumnSet,
    pulled: &mut Vec<ScalarId>,
) -> Option<Vec<ScalarId>> {
    let mut kept = Vec::with_capacity(conjuncts.len());
    for conjunct in conjuncts {
        let facts = terms.scalar_facts(conjunct);
        match facts.columns.intersects(outer) {
            false => kept.push(conjunct),
            // It is drawn once per pair where it stands.
            true if facts.volatility == Volatility::Volatile => return None,
            true => pulled.push(conjunct),
        }
    }
    Some(kept)
}

/// The right columns of conjuncts that all compare one with something of the left side.
fn equal_keys(terms: &Terms, pulled: &[ScalarId], outer: &ColumnSet) -> Option<Vec<ColumnId>> {
    let mut keys = Vec::with_capacity(pulled.len());
    for conjunct in pulled {
        let node = terms.node(*conjunct);
        if node.op != ScalarOp::Binary(BinaryOp::Eq) {
            return None;
        }
        let (a, b) = (node.args[0], node.args[1]);
        let of_outer = |scalar: ScalarId| terms.scalar_facts(scalar).columns.is_subset(outer);
        let own = |scalar: ScalarId| terms.as_column(scalar).filter(|column| !outer.contains(*column));
        let key = if of_outer(b) { own(a) } else { None };
        keys.push(key.or_else(|| if of_outer(a) { own(b) } else { None })?);
    }
    keys.sort();
    keys.dedup();
    Some(keys)
}

/// A right side that aggregates all rows equal to something of the left row: grouped by what is compared,
/// and joined. Where no row is equal, counts are 0 and other aggregates null, as over no row.
fn over_aggregate(terms: &mut Terms, left: TermId, right: TermId, outer: &ColumnSet) -> Option<TermId> {
    let mut above = Vec::new();
    let mut term = right;
    let spec = loop {
        let node = terms.term(term).clone();
        match node.op {
            RelOp::Project(projection) => {
                let computed = terms.projection(projection).to_vec();
                let steady = |scalar: ScalarId| terms.scalar_facts(scalar).volatility < Volatility::Volatile;
                if !computed.iter().all(|(_, scalar)| steady(*scalar)) {
                    return None;
                }
                above.push(computed);
                term = node.inputs[0];
            }
            RelOp::Aggregate(spec) if terms.aggregate(spec).group.is_empty() => {
                term = node.inputs[0];
                break terms.aggregate(spec).clone();
            }
            _ => return None,
        }
    };
    let calls = spec.aggregates.iter();
    let closed = calls.clone().all(|(_, call)| {
        let known = !matches!(call.function, AggregateFunction::Other(_) | AggregateFunction::Grouping);
        known && call.scalars().all(|scalar| !terms.scalar_facts(scalar).columns.intersects(outer))
    });
    if !closed {
        return None;
    }
    let (input, pulled) = pull(terms, term, outer, false)?;
    let group = equal_keys(terms, &pulled, outer)?;
    // A count is 0 where there is no group, which the join shows as null.
    let mut given = Vec::with_capacity(spec.aggregates.len());
    let mut aggregates = Vec::with_capacity(spec.aggregates.len());
    for (column, call) in spec.aggregates {
        if call.function != AggregateFunction::Count {
            given.push((column, terms.column_scalar(column)));
            aggregates.push((column, call));
            continue;
        }
        let info = terms.column(column).clone();
        let raw = terms.add_column(&info.name, info.data_type, true);
        let counted = terms.column_scalar(raw);
        let missing = terms.scalar(ScalarOp::IsNull, [counted]);
        let zero = terms.literal(0i64);
        let case = ScalarOp::Case { operand: false, otherwise: true };
        given.push((column, terms.scalar(case, [missing, zero, counted])));
        aggregates.push((raw, call));
    }
    let spec = terms.intern_aggregate(AggregateSpec { group, aggregates });
    let grouped = terms.add(RelNode::new(RelOp::Aggregate(spec), [input]));
    let mut joined = join(terms, ApplyForm::Left, pulled, left, grouped);
    joined = keeping(terms, joined, left, given);
    for computed in above.into_iter().rev() {
        joined = keeping(terms, joined, left, computed);
    }
    Some(joined)
}

/// A projection to the columns of `left` and some computed ones.
fn keeping(terms: &mut Terms, input: TermId, left: TermId, mut columns: Vec<(ColumnId, ScalarId)>) -> TermId {
    for column in terms.facts(left).outputs.clone().iter() {
        columns.push((column, terms.column_scalar(column)));
    }
    let projection = terms.intern_projection(columns);
    terms.add(RelNode::new(RelOp::Project(projection), [input]))
}

/// A projection to one column under another id, and some that stay.
fn only(terms: &mut Terms, input: TermId, value: ColumnId, output: ColumnId, kept: &ColumnSet) -> TermId {
    let mut columns = vec![(output, terms.column_scalar(value))];
    for column in kept.iter() {
        columns.push((column, terms.column_scalar(column)));
    }
    let projection = terms.intern_projection(columns);
    terms.add(RelNode::new(RelOp::Project(projection), [input]))
}

/// The only row of a relation, or none; several are an error of the run.
fn assert_single(terms: &mut Terms, input: TermId, value: ColumnId, output: ColumnId) -> TermId {
    let data_type = terms.column(value).data_type.clone();
    let schema = Arc::new(Schema::new(vec![Field::new("value", data_type, true)]));
    let made = schema.clone();
    let function = MapPartitions::new("assert-single", "1", schema, move |batches| {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows > 1 {
            return Err(format!("a scalar subquery gave {rows} rows; it may give at most one"));
        }
        let values = batches.iter().filter(|batch| batch.num_rows() > 0);
        let values = values.map(|batch| RecordBatch::try_new(made.clone(), vec![batch.column(0).slice(0, 1)]));
        values.collect::<Result<_, _>>().map_err(|error| error.to_string())
    });
    let extension = terms.add_extension(ExtensionSpec {
        extension: Arc::new(function),
        output: vec![output],
        inputs: vec![vec![value]],
    });
    terms.add(RelNode::new(RelOp::Extension(extension), [input]))
}
