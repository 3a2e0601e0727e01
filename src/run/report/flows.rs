use serde::{Deserialize, Serialize};

use super::critical_path::latest;
use super::records::Records;

/// Which task read which: all of it for small graphs, and for large ones what each task waited for longest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flows {
    /// Whether every edge of the graph is here; if not, one per task at most: from the input that came last.
    pub complete: bool,
    /// Producer and consumer, by consumer, then producer; each pair once.
    pub pairs: Vec<(u32, u32)>,
    /// How many more pairs there are.
    #[serde(default)]
    pub left_out: u64,
}

impl Flows {
    /// The most edges that the report of a run has in full: [`RunReport::link_up_to`](super::RunReport::link_up_to) sets
    /// another bound.
    pub const COMPLETE_UP_TO: usize = 10_000;

    /// The flows between the tasks of a graph, complete up to so many. `producers` gives what a task reads, in ascending
    /// order and each once.
    pub(super) fn new<I: Iterator<Item = usize>>(
        records: &Records,
        most: usize,
        producers: impl Fn(usize) -> I,
    ) -> Self {
        let mut pairs = Vec::new();
        for consumer in 0..records.len() {
            pairs.extend(producers(consumer).map(|producer| (producer as u32, consumer as u32)));
            if pairs.len() > most {
                return Flows::of_the_last(records, producers);
            }
        }
        Flows { complete: true, pairs, left_out: 0 }
    }

    /// Of each task the flow from the input that came last.
    fn of_the_last<I: Iterator<Item = usize>>(records: &Records, producers: impl Fn(usize) -> I) -> Self {
        let (mut pairs, mut all) = (Vec::new(), 0);
        for consumer in 0..records.len() {
            let last = latest(records, producers(consumer).inspect(|_| all += 1));
            pairs.extend(last.map(|producer| (producer as u32, consumer as u32)));
        }
        Flows { complete: false, left_out: all - pairs.len() as u64, pairs }
    }
}
