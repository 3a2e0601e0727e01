//! How the rows of a candidate lie, and what must be required of its inputs so that they lie as is required of it.

use super::{Candidate, Extractor};
use crate::expr::JoinKind;
use crate::term::{AggregatePhase, AlternativeOp, ColumnId, ColumnsId, ProjectionId, Required, UnnestSpec};

impl Extractor<'_> {
    /// What must be required of an input so that the operator meets a requirement; `None` when the operator
    /// does not keep the input's partitions.
    pub(super) fn passed(&self, candidate: &Candidate, at: usize, required: Required) -> Option<Required> {
        match candidate.op {
            AlternativeOp::Filter(_) => Some(required),
            AlternativeOp::Unnest(UnnestSpec { element, .. }) => match required {
                Required::Hashed(columns) if self.graph.terms().columns_of(columns).contains(&element) => None,
                other => Some(other),
            },
            AlternativeOp::Extension(_) => (required == Required::Single).then_some(required),
            AlternativeOp::MarkJoin { mark, .. } => match required {
                Required::Hashed(columns) if self.graph.terms().columns_of(columns).contains(&mark) => None,
                other => (at == 0).then_some(other),
            },
            AlternativeOp::Project(projection) => match required {
                Required::Hashed(columns) => self.before_projection(projection, columns),
                other => Some(other),
            },
            AlternativeOp::HashJoin { .. } | AlternativeOp::NestedLoopJoin { .. } => {
                let replicated = candidate.inputs.get(1 - at)?.1 == Required::Replicated;
                let has = |columns: ColumnsId| {
                    let outputs = &self.groups[candidate.inputs[at].0].outputs;
                    self.graph.terms().columns_of(columns).iter().all(|column| outputs.contains(*column))
                };
                match required {
                    Required::Hashed(columns) => (replicated && has(columns)).then_some(required),
                    _ => replicated.then_some(required),
                }
            }
            AlternativeOp::HashAggregate { phase: AggregatePhase::Partial, .. } => {
                (required == Required::Single).then_some(required)
            }
            _ => None,
        }
    }

    /// The same columns before a projection renamed them, as an interned list that exists already.
    fn before_projection(&self, projection: ProjectionId, columns: ColumnsId) -> Option<Required> {
        let terms = self.graph.terms();
        let before = terms.columns_of(columns).iter().map(|column| {
            let computed = terms.projection(projection).iter().find(|(to, _)| to == column)?;
            terms.as_column(computed.1)
        });
        let before: Vec<ColumnId> = before.collect::<Option<_>>()?;
        terms.find_columns(&before).map(Required::Hashed)
    }

    /// Whether a candidate meets a requirement by itself.
    pub(super) fn satisfies(&self, candidate: &Candidate, required: Required) -> bool {
        match required {
            Required::Any => true,
            Required::Single => self.delivered(candidate) == Delivered::Single,
            Required::Replicated => false,
            Required::Hashed(columns) => match self.delivered(candidate) {
                Delivered::Hashed(own) => own == columns,
                Delivered::HashedByEither(left, right) => left == columns || right == columns,
                _ => false,
            },
        }
    }

    /// How the rows of a candidate lie, from what is required of its inputs.
    pub(super) fn delivered(&self, candidate: &Candidate) -> Delivered {
        let needs = |at: usize| candidate.inputs.get(at).map_or(Required::Any, |(_, required)| *required);
        match candidate.op {
            AlternativeOp::Read(get) => match self.graph.terms().get_spec(get).leaf.partitions() {
                1 => Delivered::Single,
                _ => self.hashed.columns(get).map_or(Delivered::Any, Delivered::Hashed),
            },
            AlternativeOp::Empty(_) | AlternativeOp::Sort { .. } | AlternativeOp::Limit { .. } => Delivered::Single,
            // What sees everything is in one partition; what runs where the rows are leaves them there.
            AlternativeOp::Extension(_) => match candidate.inputs.iter().all(|(_, needs)| *needs == Required::Single) {
                true => Delivered::Single,
                false => Delivered::Any,
            },
            AlternativeOp::Window(_) => Delivered::from(needs(0)),
            AlternativeOp::Unnest(UnnestSpec { list, .. }) => match needs(0) {
                Required::Hashed(columns) if self.graph.terms().columns_of(columns).contains(&list) => Delivered::Any,
                other => Delivered::from(other),
            },
            AlternativeOp::MarkJoin { .. } => Delivered::of_join((needs(0), needs(1))),
            AlternativeOp::Union(_) => Delivered::Any,
            AlternativeOp::Filter(_) | AlternativeOp::HashAggregate { .. } => Delivered::from(needs(0)),
            AlternativeOp::Project(projection) => match needs(0) {
                Required::Hashed(columns) => match self.after_projection(projection, columns) {
                    Some(columns) => Delivered::Hashed(columns),
                    None => Delivered::Any,
                },
                other => Delivered::from(other),
            },
            AlternativeOp::HashJoin { kind, .. } => match (needs(0), needs(1)) {
                (Required::Hashed(left), Required::Hashed(right)) => match kind {
                    JoinKind::Inner => Delivered::HashedByEither(left, right),
                    JoinKind::Right => Delivered::Hashed(right),
                    JoinKind::Full => Delivered::Any,
                    _ => Delivered::Hashed(left),
                },
                needs => Delivered::of_join(needs),
            },
            AlternativeOp::NestedLoopJoin { .. } => Delivered::of_join((needs(0), needs(1))),
        }
    }

    fn after_projection(&self, projection: ProjectionId, columns: ColumnsId) -> Option<ColumnsId> {
        let terms = self.graph.terms();
        let after = terms.columns_of(columns).iter().map(|column| {
            let kept =
                terms.projection(projection).iter().find(|(_, scalar)| terms.as_column(*scalar) == Some(*column))?;
            Some(kept.0)
        });
        let after: Vec<ColumnId> = after.collect::<Option<_>>()?;
        terms.find_columns(&after)
    }
}

/// How the rows of a choice lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    Any,
    Single,
    Hashed(ColumnsId),
    HashedByEither(ColumnsId, ColumnsId),
}

impl Delivered {
    fn from(required: Required) -> Self {
        match required {
            Required::Single => Delivered::Single,
            Required::Hashed(columns) => Delivered::Hashed(columns),
            Required::Any | Required::Replicated => Delivered::Any,
        }
    }

    /// Of a join with a replicated side, or with both sides in one partition; `finish` says the same of the built nodes
    /// (`beside`).
    fn of_join(needs: (Required, Required)) -> Self {
        match needs {
            (Required::Replicated, other) | (other, Required::Replicated) => Delivered::from(other),
            (Required::Single, Required::Single) => Delivered::Single,
            _ => Delivered::Any,
        }
    }
}
