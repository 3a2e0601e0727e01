//! Which fraction of rows a predicate keeps.

use super::estimate::Estimator;
use crate::expr::{BinaryOp, ScalarOp};
use crate::term::{ColumnId, ScalarId, Terms};

/// Fraction of rows that an unknown predicate keeps.
const DEFAULT_SELECTIVITY: f64 = 0.2;
const LIKE_SELECTIVITY: f64 = 0.06;
const INEQUALITY_SELECTIVITY: f64 = 1.0 / 3.0;
/// No predicate is believed to keep less than this fraction.
pub(super) const LEAST_SELECTIVITY: f64 = 1e-9;

impl Estimator {
    /// The fraction of rows that one predicate keeps.
    pub fn selectivity(&self, terms: &Terms, predicate: ScalarId) -> f64 {
        self.raw_selectivity(terms, predicate).clamp(LEAST_SELECTIVITY, 1.0)
    }

    fn raw_selectivity(&self, terms: &Terms, predicate: ScalarId) -> f64 {
        let node = terms.node(predicate);
        let nulls = |scalar: ScalarId| terms.as_column(scalar).and_then(|column| self.null_fraction(column));
        match &node.op {
            ScalarOp::Literal(literal) => match literal.as_bool() {
                Some(true) => 1.0,
                _ => 0.0,
            },
            ScalarOp::And => self.conjunction(terms, &node.args),
            ScalarOp::Or => {
                let misses = node.args.iter().map(|arg| 1.0 - self.selectivity(terms, *arg));
                1.0 - misses.product::<f64>()
            }
            ScalarOp::Not => 1.0 - self.selectivity(terms, node.args[0]),
            ScalarOp::IsTrue => self.selectivity(terms, node.args[0]),
            ScalarOp::IsNull => nulls(node.args[0]).unwrap_or(0.05),
            ScalarOp::IsNotNull => 1.0 - nulls(node.args[0]).unwrap_or(0.05),
            ScalarOp::InList { negated } => {
                let one = self.equality(terms, node.args[0]);
                let any = (one * (node.args.len() - 1) as f64).min(1.0);
                if *negated { 1.0 - any } else { any }
            }
            ScalarOp::Like { negated, .. } => {
                if *negated {
                    1.0 - LIKE_SELECTIVITY
                } else {
                    LIKE_SELECTIVITY
                }
            }
            ScalarOp::Between { negated } => {
                if *negated {
                    0.75
                } else {
                    0.25
                }
            }
            ScalarOp::Binary(op) if op.is_comparison() => self.comparison(terms, *op, node.args[0], node.args[1]),
            _ => DEFAULT_SELECTIVITY,
        }
    }

    /// Independent conjuncts multiply; all bounds of one scalar are one range, of which the tightest count.
    pub(super) fn conjunction(&self, terms: &Terms, conjuncts: &[ScalarId]) -> f64 {
        let mut result = 1.0;
        let mut ranges: Vec<(ScalarId, f64, f64)> = Vec::new();
        for conjunct in conjuncts {
            let own = self.selectivity(terms, *conjunct);
            let Some((scalar, upper)) = bound(terms, *conjunct) else {
                result *= own;
                continue;
            };
            let at = ranges.iter().position(|(known, _, _)| *known == scalar).unwrap_or_else(|| {
                ranges.push((scalar, 1.0, 1.0));
                ranges.len() - 1
            });
            let side = if upper { &mut ranges[at].2 } else { &mut ranges[at].1 };
            *side = side.min(own);
        }
        for (scalar, lower, upper) in ranges {
            let known = terms.as_column(scalar).and_then(|column| self.range(column)).is_some();
            // P(low <= x <= high) = P(x >= low) + P(x <= high) - 1, where both are known.
            result *= if known { (lower + upper - 1.0).max(LEAST_SELECTIVITY) } else { lower * upper };
        }
        result
    }

    fn equality(&self, terms: &Terms, scalar: ScalarId) -> f64 {
        match terms.as_column(scalar) {
            Some(column) => 1.0 / self.base_distinct(column),
            None => {
                let columns: Vec<ColumnId> = terms.scalar_facts(scalar).columns.iter().collect();
                match columns.as_slice() {
                    // A function of one column has fewer values, by how many is anybody's guess.
                    [column] => (1.0 / self.base_distinct(*column)).max(0.01),
                    _ => 0.05,
                }
            }
        }
    }

    fn comparison(&self, terms: &Terms, op: BinaryOp, left: ScalarId, right: ScalarId) -> f64 {
        let literal = terms.as_literal(right);
        let equal = match (terms.as_column(left), terms.as_column(right)) {
            (Some(a), Some(b)) => 1.0 / self.base_distinct(a).max(self.base_distinct(b)),
            _ if literal.is_some() => self.equality(terms, left),
            _ => self.equality(terms, left).min(self.equality(terms, right)),
        };
        match op {
            BinaryOp::Eq | BinaryOp::IsNotDistinctFrom => return equal,
            BinaryOp::NotEq | BinaryOp::IsDistinctFrom => return 1.0 - equal,
            _ => {}
        }
        let range = terms.as_column(left).and_then(|column| self.range(column));
        let Some(((min, max), at)) = range.zip(literal.and_then(|literal| literal.axis())) else {
            return INEQUALITY_SELECTIVITY;
        };
        let below = match max > min {
            true => ((at - min) / (max - min)).clamp(0.0, 1.0),
            false => {
                if at >= min {
                    1.0
                } else {
                    0.0
                }
            }
        };
        match op {
            BinaryOp::Lt | BinaryOp::LtEq => below,
            _ => 1.0 - below,
        }
    }

