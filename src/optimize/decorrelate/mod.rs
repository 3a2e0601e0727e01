//! Applies to joins, before anything else happens to a query.
//!
//! The right side of an `apply` reads columns of the left one: they are *free* in it. Conjuncts that read
//! them are pulled up to the join; an aggregate over all rows that are equal to a free column becomes a
//! grouped one. Any other right side is computed for each of the values that it reads. What does not fit stays an
//! `apply`, which the reference interpreter knows and the planner refuses by name: what is drawn anew for every row,
//! and, under strict errors, what may fail for values that no row has.

mod aggregate;
mod domain;
mod pull;
mod single;

use std::collections::HashMap;

use self::aggregate::over_aggregate;
use self::domain::by_domain;
use self::pull::{equal_keys, existing, pull};
use self::single::assert_single;
use super::observer::Observer;
use super::trace::NativeStep;
use crate::expr::{JoinKind, ScalarOp};
use crate::term::{
    ApplyForm, ColumnId, ColumnSet, RelNode, RelOp, ScalarId, TermId, Terms, can_fail_within, free_columns,
    terms_in_order,
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
        // It reads an apply further out: that one must go first, and takes this one along.
        false if !outer.is_subset(&terms.facts(left).outputs) => None,
        false => correlated(terms, form, &on, left, right, &outer)
            .or_else(|| by_domain(terms, form, &on, left, right, &outer)),
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
    let fails = fails_alone(terms, right);
    match form {
        ApplyForm::Semi | ApplyForm::Anti | ApplyForm::Mark(_) => {
            // Rows for which a conjunct of the right side is null are not there: that is false, not null.
            let there = |terms: &mut Terms, conjuncts: Vec<ScalarId>| match form {
                ApplyForm::Mark(_) => {
                    conjuncts.into_iter().map(|one| terms.scalar(ScalarOp::IsTrue, [one])).collect::<Vec<_>>()
                }
                _ => conjuncts,
            };
            let (aggregate, conditions) = match on.is_empty() {
                true => existing(terms, right, true),
                false => (right, Vec::new()),
            };
            let mut all = there(terms, conditions);
            all.extend(on);
            if let Some(joined) = over_aggregate(terms, left, aggregate, outer) {
                return Some(judged(terms, form, all, left, joined));
            }
            if fails {
                return None;
            }
            // Conditions on the right side alone stay there: of a mark, none could move back.
            let right = if on.is_empty() { existing(terms, right, false).0 } else { right };
            let (right, pulled) = pull(terms, right, outer, true)?;
            let mut pulled = there(terms, pulled);
            pulled.extend(on);
            Some(join(terms, form, pulled, left, right))
        }
        ApplyForm::Inner | ApplyForm::Left => {
            if on.is_empty()
                && let Some(joined) = over_aggregate(terms, left, right, outer)
            {
                return Some(joined);
            }
            if fails {
                return None;
            }
            let (right, pulled) = pull(terms, right, outer, false)?;
            Some(join(terms, form, pulled.into_iter().chain(on.iter().copied()).collect(), left, right))
        }
        ApplyForm::Scalar { value, output } => {
            if let Some(joined) = over_aggregate(terms, left, right, outer) {
                let value = terms.column_scalar(value);
                return Some(keeping(terms, joined, left, vec![(output, value)]));
            }
            if fails {
                return None;
            }
            let (right, mut pulled) = pull(terms, right, outer, false)?;
            let (right, keys) = equal_keys(terms, right, &mut pulled, outer)?;
            // Only where no two right rows agree on what is compared, one left row cannot meet two.
            if !terms.facts(right).is_key(&keys.iter().copied().collect()) {
                return None;
            }
            let right = only(terms, right, value, output, &keys.into_iter().collect());
            Some(join(terms, ApplyForm::Left, pulled, left, right))
        }
    }
}

/// Whether a relation may not become a join's input: as such it is computed whole, also for what no left row asks for.
fn fails_alone(terms: &Terms, relation: TermId) -> bool {
    terms.semantics().is_strict() && can_fail_within(terms, relation)
}

/// What a form makes of left rows that each have their one right row beside them.
fn judged(terms: &mut Terms, form: ApplyForm, on: Vec<ScalarId>, left: TermId, joined: TermId) -> TermId {
    match form {
        ApplyForm::Mark(mark) => {
            let truth = terms.scalar(ScalarOp::And, on);
            keeping(terms, joined, left, vec![(mark, truth)])
        }
        ApplyForm::Anti => {
            let all = terms.scalar(ScalarOp::And, on);
            let found = terms.scalar(ScalarOp::IsTrue, [all]);
            let missing = terms.scalar(ScalarOp::Not, [found]);
            terms.filter(joined, vec![missing])
        }
        _ => terms.filter(joined, on),
    }
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
