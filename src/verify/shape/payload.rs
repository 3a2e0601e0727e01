use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};

use super::{Flavour, Labelled, Maker, between_dots, labelled};
use crate::expr::{AggregateFunction, ExtensionTraits, MapPartitions, NullLists, WindowFrame, WindowFunction};
use crate::rules::{ExampleFunctions, Operator, Sort, Value};
use crate::term::text::Datum;
use crate::term::{
    AggregateId, AggregateSpec, ApplyForm, ColumnId, ExtensionSpec, PredicatesId, ProjectionId, SortId, TermAggregate,
    TermId, TermSortKey, TermWindowCall, UnionId, UnionSpec, UnnestSpec, WindowId, WindowSpec,
};

impl Maker<'_> {
    /// What an operator is given, at one place of its pattern.
    pub fn part(
        &mut self,
        operator: Operator,
        sort: Sort,
        part: Labelled<'_>,
        inputs: &[TermId],
    ) -> Option<Value<TermId>> {
        if let Some(middle) = between_dots(part.datum) {
            let value = Value::Predicates(self.conjuncts_around(middle, operator, inputs)?);
            if let Some(label) = part.label {
                self.bind(label, value.clone());
            }
            return Some(value);
        }
        let word = part.datum.word()?;
        if let Some(known) = self.bound(word) {
            return Some(known);
        }
        let input = inputs.first().copied();
        let value = match sort {
            Sort::Predicates => Value::Predicates(self.predicates(operator, inputs)),
            Sort::Projection => Value::Projection(self.projection(input?)),
            Sort::Aggregates => Value::Aggregates(self.aggregate(input?)),
            Sort::SortKeys => Value::SortKeys(self.sort_keys(input?)),
            Sort::Union => Value::Union(self.union(inputs)?),
            Sort::Column => Value::Column(self.fresh(DataType::Boolean)),
            Sort::Window => Value::Window(self.window(input?)),
            Sort::Unnest => Value::Unnest(self.unnest(input?)?),
            Sort::Apply => Value::Apply(self.form(*inputs.get(1)?)?),
            Sort::Extension => Value::Extension(self.extension(inputs)),
            Sort::ColumnList | Sort::Get => {
                let table = self.table();
                match (sort, self.terms.term(table).op) {
                    (Sort::Get, crate::term::RelOp::Get(get)) => Value::Get(get),
                    _ => {
                        let columns = self.terms.facts(table).outputs.iter().collect();
                        Value::ColumnList(self.terms.intern_columns(columns))
                    }
                }
            }
            _ => return None,
        };
        self.bind(word, value.clone());
        Some(value)
    }

    fn predicates(&mut self, operator: Operator, inputs: &[TermId]) -> PredicatesId {
        match (operator, inputs) {
            (Operator::Filter, _) => self.conjunction(inputs),
            (_, [left, right]) => self.condition_of_join(*left, *right),
            (_, inputs) => {
                // A join of several: each with the one before it.
                let mut conjuncts = Vec::new();
                for pair in inputs.windows(2) {
                    let on = self.condition_of_join(pair[0], pair[1]);
                    conjuncts.extend(self.terms.predicates(on).to_vec());
                }
                self.terms.intern_predicates(conjuncts)
            }
        }
    }

    /// `[.. (?x = ?y) ..]`: conjuncts of that form among others.
    fn conjuncts_around(&mut self, middle: &[Datum], operator: Operator, inputs: &[TermId]) -> Option<PredicatesId> {
        let mut conjuncts = Vec::new();
        for part in labelled(middle).into_iter().filter(|part| part.datum.word() != Some("..")) {
            conjuncts.push(self.scalar(part, inputs, &DataType::Boolean)?);
        }
        if self.dice.once_in(2) {
            let others = self.predicates(operator, inputs);
            conjuncts.extend(self.terms.predicates(others).to_vec());
        }
        Some(self.terms.intern_predicates(conjuncts))
    }

    /// Some columns kept, and some computed from them.
    pub fn projection(&mut self, input: TermId) -> ProjectionId {
        let scope = self.scope(&[input]);
        let own: Vec<ColumnId> = self.terms.facts(input).outputs.iter().collect();
        let all = self.dice.once_in(3);
        let mut columns = Vec::new();
        for column in own {
            if all || self.dice.once_in(2) {
                columns.push((column, self.terms.column_scalar(column)));
            }
        }
        let computed = if all { self.dice.below(2) } else { self.dice.below(3) };
        for _ in 0..computed {
            let scalar = self.computed(&scope);
            let kind = self.terms.scalar_facts(scalar).data_type.clone();
            columns.push((self.fresh(kind), scalar));
        }
        if columns.is_empty() {
            columns.extend(scope.first().map(|column| (*column, self.terms.column_scalar(*column))));
        }
        self.terms.intern_projection(columns)
    }

    /// Up to two keys and up to two calls.
    pub fn aggregate(&mut self, input: TermId) -> AggregateId {
        let mut columns: Vec<ColumnId> = self.terms.facts(input).outputs.iter().collect();
        let mut spec = AggregateSpec { group: Vec::new(), aggregates: Vec::new() };
        for _ in 0..[0, 1, 1, 2][self.dice.below(4)] {
            if !columns.is_empty() {
                let at = self.dice.below(columns.len());
                spec.group.push(columns.swap_remove(at));
            }
        }
        for _ in 0..[0, 1, 1, 2][self.dice.below(4)] {
            spec.aggregates.extend(self.call(input));
        }
        self.terms.intern_aggregate(spec)
    }

    /// An aggregate call of a core kind, or one that depends on the order of rows.
    pub fn call(&mut self, input: TermId) -> Option<(ColumnId, TermAggregate)> {
        use AggregateFunction::*;
        let scope = self.scope(&[input]);
        let column = self.dice.pick(&scope).copied();
        let numbers = column.filter(|column| self.terms.column(*column).data_type.is_numeric());
        let mut function = [Count, Sum, Min, Max, Avg, Count, Sum][self.dice.below(7)].clone();
        let mut arg = match (&function, column, numbers) {
            (Count, None, _) => None,
            (Count, Some(_), _) if self.dice.once_in(3) => None,
            (Sum | Avg, _, None) => None,
            (_, Some(column), _) => Some(self.terms.column_scalar(column)),
            (_, None, _) => return None,
        };
        if arg.is_none() {
            function = Count;
        }
        if self.flavour == Flavour::Ordered && self.dice.once_in(2) {
            let column = column?;
            function = ExampleFunctions::first(&self.terms.column(column).data_type);
            arg = Some(self.terms.column_scalar(column));
        }
        if arg.is_some() && matches!(self.flavour, Flavour::Volatile | Flavour::Failing) && self.dice.once_in(3) {
            let computed = self.computed(&scope);
            if self.terms.scalar_facts(computed).data_type.is_numeric() {
                arg = Some(computed);
            }
        } else if arg.is_some() && self.size > 0 && self.dice.once_in(4) {
            let kind = self.terms.column(column?).data_type.clone();
            if matches!(function, Count | Sum | Min | Max) {
                arg = Some(self.value(&scope, &kind, 1));
            }
        }
        let types: Vec<DataType> = arg.iter().map(|arg| self.terms.scalar_facts(*arg).data_type.clone()).collect();
        let kind = self.terms.functions().aggregate_type(&function, &types)?;
        let distinct = arg.is_some() && self.dice.once_in(5);
        let filter = self.dice.once_in(6).then(|| self.truth(&scope, 0));
        let nullable = function != Count;
        self.made += 1;
        let column = self.terms.add_column(&format!("k{}", self.made), kind, nullable);
        Some((column, TermAggregate { function, args: arg.into_iter().collect(), distinct, filter }))
    }

    /// One or two keys.
    pub fn sort_keys(&mut self, input: TermId) -> SortId {
        let scope = self.scope(&[input]);
        let mut keys = Vec::new();
        for _ in 0..1 + self.dice.below(2) {
            if let Some(column) = self.dice.pick(&scope) {
                let scalar = self.terms.column_scalar(*column);
                keys.push(TermSortKey { scalar, descending: self.dice.once_in(2), nulls_first: self.dice.once_in(2) });
            }
        }
        self.terms.intern_sort(keys)
    }

    /// One or two output columns, each fed by a column of each input.
    pub fn union(&mut self, inputs: &[TermId]) -> Option<UnionId> {
        let mut spec = UnionSpec { output: Vec::new(), inputs: vec![Vec::new(); inputs.len()] };
        for _ in 0..1 + self.dice.below(2) {
            let scope = self.scope(inputs.get(..1)?);
            let kind = self.terms.column(*self.dice.pick(&scope)?).data_type.clone();
            let mut sources = Vec::with_capacity(inputs.len());
            for input in inputs {
                let own: Vec<ColumnId> = self.terms.facts(*input).outputs.iter().collect();
                sources.push(self.of_type(&own, &kind)?);
            }
            spec.output.push(self.fresh(kind));
            spec.inputs.iter_mut().zip(sources).for_each(|(list, source)| list.push(source));
        }
        Some(self.terms.intern_union(spec))
    }

    /// A window: ranks and aggregates over partitions.
    fn window(&mut self, input: TermId) -> WindowId {
        let scope = self.scope(&[input]);
        let keys = self.sort_keys(input);
        let order_by = self.terms.sort_keys(keys).to_vec();
        let mut partition_by = Vec::new();
        for _ in 0..self.dice.below(3) {
            partition_by.extend(self.dice.pick(&scope));
        }
        let functions = [WindowFunction::RowNumber, WindowFunction::Rank, WindowFunction::Lag(1)];
        let mut function = functions[self.dice.below(3)].clone();
        let column = self.dice.pick(&scope).copied();
        let kind = column.map(|column| self.terms.column(column).data_type.clone()).unwrap_or(DataType::Int64);
        if self.dice.once_in(2) {
            function = WindowFunction::Aggregate(AggregateFunction::Count);
        }
        let (args, kind) = match (&function, column) {
            (WindowFunction::Lag(_), Some(column)) => (vec![self.terms.column_scalar(column)], kind),
            (WindowFunction::Aggregate(_), Some(column)) => (vec![self.terms.column_scalar(column)], DataType::Int64),
            (WindowFunction::Aggregate(_), None) => (Vec::new(), DataType::Int64),
            _ => (Vec::new(), DataType::UInt64),
        };
        let call = TermWindowCall {
            function,
            args: args.into_iter().collect(),
            frame: WindowFrame::UP_TO_PEERS,
            filter: None,
        };
        let calls = vec![(self.fresh(kind), call)];
        self.terms.intern_window(WindowSpec { partition_by, order_by, calls })
    }

    fn unnest(&mut self, input: TermId) -> Option<UnnestSpec> {
        let scope = self.scope(&[input]);
        let element = |kind: &DataType| crate::expr::element(kind).map(|item| item.data_type().clone());
        let lists =
            scope.into_iter().filter_map(|column| Some((column, element(&self.terms.column(column).data_type)?)));
        let lists: Vec<_> = lists.collect();
        let (list, kind) = self.dice.pick(&lists)?.clone();
        let nulls = if self.dice.once_in(2) { NullLists::Preserve } else { NullLists::Drop };
        Some(UnnestSpec { list, element: self.fresh(kind), nulls })
    }

    fn form(&mut self, right: TermId) -> Option<ApplyForm> {
        let scope = self.scope(&[right]);
        Some(match self.dice.below(6) {
            0 => ApplyForm::Inner,
            1 => ApplyForm::Left,
            2 => ApplyForm::Semi,
            3 => ApplyForm::Anti,
            4 => ApplyForm::Mark(self.fresh(DataType::Boolean)),
            _ => {
                let value = *self.dice.pick(&scope)?;
                let kind = self.terms.column(value).data_type.clone();
                ApplyForm::Scalar { value, output: self.fresh(kind) }
            }
        })
    }

    /// An engine's operator, modelled by its declared traits: it gives its rows as they are, or in another
    /// order and without the last one when it declares nothing.
    fn extension(&mut self, inputs: &[TermId]) -> crate::term::ExtensionId {
        let input = inputs[0];
        let columns: Vec<ColumnId> = self.terms.facts(input).outputs.iter().collect();
        let fields = columns.iter().map(|column| {
            let info = self.terms.column(*column);
            arrow_schema::Field::new(&*info.name, info.data_type.clone(), true)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let row_wise = inputs.len() == 1 && self.dice.once_in(2);
        let traits = ExtensionTraits { column_preserving: row_wise, ..ExtensionTraits::ROW_WISE };
        let give = move |batches: &[RecordBatch]| {
            let batches = batches.iter().take(1).cloned();
            Ok(batches.map(|batch| if row_wise { batch } else { batch.slice(0, batch.num_rows().min(1)) }).collect())
        };
        let function = MapPartitions::new("model", "1", schema, give);
        let function = if row_wise { function.with_traits(traits) } else { function };
        let lists = inputs.iter().map(|input| self.terms.facts(*input).outputs.iter().collect());
        let spec = ExtensionSpec { extension: Arc::new(function), output: columns, inputs: lists.collect() };
        self.terms.add_extension(spec)
    }
}
