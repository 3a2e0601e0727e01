//! Payloads of [`Terms`]: what relational operators are given, interned, each in its normal form.

use super::rel::Computed;
use super::{
    AggregateId, AggregateSpec, ColumnId, ColumnSet, ColumnsId, ExtensionId, ExtensionSpec, GetId, GetSpec, JoinKey,
    KeysId, PredicatesId, ProjectionId, ScalarId, SortId, TermAggregate, TermSortKey, TermWindowCall, Terms, UnionId,
    UnionSpec, WindowId, WindowSpec,
};
use crate::expr::{AggregateCall, ScalarOp, SortKey, WindowCall};

impl Terms {
    /// Interns a conjunction: conjuncts are flattened, sorted and de-duplicated, `true` goes.
    pub fn intern_predicates(&mut self, conjuncts: impl IntoIterator<Item = ScalarId>) -> PredicatesId {
        let all = self.connective(true, conjuncts.into_iter().collect());
        let list = match &self.node(all).op {
            ScalarOp::And => self.node(all).args.to_vec(),
            ScalarOp::Literal(literal) if literal.as_bool() == Some(true) => Vec::new(),
            _ => vec![all],
        };
        PredicatesId(self.predicates.insert_full(list).0 as u32)
    }

    /// The conjuncts of an interned conjunction.
    pub fn predicates(&self, predicates: PredicatesId) -> &[ScalarId] {
        &self.predicates[predicates.0 as usize]
    }

    /// Interns a list of computed columns; it is sorted by column.
    pub fn intern_projection(&mut self, mut columns: Vec<Computed>) -> ProjectionId {
        columns.sort();
        columns.dedup();
        ProjectionId(self.projections.insert_full(columns).0 as u32)
    }

    /// The computed columns of a projection, ascending.
    pub fn projection(&self, projection: ProjectionId) -> &[Computed] {
        &self.projections[projection.0 as usize]
    }

    /// Whether a projection of an input that gives these columns is that input: all kept, none computed.
    pub fn is_identity(&self, projection: ProjectionId, outputs: &ColumnSet) -> bool {
        let columns = self.projection(projection);
        columns.len() == outputs.len()
            && columns
                .iter()
                .all(|(column, scalar)| self.as_column(*scalar) == Some(*column) && outputs.contains(*column))
    }

    /// Interns an aggregate; keys and aggregates are sorted by column.
    pub fn intern_aggregate(&mut self, mut spec: AggregateSpec) -> AggregateId {
        spec.group.sort();
        spec.group.dedup();
        spec.aggregates.sort();
        AggregateId(self.aggregates.insert_full(spec).0 as u32)
    }

    /// The content of an aggregate.
    pub fn aggregate(&self, aggregate: AggregateId) -> &AggregateSpec {
        &self.aggregates[aggregate.0 as usize]
    }

    /// Interns an aggregate call over columns.
    pub fn intern_call(&mut self, call: &AggregateCall<ColumnId>) -> TermAggregate {
        TermAggregate {
            function: call.function.clone(),
            args: call.args.iter().map(|arg| self.intern_scalar(arg)).collect(),
            distinct: call.distinct,
            filter: call.filter.as_ref().map(|filter| self.intern_scalar(filter)),
        }
    }

    /// An interned aggregate call as a tree.
    pub fn call_tree(&self, call: &TermAggregate) -> AggregateCall<ColumnId> {
        AggregateCall {
            function: call.function.clone(),
            args: call.args.iter().map(|arg| self.tree(*arg)).collect(),
            distinct: call.distinct,
            filter: call.filter.map(|filter| self.tree(filter)),
        }
    }

    /// Interns sort keys, in order; a key that repeats an earlier one goes.
    pub fn intern_sort(&mut self, keys: Vec<TermSortKey>) -> SortId {
        let mut unique: Vec<TermSortKey> = Vec::with_capacity(keys.len());
        for key in keys {
            if !unique.iter().any(|known| known.scalar == key.scalar) {
                unique.push(key);
            }
        }
        SortId(self.sorts.insert_full(unique).0 as u32)
    }

