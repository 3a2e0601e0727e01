use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::DataType;
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::rel::Computed;
use super::{
    AggregateSpec, ColumnId, ColumnSet, ExtensionSpec, Facts, GetSpec, JoinKey, PredicatesId, RelNode, RelOp,
    ScalarFacts, ScalarId, ScalarNode, TermSortKey, UnionSpec, WindowSpec,
};
use crate::expr::{Functions, Name, Semantics};
use crate::token::Tokenize;

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
    pub(super) functions: Arc<dyn Functions>,
    pub(super) semantics: Semantics,
    pub(super) columns: Vec<ColumnInfo>,
    pub(super) names: HashMap<Name, ColumnId, FxBuildHasher>,
    /// The last suffix by which each name was made unique.
    copies: HashMap<Name, u32, FxBuildHasher>,
    pub(super) derived: HashMap<crate::token::Token, ColumnId, FxBuildHasher>,
    pub(super) derived_columns: ColumnSet,
    pub(super) scalars: Interned<ScalarNode>,
    pub(super) scalar_facts: Vec<ScalarFacts>,
    pub(super) predicates: Interned<Vec<ScalarId>>,
    pub(super) projections: Interned<Vec<Computed>>,
    pub(super) aggregates: Interned<AggregateSpec>,
    pub(super) sorts: Interned<Vec<TermSortKey>>,
    pub(super) column_lists: Interned<Vec<ColumnId>>,
    pub(super) keys: Interned<Vec<JoinKey>>,
    pub(super) unions: Interned<UnionSpec>,
    pub(super) windows: Interned<WindowSpec>,
    pub(super) gets: Vec<GetSpec>,
    pub(super) extensions: Vec<ExtensionSpec>,
    pub(super) nodes: Interned<RelNode<TermId>>,
    pub(super) facts: Vec<Facts>,
}

impl Terms {
    /// An empty arena whose types an engine's functions tell.
    pub fn new(functions: Arc<dyn Functions>) -> Self {
        Terms {
            functions,
            semantics: Semantics::default(),
            columns: Vec::new(),
            names: HashMap::default(),
            copies: HashMap::default(),
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
            windows: Interned::default(),
            gets: Vec::new(),
            extensions: Vec::new(),
            nodes: Interned::default(),
            facts: Vec::new(),
        }
    }

    /// The same arena under other semantics: what can fail, and what may move, follows from them. For an arena in
    /// which nothing is interned yet.
    pub fn with_semantics(mut self, semantics: Semantics) -> Self {
        debug_assert!(self.scalars.is_empty(), "facts of scalars follow from the semantics");
        self.semantics = semantics;
        self
    }

    /// What plans of this query mean.
    pub fn semantics(&self) -> &Semantics {
        &self.semantics
    }

    /// The engine's types.
    pub fn functions(&self) -> &Arc<dyn Functions> {
        &self.functions
    }

    /// A new column; its name is made unique with a suffix (`n_name:2`).
    pub fn add_column(&mut self, name: &str, data_type: DataType, nullable: bool) -> ColumnId {
        let id = ColumnId(self.columns.len() as u32);
        let mut unique: Name = name.into();
        if self.names.contains_key(&unique) {
            // Where the last one of that name stopped: a chain may make a million of them.
            let copies = self.copies.entry(unique).or_insert(1);
            unique = loop {
                *copies += 1;
                let next: Name = format!("{name}:{copies}").into();
                if !self.names.contains_key(&next) {
                    break next;
                }
            };
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
    /// the relations are taken in, and conjuncts that read one relation alone filter that relation. Conjuncts that
    /// [stay](Terms::stays) filter the whole, where each of its rows meets them once, in whatever order it is joined.
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
                // What stays is evaluated once for each row of its own join, not of this one.
                RelOp::JoinSet(inner) | RelOp::Join(crate::expr::JoinKind::Inner, inner) if self.all_move(inner) => {
                    all.extend(self.predicates(inner));
                    stack.extend(node.inputs.iter().rev());
                }
                RelOp::Filter(inner) if self.is_join(node.inputs[0]) && self.all_move(inner) => {
                    all.extend(self.predicates(inner));
                    stack.push(node.inputs[0]);
                }
                _ => flat.push(relation),
            }
        }
        let (above, all): (Vec<_>, Vec<_>) = all.into_iter().partition(|conjunct| self.stays(*conjunct));
        let predicates = self.intern_predicates(all);
        let mut shared = Vec::new();
        let mut own: Vec<Vec<ScalarId>> = vec![Vec::new(); flat.len()];
        for conjunct in self.predicates(predicates).to_vec() {
            let facts = self.scalar_facts(conjunct);
            let home = flat.iter().position(|relation| facts.columns.is_subset(&self.facts(*relation).outputs));
            match home.filter(|_| !facts.columns.is_empty()) {
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
        let joined = match flat.as_slice() {
            [only] => {
                let rest = self.predicates(predicates).to_vec();
                self.filter(*only, rest)
            }
            _ => self.add(RelNode::new(RelOp::JoinSet(predicates), flat)),
        };
        self.filter(joined, above)
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

    /// A projection to exactly these columns of a term, which is the term itself where it has no others.
    pub fn exactly(&mut self, input: TermId, columns: &ColumnSet) -> TermId {
        if self.facts(input).outputs == *columns {
            return input;
        }
        let columns = columns.iter().map(|column| (column, self.column_scalar(column))).collect();
        let projection = self.intern_projection(columns);
        self.add(RelNode::new(RelOp::Project(projection), [input]))
    }

    fn all_move(&self, predicates: PredicatesId) -> bool {
        !self.predicates(predicates).iter().any(|conjunct| self.stays(*conjunct))
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

    /// Whether any term is an `apply`.
    pub fn has_applies(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.op, RelOp::Apply(_, _)))
    }

    /// How many terms there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no term.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
