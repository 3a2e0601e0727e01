use std::collections::HashMap;

use crate::lower::{Input, TaskDag, TaskId};

/// A slot of a task that a limit reads: its first sources may have enough rows.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) slot: usize,
    /// After how many rows further sources change nothing.
    enough: u64,
    /// The tasks that it reads, in order.
    sources: Vec<usize>,
    places: HashMap<usize, usize>,
    /// About how many tasks one source asks for in turn: more than one, if limits stand below it.
    below: usize,
    /// How many of them somebody has been asked for.
    asked: usize,
    /// How many of these have not ended.
    open: usize,
    /// How many of them have ended without a gap, and what they gave.
    counted: usize,
    rows: u64,
    needs: Needs,
}

/// What a slot needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nobody knows yet.
    Unknown,
    /// So many of its sources.
    First(usize),
    /// All of them.
    All,
}

impl Limit {
    /// The limit of a slot; `None` where the rows of a source cannot be told by its task: one of several ports, one that is
    /// read twice, a leaf.
    ///
    /// `width` says how many tasks a task asks for in turn.
    pub(super) fn new(
        dag: &TaskDag,
        reader: TaskId,
        slot: usize,
        enough: u64,
        width: impl Fn(usize) -> usize,
    ) -> Option<Self> {
        let inputs = dag.inputs(reader).nth(slot)?;
        let task = |input: Input| match input {
            Input::Task { task, .. } if dag[task].fragment.output.ports() == 1 => Some(task.index()),
            _ => None,
        };
        let sources: Vec<usize> = inputs.map(task).collect::<Option<_>>()?;
        let places: HashMap<usize, usize> = sources.iter().enumerate().map(|(place, task)| (*task, place)).collect();
        let simple = sources.len() > 1 && places.len() == sources.len();
        let below = sources.first().map_or(1, |first| width(*first));
        let (asked, open, counted, rows) = (0, 0, 0, 0);
        let limit = Limit { slot, enough, sources, places, below, asked, open, counted, rows, needs: Needs::Unknown };
        simple.then_some(limit)
    }

    /// About how many tasks it asks for, those of its sources included.
    pub(super) fn width(&self) -> usize {
        self.sources.len().saturating_mul(self.below)
    }

    /// The tasks that the slot reads, in order.
    pub(super) fn sources(&self) -> &[usize] {
        &self.sources
    }

    /// How many of its sources it needs, once that is known.
    pub(super) fn first(&self) -> Option<usize> {
        match self.needs {
            Needs::Unknown => None,
            Needs::First(count) => Some(count),
            Needs::All => Some(self.sources.len()),
        }
    }

    /// Whether it is known that it needs a source.
    pub(super) fn needs(&self, task: usize) -> bool {
        self.places.get(&task).is_some_and(|place| self.first().is_some_and(|first| *place < first))
    }

    /// A source has ended.
    pub(super) fn ended(&mut self, task: usize) {
        if self.places.get(&task).is_some_and(|place| *place < self.asked) {
            self.open -= 1;
        }
    }

    /// Counts rows of the sources that have ended: `rows` says what a task gave; `None` of one that has not ended, and
    /// `Some(None)` where nobody knows. Whether it is known just now what the slot needs.
    pub(super) fn count(&mut self, rows: impl Fn(usize) -> Option<Option<u64>>) -> bool {
        if self.needs != Needs::Unknown {
            return false;
        }
        while self.rows < self.enough && self.counted < self.asked {
            match rows(self.sources[self.counted]) {
                None => return false,
                Some(None) => {
                    self.needs = Needs::All;
                    return true;
                }
                Some(Some(rows)) => self.rows += rows,
            }
            self.counted += 1;
        }
        self.needs = match self.rows >= self.enough {
            true => Needs::First(self.counted),
            false if self.counted == self.sources.len() => Needs::All,
            false => return false,
        };
        true
    }

    /// The sources to ask for next: as many again as so far, and at least what gives `width` tasks, when fewer than that
    /// are under way.
    pub(super) fn ask(&mut self, width: usize, has_ended: impl Fn(usize) -> bool) -> Vec<usize> {
        let width = width.div_ceil(self.below).max(1);
        if self.needs != Needs::Unknown || self.open >= width {
            return Vec::new();
        }
        let more = self.asked.max(width).min(self.sources.len() - self.asked);
        let next = &self.sources[self.asked..self.asked + more];
        self.asked += more;
        self.open += next.iter().filter(|task| !has_ended(**task)).count();
        next.to_vec()
    }
}
