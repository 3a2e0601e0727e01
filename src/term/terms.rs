use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::DataType;
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::rel::Computed;
use super::{
    AggregateId, AggregateSpec, BarrierId, BarrierSpec, ColumnId, ColumnSet, ColumnsId, Facts, GetId, GetSpec, JoinKey,
    KeysId, PredicatesId, ProjectionId, RelNode, RelOp, ScalarFacts, ScalarId, ScalarNode, SortId, TermAggregate,
    TermSortKey, UnionId, UnionSpec,
};
use crate::expr::{
    AggregateCall, BinaryOp, Functions, Literal, Name, Scalar, ScalarOp, ScalarType, SortKey, Volatility, can_fail,
    infer_op,
};
use crate::token::{Tokenize, tokenize};

/// Values by the order in which they came. The hash is fixed and fast; nobody sees its order.
type Interned<T> = IndexSet<T, FxBuildHasher>;

/// A term of [`Terms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermId(pub u32);

/// A column of the query.
#[derive(Clone, Debug)]
pub struct ColumnInfo {
    /// How texts call it; unique within the query.
    pub name: Name,
    /// Its type.
    pub data_type: DataType,
    /// Whether it can be null where it is made.
    pub nullable: bool,
}

/// The arena of one query: columns, interned scalars and payloads, and hash-consed relational terms.
pub struct Terms {
    functions: Arc<dyn Functions>,
    columns: Vec<ColumnInfo>,
    names: HashMap<Name, ColumnId, FxBuildHasher>,
    derived: HashMap<crate::token::Token, ColumnId, FxBuildHasher>,
    derived_columns: ColumnSet,
    scalars: Interned<ScalarNode>,
    scalar_facts: Vec<ScalarFacts>,
    predicates: Interned<Vec<ScalarId>>,
    projections: Interned<Vec<Computed>>,
    aggregates: Interned<AggregateSpec>,
    sorts: Interned<Vec<TermSortKey>>,
    column_lists: Interned<Vec<ColumnId>>,
    keys: Interned<Vec<JoinKey>>,
    unions: Interned<UnionSpec>,
    gets: Vec<GetSpec>,
    barriers: Vec<BarrierSpec>,
    nodes: Interned<RelNode<TermId>>,
    facts: Vec<Facts>,
}

impl Terms {
    /// An empty arena whose types an engine's functions tell.
    pub fn new(functions: Arc<dyn Functions>) -> Self {
        Terms {
            functions,
            columns: Vec::new(),
            names: HashMap::default(),
            derived: HashMap::default(),
            derived_columns: ColumnSet::new(),
            scalars: Interned::default(),
            scalar_facts: Vec::new(),
            predicates: Interned::default(),
            projections: Interned::default(),
            aggregates: Interned::default(),
            sorts: Interned::default(),
            column_lists: Interned::default(),
            keys: Interned::default(),
            unions: Interned::default(),
            gets: Vec::new(),
            barriers: Vec::new(),
            nodes: Interned::default(),
            facts: Vec::new(),
        }
    }

    /// The engine's types.
    pub fn functions(&self) -> &Arc<dyn Functions> {
        &self.functions
    }

    // ---- columns ---------------------------------------------------------------------------

    /// A new column; its name is made unique with a suffix (`n_name:2`).
    pub fn add_column(&mut self, name: &str, data_type: DataType, nullable: bool) -> ColumnId {
        let id = ColumnId(self.columns.len() as u32);
        let mut unique: Name = name.into();
        let mut copy = 2;
        while self.names.contains_key(&unique) {
            unique = format!("{name}:{copy}").into();
            copy += 1;
        }
        self.names.insert(unique.clone(), id);
        self.columns.push(ColumnInfo { name: unique, data_type, nullable });
        id
    }

