//! From names to dense column ids.
//!
//! Projections of plain columns vanish here: they only change which name means which column. Chains of
//! projections become one, as far as [`Extent::may_become`] allows; one that several nodes share is
//! computed once. Where both inputs of a join share columns (a self-join over one shared expression), the
//! right one is instantiated again with fresh ids.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::reinstantiate::reinstantiate;
use crate::expr::{
    AggregateCall, AggregateFunction, ApplyKind, Expr, GroupingSets, JoinKind, Literal, Name, Node, Op, Places, Scalar,
    ScalarOp, SortKey, Volatility, Window, WindowCall, grouping_bits, grouping_keys,
};
use crate::leaf::Leaf;
use crate::term::{
    AggregateSpec, ApplyForm, ColumnId, ColumnSet, ExtensionSpec, Extent, GetSpec, RelNode, RelOp, ScalarId,
    TermAggregate, TermId, TermSortKey, Terms, UnionSpec, UnnestSpec, WindowSpec,
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
    Resolver { terms, leaves: 0, computed: ColumnSet::new(), outer: Vec::new() }.expression(expr)
}

/// Every distinct node once, inputs before the nodes that use them; the right sides of applies are left
/// out, for what they mean depends on the left ones.
fn in_order(expr: &Expr) -> Vec<Expr> {
    let mut seen = HashSet::new();
    let mut order = Vec::new();
    let mut stack = vec![(expr.clone(), false)];
    while let Some((expr, inputs_done)) = stack.pop() {
        if inputs_done {
            order.push(expr);
        } else if seen.insert(std::ptr::from_ref::<Node>(&expr)) {
            stack.push((expr.clone(), true));
            stack.extend(inputs_at_once(&expr).iter().rev().map(|input| (input.clone(), false)));
        }
    }
    order
}

fn inputs_at_once(expr: &Expr) -> &[Expr] {
    match expr.op() {
        Op::Apply { .. } => &expr.inputs()[..1],
        _ => expr.inputs(),
    }
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
    /// What names mean on the left sides of the applies around, the innermost last.
    outer: Vec<Vec<(Name, ColumnId)>>,
}

