//! The terms on which rules are tried: their own examples and `not`s, and what one makes of another.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::DataType;
use indexmap::IndexSet;

use super::graft::{graft, graft_op, plant};
use super::named::{Named, Plain, VOLATILE, function_info, named};
use super::payload::fits;
use crate::expr::{CoreFunctions, FunctionInfo, Name, ScalarOp, Volatility};
use crate::rules::{Operator, Phase, Rule};
use crate::term::text::parse_into;
use crate::term::{ColumnId, ColumnSet, GetId, RelNode, RelOp, ScalarId, TermId, TermSortKey, Terms};

/// A term of a rule's text, in an arena of its own.
struct Specimen {
    rule: usize,
    terms: Terms,
    root: TermId,
    /// Whether the rule should fire on it.
    before: bool,
}

/// All terms in one arena, so that equal ones are one.
pub(super) struct Bench {
    /// The arena.
    pub terms: Terms,
    /// The examples of each rule, by the rule's place.
    pub examples: Vec<Vec<TermId>>,
    /// Terms for all rules: examples, `not`s, and what comes of putting one into another.
    pub all: IndexSet<TermId>,
    /// Terms that call what no text can: a volatile function, or an aggregate of an engine's own.
    pub calls: IndexSet<TermId>,
    columns: HashMap<(Name, DataType, bool, bool), ColumnId>,
    gets: HashMap<(String, Vec<ColumnId>), GetId>,
}

impl Bench {
    /// The terms of some rules. O(rules²) of those that share an operator.
    pub fn new(rules: &[Arc<Rule>]) -> Bench {
        let mut bench = Bench {
            terms: Terms::new(Arc::new(CoreFunctions)),
            examples: vec![Vec::new(); rules.len()],
            all: IndexSet::new(),
            calls: IndexSet::new(),
            columns: HashMap::new(),
            gets: HashMap::new(),
        };
        let specimens = specimens(rules);
        for specimen in &specimens {
            let Some(copy) = bench.copy(&specimen.terms, specimen.root, &mut Plain::default()) else { continue };
            bench.all.insert(copy);
            if specimen.before {
                bench.examples[specimen.rule].push(copy);
            }
            bench.add_calls(specimen);
            if rules[specimen.rule].scalar_operators().is_some() {
                bench.add_draws(copy);
            }
        }
        let befores = specimens.iter().filter(|specimen| specimen.before);
        let befores: Vec<_> = befores.filter(|specimen| rules[specimen.rule].phase() == Phase::Normalize).collect();
        for outer in &befores {
            bench.add_overlaps(outer, &befores);
            bench.add_leaves(outer);
        }
        bench
    }

    fn copy(&mut self, from: &Terms, term: TermId, how: &mut Plain) -> Option<TermId> {
        let Bench { terms, columns, gets, .. } = self;
        graft(from, terms, term, &mut Named { how, columns, gets })
    }

    /// The term once for each place where it computes something, with a volatile call there, or with an aggregate
    /// of which nothing is known.
    fn add_calls(&mut self, specimen: &Specimen) {
        for place in 0.. {
            let mut how = Plain { call: Some(place), ..Plain::default() };
            let copy = self.copy(&specimen.terms, specimen.root, &mut how);
            if how.call.is_some() {
                return;
            }
            self.calls.extend(copy);
        }
    }

    /// The term with a volatile call, which is never null, in the place of each column that its root computes from.
    fn add_draws(&mut self, term: TermId) {
        let terms = &mut self.terms;
        let node = terms.term(term).clone();
        let mut columns = ColumnSet::new();
        for scalar in terms.scalars_of(node.op).into_iter().filter(|scalar| terms.as_column(*scalar).is_none()) {
            columns.extend(&terms.scalar_facts(scalar).columns);
        }
        for column in columns.iter() {
            let info = function_info(VOLATILE, Volatility::Volatile, terms.column(column).data_type.clone());
            let info = FunctionInfo { nullable: false, strict: true, ..info };
            let drawn = terms.scalar(ScalarOp::Call(Arc::new(info)), []);
            let op = terms.map_scalars(node.op, &mut |terms, scalar| match terms.as_column(scalar) {
                Some(_) => scalar,
                None => terms.substitute(scalar, &|read| (read == column).then_some(drawn)),
            });
            let built = plant(terms, op, node.inputs.to_vec());
            self.calls.insert(built);
        }
    }

