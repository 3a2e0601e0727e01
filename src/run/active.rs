use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use parking_lot::{Condvar, Mutex};

use super::event_log::EventLog;
use super::pool::Shared;
use super::report::TaskEvents;
use super::schedule::{Aftermath, Job, Place, Schedule};
use super::store::{Rows, SpillLog};
use super::work::ObserverRequest;
use super::{CancelFlag, MemoryBudget, Observer, Outcome, RunCause, RunClock, RunError, Worker};
use crate::leaf::{FutureHandle, PartitionReader, ReadStep, panic_text};

/// A run on the threads of a pool.
pub(super) struct ActiveRun {
    pub(super) pool: Arc<Shared>,
    pub(super) observers: Vec<Arc<dyn Observer>>,
    /// Who is to watch attempts where they run.
    pub(super) work_observers: Vec<ObserverRequest>,
    pub(super) schedule: Mutex<Schedule>,
    pub(super) log: EventLog,
    /// Heard by whoever waits for the end, when it has come or only the books are to be closed.
    pub(super) end: Condvar,
    /// How many jobs there are: what threads look at who look for one.
    pub(super) jobs: AtomicUsize,
    pub(super) closed: AtomicBool,
    /// Nanoseconds that threads have worked for it: who has had least is next.
    pub(super) work: AtomicU64,
    pub(super) cancelled: CancelFlag,
    pub(super) spill: SpillLog,
    pub(super) memory: MemoryBudget,
    pub(super) clock: RunClock,
    /// When the run started, by the calendar; times in events are taken from `clock`.
    pub(super) started: SystemTime,
}

/// Tells the run that a future is done. Whoever drops it unheard tells the same, so an engine that
/// loses the callback cannot make a run wait for ever.
struct Arrival {
    run: Weak<ActiveRun>,
    index: usize,
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some(run) = self.run.upgrade() {
            let mut schedule = run.schedule.lock();
            schedule.arrived.push(self.index);
            run.publish(&schedule);
            drop(schedule);
            run.wake();
        }
    }
}

impl ActiveRun {
    /// Takes a job. Whoever does has a hand in the run until [`perform`](ActiveRun::perform) gives no further one.
    pub(super) fn take(&self, slot: usize) -> Option<Job> {
        let mut schedule = self.schedule.lock();
        let job = schedule.take(slot, |working| self.pool.others_rest(working));
        schedule.hands += usize::from(job.is_some());
        self.publish(&schedule);
        drop(schedule);
        if job.is_none() {
            // What is left for others: whoever was woken for it may have found something else.
            self.wake();
        }
        job
    }

    /// Does a job; and gives the next one of this run, if there is one, to the slot that stays with it. `begun` says when
    /// the slot began with it, and then when it was done: one reading of the clock serves both, and the report.
    pub(super) fn perform(
        self: &Arc<Self>,
        job: Job,
        begun: &mut Duration,
        worker: &mut dyn Worker,
        after: &mut Aftermath,
        stay: Option<usize>,
    ) -> Option<Job> {
        let (next, done) = match job {
            Job::Cancel => self.timed(after, stay, |schedule, now, after| schedule.cancel(now, after)),
            Job::Arrival(index, reader, place) => self.receive(index, reader, place, after, stay),
            Job::Attempt(assignment) => self.execute(assignment, worker, after, stay),
        };
        self.work.fetch_add(done.saturating_sub(*begun).as_nanos() as u64, Ordering::Relaxed);
        *begun = done.max(*begun);
        if next.is_none() {
            self.let_go();
        }
        next
    }

    /// Changes the schedule, and takes the next job in the same breath; then does what is left to do without the lock.
    pub(super) fn locked(
        &self,
        after: &mut Aftermath,
        stay: Option<usize>,
        change: impl FnOnce(&mut Schedule, &mut Aftermath),
    ) -> Option<Job> {
        let mut schedule = self.schedule.lock();
        change(&mut schedule, after);
        let next = stay.and_then(|slot| schedule.take(slot, |working| self.pool.others_rest(working)));
        self.publish(&schedule);
        drop(schedule);
        self.settle(after);
        self.wake();
        next
    }

