use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Condvar, Mutex};

use super::data::Rows;
use super::native::{partition_function, run_partition_function};
use super::schedule::{Garbage, Ran, Schedule, Source};
use super::{KernelError, Kernels, Observer, RunCause, SlotData, TaskContext, TaskEvent, TaskOutput, TaskState};
use crate::leaf::{FutureErrorKind, panic_text};
use crate::lower::Fragment;

/// What the workers of one run share.
pub(super) struct Shared {
    pub(super) kernels: Arc<dyn Kernels>,
    pub(super) observers: Vec<Arc<dyn Observer>>,
    pub(super) schedule: Mutex<Schedule>,
    pub(super) wake: Condvar,
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) start: Instant,
    /// When the run started, by the calendar; times in events are taken from `start`.
    pub(super) started: SystemTime,
}

enum Job {
    Arrival(usize),
    Task(usize),
}

/// Tells the run that a future is done. Whoever drops it unheard tells the same, so an engine that
/// loses the callback cannot make a run wait for ever.
pub(super) struct Arrival {
    pub(super) run: Weak<Shared>,
    pub(super) index: usize,
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some(run) = self.run.upgrade() {
            run.schedule.lock().arrived.push(self.index);
            run.wake.notify_one();
        }
    }
}

impl Shared {
    /// The life of a worker. Code that runs kernels contains their panics; should anything else panic,
    /// such as foreign code that runs when data are dropped, the run fails and ends.
    pub(super) fn work(&self, name: &Arc<str>, workers: usize) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_turns(name))) {
            self.schedule.lock().fail(0, RunCause::Worker(panic_text(&*panic)));
            self.stop();
        }
        self.leave(workers);
    }

    /// Does whatever is to be done, until the run is over.
    fn take_turns(&self, name: &Arc<str>) {
        loop {
            let mut schedule = self.schedule.lock();
            let job = loop {
                if schedule.is_over() {
                    break None;
                }
                // Bad news first: it saves work.
                if let Some(index) = schedule.arrived.pop() {
                    break Some(Job::Arrival(index));
                }
                if let Some(task) = schedule.next() {
                    break Some(Job::Task(task));
                }
                self.wake.wait(&mut schedule);
            };
            drop(schedule);
            match job {
                Some(Job::Arrival(index)) => self.receive(index),
                Some(Job::Task(task)) => self.execute(task, name),
                None => return,
            }
        }
    }

    /// Asks everything to stop.
    pub(super) fn cancel(&self) {
        self.schedule.lock().stopping = true;
        self.stop();
    }

    /// The last worker to leave closes the books.
    pub(super) fn leave(&self, workers: usize) {
        let mut schedule = self.schedule.lock();
        schedule.workers_left = schedule.workers_left.saturating_sub(1);
        if schedule.workers_left > 0 || schedule.result.is_some() {
            return;
        }
        let mut garbage = Garbage::default();
        let events = schedule.finish(self.now(), workers, &mut garbage);
        let report = schedule.result.as_ref().map(|result| match result {
            Ok(outcome) => outcome.report.clone(),
            Err(error) => error.report.clone(),
        });
        drop(schedule);
        drop(garbage);
        events.iter().for_each(|event| self.tell(event));
        if let Some(report) = report {
            self.observe(|observer| observer.on_finish(&report));
        }
    }

    fn stop(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.wake.notify_all();
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Looks at the data of a future: law L5 says that tasks start only if it is what was promised.
    fn receive(&self, index: usize) {
        let Some((handle, promised)) = self.schedule.lock().arrival(index) else { return };
        let key = handle.key().to_owned();
        let read = catch_unwind(AssertUnwindSafe(|| handle.data()));
        let result = match read {
            Ok(Ok(data)) => match promised.iter().try_for_each(|promised| promised.check(&key, &data)) {
                Ok(()) => Ok(Rows::new(data)),
                Err(cause) => Err((TaskState::Failed, cause)),
            },
            other => {
                let error = match other {
                    Ok(Err(error)) => error,
                    Err(panic) => crate::leaf::FutureError {
                        key,
                        engine: handle.engine().clone(),
                        kind: FutureErrorKind::Failed,
                        message: format!("the engine panicked: {}", panic_text(&*panic)),
                    },
                    Ok(Ok(_)) => unreachable!("the arm above takes data"),
                };
                let state = match error.kind {
                    FutureErrorKind::Lost => TaskState::Lost,
                    FutureErrorKind::Failed | FutureErrorKind::Cancelled => TaskState::Failed,
                };
                let leaf = promised.first().map(|promised| (promised.leaf.to_string(), promised.partition));
                let (leaf, partition) = leaf.unwrap_or_default();
                Err((state, RunCause::Future { leaf, partition, source: error }))
            }
        };
        let failed = result.is_err();
        // From here on, the last task that reads the future lets it go.
        drop(handle);
        let events = self.schedule.lock().arrive(index, result, self.now());
        match failed {
            true => self.stop(),
            false => {
                self.wake.notify_all();
            }
        }
        events.iter().for_each(|event| self.tell(event));
    }

    fn execute(&self, task: usize, name: &Arc<str>) {
        let (fragment, sources, context, place) = {
            let schedule = self.schedule.lock();
            let node = &schedule.graph[task];
            let (cancelled, started) = (self.cancelled.clone(), self.started);
            let context = TaskContext { partition: node.partition, cancelled, started };
            (node.fragment.clone(), schedule.inputs(task), context, (node.stage, node.partition))
        };
        let started = self.now();
        let mut bytes_in = 0;
        let mut take = |source: Source| {
            let rows = match source {
                Source::Kept(rows) => rows?,
                Source::AtHand(data) => Rows::new(data),
            };
            bytes_in += rows.bytes;
            Some(rows.data)
        };
        let inputs: Vec<SlotData> =
            sources.into_iter().map(|slot| slot.into_iter().filter_map(&mut take).collect()).collect();
        let outcome = self.run_kernel(&fragment, inputs, &context);
        let ports = outcome.map(|output| {
            let ports: Vec<Rows> = output.ports.into_iter().map(|port| Rows::new(Arc::new(port))).collect();
            (ports, output.node_rows)
        });
        let ran = Ran { worker: name.clone(), started, ended: self.now(), bytes_in };
        let mut garbage = Garbage::default();
        let event = {
            let mut schedule = self.schedule.lock();
            match ports {
                Ok((ports, node_rows)) => schedule.succeed(task, ran, ports, &node_rows, &mut garbage),
                Err(fault) => {
                    let label = fragment.label.clone();
                    let (stage, partition) = place;
                    let cause = match fault {
                        Fault::Error(KernelError::Cancelled) if context.is_cancelled() => None,
                        Fault::Error(source) => Some(RunCause::Kernel { label, stage, partition, source }),
                        Fault::Panic(message) => Some(RunCause::Panic { label, stage, partition, message }),
                    };
                    schedule.give_up(task, ran, cause, &mut garbage)
                }
            }
        };
        // Data and futures go outside the lock, and before anybody hears that the task is done.
        drop(garbage);
        match event.state == TaskState::Failed {
            true => self.stop(),
            false => {
                self.wake.notify_all();
            }
        }
        self.tell(&event);
    }

    fn run_kernel(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, Fault> {
        let run = || match partition_function(fragment) {
            Some(function) => run_partition_function(fragment, function, &inputs),
            None => self.kernels.run(fragment, inputs, context),
        };
        let output = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(result) => result.map_err(Fault::Error)?,
            Err(panic) => return Err(Fault::Panic(panic_text(&*panic))),
        };
        let (found, expected) = (output.ports.len(), fragment.output.ports());
        match found == expected {
            true => Ok(output),
            false => Err(Fault::Error(KernelError::Unsupported {
                operator: fragment.label.clone(),
                reason: format!("it gave {found} ports instead of {expected}"),
            })),
        }
    }

    fn tell(&self, event: &TaskEvent) {
        self.observe(|observer| observer.on_event(event));
    }

    /// An observer that panics harms nobody but itself.
    pub(super) fn observe(&self, call: impl Fn(&dyn Observer)) {
        for observer in &self.observers {
            if catch_unwind(AssertUnwindSafe(|| call(&**observer))).is_err() {
                tracing::error!("an observer of a run panicked");
            }
        }
    }
}

enum Fault {
    Error(KernelError),
    Panic(String),
}