    /// The term with other terms in the places where it has the same operator: below its root a whole one, in
    /// the place of an input an input.
    fn add_overlaps(&mut self, outer: &Specimen, others: &[&Specimen]) {
        let mut places = vec![(outer.root, Vec::new())];
        while let Some((place, path)) = places.pop() {
            let node = outer.terms.term(place);
            if matches!(node.op, RelOp::Get(_) | RelOp::Empty(_)) {
                continue;
            }
            let operator = Operator::of(node.op);
            for (at, input) in node.inputs.iter().enumerate() {
                let mut path = path.clone();
                path.push(at);
                places.push((*input, path));
            }
            for other in others {
                let root = other.terms.term(other.root);
                if Operator::of(root.op) != operator {
                    continue;
                }
                if !path.is_empty() {
                    self.compose(outer, &path, (&other.terms, other.root), None);
                } else if !std::ptr::eq(outer, *other) {
                    for (at, input) in root.inputs.iter().enumerate().take(node.inputs.len()) {
                        if !matches!(other.terms.term(*input).op, RelOp::Get(_)) {
                            self.compose(outer, &[at], (&other.terms, *input), None);
                            self.compose(outer, &[at], (&other.terms, *input), Some(other));
                        }
                    }
                }
            }
        }
    }

    /// The term with a leaf that is known to have no row, one row, or an order.
    fn add_leaves(&mut self, outer: &Specimen) {
        let mut places = vec![(outer.root, Vec::new())];
        while let Some((place, path)) = places.pop() {
            let node = outer.terms.term(place);
            for (at, input) in node.inputs.iter().enumerate() {
                let mut path = path.clone();
                path.push(at);
                places.push((*input, path));
            }
            if !matches!(node.op, RelOp::Get(_)) || path.is_empty() {
                continue;
            }
            let Some(leaf) = self.copy(&outer.terms, place, &mut Plain::default()) else { continue };
            let outputs: Vec<ColumnId> = self.terms.facts(leaf).outputs.iter().collect();
            let Some(first) = outputs.first().copied() else { continue };
            let scalar = self.terms.column_scalar(first);
            let key = self.terms.intern_sort(vec![TermSortKey { scalar, descending: false, nulls_first: false }]);
            let none = self.terms.intern_columns(outputs);
            let none = self.terms.add(RelNode::new(RelOp::Empty(none), []));
            let one = self.terms.add(RelNode::new(RelOp::Limit { offset: 0, fetch: Some(1) }, [leaf]));
            let sorted = self.terms.add(RelNode::new(RelOp::Sort(key), [leaf]));
            for hole in [none, one, sorted] {
                let built = self.around(outer, outer.root, &path, hole, &mut Plain::default(), None);
                self.all.extend(built);
            }
        }
    }

    /// A term with another one in the place of one of its nodes; its columns become those of that name, or of
    /// that type. With `beside`, the conjuncts at the root of that term join those at this one's.
    fn compose(&mut self, outer: &Specimen, path: &[usize], inner: (&Terms, TermId), beside: Option<&Specimen>) {
        let Some(hole) = self.copy(inner.0, inner.1, &mut Plain::default()) else { return };
        let mut place = outer.root;
        for at in path {
            place = outer.terms.term(place).inputs[*at];
        }
        let mut how = Plain { taken: self.columns_within(hole), ..Plain::default() };
        let given = self.terms.facts(hole).outputs.clone();
        let mut free: Vec<ColumnId> = Vec::new();
        let mut missing: Vec<ColumnId> = Vec::new();
        for column in outer.terms.facts(place).outputs.iter() {
            let named = self.column(&outer.terms, column, false);
            match given.contains(named) {
                true => drop(how.translated.insert(column, Some(named))),
                false => missing.push(column),
            }
        }
        free.extend(given.iter().filter(|column| !how.translated.values().any(|taken| *taken == Some(*column))));
        for column in missing {
            let data_type = &outer.terms.column(column).data_type;
            let at = free.iter().position(|free| self.terms.column(*free).data_type == *data_type);
            how.translated.insert(column, at.map(|at| free.remove(at)));
        }
        let beside = beside.and_then(|other| Some((other, conjunction(other.terms.term(other.root).op)?)));
        let beside = match beside {
            Some((other, predicates)) => {
                let mut copies = Vec::new();
                for conjunct in other.terms.predicates(predicates) {
                    let tree = other.terms.tree(*conjunct);
                    let column = |column: &ColumnId| Ok::<_, ()>(self.column(&other.terms, *column, false));
                    let Ok(tree) = tree.try_map(&mut { column }) else { return };
                    copies.push(self.terms.intern_scalar(&tree));
                }
                Some(copies)
            }
            None => None,
        };
        let built = self.around(outer, outer.root, path, hole, &mut how, beside.as_deref());
        self.all.extend(built);
    }

