//! Applies of any right side: it is computed once for each combination of the values that it reads from left rows (their
//! *domain*), and joined to the rows that have them. After T. Neumann and A. Kemper, *Unnesting Arbitrary Queries*, BTW 2015.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::UInt64Array;
use arrow_schema::DataType;

use super::aggregate::over_no_rows;
use super::single::{assert_single_of_each, numbered};
use super::{fails_alone, join, joins, only};
use crate::expr::{BinaryOp, JoinKind, Literal, ScalarOp};
use crate::optimize::rename::{copy_of, rebind, rebind_op, rebind_predicates, rebind_sort};
use crate::term::{
    AggregateSpec, ApplyForm, ColumnId, ColumnSet, PredicatesId, RelNode, RelOp, ScalarId, SortId, TermId, Terms,
    UnionSpec, free_columns, is_volatile, terms_in_order,
};

/// More operators between an `apply` and what reads its left rows are left as they are.
const MAX_DEPTH: usize = 64;

/// The `apply` as a join over the domain. `None`, where something in it is drawn anew for every row, or knows no domain: an
/// engine's own operators, full joins, and right sides of `not in` that read left rows, below the right side's root.
pub(super) fn by_domain(
    terms: &mut Terms,
    form: ApplyForm,
    on: &[ScalarId],
    left: TermId,
    right: TermId,
    outer: &ColumnSet,
) -> Option<TermId> {
    if is_volatile(terms, left) || is_volatile(terms, right) || fails_alone(terms, right) {
        return None;
    }
    // Equal left rows share what belongs to them; what tells 0 from -0 would not be theirs.
    let floats = outer.iter().filter(|column| has_floats(&terms.column(*column).data_type)).collect();
    if !only_compares(terms, right, &floats) {
        return None;
    }
    let domain = Domain { left, outer: outer.iter().collect() };
    let right = domain.dependent(terms, right, MAX_DEPTH)?;
    match form {
        ApplyForm::Scalar { value, output } => {
            let known = right.single || terms.facts(right.term).is_key(&right.domain.iter().copied().collect());
            let (term, value, columns) = match known {
                true => (right.term, value, right.domain),
                false => assert_single_of_each(terms, right.term, value, &right.domain),
            };
            let all = terms.not_distinct(&domain.outer, &columns).into_iter().chain(on.iter().copied()).collect();
            let right = only(terms, term, value, output, &columns.into_iter().collect());
            Some(join(terms, ApplyForm::Left, all, left, right))
        }
        form => {
            let all = terms.not_distinct(&domain.outer, &right.domain).into_iter().chain(on.iter().copied()).collect();
            Some(join(terms, form, all, left, right.term))
        }
    }
}

fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            has_floats(field.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
        other => other.is_floating(),
    }
}

/// Whether these columns are read by comparisons alone.
fn only_compares(terms: &Terms, relation: TermId, columns: &ColumnSet) -> bool {
    fn compares(terms: &Terms, scalar: ScalarId, columns: &ColumnSet) -> bool {
        if !terms.scalar_facts(scalar).columns.intersects(columns) {
            return true;
        }
        let node = terms.node(scalar);
        let comparison = matches!(node.op, ScalarOp::Binary(op) if op.is_comparison());
        let is_one = |scalar: ScalarId| terms.as_column(scalar).is_some_and(|column| columns.contains(column));
        !is_one(scalar) && node.args.iter().all(|arg| comparison && is_one(*arg) || compares(terms, *arg, columns))
    }
    columns.is_empty()
        || terms_in_order(terms, relation).into_iter().all(|term| {
            terms.scalars_of(terms.term(term).op).into_iter().all(|scalar| compares(terms, scalar, columns))
        })
}

/// The values that left rows have in some columns.
struct Domain {
    left: TermId,
    outer: Vec<ColumnId>,
}

/// The rows of a relation for every value of the domain.
struct Dependent {
    /// It has the relation's columns, those of the domain, and maybe others.
    term: TermId,
    /// For each outer column, the one that has its value.
    domain: Vec<ColumnId>,
    /// Whether it has at most one row for each.
    single: bool,
}

