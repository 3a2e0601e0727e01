use std::sync::Arc;
use std::time::Duration;

use super::book::{Closing, Ledger, Word};
use super::execution::{Execution, ExecutionEnd, ExecutionResult, Pending};
use crate::lower::{Input, TaskId};
use crate::run::TaskError;
use crate::run::lifecycle::{Answer, Message, Phase, Resource};

/// What a driver hears. All of it may come late, twice, in any order, or not at all.
impl Ledger {
    /// An execution of a task began.
    pub fn started(&mut self, task: usize, execution: Execution, now: Duration) {
        self.begin(task, execution, now);
    }

    /// An execution of a task ended, by whoever ran it.
    pub fn answered(&mut self, task: usize, execution: Execution, end: ExecutionEnd, now: Duration) {
        if task >= self.entries.len() || !self.sending.has(task) {
            return;
        }
        if self.has_ended(task) {
            return self.remaking_answered(task, execution, end, now);
        }
        let is_current = self.entries[task].current.as_ref().is_some_and(|current| current.id == execution.id);
        if !is_current && !self.begin(task, execution.clone(), now) {
            return;
        }
        let entry = &mut self.entries[task];
        // One that was given up before, and not by itself.
        if entry.pending.is_some() {
            return;
        }
        if let Some(current) = &mut entry.current {
            *current = execution;
        }
        let stopping = self.lifecycle.is_stopping();
        match &end.result {
            ExecutionResult::Gave(_) => self.conclude(task, Answer::Ok, end, now),
            ExecutionResult::Failed(error) => {
                entry.failures += 1;
                match (stopping || entry.failures > self.retries) && self.is_needed(task) {
                    true => self.conclude(task, Answer::Failed { retry: false }, end, now),
                    false => self.suspend(task, Pending::Failed { error: error.clone(), end }, now),
                }
            }
            ExecutionResult::Stopped if stopping => self.conclude(task, Answer::Cancelled, end, now),
            ExecutionResult::Stopped => self.suspend(task, Pending::Stopped { ended: end.ended }, now),
        }
        self.settle(now);
    }

    /// A worker is gone, and with it what it was running. The engine may run that again. Of rows that it took along,
    /// [`Ledger::rows_lost`] says so.
    pub fn worker_lost(&mut self, worker: &str, cause: &str, now: Duration) {
        let error = TaskError::new("worker-lost", format!("the worker {worker} is gone: {cause}"));
        let its = |execution: &Execution| {
            execution.worker.as_deref().and_then(|ran| ran.strip_prefix(worker)).is_some_and(|thread| {
                // `tcp://host:80` is not `tcp://host:8000`.
                thread.is_empty() || thread.starts_with('/')
            })
        };
        for task in 0..self.entries.len() {
            let entry = &self.entries[task];
            if !self.has_ended(task) && entry.pending.is_none() && entry.current.as_ref().is_some_and(its) {
                self.suspend(task, Pending::Lost { error: error.clone(), ended: now }, now);
            }
        }
        self.remakers_lost(its, &error, now);
        self.settle(now);
    }

    /// The engine gives a task up whose workers died. The run stops.
    pub fn task_lost(&mut self, task: usize, error: TaskError, now: Duration) {
        if task < self.entries.len() && !self.has_ended(task) {
            if !self.is_needed(task) {
                return;
            }
            if !self.lifecycle.phase(task).is_in_flight() {
                self.inputs_are_there(task, now);
                let _ = self.lifecycle.submit(task);
            }
            // Of an execution that has an answer, that is the better word.
            if !matches!(self.entries[task].pending, Some(Pending::Failed { .. })) {
                self.suspend(task, Pending::Lost { error, ended: now }, now);
            }
        } else {
            self.rows_gone(task, &error, true, now);
        }
        self.cancel(now);
    }

    /// A future is done: its data are there, or it never will give any; `lost` if they are gone, also if they were there
    /// before. Whether that counts: it does not when whatever reads it has ended, and nobody has to read it again.
    pub fn future(&mut self, future: usize, result: Result<(), (TaskError, bool)>, now: Duration) -> bool {
        let Err((error, lost)) = result else {
            return self.tell(Message::Resolved { future }, now, Word::Nothing).is_ok();
        };
        // What began has read it, whatever became of it since.
        if self.lifecycle.is_stopping() {
            return false;
        }
        let word = Word::Future(Arc::new(error.clone()));
        let counts = self.tell(Message::FutureFailed { future, lost }, now, word).is_ok();
        self.settle(now);
        counts || self.future_gone(future, &error, lost, now)
    }

