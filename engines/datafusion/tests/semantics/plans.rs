//! Random plans over random tables.

use std::collections::BTreeMap;

use arrow_schema::{DataType, Schema};
use leafhold::expr::{AggregateCall, BinaryOp, Expr, ExprError, JoinKind, Name, Op, Scalar, ScalarOp, SortKey, col};
use leafhold_datafusion::EngineFunctions;

use crate::random::Random;
use crate::scalars::Scalars;
use crate::table::Table;

/// A plan and the tables that it reads.
#[derive(Clone)]
pub struct Case {
    pub tables: BTreeMap<String, Table>,
    pub expr: Expr,
}

impl Case {
    /// The case of a seed.
    pub fn random(seed: u64) -> Case {
        let mut random = Random::new(seed);
        let tables: Vec<Table> = (0..3).map(|at| Table::random(&mut random, format!("t{at}"))).collect();
        let depth = 1 + random.below(4);
        let mut plans = Plans { random, tables, names: 0, leaves: 0 };
        let expr = plans.root(depth);
        Case { tables: plans.tables.into_iter().map(|table| (table.name.clone(), table)).collect(), expr }
    }
}

/// Whether the rows of an expression are promised: a limit needs an order over all columns, but for the
/// last one of all.
pub fn is_determined(expr: &Expr) -> bool {
    expr.post_order().iter().all(|node| match node.op() {
        Op::Limit { .. } => node.same(expr) || is_totally_sorted(&node.inputs()[0]),
        _ => true,
    })
}

/// Whether an expression is a sort by all its columns.
pub fn is_totally_sorted(expr: &Expr) -> bool {
    let Op::Sort(keys) = expr.op() else { return false };
    expr.schema().fields().iter().all(|field| keys.iter().any(|key| key.scalar == col(field.name().as_str())))
}

struct Plans {
    random: Random,
    tables: Vec<Table>,
    names: usize,
    leaves: usize,
}

const FUNCTIONS: &EngineFunctions = &EngineFunctions;

impl Plans {
    fn name(&mut self) -> Name {
        self.names += 1;
        format!("c{}", self.names).into()
    }

    fn scalars<'a>(&'a mut self, schema: &'a Schema) -> Scalars<'a> {
        Scalars { random: &mut self.random, schema }
    }

    fn root(&mut self, depth: usize) -> Expr {
        let input = self.relation(depth);
        match self.random.below(10) {
            0 => {
                let keys = self.sort_keys(&input, false);
                input.sort(keys, FUNCTIONS).unwrap()
            }
            1 => input.limit(self.random.below(3) as u64, Some(self.random.below(5) as u64)),
            _ => input,
        }
    }

    fn relation(&mut self, depth: usize) -> Expr {
        if depth == 0 || self.leaves >= 4 {
            return self.table();
        }
        match self.random.below(100) {
            0..20 => {
                let input = self.relation(depth - 1);
                let predicate = self.scalars(&input.schema().clone()).predicate(2);
                input.filter(predicate, FUNCTIONS).unwrap()
            }
            20..38 => {
                let input = self.relation(depth - 1);
                self.project(input)
            }
            38..65 => self.join(depth),
            65..82 => self.aggregate(depth),
            82..88 => self.relation(depth - 1).distinct(),
            88..93 => {
                let input = self.relation(depth - 1);
                let keys = self.sort_keys(&input, true);
                let (offset, fetch) = (self.random.below(3) as u64, self.random.below(5) as u64);
                input.sort(keys, FUNCTIONS).unwrap().limit(offset, Some(fetch))
            }
            _ => self.union(depth),
        }
    }

    /// A table under names that nothing else has.
    fn table(&mut self) -> Expr {
        self.leaves += 1;
        let table = self.random.pick(&self.tables).clone();
        self.renamed(Expr::leaf(table.values()).unwrap())
    }