    /// The column that a rule derives from some content: the same content always gives the same one.
    pub fn derived_column(
        &mut self,
        rule: &str,
        content: &dyn Tokenize,
        name: &str,
        data_type: DataType,
        nullable: bool,
    ) -> ColumnId {
        let mut tokenizer = crate::token::Tokenizer::new(rule);
        content.tokenize(&mut tokenizer);
        let token = tokenizer.finish();
        if let Some(column) = self.derived.get(&token) {
            return *column;
        }
        let column = self.add_column(name, data_type, nullable);
        self.derived.insert(token, column);
        self.derived_columns.insert(column);
        column
    }

    /// Whether a column is one that a rule made by [`Terms::derived_column`].
    pub fn is_derived(&self, column: ColumnId) -> bool {
        self.derived_columns.contains(column)
    }

    /// What is known of a column.
    pub fn column(&self, column: ColumnId) -> &ColumnInfo {
        &self.columns[column.0 as usize]
    }

    /// All columns of the query, by id.
    pub fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    /// The column of a name as texts print it.
    pub fn column_named(&self, name: &str) -> Option<ColumnId> {
        self.names.get(name).copied()
    }

    // ---- scalars ---------------------------------------------------------------------------

    /// Interns a scalar tree in normal form.
    pub fn intern_scalar(&mut self, scalar: &Scalar<ColumnId>) -> ScalarId {
        let args: SmallVec<[ScalarId; 3]> = scalar.args.iter().map(|arg| self.intern_scalar(arg)).collect();
        self.scalar(scalar.op.clone(), args)
    }

