use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::book::Ledger;
use super::limit::Limit;
use crate::lower::{Input, PortUse, TaskDag, TaskId};
use crate::run::enough::enough_of;

/// A task that the engine is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sendable {
    /// Which.
    pub task: usize,
    /// Slots of which it needs the first sources only, and how many: a limit has enough of these. Of every other slot
    /// it needs all.
    pub first: Vec<(usize, usize)>,
}

/// Which tasks the engine has been given: those below a limit step by step, as it needs them, and all others at once.
#[derive(Default)]
pub(super) struct Sending {
    /// The slots of which the first sources may be enough, by the task that reads them.
    limits: HashMap<usize, Vec<Limit>>,
    /// Their readers of which something is new.
    touched: BTreeSet<usize>,
    /// Whether somebody who will be sent reads a task, or the result does.
    wanted: Vec<bool>,
    sent: Vec<bool>,
    /// Of a wanted task: sources that the engine has not been given, and slots of which nobody knows what they need.
    missing: Vec<usize>,
    begun: bool,
    /// Sources that a limit does not need, and nobody else reads.
    unneeded: Vec<bool>,
    /// Those that the driver was not told of.
    dropped: Vec<usize>,
}

impl Sending {
    pub(super) fn new(dag: &TaskDag) -> Self {
        let mut limits: HashMap<usize, Vec<Limit>> = HashMap::new();
        let enough = enough_of(dag);
        if !enough.is_empty() {
            for (id, task) in dag.ids().zip(dag.tasks()) {
                let slots = enough.get(&task.stage).into_iter().flatten();
                let width = |task| limits.get(&task).map_or(1, |below| below.iter().map(Limit::width).sum());
                let limit = |(slot, rows): &(usize, u64)| Limit::new(dag, id, *slot, *rows, width);
                let of_task: Vec<Limit> = slots.filter_map(limit).collect();
                if !of_task.is_empty() {
                    limits.insert(id.index(), of_task);
                }
            }
        }
        let [wanted, sent, unneeded] = std::array::from_fn(|_| vec![false; dag.len()]);
        Sending { limits, wanted, sent, unneeded, missing: vec![0; dag.len()], ..Sending::default() }
    }

    /// Whether the engine has a task, as far as the driver asks what to send.
    pub(super) fn has(&self, task: usize) -> bool {
        !self.begun || self.sent.get(task).copied().unwrap_or(false)
    }

    /// How many sources of a slot its reader waits for, the first ones; `None` for all. It waits for none while nobody
    /// knows which it needs.
    pub(super) fn first(&self, reader: usize, slot: usize) -> Option<usize> {
        self.limit(reader, slot).filter(|_| self.begun).map(|limit| limit.first().unwrap_or(0))
    }

    /// Whether a limit does not need a task that nobody else reads.
    pub(super) fn is_unneeded(&self, task: usize) -> bool {
        self.unneeded[task]
    }

    /// A task has ended, which somebody reads in a slot.
    pub(super) fn ended(&mut self, task: usize, reader: usize, slot: usize) {
        let limits = self.limits.get_mut(&reader).into_iter().flatten();
        for limit in limits.filter(|limit| limit.slot == slot) {
            limit.ended(task);
            self.touched.insert(reader);
        }
    }

    fn limit(&self, reader: usize, slot: usize) -> Option<&Limit> {
        self.limits.get(&reader)?.iter().find(|limit| limit.slot == slot)
    }
}

impl Ledger {
    /// The tasks that the engine, which runs `width` at a time, is to be given now: producers first, each task once. Of
    /// a graph without limits these are all of them, the first time.
    ///
    /// Below a limit it is given some sources, and more, as many again as so far, when fewer than `width` are under way.
    /// Of limits over limits, which a tree is made of, those that come first go first.
    /// Whoever needs the limit's rows waits until it is known which sources have enough of them. What is heard of tasks
    /// that were not given yet is another run's, and does not count.
    ///
    /// O(tasks and edges) over a whole run.
    pub fn take_sendable(&mut self, width: usize, now: Duration) -> Vec<Sendable> {
        if self.is_over() || self.is_stopping() {
            return Vec::new();
        }
        let mut sendable = Vec::new();
        if !std::mem::replace(&mut self.sending.begun, true) {
            for output in self.dag.outputs.clone() {
                self.want(output.index(), &mut sendable);
            }
        }
        while let Some(reader) = self.sending.touched.pop_first() {
            if self.sending.wanted[reader] && !self.sending.sent[reader] {
                let limits = self.sending.limits.get(&reader).map_or(0, Vec::len);
                (0..limits).for_each(|at| self.follow_limit(reader, at, width, now, &mut sendable));
            }
        }
        sendable.sort_unstable();
        sendable.into_iter().map(|task| self.sendable(task)).collect()
    }

