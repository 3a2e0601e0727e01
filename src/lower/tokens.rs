//! The identity of fragments and tasks: content alone, no column ids, no node numbers.

use super::{Fragment, FragmentNode, FragmentOp, FragmentOutput, Source, TaskId};
use crate::leaf::{FutureHandle, Generation};
use crate::optimize::PhysicalOp;
use crate::term::Side;
use crate::token::{Token, Tokenize, Tokenizer};

/// The token of a fragment of these nodes and this output.
pub(super) fn fragment_token(nodes: &[FragmentNode], output: &FragmentOutput) -> Token {
    let mut tokenizer = Tokenizer::new("fragment");
    tokenizer.put_sequence(nodes.len());
    for node in nodes {
        tokenizer.put(&node.op);
        tokenizer.put(&node.inputs);
        tokenizer.put(&*node.schema);
    }
    tokenizer.put(output);
    tokenizer.finish()
}

/// The token of a task. `producer` and `generation` give the identities of the tasks and futures it reads.
pub(super) fn task_token<'a>(
    fragment: &Fragment,
    partition: usize,
    slots: impl ExactSizeIterator<Item = impl ExactSizeIterator<Item = Source<'a>>>,
    producer: impl Fn(TaskId) -> Token,
    generation: impl Fn(&FutureHandle) -> Generation,
) -> Token {
    let mut tokenizer = Tokenizer::new("task");
    tokenizer.put(fragment);
    tokenizer.put(&partition);
    tokenizer.put_sequence(slots.len());
    for sources in slots {
        tokenizer.put_sequence(sources.len());
        for source in sources {
            match source {
                Source::Task { task, port } => {
                    tokenizer.put_record("task");
                    tokenizer.put_token(producer(task));
                    tokenizer.put(&port);
                }
                Source::Future(future) => {
                    tokenizer.put_record("future");
                    tokenizer.put(&generation(&future.handle));
                    tokenizer.put(&*future.leaf.schema);
                    tokenizer.put(&future.leaf.reading);
                }
                Source::Data(data) => {
                    tokenizer.put_record("data");
                    tokenizer.put_token(data.token);
                }
            }
        }
    }
    tokenizer.finish()
}

impl Tokenize for Fragment {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_token(self.token);
    }
}

impl Tokenize for FragmentOutput {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        match self {
            FragmentOutput::Whole => tokenizer.put_record("whole"),
            FragmentOutput::Hashed { columns, ports, function } => {
                tokenizer.put_record("hashed");
                tokenizer.put(columns);
                tokenizer.put(ports);
                if let Some(function) = function {
                    tokenizer.put_str(function);
                }
            }
            FragmentOutput::Ranged { keys, boundaries, ports } => {
                tokenizer.put_record("ranged");
                tokenizer.put_sequence(keys.len());
                for key in keys {
                    tokenizer.put(&key.column);
                    tokenizer.put_bool(key.descending);
                    tokenizer.put_bool(key.nulls_first);
                }
                tokenizer.put(boundaries);
                tokenizer.put(ports);
            }
            FragmentOutput::Even { ports } => {
                tokenizer.put_record("even");
                tokenizer.put(ports);
            }
            FragmentOutput::Sampled { rows } => {
                tokenizer.put_record("sampled");
                tokenizer.put(rows);
            }
        }
    }
}

impl Tokenize for FragmentOp {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        match self {
            FragmentOp::Input { slot, columns } => {
                tokenizer.put_record("input");
                tokenizer.put(slot);
                tokenizer.put(columns);
            }
            FragmentOp::MergeInput { slot, keys, fetch } => {
                tokenizer.put_record("merge-input");
                tokenizer.put(slot);
                tokenizer.put(keys);
                tokenizer.put(fetch);
            }
            FragmentOp::Scan { source, columns } => {
                tokenizer.put_record("scan");
                tokenizer.put_token(source.token());
                tokenizer.put(columns);
            }
            FragmentOp::Empty => tokenizer.put_record("empty"),
            FragmentOp::Compute { op, argument_schema } => {
                tokenizer.put_record("compute");
                tokenizer.put(op);
                match argument_schema {
                    None => tokenizer.put_none(),
                    Some(schema) => {
                        tokenizer.put_some();
                        tokenizer.put(&**schema);
                    }
                }
            }
        }
    }
}

impl<C: Tokenize> Tokenize for PhysicalOp<C> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        match self {
            PhysicalOp::Filter { predicate } => {
                tokenizer.put_record("filter");
                tokenizer.put(predicate);
            }
            PhysicalOp::Project { columns } => {
                tokenizer.put_record("project");
                tokenizer.put(columns);
            }
            PhysicalOp::HashJoin { kind, keys, residual, build } => {
                tokenizer.put_record("hash-join");
                tokenizer.put_str(kind.name());
                tokenizer.put(keys);
                tokenizer.put(residual);
                tokenizer.put_bool(*build == Side::Left);
            }
            PhysicalOp::NestedLoopJoin { kind, condition } => {
                tokenizer.put_record("nested-loop-join");
                tokenizer.put_str(kind.name());
                tokenizer.put(condition);
            }
            PhysicalOp::MarkJoin { condition, nullable } => {
                tokenizer.put_record("mark-join");
                tokenizer.put(condition);
                tokenizer.put_bool(*nullable);
            }
            PhysicalOp::Window { window, calls } => {
                tokenizer.put_record("window-op");
                tokenizer.put(window);
                tokenizer.put(calls);
            }
            PhysicalOp::Unnest { column, nulls } => {
                tokenizer.put_record("unnest");
                tokenizer.put(column);
                tokenizer.put_str(nulls.name());
            }
            PhysicalOp::Aggregate { phase, group, aggregates } => {
                tokenizer.put_record("aggregate");
                tokenizer.put_str(&phase.to_string());
                tokenizer.put(group);
                tokenizer.put(aggregates);
            }
            PhysicalOp::Sort { keys, fetch } => {
                tokenizer.put_record("sort");
                tokenizer.put(keys);
                tokenizer.put(fetch);
            }
            PhysicalOp::Limit { offset, fetch } => {
                tokenizer.put_record("limit");
                tokenizer.put_u64(*offset);
                tokenizer.put(fetch);
            }
            PhysicalOp::Union => tokenizer.put_record("union"),
            PhysicalOp::Extension { extension } => {
                tokenizer.put_record("extension");
                tokenizer.put_token(extension.token());
            }
        }
    }
}
