use std::sync::Arc;

use rustc_hash::FxHashMap;

/// A worker, and its machine; none for what nobody ran.
pub(in crate::run) type WorkerName = (Option<Arc<str>>, Option<Arc<str>>);

/// The workers of a run, each with a number. Number 0 is nobody.
#[derive(Clone, Debug)]
pub(in crate::run) struct WorkerNames {
    names: Vec<WorkerName>,
    numbers: FxHashMap<WorkerName, u32>,
    /// Those who were asked for last, the last one first.
    last: [u32; 2],
}

impl Default for WorkerNames {
    fn default() -> Self {
        let nobody = (None, None);
        WorkerNames { names: vec![nobody.clone()], numbers: FxHashMap::from_iter([(nobody, 0)]), last: [0; 2] }
    }
}

impl WorkerNames {
    pub(super) fn get(&self, number: u32) -> &WorkerName {
        &self.names[number as usize]
    }

    pub(super) fn all(&self) -> &[WorkerName] {
        &self.names
    }

    /// The number of a worker, which is new if need be.
    pub(in crate::run) fn number(&mut self, worker: &Option<Arc<str>>, host: &Option<Arc<str>>) -> u32 {
        // Tasks that follow each other ran mostly on few workers: these are known by the texts that they share, and not
        // looked up each time.
        let known = |number: &&u32| {
            let (its_worker, its_host) = self.get(**number);
            same(its_worker, worker) && same(its_host, host)
        };
        if let Some(number) = self.last.iter().find(known) {
            return *number;
        }
        let name = (worker.clone(), host.clone());
        let next = self.names.len() as u32;
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.names.push(name);
        }
        self.last = [number, self.last[0]];
        number
    }

    /// The number of a worker that has one.
    pub(super) fn find(&self, worker: &Option<Arc<str>>, host: &Option<Arc<str>>) -> Option<u32> {
        self.numbers.get(&(worker.clone(), host.clone())).copied()
    }
}

/// Whether both are the same text, not only equal ones.
pub(in crate::run) fn same(one: &Option<Arc<str>>, other: &Option<Arc<str>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}
