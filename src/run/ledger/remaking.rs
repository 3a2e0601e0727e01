use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::book::{Ledger, Word};
use super::execution::{Execution, ExecutionEnd, ExecutionResult, Given, Pending};
use crate::lower::{Input, TaskId};
use crate::run::lifecycle::{Message, Phase, Resource};
use crate::run::{TaskAttempt, TaskError, TaskState};

/// Rows that are gone although their task has ended: the engine makes them again, if it can.
///
/// The terminal event stands, and whoever has heard of it is right that it came. In the report it then says which
/// execution's rows were read; the one whose rows were lost is an attempt that did not count.
#[derive(Default)]
pub(super) struct Remaking {
    /// By task, those that the engine may run again.
    gone: BTreeMap<usize, Gone>,
}

struct Gone {
    /// What became of the rows.
    error: Arc<TaskError>,
    /// When that was heard.
    since: Duration,
    /// The execution that makes them again, or the last one that was to.
    current: Option<Execution>,
    /// Set when that one is over, and there are no rows.
    pending: Option<Pending>,
    /// Those before it.
    attempts: Vec<TaskAttempt>,
}

impl Gone {
    /// Puts an execution beside those that did not count, and gives its id.
    fn give_up(&mut self, execution: Execution, pending: Option<Pending>, now: Duration) -> String {
        let replaced = || (now, TaskError::new("replaced", "another execution took its place"));
        let (ended, error) = pending.map_or_else(replaced, Pending::into_error);
        let Execution { id, worker, host, started, observed } = execution;
        let (number, error) = (0, Arc::new(error));
        self.attempts.push(TaskAttempt { number, worker, host, started, ended, error, observed });
        id
    }
}

impl Ledger {
    /// A worker took the rows of a task along that had given them: nobody else has them. The engine makes them again, and
    /// what it needs for that, if somebody still reads them.
    pub fn rows_lost(&mut self, task: usize, worker: &str, cause: &str, now: Duration) {
        if task >= self.entries.len() || self.lifecycle.is_stopping() {
            return;
        }
        let error = TaskError::new("rows-lost", format!("its rows are gone with the worker {worker}: {cause}"));
        let mut open = vec![(task, Arc::new(error))];
        while let Some((task, error)) = open.pop() {
            let made = matches!(self.lifecycle.phase(task), Phase::Ended(TaskState::Ok | TaskState::Cached));
            if !made || self.remaking.gone.contains_key(&task) || !self.is_read_again(task) {
                continue;
            }
            let gone = Gone { error, since: now, current: None, pending: None, attempts: Vec::new() };
            self.remaking.gone.insert(task, gone);
            for read in self.dag.inputs(TaskId::new(task)).flatten() {
                // What somebody else is still to read, the engine has kept.
                if let Input::Task { task: producer, port } = read
                    && self.lifecycle.reads_left(Resource::Port { task: producer.index(), port }) == 0
                {
                    let words =
                        format!("its rows were let go, and what was made of them is gone with {worker}: {cause}");
                    open.push((producer.index(), Arc::new(TaskError::new("rows-lost", words))));
                }
            }
        }
    }

    /// Whether somebody reads the rows of a task that has ended: a task that has not, or one whose rows are made again.
    fn is_read_again(&self, task: usize) -> bool {
        let read = |port| self.lifecycle.reads_left(Resource::Port { task, port }) > 0;
        (0..self.dag[TaskId::new(task)].fragment.output.ports()).any(read)
            || self.dag.consumers(TaskId::new(task)).any(|(reader, _)| self.remaking.gone.contains_key(&reader.index()))
    }

    /// An execution began of a task that has ended. It makes lost rows again, or is another run's.
    pub(super) fn remaking_began(&mut self, task: usize, execution: Execution, now: Duration) -> bool {
        if self.lifecycle.is_stopping() {
            return false;
        }
        let (Some(gone), entry) = (self.remaking.gone.get_mut(&task), &mut self.entries[task]) else { return false };
        let known = [&entry.current, &gone.current].into_iter().flatten().any(|known| known.id == execution.id);
        if known || entry.earlier.contains(&execution.id) {
            return false;
        }
        let began = execution.started.unwrap_or(now);
        if let Some(before) = gone.current.replace(execution) {
            let pending = gone.pending.take();
            entry.earlier.push(gone.give_up(before, pending, began));
        }
        self.inputs_are_there(task, began);
        true
    }

    /// An execution ended of a task that has ended before.
    pub(super) fn remaking_answered(&mut self, task: usize, execution: Execution, end: ExecutionEnd, now: Duration) {
        let under_way = |ledger: &Ledger| {
            let current = ledger.remaking.gone.get(&task).and_then(|gone| gone.current.as_ref());
            current.is_some_and(|current| current.id == execution.id)
        };
        if !under_way(self) && !self.remaking_began(task, execution.clone(), now) {
            return;
        }
        let Some(gone) = self.remaking.gone.get_mut(&task).filter(|gone| gone.pending.is_none()) else { return };
        gone.current = Some(execution);
        match &end.result {
            ExecutionResult::Gave(_) => self.made_again(task, Some(end), now),
            ExecutionResult::Stopped => gone.pending = Some(Pending::Stopped { ended: end.ended }),
            ExecutionResult::Failed(error) => {
                let error = error.clone();
                gone.pending = Some(Pending::Failed { error: error.clone(), end });
                self.entries[task].failures += 1;
                if self.entries[task].failures > self.retries {
                    self.rows_gone(task, &error, false, now);
                }
            }
        }
    }

