//! How many rows: the estimator.
//!
//! Base facts come from the leaves' statistics; everything above assumes independence and
//! containment (Selinger et al., SIGMOD 1979), with two corrections that matter in practice: several
//! equalities between the same two relations are taken as one composite key, and what an implied
//! predicate has filtered already is not filtered again. Only `+ - * /`, `min` and `max` are used, so
//! the figures are the same on every machine.

use super::selectivity::LEAST_SELECTIVITY;
use crate::expr::JoinKind;
use crate::leaf::ColumnStatistics;
use crate::term::{AggregateSpec, ApplyForm, ColumnId, PredicatesId, RelNode, RelOp, ScalarId, Terms};

/// Rows of a leaf of which nothing is known.
pub const DEFAULT_ROWS: f64 = 1000.0;
/// Elements of a list of which nothing is known.
const LIST_LENGTH: f64 = 3.0;
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
    pub(super) fn base_distinct(&self, column: ColumnId) -> f64 {
        match self.column(column) {
            Some(column) => column.statistics.distinct.unwrap_or(column.rows / 10.0).max(1.0),
            None => 100.0,
        }
    }

    /// The fraction of a column's values that are null, where that is known.
    pub(super) fn null_fraction(&self, column: ColumnId) -> Option<f64> {
        self.column(column)?.statistics.null_fraction
    }

    /// The least and the largest value of a column, where they are known.
    pub(super) fn range(&self, column: ColumnId) -> Option<(f64, f64)> {
        let statistics = &self.column(column)?.statistics;
        Some((statistics.min?, statistics.max?))
    }

    /// Rows of the leaf that a column comes from.
    pub(super) fn base_rows(&self, column: ColumnId) -> f64 {
        self.column(column).map_or(DEFAULT_ROWS, |column| column.rows).max(1.0)
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
