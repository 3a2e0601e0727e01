//! How many rows: the estimator.
//!
//! Base facts come from the leaves' statistics; everything above assumes independence and
//! containment (Selinger et al., SIGMOD 1979), with two corrections that matter in practice: several
//! equalities between the same two relations are taken as one composite key, and what an implied
//! predicate has filtered already is not filtered again. Only `+ - * /`, `min` and `max` are used, so
//! the figures are the same on every machine.

use crate::expr::{BinaryOp, JoinKind, ScalarOp};
use crate::leaf::ColumnStatistics;
use crate::term::{AggregateSpec, ApplyForm, ColumnId, PredicatesId, RelNode, RelOp, ScalarId, Terms};

/// Rows of a leaf of which nothing is known.
pub const DEFAULT_ROWS: f64 = 1000.0;
/// Fraction of rows that an unknown predicate keeps.
const DEFAULT_SELECTIVITY: f64 = 0.2;
const LIKE_SELECTIVITY: f64 = 0.06;
const INEQUALITY_SELECTIVITY: f64 = 1.0 / 3.0;
/// Elements of a list of which nothing is known.
const LIST_LENGTH: f64 = 3.0;
/// No predicate is believed to keep less than this fraction.
const LEAST_SELECTIVITY: f64 = 1e-9;
/// Fraction of left rows that an anti join keeps at least.
const LEAST_ANTI: f64 = 0.05;

/// What is believed of one column.
#[derive(Clone, Debug)]
struct Column {
    statistics: ColumnStatistics,
    /// Rows of the leaf it comes from.
    rows: f64,
}

/// Believes: rows of relations and distinct values of columns, from the leaves' statistics.
#[derive(Debug, Default)]
pub struct Estimator {
    columns: Vec<Option<Column>>,
}

impl Estimator {
    /// Takes a frozen snapshot of the statistics of all leaves.
    pub fn new(terms: &Terms) -> Self {
        let mut estimator = Estimator { columns: vec![None; terms.columns().len()] };
        for spec in terms.gets() {
            let statistics = spec.leaf.statistics();
            let rows = statistics.rows.unwrap_or(DEFAULT_ROWS);
            for (at, column) in spec.columns.iter().enumerate() {
                estimator.columns[column.0 as usize] = Some(Column { statistics: statistics.column(at), rows });
            }
        }
        estimator
    }

    /// Learns of columns that projections compute: what a plain copy or a function of one column
    /// cannot exceed.
    pub fn learn(&mut self, terms: &Terms, computed: &[(ColumnId, ScalarId)]) {
        self.columns.resize(terms.columns().len(), None);
        for (column, scalar) in computed {
            if self.columns[column.0 as usize].is_some() {
                continue;
            }
            let read: Vec<ColumnId> = terms.scalar_facts(*scalar).columns.iter().collect();
            let known = match (terms.as_column(*scalar), read.as_slice()) {
                (Some(from), _) => self.column(from).cloned(),
                (None, [from]) => self.column(*from).map(|from| Column {
                    statistics: ColumnStatistics { distinct: from.statistics.distinct, ..Default::default() },
                    rows: from.rows,
                }),
                _ => None,
            };
            self.columns[column.0 as usize] = known;
        }
    }

    fn column(&self, column: ColumnId) -> Option<&Column> {
        self.columns.get(column.0 as usize)?.as_ref()
    }

    /// Distinct values of a column in a relation of so many rows.
    pub fn distinct(&self, column: ColumnId, rows: f64) -> f64 {
        let known = self.column(column).and_then(|column| column.statistics.distinct);
        known.unwrap_or(rows / 10.0).min(rows).max(1.0)
    }

    /// Distinct values of a join column: where it comes from, if that is known, else a share of the rows of
    /// the relation that gives it. Always finite.
    pub fn key_values(&self, column: ColumnId, rows: f64) -> f64 {
        let known = self.column(column).and_then(|column| column.statistics.distinct);
        known.unwrap_or(rows / 10.0).max(1.0)
    }

    /// Distinct values of a column where it comes from.
    fn base_distinct(&self, column: ColumnId) -> f64 {
        match self.column(column) {
            Some(column) => column.statistics.distinct.unwrap_or(column.rows / 10.0).max(1.0),
            None => 100.0,
        }
    }

    fn range(&self, column: ColumnId) -> Option<(f64, f64)> {
        let statistics = &self.column(column)?.statistics;
        Some((statistics.min?, statistics.max?))
    }

    fn base_rows(&self, column: ColumnId) -> f64 {
        self.column(column).map_or(DEFAULT_ROWS, |column| column.rows).max(1.0)
    }

    /// The fraction of rows that one predicate keeps.
    pub fn selectivity(&self, terms: &Terms, predicate: ScalarId) -> f64 {
        self.raw_selectivity(terms, predicate).clamp(LEAST_SELECTIVITY, 1.0)
    }

