//! From names to dense column ids.
//!
//! Projections of plain columns vanish here: they only change which name means which column. Chains of
//! projections become one, as far as [`Extent::may_become`] allows; one that several nodes share is
//! computed once. Where both inputs of a join share columns (a self-join over one shared expression), the
//! right one is instantiated again with fresh ids.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::expr::{Expr, JoinKind, Name, Node, Op, Places, Scalar, ScalarOp, Volatility};
use crate::leaf::Leaf;
use crate::term::{
    AggregateSpec, BarrierSpec, ColumnId, ColumnSet, Extent, GetSpec, RelNode, RelOp, ScalarId, TermId, TermSortKey,
    Terms, UnionSpec,
};

/// A resolved expression: a term, and which column each output name means.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The term.
    pub root: TermId,
    /// The output, in the order that the user wrote.
    pub output: Vec<(Name, ColumnId)>,
}

/// Resolves an expression into an arena. O(nodes + columns); no recursion on depth.
pub fn resolve(expr: &Expr, terms: &mut Terms) -> Resolved {
    let mut resolver = Resolver { terms, leaves: 0, computed: ColumnSet::new() };
    let order = expr.post_order();
    let mut uses: HashMap<*const Node, usize> = HashMap::with_capacity(order.len());
    for input in order.iter().flat_map(|node| node.inputs()) {
        *uses.entry(std::ptr::from_ref(&**input)).or_default() += 1;
    }
    let mut done: HashMap<*const Node, State> = HashMap::new();
    for node in order {
        let inputs = node.inputs().iter().map(|input| {
            let input = std::ptr::from_ref(&**input);
            let left = uses.get_mut(&input).expect("every input was counted");
            *left -= 1;
            let state = if *left == 0 { done.remove(&input) } else { done.get(&input).cloned() };
            state.expect("inputs come first")
        });
        let mut inputs: Vec<State> = inputs.collect();
        let mut state = match (node.op(), inputs.as_slice()) {
            (Op::Project(columns), [_]) => State::Open(resolver.project(&node, columns, inputs.remove(0))),
            _ => {
                let inputs = inputs.into_iter().map(|input| resolver.settled(input)).collect();
                State::Settled(resolver.node(&node, inputs))
            }
        };
        if uses.get(&std::ptr::from_ref(&*node)).is_some_and(|uses| *uses > 1) {
            state = State::Settled(resolver.settled(state));
        }
        done.insert(&*node, state);
    }
    let root = done.remove(&std::ptr::from_ref(&**expr)).expect("post order ends with the root");
    resolver.settled(root)
}

/// A node's resolution, while its users are resolved.
#[derive(Clone)]
enum State {
    /// The term gives all columns.
    Settled(Resolved),
    /// A projection over a term, to which the next projection may add.
    Open(Projection),
}

#[derive(Clone)]
struct Projection {
    input: TermId,
    /// What each name means, over the columns of the input.
    output: Vec<(Name, ScalarId)>,
    /// The types of the output, by position.
    schema: SchemaRef,
}

struct Resolver<'a> {
    terms: &'a mut Terms,
    leaves: usize,
    /// Columns that projections have computed. They are dropped when no name means them any more: each step
    /// of a long chain computes one.
    computed: ColumnSet,
}