    /// Interns an operator over interned operands. Normal forms: AND and OR are flat, sorted,
    /// de-duplicated and free of their neutral element; `between` is two comparisons where its
    /// operand may be evaluated twice; a literal stands right of a comparison; columns of `=` ascend.
    ///
    /// Operands whose types do not fit are a bug of the caller: `Expr` has checked what users write.
    pub fn scalar(&mut self, op: ScalarOp<ColumnId>, args: impl IntoIterator<Item = ScalarId>) -> ScalarId {
        let mut args: SmallVec<[ScalarId; 3]> = args.into_iter().collect();
        match &op {
            ScalarOp::And | ScalarOp::Or => return self.connective(matches!(op, ScalarOp::And), args),
            ScalarOp::Between { negated } if self.scalar_facts(args[0]).volatility < Volatility::Volatile => {
                let (low, high) = match negated {
                    false => (BinaryOp::GtEq, BinaryOp::LtEq),
                    true => (BinaryOp::Lt, BinaryOp::Gt),
                };
                let low = self.scalar(ScalarOp::Binary(low), [args[0], args[1]]);
                let high = self.scalar(ScalarOp::Binary(high), [args[0], args[2]]);
                return self.connective(!negated, [low, high].into_iter().collect());
            }
            ScalarOp::Binary(binary) if binary.is_comparison() => {
                let literal = |id: ScalarId| matches!(self.node(id).op, ScalarOp::Literal(_));
                let swap = match (literal(args[0]), literal(args[1])) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => binary.commuted() == Some(*binary) && self.compare_scalars(args[0], args[1]).is_gt(),
                };
                if let Some(commuted) = binary.commuted().filter(|_| swap) {
                    args.swap(0, 1);
                    return self.intern_node(ScalarNode { op: ScalarOp::Binary(commuted), args });
                }
            }
            ScalarOp::Not => {
                let inner = self.node(args[0]).clone();
                match inner.op {
                    ScalarOp::Not => return inner.args[0],
                    ScalarOp::Binary(binary) => {
                        if let Some(negated) = binary.negated() {
                            return self.scalar(ScalarOp::Binary(negated), inner.args);
                        }
                    }
                    ScalarOp::IsNull => return self.scalar(ScalarOp::IsNotNull, inner.args),
                    ScalarOp::IsNotNull => return self.scalar(ScalarOp::IsNull, inner.args),
                    ScalarOp::InList { negated } => {
                        return self.scalar(ScalarOp::InList { negated: !negated }, inner.args);
                    }
                    ScalarOp::Like { negated, case_insensitive, escape } => {
                        return self.scalar(ScalarOp::Like { negated: !negated, case_insensitive, escape }, inner.args);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        self.intern_node(ScalarNode { op, args })
    }

    /// A column as a scalar.
    pub fn column_scalar(&mut self, column: ColumnId) -> ScalarId {
        self.intern_node(ScalarNode { op: ScalarOp::Column(column), args: SmallVec::new() })
    }

    /// A constant as a scalar.
    pub fn literal(&mut self, literal: impl Into<Literal>) -> ScalarId {
        self.intern_node(ScalarNode { op: ScalarOp::Literal(literal.into()), args: SmallVec::new() })
    }

    /// The node of an interned scalar.
    pub fn node(&self, scalar: ScalarId) -> &ScalarNode {
        &self.scalars[scalar.0 as usize]
    }

    /// What is known of an interned scalar.
    pub fn scalar_facts(&self, scalar: ScalarId) -> &ScalarFacts {
        &self.scalar_facts[scalar.0 as usize]
    }

    /// The column, if the scalar is just that.
    pub fn as_column(&self, scalar: ScalarId) -> Option<ColumnId> {
        match self.node(scalar).op {
            ScalarOp::Column(column) => Some(column),
            _ => None,
        }
    }

    /// The constant, if the scalar is one.
    pub fn as_literal(&self, scalar: ScalarId) -> Option<&Literal> {
        match &self.node(scalar).op {
            ScalarOp::Literal(literal) => Some(literal),
            _ => None,
        }
    }

    /// The interned scalar as a tree.
    pub fn tree(&self, scalar: ScalarId) -> Scalar<ColumnId> {
        let node = self.node(scalar);
        Scalar { op: node.op.clone(), args: node.args.iter().map(|arg| self.tree(*arg)).collect() }
    }

    /// A total order of scalars by content, the same in every process.
    pub fn compare_scalars(&self, a: ScalarId, b: ScalarId) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        let (left, right) = (self.node(a), self.node(b));
        left.op.cmp(&right.op).then_with(|| {
            let args = left.args.iter().zip(&right.args).map(|(x, y)| self.compare_scalars(*x, *y));
            args.into_iter().find(|order| order.is_ne()).unwrap_or(left.args.len().cmp(&right.args.len()))
        })
    }

    /// The same scalar with columns replaced by scalars.
    pub fn substitute(&mut self, scalar: ScalarId, with: &dyn Fn(ColumnId) -> Option<ScalarId>) -> ScalarId {
        let node = self.node(scalar).clone();
        if let ScalarOp::Column(column) = node.op {
            return with(column).unwrap_or(scalar);
        }
        if node.args.is_empty() {
            return scalar;
        }
        let args: SmallVec<[ScalarId; 3]> = node.args.iter().map(|arg| self.substitute(*arg, with)).collect();
        if args == node.args { scalar } else { self.scalar(node.op, args) }
    }

    /// `a = b` as its two columns.
    pub fn equi_columns(&self, scalar: ScalarId) -> Option<(ColumnId, ColumnId)> {
        let node = self.node(scalar);
        match node.op {
            ScalarOp::Binary(BinaryOp::Eq) => Some((self.as_column(node.args[0])?, self.as_column(node.args[1])?)),
            _ => None,
        }
    }

    /// The columns of which a null makes the scalar false or null, never true. Sound, not complete.
    pub fn rejects_null(&self, scalar: ScalarId) -> ColumnSet {
        let node = self.node(scalar);
        match &node.op {
            ScalarOp::And => node.args.iter().fold(ColumnSet::new(), |set, arg| set.union(&self.rejects_null(*arg))),
            ScalarOp::Or => {
                let sets = node.args.iter().map(|arg| self.rejects_null(*arg));
                sets.reduce(|a, b| a.intersection(&b)).unwrap_or_default()
            }
            ScalarOp::IsNotNull => self.propagates_null(node.args[0]),
            ScalarOp::IsTrue => self.rejects_null(node.args[0]),
            _ => self.propagates_null(scalar),
        }
    }

    /// The columns of which a null makes the scalar null. Sound, not complete.
    pub fn propagates_null(&self, scalar: ScalarId) -> ColumnSet {
        let node = self.node(scalar);
        let all = || node.args.iter().fold(ColumnSet::new(), |set, arg| set.union(&self.propagates_null(*arg)));
        match &node.op {
            ScalarOp::Column(column) => ColumnSet::of(*column),
            // Null is not in an empty list.
            ScalarOp::InList { .. } if node.args.len() == 1 => ColumnSet::new(),
            ScalarOp::Binary(BinaryOp::IsDistinctFrom | BinaryOp::IsNotDistinctFrom) => ColumnSet::new(),
            ScalarOp::Binary(_) | ScalarOp::Not | ScalarOp::Negate | ScalarOp::Cast { .. } | ScalarOp::Like { .. } => {
                all()
            }
            ScalarOp::Between { negated: false } => self.propagates_null(node.args[0]),
            // Over an empty list, even null is not in it.
            ScalarOp::InList { .. } if node.args.len() > 1 => self.propagates_null(node.args[0]),
            ScalarOp::Call(function) if function.strict => all(),
            _ => ColumnSet::new(),
        }
    }

    /// Whether a scalar is never null, given the columns that are not.
    pub fn never_null(&self, scalar: ScalarId, not_null: &ColumnSet) -> bool {
        let node = self.node(scalar);
        let all = || node.args.iter().all(|arg| self.never_null(*arg, not_null));
        match &node.op {
            ScalarOp::Column(column) => not_null.contains(*column),
            ScalarOp::Literal(literal) => !literal.is_null(),
            ScalarOp::IsNull | ScalarOp::IsNotNull | ScalarOp::IsTrue => true,
            ScalarOp::Binary(BinaryOp::IsDistinctFrom | BinaryOp::IsNotDistinctFrom) => true,
            ScalarOp::Cast { safe, .. } => !safe && all(),
            ScalarOp::Case { otherwise, .. } => *otherwise && all(),
            ScalarOp::Call(function) => !function.nullable && function.strict && all(),
            _ => all(),
        }
    }

    fn connective(&mut self, and: bool, args: SmallVec<[ScalarId; 3]>) -> ScalarId {
        let op = if and { ScalarOp::And } else { ScalarOp::Or };
        let mut flat = Vec::with_capacity(args.len());
        for arg in args {
            let node = self.node(arg);
            match node.op == op {
                true => flat.extend(node.args.iter().copied()),
                false => flat.push(arg),
            }
        }
        // `true and x` is x; `false and x` is false, where x cannot fail or errors may go.
        let truth = |terms: &Terms, id: ScalarId| terms.as_literal(id).and_then(Literal::as_bool);
        if flat.iter().any(|arg| truth(self, *arg) == Some(!and)) {
            return self.literal(!and);
        }
        flat.retain(|arg| truth(self, *arg) != Some(and));
        self.sort_operands(&mut flat);
        match flat.as_slice() {
            [] => self.literal(and),
            [only] if self.scalar_facts(*only).data_type == DataType::Boolean => *only,
            _ => self.intern_node(ScalarNode { op, args: flat.into_iter().collect() }),
        }
    }

    /// Operands that cannot fail come first, sorted by content; the others keep their order, so that
    /// what protects one of them still does.
    fn sort_operands(&self, operands: &mut Vec<ScalarId>) {
        operands.sort_by(|a, b| match (self.scalar_facts(*a).can_fail, self.scalar_facts(*b).can_fail) {
            (false, false) => self.compare_scalars(*a, *b),
            (true, true) => Ordering::Equal,
            (a_fails, b_fails) => a_fails.cmp(&b_fails),
        });
        let mut seen = Vec::with_capacity(operands.len());
        operands.retain(|operand| {
            // Two calls of a volatile function are two nodes.
            let fresh = !seen.contains(operand) || self.scalar_facts(*operand).volatility == Volatility::Volatile;
            seen.push(*operand);
            fresh
        });
    }

    fn intern_node(&mut self, node: ScalarNode) -> ScalarId {
        if let Some(at) = self.scalars.get_index_of(&node) {
            return ScalarId(at as u32);
        }
        let facts = self.facts_of_scalar(&node);
        let (at, _) = self.scalars.insert_full(node);
        self.scalar_facts.push(facts);
        ScalarId(at as u32)
    }

    fn facts_of_scalar(&self, node: &ScalarNode) -> ScalarFacts {
        let mut columns = ColumnSet::new();
        let mut volatility = Volatility::Immutable;
        let mut fails = false;
        for arg in &node.args {
            let facts = self.scalar_facts(*arg);
            columns.extend(&facts.columns);
            volatility = volatility.max(facts.volatility);
            fails |= facts.can_fail;
        }
        let kind = match &node.op {
            ScalarOp::Column(column) => {
                columns.insert(*column);
                let info = self.column(*column);
                ScalarType::new(info.data_type.clone(), info.nullable)
            }
            op => {
                if let ScalarOp::Call(function) = op {
                    volatility = volatility.max(function.volatility);
                }
                let args = node.args.iter().map(|arg| {
                    let facts = self.scalar_facts(*arg);
                    ScalarType::new(facts.data_type.clone(), facts.nullable)
                });
                let args: Vec<_> = args.collect();
                let types: Vec<_> = args.iter().map(|arg| arg.data_type.clone()).collect();
                fails |= can_fail(op, &types);
                infer_op(op, &args, &*self.functions).unwrap_or_else(|_| ScalarType::new(DataType::Null, true))
            }
        };
        ScalarFacts { data_type: kind.data_type, nullable: kind.nullable, columns, volatility, can_fail: fails }
    }

    // ---- payloads --------------------------------------------------------------------------

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

    /// A new reading of a leaf.
    pub fn add_get(&mut self, spec: GetSpec) -> GetId {
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

    /// A new barrier.
    pub fn add_barrier(&mut self, spec: BarrierSpec) -> BarrierId {
        self.barriers.push(spec);
        BarrierId(self.barriers.len() as u32 - 1)
    }

    /// What a barrier runs.
    pub fn barrier(&self, barrier: BarrierId) -> &BarrierSpec {
        &self.barriers[barrier.0 as usize]
    }

    // ---- relations -------------------------------------------------------------------------

    /// Interns a relational node. A `join-set` takes in the join-sets and inner joins among its
    /// inputs; see [`Terms::join_set`].
    pub fn add(&mut self, node: RelNode<TermId>) -> TermId {
        if let Some(at) = self.nodes.get_index_of(&node) {
            return TermId(at as u32);
        }
        let facts = {
            let inputs: SmallVec<[&Facts; 4]> = node.inputs.iter().map(|input| self.facts(*input)).collect();
            Facts::of(self, &node, &inputs)
        };
        let (at, _) = self.nodes.insert_full(node);
        self.facts.push(facts);
        TermId(at as u32)
    }

    /// The facts that a node would have over inputs of known facts.
    pub fn facts_of<I>(&self, node: &RelNode<I>, inputs: &[&Facts]) -> Facts {
        Facts::of(self, node, inputs)
    }

    /// An inner join of any number of relations in its normal form: join-sets and inner joins among
    /// the relations are taken in, and conjuncts that read one relation alone filter that relation.
    /// Relations never de-duplicate: `t cross join t` has two.
    pub fn join_set(
        &mut self,
        relations: impl IntoIterator<Item = TermId>,
        conjuncts: impl IntoIterator<Item = ScalarId>,
    ) -> TermId {
        let mut flat = Vec::new();
        let mut all: Vec<ScalarId> = conjuncts.into_iter().collect();
        let mut stack: Vec<TermId> = relations.into_iter().collect();
        stack.reverse();
        while let Some(relation) = stack.pop() {
            let node = self.term(relation).clone();
            match node.op {
                RelOp::JoinSet(inner) | RelOp::Join(crate::expr::JoinKind::Inner, inner) => {
                    all.extend(self.predicates(inner));
                    stack.extend(node.inputs.iter().rev());
                }
                // Below a join's condition a volatile conjunct would be drawn another number of times.
                RelOp::Filter(inner) if self.is_join(node.inputs[0]) && self.is_stable(inner) => {
                    all.extend(self.predicates(inner));
                    stack.push(node.inputs[0]);
                }
                _ => flat.push(relation),
            }
        }
        let predicates = self.intern_predicates(all);
        let mut shared = Vec::new();
        let mut own: Vec<Vec<ScalarId>> = vec![Vec::new(); flat.len()];
        for conjunct in self.predicates(predicates).to_vec() {
            let facts = self.scalar_facts(conjunct);
            let movable = facts.volatility < Volatility::Volatile && !facts.columns.is_empty();
            let home = flat.iter().position(|relation| facts.columns.is_subset(&self.facts(*relation).outputs));
            match home.filter(|_| movable) {
                Some(at) => own[at].push(conjunct),
                None => shared.push(conjunct),
            }
        }
        for (relation, conjuncts) in flat.iter_mut().zip(own) {
            if !conjuncts.is_empty() {
                *relation = self.filter(*relation, conjuncts);
            }
        }
        let predicates = self.intern_predicates(shared);
        match flat.as_slice() {
            [only] => {
                let rest = self.predicates(predicates).to_vec();
                self.filter(*only, rest)
            }
            _ => self.add(RelNode::new(RelOp::JoinSet(predicates), flat)),
        }
    }

    /// A filter in its normal form: none over no conjunct, one over a filter.
    pub fn filter(&mut self, input: TermId, conjuncts: impl IntoIterator<Item = ScalarId>) -> TermId {
        let mut all: Vec<ScalarId> = conjuncts.into_iter().collect();
        if all.is_empty() {
            return input;
        }
        let node = self.term(input).clone();
        let input = match node.op {
            RelOp::Filter(inner) => {
                let mut both = self.predicates(inner).to_vec();
                both.append(&mut all);
                all = both;
                node.inputs[0]
            }
            _ => input,
        };
        let predicates = self.intern_predicates(all);
        match self.predicates(predicates).is_empty() {
            true => input,
            false => self.add(RelNode::new(RelOp::Filter(predicates), [input])),
        }
    }

    fn is_stable(&self, predicates: PredicatesId) -> bool {
        let volatility = |conjunct: &ScalarId| self.scalar_facts(*conjunct).volatility;
        self.predicates(predicates).iter().all(|conjunct| volatility(conjunct) < Volatility::Volatile)
    }

    fn is_join(&self, term: TermId) -> bool {
        matches!(self.term(term).op, RelOp::JoinSet(_) | RelOp::Join(crate::expr::JoinKind::Inner, _))
    }

    /// The node of a term.
    pub fn term(&self, term: TermId) -> &RelNode<TermId> {
        &self.nodes[term.0 as usize]
    }

    /// What is proved of a term.
    pub fn facts(&self, term: TermId) -> &Facts {
        &self.facts[term.0 as usize]
    }

    /// How many terms there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no term.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A token of a scalar by content: column ids, not names.
    pub fn scalar_token(&self, scalar: ScalarId) -> crate::token::Token {
        tokenize(&self.tree(scalar))
    }
}