    fn raw_selectivity(&self, terms: &Terms, predicate: ScalarId) -> f64 {
        let node = terms.node(predicate);
        let nulls = |scalar: ScalarId| {
            let column = terms.as_column(scalar).and_then(|column| self.column(column));
            column.and_then(|column| column.statistics.null_fraction)
        };
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
    fn conjunction(&self, terms: &Terms, conjuncts: &[ScalarId]) -> f64 {
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

    /// Rows of a node over inputs of known rows.
    pub fn rows<I>(&self, terms: &Terms, node: &RelNode<I>, inputs: &[f64]) -> f64 {
        let rows = match node.op {
            RelOp::Get(get) => terms.get_spec(get).leaf.statistics().rows.unwrap_or(DEFAULT_ROWS),
            RelOp::Empty(_) => 0.0,
            RelOp::Project(_) | RelOp::Sort(_) => inputs[0],
            RelOp::Filter(predicates) => {
                inputs[0] * self.conjunction(terms, terms.predicates(predicates)).clamp(LEAST_SELECTIVITY, 1.0)
            }
            RelOp::Join(kind, on) => self.join_rows(terms, kind, on, inputs[0], inputs[1]),
            RelOp::JoinSet(on) => {
                let product: f64 = inputs.iter().product();
                product * self.join_selectivity(terms, terms.predicates(on))
            }
            RelOp::Aggregate(aggregate) => self.groups(terms.aggregate(aggregate), inputs[0]),
            RelOp::Distinct => inputs[0],
            RelOp::MarkJoin(_, _) | RelOp::Window(_) => inputs[0],
            RelOp::Apply(form, _) => match form {
                ApplyForm::Inner => inputs[0] * inputs[1],
                ApplyForm::Left => inputs[0] * inputs[1].max(1.0),
                ApplyForm::Semi | ApplyForm::Anti => inputs[0] / 2.0,
                ApplyForm::Mark(_) | ApplyForm::Scalar { .. } => inputs[0],
            },
            RelOp::Unnest(_) => inputs[0] * LIST_LENGTH,
            RelOp::Limit { offset, fetch } => {
                let left = (inputs[0] - offset as f64).max(0.0);
                fetch.map_or(left, |fetch| left.min(fetch as f64))
            }
            RelOp::TopK { offset, fetch, .. } => (inputs[0] - offset as f64).max(0.0).min(fetch as f64),
            RelOp::Union(_) => inputs.iter().sum(),
            RelOp::Extension(_) => inputs.iter().copied().fold(1.0, f64::max),
        };
        rows.max(0.0)
    }

    /// Groups of an aggregate over so many rows.
    pub fn groups(&self, spec: &AggregateSpec, rows: f64) -> f64 {
        if spec.group.is_empty() {
            return 1.0;
        }
        let mut groups = 1.0;
        for column in &spec.group {
            groups = (groups * self.distinct(*column, rows)).min(rows);
        }
        groups
    }

    fn join_selectivity(&self, terms: &Terms, conjuncts: &[ScalarId]) -> f64 {
        let pairs: Vec<_> = conjuncts.iter().filter_map(|conjunct| terms.equi_columns(*conjunct)).collect();
        let equi = if pairs.is_empty() { 1.0 } else { self.equi_selectivity(&pairs) };
        let others = conjuncts.iter().filter(|conjunct| terms.equi_columns(**conjunct).is_none());
        let others: f64 = others.map(|conjunct| self.selectivity(terms, *conjunct)).product();
        (equi * others).clamp(f64::MIN_POSITIVE, 1.0)
    }

    fn join_rows(&self, terms: &Terms, kind: JoinKind, on: PredicatesId, left: f64, right: f64) -> f64 {
        let conjuncts = terms.predicates(on);
        let inner = left * right * self.join_selectivity(terms, conjuncts);
        match kind {
            JoinKind::Inner => inner,
            JoinKind::Left => inner.max(left),
            JoinKind::Right => inner.max(right),
            JoinKind::Full => inner.max(left).max(right),
            JoinKind::Semi => left * self.matched(terms, conjuncts, left, right),
            JoinKind::Anti | JoinKind::NullAwareAnti => {
                left * (1.0 - self.matched(terms, conjuncts, left, right)).max(LEAST_ANTI)
            }
        }
    }

    /// The fraction of left rows that have a match: distinct key values of the right among the left's.
    fn matched(&self, terms: &Terms, conjuncts: &[ScalarId], left: f64, right: f64) -> f64 {
        let mut fraction: f64 = if right <= 0.0 { 0.0 } else { 1.0 };
        for conjunct in conjuncts {
            match terms.equi_columns(*conjunct) {
                Some((a, b)) => {
                    // Which of the two is the left one does not matter: containment of the smaller in the larger.
                    let (a, b) = (self.base_distinct(a), self.base_distinct(b));
                    let keys = a.min(b).min(right);
                    fraction = fraction.min(keys / a.max(b).max(1.0));
                }
                None => {
                    let one = self.selectivity(terms, *conjunct);
                    // One of several candidates suffices.
                    let candidates = (right / left.max(1.0)).max(1.0);
                    fraction *= (one * candidates).min(1.0);
                }
            }
        }
        fraction.clamp(0.0, 1.0)
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
    use crate::leaf::{FromDelayed, Leaf, TableStatistics, value};
    use crate::term::GetSpec;

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