impl Domain {
    /// The values themselves, in columns of their own.
    fn values(&self, terms: &mut Terms) -> (TermId, Vec<ColumnId>) {
        let columns: Vec<ColumnId> = self.outer.iter().map(|column| copy_of(terms, *column)).collect();
        let taken = columns.iter().zip(&self.outer).map(|(to, from)| (*to, terms.column_scalar(*from))).collect();
        let projection = terms.intern_projection(taken);
        let taken = terms.add(RelNode::new(RelOp::Project(projection), [self.left]));
        (terms.add(RelNode::new(RelOp::Distinct, [taken])), columns)
    }

    fn is_read(&self, terms: &Terms, term: TermId) -> bool {
        let free = free_columns(terms, term);
        self.outer.iter().any(|column| free.contains(*column))
    }

    fn bound(&self, dependent: &Dependent) -> HashMap<ColumnId, ColumnId> {
        self.outer.iter().copied().zip(dependent.domain.iter().copied()).collect()
    }

    fn dependent(&self, terms: &mut Terms, term: TermId, depth: usize) -> Option<Dependent> {
        let depth = depth.checked_sub(1)?;
        if !self.is_read(terms, term) {
            let (values, domain) = self.values(terms);
            let single = terms.facts(term).max_rows.is_some_and(|rows| rows <= 1);
            return Some(Dependent { term: terms.join_set([values, term], []), domain, single });
        }
        let RelNode { op, inputs } = terms.term(term).clone();
        match op {
            RelOp::Join(kind, on) => return self.join(terms, kind, on, [inputs[0], inputs[1]], depth),
            RelOp::MarkJoin(mark, on) => {
                let (left, on, right) = self.sides(terms, on, [inputs[0], inputs[1]], 0, depth)?;
                let on = terms.intern_predicates(on);
                let term = terms.add(RelNode::new(RelOp::MarkJoin(mark, on), [left.term, right]));
                return Some(Dependent { term, ..left });
            }
            RelOp::JoinSet(on) => return self.join_set(terms, on, &inputs, depth),
            RelOp::Union(union) => {
                let spec = terms.union_spec(union).clone();
                return self.union(terms, spec, &inputs, depth);
            }
            RelOp::Limit { offset, fetch } => {
                // Only the first rows of an order are those of an order.
                let (keys, input) = match terms.term(inputs[0]).op {
                    RelOp::Sort(keys) => (Some(keys), terms.term(inputs[0]).inputs[0]),
                    _ => (None, inputs[0]),
                };
                return self.first(terms, input, keys, offset, fetch, depth);
            }
            RelOp::TopK { keys, offset, fetch } => {
                return self.first(terms, inputs[0], Some(keys), offset, Some(fetch), depth);
            }
            RelOp::Extension(_) | RelOp::Get(_) | RelOp::Empty(_) => return None,
            _ => {}
        }
        let below = self.dependent(terms, inputs[0], depth)?;
        let bound = self.bound(&below);
        let Dependent { term: input, domain, single } = below;
        let op = rebind_op(terms, op, &bound);
        match op {
            RelOp::Filter(on) => {
                let on = terms.predicates(on).to_vec();
                Some(Dependent { term: terms.filter(input, on), domain, single })
            }
            RelOp::Project(projection) => {
                let mut columns = terms.projection(projection).to_vec();
                columns.extend(domain.iter().map(|column| (*column, terms.column_scalar(*column))));
                let projection = terms.intern_projection(columns);
                Some(Dependent { term: terms.add(RelNode::new(RelOp::Project(projection), [input])), domain, single })
            }
            RelOp::Distinct => {
                let mut columns = terms.facts(inputs[0]).outputs.clone();
                domain.iter().for_each(|column| columns.insert(*column));
                let input = terms.exactly(input, &columns);
                Some(Dependent { term: terms.add(RelNode::new(RelOp::Distinct, [input])), domain, single })
            }
            // Which order it has is said to nobody.
            RelOp::Sort(_) => Some(Dependent { term: input, domain, single }),
            RelOp::Unnest(spec) => {
                // The list may be a column that an outer one has taken the place of.
                let term = terms.add(RelNode::new(RelOp::Unnest(spec), [input]));
                let kept = domain.iter().all(|column| terms.facts(term).outputs.contains(*column));
                kept.then_some(Dependent { term, domain, single: false })
            }
            RelOp::Window(window) => {
                let mut spec = terms.window(window).clone();
                spec.partition_by.extend(&domain);
                let window = terms.intern_window(spec);
                Some(Dependent { term: terms.add(RelNode::new(RelOp::Window(window), [input])), domain, single })
            }
            RelOp::Aggregate(spec) => {
                let spec = terms.aggregate(spec).clone();
                match spec.group.is_empty() {
                    true => self.totals(terms, spec, input, &domain),
                    false => {
                        let group = spec.group.iter().chain(&domain).copied().collect();
                        let spec = terms.intern_aggregate(AggregateSpec { group, ..spec });
                        let term = terms.add(RelNode::new(RelOp::Aggregate(spec), [input]));
                        Some(Dependent { term, domain, single })
                    }
                }
            }
            RelOp::Apply(form, on) => {
                let right = rebind(terms, inputs[1], &bound);
                let on = terms.predicates(on).to_vec();
                let single = single && !matches!(form, ApplyForm::Inner | ApplyForm::Left);
                Some(Dependent { term: joins(terms, form, on, input, right)?, domain, single })
            }
            _ => None,
        }
    }