    /// The copy of what lies around a place, with another term there; `None` where that makes no sense.
    fn around(
        &mut self,
        outer: &Specimen,
        term: TermId,
        path: &[usize],
        hole: TermId,
        how: &mut Plain,
        beside: Option<&[ScalarId]>,
    ) -> Option<TermId> {
        let Some((next, path)) = path.split_first() else { return Some(hole) };
        let node = outer.terms.term(term);
        let mut inputs = Vec::new();
        for (at, input) in node.inputs.iter().enumerate() {
            inputs.push(match at == *next {
                true => self.around(outer, *input, path, hole, how, None)?,
                false => self.copy(&outer.terms, *input, how)?,
            });
        }
        let Bench { terms, columns, gets, .. } = self;
        let mut op = graft_op(&outer.terms, terms, node.op, &mut Named { how, columns, gets })?;
        if let (Some(beside), Some(own)) = (beside, conjunction(op)) {
            let all: Vec<ScalarId> = terms.predicates(own).iter().chain(beside).copied().collect();
            let both = terms.intern_predicates(all);
            op = match op {
                RelOp::Filter(_) => RelOp::Filter(both),
                RelOp::JoinSet(_) => RelOp::JoinSet(both),
                RelOp::Join(kind, _) => RelOp::Join(kind, both),
                op => op,
            };
        } else if beside.is_some() {
            return None;
        }
        fits(terms, op, &inputs).then(|| plant(terms, op, inputs))
    }

    fn column(&mut self, from: &Terms, column: ColumnId, second: bool) -> ColumnId {
        named(&mut self.columns, from, &mut self.terms, column, second)
    }

    fn columns_within(&self, term: TermId) -> ColumnSet {
        let mut all = ColumnSet::new();
        let mut stack = vec![term];
        while let Some(term) = stack.pop() {
            all.extend(&self.terms.facts(term).outputs);
            stack.extend(&self.terms.term(term).inputs);
        }
        all
    }

    /// Whether a scalar calls the volatile function.
    pub fn calls(terms: &Terms, scalar: ScalarId) -> usize {
        if terms.scalar_facts(scalar).volatility < Volatility::Volatile {
            return 0;
        }
        let node = terms.node(scalar);
        let own = matches!(&node.op, ScalarOp::Call(function) if &*function.name == VOLATILE);
        usize::from(own) + node.args.iter().map(|arg| Bench::calls(terms, *arg)).sum::<usize>()
    }
}

/// The terms that rules show. What is no term is an error of the examples, and not of this.
fn specimens(rules: &[Arc<Rule>]) -> Vec<Specimen> {
    let mut specimens = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let tables = rule.tables();
        let befores = rule.examples().iter().map(|example| (example.before.as_str(), true));
        for (text, before) in befores.chain(rule.nots().iter().map(|text| (text.as_str(), false))) {
            let mut terms = Terms::new(Arc::new(CoreFunctions));
            if let Ok(root) = parse_into(&mut terms, text, &tables) {
                specimens.push(Specimen { rule: at, terms, root, before });
            }
        }
    }
    specimens
}

fn conjunction(op: RelOp) -> Option<crate::term::PredicatesId> {
    match op {
        RelOp::Filter(on) | RelOp::JoinSet(on) | RelOp::Join(_, on) => Some(on),
        _ => None,
    }
}
