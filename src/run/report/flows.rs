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
}

impl Flows {
    /// The most edges that a report holds in full.
    pub const COMPLETE_UP_TO: usize = 10_000;

    /// The flows between the tasks of a graph. `producers` gives what a task reads, in ascending order and each once.
    pub(super) fn new<I: Iterator<Item = usize>>(records: &Records, producers: impl Fn(usize) -> I) -> Self {
        let mut pairs = Vec::new();
        for consumer in 0..records.len() {
            pairs.extend(producers(consumer).map(|producer| (producer as u32, consumer as u32)));
            if pairs.len() > Flows::COMPLETE_UP_TO {
                let last = |task: usize| latest(records, producers(task)).map(|input| (input as u32, task as u32));
                return Flows { complete: false, pairs: (0..records.len()).filter_map(last).collect() };
            }
        }
        Flows { complete: true, pairs }
    }
}
