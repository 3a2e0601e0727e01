//! Terms around a scalar: the places where a rule of scalars may find it.

use arrow_schema::DataType;

use super::Maker;
use crate::expr::{AggregateFunction, BinaryOp, JoinKind, ScalarOp};
use crate::term::text::Datum;
use crate::term::{AggregateSpec, RelOp, TermAggregate, TermId};

/// The joins in whose condition it stands.
const KINDS: [JoinKind; 5] = [JoinKind::Left, JoinKind::Semi, JoinKind::Anti, JoinKind::Full, JoinKind::NullAwareAnti];

impl Maker<'_> {
    /// A node that evaluates a scalar which a pattern fits: as a computed column, in a condition of a filter or a
    /// join, as an argument.
    pub fn around_scalar(&mut self, datum: &Datum) -> Option<TermId> {
        let place = self.dice.below(8);
        let mut inputs = vec![self.relation(self.size)];
        if place == 6 || place == 7 {
            inputs.push(self.relation(0));
        }
        let scope = self.scope(&inputs);
        let kinds: Vec<DataType> = scope.iter().map(|column| self.terms.column(*column).data_type.clone()).collect();
        let kind = match self.dice.once_in(4) {
            true => DataType::Boolean,
            false => self.dice.pick(&kinds).cloned().unwrap_or(DataType::Int64),
        };
        let scalar = self.unnamed(datum, &inputs, &kind)?;
        let own = self.terms.scalar_facts(scalar).data_type.clone();
        Some(match place {
            0..=2 => {
                let columns = self.terms.facts(inputs[0]).outputs.iter().take(1).collect::<Vec<_>>();
                let mut computed: Vec<_> =
                    columns.into_iter().map(|column| (column, self.terms.column_scalar(column))).collect();
                computed.push((self.fresh(own), scalar));
                let projection = self.terms.intern_projection(computed);
                self.build(RelOp::Project(projection), inputs)
            }
            3 => {
                let args = [scalar].into_iter().collect();
                let call = TermAggregate { function: AggregateFunction::Count, args, distinct: false, filter: None };
                let aggregates = vec![(self.fresh(DataType::Int64), call)];
                let spec = self.terms.intern_aggregate(AggregateSpec { group: Vec::new(), aggregates });
                self.build(RelOp::Aggregate(spec), inputs)
            }
            place => {
                // What is no truth value is compared, or asked for null.
                let condition = match own {
                    DataType::Boolean => scalar,
                    own => {
                        let other = self.value(&scope, &own, 0);
                        let compared = ScalarOp::Binary(BinaryOp::IsNotDistinctFrom);
                        self.make(compared, vec![scalar, other])?
                    }
                };
                let condition =
                    if self.dice.once_in(3) { self.make(ScalarOp::Not, vec![condition])? } else { condition };
                let mut conjuncts = vec![condition];
                if self.dice.once_in(3) {
                    conjuncts.push(self.truth(&scope, 0));
                }
                let on = self.terms.intern_predicates(conjuncts);
                match place {
                    4 | 5 => self.build(RelOp::Filter(on), inputs),
                    _ => {
                        let kind = KINDS[self.dice.below(KINDS.len())];
                        self.build(RelOp::Join(kind, on), inputs)
                    }
                }
            }
        })
    }
}