    /// The engine has the rows of a task for whoever asks.
    pub fn there(&mut self, task: usize, now: Duration) {
        if task < self.entries.len() {
            self.is_there(task, now);
            self.settle(now);
        }
    }

    /// The engine says that a task gives no rows, and not why: it, or something below it, raised an error that was
    /// not heard of. The run stops.
    pub fn failed(&mut self, task: usize, error: TaskError, now: Duration) {
        if let Some((task, error)) = self.failed_remaking() {
            self.rows_gone(task, &error, false, now);
        }
        if task < self.entries.len() && !self.lifecycle.is_stopping() && self.pending.is_empty() {
            let under_way = self.lifecycle.phase(task).is_in_flight() || self.lifecycle.submit(task).is_ok();
            if under_way {
                let end = ExecutionEnd {
                    ended: now,
                    transfer: Duration::ZERO,
                    bytes_in: 0,
                    peak_memory: None,
                    result: ExecutionResult::Failed(error),
                };
                self.conclude(task, Answer::Failed { retry: false }, end, now);
            }
        }
        self.cancel(now);
    }

    /// Nothing more is to start. Attempts under way are still waited for; see [`Ledger::give_up`].
    pub fn cancel(&mut self, now: Duration) {
        let _ = self.tell(Message::Cancel, now, Word::Nothing);
        self.settle(now);
    }

    /// Nothing more will be heard: what is under way is lost, or cancelled when it was only told to stop.
    /// Then the run is over.
    pub fn give_up(&mut self, error: TaskError, lost: bool, now: Duration) {
        self.skip_unneeded(&error, now);
        self.cancel(now);
        let error = Arc::new(error);
        for task in 0..self.entries.len() {
            if !self.lifecycle.phase(task).is_in_flight() {
                continue;
            }
            let attempt = self.lifecycle.attempt(task);
            let message = match lost {
                true => Message::Lost { task, attempt },
                false => Message::Answered { task, attempt, answer: Answer::Cancelled },
            };
            let closing = Closing { ended: now, error: Some(error.clone()), ..Closing::default() };
            let _ = self.tell(message, now, Word::Of(task, closing));
        }
    }

    /// Whether an execution is a new one, and the task's attempt from now on.
    fn begin(&mut self, task: usize, execution: Execution, now: Duration) -> bool {
        let Some(entry) = self.entries.get(task) else { return false };
        if entry.has_ended() {
            return self.remaking_began(task, execution, now);
        }
        let known = entry.current.as_ref().is_some_and(|current| current.id == execution.id)
            || entry.earlier.contains(&execution.id);
        if known || self.lifecycle.is_stopping() || !self.sending.has(task) {
            return false;
        }
        let began = execution.started.unwrap_or(now);
        self.inputs_are_there(task, began);
        if self.lifecycle.phase(task).is_in_flight() {
            let attempt = self.lifecycle.attempt(task);
            let message = match self.entries[task].pending {
                Some(Pending::Failed { .. }) => {
                    Message::Answered { task, attempt, answer: Answer::Failed { retry: true } }
                }
                _ => Message::Lost { task, attempt },
            };
            let _ = self.tell(message, began, Word::Nothing);
        }
        let Ok(attempt) = self.lifecycle.submit(task) else { return false };
        self.entries[task].current = Some(execution);
        let _ = self.tell(Message::Started { task, attempt }, now, Word::Nothing);
        true
    }

    /// What began must have what it reads, whether we heard of that or not.
    pub(super) fn inputs_are_there(&mut self, task: usize, now: Duration) {
        let reads: Vec<Resource> = self.lifecycle.topology().reads(task).collect();
        for read in reads {
            if let Resource::Future(future) = read {
                let _ = self.tell(Message::Resolved { future }, now, Word::Nothing);
            }
        }
        let mut producers = Vec::new();
        for (slot, sources) in self.dag.inputs(TaskId::new(task)).enumerate() {
            let needed = self.sending.first(task, slot).unwrap_or(usize::MAX);
            producers.extend(sources.take(needed).filter_map(|source| match source {
                Input::Task { task, .. } => Some(task.index()),
                Input::Leaf(_) => None,
            }));
        }
        producers.into_iter().for_each(|producer| self.is_there(producer, now));
    }

