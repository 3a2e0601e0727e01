use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::SystemTime;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::active::ActiveRun;
use super::event_log::EventLog;
use super::reuse::Reuse;
use super::schedule::{Aftermath, Job, Schedule};
use super::store::SpillLog;
use super::{
    CancelFlag, Canceller, ExecutorOptions, MemoryBudget, Outcome, Run, RunCause, RunClock, RunError, Running,
    Submitted, Worker, Workers,
};
use crate::leaf::panic_text;
use crate::lower::TaskGraph;

thread_local! {
    /// The pool whose thread this is, and its slot.
    static OWN: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// The threads of an executor, one per slot of its workers, which several runs share.
///
/// Among runs that have something to do, the one goes next for which threads have worked least. Threads start with the
/// first run, sleep while there is nothing to do, and go with the pool: which lives as long as an executor or a run
/// holds it.
pub(super) struct WorkerPool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads of a pool share.
pub(super) struct Shared {
    workers: Arc<dyn Workers>,
    runs: Mutex<Vec<Arc<ActiveRun>>>,
    /// How many runs there are: with one alone, its threads need not look for others.
    active: AtomicUsize,
    wake: Condvar,
    /// How many threads wait for something to do.
    idle: AtomicUsize,
    threads: AtomicUsize,
    closing: AtomicBool,
    memory: MemoryBudget,
    pub(super) reuse: Reuse,
}

impl WorkerPool {
    /// Threads over some workers. None starts before there is a run.
    pub(super) fn new(workers: Arc<dyn Workers>) -> Arc<Self> {
        let shared = Arc::new(Shared {
            workers,
            runs: Mutex::default(),
            active: AtomicUsize::new(0),
            wake: Condvar::new(),
            idle: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            memory: MemoryBudget::default(),
            reuse: Reuse::default(),
        });
        Arc::new(WorkerPool { shared, threads: Mutex::default() })
    }

    /// Starts a run.
    pub(super) fn submit(self: &Arc<Self>, graph: TaskGraph, options: &ExecutorOptions) -> Run {
        let _span = tracing::info_span!("submit", tasks = graph.len()).entered();
        let clock = RunClock::start();
        let started = SystemTime::now();
        let mut after = Aftermath::default();
        let memory = self.shared.memory.under(options.memory_limit);
        let schedule = Schedule::new(graph, options, memory.clone(), &self.shared.reuse, &mut after);
        let log = EventLog::new(&schedule.report.stages, schedule.graph.len(), self.shared.workers.slots());
        let submitted = Submitted { tasks: schedule.graph.len(), stages: schedule.report.stages.clone() };
        let futures = schedule.futures();
        let run = Arc::new(ActiveRun {
            pool: self.shared.clone(),
            observers: options.observers.clone(),
            work_observers: options.work_observers.clone(),
            schedule: Mutex::new(schedule),
            log,
            end: Condvar::new(),
            jobs: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            work: Default::default(),
            cancelled: CancelFlag::default(),
            spill: SpillLog::new(options.spill.clone()),
            memory,
            clock,
            started,
        });
        run.observe(|observer| observer.on_submit(&submitted));
        run.settle(&mut after);
        // Before a worker starts: it must find no handle in our hands when it lets go of a future.
        futures.into_iter().for_each(|(index, handle)| run.await_done(index, &handle));
        if let Err(unknown) = self.shared.workers.observers().check(&options.work_observers, "this executor") {
            run.fail(unknown.into());
        }
        if let Err(reason) = self.start_threads() {
            run.fail(RunCause::Threads(reason));
        }
        self.shared.enter(&run);
        Run::new(PoolRun { run, pool: self.clone() })
    }

    fn start_threads(&self) -> Result<(), String> {
        let mut threads = self.threads.lock();
        let mut refused = None;
        while threads.len() < self.shared.workers.slots().max(1) {
            let (slot, shared) = (threads.len(), self.shared.clone());
            let thread = std::thread::Builder::new().name(format!("leafhold-{slot}")).stack_size(STACK);
            match thread.spawn(move || shared.drive(slot, None)) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    refused = Some(error.to_string());
                    break;
                }
            }
        }
        self.shared.threads.store(threads.len(), Ordering::Relaxed);
        match refused {
            Some(reason) if threads.is_empty() => Err(reason),
            _ => Ok(()),
        }
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        drop(self.shared.runs.lock());
        self.shared.wake.notify_all();
        for thread in self.threads.get_mut().drain(..) {
            // The last handle of a pool may go on one of its threads, which then ends by itself.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread of an executor panicked");
            }
        }
    }
}