impl Resolver<'_> {
    /// Recurses into the right sides of applies alone, whose nesting `Expr::apply` bounds.
    fn expression(&mut self, expr: &Expr) -> Resolved {
        let order = in_order(expr);
        let mut uses: HashMap<*const Node, usize> = HashMap::with_capacity(order.len());
        for input in order.iter().flat_map(inputs_at_once) {
            *uses.entry(std::ptr::from_ref(&**input)).or_default() += 1;
        }
        let mut done: HashMap<*const Node, State> = HashMap::new();
        for node in order {
            let inputs = inputs_at_once(&node).iter().map(|input| {
                let input = std::ptr::from_ref(&**input);
                let left = uses.get_mut(&input).expect("every input was counted");
                *left -= 1;
                let state = if *left == 0 { done.remove(&input) } else { done.get(&input).cloned() };
                state.expect("inputs come first")
            });
            let mut inputs: Vec<State> = inputs.collect();
            let mut state = match (node.op(), inputs.as_slice()) {
                (Op::Project(columns), [_]) => State::Open(self.project(&node, columns, inputs.remove(0))),
                _ => {
                    let inputs = inputs.into_iter().map(|input| self.settled(input)).collect();
                    State::Settled(self.node(&node, inputs))
                }
            };
            if uses.get(&std::ptr::from_ref(&*node)).is_some_and(|uses| *uses > 1) {
                state = State::Settled(self.settled(state));
            }
            done.insert(&*node, state);
        }
        let root = done.remove(&std::ptr::from_ref(&**expr)).expect("the order ends with the root");
        self.settled(root)
    }

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
            Op::MarkJoin { mark, on } => {
                let right = inputs.remove(1);
                let left = inputs.remove(0);
                let (right, mut both) = self.beside(&left, right);
                let on: Vec<_> = on.iter().map(|conjunct| self.scalar(conjunct, &both)).collect();
                let on = self.terms.intern_predicates(on);
                let column = self.add_column(expr, mark);
                let root = self.terms.add(RelNode::new(RelOp::MarkJoin(column, on), [left.root, right.root]));
                both.truncate(left.output.len());
                both.push((mark.clone(), column));
                Resolved { root, output: both }
            }
            Op::Apply { kind, on } => self.apply(expr, kind, on, inputs.remove(0)),
            Op::Aggregate { group, sets: Some(sets), aggregates } => {
                self.grouping_sets(expr, group, sets, aggregates, inputs.remove(0))
            }
            Op::Aggregate { group, sets: None, aggregates } => {
                let input = inputs.remove(0);
                let keys = group.iter().map(|(_, key)| self.scalar(key, &input.output)).collect();
                let visible = columns_of(&input).into_iter().collect();
                let (root, keys) = self.compute(expr.schema(), input.root, keys, &visible);
                let mut output: Vec<(Name, ColumnId)> =
                    group.iter().map(|(name, _)| name.clone()).zip(keys.iter().copied()).collect();
                let mut calls = Vec::with_capacity(aggregates.len());
                for (name, call) in aggregates {
                    let call = self.call(call, &input.output);
                    let column = self.add_column(expr, name);
                    calls.push((column, call));
                    output.push((name.clone(), column));
                }
                let spec = self.terms.intern_aggregate(AggregateSpec { group: keys, aggregates: calls });
                let root = self.terms.add(RelNode::new(RelOp::Aggregate(spec), [root]));
                Resolved { root, output }
            }
            Op::Window { window, calls } => self.window(expr, window, calls, inputs.remove(0)),
            Op::Unnest { column, nulls } => {
                let Resolved { root, mut output } = inputs.remove(0);
                let Ok(list) = lookup(&output)(column);
                let element = self.add_column(expr, column);
                let spec = UnnestSpec { list, element, nulls: *nulls };
                let root = self.terms.add(RelNode::new(RelOp::Unnest(spec), [root]));
                output.iter_mut().filter(|(name, _)| name == column).for_each(|(_, column)| *column = element);
                // Another name of the same list would be gone.
                self.keep(Resolved { root, output }, list)
            }
            // A wish, which the planner heeds where it is the outermost operator.
            Op::Repartition(_) => inputs.remove(0),
            Op::Sort(keys) => {
                let input = inputs.remove(0);
                let keys = self.sort_keys(keys, &input.output);
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
            Op::Extension(extension) => {
                let names: Vec<Name> =
                    expr.schema().fields().iter().map(|field| field.name().as_str().into()).collect();
                // A preserved column is the input's column.
                let kept = |name: &Name| {
                    let input = inputs.first().filter(|_| extension.traits().column_preserving)?;
                    input.output.iter().find(|(known, _)| known == name).map(|(_, column)| *column)
                };
                let mut output: Vec<(Name, ColumnId)> = Vec::with_capacity(names.len());
                for name in names {
                    let column = kept(&name).filter(|kept| !output.iter().any(|(_, known)| known == kept));
                    let column = column.unwrap_or_else(|| self.add_column(expr, &name));
                    output.push((name, column));
                }
                let spec = ExtensionSpec {
                    extension: extension.clone(),
                    output: output.iter().map(|(_, column)| *column).collect(),
                    inputs: inputs.iter().map(columns_of).collect(),
                };
                let extension = self.terms.add_extension(spec);
                let root =
                    self.terms.add(RelNode::new(RelOp::Extension(extension), inputs.iter().map(|input| input.root)));
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
        if let ScalarOp::Outer(outer) = &scalar.op
            && let Some(column) = self.bound(&outer.name)
        {
            return self.terms.column_scalar(column);
        }
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
        let given = self.terms.facts(input).outputs.clone();
        let ids: Vec<_> = scalars
            .into_iter()
            .zip(schema.fields())
            .map(|(scalar, field)| {
                // An outer reference is no column of the input.
                let plain = self.terms.as_column(scalar).filter(|column| given.contains(*column));
                match plain.or_else(|| known.get(&scalar).copied()) {
                    Some(column) => column,
                    None => {
                        let (data_type, nullable) = (field.data_type().clone(), field.is_nullable());
                        let column = self.terms.add_column(field.name(), data_type, nullable);
                        if self.terms.scalar_facts(scalar).volatility != Volatility::Volatile {
                            known.insert(scalar, column);
                        }
                        made.push((column, scalar));
                        column
                    }
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
        for column in given.iter() {
            if visible.contains(column) || !self.computed.contains(column) {
                columns.push((column, self.terms.column_scalar(column)));
            }
        }
        let projection = self.terms.intern_projection(columns);
        (self.terms.add(RelNode::new(RelOp::Project(projection), [input])), ids)
    }

    fn join(&mut self, kind: JoinKind, on: &[Scalar], left: Resolved, right: Resolved) -> Resolved {
        let (right, both) = self.beside(&left, right);
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
        self.terms.exactly(input.root, &visible)
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
        let Ok(mut resolved) = scalar.try_map(&mut lookup(names));
        self.bind(&mut resolved);
        self.terms.intern_scalar(&resolved)
    }

    /// The column that an outer reference means, if an apply around binds it.
    fn bound(&self, name: &Name) -> Option<ColumnId> {
        let find = |names: &Vec<(Name, ColumnId)>| names.iter().find(|(known, _)| known == name).map(|known| known.1);
        self.outer.iter().rev().find_map(find)
    }

    /// Makes columns of outer references; one that nothing binds stays, and the planner says so.
    fn bind(&self, scalar: &mut Scalar<ColumnId>) {
        if let ScalarOp::Outer(outer) = &scalar.op
            && let Some(column) = self.bound(&outer.name)
        {
            scalar.op = ScalarOp::Column(column);
        }
        scalar.args.iter_mut().for_each(|arg| self.bind(arg));
    }

    fn call(&mut self, call: &AggregateCall, names: &[(Name, ColumnId)]) -> TermAggregate {
        let Ok(mut call) = call.try_map(&mut lookup(names));
        call.args.iter_mut().chain(&mut call.filter).for_each(|scalar| self.bind(scalar));
        self.terms.intern_call(&call)
    }

    fn sort_keys(&mut self, keys: &[SortKey], names: &[(Name, ColumnId)]) -> Vec<TermSortKey> {
        let keys = keys.iter().map(|key| TermSortKey {
            scalar: self.scalar(&key.scalar, names),
            descending: key.descending,
            nulls_first: key.nulls_first,
        });
        keys.collect()
    }

    /// The right side of a join with columns of its own, and the names of both.
    fn beside(&mut self, left: &Resolved, right: Resolved) -> (Resolved, Vec<(Name, ColumnId)>) {
        let shared = self.terms.facts(left.root).outputs.intersects(&self.terms.facts(right.root).outputs);
        let right = if shared { self.again(right) } else { right };
        let both = left.output.iter().chain(&right.output).cloned().collect();
        (right, both)
    }

    fn window(&mut self, expr: &Expr, window: &Window, calls: &[(Name, WindowCall)], input: Resolved) -> Resolved {
        // Keys of the partition are columns; what is computed for them has no name that anybody reads.
        let keys: Vec<(Name, ScalarId)> =
            window.partition_by.iter().map(|key| ("partition".into(), self.scalar(key, &input.output))).collect();
        let (root, partition_by) = self.compute_typed(input.root, &keys);
        let order_by = self.sort_keys(&window.order_by, &input.output);
        let mut output = input.output.clone();
        let mut made = Vec::with_capacity(calls.len());
        for (name, call) in calls {
            let Ok(mut call) = call.try_map(&mut lookup(&input.output));
            call.args.iter_mut().chain(&mut call.filter).for_each(|scalar| self.bind(scalar));
            let call = self.terms.intern_window_call(&call);
            let column = self.add_column(expr, name);
            made.push((column, call));
            output.push((name.clone(), column));
        }
        let spec = self.terms.intern_window(WindowSpec { partition_by, order_by, calls: made });
        let root = self.terms.add(RelNode::new(RelOp::Window(spec), [root]));
        Resolved { root, output }
    }

    /// As `compute`, for columns of which no schema tells the types.
    fn compute_typed(&mut self, input: TermId, scalars: &[(Name, ScalarId)]) -> (TermId, Vec<ColumnId>) {
        let mut made = Vec::new();
        let mut ids = Vec::with_capacity(scalars.len());
        for (name, scalar) in scalars {
            let plain = self.terms.as_column(*scalar);
            ids.push(match plain.filter(|column| self.terms.facts(input).outputs.contains(*column)) {
                Some(column) => column,
                None => {
                    let facts = self.terms.scalar_facts(*scalar).clone();
                    let column = self.terms.add_column(name, facts.data_type, facts.nullable);
                    made.push((column, *scalar));
                    column
                }
            });
        }
        if made.is_empty() {
            return (input, ids);
        }
        for column in self.terms.facts(input).outputs.clone().iter() {
            made.push((column, self.terms.column_scalar(column)));
        }
        let projection = self.terms.intern_projection(made);
        (self.terms.add(RelNode::new(RelOp::Project(projection), [input])), ids)
    }

    /// Renames a column below the root that other names still mean, so that the root need not give it.
    fn keep(&mut self, resolved: Resolved, list: ColumnId) -> Resolved {
        if !resolved.output.iter().any(|(_, column)| *column == list) {
            return resolved;
        }
        let RelOp::Unnest(spec) = self.terms.term(resolved.root).op else { return resolved };
        let input = self.terms.term(resolved.root).inputs[0];
        let info = self.terms.column(list).clone();
        let copy = self.terms.add_column(&info.name, info.data_type, info.nullable);
        let mut columns = vec![(copy, self.terms.column_scalar(list))];
        for column in self.terms.facts(input).outputs.clone().iter() {
            columns.push((column, self.terms.column_scalar(column)));
        }
        let projection = self.terms.intern_projection(columns);
        let input = self.terms.add(RelNode::new(RelOp::Project(projection), [input]));
        let root = self.terms.add(RelNode::new(RelOp::Unnest(spec), [input]));
        let output = resolved.output.into_iter();
        let output = output.map(|(name, column)| (name, if column == list { copy } else { column })).collect();
        Resolved { root, output }
    }

    fn apply(&mut self, expr: &Expr, kind: &ApplyKind, on: &[Scalar], left: Resolved) -> Resolved {
        self.outer.push(left.output.clone());
        let right = self.expression(&expr.inputs()[1]);
        self.outer.pop();
        let both: Vec<_> = left.output.iter().chain(&right.output).cloned().collect();
        let on: Vec<_> = on.iter().map(|conjunct| self.scalar(conjunct, &both)).collect();
        let mut output = left.output;
        let mut adds = |resolver: &mut Self, name: &Name| {
            let column = resolver.add_column(expr, name);
            output.push((name.clone(), column));
            column
        };
        let form = match kind {
            ApplyKind::Inner => ApplyForm::Inner,
            ApplyKind::Left => ApplyForm::Left,
            ApplyKind::Semi => ApplyForm::Semi,
            ApplyKind::Anti => ApplyForm::Anti,
            ApplyKind::Mark(name) => ApplyForm::Mark(adds(self, name)),
            ApplyKind::Scalar(name) => {
                let value = right.output[0].1;
                ApplyForm::Scalar { value, output: adds(self, name) }
            }
        };
        if matches!(form, ApplyForm::Inner | ApplyForm::Left) {
            output = both;
        }
        let on = self.terms.intern_predicates(on);
        Resolved { root: self.terms.add(RelNode::new(RelOp::Apply(form, on), [left.root, right.root])), output }
    }

    /// A union of one aggregate per set over one input, whose missing keys are null.
    fn grouping_sets(
        &mut self,
        expr: &Expr,
        group: &[(Name, Scalar)],
        sets: &GroupingSets,
        aggregates: &[(Name, AggregateCall)],
        input: Resolved,
    ) -> Resolved {
        let keys = group.iter().map(|(_, key)| self.scalar(key, &input.output)).collect();
        let visible = columns_of(&input).into_iter().collect();
        let (root, keys) = self.compute(expr.schema(), input.root, keys, &visible);
        let mut spec = UnionSpec { output: Vec::new(), inputs: Vec::new() };
        let mut inputs = Vec::with_capacity(sets.sets().len());
        for set in sets.sets() {
            // Keys that are missing, and which those are, are constants of the set.
            let mut constants = Vec::new();
            let mut calls = Vec::new();
            let mut columns = Vec::new();
            for (at, (name, _)) in group.iter().enumerate() {
                if set.contains(&at) {
                    columns.push(keys[at]);
                    continue;
                }
                let column = self.add_column(expr, name);
                let null = self.terms.literal(Literal::null(&self.terms.column(column).data_type.clone()));
                constants.push((column, null));
                columns.push(column);
            }
            for (name, call) in aggregates {
                let column = self.add_column(expr, name);
                columns.push(column);
                match grouping_keys(call, group).filter(|_| call.function == AggregateFunction::Grouping) {
                    Some(asked) => constants.push((column, self.terms.literal(grouping_bits(&asked, set)))),
                    None => calls.push((column, self.call(call, &input.output))),
                }
            }
            let group = set.iter().map(|key| keys[*key]).collect();
            let aggregate = self.terms.intern_aggregate(AggregateSpec { group, aggregates: calls });
            let mut term = self.terms.add(RelNode::new(RelOp::Aggregate(aggregate), [root]));
            if !constants.is_empty() {
                for column in self.terms.facts(term).outputs.clone().iter() {
                    constants.push((column, self.terms.column_scalar(column)));
                }
                let projection = self.terms.intern_projection(constants);
                term = self.terms.add(RelNode::new(RelOp::Project(projection), [term]));
            }
            inputs.push(term);
            spec.inputs.push(columns);
        }
        let names = group.iter().map(|(name, _)| name).chain(aggregates.iter().map(|(name, _)| name));
        let output: Vec<(Name, ColumnId)> = names.map(|name| (name.clone(), self.add_column(expr, name))).collect();
        spec.output = output.iter().map(|(_, column)| *column).collect();
        let union = self.terms.intern_union(spec);
        Resolved { root: self.terms.add(RelNode::new(RelOp::Union(union), inputs)), output }
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