    fn is_there(&mut self, task: usize, now: Duration) {
        match self.lifecycle.phase(task) {
            Phase::Ended(_) => self.is_there_again(task, now),
            Phase::Waiting | Phase::Ready => {
                let _ = self.tell(Message::Cached { task }, now, Word::Nothing);
            }
            Phase::Submitted | Phase::Running => {
                // Another attempt than the one that did not count, of which nothing was heard.
                if self.entries[task].pending.is_some() {
                    self.begin(task, Execution { id: "unheard of".to_owned(), ..Execution::default() }, now);
                }
                let attempt = self.lifecycle.attempt(task);
                let closing = Closing { ended: now, ..Closing::default() };
                let answer = Message::Answered { task, attempt, answer: Answer::Ok };
                let _ = self.tell(answer, now, Word::Of(task, closing));
            }
        }
    }

    fn conclude(&mut self, task: usize, answer: Answer, end: ExecutionEnd, now: Duration) {
        let ExecutionEnd { ended, transfer, bytes_in, peak_memory, result } = end;
        let (given, error) = match result {
            ExecutionResult::Gave(given) => (Some(given), None),
            ExecutionResult::Failed(error) => (None, Some(Arc::new(error))),
            ExecutionResult::Stopped => (None, None),
        };
        let closing = Closing { ended, transfer, bytes_in, peak_memory, given, error };
        let attempt = self.lifecycle.attempt(task);
        let _ = self.tell(Message::Answered { task, attempt, answer }, ended.min(now), Word::Of(task, closing));
    }

    fn suspend(&mut self, task: usize, pending: Pending, now: Duration) {
        self.entries[task].pending = Some(pending);
        self.pending.insert(task);
        if !self.is_needed(task) {
            self.skip(task, now);
        }
    }

    /// Whether somebody still reads a task's rows, or will, as far as is known.
    fn is_needed(&self, task: usize) -> bool {
        let read = |port| self.lifecycle.reads_left(Resource::Port { task, port }) > 0;
        let ports = self.dag[TaskId::new(task)].fragment.output.ports();
        !self.sending.is_unneeded(task) && (0..ports).any(read)
    }

    /// Skips what is under way although nobody needs its rows.
    fn skip_unneeded(&mut self, why: &TaskError, now: Duration) {
        // Readers first: what they read is not needed either then.
        for task in (0..self.entries.len()).rev() {
            if self.lifecycle.phase(task).is_in_flight() && !self.is_needed(task) {
                self.entries[task].pending.get_or_insert_with(|| Pending::Lost { error: why.clone(), ended: now });
                self.skip(task, now);
            }
        }
    }

    /// Nobody needs a task's rows. What is under way has to say how it ended, or to be given up; then that attempt did
    /// not count.
    pub(super) fn skip(&mut self, task: usize, now: Duration) {
        if self.lifecycle.is_stopping() {
            return;
        }
        if self.entries[task].pending.is_some() {
            let attempt = self.lifecycle.attempt(task);
            let _ = self.tell(Message::Lost { task, attempt }, now, Word::Nothing);
        }
        let _ = self.tell(Message::Unneeded { task }, now, Word::Nothing);
    }

    /// Once a run stops, no engine tries again what waits for that.
    pub(super) fn settle(&mut self, now: Duration) {
        while self.lifecycle.is_stopping()
            && let Some(task) = self.pending.pop_first()
        {
            let Some(pending) = self.entries[task].pending.take() else { continue };
            let attempt = self.lifecycle.attempt(task);
            match pending {
                Pending::Lost { error, ended } => {
                    let closing = Closing { ended, error: Some(Arc::new(error)), ..Closing::default() };
                    let _ = self.tell(Message::Lost { task, attempt }, now, Word::Of(task, closing));
                }
                Pending::Failed { end, .. } => self.conclude(task, Answer::Failed { retry: false }, end, now),
                Pending::Stopped { ended } => {
                    let closing = Closing { ended, ..Closing::default() };
                    let message = Message::Answered { task, attempt, answer: Answer::Cancelled };
                    let _ = self.tell(message, now, Word::Of(task, closing));
                }
            }
        }
    }
}
