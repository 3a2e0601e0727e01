use std::collections::HashMap;

use super::LowerError;
use crate::expr::{AggregateCall, Scalar, SortKey};
use crate::optimize::PhysicalOp;
use crate::term::ColumnId;

/// Where the columns of an operator's input lie. Every lookup fails for a column that no input gives.
pub struct Positions {
    of: HashMap<ColumnId, usize>,
    operator: &'static str,
    node: usize,
}

impl Positions {
    /// The positions of the columns of some layouts, one after the other. `operator` and `node` are for
    /// errors.
    pub fn new<'a>(operator: &'static str, node: usize, layouts: impl IntoIterator<Item = &'a [ColumnId]>) -> Self {
        let mut of = HashMap::new();
        for (position, column) in layouts.into_iter().flatten().enumerate() {
            of.entry(*column).or_insert(position);
        }
        Positions { of, operator, node }
    }

    /// Where a column lies.
    ///
    /// # Errors
    /// A column that the layout lacks.
    pub fn column(&self, column: ColumnId) -> Result<usize, LowerError> {
        let missing = || LowerError::MissingColumn { operator: self.operator, node: self.node, column };
        self.of.get(&column).copied().ok_or_else(missing)
    }

    /// Where columns lie.
    ///
    /// # Errors
    /// As for [`Positions::column`].
    pub fn columns(&self, columns: &[ColumnId]) -> Result<Vec<usize>, LowerError> {
        columns.iter().map(|column| self.column(*column)).collect()
    }

    /// A scalar over positions.
    ///
    /// # Errors
    /// As for [`Positions::column`].
    pub fn scalar(&self, scalar: &Scalar<ColumnId>) -> Result<Scalar<usize>, LowerError> {
        scalar.try_map(&mut |column| self.column(*column))
    }

    fn optional(&self, scalar: &Option<Scalar<ColumnId>>) -> Result<Option<Scalar<usize>>, LowerError> {
        scalar.as_ref().map(|scalar| self.scalar(scalar)).transpose()
    }

    /// Sort keys over positions.
    ///
    /// # Errors
    /// As for [`Positions::column`].
    pub fn sort_keys(&self, keys: &[SortKey<ColumnId>]) -> Result<Vec<SortKey<usize>>, LowerError> {
        keys.iter().map(|key| key.try_map(&mut |column| self.column(*column))).collect()
    }

    /// Aggregate calls over positions.
    ///
    /// # Errors
    /// As for [`Positions::column`].
    pub fn calls(&self, calls: &[AggregateCall<ColumnId>]) -> Result<Vec<AggregateCall<usize>>, LowerError> {
        calls.iter().map(|call| call.try_map(&mut |column| self.column(*column))).collect()
    }
}

/// The operator over positions in the layouts of its inputs. `arguments` is the layout over which the
/// calls of a final aggregate are written.
///
/// # Errors
/// When the operator uses a column that its inputs do not give.
pub fn positional(
    op: &PhysicalOp<ColumnId>,
    node: usize,
    inputs: &[&[ColumnId]],
    arguments: Option<&[ColumnId]>,
) -> Result<PhysicalOp<usize>, LowerError> {
    let all = Positions::new(op.name(), node, inputs.iter().copied());
    let one = |index: usize| Positions::new(op.name(), node, inputs.get(index).copied());
    Ok(match op {
        PhysicalOp::Filter { predicate } => PhysicalOp::Filter { predicate: all.scalar(predicate)? },
        PhysicalOp::Project { columns } => {
            PhysicalOp::Project { columns: columns.iter().map(|column| all.scalar(column)).collect::<Result<_, _>>()? }
        }
        PhysicalOp::HashJoin { kind, keys, residual, build } => {
            let (left, right) = (one(0), one(1));
            let keys = keys.iter().map(|(a, b)| Ok((left.scalar(a)?, right.scalar(b)?))).collect::<Result<_, _>>()?;
            PhysicalOp::HashJoin { kind: *kind, keys, residual: all.optional(residual)?, build: *build }
        }
        PhysicalOp::NestedLoopJoin { kind, condition } => {
            PhysicalOp::NestedLoopJoin { kind: *kind, condition: all.optional(condition)? }
        }
        PhysicalOp::MarkJoin { condition, nullable } => {
            PhysicalOp::MarkJoin { condition: all.optional(condition)?, nullable: *nullable }
        }
        PhysicalOp::Window { window, calls } => PhysicalOp::Window {
            window: window.try_map(&mut |column| all.column(*column))?,
            calls: calls
                .iter()
                .map(|call| call.try_map(&mut |column| all.column(*column)))
                .collect::<Result<_, _>>()?,
        },
        PhysicalOp::Unnest { column, nulls } => PhysicalOp::Unnest { column: all.column(*column)?, nulls: *nulls },
        PhysicalOp::Aggregate { phase, group, aggregates } => match arguments {
            // The partial phase gave the keys first, in this order.
            Some(arguments) => PhysicalOp::Aggregate {
                phase: *phase,
                group: (0..group.len()).collect(),
                aggregates: Positions::new(op.name(), node, [arguments]).calls(aggregates)?,
            },
            None => {
                PhysicalOp::Aggregate { phase: *phase, group: all.columns(group)?, aggregates: all.calls(aggregates)? }
            }
        },
        PhysicalOp::Sort { keys, fetch } => PhysicalOp::Sort { keys: all.sort_keys(keys)?, fetch: *fetch },
        PhysicalOp::Limit { offset, fetch } => PhysicalOp::Limit { offset: *offset, fetch: *fetch },
        PhysicalOp::Union => PhysicalOp::Union,
        PhysicalOp::Extension { extension } => PhysicalOp::Extension { extension: extension.clone() },
    })
}