impl Shared {
    pub(super) fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }

    /// Whether another thread than this one has nothing to do, or will be back at once, while `working` attempts of a run are
    /// under way.
    pub(super) fn others_rest(&self, working: usize) -> bool {
        let alone = self.active.load(Ordering::Relaxed) <= 1;
        self.idle.load(Ordering::SeqCst) > 0 || alone && working + 1 < self.threads()
    }

    /// A run begins. It has had as much of the threads' time as the one that had least.
    fn enter(&self, run: &Arc<ActiveRun>) {
        let mut runs = self.runs.lock();
        let least = runs.iter().map(|run| run.work.load(Ordering::Relaxed)).min();
        run.work.store(least.unwrap_or(0), Ordering::Relaxed);
        if !run.is_closed() {
            runs.push(run.clone());
        }
        self.active.store(runs.len(), Ordering::Relaxed);
        drop(runs);
        run.publish(&run.schedule.lock());
        run.wake();
    }

    /// A run is over.
    pub(super) fn forget(&self, run: &ActiveRun) {
        let mut runs = self.runs.lock();
        let place = runs.iter().position(|other| std::ptr::eq(Arc::as_ptr(other), run));
        let gone = place.map(|place| runs.remove(place));
        self.active.store(runs.len(), Ordering::Relaxed);
        drop(runs);
        drop(gone);
        self.reuse.tidy();
        // Others may have waited for the memory that it held, and whoever sleeps may have kept something for it.
        let others = self.runs.lock().clone();
        others.iter().for_each(|run| run.publish(&run.schedule.lock()));
        self.wake_all();
    }

    /// Everybody who sleeps is to look around.
    pub(super) fn wake_all(&self) {
        // Whoever is about to sleep holds the lock until it does.
        drop(self.runs.lock());
        self.wake.notify_all();
    }

    /// There are jobs: wakes as many threads as there are of them, if so many sleep.
    pub(super) fn wake(&self, jobs: usize) {
        if self.idle.load(Ordering::SeqCst) == 0 {
            return;
        }
        // Whoever is about to sleep holds the lock until it does.
        drop(self.runs.lock());
        match jobs {
            1 => {
                self.wake.notify_one();
            }
            _ => {
                self.wake.notify_all();
            }
        }
    }

    /// The life of a thread: does whatever is to be done. With `until`, only as long as that run is not over.
    fn drive(&self, slot: usize, until: Option<&ActiveRun>) {
        OWN.set((std::ptr::from_ref(self) as usize, slot));
        let mut worker = None;
        let mut after = Aftermath { slot, ..Aftermath::default() };
        while let Some((run, job)) = self.next_job(slot, until, &mut worker) {
            let (mut next, mut begun) = (Some(job), run.clock.now());
            while let Some(job) = next {
                let alone = self.active.load(Ordering::Relaxed) <= 1 && until.is_none();
                let stay = alone.then_some(slot);
                let done = AssertUnwindSafe(|| {
                    let worker = worker.get_or_insert_with(|| self.workers.worker(slot));
                    run.perform(job, &mut begun, &mut **worker, &mut after, stay)
                });
                next = catch_unwind(done).unwrap_or_else(|panic| {
                    run.break_off(panic_text(&*panic), &mut after);
                    None
                });
            }
        }
    }

    /// Waits for something to do.
    fn next_job(
        &self,
        slot: usize,
        until: Option<&ActiveRun>,
        worker: &mut Option<Box<dyn Worker>>,
    ) -> Option<(Arc<ActiveRun>, Job)> {
        loop {
            let mut runs = self.runs.lock();
            let mut rested = false;
            let chosen = loop {
                if self.closing.load(Ordering::SeqCst) || until.is_some_and(ActiveRun::is_closed) {
                    return None;
                }
                if let Some(run) = Shared::next_run(&runs, until) {
                    break run;
                }
                if !std::mem::replace(&mut rested, true) {
                    MutexGuard::unlocked(&mut runs, || rest(worker));
                    continue;
                }
                // Whoever makes a job looks for sleepers afterwards; we say that we sleep, and look for jobs afterwards.
                self.idle.fetch_add(1, Ordering::SeqCst);
                if Shared::next_run(&runs, until).is_none() {
                    self.wake.wait(&mut runs);
                    rested = false;
                }
                self.idle.fetch_sub(1, Ordering::SeqCst);
            };
            drop(runs);
            match chosen.take(slot) {
                Some(job) => return Some((chosen, job)),
                None => {
                    chosen.close_if_over(chosen.schedule.lock());
                    std::thread::yield_now();
                }
            }
        }
    }

    /// The run that is waited for, as long as it has something to do: a task of another one might wait for a run of its own, and
    /// so on, each with a thread in its place.
    fn next_run(runs: &[Arc<ActiveRun>], until: Option<&ActiveRun>) -> Option<Arc<ActiveRun>> {
        let waited_for = |run: &&Arc<ActiveRun>| until.is_some_and(|until| std::ptr::eq(until, &***run));
        let own = runs.iter().find(waited_for).filter(|run| run.jobs.load(Ordering::SeqCst) > 0);
        own.cloned().or_else(|| Shared::neediest(runs))
    }

    /// Among runs with something to do the one for which threads have worked least; of equal ones the oldest.
    fn neediest(runs: &[Arc<ActiveRun>]) -> Option<Arc<ActiveRun>> {
        let waiting = runs.iter().filter(|run| run.jobs.load(Ordering::SeqCst) > 0);
        waiting.min_by_key(|run| run.work.load(Ordering::Relaxed)).cloned()
    }
}

