//! What an operator costs, in row operations.
//!
//! The unit is "touch one row once"; the factors say how much dearer an operation is than that on
//! the embedded engine. An engine with other habits supplies its own [`CostModel`].

use crate::expr::JoinKind;
use crate::term::{AggregatePhase, AlternativeOp, Side};

/// Sizes that a cost depends on.
#[derive(Clone, Copy, Debug)]
pub struct Sizes<'a> {
    /// Rows that the operator gives.
    pub output: f64,
    /// Rows of each input, as delivered: a replicated input counts once.
    pub inputs: &'a [f64],
    /// In how many partitions the operator runs.
    pub partitions: f64,
    /// Whether each input is replicated to all partitions.
    pub replicated: &'a [bool],
}

/// A movement of rows between partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// To one partition.
    Gather,
    /// By hash.
    Shuffle,
    /// To every partition.
    Broadcast,
}

/// Prices physical operators on one engine. Costs must be finite, not negative, and follow from the
/// arguments alone.
pub trait CostModel: Send + Sync {
    /// The cost of one operator, without its inputs.
    fn operator(&self, op: AlternativeOp, sizes: Sizes<'_>) -> f64;

    /// The cost of moving so many rows among so many partitions.
    fn movement(&self, movement: Movement, rows: f64, partitions: f64) -> f64;
}

/// The embedded engine's prices.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultCost;

const FIXED: f64 = 10.0;
const SERIAL: f64 = 1.5;
const BUILD: f64 = 3.0;
const PROBE: f64 = 1.2;
const PAIR: f64 = 0.2;
const GROUP: f64 = 2.5;
const OUTPUT: f64 = 1.0;
/// Beside fewer rows than these, pairs are cheap even if there are more of them than was believed.
const FEW: f64 = 64.0;

/// About log2(n): the comparisons that a sort does per row. Bits of the count say how many.
fn depth(rows: f64) -> f64 {
    f64::from(64 - (rows as u64).leading_zeros())
}

/// How many rows one side of nested loops may have whatever is believed of it, beside so many of the other side: it is the
/// one operator for which a wrong estimate multiplies, and where there is a hash join, that is never much dearer.
fn doubt(beside: f64) -> f64 {
    depth(beside / FEW)
}

impl CostModel for DefaultCost {
    fn operator(&self, op: AlternativeOp, sizes: Sizes<'_>) -> f64 {
        let rows = |at: usize| {
            let copies = if sizes.replicated[at] { sizes.partitions } else { 1.0 };
            sizes.inputs[at] * copies
        };
        // What runs in one partition keeps one worker busy and the others idle.
        let share = if sizes.partitions > 1.0 { 1.0 } else { SERIAL };
        FIXED
            + share
                * match op {
                    AlternativeOp::Read(_) => sizes.output,
                    AlternativeOp::Empty(_) => 0.0,
                    AlternativeOp::Filter(_) => 0.5 * rows(0),
                    AlternativeOp::Project(_) => 0.3 * rows(0),
                    AlternativeOp::HashJoin { kind, build, .. } => {
                        let (build, probe) = match build {
                            Side::Left => (rows(0), rows(1)),
                            Side::Right => (rows(1), rows(0)),
                        };
                        // Kinds that emit unmatched build rows keep a bitmap of what matched.
                        let marks = if kind == JoinKind::Inner { 0.0 } else { 0.1 * build };
                        BUILD * build + PROBE * probe + OUTPUT * sizes.output + marks
                    }
                    AlternativeOp::NestedLoopJoin { .. } => {
                        let [left, right] = [0, 1].map(|at| sizes.inputs[at].max(doubt(sizes.inputs[1 - at])));
                        PAIR * left * right + OUTPUT * sizes.output + rows(0) + rows(1)
                    }
                    AlternativeOp::MarkJoin { .. } => {
                        PAIR * sizes.inputs[0] * sizes.inputs[1] + OUTPUT * sizes.output + rows(0) + rows(1)
                    }
                    // The rows are sorted by partition and order first.
                    AlternativeOp::Window(_) => 0.3 * depth(sizes.inputs[0]) * rows(0) + OUTPUT * sizes.output,
                    AlternativeOp::Unnest(_) => rows(0) + OUTPUT * sizes.output,
                    AlternativeOp::HashAggregate { phase, .. } => {
                        let price = if phase == AggregatePhase::Final { 0.8 * GROUP } else { GROUP };
                        price * rows(0) + OUTPUT * sizes.output
                    }
                    AlternativeOp::Sort { fetch: Some(_), .. } => 0.5 * rows(0),
                    AlternativeOp::Sort { fetch: None, .. } => 0.3 * depth(sizes.inputs[0]) * rows(0),
                    AlternativeOp::Limit { .. } => sizes.output,
                    AlternativeOp::Union(_) => 0.1 * sizes.output,
                    AlternativeOp::Extension(_) => 2.0 * sizes.inputs.iter().sum::<f64>(),
                }
    }

    fn movement(&self, movement: Movement, rows: f64, partitions: f64) -> f64 {
        match movement {
            Movement::Gather => FIXED + 0.2 * rows,
            Movement::Shuffle => FIXED * partitions + 1.8 * rows,
            // Batches are shared within a machine: what costs is that every partition reads them.
            Movement::Broadcast => FIXED + 0.1 * rows * partitions,
        }
    }
}