impl Resolver<'_> {
    /// An operator over terms that give all columns.
    fn node(&mut self, expr: &Expr, mut inputs: Vec<Resolved>) -> Resolved {
        match expr.op() {
            Op::Leaf(leaf) => self.leaf(leaf),
            Op::Project(columns) => {
                let projection = self.project(expr, columns, State::Settled(inputs.remove(0)));
                self.settled(State::Open(projection))
            }
            Op::Filter(predicate) => {
                let input = inputs.remove(0);
                let predicate = self.scalar(predicate, &input.output);
                let root = self.terms.filter(input.root, [predicate]);
                Resolved { root, ..input }
            }
            Op::Join { kind, on } => {
                let right = inputs.remove(1);
                self.join(*kind, on, inputs.remove(0), right)
            }
            Op::Aggregate { group, aggregates } => {
                let input = inputs.remove(0);
                let keys = group.iter().map(|(_, key)| self.scalar(key, &input.output)).collect();
                let visible = columns_of(&input).into_iter().collect();
                let (root, keys) = self.compute(expr.schema(), input.root, keys, &visible);
                let mut output: Vec<(Name, ColumnId)> =
                    group.iter().map(|(name, _)| name.clone()).zip(keys.iter().copied()).collect();
                let mut calls = Vec::with_capacity(aggregates.len());
                for (name, call) in aggregates {
                    let Ok(call) = call.try_map(&mut lookup(&input.output));
                    let call = self.terms.intern_call(&call);
                    let column = self.add_column(expr, name);
                    calls.push((column, call));
                    output.push((name.clone(), column));
                }
                let spec = self.terms.intern_aggregate(AggregateSpec { group: keys, aggregates: calls });
                let root = self.terms.add(RelNode::new(RelOp::Aggregate(spec), [root]));
                Resolved { root, output }
            }
            Op::Sort(keys) => {
                let input = inputs.remove(0);
                let keys = keys.iter().map(|key| TermSortKey {
                    scalar: self.scalar(&key.scalar, &input.output),
                    descending: key.descending,
                    nulls_first: key.nulls_first,
                });
                let keys = keys.collect();
                let sort = self.terms.intern_sort(keys);
                let root = self.terms.add(RelNode::new(RelOp::Sort(sort), [input.root]));
                Resolved { root, ..input }
            }
            Op::Limit { offset, fetch } => {
                let input = inputs.remove(0);
                let op = RelOp::Limit { offset: *offset, fetch: *fetch };
                let root = self.terms.add(RelNode::new(op, [input.root]));
                Resolved { root, ..input }
            }
            Op::Distinct => {
                let input = inputs.remove(0);
                let root = self.exactly(&input);
                let root = self.terms.add(RelNode::new(RelOp::Distinct, [root]));
                Resolved { root, ..input }
            }
            Op::Union => {
                let fields = expr.schema().fields().clone();
                let output: Vec<(Name, ColumnId)> = fields
                    .iter()
                    .map(|field| {
                        let name: Name = field.name().as_str().into();
                        (name.clone(), self.add_column(expr, &name))
                    })
                    .collect();
                let spec = UnionSpec {
                    output: output.iter().map(|(_, column)| *column).collect(),
                    inputs: inputs.iter().map(columns_of).collect(),
                };
                let union = self.terms.intern_union(spec);
                let root = self.terms.add(RelNode::new(RelOp::Union(union), inputs.iter().map(|input| input.root)));
                Resolved { root, output }
            }
            Op::Barrier(barrier) => {
                let names: Vec<Name> =
                    expr.schema().fields().iter().map(|field| field.name().as_str().into()).collect();
                let output: Vec<_> =
                    names.into_iter().map(|name| (name.clone(), self.add_column(expr, &name))).collect();
                let spec = BarrierSpec {
                    barrier: barrier.clone(),
                    output: output.iter().map(|(_, column)| *column).collect(),
                    inputs: inputs.iter().map(columns_of).collect(),
                };
                let barrier = self.terms.add_barrier(spec);
                let root = self.terms.add(RelNode::new(RelOp::Barrier(barrier), inputs.iter().map(|input| input.root)));
                Resolved { root, output }
            }
        }
    }

    fn leaf(&mut self, leaf: &Leaf) -> Resolved {
        let schema = leaf.schema().clone();
        let add = |field: &Arc<arrow_schema::Field>| {
            let column = self.terms.add_column(field.name(), field.data_type().clone(), field.is_nullable());
            (Name::from(field.name().as_str()), column)
        };
        let output: Vec<_> = schema.fields().iter().map(add).collect();
        let columns = output.iter().map(|(_, column)| *column).collect();
        let get = self.terms.add_get(GetSpec { leaf: leaf.clone(), index: self.leaves, columns });
        self.leaves += 1;
        let root = self.terms.add(RelNode::new(RelOp::Get(get), []));
        Resolved { root, output }
    }

    fn project(&mut self, expr: &Expr, columns: &[(Name, Scalar)], input: State) -> Projection {
        let below = match input {
            State::Open(below) if self.may_merge(columns, &below) => below,
            other => {
                let Resolved { root, output } = self.settled(other);
                let output = output.into_iter().map(|(name, column)| (name, self.terms.column_scalar(column)));
                Projection { input: root, output: output.collect(), schema: expr.schema().clone() }
            }
        };
        let places = Places::new(below.output.len(), |at| &*below.output[at].0);
        let output = columns.iter().enumerate().map(|(at, (name, scalar))| {
            let of = |column: &Name| places.find(column, at).map_or(ScalarId(0), |place| below.output[place].1);
            (name.clone(), self.composed(scalar, &of))
        });
        Projection { input: below.input, output: output.collect(), schema: expr.schema().clone() }
    }

    /// Whether a projection may compute from what the one below computes from. What is volatile is drawn
    /// once per row, however often it is used.
    fn may_merge(&self, columns: &[(Name, Scalar)], below: &Projection) -> bool {
        let volatile = |scalar: ScalarId| self.terms.scalar_facts(scalar).volatility == Volatility::Volatile;
        if below.output.iter().any(|(_, scalar)| volatile(*scalar)) {
            return false;
        }
        let places = Places::new(below.output.len(), |at| &*below.output[at].0);
        columns.iter().enumerate().all(|(at, (_, scalar))| {
            let of = |name: &Name| {
                let place = places.find(name, at);
                place.map_or(Extent::LEAF, |place| self.terms.scalar_facts(below.output[place].1).extent)
            };
            extent(scalar, &|_| Extent::LEAF).may_become(extent(scalar, &of))
        })
    }

    /// A scalar with its names replaced by scalars.
    fn composed(&mut self, scalar: &Scalar, of: &impl Fn(&Name) -> ScalarId) -> ScalarId {
        match scalar.op.try_map(&mut |name| Err(of(name))) {
            Err(known) => known,
            Ok(op) => {
                let args: SmallVec<[ScalarId; 3]> = scalar.args.iter().map(|arg| self.composed(arg, of)).collect();
                self.terms.scalar(op, args)
            }
        }
    }

    /// The state with every name a column of the term.
    fn settled(&mut self, state: State) -> Resolved {
        let Projection { input, output, schema } = match state {
            State::Settled(resolved) => return resolved,
            State::Open(projection) => projection,
        };
        let (names, scalars): (Vec<_>, Vec<_>) = output.into_iter().unzip();
        let (root, ids) = self.compute(&schema, input, scalars, &ColumnSet::new());
        Resolved { root, output: names.into_iter().zip(ids).collect() }
    }

    /// Makes columns of scalars, which are the first fields of a schema: plain columns are themselves, the
    /// others are computed by a projection that keeps what it reads. `visible` are columns that names still mean.
    fn compute(
        &mut self,
        schema: &Schema,
        input: TermId,
        scalars: Vec<ScalarId>,
        visible: &ColumnSet,
    ) -> (TermId, Vec<ColumnId>) {
        let mut made: Vec<(ColumnId, ScalarId)> = Vec::new();
        let mut known: HashMap<ScalarId, ColumnId, FxBuildHasher> = HashMap::default();
        let ids: Vec<_> = scalars
            .into_iter()
            .zip(schema.fields())
            .map(|(scalar, field)| match self.terms.as_column(scalar).or_else(|| known.get(&scalar).copied()) {
                Some(column) => column,
                None => {
                    let column = self.terms.add_column(field.name(), field.data_type().clone(), field.is_nullable());
                    if self.terms.scalar_facts(scalar).volatility != Volatility::Volatile {
                        known.insert(scalar, column);
                    }
                    made.push((column, scalar));
                    column
                }
            })
            .collect();
        if made.is_empty() {
            return (input, ids);
        }
        let mut visible = visible.clone();
        ids.iter().for_each(|column| visible.insert(*column));
        made.iter().for_each(|(column, _)| self.computed.insert(*column));
        let mut columns = made;
        for column in self.terms.facts(input).outputs.clone().iter() {
            if visible.contains(column) || !self.computed.contains(column) {
                columns.push((column, self.terms.column_scalar(column)));
            }
        }
        let projection = self.terms.intern_projection(columns);
        (self.terms.add(RelNode::new(RelOp::Project(projection), [input])), ids)
    }

    fn join(&mut self, kind: JoinKind, on: &[Scalar], left: Resolved, right: Resolved) -> Resolved {
        let shared = self.terms.facts(left.root).outputs.intersects(&self.terms.facts(right.root).outputs);
        let right = if shared { self.again(right) } else { right };
        let mut both = left.output.clone();
        both.extend(right.output.iter().cloned());
        let on: Vec<_> = on.iter().map(|conjunct| self.scalar(conjunct, &both)).collect();
        let root = match kind {
            JoinKind::Inner => self.terms.join_set([left.root, right.root], on),
            kind => {
                let on = self.terms.intern_predicates(on);
                self.terms.add(RelNode::new(RelOp::Join(kind, on), [left.root, right.root]))
            }
        };
        Resolved { root, output: if kind.gives_right() { both } else { left.output } }
    }

    /// A projection to exactly the visible columns, for operators that count rows by all columns.
    fn exactly(&mut self, input: &Resolved) -> TermId {
        let visible: ColumnSet = input.output.iter().map(|(_, column)| *column).collect();
        if self.terms.facts(input.root).outputs == visible {
            return input.root;
        }
        let columns = visible.iter().map(|column| (column, self.terms.column_scalar(column))).collect();
        let projection = self.terms.intern_projection(columns);
        self.terms.add(RelNode::new(RelOp::Project(projection), [input.root]))
    }

    /// The same relation with fresh columns.
    fn again(&mut self, input: Resolved) -> Resolved {
        let (root, renamed) = reinstantiate(self.terms, input.root);
        let rename = |(name, column): (Name, ColumnId)| (name, renamed.get(&column).copied().unwrap_or(column));
        Resolved { root, output: input.output.into_iter().map(rename).collect() }
    }

    fn add_column(&mut self, expr: &Expr, name: &Name) -> ColumnId {
        let field = expr.schema().field_with_name(name);
        let (data_type, nullable) = match field {
            Ok(field) => (field.data_type().clone(), field.is_nullable()),
            Err(_) => (arrow_schema::DataType::Null, true),
        };
        self.terms.add_column(name, data_type, nullable)
    }

    fn scalar(&mut self, scalar: &Scalar, names: &[(Name, ColumnId)]) -> ScalarId {
        let Ok(resolved) = scalar.try_map(&mut lookup(names));
        self.terms.intern_scalar(&resolved)
    }
}

