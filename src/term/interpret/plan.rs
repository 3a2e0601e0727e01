//! Relations: inputs before the operators that read them, without recursion.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::aggregate::{aggregate, distinct};
use super::apply::apply;
use super::compare::order;
use super::join::{join, join_set, mark_join};
use super::scalar::{Context, positions};
use super::unnest::unnest;
use super::window::window;
use super::{EvalError, Relation, Row, Tables, Value};
use crate::expr::{MapPartitions, Semantics};
use crate::leaf::Leaf;
use crate::term::{ExtensionId, GetId, RelNode, RelOp, SortId, TermId, TermSortKey, Terms};

/// The result of a term: what every plan for it must give, up to what the semantics leave open.
///
/// A term that two operators share is evaluated once. Time and memory are those of nested loops: this
/// is for tables of tens of rows.
///
/// # Errors
/// What the plan itself raises (division by zero, overflow, a cast), and what the interpreter does
/// not know (an engine's operator, an engine's aggregate, a function that nobody evaluates, a leaf without data).
pub fn interpret(terms: &Terms, root: TermId, semantics: &Semantics, tables: &Tables) -> Result<Relation, EvalError> {
    Context { terms, semantics, tables, outer: None }.relation(root)
}

/// What one operator gives over the results of its inputs; not an `apply`, whose right side has none of its own.
///
/// # Errors
/// As [`interpret`].
pub(crate) fn run_operator(
    terms: &Terms,
    op: RelOp,
    inputs: Vec<Relation>,
    semantics: &Semantics,
    tables: &Tables,
) -> Result<Relation, EvalError> {
    let node = RelNode::new(op, []);
    Context { terms, semantics, tables, outer: None }.operator(&node, inputs.into_iter().map(Rc::new).collect())
}

impl Context<'_> {
    /// What a term gives; the right sides of applies are computed anew for every left row.
    pub(super) fn relation(self, root: TermId) -> Result<Relation, EvalError> {
        let (context, terms) = (self, self.terms);
        let mut reachable = BTreeSet::from([root]);
        let mut readers: HashMap<TermId, usize> = HashMap::from([(root, 1)]);
        let mut stack = vec![root];
        while let Some(term) = stack.pop() {
            for input in inputs_at_once(terms.term(term)) {
                *readers.entry(*input).or_default() += 1;
                if reachable.insert(*input) {
                    stack.push(*input);
                }
            }
        }
        // An input is interned before its readers, so ascending ids are a valid order.
        let mut done: HashMap<TermId, Rc<Relation>> = HashMap::new();
        for term in reachable {
            let node = terms.term(term);
            let mut inputs = Vec::with_capacity(node.inputs.len());
            for input in inputs_at_once(node) {
                inputs.push(done[input].clone());
                let left = readers.entry(*input).and_modify(|left| *left -= 1).or_default();
                if *left == 0 {
                    done.remove(input);
                }
            }
            let relation = context.operator(node, inputs)?;
            done.insert(term, Rc::new(relation));
        }
        Ok(done.remove(&root).map(Rc::unwrap_or_clone).unwrap_or_default())
    }
}

/// The inputs that are computed once: not the right side of an `apply`.
fn inputs_at_once(node: &RelNode<TermId>) -> &[TermId] {
    match node.op {
        RelOp::Apply(_, _) => &node.inputs[..1],
        _ => &node.inputs,
    }
}