    fn renamed(&mut self, input: Expr) -> Expr {
        let names: Vec<Name> = input.schema().fields().iter().map(|_| self.name()).collect();
        let fields = input.schema().fields().clone();
        let columns = names.into_iter().zip(fields.iter().map(|field| col(field.name().as_str())));
        input.project(columns.collect::<Vec<_>>(), FUNCTIONS).unwrap()
    }

    fn project(&mut self, input: Expr) -> Expr {
        let schema = input.schema().clone();
        let columns = (0..1 + self.random.below(4)).map(|_| {
            let scalar = match self.random.percent(40) {
                true => col(self.random.pick(schema.fields()).name().as_str()),
                false => self.scalars(&schema).any(2),
            };
            (self.name(), scalar)
        });
        let columns: Vec<_> = columns.collect();
        input.project(columns, FUNCTIONS).unwrap()
    }

    fn join(&mut self, depth: usize) -> Expr {
        let left = self.relation(depth - 1);
        let right = match self.random.percent(15) {
            true => self.renamed(left.clone()),
            false => {
                let depth = self.random.below(depth);
                self.relation(depth)
            }
        };
        let kind = *self.random.pick(&JoinKind::ALL);
        let mut on = Vec::new();
        for l in left.schema().fields() {
            for r in right.schema().fields() {
                if l.data_type() == r.data_type() && on.len() < 2 && self.random.percent(35) {
                    let op = if self.random.percent(92) { BinaryOp::Eq } else { BinaryOp::IsNotDistinctFrom };
                    let (l, r) = (col(l.name().as_str()), col(r.name().as_str()));
                    let (l, r) = if self.random.percent(80) { (l, r) } else { (r, l) };
                    on.push(Scalar::binary(op, l, r));
                }
            }
        }
        if self.random.percent(25) {
            let fields = left.schema().fields().iter().chain(right.schema().fields());
            let both = Schema::new(fields.cloned().collect::<Vec<_>>());
            on.push(self.scalars(&both).predicate(1));
        }
        left.join(right, kind, on, FUNCTIONS).unwrap()
    }

    fn aggregate(&mut self, depth: usize) -> Expr {
        let input = self.relation(depth - 1);
        let schema = input.schema().clone();
        let keys = self.random.below(3);
        let group = (0..keys).map(|_| {
            let key = match self.random.percent(75) {
                true => col(self.random.pick(schema.fields()).name().as_str()),
                false => self.scalars(&schema).any(1),
            };
            (self.name(), key)
        });
        let group: Vec<_> = group.collect();
        let calls = usize::from(keys == 0) + self.random.below(3);
        let aggregates = (0..calls).map(|_| (self.name(), self.scalars(&schema).aggregate()));
        let aggregates: Vec<_> = aggregates.collect();
        input.aggregate(group, aggregates, FUNCTIONS).unwrap()
    }

    fn sort_keys(&mut self, input: &Expr, all: bool) -> Vec<SortKey> {
        let mut names: Vec<Name> = input.schema().fields().iter().map(|field| field.name().as_str().into()).collect();
        let wanted = if all { names.len() } else { 1 + self.random.below(names.len()) };
        let key = |_| {
            let scalar = col(names.remove(self.random.below(names.len())));
            SortKey { scalar, descending: self.random.percent(50), nulls_first: self.random.percent(50) }
        };
        (0..wanted).map(key).collect()
    }

    fn union(&mut self, depth: usize) -> Expr {
        let first = self.relation(depth - 1);
        let depth = self.random.below(depth);
        let second = match self.random.percent(20) {
            true => first.clone(),
            false => self.relation(depth),
        };
        let kinds: Vec<DataType> = first.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        let schema = second.schema().clone();
        let columns = kinds.iter().map(|kind| (self.name(), self.scalars(&schema).value(kind, 0)));
        let columns: Vec<_> = columns.collect();
        let second = second.project(columns, FUNCTIONS).unwrap();
        Expr::union(vec![first, second]).unwrap()
    }
}

