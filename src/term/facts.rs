use smallvec::SmallVec;

use super::{ApplyForm, ColumnSet, RelNode, RelOp, Terms, UnnestSpec};
use crate::expr::{AggregateFunction, JoinKind, WindowFunction};

/// What is proved of a relation. Facts are sound bounds, never estimates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The columns that it gives.
    pub outputs: ColumnSet,
    /// Output columns that are never null.
    pub not_null: ColumnSet,
    /// Sets of columns of which no two rows agree (nulls taken as equal); the empty set says "at
    /// most one row". At most `MAX_KEYS`, none a superset of another.
    pub keys: SmallVec<[ColumnSet; 2]>,
    /// At most so many rows.
    pub max_rows: Option<u64>,
}

/// More keys than this are forgotten: a bound for wide joins.
pub const MAX_KEYS: usize = 4;

impl Facts {
    /// Whether no two rows agree on these columns.
    pub fn is_key(&self, columns: &ColumnSet) -> bool {
        self.max_rows.is_some_and(|rows| rows <= 1) || self.keys.iter().any(|key| key.is_subset(columns))
    }

    fn add_key(&mut self, key: ColumnSet) {
        if self.keys.iter().any(|known| known.is_subset(&key)) {
            return;
        }
        self.keys.retain(|known| !key.is_subset(known));
        if self.keys.len() < MAX_KEYS {
            self.keys.push(key);
        }
    }

