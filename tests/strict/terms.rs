//! Random terms over tiny tables, with much that can fail: quotients, and sums of integers near the end of their range.

use arrow_schema::DataType;
use leafhold::expr::{AggregateCall, AggregateFunction, BinaryOp, JoinKind, Scalar, ScalarOp};
use leafhold::term::interpret::table;
use leafhold::term::{AggregateSpec, ApplyForm, ColumnId, RelNode, RelOp, ScalarId, TermId, Terms, UnionSpec};

use crate::random::Random;

/// The term of a seed.
pub fn random(terms: &mut Terms, seed: u64) -> TermId {
    let mut maker = Maker { terms, random: Random::new(seed), made: 0 };
    let depth = 2 + maker.random.below(3);
    maker.relation(depth)
}

struct Maker<'a> {
    terms: &'a mut Terms,
    random: Random,
    made: usize,
}

impl Maker<'_> {
    fn relation(&mut self, depth: usize) -> TermId {
        if depth == 0 {
            return self.table();
        }
        let input = self.relation(depth - 1);
        match self.random.below(12) {
            0..4 => self.filter(input),
            4 => self.project(input),
            5 => self.aggregate(input),
            6 => self.terms.add(RelNode::new(RelOp::Distinct, [input])),
            7 => self.union(input, depth),
            8 => self.apply(input),
            _ => self.join(input, depth),
        }
    }

    fn table(&mut self) -> TermId {
        let columns = &[("x", DataType::Int64), ("y", DataType::Int64)][..1 + self.random.below(2)];
        // Zeros are rare enough that what is written mostly succeeds, and common enough that what moves may not.
        let values = [Some(1i64), Some(1), Some(2), Some(2), Some(i64::MAX), Some(0), None];
        let rows =
            (0..self.random.below(4)).map(|_| columns.iter().map(|_| self.random.pick(&values).into()).collect());
        let rows = rows.collect();
        table(self.terms, "t", columns, rows).unwrap().0
    }

    fn columns(&self, terms: &[TermId]) -> Vec<ColumnId> {
        terms.iter().flat_map(|term| self.terms.facts(*term).outputs.iter().collect::<Vec<_>>()).collect()
    }

    fn new_column(&mut self) -> ColumnId {
        self.made += 1;
        self.terms.add_column(&format!("c{}", self.made), DataType::Int64, true)
    }

    fn binary(&mut self, op: BinaryOp, a: ScalarId, b: ScalarId) -> ScalarId {
        self.terms.scalar(ScalarOp::Binary(op), [a, b])
    }

    /// A column, or what may fail over one.
    fn value(&mut self, columns: &[ColumnId]) -> ScalarId {
        let column = self.random.pick(columns);
        let column = self.terms.column_scalar(column);
        let one = self.terms.literal(1i64);
        match self.random.below(8) {
            0 => self.binary(BinaryOp::Divide, one, column),
            1 => self.binary(BinaryOp::Plus, column, one),
            2 => {
                let other = self.random.pick(columns);
                let other = self.terms.column_scalar(other);
                let difference = self.binary(BinaryOp::Minus, column, other);
                self.binary(BinaryOp::Modulo, one, difference)
            }
            3 => {
                let zero = self.terms.literal(0i64);
                let (is_zero, quotient) =
                    (self.binary(BinaryOp::Eq, column, zero), self.binary(BinaryOp::Divide, one, column));
                self.terms.scalar(ScalarOp::Case { operand: false, otherwise: true }, [is_zero, zero, quotient])
            }
            _ => column,
        }
    }

    fn condition(&mut self, columns: &[ColumnId]) -> ScalarId {
        let value = self.value(columns);
        let number = self.random.below(3) as i64;
        let number = self.terms.literal(number);
        match self.random.below(8) {
            0 => self.terms.scalar(ScalarOp::IsNotNull, [value]),
            // What protects a quotient.
            1 | 2 => {
                let zero = self.terms.literal(0i64);
                let column = self.random.pick(columns);
                let column = self.terms.column_scalar(column);
                self.binary(BinaryOp::NotEq, column, zero)
            }
            3 => {
                let other = self.value(columns);
                self.binary(BinaryOp::LtEq, value, other)
            }
            4 => {
                let arms = [0, 1].map(|_| {
                    let conjuncts = [self.condition(columns), self.condition(columns)];
                    self.terms.scalar(ScalarOp::And, conjuncts)
                });
                self.terms.scalar(ScalarOp::Or, arms)
            }
            _ => {
                let op = self.random.pick(&[BinaryOp::Eq, BinaryOp::GtEq, BinaryOp::LtEq]);
                self.binary(op, value, number)
            }
        }
    }

    /// One to three conjuncts: what fails may stand behind what protects it.
    fn conditions(&mut self, columns: &[ColumnId]) -> Vec<ScalarId> {
        (0..1 + self.random.below(3)).map(|_| self.condition(columns)).collect()
    }

    fn filter(&mut self, input: TermId) -> TermId {
        let columns = self.columns(&[input]);
        let conjuncts = self.conditions(&columns);
        self.terms.filter(input, conjuncts)
    }

    fn project(&mut self, input: TermId) -> TermId {
        let columns = self.columns(&[input]);
        let mut computed = Vec::new();
        for column in &columns {
            if !self.random.once_in(4) {
                computed.push((*column, self.terms.column_scalar(*column)));
            }
        }
        for _ in 0..1 + self.random.below(2) {
            let value = self.value(&columns);
            computed.push((self.new_column(), value));
        }
        let projection = self.terms.intern_projection(computed);
        self.terms.add(RelNode::new(RelOp::Project(projection), [input]))
    }

    fn aggregate(&mut self, input: TermId) -> TermId {
        let columns = self.columns(&[input]);
        let group = columns.iter().copied().filter(|_| self.random.once_in(2)).collect();
        let function = self.random.pick(&[0, 1, 2, 3]);
        let function =
            [AggregateFunction::Count, AggregateFunction::Sum, AggregateFunction::Min, AggregateFunction::Max]
                [function]
                .clone();
        let value = self.value(&columns);
        let of: Scalar<ColumnId> = self.terms.tree(value);
        let call = self.terms.intern_call(&AggregateCall::new(function, [of]));
        let spec = AggregateSpec { group, aggregates: vec![(self.new_column(), call)] };
        let spec = self.terms.intern_aggregate(spec);
        self.terms.add(RelNode::new(RelOp::Aggregate(spec), [input]))
    }

    fn union(&mut self, input: TermId, depth: usize) -> TermId {
        let below = self.random.below(depth);
        let other = self.relation(below);
        let inputs = [input, other].map(|term| {
            let columns = self.columns(&[term]);
            vec![self.random.pick(&columns)]
        });
        let union = UnionSpec { output: vec![self.new_column()], inputs: inputs.to_vec() };
        let union = self.terms.intern_union(union);
        self.terms.add(RelNode::new(RelOp::Union(union), [input, other]))
    }

    fn join(&mut self, left: TermId, depth: usize) -> TermId {
        let below = self.random.below(depth);
        let right = self.relation(below);
        let mut on = self.equality(left, right);
        if self.random.once_in(2) {
            let columns = self.columns(&[left, right]);
            on.extend(self.conditions(&columns));
        }
        if self.random.once_in(2) {
            return self.terms.join_set([left, right], on);
        }
        let kind = self.random.pick(&JoinKind::ALL);
        let on = self.terms.intern_predicates(on);
        self.terms.add(RelNode::new(RelOp::Join(kind, on), [left, right]))
    }

    /// A column of each side, now and then one of what may fail.
    fn equality(&mut self, left: TermId, right: TermId) -> Vec<ScalarId> {
        let (lefts, rights) = (self.columns(&[left]), self.columns(&[right]));
        let (a, b) = match self.random.once_in(4) {
            true => (self.value(&lefts), self.value(&rights)),
            false => {
                let (a, b) = (self.random.pick(&lefts), self.random.pick(&rights));
                (self.terms.column_scalar(a), self.terms.column_scalar(b))
            }
        };
        vec![self.binary(BinaryOp::Eq, a, b)]
    }

    /// A right side that is filtered by the left row, or not.
    fn apply(&mut self, left: TermId) -> TermId {
        let right = self.table();
        let mut below = self.equality(left, right);
        if self.random.once_in(3) {
            below.clear();
        }
        if self.random.once_in(3) {
            let columns = self.columns(&[right]);
            below.extend(self.conditions(&columns));
        }
        let right = self.terms.filter(right, below);
        let value = self.columns(&[right])[0];
        let form = match self.random.below(5) {
            0 => ApplyForm::Inner,
            1 => ApplyForm::Semi,
            2 => ApplyForm::Anti,
            3 => ApplyForm::Left,
            _ => ApplyForm::Scalar { value, output: self.new_column() },
        };
        let on = self.terms.intern_predicates([]);
        self.terms.add(RelNode::new(RelOp::Apply(form, on), [left, right]))
    }
}