    /// The keys of a sort.
    pub fn sort_keys(&self, sort: SortId) -> &[TermSortKey] {
        &self.sorts[sort.0 as usize]
    }

    /// A sort key as a tree.
    pub fn sort_tree(&self, key: &TermSortKey) -> SortKey<ColumnId> {
        SortKey { scalar: self.tree(key.scalar), descending: key.descending, nulls_first: key.nulls_first }
    }

    /// Interns a list of columns.
    pub fn intern_columns(&mut self, columns: Vec<ColumnId>) -> ColumnsId {
        ColumnsId(self.column_lists.insert_full(columns).0 as u32)
    }

    /// A list of columns that was interned before.
    pub fn find_columns(&self, columns: &[ColumnId]) -> Option<ColumnsId> {
        self.column_lists.get_index_of(columns).map(|at| ColumnsId(at as u32))
    }

    /// A list of columns.
    pub fn columns_of(&self, columns: ColumnsId) -> &[ColumnId] {
        &self.column_lists[columns.0 as usize]
    }

    /// Interns join keys, sorted by content; a repeated pair goes.
    pub fn intern_keys(&mut self, mut keys: Vec<JoinKey>) -> KeysId {
        keys.sort_by(|a, b| self.compare_scalars(a.0, b.0).then(self.compare_scalars(a.1, b.1)));
        keys.dedup();
        KeysId(self.keys.insert_full(keys).0 as u32)
    }

    /// The pairs of join keys.
    pub fn keys(&self, keys: KeysId) -> &[JoinKey] {
        &self.keys[keys.0 as usize]
    }

    /// Interns the mapping of a union.
    pub fn intern_union(&mut self, spec: UnionSpec) -> UnionId {
        UnionId(self.unions.insert_full(spec).0 as u32)
    }

    /// The mapping of a union.
    pub fn union_spec(&self, union: UnionId) -> &UnionSpec {
        &self.unions[union.0 as usize]
    }

    /// Interns a window; its partition's columns and its calls are sorted by column.
    pub fn intern_window(&mut self, mut spec: WindowSpec) -> WindowId {
        spec.partition_by.sort();
        spec.partition_by.dedup();
        spec.calls.sort();
        WindowId(self.windows.insert_full(spec).0 as u32)
    }

    /// The content of a window.
    pub fn window(&self, window: WindowId) -> &WindowSpec {
        &self.windows[window.0 as usize]
    }

    /// Interns a window call over columns.
    pub fn intern_window_call(&mut self, call: &WindowCall<ColumnId>) -> TermWindowCall {
        TermWindowCall {
            function: call.function.clone(),
            args: call.args.iter().map(|arg| self.intern_scalar(arg)).collect(),
            frame: call.frame,
            filter: call.filter.as_ref().map(|filter| self.intern_scalar(filter)),
        }
    }

    /// An interned window call as a tree.
    pub fn window_call_tree(&self, call: &TermWindowCall) -> WindowCall<ColumnId> {
        WindowCall {
            function: call.function.clone(),
            args: call.args.iter().map(|arg| self.tree(*arg)).collect(),
            frame: call.frame,
            filter: call.filter.map(|filter| self.tree(filter)),
        }
    }

    /// A new reading of a leaf.
    pub fn add_get(&mut self, spec: GetSpec) -> GetId {
        // Requirements are lists that are interned: this is one that the leaf meets.
        if let Some(columns) = spec.hashed() {
            self.intern_columns(columns);
        }
        self.gets.push(spec);
        GetId(self.gets.len() as u32 - 1)
    }

    /// How a leaf is read.
    pub fn get_spec(&self, get: GetId) -> &GetSpec {
        &self.gets[get.0 as usize]
    }

    /// All readings of leaves, by id.
    pub fn gets(&self) -> &[GetSpec] {
        &self.gets
    }

    /// A new extension.
    pub fn add_extension(&mut self, spec: ExtensionSpec) -> ExtensionId {
        self.extensions.push(spec);
        ExtensionId(self.extensions.len() as u32 - 1)
    }

    /// What an extension runs.
    pub fn extension(&self, extension: ExtensionId) -> &ExtensionSpec {
        &self.extensions[extension.0 as usize]
    }
}