    /// An aggregate without keys has a row for every value of the domain, also where there is nothing to aggregate.
    fn totals(&self, terms: &mut Terms, spec: AggregateSpec, input: TermId, domain: &[ColumnId]) -> Option<Dependent> {
        let totals = over_no_rows(terms, spec.aggregates, input);
        let group = domain.to_vec();
        let spec = terms.intern_aggregate(AggregateSpec { group, aggregates: totals.aggregates });
        let groups = terms.add(RelNode::new(RelOp::Aggregate(spec), [input]));
        let (values, all) = self.values(terms);
        let on = terms.not_distinct(&all, domain);
        let mut joined = join(terms, ApplyForm::Left, on, values, groups);
        if let Some(none) = totals.none {
            joined = terms.join_set([joined, none], []);
        }
        let mut columns = totals.given;
        columns.extend(all.iter().map(|column| (*column, terms.column_scalar(*column))));
        let projection = terms.intern_projection(columns);
        let term = terms.add(RelNode::new(RelOp::Project(projection), [joined]));
        Some(Dependent { term, domain: all, single: true })
    }

    /// The first rows for every value of the domain, by their number.
    fn first(
        &self,
        terms: &mut Terms,
        input: TermId,
        keys: Option<SortId>,
        offset: u64,
        fetch: Option<u64>,
        depth: usize,
    ) -> Option<Dependent> {
        let columns = terms.facts(input).outputs.clone();
        let below = self.dependent(terms, input, depth)?;
        let keys = keys.map(|keys| rebind_sort(terms, keys, &self.bound(&below)));
        let Dependent { term, domain, single } = below;
        let (term, number) = numbered(terms, term, &domain, keys);
        let mut within = Vec::new();
        for (op, bound) in
            [(BinaryOp::Gt, Some(offset)), (BinaryOp::LtEq, fetch.map(|rows| offset.saturating_add(rows)))]
        {
            let Some(bound) = bound else { continue };
            let bound = Literal::new(Arc::new(UInt64Array::from(vec![bound])));
            let (number, bound) = (terms.column_scalar(number), terms.literal(bound));
            within.push(terms.scalar(ScalarOp::Binary(op), [number, bound]));
        }
        let term = terms.filter(term, within);
        let mut kept = columns;
        domain.iter().for_each(|column| kept.insert(*column));
        let single = single || fetch.is_some_and(|rows| rows <= 1);
        Some(Dependent { term: terms.exactly(term, &kept), domain, single })
    }