    /// Tasks that were given to the engine, and that no limit needs any more, each once: the engine may drop them, also
    /// when it is at work on them.
    pub fn take_unneeded(&mut self) -> Vec<usize> {
        let sent = &self.sending.sent;
        std::mem::take(&mut self.sending.dropped).into_iter().filter(|task| sent[*task]).collect()
    }

    /// Whether there are tasks that a limit may not need, which are therefore held back.
    pub fn has_limits(&self) -> bool {
        !self.sending.limits.is_empty()
    }

    /// Holds nothing back: the engine has the rows of the result, or makes them anyway.
    pub fn hold_nothing_back(&mut self) {
        self.sending.limits.clear();
    }

    fn sendable(&self, task: usize) -> Sendable {
        let limits = self.sending.limits.get(&task).into_iter().flatten();
        Sendable { task, first: limits.filter_map(|limit| Some((limit.slot, limit.first()?))).collect() }
    }

    /// Takes in what is new of a limit: asks for more of its sources, or says which it needs.
    fn follow_limit(&mut self, reader: usize, at: usize, width: usize, now: Duration, sendable: &mut Vec<usize>) {
        loop {
            let Ledger { sending, entries, .. } = self;
            let Some(limit) = sending.limits.get_mut(&reader).and_then(|limits| limits.get_mut(at)) else { return };
            if limit.count(|task| entries[task].given_rows()) {
                return self.conclude_limit(reader, at, now, sendable);
            }
            let more = limit.ask(width, |task| entries[task].has_ended());
            if more.is_empty() {
                return;
            }
            more.into_iter().for_each(|task| self.want(task, sendable));
        }
    }

    /// It is known what a limit needs: the sources that have enough rows, or all of them.
    fn conclude_limit(&mut self, reader: usize, at: usize, now: Duration, sendable: &mut Vec<usize>) {
        let limit = &self.sending.limits[&reader][at];
        let (slot, sources) = (limit.slot, limit.sources().to_vec());
        let (needed, beyond) = sources.split_at(limit.first().unwrap_or(sources.len()));
        self.sending.missing[reader] += needed.iter().filter(|task| !self.sending.sent[**task]).count();
        needed.iter().for_each(|task| self.want(*task, sendable));
        self.came(reader, sendable);
        for task in beyond.iter().copied() {
            // Another slot, or another task, may need all of it.
            let here = |(consumer, to): (TaskId, PortUse)| (consumer.index(), to.slot as usize) == (reader, slot);
            if self.dag.consumers(TaskId::new(task)).all(here) && !self.has_ended(task) {
                self.sending.unneeded[task] = true;
                self.sending.dropped.push(task);
                self.skip(task, now);
            }
        }
    }

    /// Somebody who is to be sent reads a task.
    fn want(&mut self, task: usize, sendable: &mut Vec<usize>) {
        let mut open = vec![task];
        while let Some(task) = open.pop() {
            if std::mem::replace(&mut self.sending.wanted[task], true) {
                continue;
            }
            let mut missing = 0;
            for (slot, sources) in self.dag.inputs(TaskId::new(task)).enumerate() {
                if self.sending.limit(task, slot).is_some() {
                    missing += 1;
                    self.sending.touched.insert(task);
                    continue;
                }
                for source in sources {
                    if let Input::Task { task: producer, .. } = source {
                        missing += usize::from(!self.sending.sent[producer.index()]);
                        open.push(producer.index());
                    }
                }
            }
            self.sending.missing[task] = missing;
            if missing == 0 {
                self.send(task, sendable);
            }
        }
    }

    /// Something that a task waits for is sent, or known.
    fn came(&mut self, task: usize, sendable: &mut Vec<usize>) {
        self.sending.missing[task] -= 1;
        if self.sending.missing[task] == 0 {
            self.send(task, sendable);
        }
    }

    fn send(&mut self, task: usize, sendable: &mut Vec<usize>) {
        let mut open = vec![task];
        while let Some(task) = open.pop() {
            self.sending.sent[task] = true;
            sendable.push(task);
            for (reader, to) in self.dag.consumers(TaskId::new(task)) {
                let reader = reader.index();
                let counts = self.sending.limit(reader, to.slot as usize).is_none_or(|limit| limit.needs(task));
                if self.sending.wanted[reader] && counts {
                    self.sending.missing[reader] -= 1;
                    if self.sending.missing[reader] == 0 {
                        open.push(reader);
                    }
                }
            }
        }
    }
}