    /// The facts of a node, from those of its inputs.
    pub(super) fn of<I>(terms: &Terms, node: &RelNode<I>, inputs: &[&Facts]) -> Facts {
        let mut facts = Facts::default();
        match node.op {
            RelOp::Get(get) => {
                let spec = terms.get_spec(get);
                facts.outputs = spec.columns.iter().copied().collect();
                let fields = spec.leaf.schema().fields().iter().zip(&spec.columns);
                facts.not_null = fields.filter(|(field, _)| !field.is_nullable()).map(|(_, column)| *column).collect();
            }
            RelOp::Empty(columns) => {
                facts.outputs = terms.columns_of(columns).iter().copied().collect();
                facts.not_null = facts.outputs.clone();
                facts.max_rows = Some(0);
            }
            RelOp::Project(projection) => {
                let input = inputs[0];
                for (column, scalar) in terms.projection(projection) {
                    facts.outputs.insert(*column);
                    if terms.never_null(*scalar, &input.not_null) {
                        facts.not_null.insert(*column);
                    }
                }
                facts.max_rows = input.max_rows;
                // A key survives where its columns are kept, under whatever name.
                let kept = |key: &ColumnSet| -> Option<ColumnSet> {
                    key.iter()
                        .map(|column| {
                            let mut computed = terms.projection(projection).iter();
                            computed.find(|(_, scalar)| terms.as_column(*scalar) == Some(column)).map(|(to, _)| *to)
                        })
                        .collect()
                };
                input.keys.iter().filter_map(kept).for_each(|key| facts.add_key(key));
            }
            RelOp::Filter(predicates) => {
                facts = inputs[0].clone();
                for predicate in terms.predicates(predicates) {
                    let rejected = terms.rejects_null(*predicate).intersection(&facts.outputs);
                    facts.not_null.extend(&rejected);
                }
            }
            RelOp::Join(kind, predicates) => facts = Facts::of_join(terms, kind, terms.predicates(predicates), inputs),
            RelOp::JoinSet(predicates) => {
                for input in inputs {
                    facts.outputs.extend(&input.outputs);
                    facts.not_null.extend(&input.not_null);
                }
                for predicate in terms.predicates(predicates) {
                    let rejected = terms.rejects_null(*predicate).intersection(&facts.outputs);
                    facts.not_null.extend(&rejected);
                }
                let rows = inputs.iter().map(|input| input.max_rows);
                facts.max_rows = rows.reduce(|a, b| a?.checked_mul(b?)).flatten();
                let keys = inputs.iter().map(|input| input.keys.first().cloned());
                if let Some(key) = keys.reduce(|a, b| Some(a?.union(&b?))).flatten() {
                    facts.add_key(key);
                }
            }
            RelOp::MarkJoin(mark, predicates) => {
                facts = inputs[0].clone();
                let not_null = inputs[0].not_null.union(&inputs[1].not_null);
                if terms.predicates(predicates).iter().all(|predicate| terms.never_null(*predicate, &not_null)) {
                    facts.not_null.insert(mark);
                }
                facts.outputs.insert(mark);
            }
            RelOp::Apply(form, _) => {
                facts = inputs[0].clone();
                match form {
                    ApplyForm::Semi | ApplyForm::Anti => {}
                    ApplyForm::Mark(column) | ApplyForm::Scalar { output: column, .. } => facts.outputs.insert(column),
                    ApplyForm::Inner | ApplyForm::Left => {
                        facts.outputs.extend(&inputs[1].outputs);
                        facts.keys.clear();
                        facts.max_rows = None;
                    }
                }
            }
            RelOp::Window(window) => {
                let spec = terms.window(window);
                facts = inputs[0].clone();
                for (column, call) in &spec.calls {
                    facts.outputs.insert(*column);
                    use WindowFunction::*;
                    let ranks =
                        matches!(call.function, RowNumber | Rank | DenseRank | PercentRank | CumeDist | Ntile(_));
                    if ranks || call.function == Aggregate(AggregateFunction::Count) {
                        facts.not_null.insert(*column);
                    }
                    if call.function == RowNumber {
                        let mut key: ColumnSet = spec.partition_by.iter().copied().collect();
                        key.insert(*column);
                        facts.add_key(key);
                    }
                }
            }
            RelOp::Unnest(UnnestSpec { list, element, .. }) => {
                let other = inputs[0].outputs.difference(&ColumnSet::of(list));
                facts.not_null = inputs[0].not_null.intersection(&other);
                facts.outputs = other;
                facts.outputs.insert(element);
            }
            RelOp::Aggregate(aggregate) => {
                let spec = terms.aggregate(aggregate);
                let group: ColumnSet = spec.group.iter().copied().collect();
                facts.not_null = group.intersection(&inputs[0].not_null);
                facts.outputs = group.clone();
                for (column, call) in &spec.aggregates {
                    facts.outputs.insert(*column);
                    if call.function == AggregateFunction::Count {
                        facts.not_null.insert(*column);
                    }
                }
                facts.max_rows = if group.is_empty() { Some(1) } else { inputs[0].max_rows };
                let input_keys = inputs[0].keys.iter().filter(|key| key.is_subset(&group)).cloned();
                input_keys.for_each(|key| facts.add_key(key));
                facts.add_key(group);
            }
            RelOp::Distinct => {
                facts = inputs[0].clone();
                let all = facts.outputs.clone();
                facts.add_key(all);
            }
            RelOp::Sort(_) => facts = inputs[0].clone(),
            RelOp::Limit { fetch, .. } => {
                facts = inputs[0].clone();
                facts.max_rows = least(facts.max_rows, fetch);
            }
            RelOp::TopK { fetch, .. } => {
                facts = inputs[0].clone();
                facts.max_rows = least(facts.max_rows, Some(fetch));
            }
            RelOp::Union(union) => {
                let spec = terms.union_spec(union);
                facts.outputs = spec.output.iter().copied().collect();
                let never_null = |at: &usize| {
                    spec.inputs.iter().zip(inputs).all(|(columns, input)| input.not_null.contains(columns[*at]))
                };
                facts.not_null = (0..spec.output.len()).filter(never_null).map(|at| spec.output[at]).collect();
                facts.max_rows = inputs.iter().map(|input| input.max_rows).reduce(|a, b| a?.checked_add(b?)).flatten();
            }
            RelOp::Extension(extension) => {
                let spec = terms.extension(extension);
                facts.outputs = spec.output.iter().copied().collect();
                let schema = spec.extension.schema();
                let fields = schema.fields().iter().zip(&spec.output);
                facts.not_null = fields.filter(|(field, _)| !field.is_nullable()).map(|(_, column)| *column).collect();
                let traits = spec.extension.traits();
                if traits.row_wise {
                    facts.max_rows = inputs[0].max_rows;
                }
                if traits.column_preserving {
                    facts.not_null.extend(&inputs[0].not_null.intersection(&facts.outputs));
                    let kept: Vec<_> = inputs[0].keys.iter().filter(|key| key.is_subset(&facts.outputs)).collect();
                    kept.into_iter().for_each(|key| facts.add_key(key.clone()));
                }
            }
        }
        if facts.max_rows.is_some_and(|rows| rows <= 1) {
            facts.keys.clear();
            facts.keys.push(ColumnSet::new());
        }
        facts
    }