/// Whether the rows stand in an order: what an engine's result below a sort must satisfy, however it
/// breaks ties.
///
/// # Errors
/// A key that cannot be computed of some row, or whose values no comparison takes.
pub fn is_sorted(
    terms: &Terms,
    relation: &Relation,
    keys: SortId,
    semantics: &Semantics,
    tables: &Tables,
) -> Result<bool, EvalError> {
    let context = Context { terms, semantics, tables, outer: None };
    let keys = terms.sort_keys(keys);
    let sorted = context.sort_values(keys, relation)?;
    for pair in sorted.windows(2) {
        if compare_keys(keys, &pair[0], &pair[1])?.is_gt() {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Context<'_> {
    fn operator(&self, node: &RelNode<TermId>, mut inputs: Vec<Rc<Relation>>) -> Result<Relation, EvalError> {
        let terms = self.terms;
        let mut only = || inputs.pop().map(Rc::unwrap_or_clone).unwrap_or_default();
        match node.op {
            RelOp::Get(get) => self.get(get),
            RelOp::Empty(columns) => Ok(Relation { columns: terms.columns_of(columns).to_vec(), rows: Vec::new() }),
            RelOp::Project(projection) => {
                let input = only();
                let at = positions(&input.columns);
                let computed = terms.projection(projection);
                let row = |row: &Row| computed.iter().map(|(_, scalar)| self.scalar(*scalar, &at, row)).collect();
                let rows = input.rows.iter().map(row).collect::<Result<_, _>>()?;
                Ok(Relation { columns: computed.iter().map(|(column, _)| *column).collect(), rows })
            }
            RelOp::Filter(predicates) => {
                let input = only();
                let at = positions(&input.columns);
                let mut rows = Vec::new();
                for row in input.rows {
                    if self.holds(terms.predicates(predicates), &at, &row)? {
                        rows.push(row);
                    }
                }
                Ok(Relation { columns: input.columns, rows })
            }
            RelOp::Join(kind, on) => join(*self, kind, terms.predicates(on), &inputs[0], &inputs[1]),
            RelOp::JoinSet(on) => {
                let inputs: Vec<&Relation> = inputs.iter().map(|input| &**input).collect();
                join_set(*self, terms.predicates(on), &inputs)
            }
            RelOp::MarkJoin(mark, on) => mark_join(*self, mark, terms.predicates(on), &inputs[0], &inputs[1]),
            RelOp::Apply(form, on) => apply(*self, form, terms.predicates(on), &only(), node.inputs[1]),
            RelOp::Window(spec) => window(*self, terms.window(spec), &only()),
            RelOp::Unnest(spec) => unnest(spec, only()),
            RelOp::Aggregate(spec) => aggregate(*self, terms.aggregate(spec), &only()),
            RelOp::Distinct => Ok(distinct(*self, &only())),
            RelOp::Sort(keys) => self.sort(keys, only()),
            RelOp::Limit { offset, fetch } => Ok(limit(only(), offset, fetch)),
            RelOp::TopK { keys, offset, fetch } => Ok(limit(self.sort(keys, only())?, offset, Some(fetch))),
            RelOp::Union(union) => {
                let spec = terms.union_spec(union);
                let mut rows = Vec::new();
                for (input, columns) in inputs.iter().zip(&spec.inputs) {
                    rows.extend(input.select(columns)?.rows);
                }
                Ok(Relation { columns: spec.output.clone(), rows })
            }
            RelOp::Extension(extension) => self.extension(extension, &inputs),
        }
    }

    /// A function of the query's own, over all rows as one partition; what an engine alone runs has no
    /// meaning here.
    fn extension(&self, extension: ExtensionId, inputs: &[Rc<Relation>]) -> Result<Relation, EvalError> {
        let spec = self.terms.extension(extension);
        let Some(function) = MapPartitions::of(&*spec.extension) else {
            let what = format!("the engine's operator `{}`", spec.extension.name());
            return Err(EvalError::Unsupported { what });
        };
        let mut batches = Vec::with_capacity(inputs.len());
        for (input, columns) in inputs.iter().zip(&spec.inputs) {
            batches.push(input.select(columns)?.to_batch(self.terms)?);
        }
        let failed = |reason| EvalError::Call { function: spec.extension.name().to_owned(), reason };
        Relation::from_batches(spec.output.clone(), &function.call(&batches).map_err(failed)?)
    }

    fn get(&self, get: GetId) -> Result<Relation, EvalError> {
        let spec = self.terms.get_spec(get);
        if let Some(rows) = self.tables.rows(get) {
            return Relation::new(spec.columns.clone(), rows.to_vec());
        }
        match &spec.leaf {
            Leaf::Values(values) => {
                let batches = values.partitions().iter().flat_map(|partition| partition.iter());
                Relation::from_batches(spec.columns.clone(), batches)
            }
            leaf => Err(EvalError::MissingTable { index: spec.index, name: leaf.name().to_owned() }),
        }
    }

    /// A stable sort.
    fn sort(&self, keys: SortId, input: Relation) -> Result<Relation, EvalError> {
        let keys = self.terms.sort_keys(keys);
        let mut rows: Vec<(Row, Row)> = self.sort_values(keys, &input)?.into_iter().zip(input.rows).collect();
        let mut error = None;
        rows.sort_by(|(a, _), (b, _)| {
            compare_keys(keys, a, b).unwrap_or_else(|found| {
                error.get_or_insert(found);
                Ordering::Equal
            })
        });
        match error {
            Some(error) => Err(error),
            None => Ok(Relation { columns: input.columns, rows: rows.into_iter().map(|(_, row)| row).collect() }),
        }
    }

    pub(super) fn sort_values(&self, keys: &[TermSortKey], input: &Relation) -> Result<Vec<Row>, EvalError> {
        let at = positions(&input.columns);
        let values = |row: &Row| {
            let value = |key: &TermSortKey| Ok(self.scalar(key.scalar, &at, row)?.sort_key(self.semantics));
            keys.iter().map(value).collect()
        };
        input.rows.iter().map(values).collect()
    }
}

pub(super) fn compare_keys(keys: &[TermSortKey], a: &[Value], b: &[Value]) -> Result<Ordering, EvalError> {
    for ((key, a), b) in keys.iter().zip(a).zip(b) {
        let nulls = if key.nulls_first { Ordering::Less } else { Ordering::Greater };
        let ordering = match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => nulls,
            (false, true) => nulls.reverse(),
            (false, false) if key.descending => order(b, a)?,
            (false, false) => order(a, b)?,
        };
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(Ordering::Equal)
}

fn limit(mut input: Relation, offset: u64, fetch: Option<u64>) -> Relation {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(input.rows.len());
    input.rows.drain(..offset);
    input.rows.truncate(fetch.map_or(usize::MAX, |fetch| usize::try_from(fetch).unwrap_or(usize::MAX)));
    input
}