    /// The worker of an execution that makes rows again is gone.
    pub(super) fn remakers_lost(&mut self, is_gone: impl Fn(&Execution) -> bool, error: &TaskError, now: Duration) {
        for gone in self.remaking.gone.values_mut() {
            if gone.pending.is_none() && gone.current.as_ref().is_some_and(&is_gone) {
                gone.pending = Some(Pending::Lost { error: error.clone(), ended: now });
            }
        }
    }

    /// A task that has ended had its rows at some time: when whoever reads them began, as far as clocks can be compared.
    /// So they were made again, unless that was before.
    pub(super) fn is_there_again(&mut self, task: usize, began: Duration) {
        let Some(gone) = self.remaking.gone.get(&task) else { return };
        // As long as nobody makes them, what is there are the rows of another port.
        let Some(current) = gone.current.as_ref().filter(|_| gone.pending.is_none()) else { return };
        // What was read before they were lost says nothing of this execution, which will say itself how it ended.
        if began >= gone.since && current.started.is_none_or(|started| began >= started) {
            self.made_again(task, None, began);
        }
    }

    /// What makes rows again has failed, as far as is known: which task, and how.
    pub(super) fn failed_remaking(&self) -> Option<(usize, TaskError)> {
        self.remaking.gone.iter().find_map(|(task, gone)| match &gone.pending {
            Some(Pending::Failed { error, .. }) => Some((*task, error.clone())),
            _ => None,
        })
    }

    /// The last execution's rows are those that are read.
    fn made_again(&mut self, task: usize, end: Option<ExecutionEnd>, now: Duration) {
        let Some(Gone { error, since, current, mut attempts, .. }) = self.remaking.gone.remove(&task) else { return };
        let entry = &mut self.entries[task];
        let (Some(event), Some(current)) = (entry.event.as_mut(), current) else { return };
        if event.state != TaskState::Ok {
            // The engine had them, and nobody said of whom: that stands.
            return;
        }
        let lost = TaskAttempt {
            number: event.attempt,
            worker: event.worker.take(),
            host: event.host.take(),
            started: event.started,
            ended: event.ended,
            error,
            observed: std::mem::take(&mut event.observed),
        };
        for (number, attempt) in (event.attempt + 1..).zip(&mut attempts) {
            attempt.number = number;
        }
        event.attempt += 1 + attempts.len() as u32;
        event.attempts.push(lost);
        event.attempts.append(&mut attempts);
        event.worker = current.worker.clone();
        event.host = current.host.clone();
        event.observed = current.observed.clone();
        event.started = current.started;
        event.ready = Some(current.started.map_or(since, |started| since.min(started)));
        let ended = end.as_ref().map_or(now, |end| end.ended);
        event.ended = current.started.map_or(ended, |started| ended.max(started));
        if let Some(ExecutionEnd { transfer, bytes_in, peak_memory, result, .. }) = end {
            (event.transfer, event.bytes_in, event.peak_memory) = (transfer, bytes_in, peak_memory);
            if let ExecutionResult::Gave(Given { rows, bytes, peak_execution_memory, .. }) = result {
                (event.rows, event.bytes_out) = (rows, bytes);
                event.peak_execution_memory = peak_execution_memory;
            }
        }
        entry.earlier.extend(entry.current.replace(current).map(|before| before.id));
    }

    /// Nobody makes the rows of a task again that were lost: what has not read them failed, or is lost. The run stops.
    pub(super) fn rows_gone(&mut self, task: usize, error: &TaskError, lost: bool, now: Duration) -> bool {
        let (mut open, mut gone) = (vec![task], Vec::new());
        while let Some(task) = open.pop() {
            if self.remaking.gone.remove(&task).is_some() {
                gone.push(task);
                open.extend(self.dag.consumers(TaskId::new(task)).map(|(reader, _)| reader.index()));
            }
        }
        // Of all of them, before the first reader that ends stops the run: then these attempts would end their tasks.
        gone.iter().for_each(|task| self.readers_wait_again(*task, now));
        let mut counts = false;
        for task in gone {
            let node = &self.dag[TaskId::new(task)];
            let (label, partition) = (&self.labels[&node.stage], node.partition);
            let message = format!("the rows of `{label}`, partition {partition}, are gone: {}", error.message);
            let word = Word::Future(Arc::new(TaskError { message, ..error.clone() }));
            counts |= self.tell(Message::RowsGone { task, lost }, now, word).is_ok();
        }
        self.settle(now);
        counts
    }

    /// Whoever read the rows of a task in an attempt that is over, and is to read them a second time, waits for them like
    /// those that never began. One that raised an error has a better word than that its rows are gone.
    fn readers_wait_again(&mut self, task: usize, now: Duration) {
        if self.lifecycle.is_stopping() {
            return;
        }
        let readers: Vec<usize> = self.dag.consumers(TaskId::new(task)).map(|(reader, _)| reader.index()).collect();
        for reader in readers {
            if matches!(self.entries[reader].pending, Some(Pending::Lost { .. } | Pending::Stopped { .. })) {
                let attempt = self.lifecycle.attempt(reader);
                let _ = self.tell(Message::Lost { task: reader, attempt }, now, Word::Nothing);
            }
        }
    }

    /// A future has lost its data, or gives an error now, and everybody had read it: whoever has to read it again cannot.
    pub(super) fn future_gone(&mut self, future: usize, error: &TaskError, lost: bool, now: Duration) -> bool {
        let readers = self.lifecycle.topology().readers(Resource::Future(future)).to_vec();
        readers.into_iter().fold(false, |counts, reader| self.rows_gone(reader as usize, error, lost, now) | counts)
    }
}