/// A worker has nothing to do. One that panics then is of no more use: the next job gets another one.
fn rest(worker: &mut Option<Box<dyn Worker>>) {
    let Some(resting) = worker else { return };
    if catch_unwind(AssertUnwindSafe(|| resting.rest())).is_err() {
        tracing::error!("a worker panicked while it had nothing to do");
        let gone = worker.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(gone)));
    }
}

/// Engines recurse on expressions: a condition of thousands of terms is as deep. Only what is used of a stack takes memory.
const STACK: usize = 32 << 20;

/// A run, and the threads that it needs.
struct PoolRun {
    run: Arc<ActiveRun>,
    pool: Arc<WorkerPool>,
}

impl Running for PoolRun {
    fn canceller(&self) -> Canceller {
        let run = Arc::downgrade(&self.run);
        Canceller::new(move || {
            if let Some(run) = run.upgrade() {
                run.cancel();
            }
        })
    }

    fn wait(&mut self) -> Result<Outcome, Box<RunError>> {
        let (own, slot) = OWN.get();
        if own != Arc::as_ptr(&self.pool.shared) as usize {
            return self.run.wait();
        }
        // A task of this pool waits for a run on the same threads: another one takes its place meanwhile.
        std::thread::scope(|scope| {
            let shared = &*self.pool.shared;
            let helper = std::thread::Builder::new().name(format!("leafhold-{slot}-in-place")).stack_size(STACK);
            if helper.spawn_scoped(scope, || shared.drive(slot, Some(&self.run))).is_err() {
                // No thread can be had: this one has nothing else to do.
                shared.drive(slot, Some(&self.run));
            }
            self.run.wait()
        })
    }
}