    /// The same for what happens when the lock is there; gives when that was, too.
    fn timed(
        &self,
        after: &mut Aftermath,
        stay: Option<usize>,
        change: impl FnOnce(&mut Schedule, Duration, &mut Aftermath),
    ) -> (Option<Job>, Duration) {
        let mut now = Duration::ZERO;
        let next = self.locked(after, stay, |schedule, after| {
            now = self.clock.now();
            change(schedule, now, after);
        });
        (next, now)
    }

    /// Lets go of what is not needed any more, before anybody hears of it.
    pub(super) fn settle(&self, after: &mut Aftermath) {
        if std::mem::take(&mut after.stop) {
            self.cancelled.set();
        }
        let mut panic = None;
        drop_each(&mut after.held, &mut panic);
        drop_each(&mut after.rows, &mut panic);
        drop_each(&mut after.leaves, &mut panic);
        drop_each(&mut after.readers, &mut panic);
        drop_each(&mut after.stages, &mut panic);
        drop_each(&mut after.futures, &mut panic);
        if let Some(panic) = panic {
            self.fail(RunCause::Worker(panic));
        }
        self.log.record(after.slot, &after.ended);
        for ended in after.ended.drain(..) {
            if !self.observers.is_empty() {
                let event = self.log.event(ended, after.label.take());
                self.observe(|observer| observer.on_event(&event));
                after.label = Some(event.label);
            }
        }
    }

    /// The run fails for a reason that lies outside of its tasks.
    pub(super) fn fail(&self, cause: RunCause) {
        self.stop(|schedule| schedule.fail(0, cause));
    }

    /// Asks everything to stop.
    pub(super) fn cancel(&self) {
        self.stop(|_| ());
    }

    /// Asks everything to stop, once the schedule is told why. Workers are woken, and whoever waits for the end, when the
    /// lock is free again: they find what was told.
    fn stop(&self, tell: impl FnOnce(&mut Schedule)) {
        let mut schedule = self.schedule.lock();
        tell(&mut schedule);
        schedule.cancel_asked = true;
        self.publish(&schedule);
        drop(schedule);
        self.cancelled.set();
        self.wake();
        self.end.notify_all();
    }

    /// Whoever had a hand in the run has none any more; the last one closes the books.
    fn let_go(&self) {
        let mut schedule = self.schedule.lock();
        schedule.hands -= 1;
        self.close_if_over(schedule);
    }

