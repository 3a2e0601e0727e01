//! A function on partitions that travels by its name, and what may go wrong as a worker reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use leafhold::expr::wire::{Codec, CodecError};
use leafhold::expr::{CoreFunctions, Extension, ExtensionTraits, Frame, MapPartitions};
use leafhold::leaf::{Leaf, Values};
use leafhold::lower::{Fragment, TaskGraph, lower};
use leafhold::optimize::Planner;
use leafhold::run::partition_function;

use crate::kernels::Row;
use crate::plans::{batch, two_columns};

/// Who reads this function panics.
pub const PANICS: &str = "panics";

/// A process that reads this function fails the first time.
pub const FAILS_ONCE: &str = "fails-once";

/// Gives what it gets.
fn function(name: &str) -> MapPartitions {
    let function = MapPartitions::new(name, "1", two_columns(), |batches| Ok(batches.to_vec()));
    function.with_traits(ExtensionTraits::ROW_WISE)
}

/// Knows the functions by their names.
pub struct Functions;

impl Codec for Functions {
    fn encode_extension(&self, extension: &dyn Extension) -> Result<Vec<u8>, CodecError> {
        Ok(extension.name().as_bytes().to_vec())
    }

    fn decode_extension(&self, name: &str, _: &[u8]) -> Result<Arc<dyn Extension>, CodecError> {
        static FAILED: AtomicBool = AtomicBool::new(false);
        match name {
            PANICS => panic!("the codec panics"),
            FAILS_ONCE if !FAILED.swap(true, Ordering::SeqCst) => Err(CodecError("the codec fails".into())),
            name => Ok(Arc::new(function(name))),
        }
    }
}

/// The tasks of a function over values.
pub fn graph(name: &str, partitions: &[Vec<Row>]) -> TaskGraph {
    let batches = partitions.iter().map(|rows| vec![batch(rows)]).collect();
    let frame = Frame::from_leaf(Leaf::Values(Values::new("values", two_columns(), batches))).unwrap();
    let frame = frame.map_partitions(function(name)).unwrap();
    lower(&Planner::new(Arc::new(CoreFunctions)).plan(frame.expr()).unwrap()).unwrap()
}

/// The fragment of a function.
pub fn fragment(name: &str) -> Arc<Fragment> {
    let graph = graph(name, &[vec![vec![0, 0]], vec![vec![1, 1]]]);
    let fragments = graph.tasks().map(|task| task.fragment.clone());
    fragments.into_iter().find(|fragment| partition_function(fragment).is_some()).unwrap()
}
