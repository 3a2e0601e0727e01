//! Queries over tables of nullable integers, by hand.

use std::sync::Arc;

use arrow_schema::DataType;
use leafhold::expr::{AggregateCall, AggregateFunction, BinaryOp, CoreFunctions, JoinKind, Literal, Scalar};
use leafhold::expr::{Functions, Semantics};
use leafhold::term::interpret::{EvalError, Relation, Row, Tables, Value, interpret, table};
use leafhold::term::{AggregateSpec, ColumnId, RelNode, RelOp, ScalarId, TermId, TermSortKey, Terms};

pub type Tree = Scalar<ColumnId>;

/// A query under construction: tables of nullable integers unless said otherwise.
pub struct Query {
    pub terms: Terms,
    pub semantics: Semantics,
    pub tables: Tables,
}

pub fn ints<const N: usize>(rows: impl IntoIterator<Item = [Option<i64>; N]>) -> Vec<Row> {
    rows.into_iter().map(|row| row.into_iter().map(Value::from).collect()).collect()
}

pub fn binary(op: BinaryOp, a: Tree, b: Tree) -> Tree {
    Scalar::binary(op, a, b)
}

pub fn eq(a: ColumnId, b: ColumnId) -> Tree {
    binary(BinaryOp::Eq, Scalar::column(a), Scalar::column(b))
}

pub fn int(value: i64) -> Tree {
    Scalar::literal(value)
}

pub fn null(kind: DataType) -> Tree {
    Scalar::literal(Literal::null(&kind))
}

impl Query {
    pub fn new() -> Self {
        Query::over(CoreFunctions)
    }

    pub fn over(functions: impl Functions + 'static) -> Self {
        Query { terms: Terms::new(Arc::new(functions)), semantics: Semantics::default(), tables: Tables::new() }
    }

    pub fn ints<const N: usize>(
        &mut self,
        names: [&str; N],
        rows: impl IntoIterator<Item = [Option<i64>; N]>,
    ) -> (TermId, [ColumnId; N]) {
        let columns: Vec<_> = names.iter().map(|name| (*name, DataType::Int64)).collect();
        let (term, ids) = table(&mut self.terms, "t", &columns, ints(rows)).unwrap();
        (term, ids.try_into().unwrap())
    }

    pub fn column<T: Into<Value>>(&mut self, kind: DataType, values: Vec<T>) -> (TermId, ColumnId) {
        let rows = values.into_iter().map(|value| vec![value.into()]).collect();
        let (term, ids) = table(&mut self.terms, "t", &[("x", kind)], rows).unwrap();
        (term, ids[0])
    }

    pub fn intern(&mut self, tree: &Tree) -> ScalarId {
        self.terms.intern_scalar(tree)
    }

    pub fn filter(&mut self, input: TermId, predicate: Tree) -> TermId {
        let predicate = self.intern(&predicate);
        self.terms.filter(input, [predicate])
    }

    pub fn join(&mut self, kind: JoinKind, left: TermId, right: TermId, on: Tree) -> TermId {
        let on = self.intern(&on);
        let on = self.terms.intern_predicates([on]);
        self.terms.add(RelNode::new(RelOp::Join(kind, on), [left, right]))
    }

    pub fn aggregate(&mut self, input: TermId, group: Vec<ColumnId>, calls: Vec<AggregateCall<ColumnId>>) -> TermId {
        let aggregates = calls.iter().enumerate().map(|(at, call)| {
            let call = self.terms.intern_call(call);
            let types: Vec<_> = call.args.iter().map(|arg| self.terms.scalar_facts(*arg).data_type.clone()).collect();
            let kind = self.terms.functions().aggregate_type(&call.function, &types).unwrap();
            (self.terms.add_column(&format!("agg{at}"), kind, true), call)
        });
        let spec = AggregateSpec { group, aggregates: aggregates.collect() };
        let spec = self.terms.intern_aggregate(spec);
        self.terms.add(RelNode::new(RelOp::Aggregate(spec), [input]))
    }

    pub fn sort_key(&mut self, column: ColumnId, descending: bool, nulls_first: bool) -> TermSortKey {
        TermSortKey { scalar: self.terms.column_scalar(column), descending, nulls_first }
    }

    pub fn run(&self, term: TermId) -> Result<Relation, EvalError> {
        interpret(&self.terms, term, &self.semantics, &self.tables)
    }

    /// The rows as text, in their order.
    pub fn rows(&self, term: TermId) -> Vec<String> {
        let relation = self.run(term).unwrap();
        relation.rows.iter().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")).collect()
    }

    /// The rows as text, sorted.
    pub fn bag(&self, term: TermId) -> Vec<String> {
        let mut rows = self.rows(term);
        rows.sort();
        rows
    }

    /// The value of a scalar over one row of no columns, as text.
    pub fn value(&mut self, tree: Tree) -> Result<Value, EvalError> {
        let (unit, _) = table(&mut self.terms, "unit", &[], vec![vec![]]).unwrap();
        let scalar = self.intern(&tree);
        let facts = self.terms.scalar_facts(scalar).clone();
        let column = self.terms.add_column("value", facts.data_type, true);
        let projection = self.terms.intern_projection(vec![(column, scalar)]);
        let term = self.terms.add(RelNode::new(RelOp::Project(projection), [unit]));
        self.run(term).map(|mut relation| relation.rows.remove(0).remove(0))
    }
}

pub fn call(function: AggregateFunction, of: ColumnId) -> AggregateCall<ColumnId> {
    AggregateCall::new(function, [Scalar::column(of)])
}

// ---- joins ---------------------------------------------------------------------------------