    /// Closes the books if the run is over and nobody else has a hand in it, or does so already.
    pub(super) fn close_if_over(&self, mut schedule: parking_lot::MutexGuard<'_, Schedule>) {
        if !schedule.is_over() || schedule.hands > 0 || std::mem::replace(&mut schedule.closing, true) {
            self.publish(&schedule);
            return;
        }
        drop(schedule);
        // Before there is a result: a file may be foreign code, and panic.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.spill.close())) {
            self.fail(RunCause::Worker(panic_text(&*panic)));
        }
        let mut after = Aftermath::default();
        let now = self.clock.now();
        let missing = self.log.missing();
        self.schedule.lock().end_the_rest(missing, now, &mut after);
        self.settle(&mut after);
        let tasks = TaskEvents::recorded(self.log.take());
        let mut schedule = self.schedule.lock();
        schedule.finish(tasks, self.started, now, self.pool.threads(), &mut after);
        let result = schedule.result.take();
        drop(schedule);
        self.settle(&mut after);
        if let (Some(result), false) = (&result, self.observers.is_empty()) {
            let report = match result {
                Ok(outcome) => &outcome.report,
                Err(error) => &error.report,
            };
            self.observe(|observer| observer.on_finish(report));
        }
        self.pool.forget(self);
        let mut schedule = self.schedule.lock();
        schedule.result = result;
        // Whoever has the result may rely on it.
        self.closed.store(true, Ordering::SeqCst);
        self.publish(&schedule);
        drop(schedule);
        self.end.notify_all();
        self.pool.wake_all();
    }

    /// Waits for the end. Whoever waits closes the books, should nobody else come to it.
    pub(super) fn wait(&self) -> Result<Outcome, Box<RunError>> {
        let mut after = Aftermath::default();
        loop {
            let mut schedule = self.schedule.lock();
            if let Some(result) = schedule.result.take() {
                return result;
            }
            if schedule.cancel_asked && !schedule.is_over() {
                schedule.cancel_asked = false;
                schedule.hands += 1;
                schedule.cancel(self.clock.now(), &mut after);
                drop(schedule);
                self.settle(&mut after);
                self.let_go();
            } else if schedule.is_over() && schedule.hands == 0 && !schedule.closing {
                self.close_if_over(schedule);
            } else {
                self.end.wait(&mut schedule);
            }
        }
    }

    /// Whether the books are closed.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Something panicked that never should: the run ends as it is.
    pub(super) fn break_off(&self, panic: String, after: &mut Aftermath) {
        self.settle(after);
        let mut schedule = self.schedule.lock();
        schedule.fail(0, RunCause::Worker(panic));
        schedule.broken = true;
        self.cancelled.set();
        schedule.hands -= 1;
        self.close_if_over(schedule);
    }

    /// Says how much there is to do.
    pub(super) fn publish(&self, schedule: &Schedule) {
        self.jobs.store(schedule.jobs(), Ordering::SeqCst);
    }

    pub(super) fn wake(&self) {
        let jobs = self.jobs.load(Ordering::SeqCst);
        if jobs > 0 {
            self.pool.wake(jobs);
        }
    }

    /// Reads a future that is done: law L5 says that tasks start only if it is what was promised. Where
    /// further futures are inside, their arrivals go on with it (law L4); no worker waits.
    fn receive(
        self: &Arc<Self>,
        index: usize,
        mut reader: PartitionReader,
        place: Place,
        after: &mut Aftermath,
        stay: Option<usize>,
    ) -> (Option<Job>, Duration) {
        let step = catch_unwind(AssertUnwindSafe(|| reader.advance()));
        let result = match step {
            Ok(ReadStep::Waits(next)) => {
                let unwanted = self.schedule.lock().read_on(index, reader);
                if unwanted.is_none() {
                    self.await_done(index, &next);
                }
                drop(unwanted);
                return self.timed(after, stay, |_, _, _| ());
            }
            Ok(ReadStep::Done(Ok(delivered))) => Ok((Rows::new(delivered.data), delivered.adopted)),
            Ok(ReadStep::Done(Err(error))) => Err(place.failure(error)),
            Err(panic) => Err(place.failure(reader.panicked(&panic_text(&*panic)))),
        };
        // From here on, the last task that reads the future lets it go.
        drop(reader);
        self.timed(after, stay, |schedule, now, after| schedule.arrive(index, result, now, after))
    }

    /// Asks a future to say when it is done. Its callback knows the run weakly: a future that never comes
    /// keeps nothing alive. Should the engine panic, the arrival is dropped, and its data is asked for.
    pub(super) fn await_done(self: &Arc<Self>, index: usize, handle: &FutureHandle) {
        let arrival = Arrival { run: Arc::downgrade(self), index };
        let _ = catch_unwind(AssertUnwindSafe(|| handle.on_done(move || drop(arrival))));
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_set()
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

/// Drops all of them, each apart: foreign code may run as they go, and what one panic left here would wait for the next job
/// of this thread. Keeps the words of the first panic.
fn drop_each<T>(things: &mut Vec<T>, first: &mut Option<String>) {
    for thing in things.drain(..) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(thing))) {
            first.get_or_insert_with(|| panic_text(&*panic));
        }
    }
}
