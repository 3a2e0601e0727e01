use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Fragment, FutureInput, FutureLeaf, LeafInput, Source, TaskGraph, TaskId};

/// A stage in a few numbers, for people.
#[derive(Clone, Debug)]
pub struct StageSummary<'a> {
    /// Its number.
    pub stage: usize,
    /// What its tasks do.
    pub fragment: &'a Fragment,
    /// The tasks, by partition.
    pub tasks: Vec<TaskId>,
    /// Whether what they give is the result.
    pub is_result: bool,
    /// What they read, by slot.
    pub reads: Vec<StageRead<'a>>,
}

/// What the tasks of a stage read of one kind through one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageRead<'a> {
    /// The slot.
    pub slot: usize,
    /// Where the rows come from.
    pub from: StageSource<'a>,
    /// How many sources all tasks of the stage read together.
    pub sources: usize,
    /// How the rows go.
    pub movement: TaskMovement,
}

/// Where rows of a stage come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StageSource<'a> {
    /// An earlier stage.
    Stage(usize),
    /// The futures of a leaf. Leaves may have one name: they are numbered in the order in which tasks read them.
    Futures {
        /// Its number.
        leaf: usize,
        /// Its name.
        name: &'a str,
    },
    /// Data at hand.
    Data,
}

/// How rows go from the tasks of one stage to those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskMovement {
    /// Each task reads one of its own: nothing changes its partition.
    Forward,
    /// Each task reads a port of all: rows go where their hash says.
    Shuffle,
    /// Several tasks read the same.
    Broadcast,
    /// One task reads all.
    Gather,
    /// Fewer tasks read some each: a step of a tree.
    Reduce,
}

impl TaskMovement {
    /// The movement's name in texts.
    pub fn name(self) -> &'static str {
        match self {
            TaskMovement::Forward => "forward",
            TaskMovement::Shuffle => "shuffle",
            TaskMovement::Broadcast => "broadcast",
            TaskMovement::Gather => "gather",
            TaskMovement::Reduce => "reduce",
        }
    }
}

impl TaskGraph {
    /// The stages, by number. O(edges).
    pub fn stages(&self) -> Vec<StageSummary<'_>> {
        let mut tasks: BTreeMap<usize, Vec<TaskId>> = BTreeMap::new();
        for task in self.ids() {
            tasks.entry(self[task].stage).or_default().push(task);
        }
        let leaves = self.leaf_numbers();
        let results: HashSet<usize> = self.outputs.iter().map(|output| self[*output].stage).collect();
        let summary = |(stage, tasks): (usize, Vec<TaskId>)| StageSummary {
            stage,
            fragment: &self[tasks[0]].fragment,
            is_result: results.contains(&stage),
            reads: self.reads_of(&tasks, &leaves),
            tasks,
        };
        tasks.into_iter().map(summary).collect()
    }

    /// How many stages split their rows over ports, by hash, by range or evenly: the shuffles of the plan.
    pub fn shuffles(&self) -> usize {
        self.stages().iter().filter(|stage| stage.fragment.output.ports() > 1).count()
    }

    /// The leaves of futures, numbered as they are first read. Addresses say only which is which.
    fn leaf_numbers(&self) -> HashMap<*const FutureLeaf, usize> {
        let mut numbers = HashMap::new();
        for input in self.leaf_inputs() {
            if let LeafInput::Future(future) = input {
                let next = numbers.len();
                numbers.entry(Arc::as_ptr(&future.leaf)).or_insert(next);
            }
        }
        numbers
    }

    fn reads_of(&self, tasks: &[TaskId], leaves: &HashMap<*const FutureLeaf, usize>) -> Vec<StageRead<'_>> {
        let mut counts: BTreeMap<(usize, StageSource<'_>), (usize, HashSet<TaskId>)> = BTreeMap::new();
        let mut ports = HashSet::new();
        for task in tasks {
            for (slot, sources) in self.slots(*task).enumerate() {
                for source in sources {
                    let from = match source {
                        Source::Task { task, .. } => StageSource::Stage(self[task].stage),
                        Source::Future(FutureInput { leaf, .. }) => {
                            StageSource::Futures { leaf: leaves[&Arc::as_ptr(leaf)], name: &leaf.name }
                        }
                        Source::Data(_) => StageSource::Data,
                    };
                    let (count, producers) = counts.entry((slot, from)).or_default();
                    *count += 1;
                    if let Source::Task { task, .. } = source {
                        if self[task].fragment.output.ports() > 1 {
                            ports.insert(from);
                        }
                        producers.insert(task);
                    }
                }
            }
        }
        let mut reads = Vec::with_capacity(counts.len());
        for ((slot, from), (sources, producers)) in counts {
            let (readers, producers) = (tasks.len(), producers.len());
            let movement = match from {
                StageSource::Futures { .. } | StageSource::Data => TaskMovement::Forward,
                StageSource::Stage(_) if ports.contains(&from) => TaskMovement::Shuffle,
                StageSource::Stage(_) if readers == 1 && producers > 1 => TaskMovement::Gather,
                StageSource::Stage(_) if readers > 1 && sources == readers * producers => TaskMovement::Broadcast,
                StageSource::Stage(_) if sources == readers => TaskMovement::Forward,
                StageSource::Stage(_) => TaskMovement::Reduce,
            };
            reads.push(StageRead { slot, from, sources, movement });
        }
        reads
    }
}