/// The same operator over other inputs; an error where it does not fit them.
pub fn remake(op: &Op, mut inputs: Vec<Expr>) -> Result<Expr, ExprError> {
    match op {
        Op::Leaf(leaf) => Expr::leaf(leaf.clone()),
        Op::Project(columns) => inputs.remove(0).project(columns.clone(), FUNCTIONS),
        Op::Filter(predicate) => inputs.remove(0).filter(predicate.clone(), FUNCTIONS),
        Op::Join { kind, on } => {
            let right = inputs.remove(1);
            inputs.remove(0).join(right, *kind, on.clone(), FUNCTIONS)
        }
        Op::Aggregate { group, aggregates, .. } => {
            inputs.remove(0).aggregate(group.clone(), aggregates.clone(), FUNCTIONS)
        }
        Op::Sort(keys) => inputs.remove(0).sort(keys.clone(), FUNCTIONS),
        Op::Limit { offset, fetch } => Ok(inputs.remove(0).limit(*offset, *fetch)),
        Op::Distinct => Ok(inputs.remove(0).distinct()),
        Op::Union => Expr::union(inputs),
        Op::Extension(barrier) => Expr::extension(barrier.clone(), inputs),
        op => unreachable!("no random plan has a {}", op.name()),
    }
}

/// Simpler operators: with less in them.
pub fn simpler(op: &Op) -> Vec<Op> {
    let scalar = |scalar: &Scalar| match &scalar.op {
        ScalarOp::Column(_) => Vec::new(),
        _ => scalar.args.clone(),
    };
    fn without<T: Clone>(items: &[T]) -> impl Iterator<Item = Vec<T>> + '_ {
        (0..items.len()).map(|at| [&items[..at], &items[at + 1..]].concat())
    }
    fn with<T: Clone>(items: &[T], at: usize, item: T) -> Vec<T> {
        let mut items = items.to_vec();
        items[at] = item;
        items
    }
    let mut all = Vec::new();
    match op {
        Op::Project(columns) => {
            all.extend(without(columns).filter(|left| !left.is_empty()).map(Op::Project));
            for (at, (name, value)) in columns.iter().enumerate() {
                all.extend(scalar(value).into_iter().map(|less| Op::Project(with(columns, at, (name.clone(), less)))));
            }
        }
        Op::Filter(predicate) => all.extend(scalar(predicate).into_iter().map(Op::Filter)),
        Op::Join { kind, on } => {
            all.extend(without(on).map(|on| Op::Join { kind: *kind, on }));
            for (at, conjunct) in on.iter().enumerate() {
                let less = scalar(conjunct).into_iter();
                all.extend(less.map(|less| Op::Join { kind: *kind, on: with(on, at, less) }));
            }
        }
        Op::Aggregate { group, aggregates, .. } => {
            all.extend(
                without(aggregates)
                    .filter(|left| !left.is_empty() || !group.is_empty())
                    .map(|aggregates| Op::Aggregate { group: group.clone(), sets: None, aggregates }),
            );
            all.extend(
                without(group).filter(|left| !left.is_empty() || !aggregates.is_empty()).map(|group| Op::Aggregate {
                    group,
                    sets: None,
                    aggregates: aggregates.clone(),
                }),
            );
            for (at, (name, key)) in group.iter().enumerate() {
                all.extend(scalar(key).into_iter().map(|less| Op::Aggregate {
                    group: with(group, at, (name.clone(), less)),
                    sets: None,
                    aggregates: aggregates.clone(),
                }));
            }
            for (at, (name, call)) in aggregates.iter().enumerate() {
                let mut calls = Vec::new();
                if call.filter.is_some() {
                    calls.push(AggregateCall { filter: None, ..call.clone() });
                }
                let args = call.args.first().map(scalar).unwrap_or_default();
                calls.extend(args.into_iter().map(|arg| AggregateCall { args: vec![arg], ..call.clone() }));
                all.extend(calls.into_iter().map(|call| Op::Aggregate {
                    group: group.clone(),
                    sets: None,
                    aggregates: with(aggregates, at, (name.clone(), call)),
                }));
            }
        }
        Op::Sort(keys) => all.extend(without(keys).map(Op::Sort)),
        _ => {}
    }
    all
}
