use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Condvar, Mutex};

use super::data::Rows;
use super::schedule::{Garbage, Ran, Schedule, Source};
use super::{
    FragmentError, KernelError, Kernels, Observer, RunCause, SlotData, TaskContext, TaskEvent, TaskState, run_fragment,
};
use crate::leaf::{FutureHandle, ReadStep, panic_text};

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
    pub(super) fn work(self: &Arc<Self>, name: &Arc<str>, workers: usize) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_turns(name))) {
            self.schedule.lock().fail(0, RunCause::Worker(panic_text(&*panic)));
            self.stop();
        }
        self.leave(workers);
    }

    /// Does whatever is to be done, until the run is over.
    fn take_turns(self: &Arc<Self>, name: &Arc<str>) {
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
        let events = schedule.finish(self.started, self.now(), workers, &mut garbage);
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

    /// Reads a future that is done: law L5 says that tasks start only if it is what was promised. Where
    /// further futures are inside, their arrivals go on with it (law L4); no worker waits.
    fn receive(self: &Arc<Self>, index: usize) {
        let Some((mut reader, place)) = self.schedule.lock().arrival(index) else { return };
        let step = catch_unwind(AssertUnwindSafe(|| reader.advance()));
        let result = match step {
            Ok(ReadStep::Waits(next)) => {
                self.schedule.lock().awaited[index].reader = Some(reader);
                self.await_done(index, &next);
                return;
            }
            Ok(ReadStep::Done(Ok(delivered))) => Ok((Rows::new(delivered.data), delivered.adopted)),
            Ok(ReadStep::Done(Err(error))) => Err(place.failure(error)),
            Err(panic) => Err(place.failure(reader.panicked(&panic_text(&*panic)))),
        };
        // From here on, the last task that reads the future lets it go.
        drop(reader);
        let failed = result.is_err();
        let events = self.schedule.lock().arrive(index, result, self.now());
        match failed {
            true => self.stop(),
            false => {
                self.wake.notify_all();
            }
        }
        events.iter().for_each(|event| self.tell(event));
    }

    /// Asks a future to say when it is done. Its callback knows the run weakly: a future that never comes
    /// keeps nothing alive. Should the engine panic, the arrival is dropped, and its data is asked for.
    pub(super) fn await_done(self: &Arc<Self>, index: usize, handle: &FutureHandle) {
        let arrival = Arrival { run: Arc::downgrade(self), index };
        let _ = catch_unwind(AssertUnwindSafe(|| handle.on_done(move || drop(arrival))));
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
        let outcome = run_fragment(&*self.kernels, &fragment, inputs, &context);
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
                        FragmentError::Kernel(KernelError::Cancelled) if context.is_cancelled() => None,
                        FragmentError::Kernel(source) => Some(RunCause::Kernel { label, stage, partition, source }),
                        FragmentError::Panic(message) => Some(RunCause::Panic { label, stage, partition, message }),
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