    /// Two inputs of a join: the one at `always` has the domain, and the other one where it reads left rows. Gives the first
    /// one, the condition, and the other one.
    fn sides(
        &self,
        terms: &mut Terms,
        on: PredicatesId,
        inputs: [TermId; 2],
        always: usize,
        depth: usize,
    ) -> Option<(Dependent, Vec<ScalarId>, TermId)> {
        let first = self.dependent(terms, inputs[always], depth)?;
        let on = rebind_predicates(terms, on, &self.bound(&first));
        let mut on = terms.predicates(on).to_vec();
        let mut other = inputs[1 - always];
        if self.is_read(terms, other) {
            let second = self.dependent(terms, other, depth)?;
            on.extend(terms.not_distinct(&first.domain, &second.domain));
            other = second.term;
        }
        Some((first, on, other))
    }

    fn join(
        &self,
        terms: &mut Terms,
        kind: JoinKind,
        on: PredicatesId,
        inputs: [TermId; 2],
        depth: usize,
    ) -> Option<Dependent> {
        let always = match kind {
            JoinKind::Inner => return self.join_set(terms, on, &inputs, depth),
            JoinKind::Left | JoinKind::Semi | JoinKind::Anti => 0,
            JoinKind::Right => 1,
            // Its condition is asked in three values, of all rows.
            JoinKind::NullAwareAnti if self.is_read(terms, inputs[1]) => return None,
            JoinKind::NullAwareAnti => 0,
            JoinKind::Full => return None,
        };
        let (first, on, other) = self.sides(terms, on, inputs, always, depth)?;
        let on = terms.intern_predicates(on);
        let mut inputs = [first.term, other];
        if always == 1 {
            inputs.reverse();
        }
        let single = first.single && matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti);
        let term = terms.add(RelNode::new(RelOp::Join(kind, on), inputs));
        Some(Dependent { term, domain: first.domain, single })
    }

    fn join_set(&self, terms: &mut Terms, on: PredicatesId, inputs: &[TermId], depth: usize) -> Option<Dependent> {
        let mut relations = Vec::with_capacity(inputs.len());
        let mut conjuncts = Vec::new();
        let mut first: Option<Dependent> = None;
        for input in inputs {
            if !self.is_read(terms, *input) {
                relations.push(*input);
                continue;
            }
            let dependent = self.dependent(terms, *input, depth)?;
            relations.push(dependent.term);
            match &first {
                Some(first) => conjuncts.extend(terms.not_distinct(&first.domain, &dependent.domain)),
                None => first = Some(dependent),
            }
        }
        // Maybe it is the condition alone that reads left rows.
        let first = match first {
            Some(first) => first,
            None => {
                let (term, domain) = self.values(terms);
                relations.push(term);
                Dependent { term, domain, single: false }
            }
        };
        let on = rebind_predicates(terms, on, &self.bound(&first));
        conjuncts.extend(terms.predicates(on));
        Some(Dependent { term: terms.join_set(relations, conjuncts), domain: first.domain, single: false })
    }

    fn union(&self, terms: &mut Terms, spec: UnionSpec, inputs: &[TermId], depth: usize) -> Option<Dependent> {
        let UnionSpec { mut output, inputs: mut lists } = spec;
        let mut relations = Vec::with_capacity(inputs.len());
        for (input, list) in inputs.iter().zip(&mut lists) {
            let dependent = self.dependent(terms, *input, depth)?;
            relations.push(dependent.term);
            list.extend(dependent.domain);
        }
        let domain: Vec<ColumnId> = self.outer.iter().map(|column| copy_of(terms, *column)).collect();
        output.extend(&domain);
        let union = terms.intern_union(UnionSpec { output, inputs: lists });
        Some(Dependent { term: terms.add(RelNode::new(RelOp::Union(union), relations)), domain, single: false })
    }
}