    /// The fraction of the cross product that the equalities of two relations keep: a composite key is
    /// not believed to have more values than the smaller relation has rows.
    pub fn equi_selectivity(&self, pairs: &[(ColumnId, ColumnId)]) -> f64 {
        let independent: f64 = pairs.iter().map(|(a, b)| self.base_distinct(*a).max(self.base_distinct(*b))).product();
        if pairs.len() < 2 {
            return 1.0 / independent.max(1.0);
        }
        let rows = |side: fn(&(ColumnId, ColumnId)) -> ColumnId| {
            pairs.iter().map(|pair| self.base_rows(side(pair))).fold(f64::INFINITY, f64::min)
        };
        1.0 / independent.min(rows(|pair| pair.0)).min(rows(|pair| pair.1)).max(1.0)
    }

    /// The fraction of the cross product that the conjuncts of a join keep.
    pub(super) fn join_selectivity(&self, terms: &Terms, conjuncts: &[ScalarId]) -> f64 {
        let pairs: Vec<_> = conjuncts.iter().filter_map(|conjunct| terms.equi_columns(*conjunct)).collect();
        let equi = if pairs.is_empty() { 1.0 } else { self.equi_selectivity(&pairs) };
        let others = conjuncts.iter().filter(|conjunct| terms.equi_columns(**conjunct).is_none());
        let others: f64 = others.map(|conjunct| self.selectivity(terms, *conjunct)).product();
        (equi * others).clamp(f64::MIN_POSITIVE, 1.0)
    }
}

/// The scalar that a comparison with a constant bounds, and whether from above.
fn bound(terms: &Terms, conjunct: ScalarId) -> Option<(ScalarId, bool)> {
    let node = terms.node(conjunct);
    let ScalarOp::Binary(op) = node.op else { return None };
    terms.as_literal(*node.args.get(1)?)?.axis()?;
    match op {
        BinaryOp::Lt | BinaryOp::LtEq => Some((node.args[0], true)),
        BinaryOp::Gt | BinaryOp::GtEq => Some((node.args[0], false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::*;
    use crate::expr::CoreFunctions;
    use crate::leaf::{ColumnStatistics, FromDelayed, Leaf, TableStatistics, value};
    use crate::term::{GetSpec, RelNode, RelOp};

    /// A column `a` of 100 values from 0 to 99 over 1,000 rows, and `b` of which nothing is known.
    fn table() -> (Terms, Estimator, [ColumnId; 2]) {
        let mut terms = Terms::new(Arc::new(CoreFunctions));
        let fields = vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Int64, true)];
        let known =
            ColumnStatistics { distinct: Some(100.0), min: Some(0.0), max: Some(99.0), null_fraction: Some(0.0) };
        let statistics =
            TableStatistics { rows: Some(1000.0), bytes: None, columns: vec![known, ColumnStatistics::default()] };
        let leaf = FromDelayed::new("t", Arc::new(Schema::new(fields)), vec![value("t", vec![])]).unwrap();
        let leaf = Leaf::FromDelayed(leaf.with_statistics(statistics));
        let columns = ["a", "b"].map(|name| terms.add_column(name, DataType::Int64, true));
        terms.add_get(GetSpec { leaf, index: 0, columns: columns.to_vec() });
        let estimator = Estimator::new(&terms);
        (terms, estimator, columns)
    }

    fn conjunct() -> impl Strategy<Value = (bool, BinaryOp, i64)> {
        let ops = [BinaryOp::Eq, BinaryOp::NotEq, BinaryOp::Lt, BinaryOp::LtEq, BinaryOp::Gt, BinaryOp::GtEq];
        (any::<bool>(), proptest::sample::select(ops.to_vec()), -10i64..110)
    }

    proptest! {
        /// DESIGN 7: a more restrictive plan never estimates more rows.
        #[test]
        fn one_more_conjunct_never_estimates_more_rows(conjuncts in prop::collection::vec(conjunct(), 1..6)) {
            let (mut terms, estimator, columns) = table();
            let ids: Vec<ScalarId> = conjuncts
                .into_iter()
                .map(|(second, op, value)| {
                    let column = terms.column_scalar(columns[usize::from(second)]);
                    let value = terms.literal(value);
                    terms.scalar(ScalarOp::Binary(op), [column, value])
                })
                .collect();
            let more = terms.intern_predicates(ids.clone());
            let fewer = terms.intern_predicates(ids[..ids.len() - 1].to_vec());
            let rows = |predicates| {
                let node: RelNode<u32> = RelNode::new(RelOp::Filter(predicates), [0]);
                estimator.rows(&terms, &node, &[1000.0])
            };
            let (more, fewer) = (rows(more), rows(fewer));
            prop_assert!(more <= fewer * (1.0 + 1e-12), "{more} rows with, {fewer} without");
        }
    }

    #[test]
    fn two_bounds_of_one_column_are_one_range() {
        let (mut terms, estimator, [a, _]) = table();
        let a = terms.column_scalar(a);
        let mut bound = |op, value: i64| {
            let value = terms.literal(value);
            terms.scalar(ScalarOp::Binary(op), [a, value])
        };
        let range = [bound(BinaryOp::GtEq, 20), bound(BinaryOp::Lt, 40)];
        let kept = estimator.conjunction(&terms, &range);
        assert!((kept - 20.0 / 99.0).abs() < 1e-9, "{kept}");
    }
}