    fn of_join(terms: &Terms, kind: JoinKind, predicates: &[super::ScalarId], inputs: &[&Facts]) -> Facts {
        let (left, right) = (inputs[0], inputs[1]);
        let mut facts = Facts::default();
        let mut rejected = ColumnSet::new();
        predicates.iter().for_each(|predicate| rejected.extend(&terms.rejects_null(*predicate)));
        facts.outputs = left.outputs.clone();
        if kind.gives_right() {
            facts.outputs.extend(&right.outputs);
        }
        // Where every row has a match, what the condition rejects is not null.
        let (matched_left, matched_right) = match kind {
            JoinKind::Inner => (true, true),
            JoinKind::Semi => (true, false),
            _ => (false, false),
        };
        if !kind.nulls_left() {
            facts.not_null.extend(&left.not_null);
        }
        if kind.gives_right() && !kind.nulls_right() {
            facts.not_null.extend(&right.not_null);
        }
        if matched_left {
            facts.not_null.extend(&rejected.intersection(&left.outputs));
        }
        if matched_right {
            facts.not_null.extend(&rejected.intersection(&right.outputs));
        }
        if !kind.gives_right() {
            facts.keys = left.keys.clone();
            facts.max_rows = left.max_rows;
            return facts;
        }
        // A side whose join columns are a key of it matches each row of the other at most once.
        let equal = |own: &ColumnSet| -> ColumnSet {
            predicates.iter().filter_map(|predicate| terms.equi_columns(*predicate)).fold(
                ColumnSet::new(),
                |mut columns, (a, b)| {
                    [a, b].into_iter().filter(|column| own.contains(*column)).for_each(|column| columns.insert(column));
                    columns
                },
            )
        };
        let right_at_most_once = right.is_key(&equal(&right.outputs));
        let left_at_most_once = left.is_key(&equal(&left.outputs));
        if right_at_most_once && !kind.nulls_left() {
            left.keys.iter().for_each(|key| facts.add_key(key.clone()));
        }
        if left_at_most_once && !kind.nulls_right() {
            right.keys.iter().for_each(|key| facts.add_key(key.clone()));
        }
        if (kind == JoinKind::Inner || !left.keys.iter().chain(&right.keys).any(ColumnSet::is_empty))
            && let (Some(a), Some(b)) = (left.keys.first(), right.keys.first())
        {
            // Of a full join, an unmatched left row whose key is null and an unmatched right row
            // whose key is null agree.
            let told_apart = a.intersects(&left.not_null) || b.intersects(&right.not_null);
            if kind != JoinKind::Full || told_apart {
                facts.add_key(a.union(b));
            }
        }
        if kind == JoinKind::Inner {
            facts.max_rows = left.max_rows.zip(right.max_rows).and_then(|(a, b)| a.checked_mul(b));
        }
        facts
    }
}

fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}
