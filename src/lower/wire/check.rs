//! Whether a fragment hangs together: indices in range, inputs and widths as the operators need them.

use std::collections::BTreeSet;

use super::super::{FragmentNode, FragmentOp, FragmentOutput};
use crate::expr::wire::WireError;
use crate::expr::{WindowCall, element};
use crate::optimize::PhysicalOp;
use crate::optimize::wire::MOST_PARTITIONS;

/// Checks a node over the nodes before it.
pub(super) fn check_node(
    at: usize,
    node: &FragmentNode,
    before: &[FragmentNode],
    slots: usize,
) -> Result<(), WireError> {
    let invalid = |message: String| Err(WireError::invalid(format!("node {at} of the fragment"), message));
    if let Some(input) = node.inputs.iter().find(|input| **input >= before.len()) {
        return invalid(format!("input {input} is no earlier node"));
    }
    let widths: Vec<usize> = node.inputs.iter().map(|input| before[*input].schema.fields().len()).collect();
    let found = node.schema.fields().len();
    let slot_is_there = |slot: usize| match slot < slots {
        true => Ok(()),
        false => invalid(format!("slot {slot} of {slots}")),
    };
    // How many inputs the operator needs, and how many columns it gives.
    let (inputs, width) = match &node.op {
        FragmentOp::Input { slot, columns } => {
            slot_is_there(*slot)?;
            (0, columns.as_ref().map_or(found, Vec::len))
        }
        FragmentOp::MergeInput { slot, .. } => {
            slot_is_there(*slot)?;
            (0, found)
        }
        FragmentOp::Scan { source, columns } => {
            let width = source.schema().fields().len();
            if let Some(column) = columns.iter().find(|column| **column >= width) {
                return invalid(format!("column {column} of a table of {width}"));
            }
            (0, columns.len())
        }
        FragmentOp::Empty => (0, found),
        FragmentOp::Compute { op, argument_schema } => {
            let first = widths.first().copied().unwrap_or(0);
            let joined = |gives_right: bool| if gives_right { widths.iter().sum() } else { first };
            match op {
                PhysicalOp::Filter { .. } | PhysicalOp::Sort { .. } | PhysicalOp::Limit { .. } => (1, first),
                PhysicalOp::Project { columns } => (1, columns.len()),
                PhysicalOp::HashJoin { kind, .. } | PhysicalOp::NestedLoopJoin { kind, .. } => {
                    (2, joined(kind.gives_right()))
                }
                PhysicalOp::Aggregate { phase, group, aggregates } => {
                    if phase.reads_states() != argument_schema.is_some() {
                        return invalid("an aggregate over states, and no other, has a schema of arguments".into());
                    }
                    match phase.gives_states() {
                        true => (1, group.len()),
                        false => (1, group.len() + aggregates.len()),
                    }
                }
                PhysicalOp::Union => {
                    if let Some(other) = widths.iter().find(|width| **width != first) {
                        return invalid(format!("a union of {first} and {other} columns"));
                    }
                    (widths.len(), if widths.is_empty() { found } else { first })
                }
                PhysicalOp::MarkJoin { .. } => (2, first + 1),
                PhysicalOp::Window { window, calls } => {
                    let fault = |call: &WindowCall<usize>| call.frame.fault(!window.order_by.is_empty());
                    if let Some(fault) = calls.iter().find_map(fault) {
                        return invalid(format!("a frame of a window: {fault}"));
                    }
                    (1, first + calls.len())
                }
                PhysicalOp::Unnest { column, .. } => {
                    let input = node.inputs.first().map(|input| &before[*input].schema);
                    let list = input.and_then(|schema| schema.fields().get(*column)).map(|field| field.data_type());
                    if list.and_then(element).is_none() {
                        return invalid(format!("column {column} is no list"));
                    }
                    (1, first)
                }
                PhysicalOp::Extension { extension } => (widths.len(), extension.schema().fields().len()),
            }
        }
    };
    if node.inputs.len() != inputs {
        return invalid(format!("`{}` has {} inputs instead of {inputs}", node.op.name(), node.inputs.len()));
    }
    match found == width {
        true => Ok(()),
        false => invalid(format!("`{}` gives {width} columns under a schema of {found}", node.op.name())),
    }
}

/// Checks a fragment whose nodes are checked: its slots, and how the rows of its root are handed out.
pub(super) fn check_ends(nodes: &[FragmentNode], slots: usize, output: &FragmentOutput) -> Result<(), WireError> {
    let invalid = |message: String| Err(WireError::invalid("the fragment", message));
    let Some(root) = nodes.last() else { return invalid("there is no node".into()) };
    let read: BTreeSet<usize> = nodes
        .iter()
        .filter_map(|node| match node.op {
            FragmentOp::Input { slot, .. } | FragmentOp::MergeInput { slot, .. } => Some(slot),
            FragmentOp::Scan { .. } | FragmentOp::Empty | FragmentOp::Compute { .. } => None,
        })
        .chain(match output {
            FragmentOutput::Ranged { boundaries, .. } => Some(*boundaries),
            _ => None,
        })
        .filter(|slot| *slot < slots)
        .collect();
    if read.len() != slots {
        return invalid(format!("{slots} slots, of which {} are read", read.len()));
    }
    let width = root.schema.fields().len();
    match output {
        FragmentOutput::Whole => Ok(()),
        FragmentOutput::Hashed { columns, .. } if columns.iter().any(|column| *column >= width) => {
            invalid(format!("the rows are hashed by a column that the root, of {width} columns, does not give"))
        }
        FragmentOutput::Hashed { ports, .. } if !(1..=MOST_PARTITIONS).contains(ports) => {
            invalid(format!("{ports} ports; there may be 1 to {MOST_PARTITIONS}"))
        }
        FragmentOutput::Ranged { keys, .. } if keys.is_empty() || keys.iter().any(|key| key.column >= width) => {
            invalid(format!("the ranges are of no columns that the root, of {width} columns, gives"))
        }
        FragmentOutput::Ranged { ports, .. } | FragmentOutput::Even { ports }
            if !(1..=MOST_PARTITIONS).contains(ports) =>
        {
            invalid(format!("{ports} ports; there may be 1 to {MOST_PARTITIONS}"))
        }
        FragmentOutput::Ranged { boundaries, .. } if *boundaries >= slots => {
            invalid(format!("boundaries in slot {boundaries} of {slots}"))
        }
        FragmentOutput::Hashed { .. }
        | FragmentOutput::Ranged { .. }
        | FragmentOutput::Even { .. }
        | FragmentOutput::Sampled { .. } => Ok(()),
    }
}
