use std::sync::Arc;

use super::lowering::Lowering;
use super::piece::Piece;
use super::sources::Sources;
use super::{FragmentNode, FragmentOp, FragmentOutput, LowerError, RangeKey};
use crate::expr::{ScalarOp, SortKey};

/// From so many rows on, sorted partitions are merged range by range. Below, one task does it sooner than the
/// boundaries are known.
const RANGED_ROWS: f64 = 1_000_000.0;

/// How sorted partitions are merged by ranges, where that pays: not below so many rows. Keys are columns, but for volatile
/// ones, whose values are others whenever somebody looks.
pub(super) fn range_keys(keys: &[SortKey<usize>], rows: f64) -> Option<Vec<RangeKey>> {
    let key = |key: &SortKey<usize>| match key.scalar.op {
        ScalarOp::Column(column) => Some(RangeKey { column, descending: key.descending, nulls_first: key.nulls_first }),
        _ => None,
    };
    keys.iter().map(key).collect::<Option<Vec<_>>>().filter(|_| rows >= RANGED_ROWS)
}

impl Lowering<'_> {
    /// Merges sorted partitions range by range, by regular sampling: each partition gives rows at even distances, the
    /// same of all of these are the boundaries, each partition is split at them, and each range is merged. No range
    /// has more than about twice its share, unless rows are equal. `merge` is the merge of slot 0; what is left
    /// are the ranges, in order, a partition each.
    pub(super) fn ranges(
        &mut self,
        at: usize,
        piece: Piece,
        merge: &FragmentOp,
        keys: Vec<RangeKey>,
    ) -> Result<Piece, LowerError> {
        let ports = self.plan.target_partitions;
        let (layout, schema) = (piece.layout.clone(), piece.schema().clone());
        let node =
            |op: FragmentOp| vec![FragmentNode { op, inputs: Vec::new(), schema: schema.clone(), plan_node: None }];
        let read = || node(FragmentOp::Input { slot: 0, columns: None });
        let sorted: Arc<[_]> = self.stages.cut(piece, FragmentOutput::Whole)?.into();
        let partitions = sorted.len();
        let sample = Piece::of(read(), vec![Sources::Each(sorted.clone())], partitions);
        let samples = self.stages.cut(sample, FragmentOutput::Sampled { rows: ports })?;
        let all = Piece::of(node(merge.clone()), vec![Sources::All(samples.into())], 1);
        let boundaries = self.stages.cut(all, FragmentOutput::Sampled { rows: ports - 1 })?;
        let split = Piece::of(read(), vec![Sources::Each(sorted), Sources::All(boundaries.into())], partitions);
        let split = self.stages.cut(split, FragmentOutput::Ranged { keys, boundaries: 1, ports })?;
        let sources = vec![Sources::Ports(split.into())];
        Ok(Piece::start(merge.clone(), schema, Some(at), sources, ports, layout))
    }
}