fn columns_of(resolved: &Resolved) -> Vec<ColumnId> {
    resolved.output.iter().map(|(_, column)| *column).collect()
}

/// Replaces names by ids. `Expr` has checked every name, so an unknown one is a bug; it becomes the
/// first column instead of a panic, and the type tripwire reports it.
fn lookup(names: &[(Name, ColumnId)]) -> impl FnMut(&Name) -> Result<ColumnId, Infallible> {
    |name| {
        let found = names.iter().find(|(known, _)| known == name).map(|(_, column)| *column);
        Ok(found.unwrap_or(ColumnId(0)))
    }
}

/// How large a scalar is when its names are as large as that.
fn extent(scalar: &Scalar, of: &impl Fn(&Name) -> Extent) -> Extent {
    match &scalar.op {
        ScalarOp::Column(name) => of(name),
        _ => Extent::over(scalar.args.iter().map(|arg| extent(arg, of))),
    }
}

/// Clones a term with fresh ids for every column that is made inside it. O(terms), no recursion.
fn reinstantiate(terms: &mut Terms, root: TermId) -> (TermId, HashMap<ColumnId, ColumnId>) {
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
        RelOp::Barrier(barrier) => {
            let mut spec = terms.barrier(barrier).clone();
            spec.output = spec.output.iter().map(|column| fresh(terms, renamed, *column)).collect();
            for input in &mut spec.inputs {
                *input = input.iter().map(|column| renamed.get(column).copied().unwrap_or(*column)).collect();
            }
            RelOp::Barrier(terms.add_barrier(spec))
        }
        op @ (RelOp::Distinct | RelOp::Limit { .. }) => op,
    }
}

fn rename_predicates(
    terms: &mut Terms,
    renamed: &HashMap<ColumnId, ColumnId>,
    predicates: crate::term::PredicatesId,
) -> crate::term::PredicatesId {
    let conjuncts = terms.predicates(predicates).to_vec();
    let conjuncts: Vec<_> = conjuncts.into_iter().map(|conjunct| rename_scalar(terms, renamed, conjunct)).collect();
    terms.intern_predicates(conjuncts)
}

fn rename_sort(
    terms: &mut Terms,
    renamed: &HashMap<ColumnId, ColumnId>,
    sort: crate::term::SortId,
) -> crate::term::SortId {
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
