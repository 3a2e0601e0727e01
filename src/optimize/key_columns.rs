use std::cell::RefCell;
use std::sync::Arc;

use super::plan::{Partitioning, PhysicalOp, PlanColumn, PlanNode, PlanOp};
use crate::expr::{Name, Scalar, ScalarOp, SortKey, Volatility};
use crate::term::{ColumnId, SortId, Terms};

pub(super) fn sort_keys(terms: &Terms, keys: SortId) -> Vec<SortKey<ColumnId>> {
    terms.sort_keys(keys).iter().map(|key| terms.sort_tree(key)).collect()
}

/// The keys of a sort whose partitions are merged, over an input that has each of them as a column: computed once, where
/// the rows lie, and rows can be divided by them. A volatile one stays: each value of it is another. `made` are the columns
/// that the plan has beyond those of the query.
pub(super) fn with_key_columns(
    terms: &Terms,
    input: Arc<PlanNode>,
    keys: SortId,
    made: &RefCell<Vec<PlanColumn>>,
) -> (Arc<PlanNode>, Vec<SortKey<ColumnId>>) {
    let (mut keys, sort) = (sort_keys(terms, keys), terms.sort_keys(keys));
    // Nothing is merged.
    if input.partitioning == Partitioning::Single {
        return (input, keys);
    }
    let mut made = made.borrow_mut();
    let mut output = input.output.clone();
    let mut columns: Vec<Scalar<ColumnId>> = output.iter().map(|column| Scalar::column(*column)).collect();
    for (key, term) in keys.iter_mut().zip(sort) {
        if matches!(key.scalar.op, ScalarOp::Column(_)) || key.scalar.volatility() == Volatility::Volatile {
            continue;
        }
        let column = ColumnId((terms.columns().len() + made.len()) as u32);
        let name = Name::from(format!("key{}", made.len() + 1).as_str());
        made.push(PlanColumn { name, data_type: terms.scalar_facts(term.scalar).data_type.clone() });
        output.push(column);
        columns.push(std::mem::replace(&mut key.scalar, Scalar::column(column)));
    }
    if output.len() == input.output.len() {
        return (input, keys);
    }
    let (partitioning, rows, cost) = (input.partitioning.clone(), input.rows, input.cost);
    let op = PlanOp::Compute(PhysicalOp::Project { columns });
    (Arc::new(PlanNode { op, inputs: vec![input], output, partitioning, rows, cost }), keys)
}
